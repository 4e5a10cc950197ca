//! The disk itself: what it is, what a flush costs, and what four files cost that are written safely.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::figures::Samples;

/// Bytes of a small record, as one page.
const RECORD: usize = 4096;

/// Which file system a folder is on; refuses one that lives in memory, where a flush costs nothing.
pub(crate) fn kind(folder: &Path) -> Result<String> {
    #[cfg(target_os = "linux")]
    {
        const TMPFS: u64 = 0x0102_1994;
        const RAMFS: u64 = 0x8584_58f6;
        let opened = File::open(folder).with_context(|| format!("open {}", folder.display()))?;
        let status = rustix::fs::fstatfs(&opened)?;
        #[expect(
            clippy::cast_sign_loss,
            reason = "the numbers have 32 bits; the field's type differs by platform"
        )]
        let magic = (status.f_type as u64) & 0xffff_ffff;
        if magic == TMPFS || magic == RAMFS {
            bail!(
                "{} is on a memory file system, where a flush costs nothing; name a folder on a disk in \
                 MILLRACE_BENCH_DIR",
                folder.display()
            );
        }
        Ok(match magic {
            0xef53 => "ext4".to_owned(),
            0x5846_5342 => "xfs".to_owned(),
            0x9123_683e => "btrfs".to_owned(),
            0x794c_7630 => "overlay (what lies below it decides)".to_owned(),
            other => format!("file system {other:#x}"),
        })
    }
    #[cfg(not(target_os = "linux"))]
    {
        if !folder.is_dir() {
            bail!("{} is no folder", folder.display());
        }
        Ok("unknown file system".to_owned())
    }
}

/// What it costs to append 4 KB to a file and flush it.
pub(crate) fn flush(folder: &Path, times: u32) -> Result<Samples> {
    let path = folder.join("flush");
    let mut file = OpenOptions::new().append(true).create(true).open(&path)?;
    let mut samples = Samples::default();
    for _ in 0..times {
        let started = Instant::now();
        file.write_all(&[b'.'; RECORD])?;
        file.sync_all()?;
        samples.add(started.elapsed());
    }
    std::fs::remove_file(path)?;
    Ok(samples)
}

/// Four files of a runtime that keeps its state in files: queue, run, result, log.
pub(crate) struct FourFiles {
    folder: PathBuf,
}

impl FourFiles {
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Writes them so that they survive a power cut, each in place of its older one.
    pub(crate) fn write(&self) -> Result<Duration> {
        let started = Instant::now();
        for name in ["queue", "run", "result", "log"] {
            let fresh = self.folder.join(format!("{name}.new"));
            let mut file = File::create(&fresh)?;
            file.write_all(&[b'.'; RECORD])?;
            file.sync_all()?;
            drop(file);
            std::fs::rename(&fresh, self.folder.join(name))?;
            File::open(&self.folder)?.sync_all()?;
        }
        Ok(started.elapsed())
    }
}
