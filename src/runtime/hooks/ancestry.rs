//! Whether a hook was called from inside a stage although its environment says nothing of that.

use std::path::Path;

use crate::harness::environment::MARK;

/// Ancestors that are asked.
const MAX_ANCESTORS: usize = 64;

/// Whether a process that this one comes from was started with the mark of a stage: the environment can be emptied by
/// whoever runs git, the ones of those before it stay. Where the system has no `/proc`, and for processes of other
/// users, nothing is known, and the answer is no.
#[must_use]
pub fn comes_from_a_stage() -> bool {
    let proc = Path::new("/proc");
    let mut process = std::os::unix::process::parent_id();
    for _ in 0..MAX_ANCESTORS {
        if process <= 1 {
            return false;
        }
        let folder = proc.join(process.to_string());
        let has_mark = |environment: Vec<u8>| {
            environment
                .split(|byte| *byte == 0)
                .any(|one| one.strip_prefix(MARK.as_bytes()).is_some_and(|rest| rest.starts_with(b"=")))
        };
        if std::fs::read(folder.join("environ")).is_ok_and(has_mark) {
            return true;
        }
        let Some(parent) =
            std::fs::read_to_string(folder.join("stat")).ok().and_then(|stat| parent_of(&stat))
        else {
            return false;
        };
        process = parent;
    }
    false
}

/// The parent in a process's `stat`: two fields behind its name, in which there may be anything.
fn parent_of(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_found_behind_any_name() {
        assert_eq!(parent_of("12 (sh) S 7 12 12 0"), Some(7));
        assert_eq!(parent_of("12 (a) b (c) R 9 1 1"), Some(9));
        assert_eq!(parent_of("12"), None);
    }
}
