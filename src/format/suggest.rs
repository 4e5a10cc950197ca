//! "Did you mean": the known name that a written one was probably meant to be.

/// The candidate that `word` was probably meant to be, or `None` where nothing is near. A name that differs only
/// in case, or has `-` or a space for `_`, is always near; otherwise at most two letters may differ (added,
/// left out, changed or swapped), and no more than a third of them.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = normalised(word);
    let length = plain.chars().count();
    // A longer word cannot be within two letters of any name that we know.
    if length > 128 {
        return None;
    }
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let known = normalised(candidate);
        let distance = strsim::damerau_levenshtein(&plain, &known);
        let allowed = (length.max(known.chars().count()) / 3).min(2);
        if distance <= allowed && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

fn normalised(word: &str) -> String {
    word.trim().to_lowercase().replace(['-', ' '], "_")
}

/// Names in a row for people: "`a`, `b` or `c`".
#[must_use]
pub fn one_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    in_a_row(names, "or")
}

/// The same for all of them: "`a`, `b` and `c`".
#[must_use]
pub fn all_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    in_a_row(names, "and")
}

fn in_a_row<'a>(names: impl IntoIterator<Item = &'a str>, word: &str) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} {word} {last}", rest.join(", ")),
    }
}
