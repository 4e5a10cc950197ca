//! `millrace completions`

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};
use serde::Serialize;

use crate::cli::arguments::Arguments;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer};

/// Print the completions for a shell.
///
/// The shell reads them from a file, or at its start: `source <(millrace completions bash)`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// The shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// What completes commands and options in one shell.
#[derive(Debug, Serialize)]
struct Completions {
    shell: String,
    script: String,
}

impl CompletionsArguments {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let mut script = Vec::new();
        generate(self.shell, &mut Arguments::command(), "millrace", &mut script);
        let script = String::from_utf8_lossy(&script).into_owned();
        answer(context, &Completions { shell: self.shell.to_string(), script })
    }
}

impl Answer for Completions {
    const KIND: &'static str = "completions";

    fn text(&self, page: &mut Page) {
        page.verbatim(&self.script);
    }
}
