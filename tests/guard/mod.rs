//! The repository guards itself.

mod floors;
mod house;
