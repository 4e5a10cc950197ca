//! A value as it stands inside other text: in a JSON string, and in one that is quoted in another.

use std::collections::BTreeSet;
use std::fmt::Write as _;

/// How a writer of JSON puts characters that it may leave as they are.
#[derive(Clone, Copy)]
struct Style {
    /// `/` as `\/`.
    slash: bool,
    /// What is not ASCII as `\u....`, with digits in this case.
    ascii: Option<Case>,
}

#[derive(Clone, Copy)]
enum Case {
    Lower,
    Upper,
}

/// Every common way to write JSON.
const STYLES: [Style; 6] = [
    Style { slash: false, ascii: None },
    Style { slash: true, ascii: None },
    Style { slash: false, ascii: Some(Case::Lower) },
    Style { slash: false, ascii: Some(Case::Upper) },
    Style { slash: true, ascii: Some(Case::Lower) },
    Style { slash: true, ascii: Some(Case::Upper) },
];

/// The value, and how it looks inside a JSON string and inside a JSON string in a JSON string, each once. Most values
/// look the same everywhere.
pub(super) fn forms(value: &str) -> Vec<String> {
    let mut all = BTreeSet::from([value.to_owned()]);
    for style in STYLES {
        let once = escaped(value, style);
        all.insert(escaped(&once, style));
        all.insert(once);
    }
    all.into_iter().collect()
}

fn escaped(value: &str, style: Style) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '/' if style.slash => text.push_str("\\/"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            c if c < ' ' => unit(&mut text, u16::try_from(u32::from(c)).unwrap_or_default(), style.ascii),
            c if !c.is_ascii() && style.ascii.is_some() => {
                for code in c.encode_utf16(&mut [0; 2]) {
                    unit(&mut text, *code, style.ascii);
                }
            }
            c => text.push(c),
        }
    }
    text
}

fn unit(text: &mut String, code: u16, case: Option<Case>) {
    // Writing to a string cannot fail.
    let _ = match case {
        Some(Case::Upper) => write!(text, "\\u{code:04X}"),
        Some(Case::Lower) | None => write!(text, "\\u{code:04x}"),
    };
}
