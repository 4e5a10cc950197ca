//! One table of the file, read by key and type, with lines.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::quote::quoted;
use super::super::suggest::{nearest, one_of};
use super::super::warning::Warning;
use super::ConfigError;
use crate::domain::usage::Usd;

/// The file and what was noted while it is read.
pub(super) struct Source<'a> {
    pub(super) file: &'a str,
    /// Offsets at which the lines begin.
    starts: Vec<usize>,
    pub(super) lines: RefCell<BTreeMap<String, usize>>,
    pub(super) warnings: RefCell<Vec<Warning>>,
}

impl<'a> Source<'a> {
    pub(super) fn new(file: &'a str, text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let starts = std::iter::once(0).chain(breaks).collect();
        Self { file, starts, lines: RefCell::default(), warnings: RefCell::default() }
    }

    pub(super) fn line_of(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).max(1)
    }

    pub(super) fn refuse(
        &self,
        line: usize,
        key: Option<&str>,
        problem: impl Into<String>,
        expected: impl Into<String>,
    ) -> ConfigError {
        ConfigError {
            file: self.file.to_owned(),
            line,
            key: key.map(str::to_owned),
            problem: problem.into(),
            expected: expected.into(),
        }
    }
}

/// One table.
pub(super) struct Section<'s> {
    pub(super) source: &'s Source<'s>,
    /// `runners.codex`; empty for the whole file.
    pub(super) path: String,
    line: usize,
    table: &'s DeTable<'s>,
}

impl<'s> Section<'s> {
    pub(super) fn new(source: &'s Source<'s>, path: &str, line: usize, table: &'s DeTable<'s>) -> Self {
        for key in table.keys() {
            let line = source.line_of(key.span().start);
            source.lines.borrow_mut().insert(join(path, key.get_ref()), line);
        }
        Self { source, path: path.to_owned(), line, table }
    }

    /// The keys of the table, as they are written.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'s str> {
        self.table.keys().map(|key| key.get_ref().as_ref())
    }

    pub(super) fn full(&self, key: &str) -> String {
        join(&self.path, key)
    }

    fn line_of(&self, key: &str) -> usize {
        self.source.lines.borrow().get(&self.full(key)).copied().unwrap_or(self.line)
    }

    /// A refusal at a key, or at the section where the key is missing.
    pub(super) fn refuse(
        &self,
        key: &str,
        problem: impl Into<String>,
        expected: impl Into<String>,
    ) -> ConfigError {
        self.source.refuse(self.line_of(key), Some(&self.full(key)), problem, expected)
    }

    pub(super) fn warn(&self, key: &str, message: &str) {
        self.source.warnings.borrow_mut().push(Warning {
            file: self.source.file.to_owned(),
            line: self.line_of(key),
            field: self.full(key),
            message: message.to_owned(),
        });
    }

    /// Refuses keys that are not known; `elsewhere` may know where one belongs.
    pub(super) fn only(
        &self,
        known: &[&str],
        elsewhere: impl Fn(&str) -> Option<String>,
    ) -> Result<(), ConfigError> {
        let Some(key) = self.keys().find(|key| !known.contains(key)) else { return Ok(()) };
        let what = if matches!(self.value(key), Some(DeValue::Table(_))) { "section" } else { "key" };
        let expected = match (nearest(key, known.iter().copied()), elsewhere(key)) {
            // At the top there are only sections.
            (Some(meant), _) if self.path.is_empty() => format!("`[{meant}]`"),
            (Some(meant), _) => format!("`{}`", self.full(meant)),
            (None, Some(place)) => place,
            (None, None) => one_of(known.iter().copied()),
        };
        Err(self.refuse(key, format!("this {what} is not known"), expected))
    }

    fn value(&self, key: &str) -> Option<&'s DeValue<'s>> {
        self.table.get(key).map(Spanned::get_ref)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    pub(super) fn is_table(&self, key: &str) -> bool {
        matches!(self.value(key), Some(DeValue::Table(_)))
    }

    pub(super) fn is_list(&self, key: &str) -> bool {
        matches!(self.value(key), Some(DeValue::Array(_)))
    }

    fn wrong(&self, key: &str, value: &DeValue<'_>, expected: &str) -> ConfigError {
        self.refuse(key, format!("found {}", describe(value)), expected)
    }

    /// The table below this key.
    pub(super) fn section(&self, key: &str) -> Result<Option<Section<'s>>, ConfigError> {
        match self.value(key) {
            None => Ok(None),
            Some(DeValue::Table(table)) => {
                Ok(Some(Section::new(self.source, &self.full(key), self.line_of(key), table)))
            }
            Some(other) => Err(self.wrong(key, other, &format!("a table, written `[{}]`", self.full(key)))),
        }
    }

    /// A text that is not empty and holds no control characters.
    pub(super) fn text(&self, key: &str) -> Result<Option<String>, ConfigError> {
        match self.value(key) {
            None => Ok(None),
            Some(DeValue::String(text)) => self.plain(key, text).map(Some),
            Some(other) => Err(self.wrong(key, other, "text in quotes")),
        }
    }

    /// A text that may be empty.
    pub(super) fn any_text(&self, key: &str) -> Result<Option<String>, ConfigError> {
        match self.value(key) {
            None => Ok(None),
            Some(DeValue::String(text)) => {
                self.refuse_control(key, text)?;
                Ok(Some(text.clone().into_owned()))
            }
            Some(other) => Err(self.wrong(key, other, "text in quotes")),
        }
    }

    fn plain(&self, key: &str, text: &str) -> Result<String, ConfigError> {
        if text.trim().is_empty() {
            return Err(self.refuse(key, "the text is empty", "some text, or no such key"));
        }
        self.refuse_control(key, text)?;
        Ok(text.to_owned())
    }

    fn refuse_control(&self, key: &str, text: &str) -> Result<(), ConfigError> {
        match text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
            Some(c) => Err(self.refuse(
                key,
                format!("holds the control character U+{:04X}", u32::from(c)),
                "printable text",
            )),
            None => Ok(()),
        }
    }

    /// A text that is a name of some kind.
    pub(super) fn name<T: FromStr<Err: ToString>>(
        &self,
        key: &str,
        expected: &str,
    ) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        self.parse_name(key, &text, expected).map(Some)
    }

    pub(super) fn parse_name<T: FromStr>(
        &self,
        key: &str,
        text: &str,
        expected: &str,
    ) -> Result<T, ConfigError> {
        text.parse().map_err(|_| self.refuse(key, format!("{} is not valid", quoted(text)), expected))
    }

    /// One of a few words, each with what it means.
    pub(super) fn word<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Result<Option<T>, ConfigError> {
        let names = || words.iter().map(|(name, _)| *name);
        let expected = one_of(names());
        match self.value(key) {
            None => Ok(None),
            Some(DeValue::String(text)) => {
                if let Some((_, value)) = words.iter().find(|(name, _)| name == text) {
                    return Ok(Some(*value));
                }
                let hint = nearest(text, names())
                    .filter(|_| words.len() > 1)
                    .map(|meant| format!(" (did you mean `{meant}`?)"))
                    .unwrap_or_default();
                Err(self.refuse(key, format!("found {}", quoted(text)), format!("{expected}{hint}")))
            }
            Some(other) => Err(self.wrong(key, other, &expected)),
        }
    }

    pub(super) fn truth(&self, key: &str) -> Result<Option<bool>, ConfigError> {
        match self.value(key) {
            None => Ok(None),
            Some(DeValue::Boolean(truth)) => Ok(Some(*truth)),
            Some(other) => Err(self.wrong(key, other, "`true` or `false`")),
        }
    }

    /// A whole number from 1 to `most`.
    pub(super) fn count(&self, key: &str, most: u64) -> Result<Option<u64>, ConfigError> {
        self.count_from(key, 1, most)
    }

    /// A whole number from `least` to `most`.
    pub(super) fn count_from(&self, key: &str, least: u64, most: u64) -> Result<Option<u64>, ConfigError> {
        let expected = format!("a whole number from {least} to {most}");
        match self.value(key) {
            None => Ok(None),
            Some(DeValue::Integer(number)) => u64::from_str_radix(number.as_str(), number.radix())
                .ok()
                .filter(|number| (least..=most).contains(number))
                .map(Some)
                .ok_or_else(|| self.refuse(key, format!("found {}", quoted(&number.to_string())), expected)),
            Some(other) => Err(self.wrong(key, other, &expected)),
        }
    }

    /// A whole number from 1 that fits 32 bits.
    pub(super) fn small(&self, key: &str) -> Result<Option<u32>, ConfigError> {
        Ok(self.count(key, u64::from(u32::MAX))?.and_then(|number| u32::try_from(number).ok()))
    }

    /// A number over 0 and up to `most`, with or without a fraction.
    pub(super) fn positive(&self, key: &str, most: f64) -> Result<Option<f64>, ConfigError> {
        let expected = format!("a number over 0, at most {most}");
        let (shown, number) = match self.value(key) {
            None => return Ok(None),
            Some(DeValue::Integer(number)) if number.radix() == 10 => {
                (number.to_string(), number.as_str().parse::<f64>())
            }
            Some(DeValue::Float(number)) => (number.to_string(), number.as_str().parse::<f64>()),
            Some(other) => return Err(self.wrong(key, other, &expected)),
        };
        match number {
            Ok(number) if number > 0.0 && number <= most => Ok(Some(number)),
            _ => Err(self.refuse(key, format!("found {}", quoted(&shown)), expected)),
        }
    }

    /// US dollars, at least `least` millionths: a number, or the same as text.
    pub(super) fn amount(&self, key: &str, least: u64) -> Result<Option<Usd>, ConfigError> {
        let over = if least > 0 { "US dollars over 0" } else { "US dollars" };
        let expected = format!("{over} with at most six decimals, such as `2.50`");
        let shown = match self.value(key) {
            None => return Ok(None),
            Some(DeValue::String(text)) => text.clone().into_owned(),
            Some(DeValue::Integer(number)) if number.radix() == 10 => number.to_string(),
            Some(DeValue::Float(number)) => number.to_string(),
            Some(other) => return Err(self.wrong(key, other, &expected)),
        };
        match shown.parse::<Usd>() {
            Ok(amount) if amount.0 >= least => Ok(Some(amount)),
            _ => Err(self.refuse(key, format!("found {}", quoted(&shown)), expected)),
        }
    }

    /// A list of texts.
    pub(super) fn texts(&self, key: &str) -> Result<Option<Vec<String>>, ConfigError> {
        const EXPECTED: &str = "a list of texts, such as `[\"one\", \"two\"]`";
        let list = match self.value(key) {
            None => return Ok(None),
            Some(DeValue::Array(list)) => list,
            Some(other) => return Err(self.wrong(key, other, EXPECTED)),
        };
        let mut texts = Vec::with_capacity(list.len());
        for (index, item) in list.iter().enumerate() {
            let DeValue::String(text) = item.get_ref() else {
                return Err(self.source.refuse(
                    self.source.line_of(item.span().start),
                    Some(&self.full(key)),
                    format!("item {} is {}", index + 1, describe(item.get_ref())),
                    EXPECTED,
                ));
            };
            self.refuse_control(key, text)?;
            texts.push(text.clone().into_owned());
        }
        Ok(Some(texts))
    }

    /// A list of exit codes of at least `least`.
    pub(super) fn exit_codes(&self, key: &str, least: u8) -> Result<Option<Vec<u8>>, ConfigError> {
        let expected = format!("a list of exit codes from {least} to 255, such as `[69, 75]`");
        let Some(items) = self.list(key, &expected)? else { return Ok(None) };
        let codes = items.into_iter().enumerate().map(|(index, (line, item))| {
            let code = match item {
                DeValue::Integer(code) => {
                    u8::from_str_radix(code.as_str(), code.radix()).ok().filter(|code| *code >= least)
                }
                _ => None,
            };
            let problem = || format!("item {} is no exit code", index + 1);
            code.ok_or_else(|| self.source.refuse(line, Some(&self.full(key)), problem(), &*expected))
        });
        codes.collect::<Result<_, _>>().map(Some)
    }

    /// The items of a list, each with its line.
    pub(super) fn list(
        &self,
        key: &str,
        expected: &str,
    ) -> Result<Option<Vec<(usize, &'s DeValue<'s>)>>, ConfigError> {
        match self.value(key) {
            None => Ok(None),
            Some(DeValue::Array(list)) => Ok(Some(
                list.iter().map(|item| (self.source.line_of(item.span().start), item.get_ref())).collect(),
            )),
            Some(other) => Err(self.wrong(key, other, expected)),
        }
    }

    /// The tables of a list of tables, each called by its number: `rules[1]`.
    pub(super) fn sections(&self, key: &str, expected: &str) -> Result<Vec<Section<'s>>, ConfigError> {
        let mut tables = Vec::new();
        for (index, (line, item)) in self.list(key, expected)?.unwrap_or_default().into_iter().enumerate() {
            let name = format!("{}[{}]", self.full(key), index + 1);
            let DeValue::Table(table) = item else {
                let problem = format!("found {}", describe(item));
                return Err(self.source.refuse(line, Some(&name), problem, expected));
            };
            tables.push(Section::new(self.source, &name, line, table));
        }
        Ok(tables)
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn describe(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "`true` or `false`",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
