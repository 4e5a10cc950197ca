//! Tests of `src/compile`.

mod assets_text;
mod broken;
mod broken_kinds;
mod inventory;
mod origins;
mod overrides;
mod standard_plain;
mod support;
