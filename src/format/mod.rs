//! (floor format)
