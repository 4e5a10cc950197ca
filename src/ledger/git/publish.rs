//! The ordered write path. What is on disk after a crash at any point:
//!
//! | step | a crash after it leaves |
//! |---|---|
//! | marks in `millrace/publishing/`, `.keep` | a mark, perhaps a `.keep` without a pack: cleaned by the next writer |
//! | pack and index written and synced, moved into place, folder synced | a pack that nothing refers to: listed as ours by the next writer |
//! | `<ref>.lock` linked | a lock with our mark: removed by the next writer |
//! | reflog line appended and synced | a line for a tip that is whole but was never acknowledged |
//! | lock renamed onto the ref, folder synced | the publication, whole; marks and `.keep` are cleaned by the next writer |
//!
//! The `.keep` holds a user's `git gc --prune=now` off until the ref protects the objects. It goes right after the
//! swap, because a standing one switches off a server's bitmaps.

use std::fmt::Write as _;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::command::GitCommand;
use super::disk::{self, READ_ONLY, fault};
use super::inflight::{Inflight, Mark};
use super::keeping::Keeping;
use super::lock::LockGuard;
use super::open::GitStore;
use super::pack::{self, PackBytes};
use super::packs::{self, Ours};
use super::reftable::Expected;
use super::{midx, reflog, refs};
use crate::domain::oid::Oid;
use crate::ledger::object::object_id;
use crate::ledger::store::{NewObjects, ObjectKind, Publication, StoreError, Writer};

/// How every `.keep` of ours begins.
const KEEP: &str = "millrace ";

/// The right to write to a [`GitStore`].
pub(super) struct GitWriter<'a> {
    pub(super) store: &'a GitStore,
    pub(super) inflight: Inflight,
    _guard: LockGuard,
}

/// A pack that is to be brought into the repository.
pub(super) enum Incoming {
    /// From memory.
    Bytes(PackBytes),
    /// From `<object directory>/pack`, where `git pack-objects` left it.
    Made { directory: PathBuf, checksum: Oid },
}

impl Incoming {
    fn checksum(&self) -> Oid {
        match self {
            Self::Bytes(bytes) => bytes.checksum,
            Self::Made { checksum, .. } => *checksum,
        }
    }
}

impl<'a> GitWriter<'a> {
    /// A writer under the lock; cleans up first after one that was killed.
    pub(super) fn new(store: &'a GitStore, guard: LockGuard) -> Result<Self, StoreError> {
        let writer = Self { store, inflight: Inflight::at(&store.private_dir()), _guard: guard };
        writer.settle()?;
        Ok(writer)
    }

    /// Brings everything that an unfinished publication or fold left into a state that hurts nobody.
    fn settle(&self) -> Result<(), StoreError> {
        for mark in self.inflight.leftovers()? {
            match mark {
                Mark::Ref(name, marker) => self.store.files().clean(&self.store.disk, &name, &marker)?,
                Mark::Pack(checksum) => self.settle_pack(checksum)?,
            }
        }
        // A power cut can take a mark and leave what it stood for, or bring back what was removed.
        for checksum in unmarked(&self.store.pack_dir())? {
            self.settle_pack(checksum)?;
        }
        self.remove_scratch()
    }

    /// A pack whose writer ended on the way: in it goes, or away.
    fn settle_pack(&self, checksum: Oid) -> Result<(), StoreError> {
        let pack_dir = self.store.pack_dir();
        for ending in ["pack", "idx"] {
            disk::remove(&temporary(&pack_dir, checksum, ending))?;
        }
        if packs::file(&pack_dir, checksum, "idx").exists() {
            // Whether the ref reached it or not: others may rely on it by now.
            self.enlist(Ours { level: 0, checksum })?;
        } else {
            disk::remove(&packs::file(&pack_dir, checksum, "pack"))?;
        }
        release_keep(&packs::file(&pack_dir, checksum, "keep"))?;
        self.inflight.unmark_pack(checksum)
    }

    fn try_publish(&self, publication: Publication) -> Result<(), StoreError> {
        let Publication { name: ref_name, old, new, objects, by, message } = publication;
        ref_name.check()?;
        let name = ref_name.full();
        let disk = &self.store.disk;
        self.expect(&name, old)?;
        let Some(new) = new else {
            return match old {
                Some(old) => self.delete(&name, old),
                None => Ok(()),
            };
        };
        if old.is_none() {
            self.store.check_no_clash(&name)?;
        }
        let incoming = self.incoming(new, objects)?;

        let packed = incoming.as_ref().map(Incoming::checksum);
        let line = reflog::Line { old, new, by: &by, message: &message };
        match self.store.keeping() {
            Keeping::Files => self.swap_file(&name, incoming, &line)?,
            Keeping::Reftable => {
                if let Some(incoming) = incoming {
                    self.install(&incoming, true, None)?;
                }
                self.store.reftable().swap(disk, &name, Expected::Value(old), &line)?;
            }
        }

        // The ref has moved. What fails from here on is cleaned up by the next writer.
        if let Err(error) = packed.map_or(Ok(()), |checksum| self.admit(checksum)) {
            tracing::warn!(%error, "a mark of the last publication stays until the next one");
        }
        Ok(())
    }

    /// Brings the pack in and moves a ref that is a file.
    fn swap_file(
        &self,
        name: &str,
        incoming: Option<Incoming>,
        line: &reflog::Line<'_>,
    ) -> Result<(), StoreError> {
        let disk = &self.store.disk;
        let (file, marker) = self.inflight.mark_ref(disk, name, refs::MODE, &refs::content(line.new))?;
        if let Some(incoming) = incoming {
            self.install(&incoming, true, Some((&file, &marker)))?;
        } else {
            let (folder, folder_path) = self.inflight.open_folder()?;
            disk.fsync_all(&[(&file, &marker), (&folder, folder_path)])?;
        }
        let lock = self.store.files().lock(disk, name, &marker)?;
        self.expect(name, line.old)?;
        reflog::append(disk, &self.store.common_dir, name, self.store.format, line)?;
        lock.commit(disk)?;
        if let Err(error) = disk::remove(&marker) {
            tracing::warn!(%error, "a mark of the last publication stays until the next one");
        }
        Ok(())
    }

    fn expect(&self, name: &str, expected: Option<Oid>) -> Result<(), StoreError> {
        let found = self.store.read_ref(name)?;
        if found == expected {
            return Ok(());
        }
        Err(StoreError::Moved { name: name.to_owned(), expected, found })
    }

    /// Removes the `.keep` of a pack that a ref protects now, and lists the pack.
    fn admit(&self, checksum: Oid) -> Result<(), StoreError> {
        release_keep(&packs::file(&self.store.pack_dir(), checksum, "keep"))?;
        self.enlist(Ours { level: 0, checksum })?;
        self.inflight.unmark_pack(checksum)
    }

    fn enlist(&self, one: Ours) -> Result<(), StoreError> {
        let private = self.store.private_dir();
        let ours = packs::load(&private, &self.store.pack_dir())?;
        if ours.iter().any(|known| known.checksum == one.checksum) {
            return Ok(());
        }
        packs::append(&self.store.disk, &private, one)
    }

    /// Makes a pack of what is new, and proves that the new value is a commit that will be there.
    fn incoming(&self, new: Oid, objects: NewObjects) -> Result<Option<Incoming>, StoreError> {
        let format = self.store.format;
        match objects {
            NewObjects::Given(objects) if !objects.is_empty() => {
                let mut tip = None;
                for object in &objects {
                    let is = object_id(format, object.kind, &object.bytes)?;
                    if is != object.oid {
                        let detail = format!("its content hashes to {is}");
                        return Err(StoreError::Damaged { oid: object.oid, detail });
                    }
                    if is == new {
                        tip = Some(object.kind);
                    }
                }
                match tip {
                    Some(kind) => is_commit(new, kind)?,
                    None => is_commit(new, self.store.objects.read(new)?.0)?,
                }
                Ok(Some(Incoming::Bytes(pack::pack(format, &objects)?)))
            }
            NewObjects::Quarantine { directory, want, have } => {
                if want != new {
                    let detail = format!("the quarantine is for {want}, and the ref is to get {new}");
                    return Err(StoreError::Git { action: "publish".to_owned(), detail });
                }
                let mut input = format!("{want}\n");
                for oid in have {
                    let _ = writeln!(input, "^{oid}");
                }
                let made = self.pack_objects(&directory, &["--revs"], input.as_bytes())?;
                if made.is_none() {
                    is_commit(new, self.store.objects.read(new)?.0)?;
                }
                Ok(made.map(|checksum| Incoming::Made { directory, checksum }))
            }
            NewObjects::None | NewObjects::Given(_) => {
                is_commit(new, self.store.objects.read(new)?.0)?;
                Ok(None)
            }
        }
    }

    /// Runs `git pack-objects` with `directory` as its object directory, so that its temporary files and the
    /// pack it makes lie there, out of the reach of a user's gc. `None` where there is nothing to pack.
    pub(super) fn pack_objects(
        &self,
        directory: &Path,
        args: &[&str],
        input: &[u8],
    ) -> Result<Option<Oid>, StoreError> {
        let folder = directory.join("pack");
        std::fs::create_dir_all(&folder).map_err(fault("create the folder", &folder))?;
        let stdout = GitCommand::new(&self.store.common_dir, "pack-objects")
            .config("core.multiPackIndex", "false")
            .config("pack.packSizeLimit", "0")
            .config("pack.writeReverseIndex", "false")
            .config("pack.indexVersion", "2")
            .env("GIT_OBJECT_DIRECTORY", directory)
            .env("GIT_ALTERNATE_OBJECT_DIRECTORIES", quoted(&self.store.common_dir.join("objects")))
            .args(["--quiet", "--non-empty", "--delta-base-offset"])
            .args(args)
            .arg(folder.join("pack"))
            .run(input)?;
        let text = String::from_utf8_lossy(&stdout);
        match text.lines().collect::<Vec<_>>().as_slice() {
            [] => Ok(None),
            [one] => one.parse().map(Some).map_err(|_| strange(&text)),
            _ => Err(strange(&text)),
        }
    }

    /// Brings a pack into the repository's pack folder, durably; the index comes last, and with it the pack is
    /// seen. `along` is synced in the same breath.
    pub(super) fn install(
        &self,
        incoming: &Incoming,
        keep: bool,
        along: Option<(&File, &Path)>,
    ) -> Result<(), StoreError> {
        let disk = &self.store.disk;
        let pack_dir = self.store.pack_dir();
        let checksum = incoming.checksum();
        disk.create_dirs(&pack_dir)?;
        self.inflight.mark_pack(disk, checksum)?;
        let keep_path = packs::file(&pack_dir, checksum, "keep");
        // One that exists is the user's: it does its work either way.
        let keep_file = if keep && !keep_path.exists() {
            let text = format!("{KEEP}is publishing this pack (process {})\n", std::process::id());
            Some(disk.write_fresh(&keep_path, READ_ONLY | 0o200, text.as_bytes())?)
        } else {
            None
        };
        let (pack_file, pack_path) = self.bring(incoming, "pack")?;
        let (index_file, index_path) = self.bring(incoming, "idx")?;
        let (marks, marks_path) = self.inflight.open_folder()?;
        let mut files = vec![
            (&pack_file, pack_path.as_path()),
            (&index_file, index_path.as_path()),
            (&marks, marks_path),
        ];
        // Its text says that it is ours, so that has to last as long as its name.
        files.extend(keep_file.as_ref().map(|file| (file, keep_path.as_path())));
        files.extend(along);
        disk.fsync_all(&files)?;
        disk::rename(&pack_path, &packs::file(&pack_dir, checksum, "pack"))?;
        disk::rename(&index_path, &packs::file(&pack_dir, checksum, "idx"))?;
        disk.fsync_dir(&pack_dir)
    }

    /// One of a pack's files under a temporary name in the pack folder. (Not `tmp_*`: `git gc --prune=now`
    /// removes those.)
    fn bring(&self, incoming: &Incoming, ending: &str) -> Result<(File, PathBuf), StoreError> {
        let disk = &self.store.disk;
        let to = temporary(&self.store.pack_dir(), incoming.checksum(), ending);
        let (directory, checksum) = match incoming {
            Incoming::Bytes(bytes) => {
                let content = if ending == "pack" { &bytes.pack } else { &bytes.index };
                return Ok((disk.write_fresh(&to, READ_ONLY, content)?, to));
            }
            Incoming::Made { directory, checksum } => (directory, *checksum),
        };
        let from = packs::file(&directory.join("pack"), checksum, ending);
        match std::fs::rename(&from, &to) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::CrossesDevices => {
                disk::remove(&to)?;
                let mut target = disk.create_new(&to, READ_ONLY)?;
                let mut source = File::open(&from).map_err(fault("open", &from))?;
                std::io::copy(&mut source, &mut target).map_err(fault("write", &to))?;
                disk::remove(&from)?;
            }
            Err(error) => return Err(fault("rename to", &to)(error)),
        }
        let file = File::open(&to).map_err(fault("open", &to))?;
        disk.share(&file).map_err(fault("chmod", &to))?;
        Ok((file, to))
    }

    /// Deletes a ref, loose and packed: the one step that git does, because it takes `packed-refs.lock`.
    fn delete(&self, name: &str, old: Oid) -> Result<(), StoreError> {
        if self.store.keeping() == Keeping::Reftable {
            return self.store.reftable().delete(&self.store.disk, name, old);
        }
        let result = GitCommand::new(&self.store.common_dir, "update-ref")
            .config("core.fsync", "all")
            .args(["--no-deref", "-d", name])
            .arg(old.to_string())
            .run(&[]);
        if let Err(error) = result {
            // Somebody else may have been faster.
            self.expect(name, Some(old))?;
            return Err(error);
        }
        // git removes folders that became empty: the nearest one that is left holds the change.
        let path = self.store.files().path(name);
        for folder in path.ancestors().skip(1) {
            match self.store.disk.fsync_dir(folder) {
                Err(StoreError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {}
                other => {
                    other?;
                    break;
                }
            }
        }
        self.store.disk.fsync_dir(&self.store.common_dir)
    }
}

impl Writer for GitWriter<'_> {
    fn believe(&mut self, tip: Option<Oid>) -> Result<(), StoreError> {
        self.store.set_belief(tip)
    }

    fn publish(&mut self, publication: Publication) -> Result<(), StoreError> {
        if let Err(error) = self.try_publish(publication) {
            if let Err(second) = self.settle() {
                tracing::warn!(error = %second, "what a failed publication left stays until the next one");
            }
            return Err(error);
        }
        // From here on nothing can take the publication back.
        if let Err(error) = midx::remove_if_stale(&self.store.pack_dir()) {
            tracing::warn!(%error, "a multi-pack-index that names missing packs could not be removed");
        }
        if let Err(error) = self.fold() {
            tracing::warn!(%error, "folding packs failed; the next publication tries again");
            if let Err(second) = self.settle() {
                tracing::warn!(error = %second, "what a failed fold left stays until the next publication");
            }
        }
        Ok(())
    }
}

fn is_commit(oid: Oid, kind: ObjectKind) -> Result<(), StoreError> {
    match kind {
        ObjectKind::Commit => Ok(()),
        other => Err(StoreError::Damaged {
            oid,
            detail: format!("a ref needs a commit, and it is a {}", other.word()),
        }),
    }
}

fn temporary(pack_dir: &Path, checksum: Oid, ending: &str) -> PathBuf {
    pack_dir.join(format!("millrace-{checksum}.{ending}.new"))
}

/// The packs that have a `.keep` of ours, or a file under its temporary name.
fn unmarked(pack_dir: &Path) -> Result<Vec<Oid>, StoreError> {
    let entries = match std::fs::read_dir(pack_dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(fault("read", pack_dir)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.map_err(fault("read", pack_dir))?.file_name();
        let Some(name) = name.to_str() else { continue };
        let (hex, keep) = if let Some(hex) =
            name.strip_prefix("pack-").and_then(|name| name.strip_suffix(".keep"))
        {
            (hex, true)
        } else if let Some(name) = name.strip_prefix("millrace-").and_then(|name| name.strip_suffix(".new")) {
            (name.split('.').next().unwrap_or(name), false)
        } else {
            continue;
        };
        let Ok(checksum) = hex.parse() else { continue };
        let path = packs::file(pack_dir, checksum, "keep");
        // One that goes away meanwhile is a git's that has done.
        if !keep || std::fs::read(&path).is_ok_and(|text| text.starts_with(KEEP.as_bytes())) {
            found.push(checksum);
        }
    }
    Ok(found)
}

/// Removes a `.keep` unless somebody else wrote it. An empty one lost its text to a power cut.
fn release_keep(path: &Path) -> Result<(), StoreError> {
    match std::fs::read(path) {
        Ok(text) if text.starts_with(KEEP.as_bytes()) || text.iter().all(|byte| *byte == 0) => {
            disk::remove(path)
        }
        Err(error) if error.kind() != ErrorKind::NotFound => Err(fault("read", path)(error)),
        _ => Ok(()),
    }
}

impl GitStore {
    /// An object directory as git reads it in the variable that lists others.
    #[must_use]
    pub fn as_alternate(path: &Path) -> std::ffi::OsString {
        quoted(path)
    }
}

/// A path as git reads it in a list of alternates: in quotes, because paths may hold `:`.
pub(super) fn quoted(path: &Path) -> std::ffi::OsString {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let mut text = vec![b'"'];
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'"' | b'\\' => text.extend([b'\\', *byte]),
            b'\n' => text.extend(b"\\n"),
            _ => text.push(*byte),
        }
    }
    text.push(b'"');
    std::ffi::OsString::from_vec(text)
}

fn strange(text: &str) -> StoreError {
    StoreError::Git {
        action: "git pack-objects".to_owned(),
        detail: format!("expected the name of one pack, found `{}`", text.escape_default()),
    }
}
