//! `millrace hooks install`

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::site::{Site, hook};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer};
use crate::domain::hook::Hook;
use crate::workspace::hooks::{Done, Obstacle, install, obstacles, shared_bits, usual};

/// Put hooks in: small sh files that hand what git tells them to `millrace hook`.
///
/// Without names: post-receive in a bare repository; pre-push, post-commit and post-merge in a work tree. A hook that
/// is there already is kept: it is moved aside to NAME.before-millrace, and runs first, with the same arguments,
/// environment and input; what it refuses is refused. Where a hook manager keeps the hooks, nothing is changed, and
/// what to add to its configuration is said; nor where a hook may look at its own name, which would be another one. All
/// of the hooks are put in, or none. A second time changes nothing.
///
/// By hand: write a hook that runs `millrace hook NAME "$@"`.
#[derive(Debug, Args)]
pub(crate) struct InstallArguments {
    /// The hooks [default: what fits the kind of repository].
    #[arg(value_name = "NAME", value_parser = hook())]
    hooks: Vec<Hook>,

    /// Also into a folder of hooks that others use: one outside of this repository (a global `core.hooksPath`), or one
    /// that is under version control; and where a hook manager is set up that is not installed yet.
    #[arg(long)]
    shared: bool,
}

/// What was put in.
#[derive(Debug, Serialize)]
struct Installed {
    folder: PathBuf,
    /// The program that the hooks call.
    program: PathBuf,
    hooks: Vec<One>,
}

#[derive(Debug, Serialize)]
struct One {
    hook: &'static str,
    done: Done,
    path: PathBuf,
    /// The hook that was there, where it is now.
    runs_first: Option<PathBuf>,
}

impl InstallArguments {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        context.refuse_inside_a_stage()?;
        let site = Site::open(context)?;
        let mut names = if self.hooks.is_empty() {
            usual(site.repository.is_bare()).to_vec()
        } else {
            self.hooks.clone()
        };
        names.sort_unstable();
        names.dedup();
        let folder = site.used();
        let found = obstacles(folder, &names, &site.program, self.shared)?;
        if !found.is_empty() {
            return Err(refused(&found));
        }
        let bits = shared_bits(&site.repository)?;
        let done = install(&folder.path, &names, &site.program, bits)?;
        let hooks = done
            .into_iter()
            .map(|(hook, done)| {
                let before = folder.path.join(format!("{hook}.before-millrace"));
                One {
                    hook: hook.as_str(),
                    done,
                    path: folder.path.join(hook.as_str()),
                    runs_first: before.symlink_metadata().is_ok().then_some(before),
                }
            })
            .collect();
        answer(context, &Installed { folder: folder.path.clone(), program: site.program, hooks })
    }
}

/// Each thing that stands in the way once, and what to do about them.
fn refused(obstacles: &[Obstacle]) -> Failure {
    let mut failure = Failure::failed("no hook was put in");
    let mut advice: Vec<String> = Vec::new();
    for obstacle in obstacles {
        for line in Failure::failed(obstacle).lines {
            if !failure.lines.contains(&line) {
                failure.lines.push(line);
            }
        }
        let more = obstacle.advice();
        if !advice.contains(&more) {
            advice.push(more);
        }
    }
    failure.hint(advice.join("; "))
}

impl Answer for Installed {
    const KIND: &'static str = "hooks_install";

    fn text(&self, page: &mut Page) {
        for one in &self.hooks {
            let before = one.runs_first.as_ref().map_or_else(String::new, |before| {
                format!("; the hook that was there runs first, as {}", before.display())
            });
            let path = one.path.display();
            page.line(match one.done {
                Done::Installed | Done::Chained => format!("{}: installed at {path}{before}", one.hook),
                Done::Renewed => format!("{}: brought up to date at {path}{before}", one.hook),
                Done::Unchanged => format!("{}: is there already, at {path}{before}", one.hook),
                Done::ByHand => format!("{}: {path} calls Millrace already, and was left as it is", one.hook),
            });
        }
    }
}
