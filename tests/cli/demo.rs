//! The demo is the real thing: it fails when any part of the path fails.

use super::commands::{MILLRACE, call, data, filtered, said};
use crate::support::repo::TestRepo;

#[test]
fn it_shows_a_whole_run() {
    let repo = TestRepo::init();
    let output = call(&repo, &["demo"]);
    let text = filtered(&repo, &String::from_utf8_lossy(&output.stdout));
    assert_eq!(output.status.code(), Some(0), "{}", said(&repo, &output));
    let handoffs: Vec<&str> = text.lines().filter(|line| line.starts_with("  task/")).collect();
    insta::assert_snapshot!(handoffs.join("\n"), @r"
      task/fix-division  builder -> checker (BUILDER_COMPLETE)
      task/fix-division  checker -> fixer (FIX_NEEDED)
      task/fix-division  fixer -> doublechecker (FIXER_COMPLETE)
      task/fix-division  doublechecker -> updater (DOUBLECHECK_PASS)
      task/fix-division  updater -> done (UPDATE_COMPLETE)
    ");
    for part in [
        "  FAILED: div 18 3: expected 6, found 54",
        "fixer: FIXER_COMPLETE",
        "handoff: fix-division checker -> fixer (FIX_NEEDED)",
        "-    div) echo $(($2 * $3)) ;;",
        "+        [ \"$3\" -ne 0 ] || { echo \"calc.sh: division by zero\" >&2; exit 1; }",
        "15 commits replayed, all sound",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert_eq!(std::fs::read_dir(repo.path()).expect("a folder").count(), 1, "only .git, as before");
}

#[test]
fn it_can_be_kept_and_looked_at() {
    let repo = TestRepo::init();
    let kept = repo.beside().join("kept");
    let answer = data(&repo, "demo", &["demo", "--keep", kept.to_str().expect("UTF-8")]);
    assert_eq!(answer["handoffs"].as_array().expect("handoffs").len(), 5);
    assert_eq!(answer["verified"]["sound"], true);
    let output = repo
        .command("git")
        .args(["fsck", "--full", "--strict"])
        .current_dir(&kept)
        .output()
        .expect("git runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let output = repo.command(MILLRACE).arg("doctor").current_dir(&kept).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", said(&repo, &output));
    // Every stage leaves what it is asked for.
    let log = repo
        .command("git")
        .args(["grep", "--count", "^findings", "refs/millrace/state", "--", "runs"])
        .current_dir(&kept)
        .output()
        .expect("git runs");
    assert_eq!((log.status.code(), String::from_utf8_lossy(&log.stdout).as_ref()), (Some(1), ""));
    // Nothing that is there is written over.
    let again = call(&repo, &["demo", "--keep", kept.to_str().expect("UTF-8")]);
    insta::assert_snapshot!(said(&repo, &again), @r"
    exit 2
    ! millrace: [root]/kept is not empty
    ! hint: name a new folder
    ");
}

#[test]
fn without_a_shell_it_says_so() {
    let repo = TestRepo::init();
    let bin = repo.beside().join("bin");
    std::fs::create_dir(&bin).expect("a folder");
    let git = std::env::var("PATH")
        .expect("a path")
        .split(':')
        .map(|folder| std::path::Path::new(folder).join("git"))
        .find(|git| git.exists())
        .expect("git");
    std::os::unix::fs::symlink(git, bin.join("git")).expect("a link");
    let output = repo.command(MILLRACE).arg("demo").env("PATH", &bin).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1), "{}", said(&repo, &output));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("millrace: cannot run sh: "));
}

#[test]
fn the_full_one_shows_an_idea_until_it_is_accepted() {
    let repo = TestRepo::init();
    let answer = data(&repo, "demo", &["demo", "--full"]);
    let told: Vec<String> = answer["handoffs"]
        .as_array()
        .expect("handoffs")
        .iter()
        .map(|handoff| {
            let item = handoff["item"].as_str().expect("an item");
            // What follows is made of the launch that found the gap.
            let item =
                item.rsplit_once('-').filter(|_| item.starts_with("incident/")).map_or(item, |(id, _)| id);
            format!("{item} {}", handoff["result"].as_str().expect("a result"))
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @"
    spec/idea-calc-divides PLANNER_COMPLETE
    spec/idea-calc-divides MANAGER_COMPLETE
    task/divide BUILDER_COMPLETE
    task/divide CHECKER_PASS
    task/divide UPDATE_COMPLETE
    task/refuse-zero BUILDER_COMPLETE
    task/refuse-zero FIX_NEEDED
    task/refuse-zero FIXER_COMPLETE
    task/refuse-zero DOUBLECHECK_PASS
    task/refuse-zero UPDATE_COMPLETE
    task/tell-of-it BUILDER_COMPLETE
    task/tell-of-it CHECKER_PASS
    task/tell-of-it UPDATE_COMPLETE
    spec/idea-calc-divides REMEDIATION_NEEDED
    incident/arbiter-gap-idea-calc-divides AUDITOR_COMPLETE
    incident/arbiter-gap-idea-calc-divides PLANNER_COMPLETE
    incident/arbiter-gap-idea-calc-divides MANAGER_COMPLETE
    task/say-help BUILDER_COMPLETE
    task/say-help CHECKER_PASS
    task/say-help UPDATE_COMPLETE
    spec/idea-calc-divides ARBITER_COMPLETE
    ");
    assert_eq!(answer["verified"]["sound"], true);
    let verdict = answer["verdict"].as_str().expect("a verdict");
    assert_eq!(verdict.matches("finding = \"pass\"").count(), 3, "{verdict}");
}
