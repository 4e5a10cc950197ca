//! What the file of a kept stream holds once the stream is longer than what is kept of it: the supervisor tells, those
//! who follow the stream read.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// How the second half of the file is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// As a ring: byte `n` of the stream lies at its number modulo the ring's length.
    Ring,
    /// It is being put into order, and cannot be read.
    Ordering,
    /// In order; the stream has ended.
    Ordered,
}

/// How far a stream has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Bytes of the stream that the file has taken.
    pub written: u64,
    /// Bytes of it that the file has taken or is just taking: what those overwrite is not to be believed.
    pub claimed: u64,
    /// How the file is laid out.
    pub layout: Layout,
}

impl Position {
    /// As it is written: always as long, so that one takes the place of another.
    #[must_use]
    pub fn line(self) -> String {
        let Self { written, claimed, layout } = self;
        let word = match layout {
            Layout::Ring => "ring____",
            Layout::Ordering => "ordering",
            Layout::Ordered => "ordered_",
        };
        // Read and write are not one: half of one line and half of another do not add up.
        format!("{written:020} {claimed:020} {:020} {word}\n", written.wrapping_mul(31).wrapping_add(claimed))
    }

    /// Reads it; none where this is not a whole one.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.strip_suffix('\n')?.split(' ');
        let mut number = || words.next()?.parse::<u64>().ok();
        let (written, claimed, check) = (number()?, number()?, number()?);
        let layout = match words.next()? {
            "ring____" => Layout::Ring,
            "ordering" => Layout::Ordering,
            "ordered_" => Layout::Ordered,
            _ => return None,
        };
        let whole = check == written.wrapping_mul(31).wrapping_add(claimed) && words.next().is_none();
        whole.then_some(Self { written, claimed, layout })
    }
}

/// The file that tells of the stream that is kept in `stream`.
#[must_use]
pub fn position_file(stream: &Path) -> PathBuf {
    let mut name = OsString::from(stream);
    name.push(".at");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_reads_back_and_half_of_one_does_not() {
        for layout in [Layout::Ring, Layout::Ordering, Layout::Ordered] {
            let position = Position { written: 7, claimed: u64::MAX, layout };
            assert_eq!(Position::parse(&position.line()), Some(position));
        }
        let (one, two) = (
            Position { written: 100, claimed: 164, layout: Layout::Ring }.line(),
            Position { written: 164, claimed: 164, layout: Layout::Ring }.line(),
        );
        let torn = format!("{}{}", &two[..30], &one[30..]);
        assert_eq!(Position::parse(&torn), None);
        for bad in ["", "\n", &one[..10], "1 2 33 ring____ more\n", "1 2 33 heap\n"] {
            assert_eq!(Position::parse(bad), None, "{bad}");
        }
    }
}
