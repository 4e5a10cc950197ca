//! Finish: collect what a stage left, judge it, take the snapshot, hand off. The same for a stage that has just ended
//! and for one that a restart finds ended.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::evidence::{Kept, Secrets, tail_of};
use super::super::logs;
use super::super::project::Project;
use super::super::snapshots::{self, Place, Says, SnapError};
use super::cleaning::clean;
use super::context::{Stage, StageError};
use super::delivery::{self, Delivery};
use super::escalate::{Asking, incident};
use super::meter::Seen;
use super::{judgement, wordless};
use crate::domain::ids::EvidenceName;
use crate::domain::limits::MAX_EVIDENCE_BYTES;
use crate::domain::oid::Oid;
use crate::domain::result::{Interrupter, Judgement};
use crate::domain::run::Run;
use crate::domain::stage_file;
use crate::domain::transition::decision::{Effect, StageResult};
use crate::domain::transition::input::{self, Files, Handoff, Input, Resumable, Submitted};
use crate::domain::transition::record::Actor;
use crate::domain::transition::refusal::Refusal;
use crate::domain::usage::Usage;
use crate::domain::view::View as _;
use crate::format::incident::render;
use crate::harness::evidence::{Reading, collect};
use crate::harness::exit::{EndedBy, Exit, How};
use crate::harness::invocation::{Invocation, STDERR_FILE, STDOUT_FILE};
use crate::harness::judge::judge;
use crate::harness::parser::Parser;
use crate::ledger::store::StoreError;
use crate::ledger::transact::{Outcome, Payloads, TransactError};
use crate::workspace::changes::{Change, diff};

/// How a stage's process ended.
pub enum Ended {
    /// With its supervisor's record.
    Record(Box<Exit>),
    /// Without: it never started, or its supervisor was killed.
    Unrecorded,
}

/// What came of a stage.
#[derive(Debug, Clone)]
pub enum Finished {
    /// It is handed off.
    Handed {
        /// What it came to.
        result: Box<StageResult>,
        /// The commit.
        commit: Oid,
    },
    /// The ledger has gone on without it; what it left is kept, and changes nothing.
    Late(Refusal),
}

/// How many names a finding lists.
const NAMED: usize = 10;

/// Collects, judges, snapshots and hands off. `saw`: what was seen of it while it ran.
pub fn finish(
    project: &Project,
    stage: &Stage,
    run: &Run,
    ended: Ended,
    saw: &Seen,
) -> Result<Finished, StageError> {
    let given = Invocation::read(&stage.call.inv_dir).map(|invocation| invocation.environment);
    let given = given.unwrap_or_default();
    let secrets = stage.secrets(given.clone(), [run.snapshot, run.tip].into_iter().chain(run.base));
    let mut kept = Kept::default();
    let judged = metered(stage, judged(stage, run, ended, &given, &secrets)?, saw);
    keep(project, stage, &judged, &secrets, &mut kept)?;
    let (snapshot, mut findings) = snapshot(project, stage, run, &judged.judgement, &secrets)?;
    findings.extend(missing_evidence(stage, &judged.judgement));
    findings.extend(judged.findings);

    let mut payloads = Payloads::default();
    let delivery =
        Delivery::of(project, stage, run, &judged.judgement, judged.ended_at, &secrets, &mut payloads)?;
    findings.extend(delivery.findings.iter().cloned());
    let judgement = delivery.judged(stage.at.plane, judged.judgement);
    let said = judgement::Said { final_message: judged.final_message.as_deref(), secrets: &secrets };
    let (mut judgement, verdict) =
        judgement::held(project, stage, run, judgement, snapshot, &said, &mut payloads)?;
    let draft = Draft {
        project,
        stage,
        run,
        asked: saw.asked,
        snapshot,
        ended_at: judged.ended_at,
        usage: judged.usage,
        resumable: judged.resumable,
        wall_ms: judged.wall_ms,
        findings,
        kept,
        delivery,
        verdict,
        secrets,
    };
    let act = project.act(Actor::Daemon, Some(stage.author()))?;
    let handed = loop {
        let handoff = draft.handoff(judgement.clone(), &mut payloads)?;
        let handed = project.transact(&act, &Input::Handoff(Box::new(handoff)), &payloads);
        // What the ledger does not take, the stage is told: the same launch is handed off without it.
        let told = match &handed {
            Err(TransactError::Refused(refusal)) => {
                delivery::rejected_by(stage.at.plane, &judgement, refusal)
            }
            _ => None,
        };
        match told {
            Some(rejected) => judgement = rejected,
            None => break handed,
        }
    };
    match handed {
        Ok(Outcome::Committed { commit, transition }) => {
            // What it held is in the ledger and the log store now.
            let _ = std::fs::remove_dir_all(&stage.call.inv_dir);
            let result = transition.decision.effects.into_iter().find_map(|effect| match effect {
                Effect::Conclude { result, .. } => Some(result),
                _ => None,
            });
            let lacks = || TransactError::Internal("a handoff without a result".to_owned());
            Ok(Finished::Handed { result: result.ok_or_else(lacks)?, commit })
        }
        Ok(Outcome::Unchanged { .. }) => {
            Err(TransactError::Internal("a handoff that changed nothing".to_owned()).into())
        }
        Err(TransactError::Refused(refusal @ (Refusal::LateResult { .. } | Refusal::NoSuchRun { .. }))) => {
            late(project, stage)?;
            Ok(Finished::Late(refusal))
        }
        Err(error) => Err(error.into()),
    }
}

/// A handoff, but for how it is judged: what came with it may not be taken.
struct Draft<'a> {
    project: &'a Project,
    stage: &'a Stage,
    run: &'a Run,
    asked: bool,
    snapshot: Option<Oid>,
    ended_at: Timestamp,
    usage: Usage,
    /// The session in which the stage can be asked for its result.
    resumable: Option<Resumable>,
    wall_ms: Option<u64>,
    findings: Vec<String>,
    kept: Kept,
    delivery: Delivery,
    /// Of a stage that judges.
    verdict: Option<Box<input::Judged>>,
    secrets: Secrets,
}

impl Draft<'_> {
    /// The handoff of the launch as this.
    fn handoff(&self, judgement: Judgement, payloads: &mut Payloads) -> Result<Handoff, StageError> {
        let Self { project, stage, run, secrets, .. } = self;
        let rejected = matches!(judgement, Judgement::Rejected { .. });
        let mut kept = self.kept.clone();
        if rejected {
            kept.keep_outbox(secrets, &self.delivery.left);
        }
        let mut findings = Vec::new();
        for finding in self.findings.iter().chain(&std::mem::take(&mut kept.findings)) {
            let (finding, count) = secrets.redacted(finding);
            kept.count(count);
            findings.push(finding);
        }
        let (files, more) = kept.into_parts();
        findings.extend(more);
        let mut evidence = Files::new();
        for (name, bytes) in files {
            evidence.insert(name, payloads.add(&project.store, bytes)?);
        }
        let judgement = redacted(judgement, secrets);
        let asking = Asking {
            judgement: &judgement,
            ended_at: self.ended_at,
            evidence: &evidence,
            documents: &self.delivery.documents,
        };
        let verdict = self.verdict.clone().filter(|_| !rejected);
        let incident = if run.closure {
            judgement::remediation(project, stage, run, &asking, verdict.as_deref())?
        } else {
            incident(project, stage, run, &asking)?
        };
        let incident = match incident {
            None => None,
            Some(incident) => Some(Box::new(Submitted {
                document: payloads.add(&project.store, render(&incident).into_bytes())?,
                origin: None,
                trusted: false,
                intake: incident.intake,
            })),
        };
        let left_nothing = wordless::left_nothing(project, run, &judgement, self.snapshot)?;
        Ok(Handoff {
            run: stage.run.clone(),
            nonce: stage.call.nonce.clone(),
            ended_at: self.ended_at,
            judgement,
            asked: self.asked,
            snapshot: self.snapshot,
            resumable: self.resumable.clone(),
            left_nothing,
            wall_ms: self.wall_ms,
            usage: self.usage,
            evidence,
            findings,
            documents: if rejected { Vec::new() } else { self.delivery.documents.clone() },
            verdict,
            incident,
        })
    }
}

/// What a stage came to, and what it left in its invocation directory.
struct Judged {
    judgement: Judgement,
    usage: Usage,
    resumable: Option<Resumable>,
    wall_ms: Option<u64>,
    ended_at: Timestamp,
    exit: Option<Exit>,
    final_message: Option<String>,
    findings: Vec<String>,
}

fn judged(
    stage: &Stage,
    run: &Run,
    ended: Ended,
    given: &BTreeMap<String, String>,
    secrets: &Secrets,
) -> Result<Judged, StageError> {
    let Ended::Record(exit) = ended else {
        return Ok(Judged {
            judgement: Judgement::Interrupted { by: Interrupter::Unknown },
            usage: Usage::default(),
            resumable: None,
            wall_ms: None,
            // Nobody wrote down when; by now it has.
            ended_at: milliseconds_after(Timestamp::now()),
            exit: None,
            final_message: None,
            findings: Vec::new(),
        });
    };
    let exit = *exit;
    // A session that is resumed tells again what it had told before.
    let told_before = run.asks.as_ref().map(|asks| &asks.totals);
    let reading = Reading::of(&stage.spec, &stage.call, given, told_before);
    let mut evidence = collect(&reading, &stage.call, exit.clone()).map_err(|error| StageError::Io {
        action: error.to_string(),
        source: std::io::Error::other("evidence"),
    })?;
    clean(&mut evidence, secrets);
    let judgement = judge(&evidence, &stage.legal);
    let mut findings = Vec::new();
    if exit.leftovers > 0 {
        findings.push(format!("{} processes were left behind and were ended", exit.leftovers));
    }
    if exit.stdout.cut || exit.stderr.cut {
        findings.push(format!(
            "output was cut: stdout {} of {} bytes, stderr {} of {} bytes kept",
            exit.stdout.kept, exit.stdout.total, exit.stderr.kept, exit.stderr.total
        ));
    }
    // What may not be written down cannot be asked for either.
    let resumable = wordless::resumable(stage, &evidence, &judgement)
        .filter(|resumable| secrets.redacted(&resumable.session).1 == 0);
    Ok(Judged {
        judgement,
        usage: evidence.usage,
        resumable,
        wall_ms: Some(exit.duration_ms),
        ended_at: milliseconds_after(exit.ended_at),
        exit: Some(exit),
        final_message: evidence.whole.final_message,
        findings,
    })
}

/// The same with what it used and why it was ended, by what was seen while it ran. What ended by itself before the
/// limit could end it counts as it is.
fn metered(stage: &Stage, mut judged: Judged, saw: &Seen) -> Judged {
    let never_started = judged.exit.as_ref().is_some_and(|exit| matches!(exit.how, How::SpawnFailed { .. }));
    let used = if never_started { Usage::nothing() } else { judged.usage };
    judged.usage = used.priced(stage.price.as_ref()).at_least(&saw.usage);
    let by_runtime = judged.exit.as_ref().is_some_and(|exit| exit.ended_by == EndedBy::Runtime);
    if let Some(reached) = saw.exceeded.as_ref().filter(|_| by_runtime) {
        judged.wall_ms = judged.wall_ms.max(Some(saw.elapsed_ms));
        judged.judgement = Judgement::Interrupted { by: Interrupter::Budget };
        judged.findings.push(format!("ended by a limit: {reached}"));
    }
    judged
}

/// Milliseconds are enough for people; rounded up, no file of the stage is later.
fn milliseconds_after(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond() + 1).unwrap_or(at)
}

/// Whole outputs into the log store; bounded pieces into the record.
fn keep(
    project: &Project,
    stage: &Stage,
    judged: &Judged,
    secrets: &Secrets,
    kept: &mut Kept,
) -> Result<(), StageError> {
    // The prompt was kept when the stage was launched, without its secrets.
    if let Ok(prompt) = std::fs::read_to_string(&stage.call.prompt_file) {
        kept.count(secrets.redacted(&prompt).1);
    }
    let private = project.store.private_dir();
    if let Some(exit) = &judged.exit {
        let record = toml::to_string(exit).map_err(|error| StageError::Io {
            action: "write the exit record".to_owned(),
            source: std::io::Error::other(error),
        })?;
        kept.keep(secrets, stage_file::EXIT, &record);
        for (file, stream, name) in
            [(STDOUT_FILE, &exit.stdout, stage_file::STDOUT), (STDERR_FILE, &exit.stderr, stage_file::STDERR)]
        {
            let path = stage.call.inv_dir.join(file);
            if stream.kept == 0 || !path.exists() {
                continue;
            }
            logs::store(&private, &stream.sha256, &path)
                .map_err(StageError::io(format!("store the log of {file}")))?;
            let gap = stream.cut.then_some(stream.head);
            let (tail, count) =
                tail_of(&path, gap, secrets).map_err(StageError::io(format!("read {}", path.display())))?;
            kept.keep_redacted(name, &tail, count);
        }
    }
    // The output of a text harness is its final message.
    if let Some(message) = judged.final_message.as_ref().filter(|_| *stage.spec.parser() != Parser::Text) {
        kept.keep(secrets, stage_file::FINAL_MESSAGE, message);
    }
    let read = |name: &std::path::Path| stage.dir.read(name, MAX_EVIDENCE_BYTES as u64 * 16).ok().flatten();
    kept.keep_folder(secrets, &stage.call.run_dir, read);
    Ok(())
}

/// What a stage reported without. It never fails the handoff: what counts is the result, and a harness that knows
/// nothing of such files may do good work.
fn missing_evidence(stage: &Stage, judgement: &Judgement) -> Option<String> {
    let Judgement::Reported { result, .. } = judgement else { return None };
    let there = |name: &str| {
        std::fs::symlink_metadata(stage.call.run_dir.join(name)).is_ok_and(|found| found.is_file())
    };
    let missing: Vec<&str> =
        stage.planned.wanted(result).map(EvidenceName::as_str).filter(|name| !there(name)).collect();
    (!missing.is_empty()).then(|| format!("missing evidence: {}, wanted with {result}", missing.join(", ")))
}

/// The code as the stage left it, on the run branch. A stage that did its work is never held up by its snapshot; one
/// that was interrupted is, because going back needs to know from what.
fn snapshot(
    project: &Project,
    stage: &Stage,
    run: &Run,
    judgement: &Judgement,
    secrets: &Secrets,
) -> Result<(Option<Oid>, Vec<String>), StageError> {
    let (what, worked) = match judgement {
        Judgement::Reported { result, .. } => (result.to_string(), true),
        Judgement::Failed { class, .. } => (class.to_string(), true),
        Judgement::Rejected { result, .. } => (format!("{result}, not taken"), true),
        Judgement::Infrastructure { .. } => ("interrupted by an outage".to_owned(), false),
        Judgement::Interrupted { .. } => ("interrupted".to_owned(), false),
    };
    let says = Says {
        subject: format!("{}: {what}", stage.at.stage),
        changed: None,
        unchanged: None,
        trailers: vec![
            ("Run", stage.run.to_string()),
            ("Item", stage.item.to_string()),
            ("Stage", stage.at.to_string()),
            ("Launch", stage.number.to_string()),
            ("Result", what),
            ("Plan", stage.plan_id.to_string()),
        ],
    };
    // One commit a handoff; of an interruption only what it left half done. A judge is to leave nothing: whether it
    // did has to be known.
    let worked = worked && !run.closure;
    // The tip may be what an earlier attempt left before it went back. The same left again is no less to go back.
    let even_unchanged = worked || run.tip != run.snapshot;
    let place = Place::next(run, even_unchanged);
    let taken = match snapshots::take(project, &stage.plan.snapshot, &place, &stage.author(), &says, secrets)
    {
        Ok(Some(taken)) => taken,
        Ok(None) => return Ok((None, Vec::new())),
        Err(SnapError::Taken(error)) if worked => {
            return Ok((None, vec![format!("no snapshot: {error}")]));
        }
        // Its run has ended meanwhile, and its branch with it: the handoff will be refused as late.
        Err(SnapError::Store(StoreError::Moved { .. })) if ended(project, run)? => {
            return Ok((None, Vec::new()));
        }
        Err(error) => return Err(error.into()),
    };
    let mut findings = Vec::new();
    if !taken.skipped.is_empty() {
        let mut names: Vec<String> = taken
            .skipped
            .iter()
            .take(NAMED)
            .map(|skipped| format!("{} ({})", skipped.path, skipped.why))
            .collect();
        if taken.skipped.len() > NAMED {
            names.push(format!("and {} more", taken.skipped.len() - NAMED));
        }
        findings.push(format!("left out of the snapshot: {}", names.join(", ")));
    }
    let changes = diff(&project.repository, run.tip, taken.commit)?;
    if changes.iter().any(|change| change.path.is_inside(b"millrace-agents")) {
        findings.push("the stage changed files of millrace-agents/".to_owned());
    }
    findings.extend(undone(project, run, &changes)?);
    findings.extend(taken.moves);
    Ok((Some(taken.commit), findings))
}

/// That a stage put back what the user had changed and not committed when the run began: its snapshot has that as a
/// change of the stage's, and only the first one of the run still holds it.
fn undone(project: &Project, run: &Run, changes: &[Change]) -> Result<Option<String>, StoreError> {
    let Some(base) = run.base.filter(|_| !changes.is_empty()) else { return Ok(None) };
    let uncommitted: BTreeMap<_, _> = diff(&project.repository, base, run.start)?
        .into_iter()
        .map(|change| (change.path, (change.from, change.to)))
        .collect();
    let is_undone = |change: &&Change| {
        uncommitted.get(&change.path).is_some_and(|(from, to)| change.to == *from && change.from == *to)
    };
    let paths: Vec<String> = changes.iter().filter(is_undone).map(|change| change.path.to_string()).collect();
    Ok((!paths.is_empty()).then(|| {
        let mut names: Vec<&str> = paths.iter().take(NAMED).map(String::as_str).collect();
        if paths.len() > NAMED {
            names.push("and more");
        }
        format!(
            "the stage undid what was uncommitted before the run ({} paths: {}); the run's first snapshot, {}, holds it",
            paths.len(),
            names.join(", "),
            run.start.short()
        )
    }))
}

fn ended(project: &Project, run: &Run) -> Result<bool, StageError> {
    let trees = project.trees();
    Ok(project.view(&trees)?.run(&run.run)?.is_none())
}

fn redacted(judgement: Judgement, secrets: &Secrets) -> Judgement {
    let clean = |text: String| secrets.redacted(&text).0;
    match judgement {
        Judgement::Reported {
            result,
            class,
            summary,
            resume_stage,
            target_stage,
            artifacts,
            nothing_to_create,
            channel,
            notes,
        } => Judgement::Reported {
            result,
            class,
            summary: summary.map(clean),
            resume_stage,
            target_stage,
            artifacts: artifacts.into_iter().map(|name| secrets.redacted(&name).0).collect(),
            nothing_to_create: nothing_to_create.map(clean),
            channel,
            notes: notes.into_iter().map(|note| secrets.redacted(&note).0).collect(),
        },
        Judgement::Failed { class, detail } => Judgement::Failed { class, detail: clean(detail) },
        Judgement::Rejected { result, code, problems, summary } => Judgement::Rejected {
            result,
            code,
            problems: problems.into_iter().map(|problem| secrets.redacted(&problem).0).collect(),
            summary: summary.map(clean),
        },
        Judgement::Infrastructure { class, detail, retry_at } => {
            Judgement::Infrastructure { class, detail: clean(detail), retry_at }
        }
        Judgement::Interrupted { by } => Judgement::Interrupted { by },
    }
}

/// Keeps what a stage left that nobody waits for any more.
fn late(project: &Project, stage: &Stage) -> Result<(), StageError> {
    let folder = project.store.private_dir().join("late");
    let to = folder.join(stage.call.nonce.as_str());
    std::fs::create_dir_all(&folder)
        .and_then(|()| match std::fs::rename(&stage.call.inv_dir, &to) {
            Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => Ok(()),
            other => other,
        })
        .map_err(StageError::io(format!("keep the late result in {}", to.display())))
}
