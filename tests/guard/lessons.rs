//! What earlier runtimes of this kind got wrong stays right here. Each of these failures has an id, `M-01` to `M-20` and
//! `F-01` to `F-66`; a test that would fail if one came back bears the id at the beginning of its name
//! (`f05_f13_a_result_...`). An id without a test says here why it has no meaning in this program.

use std::collections::BTreeMap;

use super::house::rust_files;
use crate::support::project::read;

/// What operators measured: `M-01` to this.
const LAST_MEASURED: u8 = 20;

/// What was found and mended release by release: `F-01` to this.
const LAST_FOUND: u8 = 66;

/// Ids that no test bears, each with the reason.
const NO_MEANING: [(&str, &str); 1] = [(
    "F-60",
    "no stage chooses context: what it is given is put together once, by the one runtime that holds the lock, from \
         counted and bounded files",
)];

/// All ids.
fn all_ids() -> impl Iterator<Item = String> {
    let measured = (1..=LAST_MEASURED).map(|n| format!("M-{n:02}"));
    measured.chain((1..=LAST_FOUND).map(|n| format!("F-{n:02}")))
}

/// The names of the test functions of a source file: what stands below `#[test]`, other attributes passed over.
fn test_names(source: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut lines = source.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if line == "#[test]" {
            let name = lines.find_map(|line| line.strip_prefix("fn ")).and_then(|rest| rest.split_once('('));
            found.extend(name.map(|(name, _)| name));
        }
    }
    found
}

/// The ids that a name begins with.
fn ids(name: &str) -> Vec<String> {
    let id = |part: &str| match part.as_bytes() {
        [kind @ (b'm' | b'f'), tens, ones] if tens.is_ascii_digit() && ones.is_ascii_digit() => {
            Some(format!("{}-{}", char::from(kind.to_ascii_uppercase()), &part[1..]))
        }
        _ => None,
    };
    name.split('_').map_while(id).collect()
}

/// The tests that bear each id.
fn borne() -> BTreeMap<String, Vec<String>> {
    let mut borne: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in rust_files("tests").into_iter().chain(rust_files("src")) {
        for name in test_names(&read(&path)) {
            for id in ids(name) {
                borne.entry(id).or_default().push(format!("{path}: {name}"));
            }
        }
    }
    borne
}

#[test]
fn every_lesson_has_its_test_or_no_meaning_here() {
    let borne = borne();
    let excused = BTreeMap::from(NO_MEANING);
    assert_eq!(excused.len(), NO_MEANING.len(), "each id is excused once");
    let missing: Vec<String> =
        all_ids().filter(|id| !borne.contains_key(id) && !excused.contains_key(id.as_str())).collect();
    assert!(missing.is_empty(), "no test bears these, and no reason says why: {missing:?}");
    for (id, reason) in excused {
        assert!(all_ids().any(|known| known == id), "{id} ({reason}) is no lesson");
        assert!(!borne.contains_key(id), "{id} ({reason}) has a test: {:?}", borne[id]);
        assert!(reason.split_whitespace().count() > 5, "{id}: a reason is a sentence: {reason}");
    }
}

#[test]
fn the_search_bites() {
    let source = "#[test]\nfn m01_f36_a() {}\n#[test]\n#[cfg(unix)]\nfn b_f02() {\n}\nfn f03_no_test() {}\n";
    assert_eq!(test_names(source), ["m01_f36_a", "b_f02"]);
    assert_eq!(ids("m01_f36_a"), ["M-01", "F-36"]);
    assert!(ids("b_f02").is_empty() && ids("fifty_f01").is_empty() && ids("f1_x").is_empty());
    assert_eq!(all_ids().count(), usize::from(LAST_MEASURED + LAST_FOUND));
}
