//! `millrace hooks`: put in beside what is there, and taken out so that nothing of it is left.

mod chain;
mod example;
mod folder;
mod guard;
mod install;
mod managers;
mod ssh;
mod tried;

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::commands::{call, filtered, said};
use crate::support::repo::TestRepo;

/// The hooks by git's names.
pub(super) const HOOKS: [&str; 5] =
    ["post-receive", "pre-push", "post-commit", "post-merge", "reference-transaction"];

/// Everything below a folder: kind and mode, number on disk, time of change, and content. Folders by their mode alone.
pub(super) fn contents(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(path) = todo.pop() {
        let metadata = path.symlink_metadata().expect("metadata");
        let state = if metadata.is_dir() {
            todo.extend(
                std::fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("entry").path()),
            );
            format!("{:o}", metadata.mode())
        } else {
            let content = if metadata.is_symlink() {
                format!("{:?}", std::fs::read_link(&path))
            } else if metadata.is_file() {
                format!("{:?}", std::fs::read(&path))
            } else {
                String::new()
            };
            let (mode, ino, links) = (metadata.mode(), metadata.ino(), metadata.nlink());
            format!("{mode:o} {ino} {links} {}.{} {content}", metadata.mtime(), metadata.mtime_nsec())
        };
        found.insert(path, state);
    }
    found
}

/// A file with this mode in a repository's folder of hooks.
pub(super) fn hook_of_theirs(repo: &TestRepo, name: &str, text: &str) -> PathBuf {
    let path = repo.git_dir().join("hooks").join(name);
    program(&path, text);
    path
}

/// An executable file.
pub(super) fn program(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, text).expect("a file");
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).expect("a mode");
}

/// A call that is refused: what it said, after proof that it changed nothing.
#[track_caller]
pub(super) fn refused(repo: &TestRepo, arguments: &[&str]) -> String {
    let before = contents(repo.beside());
    let output = call(repo, arguments);
    assert_eq!(output.status.code(), Some(1), "{}", said(repo, &output));
    assert_eq!(contents(repo.beside()), before, "nothing half written");
    said(repo, &output)
}

/// Text with this test's paths named.
pub(super) fn shown(repo: &TestRepo, text: &str) -> String {
    filtered(repo, text)
}
