//! Tests of `src/runtime`.
