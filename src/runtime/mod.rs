//! (floor runtime)
