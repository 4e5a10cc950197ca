//! What operators let go on, through the program: a blocked task with the work that it had, a stage that is started
//! again.

use std::path::Path;

use millrace::domain::transition::input::Input;
use millrace::runtime::project::Project;
use millrace::runtime::resume::reopen;

use super::roots::item_ref;
use super::site::{STUCK, Site, lives, wait_until};
use crate::support::repo::TestRepo;

/// The shortest ladder: one troubleshooter, one consultant.
const SHORT: &str =
    "[recovery]\nmax_troubleshoot_attempts_before_consult = 1\nmax_consultant_invocations = 1\n";

/// A builder that works and counts how often, and a checker that cannot: nobody repairs it.
const FAILS: &str = r#"
stages:
  builder:
    - - write: {path: src/made.txt, content: "made\n"}
      - write: {path: other.txt, content: "other\n"}
      - replace: {path: README.md, from: project, to: better project}
      - run: {argv: [sh, -c, 'echo ran >> @/builds']}
      - result: {terminal_result: BUILDER_COMPLETE}
  checker: [[{result: {terminal_result: BLOCKED, summary: No database.}}]]
  troubleshooter: [[{result: {terminal_result: BLOCKED}}]]
  consultant: [[{result: {terminal_result: BLOCKED}}]]
  updater: [[{result: {terminal_result: UPDATE_COMPLETE}}]]
"#;

/// A task that was blocked at its checker, and a world in which the checker works.
fn blocked() -> Site {
    let site = Site::with(TestRepo::with_commit(), SHORT, FAILS);
    site.add("one");
    site.work();
    assert_eq!(site.state_of("one"), "blocked");
    assert!(!site.repo.path().join("other.txt").exists(), "the work tree is the user's again");
    site.script(
        &FAILS
            .replace("{terminal_result: BLOCKED, summary: No database.}", "{terminal_result: CHECKER_PASS}"),
    );
    site
}

fn builds(site: &Site) -> usize {
    std::fs::read_to_string(site.sign("builds")).expect("it was built").lines().count()
}

#[track_caller]
fn finished(site: &Site) {
    let answer = site.work();
    assert_eq!(answer["reason"], "idle", "{answer}");
    assert_eq!((site.state_of("one").as_str(), builds(site)), ("done", 1));
    assert_eq!(site.repo.read("src/made.txt"), "made\n");
    assert_eq!(site.repo.read("other.txt"), "other\n");
    assert_eq!(site.repo.read("README.md"), "# A better project\n");
    site.sound();
}

/// What a blocked item says of itself.
fn reason(site: &Site) -> String {
    site.show("recovery/task.one.toml")
}

fn exists(site: &Site, path: &str) -> bool {
    Path::new(&site.repo.path().join(path)).exists()
}

#[test]
fn m03_a_blocked_task_goes_on_at_the_stage_that_failed_with_its_work_back_in_the_tree() {
    let site = blocked();
    // What happens elsewhere in the tree meanwhile is nobody's business.
    site.repo.write("mine.txt", "mine\n");
    site.retry("task/one");
    finished(&site);
    let second: Vec<String> =
        site.story().into_iter().skip_while(|line| !line.starts_with("retry: ")).collect();
    assert_eq!(second[2].split(" of run ").next(), Some("tree: 3 paths"), "{second:#?}");
    assert_eq!(
        second[3..],
        [
            "launch: one checker (launch 1)",
            "handoff: one checker -> updater (CHECKER_PASS)",
            "launch: one updater (launch 2)",
            "handoff: one updater -> done (UPDATE_COMPLETE)",
        ],
        "{second:#?}"
    );
    let branch = site.runs().into_iter().find(|run| site.snapshots(run).len() == 4);
    let branch = branch.unwrap_or_else(|| panic!("{:?}", site.runs()));
    assert_eq!(
        site.snapshots(&branch),
        ["start: one", "resume: one", "checker: CHECKER_PASS", "updater: UPDATE_COMPLETE"]
    );
    assert_eq!(site.repo.git(&["show", &format!("{branch}:mine.txt")]), "mine");
    assert_eq!(site.repo.read("mine.txt"), "mine\n");

    // Whoever reviews it sees the work of both as the run's, and none of it as the checker's.
    let run = branch.rsplit('/').next().expect("an id");
    let changed = |stages: &[&str]| {
        let answer = site.json(&[&["diff", run], stages].concat());
        let files = answer["files"].as_array().expect("files");
        files.iter().map(|file| file["path"].as_str().expect("a path").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(changed(&[]), ["README.md", "other.txt", "src/made.txt"]);
    assert_eq!((changed(&["checker"]).len(), changed(&["2"]).len()), (0, 0));
    let review = site.json(&["review", run]);
    assert!(
        site.runs().iter().any(|first| Some(first.as_str()) != Some(branch.as_str())
            && review["continues"].as_str() == first.rsplit('/').next()),
        "{review:#}"
    );
    assert_eq!(review["stages"][0]["changed"]["changed"], 0, "{review:#}");
    assert_eq!(review["code"]["changed"]["changed"], 3, "{review:#}");
}

#[test]
fn work_that_no_longer_fits_is_named_and_nothing_is_written() {
    let site = blocked();
    site.repo.write("other.txt", "mine\n");
    site.repo.write("README.md", "# Mine\n");
    site.retry("task/one");
    site.work();
    assert_eq!(site.state_of("one"), "blocked");
    let said = reason(&site);
    assert!(said.contains("class = \"resume_conflict\""), "{said}");
    assert!(said.contains("README.md") && said.contains("other.txt") && !said.contains("made.txt"), "{said}");
    assert_eq!(
        (site.repo.read("other.txt"), site.repo.read("README.md")),
        ("mine\n".into(), "# Mine\n".into())
    );
    assert!(!exists(&site, "src/made.txt"), "all of it, or nothing");
    assert_eq!(builds(&site), 1);

    // Once it fits again, it goes on, still with the first run's work.
    std::fs::remove_file(site.repo.path().join("other.txt")).expect("removed");
    site.repo.write("README.md", "# A project\n");
    site.retry("task/one");
    finished(&site);
}

/// A run that was opened to go on, and whose runtime died before the work was back.
fn died_before_the_work_was_back(site: &Site) {
    site.retry("task/one");
    let project = Project::open(site.repo.path()).expect("a project");
    let path = site.path("tasks/", ".one.md");
    let name = path.rsplit('/').next().expect("a name");
    let turn = name.trim_end_matches(".one.md").parse().expect("a turn");
    reopen(&project, &item_ref("task/one"), turn).expect("a run");
    assert_eq!(site.json(&["status"])["next"]["action"], "restore");
}

#[test]
fn m01_a_crash_while_the_work_is_put_back_is_no_matter() {
    let site = blocked();
    died_before_the_work_was_back(&site);
    // Half of it was there already, and the branch of the run had been moved.
    site.repo.write("other.txt", "other\n");
    let branch = format!("refs/millrace/runs/{}", site.active_run());
    let lost = site.repo.git(&["commit-tree", "-m", "lost", "-p", &branch, &format!("{branch}^{{tree}}")]);
    site.repo.git(&["update-ref", &branch, &lost]);
    finished(&site);
}

#[test]
fn what_a_crash_left_of_the_work_goes_again_where_the_rest_no_longer_fits() {
    let site = blocked();
    died_before_the_work_was_back(&site);
    site.repo.write("other.txt", "other\n");
    site.repo.write("README.md", "# Mine\n");
    site.work();
    assert_eq!(site.state_of("one"), "blocked");
    assert!(reason(&site).contains("README.md"), "{}", reason(&site));
    assert_eq!(site.repo.read("README.md"), "# Mine\n");
    assert!(!exists(&site, "other.txt") && !exists(&site, "src/made.txt"));
    site.sound();
}

#[test]
fn work_whose_commits_are_gone_is_said_to_be_gone() {
    let site = blocked();
    let branch = site.run_branch();
    site.repo.git(&["update-ref", "-d", &branch]);
    site.repo.git(&["reflog", "expire", "--expire=now", "--all"]);
    site.repo.git(&["gc", "--quiet", "--prune=now"]);
    site.retry("task/one");
    site.work();
    assert_eq!(site.state_of("one"), "blocked");
    assert!(reason(&site).contains("is no longer in this repository"), "{}", reason(&site));
}

#[test]
fn retry_active_starts_the_running_stage_again_and_counts_nothing() {
    let site = Site::with(TestRepo::with_commit(), "[limits]\nmax_interruptions = 1\n", STUCK);
    site.add("one");
    let daemon = site.daemon(&["--until-idle"]);
    let stage = site.pid("stage");
    let run = site.active_run();
    site.ask(&Input::RetryActive { run, reason: "it hangs".to_owned() });
    wait_until("the end of the stage", || !lives(stage));
    let (status, out, err) = daemon.ended();
    assert!(status.success(), "{out}{err}");
    assert_eq!(site.state_of("one"), "done");
    assert!(!exists(&site, "half.txt"));
    let story = site.story();
    assert_eq!(story[2], "interrupt: one builder runs again (interrupted)", "{story:#?}");
    let launches: Vec<&String> = story.iter().filter(|line| line.starts_with("launch: ")).collect();
    assert_eq!(launches[..2], ["launch: one builder (launch 1, claimed)", "launch: one builder (launch 2)"]);
    site.sound();
}

/// The wish outlives the runtime that did not get to it.
#[test]
fn retry_active_of_a_stage_whose_runtime_died_counts_nothing_either() {
    let site = Site::with(TestRepo::with_commit(), "[limits]\nmax_interruptions = 1\n", STUCK);
    site.add("one");
    let daemon = site.daemon(&["--until-idle"]);
    let stage = site.pid("stage");
    daemon.kill();
    site.ask(&Input::RetryActive { run: site.active_run(), reason: "it hangs".to_owned() });
    assert_eq!(site.work()["reason"], "idle");
    assert!(!lives(stage));
    assert_eq!(site.state_of("one"), "done");
    site.sound();
}
