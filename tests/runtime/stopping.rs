//! Ends that somebody asks for: of the runtime by signals, of an item by `queue cancel`; and who may run beside whom.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use millrace::domain::transition::input::Input;
use rustix::process::Signal;

use super::site::{STRAIGHT, STUCK, Site, lives, text, wait_until};
use crate::support::repo::TestRepo;

/// A builder that waits for a sign.
const AT_A_SIGN: &str = r#"
stages:
  builder:
    - - write: {path: made.txt, content: "made\n"}
      - run: {argv: [sh, -c, 'touch @/started; until [ -e @/go ]; do sleep 0.05; done']}
      - result: {terminal_result: BUILDER_COMPLETE}
  checker: [[{result: {terminal_result: CHECKER_PASS}}]]
  updater: [[{result: {terminal_result: UPDATE_COMPLETE}}]]
"#;

#[test]
fn a_first_term_lets_the_stage_finish() {
    let site = Site::scripted(AT_A_SIGN);
    site.add("one");
    let mut daemon = site.daemon(&[]);
    site.await_sign("started");
    daemon.signal(Signal::TERM);
    std::thread::sleep(Duration::from_millis(500));
    assert!(daemon.runs());
    site.give("go");
    let (status, out, err) = daemon.ended();
    assert!(status.success(), "{err}");
    assert!(out.contains("ended: signal, 1 stage,"), "{out}");
    assert_eq!(
        site.story(),
        ["launch: one builder (launch 1, claimed)", "handoff: one builder -> checker (BUILDER_COMPLETE)"]
    );
    assert_eq!(site.state_of("one"), "active");
    assert_eq!(site.work()["reason"], "idle");
    assert_eq!(site.story().len(), 6, "{:#?}", site.story());
    assert_eq!(site.state_of("one"), "done");
    site.sound();
}

#[test]
fn a_second_term_ends_the_stage_which_is_no_interruption_that_counts() {
    let site = Site::with(TestRepo::with_commit(), "[limits]\nmax_interruptions = 1\n", STUCK);
    site.add("one");
    let daemon = site.daemon(&[]);
    let stage = site.pid("stage");
    daemon.signal(Signal::TERM);
    std::thread::sleep(Duration::from_millis(300));
    daemon.signal(Signal::TERM);
    let (status, out, err) = daemon.ended();
    assert!(status.success(), "{err}");
    assert!(out.contains("ended: signal"), "{out}");
    assert!(!lives(stage));
    assert_eq!(site.story()[1], "interrupt: one builder runs again (interrupted)");
    let run = site.show(&site.path("active/", ".toml"));
    assert!(run.contains("spent = 0") && !run.contains("interruptions"), "{run}");

    assert_eq!(site.work()["reason"], "idle");
    assert_eq!(site.state_of("one"), "done");
    assert!(!site.repo.path().join("half.txt").exists());
    assert_eq!(
        site.snapshots(&site.run_branch())[..3],
        ["start: one", "builder: interrupted", "builder: BUILDER_COMPLETE"]
    );
    site.sound();
}

/// A builder that leaves the same half work each time it is stopped; its third attempt ends.
const STUCK_TWICE: &str = r#"
stages:
  builder:
    - - write: {path: half.txt, content: "half\n"}
      - run: {argv: [sh, -c, 'echo $$ > @/first; exec sleep 600']}
    - - write: {path: half.txt, content: "half\n"}
      - run: {argv: [sh, -c, 'echo $$ > @/second; exec sleep 600']}
    - - write: {path: made.txt, content: "made\n"}
      - result: {terminal_result: BUILDER_COMPLETE}
  checker: [[{result: {terminal_result: CHECKER_PASS}}]]
  updater: [[{result: {terminal_result: UPDATE_COMPLETE}}]]
"#;

#[test]
fn what_a_stage_leaves_goes_back_also_where_the_attempt_before_left_the_same() {
    let site = Site::scripted(STUCK_TWICE);
    site.add("one");
    for sign in ["first", "second"] {
        let daemon = site.daemon(&[]);
        site.pid(sign);
        stop(&site, true);
        let (status, _, err) = daemon.ended();
        assert!(status.success(), "{err}");
    }
    assert_eq!(site.work()["reason"], "idle");
    assert_eq!(site.state_of("one"), "done");
    assert!(
        !site.repo.path().join("half.txt").exists(),
        "the third attempt began with the second one's work"
    );
    let went_back: Vec<String> = site.lines("tree: ");
    assert_eq!(went_back.len(), 2, "{went_back:#?}");
    site.sound();
}

/// Asks the daemon that lives to end.
fn stop(site: &Site, now: bool) {
    let reason = "the machine is needed".to_owned();
    site.ask(&Input::Stop { session: site.session(), now, reason });
}

/// How long a command to a daemon may take: a second, and what this machine takes for a process.
const SOON: Duration = Duration::from_secs(5);

#[test]
fn m02_a_daemon_that_is_asked_to_stop_drains_says_so_and_the_next_one_goes_on() {
    let site = Site::scripted(AT_A_SIGN);
    site.add("one");
    let mut daemon = site.daemon(&[]);
    site.await_sign("started");
    stop(&site, false);
    std::thread::sleep(Duration::from_millis(500));
    assert!(daemon.runs());
    site.give("go");
    let (status, out, err) = daemon.ended();
    assert!(status.success(), "{err}");
    assert!(out.contains("asked to stop: the machine is needed\nended: stop, 1 stage,"), "{out}");
    assert_eq!(site.state_of("one"), "active");
    assert_eq!(site.work()["reason"], "idle");
    assert_eq!(site.state_of("one"), "done");
    let said = site.repo.git(&["log", "--format=%s%n%b", "--grep=^session: ", "refs/millrace/state"]);
    assert!(said.contains("stop"), "{said}");

    // One that has nothing to do ends at once.
    let daemon = site.daemon(&[]);
    wait_until("a session", || site.show("control.toml").contains("[[sessions]]"));
    let asked = Instant::now();
    stop(&site, false);
    let (_, out, _) = daemon.ended();
    assert!(out.contains("ended: stop, 0 stages,"), "{out}");
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    site.sound();
}

#[test]
fn a_stop_now_ends_the_stage_which_runs_again_and_does_not_count() {
    let site = Site::with(TestRepo::with_commit(), "[limits]\nmax_interruptions = 1\n", STUCK);
    site.add("one");
    let daemon = site.daemon(&[]);
    let stage = site.pid("stage");
    stop(&site, false);
    stop(&site, true);
    let (status, out, err) = daemon.ended();
    assert!(status.success(), "{err}");
    assert!(out.contains("ended: stop, 1 stage,"), "{out}");
    assert!(!lives(stage));
    assert_eq!(site.lines("interrupt: "), ["interrupt: one builder runs again (interrupted)"]);
    assert_eq!(site.work()["reason"], "idle");
    assert_eq!(site.state_of("one"), "done");
    assert!(!site.repo.path().join("half.txt").exists());
    site.sound();
}

#[test]
fn a_queued_item_that_is_cancelled_is_archived_and_never_runs() {
    let site = Site::scripted(STRAIGHT);
    site.add("one");
    site.add("two");
    site.ok(&["queue", "cancel", "one", "--reason", "no longer wanted"]);
    assert_eq!(site.state_of("one"), "archived");
    assert_eq!(site.work()["stages"], 3);
    assert_eq!((site.state_of("one").as_str(), site.state_of("two").as_str()), ("archived", "done"));
    assert!(!site.story().iter().any(|line| line.contains("one builder")));
    site.sound();
}

#[test]
fn an_item_that_is_cancelled_between_two_stages_ends_at_once_and_the_tree_goes_back() {
    let site = Site::scripted(STRAIGHT);
    site.add("one");
    site.ok(&["run", "once"]);
    assert!(site.repo.path().join("made.txt").exists());
    site.ok(&["queue", "cancel", "task/one"]);
    assert_eq!(site.state_of("one"), "archived");
    let answer = site.work();
    assert_eq!((answer["reason"].as_str(), answer["stages"].as_u64()), (Some("idle"), Some(0)), "{answer}");
    assert!(!site.repo.path().join("made.txt").exists());
    assert_eq!(site.snapshots(&site.run_branch()), ["start: one", "builder: BUILDER_COMPLETE"]);
    site.sound();
}

#[test]
fn a_running_item_that_is_cancelled_is_stopped_within_seconds_and_the_next_one_runs() {
    let site = Site::scripted(STUCK);
    site.add("one");
    let mut daemon = site.daemon(&[]);
    let stage = site.pid("stage");
    let asked = Instant::now();
    site.ok(&["queue", "cancel", "one", "--reason", "a better idea"]);
    wait_until("the end of the stage", || !lives(stage));
    let took = asked.elapsed();
    assert!(took < Duration::from_secs(8), "{took:?}");
    wait_until("the end of the run", || site.state_of("one") == "archived");
    site.script(STRAIGHT);
    site.add("two");
    wait_until("the next item", || site.state_of("two") == "done");
    assert!(daemon.runs());
    daemon.signal(Signal::INT);
    assert!(daemon.ended().0.success());
    assert!(!site.repo.path().join("half.txt").exists());
    let story = site.story();
    assert_eq!(story[1], "cancel: one (a better idea)");
    assert_eq!(story[2], "interrupt: one builder -> cancelled (a better idea)");
    site.sound();
}

#[test]
fn a_cancel_while_no_runtime_lives_is_carried_out_by_the_next_one() {
    let site = Site::scripted(STUCK);
    site.add("one");
    let daemon = site.daemon(&[]);
    let stage = site.pid("stage");
    daemon.kill();
    let said = site.ok(&["queue", "cancel", "one"]);
    assert!(said.contains("no runtime lives, so it ends when one takes it up"), "{said}");
    assert_eq!(site.state_of("one"), "active");
    let answer = site.work();
    assert_eq!((answer["reason"].as_str(), answer["stages"].as_u64()), (Some("idle"), Some(0)), "{answer}");
    assert!(!lives(stage));
    assert_eq!(site.state_of("one"), "archived");
    assert!(!site.repo.path().join("half.txt").exists());
    site.sound();
}

#[test]
fn f45_one_runtime_at_a_time_and_it_is_said_which() {
    let site = Site::scripted(AT_A_SIGN);
    site.add("one");
    let daemon = site.daemon(&["--until-idle"]);
    site.await_sign("started");
    for args in [&["run", "daemon"][..], &["run", "once"]] {
        let output = site.run(args);
        assert_eq!(output.status.code(), Some(4), "{args:?}");
        let said = text(&output.stderr);
        assert!(said.contains("another runtime works in this repository (millrace "), "{said}");
        assert!(said.contains("process "), "{said}");
    }
    let status = site.json(&["status"]);
    assert!(status["runtime"].as_str().is_some_and(|who| who.contains("process ")), "{status:#}");
    assert_eq!(status["runs"][0]["attended"], true);
    assert_eq!(status["next"]["action"], "handoff");
    // F-45: whoever clears up asks the kernel first, and takes nothing from one that lives.
    let tip = || site.repo.git(&["rev-parse", "refs/millrace/state"]);
    let before = tip();
    let cleared = site.json(&["clear-stale-state"]);
    assert_eq!((&cleared["applied"], tip()), (&false.into(), before), "{cleared:#}");
    site.give("go");
    assert!(daemon.ended().0.success());
    assert_eq!(site.state_of("one"), "done");
}

/// F-44: a daemon that cannot go on says so last, and the ledger says how it ended.
#[test]
fn f44_a_daemon_that_ends_in_an_error_has_a_last_word() {
    let site = Site::scripted(STRAIGHT);
    site.add("one");
    // Nothing can be launched where this is no folder.
    std::fs::write(site.private().join("inv"), "in the way").expect("a file");
    let (status, out, err) = site.daemon(&["--until-idle"]).ended();
    assert!(!status.success(), "{out}{err}");
    let last = err.lines().last().unwrap_or_default();
    assert!(err.contains("millrace: ") && !last.is_empty(), "{err}");
    let ends = site.repo.git(&["log", "-1", "--format=%B", "refs/millrace/state"]);
    assert!(ends.starts_with("session: ") && ends.contains("error: "), "{ends}");
    // What is in the way goes, and so does the work on.
    std::fs::remove_file(site.private().join("inv")).expect("a file");
    assert_eq!(site.work()["reason"], "idle");
    assert_eq!(site.state_of("one"), "done");
    site.sound();
}

#[test]
fn looking_at_the_status_does_not_keep_a_daemon_from_starting() {
    let site = Site::scripted(STRAIGHT);
    site.ok(&["run", "daemon", "--until-idle"]);
    let done = AtomicBool::new(false);
    let look = |command: &mut Command| {
        while !done.load(Ordering::Relaxed) {
            let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
            assert!(status.expect("millrace runs").success());
        }
    };
    std::thread::scope(|scope| {
        let lookers: Vec<_> = (0..2).map(|_| scope.spawn(|| look(&mut site.millrace(&["status"])))).collect();
        let outputs: Vec<_> = (0..5).map(|_| site.run(&["run", "daemon", "--until-idle"])).collect();
        done.store(true, Ordering::Relaxed);
        for looker in lookers {
            looker.join().expect("status works");
        }
        for output in outputs {
            assert!(output.status.success(), "{}", text(&output.stderr));
        }
    });
}
