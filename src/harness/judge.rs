//! The judge: what an invocation came to, from all of its evidence and never from one signal alone. Pure.

use jiff::Timestamp;

use crate::domain::ids::{FailureClass, Nonce, ResultName, StageName};
use crate::domain::plan::Plan;
use crate::domain::result::{InfrastructureClass, Interrupter, Judgement, ResultChannel, ResultClass};
use crate::domain::usage::Usage;
use crate::harness::exit::{EndedBy, Exit, How, SpawnFailure};
use crate::harness::parser::{Complaint, Trouble};
use crate::harness::result_file::{BadReport, FoundFile, NonceRule, Report, parse};

/// A harness's own word about its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TerminalRecord {
    /// This harness writes none.
    NotExpected,
    /// It says that it completed.
    Completed,
    /// It says that it failed, and of what.
    Failed(Complaint),
    /// It writes one, and has not.
    Missing {
        /// The trouble that it spoke of last, if it spoke of nothing else since.
        stuck_on: Option<Complaint>,
    },
}

impl TerminalRecord {
    /// What the harness complains of, at its end or before it was ended.
    #[must_use]
    pub fn complaint(&self) -> Option<&Complaint> {
        match self {
            Self::Failed(complaint) => Some(complaint),
            Self::Missing { stuck_on } => stuck_on.as_ref(),
            Self::NotExpected | Self::Completed => None,
        }
    }
}

/// What a harness and its stage said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The harness's terminal record.
    pub terminal: TerminalRecord,
    /// The final message of the agent.
    pub final_message: Option<String>,
    /// The stage's result file.
    pub result_file: FoundFile,
}

/// A harness's session: what resuming goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// What it had used when the invocation ended, of what the harness tells of the session as a whole: the next
    /// invocation that resumes it begins there.
    pub totals: Usage,
}

/// Everything that is known about an invocation that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The launch that it must belong to.
    pub nonce: Nonce,
    /// How it ended.
    pub exit: Exit,
    /// What was said over its whole life.
    pub whole: Said,
    /// What had been said before the supervisor's first signal, where it sent one.
    pub before_signal: Option<Said>,
    /// Artifacts that the report names and that are not in the run directory.
    pub missing_artifacts: Vec<String>,
    /// What the harness refused its stage.
    pub denials: Vec<String>,
    /// What this invocation used, and nothing of what its session had used before.
    pub usage: Usage,
    /// The session that it was part of, where the harness names one.
    pub session: Option<Session>,
    /// The exit codes with which its harness ends well.
    pub ok_exits: Vec<i32>,
    /// When it is worth trying again, where the provider named a time for what the harness complains of.
    pub retry_at: Option<Timestamp>,
    /// Whether its permission level lets the stage write its result file.
    pub can_write: bool,
}

/// What the frozen plan allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Legal {
    /// The stage.
    pub stage: StageName,
    /// What this stage may report, with the class of each.
    pub results: Vec<(ResultName, ResultClass)>,
    /// Every result of every stage of the plan: only these are markers, other headings are prose.
    pub known: Vec<ResultName>,
}

impl Legal {
    /// What a plan lets one of its stages report; `None` where it has no such stage.
    #[must_use]
    pub fn of(plan: &Plan, stage: &StageName) -> Option<Self> {
        let results = &plan.stages.get(stage)?.results;
        Some(Self {
            stage: stage.clone(),
            results: results.iter().map(|(name, class)| (name.clone(), *class)).collect(),
            known: plan.stages.values().flat_map(|stage| stage.results.keys().cloned()).collect(),
        })
    }
}

/// Why there is no result to take.
enum NoResult {
    /// Nothing was reported; the text says what was found instead.
    Missing(String),
    /// More than one thing was reported.
    Conflicting(String),
    /// What was reported is not allowed.
    Illegal(String),
    /// The report belongs to another invocation.
    Foreign(String),
    /// The report names what is not there.
    Artifact(String),
}

impl NoResult {
    fn class(&self) -> &'static str {
        match self {
            Self::Missing(_) => "missing_terminal_result",
            Self::Conflicting(_) => "conflicting_terminal_results",
            Self::Illegal(_) => "illegal_terminal_result",
            Self::Foreign(_) => "runner_transport_failure",
            Self::Artifact(_) => "missing_required_artifact",
        }
    }

    fn detail(self) -> String {
        match self {
            Self::Missing(text)
            | Self::Conflicting(text)
            | Self::Illegal(text)
            | Self::Foreign(text)
            | Self::Artifact(text) => text,
        }
    }
}

struct Found {
    report: Report,
    class: ResultClass,
    channel: ResultChannel,
}

fn failed(class: &str, detail: impl Into<String>) -> Judgement {
    Judgement::Failed { class: FailureClass::normalised(class), detail: one_line(&detail.into()) }
}

fn infrastructure(class: InfrastructureClass, detail: &str, retry_at: Option<Timestamp>) -> Judgement {
    Judgement::Infrastructure { class, detail: one_line(detail), retry_at }
}

/// Judges an invocation: how it ended, the harness's terminal record, its exit code, the result channel, in this
/// order.
#[must_use]
pub fn judge(evidence: &Evidence, legal: &Legal) -> Judgement {
    if let How::SpawnFailed { reason, message } = &evidence.exit.how {
        let class = match reason {
            SpawnFailure::MissingProgram => InfrastructureClass::MissingProgram,
            SpawnFailure::Other => InfrastructureClass::NotStartable,
        };
        return infrastructure(class, message, None);
    }
    match evidence.exit.ended_by {
        EndedBy::Itself => by_itself(evidence, legal),
        EndedBy::WallLimit => by_limit(evidence, legal, "the wall-clock limit"),
        EndedBy::SilenceLimit => by_limit(evidence, legal, "the limit on silence"),
        EndedBy::Runtime => Judgement::Interrupted { by: Interrupter::Runtime },
    }
}

/// Whether the same session can be asked for a result once: the harness says that it completed, all is well but that
/// it reported nothing, and its session is known. A harness that writes no terminal record has not said that it did its
/// work, and one that was ended has not come to its end.
#[must_use]
pub fn asked_for_result(evidence: &Evidence, judgement: &Judgement) -> bool {
    let nothing = NoResult::Missing(String::new()).class();
    let missing = matches!(judgement, Judgement::Failed { class, .. } if class.as_str() == nothing);
    // Of a harness that ended badly that is the judgement, not that a report is missing.
    evidence.exit.ended_by == EndedBy::Itself
        && evidence.whole.terminal == TerminalRecord::Completed
        && missing
        && evidence.session.is_some()
}

/// The harness ended by itself: its result counts, if its terminal record and its exit code let it.
fn by_itself(evidence: &Evidence, legal: &Legal) -> Judgement {
    let said = &evidence.whole;
    let bad_end = match &evidence.exit.how {
        How::Exited { code } if evidence.ok_exits.contains(code) => None,
        How::Exited { code } => Some(format!("the harness ended with exit code {code}")),
        How::Signalled { signal } => Some(format!("signal {signal}, which is not ours, ended the harness")),
        How::SpawnFailed { message, .. } => Some(message.clone()),
        How::Unkillable => Some("the harness could not be ended".to_owned()),
    };
    match &said.terminal {
        TerminalRecord::Failed(complaint) => return troubled(complaint, evidence),
        TerminalRecord::Missing { stuck_on } => {
            if let Some(complaint @ Complaint { trouble: Trouble::Infrastructure(_), .. }) = stuck_on {
                return troubled(complaint, evidence);
            }
            return match bad_end {
                Some(detail) => failed("runner_transport_failure", detail),
                None => failed("no_terminal_record", "the harness ended without its terminal record"),
            };
        }
        TerminalRecord::Completed | TerminalRecord::NotExpected => {}
    }
    if let Some(detail) = bad_end {
        return failed("runner_transport_failure", detail);
    }
    match result(evidence, said, legal) {
        Ok(found) => reported(found, evidence, None),
        Err(none) => failed(none.class(), none.detail()),
    }
}

/// Our clock ended it: only what had been said before the first signal counts, and there the harness's exit code
/// and a missing terminal record are our own doing.
fn by_limit(evidence: &Evidence, legal: &Legal, limit: &str) -> Judgement {
    let Some(said) = &evidence.before_signal else {
        return failed("runner_timeout", format!("{limit} ended the stage before it had reported"));
    };
    match &said.terminal {
        TerminalRecord::Failed(complaint) => return troubled(complaint, evidence),
        TerminalRecord::Completed | TerminalRecord::NotExpected | TerminalRecord::Missing { .. } => {}
    }
    let none = match result(evidence, said, legal) {
        Ok(found) => {
            return reported(found, evidence, Some(format!("{limit} ended the stage after it had reported")));
        }
        Err(none) => none,
    };
    if let TerminalRecord::Missing {
        stuck_on: Some(complaint @ Complaint { trouble: Trouble::Infrastructure(_), .. }),
    } = &said.terminal
    {
        return troubled(complaint, evidence);
    }
    let found = match none {
        NoResult::Missing(_) => String::new(),
        other => format!(" ({})", other.detail()),
    };
    failed("runner_timeout", format!("{limit} ended the stage before it had reported{found}"))
}

fn troubled(Complaint { message, trouble, .. }: &Complaint, evidence: &Evidence) -> Judgement {
    match *trouble {
        Trouble::Infrastructure(class) => infrastructure(class, message, evidence.retry_at),
        Trouble::ContextOverflow => failed("context_overflow", message),
        Trouble::LimitReached => failed("limit_reached", message),
        Trouble::Other => failed("provider_failure", message),
    }
}

fn reported(found: Found, evidence: &Evidence, timeout: Option<String>) -> Judgement {
    let Found { report, class, channel } = found;
    let mut notes = report.notes;
    notes.extend(timeout);
    notes.extend(evidence.denials.iter().map(|denial| format!("denied: {}", one_line(denial))));
    Judgement::Reported {
        result: report.terminal_result,
        class,
        summary: report.summary,
        resume_stage: report.resume_stage,
        target_stage: report.target_stage,
        artifacts: report.artifacts,
        nothing_to_create: report.nothing_to_create,
        channel,
        notes,
    }
}

/// Reads the result channels: the file first, else the end of the final message. They must not contradict.
fn result(evidence: &Evidence, said: &Said, legal: &Legal) -> Result<Found, NoResult> {
    let message = said.final_message.as_deref().unwrap_or_default();
    let markers = markers(message, legal);
    let (report, channel) = match &said.result_file {
        FoundFile::Unusable(reason) => {
            return Err(NoResult::Illegal(format!("the result file: {reason}")));
        }
        FoundFile::Bytes(bytes) => {
            let report = parse(bytes, &evidence.nonce, NonceRule::Required)
                .map_err(|fault| refused("the result file", &fault))?;
            (report, ResultChannel::ResultFile)
        }
        FoundFile::Absent => match json_block(message).filter(|_| !evidence.can_write) {
            Some(block) => {
                let report = parse(block.as_bytes(), &evidence.nonce, NonceRule::Optional)
                    .map_err(|fault| refused("the JSON block", &fault))?;
                (report, ResultChannel::FencedJson)
            }
            None => (by_marker(message, &markers, legal)?, ResultChannel::Marker),
        },
    };
    if let Some(other) = markers.iter().find(|marker| ***marker != report.terminal_result) {
        let (one, two) = (report.terminal_result.marker(), other.marker());
        return Err(NoResult::Conflicting(format!("both `{one}` and `{two}` were reported")));
    }
    let Some((_, planned)) = legal.results.iter().find(|(name, _)| *name == report.terminal_result) else {
        let (result, stage) = (&report.terminal_result, &legal.stage);
        return Err(NoResult::Illegal(format!("`{result}` is no result of the stage `{stage}`")));
    };
    let class = report.result_class.unwrap_or(*planned);
    if !class.fits(*planned) {
        let result = &report.terminal_result;
        return Err(NoResult::Illegal(format!("the class reported for `{result}` is not the plan's")));
    }
    if let Some(artifact) = evidence.missing_artifacts.first() {
        let artifact = one_line(artifact);
        return Err(NoResult::Artifact(format!("the artifact `{artifact}` is not in the run directory")));
    }
    Ok(Found { report, class, channel })
}

fn refused(what: &str, fault: &BadReport) -> NoResult {
    let detail = format!("{what}: {fault}");
    if matches!(fault, BadReport::Nonce { .. }) {
        NoResult::Foreign(detail)
    } else {
        NoResult::Illegal(detail)
    }
}

/// The distinct results of the plan whose markers stand as whole lines in a message.
fn markers<'a>(message: &str, legal: &'a Legal) -> Vec<&'a ResultName> {
    let mut found: Vec<&ResultName> = Vec::new();
    for line in message.lines() {
        if let Some(name) = marker(line, legal)
            && !found.contains(&name)
        {
            found.push(name);
        }
    }
    found
}

/// The result whose marker this line is: `### TOKEN` exactly, but for blanks at its end.
fn marker<'a>(line: &str, legal: &'a Legal) -> Option<&'a ResultName> {
    let token = line.trim_end().strip_prefix("### ")?;
    let stage = legal.results.iter().map(|(name, _)| name);
    legal.known.iter().chain(stage).find(|name| name.as_str() == token)
}

fn by_marker(message: &str, markers: &[&ResultName], legal: &Legal) -> Result<Report, NoResult> {
    if let [one, two, ..] = markers {
        let (one, two) = (one.marker(), two.marker());
        return Err(NoResult::Conflicting(format!("the final message holds both `{one}` and `{two}`")));
    }
    let Some(last) = message.lines().rev().find(|line| !line.trim().is_empty()) else {
        return Err(NoResult::Missing("there is neither a result file nor a final message".to_owned()));
    };
    match marker(last, legal) {
        Some(name) => Ok(Report {
            nonce: None,
            terminal_result: name.clone(),
            result_class: None,
            summary: None,
            resume_stage: None,
            target_stage: None,
            nothing_to_create: None,
            artifacts: Vec::new(),
            notes: Vec::new(),
        }),
        None if markers.is_empty() => Err(NoResult::Missing(
            "there is no result file, and the final message does not end with a marker".to_owned(),
        )),
        None => Err(NoResult::Missing(
            "there is no result file, and the marker is not the last line of the final message".to_owned(),
        )),
    }
}

/// The content of the fenced JSON block that ends a message, if one does.
pub(crate) fn json_block(message: &str) -> Option<&str> {
    let message = message.trim_end();
    let body = message.strip_suffix("```")?;
    let body = body.strip_suffix('\n')?;
    let at = body.rfind("```json")?;
    let starts_line = at == 0 || body[..at].ends_with('\n');
    let content = body[at..].strip_prefix("```json")?;
    let (rest, content) = content.split_once('\n')?;
    (starts_line && rest.trim().is_empty() && !content.contains("\n```")).then_some(content)
}

/// Text from outside as one line of bounded length, for people.
fn one_line(text: &str) -> String {
    const MAX: usize = 500;
    let mut line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.retain(|c| !c.is_control());
    match line.char_indices().nth(MAX) {
        Some((at, _)) => format!("{}...", &line[..at]),
        None => line,
    }
}
