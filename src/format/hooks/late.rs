//! Updates that are looked at later than they happened: of each ref, all that it missed at once.

use super::lines::Update;

/// One update of each ref, in the order in which refs come first: from where its first one began to where its last one
/// ended. Looked at one by one, a ref that is new and moved on would hold against itself that it was there.
#[must_use]
pub fn at_once(updates: impl IntoIterator<Item = Update>) -> Vec<Update> {
    let mut found: Vec<Update> = Vec::new();
    for update in updates {
        match found.iter_mut().find(|other| other.name == update.name) {
            Some(other) => other.new = update.new,
            None => found.push(update),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::received;
    use super::*;

    #[test]
    fn a_ref_goes_from_its_first_to_its_last() {
        let [zero, a, b, c] = ["0", "a", "b", "c"].map(|digit| digit.repeat(40));
        let lines = |text: String| received(text.as_bytes()).unwrap();
        let missed = lines(format!(
            "{zero} {a} refs/heads/new\n{a} {b} refs/heads/main\n{a} {b} refs/heads/new\n{b} {c} refs/heads/main\n\
             {a} {b} refs/heads/gone\n{b} {zero} refs/heads/gone\n"
        ));
        let expected = lines(format!(
            "{zero} {b} refs/heads/new\n{a} {c} refs/heads/main\n{a} {zero} refs/heads/gone\n"
        ));
        assert_eq!(at_once(missed), expected);
    }
}
