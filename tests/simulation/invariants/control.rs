//! What governs the whole: a pause cause is lifted by its owner, and counters go forward.

use std::collections::BTreeSet;

use super::{Book, Look, number, text};

/// The causes of rest: key and owner.
fn pauses(control: &toml::Table) -> BTreeSet<(String, String)> {
    let all = control.get("pauses").and_then(toml::Value::as_array).into_iter().flatten();
    all.filter_map(toml::Value::as_table)
        .map(|cause| {
            let word = text(cause, "cause").expect("a cause");
            let key = text(cause, "runner").map_or(word.to_owned(), |runner| format!("{word}:{runner}"));
            assert!(text(cause, "detail").is_some_and(|text| !text.is_empty()), "{key} says nothing");
            (key, text(cause, "owner").expect("an owner").to_owned())
        })
        .collect()
}

impl Book {
    pub(super) fn look_at_control(&self, look: &Look<'_>) {
        let change = look.changes.iter().find(|change| change.path == "control.toml");
        let Some((Some(before), Some(after))) = change.map(|change| (change.before, change.after)) else {
            return;
        };
        let (before, after) = (look.toml(before), look.toml(after));
        assert!(number(&after, "arrivals") >= number(&before, "arrivals"), "the arrivals go back");
        let most = self.arrivals.last().copied().unwrap_or(0);
        assert!(number(&after, "arrivals") >= Some(most), "an arrival is not counted");
        for (key, owner) in pauses(&before).difference(&pauses(&after)) {
            let own = match look.op.as_str() {
                "resume" => {
                    let by = text(&look.asked, "owner");
                    text(&look.asked, "cause") == Some(key) && by.is_none_or(|by| by == owner)
                }
                // The runtime's own: an outage that is over.
                "handoff" => owner == "runtime" && key.starts_with("harness:"),
                _ => false,
            };
            assert!(own, "{key} of {owner} is lifted by {}", look.op);
        }
    }
}
