//! The trailers of a ledger commit, read from its message alone: what a list of many commits shows costs no look into
//! their trees. `verify` holds them against the records.

/// The values of the trailers `Millrace-<key>`, in order. Only the last paragraph counts.
pub(crate) fn values<'m>(message: &'m str, key: &str) -> impl Iterator<Item = &'m str> {
    let block = message.trim_end().rsplit("\n\n").next().unwrap_or_default();
    block
        .lines()
        .filter_map(move |line| line.strip_prefix("Millrace-")?.strip_prefix(key)?.strip_prefix(": "))
}

/// The value of the first trailer `Millrace-<key>`; `None` where there is none.
pub(crate) fn value<'m>(message: &'m str, key: &str) -> Option<&'m str> {
    values(message, key).next()
}

/// The commit's number in the ledger; `None` where it does not say one.
pub(crate) fn seq(message: &str) -> Option<u64> {
    value(message, "Seq")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_paragraph_counts() {
        let message = "subject\n\nMillrace-Seq: 7\n\nMillrace-Op: launch\nMillrace-Seq: 12\n";
        assert_eq!(seq(message), Some(12));
        assert_eq!(value(message, "Op"), Some("launch"));
        assert_eq!(value(message, "O"), None);
        assert_eq!(seq("subject\n"), None);
    }
}
