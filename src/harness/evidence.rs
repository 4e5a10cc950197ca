//! Gathering the evidence of an invocation that has ended, from its directory and its stage's result file.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use thiserror::Error;

use crate::domain::usage::Usage;
use crate::harness::adapter::{
    Call, CodexStream, Output, RunnerSpec, Trouble, classify, final_text, read_stream,
};
use crate::harness::exit::{Exit, How};
use crate::harness::invocation::STDOUT_FILE;
use crate::harness::judge::{Evidence, Said, TerminalRecord};
use crate::harness::result_file::{FoundFile, MAX_RESULT_BYTES, NonceRule, find, parse};

/// Bytes of a final message that are read from a harness's own file. Markers stand at its end, so a longer one is
/// read from the stream instead.
const MAX_MESSAGE_BYTES: u64 = 4 * 1024 * 1024;

/// A kept stream that cannot be read.
#[derive(Debug, Error)]
#[error("cannot read {}: {source}", .path.display())]
pub struct UnreadableStream {
    /// Which file.
    path: PathBuf,
    /// Why.
    source: io::Error,
}

/// Gathers what an invocation left. May be called whenever it has ended, by whoever, any number of times.
pub fn collect(spec: &RunnerSpec, call: &Call, exit: Exit) -> Result<Evidence, UnreadableStream> {
    let result_file = find(&call.result_file, MAX_RESULT_BYTES);
    let path = call.inv_dir.join(STDOUT_FILE);
    let read = |length: u64| {
        // What lies before the gap is not part of a text that ends behind it.
        let from = if exit.stdout.cut && length > exit.stdout.head { exit.stdout.head } else { 0 };
        said(spec, &path, from, length).map_err(|source| UnreadableStream { path: path.clone(), source })
    };
    let (mut whole, usage) = read(exit.stdout.kept)?;
    if let Some(file) = spec.final_file(call)
        && let FoundFile::Bytes(bytes) = find(&file, MAX_MESSAGE_BYTES)
        && !bytes.trim_ascii().is_empty()
    {
        whole.final_message = Some(String::from_utf8_lossy(&bytes).into_owned());
    }
    let before_signal = match &exit.first_signal {
        None => None,
        Some(first) => {
            let mut before = match exit.stdout.kept_before(first.stdout_bytes) {
                Some(length) => read(length)?.0,
                None => Said { terminal: silent(spec), final_message: None, result_file: FoundFile::Absent },
            };
            // The same bytes as then are the same report.
            if first.result_file_sha256.is_some() && result_file.sha256() == first.result_file_sha256 {
                before.result_file = result_file.clone();
            }
            Some(before)
        }
    };
    if let How::Exited { code } = exit.how
        && spec.is_declared_infrastructure(code)
    {
        whole.terminal = TerminalRecord::Failed {
            message: format!("exit code {code}, which the runner's configuration names as infrastructure"),
            trouble: Trouble::Infrastructure(crate::domain::result::InfrastructureClass::Declared),
        };
    }
    let missing_artifacts = missing(&result_file, call);
    whole.result_file = result_file;
    Ok(Evidence {
        nonce: call.nonce.clone(),
        exit,
        whole,
        before_signal,
        missing_artifacts,
        denials: Vec::new(),
        usage,
        can_write: call.permission.can_write(),
    })
}

/// Reads the first `length` bytes of a kept stdout; text is taken from byte `from` on.
fn said(spec: &RunnerSpec, path: &Path, from: u64, length: u64) -> io::Result<(Said, Usage)> {
    let file = File::open(path)?;
    Ok(match spec.output() {
        Output::Text => {
            let final_message = final_text(file, from, length)?;
            let terminal = TerminalRecord::NotExpected;
            (Said { terminal, final_message, result_file: FoundFile::Absent }, Usage::default())
        }
        Output::CodexJsonl => {
            let stream = read_stream(file.take(length))?;
            let usage = stream.usage;
            (codex(stream), usage)
        }
    })
}

fn codex(stream: CodexStream) -> Said {
    let terminal = match stream.terminal {
        Some(Ok(())) => TerminalRecord::Completed,
        Some(Err(message)) => TerminalRecord::Failed { trouble: classify(&message), message },
        None => TerminalRecord::Missing {
            stuck_on: stream.stuck_on.map(|message| {
                let trouble = classify(&message);
                (message, trouble)
            }),
        },
    };
    Said { terminal, final_message: stream.last_message, result_file: FoundFile::Absent }
}

fn silent(spec: &RunnerSpec) -> TerminalRecord {
    match spec.output() {
        Output::Text => TerminalRecord::NotExpected,
        Output::CodexJsonl => TerminalRecord::Missing { stuck_on: None },
    }
}

/// The artifacts of a report that are not plain files inside the run directory, links resolved.
fn missing(result_file: &FoundFile, call: &Call) -> Vec<String> {
    let FoundFile::Bytes(bytes) = result_file else { return Vec::new() };
    let Ok(report) = parse(bytes, &call.nonce, NonceRule::Required) else { return Vec::new() };
    let home = call.run_dir.canonicalize().ok();
    report
        .artifacts
        .into_iter()
        .filter(|name| {
            let path = Path::new(name);
            let plain =
                path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
            let real = call.run_dir.join(path).canonicalize().ok();
            let inside = match (&home, &real) {
                (Some(home), Some(real)) => real.starts_with(home) && real.is_file(),
                _ => false,
            };
            !(plain && inside)
        })
        .collect()
}
