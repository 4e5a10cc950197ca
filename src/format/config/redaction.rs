//! `[redaction]`: what else is a secret here; and that a configuration holds none itself.

use toml::{Table, Value};

use super::super::quote::quoted;
use super::super::secrets::{MAX_PATTERNS, Pattern, Search};
use super::contract_keys::is_variable;
use super::render::effective_table;
use super::section::Section;
use super::{Config, ConfigError, Loaded};

/// Variables that one configuration may name.
const MAX_VARIABLES: usize = 64;

/// The keys of the section.
pub(super) const KEYS: &[&str] = &["patterns", "extra_variables"];

/// `[redaction]`: what is cut out of everything that is written, beside the values of variables whose names look
/// secret and tokens of known shapes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Redaction {
    /// What these match, within a line, is a secret.
    pub patterns: Vec<Pattern>,
    /// Variables whose values are secrets, though their names do not look it.
    pub extra_variables: Vec<String>,
}

pub(super) fn read(section: &Section<'_>, redaction: &mut Redaction) -> Result<(), ConfigError> {
    if let Some(sources) = section.texts("patterns")? {
        if sources.len() > MAX_PATTERNS {
            return Err(section.refuse(
                "patterns",
                format!("there are {}", sources.len()),
                format!("at most {MAX_PATTERNS}"),
            ));
        }
        for (number, source) in (1..).zip(&sources) {
            let pattern = Pattern::new(source).map_err(|error| {
                section.refuse(
                    "patterns",
                    format!("item {number} is no pattern: {}: {error}", quoted(source)),
                    "regular expressions such as `acme-[0-9a-f]{24}`",
                )
            })?;
            redaction.patterns.push(pattern);
        }
    }
    if let Some(names) = section.texts("extra_variables")? {
        if names.len() > MAX_VARIABLES {
            return Err(section.refuse(
                "extra_variables",
                format!("there are {}", names.len()),
                format!("at most {MAX_VARIABLES}"),
            ));
        }
        if let Some(name) = names.iter().find(|name| !is_variable(name)) {
            return Err(section.refuse(
                "extra_variables",
                format!("{} is not valid", quoted(name)),
                "the name of a variable: letters, digits and `_`",
            ));
        }
        redaction.extra_variables = names;
    }
    Ok(())
}

/// The section in full.
pub(super) fn effective(redaction: &Redaction) -> Value {
    let texts = |texts: Vec<&str>| {
        Value::Array(texts.into_iter().map(|text| Value::String(text.to_owned())).collect())
    };
    let mut keys = Table::new();
    keys.insert("patterns".to_owned(), texts(redaction.patterns.iter().map(Pattern::as_str).collect()));
    let names = redaction.extra_variables.iter().map(String::as_str).collect();
    keys.insert("extra_variables".to_owned(), texts(names));
    Value::Table(keys)
}

impl Loaded {
    /// Refuses a configuration that holds a secret: it is frozen into plans. The patterns themselves may look like
    /// what they match, and what ships was written by nobody here.
    pub fn refuse_secrets(&self, search: &Search) -> Result<(), ConfigError> {
        let shipped = effective_table(&Config::default());
        for (section, value) in effective_table(&self.config) {
            if section != "redaction" {
                self.look(&section, &value, shipped.get(&section), search)?;
            }
        }
        Ok(())
    }

    fn look(
        &self,
        key: &str,
        value: &Value,
        shipped: Option<&Value>,
        search: &Search,
    ) -> Result<(), ConfigError> {
        if Some(value) == shipped {
            return Ok(());
        }
        let held = |text: &str| search.line(text).map(|(_, what)| what);
        match value {
            Value::Table(table) => table.iter().try_for_each(|(name, value)| {
                let shipped = shipped.and_then(|shipped| shipped.get(name));
                match held(name).filter(|_| shipped.is_none()) {
                    Some(what) => Err(self.holds(key, &what)),
                    None => self.look(&format!("{key}.{name}"), value, shipped, search),
                }
            }),
            Value::Array(items) => items.iter().try_for_each(|item| self.look(key, item, None, search)),
            Value::String(text) => held(text).map_or(Ok(()), |what| Err(self.holds(key, &what))),
            _ => Ok(()),
        }
    }

    fn holds(&self, key: &str, what: &str) -> ConfigError {
        let line = self.lines.get(key).copied().unwrap_or(1);
        ConfigError::holds_secret(&self.file, line, Some(key.to_owned()), what)
    }
}
