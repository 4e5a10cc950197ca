//! Adapters: what is known about each harness, as data and pure functions. An adapter builds a command line; it
//! starts nothing, reads nothing and decides nothing.

mod call;
mod command_line;
mod script;
mod scripted;
mod spec;

pub use call::{ArgvError, Call};
pub use script::{Script, ScriptError, Step};
pub use scripted::{SCRIPTED, scripted_main};
pub use spec::RunnerSpec;
