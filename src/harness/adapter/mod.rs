//! Adapters: what is known about each harness, as data and pure functions. An adapter builds a command line and
//! reads what came out; it starts nothing and decides nothing.

mod call;
mod classify;
mod codex;
mod codex_stream;
mod command;
mod script;
mod scripted;
mod spec;
mod text;

pub use call::{ArgvError, Call};
pub use classify::{Trouble, classify};
pub use codex::CodexSpec;
pub use codex_stream::{CodexStream, read_stream};
pub use command::CommandSpec;
pub use script::{Script, ScriptError, Step};
pub use scripted::{SCRIPTED, ScriptedSpec, scripted_main};
pub use spec::{Output, RunnerSpec};
pub use text::final_text;
