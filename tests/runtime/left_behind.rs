//! Code that `HEAD` took along when it left: nothing goes on without it unseen, and where it lies is said.

use super::site::{Site, text};

const COMMITS: &str = "git add made.txt README.md && git -c user.name=h -c user.email=h@h commit -qm theirs";

/// A builder that makes a file and changes one, and then does this; the others do nothing.
fn site(stage: &str, shell: &str) -> Site {
    let script = r#"
stages:
  builder:
    - - write: {path: made.txt, content: "made\n"}
      - append: {path: README.md, content: "More.\n"}
      - run: {argv: [sh, -c, 'builder-does'], expect: 0}
      - result: {terminal_result: BUILDER_COMPLETE}
  checker: [[{result: {terminal_result: CHECKER_PASS}}]]
  updater: [[{run: {argv: [sh, -c, 'updater-does'], expect: 0}}, {result: {terminal_result: UPDATE_COMPLETE}}]]
"#;
    let script = script.replace(&format!("{stage}-does"), shell);
    let site = Site::scripted(&script.replace("builder-does", "true").replace("updater-does", "true"));
    site.add("one");
    site
}

#[track_caller]
fn waits(site: &Site, cause: &str) -> String {
    let answer = site.work();
    assert_eq!(answer["waits"]["cause"], cause, "{answer}");
    let detail = answer["waits"]["detail"].as_str().expect("words").to_owned();
    // `status` sees the same without a runtime.
    let next = site.json(&["status"])["next"]["detail"].as_str().expect("words").to_owned();
    assert_eq!(next, format!("{cause}: {detail}"));
    detail
}

#[test]
fn what_was_committed_on_another_branch_is_waited_for_after_the_switch_back() {
    let site = site("builder", &format!("git switch -qc work && {COMMITS}"));
    let detail = waits(&site, "branch_switched");
    assert!(detail.contains("switch back and merge what was committed there"), "{detail}");
    site.repo.git(&["switch", "--quiet", "main"]);
    let detail = waits(&site, "code_left_behind");
    let work = site.repo.git(&["rev-parse", "--short=10", "work"]);
    for words in [
        "(2 of 2 paths: README.md, made.txt)",
        &format!("HEAD went from work ({work}) to main ("),
        &format!("merge work ({work}) into what is checked out"),
    ] {
        assert!(detail.contains(words), "{words}: {detail}");
    }
    assert_eq!(site.snapshots(&site.run_branch()).len(), 2, "nothing goes on");
    // What was not committed there comes along: the rest is lost all the same.
    site.repo.write("made.txt", "made\n");
    assert!(waits(&site, "code_left_behind").contains("(1 of 2 paths: README.md)"));
    std::fs::remove_file(site.repo.path().join("made.txt")).expect("removed");
    site.repo.git(&["merge", "--quiet", "work"]);
    site.work();
    assert_eq!(site.state_of("one"), "done");
    let code = &site.json(&["status"])["finished"]["code"];
    assert_eq!((&code["where"], &code["branch"]), (&"committed".into(), &"refs/heads/main".into()));
    site.sound();
}

#[test]
fn what_was_committed_on_a_detached_head_is_brought_back_by_restore() {
    let site = site("builder", &format!("git checkout -q --detach && {COMMITS}"));
    let detail = waits(&site, "branch_switched");
    assert!(detail.contains("is on a detached HEAD"), "{detail}");
    site.repo.git(&["switch", "--quiet", "main"]);
    let detail = waits(&site, "code_left_behind");
    assert!(detail.contains("HEAD went from a detached HEAD ("), "{detail}");
    let run = site.run_branch().rsplit('/').next().expect("an id").to_owned();
    assert!(detail.contains(&format!("`millrace restore {run} --to end`")), "{detail}");
    site.ok(&["restore", &run, "--to", "end"]);
    site.work();
    assert_eq!(site.state_of("one"), "done");
    assert_eq!(site.repo.read("made.txt"), "made\n");
    assert_eq!(site.json(&["status"])["finished"]["code"]["where"], "work_tree");
    site.sound();
}

/// The user keeps what is there on a branch of their own and comes back: `HEAD` is where it was, the code is not.
#[test]
fn a_head_that_came_back_is_seen_and_a_file_that_was_undone_is_not_waited_for() {
    let site = site("builder", "true");
    site.ok(&["run", "once"]);
    // On purpose, and not all of it.
    site.repo.git(&["checkout", "--quiet", "README.md"]);
    site.ok(&["run", "once"]);
    site.repo.write("README.md", "# A project\nAgain.\n");
    site.ok(&["status"]);
    site.repo.git(&["switch", "--quiet", "-c", "aside"]);
    site.repo.git(&["add", "made.txt"]);
    site.repo.git(&["-c", "user.name=u", "-c", "user.email=u@u", "commit", "--quiet", "-m", "kept"]);
    site.repo.git(&["switch", "--quiet", "main"]);
    let detail = waits(&site, "code_left_behind");
    assert!(detail.contains("paths: made.txt); merge aside ("), "{detail}");
    site.ok(&["queue", "cancel", "one", "--reason", "not wanted"]);
    site.work();
    site.sound();
}

#[test]
fn finished_code_on_a_branch_that_is_not_checked_out_is_said_to_be_there() {
    let site = site("updater", &format!("git switch -qc work && {COMMITS}"));
    site.work();
    assert_eq!(site.state_of("one"), "done");
    site.repo.git(&["switch", "--quiet", "main"]);
    let work = site.repo.git(&["rev-parse", "--short=10", "work"]);
    let says = format!("not in the work tree, but committed as {work} on work");
    let status = site.ok(&["status"]);
    assert!(status.contains(&says), "{status}");
    let review = site.ok(&["review", "one"]);
    assert!(review.contains(&format!("its code is {says}: it waits to be merged")), "{review}");
    assert_eq!(site.json(&["review", "one"])["code"]["where"]["where"], "elsewhere");
    // Without a branch it is still there, as long as the commit is.
    site.repo.git(&["branch", "--quiet", "-D", "work"]);
    let status = site.ok(&["status"]);
    assert!(status.contains(&format!("committed as {work} on no branch")), "{status}");
    site.repo.git(&["merge", "--quiet", &work]);
    let status = site.ok(&["status"]);
    assert!(status.contains(&format!("committed, in {work} on main")), "{status}");
    // Changed since by a commit that goes on from it, it is not called left behind.
    site.repo.git(&["branch", "old"]);
    site.repo.git(&["rm", "--quiet", "made.txt"]);
    site.repo.git(&["-c", "user.name=u", "-c", "user.email=u@u", "commit", "--quiet", "-m", "not wanted"]);
    let code = site.json(&["status"])["finished"]["code"].clone();
    assert_eq!((&code["where"], &code["held"]), (&"superseded".into(), &1.into()), "{code}");
}

#[test]
fn a_commit_on_the_side_is_a_finding_of_the_stage_that_came_back_without_it() {
    let site = site(
        "updater",
        "git switch -qc side && git add made.txt && git -c user.name=h -c user.email=h@h commit -qm theirs && git switch -q main",
    );
    site.work();
    assert_eq!(site.state_of("one"), "done");
    let side = site.repo.git(&["rev-parse", "side"]);
    let branch = site.run_branch();
    let trailer = "--format=%(trailers:key=Millrace-Left,valueonly)";
    let left = site.repo.git(&["log", "-1", trailer, &format!("{branch}~1")]);
    assert_eq!(left.trim(), format!("{side} side"));
    let findings = text(site.result("03-updater")["findings"].to_string().as_bytes());
    assert!(
        findings.contains(&format!("HEAD was at commit {} (on side) and came back without it", &side[..10])),
        "{findings}"
    );
    assert!(site.ok(&["review", "one"]).contains("came back without it"));
    site.sound();
}

/// A harness that resets takes the user's own work as well: it is safe, and the reviewer is told where.
#[test]
fn work_of_the_users_that_a_stage_undid_is_a_finding_and_is_in_the_first_snapshot() {
    let site = site("builder", "git reset -q --hard");
    site.repo.write("README.md", "# Mine, not committed\n");
    site.work();
    assert_eq!(site.repo.read("README.md"), "# A project\n");
    let branch = site.run_branch();
    let start = site.repo.git(&["log", "-1", "--format=%H", "--grep=^start: ", &branch]);
    assert_eq!(site.repo.git(&["show", &format!("{start}:README.md")]), "# Mine, not committed");
    let says = format!(
        "undid what was uncommitted before the run (1 paths: README.md); the run's first snapshot, {}, holds it",
        &start[..10]
    );
    let review = site.ok(&["review", "one"]);
    assert!(review.split_whitespace().collect::<Vec<_>>().join(" ").contains(&says), "{review}");
    site.sound();
}

/// What a user does on the branch of the run meanwhile is no loss: their next commit has another version of a file that
/// a snapshot took up.
#[test]
fn a_commit_of_the_users_on_the_runs_branch_is_not_waited_for() {
    let site = site("builder", "echo one > theirs.txt");
    site.ok(&["run", "once"]);
    site.repo.write("theirs.txt", "two\n");
    site.repo.git(&["add", "theirs.txt"]);
    site.repo.git(&["-c", "user.name=u", "-c", "user.email=u@u", "commit", "--quiet", "-m", "two"]);
    site.work();
    assert_eq!(site.state_of("one"), "done");
    site.sound();
}
