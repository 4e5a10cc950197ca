//! Tests of `src/compile`.

mod assets_text;
mod broken;
mod decision_table;
mod lint;
mod overrides;
mod standard_plain;
mod support;
