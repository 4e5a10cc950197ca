//! Gathering the evidence of an invocation that has ended, from its directory and its stage's result file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use jiff::Timestamp;
use thiserror::Error;

use crate::domain::result::InfrastructureClass;
use crate::domain::usage::Usage;
use crate::harness::adapter::{Call, RunnerSpec};
use crate::harness::exit::{EndedBy, Exit, How};
use crate::harness::invocation::STDOUT_FILE;
use crate::harness::judge::{Evidence, Said, Session, TerminalRecord};
use crate::harness::parser::rollout::{self, Rollout};
use crate::harness::parser::{Complaint, Listener, Parser, Scope, Spoken, Trouble, listen};
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

/// How the traces of a harness are read.
#[derive(Debug, Clone)]
pub struct Reading<'a> {
    /// What reads its output.
    pub parser: Parser,
    /// The file of its final message (of one JSON value: of its whole output), where it writes one. What is in it wins
    /// over the stream.
    pub final_file: Option<PathBuf>,
    /// The exit codes with which it ends well.
    pub ok_exits: Vec<i32>,
    /// The exit codes that mean that it could not work.
    pub infra_exits: Vec<i32>,
    /// The environment that it was given, whatever the runtime's own is: it tells where it keeps its records.
    pub environment: &'a BTreeMap<String, String>,
    /// What its session had used before this invocation, as it told then.
    pub baseline: Option<&'a Usage>,
}

impl<'a> Reading<'a> {
    /// How the harness of a runner is read.
    #[must_use]
    pub fn of(
        spec: &RunnerSpec,
        call: &Call,
        environment: &'a BTreeMap<String, String>,
        baseline: Option<&'a Usage>,
    ) -> Self {
        let exits = |codes: &[u8]| codes.iter().map(|code| i32::from(*code)).collect();
        Self {
            parser: spec.parser().clone(),
            final_file: spec.final_file(call),
            ok_exits: exits(&spec.contract().ok_exits),
            infra_exits: exits(&spec.contract().infra_exits),
            environment,
            baseline,
        }
    }
}

/// Gathers what an invocation left. May be called whenever it has ended, by whoever, any number of times.
pub fn collect(reading: &Reading<'_>, call: &Call, exit: Exit) -> Result<Evidence, UnreadableStream> {
    let result_file = find(&call.result_file, MAX_RESULT_BYTES);
    let path = call.inv_dir.join(STDOUT_FILE);
    let read = |length: u64| {
        let gap = (exit.stdout.cut && length > exit.stdout.head).then_some(exit.stdout.head);
        heard(&reading.parser, &path, gap, length)
            .map_err(|source| UnreadableStream { path: path.clone(), source })
    };
    let mut spoken = read(exit.stdout.kept)?;
    if let Some(file) = &reading.final_file
        && let FoundFile::Bytes(bytes) = find(file, MAX_MESSAGE_BYTES)
    {
        if let Parser::Json(_) = reading.parser {
            let mut listener = Listener::new(&reading.parser);
            listener.take(&bytes);
            spoken = listener.spoken();
        } else {
            spoken.final_message = Some(String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    let mut before_signal = match &exit.first_signal {
        None => None,
        Some(first) => {
            let mut before = said(match exit.stdout.kept_before(first.stdout_bytes) {
                Some(length) => read(length)?,
                None => Listener::new(&reading.parser).spoken(),
            });
            // The same bytes as then are the same report.
            if first.result_file_sha256.is_some() && result_file.sha256() == first.result_file_sha256 {
                before.result_file = result_file.clone();
            }
            Some(before)
        }
    };
    let rollout = rollout_of(reading, call, &spoken, &exit);
    let (usage, session) = used(&spoken, rollout.as_ref(), reading.baseline);
    let denials = std::mem::take(&mut spoken.denials);
    let mut whole = said(spoken);
    if let Some(rollout) = rollout {
        better_known(&mut whole.terminal, &rollout);
        // What it had not said yet at the signal is not put into its mouth.
        if let Some(before) = &mut before_signal
            && before.terminal.complaint().is_some()
        {
            better_known(&mut before.terminal, &rollout);
        }
    }
    if let How::Exited { code } = exit.how
        && reading.infra_exits.contains(&code)
    {
        let message = format!("exit code {code}, which the runner's configuration names as infrastructure");
        whole.terminal = TerminalRecord::Failed(Complaint {
            message,
            trouble: Trouble::Infrastructure(InfrastructureClass::Declared),
            retry: None,
        });
    }
    let missing_artifacts = missing(&result_file, call);
    whole.result_file = result_file;
    let counts = match exit.ended_by {
        EndedBy::Itself => Some(&whole),
        EndedBy::WallLimit | EndedBy::SilenceLimit => before_signal.as_ref(),
        EndedBy::Runtime => None,
    };
    let retry_at = counts.and_then(|said| retry_at(&said.terminal, exit.ended_at));
    Ok(Evidence {
        nonce: call.nonce.clone(),
        exit,
        whole,
        before_signal,
        missing_artifacts,
        denials,
        usage,
        session,
        ok_exits: reading.ok_exits.clone(),
        retry_at,
        can_write: call.permission.can_write(),
    })
}

/// What the first `length` bytes of a kept stdout say, which has a gap at byte `gap`.
fn heard(parser: &Parser, path: &Path, gap: Option<u64>, length: u64) -> io::Result<Spoken> {
    let mut file = File::open(path)?;
    let mut listener = Listener::new(parser);
    let mut rest = length;
    if let Some(head) = gap {
        listen(&mut listener, (&mut file).take(head))?;
        listener.gap();
        rest = length.saturating_sub(head);
    }
    listen(&mut listener, file.take(rest))?;
    Ok(listener.spoken())
}

fn said(spoken: Spoken) -> Said {
    Said { terminal: spoken.terminal, final_message: spoken.final_message, result_file: FoundFile::Absent }
}

/// Codex's rollout of a run whose stream does not end with its usage.
fn rollout_of(reading: &Reading<'_>, call: &Call, spoken: &Spoken, exit: &Exit) -> Option<Rollout> {
    if reading.parser != Parser::CodexJsonl || spoken.terminal == TerminalRecord::Completed {
        return None;
    }
    let thread = spoken.session.as_deref()?;
    let variable = |name: &str| reading.environment.get(name).filter(|value| !value.is_empty());
    let home = match variable("CODEX_HOME") {
        Some(home) => PathBuf::from(home),
        None => Path::new(variable("HOME")?).join(".codex"),
    };
    // A relative path is relative to where the harness was started.
    let path = rollout::find(&call.workdir.join(home), thread)?;
    rollout::read(&path, exit.started_at).ok()
}

/// Puts the machine's word in the place of what a sentence was taken for.
fn better_known(terminal: &mut TerminalRecord, rollout: &Rollout) {
    let Some(error) = &rollout.error else { return };
    match terminal {
        TerminalRecord::Failed(complaint) if complaint.message == error.message => {
            complaint.trouble = error.trouble;
        }
        TerminalRecord::Missing { stuck_on } if stuck_on.is_none() => *stuck_on = Some(error.clone()),
        _ => {}
    }
}

/// What the invocation used, and its session. `baseline`: what the session had used before it.
fn used(spoken: &Spoken, rollout: Option<&Rollout>, baseline: Option<&Usage>) -> (Usage, Option<Session>) {
    let before = baseline.copied().unwrap_or_default();
    let (usage, totals) = if let Some(rollout) = rollout.filter(|_| spoken.usage.is_unknown()) {
        (rollout.run, rollout.session)
    } else {
        told(spoken, &before)
    };
    // A session that told nothing this time has used no less than before.
    let totals = if totals.is_unknown() { before } else { totals };
    (usage, spoken.session.clone().map(|id| Session { id, totals }))
}

/// What the invocation used and what its session did, by what the harness told: of this run, or of both together.
fn told(spoken: &Spoken, before: &Usage) -> (Usage, Usage) {
    let Spoken { usage: told, tokens_are, cost_is, .. } = spoken;
    let tokens = Usage { cost: None, cost_source: None, ..*told };
    let (mut usage, mut totals) = match tokens_are {
        Scope::Run => (tokens, Usage::default()),
        Scope::Session => (tokens.since(before), tokens),
    };
    usage.cost_source = told.cost_source;
    match cost_is {
        Scope::Run => usage.cost = told.cost,
        Scope::Session => {
            usage.cost = told.cost_since(before);
            (totals.cost, totals.cost_source) = (told.cost, told.cost_source);
        }
    }
    (usage, totals)
}

/// The time that the provider named for what the harness could not do.
fn retry_at(terminal: &TerminalRecord, ended_at: Timestamp) -> Option<Timestamp> {
    let complaint = terminal.complaint()?;
    if !matches!(complaint.trouble, Trouble::Infrastructure(_)) {
        return None;
    }
    complaint.retry?.seen_at(ended_at)
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
