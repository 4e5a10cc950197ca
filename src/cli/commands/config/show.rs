//! `millrace config show`

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer};
use crate::format::config::{Setting, settings};
use crate::runtime::plans;
use crate::workspace::bootstrap::{AGENTS, CONFIG};

/// Show the whole configuration: every key, its value, when a change is taken over, and where the value comes from.
///
/// It is what a compile would read now; the selected plan has what was read when it was compiled. A change counts
/// `at_once` for a running daemon, by a `compile` for the runs that begin after it, or has `no_effect`. Values that look
/// like secrets are not shown.
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// Another configuration file than millrace-agents/millrace.toml.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// A whole configuration.
#[derive(Debug, Serialize)]
struct Shown {
    /// The file, whether it is there or not.
    file: String,
    /// Whether it is there; where it is not, everything is a default.
    exists: bool,
    settings: Vec<Shows>,
    warnings: Vec<String>,
    /// What the text calls the file.
    #[serde(skip)]
    called: String,
}

#[derive(Debug, Serialize)]
struct Shows {
    section: String,
    key: String,
    /// Null where nothing is set, and nothing is the default.
    value: Option<toml::Value>,
    /// `default` or `file`.
    source: &'static str,
    /// The line of the file.
    line: Option<usize>,
    /// When a change is taken over: `at_once`, `compile` or `no_effect`.
    boundary: &'static str,
}

impl From<Setting> for Shows {
    fn from(setting: Setting) -> Self {
        let boundary = setting.boundary().as_str();
        let Setting { section, key, value, line } = setting;
        Self { section, key, value, source: if line.is_some() { "file" } else { "default" }, line, boundary }
    }
}

impl ShowArguments {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open()?;
        let (loaded, exists) = plans::load_or_defaults(&project, self.config.as_deref())?;
        let shown = Shown {
            settings: settings(&loaded).into_iter().map(Shows::from).collect(),
            warnings: loaded.warnings.iter().map(ToString::to_string).collect(),
            called: match &self.config {
                Some(_) => loaded.file.clone(),
                None => format!("{AGENTS}/{CONFIG}"),
            },
            file: loaded.file,
            exists,
        };
        answer(context, &shown)
    }
}

impl Answer for Shown {
    const KIND: &'static str = "config_show";

    fn text(&self, page: &mut Page) {
        if !self.exists {
            page.line(format!("there is no {}: these are the defaults", self.called));
        }
        for section in self.settings.chunk_by(|one, next| one.section == next.section) {
            page.gap();
            page.line(format!("[{}]", section.first().map_or("", |first| &first.section)));
            let rows: Vec<Vec<String>> = section
                .iter()
                .map(|setting| {
                    vec![
                        setting.key.clone(),
                        setting.boundary.to_owned(),
                        match setting.line {
                            Some(line) => format!("{}:{line}", self.called),
                            None => "default".to_owned(),
                        },
                        // Last, because some are long.
                        setting.value.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
                    ]
                })
                .collect();
            page.indented("  ", &rows);
        }
        for (n, warning) in self.warnings.iter().enumerate() {
            if n == 0 {
                page.gap();
            }
            page.line(format!("warning: {warning}"));
        }
    }
}
