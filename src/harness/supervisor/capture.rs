//! Keeping one output stream: all of it up to a bound, else its head and its tail, with memory for one buffer.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::harness::exit::StreamRecord;
use crate::harness::position::{Layout, Position, position_file};
use crate::harness::result_file::hex;

/// Bytes read at a time; the memory that a stream costs.
const BUFFER: usize = 64 * 1024;

/// The kept part of a stream. The first half of the bound is the head; the second half of the file is a ring that
/// is put into order when the stream has ended, so the disk never holds more than the bound.
pub(super) struct Capture {
    file: File,
    head: u64,
    ring: u64,
    total: u64,
    hash: Sha256,
    error: Option<String>,
    /// Where followers are told what the ring holds; made when there is something to tell.
    position: PathBuf,
    told: Option<File>,
}

impl Capture {
    /// A capture into a new file that keeps `keep` bytes.
    pub(super) fn create(path: &Path, keep: u64) -> io::Result<Self> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(path)?;
        let head = keep / 2;
        let (hash, position) = (Sha256::new(), position_file(path));
        Ok(Self { file, head, ring: keep - head, total: 0, hash, error: None, position, told: None })
    }

    /// Bytes of the stream so far.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Takes the next bytes. A disk that does not take them is noted, and does not stop the stream: a harness that
    /// nobody reads would hang.
    pub(super) fn take(&mut self, mut bytes: &[u8]) {
        self.hash.update(bytes);
        while !bytes.is_empty() {
            let (at, room) = if self.total < self.head {
                (self.total, self.head - self.total)
            } else if self.ring == 0 {
                self.total += bytes.len() as u64;
                return;
            } else {
                let turn = (self.total - self.head) % self.ring;
                (self.head + turn, self.ring - turn)
            };
            let count = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
            let (now, later) = bytes.split_at(count);
            // What is overwritten is said first: a follower that read it meanwhile knows that it did not.
            self.tell(count as u64, Layout::Ring);
            if self.error.is_none()
                && let Err(fault) = self.file.write_all_at(now, at)
            {
                self.error = Some(fault.to_string());
            }
            self.total += count as u64;
            self.tell(0, Layout::Ring);
            bytes = later;
        }
    }

    /// Tells followers how far the stream has come once the file no longer grows at its end. It is for them alone: where
    /// it cannot be written, they miss something.
    fn tell(&mut self, coming: u64, layout: Layout) {
        if self.total + coming <= self.head + self.ring {
            return;
        }
        if self.told.is_none() {
            let mut options = OpenOptions::new();
            self.told = options.write(true).create(true).truncate(true).mode(0o600).open(&self.position).ok();
        }
        if let Some(file) = &self.told {
            let position = Position { written: self.total, claimed: self.total + coming, layout };
            let _ = file.write_all_at(position.line().as_bytes(), 0);
        }
    }

    /// Puts the file into order, flushes it and gives the record.
    pub(super) fn finish(mut self) -> StreamRecord {
        let bound = self.head + self.ring;
        let cut = self.total > bound;
        if cut && self.ring > 0 && self.error.is_none() {
            let oldest = (self.total - self.head) % self.ring;
            self.tell(0, Layout::Ordering);
            match rotate(&self.file, self.head, bound, oldest) {
                Ok(()) => self.tell(0, Layout::Ordered),
                Err(fault) => self.error = Some(fault.to_string()),
            }
        }
        if let Err(fault) = self.file.sync_all() {
            self.error.get_or_insert(fault.to_string());
        }
        let kept = self.file.metadata().map_or(0, |metadata| metadata.len());
        StreamRecord {
            total: self.total,
            kept,
            head: if cut { self.head.min(kept) } else { kept },
            cut: cut || kept < self.total,
            sha256: hex(&self.hash.finalize()),
            error: self.error,
        }
    }
}

/// Reads `stream` to its end, calling `taken` with each piece.
pub(super) fn drain(mut stream: impl Read, mut taken: impl FnMut(&[u8])) {
    let mut buffer = vec![0; BUFFER];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => taken(&buffer[..count]),
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// Moves the bytes `[from, to)` of a file round so that the one at `from + by` comes first, in place: three
/// reversals need no second copy on disk and two buffers of memory.
fn rotate(file: &File, from: u64, to: u64, by: u64) -> io::Result<()> {
    if by == 0 {
        return Ok(());
    }
    reverse(file, from, from + by)?;
    reverse(file, from + by, to)?;
    reverse(file, from, to)
}

fn reverse(file: &File, mut from: u64, mut to: u64) -> io::Result<()> {
    let mut front = vec![0; BUFFER];
    let mut back = vec![0; BUFFER];
    while to - from > 1 {
        let count = ((to - from) / 2).min(BUFFER as u64);
        let size = usize::try_from(count).unwrap_or(BUFFER);
        let (front, back) = (&mut front[..size], &mut back[..size]);
        file.read_exact_at(front, from)?;
        file.read_exact_at(back, to - count)?;
        front.reverse();
        back.reverse();
        file.write_all_at(back, from)?;
        file.write_all_at(front, to - count)?;
        from += count;
        to -= count;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(keep: u64, pieces: &[&[u8]]) -> (Vec<u8>, StreamRecord) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stream");
        let mut capture = Capture::create(&path, keep).unwrap();
        for piece in pieces {
            capture.take(piece);
        }
        let record = capture.finish();
        (std::fs::read(&path).unwrap(), record)
    }

    #[test]
    fn a_stream_within_the_bound_is_kept_whole() {
        for length in [0, 1, 9, 10] {
            let whole = &b"0123456789"[..length];
            let (bytes, record) = kept(10, &[whole]);
            assert_eq!(bytes, whole);
            assert_eq!((record.total, record.kept, record.cut), (length as u64, length as u64, false));
        }
    }

    #[test]
    fn of_a_longer_stream_head_and_tail_are_kept_in_order() {
        let small = [1, 2, 3, 7, 10, 998].map(|keep| (999, keep));
        let large = [131_072, 200_001, 300_000].map(|keep| (300_001, keep));
        for (length, keep) in small.into_iter().chain(large) {
            let whole: Vec<u8> = (0..=255).chain(0..=96).cycle().take(length).collect();
            for piece in [1_usize, 3, 1_000, 65_536] {
                if length > 999 && piece < 1_000 {
                    continue;
                }
                let pieces: Vec<&[u8]> = whole.chunks(piece).collect();
                let (bytes, record) = kept(keep, &pieces);
                let head = usize::try_from(keep / 2).unwrap();
                let tail = usize::try_from(keep).unwrap() - head;
                assert_eq!(bytes[..head], whole[..head], "head of {keep}");
                assert_eq!(bytes[head..], whole[length - tail..], "tail of {keep} by {piece}");
                assert_eq!((record.total, record.kept, record.head), (length as u64, keep, keep / 2));
                assert!(record.cut);
                assert_eq!(record.sha256, hex(&Sha256::digest(&whole)));
            }
        }
    }

    #[test]
    fn nothing_is_kept_where_nothing_is_asked_for() {
        let (bytes, record) = kept(0, &[b"abc", b"def"]);
        assert!(bytes.is_empty());
        assert_eq!((record.total, record.kept, record.cut), (6, 0, true));
    }

    #[test]
    fn an_offset_is_found_in_the_kept_file_unless_it_lies_in_the_gap() {
        let (_, record) = kept(10, &[b"0123456789abcdefghij"]);
        let places: Vec<Option<u64>> =
            [0, 5, 6, 15, 16, 20, 99].iter().map(|offset| record.kept_before(*offset)).collect();
        assert_eq!(places, [Some(0), Some(5), None, None, Some(6), Some(10), Some(10)]);
        let (_, whole) = kept(10, &[b"01234"]);
        assert_eq!((whole.kept_before(3), whole.kept_before(9)), (Some(3), Some(5)));
    }
}
