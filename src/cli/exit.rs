//! Exit codes: one table, which `millrace --help` shows and which does not change between releases.

use std::fmt::Write as _;
use std::process::ExitCode;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// What was asked is done, or there was nothing to do.
    Done,
    /// It was refused, or it failed.
    Refused,
    /// The command line, a document or the configuration is wrong.
    Input,
    /// There is no repository, or none that can be used for this.
    Repository,
    /// Somebody else is at work.
    Busy,
    /// The ledger is damaged, or `verify` found something.
    Damaged,
    /// `run once` ran a stage, and it failed.
    Stage,
    /// `wait` saw its item end, and not well.
    Unfinished,
    /// `wait` saw its time end first.
    TimeUp,
}

impl Exit {
    /// All of them, in order of their codes.
    pub const ALL: [Self; 9] = [
        Self::Done,
        Self::Refused,
        Self::Input,
        Self::Repository,
        Self::Busy,
        Self::Damaged,
        Self::Stage,
        Self::Unfinished,
        Self::TimeUp,
    ];

    /// The number that the shell sees.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused => 1,
            Self::Input => 2,
            Self::Repository => 3,
            Self::Busy => 4,
            Self::Damaged => 5,
            Self::Stage => 6,
            Self::Unfinished => 7,
            Self::TimeUp => 8,
        }
    }

    /// What the number says.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done, or nothing to do",
            Self::Refused => "refused, or failed",
            Self::Input => "bad usage or bad input: arguments, documents, configuration",
            Self::Repository => "no repository, or one that cannot be used for this",
            Self::Busy => "busy: another runtime or writer is at work here",
            Self::Damaged => "the ledger is damaged, or `verify` found something",
            Self::Stage => "`run once` ran a stage, and the stage failed",
            Self::Unfinished => "`wait`: the item ended blocked or cancelled",
            Self::TimeUp => "`wait`: the time was up before the item ended",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The table as text.
#[must_use]
pub fn table() -> String {
    let mut text = "Exit codes:\n".to_owned();
    for exit in Exit::ALL {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {}  {}", exit.code(), exit.meaning());
    }
    text.truncate(text.trim_end().len());
    text
}
