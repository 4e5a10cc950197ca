//! What stands at a hook's place: nothing, one of ours, or somebody else's.

use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::manager::{MOST_BYTES, Manager, start_of};
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
    /// How many folders were made for it: its own, and those above.
    pub made_folders: usize,
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
    /// Whether it may look at its own name: to know what to do, or to find what lies beside it.
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
            let ours = Ours { state: read.state, made_folders: read.made_folders, chained: before.clone() };
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
    let runs =
        target.as_ref().is_some_and(|target| target.is_file() && target.permissions().mode() & 0o111 != 0);
    Ok(Some(Theirs {
        path: path.to_owned(),
        runs,
        calls_us: calls.iter().any(|call| text.contains(call)),
        // What is not run looks at nothing.
        reads_its_name: runs && may_read_its_name(path, &text),
        manager: Manager::of_text(&text),
    }))
}

/// Ways to get at one's own name, by language: sh and Perl, Python, Ruby, PHP, Node, zsh.
const OWN_NAME: [&str; 20] = [
    "$0",
    "${0",
    "BASH_SOURCE",
    "BASH_ARGV0",
    "ZSH_ARGZERO",
    "%x}",
    "funcstack",
    "/proc/self",
    "/proc/$$",
    "argv",
    "status filename",
    "ARGV0",
    "__file__",
    "__FILE__",
    "__DIR__",
    "__filename",
    "__dirname",
    "import.meta",
    "$PROGRAM_NAME",
    "FindBin",
];

/// Whether a hook may look at the name that it is called by: it would do something else under another one, or not find
/// what lies beside it. What a program does cannot be read from it, so it may.
fn may_read_its_name(path: &Path, text: &str) -> bool {
    let whole = std::fs::metadata(path).is_ok_and(|found| found.len() <= MOST_BYTES);
    let script = whole && !text.contains('\0');
    !script
        || text
            .lines()
            .enumerate()
            // The first line names the interpreter, and what it is called with.
            .filter(|(number, line)| *number == 0 || !line.trim_start().starts_with('#'))
            // Its arguments are the same under every name.
            .map(|(_, line)| line.replace("argv[1", "").replace("argv[2", ""))
            .any(|line| OWN_NAME.iter().any(|way| line.contains(way)))
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
