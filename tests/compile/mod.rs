//! Tests of `src/compile`.

mod assets_text;
mod broken;
mod decision_table;
mod origins;
mod overrides;
mod standard_plain;
mod support;
