//! The code between the handoffs of a run: which launches it had, which snapshot each began with and left, and which of
//! them a person means by `builder`, `fixer#2` or `3`.

use serde::Serialize;

use super::failure::Failure;
use crate::domain::ids::RunId;
use crate::domain::oid::Oid;
use crate::domain::place::{self, TreePath, launch_name};
use crate::domain::plan::StageRef;
use crate::domain::run::{Run, RunRecord};
use crate::domain::stage_file;
use crate::domain::transition::decision::StageResult;
use crate::domain::view::{Fault, View as _};
use crate::format::quote::quoted;
use crate::format::suggest::nearest;
use crate::ledger::transact::read_commit;
use crate::ledger::view::TreeView;
use crate::runtime::project::Project;

/// The word for the code before the first stage.
const START: &str = "start";

/// The word for the code that the run has come to.
const END: &str = "end";

/// Launches that a message lists.
const LISTED: usize = 10;

/// One launch of a run.
#[derive(Debug, Clone)]
pub(crate) struct Launched {
    /// Its number in the run, from 1.
    pub(crate) number: u32,
    /// How often its stage had been launched by then.
    pub(crate) turn: u32,
    pub(crate) stage: StageRef,
    /// The name of its folder: `03-fixer`.
    pub(crate) name: String,
    /// The code that it began with.
    pub(crate) before: Oid,
    /// The code that it left: half done where it was interrupted. The same as before where it left no snapshot.
    pub(crate) left: Oid,
    /// What it came to; none while it runs.
    pub(crate) result: Option<StageResult>,
}

/// The launches of a run, oldest first, and its code.
#[derive(Debug, Clone)]
pub(crate) struct Handoffs {
    pub(crate) record: RunRecord,
    /// None where it has ended.
    pub(crate) active: Option<Run>,
    pub(crate) launches: Vec<Launched>,
    /// The last consistent snapshot.
    pub(crate) end: Oid,
}

/// A point of a run: between two launches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    /// Before the first stage.
    Start,
    /// Before this launch.
    Before(u32),
    /// After this launch, as it left the code.
    After(u32),
    /// Where the run is now, or ended.
    End,
}

/// A point with its code.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct At {
    /// `start`, `after 03-fixer`.
    pub(crate) point: String,
    /// The snapshot.
    pub(crate) commit: Oid,
}

impl Handoffs {
    /// Those of a run that the ledger has.
    pub(crate) fn of(project: &Project, view: &TreeView<'_, '_>, run: &RunId) -> Result<Self, Fault> {
        let record = view
            .run_record(run)?
            .ok_or_else(|| Fault { at: place::run_record(run).to_string(), detail: "missing".to_owned() })?;
        let active = view.run(run)?;
        let mut launches = Vec::new();
        let mut at = record.start;
        for result in results(view, run)? {
            if launches.is_empty() && record.continues.is_some() {
                at = stood_on(project, &result).unwrap_or(at);
            }
            let left = result.snapshot.unwrap_or(at);
            let after = if has_worked(&result) { left } else { at };
            let (number, stage) = (result.launch, result.stage.clone());
            push(&mut launches, number, stage, (at, left), Some(result));
            at = after;
        }
        if let Some(run) = &active
            && let Some(launch) = &run.launch
        {
            push(&mut launches, launch.number, run.stage.clone(), (at, at), None);
        }
        let end = record.end.as_ref().map(|end| end.snapshot);
        let end = end.or_else(|| active.as_ref().map(|run| run.snapshot)).unwrap_or(at);
        Ok(Self { record, active, launches, end })
    }

    /// The code of a point.
    pub(crate) fn at(&self, point: Point) -> At {
        let launch = |number| self.launches.iter().find(|launch| launch.number == number);
        match point {
            Point::Start => At { point: START.to_owned(), commit: self.record.start },
            Point::End => At { point: END.to_owned(), commit: self.end },
            Point::Before(number) => At {
                point: launch(number).map_or_else(String::new, |launch| format!("before {}", launch.name)),
                commit: launch(number).map_or(self.record.start, |launch| launch.before),
            },
            Point::After(number) => At {
                point: launch(number).map_or_else(String::new, |launch| format!("after {}", launch.name)),
                commit: launch(number).map_or(self.end, |launch| launch.left),
            },
        }
    }

    /// The two points that a text names: nothing is the whole run, a stage is what it changed, and `a..b` what changed
    /// from after the one to after the other.
    pub(crate) fn span(&self, text: Option<&str>) -> Result<(Point, Point), Failure> {
        let Some(text) = text else { return Ok((Point::Start, Point::End)) };
        if let Some((from, to)) = text.split_once("..") {
            let from = if from.is_empty() { Point::Start } else { self.point(from)? };
            let to = if to.is_empty() { Point::End } else { self.point(to)? };
            return Ok((from, to));
        }
        match self.point(text)? {
            Point::After(number) => Ok((Point::Before(number), Point::After(number))),
            point => Err(Failure::input(format!("`{text}` is a point, and has no change of its own")).hint(
                if point == Point::Start {
                    "`start..builder` is what changed from there to after a stage"
                } else {
                    "`builder..end` is what changed from after a stage to there"
                },
            )),
        }
    }

    /// The point that a text names: `start`, `end`, or what is after a launch.
    pub(crate) fn point(&self, text: &str) -> Result<Point, Failure> {
        match text {
            START => Ok(Point::Start),
            END => Ok(Point::End),
            _ => self.launch(text).map(|launch| Point::After(launch.number)),
        }
    }

    /// The launch that a text names: the stage's name where that ran once, `fixer#2` for its second time, or the number
    /// of the launch, also as `03-fixer`.
    pub(crate) fn launch(&self, text: &str) -> Result<&Launched, Failure> {
        let run = &self.record.run;
        if let Ok(number) = text.parse::<u32>() {
            return self.launches.iter().find(|launch| launch.number == number).ok_or_else(|| {
                Failure::failed(format!("run {run} has no launch {number}")).hint(self.there_is())
            });
        }
        if let Some(launch) = self.launches.iter().find(|launch| launch.name == text) {
            return Ok(launch);
        }
        let (name, turn) = match text.split_once('#') {
            None => (text, None),
            Some((name, turn)) => match turn.parse::<u32>() {
                Ok(turn) if turn > 0 => (name, Some(turn)),
                _ => {
                    return Err(Failure::input(format!(
                        "{} is no launch: expected a number from 1 behind the `#`",
                        quoted(text)
                    )));
                }
            },
        };
        let is_called =
            |launch: &&Launched| launch.stage.stage.as_str() == name || launch.stage.to_string() == name;
        let all: Vec<&Launched> = self.launches.iter().filter(is_called).collect();
        if all.is_empty() {
            let known = self.launches.iter().map(|launch| launch.stage.stage.as_str());
            let meant = nearest(name, known).map(|meant| format!("did you mean `{meant}`? "));
            return Err(Failure::failed(format!("run {run} had no stage {}", quoted(name))).hint(format!(
                "{}{}",
                meant.unwrap_or_default(),
                self.there_is()
            )));
        }
        if let Some(turn) = turn {
            return all.iter().find(|launch| launch.turn == turn).copied().ok_or_else(|| {
                Failure::failed(format!("{name} was not launched {turn} times in run {run}"))
                    .hint(format!("there is {}", listed(&all)))
            });
        }
        // What was interrupted ran again: the one that counted is meant, where there is one alone.
        let counted: Vec<&Launched> = all.iter().filter(|launch| launch.counts()).copied().collect();
        match (all.as_slice(), counted.as_slice()) {
            ([one], _) | (_, [one]) => Ok(one),
            (several, _) => Err(Failure::input(format!("{name} ran {} times in run {run}", several.len()))
                .hint(format!("name one: {}", listed(several)))),
        }
    }

    fn there_is(&self) -> String {
        let all: Vec<&Launched> = self.launches.iter().collect();
        if all.is_empty() {
            "it has had no launch yet".to_owned()
        } else {
            format!("there is {}", listed(&all))
        }
    }
}

impl Launched {
    /// Whether it came to something that the run went on with.
    fn counts(&self) -> bool {
        self.result.as_ref().is_some_and(|result| result.judgement.routed_as().is_some())
    }

    fn in_words(&self) -> String {
        let came_to = self.result.as_ref().map_or_else(|| "under way".to_owned(), StageResult::in_a_word);
        format!("{}#{} (launch {}, {came_to})", self.stage.stage, self.turn, self.number)
    }
}

fn listed(launches: &[&Launched]) -> String {
    let shown: Vec<String> = launches.iter().take(LISTED).map(|launch| launch.in_words()).collect();
    let more = launches.len().saturating_sub(LISTED);
    let shown = shown.join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

fn push(
    launches: &mut Vec<Launched>,
    number: u32,
    stage: StageRef,
    (before, left): (Oid, Oid),
    result: Option<StageResult>,
) {
    let same = launches.iter().rev().find(|launch| launch.stage == stage);
    let turn = same.map_or(0, |launch| launch.turn) + 1;
    let name = launch_name(number, &stage.stage);
    launches.push(Launched { number, turn, stage, name, before, left, result });
}

/// What the launches of a run that have ended came to, oldest first.
fn results(view: &TreeView<'_, '_>, run: &RunId) -> Result<Vec<StageResult>, Fault> {
    let folder = place::run_folder(run);
    let mut results: Vec<StageResult> = Vec::new();
    for entry in view.list(&folder)?.iter().filter(|entry| entry.folder) {
        let path = TreePath::new(format!("{folder}/{}/{}", entry.name, stage_file::RESULT))
            .map_err(|error| Fault { at: folder.to_string(), detail: error.to_string() })?;
        results.extend(view.record::<StageResult>(&path)?);
    }
    // A hundredth launch sorts before the eleventh by name.
    results.sort_by_key(|result| result.launch);
    Ok(results)
}

/// Whether the run went on with what the launch left.
fn has_worked(result: &StageResult) -> bool {
    result.judgement.routed_as().is_some() && !result.why.starts_with("infrastructure:")
}

/// A run that goes on with another one's work stands on that; only the commit on its branch tells which.
fn stood_on(project: &Project, first: &StageResult) -> Option<Oid> {
    let commit = read_commit(&project.store, first.snapshot?).ok()?;
    commit.parents.first().copied()
}
