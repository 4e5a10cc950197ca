//! Where a run's code lies.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::cli::diffstat::{DiffStat, diffstats};
use crate::cli::failure::Failure;
use crate::cli::handoffs::Handoffs;
use crate::domain::oid::Oid;
use crate::ledger::store::{RefName, Store as _};
use crate::runtime::project::Project;

/// A run's code.
#[derive(Debug, Serialize)]
pub(super) struct Code {
    /// The commit that the user stood on.
    pub(super) base: Option<Oid>,
    /// The code before the first stage.
    pub(super) start: Oid,
    /// What the run has come to.
    pub(super) end: Oid,
    /// The run branch.
    pub(super) branch: String,
    /// Its newest commit; none where the branch is not there.
    pub(super) tip: Option<Oid>,
    /// What the run changed in all; none where its code is not in this repository.
    pub(super) changed: Option<DiffStat>,
    /// Where it can be had, in words.
    pub(super) lies: String,
}

impl Code {
    pub(super) fn of(
        project: &Project,
        handoffs: &Handoffs,
        changed: Option<DiffStat>,
    ) -> Result<Self, Failure> {
        let record = &handoffs.record;
        let branch = RefName::Run(record.run.clone());
        let tip = project.store.resolve(&branch)?;
        let branch = branch.full();
        let lies = match (&changed, tip) {
            (None, None) => format!(
                "not in this repository: {branch} is not there, it was deleted or the run was made elsewhere"
            ),
            (None, Some(_)) => format!("not in this repository as a whole: {branch} does not hold all of it"),
            (Some(changed), _) if changed.changed == 0 => "it changed no code".to_owned(),
            (Some(changed), tip) => {
                let kept = match tip {
                    Some(_) => format!("on {branch}"),
                    None => format!(
                        "in commit {}, which no run branch holds any more ({branch} is not there)",
                        handoffs.end
                    ),
                };
                format!("{kept}; {}", in_head(project, handoffs.end, changed)?)
            }
        };
        Ok(Self { base: record.base, start: record.start, end: handoffs.end, branch, tip, changed, lies })
    }
}

/// Whether the commit that the user stands on has what the run changed.
fn in_head(project: &Project, end: Oid, changed: &DiffStat) -> Result<String, Failure> {
    let Ok(head) = project.repository.head() else { return Ok("HEAD cannot be read".to_owned()) };
    let Some(oid) = head.oid else { return Ok("HEAD has no commit yet".to_owned()) };
    let name = match head.branch.as_deref() {
        Some(branch) => format!("HEAD ({})", branch.strip_prefix("refs/heads/").unwrap_or(branch)),
        None => format!("HEAD ({})", oid.short()),
    };
    let Some(Some(apart)) = diffstats(project, &[(oid, end)])?.pop() else {
        return Ok(format!("{name} cannot be compared with it"));
    };
    if apart.changed == 0 {
        return Ok(format!("{name} is the same code"));
    }
    // Beyond the files that are named nobody can tell.
    if apart.files.len() < apart.changed || changed.files.len() < changed.changed {
        return Ok(format!("{name} differs from it"));
    }
    let names = |stat: &DiffStat| -> BTreeSet<String> {
        stat.files.iter().flat_map(|file| file.was.iter().chain([&file.path]).cloned()).collect()
    };
    let (run, head) = (names(changed), names(&apart));
    let missing = run.intersection(&head).count();
    Ok(if missing == 0 {
        format!("{name} has all of it")
    } else {
        format!("{name} does not have it: {missing} of its {} paths differ there", run.len())
    })
}
