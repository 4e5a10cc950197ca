//! What the tests share.

pub(crate) mod consistent;
pub(crate) mod play;
pub(crate) mod repo;
pub(crate) mod story;
