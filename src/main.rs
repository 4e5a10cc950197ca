//! The `millrace` program.

use std::path::Path;
use std::process::ExitCode;

use millrace::harness::adapter::{SCRIPTED, scripted_main};
use millrace::harness::supervisor::{SUPERVISE, supervise_main};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next() {
        Some(word) if word == SUPERVISE => match arguments.next() {
            Some(inv_dir) => supervise_main(Path::new(&inv_dir)),
            None => ExitCode::from(2),
        },
        Some(word) if word == SCRIPTED => scripted_main(arguments),
        _ => ExitCode::from(2),
    }
}
