//! `millrace hooks uninstall`

use clap::Args;
use serde::Serialize;

use super::site::{Site, hook};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer};
use crate::domain::hook::Hook;
use crate::workspace::hooks::{Owner, Removal, uninstall, would_take_out};

/// Take hooks out again, and put back what was there before, to the byte.
///
/// A hook that somebody edited since is left as it is and named, and so is one that calls Millrace by hand. Hooks of
/// Millrace's in the repository's own folder are taken out as well where `core.hooksPath` names another one by now.
#[derive(Debug, Args)]
pub(crate) struct UninstallArguments {
    /// The hooks [default: all of Millrace's].
    #[arg(value_name = "NAME", value_parser = hook())]
    hooks: Vec<Hook>,

    /// Also out of a folder of hooks that others use.
    #[arg(long)]
    shared: bool,
}

/// What was taken out.
#[derive(Debug, Serialize)]
struct Uninstalled {
    hooks: Vec<One>,
}

#[derive(Debug, Serialize)]
struct One {
    hook: &'static str,
    path: std::path::PathBuf,
    #[serde(flatten)]
    removal: Removal,
}

impl UninstallArguments {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        context.refuse_inside_a_stage()?;
        let site = Site::open(context)?;
        let names = if self.hooks.is_empty() { Hook::ALL.to_vec() } else { self.hooks.clone() };
        let mut hooks = Vec::new();
        for folder in &site.folders {
            let mut one = |hook: Hook, removal: Removal| {
                if removal != Removal::NotThere {
                    let path = folder.path.join(hook.as_str());
                    hooks.push(One { hook: hook.as_str(), path, removal });
                }
            };
            if self.shared || folder.owner == Owner::Repository {
                for (hook, removal) in uninstall(&folder.path, &names, &site.program)? {
                    one(hook, removal);
                }
                continue;
            }
            for hook in &names {
                match would_take_out(&folder.path, *hook, &site.program)? {
                    Removal::Removed | Removal::Restored => {
                        let why = format!(
                            "{} is used by others as well; say `--shared` to take hooks out of it all the same",
                            folder.path.display()
                        );
                        one(*hook, Removal::Left { why });
                    }
                    other => one(*hook, other),
                }
            }
        }
        answer(context, &Uninstalled { hooks })
    }
}

impl Answer for Uninstalled {
    const KIND: &'static str = "hooks_uninstall";

    fn text(&self, page: &mut Page) {
        if self.hooks.is_empty() {
            page.line("nothing to do: no hook of Millrace's is here");
        }
        for one in &self.hooks {
            page.line(match &one.removal {
                Removal::Removed | Removal::NotThere => {
                    format!("{}: removed {}", one.hook, one.path.display())
                }
                Removal::Restored => {
                    format!(
                        "{}: removed; the hook that was there before is at {} again",
                        one.hook,
                        one.path.display()
                    )
                }
                Removal::Left { why } => format!("{}: left: {why}", one.hook),
            });
        }
    }

    fn exit(&self) -> Exit {
        let left = self.hooks.iter().any(|one| matches!(one.removal, Removal::Left { .. }));
        if left { Exit::Refused } else { Exit::Done }
    }
}
