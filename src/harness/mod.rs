//! Running harnesses: what a stage is started with, the supervisor that starts, bounds and ends it, the adapters
//! that know a harness's command line and output, and the judge that decides what came of it.

pub mod adapter;
pub mod durable;
pub mod environment;
pub mod evidence;
pub mod exit;
pub mod health;
pub mod invocation;
pub mod judge;
pub mod parser;
pub mod position;
pub mod result_file;
pub mod supervisor;
