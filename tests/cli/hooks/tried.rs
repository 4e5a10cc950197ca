//! `hooks test`: each installed hook tried with made-up input, and nothing taken in.

use super::super::commands::{call, said, task, well};
use super::{contents, hook_of_theirs, shown};
use crate::support::repo::TestRepo;

#[test]
fn it_says_what_the_rules_would_take_and_takes_nothing() {
    let repo = TestRepo::with_commit();
    repo.write("tasks/one.md", task("one"));
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "--quiet", "-m", "a task"]);
    repo.git(&["config", "--add", "millrace.incoming.on", "post-commit"]);
    repo.git(&["config", "--add", "millrace.incoming.on", "pre-push"]);
    repo.git(&["config", "millrace.incoming.tasks", "tasks/*.md"]);
    // One of theirs that must not be run: it would deploy.
    let mark = repo.beside().join("deployed");
    hook_of_theirs(&repo, "post-commit", &format!("#!/bin/sh\ntouch '{}'\n", mark.display()));
    well(&repo, &["init"]);
    well(&repo, &["hooks", "install", "pre-push", "post-commit", "post-merge", "reference-transaction"]);
    let before = contents(repo.path());
    insta::assert_snapshot!(shown(&repo, &well(&repo, &["hooks", "test"])), @"
    pre-push: works
        millrace: would take task/one of main:tasks/one.md (held)
    post-commit: Millrace's part works; [repo]/.git/hooks/post-commit.before-millrace runs first, and was not tried
        millrace: would take task/one of main:tasks/one.md (held)
    post-merge: works
    reference-transaction: works
        refuses to delete the ledger, as it should:
        millrace: refs/millrace/state would be deleted, and is guarded; whoever wants it all the same takes the guard out first: `millrace hooks uninstall reference-transaction`
    ");
    assert_eq!(contents(repo.path()), before);
    assert!(!mark.exists());
    // Nothing is said to work that could not: the one that runs first got to look at its name meanwhile.
    hook_of_theirs(&repo, "post-commit.before-millrace", "#!/bin/sh\nexec \"$0.d/run\"\n");
    let output = call(&repo, &["hooks", "test", "post-commit"]);
    insta::assert_snapshot!(said(&repo, &output), @"
    exit 1
    post-commit: does not work (exit 0)
        millrace: would take task/one of main:tasks/one.md (held)
        what runs first may look at its own name, which is another one now
    ");
}

#[test]
fn it_says_what_does_not_work() {
    let repo = TestRepo::with_commit();
    insta::assert_snapshot!(shown(&repo, &well(&repo, &["hooks", "test"])), @"no hook of Millrace's is installed; `millrace hooks install` does that");
    let output = call(&repo, &["hooks", "test", "pre-push"]);
    insta::assert_snapshot!(said(&repo, &output), @"
    exit 1
    pre-push: not tried
        it is not installed; `millrace hooks install` does that
    ");
    well(&repo, &["hooks", "install", "post-commit"]);
    let hook = repo.git_dir().join("hooks/post-commit");
    let text = std::fs::read_to_string(&hook).expect("a hook") + "\n# mine\n";
    std::fs::write(&hook, text).expect("a hook");
    let output = call(&repo, &["hooks", "test"]);
    insta::assert_snapshot!(said(&repo, &output), @"
    exit 1
    post-commit: not tried
        it was edited since it was installed, and is not tried
    ");
}
