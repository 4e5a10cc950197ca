//! A run with a round of fixing is reviewed with git alone, and by our commands: both agree. A reviewer who has never
//! heard of us needs no tool of ours.

use serde_json::Value;

use super::commands::{STRAIGHT, call, data, queue, said, script, task, well};
use crate::support::repo::TestRepo;

const WITH_FIX: &str = r#"
stages:
  builder:
    - - write: {path: src/a.txt, content: "one\nand one\n"}
      - result: {terminal_result: BUILDER_COMPLETE, summary: Built a.txt.}
  checker: [[{result: {terminal_result: FIX_NEEDED, summary: "It says one, and two is asked for."}}]]
  fixer:
    - - replace: {path: src/a.txt, from: and one, to: and two}
      - write: {path: "src/b c.txt", content: "new\n"}
      - result: {terminal_result: FIXER_COMPLETE, summary: "Fixed it.\u001b]0;owned\u0007"}
  doublechecker: [[{result: {terminal_result: DOUBLECHECK_PASS}}]]
  updater:
    - - append: {path: README.md, content: "More.\n"}
      - result: {terminal_result: UPDATE_COMPLETE}
"#;

const STAGES: [&str; 5] = ["builder", "checker", "fixer", "doublechecker", "updater"];

/// A repository with the run, whose user had not committed everything, and the run's id.
fn worked() -> (TestRepo, String) {
    let repo = TestRepo::with_commit();
    script(&repo, WITH_FIX);
    repo.write("loose.txt", "the user's own\n");
    queue(&repo, &task("fix-login"));
    well(&repo, &["run", "daemon", "--until-idle"]);
    let run = data(&repo, "runs_ls", &["runs", "ls"])["runs"][0]["run"].as_str().expect("a run").to_owned();
    (repo, run)
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} of {value}"))
}

/// The commits of the run branch that a stage left, oldest first: id and subject. What ends the branch is none of them.
fn of_stages(repo: &TestRepo, run: &str) -> Vec<(String, String)> {
    let format = "%H %(trailers:key=Millrace-Launch,valueonly,separator=%x20) %s";
    let log =
        repo.git(&["log", "--reverse", &format!("--format={format}"), &format!("refs/millrace/runs/{run}")]);
    log.lines()
        .filter_map(|line| {
            let (oid, rest) = line.split_once(' ')?;
            let (launch, subject) = rest.split_once(' ')?;
            (!launch.is_empty()).then(|| (oid.to_owned(), subject.to_owned()))
        })
        .collect()
}

#[test]
fn git_alone_tells_the_run_stage_by_stage_and_so_does_review() {
    let (repo, run) = worked();
    let branch = format!("refs/millrace/runs/{run}");
    let by_hand = of_stages(&repo, &run);
    let subjects: Vec<&str> = by_hand.iter().map(|(_, subject)| subject.as_str()).collect();
    let expected = [
        "builder: BUILDER_COMPLETE",
        "checker: FIX_NEEDED",
        "fixer: FIXER_COMPLETE",
        "doublechecker: DOUBLECHECK_PASS",
        "updater: UPDATE_COMPLETE",
    ];
    assert_eq!(subjects, expected);
    let review = data(&repo, "review", &["review", "fix-login"]);
    let stages = review["stages"].as_array().expect("stages");
    assert_eq!(stages.len(), STAGES.len());
    for ((stage, name), (commit, subject)) in stages.iter().zip(STAGES).zip(&by_hand) {
        assert_eq!(text(stage, "snapshot"), commit);
        assert_eq!(format!("{name}: {}", text(stage, "came_to")), *subject);
        // The trailers, by either of git's ways.
        let key = |key: &str| {
            let format = format!("--format=%(trailers:key=Millrace-{key},valueonly)");
            repo.git(&["log", "-1", &format, commit]).trim().to_owned()
        };
        assert_eq!(key("Stage"), text(stage, "stage"));
        assert_eq!(key("Run"), run);
        assert_eq!(key("Result"), text(stage, "came_to"));
        let message = repo.beside().join("message");
        std::fs::write(&message, repo.git(&["log", "-1", "--format=%B", commit])).expect("a file");
        let parsed = repo.git(&["interpret-trailers", "--parse", message.to_str().expect("UTF-8")]);
        assert!(parsed.contains(&format!("Millrace-Run: {run}\n")), "{parsed}");
        // What it changed, as git counts it.
        let numbers = repo.git(&["diff", "--numstat", &format!("{commit}~"), commit]);
        let files: Vec<String> = stage["changed"]["files"]
            .as_array()
            .expect("files")
            .iter()
            .map(|file| format!("{}\t{}\t{}", file["added"], file["removed"], text(file, "path")))
            .collect();
        assert_eq!(files.join("\n"), numbers, "{name}");
        assert_eq!(stage["changed"]["changed"], files.len());
    }
    assert_eq!(review["state"], "done");
    assert_eq!(text(&review["code"], "branch"), branch);
    assert_eq!(text(&review["code"], "end"), by_hand[4].0);
    assert_eq!(review["code"]["where"]["where"], "work_tree");
    // The tip says how it ended, and is the same code.
    assert_eq!(repo.git(&["log", "-1", "--format=%s", &branch]), "done: fix-login (updater:UPDATE_COMPLETE)");
    assert_eq!(repo.git(&["diff", &by_hand[4].0, &branch]), "");
    assert_eq!(text(&review["code"], "start"), repo.git(&["rev-parse", &format!("{}~", by_hand[0].0)]));
    // The user's own work is no part of the run.
    let whole = &review["code"]["changed"];
    assert_eq!(repo.git(&["diff", "--numstat", text(&review["code"], "start"), &branch]).lines().count(), 3);
    assert_eq!(whole["changed"], 3);
    assert_eq!(review["open"], serde_json::json!([]));
}

#[test]
fn a_diff_is_gits_own_for_every_stage_and_between_any_two() {
    let (repo, run) = worked();
    let commits: Vec<String> = of_stages(&repo, &run).into_iter().map(|(oid, _)| oid).collect();
    let start = repo.git(&["rev-parse", &format!("{}~", commits[0])]);
    let ours = |arguments: &[&str]| {
        let mut all = vec!["diff"];
        all.extend_from_slice(arguments);
        well(&repo, &all)
    };
    let by_hand = |more: &[&str], from: &str, to: &str| {
        let mut all = vec!["diff"];
        all.extend_from_slice(more);
        all.extend([from, to]);
        String::from_utf8(repo.git_output(&all).stdout).expect("UTF-8")
    };
    let mut before = start.as_str();
    for (number, (stage, commit)) in STAGES.iter().zip(&commits).enumerate() {
        let expected = by_hand(&[], before, commit);
        for name in [
            (*stage).to_owned(),
            format!("execution/{stage}"),
            format!("{stage}#1"),
            format!("{}", number + 1),
        ] {
            assert_eq!(ours(&[&run, &name]), expected, "{name}");
        }
        before = commit;
    }
    let fixer = ours(&[&run[..15], "03-fixer"]);
    assert!(fixer.contains("-and one\n+and two\n"), "{fixer}");
    assert_eq!(ours(&["fix-login"]), by_hand(&[], &start, &commits[4]));
    assert_eq!(ours(&[&run, "builder..checker"]), "");
    assert_eq!(ours(&[&run, "builder..fixer"]), by_hand(&[], &commits[0], &commits[2]));
    assert_eq!(ours(&[&run, "..builder"]), by_hand(&[], &start, &commits[0]));
    assert_eq!(ours(&[&run, "start..end"]), by_hand(&[], &start, &commits[4]));
    assert_eq!(ours(&[&run, "checker.."]), by_hand(&[], &commits[1], &commits[4]));
    assert_eq!(ours(&[&run, "--stat"]), by_hand(&["--stat"], &start, &commits[4]));
    assert_eq!(ours(&[&run, "fixer", "--word"]), by_hand(&["--word-diff"], &commits[1], &commits[2]));
    let coloured = ours(&[&run, "fixer", "--color"]);
    assert!(coloured.contains("\u{1b}[31m-and one"), "{coloured}");
    assert_eq!(coloured, by_hand(&["--color"], &commits[1], &commits[2]));
    let paths = ours(&[&run, "--stat", "--", "README.md"]);
    assert!(paths.contains("README.md") && !paths.contains("a.txt"), "{paths}");
    let json = data(&repo, "diff", &["diff", &run, "fixer"]);
    assert_eq!(json["from"]["commit"], commits[1].as_str());
    assert_eq!((&json["added"], &json["removed"], &json["changed"]), (&2.into(), &1.into(), &2.into()));
}

#[test]
fn what_the_runtime_wrote_down_is_the_diff_of_two_ledger_commits() {
    let (repo, run) = worked();
    let of_run = |more: &[&str]| -> Vec<String> {
        let grep = format!("--grep=^Millrace-Run: {run}$");
        let mut all = vec!["log", "--reverse", "--format=%H", &grep, "--all-match"];
        all.extend_from_slice(more);
        all.push("refs/millrace/state");
        repo.git(&all).lines().map(str::to_owned).collect()
    };
    let ours = |stages: &str| well(&repo, &["diff", &run, stages, "--state"]);
    let by_hand =
        |from: &str, to: &str| String::from_utf8(repo.git_output(&["diff", from, to]).stdout).expect("UTF-8");
    let fixer = of_run(&["--grep=^Millrace-Stage: execution/fixer$"]);
    assert_eq!(fixer.len(), 2, "a launch and a handoff");
    assert_eq!(ours("fixer"), by_hand(&format!("{}~", fixer[0]), &fixer[1]));
    assert!(ours("fixer").contains("03-fixer/result.toml"));
    let all = of_run(&[]);
    assert_eq!(ours("start..end"), by_hand(&format!("{}~", all[0]), all.last().expect("one")));
    assert_eq!(ours("fixer..fixer"), "");
    // Two plans.
    let plan = || data(&repo, "status", &["status"])["plan"].as_str().expect("a plan").to_owned();
    let first = plan();
    let config = repo.read("millrace-agents/millrace.toml");
    repo.write(
        "millrace-agents/millrace.toml",
        format!("{config}\n[stages.checker]\ntimeout_seconds = 61\n"),
    );
    well(&repo, &["compile", "validate"]);
    let second = plan();
    let digits = |plan: &str| plan.rsplit('-').next().expect("digits").to_owned();
    let folder = |plan: &str| format!("refs/millrace/state:plans/{plan}");
    let expected = by_hand(&folder(&first), &folder(&second));
    assert!(expected.contains("timeout_seconds = 61"), "{expected}");
    assert_eq!(well(&repo, &["diff", "--plan", &first, &digits(&second)]), expected);
}

#[test]
fn a_commit_of_the_ledger_is_shown_as_git_shows_it() {
    let (repo, run) = worked();
    let last: usize = repo.git(&["rev-list", "--count", "refs/millrace/state"]).parse().expect("a number");
    let by_hand = |more: &str, commit: &str| {
        String::from_utf8(repo.git_output(&["show", "--stat", more, commit]).stdout).expect("UTF-8")
    };
    for number in [1, 6, last] {
        let commit = format!("refs/millrace/state~{}", last - number);
        assert_eq!(well(&repo, &["show", &number.to_string()]), by_hand("--no-notes", &commit));
    }
    let commit = repo.git(&["rev-parse", "refs/millrace/state~3"]);
    assert_eq!(well(&repo, &["show", &commit[..12], "--patch"]), by_hand("--patch", &commit));
    let (snapshot, _) = of_stages(&repo, &run).remove(2);
    assert_eq!(well(&repo, &["show", &snapshot[..20]]), by_hand("--no-notes", &snapshot));
    // The log is the same chain.
    let numbers = repo.git(&[
        "log",
        "--format=%(trailers:key=Millrace-Seq,valueonly,separator=%x20) %s",
        "refs/millrace/state",
    ]);
    let log = data(&repo, "log", &["log", "-n", "0"]);
    let ours: Vec<String> = log["commits"]
        .as_array()
        .expect("commits")
        .iter()
        .map(|commit| format!("{} {}", commit["seq"], text(commit, "subject")))
        .collect();
    assert_eq!(ours.join("\n"), numbers);
    let shown = data(&repo, "show_commit", &["show", "6"]);
    assert_eq!(
        (shown["seq"].as_u64(), text(&shown, "parent")),
        (Some(6), repo.git(&["rev-parse", &format!("refs/millrace/state~{}", last - 5)]).as_str())
    );
    assert_eq!(shown["trailers"][1], serde_json::json!(["Millrace-Seq", "6"]));
    // A run, an item and a plan are shown as their own commands show them.
    let same = |what: &str, as_by: &[&str]| assert_eq!(well(&repo, &["show", what]), well(&repo, as_by));
    same(&run, &["runs", "show", &run]);
    same(&run[..13], &["runs", "show", &run]);
    same(&run[..4], &["runs", "show", &run]);
    same("fix", &["queue", "show", "task/fix-login"]);
    same("plan-standard", &["plan", "show"]);
}

#[test]
fn a_review_is_one_page_and_harmless() {
    let (repo, run) = worked();
    let page = well(&repo, &["review", &run]);
    for line in [
        "item     task/fix-login: The task fix-login",
        "  What to do.",
        "  It says one, and two is asked for.",
        "  Fixed it. ]0;owned",
        "\"src/b c.txt\"  +1 -0",
        "3 files, +4 -0",
        "nothing",
    ] {
        let line = line.replace('"', "").trim().to_owned();
        assert!(page.lines().any(|shown| shown.trim() == line), "{line} is not in\n{page}");
    }
    assert!(page.contains("\nuncommitted in the work tree; all of it is on refs/millrace/runs/"), "{page}");
    assert!(!page.contains(['\u{1b}', '\u{7}']), "{page:?}");
    let coloured = well(&repo, &["review", &run, "--color=always"]);
    assert!(coloured.starts_with(&format!("\u{1b}[1mRun {run}: done")), "{coloured:?}");
    let markdown = well(&repo, &["review", &run, "--markdown"]);
    assert!(markdown.contains("\n| 02-checker | FIX\\_NEEDED | -&gt; execution/fixer | "), "{markdown}");
    assert!(markdown.contains("\n- Fixed it. \\]0;owned\n"), "{markdown}");
    // When the user has committed it, the page says so.
    repo.git(&["add", "README.md", "src"]);
    repo.git(&["commit", "--quiet", "-m", "Take it"]);
    let page = well(&repo, &["review", &run]);
    assert!(page.contains("\ncommitted, in ") && page.contains(" on main; all of it is on refs/"), "{page}");
    // The branch is gone, its objects are not.
    repo.git(&["update-ref", "-d", &format!("refs/millrace/runs/{run}")]);
    let page = well(&repo, &["review", &run]);
    assert!(page.contains(" on main; refs/millrace/runs/") && page.contains(", is not there\n"), "{page}");
    assert!(well(&repo, &["diff", &run, "fixer"]).contains("+and two"));
}

#[test]
fn code_that_is_not_here_is_said_to_be_elsewhere() {
    let (repo, run) = worked();
    // The ledger alone, as another machine gets it.
    let there = TestRepo::with_commit();
    let url = repo.path().to_str().expect("UTF-8").to_owned();
    there.git(&["fetch", "--quiet", &url, "refs/millrace/state:refs/millrace/state"]);
    let refused = said(&there, &call(&there, &["diff", &run, "builder..fixer"]));
    assert!(
        refused.starts_with(
            "exit 1\n! millrace: the code of run [run] after 01-builder, [oid], is not in this repository: "
        ),
        "{refused}"
    );
    assert!(
        refused.contains(
            ": refs/millrace/runs/[run] is not there: it was deleted, or the run was made elsewhere\n"
        ),
        "{refused}"
    );
    assert!(well(&there, &["diff", &run, "fixer", "--state"]).contains("03-fixer/result.toml"));
    let page = well(&there, &["review", "fix-login"]);
    assert!(page.contains("\nnot in this repository: refs/millrace/runs/"), "{page}");
    assert!(page.contains("  code not here\n"), "{page}");
}

#[test]
fn a_stage_that_ran_again_is_named_by_its_turn() {
    let repo = TestRepo::with_commit();
    let again = WITH_FIX.replace(
        "doublechecker: [[{result: {terminal_result: DOUBLECHECK_PASS}}]]",
        "doublechecker: [[{result: {terminal_result: FIX_NEEDED}}], [{result: {terminal_result: DOUBLECHECK_PASS}}]]",
    );
    let again = again.replace(
        "  doublechecker:",
        "    - - write: {path: src/b.txt, content: \"again\\n\"}\n      - result: {terminal_result: FIXER_COMPLETE}\n  doublechecker:",
    );
    script(&repo, &again);
    queue(&repo, &task("a"));
    let early = said(&repo, &call(&repo, &["diff", "a"]));
    insta::assert_snapshot!(early, @"
    exit 1
    ! millrace: task/a has had no run yet
    ! hint: `millrace queue show task/a` tells what it waits for
    ");
    well(&repo, &["run", "daemon", "--until-idle"]);
    let refused = |stages: &str| said(&repo, &call(&repo, &["diff", "a", stages]));
    insta::assert_snapshot!(refused("fixer"), @"
    exit 2
    ! millrace: fixer ran 2 times in run [run]
    ! hint: name one: fixer#1 (launch 3, FIXER_COMPLETE), fixer#2 (launch 5, FIXER_COMPLETE)
    ");
    insta::assert_snapshot!(refused("builder..fixer"), @"
    exit 2
    ! millrace: fixer ran 2 times in run [run]
    ! hint: name one: fixer#1 (launch 3, FIXER_COMPLETE), fixer#2 (launch 5, FIXER_COMPLETE)
    ");
    insta::assert_snapshot!(refused("fixer#3"), @"
    exit 1
    ! millrace: fixer was not launched 3 times in run [run]
    ! hint: there is fixer#1 (launch 3, FIXER_COMPLETE), fixer#2 (launch 5, FIXER_COMPLETE)
    ");
    insta::assert_snapshot!(refused("fixer#x"), @"
    exit 2
    ! millrace: `fixer#x` is no launch: expected a number from 1 behind the `#`
    ");
    insta::assert_snapshot!(refused("fixr"), @"
    exit 1
    ! millrace: run [run] had no stage `fixr`
    ! hint: did you mean `fixer`? there is builder#1 (launch 1, BUILDER_COMPLETE), checker#1 (launch 2, FIX_NEEDED), fixer#1 (launch 3, FIXER_COMPLETE), doublechecker#1 (launch 4, FIX_NEEDED), fixer#2 (launch 5, FIXER_COMPLETE), doublechecker#2 (launch 6, DOUBLECHECK_PASS), updater#1 (launch 7, UPDATE_COMPLETE)
    ");
    insta::assert_snapshot!(refused("9"), @"
    exit 1
    ! millrace: run [run] has no launch 9
    ! hint: there is builder#1 (launch 1, BUILDER_COMPLETE), checker#1 (launch 2, FIX_NEEDED), fixer#1 (launch 3, FIXER_COMPLETE), doublechecker#1 (launch 4, FIX_NEEDED), fixer#2 (launch 5, FIXER_COMPLETE), doublechecker#2 (launch 6, DOUBLECHECK_PASS), updater#1 (launch 7, UPDATE_COMPLETE)
    ");
    insta::assert_snapshot!(refused("start"), @"
    exit 2
    ! millrace: `start` is a point, and has no change of its own
    ! hint: `start..builder` is what changed from there to after a stage
    ");
    insta::assert_snapshot!(refused("end"), @"
    exit 2
    ! millrace: `end` is a point, and has no change of its own
    ! hint: `builder..end` is what changed from after a stage to there
    ");
    let second = well(&repo, &["diff", "a", "fixer#2"]);
    assert!(second.contains("+again\n") && !second.contains("and two"), "{second}");
    assert_eq!(well(&repo, &["diff", "a", "5"]), second);
    assert_eq!(well(&repo, &["diff", "a", "fixer#1..fixer#2"]), second);
}

#[test]
fn a_beginning_of_several_runs_is_no_place_in_the_ledger() {
    let repo = TestRepo::with_commit();
    script(&repo, STRAIGHT);
    for id in ["one", "two"] {
        queue(&repo, &task(id));
    }
    well(&repo, &["run", "daemon", "--until-idle"]);
    let runs = data(&repo, "runs_ls", &["runs", "ls"]);
    let runs: Vec<&str> = [0, 1].map(|n| runs["runs"][n]["run"].as_str().expect("an id")).to_vec();
    let common: String =
        runs[0].chars().zip(runs[1].chars()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect();
    let refused = said(&repo, &call(&repo, &["verify", "--since", &common]));
    assert!(refused.starts_with(&format!("exit 2\n! millrace: `{common}` begins several: ")), "{refused}");
    let report = data(&repo, "verify", &["verify", "--since", runs[0]]);
    assert_eq!(report["sound"], true);
}

#[test]
fn what_names_nothing_is_refused() {
    let repo = TestRepo::with_commit();
    let shown = |arguments: &[&str]| said(&repo, &call(&repo, arguments));
    insta::assert_snapshot!(shown(&["show", "7"]), @"
    exit 1
    ! millrace: the ledger has no commit 7: there is no ledger yet
    ");
    insta::assert_snapshot!(shown(&["review", "nothing"]), @"
    exit 1
    ! millrace: there is no run and no item nothing
    ! hint: `millrace queue ls` shows what is open, `millrace runs ls` the runs
    ");
    insta::assert_snapshot!(shown(&["review", "20261122-x"]), @"
    exit 2
    ! millrace: `20261122-x` is not a run id: expected `yyyymmdd-hhmm-xxxxxx`, or a beginning of one
    ! hint: `millrace runs ls` shows the runs
    ");
    insta::assert_snapshot!(shown(&["verify", "--since", "yesterday"]), @"
    exit 2
    ! millrace: `yesterday` is no number of the ledger, no commit and no run: expected digits, 4 hex digits of a commit or more, or a run's id
    ! hint: `millrace log` shows its commits, `millrace runs ls` the runs
    ");
    insta::assert_snapshot!(shown(&["diff"]), @"
    exit 2
    ! millrace: the following required arguments were not provided: <RUN|ITEM>
    ! hint: `millrace diff --help` shows what there is
    ");
    queue(&repo, &task("fix-login"));
    insta::assert_snapshot!(shown(&["show", "fix-lgin"]), @"
    exit 1
    ! millrace: there is no item fix-lgin
    ! hint: did you mean `task/fix-login`? `millrace queue ls` shows what is open
    ");
    insta::assert_snapshot!(shown(&["show", "7000"]), @"
    exit 1
    ! millrace: the ledger has no commit 7000: the newest is 2
    ");
    insta::assert_snapshot!(shown(&["show", "19990101"]), @"
    exit 1
    ! millrace: there is no run 19990101
    ! hint: `millrace runs ls` shows the runs
    ");
    insta::assert_snapshot!(shown(&["review", "fix"]), @"
    exit 1
    ! millrace: task/fix-login has had no run yet
    ! hint: `millrace queue show task/fix-login` tells what it waits for
    ");
    let head = repo.git(&["rev-parse", "HEAD"]);
    insta::assert_snapshot!(shown(&["show", &head]), @"
    exit 1
    ! millrace: `[oid]` is a commit, and none of the ledger's or a run's
    ! hint: `git show` shows it
    ");
    insta::assert_snapshot!(shown(&["diff", "--plan", "plan-a", "plan-b"]), @"
    exit 1
    ! millrace: there is no plan plan-a
    ! hint: `millrace plan ls` shows the plans
    ");
    // A ledger whose numbers do not say what they should.
    let tree = repo.git(&["rev-parse", "refs/millrace/state^{tree}"]);
    let forged =
        repo.git(&["commit-tree", &tree, "-p", "refs/millrace/state", "-m", "x\n\nMillrace-Seq: 99"]);
    repo.git(&["update-ref", "refs/millrace/state", &forged]);
    insta::assert_snapshot!(shown(&["show", "50"]), @"
    exit 1
    ! millrace: the ledger has no commit that says it is number 50
    ! hint: `millrace verify` tells what is wrong with it
    ");
}

#[test]
fn the_log_goes_on_from_a_number() {
    let (repo, run) = worked();
    let numbers = |more: &[&str]| -> Vec<u64> {
        let mut all = vec!["log"];
        all.extend_from_slice(more);
        let log = data(&repo, "log", &all);
        log["commits"]
            .as_array()
            .expect("commits")
            .iter()
            .filter_map(|commit| commit["seq"].as_u64())
            .collect()
    };
    let all = numbers(&["-n", "0"]);
    let since = |number: u64| -> Vec<u64> { all.iter().copied().filter(|seq| *seq > number).collect() };
    assert_eq!(numbers(&["--since-seq", "0"]), all);
    assert_eq!(numbers(&["--since-seq", "9"]), since(9));
    assert_eq!(numbers(&["--since-seq", "9", "-n", "2"]), since(9)[..2]);
    assert_eq!(numbers(&["--since-seq", "1000"]), Vec::<u64>::new());
    let of_run = numbers(&["--run", &run, "--stage", "fixer", "--since-seq", "3"]);
    assert_eq!(of_run.len(), 2);
    let grep = format!("--grep=^Millrace-Run: {run}$");
    let by_hand = repo.git(&[
        "log",
        "--format=%(trailers:key=Millrace-Seq,valueonly,separator=%x20)",
        &grep,
        "refs/millrace/state",
    ]);
    let ours: Vec<String> = numbers(&["--run", &run, "-n", "0"]).iter().map(u64::to_string).collect();
    assert_eq!(ours.join("\n"), by_hand);
}
