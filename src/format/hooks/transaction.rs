//! The lines of `reference-transaction`: those that are about refs that are guarded.

use crate::domain::oid::Oid;

/// The ledger.
const STATE: &str = "refs/millrace/state";

/// Above the run branches.
const RUNS: &str = "refs/millrace/runs/";

/// What somebody wants of a guarded ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guarded {
    /// The ref's full name.
    pub name: String,
    /// What it is to be.
    pub wanted: Wanted,
}

/// What a ref is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// This object.
    Is(Oid),
    /// Nothing.
    Gone,
    /// Something that is no object: the name of another ref.
    Symbolic,
}

/// The guarded refs that the lines name: the ledger and the run branches. The old value of a line is passed over, since
/// it is zeros wherever somebody does not care.
#[must_use]
pub fn guarded(lines: &[u8]) -> Vec<Guarded> {
    String::from_utf8_lossy(lines)
        .lines()
        .filter_map(|line| {
            let mut fields = line.splitn(3, ' ').skip(1);
            let (new, name) = (fields.next()?, fields.next()?);
            if name != STATE && !name.starts_with(RUNS) {
                return None;
            }
            let wanted = if !new.is_empty() && new.bytes().all(|byte| byte == b'0') {
                Wanted::Gone
            } else {
                new.parse().map_or(Wanted::Symbolic, Wanted::Is)
            };
            Some(Guarded { name: name.to_owned(), wanted })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_ledger_and_run_branches_are_guarded() {
        let zeros = "0".repeat(40);
        let oid = "a".repeat(40);
        let lines = format!(
            "{zeros} {oid} refs/heads/main\n{oid} {zeros} refs/millrace/state\n{zeros} {oid} refs/millrace/runs/r\n\
             {oid} {zeros} refs/millrace/remotes/origin/state\n{oid} {zeros} refs/millrace/backup/b\n\
             {oid} ref:refs/heads/x refs/millrace/runs/s\nnonsense\n{oid} {zeros} refs/millrace/statement\n"
        );
        let found: Vec<(String, Wanted)> =
            guarded(lines.as_bytes()).into_iter().map(|one| (one.name, one.wanted)).collect();
        assert_eq!(
            found,
            [
                ("refs/millrace/state".to_owned(), Wanted::Gone),
                ("refs/millrace/runs/r".to_owned(), Wanted::Is(oid.parse().unwrap())),
                ("refs/millrace/runs/s".to_owned(), Wanted::Symbolic),
            ]
        );
        assert_eq!(guarded(b""), []);
    }
}
