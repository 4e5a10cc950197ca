//! Folders of the work tree, entered step by step and never through a symbolic link: an agent may have put one
//! where a folder was, and nothing of ours is read or written where it leads.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, mkdirat, openat, renameat, statat, unlinkat};
use rustix::io::Errno;
use thiserror::Error;

/// Why a file of the work tree was not read or written.
#[derive(Debug, Error)]
pub enum NoFollowError {
    /// A symbolic link or a file stands where a folder has to be.
    #[error("{} is not a folder (a symbolic link is not followed): remove it", .0.display())]
    NotAFolder(PathBuf),
    /// Something else than a file.
    #[error("{} is not a regular file (a symbolic link is not followed)", .0.display())]
    NotAFile(PathBuf),
    /// The file is larger than it may be.
    #[error("{} has more than {cap} bytes", .path.display())]
    TooLarge {
        /// Which one.
        path: PathBuf,
        /// How many bytes it may have.
        cap: u64,
    },
    /// The path is not a plain relative one.
    #[error("`{}` is not a path inside the folder", .0.display())]
    Outside(PathBuf),
    /// The machine refused.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// An open folder.
pub(super) struct Folder {
    fd: OwnedFd,
    path: PathBuf,
}

impl Folder {
    /// The folder at a path that is trusted as a whole (the root of a work tree).
    pub(super) fn root(path: &Path) -> Result<Self, NoFollowError> {
        let fd = rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|errno| fault("open", path, errno))?;
        Ok(Self { fd, path: path.to_owned() })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A folder in it; `None` where there is none.
    pub(super) fn enter(&self, name: &OsStr) -> Result<Option<Self>, NoFollowError> {
        let path = self.path.join(name);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => Ok(Some(Self { fd, path })),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::LOOP | Errno::NOTDIR) => Err(NoFollowError::NotAFolder(path)),
            Err(errno) => Err(fault("open", &path, errno)),
        }
    }

    /// A folder in it, made where it is missing.
    pub(super) fn enter_or_create(&self, name: &OsStr) -> Result<Self, NoFollowError> {
        let path = self.path.join(name);
        match mkdirat(&self.fd, name, Mode::from_raw_mode(0o777)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(fault("create", &path, errno)),
        }
        let gone = || fault("open", &path, Errno::NOENT);
        self.enter(name)?.ok_or_else(gone)
    }

    /// Walks down to the folder that holds the last part of `relative`, and gives that part.
    pub(super) fn walk<'a>(
        &self,
        relative: &'a Path,
        create: bool,
    ) -> Result<Option<(Self, &'a OsStr)>, NoFollowError> {
        let names = plain(relative)?;
        let Some((last, folders)) = names.split_last() else {
            return Err(NoFollowError::Outside(relative.to_owned()));
        };
        let mut at = self.again()?;
        for name in folders {
            at = if create {
                at.enter_or_create(name)?
            } else if let Some(next) = at.enter(name)? {
                next
            } else {
                return Ok(None);
            };
        }
        Ok(Some((at, last)))
    }

    fn again(&self) -> Result<Self, NoFollowError> {
        let fd = self.fd.try_clone().map_err(|source| NoFollowError::Io {
            action: "open",
            path: self.path.clone(),
            source,
        })?;
        Ok(Self { fd, path: self.path.clone() })
    }

    /// Writes a file in one step: whoever reads finds the old one or the new one, whole.
    pub(super) fn write(&self, name: &OsStr, bytes: &[u8]) -> Result<(), NoFollowError> {
        let path = self.path.join(name);
        let mut aside = OsString::from(".new-");
        aside.push(name);
        let io = |source| NoFollowError::Io { action: "write", path: path.clone(), source };
        // What an earlier, interrupted write left.
        match unlinkat(&self.fd, &aside, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(_) => self.remove_tree(&aside)?,
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd =
            openat(&self.fd, &aside, flags, Mode::from_raw_mode(0o666)).map_err(|errno| io(errno.into()))?;
        File::from(fd).write_all(bytes).map_err(io)?;
        if statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
        {
            return Err(NoFollowError::NotAFile(path));
        }
        renameat(&self.fd, &aside, &self.fd, name).map_err(|errno| io(errno.into()))
    }

    /// Reads a regular file of at most `cap` bytes; `None` where there is nothing.
    pub(super) fn read(&self, name: &OsStr, cap: u64) -> Result<Option<Vec<u8>>, NoFollowError> {
        let path = self.path.join(name);
        // Opening a FIFO would wait for its other end.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(Errno::NOENT) => return Ok(None),
            // A link, or a socket.
            Err(Errno::LOOP | Errno::NXIO) => return Err(NoFollowError::NotAFile(path)),
            Err(errno) => return Err(fault("open", &path, errno)),
        };
        let io = |source| NoFollowError::Io { action: "read", path: path.clone(), source };
        if !file.metadata().map_err(io)?.is_file() {
            return Err(NoFollowError::NotAFile(path));
        }
        let mut bytes = Vec::new();
        file.take(cap.saturating_add(1)).read_to_end(&mut bytes).map_err(io)?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length > cap) {
            return Err(NoFollowError::TooLarge { path, cap });
        }
        Ok(Some(bytes))
    }

    /// What is known of an entry, not of what a link leads to; `None` where there is nothing.
    pub(super) fn stat(&self, name: &OsStr) -> Result<Option<Stat>, NoFollowError> {
        match statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(fault("look at", &self.path.join(name), errno)),
        }
    }

    /// At most `most` names in it, sorted, and whether there are more.
    pub(super) fn names(&self, most: usize) -> Result<(Vec<OsString>, bool), NoFollowError> {
        let fault = |errno| fault("read", &self.path, errno);
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.fd).map_err(fault)? {
            let entry = entry.map_err(fault)?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            if names.len() == most {
                return Ok((names, true));
            }
            names.push(OsStr::from_bytes(name).to_owned());
        }
        names.sort();
        Ok((names, false))
    }

    /// Removes a file or a link; where nothing is there, nothing is to be done.
    pub(super) fn unlink(&self, name: &OsStr) -> Result<(), NoFollowError> {
        match unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(fault("remove", &self.path.join(name), errno)),
        }
    }

    /// Moves the file or link at a path that is trusted as a whole to this name, in one step.
    pub(super) fn place(&self, from: &Path, name: &OsStr) -> Result<(), NoFollowError> {
        renameat(rustix::fs::CWD, from, &self.fd, name)
            .map_err(|errno| fault("write", &self.path.join(name), errno))
    }

    /// Removes a file, a link, or a folder with all that is in it. What a link leads to stays.
    pub(super) fn remove_tree(&self, name: &OsStr) -> Result<(), NoFollowError> {
        let path = self.path.join(name);
        match unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            // Linux says that it is a folder, others that it is not allowed.
            Err(Errno::ISDIR | Errno::PERM) => {}
            Err(errno) => return Err(fault("remove", &path, errno)),
        }
        if let Some(folder) = self.enter(name)? {
            let (names, _) = folder.names(usize::MAX)?;
            for name in names {
                folder.remove_tree(&name)?;
            }
        }
        match unlinkat(&self.fd, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(fault("remove", &path, errno)),
        }
    }
}

fn plain(relative: &Path) -> Result<Vec<&OsStr>, NoFollowError> {
    let outside = || NoFollowError::Outside(relative.to_owned());
    if relative.as_os_str().as_bytes().contains(&0) {
        return Err(outside());
    }
    let part = |component| match component {
        Component::Normal(name) => Ok(name),
        _ => Err(outside()),
    };
    relative.components().map(part).collect()
}

fn fault(action: &'static str, path: &Path, errno: Errno) -> NoFollowError {
    NoFollowError::Io { action, path: path.to_owned(), source: errno.into() }
}
