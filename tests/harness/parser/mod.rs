//! Tests of `src/harness/parser`: recorded streams, and streams that nobody has recorded.

mod claude;
mod codex;
mod listener;
mod mapped;
mod retry;
mod rollout;
mod trouble;

use std::path::{Path, PathBuf};

use millrace::harness::judge::TerminalRecord;
use millrace::harness::parser::{Complaint, Parser, Spoken, Trouble, read};

/// A recorded stream, by its path below `fixtures/harness`.
pub(super) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/harness").join(name)
}

fn recorded(parser: &Parser, name: &str) -> Spoken {
    read(parser, std::fs::File::open(fixture(name)).expect(name)).expect(name)
}

/// The complaint of a run that failed.
#[track_caller]
fn complaint(spoken: &Spoken) -> &Complaint {
    match &spoken.terminal {
        TerminalRecord::Failed(complaint) => complaint,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn trouble(spoken: &Spoken) -> Trouble {
    complaint(spoken).trouble
}
