//! What git tells its hooks on stdin, a ref a line. Names may be of any bytes.

use thiserror::Error;

use crate::domain::oid::Oid;

/// A ref that was updated, or is going to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The ref's full name, on the side that is pushed to.
    pub name: Vec<u8>,
    /// What it named before; none where it is new.
    pub old: Option<Oid>,
    /// What it names now; none where it is gone.
    pub new: Option<Oid>,
}

/// A line that git does not write.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("line {line} of stdin is not `{expected}`")]
pub struct BadLine {
    /// Its number, from 1.
    pub line: usize,
    /// What git writes.
    pub expected: &'static str,
}

/// The lines of `post-receive`: `<old> <new> <ref>`.
pub fn received(stdin: &[u8]) -> Result<Vec<Update>, BadLine> {
    read(stdin, "<old> <new> <ref>", |line| {
        let mut parts = line.splitn(3, |byte| *byte == b' ');
        let (old, new, name) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Update { name: name.to_vec(), old: there(oid(old)?), new: there(oid(new)?) })
    })
}

/// The lines of `pre-push`: `<local ref> <local oid> <remote ref> <remote oid>`.
pub fn pre_push(stdin: &[u8]) -> Result<Vec<Update>, BadLine> {
    read(stdin, "<local ref> <local oid> <remote ref> <remote oid>", |line| {
        // A local name may be an expression with blanks in it; the other three have none.
        let mut parts = line.rsplitn(4, |byte| *byte == b' ');
        let (old, name, new) = (parts.next()?, parts.next()?, parts.next()?);
        parts.next()?;
        Some(Update { name: name.to_vec(), old: there(oid(old)?), new: there(oid(new)?) })
    })
}

fn read(
    stdin: &[u8],
    expected: &'static str,
    update: impl Fn(&[u8]) -> Option<Update>,
) -> Result<Vec<Update>, BadLine> {
    let lines = stdin.split(|byte| *byte == b'\n').zip(1..).filter(|(line, _)| !line.is_empty());
    lines
        .map(|(line, number)| {
            update(line).filter(|update| !update.name.is_empty()).ok_or(BadLine { line: number, expected })
        })
        .collect()
}

fn oid(text: &[u8]) -> Option<Oid> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Zeros stand for none.
fn there(oid: Oid) -> Option<Oid> {
    oid.as_bytes().iter().any(|byte| *byte != 0).then_some(oid)
}

impl Update {
    /// The name for people.
    #[must_use]
    pub fn shown(&self) -> String {
        String::from_utf8_lossy(&self.name).into_owned()
    }
}
