//! The points of a run that one can go back to: its start, what each launch left, its end.

use thiserror::Error;

use super::stage::history::{Past, launches};
use crate::domain::ids::RunId;
use crate::domain::oid::Oid;
use crate::domain::run::RunRecord;
use crate::domain::view::{Fault, View as _};
use crate::ledger::view::TreeView;

/// A moment of a run with its code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// Its name: `start`, `end`, or the folder of the launch, `03-fixer`.
    pub name: String,
    /// The snapshot.
    pub commit: Oid,
}

/// A text that names no point of a run.
#[derive(Debug, Error)]
pub enum NoPoint {
    /// It has none of this name.
    #[error("run {run} has no `{asked}`: it has {}", .there.join(", "))]
    Unknown {
        /// The run.
        run: RunId,
        /// What was asked for.
        asked: String,
        /// What there is.
        there: Vec<String>,
    },
    /// The launch ended, and no snapshot is of its end: it was interrupted with nothing changed, or could not be taken.
    #[error("launch {launch} of run {run} left no snapshot; those that did are {}", .there.join(", "))]
    NoSnapshot {
        /// The run.
        run: RunId,
        /// The launch's folder.
        launch: String,
        /// What there is.
        there: Vec<String>,
    },
    /// The ledger cannot be read.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// The points of a run, the first one first.
pub fn points(view: &TreeView<'_, '_>, record: &RunRecord) -> Result<Vec<Point>, Fault> {
    Ok(named(&launches(view, &record.run)?, record, last(view, record)?))
}

/// The run's last consistent snapshot.
pub fn last(view: &TreeView<'_, '_>, record: &RunRecord) -> Result<Oid, Fault> {
    if let Some(end) = &record.end {
        return Ok(end.snapshot);
    }
    Ok(view.run(&record.run)?.map_or(record.start, |run| run.snapshot))
}

fn named(past: &[Past], record: &RunRecord, end: Oid) -> Vec<Point> {
    let start = Point { name: "start".to_owned(), commit: record.start };
    let launches =
        past.iter().filter_map(|past| Some(Point { name: past.name.clone(), commit: past.result.snapshot? }));
    let end = Point { name: "end".to_owned(), commit: end };
    std::iter::once(start).chain(launches).chain([end]).collect()
}

/// The point of a run that a text names: `start`, `end`, a stage (its last launch), `stage#n` (the nth launch of that
/// stage), the number of a launch, or its folder's name.
pub fn point(view: &TreeView<'_, '_>, record: &RunRecord, asked: &str) -> Result<Point, NoPoint> {
    let past = launches(view, &record.run)?;
    let all = named(&past, record, last(view, record)?);
    if let Some(exact) = all.iter().find(|point| point.name == asked) {
        return Ok(exact.clone());
    }
    let there = || all.iter().map(|point| point.name.clone()).collect::<Vec<_>>();
    let unknown = || NoPoint::Unknown {
        run: record.run.clone(),
        asked: asked.escape_debug().to_string(),
        there: there(),
    };
    let found = if let Ok(number) = asked.parse::<u32>() {
        past.iter().find(|past| past.result.launch == number)
    } else {
        let (stage, nth) = match asked.split_once('#') {
            Some((stage, nth)) => (stage, Some(nth.parse::<usize>().map_err(|_| unknown())?)),
            None => (asked, None),
        };
        let mut of_stage = past.iter().filter(|past| past.result.stage.stage.as_str() == stage);
        match nth {
            Some(nth) => nth.checked_sub(1).and_then(|nth| of_stage.nth(nth)),
            // The last that left something: an interruption is nothing to go back to.
            None => {
                let all: Vec<&Past> = of_stage.collect();
                all.iter().rfind(|past| past.result.snapshot.is_some()).or(all.last()).copied()
            }
        }
    };
    let found = found.or_else(|| past.iter().find(|past| past.name == asked)).ok_or_else(unknown)?;
    match found.result.snapshot {
        Some(commit) => Ok(Point { name: found.name.clone(), commit }),
        None => {
            Err(NoPoint::NoSnapshot { run: record.run.clone(), launch: found.name.clone(), there: there() })
        }
    }
}
