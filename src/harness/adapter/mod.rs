//! Adapters: what is known about each harness, as data and pure functions. An adapter builds a command line; it
//! starts nothing, reads nothing and decides nothing.

mod call;
mod codex;
mod command;
mod script;
mod scripted;
mod spec;

pub use call::{ArgvError, Call};
pub use codex::CodexSpec;
pub use command::CommandSpec;
pub use script::{Script, ScriptError, Step};
pub use scripted::{SCRIPTED, ScriptedSpec, scripted_main};
pub use spec::{Output, RunnerSpec};
