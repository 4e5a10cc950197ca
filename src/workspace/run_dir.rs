//! The folder of one stage in the work tree: `millrace-agents/runs/<run-id>/<nn>-<stage>/`.
//!
//! What a stage is given lies there, and there it leaves its result file and, in `outbox/`, the documents it
//! wants to create. It is scratch: the ledger has everything that counts.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::bootstrap::{AGENTS, IgnoreRule, ensure_ignore_rule};
use super::no_follow::Folder;
pub use super::no_follow::NoFollowError;
use crate::domain::ids::{RunId, StageName};
use crate::domain::limits::MAX_OUTBOX_DOCUMENTS;
use crate::domain::stage_file::OUTBOX;
use crate::format::quote::one_line;

/// Bytes of one document; the bound of every work document.
pub const MAX_OUTBOX_BYTES: u64 = crate::domain::limits::MAX_DOCUMENT_BYTES as u64;

/// The folder of one launch of one stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageDir {
    work_tree: PathBuf,
    run: RunId,
    launch: u32,
    stage: StageName,
}

/// What materialising made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Materialised {
    /// The absolute paths of the files, in the order they were given.
    pub files: Vec<PathBuf>,
    /// Whether git ignores the scratch.
    pub ignore: IgnoreRule,
}

/// A document that a stage left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxDocument {
    /// Its file name.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// What a stage left in its outbox.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Outbox {
    /// The documents, by name.
    pub documents: Vec<OutboxDocument>,
    /// What is wrong with the rest, one line each, for the stage to see.
    pub problems: Vec<String>,
}

impl StageDir {
    /// The folder for launch number `launch` of this run. Touches nothing.
    #[must_use]
    pub fn new(work_tree: &Path, run: RunId, launch: u32, stage: StageName) -> Self {
        Self { work_tree: work_tree.to_owned(), run, launch, stage }
    }

    /// Its absolute path.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.work_tree.join(AGENTS).join("runs").join(self.run.as_str()).join(self.name())
    }

    /// The absolute path of its outbox.
    #[must_use]
    pub fn outbox_path(&self) -> PathBuf {
        self.path().join(OUTBOX)
    }

    fn name(&self) -> String {
        format!("{:02}-{}", self.launch, self.stage)
    }

    /// Makes the folder anew with these files and an empty outbox. Whatever an interrupted attempt at the same
    /// launch left is removed; the folders of other launches stay.
    pub fn materialise(&self, files: &[(PathBuf, Vec<u8>)]) -> Result<Materialised, NoFollowError> {
        let agents = Folder::root(&self.work_tree)?.enter_or_create(OsStr::new(AGENTS))?;
        let ignore = ensure_ignore_rule(&agents)?;
        let run =
            agents.enter_or_create(OsStr::new("runs"))?.enter_or_create(OsStr::new(self.run.as_str()))?;
        let same_launch = format!("{:02}-", self.launch);
        for name in run.names(usize::MAX)?.0 {
            if name.as_encoded_bytes().starts_with(same_launch.as_bytes()) {
                run.remove_tree(&name)?;
            }
        }
        let folder = run.enter_or_create(OsStr::new(&self.name()))?;
        let mut written = Vec::with_capacity(files.len());
        for (relative, bytes) in files {
            let outside = || NoFollowError::Outside(relative.clone());
            let (parent, name) = folder.walk(relative, true)?.ok_or_else(outside)?;
            parent.write(name, bytes)?;
            written.push(parent.path().join(name));
        }
        folder.enter_or_create(OsStr::new(OUTBOX))?;
        Ok(Materialised { files: written, ignore })
    }

    /// Writes those of these files that are missing, and makes the folder where it is; what is there stays. The names
    /// of those that were missing; with `only_look` none of them is written.
    pub fn complete(
        &self,
        files: &[(String, Vec<u8>)],
        only_look: bool,
    ) -> Result<Vec<String>, NoFollowError> {
        let there = self.open()?;
        let mut missing = Vec::new();
        for (name, bytes) in files {
            let found = match &there {
                Some(folder) => folder.stat(OsStr::new(name))?,
                None => None,
            };
            if found.is_none() {
                missing.push((name, bytes));
            }
        }
        if !only_look && !missing.is_empty() {
            let agents = Folder::root(&self.work_tree)?.enter_or_create(OsStr::new(AGENTS))?;
            ensure_ignore_rule(&agents)?;
            let folder = agents
                .enter_or_create(OsStr::new("runs"))?
                .enter_or_create(OsStr::new(self.run.as_str()))?
                .enter_or_create(OsStr::new(&self.name()))?;
            for (name, bytes) in &missing {
                folder.write(OsStr::new(name), bytes)?;
            }
        }
        Ok(missing.into_iter().map(|(name, _)| name.clone()).collect())
    }

    /// Reads a file that the stage wrote, `relative` to this folder: a regular one of at most `cap` bytes, reached
    /// without any symbolic link. `None` where there is none.
    pub fn read(&self, relative: &Path, cap: u64) -> Result<Option<Vec<u8>>, NoFollowError> {
        let Some(folder) = self.open()? else { return Ok(None) };
        match folder.walk(relative, false)? {
            Some((parent, name)) => parent.read(name, cap),
            None => Ok(None),
        }
    }

    /// The documents that the stage left, `.md` files all of them. Too many, too large, no regular file, another name:
    /// each is a problem in words. Names that begin with a dot are an editor's and are passed over.
    pub fn collect_outbox(&self) -> Result<Outbox, NoFollowError> {
        let mut found = Outbox::default();
        let Some(folder) = self.open()? else { return Ok(found) };
        let Some(outbox) = folder.enter(OsStr::new(OUTBOX))? else { return Ok(found) };
        let (names, more) = outbox.names(MAX_NAMES)?;
        let names: Vec<OsString> =
            names.into_iter().filter(|name| !name.as_encoded_bytes().starts_with(b".")).collect();
        if more || names.len() > MAX_OUTBOX_DOCUMENTS {
            found.problems.push(format!("{OUTBOX}/ holds more than {MAX_OUTBOX_DOCUMENTS} documents"));
            return Ok(found);
        }
        for name in names {
            let shown = one_line(&name.to_string_lossy()).into_owned();
            let Some(text) = name.to_str().filter(|text| !text.chars().any(char::is_control)) else {
                found.problems.push(format!("{OUTBOX}/{shown}: the name is not plain text"));
                continue;
            };
            if Path::new(text).extension() != Some(OsStr::new("md")) {
                found.problems.push(format!("{OUTBOX}/{shown}: the name does not end in `.md`"));
                continue;
            }
            match outbox.read(&name, MAX_OUTBOX_BYTES) {
                Ok(Some(bytes)) => found.documents.push(OutboxDocument { name: text.to_owned(), bytes }),
                Ok(None) => {}
                Err(NoFollowError::TooLarge { cap, .. }) => {
                    found.problems.push(format!("{OUTBOX}/{shown}: has more than {cap} bytes"));
                }
                Err(NoFollowError::NotAFile(_)) => {
                    found.problems.push(format!("{OUTBOX}/{shown}: is not a regular file"));
                }
                Err(NoFollowError::Io { source, .. }) => {
                    found.problems.push(format!("{OUTBOX}/{shown}: cannot be read: {source}"));
                }
                Err(other) => return Err(other),
            }
        }
        Ok(found)
    }

    fn open(&self) -> Result<Option<Folder>, NoFollowError> {
        let mut at = Folder::root(&self.work_tree)?;
        for name in [AGENTS, "runs", self.run.as_str(), &self.name()] {
            match at.enter(OsStr::new(name))? {
                Some(next) => at = next,
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }
}

/// Names of an outbox that are looked at, passed-over ones included.
const MAX_NAMES: usize = 20 * MAX_OUTBOX_DOCUMENTS;
