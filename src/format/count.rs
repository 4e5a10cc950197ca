//! A number with its noun, in one place: "1 findings" reads as if nobody had looked.

use std::fmt::Display;

/// `1 finding`, `2 findings`, `2 run branches`.
#[must_use]
pub fn counted<N: Copy + Display + PartialEq + From<u8>>(count: N, noun: &str) -> String {
    let one = count == N::from(1);
    let plural = if noun.ends_with("ch") { "es" } else { "s" };
    format!("{count} {noun}{}", if one { "" } else { plural })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural() {
        let of = |count: usize| [counted(count, "finding"), counted(count, "run branch")];
        assert_eq!(of(0), ["0 findings", "0 run branches"]);
        assert_eq!(of(1), ["1 finding", "1 run branch"]);
        assert_eq!(of(2), ["2 findings", "2 run branches"]);
    }
}
