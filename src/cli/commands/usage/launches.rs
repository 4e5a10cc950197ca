//! What each launch of a run used.

use std::fmt::Display;

use serde::Serialize;

use crate::domain::ids::RunId;
use crate::domain::place::{self, TreePath};
use crate::domain::transition::decision::StageResult;
use crate::domain::usage::{CostSource, Usage};
use crate::domain::view::Fault;
use crate::ledger::view::TreeView;

/// One launch.
#[derive(Debug, Serialize)]
pub(super) struct Launched {
    /// Its folder below the run's: `03-fixer`.
    name: String,
    /// What it used; none while it runs.
    usage: Option<Usage>,
}

/// The launches of a run, in their order.
pub(super) fn of(view: &TreeView<'_, '_>, run: &RunId) -> Result<Vec<Launched>, Fault> {
    let folder = place::run_folder(run);
    let mut launches = Vec::new();
    for entry in view.list(&folder)?.iter().filter(|entry| entry.folder) {
        let path = TreePath::new(format!("{folder}/{}/result.toml", entry.name))
            .map_err(|error| Fault { at: folder.to_string(), detail: error.to_string() })?;
        let result: Option<StageResult> = view.record(&path)?;
        launches.push(Launched { name: entry.name.clone(), usage: result.map(|result| result.usage) });
    }
    // `100-fixer` comes after `99-checker`, which is not the order of a tree.
    let number = |name: &str| name.split('-').next().and_then(|number| number.parse::<u32>().ok());
    launches.sort_by_key(|launch| number(&launch.name).unwrap_or(u32::MAX));
    Ok(launches)
}

/// The names of the columns.
pub(super) fn head() -> Vec<String> {
    ["launch", "input", "from cache", "into cache", "output", "reasoning", "USD", "by"]
        .map(str::to_owned)
        .to_vec()
}

/// A launch in these columns.
pub(super) fn cells(launch: &Launched) -> Vec<String> {
    let Some(usage) = &launch.usage else { return vec![launch.name.clone(), "has not ended".to_owned()] };
    if usage.is_unknown() {
        return vec![launch.name.clone(), "unknown".to_owned()];
    }
    vec![
        launch.name.clone(),
        known(usage.input_uncached),
        known(usage.cache_read),
        known(usage.cache_write),
        known(usage.output),
        known(usage.reasoning),
        known(usage.cost),
        usage.cost_source.map_or("", CostSource::as_str).to_owned(),
    ]
}

fn known<T: Display>(number: Option<T>) -> String {
    number.map_or_else(|| "unknown".to_owned(), |number| number.to_string())
}
