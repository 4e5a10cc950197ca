//! Tests of `src/harness`.
