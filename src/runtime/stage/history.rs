//! History: what the launches of a run came to, as the ledger has it.

use crate::domain::ids::RunId;
use crate::domain::place::{self, TreePath};
use crate::domain::run::Failure;
use crate::domain::transition::decision::StageResult;
use crate::domain::view::Fault;
use crate::ledger::view::TreeView;

/// A launch that has ended.
pub(in crate::runtime) struct Past {
    /// Its folder's name: `01-builder`.
    pub(in crate::runtime) name: String,
    /// Its folder in the ledger's tree.
    pub(in crate::runtime) folder: TreePath,
    /// What it came to.
    pub(in crate::runtime) result: StageResult,
}

impl Past {
    /// One line about it.
    pub(super) fn in_words(&self) -> String {
        format!("{}: {}", self.name, self.result.judgement.in_words())
    }
}

/// The launches of a run that have ended, oldest first.
pub(in crate::runtime) fn launches(view: &TreeView<'_, '_>, run: &RunId) -> Result<Vec<Past>, Fault> {
    let folder = place::run_folder(run);
    let within = |path: String| {
        TreePath::new(path).map_err(|error| Fault { at: folder.to_string(), detail: error.to_string() })
    };
    let mut past = Vec::new();
    for entry in view.list(&folder)?.iter().filter(|entry| entry.folder) {
        let folder = within(format!("{folder}/{}", entry.name))?;
        if let Some(result) = view.record(&within(format!("{folder}/result.toml"))?)? {
            past.push(Past { name: entry.name.clone(), folder, result });
        }
    }
    // A hundredth launch sorts before the eleventh by name.
    past.sort_by_key(|past: &Past| past.result.launch);
    Ok(past)
}

/// The launches that led to a failure under repair: the last one of the stage that failed, and what was tried since.
pub(super) fn led_to<'p>(past: &'p [Past], failure: &Failure) -> &'p [Past] {
    let until = past.partition_point(|past| past.result.launch <= failure.launch);
    let from = past[..until].iter().rposition(|past| past.result.stage.stage == failure.stage);
    &past[from.unwrap_or(until)..until]
}
