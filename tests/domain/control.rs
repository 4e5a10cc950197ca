//! Genesis, plans, sessions, pauses and the work tree's debt.

use millrace::domain::control::{PauseCause, PauseKind};
use millrace::domain::ids::SessionId;
use millrace::domain::place;
use millrace::domain::transition::input::Input;
use millrace::domain::transition::refusal::Refusal;

use crate::support::play::{Play, genesis, operator_pause, task};

fn session(n: u8) -> SessionId {
    format!("{n:032x}").parse().expect("a session")
}

fn begin(n: u8) -> Input {
    Input::BeginSession { session: session(n), program: format!("millrace {n}") }
}

#[test]
fn nothing_comes_before_genesis_and_no_second_one_after() {
    let mut play = Play::empty();
    assert_eq!(play.refused(&begin(1)), Refusal::NoLedger);
    let (adding, payloads) = play.adding(&[task("a")]);
    assert_eq!(play.refused_with(&adding, &payloads), Refusal::NoLedger);
    play.done(&genesis());
    assert_eq!(play.refused(&genesis()), Refusal::LedgerExists);
    play.end();
}

#[test]
fn a_plan_is_frozen_once_and_selecting_it_again_changes_nothing() {
    let mut play = Play::new();
    let first = play.control().plan.expect("a plan");
    let (again, payloads) = play.compiling("");
    assert!(matches!(play.ask(&again, &payloads), Ok(outcome) if outcome.commit().is_none()));
    play.select("[limits]\nmax_interruptions = 2\n");
    assert_ne!(play.control().plan.as_ref(), Some(&first));
    // Back to the first: it is frozen already, only the selection moves.
    let transition = play.done_with(&again, &payloads);
    let kinds: Vec<&str> =
        transition.payloads.keys().map(millrace::domain::place::TreePath::as_str).collect();
    assert_eq!(kinds, ["plans/diagnostics.toml"]);
    assert_eq!(play.control().plan, Some(first));
    play.end();
}

/// Lesson F-46: an older plan that lacks the newer bounds still runs, and is not taken for what a compile gives today.
#[test]
fn f46_a_plan_that_lacks_a_bound_is_not_the_compiled_one() {
    let mut play = Play::new();
    let current = play.control().plan.expect("a plan");
    let record = play.view(|view| view.file(&place::plan(&current))).expect("readable").expect("a record");
    let text = String::from_utf8(record).expect("text");
    let newer = ["max_rejected_handoffs", "max_remediation_rounds", "max_open_roots"];
    let lacking: String = text
        .split_inclusive('\n')
        .filter(|line| !newer.iter().any(|bound| line.starts_with(bound)))
        .collect();
    assert_ne!(text, lacking);
    let (old, payloads) = play.freezing(
        "plan-standard_plain-000000000000",
        lacking.into_bytes(),
        Vec::new(),
        b"ok = true\n".to_vec(),
    );
    play.done_with(&old, &payloads);
    let (compiling, payloads) = play.compiling("");
    play.done_with(&compiling, &payloads);
    assert_eq!(play.control().plan, Some(current), "selected again");
    play.end();
}

#[test]
fn f11_a_failed_compile_leaves_the_selected_plan() {
    let mut play = Play::new();
    let before = play.control().plan;
    let mut payloads = millrace::ledger::transact::Payloads::default();
    let diagnostics = payloads.add(play.store(), b"errors = []\n".to_vec()).expect("a payload");
    play.done_with(&Input::CompileFailed { diagnostics }, &payloads);
    assert_eq!(play.control().plan, before);
    play.end();
}

#[test]
fn a_plan_whose_file_cannot_be_placed_is_refused() {
    let mut play = Play::new();
    for path in ["../up", "/root", "a//b", ".git/config", "a/.hidden", ""] {
        let files = vec![(path.to_owned(), Vec::new())];
        let (input, payloads) = play.freezing("plan-x-0123456789ab", b"x".to_vec(), files, Vec::new());
        assert_eq!(play.refused_with(&input, &payloads), Refusal::BadName { name: path.to_owned() });
    }
}

#[test]
fn f12_running_work_keeps_its_plan() {
    let mut play = Play::new();
    play.add_all(&[task("a"), task("b")]);
    play.claim("task/a");
    let first = play.run().plan;
    play.select("[limits]\nmax_interruptions = 2\n");
    assert_eq!(play.run().plan, first);
    let transition = play.hand(crate::support::play::report("BUILDER_COMPLETE"));
    assert_eq!(transition.subject.map(|subject| subject.plan), Some(first.clone()));
    play.cancel("task/a");
    play.settle_if_owed();
    play.claim("task/b");
    assert_ne!(play.run().plan, first);
    play.end();
}

#[test]
fn a_session_ends_those_that_died_without_a_word() {
    let mut play = Play::new();
    play.done(&begin(1));
    let transition = play.done(&begin(2));
    assert_eq!(transition.decision.notes, [format!("session {} ended without a word", session(1))]);
    let sessions: Vec<SessionId> = play.control().sessions.into_iter().map(|it| it.session).collect();
    assert_eq!(sessions, [session(2)]);
    let end = |n| Input::EndSession { session: session(n), reason: "asked".to_owned() };
    play.unchanged(&end(1));
    play.done(&end(2));
    play.unchanged(&end(2));
    assert_eq!(play.control().sessions, []);
    play.end();
}

#[test]
fn pauses_are_a_set_by_cause() {
    let mut play = Play::new();
    let operator = operator_pause("lunch", play.now);
    play.done(&Input::Pause(operator.clone()));
    play.unchanged(&Input::Pause(operator.clone()));
    let budget = PauseCause { kind: PauseKind::Budget, detail: "spent".to_owned(), ..operator.clone() };
    let one = PauseKind::Harness { runner: "one".parse().expect("a runner") };
    play.done(&Input::Pause(PauseCause { kind: one, ..operator.clone() }));
    play.done(&Input::Pause(budget));
    play.done(&Input::Pause(PauseCause { detail: "dinner".to_owned(), ..operator }));
    let shown = |play: &Play| -> Vec<String> {
        play.control().pauses.iter().map(|cause| format!("{}={}", cause.kind.key(), cause.detail)).collect()
    };
    assert_eq!(shown(&play), ["budget=spent", "harness:one=lunch", "operator=dinner"]);
    let resume = |cause: &str| Input::Resume { cause: cause.to_owned(), owner: None };
    play.unchanged(&resume("harness:two"));
    play.done(&resume("harness:one"));
    play.done(&resume("budget"));
    assert_eq!(shown(&play), ["operator=dinner"]);
    play.done(&resume("operator"));
    play.unchanged(&resume("operator"));
    play.end();
}

/// Lesson F-14: a cause is of a kind and of an owner; who resumes removes their own.
#[test]
fn f14_each_owner_has_a_cause_of_their_own() {
    let mut play = Play::new();
    let mine = operator_pause("lunch", play.now);
    let theirs = PauseCause { owner: "ops".to_owned(), detail: "deploy".to_owned(), ..mine.clone() };
    play.done(&Input::Pause(mine));
    play.done(&Input::Pause(theirs.clone()));
    play.unchanged(&Input::Pause(theirs));
    let shown = |play: &Play| -> Vec<String> {
        play.control().pauses.iter().map(|cause| format!("{}: {}", cause.owner, cause.detail)).collect()
    };
    assert_eq!(shown(&play), ["operator: lunch", "ops: deploy"]);
    let resume = |owner: &str| Input::Resume { cause: "operator".to_owned(), owner: Some(owner.to_owned()) };
    play.unchanged(&resume("nobody"));
    play.done(&resume("ops"));
    play.unchanged(&resume("ops"));
    assert_eq!(shown(&play), ["operator: lunch"]);
    play.done(&resume("operator"));
    play.end();
}

/// Lesson F-14, the other way round: that a harness works again lifts what the runtime set, and no operator's cause.
#[test]
fn f14_a_harness_that_works_lifts_no_operators_cause() {
    use crate::support::play::{outage, report};
    let mut play = Play::new();
    play.add(&task("a"));
    play.claim("task/a");
    let runner = PauseKind::Harness { runner: "codex_cli".parse().expect("a runner") };
    let mine = PauseCause { kind: runner, ..operator_pause("it is too dear", play.now) };
    play.done(&Input::Pause(mine));
    play.hand(outage(millrace::domain::result::InfrastructureClass::Network));
    play.settle_if_owed();
    let causes: Vec<(String, u32)> =
        play.control().pauses.into_iter().map(|cause| (cause.owner, cause.times)).collect();
    assert_eq!(
        causes,
        [("operator".to_owned(), 1), ("runtime".to_owned(), 1)],
        "two causes, each counted by itself"
    );
    play.done(&Input::Resume { cause: "harness:codex_cli".to_owned(), owner: Some("operator".to_owned()) });
    play.pass(6);
    play.launch();
    let mine =
        PauseCause { kind: play.control().pauses[0].kind.clone(), ..operator_pause("again", play.now) };
    play.done(&Input::Pause(mine));
    play.hand(report("BUILDER_COMPLETE"));
    let owners: Vec<String> = play.control().pauses.into_iter().map(|cause| cause.owner).collect();
    assert_eq!(owners, ["operator"]);
    play.end();
}

#[test]
fn every_kind_of_pause_has_a_word_of_its_own_and_round_trips() {
    let mut play = Play::new();
    let kinds = [
        PauseKind::Operator,
        PauseKind::Budget,
        PauseKind::Harness { runner: "x".parse().expect("a runner") },
        PauseKind::Integrity,
        PauseKind::Approval,
        PauseKind::Upgrade,
        PauseKind::UnprovedWriter,
    ];
    for kind in kinds.clone() {
        let cause = PauseCause { kind, until: Some(play.now), ..operator_pause("why\nreally", play.now) };
        play.done(&Input::Pause(cause));
    }
    assert_eq!(play.control().pauses.len(), kinds.len());
    for kind in kinds {
        play.done(&Input::Resume { cause: kind.key(), owner: None });
    }
    play.end();
}

#[test]
fn only_the_run_that_owes_can_settle() {
    let mut play = Play::new();
    play.add(&task("a"));
    let run = play.claim("task/a");
    let settled = |run| Input::TreeSettled { run, paths: 0, snapshot: None };
    assert_eq!(play.refused(&settled(run.clone())), Refusal::NothingOwed { run: run.clone() });
    play.hand(crate::support::play::interruption());
    let other = play.run_id();
    assert_eq!(play.refused(&settled(other.clone())), Refusal::NothingOwed { run: other });
    play.done(&settled(run.clone()));
    assert_eq!(play.refused(&settled(run.clone())), Refusal::NothingOwed { run });
    play.end();
}
