//! YAML, read strictly. This is the only file that names the YAML crate.
//!
//! What is read is what people write by hand: mappings with text keys, lists, scalars, several-line texts. Anchors,
//! aliases, tags, directives, several documents and repeated keys are refused, and so is deep nesting, before a tree
//! is built. Scalars keep the text as it was written, so that `1.10` stays `1.10` and an id of digits stays an id.

mod scan;

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fmt;

use serde::de::{self, DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use thiserror::Error;

use super::quote::quoted;
use super::suggest::nearest;
use crate::domain::limits::{MAX_DOCUMENT_BYTES, MAX_YAML_DEPTH};

/// Why a YAML text is not read; one line.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[error("line {line}, column {column}: {problem}; expected {expected}")]
pub struct YamlError {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub problem: String,
    /// What would be right.
    pub expected: String,
}

fn at(line: usize, column: usize, problem: &str, expected: &str) -> YamlError {
    YamlError { line, column, problem: problem.to_owned(), expected: expected.to_owned() }
}

/// What a scalar is by YAML's rules; the text decides nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// Everything else, and all that is quoted.
    Text,
}

/// A YAML value. Scalars keep their text.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// A scalar and what it is.
    Scalar(Scalar, String),
    /// A list.
    List(Vec<Node>),
    /// A mapping in the order of the text; no key occurs twice.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// What it is, for people.
    #[must_use]
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Scalar(Scalar::Null, _) => "nothing",
            Self::Scalar(Scalar::Bool, _) => "`true` or `false`",
            Self::Scalar(Scalar::Number, _) => "a number",
            Self::Scalar(Scalar::Text, _) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// One step from a value into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// The key of a mapping.
    Key(&'a str),
    /// The item of a list, from 0.
    Item(usize),
}

/// Reads a text into a tree.
pub fn read(text: &str) -> Result<Node, YamlError> {
    check(text)?;
    let refusal = Refusal { found: RefCell::new(None), budget: Cell::new(text.len() + 1) };
    let mut node = Grow { refusal: &refusal }
        .deserialize(serde_yaml::Deserializer::from_str(text))
        .map_err(|error| refusal.explain(&error, text))?;
    // Pass two has the same shape, so it cannot fail where pass one did not, except on an empty text.
    if node != Node::Scalar(Scalar::Null, String::new()) {
        Verbatim(&mut node)
            .deserialize(serde_yaml::Deserializer::from_str(text))
            .map_err(|error| explain(&error, text))?;
    }
    Ok(node)
}

/// Reads a text into a type.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, YamlError> {
    read(text)?;
    serde_yaml::from_str(text).map_err(|error| explain(&error, text))
}

/// The line and column, from 1, where the value at a path begins (a key: where the key stands), or of the nearest
/// thing above it that exists. For messages: it reads the text again.
#[must_use]
pub fn locate(text: &str, path: &[Step<'_>]) -> (usize, usize) {
    for length in (1..=path.len()).rev() {
        let mut path = path[..length].iter();
        if let Err(error) = (Find { path: &mut path }).deserialize(serde_yaml::Deserializer::from_str(text))
            && let Some(place) = error.location()
        {
            return (place.line(), place.column());
        }
    }
    (1, 1)
}

fn check(text: &str) -> Result<(), YamlError> {
    if text.len() > MAX_DOCUMENT_BYTES {
        return Err(at(
            1,
            1,
            &format!("the YAML has {} bytes", text.len()),
            &format!("at most {MAX_DOCUMENT_BYTES}"),
        ));
    }
    let (mut line, mut column) = (1, 0);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        column += 1;
        let line_break = c == '\n' || (c == '\r' && chars.peek() == Some(&'\n'));
        if (c.is_control() && c != '\t' && !line_break)
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}')
        {
            return Err(at(
                line,
                column,
                &format!("the control character U+{:04X}", u32::from(c)),
                "printable text, spaces and line breaks",
            ));
        }
        if c == '\n' {
            line += 1;
            column = 0;
        }
    }
    scan::refuse_unread(text, MAX_YAML_DEPTH)
}

/// What a visitor refused; serde carries only text, so the reason waits here while the position travels.
struct Refusal {
    found: RefCell<Option<(String, &'static str)>>,
    /// Values that may still come. Every value takes a byte of the text, unless it came through an alias that the
    /// scan did not see.
    budget: Cell<usize>,
}

impl Refusal {
    fn refuse<E: de::Error>(&self, problem: String, expected: &'static str) -> E {
        *self.found.borrow_mut() = Some((problem, expected));
        E::custom("refused")
    }

    fn spend<E: de::Error>(&self) -> Result<(), E> {
        match self.budget.get().checked_sub(1) {
            Some(left) => {
                self.budget.set(left);
                Ok(())
            }
            None => Err(self.refuse("it unfolds into more than it is".to_owned(), "plain values")),
        }
    }

    fn explain(&self, error: &serde_yaml::Error, text: &str) -> YamlError {
        match self.found.borrow_mut().take() {
            Some((problem, expected)) => {
                let (line, column) = error.location().map_or((1, 1), |place| (place.line(), place.column()));
                at(line, column, &problem, expected)
            }
            None => explain(error, text),
        }
    }
}

/// Pass one: the shape, with every check.
#[derive(Clone, Copy)]
struct Grow<'r> {
    refusal: &'r Refusal,
}

impl<'de> DeserializeSeed<'de> for Grow<'_> {
    type Value = Node;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Grow<'_> {
    fn scalar<E: de::Error>(self, scalar: Scalar) -> Result<Node, E> {
        self.refusal.spend()?;
        Ok(Node::Scalar(scalar, String::new()))
    }
}

impl<'de> Visitor<'de> for Grow<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a scalar, a list or a mapping")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Node, E> {
        self.scalar(Scalar::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Node, E> {
        self.scalar(Scalar::Null)
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Node, E> {
        self.scalar(Scalar::Bool)
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Node, E> {
        self.scalar(Scalar::Number)
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Node, E> {
        self.scalar(Scalar::Number)
    }

    fn visit_i128<E: de::Error>(self, _: i128) -> Result<Node, E> {
        self.scalar(Scalar::Number)
    }

    fn visit_u128<E: de::Error>(self, _: u128) -> Result<Node, E> {
        self.scalar(Scalar::Number)
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Node, E> {
        self.scalar(Scalar::Number)
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Node, E> {
        self.scalar(Scalar::Text)
    }

    fn visit_enum<A: de::EnumAccess<'de>>(self, _: A) -> Result<Node, A::Error> {
        Err(self.refusal.refuse("a tag".to_owned(), "values without tags"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        self.refusal.spend()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        self.refusal.spend()?;
        let mut seen = HashSet::new();
        let mut map = Vec::new();
        while let Some(key) = entries.next_key_seed(Key { seen: &mut seen, refusal: self.refusal })? {
            map.push((key, entries.next_value_seed(self)?));
        }
        Ok(Node::Map(map))
    }
}

struct Key<'s, 'r> {
    seen: &'s mut HashSet<String>,
    refusal: &'r Refusal,
}

impl<'de> DeserializeSeed<'de> for Key<'_, '_> {
    type Value = String;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_, '_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text as a key")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<String, E> {
        if self.seen.insert(key.to_owned()) {
            Ok(key.to_owned())
        } else {
            Err(self.refusal.refuse(format!("the key {} occurs twice", quoted(key)), "each key once"))
        }
    }
}

/// Pass two: every scalar's text as it was written.
struct Verbatim<'n>(&'n mut Node);

impl<'de> DeserializeSeed<'de> for Verbatim<'_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.0 {
            Node::Scalar(..) => deserializer.deserialize_str(self),
            Node::List(_) => deserializer.deserialize_seq(self),
            Node::Map(_) => deserializer.deserialize_map(self),
        }
    }
}

impl<'de> Visitor<'de> for Verbatim<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.describe())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        if let Node::Scalar(_, kept) = self.0 {
            text.clone_into(kept);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        if let Node::List(list) = self.0 {
            for item in list {
                items.next_element_seed(Verbatim(item))?;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        if let Node::Map(map) = self.0 {
            for (_, value) in map {
                if entries.next_key::<String>()?.is_some() {
                    entries.next_value_seed(Verbatim(value))?;
                }
            }
        }
        Ok(())
    }
}

/// Fails at the end of a path: the parser stamps the failure with the place.
struct Find<'s, 'p> {
    path: &'s mut std::slice::Iter<'p, Step<'p>>,
}

impl<'de> DeserializeSeed<'de> for Find<'_, '_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Find<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value that was looked for")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let Some(Step::Key(wanted)) = self.path.next().copied() else {
            return Err(de::Error::custom("here"));
        };
        let last = self.path.as_slice().is_empty();
        while let Some(found) = entries.next_key_seed(FindKey { wanted, last })? {
            if found {
                return entries.next_value_seed(Find { path: self.path });
            }
            entries.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Some(Step::Item(wanted)) = self.path.next().copied() else {
            return Err(de::Error::custom("here"));
        };
        for _ in 0..wanted {
            if items.next_element::<IgnoredAny>()?.is_none() {
                return Ok(());
            }
        }
        items.next_element_seed(self)?;
        Ok(())
    }
}

struct FindKey<'p> {
    wanted: &'p str,
    last: bool,
}

impl<'de> DeserializeSeed<'de> for FindKey<'_> {
    type Value = bool;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for FindKey<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text as a key")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<bool, E> {
        match (key == self.wanted, self.last) {
            (true, true) => Err(E::custom("here")),
            (found, _) => Ok(found),
        }
    }
}

/// What the parser says where a quote was opened and the text ended.
const NEVER_CLOSED: &str = "found unexpected end of stream";

/// What the parser and serde say, and what a person should read instead.
const PHRASES: [(&str, &str, &str); 18] = [
    (
        "mapping values are not allowed",
        "`: ` inside a value, or a key at the wrong indentation",
        "quotes around a value that holds `: `",
    ),
    (
        "did not find expected key",
        "this line does not fit what stands above it",
        "`key: value` at the indentation of the other keys, and quotes closed at the end of a value",
    ),
    ("could not find expected ':'", "a line that is no `key: value`", "`key: value`"),
    (
        "found character that cannot start any token",
        "a character that cannot begin a value",
        "quotes around the value, and spaces for indentation",
    ),
    (NEVER_CLOSED, "a quote that is never closed", "a closing quote"),
    ("found a tab character", "a tab in the indentation", "spaces"),
    (
        "block sequence entries are not allowed",
        "a `- ` item where no list can stand",
        "the items on the lines below their key",
    ),
    ("did not find expected ',' or ']'", "a `[` list that is not closed", "`[first, second]`"),
    ("did not find expected ',' or '}'", "a `{` mapping that is not closed", "`{key: value}`"),
    (
        "did not find expected '-' indicator",
        "a line in a list that is no `- ` item",
        "`- ` before each item, all at one indentation",
    ),
    ("found unknown escape character", "an unknown `\\` escape", "single quotes, or `\\\\` for a backslash"),
    ("did not find expected node content", "a value is missing here", "a value"),
    ("did not find expected <document start>", "text after the end of the value", "one value"),
    ("more than one document", "text after the end of the value", "one value"),
    ("did not find expected comment or line break", "text after `|` or `>`", "the text on the lines below"),
    ("invalid length", "a list of the wrong length", "the right number of items"),
    ("recursion limit", "lists and mappings are nested too deep", "a flatter structure"),
    (
        "found unexpected ':'",
        "a `:` inside a value of a `[...]` or `{...}`",
        "quotes around a value that holds `:`",
    ),
];

fn explain(error: &serde_yaml::Error, text: &str) -> YamlError {
    let full = error.to_string();
    let (line, column) = error.location().map_or((1, 1), |place| (place.line(), place.column()));
    // A message ends in its place, which we say ourselves.
    let message = full.split(" at line ").next().unwrap_or_default();
    let message = message.split(" at position ").next().unwrap_or_default();
    if let Some((known, problem, expected)) = PHRASES.iter().find(|(known, ..)| message.contains(known)) {
        // What is never closed is noticed at the end of the text, but it is wrong where it was opened.
        let opened = full.rsplit_once(" at line ").and_then(|(_, place)| {
            let (line, column) = place.split_once(" column ")?;
            Some((line.parse().ok()?, column.parse().ok()?))
        });
        let (line, column) = opened.filter(|_| *known == NEVER_CLOSED).unwrap_or((line, column));
        let lines = text.lines().count().max(1);
        return at(line.min(lines), column, problem, expected);
    }
    let (path, message) = match message.split_once(": ") {
        Some((path, rest)) if !path.contains([' ', '`', '"']) => (Some(path), rest),
        _ => (None, message),
    };
    let (problem, expected) = typed(message);
    let problem = path.map_or_else(|| problem.clone(), |path| format!("{path}: {problem}"));
    at(line, column, &super::quote::one_line(&problem), &super::quote::one_line(&expected))
}

/// serde's words about types, said plainly: what was found, what was expected.
fn typed(message: &str) -> (String, String) {
    let between = |start: &str, end: char| {
        let rest = message.strip_prefix(start)?;
        rest.split_once(end).map(|(inner, rest)| (inner.to_owned(), rest.to_owned()))
    };
    if let Some((field, _)) = between("missing field `", '`') {
        return (format!("{} is missing", quoted(&field)), "it to be set".to_owned());
    }
    for kind in ["field", "variant"] {
        if let Some((name, rest)) = between(&format!("unknown {kind} `"), '`') {
            let expected = rest.trim_start_matches(", expected ").to_owned();
            let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
            let meant = nearest(&name, known.iter().copied())
                .map(|meant| format!(" (did you mean `{meant}`?)"))
                .unwrap_or_default();
            let expected = expected.trim_start_matches("one of ").to_owned();
            return (format!("{} is not known{meant}", quoted(&name)), expected);
        }
    }
    for start in ["invalid type: ", "invalid value: "] {
        if let Some((found, expected)) =
            message.strip_prefix(start).and_then(|rest| rest.rsplit_once(", expected "))
        {
            let found = found
                .replace("unit value", "nothing")
                .replace("sequence", "a list")
                .replace("map", "a mapping")
                .replace("string ", "the text ")
                .replace("integer ", "the number ")
                .replace("floating point ", "the number ")
                .replace("boolean ", "");
            let expected = match expected {
                "a string" => "text",
                "a sequence" => "a list",
                "a map" => "a mapping",
                "u8" => "a whole number from 0 to 255",
                "u16" | "u32" | "u64" | "usize" => "a whole number, not negative",
                "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
                other if other.starts_with("struct ") => "a mapping",
                other => other,
            };
            return (format!("found {found}"), expected.to_owned());
        }
    }
    (message.to_owned(), "something else".to_owned())
}
