//! Tests of `src/compile`.

mod assets_text;
mod broken;
mod decision_table;
mod lint;
mod overrides;
mod stages_doc;
mod standard_plain;
mod support;
