//! A review for a terminal.

use super::{Review, StageReview};
use crate::cli::moments::{elapsed, seconds, time};
use crate::cli::page::Page;
use crate::domain::usage::Usd;
use crate::format::count::counted;
use crate::format::message;

/// Lines of the task that are shown.
pub(super) const TASK_LINES: usize = 40;

/// Files that are named.
pub(super) const FILES: usize = 50;

/// Characters of what a stage says.
const SAID: usize = 1000;

impl Review {
    /// How the run went, in one line.
    pub(super) fn outcome(&self) -> String {
        match &self.reason {
            Some(reason) => format!("{} ({reason})", self.state),
            None => self.state.to_owned(),
        }
    }

    /// What is known of the run, each with its name.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![
            (if self.judges { "judges" } else { "item" }, format!("{}: {}", self.item, self.title)),
            ("outcome", self.outcome()),
        ];
        facts.extend(self.continues.iter().map(|run| ("goes on with", format!("run {run}"))));
        let mode = self.mode.as_ref().map(|mode| format!(" (mode {mode})")).unwrap_or_default();
        facts.push(("plan", format!("{}{mode}", self.plan)));
        let base = self.code.base.map(|base| format!(", on commit {}", base.short())).unwrap_or_default();
        facts.push(("began", format!("{}{base}", time(self.opened_at))));
        facts
            .extend(self.ended_at.map(|at| {
                ("ended", format!("{}, after {}", time(at), elapsed(seconds(self.opened_at, at))))
            }));
        facts.push(("used", self.used.line()));
        facts.push(("record", self.record.clone()));
        facts
    }

    /// The lines of the task that are shown, and how many more there are.
    pub(super) fn task_lines(&self) -> (String, usize) {
        let shown: Vec<&str> = self.task.text.lines().take(TASK_LINES).collect();
        let more = self.task.text.lines().count() - shown.len();
        (shown.join("\n"), more)
    }

    pub(super) fn on(&self, page: &mut Page) {
        page.heading(format!("Run {}: {}", self.run, self.outcome()));
        page.gap();
        page.fields(&self.facts());

        page.gap();
        page.heading("Task");
        let (text, more) = self.task_lines();
        page.foreign(&text);
        if more > 0 {
            page.line(format!(
                "and {}: git cat-file blob {}",
                counted(more, "more line"),
                self.task.document.short()
            ));
        }

        page.gap();
        page.heading("Stages");
        if self.stages.is_empty() {
            page.line("none yet");
        }
        page.table(&self.stages.iter().map(StageReview::row).collect::<Vec<_>>());
        for stage in self.stages.iter().filter(|stage| stage.has_words()) {
            page.gap();
            page.line(&stage.name);
            if let Some(said) = &stage.said {
                page.line(format!("  {}", message::one_line(said, SAID)));
            }
            for finding in &stage.findings {
                page.line(format!("  finding: {finding}"));
            }
        }
        if !self.verdict.is_empty() {
            page.gap();
            page.heading("Verdict");
            for criterion in &self.verdict {
                page.line(format!("{} {}: {}", criterion.finding.as_str(), criterion.id, criterion.text));
                page.line(format!("  {}", message::one_line(&criterion.evidence, SAID)));
            }
        }

        page.gap();
        page.heading("Code");
        page.line(&self.code.lies);
        if let Some(changed) = self.code.changed.as_ref().filter(|changed| changed.changed > 0) {
            let files = changed.files.iter().take(FILES);
            page.table(&files.map(|file| vec![file.name(), file.lines()]).collect::<Vec<_>>());
            if changed.changed > FILES {
                page.line(format!("and {}", counted(changed.changed - FILES, "more file")));
            }
            page.line(changed.line());
            page.line(format!("git diff {} {}", self.code.start.short(), self.code.end.short()));
        }
        if !self.created.is_empty() {
            page.gap();
            page.heading("Made");
            let row =
                |made: &super::Created| vec![made.item.to_string(), made.state.unwrap_or("?").to_owned()];
            page.table(&self.created.iter().map(row).collect::<Vec<_>>());
        }
        page.gap();
        page.heading("Open");
        if self.open.is_empty() {
            page.line("nothing");
        }
        for open in &self.open {
            page.line(open);
        }
    }
}

impl super::Used {
    /// In one line.
    pub(super) fn line(&self) -> String {
        let known = |amount: Option<String>, unknown: u32| match amount {
            None => "unknown".to_owned(),
            Some(amount) if unknown == 0 => amount,
            Some(amount) => format!("at least {amount}"),
        };
        format!(
            "{}, {}, tokens {}, cost {}",
            counted(self.launches, "launch"),
            elapsed(i64::try_from(self.wall_seconds).unwrap_or(i64::MAX)),
            known(self.tokens.map(|tokens| tokens.to_string()), self.tokens_unknown),
            known(self.cost_usd.map(|cost| format!("{cost} USD")), self.cost_unknown),
        )
    }
}

impl StageReview {
    fn has_words(&self) -> bool {
        self.said.as_ref().is_some_and(|said| !said.is_empty()) || !self.findings.is_empty()
    }

    /// Name, result, where it led, time, tokens, cost, change.
    pub(super) fn row(&self) -> Vec<String> {
        let unknown = || "-".to_owned();
        vec![
            self.name.clone(),
            self.came_to.clone().unwrap_or_else(|| "under way".to_owned()),
            self.next.as_ref().map_or_else(unknown, |next| format!("-> {next}")),
            self.took_seconds.map_or_else(unknown, elapsed),
            self.tokens.map_or_else(unknown, |tokens| format!("{tokens} tokens")),
            self.cost_usd.map_or_else(unknown, |cost: Usd| format!("{cost} USD")),
            self.changed
                .as_ref()
                .map_or_else(|| "code not here".to_owned(), crate::cli::diffstat::DiffStat::line),
        ]
    }
}
