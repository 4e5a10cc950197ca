//! Errors that can be brought about from outside, each shown once: what it says, what it advises, how the program ends.
//! Those of documents, configuration and usage are in `failures`; those that cannot be brought about are in
//! `error_texts`. A guard (`tests/guard/errors.rs`) holds that none is forgotten.

use std::path::Path;
use std::process::{Output, Stdio};

use super::commands::{STRAIGHT, call, fed, millrace, queue, said, script, task, task_with, well};
use crate::support::malformed::SPEC;
use crate::support::repo::TestRepo;

/// The ledger's last commit with a file of its tree replaced, or taken out, as something that is not ours would.
pub(super) fn forge(repo: &TestRepo, path: &str, content: Option<&str>) {
    let index = repo.beside().join("forge-index");
    let git = |arguments: &[&str]| {
        let output =
            repo.command("git").args(arguments).env("GIT_INDEX_FILE", &index).output().expect("git runs");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
    };
    git(&["read-tree", "refs/millrace/state"]);
    match content {
        Some(content) => {
            let file = repo.beside().join("forge-content");
            std::fs::write(&file, content).expect("a file");
            let blob = git(&["hash-object", "-w", file.to_str().expect("UTF-8")]);
            git(&["update-index", "--add", "--cacheinfo", &format!("100644,{blob},{path}")]);
        }
        None => {
            git(&["update-index", "--force-remove", path]);
        }
    }
    let tree = git(&["write-tree"]);
    let message = git(&["log", "-1", "--format=%B", "refs/millrace/state"]);
    let commit = git(&["commit-tree", &tree, "-p", "refs/millrace/state", "-m", &message]);
    git(&["update-ref", "refs/millrace/state", &commit]);
}

/// As if this machine had left the ledger as it stands: what is read of it speaks, and not the distrust.
fn remember(repo: &TestRepo) {
    let tip = repo.git(&["rev-parse", "refs/millrace/state"]);
    std::fs::write(repo.git_dir().join("millrace/believed"), format!("{tip}\n")).expect("a memory");
}

/// A file of the ledger's tip.
pub(super) fn kept(repo: &TestRepo, path: &str) -> String {
    repo.git(&["show", &format!("refs/millrace/state:{path}")]) + "\n"
}

fn shown(repo: &TestRepo, arguments: &[&str]) -> String {
    said(repo, &call(repo, arguments))
}

#[test]
fn places_where_there_is_no_repository() {
    let repo = TestRepo::init();
    let outside = repo.beside().join("outside");
    std::fs::create_dir_all(&outside).expect("a folder");
    let at =
        |path: &Path| said(&repo, &call(&repo, &["--workspace", path.to_str().expect("UTF-8"), "status"]));
    insta::assert_snapshot!(at(&repo.beside().join("nowhere")), @"
    exit 3
    ! millrace: [root]/nowhere does not exist: check the path
    ");
    repo.write("file", "");
    insta::assert_snapshot!(at(&repo.path().join("file")), @"
    exit 3
    ! millrace: [repo]/file is not a folder: name the work tree or a folder in it
    ");
    insta::assert_snapshot!(at(&outside), @"
    exit 3
    ! millrace: [root]/outside is not in a git repository: run `git init` in the project's top folder first
    ");
    let long = at(Path::new(&"x".repeat(300))).replace(&"x".repeat(300), "[long]");
    insta::assert_snapshot!(long, @"
    exit 3
    ! millrace: cannot look at [long]: File name too long (os error 36)
    ");
    std::fs::write(outside.join(".git"), "gitdir: nowhere\n").expect("a file");
    let broken = at(&outside);
    assert!(
        broken.starts_with("exit 3\n! millrace: the git repository at [root]/outside cannot be opened: "),
        "{broken}"
    );
    assert!(broken.ends_with("; `git status` there tells more\n"), "{broken}");
}

#[test]
fn repositories_that_cannot_hold_a_ledger() {
    let bare = TestRepo::init_with(&["--bare"]);
    insta::assert_snapshot!(shown(&bare, &["run", "once"]), @"
    exit 3
    ! millrace: [repo] is a bare repository: it takes intake and review; run in a work tree of it
    ");
    insta::assert_snapshot!(shown(&bare, &["compile", "validate"]), @"
    exit 3
    ! millrace: [repo] is a bare repository: a plan is compiled in a work tree of it
    ! hint: no plan is selected, so nothing runs yet
    ");
    let strange = TestRepo::with_commit();
    strange.git(&["config", "core.repositoryFormatVersion", "1"]);
    strange.git(&["config", "extensions.somethingNew", "true"]);
    let text = shown(&strange, &["status"]);
    assert!(text.starts_with("exit 3\n! millrace: "), "{text}");
}

#[test]
fn refusals_of_the_queue() {
    let repo = TestRepo::with_commit();
    queue(&repo, &task("fix"));
    let add = |documents: &[String]| {
        let mut arguments = vec!["add-task".to_owned()];
        for (n, document) in documents.iter().enumerate() {
            let path = repo.beside().join(format!("{n}.md"));
            std::fs::write(&path, document).expect("a file");
            arguments.push(path.display().to_string());
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        shown(&repo, &arguments)
    };
    insta::assert_snapshot!(add(&[task("FIX")]), @"
    exit 1
    ! millrace: task/FIX differs from the existing fix only in case; take another id
    ");
    insta::assert_snapshot!(add(&[task("a"), task("a") + "more\n"]), @"
    exit 1
    ! millrace: task/a is in this call twice, with different content
    ");
    insta::assert_snapshot!(add(&[task_with("a", "depends_on: [b]\n"), task_with("b", "depends_on: [a]\n")]), @"
    exit 1
    ! millrace: task/a depends on itself: a -> b -> a
    ");
    let path = repo.beside().join("0.md");
    let mut many = vec!["add-task"];
    many.resize(1002, path.to_str().expect("UTF-8"));
    insta::assert_snapshot!(shown(&repo, &many), @"
    exit 2
    ! millrace: 1001 documents in one call; at most 1000 are taken together
    ");
    insta::assert_snapshot!(shown(&repo, &["queue", "cancel", "nothing"]), @"
    exit 1
    ! millrace: there is no item nothing
    ! hint: `millrace queue ls` shows what is open
    ");
    insta::assert_snapshot!(shown(&repo, &["queue", "show", "fix login"]), @"
    exit 2
    ! millrace: the id `fix login` is not valid: expected an ASCII letter or digit, then letters, digits, `.`, `_` or `-`
    ");
}

#[test]
fn an_id_that_two_kinds_have() {
    let repo = TestRepo::with_commit();
    queue(&repo, &task("a"));
    let spec = fed(&repo, &["add-spec", "-"], SPEC.document("a", "A", "", "").as_bytes());
    assert_eq!(spec.status.code(), Some(0));
    insta::assert_snapshot!(shown(&repo, &["queue", "show", "a"]), @"
    exit 2
    ! millrace: `a` names 2 items: spec/a, task/a
    ! hint: name one with its kind
    ");
    insta::assert_snapshot!(shown(&repo, &["queue", "show", "task/a/b"]), @"
    exit 2
    ! millrace: the id `a/b` is not valid: expected an ASCII letter or digit, then letters, digits, `.`, `_` or `-`
    ");
}

#[test]
fn streams_that_cannot_be_read_or_written() {
    let repo = TestRepo::with_commit();
    let folder = std::fs::File::open(repo.path()).expect("a folder");
    let output = millrace(&repo, &["add-task", "-"]).stdin(folder).output().expect("it runs");
    insta::assert_snapshot!(said(&repo, &output), @"
    exit 2
    ! millrace: cannot read stdin: Is a directory (os error 21)
    ");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let output: Output =
        millrace(&repo, &["--help"]).stdout(full).stderr(Stdio::piped()).output().expect("it runs");
    insta::assert_snapshot!(said(&repo, &output), @"
    exit 1
    ! millrace: cannot write to stdout: No space left on device (os error 28)
    ");
}

#[test]
fn files_of_ours_that_are_something_else() {
    let repo = TestRepo::with_commit();
    well(&repo, &["init"]);
    queue(&repo, &task("a"));
    let private = repo.git_dir().join("millrace");
    let approved = private.join("approved-plans");
    std::fs::remove_file(&approved).expect("removed");
    std::fs::create_dir(&approved).expect("a folder");
    insta::assert_snapshot!(shown(&repo, &["status"]), @"
    exit 1
    ! millrace: cannot read which plans are approved here: Is a directory (os error 21)
    ");
    insta::assert_snapshot!(shown(&repo, &["run", "once"]), @"
    exit 1
    ! millrace: cannot read which plans are approved here: Is a directory (os error 21)
    ");
    insta::assert_snapshot!(shown(&repo, &["compile", "validate"]), @"
    exit 1
    ! millrace: cannot note the plan as approved here: Is a directory (os error 21)
    ! hint: plan-standard_plain-[id] stays selected
    ");
    let lock = private.join("daemon.lock");
    std::fs::remove_file(&lock).expect("removed");
    std::fs::create_dir(&lock).expect("a folder");
    insta::assert_snapshot!(shown(&repo, &["run", "once"]), @"
    exit 1
    ! millrace: cannot lock [repo]/.git/millrace/daemon.lock: Is a directory (os error 21)
    ");
    repo.write("millrace-agents.away", "");
    std::fs::remove_dir_all(repo.path().join("millrace-agents")).expect("removed");
    repo.write("millrace-agents", "a file");
    insta::assert_snapshot!(shown(&repo, &["init"]), @"
    exit 1
    ! millrace: [repo]/millrace-agents is not a folder (a symbolic link is not followed): remove it
    ");
    // Work comes in all the same.
    let text = said(&repo, &fed(&repo, &["add-task", "-"], task("b").as_bytes()));
    assert!(
        text.starts_with("exit 0\nadded  task/b  queued\n! warning: [repo]/millrace-agents is not a folder"),
        "{text}"
    );
}

#[test]
fn overrides_that_cannot_be_read() {
    let repo = TestRepo::with_commit();
    repo.write("millrace-agents/modes/long.toml", "#".repeat(1024 * 1024 + 1));
    let text = shown(&repo, &["compile", "validate"]);
    assert!(text.contains("it has 1048577 bytes; at most 1048576 are read\n"), "{text}");
    assert!(text.starts_with("exit 2\n"), "{text}");
}

#[test]
fn a_command_line_with_a_variable_that_does_not_exist() {
    for argument in ["{workdri}", "{workdir"] {
        let repo = TestRepo::with_commit();
        repo.write(
            "millrace-agents/millrace.toml",
            format!("[runners]\ndefault_runner = \"command\"\n[runners.command]\nargv = [\"true\", \"{argument}\"]\n"),
        );
        let text = shown(&repo, &["run", "once"]);
        assert!(text.starts_with("exit 2\n"), "{text}");
        let line = text.lines().find(|line| line.contains("millrace.toml:")).unwrap_or_default();
        if argument.ends_with('}') {
            insta::assert_snapshot!(line, @"! millrace: millrace-agents/millrace.toml:4: runners.command.argv: `{workdri}` is no variable; expected `{workdir}`");
        } else {
            insta::assert_snapshot!(line, @"! millrace: millrace-agents/millrace.toml:4: runners.command.argv: `{workdir` has a `{` without a `}`; expected `{{` for a brace");
        }
    }
}

#[test]
fn a_demo_that_cannot_be_made() {
    let repo = TestRepo::init();
    repo.write("file", "");
    insta::assert_snapshot!(shown(&repo, &["demo", "--keep", "file/x"]), @"
    exit 2
    ! millrace: cannot use file/x: Not a directory (os error 20)
    ");
    insta::assert_snapshot!(shown(&repo, &["demo", "--keep", "."]), @"
    exit 2
    ! millrace: . is not empty
    ! hint: name a new folder
    ");
    let nowhere = repo.beside().join("nowhere");
    let output = millrace(&repo, &["demo"]).env("TMPDIR", nowhere).output().expect("it runs");
    let text = said(&repo, &output);
    assert!(
        text.starts_with("exit 1\n! millrace: cannot make a scratch folder: No such file or directory"),
        "{text}"
    );
}

#[test]
fn a_ref_that_is_damaged() {
    let repo = TestRepo::with_commit();
    well(&repo, &["init"]);
    insta::assert_snapshot!(shown(&repo, &["doctor", "--repair"]), @"
    exit 1
    ! millrace: the ledger is intact: there is nothing to repair
    ");
    let state = repo.git_dir().join("refs/millrace/state");
    std::fs::write(&state, "garbage\n").expect("a ref");
    insta::assert_snapshot!(shown(&repo, &["status"]), @r"
    exit 5
    ! millrace: refs/millrace/state is damaged: its file holds `garbage\n`, not 40 hex digits
    ! hint: `millrace doctor` tells what is wrong; `millrace doctor --repair` goes back to the newest intact state
    ");
    insta::assert_snapshot!(shown(&repo, &["run", "once"]), @r"
    exit 5
    ! millrace: refs/millrace/state is damaged: its file holds `garbage\n`, not 40 hex digits
    ! hint: `millrace doctor` tells what is wrong; `millrace doctor --repair` goes back to the newest intact state
    ");
    std::fs::write(&state, "0123456789012345678901234567890123456789\n").expect("a ref");
    insta::assert_snapshot!(shown(&repo, &["status"]), @"
    exit 5
    ! millrace: object [oid] is missing from the repository
    ! hint: `millrace doctor` tells what is wrong; `millrace doctor --repair` goes back to the newest intact state
    ");
    let blob = repo.git(&["hash-object", "-w", "README.md"]);
    std::fs::write(&state, format!("{blob}\n")).expect("a ref");
    insta::assert_snapshot!(shown(&repo, &["status"]), @"
    exit 5
    ! millrace: the ledger cannot be read: [oid]: not a commit
    ! hint: `millrace verify` names every commit that is wrong
    ");
    let forgetful = TestRepo::with_commit();
    std::fs::create_dir_all(forgetful.git_dir().join("refs/millrace")).expect("a folder");
    std::fs::write(forgetful.git_dir().join("refs/millrace/state"), "garbage\n").expect("a ref");
    insta::assert_snapshot!(shown(&forgetful, &["doctor", "--repair"]), @"
    exit 5
    ! millrace: no intact tip is known: neither the reflog, nor a remote's ledger, nor the objects hold one
    ");
}

#[test]
fn a_tree_that_is_damaged() {
    let repo = TestRepo::with_commit();
    well(&repo, &["init"]);
    queue(&repo, &task("a"));
    let tip = repo.git(&["rev-parse", "refs/millrace/state"]);
    let back = || repo.git(&["update-ref", "refs/millrace/state", &tip]);
    forge(&repo, "control.toml", None);
    remember(&repo);
    insta::assert_snapshot!(shown(&repo, &["status"]), @"
    exit 5
    ! millrace: the ledger cannot be read: control.toml: missing
    ! hint: `millrace verify` names every commit that is wrong
    ");
    insta::assert_snapshot!(shown(&repo, &["run", "once"]), @"
    exit 5
    ! millrace: the ledger cannot be read: control.toml: missing
    ! hint: `millrace verify` names every commit that is wrong
    ");
    insta::assert_snapshot!(shown(&repo, &["queue", "cancel", "a"]), @"
    exit 5
    ! millrace: the ledger cannot be read: control.toml: missing
    ! hint: `millrace verify` names every commit that is wrong
    ");
    back();
    let intake = repo.git(&["ls-tree", "-r", "--name-only", "refs/millrace/state", "tasks/intake"]);
    forge(&repo, &intake, Some("not = \"a record\"\n"));
    remember(&repo);
    let text = shown(&repo, &["queue", "show", "a"]);
    assert!(text.starts_with("exit 5\n! millrace: the ledger cannot be read: tasks/intake/"), "{text}");
    insta::assert_snapshot!(shown(&repo, &["run", "once"]).replace(&intake, "[intake]"), @"
    exit 5
    ! millrace: the ledger is damaged: the ledger cannot be read: [intake]: missing field `document`
    ! hint: `millrace doctor` tells what is wrong; `millrace doctor --repair` goes back to the newest intact state
    ");
    back();
    let plan = repo.git(&["ls-tree", "-r", "--name-only", "refs/millrace/state", "plans"]);
    let config = plan
        .lines()
        .find(|path| path.ends_with("config.toml") || path.ends_with("millrace.toml"))
        .expect("one");
    forge(&repo, config, Some("not = \"a configuration\"\n"));
    remember(&repo);
    insta::assert_snapshot!(shown(&repo, &["run", "once"]), @"
    exit 0
    run_mode  once
    plan      plan-standard_plain-[id]
    mode      standard_plain
    outcome   waits
    waits     approval: plan-standard_plain-[id] was not compiled or approved on this machine; `millrace plan show` and `millrace plan approve`, or `millrace compile validate` for one of your own
    ");
    insta::assert_snapshot!(shown(&repo, &["plan", "show"]), @"
    exit 5
    ! millrace: plan-standard_plain-[id]: its configuration cannot be read: the plan's config.toml:1: not: this key is not known; expected `runtime`, `workspace`, `ledger`, `snapshot`, `redaction`, `limits`, `recovery`, `watchers`, `hooks`, `runners`, `model_tiers`, `prices` or `stages`
    ");
    back();
    forge(&repo, config, None);
    remember(&repo);
    insta::assert_snapshot!(shown(&repo, &["plan", "show"]), @"
    exit 5
    ! millrace: plan-standard_plain-[id]: its configuration cannot be read: it is missing
    ");
    insta::assert_snapshot!(shown(&repo, &["run", "once"]), @"
    exit 0
    run_mode  once
    plan      plan-standard_plain-[id]
    mode      standard_plain
    outcome   waits
    waits     approval: plan-standard_plain-[id] was not compiled or approved on this machine; `millrace plan show` and `millrace plan approve`, or `millrace compile validate` for one of your own
    ");
}

#[test]
fn f56_a_ledger_of_a_newer_version_is_left_as_it_is_and_called_so() {
    let repo = TestRepo::with_commit();
    well(&repo, &["init"]);
    let newer = kept(&repo, "ledger.toml").replace("format = 1", "format = 2");
    forge(&repo, "ledger.toml", Some(&newer));
    let tip = repo.git(&["rev-parse", "refs/millrace/state"]);
    insta::assert_snapshot!(said(&repo, &fed(&repo, &["add-task", "-"], task("a").as_bytes())), @"
    exit 1
    ! millrace: the ledger was written by a newer version of millrace (format 2; this one knows 1); it is left untouched: upgrade millrace
    ");
    assert_eq!(repo.git(&["rev-parse", "refs/millrace/state"]), tip);
}

#[test]
fn a_head_that_cannot_be_read() {
    let repo = TestRepo::with_commit();
    script(&repo, STRAIGHT);
    queue(&repo, &task("a"));
    // A branch whose commit is not there.
    std::fs::write(repo.git_dir().join("refs/heads/main"), "0123456789012345678901234567890123456789\n")
        .expect("a ref");
    insta::assert_snapshot!(shown(&repo, &["run", "once"]), @"
    exit 1
    ! millrace: no snapshot of [repo]: object [oid] is missing from the repository
    ");
    std::fs::write(repo.git_dir().join("refs/heads/main"), "garbage\n").expect("a ref");
    insta::assert_snapshot!(shown(&repo, &["run", "once"]), @r#"
    exit 3
    ! millrace: cannot read HEAD of [repo]/.git: The reference at "refs/heads/main" could not be decoded; `git status` there tells more
    "#);
}
