//! The launches of a run: which there are, and which is under way.

use std::collections::BTreeMap;

use crate::cli::failure::Failure;
use crate::domain::ids::{Nonce, PlanId, RunId};
use crate::domain::place::{self, launch_name};
use crate::domain::run::RunEnd;
use crate::domain::view::{Fault, View as _};
use crate::ledger::view::TreeView;
use crate::runtime::live::LiveStream;
use crate::runtime::project::Project;
use crate::runtime::runner;
use crate::runtime::stage::invocation_dir;

/// A launch that has no end yet.
#[derive(Debug, Clone)]
pub(super) struct Live {
    pub(super) number: u32,
    pub(super) nonce: Nonce,
    /// The plan that it runs by.
    pub(super) plan: PlanId,
}

impl Live {
    /// One of its streams.
    pub(super) fn stream(
        &self,
        project: &Project,
        view: &TreeView<'_, '_>,
        name: &'static str,
    ) -> Result<LiveStream, Failure> {
        let rules = runner::redaction(view, &self.plan).map_err(Failure::failed)?;
        Ok(LiveStream::new(&invocation_dir(project, &self.nonce), name, rules))
    }
}

/// The launches of a run at one moment.
#[derive(Debug, Clone)]
pub(super) struct Launches {
    run: RunId,
    /// Their folders, by number.
    names: BTreeMap<u32, String>,
    pub(super) live: Option<Live>,
    /// How the run ended; none while it is active.
    pub(super) end: Option<RunEnd>,
}

impl Launches {
    pub(super) fn of(view: &TreeView<'_, '_>, run: &RunId) -> Result<Self, Fault> {
        let record = view
            .run_record(run)?
            .ok_or_else(|| Fault { at: place::run_record(run).to_string(), detail: "missing".to_owned() })?;
        let mut names: BTreeMap<u32, String> = view
            .list(&place::run_folder(run))?
            .iter()
            .filter(|entry| entry.folder)
            .filter_map(|entry| Some((entry.name.split('-').next()?.parse().ok()?, entry.name.clone())))
            .collect();
        let mut live = None;
        if let Some(active) = view.run(run)?
            && let Some(launch) = active.launch
        {
            names.insert(launch.number, launch_name(launch.number, &active.stage.stage));
            live = Some(Live { number: launch.number, nonce: launch.nonce, plan: active.plan });
        }
        Ok(Self { run: run.clone(), names, live, end: record.end })
    }

    /// The number of the newest; 0 where there is none.
    pub(super) fn newest(&self) -> u32 {
        self.names.keys().next_back().copied().unwrap_or(0)
    }

    /// The launch that is asked for, or the newest.
    pub(super) fn pick(&self, asked: Option<u32>) -> Result<u32, Failure> {
        let newest = self.newest();
        let number = asked.unwrap_or(newest);
        if self.names.contains_key(&number) {
            return Ok(number);
        }
        let what = match asked {
            Some(number) => format!("run {} has no launch {number}", self.run),
            None => format!("run {} has no launch yet", self.run),
        };
        let hint = format!("`millrace runs show {}` lists its launches", self.run);
        Err(Failure::failed(what).hint(hint))
    }

    /// The name of a launch's folder.
    pub(super) fn name(&self, number: u32) -> String {
        self.names.get(&number).cloned().unwrap_or_else(|| number.to_string())
    }
}
