//! (floor format)

pub mod yaml;
