//! Every failure is one line on stderr that says what and where, with a hint where there is one, and an exit code.

use super::commands::{MILLRACE, STRAIGHT, call, everything, fed, millrace, queue, said, script, task, well};
use crate::support::repo::TestRepo;

#[track_caller]
fn refused(repo: &TestRepo, arguments: &[&str]) -> String {
    let before = everything(repo.path());
    let output = call(repo, arguments);
    assert_eq!(output.stdout, b"", "{}", said(repo, &output));
    assert!(everything(repo.path()) == before, "{arguments:?} wrote something");
    said(repo, &output)
}

#[test]
fn usage() {
    let repo = TestRepo::init();
    insta::assert_snapshot!(refused(&repo, &["statsu"]), @r"
    exit 2
    ! millrace: unrecognized subcommand 'statsu'
    ! hint: a similar subcommand exists: 'status'
    ");
    insta::assert_snapshot!(refused(&repo, &["status", "--fast"]), @r"
    exit 2
    ! millrace: unexpected argument '--fast' found
    ! hint: `millrace status --help` shows what there is
    ");
    insta::assert_snapshot!(refused(&repo, &["queue", "add-task"]), @r"
    exit 2
    ! millrace: the following required arguments were not provided: <FILE>...
    ! hint: `millrace queue add-task --help` shows what there is
    ");
    insta::assert_snapshot!(refused(&repo, &["run", "daemon", "--max-ticks", "0"]), @r"
    exit 2
    ! millrace: invalid value '0' for '--max-ticks <N>': 0 is not in 1..18446744073709551615
    ! hint: `millrace run daemon --help` shows what there is
    ");
    insta::assert_snapshot!(refused(&repo, &["queue", "show", "a", "--raw", "--json"]), @r"
    exit 2
    ! millrace: the argument '--raw' cannot be used with '--json'
    ! hint: `millrace queue show --help` shows what there is
    ");
    assert_eq!(call(&repo, &[]).status.code(), Some(2));
    assert_eq!(call(&repo, &["queue"]).status.code(), Some(2));
}

#[test]
fn the_log_filter() {
    let repo = TestRepo::init();
    let output = millrace(&repo, &["status"]).env("MILLRACE_LOG", "a=b=c").output().expect("it runs");
    let text = said(&repo, &output);
    assert!(text.starts_with("exit 2\n! millrace: MILLRACE_LOG is not a filter: "), "{text}");
    assert!(text.ends_with("! hint: try `MILLRACE_LOG=info`\n"), "{text}");
    let output = millrace(&repo, &["status"]).env("MILLRACE_LOG", "debug").output().expect("it runs");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn documents() {
    let repo = TestRepo::with_commit();
    insta::assert_snapshot!(refused(&repo, &["add-task", "missing.md"]), @r"
    exit 2
    ! millrace: cannot read missing.md: No such file or directory (os error 2)
    ");
    insta::assert_snapshot!(refused(&repo, &["add-task", "."]), @r"
    exit 2
    ! millrace: cannot read .: is a directory
    ");
    insta::assert_snapshot!(refused(&repo, &["add-task", "README.md"]), @r"
    exit 2
    ! millrace: README.md:1: the document has no front matter; expected a first line `---`, then YAML, then another `---`
    ");
    insta::assert_snapshot!(refused(&repo, &["add-task", "-", "-"]), @r"
    exit 2
    ! millrace: `-` is named more than once, and stdin is read once
    ");
    let too_long = vec![b'x'; 1024 * 1024 + 5000];
    let output = fed(&repo, &["add-task", "-"], &too_long);
    assert!(
        said(&repo, &output).starts_with("exit 2\n! millrace: <stdin>:1: the document has 1048577 bytes")
    );
    // One bad document, and none is taken.
    let path = repo.beside().join("good.md");
    std::fs::write(&path, task("good")).expect("a file");
    let output = call(&repo, &["add-task", path.to_str().expect("UTF-8"), "README.md"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(repo.git(&["for-each-ref", "refs/millrace"]), "");
    assert!(!repo.path().join("millrace-agents").exists());
}

#[test]
fn secrets() {
    let repo = TestRepo::with_commit();
    let document = task("a") + "The key is AKIAABCDEFGHIJKLMNOP.\n";
    let output = fed(&repo, &["add-task", "-"], document.as_bytes());
    let text = said(&repo, &output);
    assert!(
        text.starts_with("exit 2\n! millrace: <stdin>:11: this line holds an AWS access key id"),
        "{text}"
    );
    assert!(!text.contains("AKIA"), "{text}");
    let output = fed(&repo, &["add-task", "-", "--allow-secret"], document.as_bytes());
    assert_eq!(output.status.code(), Some(0), "{}", said(&repo, &output));
}

#[test]
fn the_same_id_with_other_content() {
    let repo = TestRepo::with_commit();
    queue(&repo, &task("a"));
    let output = fed(&repo, &["add-task", "-"], (task("a") + "more\n").as_bytes());
    insta::assert_snapshot!(said(&repo, &output), @r"
    exit 1
    ! millrace: task/a exists already (queued) with other content; take another id
    ");
}

#[test]
fn items_and_runs_that_are_not_there() {
    let repo = TestRepo::with_commit();
    queue(&repo, &task("a"));
    insta::assert_snapshot!(refused(&repo, &["queue", "show", "b"]), @r"
    exit 1
    ! millrace: there is no item b
    ! hint: `millrace queue ls` shows what is open
    ");
    insta::assert_snapshot!(refused(&repo, &["queue", "show", "../../x"]), @r"
    exit 2
    ! millrace: `..` is not a kind of work item: expected `task`, `spec` or `incident`
    ");
    insta::assert_snapshot!(refused(&repo, &["queue", "cancel", "story/b"]), @r"
    exit 2
    ! millrace: `story` is not a kind of work item: expected `task`, `spec` or `incident`
    ");
    insta::assert_snapshot!(refused(&repo, &["runs", "show", "../../../etc"]), @"
    exit 2
    ! millrace: `..` is not a kind of work item: expected `task`, `spec` or `incident`
    ");
    insta::assert_snapshot!(refused(&repo, &["runs", "show", ""]), @"
    exit 2
    ! millrace: a name is empty: expected an item, a run, or a beginning of one
    ! hint: `millrace queue ls` shows what is open, `millrace runs ls` the runs
    ");
    insta::assert_snapshot!(refused(&repo, &["runs", "show", "2026"]), @"
    exit 1
    ! millrace: there is no run and no item 2026
    ! hint: `millrace queue ls` shows what is open, `millrace runs ls` the runs
    ");
}

#[test]
fn a_beginning_that_two_runs_have() {
    let repo = TestRepo::with_commit();
    script(&repo, STRAIGHT);
    queue(&repo, &task("a"));
    queue(&repo, &task("b"));
    well(&repo, &["run", "daemon", "--until-idle"]);
    insta::assert_snapshot!(refused(&repo, &["runs", "show", "2"]), @r"
    exit 2
    ! millrace: `2` begins 2 runs: [run], [run]
    ! hint: type more of it
    ");
}

#[test]
fn a_beginning_that_several_items_have() {
    let repo = TestRepo::with_commit();
    for id in ["fix-a", "fix-b", "fix-c", "fix-d", "fix-e", "fix-f", "other"] {
        queue(&repo, &task(id));
    }
    insta::assert_snapshot!(refused(&repo, &["queue", "show", "fix"]), @r"
    exit 2
    ! millrace: `fix` begins 6 items: task/fix-a, task/fix-b, task/fix-c, task/fix-d, task/fix-e and 1 more
    ! hint: type more of it
    ");
    insta::assert_snapshot!(refused(&repo, &["queue", "cancel", "task/fix-"]), @r"
    exit 2
    ! millrace: `task/fix-` begins 6 items: task/fix-a, task/fix-b, task/fix-c, task/fix-d, task/fix-e and 1 more
    ! hint: type more of it
    ");
    insta::assert_snapshot!(refused(&repo, &["queue", "show", "spec/fix-a"]), @r"
    exit 1
    ! millrace: there is no item spec/fix-a
    ! hint: `millrace queue ls` shows what is open
    ");
    insta::assert_snapshot!(refused(&repo, &["queue", "show", "task/"]), @r"
    exit 2
    ! millrace: the id is empty
    ");
}

#[test]
fn a_name_that_is_nearly_one() {
    let repo = TestRepo::with_commit();
    script(&repo, STRAIGHT);
    queue(&repo, &task("fix-login"));
    insta::assert_snapshot!(refused(&repo, &["queue", "show", "fix-lgoin"]), @r"
    exit 1
    ! millrace: there is no item fix-lgoin
    ! hint: did you mean `task/fix-login`? `millrace queue ls` shows what is open
    ");
    // Ids are told apart by case, and the hint knows.
    insta::assert_snapshot!(refused(&repo, &["queue", "show", "task/Fix-Login"]), @r"
    exit 1
    ! millrace: there is no item task/Fix-Login
    ! hint: did you mean `task/fix-login`? `millrace queue ls` shows what is open
    ");
    well(&repo, &["run", "daemon", "--until-idle"]);
    let runs = well(&repo, &["runs", "ls"]);
    let run = runs.split_whitespace().next().expect("a run");
    let (rest, last) = run.split_at(run.len() - 1);
    let near = format!("{rest}{}", if last == "0" { "1" } else { "0" });
    insta::assert_snapshot!(refused(&repo, &["runs", "show", &near]), @r"
    exit 1
    ! millrace: there is no run [run]
    ! hint: did you mean `[run]`? `millrace runs ls` shows the runs
    ");
}

#[test]
fn configuration() {
    let repo = TestRepo::with_commit();
    repo.write("millrace-agents/millrace.toml", "[runtime]\ndefault_mod = \"x\"\n");
    let text = said(&repo, &call(&repo, &["compile", "validate"]));
    assert!(
        text.contains("! millrace: millrace-agents/millrace.toml:2: runtime.default_mod: ")
            && text.starts_with("exit 2\n"),
        "{text}"
    );
    let text = said(&repo, &call(&repo, &["run", "once"]));
    assert!(text.starts_with("exit 2\n"), "{text}");
    let doctor = call(&repo, &["doctor"]);
    assert_eq!(doctor.status.code(), Some(1), "{}", said(&repo, &doctor));
    insta::assert_snapshot!(said(&repo, &call(&repo, &["compile", "validate", "--config", "none.toml"])), @"
    exit 2
    ! millrace: cannot read none.toml: No such file or directory (os error 2)
    ! hint: no plan is selected, so nothing runs yet
    ");
    insta::assert_snapshot!(said(&repo, &call(&repo, &["compile", "validate", "--mode", "../x"])), @"
    exit 2
    ! millrace: the mode id `../x` is not valid: expected an ASCII letter or digit, then letters, digits, `.`, `_` or `-`
    ! hint: no plan is selected, so nothing runs yet
    ");
}

#[test]
fn a_configuration_that_is_refused_is_a_failed_compile() {
    let repo = TestRepo::with_commit();
    well(&repo, &["init"]);
    repo.write("millrace-agents/millrace.toml", "[runtime]\ndefault_mod = \"x\"\n");
    let selected = repo.git(&["show", "refs/millrace/state:control.toml"]);
    insta::assert_snapshot!(said(&repo, &call(&repo, &["compile", "validate"])), @"
    exit 2
    ! millrace: millrace-agents/millrace.toml:2: runtime.default_mod: this key is not known; expected `runtime.default_mode`
    ! hint: plan-standard_plain-[id] stays selected
    ");
    assert_eq!(repo.git(&["show", "refs/millrace/state:control.toml"]), selected);
    insta::assert_snapshot!(repo.git(&["show", "refs/millrace/state:plans/diagnostics.toml"]), @r#"
    ok = false
    errors = ["millrace-agents/millrace.toml:2: runtime.default_mod: this key is not known; expected `runtime.default_mode`"]
    warnings = []
    "#);
    insta::assert_snapshot!(said(&repo, &call(&repo, &["compile", "show"])), @"
    exit 2
    ! millrace: millrace-agents/millrace.toml:2: runtime.default_mod: this key is not known; expected `runtime.default_mode`
    ! hint: plan-standard_plain-[id] stays selected
    ");
    // A file that is not there is bad usage, and no compile.
    let tip = repo.git(&["rev-parse", "refs/millrace/state"]);
    insta::assert_snapshot!(said(&repo, &call(&repo, &["compile", "validate", "--config", "none.toml"])), @"
    exit 2
    ! millrace: cannot read none.toml: No such file or directory (os error 2)
    ! hint: plan-standard_plain-[id] stays selected
    ");
    assert_eq!(repo.git(&["rev-parse", "refs/millrace/state"]), tip);
}

#[test]
fn f11_a_plan_that_does_not_compile_leaves_the_selected_one() {
    let repo = TestRepo::with_commit();
    well(&repo, &["init"]);
    let output = call(&repo, &["compile", "validate", "--mode", "no_such_mode"]);
    let text = said(&repo, &output);
    assert!(text.starts_with("exit 2\n! millrace: "), "{text}");
    assert!(text.ends_with("! hint: plan-standard_plain-[id] stays selected\n"), "{text}");
    assert!(well(&repo, &["log", "-n", "1"]).contains("compile: failed, the selected plan stays"));
}

#[test]
fn a_folder_of_the_other_runtime() {
    let repo = TestRepo::with_commit();
    repo.write("millrace-agents/state/runtime_snapshot.json", "{}");
    let before = everything(repo.path());
    for command in [&["init"][..], &["compile", "validate"], &["run", "once"]] {
        let output = call(&repo, command);
        let text = said(&repo, &output);
        assert!(
            text.starts_with("exit 1\n! millrace: [repo]/millrace-agents belongs to a runtime that keeps its state in files"),
            "{text}"
        );
    }
    let doctor = call(&repo, &["doctor"]);
    assert_eq!(doctor.status.code(), Some(1), "{}", said(&repo, &doctor));
    assert!(everything(repo.path()) == before);
}

#[test]
fn a_repository_that_cannot_hold_a_ledger() {
    let repo = TestRepo::with_commit();
    repo.git(&["config", "core.repositoryFormatVersion", "1"]);
    repo.git(&["config", "extensions.fromTheFuture", "true"]);
    let text = refused(&repo, &["status"]);
    assert!(text.starts_with("exit 3\n! millrace: "), "{text}");
    assert_eq!(text.lines().count(), 2, "{text}");
}

#[test]
fn a_fetch_that_would_delete_the_ledger_is_named() {
    let repo = TestRepo::with_commit();
    repo.git(&["config", "remote.origin.url", "elsewhere"]);
    repo.git(&["config", "--add", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"]);
    repo.git(&["config", "--add", "remote.origin.fetch", "+refs/millrace/*:refs/millrace/*"]);
    let output = call(&repo, &["doctor"]);
    let text = said(&repo, &output);
    assert!(text.starts_with("exit 1\n"), "{text}");
    assert_eq!(text.matches("error  refspec").count(), 1, "{text}");
}

#[test]
fn no_words_that_are_no_utf8_break_it() {
    use std::os::unix::ffi::OsStringExt as _;
    let repo = TestRepo::init();
    let strange = std::ffi::OsString::from_vec(vec![b'a', 0xFF, b'\n']);
    for arguments in [
        vec!["status".into(), strange.clone()],
        vec!["--workspace".into(), strange.clone(), "status".into()],
        vec!["add-task".into(), strange],
    ] {
        let output = repo.command(MILLRACE).args(&arguments).output().expect("it runs");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(matches!(output.status.code(), Some(2 | 3)), "{arguments:?}: {text}");
        assert!(text.starts_with("millrace: "), "{text}");
    }
}
