//! The sh files themselves: as they are shipped in `hooks/`, and as they stand in a repository.
//!
//! An installed one differs from the shipped one in two lines: the second names the hook and holds a sum of all other
//! lines, and `millrace_program=` names the program that installed it.

use std::fmt::Write as _;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::domain::hook::Hook;

/// How the second line of an installed hook begins.
const HEADER: &str = "# millrace-hook: ";

/// The mark of a hook that was put into a folder which had to be made for it; with how many, where folders above it
/// had to be made as well.
const MADE_FOLDER: &str = " made-folder";

/// The line that an installed hook has its program in.
const PROGRAM: &str = "millrace_program=";

/// The variable that makes an installed hook ask the program what it would do, and leave out the one that was there
/// before.
pub const DRY_RUN: &str = "MILLRACE_HOOK_DRY_RUN";

/// The ones that a repository of this kind gets where none is named.
#[must_use]
pub fn usual(bare: bool) -> &'static [Hook] {
    if bare { &[Hook::PostReceive] } else { &[Hook::PrePush, Hook::PostCommit, Hook::PostMerge] }
}

/// The file as it is shipped.
#[must_use]
pub fn shipped(name: Hook) -> &'static str {
    match name {
        Hook::PostReceive => include_str!("../../../hooks/post-receive"),
        Hook::PrePush => include_str!("../../../hooks/pre-push"),
        Hook::PostCommit => include_str!("../../../hooks/post-commit"),
        Hook::PostMerge => include_str!("../../../hooks/post-merge"),
        Hook::ReferenceTransaction => include_str!("../../../hooks/reference-transaction"),
    }
}

/// The line that somebody's own hook, or a hook manager's, calls us by.
#[must_use]
pub fn line(name: Hook) -> String {
    format!("millrace hook {name} \"$@\"")
}

/// The file as it is written into a repository. `made_folders`: how many folders were made for it.
#[must_use]
pub(super) fn installed(name: Hook, program: &Path, made_folders: usize) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    let mut body = Vec::new();
    for line in shipped(name).split_inclusive('\n') {
        body.extend_from_slice(line.trim_end_matches('\n').as_bytes());
        if line.trim_end() == PROGRAM {
            body.extend(in_sh_quotes(program.as_os_str().as_bytes()));
        }
        body.push(b'\n');
    }
    let header = format!("{HEADER}{name} sha256:{}{}\n", sum(&body), mark(made_folders));
    let first = body.iter().position(|byte| *byte == b'\n').map_or(body.len(), |at| at + 1);
    body.splice(first..first, header.into_bytes());
    body
}

fn mark(made_folders: usize) -> String {
    match made_folders {
        0 => String::new(),
        1 => MADE_FOLDER.to_owned(),
        more => format!("{MADE_FOLDER}:{more}"),
    }
}

/// How an installed hook of ours compares to what would be installed now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is the same.
    Current,
    /// We wrote it as it stands, and would write something else now.
    Outdated,
    /// Somebody changed it after we wrote it.
    Edited,
}

/// What is in an installed hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) state: State,
    pub(super) made_folders: usize,
}

/// Reads a file as a hook of ours; `None` where it does not say that it is.
pub(super) fn read(name: Hook, bytes: &[u8], program: &Path) -> Option<Read> {
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let first = lines.next()?;
    let header = std::str::from_utf8(lines.next()?).ok()?;
    let rest = header.strip_prefix(HEADER)?.trim_end();
    let made_folders = rest
        .split_once(MADE_FOLDER)
        .map_or(0, |(_, more)| more.strip_prefix(':').and_then(|number| number.parse().ok()).unwrap_or(1));
    let body: Vec<u8> = first.iter().copied().chain(lines.flatten().copied()).collect();
    let expected = format!("{name} sha256:{}{}", sum(&body), mark(made_folders));
    let state = if rest != expected {
        State::Edited
    } else if bytes == installed(name, program, made_folders) {
        State::Current
    } else {
        State::Outdated
    };
    Some(Read { state, made_folders })
}

fn sum(body: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(body) {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

fn in_sh_quotes(text: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'\''];
    for byte in text {
        match byte {
            b'\'' => quoted.extend_from_slice(b"'\\''"),
            other => quoted.push(*other),
        }
    }
    quoted.push(b'\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: &str = "/opt/it's here/millrace";

    #[test]
    fn what_is_installed_is_what_is_shipped_with_two_lines_of_its_own() {
        for name in Hook::ALL {
            let bytes = installed(name, Path::new(PROGRAM), 0);
            let text = String::from_utf8(bytes.clone()).unwrap();
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines[0], "#!/bin/sh", "{name}");
            assert!(lines[1].starts_with(&format!("# millrace-hook: {name} sha256:")), "{name}");
            assert!(lines.contains(&r"millrace_program='/opt/it'\''s here/millrace'"), "{name}: {text}");
            assert_eq!(lines.len(), shipped(name).lines().count() + 1, "{name}");
            let read = |bytes: &[u8], program: &str| read(name, bytes, Path::new(program)).unwrap();
            assert_eq!(read(&bytes, PROGRAM), Read { state: State::Current, made_folders: 0 });
            assert_eq!(read(&bytes, "/elsewhere").state, State::Outdated);
            let edited = format!("{text}echo more\n").into_bytes();
            assert_eq!(read(&edited, PROGRAM).state, State::Edited);
            for number in [1, 2, 17] {
                let made = read(&installed(name, Path::new(PROGRAM), number), PROGRAM);
                assert_eq!(made, Read { state: State::Current, made_folders: number });
            }
        }
    }

    #[test]
    fn what_is_not_ours_is_not_read() {
        for text in ["", "#!/bin/sh\n", "#!/bin/sh\necho\n", shipped(Hook::PrePush)] {
            assert_eq!(read(Hook::PrePush, text.as_bytes(), Path::new(PROGRAM)), None);
        }
        // One of ours under another hook's name is not that hook.
        let other = installed(Hook::PostMerge, Path::new(PROGRAM), 0);
        assert_eq!(read(Hook::PrePush, &other, Path::new(PROGRAM)).unwrap().state, State::Edited);
    }
}
