//! What git is asked about a push: a fixed number of processes, however many refs and commits there are.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use crate::domain::oid::Oid;
use crate::format::hooks::{Commit, Update};
use crate::ledger::git::command::GitCommand;
use crate::ledger::store::{ObjectFormat, StoreError};

/// Commits of one push whose trailers are read.
pub(super) const MAX_COMMITS: usize = 10_000;

/// Fields of a commit that git prints.
const FIELDS: usize = 7;

/// What stands between the values of a trailer.
const BETWEEN: char = '\u{1f}';

/// An update whose new commit is here.
#[derive(Debug, Clone)]
pub(super) struct Reached {
    pub(super) update: Update,
    /// The commit that it leads to now.
    pub(super) new: Oid,
    /// That commit's tree.
    tree: Oid,
    /// The commit that it led to before, where there was one, and that is here.
    pub(super) old: Option<Oid>,
}

/// Where what is new begins.
#[derive(Default)]
struct Edge {
    /// Those of the commits that were asked about which no ref led to before.
    fresh: BTreeSet<Oid>,
    /// The known commits that new ones were made on.
    edge: BTreeSet<Oid>,
}

/// A file that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) path: Vec<u8>,
    pub(super) blob: Oid,
    pub(super) is: Is,
}

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Is {
    File,
    Link,
    Submodule,
}

/// A repository that is asked.
pub(super) struct History<'r> {
    pub(super) git_dir: &'r Path,
    pub(super) format: ObjectFormat,
}

impl History<'_> {
    fn git(&self, subcommand: &str) -> GitCommand {
        GitCommand::new(self.git_dir, subcommand)
    }

    /// Leaves the updates that lead to a commit, each with where it leads and led.
    pub(super) fn reach(&self, updates: Vec<Update>) -> Result<Vec<Reached>, StoreError> {
        let named = |oid: Option<Oid>| oid.map_or_else(|| "none".to_owned(), |oid| oid.to_string());
        let asked = updates.iter().flat_map(|update| {
            let (old, new) = (named(update.old), named(update.new));
            [format!("{new}^{{commit}}"), format!("{new}^{{tree}}"), format!("{old}^{{commit}}")]
        });
        let answer = self.git("cat-file").arg("--batch-check=%(objectname)").run(&lines(asked))?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let mut lines = answer.lines().map(|line| line.parse::<Oid>().ok());
        let mut reached = Vec::new();
        for update in updates {
            let (new, tree, old) = (lines.next(), lines.next(), lines.next());
            if let (Some(Some(new)), Some(Some(tree))) = (new, tree) {
                reached.push(Reached { update, new, tree, old: old.flatten() });
            }
        }
        Ok(reached)
    }

    /// What the refs below a prefix named before these updates.
    pub(super) fn before(&self, prefix: &str, updates: &[Update]) -> Result<Vec<Oid>, StoreError> {
        let mut format = self.git("for-each-ref").arg("--format=%(objectname) %(refname)");
        if !prefix.is_empty() {
            format = format.arg("--").arg(prefix);
        }
        let answer = format.run(&[])?;
        let moved: HashMap<&[u8], Option<Oid>> =
            updates.iter().map(|update| (update.name.as_slice(), update.old)).collect();
        let mut before: BTreeSet<Oid> = updates.iter().filter_map(|update| update.old).collect();
        for line in answer.split(|byte| *byte == b'\n') {
            let Some(space) = line.iter().position(|byte| *byte == b' ') else { continue };
            let (oid, name) = (&line[..space], &line[space + 1..]);
            if name.starts_with(b"refs/millrace/") || moved.contains_key(name) {
                continue;
            }
            before.extend(std::str::from_utf8(oid).ok().and_then(|text| text.parse::<Oid>().ok()));
        }
        Ok(before.into_iter().collect())
    }

    /// The files that each update adds or changes: against what the ref named before; where it is new, against every
    /// commit at which what is new begins. `folders` are looked into; none of them means all.
    pub(super) fn changes(
        &self,
        reached: &[Reached],
        before: &[Oid],
        folders: &[Vec<u8>],
    ) -> Result<Vec<Vec<Change>>, StoreError> {
        let new: BTreeSet<Oid> = reached.iter().filter(|one| one.old.is_none()).map(|one| one.new).collect();
        let Edge { fresh, edge } = self.edge(new, before)?;
        let edge: Vec<String> = edge.iter().map(ToString::to_string).collect();
        let asked = reached.iter().map(|one| match one.old {
            Some(old) => format!("{} {old}", one.new),
            // Nothing in it is new: it is held against itself.
            None if !fresh.contains(&one.new) => format!("{} {}", one.new, one.new),
            None if edge.is_empty() => format!("{} {}", self.empty_tree(), one.tree),
            None => format!("{} {}", one.new, edge.join(" ")),
        });
        let mut command = self
            .git("diff-tree")
            .args(["--stdin", "--always", "-r", "-z", "-c", "--no-renames", "--diff-filter=d", "--raw"])
            .args(["--no-abbrev", "--no-ext-diff"])
            .env("GIT_LITERAL_PATHSPECS", "1")
            .arg("--");
        for folder in folders {
            use std::os::unix::ffi::OsStrExt as _;
            command = command.arg(std::ffi::OsStr::from_bytes(folder));
        }
        let answer = command.run(&lines(asked))?;
        Ok(changes_of(&answer, reached.len()))
    }

    /// Which of these commits were not known before, and the known ones at which what is new begins.
    fn edge(&self, new: BTreeSet<Oid>, before: &[Oid]) -> Result<Edge, StoreError> {
        if new.is_empty() || before.is_empty() {
            return Ok(Edge { fresh: new, edge: BTreeSet::new() });
        }
        let asked = new.iter().map(Oid::to_string).chain(before.iter().map(|oid| format!("^{oid}")));
        let answer =
            self.git("rev-list").args(["--boundary", "--ignore-missing", "--stdin"]).run(&lines(asked))?;
        let mut found = Edge::default();
        for line in String::from_utf8_lossy(&answer).lines() {
            match line.strip_prefix('-') {
                Some(oid) => found.edge.extend(oid.parse::<Oid>().ok()),
                None => found.fresh.extend(line.parse::<Oid>().ok().filter(|oid| new.contains(oid))),
            }
        }
        Ok(found)
    }

    /// The commits that these updates bring, the newest first, each with the number of the update that brought it; and
    /// whether there were more than are read.
    pub(super) fn commits(
        &self,
        reached: &[(usize, &Reached)],
        before: &[Oid],
    ) -> Result<(Vec<(usize, Commit)>, bool), StoreError> {
        let mut found = Vec::new();
        let mut more = false;
        for new in [false, true] {
            let mut asked = Vec::new();
            let mut sources: HashMap<String, usize> = HashMap::new();
            for (at, one) in reached.iter().filter(|(_, one)| one.old.is_none() == new) {
                asked.push(one.new.to_string());
                sources.entry(one.new.to_string()).or_insert(*at);
                asked.extend(one.old.map(|old| format!("^{old}")));
            }
            if asked.is_empty() {
                continue;
            }
            if new {
                asked.extend(before.iter().map(|oid| format!("^{oid}")));
            }
            let answer = self
                .git("log")
                .args(["--stdin", "--ignore-missing", "--source", "-z", "-s", "--no-show-signature"])
                .args(["--no-color", "--encoding=UTF-8"])
                .arg(format!("--max-count={}", MAX_COMMITS + 1))
                .arg(
                    "--format=tformat:%H%x00%an%x00%ae%x00%at%x00%s%x00\
                     %(trailers:key=Millrace-Task,valueonly,unfold,separator=%x1f)%x00%S",
                )
                .run(&lines(asked))?;
            let text = String::from_utf8_lossy(&answer).into_owned();
            let fields: Vec<&str> = text.split('\0').collect();
            for fields in fields.chunks_exact(FIELDS).take(MAX_COMMITS) {
                let Ok(oid) = fields[0].parse::<Oid>() else { continue };
                let Some(at) = sources.get(fields[6]).or_else(|| sources.values().next()) else { continue };
                let tasks = fields[5].split(BETWEEN).map(str::trim).filter(|text| !text.is_empty());
                let commit = Commit {
                    oid,
                    author: format!("{} <{}> {}", fields[1], fields[2], fields[3]),
                    author_name: fields[1].to_owned(),
                    subject: fields[4].to_owned(),
                    tasks: tasks.map(str::to_owned).collect(),
                };
                found.push((*at, commit));
            }
            more |= fields.len() / FIELDS > MAX_COMMITS;
        }
        Ok((found, more))
    }

    /// The sizes of blobs; none where one is missing.
    pub(super) fn sizes(&self, blobs: &[Oid]) -> Result<Vec<Option<u64>>, StoreError> {
        if blobs.is_empty() {
            return Ok(Vec::new());
        }
        let asked = lines(blobs.iter().map(Oid::to_string));
        let answer = self.git("cat-file").arg("--batch-check=%(objectsize)").run(&asked)?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        Ok(answer.lines().map(|line| line.parse().ok()).collect())
    }

    /// The tree that holds nothing; git knows it in every repository.
    fn empty_tree(&self) -> &'static str {
        match self.format {
            ObjectFormat::Sha1 => "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
            ObjectFormat::Sha256 => "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
        }
    }

    /// What `HEAD` and its like lead to; none where that is nothing.
    pub(super) fn oid_of(&self, expression: &str) -> Option<Oid> {
        let command = self.git("rev-parse").args(["--verify", "--quiet", "--end-of-options", expression]);
        command.text().ok()?.lines().last()?.parse().ok()
    }
}

/// What git reads, a question a line.
fn lines(asked: impl IntoIterator<Item = String>) -> Vec<u8> {
    let mut text = String::new();
    for line in asked {
        text.push_str(&line);
        text.push('\n');
    }
    text.into_bytes()
}

/// Takes git's answer apart: for every update a head, then records of `:... <oid> <letters>` and a path.
fn changes_of(answer: &[u8], updates: usize) -> Vec<Vec<Change>> {
    let mut found: Vec<Vec<Change>> = Vec::new();
    let mut tokens = answer.split(|byte| *byte == 0);
    while let Some(mut token) = tokens.next() {
        // The head of two trees ends with a line break, whatever is asked for.
        while !token.is_empty() && !token.starts_with(b":") {
            found.push(Vec::new());
            token = match token.iter().position(|byte| *byte == b'\n') {
                Some(at) => &token[at + 1..],
                None => &[],
            };
        }
        if token.is_empty() {
            continue;
        }
        let Some(path) = tokens.next() else { break };
        let Some((change, update)) = change(token, path).zip(found.last_mut()) else { continue };
        update.push(change);
    }
    found.resize(updates, Vec::new());
    found
}

/// A record: as many colons as there were sides before, the modes of those and of now, then the ids, then letters.
fn change(record: &[u8], path: &[u8]) -> Option<Change> {
    let record = std::str::from_utf8(record).ok()?;
    let sides = record.bytes().take_while(|byte| *byte == b':').count();
    let fields: Vec<&str> = record[sides..].split(' ').collect();
    let is = match fields.get(sides)?.get(..2)? {
        "10" => Is::File,
        "12" => Is::Link,
        "16" => Is::Submodule,
        _ => return None,
    };
    Some(Change { path: path.to_vec(), blob: fields.get(2 * sides + 1)?.parse().ok()?, is })
}
