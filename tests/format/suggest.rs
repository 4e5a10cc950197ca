//! "Did you mean".

use millrace::format::suggest::{nearest, one_of};

const KNOWN: [&str; 6] = ["task_id", "tags", "risk", "depends_on", "title", "created_at"];

#[test]
fn what_is_near_and_what_is_not() {
    let cases = [
        ("Task-ID", Some("task_id")),
        ("task id", Some("task_id")),
        ("TAGS", Some("tags")),
        ("tag", Some("tags")),
        ("tasg", Some("tags")),
        ("rsik", Some("risk")),
        ("disk", Some("risk")),
        ("desk", None),
        ("dependson", Some("depends_on")),
        ("depend", None),
        ("titel", Some("title")),
        ("created", None),
        ("id", None),
        ("", None),
        ("a", None),
    ];
    for (word, meant) in cases {
        assert_eq!(nearest(word, KNOWN), meant, "{word:?}");
    }
    assert_eq!(nearest(&"t".repeat(100_000), KNOWN), None);
}

#[test]
fn the_nearest_wins_not_the_first() {
    assert_eq!(nearest("max_launchs", ["max_lunchs", "max_launches"]), Some("max_lunchs"));
    assert_eq!(nearest("modes", ["mode", "modes"]), Some("modes"));
}

#[test]
fn names_in_a_row() {
    assert_eq!(one_of([]), "");
    assert_eq!(one_of(["a"]), "`a`");
    assert_eq!(one_of(["a", "b", "c"]), "`a`, `b` or `c`");
}
