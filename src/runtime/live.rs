//! What a stage that is under way has printed so far: read from its invocation directory, without disturbing it, and
//! given out as the record would have it, without secrets.

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::evidence::{Secrets, floor};
use crate::format::config::Redaction;
use crate::harness::invocation::{Invocation, InvocationError};
use crate::harness::position::{Layout, Position, position_file};

/// Bytes read at a time.
const PIECE: u64 = 64 * 1024;

/// Bytes that are held back until a line, or a secret over several lines, is whole. Lines of a harness's event stream
/// can be long; what is longer is cut.
const MAX_HELD: usize = 1024 * 1024;

/// What a line that is too long ends with.
const CUT: &str = " [... the rest of this line is left out ...]";

/// One stream of one invocation, read as it grows. It may begin after the reader, and the reader may outlive its file.
#[derive(Debug)]
pub struct LiveStream {
    inv_dir: PathBuf,
    name: &'static str,
    rules: Redaction,
    begun: Option<Begun>,
}

#[derive(Debug)]
struct Begun {
    file: File,
    /// Bytes of the stream that were read or passed over.
    at: u64,
    /// Where the file is no longer as the stream is: from here on its bytes are overwritten by later ones.
    head: u64,
    /// Bytes of the stream's end that the file keeps.
    ring: u64,
    /// The file that says how far that has come, as soon as it does.
    told: Option<File>,
    told_path: PathBuf,
    release: Release,
}

/// The next bytes that can be read.
enum Piece {
    /// None now.
    None,
    /// These.
    Bytes(Vec<u8>),
    /// Those before this one are overwritten.
    Gone(u64),
}

impl LiveStream {
    /// The stream that the supervisor writes to `name` (`stdout` or `stderr`), redacted by the rules of its plan. Opens
    /// nothing yet.
    #[must_use]
    pub fn new(inv_dir: &Path, name: &'static str, rules: Redaction) -> Self {
        Self { inv_dir: inv_dir.to_owned(), name, rules, begun: None }
    }

    /// The whole lines that have come since the last call. Reading begins at the beginning, whatever is shown of it: a
    /// secret may begin anywhere. What was overwritten before it was read is missing, and that is said in its place.
    pub fn read(&mut self) -> io::Result<String> {
        if self.begun.is_none() {
            self.begun = self.begin()?;
        }
        let mut lines = String::new();
        if let Some(begun) = &mut self.begun {
            loop {
                match begun.next()? {
                    Piece::None => break,
                    Piece::Bytes(bytes) => {
                        begun.at += bytes.len() as u64;
                        lines.push_str(&begun.release.push(&bytes));
                    }
                    Piece::Gone(to) => {
                        lines.push_str(&begun.release.gap(to - begun.at));
                        begun.at = to;
                    }
                }
            }
        }
        Ok(lines)
    }

    /// Opens the stream where it is there, and what tells its secrets with it: without that nothing is read.
    fn begin(&self) -> io::Result<Option<Begun>> {
        let invocation = match Invocation::read(&self.inv_dir) {
            Ok(invocation) => invocation,
            Err(InvocationError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            Err(error) => return Err(io::Error::other(error)),
        };
        let file = match File::open(self.inv_dir.join(self.name)) {
            Ok(file) => file,
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let release = Release::new(Secrets::of_given(&self.rules, invocation.environment));
        let head = invocation.keep_bytes / 2;
        let ring = invocation.keep_bytes - head;
        let told_path = position_file(&self.inv_dir.join(self.name));
        Ok(Some(Begun { file, at: 0, head, ring, told: None, told_path, release }))
    }

    /// What is left when nothing more can come.
    pub fn finish(&mut self) -> io::Result<String> {
        let mut lines = self.read()?;
        if let Some(begun) = &mut self.begun {
            lines.push_str(&begun.release.finish());
        }
        Ok(lines)
    }

    /// Whether there ever was anything to read.
    #[must_use]
    pub fn began(&self) -> bool {
        self.begun.is_some()
    }
}

impl Begun {
    fn next(&mut self) -> io::Result<Piece> {
        let before = self.position()?;
        let (from, to) = match before {
            // The file is the stream so far.
            None => (self.at, self.file.metadata()?.len()),
            Some(_) if self.at < self.head => (self.at, self.head),
            Some(Position { layout: Layout::Ordering, .. }) => return Ok(Piece::None),
            Some(position) => {
                let oldest = position.claimed.saturating_sub(self.ring).max(self.head);
                if self.at < oldest {
                    // A writer is soon where it just was: some way ahead there is time to read.
                    let ahead = if position.layout == Layout::Ring { self.ring / 4 } else { 0 };
                    return Ok(Piece::Gone((oldest + ahead).min(position.written)));
                }
                let (start, past) = match position.layout {
                    Layout::Ordered => (self.head, self.at - oldest),
                    _ => (self.head, (self.at - self.head) % self.ring.max(1)),
                };
                let from = start + past;
                (from, (from + position.written.saturating_sub(self.at)).min(self.head + self.ring))
            }
        };
        let count = to.saturating_sub(from).min(PIECE);
        if count == 0 {
            return Ok(Piece::None);
        }
        let mut bytes = vec![0; usize::try_from(count).unwrap_or_default()];
        let read = self.file.read_at(&mut bytes, from)?;
        bytes.truncate(read);
        // What was overwritten while it was read is looked at anew.
        let after = self.position()?;
        let gone = after.map_or(0, |after| after.claimed.saturating_sub(self.ring));
        let moved = after.map(|after| after.layout) != before.map(|before| before.layout);
        let is_in_ring = self.at + count > self.head;
        if is_in_ring && (self.at < gone || (moved && before.is_some())) {
            return self.next();
        }
        Ok(if bytes.is_empty() { Piece::None } else { Piece::Bytes(bytes) })
    }

    /// What the supervisor says of the file; none while that grows at its end.
    fn position(&mut self) -> io::Result<Option<Position>> {
        if self.told.is_none() {
            match File::open(&self.told_path) {
                Ok(file) => self.told = Some(file),
                Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(fault) => return Err(fault),
            }
        }
        let Some(file) = &self.told else { return Ok(None) };
        let mut line = [0; 128];
        for _ in 0..100 {
            let count = file.read_at(&mut line, 0)?;
            if let Some(position) = Position::parse(&String::from_utf8_lossy(&line[..count])) {
                return Ok(Some(position));
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        Err(io::Error::other("what the supervisor says of it cannot be read"))
    }
}

/// Gives out lines as they become whole, and holds back what may be the beginning of a secret.
#[derive(Debug)]
struct Release {
    secrets: Secrets,
    /// Whole lines that may hold a secret which is not whole yet.
    held: String,
    /// The line that is not whole yet.
    line: Vec<u8>,
    /// Whether that line was too long, or its beginning is missing, and it is passed over up to its end.
    cut: bool,
    /// Bytes behind a gap that are passed over first.
    skip: u64,
}

impl Release {
    fn new(secrets: Secrets) -> Self {
        Self { secrets, held: String::new(), line: Vec::new(), cut: false, skip: 0 }
    }

    /// Bytes are missing here. What they cut through, a line or a secret over several lines, is not given out: not what
    /// stands before them and is not whole, nor what may still belong to it behind them.
    fn gap(&mut self, missing: u64) -> String {
        let whole = self.secrets.unfinished(&self.held).unwrap_or(self.held.len());
        self.held.truncate(whole);
        let (mut lines, _) = self.secrets.redacted(&std::mem::take(&mut self.held));
        if !lines.is_empty() && !lines.ends_with('\n') {
            lines.push('\n');
        }
        let margin = self.secrets.margin() as u64;
        let missing = missing + margin;
        // Its line ends where the one that is cut through does.
        let _ = write!(lines, "[... more was printed than is kept: at least {missing} bytes left out ...]");
        self.line.clear();
        self.cut = true;
        self.skip = margin;
        lines
    }

    fn push(&mut self, mut bytes: &[u8]) -> String {
        if self.skip > 0 {
            let skipped = bytes.len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
            self.skip -= skipped as u64;
            bytes = &bytes[skipped..];
        }
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.extend(&bytes[..end]);
            self.end_line();
            self.held.push('\n');
            bytes = &bytes[end + 1..];
        }
        self.extend(bytes);
        let from = if self.held.len() > MAX_HELD { None } else { self.secrets.unfinished(&self.held) };
        // Up to the beginning of the line in which it begins.
        let whole = from.map_or(self.held.len(), |from| self.held[..from].rfind('\n').map_or(0, |at| at + 1));
        let rest = self.held.split_off(whole);
        let lines = std::mem::replace(&mut self.held, rest);
        self.secrets.redacted(&lines).0
    }

    fn finish(&mut self) -> String {
        self.end_line();
        self.secrets.redacted(&std::mem::take(&mut self.held)).0
    }

    fn extend(&mut self, bytes: &[u8]) {
        if self.cut {
            return;
        }
        self.line.extend_from_slice(bytes);
        if self.line.len() > MAX_HELD {
            // What is cut through is no longer found: the margin before the cut goes as well.
            let (clean, _) = self.secrets.redacted(&String::from_utf8_lossy(&self.line[..MAX_HELD]));
            let margin = self.secrets.margin();
            self.held.push_str(&clean[..floor(&clean, clean.len().saturating_sub(margin))]);
            self.held.push_str(CUT);
            self.line.clear();
            self.cut = true;
        }
    }

    fn end_line(&mut self) {
        self.held.push_str(&String::from_utf8_lossy(&self.line));
        self.line.clear();
        self.cut = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMIIabc\nMIIdef\n-----END PRIVATE KEY-----\n";

    fn release() -> Release {
        let value = ("DEPLOY_KEY".to_owned(), "first line\nsecond line\n".to_owned());
        Release::new(Secrets::of([value, ("API_TOKEN".to_owned(), "swordfish-99".to_owned())]))
    }

    /// What is given out for each piece, and at the end.
    fn given(pieces: &[&[u8]]) -> Vec<String> {
        let mut release = release();
        let mut given: Vec<String> = pieces.iter().map(|piece| release.push(piece)).collect();
        given.push(release.finish());
        given
    }

    #[test]
    fn lines_come_when_they_are_whole() {
        assert_eq!(given(&[b"one\ntw", b"o", b"\nthree"]), ["one\n", "", "two\n", "three"]);
        let word = "gr\u{fc}n\n".as_bytes();
        assert_eq!(given(&[&word[..3], &word[3..]]), ["", "gr\u{fc}n\n", ""]);
        assert_eq!(given(&[b"\xff\n"]), ["\u{fffd}\n", ""]);
    }

    #[test]
    fn a_secret_that_comes_in_pieces_is_not_given_out() {
        let clean = "key [redacted: the value of API_TOKEN]\n";
        assert_eq!(given(&[b"key sword", b"fish-99\n"]), ["", clean, ""]);
        for at in 0..KEY.len() {
            let all =
                given(&[b"before\n", &KEY.as_bytes()[..at], &KEY.as_bytes()[at..], b"after\n"]).concat();
            assert_eq!(all, "before\n[redacted: a private key]\nafter\n", "cut at {at}");
        }
        let all = given(&[b"a\nfirst line\n", b"second line\n", b"b\n"]);
        assert_eq!(all, ["a\n", "[redacted: the value of DEPLOY_KEY]", "b\n", ""]);
        // What only looked like its beginning is given out after all.
        assert_eq!(given(&[b"first line\n", b"another\n"]), ["", "first line\nanother\n", ""]);
    }

    #[test]
    fn a_key_without_an_end_stays_held_back() {
        let all = given(&[b"-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n", b"MIIdef\n"]);
        assert_eq!(all, ["", "", "[redacted: a private key]"]);
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_with_a_margin() {
        let mut long = vec![b'x'; MAX_HELD - 6];
        long.extend_from_slice(b" swordfish-99 and more");
        let all = given(&[&long, b"still more\nnext\n"]).concat();
        let (first, rest) = all.split_once('\n').unwrap();
        assert!(first.ends_with(&format!("x{CUT}")), "{}", &first[first.len() - 80..]);
        assert!(first.len() < MAX_HELD);
        assert_eq!(rest, "next\n");
        let exact = vec![b'x'; MAX_HELD];
        assert_eq!(given(&[&exact, b"\n"]).concat().len(), MAX_HELD + 1);
    }

    #[test]
    fn a_stream_may_begin_late_and_lose_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let nonce = "00000000000000000000000000000000".parse().unwrap();
        let variables = [("API_TOKEN".to_owned(), "swordfish-99".to_owned())].into();
        let limit = std::time::Duration::from_secs(1);
        let invocation =
            Invocation::new(folder.path(), nonce, Vec::new(), folder.path().to_owned(), variables, limit);
        let mut stream = LiveStream::new(folder.path(), "stdout", Redaction::default());
        assert_eq!(stream.read().unwrap(), "");
        let path = folder.path().join("stdout");
        std::fs::write(&path, "swordfish-99\nand").unwrap();
        assert_eq!(stream.read().unwrap(), "", "before anybody knows what is secret");
        assert!(!stream.began());
        invocation.write(folder.path(), b"prompt").unwrap();
        assert_eq!(stream.read().unwrap(), "[redacted: the value of API_TOKEN]\n");
        assert!(stream.began());
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::io::Write::write_all(&mut file, b" more too").unwrap();
        assert_eq!(stream.read().unwrap(), "");
        assert_eq!(stream.finish().unwrap(), "and more too");
    }

    /// Two lines are lost with what stands between them: what is cut through is not given out, on either side.
    #[test]
    fn around_a_gap_nothing_is_given_out_by_halves() {
        let mut release = release();
        let margin = "x".repeat(release.secrets.margin());
        let mut given = release.push(b"one\nkey sword");
        given.push_str(&release.gap(1000));
        given.push_str(&release.push(b"fish-99 is half of it\n"));
        given.push_str(&release.push(margin.as_bytes()));
        given.push_str(&release.push(b"the rest of a line\nnext\n"));
        let gap = "[... more was printed than is kept: at least 9192 bytes left out ...]";
        assert_eq!(given, format!("one\n{gap}\nnext\n"));

        // The head of a key before it, its end behind it.
        let (head, end) = KEY.split_at(40);
        let mut given = release.push(format!("before\n{head}").as_bytes());
        given.push_str(&release.gap(1000));
        given.push_str(&release.push(format!("{end}{margin}\nafter\n").as_bytes()));
        assert_eq!(given, format!("before\n{gap}\nafter\n"));
    }

    #[test]
    fn f50_what_is_held_is_bounded() {
        let mut pieces = vec![b"-----BEGIN PRIVATE KEY-----\n".to_vec()];
        let lines = b"no key at all, for a long time\n".repeat(1000);
        pieces.extend(std::iter::repeat_n(lines, MAX_HELD / 30_000));
        let mut release = release();
        let given: String = pieces.iter().map(|piece| release.push(piece)).collect();
        assert!(given.starts_with("[redacted: a private key]"), "{}", &given[..given.len().min(80)]);
        assert!(release.held.len() <= MAX_HELD);
    }
}
