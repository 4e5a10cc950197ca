//! What the runtime does next, or would, and why nothing happens where nothing does.

use jiff::Timestamp;
use serde::Serialize;

use super::failure::Failure;
use super::moments::time;
use super::reasons::obstacle;
use super::spending::remedy;
use crate::domain::ids::{PlanId, RunId};
use crate::domain::item::{ItemKind, ItemRef};
use crate::domain::schedule::{Next, Wait, schedule};
use crate::domain::view::View as _;
use crate::ledger::view::TreeView;
use crate::runtime::adopt::unproved_launch;
use crate::runtime::daemon_lock::probe;
use crate::runtime::project::Project;
use crate::runtime::{source, tree};

/// The next thing that would happen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Coming {
    /// `adopt`, `restore`, `launch`, `claim`, `judge`, `wait`, `idle`.
    pub(crate) action: &'static str,
    pub(crate) item: Option<ItemRef>,
    pub(crate) run: Option<RunId>,
    pub(crate) detail: String,
    pub(crate) until: Option<Timestamp>,
}

/// What the runtime does next, or would.
pub(crate) fn coming(
    project: &Project,
    view: &TreeView<'_, '_>,
    selected: Option<&PlanId>,
    attended: bool,
    now: Timestamp,
) -> Result<Coming, Failure> {
    let mut coming =
        Coming { action: "idle", item: None, run: None, detail: "nothing to do".to_owned(), until: None };
    match schedule(view, now)? {
        Next::Idle => {}
        Next::Wait(wait) => coming.wait(&wait),
        Next::Adopt(run) => {
            coming.action = if attended { "handoff" } else { "adopt" };
            coming.detail = if attended {
                format!("{} of {} ends and is handed off", run.stage, run.item)
            } else {
                format!("find out what became of {} of {}, and go on", run.stage, run.item)
            };
            let wait =
                run.launch.as_ref().map(|launch| unproved_launch(project, launch)).transpose()?.flatten();
            if let Some(wait) = wait {
                coming.wait(&wait);
            }
            coming.item = Some(run.item);
            coming.run = Some(run.run);
        }
        Next::Restore(owed) => {
            let bare = project.repository.is_bare();
            if let Some(wait) = (!bare).then(|| tree::obstacle(project, None)).flatten() {
                coming.wait(&wait);
            } else {
                coming.action = "restore";
                coming.detail = format!("put back what run {} changed in the work tree", owed.run);
            }
            coming.run = Some(owed.run);
        }
        Next::Land(to_land) => {
            coming.action = "land";
            coming.detail = format!("commit what run {} changed on the branch", to_land.run);
            coming.run = Some(to_land.run);
        }
        Next::Launch(run) => {
            if let Some(wait) = obstacle(project, view, &run.plan, Some(&run))? {
                coming.wait(&wait);
            } else {
                coming.action = "launch";
                coming.detail = format!("start {} for {}", run.stage, run.item);
            }
            coming.item = Some(run.item);
            coming.run = Some(run.run);
        }
        Next::Judge { root } => {
            let item = ItemRef::new(ItemKind::Spec, root);
            let wait = match selected {
                Some(plan) => obstacle(project, view, plan, None)?,
                None => None,
            };
            if let Some(wait) = wait {
                coming.wait(&wait);
            } else {
                coming.action = "judge";
                coming.detail = format!("judge {item}: all of its lineage is done");
            }
            coming.item = Some(item);
        }
        Next::Claim { item, .. } | Next::Reopen { item, .. } => {
            let wait = match selected {
                Some(plan) => obstacle(project, view, plan, None)?,
                None => None,
            };
            if let Some(wait) = wait {
                coming.wait(&wait);
            } else {
                coming.action = "claim";
                coming.detail = format!("claim {item}");
            }
            coming.item = Some(item);
        }
    }
    Ok(coming)
}

impl Coming {
    /// That nothing comes, for this cause.
    pub(crate) fn waits(cause: &str, detail: &str) -> Self {
        let detail = format!("{cause}: {detail}");
        Self { action: "wait", item: None, run: None, detail, until: None }
    }

    /// In one line.
    pub(crate) fn line(&self) -> String {
        let until = self.until.map_or_else(String::new, |until| format!(", until {}", time(until)));
        format!("{}{until}", self.detail)
    }

    fn wait(&mut self, wait: &Wait) {
        self.action = "wait";
        self.detail = format!("{}: {}{}", wait.cause, wait.detail, remedy(wait));
        self.until = wait.until;
    }
}

/// Why nothing happens, for those who wait for something to happen; none where a runtime lives and may work.
pub(crate) fn standstill(project: &Project, view: &TreeView<'_, '_>) -> Result<Option<String>, Failure> {
    if probe(&project.store.private_dir())?.is_none() {
        return Ok(Some(
            "no runtime lives here: nothing happens until `millrace run daemon` is started".to_owned(),
        ));
    }
    let selected = view.control()?.plan;
    let coming = coming(project, view, selected.as_ref(), true, source::now())?;
    Ok((coming.action == "wait").then(|| format!("the runtime waits: {}", coming.line())))
}
