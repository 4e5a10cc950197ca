//! `millrace uninstall`

use std::path::PathBuf;

use clap::Args;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::hooks::program;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer};
use crate::domain::hook::Hook;
use crate::runtime::project::OpenError;
use crate::runtime::source;
use crate::runtime::uninstall::{
    UninstallError, active_items, bundle, check_bundle, inventory, keep_runtimes_away, remove,
};
use crate::workspace::discover::Repository;
use crate::workspace::hooks::{Owner, Removal, folders, uninstall, would_take_out};

/// Take Millrace out of this repository: its refs, its files, its hooks.
///
/// Without --yes it only lists what would go. The record is written to a bundle first, so that it can be brought back:
/// `git bundle list-heads FILE` shows what is in it, and `git fetch FILE 'refs/millrace/*:refs/millrace/*'` takes it
/// into a repository that has the commits which this one's branches and tags hold; `millrace recover` then makes again
/// what is derived from it.
///
/// What people wrote stays and is named: `millrace-agents/` with its configuration, a server's rules, hooks that were
/// edited. Git objects stay until git's own gc removes what nothing refers to. What was shared to a remote stays there.
#[derive(Debug, Args)]
pub(crate) struct UninstallArguments {
    /// Do it.
    #[arg(long)]
    yes: bool,

    /// Where the record is written to [default: millrace-TIME.bundle in the git directory].
    #[arg(long, value_name = "FILE", conflicts_with = "no_bundle")]
    bundle: Option<PathBuf>,

    /// Keep no copy of the record.
    #[arg(long)]
    no_bundle: bool,

    /// Also while items are being worked on. A runtime that lives has to be stopped first in any case.
    #[arg(long)]
    even_active: bool,
}

/// What was taken out, or would be.
#[derive(Debug, Serialize)]
struct Uninstalled {
    /// Whether it was done.
    done: bool,
    /// The copy of the record.
    bundle: Option<PathBuf>,
    /// Refs that are commits of the user's own branches, and so are not in the bundle.
    not_in_bundle: Vec<String>,
    refs: Vec<String>,
    paths: Vec<PathBuf>,
    hooks: Vec<One>,
    /// What stays.
    left: Vec<String>,
}

#[derive(Debug, Serialize)]
struct One {
    hook: &'static str,
    path: PathBuf,
    #[serde(flatten)]
    removal: Removal,
}

impl From<UninstallError> for Failure {
    fn from(error: UninstallError) -> Self {
        match error {
            UninstallError::Store(error) => error.into(),
            UninstallError::Lock(error) => error.into(),
            UninstallError::Running(_) => Self::new(Exit::Busy, error),
            UninstallError::BundleThere(_) | UninstallError::BundleInside(_) => Self::input(error),
            UninstallError::Probe(_) | UninstallError::BundleShort { .. } | UninstallError::Io { .. } => {
                Self::failed(error)
            }
        }
    }
}

impl UninstallArguments {
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        context.refuse_inside_a_stage()?;
        let repository = Repository::discover(&context.workspace)
            .map_err(|error| Failure::from(OpenError::Discover(error)))?;
        if !self.even_active {
            refuse_active(&repository)?;
        }
        if !self.yes {
            return self.list(context, &repository);
        }
        let found = inventory(&repository)?;
        if found.refs.is_empty() && found.paths.is_empty() && hooks(&repository, false)?.is_empty() {
            // No lock is taken, which would leave something behind.
            return self.list(context, &repository);
        }
        let runtimes = keep_runtimes_away(&repository)?;
        // Again, now that nobody adds to it.
        let found = inventory(&repository)?;
        let target = (!self.no_bundle && !found.refs.is_empty()).then(|| self.target(&repository));
        let not_in_bundle = match &target {
            Some(path) => bundle(&repository, path, &found.refs).map_err(|error| {
                let failure = Failure::from(error);
                if failure.hint.is_some() || failure.exit == Exit::Input {
                    return failure;
                }
                failure.hint("nothing was removed; `--no-bundle` goes on without a copy of the record")
            })?,
            None => Vec::new(),
        };
        let hooks = hooks(&repository, true)?;
        remove(&repository, &found)?;
        drop(runtimes);
        let answered = Uninstalled {
            done: true,
            bundle: target,
            not_in_bundle,
            refs: found.refs.into_iter().map(|(name, _)| name).collect(),
            paths: found.paths,
            hooks,
            left: found.left,
        };
        answer(context, &answered)
    }

    fn list(&self, context: &Context, repository: &Repository) -> Result<Exit, Failure> {
        let found = inventory(repository)?;
        let target = (!self.no_bundle && !found.refs.is_empty()).then(|| self.target(repository));
        if let Some(path) = &target {
            check_bundle(repository, path)?;
        }
        let listed = Uninstalled {
            done: self.yes,
            bundle: target,
            not_in_bundle: Vec::new(),
            refs: found.refs.into_iter().map(|(name, _)| name).collect(),
            paths: found.paths,
            hooks: hooks(repository, false)?,
            left: found.left,
        };
        answer(context, &listed)
    }

    fn target(&self, repository: &Repository) -> PathBuf {
        self.bundle.clone().map_or_else(
            || {
                let time = source::now().to_zoned(TimeZone::UTC).strftime("%Y%m%d-%H%M%S");
                repository.common_dir.join(format!("millrace-{time}.bundle"))
            },
            // git runs elsewhere.
            |path| std::path::absolute(&path).unwrap_or(path),
        )
    }
}

fn refuse_active(repository: &Repository) -> Result<(), Failure> {
    let hint = "`--even-active` takes Millrace out all the same";
    let active = active_items(repository).map_err(|error| Failure::from(error).hint(hint))?;
    if active.is_empty() {
        return Ok(());
    }
    Err(Failure::new(Exit::Refused, format!("still being worked on: {}", active.join(", "))).hint(hint))
}

/// Takes our hooks out of the repository's own folders, or tells what that would come to.
fn hooks(repository: &Repository, really: bool) -> Result<Vec<One>, Failure> {
    let program = program()?;
    let mut all = Vec::new();
    for folder in folders(repository)? {
        let own = folder.owner == Owner::Repository;
        let found = if really && own {
            uninstall(&folder.path, &Hook::ALL, &program)?
        } else {
            let mut found = Vec::new();
            for hook in Hook::ALL {
                found.push((hook, would_take_out(&folder.path, hook, &program)?));
            }
            found
        };
        for (hook, removal) in found {
            let path = folder.path.join(hook.as_str());
            let removal = match removal {
                Removal::NotThere => continue,
                Removal::Removed | Removal::Restored if !own => Removal::Left {
                    why: format!(
                        "{} is used by others as well; `millrace hooks uninstall --shared` takes hooks out of it",
                        folder.path.display()
                    ),
                },
                other => other,
            };
            all.push(One { hook: hook.as_str(), path, removal });
        }
    }
    Ok(all)
}

impl Answer for Uninstalled {
    const KIND: &'static str = "uninstall";

    fn text(&self, page: &mut Page) {
        let nothing = self.refs.is_empty() && self.paths.is_empty() && self.hooks.is_empty();
        if nothing {
            page.line("nothing to do: nothing of Millrace's is here");
        }
        let (verb, wrote) = if self.done { ("removed", "wrote") } else { ("would remove", "would write") };
        if let Some(path) = &self.bundle {
            page.line(format!("{wrote} the record to {}", path.display()));
        }
        for name in &self.not_in_bundle {
            page.line(format!("{name} is not in it: a branch or a tag of your own has its commit"));
        }
        for name in &self.refs {
            page.line(format!("{verb} {name}"));
        }
        for path in &self.paths {
            page.line(format!("{verb} {}", path.display()));
        }
        for one in &self.hooks {
            page.line(match &one.removal {
                Removal::Restored => {
                    format!("{verb} the hook {}, and put back what was there before", one.path.display())
                }
                Removal::Left { why } => format!("left the hook {}: {why}", one.hook),
                Removal::Removed | Removal::NotThere => format!("{verb} the hook {}", one.path.display()),
            });
        }
        for what in &self.left {
            page.line(format!("left {what}"));
        }
        if !nothing {
            page.line("git objects that nothing refers to stay until git's own gc");
        }
        if !self.done && !nothing {
            page.gap();
            page.line("nothing was changed; `--yes` does it");
        }
    }
}
