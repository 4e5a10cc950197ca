//! What is derived is made again, and nothing vanishes that no ref leads to.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use super::site::{STRAIGHT, Site, text, wait_until};

/// A first stage that does nothing and does not end; at its second attempt it does its work.
const IDLE_FIRST: &str = r#"
stages:
  builder:
    - - run: {argv: [sh, -c, 'touch @/started; exec sleep 600']}
    - - write: {path: made.txt, content: "made\n"}
      - result: {terminal_result: BUILDER_COMPLETE}
  checker: [[{result: {terminal_result: CHECKER_PASS}}]]
  updater: [[{result: {terminal_result: UPDATE_COMPLETE}}]]
"#;

/// A builder that reports in a file of its folder.
const REPORTS: &str = r#"
stages:
  builder:
    - - write: {path: made.txt, content: "made\n"}
      - evidence: {name: notes.md, content: "what was done\n"}
      - result: {terminal_result: BUILDER_COMPLETE}
  checker: [[{result: {terminal_result: CHECKER_PASS}}]]
  updater: [[{result: {terminal_result: UPDATE_COMPLETE}}]]
"#;

#[track_caller]
fn recovered(site: &Site, args: &[&str]) -> Value {
    let output = site.run(&[&["recover", "--json"], args].concat());
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    let answer: Value = serde_json::from_str(text(&output.stdout).trim_end()).expect("JSON");
    answer["data"].clone()
}

fn kinds(answer: &Value) -> Vec<&str> {
    let found = answer["found"].as_array().expect("a list");
    found.iter().map(|one| one["kind"].as_str().expect("a kind")).collect()
}

fn rev(site: &Site, name: &str) -> String {
    site.repo.git(&["rev-parse", name])
}

fn backups(site: &Site) -> Vec<String> {
    let listed = site.repo.git(&["for-each-ref", "--format=%(refname)", "refs/millrace/backup/"]);
    listed.lines().map(str::to_owned).collect()
}

/// Every content of the work tree that is not ignored, and every object that a ref leads to.
fn contents(site: &Site) -> (BTreeSet<String>, BTreeSet<String>) {
    let hashes = "git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' f; do \
                  if [ -L \"$f\" ]; then readlink -n \"$f\" | git hash-object --stdin --no-filters; \
                  elif [ -f \"$f\" ]; then git hash-object --no-filters -- \"$f\"; fi; done";
    let output = site.repo.command("bash").args(["-c", hashes]).output().expect("bash runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let files = text(&output.stdout).lines().map(str::to_owned).collect();
    let objects = site.repo.git(&["rev-list", "--objects", "--all"]);
    let reachable = objects.lines().map(|line| line.split(' ').next().expect("an id").to_owned()).collect();
    (files, reachable)
}

/// Does something, and fails where a content or an object is nowhere any more.
#[track_caller]
fn nothing_vanishes<T>(site: &Site, what: &str, act: impl FnOnce() -> T) -> T {
    let (files, reachable) = contents(site);
    let done = act();
    let (files_now, reachable_now) = contents(site);
    let lost: Vec<_> = reachable
        .difference(&reachable_now)
        .chain(files.difference(&files_now))
        .filter(|oid| !reachable_now.contains(*oid))
        .collect();
    assert!(lost.is_empty(), "{what}: {lost:?}");
    done
}

#[test]
fn run_branches_are_what_the_ledger_says_and_what_they_held_is_kept() {
    let site = Site::scripted(STRAIGHT);
    site.add("one");
    site.work();
    let branch = site.run_branch();
    let tip = rev(&site, &branch);
    assert_eq!(kinds(&recovered(&site, &[])), [] as [&str; 0]);
    assert!(site.ok(&["recover"]).contains("everything that is derived is as the ledger has it"));

    // Gone, moved to something else, and one that belongs to no run.
    site.repo.git(&["update-ref", "-d", &branch]);
    assert_eq!(kinds(&recovered(&site, &["--dry-run"])), ["branch_made"]);
    assert_eq!(site.runs(), [] as [String; 0]);
    assert_eq!(kinds(&recovered(&site, &[])), ["branch_made"]);
    let again = rev(&site, &branch);
    assert_eq!(again, tip, "the closing commit as well");

    let foreign = site.repo.git(&["commit-tree", "-m", "foreign", "HEAD^{tree}"]);
    let stale = "refs/millrace/runs/20260101-0000-abcdef";
    let other = site.repo.git(&["commit-tree", "-m", "other", &format!("{tip}^{{tree}}")]);
    site.repo.git(&["update-ref", &branch, &foreign]);
    site.repo.git(&["update-ref", stale, &other]);
    let before = backups(&site);
    assert_eq!(kinds(&recovered(&site, &["--dry-run"])), ["branch_moved", "branch_stale"]);
    assert_eq!((rev(&site, &branch), backups(&site)), (foreign.clone(), before));
    let answer = nothing_vanishes(&site, "recover", || recovered(&site, &[]));
    assert_eq!(kinds(&answer), ["branch_moved", "branch_stale"]);
    assert_eq!(rev(&site, &branch), again);
    assert_eq!(site.runs(), [branch.as_str()]);
    let kept = |nth: usize| rev(&site, answer["found"][nth]["backup"].as_str().expect("a backup"));
    assert_eq!((kept(0), kept(1)), (foreign, other));
    assert_eq!(kinds(&recovered(&site, &[])), [] as [&str; 0]);
    site.sound();
}

#[test]
fn a_start_keeps_what_it_takes_off_run_branches() {
    let site = Site::scripted(STRAIGHT);
    site.add("one");
    site.ok(&["run", "once"]);
    let branch = site.run_branch();
    let tip = rev(&site, &branch);
    let extra = site.repo.git(&["commit-tree", "-p", &tip, "-m", "extra", "HEAD^{tree}"]);
    site.repo.git(&["update-ref", &branch, &extra]);
    let stale = site.repo.git(&["commit-tree", "-m", "of nobody", &format!("{tip}^{{tree}}")]);
    site.repo.git(&["update-ref", "refs/millrace/runs/20260101-0000-abcdef", &stale]);
    // One that holds nothing of its own needs no backup.
    site.repo.git(&["update-ref", "refs/millrace/runs/20260101-0001-abcdef", "HEAD"]);
    nothing_vanishes(&site, "a start", || site.work());
    let kept: BTreeSet<String> = backups(&site).iter().map(|name| rev(&site, name)).collect();
    assert_eq!(kept, BTreeSet::from([extra, stale]));
    assert_eq!(site.runs(), [branch.as_str()]);
    // Another one with the same files keeps nothing more.
    let again = site.repo.git(&["commit-tree", "-m", "once more", &format!("{tip}^{{tree}}")]);
    site.repo.git(&["update-ref", "refs/millrace/runs/20260101-0002-abcdef", &again]);
    site.work();
    assert_eq!((backups(&site).len(), site.runs().len()), (2, 1));
}

#[test]
fn what_is_lost_is_said() {
    let site = Site::scripted(STRAIGHT);
    site.add("one");
    site.work();
    let branch = site.run_branch();
    let snapshot =
        site.json(&["runs", "show", branch.rsplit('/').next().expect("a run")])["snapshot"].clone();
    let snapshot = snapshot.as_str().expect("a commit");
    site.repo.git(&["update-ref", "-d", &branch]);
    site.repo.git(&["gc", "--quiet", "--prune=now"]);
    assert!(!site.repo.git_output(&["cat-file", "-e", snapshot]).status.success(), "git kept {snapshot}");
    let answer = recovered(&site, &[]);
    assert_eq!(kinds(&answer), ["branch_lost"], "{answer}");
    assert!(
        answer["found"][0]["detail"].as_str().expect("words").contains("is no longer in this repository")
    );
    let output = site.run(&["restore", "one", "--to", "end"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains(&format!("commit {} is no longer in this repository", &snapshot[..10])), "{said}");
    assert!(said.contains("no ref leads to it any more"), "{said}");
}

#[test]
fn the_folders_of_an_active_run_are_there_again() {
    let site = Site::scripted(REPORTS);
    site.add("one");
    site.ok(&["run", "once"]);
    let runs = site.repo.path().join("millrace-agents/runs");
    let folder = runs.join(site.run_branch().rsplit('/').next().expect("a run")).join("01-builder");
    let notes = std::fs::read_to_string(folder.join("notes.md")).expect("notes");
    assert_eq!(kinds(&recovered(&site, &[])), [] as [&str; 0]);
    std::fs::remove_dir_all(&runs).expect("removed");
    assert_eq!(kinds(&recovered(&site, &["--dry-run"])), ["folder"]);
    assert!(!runs.exists());
    let answer = recovered(&site, &[]);
    assert_eq!(kinds(&answer), ["folder"]);
    assert_eq!(std::fs::read_to_string(folder.join("notes.md")).expect("notes"), notes);
    assert!(folder.join("result.json").exists() && folder.join("prompt.md").exists());
    assert!(!folder.join("result.toml").exists() && !folder.join("stdout.tail").exists());
    // What somebody changed there stays.
    std::fs::write(folder.join("notes.md"), "mine\n").expect("written");
    std::fs::remove_file(folder.join("result.json")).expect("removed");
    recovered(&site, &[]);
    assert_eq!(std::fs::read_to_string(folder.join("notes.md")).expect("notes"), "mine\n");
    assert!(folder.join("result.json").exists());
    site.work();
    assert_eq!(site.state_of("one"), "done");
}

#[test]
fn the_code_of_the_active_run_and_what_was_there_before() {
    let site = Site::scripted(STRAIGHT);
    site.add("one");
    site.ok(&["run", "once"]);
    site.repo.write("made.txt", "somebody else's\n");
    site.repo.write("mine.txt", "mine\n");
    std::fs::remove_file(site.repo.path().join("README.md")).expect("removed");
    let would = recovered(&site, &["--code", "--dry-run"]);
    assert_eq!(would["code"]["put_back"], serde_json::json!(["README.md", "made.txt"]));
    assert_eq!(site.repo.read("made.txt"), "somebody else's\n");
    let did = nothing_vanishes(&site, "--code", || recovered(&site, &["--code"]));
    assert_eq!(site.repo.read("made.txt"), "made\n");
    assert_eq!(site.repo.read("README.md"), "# A project\n");
    assert!(!site.repo.path().join("mine.txt").exists());
    let backup = did["code"]["backup"].as_str().expect("a backup");
    assert!(backup.ends_with("-recover"), "{backup}");
    assert_eq!(site.repo.git(&["show", &format!("{backup}:mine.txt")]), "mine");
    assert_eq!(rev(&site, &format!("{backup}~1")), rev(&site, "HEAD"));
    // The run goes on from there.
    site.work();
    assert_eq!(site.state_of("one"), "done");
    let output = site.run(&["recover", "--code"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(said.contains("no run is active: --code needs to know whose code"), "{said}");
    assert_eq!(recovered(&site, &["one", "--code"])["code"]["put_back"], serde_json::json!([]));
    site.sound();
}

#[test]
fn caches_and_leftovers_go() {
    let site = Site::scripted(STRAIGHT);
    site.add("one");
    site.ok(&["run", "once"]);
    std::fs::write(site.private().join("index/main"), "no index").expect("written");
    std::fs::create_dir_all(site.private().join("quarantine/q-left/objects")).expect("a folder");
    assert_eq!(kinds(&recovered(&site, &["--dry-run"])), ["index", "leftovers"]);
    assert_eq!(kinds(&recovered(&site, &[])), ["index", "leftovers"]);
    assert_eq!(kinds(&recovered(&site, &[])), [] as [&str; 0]);
    site.work();
    assert_eq!(site.state_of("one"), "done");
}

#[test]
fn a_damaged_ledger_comes_first() {
    let site = Site::scripted(STRAIGHT);
    site.add("one");
    std::fs::write(site.repo.git_dir().join("refs/millrace/state"), "").expect("written");
    let output = site.run(&["recover"]);
    assert_eq!(output.status.code(), Some(5));
    assert!(
        text(&output.stderr).contains("`millrace doctor --repair` goes back"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_launch_that_left_nothing_has_the_code_that_it_began_with() {
    let site = Site::scripted(IDLE_FIRST);
    site.add("one");
    let output = site.run(&["restore", "one", "--to", "start"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("task/one has had no run yet"), "{said}");
    let daemon = site.daemon(&[]);
    site.await_sign("started");
    daemon.kill();
    wait_until("the exit record", || site.invocations().iter().any(|inv| inv.join("exit.toml").exists()));
    site.work();
    site.ok(&["restore", "one", "--to", "1", "--save"]);
    assert!(!site.repo.path().join("made.txt").exists());
    site.ok(&["restore", "one", "--to", "2", "--save"]);
    assert_eq!(site.repo.read("made.txt"), "made\n");
}

/// At whatever moment it is killed: each file is as it was or as it is to be, and what it was is below a ref.
#[test]
fn killed_at_any_moment_it_has_lost_nothing_and_is_done_when_asked_again() {
    let files = 40;
    let write = |content: &str| {
        format!("for n in $(seq {files}); do echo {content} $n > f$n; done; echo {content} > {content}.txt")
    };
    let script = format!(
        "stages:\n  builder:\n    - - run: {{argv: [sh, -c, '{}']}}\n      - result: {{terminal_result: \
         BUILDER_COMPLETE}}\n  checker: [[{{result: {{terminal_result: CHECKER_PASS}}}}]]\n  updater: [[{{result: \
         {{terminal_result: UPDATE_COMPLETE}}}}]]\n",
        write("built")
    );
    let site = Site::scripted(&script);
    site.add("one");
    site.work();
    let mut killed = 0;
    for nth in 0..7 {
        let output =
            site.repo.command("sh").args(["-c", &write(&format!("mine{nth}"))]).output().expect("sh");
        assert!(output.status.success());
        nothing_vanishes(&site, &format!("killed, {nth}"), || {
            let mut restore = site.millrace(&["restore", "one", "--to", "builder", "--save"]);
            let mut child = restore.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
            std::thread::sleep(Duration::from_millis(20 + 25 * nth));
            killed += u32::from(child.try_wait().expect("asked").is_none());
            let _ = child.kill();
            child.wait().expect("it ends");
        });
        for n in 1..=files {
            let content = site.repo.read(&format!("f{n}"));
            assert!(
                content == format!("built {n}\n") || content == format!("mine{nth} {n}\n"),
                "{nth}: {content}"
            );
        }
        nothing_vanishes(&site, &format!("again, {nth}"), || {
            site.ok(&["restore", "one", "--to", "builder", "--save"]);
        });
        assert_eq!(site.repo.read("f40"), "built 40\n");
        assert!(!site.repo.path().join(format!("mine{nth}.txt")).exists());
    }
    assert!(killed > 0, "none was killed in time");
    site.sound();
}

/// A ref where the run branches are that no run can have is named, and is nobody's to take away.
#[test]
fn a_ref_that_is_called_after_no_run_is_named_and_stays() {
    let site = Site::scripted(STRAIGHT);
    site.add("one");
    site.work();
    site.repo.git(&["update-ref", "refs/millrace/runs/mine/own", "HEAD"]);
    let answer = recovered(&site, &[]);
    assert_eq!(kinds(&answer), ["foreign"], "{answer:#}");
    assert!(answer["found"][0]["detail"].to_string().contains("refs/millrace/runs/mine/own"), "{answer:#}");
    assert_eq!(rev(&site, "refs/millrace/runs/mine/own"), rev(&site, "HEAD"));
}
