//! The texts of errors that nothing from outside brings about, or nothing that a test can wait for: each group with its
//! reason. What can be brought about is in `errors` and `failures`.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use millrace::compile::{Assets, Request, compile};
use millrace::domain::ids::{Nonce, PlanId, RunId};
use millrace::domain::item::ItemRef;
use millrace::domain::oid::Oid;
use millrace::domain::place::TreePath;
use millrace::domain::slot::{Slot, Turn};
use millrace::domain::transition::apply::Misfit;
use millrace::domain::transition::input::Content;
use millrace::domain::transition::refusal::Refusal;
use millrace::format::config::parse;
use millrace::harness::adapter::{ArgvError, ScriptError};
use millrace::harness::result_file::BadReport;
use millrace::harness::supervisor::{LaunchError, ProbeError};
use millrace::ledger::store::StoreError;
use millrace::ledger::transact::TransactError;
use millrace::runtime::backups::Backup;
use millrace::runtime::daemon::RunError;
use millrace::runtime::going_back::GoingBackError;
use millrace::runtime::plans::PlanError;
use millrace::runtime::published::NotPublished;
use millrace::runtime::runner::RunnerError;
use millrace::runtime::sharing::adoption::NotAdopted;
use millrace::runtime::stage::StageError;
use millrace::runtime::uninstall::UninstallError;
use millrace::workspace::NoFollowError;
use millrace::workspace::changes::ChangesError;
use millrace::workspace::discover::DiscoverError;
use millrace::workspace::path::RepoPath;
use millrace::workspace::restore::RestoreError;
use millrace::workspace::snapshot::SnapshotError;
use millrace::workspace::snapshot_rules::BadPattern;

fn texts(errors: &[&dyn std::error::Error]) -> String {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

fn run() -> RunId {
    "20261122-0930-7f3a1c".parse().expect("a run")
}

fn plan() -> PlanId {
    "plan-standard_plain-1a2b3c4d5e6f".parse().expect("a plan")
}

fn item() -> ItemRef {
    "task/fix".parse().expect("an item")
}

fn broken() -> io::Error {
    io::Error::other("the disk is gone")
}

/// The runtime asks for what its own schedule says, under one lock: only another writer in between, or a defect, makes a
/// refusal of these.
#[test]
fn refusals_of_the_runtimes_own_moves() {
    insta::assert_snapshot!(texts(&[
        &Refusal::LedgerExists,
        &Refusal::NoLedger,
        &Refusal::TooManyDocuments { count: 1001, limit: 1000 },
        &Refusal::NoPlan,
        &Refusal::UnknownPlan { plan: plan() },
        &Refusal::NoEntry { item: item() },
        &Refusal::NotThere { item: item(), expected: Slot::Active },
        &Refusal::NoSuchItem { item: item() },
        &Refusal::RunExists { run: run() },
        &Refusal::NoSuchRun { run: run() },
        &Refusal::RunActive { run: run() },
        &Refusal::StageUnderWay { run: run(), launch: 3 },
        &Refusal::Cancelling { run: run() },
        &Refusal::LateResult { run: run() },
        &Refusal::TreeOwed { run: run() },
        &Refusal::NothingOwed { run: run() },
        &Refusal::Paused { cause: "budget".to_owned(), detail: "used up".to_owned(), until: None },
        &Refusal::NoEdge {
            stage: "builder".parse().expect("a stage"),
            result: "FIX_NEEDED".parse().expect("a result"),
        },
        &Refusal::BadName { name: "a/b".to_owned() },
    ]), @"
    there is a ledger already
    there is no ledger yet
    1001 documents in one call; at most 1000 are taken together
    no plan is selected: compile one first
    plan-standard_plain-1a2b3c4d5e6f is not in the ledger
    the selected plan has no entry stage for task/fix
    task/fix is not active
    there is no task/fix
    run 20261122-0930-7f3a1c exists already
    no run 20261122-0930-7f3a1c is active
    run 20261122-0930-7f3a1c is active in this work tree; one run at a time
    run 20261122-0930-7f3a1c has a stage under way (launch 3)
    run 20261122-0930-7f3a1c is being cancelled
    late result for run 20261122-0930-7f3a1c: its launch is no longer the current one
    the work tree still holds what run 20261122-0930-7f3a1c left behind
    the work tree owes nothing to run 20261122-0930-7f3a1c
    dispatch rests (budget): used up
    the plan has no edge for builder FIX_NEEDED
    `a/b` cannot be the name of a kept file
    ");
}

/// A command of control looks first which run and which session there is: only if that ends in between is it refused so.
#[test]
fn refusals_of_what_ended_while_somebody_asked() {
    insta::assert_snapshot!(texts(&[
        &Refusal::NotAJudgement { run: run(), item: item() },
        &Refusal::NoSuchSession { session: "0123456789abcdef0123456789abcdef".parse().expect("a session") },
    ]), @"
    run 20261122-0930-7f3a1c works on task/fix: cancel the item
    no daemon has session 0123456789abcdef0123456789abcdef
    ");
}

/// A record that holds such a text is a damaged one; the fault names the record, and this stands behind it.
#[test]
fn words_of_records_that_cannot_be_read() {
    insta::assert_snapshot!(texts(&[
        &"x".parse::<Oid>().expect_err("none"),
        &TreePath::new("a//b").expect_err("none"),
        &"5".parse::<Turn>().expect_err("none"),
        &"lost".parse::<Slot>().expect_err("none"),
        &Content::try_from("x".to_owned()).expect_err("none"),
        &Misfit::State("run 1 is not active".to_owned()),
    ]), @"
    `x` is not an object id: expected 40 or 64 lower-case hex digits
    `a//b` is not a path of the ledger's tree
    `5` is not a turn: expected `<priority>.<ten digits of arrival>`
    `lost` is not a state of an item
    `x` is not a payload: expected an object id, a space and a length in bytes
    the decision does not fit the state: run 1 is not active
    ");
}

/// Another writer would have to hold the lock for half a minute, or to move the ref without it; the rest are defects.
#[test]
fn a_ledger_that_somebody_else_writes() {
    let lock = PathBuf::from("/repo/.git/millrace/lock");
    insta::assert_snapshot!(texts(&[
        &StoreError::Moved { name: "refs/millrace/state".to_owned(), expected: None, found: None },
        &StoreError::Locked { lock, holder: "process 7".to_owned(), waited: Duration::from_secs(30) },
        &TransactError::Internal("a payload was not handed over".to_owned()),
    ]), @"
    refs/millrace/state moved: expected nothing, found nothing
    another process is writing the ledger (process 7); waited 30 s for /repo/.git/millrace/lock
    internal error: a payload was not handed over; please report it
    ");
}

/// The command line is checked with the configuration, the script by its harness, which says it on its own stderr.
#[test]
fn runners_that_the_configuration_does_not_let_through() {
    let path = PathBuf::from("/repo/script.yaml");
    insta::assert_snapshot!(texts(&[
        &ArgvError::Empty,
        &ScriptError::Unreadable { path, source: broken() },
        &RunnerError::Unknown { plan: plan(), runner: "mine".parse().expect("a runner") },
        &BadPattern { pattern: "[".to_owned(), detail: "not closed".to_owned() },
    ]), @"
    the command line of the runner is empty
    cannot read the script /repo/script.yaml: the disk is gone
    plan-standard_plain-1a2b3c4d5e6f names the runner `mine`, which its configuration does not have
    `[snapshot] exclude`: the pattern `[` cannot be read: not closed
    ");
}

/// A report that is refused is a judgement of the stage, which `runs show` tells; nothing ends with it.
#[test]
fn reports_that_are_refused() {
    let nonce: Nonce = "0123456789abcdef0123456789abcdef".parse().expect("a nonce");
    insta::assert_snapshot!(texts(&[
        &BadReport::NotUtf8,
        &BadReport::NotJson("at line 1".to_owned()),
        &BadReport::NotAnObject,
        &BadReport::Class("good".to_owned()),
        &BadReport::Nonce { found: "x".to_owned(), expected: nonce },
    ]), @"
    it is not UTF-8
    it is not JSON: at line 1
    it is not a JSON object
    `result_class` `good` does not exist: expected success, followup_needed, recoverable_failure, escalate_planning or blocked
    it carries the nonce `x`, and this invocation is `0123456789abcdef0123456789abcdef`
    ");
}

/// The machine would have to refuse a process, a signal handler or a file in the middle of a run.
#[test]
fn machines_that_refuse() {
    let inv_dir = || PathBuf::from("/repo/.git/millrace/inv/1");
    insta::assert_snapshot!(texts(&[
        &RunError::Start(broken()),
        &LaunchError::Refused { inv_dir: inv_dir(), reason: "no lock".to_owned() },
        &LaunchError::Vanished { inv_dir: inv_dir() },
        &ProbeError::Lock { path: inv_dir(), source: broken() },
        &NoFollowError::NotAFile(PathBuf::from("/repo/x")),
        &NoFollowError::Outside(PathBuf::from("../x")),
        &RestoreError::Moved(RepoPath::new("a")),
    ]), @"
    cannot start: the disk is gone
    the supervisor of /repo/.git/millrace/inv/1 did not start: no lock
    the supervisor of /repo/.git/millrace/inv/1 ended without an exit record
    cannot probe /repo/.git/millrace/inv/1: the disk is gone
    /repo/x is not a regular file (a symbolic link is not followed)
    `../x` is not a path inside the folder
    a changed while the work tree was being restored
    ");
}

/// Commands look whether the repository is bare, or another user's, before they come to these.
#[test]
fn repositories_that_are_refused_earlier_or_belong_to_others() {
    let repo = || "/repo".to_owned();
    insta::assert_snapshot!(texts(&[
        &StageError::Bare(PathBuf::from(repo())),
        &ChangesError::Bare(repo()),
        &SnapshotError::Bare(repo()),
        &DiscoverError::NotTrusted { path: PathBuf::from(repo()), detail: "owned by 7".to_owned() },
    ]), @"
    /repo is a bare repository: stages run in a work tree of it
    /repo is a bare repository: it has no work tree to compare with
    /repo is a bare repository: it has no work tree; run in a clone of it
    git does not trust the repository at /repo, which another user owns: owned by 7; if you trust it, add it to `safe.directory` in your git configuration
    ");
}

/// Printed line by line, with the plan that stands; as one text only in a log.
#[test]
fn a_compile_that_failed() {
    let (mode, config) =
        ("nope".parse().expect("a mode"), parse("", "millrace.toml").expect("a configuration"));
    let request = Request { mode: Some(&mode), config: &config, assets: &Assets::shipped() };
    let diagnostics = compile(&request).expect_err("no such mode");
    insta::assert_snapshot!(PlanError::Rejected { diagnostics, stands: None }, @"
    the plan does not compile:
    --mode: there is no mode `nope`; expected `standard_plain`
    ");
}

/// Somebody changes a file in the instant between its comparison and its replacement.
#[test]
fn a_way_back_that_fails_in_the_middle_says_where_everything_is() {
    let error = GoingBackError::OnTheWay {
        source: Box::new(RestoreError::Moved(RepoPath::new("src/a.rs"))),
        backup: Backup {
            name: "20261122-093000-restore".to_owned(),
            commit: "1".repeat(40).parse().expect("an id"),
        },
    };
    insta::assert_snapshot!(error, @"src/a.rs changed while the work tree was being restored; what was there is kept at refs/millrace/backup/20261122-093000-restore");
}

/// A remote that goes on from a stage which is under way here needs two runtimes that believe they are the one; the other
/// needs a ledger that vanished while a stage ran, or a folder of ours that cannot be written.
#[test]
fn ledgers_that_came_apart_while_a_stage_ran() {
    let oid = |digit: &str| digit.repeat(40).parse::<Oid>().expect("an id");
    insta::assert_snapshot!(texts(&[
        &NotAdopted::UnderWayHere {
            remote: "origin".to_owned(),
            run: run(),
            stage: "execution/builder".parse().expect("a stage"),
            since: "2026-11-22T09:30:00Z".parse().expect("a time"),
        },
        &NotAdopted::Lost { known: oid("1"), theirs: oid("2") },
        &NotPublished::Io { path: PathBuf::from("a"), source: broken() },
    ]), @"
    run 20261122-0930-7f3a1c has execution/builder under way here since 2026-11-22T09:30:00Z, and origin has gone on without it
    the ledger here is gone; it stood at 1111111111111111111111111111111111111111 when a stage began, and 2222222222222222222222222222222222222222 does not go on from there
    cannot use a: the disk is gone
    ");
}

/// git says that it wrote every ref into the bundle, and lists fewer: a defect of its own, or somebody who changed the file.
#[test]
fn bundles_that_lack_something() {
    insta::assert_snapshot!(texts(&[&UninstallError::BundleShort { path: "/r.bundle".into(), found: 1, expected: 2 }]), @"the bundle /r.bundle holds 1 of 2 refs; nothing was removed");
}
