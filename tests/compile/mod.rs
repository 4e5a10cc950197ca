//! Tests of `src/compile`.

mod assets_text;
mod broken;
mod decision_table;
mod lint;
mod origins;
mod overrides;
mod stages_doc;
mod standard_plain;
mod support;
