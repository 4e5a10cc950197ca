//! Tests of `src/cli`.

mod docs;
