//! Work that goes well: from the queue to done, with a round of fixing on the way, and what stays of it.

use std::io::Read;
use std::time::Duration;

use super::site::{STRAIGHT, Site};
use crate::support::repo::TestRepo;

const WITH_FIX: &str = r#"
stages:
  builder:
    - - write: {path: src/a.txt, content: "one\n"}
      - run: {argv: [sh, -c, 'echo built > "$MILLRACE_RUN_DIR/builder_summary.md"'], expect: 0}
      - say: I built it.
      - result: {terminal_result: BUILDER_COMPLETE, summary: Built a.txt.}
  checker: [[{say: Not yet.}, {marker: FIX_NEEDED}]]
  fixer:
    - - replace: {path: src/a.txt, from: one, to: two}
      - write: {path: src/b.txt, content: "new\n"}
      - evidence: {name: fixer_summary.md, content: "1. Replaced.\n"}
      - result: {terminal_result: FIXER_COMPLETE, summary: Fixed it.}
  doublechecker: [[{say: Good.}, {marker: DOUBLECHECK_PASS}]]
  updater:
    - - append: {path: README.md, content: "More.\n"}
      - result: {terminal_result: UPDATE_COMPLETE}
"#;

#[test]
fn a_task_goes_through_a_round_of_fixing_to_done() {
    let site = Site::scripted(WITH_FIX);
    site.repo.write("staged.txt", "staged\n");
    site.repo.git(&["add", "staged.txt"]);
    site.repo.write("loose.txt", "loose\n");
    let user = |site: &Site| {
        let head = site.repo.git(&["rev-parse", "HEAD"]);
        let branch = site.repo.git(&["symbolic-ref", "HEAD"]);
        let index = site.repo.git(&["ls-files", "--stage"]);
        let branches = site.repo.git(&["for-each-ref", "refs/heads", "refs/tags"]);
        (head, branch, index, branches)
    };
    let before = user(&site);
    site.add("one");
    let answer = site.work();
    assert_eq!((answer["reason"].as_str(), answer["stages"].as_u64()), (Some("idle"), Some(5)), "{answer}");

    assert_eq!(site.state_of("one"), "done");
    assert_eq!(
        site.story(),
        [
            "launch: one builder (launch 1, claimed)",
            "handoff: one builder -> checker (BUILDER_COMPLETE)",
            "launch: one checker (launch 2)",
            "handoff: one checker -> fixer (FIX_NEEDED)",
            "launch: one fixer (launch 3)",
            "handoff: one fixer -> doublechecker (FIXER_COMPLETE)",
            "launch: one doublechecker (launch 4)",
            "handoff: one doublechecker -> updater (DOUBLECHECK_PASS)",
            "launch: one updater (launch 5)",
            "handoff: one updater -> done (UPDATE_COMPLETE)",
        ]
    );

    // The code, a snapshot a stage, on what the user stood on.
    let branch = site.run_branch();
    assert_eq!(
        site.snapshots(&branch),
        [
            "start: one",
            "builder: BUILDER_COMPLETE",
            "checker: FIX_NEEDED",
            "fixer: FIXER_COMPLETE",
            "doublechecker: DOUBLECHECK_PASS",
            "updater: UPDATE_COMPLETE",
        ]
    );
    let at = |back: usize, path: &str| site.repo.git(&["show", &format!("{branch}^~{back}:{path}")]);
    assert_eq!(site.repo.git(&["rev-parse", &format!("{branch}^~6")]), before.0);
    assert_eq!((at(5, "loose.txt").as_str(), at(5, "staged.txt").as_str()), ("loose", "staged"));
    assert_eq!(at(4, "src/a.txt"), "one");
    assert_eq!((at(2, "src/a.txt").as_str(), at(2, "src/b.txt").as_str()), ("two", "new"));
    assert_eq!(at(0, "README.md"), "# A project\nMore.");
    let names = site.repo.git(&["ls-tree", "-r", "--name-only", &branch]);
    assert!(!names.contains("millrace-agents/runs"), "{names}");

    // The user's own is as it was, but for the files that stages changed.
    assert_eq!(user(&site), before);
    assert_eq!(site.repo.read("src/a.txt"), "two\n");

    // Evidence.
    let kept = |launch: &str, name: &str| site.show(&site.path("runs/", &format!("/{launch}/{name}")));
    assert_eq!(kept("01-builder", "builder_summary.md"), "built");
    assert!(kept("01-builder", "result.json").contains("Built a.txt."));
    assert_eq!(kept("01-builder", "stdout.tail"), "I built it.");
    assert!(kept("01-builder", "prompt.md").contains("builder"));
    assert!(kept("01-builder", "request.toml").contains("BUILDER_COMPLETE"));
    assert!(kept("02-checker", "stdout.tail").contains("### FIX_NEEDED"));
    let exit: toml::Table = toml::from_str(&kept("01-builder", "exit.toml")).expect("a record");
    assert_eq!(exit["ended_by"].as_str(), Some("itself"));
    let result = site.result("03-fixer");
    assert_eq!(result["judgement"]["result"].as_str(), Some("FIXER_COMPLETE"), "{result}");
    assert!(!result.contains_key("findings"), "{result}");

    // The next stage saw it.
    let given = std::fs::read_dir(site.repo.path().join("millrace-agents/runs")).expect("a folder");
    let run = given.map(|entry| entry.expect("an entry").path()).next().expect("a run");
    let summary = run.join("03-fixer/evidence/01-builder/builder_summary.md");
    assert_eq!(std::fs::read_to_string(summary).expect("a file"), "built\n");

    assert!(site.invocations().is_empty());
    site.sound();
}

#[test]
fn m13_the_log_store_holds_the_whole_output_and_the_ledger_head_and_tail() {
    let script = STRAIGHT.replace(
        "      - result: {terminal_result: BUILDER",
        "      - run: {argv: [sh, -c, 'seq 100000'], expect: 0}\n      - result: {terminal_result: BUILDER",
    );
    let site = Site::scripted(&script);
    site.add("one");
    site.ok(&["run", "once"]);
    let exit: toml::Table =
        toml::from_str(&site.show(&site.path("runs/", "/01-builder/exit.toml"))).expect("a record");
    let digest = exit["stdout"]["sha256"].as_str().expect("a digest");
    let log = std::fs::File::open(site.private().join("logs").join(digest)).expect("a log");
    let mut whole = String::new();
    flate2::read::GzDecoder::new(log).read_to_string(&mut whole).expect("gzip");
    assert!(whole.lines().eq((1..=100_000).map(|n| n.to_string())));
    let tail = site.show(&site.path("runs/", "/01-builder/stdout.tail"));
    assert!(tail.len() <= 64 * 1024 && tail.starts_with("1\n2\n") && tail.ends_with("\n100000"));
    assert!(tail.contains("bytes left out"));
    site.sound();
}

#[test]
fn a_daemon_ends_when_idle_after_so_many_stages_or_at_once_where_there_is_no_work() {
    let site = Site::scripted(STRAIGHT);
    let once = site.json(&["run", "once"]);
    assert_eq!(once["outcome"], "no_work", "{once}");
    assert_eq!(once["run_mode"], "once");
    assert!(once["plan"].as_str().is_some_and(|plan| plan.starts_with("plan-standard_plain-")), "{once}");
    let idle = site.json(&["run", "daemon", "--until-idle"]);
    assert_eq!((idle["reason"].as_str(), idle["stages"].as_u64()), (Some("idle"), Some(0)), "{idle}");

    site.add("one");
    let two = site.json(&["run", "daemon", "--max-ticks", "2"]);
    assert_eq!((two["reason"].as_str(), two["stages"].as_u64()), (Some("max_ticks"), Some(2)), "{two}");
    assert_eq!(site.state_of("one"), "active");
    let once = site.json(&["run", "once"]);
    assert_eq!((once["outcome"].as_str(), once["next"].as_str()), (Some("stage"), Some("done")), "{once}");
    assert_eq!(site.state_of("one"), "done");
}

/// Between stages there is nothing to wait for. A machine that does much else may hold one of them up, not all.
#[test]
fn m20_a_daemon_sleeps_only_where_there_is_nothing_to_do() {
    let clock = "      - run: {argv: [sh, -c, 'date +%s%N >> @/clock'], expect: 0}\n";
    let stage = |name: &str, result: &str| {
        format!("  {name}:\n    - - result: {{terminal_result: {result}}}\n{clock}")
    };
    let script = ["builder BUILDER_COMPLETE", "checker CHECKER_PASS", "updater UPDATE_COMPLETE"]
        .map(|line| line.split_once(' ').map_or_else(String::new, |(name, result)| stage(name, result)))
        .concat();
    let config = "[runtime]\nidle_sleep_seconds = 600\n";
    let site = Site::with(TestRepo::with_commit(), config, &format!("stages:\n{script}"));
    for id in ["one", "two", "three"] {
        site.add(id);
    }
    let daemon = site.daemon(&[]);
    super::site::wait_until("the end", || site.state_of("three") == "done");
    drop(daemon);
    let clock = std::fs::read_to_string(site.sign("clock")).expect("times");
    let times: Vec<u64> = clock.lines().map(|line| line.parse().expect("nanoseconds")).collect();
    assert_eq!(times.len(), 9);
    let between = times.windows(2).map(|pair| Duration::from_nanos(pair[1].saturating_sub(pair[0])));
    let shortest = between.min().expect("eight");
    assert!(shortest < Duration::from_secs(1), "{shortest:?}");
}

/// A stage that looked and found nothing to change has done its work.
#[test]
fn f25_work_that_needed_no_change_is_done() {
    let site = Site::scripted(
        "stages:\n  builder: [[{result: {terminal_result: BUILDER_COMPLETE, summary: It is so already.}}]]\n  \
         checker: [[{result: {terminal_result: CHECKER_PASS}}]]\n  updater: [[{result: {terminal_result: UPDATE_COMPLETE}}]]\n",
    );
    for id in ["one", "two", "three", "four"] {
        site.add(id);
    }
    assert_eq!(site.work()["reason"], "idle");
    assert_eq!(["one", "two", "three", "four"].map(|id| site.state_of(id)), ["done"; 4]);
    site.sound();
}

#[test]
fn a_daemon_without_limits_takes_work_up_that_comes_later() {
    let site = Site::scripted(STRAIGHT);
    let daemon = site.daemon(&[]);
    super::site::wait_until("a session", || {
        let control = site.run(&["status", "--json"]);
        super::site::text(&control.stdout).contains(",\"runtime\":\"millrace")
    });
    site.add("one");
    super::site::wait_until("the end", || site.state_of("one") == "done");
    daemon.signal(rustix::process::Signal::TERM);
    let (status, out, err) = daemon.ended();
    assert!(status.success(), "{err}");
    assert!(out.contains("ended: signal, 3 stages"), "{out}");
    let log = site.repo.git(&["log", "-1", "--format=%s", "refs/millrace/state"]);
    assert_eq!(log, "session: ends, signal");
    site.sound();
}
