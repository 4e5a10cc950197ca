//! `scripted`: the embedded harness. It has no model, follows a script, and runs as a child process like any other.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use serde_json::{Map, Value};

use super::script::{Script, Step};
use crate::harness::environment::MARK;

/// The hidden subcommand that the embedded harness runs as; its arguments are `--script FILE`. The shipped contract
/// names it, and so do frozen plans.
pub const SCRIPTED: &str = "harness-scripted";

/// The exit code for a script that cannot be followed.
const BAD_SCRIPT: u8 = 2;

/// The embedded harness, with the arguments after its subcommand. Item, stage, attempt and paths come from the `MILLRACE_*`
/// variables, the work tree is the current directory.
#[must_use]
pub fn scripted_main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match follow(&arguments.into_iter().collect::<Vec<_>>()) {
        Ok(code) => ExitCode::from(code),
        Err(said) => {
            let _ = writeln!(io::stderr(), "{}", said.replace('\n', " "));
            ExitCode::from(BAD_SCRIPT)
        }
    }
}

fn follow(arguments: &[OsString]) -> Result<u8, String> {
    let [flag, path] = arguments else {
        return Err(format!("usage: {SCRIPTED} --script FILE"));
    };
    if flag != "--script" {
        return Err(format!("usage: {SCRIPTED} --script FILE"));
    }
    let path = Path::new(path);
    let script = Script::read(path).map_err(|fault| fault.to_string())?;
    let (item, stage) = (variable("MILLRACE_ITEM")?, variable("MILLRACE_STAGE")?);
    let attempt =
        variable("MILLRACE_ATTEMPT")?.parse().map_err(|_| "MILLRACE_ATTEMPT is not a number".to_owned())?;
    let steps = script
        .steps(&item, &stage, attempt)
        .ok_or_else(|| format!("{}: stages.{stage}: the script does not know this stage", path.display()))?;
    let mut output = io::stdout();
    for (nth, step) in steps.iter().enumerate() {
        let done = take(step, &mut output);
        match done {
            Ok(None) => {}
            Ok(Some(code)) => return Ok(code),
            Err(reason) => {
                return Err(format!("{}: stages.{stage}, step {}: {reason}", path.display(), nth + 1));
            }
        }
    }
    Ok(0)
}

/// Takes one step; an exit code ends the script.
fn take(step: &Step, output: &mut impl Write) -> Result<Option<u8>, String> {
    let at = |path: &Path| {
        let shown = path.display().to_string();
        move |fault: io::Error| format!("{shown}: {fault}")
    };
    match step {
        Step::Write { path, content } => write(path, content).map_err(at(path))?,
        Step::Append { path, content } => {
            let mut whole = read(path).map_err(at(path))?.unwrap_or_default();
            whole.push_str(content);
            write(path, &whole).map_err(at(path))?;
        }
        Step::Replace { path, from, to } => {
            let whole = read(path).map_err(at(path))?.unwrap_or_default();
            if !whole.contains(from) {
                return Err(format!("{} does not hold `{}`", path.display(), from.escape_debug()));
            }
            write(path, &whole.replace(from, to)).map_err(at(path))?;
        }
        Step::Delete { path } => std::fs::remove_file(path).map_err(at(path))?,
        Step::Run { argv, expect } => run(argv, *expect)?,
        Step::Say(text) => print(output, text)?,
        Step::Sleep(seconds) => std::thread::sleep(Duration::from_secs_f64(*seconds)),
        Step::Outbox { name, content } => {
            let path = PathBuf::from(variable("MILLRACE_OUTBOX")?).join(name);
            write(&path, content).map_err(at(&path))?;
        }
        Step::Evidence { name, content } => {
            let path = PathBuf::from(variable("MILLRACE_RUN_DIR")?).join(name);
            write(&path, content).map_err(at(&path))?;
        }
        Step::Result(report) => report_result(report)?,
        Step::Marker(result) => print(output, &format!("### {result}"))?,
        Step::Exit(code) => return Ok(Some(*code)),
    }
    Ok(None)
}

fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("{name} is not set"))
}

fn print(output: &mut impl Write, text: &str) -> Result<(), String> {
    writeln!(output, "{text}").and_then(|()| output.flush()).map_err(|fault| format!("stdout: {fault}"))
}

fn read(path: &Path) -> io::Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(fault) => Err(fault),
    }
}

fn write(path: &Path, content: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, content)
}

fn run(argv: &[String], expect: Option<i32>) -> Result<(), String> {
    let Some((program, arguments)) = argv.split_first() else { return Err("`argv` is empty".to_owned()) };
    let status = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .status()
        .map_err(|fault| format!("{}: {fault}", program.escape_debug()))?;
    match expect {
        Some(code) if status.code() != Some(code) => {
            Err(format!("{} ended with {status}, not with exit code {code}", program.escape_debug()))
        }
        _ => Ok(()),
    }
}

/// Writes the result file as a whole: beside it first, then renamed.
fn report_result(report: &Map<String, Value>) -> Result<(), String> {
    let path = PathBuf::from(variable("MILLRACE_RESULT_FILE")?);
    let mut report = report.clone();
    if !report.contains_key("nonce") {
        report.insert("nonce".to_owned(), Value::String(variable(MARK)?));
    }
    let text = serde_json::to_string_pretty(&report).map_err(|fault| fault.to_string())?;
    let beside = path.with_extension("tmp");
    write(&beside, &text)
        .and_then(|()| std::fs::rename(&beside, &path))
        .map_err(|fault| format!("{}: {fault}", path.display()))
}
