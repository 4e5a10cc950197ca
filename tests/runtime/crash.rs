//! A runtime, or a part of it, that dies at a bad moment: a plain restart goes on, and finished work is not done again.

use rustix::process::{Pid, Signal, kill_process};

use super::site::{STRAIGHT, Site, lives, wait_until};
use crate::support::repo::TestRepo;

/// A builder that at its first attempt edits, starts a process in a session of its own, and does not end; at its
/// second attempt it looks whether anything of the first one lives, and does its work.
const STUCK: &str = r#"
stages:
  builder:
    - - write: {path: half.txt, content: "half\n"}
      - replace: {path: README.md, from: project, to: mess}
      - run: {argv: [sh, -c, 'setsid sleep 600 & echo $! > @/grandchild; echo $$ > @/stage; exec sleep 600']}
    - - run: {argv: [sh, -c, 'for p in $(cat @/grandchild @/stage); do grep -qs "^State:.[^ZX]" /proc/$p/status && exit; done; touch @/alone'], expect: 0}
      - write: {path: made.txt, content: "made\n"}
      - result: {terminal_result: BUILDER_COMPLETE}
  checker: [[{result: {terminal_result: CHECKER_PASS}}]]
  updater: [[{result: {terminal_result: UPDATE_COMPLETE}}]]
"#;

/// A builder that waits for a sign before it ends well, and counts how often it ran.
const AT_A_SIGN: &str = r#"
stages:
  builder:
    - - write: {path: made.txt, content: "made\n"}
      - run: {argv: [sh, -c, 'echo ran >> @/count; touch @/started; until [ -e @/go ]; do sleep 0.05; done']}
      - result: {terminal_result: BUILDER_COMPLETE}
  checker: [[{result: {terminal_result: CHECKER_PASS}}]]
  updater: [[{result: {terminal_result: UPDATE_COMPLETE}}]]
"#;

/// The story of a task whose builder was interrupted once.
fn interrupted_once(site: &Site) {
    let story = site.story();
    let back = &story[2];
    assert!(back.starts_with("tree: 2 paths of run ") && back.ends_with(" went back"), "{story:#?}");
    assert_eq!(
        [&story[..2], &story[3..]].concat(),
        [
            "launch: one builder (launch 1, claimed)",
            "interrupt: one builder runs again (interrupted)",
            "launch: one builder (launch 2)",
            "handoff: one builder -> checker (BUILDER_COMPLETE)",
            "launch: one checker (launch 3)",
            "handoff: one checker -> updater (CHECKER_PASS)",
            "launch: one updater (launch 4)",
            "handoff: one updater -> done (UPDATE_COMPLETE)",
        ]
    );
    let branch = site.run_branch();
    assert_eq!(
        site.snapshots(&branch),
        [
            "start: one",
            "builder: interrupted",
            "builder: BUILDER_COMPLETE",
            "checker: CHECKER_PASS",
            "updater: UPDATE_COMPLETE",
        ]
    );
    // What the interrupted stage left is on the branch, and nowhere else.
    assert_eq!(site.repo.git(&["show", &format!("{branch}^~3:half.txt")]), "half");
    let names = site.repo.git(&["ls-tree", "-r", "--name-only", &branch]);
    assert!(names.contains("made.txt") && !names.contains("half.txt"), "{names}");
    assert!(!site.repo.path().join("half.txt").exists());
    assert_eq!(site.repo.read("README.md"), "# A project\n");
    assert_eq!(site.state_of("one"), "done");
    assert!(site.sign("alone").exists(), "the second attempt was not alone");
    site.sound();
}

/// Uninterrupted: each stage ran once.
fn straight(site: &Site) {
    let branch = site.run_branch();
    assert_eq!(
        site.snapshots(&branch),
        ["start: one", "builder: BUILDER_COMPLETE", "checker: CHECKER_PASS", "updater: UPDATE_COMPLETE"]
    );
    assert_eq!(site.story().len(), 6, "{:#?}", site.story());
    assert_eq!(site.state_of("one"), "done");
    site.sound();
}

/// A daemon whose builder is stuck: the daemon, the stage, and the process that the stage started.
fn stuck(site: &Site) -> (super::site::Daemon, Pid, Pid) {
    site.add("one");
    let daemon = site.daemon(&["--until-idle"]);
    let (grandchild, stage) = (site.pid("grandchild"), site.pid("stage"));
    (daemon, grandchild, stage)
}

fn parent(pid: Pid) -> Pid {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).expect("it lives");
    let after = stat.rsplit(')').next().expect("fields");
    let parent = after.split_whitespace().nth(1).and_then(|field| field.parse().ok());
    parent.and_then(Pid::from_raw).expect("a parent")
}

/// The supervisor above a stage: stage, embedded harness, supervisor.
fn supervisor(stage: Pid) -> Pid {
    parent(parent(stage))
}

#[test]
fn m01_m12_a_killed_daemon_takes_its_stage_along_and_a_restart_repeats_that_stage_only() {
    let site = Site::scripted(STUCK);
    let (daemon, grandchild, stage) = stuck(&site);
    daemon.kill();
    wait_until("the end of the stage", || !lives(stage) && !lives(grandchild));

    // M-02, M-19: the item is left, nobody works on it, and that is said.
    let status = site.json(&["status"]);
    assert_eq!(status["runtime"], serde_json::Value::Null, "{status:#}");
    assert_eq!(status["unattended"], true);
    assert_eq!(status["runs"][0]["attended"], false);
    assert_eq!(status["runs"][0]["launch"], 1);
    assert_eq!(status["next"]["action"], "adopt");

    assert_eq!(site.work()["reason"], "idle");
    interrupted_once(&site);
}

#[test]
fn f53_f54_what_a_killed_supervisor_left_is_ended_before_its_stage_runs_again() {
    let site = Site::scripted(STUCK);
    let (daemon, grandchild, stage) = stuck(&site);
    let supervisor = supervisor(stage);
    // Held still, so that it does not end the stage when it misses its daemon.
    kill_process(supervisor, Signal::STOP).expect("it lives");
    daemon.kill();
    kill_process(supervisor, Signal::KILL).expect("it lives");
    wait_until("the end of the supervisor", || !lives(supervisor));
    assert!(lives(grandchild));
    assert_eq!(site.work()["reason"], "idle");
    assert!(!lives(grandchild));
    interrupted_once(&site);
}

#[test]
fn a_daemon_goes_on_when_only_the_supervisor_of_its_stage_was_killed() {
    let site = Site::scripted(STUCK);
    let (daemon, _, stage) = stuck(&site);
    kill_process(supervisor(stage), Signal::KILL).expect("it lives");
    let (status, _, err) = daemon.ended();
    assert!(status.success(), "{err}");
    interrupted_once(&site);
}

#[test]
fn f05_a_stage_that_ended_by_itself_while_its_daemon_died_is_adopted() {
    let site = Site::scripted(AT_A_SIGN);
    site.add("one");
    let daemon = site.daemon(&["--until-idle"]);
    site.await_sign("started");
    let lock = super::site::hold(&site.private().join("lock"));
    site.give("go");
    wait_until("the exit record", || site.invocations().iter().any(|inv| inv.join("exit.toml").exists()));
    daemon.kill();
    drop(lock);
    assert_eq!(site.story().len(), 1, "the handoff came too early: {:?}", site.story());
    assert_eq!(site.work()["reason"], "idle");
    assert_eq!(std::fs::read_to_string(site.sign("count")).expect("a count"), "ran\n");
    straight(&site);
}

/// A builder that waits for a sign, of a harness that says what it used.
const COUNTS: &str = r#"
cat > /dev/null
case $MILLRACE_STAGE in builder) r=BUILDER_COMPLETE;; checker) r=CHECKER_PASS;; *) r=UPDATE_COMPLETE;; esac
if [ $r = BUILDER_COMPLETE ]; then touch @/started; until [ -e @/go ]; do sleep 0.05; done; fi
printf '{"nonce":"%s","terminal_result":"%s"}' "$MILLRACE_INVOCATION" $r > "$MILLRACE_RESULT_FILE"
echo '{"type":"turn.completed","usage":{"input_tokens":1200,"cached_input_tokens":900,"output_tokens":340}}'
"#;

#[test]
fn f13_what_a_stage_used_is_in_its_handoff_also_where_its_daemon_died_before_that() {
    let site = Site::commanded("", COUNTS);
    let harness = site.repo.beside().join("harness.sh");
    let config = format!("[runners.codex]\ncommand = \"sh\"\nargs = [\"{}\"]\n", harness.display());
    site.configure(&config);
    site.add("one");
    let daemon = site.daemon(&["--until-idle"]);
    site.await_sign("started");
    let lock = super::site::hold(&site.private().join("lock"));
    site.give("go");
    wait_until("the exit record", || site.invocations().iter().any(|inv| inv.join("exit.toml").exists()));
    daemon.kill();
    drop(lock);
    assert_eq!(site.story().len(), 1, "the handoff came too early: {:?}", site.story());
    assert_eq!(site.work()["reason"], "idle");
    for launch in ["01-builder", "02-checker", "03-updater"] {
        let usage = &site.result(launch)["usage"];
        let used = ["input_uncached", "cache_read", "output"].map(|key| usage[key].as_integer());
        assert_eq!(used, [Some(300), Some(900), Some(340)], "{launch}: {usage}");
    }
    // Once each: what is in the commits is what is in the results.
    let tokens =
        site.repo.git(&["log", "--format=%(trailers:key=Millrace-Tokens,valueonly)", "refs/millrace/state"]);
    let tokens: Vec<&str> = tokens.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(tokens, ["input=300 cached=900 output=340"; 3]);
    site.sound();
}

#[test]
fn a_result_that_comes_after_the_daemons_death_is_evidence_and_not_believed() {
    let report = r#"printf '{"nonce":"%s","terminal_result":"BUILDER_COMPLETE"}' $MILLRACE_INVOCATION > "$MILLRACE_RESULT_FILE""#;
    let shell = format!(
        "cd @\nif [ $MILLRACE_STAGE = builder ] && [ ! -e again ]; then touch again; trap '{}; exit 0' TERM; \
         echo $$ > stage; while :; do sleep 0.05; done; fi\n\
         case $MILLRACE_STAGE in builder) r=BUILDER_COMPLETE;; checker) r=CHECKER_PASS;; *) r=UPDATE_COMPLETE;; esac\n\
         echo \"### $r\"\n",
        report.replace('\'', r"'\''")
    );
    let site = Site::commanded("", &shell);
    site.add("one");
    let daemon = site.daemon(&["--until-idle"]);
    let stage = site.pid("stage");
    daemon.kill();
    wait_until("the end of the stage", || !lives(stage));
    assert_eq!(site.work()["reason"], "idle");
    let result = site.result("01-builder");
    assert_eq!(result["judgement"]["judgement"].as_str(), Some("interrupted"), "{result}");
    assert!(site.show(&site.path("runs/", "/01-builder/result.json")).contains("BUILDER_COMPLETE"));
    assert_eq!(site.state_of("one"), "done");
    site.sound();
}

#[test]
fn f36_f58_a_launch_of_which_nothing_was_started_is_found_and_repeated() {
    let site = Site::scripted(STUCK);
    let (daemon, grandchild, stage) = stuck(&site);
    daemon.kill();
    wait_until("the end of the stage", || !lives(stage) && !lives(grandchild));
    // As if the daemon had died between the commit and the start: no invocation, an untouched work tree.
    let inv = site.invocations();
    wait_until("the exit record", || inv[0].join("exit.toml").exists());
    std::fs::remove_dir_all(&inv[0]).expect("an invocation");
    std::fs::remove_file(site.repo.path().join("half.txt")).expect("a file");
    site.repo.write("README.md", "# A project\n");
    assert_eq!(site.work()["reason"], "idle");
    assert_eq!(site.story()[1], "interrupt: one builder runs again (interrupted)");
    let result = site.result("01-builder");
    assert_eq!(result["judgement"]["by"].as_str(), Some("unknown"));
    // F-58: nobody wrote down when it ended; it has a time all the same, from when that was found out.
    let at =
        |key: &str| -> jiff::Timestamp { result[key].as_str().expect("a time").parse().expect("a time") };
    assert!(at("started_at") < at("ended_at"), "{result}");
    assert_eq!(site.state_of("one"), "done");
    site.sound();
}

#[test]
fn a_snapshot_without_its_handoff_is_taken_back_and_taken_again() {
    let site = Site::scripted(AT_A_SIGN);
    site.add("one");
    let daemon = site.daemon(&[]);
    site.await_sign("started");
    let branch = site.run_branch();
    let before = site.repo.git(&["rev-parse", &branch]);
    // The run branch can move, the ledger cannot: as a crash between the two leaves them.
    let lock = site.repo.git_dir().join("refs/millrace/state.lock");
    std::fs::write(&lock, "").expect("a lock");
    site.give("go");
    wait_until("the snapshot", || site.repo.git(&["rev-parse", &branch]) != before);
    daemon.kill();
    std::fs::remove_file(&lock).expect("a lock");
    assert_eq!(site.story().len(), 1);
    assert_eq!(site.snapshots(&branch).len(), 2);
    assert_eq!(site.work()["reason"], "idle");
    assert_eq!(std::fs::read_to_string(site.sign("count")).expect("a count"), "ran\n");
    straight(&site);
}

#[test]
fn run_branches_are_brought_back_to_what_the_ledger_says() {
    let site = Site::scripted(STRAIGHT);
    site.add("one");
    site.ok(&["run", "once"]);
    let branch = site.run_branch();
    let tip = site.repo.git(&["rev-parse", &branch]);
    // One that the ledger does not know; one that is gone.
    site.repo.git(&["update-ref", "refs/millrace/runs/20260101-0000-abcdef", "HEAD"]);
    site.repo.git(&["update-ref", "-d", &branch]);
    site.ok(&["run", "once"]);
    assert_eq!(site.run_branch(), branch);
    assert_eq!(site.repo.git(&["rev-parse", &format!("{branch}~1")]), tip);
    site.work();
    straight(&site);
}

#[test]
fn interruptions_are_capped() {
    let site = Site::with(TestRepo::with_commit(), "[limits]\nmax_interruptions = 1\n", STUCK);
    let (daemon, _, _) = stuck(&site);
    daemon.kill();
    assert_eq!(site.work()["reason"], "idle");
    assert_eq!(site.state_of("one"), "blocked");
    let status = site.json(&["status"]);
    let why = status["blocked"]["items"][0]["why"].as_str().unwrap_or_default();
    assert!(why.contains("interrupted 1 times"), "{status:#}");
    assert!(!site.repo.path().join("half.txt").exists());
    assert_eq!(site.repo.read("README.md"), "# A project\n");
    assert_eq!(site.snapshots(&site.run_branch()), ["start: one", "builder: interrupted"]);
    site.sound();
}
