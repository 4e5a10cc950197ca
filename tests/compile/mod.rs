//! Tests of `src/compile`.
