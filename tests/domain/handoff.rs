//! Handoff: what it takes, what it leaves, and whose result counts.

use millrace::domain::plan::Ending;
use millrace::domain::slot::Slot;
use millrace::domain::transition::input::Input;
use millrace::domain::transition::refusal::Refusal;
use millrace::ledger::transact::{Payloads, read_commit};

use crate::support::consistent::files;
use crate::support::play::{Play, document, failure, interruption, item, report, snapshot, task};

fn launched() -> Play {
    let mut play = Play::new();
    play.add(&task("it"));
    play.claim("task/it");
    play
}

/// The machine's clock was put back by a day while the stage worked.
#[test]
fn m15_a_stage_that_ends_before_it_began_is_believed() {
    let mut play = launched();
    play.pass(-24 * 60);
    for (result, next) in [
        ("BUILDER_COMPLETE", "execution/checker"),
        ("CHECKER_PASS", "execution/updater"),
        ("UPDATE_COMPLETE", "done"),
    ] {
        assert_eq!(play.stage(report(result)).next, next);
    }
    play.end();
}

#[test]
fn a_whole_run_leaves_a_record_of_every_stage() {
    let mut play = launched();
    let run = play.run().run;
    for result in ["BUILDER_COMPLETE", "CHECKER_PASS", "UPDATE_COMPLETE"] {
        play.stage(report(result));
    }
    assert_eq!(play.slot("task/it"), Some(Slot::Done));
    assert_eq!(play.control().closed.tasks.done, 1);
    let end = play.run_record(&run).and_then(|record| record.end).expect("an end");
    assert_eq!((end.ending, end.launches, end.reason.as_str()), (Ending::Done, 3, "updater:UPDATE_COMPLETE"));
    assert_eq!(end.snapshot, snapshot(3));
    let tip = play.tip().expect("a tip");
    let root = read_commit(play.store(), tip).expect("a commit").tree;
    let paths: Vec<String> = files(play.store(), root)
        .into_iter()
        .filter_map(|(path, _)| path.strip_prefix("runs/2026-11-18/").map(str::to_owned))
        .collect();
    let expected: Vec<String> = [
        "01-builder/report.md",
        "01-builder/request.toml",
        "01-builder/result.toml",
        "02-checker/report.md",
        "02-checker/result.toml",
        "03-updater/report.md",
        "03-updater/result.toml",
        "run.toml",
    ]
    .iter()
    .map(|path| format!("{run}/{path}"))
    .collect();
    assert_eq!(paths, expected);
    play.end();
}

/// A stage that runs twice in a run leaves two reports, and none of another stage's is touched.
#[test]
fn f09_no_launch_overwrites_what_another_one_left() {
    let mut play = launched();
    let mut left = Vec::new();
    for result in ["BUILDER_COMPLETE", "FIX_NEEDED", "FIXER_COMPLETE", "FIX_NEEDED", "FIXER_COMPLETE"] {
        play.stage(report(result));
        let root = read_commit(play.store(), play.tip().expect("a tip")).expect("a commit").tree;
        let mut reports = files(play.store(), root);
        reports.retain(|(path, _)| path.ends_with("/report.md"));
        let added = reports.iter().filter(|report| !left.contains(*report)).count();
        assert_eq!((reports.len(), added), (left.len() + 1, 1), "{reports:?} after {left:?}");
        left = reports;
    }
    play.end();
}

#[test]
fn a_result_of_an_earlier_launch_is_late() {
    let mut play = launched();
    let first = play.handing(report("BUILDER_COMPLETE"));
    play.done(&Input::Handoff(Box::new(first.clone())));
    let late = Refusal::LateResult { run: first.run.clone() };
    assert_eq!(play.refused(&Input::Handoff(Box::new(first.clone()))), late, "nothing is under way");
    play.launch();
    assert_eq!(play.refused(&Input::Handoff(Box::new(first.clone()))), late, "another launch is");
    play.stage(report("CHECKER_PASS"));
    play.stage(report("UPDATE_COMPLETE"));
    assert_eq!(play.refused(&Input::Handoff(Box::new(first))), late, "the run has ended");
    play.end();
}

#[test]
fn a_result_with_a_foreign_nonce_is_late_and_of_an_unknown_run_is_named() {
    let mut play = launched();
    let mut handoff = play.handing(report("BUILDER_COMPLETE"));
    handoff.nonce = play.nonce();
    assert_eq!(
        play.refused(&Input::Handoff(Box::new(handoff.clone()))),
        Refusal::LateResult { run: handoff.run.clone() }
    );
    handoff.run = play.run_id();
    assert_eq!(
        play.refused(&Input::Handoff(Box::new(handoff.clone()))),
        Refusal::NoSuchRun { run: handoff.run }
    );
}

#[test]
fn work_moves_the_snapshot_and_a_missing_one_keeps_the_last() {
    let mut play = launched();
    play.stage(report("BUILDER_COMPLETE"));
    let run = play.run();
    assert_eq!((run.snapshot, run.tip), (snapshot(1), snapshot(1)));
    play.launch();
    let mut handoff = play.handing(failure("runner_timeout"));
    handoff.snapshot = None;
    play.done(&Input::Handoff(Box::new(handoff)));
    let run = play.run();
    assert_eq!((run.snapshot, run.tip), (snapshot(1), snapshot(1)));
    play.end();
}

#[test]
fn evidence_needs_a_name_that_can_be_placed() {
    let mut play = launched();
    for name in [
        "",
        "a/b",
        "../x",
        ".hidden",
        ".git",
        "result.toml",
        "a\nb",
        "a\\b",
        "git~1",
        "GITMOD~2",
        &"x".repeat(256),
    ] {
        let mut payloads = Payloads::default();
        let mut handoff = play.handing(report("BUILDER_COMPLETE"));
        handoff.evidence.extend([play.kept(name, "text", &mut payloads)]);
        let refusal = play.refused_with(&Input::Handoff(Box::new(handoff)), &payloads);
        assert_eq!(refusal, Refusal::BadName { name: name.to_owned() }, "{name:?}");
    }
    play.end();
}

#[test]
fn a_blocked_run_owes_the_tree_and_a_finished_one_does_not() {
    for (between, owes) in [("restore", true), ("wait", true), ("carry", false)] {
        let mut play = Play::with_config(&format!("[workspace]\nbetween_items = \"{between}\"\n"));
        play.add(&document("spec/it"));
        let run = play.claim("spec/it");
        for _ in 0..2 {
            play.stage(report("BLOCKED"));
            play.stage(report("MECHANIC_COMPLETE"));
        }
        assert_eq!(play.stage(report("BLOCKED")).next, "blocked");
        let owed = play.control().owed;
        assert_eq!(owed.is_some(), owes, "{between}");
        if let Some(owed) = owed {
            assert_eq!(
                (owed.run, owed.from, owed.to),
                (run, snapshot(5), snapshot(251)),
                "back before the run"
            );
        }
        play.end();
    }
    let mut play = Play::new();
    play.add(&task("it"));
    play.finish("task/it");
    assert_eq!(play.control().owed, None);
}

#[test]
fn a_run_that_changed_nothing_owes_nothing() {
    let mut play = launched();
    play.cancel("task/it");
    let mut handoff = play.handing(interruption());
    handoff.snapshot = None;
    play.done(&Input::Handoff(Box::new(handoff)));
    assert_eq!(play.control().owed, None);
    assert_eq!(play.state("task/it"), "archived");
    play.end();
}

#[test]
fn numbers_of_a_harness_that_no_record_can_hold_do_not_lose_the_result() {
    let mut play = launched();
    let mut handoff = play.handing(report("BUILDER_COMPLETE"));
    handoff.usage.input_uncached = Some(u64::MAX);
    play.done(&Input::Handoff(Box::new(handoff)));
    play.end();
}

#[test]
fn text_of_a_stage_is_kept_as_it_was_said() {
    for said in [
        "",
        "\r\n",
        "a\r\nb\rc\n",
        "\"\"\"",
        "'''",
        "\\",
        "\u{0}\u{1b}[31m\u{7f}\u{85}",
        "\n\nlast\n\n",
        "\u{feff}x",
        "a\tb ",
    ] {
        let mut play = launched();
        let mut judgement = report("BUILDER_COMPLETE");
        if let millrace::domain::result::Judgement::Reported { summary, notes, artifacts, .. } =
            &mut judgement
        {
            *summary = Some(said.to_owned());
            notes.push(said.to_owned());
            artifacts.push(said.to_owned());
        }
        let mut handoff = play.handing(judgement.clone());
        handoff.findings.push(said.to_owned());
        let transition = play.done(&Input::Handoff(Box::new(handoff)));
        assert_eq!(crate::support::play::result_of(&transition).judgement, judgement);
        play.end();
    }
}

#[test]
fn an_item_is_named_by_its_run() {
    let mut play = launched();
    let transition = play.hand(report("BUILDER_COMPLETE"));
    let subject = transition.subject.expect("a subject");
    assert_eq!((subject.item, subject.stage.to_string()), (item("task/it"), "execution/builder".to_owned()));
}
