//! (floor workspace)
