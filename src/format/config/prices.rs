//! `[prices.<model>]`: what the tokens of a model cost, in US dollars a million.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::super::quote::quoted;
use super::render::text;
use super::section::Section;
use super::{ConfigError, TIER};
use crate::domain::price::Price;

/// The keys of a price.
pub(super) const KEYS: [&str; 4] = ["input", "cache_read", "cache_write", "output"];

/// Reads `[prices]`, whose keys are models.
pub(super) fn read(section: &Section<'_>, prices: &mut BTreeMap<String, Price>) -> Result<(), ConfigError> {
    for model in section.keys() {
        let expected = "the name of a model, in quotes where it holds a dot: `[prices.\"model-1.5\"]`";
        if model.trim() != model || model.is_empty() || model.chars().any(char::is_control) {
            return Err(section.refuse(model, format!("{} is not valid", quoted(model)), expected));
        }
        if model.starts_with(TIER) {
            return Err(section.refuse(model, format!("{} is a tier", quoted(model)), expected));
        }
        let Some(table) = section.section(model)? else { continue };
        // `[prices.model-1.5]` is a table `5` in the table of `model-1`.
        if let Some(part) = table.keys().find(|key| table.is_table(key)) {
            return Err(table.refuse(part, "this section is not known", expected));
        }
        table.only(&KEYS, |_| None)?;
        let needed = |key: &str| {
            let missing =
                || table.refuse(key, "is missing", "US dollars for a million tokens, such as `2.50`");
            table.amount(key, 0)?.ok_or_else(missing)
        };
        let (input, output) = (needed("input")?, needed("output")?);
        let price = Price {
            input,
            cache_read: table.amount("cache_read", 0)?.unwrap_or(input),
            cache_write: table.amount("cache_write", 0)?.unwrap_or(input),
            output,
        };
        prices.insert(model.to_owned(), price);
    }
    Ok(())
}

/// The section, in full; none where nothing has a price.
pub(super) fn render(prices: &BTreeMap<String, Price>) -> Option<Value> {
    let price = |price: &Price| {
        let amounts = [price.input, price.cache_read, price.cache_write, price.output];
        let keys: Table = KEYS
            .into_iter()
            .zip(amounts)
            .map(|(key, amount)| (key.to_owned(), text(&amount.to_string())))
            .collect();
        Value::Table(keys)
    };
    let tables: Table = prices.iter().map(|(model, of)| (model.clone(), price(of))).collect();
    (!tables.is_empty()).then_some(Value::Table(tables))
}
