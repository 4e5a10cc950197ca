//! What stands at a hook's place: nothing, one of ours, or somebody else's.

use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::manager::{Manager, start_of};
use super::script::{self, State};
use crate::domain::hook::Hook;

/// What stands at a hook's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Nothing, and nothing was moved aside from there.
    Empty,
    /// Ours.
    Ours(Ours),
    /// Somebody's own.
    Theirs(Theirs),
    /// A folder, a FIFO or the like: no hook.
    NoFile,
}

/// A hook of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ours {
    /// How it compares to what would be installed now.
    pub state: State,
    /// Whether its folder was made for it.
    pub made_folder: bool,
    /// The one that it runs first.
    pub chained: Option<Theirs>,
}

/// A hook of somebody's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theirs {
    /// Where it stands.
    pub path: PathBuf,
    /// Whether git would run it.
    pub runs: bool,
    /// Whether it calls us already.
    pub calls_us: bool,
    /// Whether it looks at its own name to know what to do.
    pub reads_its_name: bool,
    /// The manager that wrote it.
    pub manager: Option<Manager>,
}

/// Where a hook of this name stands.
pub(super) fn path(folder: &Path, name: Hook) -> PathBuf {
    folder.join(name.as_str())
}

/// Where one that was there before is moved to.
pub(super) fn aside(folder: &Path, name: Hook) -> PathBuf {
    folder.join(format!("{name}.before-millrace"))
}

/// What stands at a hook's place, and what was moved aside from there, if anything was.
pub fn look(folder: &Path, name: Hook, program: &Path) -> io::Result<(Place, Option<Theirs>)> {
    let (path, aside) = (path(folder, name), aside(folder, name));
    let before = theirs(&aside, name)?;
    let Some(found) = lstat(&path)? else { return Ok((Place::Empty, before)) };
    if found.is_file() {
        let bytes = std::fs::read(&path)?;
        if let Some(read) = script::read(name, &bytes, program) {
            let ours = Ours { state: read.state, made_folder: read.made_folder, chained: before.clone() };
            return Ok((Place::Ours(ours), before));
        }
    }
    let Some(theirs) = theirs(&path, name)? else { return Ok((Place::Empty, before)) };
    // Ended between moving theirs aside and putting ours in its place: it is still where it was.
    let before = if same_file(&path, &aside) { None } else { before };
    let file = found.is_file() || found.is_symlink();
    Ok((if file { Place::Theirs(theirs) } else { Place::NoFile }, before))
}

fn theirs(path: &Path, name: Hook) -> io::Result<Option<Theirs>> {
    if lstat(path)?.is_none() {
        return Ok(None);
    }
    let target = std::fs::metadata(path).ok();
    let text = start_of(path);
    let calls = [format!("millrace hook {name}"), format!("millrace\" hook {name}")];
    Ok(Some(Theirs {
        path: path.to_owned(),
        runs: target
            .as_ref()
            .is_some_and(|target| target.is_file() && target.permissions().mode() & 0o111 != 0),
        calls_us: calls.iter().any(|call| text.contains(call)),
        reads_its_name: reads_its_name(&text),
        manager: Manager::of_text(&text),
    }))
}

/// Whether a script decides by the name that it is called by: it would decide otherwise under another one.
fn reads_its_name(text: &str) -> bool {
    let script = text.starts_with("#!") || !text.contains('\0');
    script
        && text.lines().map(str::trim_start).filter(|line| !line.starts_with('#')).any(|line| {
            [
                "basename \"$0\"",
                "basename $0",
                "basename -- \"$0\"",
                "${0##*/}",
                "basename \"${0}\"",
                "basename ${0}",
            ]
            .iter()
            .any(|way| line.contains(way))
        })
}

fn lstat(path: &Path) -> io::Result<Option<Metadata>> {
    match path.symlink_metadata() {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether two names lead to one file. Links are not followed.
pub(super) fn same_file(one: &Path, other: &Path) -> bool {
    match (one.symlink_metadata(), other.symlink_metadata()) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}
