//! The repository guards itself.
