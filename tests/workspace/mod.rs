//! Tests of `src/workspace`.
