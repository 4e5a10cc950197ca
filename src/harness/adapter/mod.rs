//! Adapters: what is known about each harness, as data and pure functions. An adapter builds a command line and
//! reads what came out; it starts nothing and decides nothing.

mod call;
mod classify;
mod codex_stream;
mod command_line;
mod script;
mod scripted;
mod spec;
mod text;

pub use call::{ArgvError, Call};
pub use classify::{Trouble, classify};
pub use codex_stream::{CodexStream, read_stream};
pub use script::{Script, ScriptError, Step};
pub use scripted::{SCRIPTED, scripted_main};
pub use spec::{Output, RunnerSpec};
pub use text::final_text;
