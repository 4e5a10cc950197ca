//! `reference-transaction`: nobody rewinds or deletes the ledger or a run branch in passing, and nothing else is held up.

use super::super::commands::{queue, task, well};
use super::{program, shown};
use crate::support::repo::TestRepo;

/// A repository with a ledger of a few commits and the guard.
fn guarded(args: &[&str]) -> TestRepo {
    let repo = TestRepo::init_with(args);
    repo.git(&["commit", "--quiet", "--allow-empty", "-m", "start"]);
    queue(&repo, &task("one"));
    queue(&repo, &task("two"));
    repo.git(&["update-ref", "refs/millrace/runs/20260101-0000-abcdef", "HEAD"]);
    well(&repo, &["hooks", "install", "reference-transaction"]);
    repo
}

/// A git command that the guard refuses: what it said.
#[track_caller]
fn held(repo: &TestRepo, words: &[&str]) -> String {
    let before = repo.git(&["for-each-ref"]);
    let output = repo.git_output(words);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{words:?}: {text}");
    assert_eq!(repo.git(&["for-each-ref"]), before, "{words:?}");
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("millrace:")).collect();
    assert_eq!(lines.len(), 1, "{text}");
    shown(repo, lines[0])
}

#[test]
fn rewinds_and_deletes_are_refused_with_a_line() {
    let repo = guarded(&[]);
    insta::assert_snapshot!(held(&repo, &["update-ref", "-d", "refs/millrace/state"]), @"millrace: refs/millrace/state would be deleted, and is guarded; whoever wants it all the same takes the guard out first: `millrace hooks uninstall reference-transaction`");
    insta::assert_snapshot!(held(&repo, &["update-ref", "refs/millrace/state", "refs/millrace/state~1"]).replace(&repo.git(&["rev-parse", "--short=12", "refs/millrace/state"]), "[now]").replace(&repo.git(&["rev-parse", "--short=12", "refs/millrace/state~1"]), "[before]"), @"millrace: refs/millrace/state would be rewound or replaced: [oid] does not go on from [oid], and is guarded; whoever wants it all the same takes the guard out first: `millrace hooks uninstall reference-transaction`");
    held(&repo, &["update-ref", "refs/millrace/state", "HEAD"]);
    held(&repo, &["update-ref", "--no-deref", "-d", "refs/millrace/runs/20260101-0000-abcdef"]);
    held(&repo, &["symbolic-ref", "refs/millrace/state", "refs/heads/main"]);
    // Through a link that somebody made.
    repo.git(&["symbolic-ref", "refs/heads/way", "refs/millrace/state"]);
    held(&repo, &["update-ref", "refs/heads/way", "HEAD"]);
    // Packed, with its own file beside it and without, it is guarded all the same.
    repo.git(&["pack-refs", "--all", "--no-prune"]);
    held(&repo, &["update-ref", "-d", "refs/millrace/state"]);
    repo.git(&["pack-refs", "--all"]);
    assert!(!repo.git_dir().join("refs/millrace/state").exists());
    held(&repo, &["update-ref", "-d", "refs/millrace/state"]);
}

#[test]
fn to_go_on_is_allowed_and_so_is_what_is_not_guarded() {
    let repo = guarded(&[]);
    let child = repo.git(&[
        "commit-tree",
        "-p",
        "refs/millrace/state",
        "-m",
        "goes on",
        "refs/millrace/state^{tree}",
    ]);
    repo.git(&["update-ref", "refs/millrace/state", &child]);
    repo.git(&["update-ref", "refs/millrace/runs/new", "HEAD"]);
    repo.git(&["update-ref", "refs/millrace/remotes/origin/state", &child]);
    repo.git(&["update-ref", "-d", "refs/millrace/remotes/origin/state"]);
    repo.git(&["branch", "side"]);
    repo.git(&["branch", "-D", "side"]);
}

/// The chores of git, and our own work, are not held up.
#[test]
fn chores_are_not_held_up() {
    let repo = guarded(&[]);
    let clone = repo.beside().join("clone");
    repo.git(&["clone", "--quiet", ".", clone.to_str().expect("UTF-8")]);
    repo.git(&["remote", "add", "origin", clone.to_str().expect("UTF-8")]);
    for words in [
        &["pack-refs", "--all"][..],
        &["gc", "--quiet", "--prune=now"],
        &["fetch", "--quiet", "--prune", "origin"],
        &["remote", "prune", "origin"],
        &["push", "--quiet", "--mirror", "origin"],
        &["repack", "-a", "-d", "-q"],
        &["fsck", "--strict"],
    ] {
        repo.git(words);
    }
    queue(&repo, &task("three"));
    well(&repo, &["verify"]);
    // The way that the message names.
    well(&repo, &["hooks", "uninstall", "reference-transaction"]);
    repo.git(&["update-ref", "-d", "refs/millrace/runs/20260101-0000-abcdef"]);
}

#[test]
fn a_mirroring_push_from_an_ordinary_clone_deletes_nothing_of_ours() {
    let server = TestRepo::init_with(&["--bare"]);
    let client = TestRepo::with_commit();
    client.git(&["remote", "add", "origin", &format!("file://{}", server.path().display())]);
    client.git(&["push", "--quiet", "origin", "main"]);
    queue(&server, &task("one"));
    let tip = server.git(&["rev-parse", "refs/millrace/state"]);
    well(&server, &["hooks", "install", "reference-transaction"]);
    let output = client.git_output(&["push", "--mirror", "origin"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("millrace: refs/millrace/state would be deleted, and is guarded"), "{text}");
    assert_eq!(server.git(&["rev-parse", "refs/millrace/state"]), tip);
    // A fetch that would overwrite it is held as well.
    let held = server.git_output(&[
        "fetch",
        "--prune",
        client.path().to_str().expect("UTF-8"),
        "+refs/heads/main:refs/millrace/state",
    ]);
    assert!(!held.status.success());
    assert_eq!(server.git(&["rev-parse", "refs/millrace/state"]), tip);
    // Without the guard it would be gone.
    well(&server, &["hooks", "uninstall"]);
    client.git(&["push", "--quiet", "--mirror", "origin"]);
    assert!(!server.git_output(&["rev-parse", "--verify", "refs/millrace/state"]).status.success());
}

/// A rebase starts nothing of ours: where no line names a ref of Millrace's, sh alone decides.
#[test]
fn a_rebase_starts_no_program() {
    let repo = guarded(&[]);
    let mark = repo.beside().join("ran");
    let witness = repo.beside().join("witness");
    program(&witness, &format!("#!/bin/sh\necho x >>'{}'\nexit 0\n", mark.display()));
    let hook = repo.git_dir().join("hooks/reference-transaction");
    let text = std::fs::read_to_string(&hook).expect("a hook");
    let line = text.lines().find(|line| line.starts_with("millrace_program='")).expect("a line").to_owned();
    std::fs::write(&hook, text.replace(&line, &format!("millrace_program='{}'", witness.display())))
        .expect("a hook");
    for n in 0..5 {
        repo.write(&format!("f{n}"), "x");
        repo.git(&["add", "-A"]);
        repo.git(&["commit", "--quiet", "-m", "one"]);
    }
    repo.git(&["rebase", "--quiet", "--force-rebase", "--root"]);
    assert!(!mark.exists());
    repo.git(&["update-ref", "refs/millrace/runs/y", "HEAD"]);
    assert_eq!(std::fs::read_to_string(&mark).expect("it ran"), "x\n");
}

/// Their own guard goes on, in every state, with every line.
#[test]
fn their_own_guard_goes_on() {
    let repo = TestRepo::with_commit();
    let seen = repo.beside().join("seen");
    super::hook_of_theirs(
        &repo,
        "reference-transaction",
        &format!(
            "#!/bin/sh\necho \"$1\" >>'{0}'\ncat >>'{0}'\n[ \"$1\" != prepared ] || ! grep -q veto '{0}'\n",
            seen.display()
        ),
    );
    repo.git(&["branch", "a"]);
    let alone = std::fs::read_to_string(&seen).expect("it ran");
    std::fs::remove_file(&seen).expect("removed");
    well(&repo, &["hooks", "install", "reference-transaction"]);
    repo.git(&["branch", "b"]);
    let chained = std::fs::read_to_string(&seen).expect("it ran");
    assert_eq!(chained.replace("heads/b", "heads/a"), alone);
    assert!(!repo.git_output(&["branch", "veto"]).status.success());
}

#[test]
fn in_a_sha256_repository_too() {
    let repo = guarded(&["--object-format=sha256"]);
    assert!(held(&repo, &["update-ref", "-d", "refs/millrace/state"]).contains("would be deleted"));
}

/// The same where refs are no files: git alone can tell what one is.
#[test]
fn it_guards_the_refs_of_a_reftable() {
    let repo = guarded(&["--ref-format=reftable"]);
    assert!(held(&repo, &["update-ref", "-d", "refs/millrace/state"]).contains("would be deleted"));
    assert!(
        held(&repo, &["update-ref", "refs/millrace/state", "refs/millrace/state~1"])
            .contains("would be rewound")
    );
    held(&repo, &["update-ref", "-d", "refs/millrace/runs/20260101-0000-abcdef"]);
    repo.git(&["commit", "--quiet", "--allow-empty", "-m", "nobody's"]);
    repo.git(&["update-ref", "refs/millrace/remotes/origin/state", "HEAD"]);
    queue(&repo, &task("three"));
}
