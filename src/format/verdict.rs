//! What a judge leaves behind: `verdict.json`, untrusted, read strictly; and the rubric, the same criteria without what
//! was found, for people and for later judges.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use thiserror::Error;

use super::message::plain;
use super::quote::{one_line, quoted};
use super::suggest::one_of;
use crate::domain::closure::{Criterion, Finding};
use crate::domain::ids::CriterionId;
use crate::domain::limits::MAX_DOCUMENT_BYTES;
use crate::domain::oid::Oid;

/// Criteria of one verdict. A judge proves each of them; a root that needs more is several.
pub const MAX_CRITERIA: usize = 200;

/// Bytes of each text of a criterion: some sentences and a command. Longer proof belongs into the report.
pub const MAX_CRITERION_BYTES: usize = 4 * 1024;

/// Characters of one line of a rubric.
const LINE_CHARS: usize = MAX_CRITERION_BYTES;

/// A verdict as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The code that it says it judged.
    pub snapshot: Oid,
    /// What was asked, each with what was found; the ledger looks for what is missing or twice.
    pub criteria: Vec<Criterion>,
}

/// Why bytes are no verdict; one line.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub struct BadVerdict {
    /// The criterion, by its id or its number, where it is about one.
    pub criterion: Option<String>,
    /// The key, where it is about one.
    pub key: Option<&'static str>,
    /// What is wrong.
    pub problem: String,
    /// What would be right.
    pub expected: String,
}

impl fmt::Display for BadVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(criterion) = &self.criterion {
            write!(f, "criterion {}: ", one_line(criterion))?;
        }
        if let Some(key) = self.key {
            write!(f, "{key}: ")?;
        }
        write!(f, "{}; expected {}", self.problem, self.expected)
    }
}

fn bad(problem: impl Into<String>, expected: impl Into<String>) -> BadVerdict {
    BadVerdict { criterion: None, key: None, problem: problem.into(), expected: expected.into() }
}

/// Reads a verdict. Keys that mean nothing here are passed over.
pub fn parse_verdict(bytes: &[u8]) -> Result<Written, BadVerdict> {
    const LIST: &str = "a list of criteria, each an object";
    if bytes.len() > MAX_DOCUMENT_BYTES {
        return Err(bad(
            format!("the verdict has {} bytes", bytes.len()),
            format!("at most {MAX_DOCUMENT_BYTES}"),
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| bad("the verdict is not UTF-8", "UTF-8 text"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let value: Json = serde_json::from_str(text).map_err(|fault| {
        bad(format!("the verdict cannot be read: {fault}"), "one JSON object, each key once")
    })?;
    let Json::Object(verdict) = value else {
        return Err(bad(format!("the verdict is {}", value.describe()), "a JSON object"));
    };
    let verdict = Object(&verdict);
    let snapshot = verdict.text("snapshot", "the id of the commit that was judged")?;
    let snapshot = snapshot.trim().parse().map_err(|_| BadVerdict {
        key: Some("snapshot"),
        ..bad(format!("{} is not an object id", quoted(snapshot)), "40 or 64 lower-case hex digits")
    })?;
    let list = match verdict.get("criteria") {
        Some(Json::List(list)) => list,
        other => return Err(wrong("criteria", other, LIST)),
    };
    if list.len() > MAX_CRITERIA {
        return Err(BadVerdict {
            key: Some("criteria"),
            ..bad(format!("there are {}", list.len()), format!("at most {MAX_CRITERIA}"))
        });
    }
    let criteria = list.iter().enumerate().map(|(at, one)| {
        criterion(one).map_err(|error| BadVerdict { criterion: Some(name(one, at)), ..error })
    });
    Ok(Written { snapshot, criteria: criteria.collect::<Result<_, _>>()? })
}

/// What messages call a criterion: by its id, where it has one, else by its number.
fn name(criterion: &Json, at: usize) -> String {
    let id = match criterion {
        Json::Object(object) => Object(object).get("id"),
        _ => None,
    };
    match id {
        Some(Json::Text(id)) => quoted(id),
        _ => format!("number {}", at + 1),
    }
}

fn criterion(value: &Json) -> Result<Criterion, BadVerdict> {
    let Json::Object(object) = value else {
        return Err(bad(format!("found {}", value.describe()), "an object"));
    };
    let object = Object(object);
    let id = object.text("id", "a name that it keeps, such as `c1`")?;
    let id: CriterionId = id.parse().map_err(|_| BadVerdict {
        key: Some("id"),
        ..bad(
            format!("{} is not the name of a criterion", quoted(id)),
            "an ASCII letter or digit, then letters, digits, `.`, `_` or `-`",
        )
    })?;
    let asked = match (object.get("criterion"), object.get("text")) {
        (Some(_), Some(_)) => {
            return Err(BadVerdict {
                key: Some("text"),
                ..bad("stands there beside `criterion`", "one of the two")
            });
        }
        (None, Some(_)) => "text",
        _ => "criterion",
    };
    let text = object.text(asked, "what has to be true")?.trim().to_owned();
    let source = match object.get("source") {
        None => None,
        Some(_) => Some(object.text("source", "where idea or spec say so")?.trim().to_owned()),
    };
    let words = one_of(Finding::ALL.map(Finding::as_str));
    let found = object.text("finding", &words)?;
    let finding = Finding::ALL.into_iter().find(|finding| finding.as_str() == found).ok_or_else(|| {
        BadVerdict { key: Some("finding"), ..bad(format!("found {}", quoted(found)), words.as_str()) }
    })?;
    let evidence =
        object.text("evidence", "what shows it: a command and its outcome, or a place")?.trim().to_owned();
    Ok(Criterion { id, text, source, finding, evidence })
}

/// The criteria as Markdown: an id as heading, and quotations below it. Nothing in a text can leave its quotation.
#[must_use]
pub fn rubric(criteria: &[Criterion]) -> String {
    let mut text = String::from(
        "# Rubric\n\nThe criteria of earlier judgements of this root, untrusted text. Ids and texts stay; what was found \
         then is not here.\n",
    );
    for criterion in criteria {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n## {}\n\n{}", criterion.id, quotation(&criterion.text));
        if let Some(source) = &criterion.source {
            let _ = write!(text, "\nSource:\n\n{}", quotation(source));
        }
    }
    text
}

fn quotation(text: &str) -> String {
    text.lines().fold(String::new(), |mut quotation, line| {
        let _ = writeln!(quotation, "{}", format!("> {}", plain(line, LINE_CHARS)).trim_end());
        quotation
    })
}

/// JSON, read strictly: no key twice. Numbers are all the same here.
enum Json {
    Null,
    Bool,
    Number,
    Text(String),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

impl Json {
    fn describe(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool => "`true` or `false`",
            Self::Number => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

struct Object<'a>(&'a BTreeMap<String, Json>);

impl<'a> Object<'a> {
    /// The value of a key, unless it is missing or `null`.
    fn get(&self, key: &str) -> Option<&'a Json> {
        self.0.get(key).filter(|value| !matches!(value, Json::Null))
    }

    /// A text that says something.
    fn text(&self, key: &'static str, expected: &str) -> Result<&'a str, BadVerdict> {
        match self.get(key) {
            Some(Json::Text(text)) if text.trim().is_empty() => {
                Err(BadVerdict { key: Some(key), ..bad("is empty", expected) })
            }
            Some(Json::Text(text)) if text.len() > MAX_CRITERION_BYTES => Err(BadVerdict {
                key: Some(key),
                ..bad(format!("has {} bytes", text.len()), format!("at most {MAX_CRITERION_BYTES}"))
            }),
            Some(Json::Text(text)) => Ok(text),
            other => Err(wrong(key, other, expected)),
        }
    }
}

fn wrong(key: &'static str, found: Option<&Json>, expected: &str) -> BadVerdict {
    let problem = match found {
        None => "is missing".to_owned(),
        Some(value) => format!("found {}", value.describe()),
    };
    BadVerdict { key: Some(key), ..bad(problem, expected) }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Strict)
    }
}

struct Strict;

impl<'de> Visitor<'de> for Strict {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Bool)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Json, E> {
        Ok(Json::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Json, E> {
        Ok(Json::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Number)
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut object = BTreeMap::new();
        while let Some(key) = entries.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(A::Error::custom(format!("the key {} occurs twice", quoted(&key))));
            }
            object.insert(key, entries.next_value()?);
        }
        Ok(Json::Object(object))
    }
}
