//! A recording, played on the model of a disk, call by call.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::disk::{Disk, Id, Left, Loss, Remains};
use super::lines::{Call, descriptor, path, strings};
use super::recording::{Recording, below};
use crate::chance::Chance;
use crate::repo::TestRepo;

/// An open file: where the next write goes.
#[derive(Debug, Clone, Copy)]
struct Open {
    file: Id,
    at: usize,
    appends: bool,
}

/// A disk on which a recording is played.
pub(super) struct Replay<'a> {
    root: &'a Path,
    pub(super) disk: Disk,
    folders: BTreeMap<u32, PathBuf>,
    open: BTreeMap<(u32, u32), Open>,
    main: u32,
    /// The program itself has said something on its standard output.
    pub(super) acknowledged: bool,
}

impl<'a> Replay<'a> {
    pub(super) fn new(recording: &'a Recording) -> Self {
        Self {
            root: &recording.root,
            disk: recording.before.clone(),
            folders: BTreeMap::new(),
            open: BTreeMap::new(),
            main: recording.calls.first().expect("a recorded call").thread,
            acknowledged: false,
        }
    }

    /// A path argument, from the working directory of its thread.
    fn plain(&self, call: &Call, argument: &str) -> Option<PathBuf> {
        let named = path(argument);
        if named.is_absolute() {
            return below(self.root, &named);
        }
        let folder = self.folders.get(&call.thread);
        let folder = folder.unwrap_or_else(|| panic!("{call:?}: its working directory is not known"));
        below(self.root, &folder.join(named))
    }

    /// A path argument, from the folder in the argument before it.
    fn from(&self, call: &Call, folder: usize) -> Option<PathBuf> {
        let (_, from) = descriptor(&call.arguments[folder]);
        below(self.root, &from.join(path(&call.arguments[folder + 1])))
    }

    /// A descriptor of something below the watched folder.
    fn opened(&self, call: &Call, argument: usize) -> Option<(u32, PathBuf)> {
        let (number, named) = descriptor(&call.arguments[argument]);
        Some((number?, below(self.root, &named)?))
    }

    /// Plays one call; whether it may have changed what a power loss leaves.
    pub(super) fn play(&mut self, call: &Call) -> bool {
        if let Some(at) = call.arguments.iter().find(|argument| argument.starts_with("AT_FDCWD<")) {
            self.folders.insert(call.thread, descriptor(at).1);
        }
        let arguments = &call.arguments;
        match call.name.as_str() {
            "read" | "lseek" => {
                if let Some((number, _)) = self.opened(call, 0)
                    && let Some(open) = self.open.get_mut(&(call.thread, number))
                {
                    open.at = if call.name == "read" { open.at + call.gave } else { call.gave };
                }
                false
            }
            "chdir" => {
                let to = path(&arguments[0]);
                let from = self.folders.get(&call.thread).cloned().unwrap_or_default();
                self.folders.insert(call.thread, from.join(to));
                false
            }
            "fchdir" => {
                self.folders.insert(call.thread, descriptor(&arguments[0]).1);
                false
            }
            "vfork" | "fork" | "clone" | "clone3" => {
                let child = u32::try_from(call.gave).expect("a thread");
                if let Some(folder) = self.folders.get(&call.thread).cloned() {
                    self.folders.entry(child).or_insert(folder);
                }
                let inherited: Vec<_> = self
                    .open
                    .range((call.thread, 0)..=(call.thread, u32::MAX))
                    .map(|((_, number), open)| (*number, *open))
                    .collect();
                for (number, open) in inherited {
                    self.open.entry((child, number)).or_insert(open);
                }
                false
            }
            "open" => self.opening(call, self.plain(call, &arguments[0]), &arguments[1]),
            "creat" => self.opening(call, self.plain(call, &arguments[0]), "O_WRONLY|O_CREAT|O_TRUNC"),
            "openat" => self.opening(call, self.from(call, 0), &arguments[2]),
            "write" | "writev" | "pwrite64" => self.write(call),
            "copy_file_range" => self.copy(call),
            "ftruncate" => {
                let Some((_, named)) = self.opened(call, 0) else { return false };
                let file = self.known(call, &named);
                self.disk.resize(file, arguments[1].parse().expect("a length"));
                true
            }
            "rename" | "link" => {
                self.two(call, self.plain(call, &arguments[0]), self.plain(call, &arguments[1]))
            }
            "renameat" | "renameat2" => {
                assert!(!arguments.iter().any(|flag| flag.contains("EXCHANGE")), "{call:?}");
                self.two(call, self.from(call, 0), self.from(call, 2))
            }
            "linkat" => self.two(call, self.from(call, 0), self.from(call, 2)),
            "symlink" => {
                let Some(at) = self.plain(call, &arguments[1]) else { return false };
                self.disk.make_link(&at, path(&arguments[0]));
                true
            }
            "symlinkat" => {
                let Some(at) = self.from(call, 1) else { return false };
                self.disk.make_link(&at, path(&arguments[0]));
                true
            }
            "unlink" | "rmdir" => self.gone(self.plain(call, &arguments[0])),
            "unlinkat" => self.gone(self.from(call, 0)),
            "mkdir" => self.folder(self.plain(call, &arguments[0])),
            "mkdirat" => self.folder(self.from(call, 0)),
            "fsync" | "fdatasync" => {
                let Some((_, named)) = self.opened(call, 0) else { return false };
                let id = self.known(call, &named);
                self.disk.sync(id);
                true
            }
            "mmap" => {
                let written = arguments[2].contains("PROT_WRITE") && arguments[3].contains("MAP_SHARED");
                assert!(
                    !written || self.opened(call, 4).is_none(),
                    "{call:?}: the model does not see what is written through a mapping"
                );
                false
            }
            _ => {
                let concerned = arguments.iter().any(|argument| {
                    let (_, named) = descriptor(argument);
                    below(self.root, &named).is_some()
                        || (argument.starts_with('"') && self.plain(call, argument).is_some())
                });
                assert!(!concerned, "{call:?}: the model does not know this call");
                false
            }
        }
    }

    fn opening(&mut self, call: &Call, target: Option<PathBuf>, flags: &str) -> bool {
        let Some(target) = target else { return false };
        assert!(!flags.contains("O_TMPFILE"), "{call:?}: the model does not know files without a name");
        let create = flags.contains("O_CREAT");
        let there = self.disk.find(&target).is_some();
        let truncate = flags.contains("O_TRUNC");
        if let Some(file) = self.disk.open(&target, create, truncate) {
            let number = u32::try_from(call.gave).expect("a descriptor");
            let open = Open { file, at: 0, appends: flags.contains("O_APPEND") };
            self.open.insert((call.thread, number), open);
        }
        truncate || (create && !there)
    }

    fn known(&self, call: &Call, named: &Path) -> Id {
        self.disk.find(named).unwrap_or_else(|| panic!("{call:?}: {} is not there", named.display()))
    }

    fn write(&mut self, call: &Call) -> bool {
        let (number, named) = descriptor(&call.arguments[0]);
        let Some(named) = below(self.root, &named) else {
            if call.thread == self.main && number == Some(1) {
                self.acknowledged = true;
                return true;
            }
            return false;
        };
        let mut bytes = strings(&call.arguments[1]);
        bytes.truncate(call.gave);
        let key = (call.thread, number.expect("a descriptor"));
        // One that came by another way (a thread, a redirection) goes on at the end.
        let file = self.known(call, &named);
        let end = self.disk.length(file);
        let open = self.open.entry(key).or_insert(Open { file, at: end, appends: true });
        if open.file != file {
            *open = Open { file, at: end, appends: true };
        }
        let at = if call.name == "pwrite64" {
            call.arguments[3].parse().expect("an offset")
        } else if open.appends {
            end
        } else {
            open.at
        };
        if call.name != "pwrite64" {
            open.at = at + bytes.len();
        }
        self.disk.write(file, at, &bytes);
        true
    }

    fn copy(&mut self, call: &Call) -> bool {
        let (from, to) = (self.opened(call, 0), self.opened(call, 2));
        let Some((to, named)) = to else { return false };
        let Some((from, _)) = from else { panic!("{call:?}: the model does not know what is copied in") };
        assert_eq!((call.arguments[1].as_str(), call.arguments[3].as_str()), ("NULL", "NULL"), "{call:?}");
        let source = self.open.get_mut(&(call.thread, from)).expect("an open file");
        let bytes = self.disk.read(source.file, source.at, call.gave);
        source.at += bytes.len();
        let file = self.known(call, &named);
        let target = self.open.get_mut(&(call.thread, to)).expect("an open file");
        self.disk.write(file, target.at, &bytes);
        target.at += bytes.len();
        true
    }

    fn two(&mut self, call: &Call, from: Option<PathBuf>, to: Option<PathBuf>) -> bool {
        match (from, to) {
            (Some(from), Some(to)) if call.name.starts_with("link") => self.disk.link(&from, &to),
            (Some(from), Some(to)) => self.disk.rename(&from, &to),
            (None, None) => return false,
            _ => panic!("{call:?}: it leads out of the watched folder"),
        }
        true
    }

    fn gone(&mut self, path: Option<PathBuf>) -> bool {
        path.is_some_and(|path| {
            self.disk.remove(&path);
            true
        })
    }

    fn folder(&mut self, path: Option<PathBuf>) -> bool {
        path.is_some_and(|path| {
            self.disk.make_folder(&path);
            true
        })
    }
}

/// One possible disk after a power loss.
pub(super) struct Outage {
    pub(super) remains: Remains,
    /// After which call, and what was lost.
    pub(super) when: String,
    /// The program had said that it was done.
    pub(super) acknowledged: bool,
}

/// Every disk that a power loss at any point of the recording may leave, each once; `mixed` is how many uneven losses
/// are drawn at each point.
pub(super) fn outages(recording: &Recording, chance: &mut Chance, mixed: usize) -> Vec<Outage> {
    use Left::{Dropped, Kept, Zeroed};
    let mut replay = Replay::new(recording);
    let mut seen = std::collections::BTreeSet::new();
    let mut outages = Vec::new();
    let even = |names, contents| Loss::Even { names, contents };
    for (number, call) in recording.calls.iter().enumerate() {
        if !replay.play(call) {
            continue;
        }
        let mut losses = vec![
            even(Dropped, Dropped),
            even(Dropped, Zeroed),
            even(Dropped, Kept),
            even(Kept, Dropped),
            even(Kept, Zeroed),
        ];
        losses.extend((0..mixed).map(|_| Loss::Mixed(chance.next())));
        for loss in losses {
            let remains = replay.disk.after(loss);
            if seen.insert((remains.fingerprint(), replay.acknowledged)) {
                let when = format!(
                    "power lost after call {number}, {} of thread {}: {loss:?}",
                    call.name, call.thread
                );
                outages.push(Outage { remains, when, acknowledged: replay.acknowledged });
            }
        }
    }
    outages
}

/// The model has followed: after the whole recording it holds what is on the real disk.
#[track_caller]
pub(super) fn assert_followed(recording: &Recording) {
    let mut replay = Replay::new(recording);
    for call in &recording.calls {
        replay.play(call);
    }
    let real = Disk::scan(&recording.root).after(Loss::Even { names: Left::Kept, contents: Left::Kept });
    let model = replay.disk.after(Loss::Even { names: Left::Kept, contents: Left::Kept });
    let (real, model) = (real.paths(), model.paths());
    let names = |paths: &BTreeMap<PathBuf, (Id, Option<&[u8]>)>| paths.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&model), names(&real), "the names that the model has");
    for (path, (_, bytes)) in real {
        assert_eq!(model[&path].1, bytes, "the content of {}", path.display());
    }
}

/// The disk after an outage, as a repository.
pub(super) fn repository(outage: &Outage) -> TestRepo {
    let repo = TestRepo::init();
    for entry in std::fs::read_dir(repo.beside()).expect("a folder") {
        std::fs::remove_dir_all(entry.expect("an entry").path()).expect("an empty project goes");
    }
    outage.remains.write_to(repo.beside());
    repo
}
