//! The repository guards itself.

mod errors;
mod floors;
mod house;
mod lessons;
mod package;
