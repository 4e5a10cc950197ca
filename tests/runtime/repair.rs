//! Work that fails: the repair ladder, blocked items, and the way of the work tree back.

use super::site::{STRAIGHT, Site};
use crate::support::repo::TestRepo;

#[test]
fn a_stage_that_fails_is_repaired_and_the_run_goes_on_where_it_failed() {
    let script = r#"
stages:
  builder: [[{write: {path: made.txt, content: "made\n"}}, {result: {terminal_result: BUILDER_COMPLETE}}]]
  checker:
    - - run: {argv: [sh, -c, 'echo seen > "$MILLRACE_RUN_DIR/notes.md"'], expect: 0}
      - say: I do not get on.
      - exit: 1
    - - result: {terminal_result: CHECKER_PASS}
  troubleshooter:
    - - run: {argv: [sh, -c, 'cd "$MILLRACE_RUN_DIR" && cp failure.md @/failure.md && find evidence -type f > @/evidence'], expect: 0}
      - result: {terminal_result: TROUBLESHOOT_COMPLETE, summary: It works again.}
  updater: [[{result: {terminal_result: UPDATE_COMPLETE}}]]
"#;
    let site = Site::scripted(script);
    site.add("one");
    assert_eq!(site.work()["reason"], "idle");
    assert_eq!(site.state_of("one"), "done");
    let handoffs: Vec<String> = site.story().into_iter().filter(|line| line.starts_with("handoff")).collect();
    assert_eq!(
        handoffs,
        [
            "handoff: one builder -> checker (BUILDER_COMPLETE)",
            "handoff: one checker -> troubleshooter (runner_transport_failure)",
            "handoff: one troubleshooter -> checker (TROUBLESHOOT_COMPLETE)",
            "handoff: one checker -> updater (CHECKER_PASS)",
            "handoff: one updater -> done (UPDATE_COMPLETE)",
        ]
    );
    let failure = std::fs::read_to_string(site.sign("failure.md")).expect("the failure");
    for said in ["checker", "runner_transport_failure", "exit code 1"] {
        assert!(failure.contains(said), "{said}: {failure}");
    }
    let evidence = std::fs::read_to_string(site.sign("evidence")).expect("a list");
    for file in
        ["01-builder/result.toml", "02-checker/notes.md", "02-checker/stdout.tail", "02-checker/exit.toml"]
    {
        assert!(evidence.contains(file), "{file}: {evidence}");
    }
    site.sound();
}

#[test]
fn f10_a_report_for_another_invocation_is_a_failure() {
    let script = r"
stages:
  builder:
    - - result: {nonce: '00000000000000000000000000000000', terminal_result: BUILDER_COMPLETE}
    - - result: {terminal_result: BUILDER_COMPLETE}
  troubleshooter: [[{result: {terminal_result: TROUBLESHOOT_COMPLETE}}]]
  checker: [[{result: {terminal_result: CHECKER_PASS}}]]
  updater: [[{result: {terminal_result: UPDATE_COMPLETE}}]]
";
    let site = Site::scripted(script);
    site.add("one");
    assert_eq!(site.work()["reason"], "idle");
    assert_eq!(site.story()[1], "handoff: one builder -> troubleshooter (runner_transport_failure)");
    assert!(site.result("01-builder")["judgement"]["detail"].to_string().contains("nonce"));
    assert_eq!(site.state_of("one"), "done");
    site.sound();
}

/// A builder that edits and fails, every time; repairs change nothing.
const HOPELESS: &str = r#"
stages:
  builder:
    - - write: {path: junk.txt, content: "junk\n"}
      - append: {path: README.md, content: "Junk.\n"}
      - exit: 1
  troubleshooter: [[{result: {terminal_result: TROUBLESHOOT_COMPLETE}}]]
  consultant: [[{result: {terminal_result: CONSULT_COMPLETE}}]]
"#;

const SHORT_LADDER: &str =
    "[recovery]\nmax_troubleshoot_attempts_before_consult = 1\nmax_consultant_invocations = 1\n";

/// A task that has just been blocked: nothing went back yet.
fn blocked(policy: &str) -> Site {
    let site = Site::with(TestRepo::with_commit(), &format!("{SHORT_LADDER}{policy}"), HOPELESS);
    site.add("one");
    let answer = site.json(&["run", "daemon", "--max-ticks", "5"]);
    assert_eq!(answer["stages"], 5, "{answer}");
    let last = site.story().pop();
    assert_eq!(last.as_deref(), Some("handoff: one builder -> blocked (runner_transport_failure)"));
    assert_eq!(site.state_of("one"), "blocked");
    assert_eq!(site.repo.read("junk.txt"), "junk\n");
    site
}

#[test]
fn when_every_repair_was_tried_the_item_is_blocked_and_the_tree_goes_back() {
    let site = blocked("");
    let status = site.json(&["status"]);
    let why = status["blocked"]["items"][0]["why"].as_str().unwrap_or_default();
    assert!(why.contains("every repair was tried") && why.contains("at builder"), "{status:#}");
    assert_eq!(status["next"]["action"], "restore");
    site.repo.write("mine.txt", "mine\n");
    site.script(STRAIGHT);
    site.add("two");
    assert_eq!(site.work()["reason"], "idle");

    // What the run did is on its branch, what the user did is where it was, and the next run begins from there.
    assert!(!site.repo.path().join("junk.txt").exists());
    assert_eq!(site.repo.read("README.md"), "# A project\n");
    assert_eq!(site.repo.read("mine.txt"), "mine\n");
    assert_eq!(site.state_of("two"), "done");
    let runs = site.runs();
    let holding = |name: &str| {
        let holds =
            |run: &&String| site.repo.git(&["ls-tree", "--name-only", run]).lines().any(|line| line == name);
        runs.iter().filter(holds).count()
    };
    assert_eq!((runs.len(), holding("junk.txt"), holding("mine.txt")), (2, 1, 1));
    site.sound();
}

#[test]
fn files_that_somebody_touched_since_are_named_and_waited_for() {
    let site = blocked("");
    site.repo.write("junk.txt", "mine now\n");
    site.script(STRAIGHT);
    site.add("two");
    let answer = site.work();
    assert_eq!(answer["reason"], "waiting", "{answer}");
    assert_eq!(answer["waits"]["cause"], "work_tree_unclear", "{answer}");
    let detail = answer["waits"]["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("junk.txt") && !detail.contains("README"), "{detail}");
    let output = site.run(&["run", "once"]);
    assert_eq!(output.status.code(), Some(0));
    // All or nothing: the clear one is left alone, too.
    assert_eq!(site.repo.read("README.md"), "# A project\nJunk.\nJunk.\nJunk.\n");
    assert_eq!(
        (site.repo.read("junk.txt").as_str(), site.state_of("two").as_str()),
        ("mine now\n", "queued")
    );

    std::fs::remove_file(site.repo.path().join("junk.txt")).expect("a file");
    assert_eq!(site.work()["reason"], "idle");
    assert_eq!(site.repo.read("README.md"), "# A project\n");
    assert_eq!(site.state_of("two"), "done");
    site.sound();
}

#[test]
fn by_the_policy_wait_the_user_takes_the_work_over_first() {
    let site = blocked("[workspace]\nbetween_items = \"wait\"\n");
    site.script(STRAIGHT);
    site.add("two");
    let answer = site.work();
    assert_eq!(answer["waits"]["cause"], "work_tree_held", "{answer}");
    let detail = answer["waits"]["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("junk.txt") && detail.contains("README.md"), "{detail}");
    site.repo.git(&["add", "junk.txt", "README.md"]);
    site.repo.git(&["commit", "--quiet", "-m", "good enough"]);
    assert_eq!(site.work()["reason"], "idle");
    assert_eq!(site.repo.read("junk.txt"), "junk\n");
    assert_eq!(site.state_of("two"), "done");
    site.sound();
}

#[test]
fn by_the_policy_carry_the_next_item_begins_with_what_is_there() {
    let site = blocked("[workspace]\nbetween_items = \"carry\"\n");
    site.script(STRAIGHT);
    site.add("two");
    assert_eq!(site.work()["reason"], "idle");
    assert_eq!(site.repo.read("junk.txt"), "junk\n");
    let runs = site.runs();
    let begins = |run: &&String| {
        let first = site.snapshots(run).remove(0);
        first == "start: two"
    };
    let second = runs.iter().find(begins).expect("a run of the second");
    let start = site.repo.git(&["rev-list", "--first-parent", "--reverse", second, "--not", "HEAD"]);
    let start = start.lines().next().expect("a snapshot");
    assert_eq!(site.repo.git(&["show", &format!("{start}:junk.txt")]), "junk");
    site.sound();
}
