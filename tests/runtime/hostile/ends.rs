//! How a hostile stage ends, or does not.

use std::process::{Child, Command, Stdio};

use super::stage::Hostile;
use crate::runtime::site::text;

fn failed(class: &str) -> (String, String) {
    ("failed".to_owned(), class.to_owned())
}

fn complete() -> (String, String) {
    ("reported".to_owned(), "BUILDER_COMPLETE".to_owned())
}

/// A process of the test's.
struct Survivor(Child);

impl Survivor {
    fn start() -> Self {
        let mut command = Command::new("sleep");
        command.arg("600").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().expect("a process"))
    }
}

impl Drop for Survivor {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn it_hangs_in_silence_and_does_not_hear_term() {
    let mut hostile = Hostile::new("hang_silent", "silence_seconds = 1\n");
    hostile.fails();
    assert_eq!(hostile.judged(), failed("runner_timeout"));
    hostile.is_over();
    hostile.repository_is_untouched();
}

#[test]
fn it_hangs_and_talks() {
    let mut hostile =
        Hostile::new("hang_chatty", "silence_seconds = 60\n[stages.builder]\ntimeout_seconds = 2\n");
    hostile.fails();
    assert_eq!(hostile.judged(), failed("runner_timeout"));
    hostile.is_over();
    hostile.repository_is_untouched();
}

/// Lesson M-12: what a stage starts outlives it otherwise.
#[test]
fn m12_it_leaves_daemons_that_cut_every_tie() {
    let mut hostile = Hostile::new("daemons", "");
    hostile.stage();
    assert_eq!(hostile.judged(), complete());
    hostile.is_over();
    let findings = hostile.findings().join("\n");
    assert!(findings.contains(" processes were left behind and were ended"), "{findings}");
    assert_eq!(hostile.site.repo.read("made.txt"), "made\n");
    hostile.repository_is_untouched();
}

#[test]
fn it_does_nothing_and_says_that_it_went_well() {
    let mut hostile = Hostile::new("nothing_done", "");
    hostile.fails();
    assert_eq!(hostile.judged(), failed("missing_terminal_result"));
    hostile.is_over();
    hostile.repository_is_untouched();
}

#[test]
fn it_does_good_work_and_fails() {
    let mut hostile = Hostile::new("fails_with_good_work", "");
    hostile.fails();
    assert_eq!(hostile.judged(), failed("runner_transport_failure"));
    // What it did is on the run branch.
    let branch = hostile.site.run_branch();
    assert_eq!(hostile.site.repo.git(&["show", &format!("{branch}:made.txt")]), "made");
    hostile.is_over();
    hostile.repository_is_untouched();
}

#[test]
fn it_dies_of_a_fault() {
    let mut hostile = Hostile::new("segv", "");
    hostile.fails();
    assert_eq!(hostile.judged(), failed("runner_transport_failure"));
    let why = hostile.site.result("01-builder")["judgement"]["detail"].to_string();
    assert!(why.contains("signal 11"), "{why}");
    hostile.is_over();
    hostile.repository_is_untouched();
}

#[test]
fn it_forges_a_result_of_another_launch() {
    let mut hostile = Hostile::new("forges_nonce", "");
    hostile.fails();
    assert_eq!(hostile.judged(), failed("runner_transport_failure"));
    hostile.is_over();
    hostile.repository_is_untouched();
}

#[test]
fn it_deletes_its_run_directory() {
    let mut hostile = Hostile::new("deletes_run_dir", "");
    hostile.stage();
    assert_eq!(hostile.judged(), complete());
    hostile.is_over();
    hostile.repository_is_untouched();
}

/// Lesson F-53: the second attempt begins when nothing of the first one lives, though that one has neither parent nor
/// session nor environment.
#[test]
fn f53_it_kills_its_supervisor() {
    let mut hostile = Hostile::new("kills_parent", "");
    hostile.stage();
    assert_eq!(hostile.judged(), ("interrupted".to_owned(), "unknown".to_owned()));
    let launches = std::fs::read_to_string(hostile.site.sign("launches")).expect("launches");
    assert_eq!(launches.lines().count(), 2, "it runs again");
    hostile.is_over();
    assert!(!hostile.site.repo.path().join("half.txt").exists());
    hostile.repository_is_untouched();
}

/// The runtime is the parent of what a killed supervisor leaves: that is found without control group and note as well.
#[test]
fn f53_it_kills_its_supervisor_and_takes_its_note_away() {
    let mut hostile = Hostile::new("kills_parent_without_trace", "");
    hostile.stage();
    assert_eq!(hostile.judged(), ("interrupted".to_owned(), "unknown".to_owned()));
    hostile.is_over();
    hostile.repository_is_untouched();
}

/// Lesson F-54: nothing starts, and nothing is read, beside a process that could not be ended. Here it is one of the
/// test's that a record names.
#[test]
fn f54_what_cannot_be_ended_is_named_and_waited_for() {
    let mut hostile = Hostile::new("leaves_a_survivor", "");
    let survivor = Survivor::start();
    std::fs::write(hostile.site.sign("survivor"), survivor.0.id().to_string()).expect("a sign");
    let named = format!("still there after its stage: process {} (sleep 600) in /somewhere", survivor.0.id());
    let tip = |hostile: &Hostile| hostile.site.repo.git(&["rev-parse", "refs/millrace/state"]);
    let (answer, _, said) = hostile.once();
    let before = tip(&hostile);
    assert_eq!(answer["cause"], "unproved_writer", "{answer:#}{said}");
    assert_eq!(answer["detail"], named.as_str(), "{answer:#}");
    // Another look, another runtime: the same, and the ledger stands still.
    let (answer, ..) = hostile.once();
    assert_eq!(answer["detail"], named.as_str(), "{answer:#}");
    let status = hostile.site.json(&["status"]);
    assert_eq!(status["next"]["action"], "wait", "{status:#}");
    assert_eq!(status["next"]["detail"], format!("unproved_writer: {named}"));
    assert!(
        text(&hostile.site.run(&["status"]).stdout).contains("unproved_writer: still there after its stage")
    );
    assert_eq!(tip(&hostile), before);
    assert_eq!(hostile.site.story(), ["launch: one builder (launch 1, claimed)"]);

    drop(survivor);
    hostile.once();
    assert_eq!(hostile.judged(), complete());
    hostile.is_over();
    hostile.repository_is_untouched();
}
