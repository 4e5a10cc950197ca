//! Which folder git looks for hooks in, who said so, and who else uses it.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::manager::Manager;
use crate::ledger::git::command::GitCommand;
use crate::ledger::store::StoreError;
use crate::workspace::discover::Repository;

/// The configuration key that names another folder than the repository's own.
const KEY: &str = "core.hooksPath";

/// Why it cannot be told where hooks belong.
#[derive(Debug, Error)]
pub enum FolderError {
    /// git does not say.
    #[error(transparent)]
    Git(#[from] StoreError),
    /// The folder is there and cannot be looked at.
    #[error("cannot look at the hooks folder {}: {source}", .path.display())]
    Look {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Who chose the folder.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// Nobody: it is `hooks` in the git directory.
    Default,
    /// `core.hooksPath`, as git shows where it is set: `local`, `worktree`, `global`, `system`, with the file.
    Configured {
        /// The scope.
        scope: String,
        /// The file, as git names it.
        origin: String,
    },
}

/// Who else uses the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// This repository alone.
    Repository,
    /// It is outside of this repository: other repositories may use it.
    Others,
    /// Files in it are under version control: everybody who clones the project has them.
    Project,
}

/// A folder of hooks.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Folder {
    /// Where it is; it need not exist.
    pub path: PathBuf,
    /// Who chose it.
    pub setting: Setting,
    /// Who else uses it.
    pub owner: Owner,
    /// The hook manager that keeps it.
    pub manager: Option<Manager>,
    /// The hook manager that the project is set up for and that is not installed yet, with its configuration.
    pub planned: Option<(Manager, PathBuf)>,
    /// Whether git looks into it. It does not look into the repository's own where `core.hooksPath` names another.
    pub used: bool,
}

/// The folders that matter here: first the one that git looks into, then the repository's own where that is another.
pub fn folders(repository: &Repository) -> Result<Vec<Folder>, FolderError> {
    let own = repository.common_dir.join("hooks");
    let Some((scope, origin, value)) = configured(repository)? else {
        return Ok(vec![folder(repository, own, Setting::Default, true)?]);
    };
    // git resolves a relative one where it runs hooks.
    let base = repository.work_tree.as_ref().unwrap_or(&repository.git_dir);
    let path = base.join(value);
    let setting = Setting::Configured { scope, origin };
    let mut found = vec![folder(repository, path, setting, true)?];
    if real(&found[0].path) != real(&own) {
        found.push(folder(repository, own, Setting::Default, false)?);
    }
    Ok(found)
}

fn folder(
    repository: &Repository,
    path: PathBuf,
    setting: Setting,
    used: bool,
) -> Result<Folder, FolderError> {
    match std::fs::metadata(&path) {
        Ok(_) => {}
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {}
        Err(source) => return Err(FolderError::Look { path, source }),
    }
    let manager = Manager::of_folder(&path);
    let owner = owner(repository, &path)?;
    let planned = repository
        .work_tree
        .as_ref()
        .filter(|_| used && manager.is_none())
        .and_then(|work_tree| Manager::of_project(work_tree));
    Ok(Folder { path, setting, owner, manager, planned, used })
}

/// The last value of `core.hooksPath` that is not our own override: scope, origin, path.
fn configured(repository: &Repository) -> Result<Option<(String, String, OsString)>, FolderError> {
    let output = GitCommand::new(&repository.git_dir, "config")
        .args(["--null", "--show-scope", "--show-origin", "--type=path", "--get-all", KEY])
        .output(&[])?;
    let fields: Vec<&[u8]> = output.stdout.split(|byte| *byte == 0).collect();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(fields
        .chunks_exact(3)
        .rfind(|entry| entry[0] != b"command")
        // An empty value is none: git takes it as unset.
        .filter(|entry| !entry[2].is_empty())
        .map(|entry| (text(entry[0]), text(entry[1]), OsString::from_vec(entry[2].to_vec()))))
}

fn owner(repository: &Repository, path: &Path) -> Result<Owner, FolderError> {
    let place = real(path);
    if place.starts_with(&repository.common_dir) || place.starts_with(&repository.git_dir) {
        return Ok(Owner::Repository);
    }
    let Some(relative) =
        repository.work_tree.as_ref().and_then(|root| place.strip_prefix(root).ok().map(Path::to_owned))
    else {
        return Ok(Owner::Others);
    };
    let Some(work_tree) = &repository.work_tree else { return Ok(Owner::Others) };
    let tracked = GitCommand::new(&repository.git_dir, "ls-files")
        .work_tree(work_tree)
        .env("GIT_LITERAL_PATHSPECS", "1")
        .args(["-z", "--"])
        .arg(if relative.as_os_str().is_empty() { Path::new(".") } else { relative.as_path() })
        .run(&[])?;
    Ok(if tracked.is_empty() { Owner::Repository } else { Owner::Project })
}

/// A path without symbolic links, as far as it exists.
fn real(path: &Path) -> PathBuf {
    for ancestor in path.ancestors() {
        if let Ok(found) = ancestor.canonicalize() {
            return match path.strip_prefix(ancestor) {
                Ok(rest) if !rest.as_os_str().is_empty() => found.join(rest),
                _ => found,
            };
        }
    }
    path.to_owned()
}

/// Hooks that git runs from its configuration (`hook.<name>.command`), beside the files: event and command.
pub fn configured_commands(repository: &Repository) -> Result<Vec<(String, String)>, FolderError> {
    let output = GitCommand::new(&repository.git_dir, "config")
        .args(["--null", "--get-regexp", r"^hook\..*\.(command|event)$"])
        .output(&[])?;
    let mut commands: Vec<(String, String)> = Vec::new();
    let mut events: Vec<(String, String)> = Vec::new();
    for record in String::from_utf8_lossy(&output.stdout).split('\0') {
        let Some((key, value)) = record.split_once('\n') else { continue };
        let Some(key) = key.strip_prefix("hook.") else { continue };
        if let Some(name) = key.strip_suffix(".command") {
            commands.push((name.to_owned(), value.to_owned()));
        } else if let Some(name) = key.strip_suffix(".event") {
            events.push((name.to_owned(), value.to_owned()));
        }
    }
    let command = |name: &str| commands.iter().rev().find(|(known, _)| known == name);
    Ok(events
        .iter()
        .filter_map(|(name, event)| command(name).map(|(_, command)| (event.clone(), command.clone())))
        .collect())
}

/// The bits of a hook's mode that others need where the repository is shared (`core.sharedRepository`), whatever the
/// umask of the one who installs it.
pub fn shared_bits(repository: &Repository) -> Result<u32, FolderError> {
    let value = GitCommand::new(&repository.git_dir, "config")
        .args(["--null", "--get", "core.sharedRepository"])
        .output(&[])?
        .stdout;
    let value = String::from_utf8_lossy(&value).trim_end_matches('\0').to_ascii_lowercase();
    Ok(match value.as_str() {
        "group" | "true" | "yes" | "on" | "1" => 0o070,
        "all" | "world" | "everybody" | "2" => 0o075,
        octal => u32::from_str_radix(octal, 8).map_or(0, |bits| {
            let bits = bits & 0o066;
            bits | ((bits & 0o044) >> 2)
        }),
    })
}
