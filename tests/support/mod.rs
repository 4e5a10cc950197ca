//! What the tests share.

pub(crate) mod clones;
pub(crate) mod consistent;
pub(crate) mod documents;
pub(crate) mod malformed;
pub(crate) mod play;
pub(crate) mod project;
pub(crate) mod repo;
pub(crate) mod source;
pub(crate) mod story;
