//! Which plans this machine's operator has compiled or approved. A plan says what is executed here, so one that came
//! with a ledger from elsewhere is shown, never run.
//!
//! What is approved is content: an approval names the plan's folder in the ledger by its tree, so that a ledger that
//! holds something else under an approved id gains nothing by it.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::project::Project;
use super::tree;
use crate::domain::ids::PlanId;
use crate::domain::oid::Oid;
use crate::domain::place;
use crate::domain::schedule::Wait;
use crate::domain::view::Fault;
use crate::ledger::view::TreeView;

/// Nothing can be said about an approval.
#[derive(Debug, Error)]
pub enum ApprovalError {
    /// The approvals cannot be read.
    #[error("cannot read which plans are approved here: {0}")]
    Read(#[from] io::Error),
    /// The plan cannot be read.
    #[error(transparent)]
    Fault(#[from] Fault),
}

fn path(private_dir: &Path) -> PathBuf {
    private_dir.join("approved-plans")
}

/// What a plan of the ledger is made of: the tree of its folder; `None` where the ledger has no such plan.
pub fn content(view: &TreeView<'_, '_>, plan: &PlanId) -> Result<Option<Oid>, Fault> {
    Ok(view.entry(&place::plan_folder(plan))?.filter(|entry| entry.folder).map(|entry| entry.oid))
}

/// Whether the plan may run here, as it stands in the ledger.
pub fn is_approved(project: &Project, view: &TreeView<'_, '_>, plan: &PlanId) -> Result<bool, ApprovalError> {
    let Some(content) = content(view, plan)? else { return Ok(false) };
    Ok(holds(&project.store.private_dir(), plan, content)?)
}

/// The wait of everything that a plan routes which may not run here.
pub fn unapproved(
    project: &Project,
    view: &TreeView<'_, '_>,
    plan: &PlanId,
) -> Result<Option<Wait>, ApprovalError> {
    if is_approved(project, view, plan)? {
        return Ok(None);
    }
    let detail = format!(
        "{plan} was not compiled or approved on this machine; `millrace plan show` and `millrace plan approve`, or \
         `millrace compile validate` for one of your own"
    );
    Ok(Some(tree::wait("approval", detail)))
}

fn holds(private_dir: &Path, plan: &PlanId, content: Oid) -> io::Result<bool> {
    let file = match File::open(path(private_dir)) {
        Ok(file) => file,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(fault) => return Err(fault),
    };
    let wanted = entry(plan, content);
    for line in BufReader::new(file).lines() {
        if line?.trim_end() == wanted {
            return Ok(true);
        }
    }
    Ok(false)
}

fn entry(plan: &PlanId, content: Oid) -> String {
    format!("{plan} {content}")
}

/// Lets the plan with this content run here from now on; `false` where it may already.
pub fn approve(private_dir: &Path, plan: &PlanId, content: Oid) -> io::Result<bool> {
    if holds(private_dir, plan, content)? {
        return Ok(false);
    }
    std::fs::create_dir_all(private_dir)?;
    let mut file = OpenOptions::new().append(true).create(true).open(path(private_dir))?;
    // One write: a line of another process cannot come in between.
    file.write_all(format!("{}\n", entry(plan, content)).as_bytes())?;
    file.sync_all()?;
    Ok(true)
}
