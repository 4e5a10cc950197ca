//! Dotted paths into a JSON value (`part.tokens.input`, `messages.0.text`), read without building the value: a line may
//! have megabytes, and what is wanted of it are some numbers.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::words::Value;

/// The paths that are looked for, as a tree of their steps.
#[derive(Debug, Clone, Default)]
pub(super) struct Paths {
    root: Step,
}

/// A step of paths, and those that go on from it. `*` is every element of a list.
#[derive(Debug, Clone, Default)]
struct Step {
    /// The path that ends here.
    ends: Option<String>,
    next: BTreeMap<String, Step>,
}

/// What was found, in the order in which it stands.
pub(super) type Found = Vec<(String, Value)>;

impl Paths {
    /// Looks for a path too.
    pub(super) fn add(&mut self, path: &str) {
        let mut step = &mut self.root;
        for name in path.split('.') {
            step = step.next.entry(name.to_owned()).or_default();
        }
        step.ends = Some(path.to_owned());
    }

    /// What stands at the paths; none where the text is no JSON.
    pub(super) fn find(&self, text: &str) -> Option<Found> {
        let mut found = Vec::new();
        let mut json = serde_json::Deserializer::from_str(text);
        At { steps: vec![&self.root], found: &mut found }.deserialize(&mut json).ok()?;
        json.end().ok()?;
        Some(found)
    }
}

/// One value of the JSON, and the steps that lead to it.
struct At<'p, 'f> {
    steps: Vec<&'p Step>,
    found: &'f mut Found,
}

impl At<'_, '_> {
    fn ended(&mut self, value: &Value) {
        for step in &self.steps {
            if let Some(path) = &step.ends {
                self.found.push((path.clone(), value.clone()));
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for At<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(mut self, json: D) -> Result<(), D::Error> {
        if self.steps.iter().all(|step| step.next.is_empty()) {
            let value = serde::Deserialize::deserialize(json)?;
            self.ended(&value);
            return Ok(());
        }
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for At<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut table: A) -> Result<(), A::Error> {
        // What a path ends at and others go on from has no words of its own.
        self.ended(&Value::Within(String::new()));
        while let Some(key) = table.next_key::<String>()? {
            let steps: Vec<&Step> = self.steps.iter().filter_map(|step| step.next.get(&key)).collect();
            if steps.is_empty() {
                table.next_value::<IgnoredAny>()?;
            } else {
                table.next_value_seed(At { steps, found: self.found })?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        self.ended(&Value::Within(String::new()));
        for index in 0_usize.. {
            let names = [index.to_string(), "*".to_owned()];
            let steps: Vec<&Step> = self
                .steps
                .iter()
                .flat_map(|step| names.iter().filter_map(|name| step.next.get(name)))
                .collect();
            let more = if steps.is_empty() {
                list.next_element::<IgnoredAny>()?.is_some()
            } else {
                list.next_element_seed(At { steps, found: self.found })?.is_some()
            };
            if !more {
                break;
            }
        }
        Ok(())
    }

    fn visit_unit<E: Error>(mut self) -> Result<(), E> {
        self.ended(&Value::Nothing);
        Ok(())
    }

    fn visit_bool<E: Error>(mut self, value: bool) -> Result<(), E> {
        self.ended(&Value::Plain(value.to_string()));
        Ok(())
    }

    fn visit_u64<E: Error>(mut self, value: u64) -> Result<(), E> {
        self.ended(&Value::Plain(value.to_string()));
        Ok(())
    }

    fn visit_i64<E: Error>(mut self, value: i64) -> Result<(), E> {
        self.ended(&Value::Plain(value.to_string()));
        Ok(())
    }

    fn visit_f64<E: Error>(mut self, value: f64) -> Result<(), E> {
        self.ended(&Value::Plain(value.to_string()));
        Ok(())
    }

    fn visit_str<E: Error>(mut self, value: &str) -> Result<(), E> {
        self.ended(&Value::Text(value.to_owned()));
        Ok(())
    }
}
