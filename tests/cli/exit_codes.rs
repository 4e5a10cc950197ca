//! The documented exit codes: the table itself, and each code produced once.

use std::process::Stdio;

use millrace::cli::exit::{Exit, table};

use super::commands::{call, millrace, queue, said, script, task, well};
use crate::support::repo::TestRepo;

#[test]
fn help_shows_the_table() {
    let repo = TestRepo::init();
    let help = well(&repo, &["--help"]);
    insta::assert_snapshot!(table(), @r"
    Exit codes:
      0  done, or nothing to do
      1  refused, or failed
      2  bad usage or bad input: arguments, documents, configuration
      3  no repository, or one that cannot be used for this
      4  busy: another runtime or writer is at work here
      5  the ledger is damaged, or `verify` found something
      6  `run once` ran a stage, and the stage failed
      7  `wait`: the item ended blocked or cancelled
      8  `wait`: the time was up before the item ended
    ");
    assert!(help.ends_with(&format!("{}\n", table())), "{help}");
    for (code, exit) in Exit::ALL.into_iter().enumerate() {
        assert_eq!(usize::from(exit.code()), code);
    }
}

#[test]
fn help_and_version_of_both_names() {
    let repo = TestRepo::init();
    assert_eq!(well(&repo, &["--version"]), format!("millrace {}\n", env!("CARGO_PKG_VERSION")));
    let other = repo
        .command(env!("CARGO_BIN_EXE_git-millrace"))
        .args(["queue", "--help"])
        .output()
        .expect("git-millrace runs");
    let help = String::from_utf8(other.stdout).expect("UTF-8");
    assert!(help.contains("Usage: git millrace queue [OPTIONS] <COMMAND>"), "{help}");
    let help = well(&repo, &["queue", "--help"]);
    assert!(help.contains("Usage: millrace queue [OPTIONS] <COMMAND>"), "{help}");
}

#[test]
fn git_finds_it_as_a_command() {
    let repo = TestRepo::with_commit();
    let folder = std::path::Path::new(env!("CARGO_BIN_EXE_git-millrace")).parent().expect("a folder");
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").expect("a path"));
    let output =
        repo.command("git").args(["millrace", "status"]).env("PATH", path).output().expect("git runs");
    assert_eq!(output.status.code(), Some(0), "{}", said(&repo, &output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("ledger     none yet"));
}

#[test]
fn another_runtime_is_busy() {
    let repo = TestRepo::with_commit();
    script(&repo, "stages: {}\n");
    let mut daemon = millrace(&repo, &["run", "daemon"]).stdout(Stdio::piped()).spawn().expect("a daemon");
    let mut first = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(daemon.stdout.as_mut().expect("a pipe")),
        &mut first,
    )
    .expect("a line");
    assert_eq!(first, "idle: waiting for work\n");
    let second = call(&repo, &["run", "once"]);
    let status = well(&repo, &["status"]);
    rustix::process::kill_process(rustix::process::Pid::from_child(&daemon), rustix::process::Signal::TERM)
        .expect("a signal");
    let ended = daemon.wait().expect("its end");
    assert_eq!(ended.code(), Some(0));
    let shown = said(&repo, &second);
    assert!(
        shown.starts_with("exit 4\n! millrace: another runtime works in this repository (millrace "),
        "{shown}"
    );
    assert!(shown.contains("); one at a time\n! hint: `millrace status` shows what it works on"), "{shown}");
    assert!(status.contains(&format!("process {}", daemon.id())), "{status}");
    assert!(well(&repo, &["status"]).contains("runtime    none"));
}

#[test]
fn a_stage_that_fails_ends_run_once_with_six() {
    let repo = TestRepo::with_commit();
    script(&repo, "stages:\n  builder:\n    - - exit: 3\n");
    queue(&repo, &task("a"));
    let output = call(&repo, &["run", "once"]);
    insta::assert_snapshot!(said(&repo, &output), @r"
    exit 6
    run_mode  once
    plan      plan-standard_plain-[id]
    mode      standard_plain
    outcome   stage
    run       [run]
    handoff   task/a  builder -> troubleshooter (runner_transport_failure)
    why       runner_transport_failure: troubleshoot_attempts 1 of 2
    ");
}

#[test]
fn an_honest_block_is_no_failure_of_the_program() {
    let repo = TestRepo::with_commit();
    script(
        &repo,
        "stages:\n  builder:\n    - - result: {terminal_result: BLOCKED, summary: It cannot be done.}\n",
    );
    queue(&repo, &task("a"));
    let output = call(&repo, &["run", "once"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&repo, &output));
}

#[test]
fn a_damaged_ledger_is_five() {
    let repo = TestRepo::with_commit();
    well(&repo, &["init"]);
    let blob = repo.git(&["hash-object", "-w", "README.md"]);
    std::fs::write(repo.git_dir().join("refs/millrace/state"), format!("{blob}\n")).expect("a ref");
    for command in [&["status"][..], &["verify"], &["log"], &["queue", "ls"]] {
        let output = call(&repo, command);
        assert_eq!(output.status.code(), Some(5), "{command:?}: {}", said(&repo, &output));
    }
    let output = call(&repo, &["doctor"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&repo, &output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("the newest intact tip it names is"));
    std::fs::write(repo.git_dir().join("refs/millrace/state"), "garbage\n").expect("a ref");
    assert_eq!(call(&repo, &["status"]).status.code(), Some(5));
    assert_eq!(call(&repo, &["verify"]).status.code(), Some(5));
}

#[test]
fn a_reader_that_goes_ends_it_as_it_ends_git() {
    use std::os::unix::process::ExitStatusExt as _;
    let repo = TestRepo::init();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output =
        millrace(&repo, &["--help"]).stdout(writer).stderr(Stdio::piped()).output().expect("it runs");
    assert_eq!(output.status.signal(), Some(13), "{output:?}");
    assert_eq!(output.stderr, b"");
}
