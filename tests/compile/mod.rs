//! Tests of `src/compile`.

mod assets_text;
