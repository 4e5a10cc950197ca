//! Finding an item or a run by what a person typed.

use super::failure::Failure;
use crate::domain::ids::{ItemId, RunId};
use crate::domain::item::{ItemKind, ItemRef};
use crate::domain::place;
use crate::domain::view::Fault;
use crate::ledger::view::TreeView;

/// The item that a text names: `task/fix-login`, or an id that only one kind has.
pub(crate) fn item(view: &TreeView<'_, '_>, text: &str) -> Result<ItemRef, Failure> {
    let known = |item: &ItemRef| view.entry(&place::intake(item)).map(|entry| entry.is_some());
    if text.contains('/') {
        let item: ItemRef = text.parse().map_err(Failure::input)?;
        return if known(&item)? { Ok(item) } else { Err(no_item(&item)) };
    }
    let id: ItemId = text.parse().map_err(Failure::input)?;
    let mut found = Vec::new();
    for kind in ItemKind::ALL {
        let item = ItemRef::new(kind, id.clone());
        if known(&item)? {
            found.push(item);
        }
    }
    match found.as_slice() {
        [] => Err(no_item(&id)),
        [one] => Ok(one.clone()),
        several => {
            let names: Vec<String> = several.iter().map(ToString::to_string).collect();
            Err(Failure::input(format!("`{id}` names several items: {}", names.join(", ")))
                .hint("name one with its kind"))
        }
    }
}

fn no_item(what: &impl std::fmt::Display) -> Failure {
    Failure::failed(format!("there is no item {what}")).hint("`millrace queue ls` shows what is open")
}

/// Runs, newest first, each read from the tree when it is asked for.
pub(crate) fn runs_newest_first(
    view: &TreeView<'_, '_>,
) -> Result<impl Iterator<Item = Result<RunId, Fault>>, Fault> {
    let mut days: Vec<String> =
        view.list(&place::runs_folder())?.iter().map(|day| day.name.clone()).collect();
    days.sort();
    let mut ids = Vec::new();
    let mut failed = false;
    Ok(std::iter::from_fn(move || {
        while ids.is_empty() && !failed {
            let day = days.pop()?;
            match of_day(view, &day) {
                Ok(found) => ids = found,
                Err(fault) => {
                    failed = true;
                    return Some(Err(fault));
                }
            }
        }
        ids.pop().map(Ok)
    }))
}

/// The runs of a day, oldest first.
fn of_day(view: &TreeView<'_, '_>, day: &str) -> Result<Vec<RunId>, Fault> {
    let misplaced = |name: &str| Fault { at: format!("runs/{day}/{name}"), detail: "not a run".to_owned() };
    let folder =
        place::TreePath::new(format!("{}/{day}", place::runs_folder())).map_err(|_| misplaced(""))?;
    let mut ids = Vec::new();
    for entry in view.list(&folder)?.iter() {
        ids.push(entry.name.parse().map_err(|_| misplaced(&entry.name))?);
    }
    ids.sort();
    Ok(ids)
}

/// The run that a text names: its id, or a beginning of it that no other run has.
pub(crate) fn run(view: &TreeView<'_, '_>, text: &str) -> Result<RunId, Failure> {
    let fits =
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f' | b'-'));
    if !fits || text.len() > "yyyymmdd-hhmm-xxxxxx".len() {
        return Err(Failure::input(format!(
            "`{}` is not a run id: expected `yyyymmdd-hhmm-xxxxxx`, or a beginning of one",
            text.escape_debug()
        )));
    }
    let mut found: Vec<RunId> = Vec::new();
    for id in runs_newest_first(view)? {
        let id = id?;
        if id.as_str().starts_with(text) {
            found.push(id);
        }
    }
    match found.as_slice() {
        [] => {
            Err(Failure::failed(format!("there is no run {text}")).hint("`millrace runs ls` shows the runs"))
        }
        [one] => Ok(one.clone()),
        [first, second, ..] => {
            Err(Failure::input(format!("`{text}` begins {} runs, such as {second} and {first}", found.len()))
                .hint("type more of it"))
        }
    }
}
