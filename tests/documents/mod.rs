//! The documents say what the code says: generated ones are up to date, lists of values are complete, and every link
//! and every command that is named is there.

mod boundaries;
mod cli_reference;
mod commands;
mod error_codes;
mod generated;
mod glossary;
mod links;
mod package_map;
mod runners;
