//! `millrace modes list`

use clap::Args;
use serde::Serialize;

use crate::cli::commands::init::mode;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer};
use crate::compile::{mode_ids, read_mode};
use crate::domain::ids::LoopId;
use crate::runtime::plans;

/// List the modes: the shipped ones, and those under millrace-agents/modes/.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {}

/// The modes.
#[derive(Debug, Serialize)]
struct Listed {
    modes: Vec<Mode>,
}

#[derive(Debug, Serialize)]
struct Mode {
    #[serde(rename = "mode")]
    id: String,
    execution_loop: Option<LoopId>,
    planning_loop: Option<LoopId>,
    /// Its file.
    from: String,
    /// Whether the selected plan was compiled from it.
    selected: bool,
    /// Why it cannot be read.
    errors: Vec<String>,
}

impl ListArguments {
    pub(super) fn run(context: &Context) -> Result<Exit, Failure> {
        let project = context.open()?;
        let assets = plans::assets(&project)?;
        let selected = match plans::selected(&project)? {
            Some(plan) => mode(&project, &plan)?,
            None => None,
        };
        let mut modes = Vec::new();
        for (name, file) in mode_ids(&assets) {
            let mut mode = Mode {
                selected: selected.as_ref().is_some_and(|selected| selected.as_str() == name),
                id: name,
                execution_loop: None,
                planning_loop: None,
                from: file.to_string(),
                errors: Vec::new(),
            };
            match read_mode(&assets, &mode.id) {
                Ok(read) => {
                    mode.execution_loop = Some(read.execution.value);
                    mode.planning_loop = Some(read.planning.value);
                }
                Err(problems) => mode.errors = problems.iter().map(ToString::to_string).collect(),
            }
            modes.push(mode);
        }
        answer(context, &Listed { modes })
    }
}

impl Answer for Listed {
    const KIND: &'static str = "modes_list";

    fn text(&self, page: &mut Page) {
        let loop_id = |id: &Option<LoopId>| id.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        let rows: Vec<Vec<String>> = self
            .modes
            .iter()
            .map(|mode| {
                vec![
                    mode.id.clone(),
                    loop_id(&mode.execution_loop),
                    loop_id(&mode.planning_loop),
                    mode.from.clone(),
                    if mode.selected { "selected".to_owned() } else { String::new() },
                ]
            })
            .collect();
        page.table(&rows);
        for error in self.modes.iter().flat_map(|mode| &mode.errors) {
            page.line(format!("error: {error}"));
        }
    }
}
