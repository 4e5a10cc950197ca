//! Lessons F-34 to F-66 that no test bears, because what they speak of is not here.

/// Ids with the reason.
pub(super) const NO_MEANING_LATER: [(&str, &str); 1] = [(
    "F-60",
    "no stage chooses context: what it is given is put together once, by the one runtime that holds the lock, from \
     counted and bounded files",
)];

#[test]
fn each_reason_is_a_sentence_about_one_row() {
    for (id, reason) in NO_MEANING_LATER {
        let number = id.strip_prefix("F-").and_then(|number| number.parse::<u32>().ok());
        assert!(number.is_some_and(|number| (34..=66).contains(&number)), "{id}");
        assert!(reason.split_whitespace().count() > 5, "{id}: {reason}");
    }
}
