//! `millrace modes show`

use clap::Args;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer};
use crate::compile::{ModeText, read_mode};
use crate::runtime::plans;

/// Show a mode: its two loops, and what it changes about their stages, each with its place.
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// The mode.
    #[arg(value_name = "MODE", required_unless_present = "mode", conflicts_with = "mode")]
    id: Option<String>,

    /// The mode, as other commands take it.
    #[arg(long, value_name = "MODE")]
    mode: Option<String>,
}

/// A mode.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Shown(ModeText);

impl ShowArguments {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open()?;
        let assets = plans::assets(&project)?;
        let name = self.id.as_deref().or(self.mode.as_deref()).unwrap_or_default();
        let mode = read_mode(&assets, name).map_err(|problems| Failure {
            exit: Exit::Input,
            lines: problems.iter().map(ToString::to_string).collect(),
            hint: Some("`millrace modes list` shows the modes".to_owned()),
        })?;
        answer(context, &Shown(mode))
    }
}

impl Answer for Shown {
    const KIND: &'static str = "modes_show";

    fn text(&self, page: &mut Page) {
        let mode = &self.0;
        let row = |name: &str, value: String, from: String| vec![name.to_owned(), value, from];
        page.table(&[
            row("mode", mode.mode.to_string(), mode.file.to_string()),
            row("execution loop", mode.execution.value.to_string(), mode.execution.from.to_string()),
            row("planning loop", mode.planning.value.to_string(), mode.planning.from.to_string()),
        ]);
        for (stage, changes) in &mode.stages {
            page.gap();
            page.line(stage);
            let mut rows = Vec::new();
            for (name, said) in
                [("entrypoint", &changes.entrypoint), ("model", &changes.model), ("runner", &changes.runner)]
            {
                rows.extend(said.iter().map(|said| row(name, said.value.clone(), said.from.to_string())));
            }
            let skills = changes.added_skills.iter();
            rows.extend(skills.map(|said| row("added skill", said.value.clone(), said.from.to_string())));
            page.indented("  ", &rows);
        }
        if mode.stages.is_empty() {
            page.line("it changes nothing about their stages");
        }
    }
}
