//! Opening a repository as a store: the checks, once, and the [`Store`] it then is.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use gix::bstr::ByteSlice;
use gix::config::File as Config;

use super::command::GitCommand;
use super::disk::{Disk, Durability, Sharing, fault};
use super::keeping::Keeping;
use super::objects::Objects;
use super::publish::GitWriter;
use super::refs::RUNS;
use super::reftable::Memory;
use super::signing::Signing;
use super::{lock, refusal};
use crate::domain::ids::RunId;
use crate::domain::oid::Oid;
use crate::ledger::store::{Belief, NAMESPACE, ObjectFormat, ObjectKind, RefName, Store, StoreError, Writer};

/// A git repository as a store. Opening and reading create nothing.
pub struct GitStore {
    pub(super) common_dir: PathBuf,
    pub(super) format: ObjectFormat,
    pub(super) disk: Disk,
    pub(super) objects: Objects,
    /// Where refs were kept when somebody looked last.
    pub(super) keeping: Mutex<Keeping>,
    /// What is known of refs in a reftable.
    pub(super) listing: Memory,
    pub(super) signing: Mutex<Signing>,
}

impl GitStore {
    /// Opens the repository whose git directory this is: of a main work tree, of a linked one, or a bare one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unsupported`] says in one line what to do: an unknown extension of the repository
    /// format, a network file system, a repository of another user that git does not trust. (A git that
    /// is too old is refused when the first [`Store::writer`] is made, and where refs are kept in a reftable at the
    /// first look at one: opening starts no process.)
    pub fn open(git_dir: &Path, durability: Durability) -> Result<Self, StoreError> {
        let git_dir = git_dir.canonicalize().map_err(fault("open", git_dir))?;
        let common_dir = common_dir(&git_dir)?;
        let config = config(&common_dir)?;
        refuse(&common_dir, &config)?;
        for needed in ["HEAD", "objects", "refs"] {
            if !common_dir.join(needed).exists() {
                return Err(StoreError::Unsupported(format!(
                    "{} is not a git directory: it has no `{needed}`",
                    common_dir.display()
                )));
            }
        }
        check_owner(&git_dir, &common_dir)?;
        for folder in [&common_dir, &common_dir.join("objects")] {
            check_file_system(folder)?;
        }
        let format = match config.string("extensions.objectFormat") {
            None => ObjectFormat::Sha1,
            Some(name) if name.eq_ignore_ascii_case(b"sha1") => ObjectFormat::Sha1,
            Some(name) if name.eq_ignore_ascii_case(b"sha256") => ObjectFormat::Sha256,
            Some(name) => {
                return Err(StoreError::Unsupported(format!(
                    "{}: object format `{}` is not supported; sha1 and sha256 are",
                    common_dir.display(),
                    name.to_str_lossy().escape_default()
                )));
            }
        };
        let sharing = match shared_repository(&config) {
            None => Sharing::Umask,
            Some(value) => Sharing::parse(&value).ok_or_else(|| {
                StoreError::Unsupported(format!(
                    "{}: core.sharedRepository is `{}`; set it to group, all, umask or an octal mode such as 0660",
                    common_dir.display(),
                    value.escape_default()
                ))
            })?,
        };
        let objects = Objects::open(&common_dir, format)?;
        Ok(Self {
            common_dir,
            format,
            disk: Disk { durability, sharing },
            objects,
            keeping: Mutex::new(Keeping::of(&config)),
            listing: Memory::default(),
            signing: Mutex::default(),
        })
    }

    /// The directory that all work trees of this repository share.
    #[must_use]
    pub fn common_dir(&self) -> &Path {
        &self.common_dir
    }

    /// Our own folder, `<common-dir>/millrace`; made by the first write.
    #[must_use]
    pub fn private_dir(&self) -> PathBuf {
        self.common_dir.join("millrace")
    }

    pub(super) fn pack_dir(&self) -> PathBuf {
        self.common_dir.join("objects").join("pack")
    }
}

impl Store for GitStore {
    fn object_format(&self) -> ObjectFormat {
        self.format
    }

    fn resolve(&self, name: &RefName) -> Result<Option<Oid>, StoreError> {
        name.check()?;
        self.read_ref(&name.full())
    }

    fn refs(&self) -> Result<Vec<(RefName, Oid)>, StoreError> {
        self.all_refs(NAMESPACE)
    }

    fn runs(&self) -> Result<Vec<(RunId, Oid)>, StoreError> {
        // Another ref that is damaged is no reason not to know the runs.
        let run = |(name, oid)| match name {
            RefName::Run(run) => Some((run, oid)),
            _ => None,
        };
        Ok(self.all_refs(RUNS)?.into_iter().filter_map(run).collect())
    }

    fn read(&self, oid: Oid) -> Result<(ObjectKind, Vec<u8>), StoreError> {
        self.objects.read(oid)
    }

    fn signs(&self) -> bool {
        self.signing() != Signing::Off
    }

    fn signed(&self, commit: &[u8], tree: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.try_signed(commit, tree)
    }

    fn believed(&self) -> Result<Belief, StoreError> {
        self.belief()
    }

    fn writer(&self, wait: Duration) -> Result<Box<dyn Writer + '_>, StoreError> {
        check_git(&config(&self.common_dir)?)?;
        let guard = lock::take(&self.disk, &self.private_dir().join("lock"), wait)?;
        // The repository may have been converted since it was opened.
        self.look_where()?;
        Ok(Box::new(GitWriter::new(self, guard)?))
    }
}

/// Where the shared parts of a linked work tree's git directory are.
fn common_dir(git_dir: &Path) -> Result<PathBuf, StoreError> {
    let pointer = git_dir.join("commondir");
    match std::fs::read_to_string(&pointer) {
        Ok(text) => {
            let common = git_dir.join(text.trim_end_matches(['\n', '\r']));
            common.canonicalize().map_err(fault("open", &common))
        }
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(git_dir.to_owned())
        }
        Err(error) => Err(fault("read", &pointer)(error)),
    }
}

/// Refuses what a configuration tells that cannot hold a ledger.
pub(super) fn refuse(common_dir: &Path, config: &Config) -> Result<(), StoreError> {
    match refusal::by_config(config) {
        Some(why) => Err(StoreError::Unsupported(format!("{}: {why}", common_dir.display()))),
        None => Ok(()),
    }
}

/// The repository's own configuration: what git reads the format of a repository from. Nothing in it is run.
pub(super) fn config(common_dir: &Path) -> Result<Config, StoreError> {
    let path = common_dir.join("config");
    if !path.exists() {
        return Ok(Config::default());
    }
    Config::from_path_no_includes(path.clone(), gix::config::Source::Local).map_err(|error| StoreError::Git {
        action: format!("read {}", path.display()),
        detail: error.to_string().lines().next().unwrap_or_default().to_owned(),
    })
}

fn shared_repository(config: &Config) -> Option<String> {
    let core = config.sections_by_name("core")?.collect::<Vec<_>>();
    let value = core.iter().rev().find_map(|section| section.body().value_implicit("sharedRepository"))?;
    Some(value.map_or_else(|| "true".to_owned(), |text| text.to_str_lossy().into_owned()))
}

/// git's rule (`safe.directory`): a repository that belongs to somebody else is not touched unless this user
/// said so. Where all is ours no process is started; else git itself decides.
fn check_owner(git_dir: &Path, common_dir: &Path) -> Result<(), StoreError> {
    let work_tree = common_dir.file_name().filter(|name| *name == ".git").and_then(|_| common_dir.parent());
    let us = rustix::process::geteuid().as_raw();
    let mut ours = true;
    for path in [Some(git_dir), Some(common_dir), work_tree].into_iter().flatten() {
        ours &= std::fs::metadata(path).map_err(fault("open", path))?.uid() == us;
    }
    if ours {
        return Ok(());
    }
    let answer = GitCommand::discover(work_tree.unwrap_or(common_dir), "rev-parse")
        .config("safe.bareRepository", "all")
        .arg("--git-dir")
        .output(&[])?;
    if answer.status.success() {
        return Ok(());
    }
    Err(StoreError::Unsupported(format!(
        "{} belongs to another user, and git does not trust it; run as its owner, or add it to `safe.directory` \
         in your git configuration",
        common_dir.display()
    )))
}

#[cfg(target_os = "linux")]
fn check_file_system(folder: &Path) -> Result<(), StoreError> {
    let opened = File::open(folder).map_err(fault("open", folder))?;
    let status = rustix::fs::fstatfs(&opened).map_err(|error| fault("statfs", folder)(error.into()))?;
    #[expect(
        clippy::cast_sign_loss,
        reason = "the numbers have 32 bits; the field's type differs by platform"
    )]
    let magic = (status.f_type as u64) & 0xffff_ffff;
    let kind = mounted_as(&opened.metadata().map_err(fault("open", folder))?);
    match refusal::by_file_system(magic, kind.as_deref()) {
        Some(why) => Err(StoreError::Unsupported(format!("{}: {why}", folder.display()))),
        None => Ok(()),
    }
}

#[cfg(not(target_os = "linux"))]
fn check_file_system(folder: &Path) -> Result<(), StoreError> {
    File::open(folder).map(drop).map_err(fault("open", folder))
}

/// The name of a file system of a user program in the mount table (`fuse.sshfs`), found by its device number.
#[cfg(target_os = "linux")]
fn mounted_as(metadata: &std::fs::Metadata) -> Option<String> {
    let table = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    let device = format!("{}:{}", rustix::fs::major(metadata.dev()), rustix::fs::minor(metadata.dev()));
    table.lines().find_map(|line| {
        let (fields, kind) = line.split_once(" - ")?;
        (fields.split(' ').nth(2) == Some(device.as_str()))
            .then(|| kind.split(' ').next().unwrap_or("").to_owned())
    })
}

/// Refuses a git that is too old for a repository with this configuration.
fn check_git(config: &Config) -> Result<(), StoreError> {
    let (oldest, place) = refusal::oldest_git(config);
    match refusal::by_git_version(git_version()?, oldest, place) {
        Some(why) => Err(StoreError::Unsupported(why)),
        None => Ok(()),
    }
}

/// git itself, asked once in the life of the process.
fn git_version() -> Result<&'static str, StoreError> {
    static VERSION: OnceLock<String> = OnceLock::new();
    if let Some(known) = VERSION.get() {
        return Ok(known);
    }
    let output = GitCommand::discover(Path::new("/"), "version").text()?;
    Ok(VERSION.get_or_init(|| output))
}

impl GitStore {
    /// What git said of a reftable. A git that knows none says that the repository has an unknown extension, which helps
    /// nobody.
    pub(super) fn or_too_old(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Git { .. } => match config(&self.common_dir).and_then(|config| check_git(&config)) {
                Err(too_old @ StoreError::Unsupported(_)) => too_old,
                _ => error,
            },
            error => error,
        }
    }
}
