//! (floor cli)
