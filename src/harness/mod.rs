//! (floor harness)
