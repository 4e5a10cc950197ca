//! The model itself is tested: a little program that replaces a file, and the same with one step forgotten.

use super::recording::record;
use super::replay::{assert_followed, outages};
use crate::chance::Chance;
use crate::project::fixture;
use crate::repo::TestRepo;
use crate::strace::needed;

/// What a power loss can do to a replacement of `value` by `fixtures/torture/replace.sh`.
fn faults(forget: &str) -> Vec<String> {
    let repo = TestRepo::init();
    repo.write("value", "the old value");
    let script = fixture("replace.sh").to_string_lossy().into_owned();
    let recording = record(&repo, &["sh", &script, forget]);
    assert_followed(&recording);
    let mut faults = Vec::new();
    for outage in outages(&recording, &mut Chance::new(1), 4) {
        let paths = outage.remains.paths();
        let value = paths.get(std::path::Path::new("repo/value")).and_then(|(_, bytes)| *bytes);
        match value {
            Some(b"the new value") => {}
            Some(b"the old value") if !outage.acknowledged => {}
            Some(b"the old value") => faults.push("acknowledged and lost".to_owned()),
            Some(bytes) if bytes.iter().all(|byte| *byte == 0) => faults.push("torn".to_owned()),
            other => faults.push(format!("{other:?}")),
        }
    }
    faults.sort();
    faults.dedup();
    faults
}

#[test]
fn a_program_that_forgets_nothing_survives() {
    needed();
    assert_eq!(faults("nothing"), Vec::<String>::new());
}

#[test]
fn a_program_that_forgets_an_fsync_is_caught() {
    needed();
    assert_eq!(faults("content"), ["torn"]);
    assert_eq!(faults("name"), ["acknowledged and lost"]);
    assert_eq!(faults("order"), ["acknowledged and lost"]);
}
