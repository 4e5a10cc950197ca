//! Tests of `src/compile`.

mod assets_text;
mod broken;
mod broken_kinds;
mod inventory;
mod lint;
mod origins;
mod overrides;
mod stages_doc;
mod standard_plain;
mod support;
