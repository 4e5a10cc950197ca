//! `git millrace ...`: the same program under the name git looks for.

use std::process::ExitCode;

fn main() -> ExitCode {
    millrace::cli::main("git millrace")
}
