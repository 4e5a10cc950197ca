//! What is in a repository, and what of a difference is documented.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::sites::Site;
use crate::support::project::read;

/// Everything in a repository and its work tree, by name: `<git>/HEAD`, `<tree>/kept.txt`, `git status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record(BTreeMap<String, String>);

/// Whether the times of files count. git's own housekeeping writes the same file again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    Count,
    DoNot,
}

impl Record {
    #[track_caller]
    pub(super) fn of(site: &Site, times: Times) -> Self {
        let mut found = BTreeMap::new();
        let (common, own) = (site.common_dir(), site.git_dir());
        files(&common, "<git>", times, &mut found);
        if !own.starts_with(&common) {
            files(&own, "<own>", times, &mut found);
        }
        if !site.is_bare() {
            files(&site.path, "<tree>", times, &mut found);
        }
        // What git makes of it, which is all that can be compared of a reftable.
        let ours = "refs/millrace/";
        let asked: [(&str, &[&str]); 7] = [
            ("git for-each-ref", &["for-each-ref", "--format=%(refname) %(objectname) %(symref)"]),
            (
                "git reflog",
                &["log", "-g", "--exclude=refs/millrace/**", "--all", "--format=%gd %H %gs", "--date=unix"],
            ),
            ("git config", &["config", "--local", "--list"]),
            ("git worktree list", &["worktree", "list", "--porcelain"]),
            ("git stash list", &["stash", "list"]),
            ("git HEAD", &["log", "-1", "--format=%H %D", "--decorate-refs-exclude=refs/millrace/"]),
            ("git status", &["status", "--porcelain=v2", "--branch", "--untracked-files=all"]),
        ];
        for (name, args) in asked {
            if site.is_bare() && ["git status", "git stash list"].contains(&name) {
                continue;
            }
            let output = site.command("git", args).env("GIT_OPTIONAL_LOCKS", "0").output().expect("git runs");
            assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
            for line in String::from_utf8_lossy(&output.stdout).lines().filter(|line| !line.starts_with(ours))
            {
                // Each line by itself, so that what is new can be told from what is gone.
                found.insert(format!("{name}: {line}"), String::new());
            }
        }
        Self(found)
    }

    /// What is otherwise now, line by line, but for what the document and `also` name.
    pub(super) fn differences(&self, after: &Self, also: &[&str]) -> Vec<String> {
        self.compared(after, &documented(), also)
    }

    /// What is otherwise now, line by line, but for what `also` names: nothing of ours may be there.
    pub(super) fn traces(&self, after: &Self, also: &[&str]) -> Vec<String> {
        self.compared(after, &[], also)
    }

    fn compared(&self, after: &Self, documented: &[String], also: &[&str]) -> Vec<String> {
        // Of a folder that is ours, the folders above it as well.
        let named = |name: &str| {
            let above = |known: &str| name.ends_with('/') && known.starts_with(name);
            documented
                .iter()
                .map(String::as_str)
                .chain(also.iter().copied())
                .any(|known| name.starts_with(known) || above(known))
        };
        let mut all = Vec::new();
        for (name, was) in &self.0 {
            match after.0.get(name) {
                // Only the tables of a reftable and a list of packed refs may be written anew, by git: what they hold
                // of the user's is compared by git's own words.
                _ if shared(name) || also.iter().any(|known| name.starts_with(known)) => {}
                None => all.push(format!("gone: {name}")),
                Some(is) if is != was => all.push(format!("changed: {name}: {was} -> {is}")),
                Some(_) => {}
            }
        }
        all.extend(
            after
                .0
                .keys()
                .filter(|name| !self.0.contains_key(*name) && !named(name) && !shared(name))
                .map(|name| format!("new: {name}")),
        );
        all
    }
}

fn shared(name: &str) -> bool {
    name.starts_with("<git>/reftable/")
}

/// The first column of the table that says what is ours.
fn documented() -> Vec<String> {
    let page = read("docs/runtime/millrace-git-integration.md");
    let from = page.find("## What is in your repository").expect("the section");
    let section = &page[from..];
    let section = &section[..section[3..].find("\n## ").map_or(section.len(), |end| end + 3)];
    let cells: Vec<String> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| Some(line.split_once('`')?.0.to_owned()))
        .collect();
    assert!(cells.len() >= 5, "{cells:?}");
    // What git says of an untracked folder of ours.
    let untracked =
        cells.iter().filter_map(|cell| Some(format!("git status: ? {}", cell.strip_prefix("<tree>/")?)));
    cells.iter().cloned().chain(untracked).collect()
}

fn files(root: &Path, name: &str, times: Times, found: &mut BTreeMap<String, String>) {
    let mut todo = vec![root.to_owned()];
    while let Some(path) = todo.pop() {
        let meta = path.symlink_metadata().expect("metadata");
        let relative = path.strip_prefix(root).expect("inside").display().to_string();
        // A work tree's record ends where the repository begins.
        if name == "<tree>" && relative == ".git" && meta.is_dir() {
            continue;
        }
        let mut state = format!("{:o}", meta.mode());
        if meta.is_dir() {
            for entry in std::fs::read_dir(&path).expect("a folder") {
                todo.push(entry.expect("an entry").path());
            }
        } else if meta.is_symlink() {
            state = format!("{state} -> {}", std::fs::read_link(&path).expect("a link").display());
        } else {
            let content = std::fs::read(&path).expect("a file");
            let mut hasher = DefaultHasher::new();
            content.hash(&mut hasher);
            state = format!("{state} {} bytes {:x}", content.len(), hasher.finish());
            if times == Times::Count {
                state = format!("{state} {}.{:09}", meta.mtime(), meta.mtime_nsec());
            }
        }
        let slash = if meta.is_dir() { "/" } else { "" };
        found.insert(format!("{name}/{relative}{slash}"), state);
    }
}
