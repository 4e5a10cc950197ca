//! Tests of `src/domain`.

mod enqueue;
