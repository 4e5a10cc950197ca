//! Values of other people's JSON, taken as they come: one that has another form than it used to have must not cost the
//! line that it stands in.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Bytes of the words of a value that are kept; the rest is for nobody's eyes.
const MAX_WORDS: usize = 2_000;

/// The text of a value: of a text itself, of a number its digits, of a list or table the words in it; none of null.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Words(pub(super) Option<String>);

/// A value that must be a text, whole; none where it is anything else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Exact(pub(super) Option<String>);

/// A value that must be a number, or a text that is one.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Number(pub(super) Option<f64>);

/// A whole number of things; none where it is anything else.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count(pub(super) Option<u64>);

impl Words {
    /// The text, or an empty one.
    pub(super) fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }
}

/// What any value comes down to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Null.
    Nothing,
    /// A text.
    Text(String),
    /// A number, a truth: as it is written.
    Plain(String),
    /// The words in a list or table.
    Within(String),
}

impl Value {
    /// Its text; none of null.
    pub(super) fn text(self) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Text(text) | Self::Plain(text) | Self::Within(text) => Some(text),
        }
    }
}

/// A number, where a text is one that can be counted with.
pub(super) fn number(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|number| number.is_finite())
}

/// A whole number that is not negative.
pub(super) fn count(text: &str) -> Option<u64> {
    let text = text.trim();
    text.parse().ok().or_else(|| number(text).and_then(whole))
}

/// The whole number nearest to one that is not negative.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked first")]
fn whole(number: f64) -> Option<u64> {
    (0.0..1e18).contains(&number).then_some(number.round() as u64)
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Plain(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Plain(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Plain(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Plain(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut within = String::new();
        while within.len() < MAX_WORDS {
            match list.next_element::<Value>()? {
                Some(value) => add(&mut within, value),
                None => return Ok(Value::Within(within)),
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Within(within))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Value, A::Error> {
        let mut within = String::new();
        while table.next_key::<IgnoredAny>()?.is_some() {
            if within.len() < MAX_WORDS {
                add(&mut within, table.next_value::<Value>()?);
            } else {
                table.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Value::Within(within))
    }
}

fn add(within: &mut String, value: Value) {
    let Some(text) = value.text().filter(|text| !text.is_empty()) else { return };
    if !within.is_empty() {
        within.push(' ');
    }
    let room = MAX_WORDS.saturating_sub(within.len());
    within.push_str(start_of(&text, room));
}

/// As much of the start of a text as fits.
pub(super) fn start_of(text: &str, room: usize) -> &str {
    let end = (0..=room.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or_default();
    &text[..end]
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ValueVisitor)
    }
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self(Value::deserialize(from)?.text()))
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self(match Value::deserialize(from)? {
            Value::Text(text) => Some(text),
            Value::Nothing | Value::Plain(_) | Value::Within(_) => None,
        }))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self(match Value::deserialize(from)? {
            Value::Text(text) | Value::Plain(text) => number(&text),
            Value::Nothing | Value::Within(_) => None,
        }))
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self(match Value::deserialize(from)? {
            Value::Text(text) | Value::Plain(text) => count(&text),
            Value::Nothing | Value::Within(_) => None,
        }))
    }
}
