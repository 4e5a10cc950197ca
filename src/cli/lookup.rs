//! Finding an item, a run or a plan by what a person typed: its name, or a beginning that no other one has.
//!
//! A whole name costs one look-up and wins over every longer one that begins with it. A beginning is compared with all
//! names there are, and what is nowhere gets the nearest of them as a hint. For items that means a walk over the intake
//! records, which reads about one small folder of the ledger's tree for each item that ever came in: their documents
//! are spread by state, and the closed ones by hash.

use std::fmt::Display;

use jiff::Timestamp;

use super::exit::Exit;
use super::failure::Failure;
use super::trailers;
use crate::domain::ids::{ItemId, PlanId, RunId};
use crate::domain::item::{ItemKind, ItemRef};
use crate::domain::oid::Oid;
use crate::domain::place;
use crate::domain::view::{Fault, View as _};
use crate::format::suggest::nearest;
use crate::ledger::history::commits;
use crate::ledger::store::Store;
use crate::ledger::view::TreeView;

/// Names that a beginning is compared with: some seconds of reading. Where there are more, whole names still work.
const MAX_COMPARED: usize = 100_000;

/// Names that a message lists.
const LISTED: usize = 5;

/// What is looked for, in the words of messages.
struct Sought<'a> {
    /// `item`.
    noun: &'static str,
    /// What was typed.
    text: &'a str,
    /// Which command shows what there is.
    listing: &'static str,
}

/// The item that a text names: `task/fix-login`, an id that one kind alone has, or a beginning of either that no other
/// item has.
pub(crate) fn item(view: &TreeView<'_, '_>, text: &str) -> Result<ItemRef, Failure> {
    let (kinds, id): (Vec<ItemKind>, &str) = match text.split_once('/') {
        Some((kind, id)) => (vec![kind.parse().map_err(Failure::input)?], id),
        None => (ItemKind::ALL.to_vec(), text),
    };
    let id: ItemId = id.parse().map_err(Failure::input)?;
    let mut exact = Vec::new();
    for kind in &kinds {
        let item = ItemRef::new(*kind, id.clone());
        if view.entry(&place::intake(&item))?.is_some() {
            exact.push(item);
        }
    }
    match exact.as_slice() {
        [] => {}
        [one] => return Ok(one.clone()),
        several => {
            return Err(Failure::input(format!("`{id}` names {} items: {}", several.len(), listed(several)))
                .hint("name one with its kind"));
        }
    }
    let mut all = Vec::new();
    for kind in kinds {
        let ids = view.ids(kind)?;
        all.push(ids.map(move |id| id.map(|id| ItemRef::new(kind, id))));
    }
    let sought = Sought { noun: "item", text, listing: "`millrace queue ls` shows what is open" };
    sought.among(
        MAX_COMPARED,
        all.into_iter().flatten(),
        |item| item.id.as_str().starts_with(id.as_str()),
        |item| if text.contains('/') { item.to_string() } else { item.id.to_string() },
    )
}

/// The items that several texts name, each once.
pub(crate) fn items(view: &TreeView<'_, '_>, texts: &[String]) -> Result<Vec<ItemRef>, Failure> {
    let mut items = Vec::new();
    for text in texts {
        let item = item(view, text)?;
        if !items.contains(&item) {
            items.push(item);
        }
    }
    Ok(items)
}

/// The item of this kind that a text names, with its kind or without.
pub(crate) fn item_of(view: &TreeView<'_, '_>, kind: ItemKind, text: &str) -> Result<ItemRef, Failure> {
    if !text.contains('/') {
        return item(view, &format!("{kind}/{text}"));
    }
    let item = item(view, text)?;
    if item.kind == kind {
        return Ok(item);
    }
    Err(Failure::input(format!("{item} is no {kind}, and this takes one")))
}

/// What a text names that may name either.
pub(crate) enum Named {
    /// An item.
    Item(ItemRef),
    /// A run.
    Run(RunId),
}

/// The item or the run that a text names. A run's id begins with its day: where that is whole, an item that is called so
/// is named with its kind; a shorter beginning names a run where no item begins with it.
pub(crate) fn item_or_run(view: &TreeView<'_, '_>, text: &str) -> Result<Named, Failure> {
    if text.is_empty() {
        return Err(Failure::input("a name is empty: expected an item, a run, or a beginning of one")
            .hint("`millrace queue ls` shows what is open, `millrace runs ls` the runs"));
    }
    let day = text.split('-').next().unwrap_or_default();
    let digits = !day.is_empty() && day.bytes().all(|b| b.is_ascii_digit());
    if digits && day.len() == "yyyymmdd".len() {
        return run(view, text).map(Named::Run).or_else(|failure| match item(view, text) {
            Ok(item) => Ok(Named::Item(item)),
            Err(_) => Err(failure),
        });
    }
    item(view, text).map(Named::Item).or_else(|failure| {
        if !digits || day.len() > "yyyymmdd".len() || day != text {
            return Err(failure);
        }
        match run(view, text) {
            Ok(run) => Ok(Named::Run(run)),
            // Several runs that begin so are named, where several items are not.
            Err(several) if several.exit == Exit::Input && failure.exit != Exit::Input => Err(several),
            Err(_) => Err(failure),
        }
    })
}

/// The run that a text names: its id, or a beginning of it that no other run has.
pub(crate) fn run(view: &TreeView<'_, '_>, text: &str) -> Result<RunId, Failure> {
    let fits =
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f' | b'-'));
    if !fits || text.len() > "yyyymmdd-hhmm-xxxxxx".len() {
        return Err(Failure::input(format!(
            "`{}` is not a run id: expected `yyyymmdd-hhmm-xxxxxx`, or a beginning of one",
            text.escape_debug()
        ))
        .hint("`millrace runs ls` shows the runs"));
    }
    if let Ok(run) = text.parse::<RunId>()
        && view.entry(&place::run_record(&run))?.is_some()
    {
        return Ok(run);
    }
    let sought = Sought { noun: "run", text, listing: "`millrace runs ls` shows the runs" };
    sought.among(
        MAX_COMPARED,
        runs_newest_first(view)?,
        |run| run.as_str().starts_with(text),
        ToString::to_string,
    )
}

/// The run that a text names: a run, or an item, which stands for its latest run.
pub(crate) fn run_or_latest(view: &TreeView<'_, '_>, text: &str) -> Result<RunId, Failure> {
    let nowhere = format!("there is no item {text}");
    let item = match item_or_run(view, text) {
        Ok(Named::Run(run)) => return Ok(run),
        Ok(Named::Item(item)) => item,
        // A run was asked for, and is what is missed.
        Err(mut failure) if failure.lines.first() == Some(&nowhere) => {
            failure.lines = vec![format!("there is no run and no item {text}")];
            failure.hint = failure.hint.map(|hint| format!("{hint}, `millrace runs ls` the runs"));
            return Err(failure);
        }
        Err(failure) => return Err(failure),
    };
    latest_run(view, &item)?.ok_or_else(|| {
        Failure::failed(format!("{item} has had no run yet"))
            .hint(format!("`millrace queue show {item}` tells what it waits for"))
    })
}

/// The latest run of an item; `None` where it has had none.
fn latest_run(view: &TreeView<'_, '_>, item: &ItemRef) -> Result<Option<RunId>, Fault> {
    if let Some(active) = view.runs()?.into_iter().find(|run| &run.item == item) {
        return Ok(Some(active.run));
    }
    for run in runs_newest_first(view)?.take(MAX_COMPARED) {
        let run = run?;
        if view.run_record(&run)?.is_some_and(|record| &record.item == item) {
            return Ok(Some(run));
        }
    }
    Ok(None)
}

/// The plan that a text names: its id, a beginning of it, or a beginning of the twelve digits that end it.
pub(crate) fn plan(view: &TreeView<'_, '_>, text: &str) -> Result<PlanId, Failure> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if text.is_empty() || !text.bytes().all(fits) {
        return Err(Failure::input(format!(
            "`{}` is not a plan id: expected `plan-<mode>-<12 hex>`, or a beginning of it or of its digits",
            text.escape_debug()
        ))
        .hint("`millrace plan ls` shows the plans"));
    }
    let plans = view.plans()?;
    if let Some(exact) = plans.iter().find(|plan| plan.as_str() == text) {
        return Ok(exact.clone());
    }
    let digits = |plan: &PlanId| plan.as_str().rsplit('-').next().unwrap_or_default().to_owned();
    let sought = Sought { noun: "plan", text, listing: "`millrace plan ls` shows the plans" };
    sought.among(
        MAX_COMPARED,
        plans.into_iter().map(Ok),
        |plan| plan.as_str().starts_with(text) || digits(plan).starts_with(text),
        |plan| if text.contains('-') { plan.to_string() } else { digits(plan) },
    )
}

/// Digits that a beginning of a commit's id has at least, as for git.
pub(crate) const LEAST_DIGITS: usize = 4;

/// The commit of the ledger that a text names: by its number, by its id or a beginning of it, or the newest one of the run
/// that it names or begins. Told from the commits alone, so that it works in a ledger that is damaged; a number wins over
/// a beginning.
pub(crate) fn commit(store: &dyn Store, tip: Option<Oid>, text: &str) -> Result<Oid, Failure> {
    let seq = text.parse::<u64>().ok();
    let hex =
        text.len() >= LEAST_DIGITS && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let run =
        text.len() >= "yyyymmdd".len() && text.bytes().take("yyyymmdd".len()).all(|b| b.is_ascii_digit());
    if seq.is_none() && !hex && !run {
        return Err(Failure::input(format!(
            "`{}` is no number of the ledger, no commit and no run: expected digits, {LEAST_DIGITS} hex digits of a \
             commit or more, or a run's id",
            text.escape_debug()
        ))
        .hint("`millrace log` shows its commits, `millrace runs ls` the runs"));
    }
    let mut found: Vec<(String, Oid)> = Vec::new();
    for one in commits(store, tip) {
        // What is not readable is a finding of whoever asks; what was named may lie before it.
        let Ok((oid, commit)) = one else { break };
        if seq.is_some() && trailers::seq(&commit.message) == seq {
            return Ok(oid);
        }
        if hex && oid.to_string().starts_with(text) {
            found.push((oid.to_string(), oid));
        }
        let of_run = trailers::value(&commit.message, "Run").filter(|named| run && named.starts_with(text));
        if let Some(named) = of_run.filter(|named| found.iter().all(|(known, _)| known != named)) {
            found.push((named.to_owned(), oid));
        }
    }
    match found.as_slice() {
        [(_, one)] => Ok(*one),
        [] => Err(Failure::failed(format!("the ledger has no commit and no run `{}`", text.escape_debug()))
            .hint("`millrace log` shows its commits, `millrace runs ls` the runs")),
        several => {
            let names: Vec<&String> = several.iter().map(|(name, _)| name).collect();
            Err(Failure::input(format!("`{text}` begins several: {}", listed(&names)))
                .hint("type more of it"))
        }
    }
}

impl Sought<'_> {
    /// The only name that fits. `spelled` is how the name would have been typed here, for a hint.
    fn among<T: Display + Clone>(
        &self,
        most: usize,
        names: impl Iterator<Item = Result<T, Fault>>,
        fits: impl Fn(&T) -> bool,
        spelled: impl Fn(&T) -> String,
    ) -> Result<T, Failure> {
        let mut all = Vec::new();
        for name in names {
            if all.len() >= most {
                return Err(Failure::failed(format!(
                    "there is no {} {}, and more than {most} to compare a beginning with",
                    self.noun, self.text
                ))
                .hint("type the whole of it"));
            }
            all.push(name?);
        }
        let found: Vec<T> = all.iter().filter(|name| fits(name)).cloned().collect();
        match found.as_slice() {
            [] => Err(self.nowhere(&all, spelled)),
            [one] => Ok(one.clone()),
            several => Err(Failure::input(format!(
                "`{}` begins {} {}s: {}",
                self.text,
                several.len(),
                self.noun,
                listed(several)
            ))
            .hint("type more of it")),
        }
    }

    fn nowhere<T: Display>(&self, all: &[T], spelled: impl Fn(&T) -> String) -> Failure {
        let spellings: Vec<String> = all.iter().map(spelled).collect();
        let meant = nearest(self.text, spellings.iter().map(String::as_str))
            .and_then(|meant| spellings.iter().position(|spelling| spelling == meant))
            .map(|at| format!("did you mean `{}`? ", all[at]));
        Failure::failed(format!("there is no {} {}", self.noun, self.text)).hint(format!(
            "{}{}",
            meant.unwrap_or_default(),
            self.listing
        ))
    }
}

/// The first few, and how many more there are.
fn listed<T: Display>(names: &[T]) -> String {
    let mut shown: Vec<String> = names.iter().map(ToString::to_string).collect();
    shown.sort();
    let more = shown.len().saturating_sub(LISTED);
    shown.truncate(LISTED);
    let shown = shown.join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

/// Runs, newest first, each read from the tree when it is asked for.
pub(crate) fn runs_newest_first(
    view: &TreeView<'_, '_>,
) -> Result<impl Iterator<Item = Result<RunId, Fault>>, Fault> {
    let mut days: Vec<String> =
        view.list(&place::runs_folder())?.iter().map(|day| day.name.clone()).collect();
    days.sort();
    let (mut minutes, mut ids) = (Vec::new(), Vec::new());
    let mut failed = false;
    let mut next = move || -> Result<Option<RunId>, Fault> {
        while ids.is_empty() {
            while minutes.is_empty() {
                let Some(day) = days.pop() else { return Ok(None) };
                minutes = of_day(view, &day)?;
            }
            ids = in_order(view, minutes.pop().unwrap_or_default())?;
        }
        Ok(ids.pop())
    };
    Ok(std::iter::from_fn(move || {
        if failed {
            return None;
        }
        let run = next();
        failed = run.is_err();
        run.transpose()
    }))
}

/// The runs of a day, minute by minute: oldest first, those of one minute in no order.
fn of_day(view: &TreeView<'_, '_>, day: &str) -> Result<Vec<Vec<RunId>>, Fault> {
    let misplaced = |name: &str| Fault { at: format!("runs/{day}/{name}"), detail: "not a run".to_owned() };
    let folder =
        place::TreePath::new(format!("{}/{day}", place::runs_folder())).map_err(|_| misplaced(""))?;
    let mut ids: Vec<RunId> = Vec::new();
    for entry in view.list(&folder)?.iter() {
        ids.push(entry.name.parse().map_err(|_| misplaced(&entry.name))?);
    }
    ids.sort();
    let minute = |id: &RunId| id.as_str().rsplit_once('-').map(|(minute, _)| minute.to_owned());
    Ok(ids.chunk_by(|one, other| minute(one) == minute(other)).map(<[RunId]>::to_vec).collect())
}

/// The runs of a minute, oldest first. An id tells the minute; of runs of one minute, their records tell.
fn in_order(view: &TreeView<'_, '_>, runs: Vec<RunId>) -> Result<Vec<RunId>, Fault> {
    if runs.len() < 2 {
        return Ok(runs);
    }
    let mut timed = Vec::new();
    for id in runs {
        let record = view.run_record(&id)?;
        let opened = record.as_ref().map(|record| record.opened_at);
        // Times are kept to the second; one run is at work at a time, so what ended first had begun first.
        let ended = record.and_then(|record| record.end).map_or(Timestamp::MAX, |end| end.at);
        timed.push((opened, ended, id));
    }
    timed.sort();
    Ok(timed.into_iter().map(|(_, _, id)| id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sought(text: &str, most: usize) -> Result<String, Vec<String>> {
        let names = ["fix", "fix-login", "fix-logout", "other"].map(str::to_owned);
        Sought { noun: "item", text, listing: "look there" }
            .among(most, names.into_iter().map(Ok), |name| name.starts_with(text), Clone::clone)
            .map_err(|failure| failure.lines.into_iter().chain(failure.hint).collect())
    }

    #[test]
    fn a_beginning_is_compared_with_a_bounded_number_of_names() {
        assert_eq!(sought("o", 4), Ok("other".to_owned()));
        let refused = sought("o", 3).unwrap_err();
        assert_eq!(
            refused,
            ["there is no item o, and more than 3 to compare a beginning with", "type the whole of it"]
        );
    }

    #[test]
    fn what_is_nowhere_gets_the_nearest_name() {
        assert_eq!(
            sought("ohter", 9).unwrap_err(),
            ["there is no item ohter", "did you mean `other`? look there"]
        );
        assert_eq!(sought("zebra", 9).unwrap_err(), ["there is no item zebra", "look there"]);
    }
}
