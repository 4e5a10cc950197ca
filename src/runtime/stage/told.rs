//! Told: what a launch is given because of what came before it: why the last handoff was not taken, what an operator
//! says, the runtime error that a repair stage is called for, and whose work the run goes on with.

use std::fmt::Write as _;

use super::context::{Stage, StageError};
use super::history::{Past, launches};
use crate::domain::ids::{FailureClass, RunId};
use crate::domain::place;
use crate::domain::result::Judgement;
use crate::domain::run::{Failure, Run};
use crate::domain::runtime_error::RuntimeError;
use crate::domain::stage_file;
use crate::domain::view::View as _;
use crate::ledger::view::TreeView;

/// What the runtime error codes mean: part of the program, so that every stage can be given it.
const CATALOGUE: &str = include_str!("../../../docs/runtime/millrace-runtime-error-codes.md");

/// What a launch is told.
#[derive(Default)]
pub(super) struct Told {
    /// Files by their names, in the order in which they are to be read.
    pub(super) files: Vec<(&'static str, Vec<u8>)>,
    /// The blocked run whose work the run goes on with.
    pub(super) continues: Option<RunId>,
    /// The runtime error that a repair stage is called for.
    pub(super) error: Option<FailureClass>,
}

impl Told {
    /// From the ledger alone: the same for every launch that starts from the same state. A run that is not open yet has
    /// nothing behind it but an operator's note.
    pub(super) fn of(
        view: &TreeView<'_, '_>,
        stage: &Stage,
        failure: Option<&Failure>,
    ) -> Result<Self, StageError> {
        let mut told = Self::default();
        let run = view.run(&stage.run)?;
        if let Some(run) = &run {
            told.continues.clone_from(&run.continues);
            let past = launches(view, &run.run)?;
            if let Some(last) = last_of(&past, stage).filter(|last| was_rejected(last)) {
                told.add(stage_file::REJECTED, rejected(run, stage, last));
            }
            let code = failure.filter(|failure| RuntimeError::of_code(&failure.class).is_some());
            let code = code.filter(|_| stage.planned.repair);
            if let Some(failure) = code {
                told.error = Some(failure.class.clone());
                told.add(stage_file::ERROR_REPORT, report(stage, failure, &past));
                told.add(stage_file::ERROR_CATALOGUE, CATALOGUE.to_owned());
            }
        }
        if let Some(note) = view.file(&place::note(&stage.item))? {
            told.files.push((stage_file::NOTE, note));
        }
        Ok(told)
    }

    fn add(&mut self, name: &'static str, text: String) {
        self.files.push((name, text.into_bytes()));
    }
}

/// The last launch of this stage that came to something. An outage or an interruption says nothing about its work.
fn last_of<'p>(past: &'p [Past], stage: &Stage) -> Option<&'p Past> {
    past.iter().rev().filter(|past| past.result.stage == stage.at).find(|past| {
        !matches!(past.result.judgement, Judgement::Infrastructure { .. } | Judgement::Interrupted { .. })
    })
}

fn was_rejected(past: &Past) -> bool {
    matches!(past.result.judgement, Judgement::Rejected { .. })
}

/// A text of a stage inside a list: its lines stay in its entry.
fn entry(text: &str) -> String {
    format!("- {}\n", text.replace('\n', "\n  "))
}

/// Why the stage's last handoff was not taken: `rejected.md`.
fn rejected(run: &Run, stage: &Stage, last: &Past) -> String {
    let Judgement::Rejected { result, code, problems, .. } = &last.result.judgement else {
        return String::new();
    };
    let more = stage.plan.limits.max_rejected_handoffs.saturating_sub(run.rejections);
    let tree = if run.closure {
        "The work tree is the code to judge, as before."
    } else {
        "Your work in the tree is as you left it."
    };
    let mut text = format!(
        "# Your last handoff was not taken\n\nStage: {}\nLaunch: {}\nReported: {result}\nError-Code: {code}\n\
         Rejections left before this counts as a failure: {more}\n\n\
         {tree} Nothing that came with the result was taken in: whatever you still want \
         to hand over has to be handed over again, all of it. What it was lies in `{}/{}/`.\n\n## What is wrong\n\n",
        last.result.stage,
        last.result.launch,
        stage_file::EVIDENCE,
        last.name,
    );
    text.extend(problems.iter().map(|problem| entry(problem)));
    text
}

/// Which runtime error a repair stage is called for: `runtime_error_report.md`.
fn report(stage: &Stage, failure: &Failure, past: &[Past]) -> String {
    let failed = past.iter().find(|past| past.result.launch == failure.launch);
    // The run may have been through other failures since; the error is the last rejection of the stage that failed.
    let last = past.iter().rev().find(|past| was_rejected(past) && past.result.stage.stage == failure.stage);
    let last = last.or(failed);
    let none = || "none".to_owned();
    let (mut result, mut problems) = (none(), Vec::new());
    if let Some(Judgement::Rejected { result: reported, problems: found, .. }) =
        last.map(|last| &last.result.judgement)
    {
        result = reported.to_string();
        problems.clone_from(found);
    }
    let said = Some(problems.join("; ").replace('\n', " ")).filter(|said| !said.is_empty());
    let mut text = "# Runtime error\n\n".to_owned();
    for (label, value) in [
        ("Error-Code", failure.class.to_string()),
        ("Plane", stage.at.plane.to_string()),
        ("Failed-Stage", failure.stage.to_string()),
        ("Repair-Stage", stage.at.stage.to_string()),
        ("Run-ID", stage.run.to_string()),
        ("Work-Item", stage.item.to_string()),
        ("Router-Action", format!("run_stage {}", stage.at)),
        ("Terminal-Result", result),
        (
            "Stage-Result-Path",
            last.map_or_else(none, |last| format!("{}/{}", last.folder, stage_file::RESULT)),
        ),
        ("Exception-Type", "rejected_handoff".to_owned()),
        ("Exception-Message", said.unwrap_or_else(none)),
        ("Captured-At", last.map_or_else(none, |last| last.result.ended_at.to_string())),
    ] {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{label}: {value}");
    }
    text.push_str("\n## Summary\n\n");
    let of_stage = |past: &&Past| was_rejected(past) && past.result.stage.stage == failure.stage;
    for past in past.iter().filter(of_stage) {
        text.push_str(&entry(&past.in_words()));
    }
    let _ = writeln!(text, "\n`{}` says what the code means and what to do.", stage_file::ERROR_CATALOGUE);
    text
}
