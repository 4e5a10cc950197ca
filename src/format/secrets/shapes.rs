//! Tokens whose shape says what they are. Shapes are narrow on purpose: a false alarm refuses somebody's document.

use super::Found;

/// A token shape: what it is called, how it begins, what may follow, and how much of that there must be.
struct Shape {
    what: &'static str,
    prefix: &'static str,
    follows: fn(u8) -> bool,
    least: usize,
    most: usize,
}

const fn shape(what: &'static str, prefix: &'static str, follows: fn(u8) -> bool, least: usize) -> Shape {
    Shape { what, prefix, follows, least, most: usize::MAX }
}

fn upper(b: u8) -> bool {
    b.is_ascii_uppercase() || b.is_ascii_digit()
}

fn alnum(b: u8) -> bool {
    b.is_ascii_alphanumeric()
}

fn word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

fn dashed(b: u8) -> bool {
    word(b) || b == b'-'
}

/// Longer prefixes stand before the shorter ones that they begin with.
const SHAPES: [Shape; 20] = [
    Shape { what: "an AWS access key id", prefix: "AKIA", follows: upper, least: 16, most: 16 },
    Shape { what: "an AWS access key id", prefix: "ASIA", follows: upper, least: 16, most: 16 },
    shape("a GitHub token", "github_pat_", word, 22),
    shape("a GitHub token", "ghp_", alnum, 30),
    shape("a GitHub token", "gho_", alnum, 30),
    shape("a GitHub token", "ghu_", alnum, 30),
    shape("a GitHub token", "ghs_", alnum, 30),
    shape("a GitHub token", "ghr_", alnum, 30),
    shape("a GitLab token", "glpat-", dashed, 20),
    shape("an Anthropic key", "sk-ant-", dashed, 20),
    shape("an OpenAI key", "sk-proj-", dashed, 20),
    shape("an API key", "sk-", alnum, 32),
    shape("a Stripe key", "sk_live_", alnum, 16),
    shape("a Stripe key", "rk_live_", alnum, 16),
    shape("a Slack token", "xoxb-", dashed, 10),
    shape("a Slack token", "xoxp-", dashed, 10),
    shape("a Slack token", "xoxa-", dashed, 10),
    shape("a Slack token", "xoxr-", dashed, 10),
    Shape { what: "a Google API key", prefix: "AIza", follows: dashed, least: 35, most: 35 },
    shape("an npm token", "npm_", alnum, 36),
];

/// Bytes of one part of a token; it keeps the search linear on text that is made to be slow.
const LONGEST_PART: usize = 8 * 1024;

/// Bytes of the header of a web token, which names an algorithm and a key.
const LONGEST_HEADER: usize = 512;

const PEM_BEGIN: &str = "-----BEGIN ";
const PEM_KEY: &str = "PRIVATE KEY";
const PEM_DASHES: &str = "-----";

pub(super) fn find_shapes(text: &str) -> Vec<Found> {
    let bytes = text.as_bytes();
    let mut all = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match shape_at(text, at) {
            Some((end, what)) => {
                all.push(Found { start: at, end, what: what.to_owned() });
                at = end;
            }
            None => at += 1,
        }
    }
    all
}

/// The end and name of the token that begins here.
fn shape_at(text: &str, at: usize) -> Option<(usize, &'static str)> {
    let bytes = text.as_bytes();
    let rest = &bytes[at..];
    let first = *rest.first()?;
    if first == b'-' {
        return pem_end(text, at).map(|end| (end, "a private key"));
    }
    // A token begins a word: `risk-...` holds no `sk-` key.
    if !matches!(first, b'A' | b'g' | b's' | b'r' | b'x' | b'n' | b'e') || !begins_word(&bytes[..at]) {
        return None;
    }
    for shape in &SHAPES {
        if rest.starts_with(shape.prefix.as_bytes()) {
            let body = run(&rest[shape.prefix.len()..], shape.follows, shape.most.saturating_add(1));
            if (shape.least..=shape.most).contains(&body) {
                return Some((at + shape.prefix.len() + body, shape.what));
            }
        }
    }
    web_token(rest).map(|length| (at + length, "a JSON web token"))
}

/// Whether a word can begin behind this: behind a blank or a sign, also behind one that is written as an escape (the
/// `\n` of a JSON text, the `m` that ends a colour of a terminal).
fn begins_word(before: &[u8]) -> bool {
    match before {
        [] | [.., b'\\', b'n' | b'r' | b't' | b'b' | b'f'] => true,
        [colour @ .., b'm'] => {
            let codes =
                colour.iter().rev().take(16).take_while(|b| b.is_ascii_digit() || **b == b';').count();
            colour[..colour.len() - codes].ends_with(b"[")
        }
        [.., last] => !word(*last),
    }
}

/// How many bytes of a kind follow, counted up to `most` or [`LONGEST_PART`].
fn run(bytes: &[u8], kind: fn(u8) -> bool, most: usize) -> usize {
    bytes.iter().take(most.min(LONGEST_PART)).take_while(|byte| kind(**byte)).count()
}

/// The end of a private key block that begins here; one without an end goes to the end of the text.
fn pem_end(text: &str, at: usize) -> Option<usize> {
    let header = text.get(at..)?.strip_prefix(PEM_BEGIN)?;
    let (label, _) = header.split_once(PEM_DASHES)?;
    if !label.ends_with(PEM_KEY) && !label.ends_with("PRIVATE KEY BLOCK") || label.contains('\n') {
        return None;
    }
    let end = format!("-----END {label}{PEM_DASHES}");
    Some(text[at..].find(&end).map_or(text.len(), |found| at + found + end.len()))
}

/// The length of a JSON web token: three parts of base64, the first two of which are JSON objects.
fn web_token(rest: &[u8]) -> Option<usize> {
    let part = |from: usize, most: usize| run(&rest[from..], dashed, most);
    if !rest.starts_with(b"eyJ") {
        return None;
    }
    let first = part(0, LONGEST_HEADER);
    if first < 10 || rest.get(first) != Some(&b'.') || !rest[first + 1..].starts_with(b"eyJ") {
        return None;
    }
    let second = first + 1 + part(first + 1, LONGEST_PART);
    if rest.get(second) != Some(&b'.') {
        return None;
    }
    let third = part(second + 1, LONGEST_PART);
    (third >= 10).then_some(second + 1 + third)
}

/// Where a private key block begins that has no end in this text.
pub(super) fn unfinished_key(text: &str) -> Option<usize> {
    text.match_indices(PEM_BEGIN)
        .map(|(at, _)| at)
        .find(|at| pem_end(text, *at).is_some_and(|end| end == text.len()))
}
