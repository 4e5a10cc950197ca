//! A project under torture: a repository with a remote, a plan, a harness that watches itself, and tasks.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::repo::TestRepo;

/// The program under test: the one built with this test, or the one that `MILLRACE_TORTURE_PROGRAM` names.
pub(crate) fn program() -> &'static str {
    static PROGRAM: OnceLock<String> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        std::env::var("MILLRACE_TORTURE_PROGRAM")
            .unwrap_or_else(|_| env!("CARGO_BIN_EXE_millrace").to_owned())
    })
}

/// A file of `fixtures/torture/`.
pub(crate) fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/torture").join(name)
}

/// A project with everything that a first command makes, and nothing queued.
pub(crate) fn project() -> TestRepo {
    prepared(TestRepo::with_commit())
}

/// The same in a repository that keeps its refs as a reftable.
pub(crate) fn project_in_reftable() -> TestRepo {
    prepared(TestRepo::init_with(&["--ref-format=reftable"]))
}

fn prepared(repo: TestRepo) -> TestRepo {
    repo.write("stage.lock", "");
    repo.write("work.txt", "");
    let config = format!(
        "[runners]\ndefault_runner = \"command\"\n\n[runners.command]\nargv = [\"{}\"]\n\
         env_pass = [\"TORTURE_PAUSE\", \"TORTURE_LIFE\", \"TORTURE_STUBBORN\"]\n\n[limits]\nmax_interruptions = 50\nmax_launches_per_item = 100\n",
        fixture("harness.sh").display()
    );
    repo.write("millrace-agents/millrace.toml", config);
    std::fs::create_dir(repo.beside().join("documents")).expect("a folder");
    succeeds(millrace(&repo, &["compile", "validate"]));
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "--quiet", "-m", "prepare"]);
    let remote = repo.beside().join("remote.git").to_string_lossy().into_owned();
    repo.git(&["init", "--quiet", "--bare", "--initial-branch=main", &remote]);
    repo.git(&["remote", "add", "origin", "../remote.git"]);
    repo.git(&["push", "--quiet", "origin", "main"]);
    repo
}

/// The project as it is, once more, with all that lies beside it.
pub(crate) fn copy(of: &TestRepo) -> TestRepo {
    let copy = TestRepo::init();
    std::fs::remove_dir_all(copy.path()).expect("an empty repository goes");
    let output =
        Command::new("cp").arg("-a").arg(of.beside().join(".")).arg(copy.beside()).output().expect("cp runs");
    assert!(output.status.success(), "cp: {}", String::from_utf8_lossy(&output.stderr));
    copy
}

/// A task document beside the tree.
pub(crate) fn task(repo: &TestRepo, id: &str) -> String {
    let text = format!(
        "---\ntask_id: {id}\ntitle: Task {id}\ntarget_paths:\n  - work.txt\nacceptance:\n  - it is done\n\
         required_checks:\n  - \"true\"\nreferences:\n  - README.md\nrisk:\n  - none\n---\n\nDo {id}.\n"
    );
    let path = repo.beside().join("documents").join(format!("{id}.md"));
    std::fs::write(&path, text).expect("a document");
    path.to_string_lossy().into_owned()
}

/// Queues a task.
#[track_caller]
pub(crate) fn add(repo: &TestRepo, id: &str) {
    let document = task(repo, id);
    succeeds(millrace(repo, &["queue", "add-task", &document]));
}

/// A call of the program.
pub(crate) fn millrace(repo: &TestRepo, args: &[&str]) -> Command {
    let mut command = repo.command(program());
    command.args(args);
    command
}

/// Runs it; fails the test when it fails.
#[track_caller]
pub(crate) fn succeeds(mut command: Command) -> String {
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{:?}: {}", command.get_args(), said(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// How a program ended and what it said.
pub(crate) fn said(output: &Output) -> String {
    format!(
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Paths in the ledger's tree.
pub(crate) fn ledger_paths(repo: &TestRepo) -> Vec<String> {
    let text = repo.git(&["ls-tree", "-r", "--name-only", "refs/millrace/state"]);
    text.lines().map(str::to_owned).collect()
}

/// The states that this task has in the ledger's tree: the first folder below `tasks/`.
pub(crate) fn states(repo: &TestRepo, id: &str) -> Vec<String> {
    let (queued, closed) = (format!(".{id}.md"), format!("/{id}.md"));
    ledger_paths(repo)
        .iter()
        .filter(|path| path.ends_with(&queued) || path.ends_with(&closed))
        .filter_map(|path| path.strip_prefix("tasks/")?.split('/').next().map(str::to_owned))
        .collect()
}
