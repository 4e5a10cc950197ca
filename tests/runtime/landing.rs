//! `[workspace] on_done = "commit"`: what a finished run has changed becomes one commit of the user's branch, or stays and
//! it is said why.

use super::site::{STRAIGHT, Site};
use crate::support::repo::TestRepo;

const COMMIT: &str = "[workspace]\non_done = \"commit\"\n";

/// A builder that changes a tracked file, makes one and removes one.
const CHANGES: &str = r#"
stages:
  builder:
    - - write: {path: made.txt, content: "made\n"}
      - append: {path: README.md, content: "More.\n"}
      - run: {argv: [sh, -c, 'rm -f old.txt'], expect: 0}
      - result: {terminal_result: BUILDER_COMPLETE}
  checker: [[{result: {terminal_result: CHECKER_PASS}}]]
  updater: [[{result: {terminal_result: UPDATE_COMPLETE}}]]
"#;

fn site(script: &str) -> Site {
    let repo = TestRepo::with_commit();
    repo.write("old.txt", "old\n");
    repo.write("other.txt", "other\n");
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "--quiet", "-m", "more"]);
    repo.git(&["config", "user.name", "The User"]);
    repo.git(&["config", "user.email", "user@example.org"]);
    Site::with(repo, COMMIT, script)
}

fn head(site: &Site) -> String {
    site.repo.git(&["rev-parse", "HEAD"])
}

/// What the ledger says became of the only run.
fn landing(site: &Site) -> toml::Table {
    let record: toml::Table = toml::from_str(&site.show(&site.path("runs/", "/run.toml"))).expect("a record");
    record["landing"].as_table().expect("a landing").clone()
}

#[track_caller]
fn left(site: &Site, before: &str, why: &str) {
    let landing = landing(site);
    assert_eq!(landing["became"].as_str(), Some("left"), "{landing}");
    let said = landing["why"].as_str().expect("a reason");
    assert!(said.contains(why), "{said}");
    assert_eq!(head(site), before);
    // The code stays, and `status` says so.
    assert_eq!(site.repo.read("made.txt"), "made\n");
    let status = site.ok(&["status"]);
    assert!(status.contains("last done: task/one") && status.contains(why), "{status}");
    site.sound();
}

#[test]
fn a_finished_change_is_one_ordinary_commit() {
    let site = site(CHANGES);
    site.repo.write("other.txt", "mine, staged\n");
    site.repo.git(&["add", "other.txt"]);
    site.repo.write("other.txt", "mine, staged and changed\n");
    site.repo.write("loose.txt", "mine\n");
    // Hooks of the user's are for people who wait for them.
    site.repo.write(".git/hooks/pre-commit", "#!/bin/sh\nexit 1\n");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(site.repo.path().join(".git/hooks/pre-commit"), mode).expect("a hook");
    let before = head(&site);
    site.add("one");
    site.add("two");
    site.ok(&["queue", "cancel", "two", "--reason", "later"]);
    site.work();
    assert_eq!(site.state_of("one"), "done");

    let message = site.repo.git(&["log", "-1", "--format=%an <%ae>|%cn|%P|%s|%b"]);
    let run = site.run_branch().rsplit('/').next().expect("an id").to_owned();
    assert_eq!(
        message.trim_end(),
        format!(
            "The User <user@example.org>|The User|{before}|Do one|Millrace-Item: task/one\nMillrace-Run: {run}"
        )
    );
    assert_eq!(
        site.repo.git(&["show", "--format=", "--name-status", "--no-renames"]),
        "M\tREADME.md\nA\tmade.txt\nD\told.txt"
    );
    // What the user had staged and changed on other paths is as it was.
    assert_eq!(site.repo.git(&["show", ":other.txt"]), "mine, staged");
    assert_eq!(site.repo.read("other.txt"), "mine, staged and changed\n");
    let status = site.repo.git(&["status", "--porcelain", "--untracked-files=all"]);
    assert_eq!(
        status.lines().filter(|line| !line.contains("millrace-agents/")).collect::<Vec<_>>(),
        ["MM other.txt", "?? loose.txt"]
    );
    let landing = landing(&site);
    assert_eq!(landing["became"].as_str(), Some("committed"));
    assert_eq!(landing["commit"].as_str(), Some(head(&site).as_str()));
    assert_eq!(landing["branch"].as_str(), Some("refs/heads/main"));
    let said = site.ok(&["status"]);
    assert!(said.contains(&format!("last done: task/one (run {run}), committed as ")), "{said}");
    let reflog = site.repo.git(&["reflog", "-1", "--format=%gs"]);
    assert_eq!(reflog, "commit: Do one");
    site.sound();
}

#[test]
fn the_next_item_starts_from_the_new_head() {
    let site = site(
        r#"
stages:
  builder:
    - - run: {argv: [sh, -c, 'echo "$MILLRACE_ITEM" >> all.txt'], expect: 0}
      - result: {terminal_result: BUILDER_COMPLETE}
  checker: [[{result: {terminal_result: CHECKER_PASS}}]]
  updater: [[{result: {terminal_result: UPDATE_COMPLETE}}]]
"#,
    );
    site.add("one");
    site.add("two");
    site.work();
    assert_eq!(site.repo.git(&["log", "-3", "--format=%s"]), "Do two\nDo one\nmore");
    // Their ids may not tell which was the later one.
    assert_eq!(site.json(&["status"])["finished"]["item"], "task/two");
    let runs = site.runs();
    let second = runs
        .iter()
        .find(|run| site.repo.git(&["log", "-1", "--format=%s", run]).contains("two"))
        .expect("a run");
    assert_eq!(
        site.repo.git(&["rev-parse", &format!("{second}~5")]),
        site.repo.git(&["rev-parse", "HEAD~1"])
    );
    site.sound();
}

#[test]
fn what_is_not_clear_cut_stays_and_it_is_said_why() {
    // A path had uncommitted work before the run.
    let dirty = site(CHANGES);
    dirty.repo.write("README.md", "# A project\nMine.\n");
    let before = head(&dirty);
    dirty.add("one");
    dirty.work();
    left(&dirty, &before, "HEAD has README.md otherwise than the run found it");

    // A path is staged, with another content.
    let staged = site(CHANGES);
    staged.repo.write("README.md", "# Staged\n");
    staged.repo.git(&["add", "README.md"]);
    staged.repo.write("README.md", "# A project\n");
    let before = head(&staged);
    staged.add("one");
    staged.work();
    left(&staged, &before, "the index has README.md otherwise than HEAD");
    assert_eq!(staged.repo.git(&["show", ":README.md"]), "# Staged");

    let detached = site(CHANGES);
    detached.repo.git(&["checkout", "--quiet", "--detach"]);
    let before = head(&detached);
    detached.add("one");
    detached.work();
    left(&detached, &before, "HEAD is detached");

    let nobody = site(CHANGES);
    nobody.repo.git(&["config", "--unset", "user.email"]);
    let before = head(&nobody);
    nobody.add("one");
    nobody.work();
    left(&nobody, &before, "git knows no identity");

    let signing = site(CHANGES);
    signing.repo.git(&["config", "commit.gpgSign", "true"]);
    signing.repo.git(&["config", "gpg.program", "false"]);
    let before = head(&signing);
    signing.add("one");
    signing.work();
    left(&signing, &before, "git does not commit it: ");
}

/// The last stage leaves the repository in a state in which nothing is committed.
fn last_stage(shell: &str) -> String {
    CHANGES.replace(
        "  updater: [[{result",
        &format!("  updater: [[{{run: {{argv: [sh, -c, '{shell}'], expect: 0}}}}, {{result"),
    )
}

#[test]
fn a_head_that_moved_on_the_same_paths_keeps_it() {
    let script = last_stage(
        "cp README.md .git/keep; git show HEAD:README.md >README.md; echo x >>README.md; \
         git -c user.name=h -c user.email=h@h commit -qm theirs README.md; cp .git/keep README.md",
    );
    let site = site(&script);
    let before = head(&site);
    site.add("one");
    site.work();
    assert_ne!(head(&site), before);
    let landing = landing(&site);
    assert!(landing["why"].as_str().expect("a reason").contains("README.md"), "{landing}");
    assert_eq!(site.repo.git(&["log", "-1", "--format=%s"]), "theirs");
}

#[test]
fn a_merge_in_progress_and_a_switched_branch_keep_it() {
    let merging = site(&last_stage("git rev-parse HEAD >.git/MERGE_HEAD"));
    let before = head(&merging);
    merging.add("one");
    merging.work();
    std::fs::remove_file(merging.repo.git_dir().join("MERGE_HEAD")).expect("removed");
    left(&merging, &before, "a merge is in progress");

    let switched = site(&last_stage("git switch -qc other"));
    let before = head(&switched);
    switched.add("one");
    switched.work();
    left(&switched, &before, "the run began on main, and other is checked out");
}

/// The same, with a script of several lines.
fn last_script(shell: &str) -> Site {
    let site = site(&last_stage("sh @/last.sh"));
    std::fs::write(site.sign("last.sh"), shell).expect("a script");
    site
}

#[test]
fn a_conflict_keeps_it_and_what_is_only_meant_to_be_added_does_not() {
    // Of whatever path the conflict is.
    let conflicts = last_script(
        "b=$(git rev-parse HEAD:other.txt)\ngit rm -q --cached other.txt\n\
         printf '100644 %s 2\\tother.txt\\n100644 %s 3\\tother.txt\\n' $b $b | git update-index --index-info\n",
    );
    let before = head(&conflicts);
    conflicts.add("one");
    conflicts.work();
    left(&conflicts, &before, "the index holds conflicts that are not resolved");

    // A path that somebody meant to add is an addition of the run's all the same.
    let meant = site(&last_stage("git add --intent-to-add made.txt"));
    meant.add("one");
    meant.work();
    assert_eq!(landing(&meant)["became"].as_str(), Some("committed"), "{}", landing(&meant));
    assert_eq!(
        meant.repo.git(&["show", "--format=", "--name-status", "--no-renames"]),
        "M\tREADME.md\nA\tmade.txt\nD\told.txt"
    );
    meant.sound();
}

#[test]
fn a_commit_of_somebody_else_that_names_the_run_is_not_taken_for_the_runs_own() {
    let site = last_script(
        "git -c user.name=h -c user.email=h@h commit -q --allow-empty -m forged -m \"Millrace-Run: $MILLRACE_RUN\"\n",
    );
    site.add("one");
    site.work();
    assert_eq!(landing(&site)["became"].as_str(), Some("committed"), "{}", landing(&site));
    assert_eq!(site.repo.git(&["log", "-2", "--format=%s"]), "Do one\nforged");
    assert_eq!(
        site.repo.git(&["log", "-1", "--format=%(trailers:key=Millrace-Item,valueonly)", "HEAD"]).trim(),
        "task/one"
    );
    assert_eq!(
        site.repo.git(&["show", "--format=", "--name-status", "--no-renames"]),
        "M\tREADME.md\nA\tmade.txt\nD\told.txt"
    );
    site.sound();
}

#[test]
fn what_the_harness_has_committed_itself_is_found_committed() {
    let script = last_stage(
        "git add made.txt README.md old.txt && git -c user.name=h -c user.email=h@h commit -qm theirs",
    );
    let site = site(&script);
    site.add("one");
    site.work();
    let landing = landing(&site);
    assert_eq!(landing["commit"].as_str(), Some(head(&site).as_str()), "{landing}");
    assert_eq!(site.repo.git(&["log", "-1", "--format=%s"]), "theirs");
    // It may hold more than that: it is not called the run's own.
    let status = site.ok(&["status"]);
    assert!(status.contains(&format!(", committed, in {} on main", &head(&site)[..10])), "{status}");
    // A branch that went back has it no more.
    site.repo.git(&["reset", "--quiet", "--soft", "HEAD~1"]);
    assert_eq!(site.json(&["status"])["finished"]["code"]["where"], "work_tree");
    site.sound();
}

#[test]
fn a_crash_between_the_commit_and_the_ledger_commits_nothing_twice() {
    let site = site(CHANGES);
    site.add("one");
    site.work();
    let landed = head(&site);
    // The ledger as it was before it knew.
    let tip = site.repo.git(&["log", "--format=%H", "--grep=^land: ", "refs/millrace/state"]);
    let before = site.repo.git(&["rev-parse", &format!("{tip}~1")]);
    let index = site.repo.git(&["ls-files", "--stage"]);
    let back = || {
        site.repo.git(&["update-ref", "refs/millrace/state", &before]);
        // Nothing here remembers what had not been written when it crashed.
        std::fs::write(site.private().join("believed"), format!("{before}\n")).expect("what it left");
        std::fs::remove_file(site.repo.git_dir().join("logs/refs/millrace/state")).expect("its reflog");
    };
    back();
    site.work();
    assert_eq!(head(&site), landed);
    assert_eq!(site.repo.git(&["ls-files", "--stage"]), index);
    assert_eq!(landing(&site)["commit"].as_str(), Some(landed.as_str()));

    // And before the branch moved: the index has the change, the branch does not.
    back();
    site.repo.git(&["update-ref", "refs/heads/main", &format!("{landed}~1")]);
    site.work();
    assert_ne!(landing(&site)["became"].as_str(), Some("left"));
    assert_eq!(
        site.repo.git(&["rev-parse", "HEAD~1"]),
        site.repo.git(&["rev-parse", &format!("{landed}~1")])
    );
    assert_eq!(site.repo.git(&["ls-files", "--stage"]), index);
    site.sound();
}

#[test]
fn without_it_finished_code_stays_uncommitted() {
    let site = Site::scripted(STRAIGHT);
    let before = head(&site);
    site.add("one");
    site.work();
    assert_eq!(head(&site), before);
    let status = site.ok(&["status"]);
    assert!(status.contains(", uncommitted in the work tree\n"), "{status}");
    let json = site.json(&["status"]);
    assert_eq!(json["finished"]["code"]["where"], "work_tree", "{json:#}");
    // Committed by hand, it is found there; gone, it is on the branch.
    site.repo.git(&["add", "made.txt"]);
    site.repo.git(&["commit", "--quiet", "-m", "by hand"]);
    assert_eq!(site.json(&["status"])["finished"]["code"]["where"], "committed");
    site.repo.git(&["rm", "--quiet", "made.txt"]);
    site.repo.git(&["commit", "--quiet", "-m", "not wanted"]);
    assert_eq!(site.json(&["status"])["finished"]["code"]["where"], "run_branch");
}
