//! Our reflog: the list of last good tips. git keeps none for `refs/millrace/` by itself.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::disk::{Disk, PLAIN, fault};
use crate::domain::oid::Oid;
use crate::ledger::store::{ObjectFormat, Signature, StoreError};

/// Bytes looked at from the end to find the last whole line: many lines, one read.
const TAIL: u64 = 16 * 1024;

/// Longest message that goes into a line, in bytes.
pub(super) const MAX_MESSAGE: usize = 512;

/// Longest name and mail address in a line, in bytes.
pub(super) const MAX_IDENTITY: usize = 200;

/// One move of a ref.
pub(super) struct Line<'a> {
    pub(super) old: Option<Oid>,
    pub(super) new: Oid,
    pub(super) by: &'a Signature,
    pub(super) message: &'a str,
}

impl Line<'_> {
    fn render(&self, format: ObjectFormat) -> String {
        let old = self.old.map_or_else(|| "0".repeat(format.bytes() * 2), |oid| oid.to_string());
        format!(
            "{old} {} {} <{}> {} +0000\t{}\n",
            self.new,
            plain(&self.by.name, MAX_IDENTITY),
            plain(&self.by.email, MAX_IDENTITY),
            self.by.at.as_second().max(0),
            plain(self.message, MAX_MESSAGE)
        )
    }
}

/// Text that cannot end a field or a line.
pub(super) fn plain(text: &str, most: usize) -> String {
    let mut kept = String::new();
    for c in text.chars() {
        let c = if c.is_control() || matches!(c, '<' | '>') { ' ' } else { c };
        if kept.len() + c.len_utf8() > most {
            break;
        }
        kept.push(c);
    }
    kept.trim().to_owned()
}

pub(super) fn path(common_dir: &Path, name: &str) -> PathBuf {
    common_dir.join("logs").join(name)
}

/// Appends a line and makes it durable. The caller holds the ref's lock, so git does not rewrite the file
/// meanwhile. What a power cut tore off the end before is cut away first.
pub(super) fn append(
    disk: &Disk,
    common_dir: &Path,
    name: &str,
    format: ObjectFormat,
    line: &Line<'_>,
) -> Result<(), StoreError> {
    let path = path(common_dir, name);
    let open = |new: bool| OpenOptions::new().read(true).write(true).create_new(new).mode(PLAIN).open(&path);
    let mut tries = 0;
    let (mut file, created) = loop {
        match open(false) {
            Ok(file) => break (file, false),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(fault("open", &path)(error)),
        }
        if let Some(folder) = path.parent() {
            disk.create_dirs(folder)?;
        }
        match open(true) {
            Ok(file) => {
                disk.share(&file).map_err(fault("chmod", &path))?;
                break (file, true);
            }
            // `git pack-refs` and gc remove empty folders at any moment.
            Err(error)
                if tries < 100 && matches!(error.kind(), ErrorKind::NotFound | ErrorKind::AlreadyExists) =>
            {
                tries += 1;
            }
            Err(error) => return Err(fault("create", &path)(error)),
        }
    };
    let length = file.metadata().map_err(fault("read", &path))?.len();
    let whole = whole_length(&mut file, length, format).map_err(fault("read", &path))?;
    if whole < length {
        file.set_len(whole).map_err(fault("truncate", &path))?;
    }
    file.seek(SeekFrom::Start(whole)).map_err(fault("write", &path))?;
    file.write_all(line.render(format).as_bytes()).map_err(fault("write", &path))?;
    disk.fsync(&file, &path)?;
    match path.parent() {
        Some(folder) if created => disk.fsync_dir(folder),
        _ => Ok(()),
    }
}

/// Bytes up to the end of the last whole line.
fn whole_length(file: &mut File, length: u64, format: ObjectFormat) -> std::io::Result<u64> {
    let mut reach = TAIL;
    loop {
        let start = length.saturating_sub(reach);
        file.seek(SeekFrom::Start(start))?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail)?;
        let mut end = tail.len();
        while let Some(stop) = tail[..end].iter().rposition(|byte| *byte == b'\n') {
            let line = tail[..stop].iter().rposition(|byte| *byte == b'\n').map(|at| at + 1);
            match line {
                // It begins before what was read: look further back, unless this is the file's first line.
                None if start > 0 => break,
                at if new_value(&tail[at.unwrap_or(0)..stop], format).is_some() => {
                    return Ok(start + stop as u64 + 1);
                }
                at => end = at.unwrap_or(0),
            }
        }
        if start == 0 {
            return Ok(0);
        }
        reach = reach.saturating_mul(8);
    }
}

/// The new value of a line, where the line is whole.
fn new_value(line: &[u8], format: ObjectFormat) -> Option<Oid> {
    let digits = format.bytes() * 2;
    let rest = line.get(digits..)?.strip_prefix(b" ")?;
    let hex = |bytes: &[u8]| std::str::from_utf8(bytes).ok()?.parse::<Oid>().ok();
    hex(line.get(..digits)?)?;
    if !rest.get(digits..)?.starts_with(b" ") || line.contains(&0) {
        return None;
    }
    hex(rest.get(..digits)?)
}

/// The values that a ref has had, newest first, each once. Lines that are torn are passed over.
pub(super) fn values(common_dir: &Path, name: &str, format: ObjectFormat) -> Result<Vec<Oid>, StoreError> {
    let path = path(common_dir, name);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(fault("read", &path)(error)),
    };
    let mut seen = std::collections::HashSet::new();
    let mut values = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n').rev() {
        if let Some(oid) = new_value(line, format)
            && oid.as_bytes().iter().any(|byte| *byte != 0)
            && seen.insert(oid)
        {
            values.push(oid);
        }
    }
    Ok(values)
}

/// The values that a later value took the place of, newest first, each once, back to the newest line with one of these
/// messages, or that made the ref anew.
pub(super) fn former(
    common_dir: &Path,
    name: &str,
    format: ObjectFormat,
    given_up: &[&str],
) -> Result<Vec<Oid>, StoreError> {
    let path = path(common_dir, name);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(fault("read", &path)(error)),
    };
    let mut seen = std::collections::HashSet::new();
    let mut values = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n').rev() {
        if new_value(line, format).is_none() {
            continue;
        }
        let message = line.iter().position(|byte| *byte == b'\t').map_or(&[][..], |at| &line[at + 1..]);
        if given_up.iter().any(|text| text.as_bytes() == message) {
            break;
        }
        let old =
            std::str::from_utf8(&line[..format.bytes() * 2]).ok().and_then(|hex| hex.parse::<Oid>().ok());
        match old.filter(|oid| oid.as_bytes().iter().any(|byte| *byte != 0)) {
            Some(oid) if seen.insert(oid) => values.push(oid),
            Some(_) => {}
            None => break,
        }
    }
    Ok(values)
}
