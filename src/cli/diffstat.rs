//! How much changed between two snapshots: `git diff --numstat`, for many pairs in two calls of git.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use serde::Serialize;

use super::failure::Failure;
use crate::domain::oid::Oid;
use crate::ledger::git::command::{GitCommand, Streamed};
use crate::ledger::store::StoreError;
use crate::runtime::project::Project;
use crate::workspace::changes::Pathspec;

/// Files of one pair that are named; of the others the numbers alone are kept.
const NAMED: usize = 1000;

/// Bytes of one entry at most: two paths.
const LONGEST: usize = 64 * 1024;

/// What changed between two trees.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct DiffStat {
    /// Files that differ.
    pub(crate) changed: usize,
    /// Lines that came, over all files that have lines.
    pub(crate) added: u64,
    /// Lines that went.
    pub(crate) removed: u64,
    /// The files, the first thousand of them.
    pub(crate) files: Vec<ChangedFile>,
}

/// A file that differs.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ChangedFile {
    pub(crate) path: String,
    /// What it was called before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) was: Option<String>,
    /// None where it has no lines: it is binary.
    pub(crate) added: Option<u64>,
    pub(crate) removed: Option<u64>,
}

impl DiffStat {
    /// As git ends a `--stat`.
    pub(crate) fn line(&self) -> String {
        if self.changed == 0 {
            return "no change".to_owned();
        }
        let files = if self.changed == 1 { "file" } else { "files" };
        format!("{} {files}, +{} -{}", self.changed, self.added, self.removed)
    }
}

impl ChangedFile {
    /// Its name, and what it was called before.
    pub(crate) fn name(&self) -> String {
        match &self.was {
            Some(was) => format!("{was} => {}", self.path),
            None => self.path.clone(),
        }
    }

    /// How many lines came and went.
    pub(crate) fn lines(&self) -> String {
        match (self.added, self.removed) {
            (Some(added), Some(removed)) => format!("+{added} -{removed}"),
            _ => "binary".to_owned(),
        }
    }
}

/// The trees of commits; what is not in this repository is not in the answer.
pub(crate) fn trees(
    project: &Project,
    commits: impl Iterator<Item = Oid>,
) -> Result<BTreeMap<Oid, Oid>, Failure> {
    let mut commits: Vec<Oid> = commits.collect();
    commits.sort_unstable();
    commits.dedup();
    let mut asked = String::new();
    for commit in &commits {
        // Writing to a string cannot fail.
        let _ = writeln!(asked, "{commit}^{{tree}}");
    }
    let answer = GitCommand::new(&project.repository.git_dir, "cat-file")
        .arg("--batch-check=%(objectname) %(objecttype)")
        .run(asked.as_bytes())?;
    let answer = String::from_utf8_lossy(&answer);
    let found = commits.into_iter().zip(answer.lines());
    Ok(found.filter_map(|(commit, line)| Some((commit, line.strip_suffix(" tree")?.parse().ok()?))).collect())
}

/// What changed between the commits of each pair; none where one of them is not in this repository.
pub(crate) fn diffstats(project: &Project, pairs: &[(Oid, Oid)]) -> Result<Vec<Option<DiffStat>>, Failure> {
    diffstats_of(project, pairs, None)
}

/// The same, of these paths alone.
pub(crate) fn diffstats_of(
    project: &Project,
    pairs: &[(Oid, Oid)],
    only: Option<&Pathspec>,
) -> Result<Vec<Option<DiffStat>>, Failure> {
    let trees = trees(project, pairs.iter().flat_map(|(from, to)| [*from, *to]))?;
    let pairs: Vec<Option<(Oid, Oid)>> =
        pairs.iter().map(|(from, to)| Some((*trees.get(from)?, *trees.get(to)?))).collect();
    let mut asked = String::new();
    for (from, to) in pairs.iter().flatten() {
        let _ = writeln!(asked, "{from} {to}");
    }
    let mut numbers = Numbers::default();
    if !asked.is_empty() {
        let mut git = GitCommand::new(&project.repository.git_dir, "diff-tree");
        if let (Some(only), Some(work_tree)) = (only, &project.repository.work_tree) {
            git = git.work_tree(work_tree).folder(&only.folder);
        }
        let streamed = git
            .args(["--stdin", "-r", "-z", "-M", "--numstat"])
            .args(["--no-ext-diff", "--no-textconv", "--no-relative", "--ignore-submodules=none"])
            .arg("--")
            .args(only.into_iter().flat_map(|only| &only.patterns))
            .stream(asked.as_bytes(), &mut numbers)?;
        if let Streamed::Refused(error) = streamed {
            let (action, detail) = ("git diff-tree".to_owned(), error.to_string());
            return Err(StoreError::Git { action, detail }.into());
        }
    }
    let mut found = numbers.found.into_iter();
    Ok(pairs.into_iter().map(|pair| pair.and_then(|_| found.next())).collect())
}

/// Reads `<tree> <tree> LF`, then `added TAB removed TAB path NUL` for each file, or with an empty path and two more
/// fields where it was renamed.
#[derive(Default)]
struct Numbers {
    found: Vec<DiffStat>,
    held: Vec<u8>,
    /// A renamed file whose two names are still to come.
    renamed: Option<ChangedFile>,
}

impl Numbers {
    fn take(&mut self, mut entry: &[u8]) -> Option<()> {
        if let Some(mut file) = self.renamed.take() {
            let name = String::from_utf8_lossy(entry).into_owned();
            if file.was.is_none() {
                file.was = Some(name);
                self.renamed = Some(file);
            } else {
                file.path = name;
                self.count(file)?;
            }
            return Some(());
        }
        // No path comes before the first TAB, so that a line break before it ends two names of trees.
        while let Some(end) =
            entry.iter().position(|byte| matches!(byte, b'\n' | b'\t')).filter(|end| entry[*end] == b'\n')
        {
            self.found.push(DiffStat::default());
            entry = &entry[end + 1..];
        }
        if entry.is_empty() {
            return Some(());
        }
        let mut fields = entry.splitn(3, |byte| *byte == b'\t');
        let mut number = || -> Option<Option<u64>> {
            let field = std::str::from_utf8(fields.next()?).ok()?;
            if field == "-" { Some(None) } else { field.parse().ok().map(Some) }
        };
        let (added, removed) = (number()?, number()?);
        let path = String::from_utf8_lossy(fields.next()?).into_owned();
        let file = ChangedFile { path, was: None, added, removed };
        if file.path.is_empty() {
            self.renamed = Some(file);
            return Some(());
        }
        self.count(file)
    }

    fn count(&mut self, file: ChangedFile) -> Option<()> {
        let stat = self.found.last_mut()?;
        stat.changed += 1;
        stat.added += file.added.unwrap_or(0);
        stat.removed += file.removed.unwrap_or(0);
        if stat.files.len() < NAMED {
            stat.files.push(file);
        }
        Some(())
    }
}

impl Write for Numbers {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let odd = || io::Error::other("unexpected output");
        for piece in bytes.split_inclusive(|byte| *byte == 0) {
            self.held.extend_from_slice(piece);
            if self.held.last() == Some(&0) {
                self.held.pop();
                let entry = std::mem::take(&mut self.held);
                self.take(&entry).ok_or_else(odd)?;
            } else if self.held.ends_with(b"\n") && self.renamed.is_none() && !self.held.contains(&b'\t') {
                // Trees that do not differ, the last ones.
                let entry = std::mem::take(&mut self.held);
                self.take(&entry).ok_or_else(odd)?;
            } else if self.held.len() > LONGEST {
                return Err(odd());
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_however_they_are_cut() {
        let output =
            b"aa bb\ncc dd\n1\t2\ta\nb\0-\t-\tc\0ee ff\n3\t0\t\0old\nname\0new\tname\0aa aa\naa aa\n";
        let file = |path: &str, was: Option<&str>, added, removed| ChangedFile {
            path: path.to_owned(),
            was: was.map(str::to_owned),
            added,
            removed,
        };
        let expected = [
            DiffStat::default(),
            DiffStat {
                changed: 2,
                added: 1,
                removed: 2,
                files: vec![file("a\nb", None, Some(1), Some(2)), file("c", None, None, None)],
            },
            DiffStat {
                changed: 1,
                added: 3,
                removed: 0,
                files: vec![file("new\tname", Some("old\nname"), Some(3), Some(0))],
            },
            DiffStat::default(),
            DiffStat::default(),
        ];
        for size in 1..output.len() {
            let mut numbers = Numbers::default();
            for piece in output.chunks(size) {
                numbers.write_all(piece).unwrap();
            }
            assert_eq!(numbers.found, expected, "in pieces of {size}");
        }
        assert!(Numbers::default().write_all(b"x\0").is_err());
    }
}
