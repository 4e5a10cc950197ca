//! The program's own source as text: what a document says about names is held to it where the code has no list.

use std::collections::{BTreeMap, BTreeSet};

/// The variants of an enum in the source, with the names of their fields (none where a variant holds one value).
pub(crate) fn variants(source: &str, name: &str) -> BTreeMap<String, BTreeSet<String>> {
    let body = source.split_once(&format!("pub enum {name} {{\n")).expect("the enum").1;
    let body = body.split_once("\n}\n").expect("its end").0;
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut last = String::new();
    for line in body.lines() {
        let text = line.trim_start();
        match line.len() - text.len() {
            4 if text.starts_with(|c: char| c.is_ascii_uppercase()) => {
                last = snake(text.split([' ', '(', ',']).next().unwrap_or_default());
                found.insert(last.clone(), BTreeSet::new());
            }
            8 if text.starts_with(|c: char| c.is_ascii_lowercase()) => {
                let field = text.split(':').next().unwrap_or_default().to_owned();
                found.get_mut(&last).expect("a variant").insert(field);
            }
            _ => {}
        }
    }
    found
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}
