//! Putting hooks in and taking them out. Everything is looked at before anything is changed; where one hook of several
//! cannot be put in, none is.

use std::fs::{File, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::folder::{Folder, Owner, Setting};
use super::manager::Manager;
use super::place::{self, Ours, Place, look};
use super::script::{self, State};
use crate::domain::hook::Hook;

/// Why a hook cannot be put in: what stands in the way, in few words. [`Obstacle::advice`] says what to do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Obstacle {
    /// The folder is none: `/dev/null` is how people switch hooks off.
    #[error("{} is not a folder, so no hook can be in it", .0.display())]
    NotAFolder(PathBuf),
    /// Others use the folder.
    #[error("{} is outside of this repository, and others may use it ({by})", .folder.display())]
    OthersFolder {
        /// The folder.
        folder: PathBuf,
        /// Where it is set.
        by: String,
    },
    /// Its files are under version control.
    #[error("{} is under version control, and everybody who clones the project gets it", .folder.display())]
    ProjectFolder {
        /// The folder.
        folder: PathBuf,
        /// The hook.
        name: Hook,
    },
    /// A hook manager keeps it.
    #[error("{manager} keeps the hooks here, and nothing is put beside its own", manager = .manager.as_str())]
    Managed {
        /// The manager.
        manager: Manager,
        /// The hook.
        name: Hook,
    },
    /// A hook manager is set up for the project, and not installed yet.
    #[error("{}: {manager} is set up here, and would move other hooks away", .file.display(), manager = .manager.as_str())]
    ManagedSoon {
        /// The manager.
        manager: Manager,
        /// Its configuration.
        file: PathBuf,
        /// The hook.
        name: Hook,
    },
    /// It was edited after it was put in.
    #[error("{} is Millrace's and was edited since", .0.display())]
    Edited(PathBuf),
    /// What is there is no file.
    #[error("{} is no file, so nothing can be put in its place", .0.display())]
    NoFile(PathBuf),
    /// Something stands where theirs would be moved to.
    #[error("{} is there already, so the hook that is there now cannot be kept under that name", .0.display())]
    AsideTaken(PathBuf),
    /// It would be called by another name.
    #[error("{} may look at the name that it is called by, and would get another one", .path.display())]
    ReadsItsName {
        /// The hook that is there.
        path: PathBuf,
        /// Its name.
        name: Hook,
    },
}

/// What lets hooks into a folder that others use.
const SHARED: &str = "`--shared` puts hooks there all the same";

/// What to do about a file that stands in the way.
const AWAY: &str = "move away what stands in the way";

impl Obstacle {
    /// What to do about it.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::NotAFolder(_) => format!("{AWAY}, or set core.hooksPath"),
            Self::OthersFolder { .. } => SHARED.to_owned(),
            Self::ProjectFolder { name, .. } => {
                format!("{SHARED}, or add to the project's own {name}: {}", script::line(*name))
            }
            Self::Managed { manager, name } => manager.advice(*name),
            Self::ManagedSoon { manager, name, .. } => format!("{SHARED}, or {}", manager.advice(*name)),
            Self::Edited(_) => "take the edit out, or move the file away".to_owned(),
            Self::NoFile(_) | Self::AsideTaken(_) => AWAY.to_owned(),
            Self::ReadsItsName { name, .. } => {
                format!(
                    "leave the hook as it is, and add to it: {} (docs/hooks.md, By hand)",
                    script::line(*name)
                )
            }
        }
    }
}

/// Why a change failed on the way.
#[derive(Debug, Error)]
#[error("cannot {action} {}: {source}", .path.display())]
pub struct ChangeError {
    /// What was tried.
    pub action: &'static str,
    /// On what.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ChangeError {
    let path = path.to_owned();
    move |source| ChangeError { action, path, source }
}

/// What putting a hook in came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Done {
    /// It is there now.
    Installed,
    /// It is there now, and runs the one that was there first.
    Chained,
    /// It was there from another version or for another program, and is up to date now.
    Renewed,
    /// It was there.
    Unchanged,
    /// Somebody's own hook calls us already; it was left as it is.
    ByHand,
}

/// What is in the way of putting these hooks in; nothing where they can be.
pub fn obstacles(
    folder: &Folder,
    names: &[Hook],
    program: &Path,
    shared: bool,
) -> Result<Vec<Obstacle>, ChangeError> {
    if folder.path.exists() && !folder.path.is_dir() {
        return Ok(vec![Obstacle::NotAFolder(folder.path.clone())]);
    }
    let mut found = Vec::new();
    for name in names {
        let (place, aside) = look(&folder.path, *name, program).map_err(failed("look at", &folder.path))?;
        let at = place::path(&folder.path, *name);
        match place {
            Place::Theirs(theirs) if theirs.calls_us => continue,
            Place::Ours(Ours { state: State::Current, .. }) => continue,
            Place::Ours(Ours { state: State::Edited, .. }) => found.push(Obstacle::Edited(at)),
            Place::NoFile => found.push(Obstacle::NoFile(at)),
            Place::Theirs(theirs) => {
                if let Some(before) = aside {
                    found.push(Obstacle::AsideTaken(before.path));
                } else if theirs.reads_its_name && folder.manager.is_none() {
                    found.push(Obstacle::ReadsItsName { path: at, name: *name });
                }
            }
            Place::Empty => found.extend(aside.map(|before| Obstacle::AsideTaken(before.path))),
            Place::Ours(_) => {}
        }
        // husky's folder is no place for anything that is not its own, whether it runs it or not.
        let kept = folder.manager.filter(|manager| manager.runs(*name) || *manager == Manager::Husky);
        if let Some(manager) = kept {
            found.push(Obstacle::Managed { manager, name: *name });
        } else if !shared {
            match folder.owner {
                Owner::Repository => {}
                Owner::Others => found.push(Obstacle::OthersFolder {
                    folder: folder.path.clone(),
                    by: match &folder.setting {
                        Setting::Default => "it is a link".to_owned(),
                        Setting::Configured { scope, origin } => format!("core.hooksPath, {scope}, {origin}"),
                    },
                }),
                Owner::Project => {
                    found.push(Obstacle::ProjectFolder { folder: folder.path.clone(), name: *name });
                }
            }
            if let Some((manager, file)) = folder.planned.clone().filter(|(manager, _)| manager.runs(*name)) {
                found.push(Obstacle::ManagedSoon { manager, file, name: *name });
            }
        }
    }
    found.dedup();
    Ok(found)
}

/// Puts hooks in, once nothing is in the way ([`obstacles`]). Where one fails, those of this call are taken out again.
pub fn install(
    folder: &Path,
    names: &[Hook],
    program: &Path,
    mode: u32,
) -> Result<Vec<(Hook, Done)>, ChangeError> {
    let mut done = Vec::new();
    let mut made = folder.ancestors().take_while(|folder| !folder.exists()).count();
    for name in Hook::ALL {
        let (place, _) = look(folder, name, program).map_err(failed("look at", folder))?;
        made = made.max(made_for(&place));
    }
    for name in names {
        match put_in(folder, *name, program, mode, made) {
            Ok(what) => done.push((*name, what)),
            Err(error) => {
                for (name, what) in done {
                    if matches!(what, Done::Installed | Done::Chained) {
                        // The first error is the one to tell.
                        let _ = take_out(folder, name, program);
                    }
                }
                remove_if_empty(folder, made);
                return Err(error);
            }
        }
    }
    Ok(done)
}

fn put_in(folder: &Path, name: Hook, program: &Path, mode: u32, made: usize) -> Result<Done, ChangeError> {
    let (place, _) = look(folder, name, program).map_err(failed("look at", folder))?;
    let at = place::path(folder, name);
    let done = match &place {
        Place::Empty => Done::Installed,
        Place::Ours(Ours { state: State::Current, .. }) => return Ok(Done::Unchanged),
        Place::Ours(_) => Done::Renewed,
        Place::Theirs(theirs) if theirs.calls_us => return Ok(Done::ByHand),
        Place::Theirs(_) => Done::Chained,
        Place::NoFile => {
            return Err(failed("replace", &at)(io::Error::other("it is no file")));
        }
    };
    std::fs::create_dir_all(folder).map_err(failed("make the folder", folder))?;
    let fresh = fresh(folder, name, program, mode, made)?;
    if done == Done::Chained {
        set_aside(&at, &place::aside(folder, name))?;
    }
    if done == Done::Installed {
        // Somebody's that came meanwhile is not overwritten.
        fresh.persist_noclobber(&at).map_err(|error| failed("write", &at)(error.error))?;
    } else {
        fresh.persist(&at).map_err(|error| failed("write", &at)(error.error))?;
    }
    settle(folder)?;
    Ok(done)
}

/// The new hook under a name of its own, whole and durable.
fn fresh(
    folder: &Path,
    name: Hook,
    program: &Path,
    mode: u32,
    made: usize,
) -> Result<tempfile::NamedTempFile, ChangeError> {
    let write = || {
        let mut file = tempfile::Builder::new()
            .prefix(".millrace-")
            .permissions(Permissions::from_mode(0o777))
            .tempfile_in(folder)?;
        let umasked = file.as_file().metadata()?.permissions().mode() & 0o7777;
        file.as_file().set_permissions(Permissions::from_mode(umasked | mode))?;
        file.write_all(&script::installed(name, program, made))?;
        file.as_file().sync_all()?;
        Ok(file)
    };
    write().map_err(failed("write into", folder))
}

/// Keeps theirs under its second name. Where the file system can, it has both names until ours takes the first, so that
/// there is no moment without a hook.
fn set_aside(at: &Path, aside: &Path) -> Result<(), ChangeError> {
    use rustix::fs::{AtFlags, CWD, linkat};
    match linkat(CWD, at, CWD, aside, AtFlags::empty()) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::EXIST) if place::same_file(at, aside) => Ok(()),
        Err(rustix::io::Errno::EXIST) => {
            Err(failed("keep", at)(io::Error::other(format!("{} is there already", aside.display()))))
        }
        Err(_) => std::fs::rename(at, aside).map_err(failed("move", at)),
    }
}

/// What taking a hook out came to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "done", rename_all = "snake_case")]
pub enum Removal {
    /// It is gone.
    Removed,
    /// It is gone, and the one that was there before is in its place again.
    Restored,
    /// There was none.
    NotThere,
    /// It was left, and so was what it runs first; why.
    Left {
        /// Why, with what is where.
        why: String,
    },
}

/// Takes hooks out of a folder, and the folder as well where it was made for them and is empty now; so with those above.
pub fn uninstall(folder: &Path, names: &[Hook], program: &Path) -> Result<Vec<(Hook, Removal)>, ChangeError> {
    let mut done = Vec::new();
    let mut made = 0;
    for name in names {
        let (place, _) = look(folder, *name, program).map_err(failed("look at", folder))?;
        made = made.max(made_for(&place));
        done.push((*name, take_out(folder, *name, program)?));
    }
    remove_if_empty(folder, made);
    Ok(done)
}

/// What taking a hook out would come to. Only looks.
pub fn would_take_out(folder: &Path, name: Hook, program: &Path) -> Result<Removal, ChangeError> {
    let (place, aside) = look(folder, name, program).map_err(failed("look at", folder))?;
    let at = place::path(folder, name);
    Ok(match (place, aside) {
        (Place::Ours(Ours { state: State::Edited, .. }), aside) => Removal::Left {
            why: format!(
                "{} was edited since it was installed{}; take Millrace's part out by hand",
                at.display(),
                aside.map_or_else(String::new, |before| format!(", and runs {}", before.path.display()))
            ),
        },
        (Place::Ours(_), None) => Removal::Removed,
        (Place::Ours(_), Some(_)) => Removal::Restored,
        (Place::Theirs(theirs), None) if theirs.calls_us => Removal::Left {
            why: format!(
                "{} is not Millrace's and calls `millrace hook {name}`; take that line out",
                at.display()
            ),
        },
        (_, None) => Removal::NotThere,
        (_, Some(before)) => Removal::Left {
            why: format!(
                "{} was set aside for a hook of Millrace's that is no longer in its place; move it where it belongs",
                before.path.display()
            ),
        },
    })
}

fn take_out(folder: &Path, name: Hook, program: &Path) -> Result<Removal, ChangeError> {
    let removal = would_take_out(folder, name, program)?;
    let at = place::path(folder, name);
    match removal {
        Removal::Removed => std::fs::remove_file(&at).map_err(failed("remove", &at))?,
        // In one step: there is no moment without a hook.
        Removal::Restored => {
            std::fs::rename(place::aside(folder, name), &at).map_err(failed("put back", &at))?;
        }
        Removal::NotThere | Removal::Left { .. } => return Ok(removal),
    }
    settle(folder)?;
    Ok(removal)
}

fn settle(folder: &Path) -> Result<(), ChangeError> {
    File::open(folder).and_then(|opened| opened.sync_all()).map_err(failed("flush", folder))
}

/// How many folders were made for a hook of ours.
fn made_for(place: &Place) -> usize {
    match place {
        Place::Ours(ours) => ours.made_folders,
        _ => 0,
    }
}

/// Folders that were made for hooks of ours go with the last of them, unless somebody put something there.
fn remove_if_empty(folder: &Path, made: usize) {
    for folder in folder.ancestors().take(made) {
        let Err(error) = std::fs::remove_dir(folder) else { continue };
        let expected = matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::NotFound);
        if !expected {
            tracing::warn!(folder = %folder.display(), %error, "the folder that was made for hooks stays");
        }
        return;
    }
}
