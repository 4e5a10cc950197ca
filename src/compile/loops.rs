//! A loop as it is written: the stages of one plane and where each report leads.

use super::diagnostics::Problems;
use super::sheet::{Field, Placed, Sheet};
use super::stage_kind::PLANES;
use super::thresholds::at_most;
use crate::domain::ids::{FailureClass, LoopId, ResultName, StageName};
use crate::domain::item::ItemKind;
use crate::domain::plan::{Bound, Completion, Ending, Per, Plane, Rung, Target};
use crate::format::config::Config;
use crate::format::quote::quoted;

/// One edge, or several with the same consequence.
pub(super) struct WrittenEdge<'s> {
    pub(super) from: Vec<Placed<'s, StageName>>,
    pub(super) on: Placed<'s, ResultName>,
    pub(super) to: Placed<'s, Target>,
    pub(super) bound: Option<Placed<'s, Bound>>,
}

/// How a drained root is judged, with the places.
pub(super) struct WrittenCompletion<'s> {
    pub(super) field: Field<'s>,
    pub(super) value: Completion,
}

/// A loop as it is written.
pub(super) struct WrittenLoop<'s> {
    pub(super) plane: Plane,
    pub(super) entry: Vec<(ItemKind, Placed<'s, StageName>)>,
    pub(super) stages: Vec<Placed<'s, StageName>>,
    pub(super) edges: Vec<WrittenEdge<'s>>,
    pub(super) repair: Vec<Placed<'s, Rung>>,
    pub(super) completion: Option<WrittenCompletion<'s>>,
    /// Whether every part could be read; what is missing would otherwise be called missing twice.
    pub(super) whole: bool,
    /// Whether the list of its stages could be read.
    pub(super) named: bool,
}

const STAGE: &str = "the name of a stage";

/// The path of a loop.
pub(super) fn path_of(id: &LoopId) -> String {
    format!("loops/{id}.yaml")
}

/// The kinds of item that a plane works on.
pub(super) fn kinds_of(plane: Plane) -> &'static [(&'static str, ItemKind)] {
    match plane {
        Plane::Execution => &[("task", ItemKind::Task)],
        Plane::Planning => &[("spec", ItemKind::Spec), ("incident", ItemKind::Incident)],
    }
}

/// Reads a loop that stands for `plane` in its mode; `None` where it is no loop of that plane, which is noted.
pub(super) fn read<'s>(
    sheet: &'s Sheet<'s>,
    id: &LoopId,
    plane: Plane,
    config: &Config,
    problems: &Problems,
) -> Option<WrittenLoop<'s>> {
    let before = problems.count();
    let root = sheet.root();
    if !root.only(&["loop_id", "plane", "entry", "stages", "edges", "repair", "completion"]) {
        return None;
    }
    let as_file = format!("`{id}`, as the file is called");
    if let Some(field) = root.need("loop_id", &as_file)
        && let Some(text) = field.text(&as_file)
        && text != id.as_str()
    {
        field.refuse(format!("found {}", quoted(text)), as_file);
    }
    let written = root.need("plane", &format!("`{plane}`"))?;
    let found = written.word(&PLANES)?;
    if found != plane {
        written
            .refuse(format!("found `{found}`"), format!("`{plane}`, the plane that the mode takes it for"));
        return None;
    }

    let entry = root.need("entry", "where an item of each kind starts").map(|field| entries(&field, plane));
    let before_stages = problems.count();
    let stages = root.need("stages", "the list of its stages").map(|field| {
        let names = field.items("the list of its stages").into_iter();
        names.filter_map(|field| field.placed(|field| field.name(STAGE))).collect()
    });
    let named = problems.count() == before_stages;
    let edges = root.need("edges", "the list of its edges").map(|field| {
        field.items("a list of edges").into_iter().filter_map(|field| edge(&field, config)).collect()
    });
    let repair = root.get("repair").map(|field| {
        let rungs = field.items("a list of rungs").into_iter();
        rungs.filter_map(|field| field.placed(|field| rung(field, config))).collect()
    });
    let completion = root.get("completion").and_then(completion);
    Some(WrittenLoop {
        plane,
        entry: entry.unwrap_or_default(),
        stages: stages.unwrap_or_default(),
        edges: edges.unwrap_or_default(),
        repair: repair.unwrap_or_default(),
        completion,
        whole: problems.count() == before,
        named,
    })
}

fn entries<'s>(field: &Field<'s>, plane: Plane) -> Vec<(ItemKind, Placed<'s, StageName>)> {
    let kinds = kinds_of(plane);
    let names: Vec<&str> = kinds.iter().map(|(name, _)| *name).collect();
    if !field.only(&names) {
        return Vec::new();
    }
    let entry = |(name, kind): &(&str, ItemKind)| {
        let field = field.need(name, "the stage where it starts")?;
        Some((*kind, field.placed(|field| field.name(STAGE))?))
    };
    kinds.iter().filter_map(entry).collect()
}

fn edge<'s>(field: &Field<'s>, config: &Config) -> Option<WrittenEdge<'s>> {
    if !field.only(&["from", "on", "to", "resume", "repair", "end", "bound"]) {
        return None;
    }
    let from = field.need("from", "the stage that reports, or a list of such");
    let on = field.need("on", "the result that it reports");
    let target = target(field);
    let bound = field.get("bound").map(|field| field.placed(|field| bound(field, config)));
    let from = from?
        .one_or_more("the stage that reports, or a list of such")
        .into_iter()
        .filter_map(|field| field.placed(|field| field.name(STAGE)))
        .collect();
    let on = on?.placed(|field| field.name("a result, such as `BLOCKED`"))?;
    let bound = match bound {
        None => None,
        Some(read) => Some(read?),
    };
    Some(WrittenEdge { from, on, to: target?, bound })
}

fn target<'s>(edge: &Field<'s>) -> Option<Placed<'s, Target>> {
    const ENDINGS: [(&str, Ending); 3] =
        [("done", Ending::Done), ("blocked", Ending::Blocked), ("needs_planning", Ending::NeedsPlanning)];
    const WAYS: &str = "exactly one of `to: <stage>`, `resume: true`, `repair: true` or `end: <ending>`";
    let ways: Vec<(&str, Field<'s>)> =
        ["to", "resume", "repair", "end"].into_iter().filter_map(|key| Some((key, edge.get(key)?))).collect();
    let [(key, field)] = ways.as_slice() else {
        let problem = match ways.len() {
            0 => "it leads nowhere".to_owned(),
            count => format!("it leads to {count} places"),
        };
        edge.refuse(problem, WAYS);
        return None;
    };
    let yes = |target: Target| match field.truth() {
        Some(true) => Some(target),
        Some(false) => {
            field.refuse("found `false`", WAYS);
            None
        }
        None => None,
    };
    let value = match *key {
        "to" => Target::Stage(field.name(STAGE)?),
        "resume" => yes(Target::Resume)?,
        "repair" => yes(Target::Repair)?,
        _ => Target::End(field.word(&ENDINGS)?),
    };
    Some(Placed { value, field: field.clone() })
}

const COUNTER: &str = "a name: lower-case letters, digits, `.`, `_` or `-`";

fn bound(field: &Field<'_>, config: &Config) -> Option<Bound> {
    if !field.only(&["counter", "at_most", "exhausted"]) {
        return None;
    }
    let counter = field.need("counter", COUNTER).and_then(|field| field.name(COUNTER));
    let most = field.need("at_most", "how often").and_then(|field| at_most(&field, config));
    let exhausted = field.need("exhausted", "a failure class").and_then(|field| field.name(COUNTER));
    Some(Bound { counter: counter?, at_most: most?, exhausted: exhausted? })
}

fn rung(field: &Field<'_>, config: &Config) -> Option<Rung> {
    if !field.only(&["stage", "counter", "at_most", "per"]) {
        return None;
    }
    let stage = field.need("stage", STAGE).and_then(|field| field.name(STAGE));
    let counter: Option<FailureClass> = field.need("counter", COUNTER).and_then(|field| field.name(COUNTER));
    let most = field.need("at_most", "how often").and_then(|field| at_most(&field, config));
    let per = field
        .need("per", "`class` or `item`")
        .and_then(|field| field.word(&[("class", Per::Class), ("item", Per::Item)]));
    Some(Rung { stage: stage?, counter: counter?, at_most: most?, per: per? })
}

fn completion(field: Field<'_>) -> Option<WrittenCompletion<'_>> {
    if !field.only(&["stage", "on_pass", "on_gap", "create_incident_on_gap", "skip_if_already_closed"]) {
        return None;
    }
    let stage = field.need("stage", STAGE).and_then(|field| field.name(STAGE));
    let result = |key: &str| {
        let expected = "a result of its stage";
        field.need(key, expected).and_then(|field| field.name(expected))
    };
    let (on_pass, on_gap) = (result("on_pass"), result("on_gap"));
    let truth = |key: &str, standard: bool| field.get(key).map_or(Some(standard), |field| field.truth());
    let create = truth("create_incident_on_gap", false);
    let skip = field.get("skip_if_already_closed").map_or(Some(true), |field| {
        let skips = field.truth()?;
        if !skips {
            field.refuse(
                "found `false`",
                "`true`: an accepted root is judged again when something is added to it, and only then",
            );
        }
        skips.then_some(true)
    });
    let value = Completion {
        stage: stage?,
        on_pass: on_pass?,
        on_gap: on_gap?,
        create_incident_on_gap: create?,
        skip_if_already_closed: skip?,
    };
    Some(WrittenCompletion { field, value })
}
