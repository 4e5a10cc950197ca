//! From the process's arguments to its exit code.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};
use tracing_subscriber::EnvFilter;

use super::arguments::{Arguments, Command};
use super::context::Context;
use super::exit::{self, Exit};
use super::failure::Failure;
use super::stdout;
use crate::harness::adapter::{SCRIPTED, scripted_main};
use crate::harness::supervisor::{SUPERVISE, supervise_main};

/// The variable with the filter of what is said on stderr.
const LOG: &str = "MILLRACE_LOG";

/// The program. `called` is the name it is called by: `millrace`, or `git millrace`.
#[must_use]
pub fn main(called: &str) -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    // The runtime's own children, before anything else is looked at.
    match arguments.get(1) {
        Some(word) if word == SUPERVISE => {
            return match arguments.get(2) {
                Some(inv_dir) => supervise_main(Path::new(inv_dir)),
                None => Exit::Input.into(),
            };
        }
        Some(word) if word == SCRIPTED => return scripted_main(arguments.into_iter().skip(2)),
        _ => {}
    }
    match begin(called, &arguments) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            report(&failure);
            failure.exit.into()
        }
    }
}

/// Every command with its options, as the program of this name parses them. The documents are held to it.
#[must_use]
pub fn command(called: &str) -> clap::Command {
    Arguments::command().name("millrace").display_name("millrace").bin_name(called).after_help(exit::table())
}

fn begin(called: &str, arguments: &[OsString]) -> Result<Exit, Failure> {
    let command = command(called);
    let parsed = command
        .clone()
        .try_get_matches_from(arguments)
        .and_then(|matches| Arguments::from_arg_matches(&matches));
    let arguments = match parsed {
        Ok(arguments) => arguments,
        Err(error) => return usage(&meant(called, &command, arguments), &error),
    };
    let listening = listen(arguments.verbose);
    // A wrong variable stops no push.
    if !matches!(arguments.command, Command::Hook(_)) {
        listening?;
    }
    let context = Context::new(arguments.workspace, arguments.json);
    match arguments.command {
        Command::Init(arguments) => arguments.run(&context),
        Command::Queue(command) => command.run(&context),
        Command::AddTask(arguments) => arguments.run(&context),
        Command::AddSpec(arguments) => arguments.run(&context),
        Command::AddIdea(arguments) => arguments.run(&context),
        Command::Run(command) => command.run(&context),
        Command::Status(arguments) => arguments.run(&context),
        Command::Runs(command) => command.run(&context),
        Command::Usage(arguments) => arguments.run(&context),
        Command::Log(arguments) => arguments.run(&context),
        Command::Show(arguments) => arguments.run(&context),
        Command::Diff(arguments) => arguments.run(&context),
        Command::Review(arguments) => arguments.run(&context),
        Command::Wait(arguments) => arguments.run(&context),
        Command::Control(command) | Command::Controls(command) => command.run(&context),
        Command::Restore(arguments) => arguments.run(&context),
        Command::Recover(arguments) => arguments.run(&context),
        Command::Share(arguments) => arguments.run(&context),
        Command::Fetch(arguments) => arguments.run(&context),
        Command::RunBranch(command) => command.run(&context),
        Command::Verify(arguments) => arguments.run(&context),
        Command::Export(arguments) => arguments.run(&context),
        Command::Doctor(arguments) => arguments.run(&context),
        Command::Compile(command) => command.run(&context),
        Command::Config(command) => command.run(&context),
        Command::Modes(command) => command.run(&context),
        Command::Plan(command) => command.run(&context),
        Command::Hook(arguments) => Ok(arguments.run(&context)),
        Command::Hooks(command) => command.run(&context),
        Command::Uninstall(arguments) => arguments.run(&context),
        Command::Demo(arguments) => arguments.run(&context),
        Command::Completions(arguments) => arguments.run(&context),
    }
}

/// The command that the words lead to, as far as they lead: the one whose help is of use.
fn meant(called: &str, command: &clap::Command, arguments: &[OsString]) -> String {
    let mut words = called.to_owned();
    let mut at = command;
    for word in arguments.iter().skip(1).filter_map(|word| word.to_str()) {
        if let Some(inner) = at.find_subcommand(word) {
            words.push(' ');
            words.push_str(inner.get_name());
            at = inner;
        }
    }
    words
}

/// Help and version are answers; everything else is one line, with what may have been meant.
fn usage(called: &str, error: &clap::Error) -> Result<Exit, Failure> {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            stdout::print(error.render().to_string().as_bytes())?;
            return Ok(Exit::Done);
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = io::stderr().write_all(error.render().to_string().as_bytes());
            return Ok(Exit::Input);
        }
        _ => {}
    }
    let text = error.render().to_string();
    let mut parts = text.split("\n\n");
    let what: Vec<&str> = parts.next().unwrap_or_default().lines().map(str::trim).collect();
    let what = what.join(" ");
    let what = what.strip_prefix("error: ").unwrap_or(&what);
    let what = &without_request_id(what);
    let tip = text.lines().find_map(|line| line.trim().strip_prefix("tip: ").map(str::to_owned));
    Err(Failure::input(what).hint(tip.unwrap_or_else(|| format!("`{called} --help` shows what there is"))))
}

/// A refusal of a request's id without the id: whoever makes one up may take what nobody else should read.
fn without_request_id(what: &str) -> String {
    let Some((_, why)) = what.split_once(" for '--request-id <ID>': ") else { return what.to_owned() };
    let why = why
        .rsplit_once("` is not valid: ")
        .map_or_else(|| why.to_owned(), |(_, expected)| format!("the request id is not valid: {expected}"));
    format!("--request-id: {why}")
}

/// Diagnostics go to stderr.
fn listen(verbose: u8) -> Result<(), Failure> {
    let filter = match std::env::var(LOG) {
        Ok(text) if verbose == 0 => EnvFilter::try_new(&text).map_err(|error| {
            Failure::input(format!("{LOG} is not a filter: {error}")).hint("try `MILLRACE_LOG=info`")
        })?,
        _ => EnvFilter::new(match verbose {
            0 => "warn",
            1 => "info",
            2 => "debug",
            _ => "trace",
        }),
    };
    // Tests that run commands in one process may have one already.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(false)
        .without_time()
        .with_target(false)
        .try_init();
    Ok(())
}

fn report(failure: &Failure) {
    for line in &failure.lines {
        stdout::say(&format!("millrace: {line}"));
    }
    if let Some(hint) = &failure.hint {
        stdout::say(&format!("hint: {hint}"));
    }
}
