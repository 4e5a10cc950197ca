//! Tests of `src/runtime`.

mod repair;
