//! (floor compile)
