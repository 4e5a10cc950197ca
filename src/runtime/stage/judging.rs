//! What a judge is given: the contracts that its root is judged by, and what was found before. From the ledger alone.

use super::launch::document;
use crate::domain::item::ItemRef;
use crate::domain::place::{self, TreePath};
use crate::domain::stage_file;
use crate::domain::view::{Fault, View as _};
use crate::ledger::view::TreeView;

/// The files by which a root is judged, in the order in which they are to be read. The target names the items that were
/// archived without being done; none of its lineage is blocked, or nobody would judge it.
pub(super) fn files(view: &TreeView<'_, '_>, root: &ItemRef) -> Result<Vec<(&'static str, Vec<u8>)>, Fault> {
    let missing = |at: String| Fault { at, detail: "the closure target is missing".to_owned() };
    let at = place::target(&root.id);
    let (Some(target), Some(record)) = (view.target(&root.id)?, view.file(&at)?) else {
        return Err(missing(at.to_string()));
    };
    // A root that was written by hand has no idea: then the spec alone says what was wanted.
    let idea = target.idea.as_ref().map(place::idea);
    let verdict = target.verdict.as_ref().map(|run| place::verdict(&root.id, run));
    let found = |path: Option<TreePath>| path.map_or(Ok(None), |path| view.file(&path));
    let files = [
        (stage_file::TARGET, Some(record)),
        (stage_file::IDEA, found(idea)?),
        (stage_file::SPEC, Some(document(view, root)?)),
        (stage_file::RUBRIC, view.file(&place::rubric(&root.id))?),
        (stage_file::LAST_VERDICT, found(verdict)?),
    ];
    Ok(files.into_iter().filter_map(|(name, bytes)| Some((name, bytes?))).collect())
}
