//! What the readers of all documents share: the error, the stamp, and fields read by their type.

use std::fmt;

use jiff::Timestamp;
use thiserror::Error;

use super::front_matter::{self, FrontMatter};
use super::quote::{is_direction_control, one_line, quoted};
use super::suggest::{all_of, nearest, one_of};
use super::warning::Warning;
use super::yaml::{self, Node, Scalar, Step};
use crate::domain::ids::{BadId, ItemId};
use crate::domain::item::{ItemKind, Priority};

/// Unknown keys that are warned about one by one; the rest is counted.
const SHOWN_UNKNOWN_KEYS: usize = 20;

/// Why a document is refused: `file:line: field: what is wrong; expected ...`, one line.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub struct DocumentError {
    /// The file as the caller named it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The field, where it is about one.
    pub field: Option<String>,
    /// What is wrong.
    pub problem: String,
    /// What would be right.
    pub expected: String,
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", one_line(&self.file), self.line)?;
        if let Some(field) = &self.field {
            write!(f, "{}: ", one_line(field))?;
        }
        write!(f, "{}; expected {}", self.problem, self.expected)
    }
}

/// What intake adds where a document does not say it.
#[derive(Debug, Clone, Copy)]
pub struct Stamp<'a> {
    /// The time of the intake.
    pub now: Timestamp,
    /// Who takes it in.
    pub by: &'a str,
}

/// A document that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed<T> {
    /// The facts of it.
    pub intake: T,
    /// What its writer should know; the document is accepted all the same.
    pub warnings: Vec<Warning>,
}

/// The fields of one document, read by name and type.
pub(super) struct Fields<'a> {
    file: &'a str,
    yaml: &'a str,
    first_line: usize,
    map: Vec<(String, Node)>,
    /// The fields that must be there.
    required: Vec<&'static str>,
    pub(super) warnings: Vec<Warning>,
}

impl<'a> Fields<'a> {
    /// Opens a document whose kind has the fields `known`, some of them `required`. Unknown fields are warned about;
    /// those that were probably meant to be a known one are refused.
    pub(super) fn open(
        bytes: &'a [u8],
        file: &'a str,
        known: &[&str],
        required: Vec<&'static str>,
    ) -> Result<Self, DocumentError> {
        Self::of_any(bytes, file)?.of_known(known, required)
    }

    /// The same, held to the fields `known`, some of them `required`.
    pub(super) fn of_known(self, known: &[&str], required: Vec<&'static str>) -> Result<Self, DocumentError> {
        let mut fields = Self { required, ..self };
        fields.judge_unknown(known)?;
        Ok(fields)
    }

    /// Opens a document of whatever kind: no field is unknown.
    pub(super) fn of_any(bytes: &'a [u8], file: &'a str) -> Result<Self, DocumentError> {
        let FrontMatter { yaml, first_line, .. } = front_matter::split(bytes, file)?;
        let mut fields =
            Self { file, yaml, first_line, map: Vec::new(), required: Vec::new(), warnings: Vec::new() };
        let node = yaml::read(yaml).map_err(|error| DocumentError {
            file: file.to_owned(),
            line: error.line + first_line - 1,
            field: None,
            problem: error.problem,
            expected: error.expected,
        })?;
        match node {
            Node::Map(map) => fields.map = map,
            Node::Scalar(Scalar::Null, _) => {}
            other => {
                return Err(DocumentError {
                    file: file.to_owned(),
                    line: first_line,
                    field: None,
                    problem: format!("the front matter is {}", other.describe()),
                    expected: "`key: value` lines".to_owned(),
                });
            }
        }
        Ok(fields)
    }

    /// Whether a field stands there, empty or not.
    pub(super) fn has(&self, field: &str) -> bool {
        self.map.iter().any(|(key, _)| key == field)
    }

    /// Refuses a field that was probably meant to be one of `known`.
    pub(super) fn refuse_near(&self, known: &[&str]) -> Result<(), DocumentError> {
        for key in self.unknown(known) {
            if let Some(meant) = nearest(key, known.iter().copied()) {
                return Err(self.refuse(key, &[], "this field is not known", &format!("`{meant}`")));
            }
        }
        Ok(())
    }

    fn unknown<'s>(&'s self, known: &'s [&str]) -> impl Iterator<Item = &'s str> {
        self.map.iter().map(|(key, _)| key.as_str()).filter(|key| !known.contains(key))
    }

    /// The refusal of a document that does not say what it is.
    pub(super) fn says_none(&self, expected: &str) -> DocumentError {
        DocumentError {
            file: self.file.to_owned(),
            line: 1,
            field: None,
            problem: "the document has no id".to_owned(),
            expected: expected.to_owned(),
        }
    }

    fn judge_unknown(&mut self, known: &[&str]) -> Result<(), DocumentError> {
        self.refuse_near(known)?;
        let unknown: Vec<&str> = self.unknown(known).collect();
        let mut warnings = Vec::new();
        for key in unknown.iter().take(SHOWN_UNKNOWN_KEYS) {
            warnings.push(self.warning(key, "this field is not known; it is kept and has no effect"));
        }
        if let Some(more) = unknown.len().checked_sub(SHOWN_UNKNOWN_KEYS).filter(|&more| more > 0) {
            let key = unknown[SHOWN_UNKNOWN_KEYS];
            warnings.push(self.warning(
                key,
                &format!(
                    "{more} more fields are not known, this one first; they are kept and have no effect"
                ),
            ));
        }
        self.warnings.append(&mut warnings);
        Ok(())
    }

    fn line(&self, field: &str, inside: &[Step<'_>]) -> usize {
        if !self.has(field) {
            return 1;
        }
        let mut path = vec![Step::Key(field)];
        path.extend_from_slice(inside);
        self.first_line - 1 + yaml::locate(self.yaml, &path).0
    }

    fn warning(&self, field: &str, message: &str) -> Warning {
        Warning {
            file: self.file.to_owned(),
            line: self.line(field, &[]),
            field: field.to_owned(),
            message: message.to_owned(),
        }
    }

    pub(super) fn warn(&mut self, field: &str, message: &str) {
        let warning = self.warning(field, message);
        self.warnings.push(warning);
    }

    /// A refusal at a field, or at what lies inside it.
    pub(super) fn refuse(
        &self,
        field: &str,
        inside: &[Step<'_>],
        problem: &str,
        expected: &str,
    ) -> DocumentError {
        DocumentError {
            file: self.file.to_owned(),
            line: self.line(field, inside),
            field: Some(field.to_owned()),
            problem: problem.to_owned(),
            expected: expected.to_owned(),
        }
    }

    /// The field, unless it is missing or empty (`field:`, `~`, `null`).
    fn get(&self, field: &str) -> Option<&Node> {
        self.map
            .iter()
            .find(|(key, _)| key == field)
            .map(|(_, node)| node)
            .filter(|node| !matches!(node, Node::Scalar(Scalar::Null, _)))
    }

    /// The refusal for a field that must be there. It names the others of which that is true as well.
    pub(super) fn missing(&self, field: &str, expected: &str) -> DocumentError {
        let others: Vec<&str> =
            self.required.iter().copied().filter(|name| *name != field && self.lacks(name)).collect();
        let mut problem = if self.has(field) { "is empty" } else { "is missing" }.to_owned();
        if !others.is_empty() {
            problem.push_str(", and so are ");
            problem.push_str(&all_of(others));
        }
        self.refuse(field, &[], &problem, expected)
    }

    /// Whether a field says nothing: it is not there, is empty, or is a list of nothing.
    fn lacks(&self, field: &str) -> bool {
        match self.get(field) {
            None => true,
            Some(Node::List(items)) => items.iter().all(|item| matches!(item, Node::Scalar(Scalar::Null, _))),
            Some(_) => false,
        }
    }

    /// A text, as it was written. Line breaks and tabs are the only control characters that it may hold.
    pub(super) fn text(&self, field: &str, expected: &str) -> Result<Option<String>, DocumentError> {
        match self.get(field) {
            None => Ok(None),
            Some(Node::Scalar(_, text)) => {
                self.refuse_control(field, &[], text, false)?;
                Ok(Some(text.clone()))
            }
            Some(other) => Err(self.refuse(field, &[], &format!("found {}", other.describe()), expected)),
        }
    }

    /// A text of one line, trimmed, that cannot make a terminal or a reader see something else.
    pub(super) fn line_of_text(
        &self,
        field: &str,
        limit: usize,
        expected: &str,
    ) -> Result<Option<String>, DocumentError> {
        let Some(text) = self.text(field, expected)? else { return Ok(None) };
        let text = text.trim();
        if text.is_empty() {
            return Err(self.refuse(field, &[], "is blank", expected));
        }
        if text.len() > limit {
            return Err(self.refuse(
                field,
                &[],
                &format!("has {} bytes", text.len()),
                &format!("at most {limit}"),
            ));
        }
        self.refuse_control(field, &[], text, true)?;
        Ok(Some(text.to_owned()))
    }

    fn refuse_control(
        &self,
        field: &str,
        inside: &[Step<'_>],
        text: &str,
        strict: bool,
    ) -> Result<(), DocumentError> {
        let found = text
            .chars()
            .find(|&c| (c.is_control() && (strict || !matches!(c, '\n' | '\t'))) || (strict && is_turn(c)));
        match found {
            None => Ok(()),
            Some('\n') => Err(self.refuse(field, inside, "holds a line break", "one line")),
            Some(c) => Err(self.refuse(
                field,
                inside,
                &format!("holds the control character U+{:04X}", u32::from(c)),
                "printable text",
            )),
        }
    }

    /// One of a few words.
    pub(super) fn word(&self, field: &str, words: &[&str]) -> Result<Option<String>, DocumentError> {
        let expected = one_of(words.iter().copied());
        let Some(text) = self.text(field, &expected)? else { return Ok(None) };
        if words.contains(&text.as_str()) {
            return Ok(Some(text));
        }
        let hint = nearest(&text, words.iter().copied())
            .filter(|_| words.len() > 1)
            .map(|meant| format!(" (did you mean `{meant}`?)"))
            .unwrap_or_default();
        Err(self.refuse(field, &[], &format!("found {}", quoted(&text)), &format!("{expected}{hint}")))
    }

    /// A list of texts; none of them is empty.
    pub(super) fn list(&self, field: &str) -> Result<Option<Vec<String>>, DocumentError> {
        const EXPECTED: &str = "a list: one `- item` on each line below the field";
        let items = match self.get(field) {
            None => return Ok(None),
            Some(Node::List(items)) => items,
            Some(other) => {
                return Err(self.refuse(field, &[], &format!("found {}", other.describe()), EXPECTED));
            }
        };
        let mut texts = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let place = [Step::Item(index)];
            match item {
                Node::Scalar(Scalar::Null, _) => {
                    return Err(self.refuse(
                        field,
                        &place,
                        &format!("item {} is empty", index + 1),
                        "text after each `- `",
                    ));
                }
                Node::Scalar(_, text) if text.trim().is_empty() => {
                    return Err(self.refuse(
                        field,
                        &place,
                        &format!("item {} is empty", index + 1),
                        "text after each `- `",
                    ));
                }
                Node::Scalar(_, text) => {
                    self.refuse_control(field, &place, text, false)?;
                    texts.push(text.clone());
                }
                other => {
                    return Err(self.refuse(
                        field,
                        &place,
                        &format!("item {} is {}", index + 1, other.describe()),
                        "text, with quotes around an item that holds `: `",
                    ));
                }
            }
        }
        Ok(Some(texts))
    }

    /// A list of texts with at least one item.
    pub(super) fn required_list(&self, field: &str, example: &str) -> Result<Vec<String>, DocumentError> {
        let expected = format!("a list with at least one item, such as `- {example}`");
        if self.lacks(field) {
            return Err(self.missing(field, &expected));
        }
        Ok(self.list(field)?.unwrap_or_default())
    }

    /// The id of an item.
    pub(super) fn id(&self, field: &str) -> Result<Option<ItemId>, DocumentError> {
        let Some(text) = self.text(field, "an id")? else { return Ok(None) };
        self.parse_id(field, &[], &text).map(Some)
    }

    /// A list of ids, each once.
    pub(super) fn ids(&self, field: &str) -> Result<Vec<ItemId>, DocumentError> {
        let mut ids = Vec::new();
        for (index, text) in self.list(field)?.unwrap_or_default().iter().enumerate() {
            let id = self.parse_id(field, &[Step::Item(index)], text)?;
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        Ok(ids)
    }

    /// Its place in the claim order.
    pub(super) fn priority(&self) -> Result<Priority, DocumentError> {
        const EXPECTED: &str = "a digit from 0 (first) to 9 (last)";
        let Some(text) = self.text("priority", EXPECTED)? else { return Ok(Priority::default()) };
        // One digit: `05` and `5.0` are something that its writer should look at.
        let digit = match text.as_bytes() {
            [byte] if byte.is_ascii_digit() => Priority::try_from(byte - b'0').ok(),
            _ => None,
        };
        digit.ok_or_else(|| self.refuse("priority", &[], &format!("found {}", quoted(&text)), EXPECTED))
    }

    /// The items of the same kind that must be done before this one; never itself.
    pub(super) fn depends_on(&self, id: &ItemId, kind: ItemKind) -> Result<Vec<ItemId>, DocumentError> {
        let depends_on = self.ids("depends_on")?;
        if !depends_on.contains(id) {
            return Ok(depends_on);
        }
        let written = self.list("depends_on")?.unwrap_or_default();
        let index = written.iter().position(|text| text == id.as_str()).unwrap_or_default();
        Err(self.refuse(
            "depends_on",
            &[Step::Item(index)],
            &format!("the {kind} depends on itself"),
            &format!("ids of other {}", kind.plural()),
        ))
    }

    fn parse_id(&self, field: &str, inside: &[Step<'_>], text: &str) -> Result<ItemId, DocumentError> {
        text.parse().map_err(|bad: BadId| match bad {
            BadId::Empty { .. } => self.refuse(field, inside, "is empty", "an id"),
            BadId::TooLong { length, .. } => self.refuse(
                field,
                inside,
                &format!("the id has {length} bytes"),
                &format!("at most {}", crate::domain::limits::MAX_ID_BYTES),
            ),
            BadId::Shape { expected, .. } => {
                self.refuse(field, inside, &format!("{} is not an id", quoted(text)), expected)
            }
        })
    }

    /// A time with a zone.
    pub(super) fn time(&self, field: &str) -> Result<Option<Timestamp>, DocumentError> {
        const EXPECTED: &str = "RFC 3339 with a time zone, such as `2026-11-22T09:30:00Z`";
        let Some(text) = self.text(field, EXPECTED)? else { return Ok(None) };
        match timestamp(text.trim()) {
            Ok(time) => Ok(Some(time)),
            Err(BadTime::NoZone) => {
                Err(self.refuse(field, &[], &format!("{} has no time zone", quoted(&text)), EXPECTED))
            }
            Err(BadTime::NoTime) => {
                Err(self.refuse(field, &[], &format!("{} is not a time", quoted(&text)), EXPECTED))
            }
        }
    }
}

fn is_turn(c: char) -> bool {
    is_direction_control(c) || matches!(c, '\u{2028}' | '\u{2029}')
}

enum BadTime {
    NoZone,
    NoTime,
}

/// RFC 3339 and nothing wider: `yyyy-mm-ddThh:mm:ss`, a fraction if need be, then `Z` or `+hh:mm`. The letters may be
/// small and a space may stand for the `T`, as the RFC allows.
fn timestamp(text: &str) -> Result<Timestamp, BadTime> {
    let shape = |text: &str, shape: &str| {
        text.len() == shape.len()
            && text.bytes().zip(shape.bytes()).all(|(found, wanted)| match wanted {
                b'0' => found.is_ascii_digit(),
                b'T' => matches!(found, b'T' | b't' | b' '),
                b'+' => matches!(found, b'+' | b'-'),
                other => found == other,
            })
    };
    let date = text.get(..10).ok_or(BadTime::NoTime)?;
    if !shape(date, "0000-00-00") {
        return Err(BadTime::NoTime);
    }
    if text.len() == 10 {
        return Err(BadTime::NoZone);
    }
    let clock = text.get(..19).ok_or(BadTime::NoTime)?;
    if !shape(clock, "0000-00-00T00:00:00") {
        return Err(BadTime::NoTime);
    }
    let mut zone = text.get(19..).unwrap_or_default();
    if let Some(rest) = zone.strip_prefix('.') {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 || digits > 9 {
            return Err(BadTime::NoTime);
        }
        zone = &rest[digits..];
    }
    if zone.is_empty() {
        return Err(BadTime::NoZone);
    }
    if !matches!(zone, "Z" | "z") && !shape(zone, "+00:00") {
        return Err(BadTime::NoTime);
    }
    text.parse().map_err(|_| BadTime::NoTime)
}
