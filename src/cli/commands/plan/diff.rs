//! `millrace plan diff`

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use serde::Serialize;
use similar::TextDiff;

use super::named;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::lookup;
use crate::cli::page::Page;
use crate::cli::plan_source::PlanSource;
use crate::cli::stdout::{Answer, answer};
use crate::runtime::plans;

/// Lines around a change that are shown with it, as git does.
const CONTEXT: usize = 3;

/// Show what differs between two frozen plans, file by file; or between one plan and what the files would give now.
///
/// Without a plan: from the selected one to what `millrace compile validate` would select. With one: from it to that.
/// `git diff refs/millrace/state:plans/<from> refs/millrace/state:plans/<to>` shows the same of two frozen plans.
#[derive(Debug, Args)]
pub(crate) struct DiffArguments {
    /// The plan that is left; the selected one where none is named.
    #[arg(value_name = "FROM")]
    from: Option<String>,

    /// The plan that comes instead; what the files give now where none is named.
    #[arg(value_name = "TO", conflicts_with_all = ["mode", "config"])]
    to: Option<String>,

    /// Only name the files that differ, each with the number of its changed lines.
    #[arg(long)]
    stat: bool,

    #[command(flatten)]
    source: PlanSource,
}

/// What differs.
#[derive(Debug, Serialize)]
struct Difference {
    from: String,
    to: String,
    files: Vec<ChangedFile>,
    #[serde(skip)]
    stat: bool,
}

#[derive(Debug, Serialize)]
struct ChangedFile {
    path: String,
    change: Change,
    added: usize,
    removed: usize,
    /// The change as a unified diff.
    diff: String,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Change {
    Added,
    Removed,
    Changed,
}

type Contents = BTreeMap<String, Vec<u8>>;

impl DiffArguments {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open()?;
        let trees = project.trees();
        let view = project.view(&trees)?;
        let from = named(&view, self.from.as_deref())?;
        let left = plans::files(&view, &from)?;
        let (to, right) = if let Some(to) = &self.to {
            let to = lookup::plan(&view, to)?;
            let files = plans::files(&view, &to)?;
            (to, files)
        } else {
            let (mode, config) = (self.source.mode()?, self.source.config());
            let compiled = plans::dry_compile(&project, mode.as_ref(), config)?;
            (compiled.id.clone(), plans::files_of(compiled))
        };
        let (from, to) = (from.to_string(), to.to_string());
        answer(context, &Difference { files: compare(&left, &right), from, to, stat: self.stat })
    }
}

fn compare(left: &Contents, right: &Contents) -> Vec<ChangedFile> {
    let paths: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    let mut paths: Vec<&String> =
        paths.into_iter().filter(|path| left.get(*path) != right.get(*path)).collect();
    // The record first: it is the plan, the rest is what it names.
    paths.sort_by_key(|path| *path != plans::RECORD);
    paths.into_iter().map(|path| changed(path, left.get(path), right.get(path))).collect()
}

fn changed(path: &str, left: Option<&Vec<u8>>, right: Option<&Vec<u8>>) -> ChangedFile {
    let text = |bytes: Option<&Vec<u8>>| {
        bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
    };
    let (old, new) = (text(left), text(right));
    let diff = TextDiff::from_lines(&old, &new);
    let name = |side: &str, there: bool| {
        if there { format!("{side}/{path}") } else { "/dev/null".to_owned() }
    };
    let count = |tag| diff.iter_all_changes().filter(|change| change.tag() == tag).count();
    ChangedFile {
        path: path.to_owned(),
        change: match (left, right) {
            (None, _) => Change::Added,
            (_, None) => Change::Removed,
            _ => Change::Changed,
        },
        added: count(similar::ChangeTag::Insert),
        removed: count(similar::ChangeTag::Delete),
        diff: diff
            .unified_diff()
            .context_radius(CONTEXT)
            .header(&name("a", left.is_some()), &name("b", right.is_some()))
            .to_string(),
    }
}

impl Answer for Difference {
    const KIND: &'static str = "plan_diff";

    fn text(&self, page: &mut Page) {
        if self.files.is_empty() {
            page.line(format!("{} and {} are the same plan", self.from, self.to));
            return;
        }
        page.line(format!("from {}", self.from));
        page.line(format!("to   {}", self.to));
        page.gap();
        if self.stat {
            let row = |file: &ChangedFile| {
                vec![file.path.clone(), format!("+{}", file.added), format!("-{}", file.removed)]
            };
            page.table(&self.files.iter().map(row).collect::<Vec<_>>());
            return;
        }
        for file in &self.files {
            // A plan may be somebody else's: its lines reach the terminal as text only.
            for line in file.diff.lines() {
                page.line(line);
            }
        }
    }
}
