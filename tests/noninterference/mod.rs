//! The user's repository stays the user's: what is in it before and after, in every kind of repository that we work in,
//! and the user's own git beside us.

mod beside;
mod record;
mod sites;
mod untouched;
