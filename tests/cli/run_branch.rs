//! `run-branch publish`: an ordinary branch of a run, for a pull request.

use super::commands::{STRAIGHT, call, data, queue, said, script, task, well};
use crate::support::repo::TestRepo;

/// A repository whose first run is done; with work that was not committed when it began, if asked for.
fn worked(uncommitted: &[(&str, &str)]) -> (TestRepo, String) {
    let repo = TestRepo::with_commit();
    repo.write("lines.txt", "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\n");
    let rewritten = STRAIGHT.replace(
        "{path: built.txt, content: \"built\\n\"}",
        "{path: lines.txt, content: \"one\\ntwo\\nthree\\nfour\\nfive\\nsix\\nseven\\neight\\nNINE\\n\"}",
    );
    script(&repo, &rewritten);
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "--quiet", "-m", "lines"]);
    for (path, content) in uncommitted {
        repo.write(path, content);
    }
    queue(&repo, &task("fix"));
    well(&repo, &["run", "daemon", "--until-idle"]);
    let runs = well(&repo, &["runs", "ls"]);
    let run = runs.split_whitespace().next().expect("a run").to_owned();
    (repo, run)
}

fn shown(repo: &TestRepo, arguments: &[&str]) -> String {
    super::machines::shortened(&said(repo, &call(repo, arguments)))
}

#[test]
fn a_run_becomes_a_branch_as_it_is() {
    let (repo, run) = worked(&[]);
    let before =
        (repo.git(&["status", "--porcelain"]), repo.git(&["rev-parse", "HEAD", "refs/millrace/state"]));
    let made = data(&repo, "run_branch_publish", &["run-branch", "publish", &run[..15], "review/fix"]);
    assert_eq!((made["made"].as_str(), made["uncommitted"].as_bool()), (Some("as_is"), Some(false)));
    assert_eq!(
        repo.git(&["rev-parse", "review/fix"]),
        repo.git(&["rev-parse", &format!("refs/millrace/runs/{run}")])
    );
    assert_eq!(repo.git(&["diff", "--stat", "--name-only", "main", "review/fix"]), "lines.txt");
    assert_eq!(repo.git(&["merge-base", "main", "review/fix"]), repo.git(&["rev-parse", "main"]));
    assert_eq!(
        before,
        (repo.git(&["status", "--porcelain"]), repo.git(&["rev-parse", "HEAD", "refs/millrace/state"]))
    );
    // Again: it is there.
    assert_eq!(
        shown(&repo, &["run-branch", "publish", &run, "review/fix"]),
        format!(
            "exit 0\nbranch review/fix holds run [run] already, at {}\nnothing is pushed yet: `git push REMOTE review/fix`\n",
            "[oid]"
        )
    );
    // A branch that the run's goes on from moves along.
    repo.git(&["branch", "other", "main"]);
    let text = shown(&repo, &["run-branch", "publish", &run, "other"]);
    assert!(text.starts_with("exit 0\nbranch other went from [oid] to "), "{text}");
    repo.git(&["fsck", "--full"]);
}

#[test]
fn one_commit_with_the_items_title() {
    let (repo, run) = worked(&[]);
    well(&repo, &["run-branch", "publish", &run, "one", "--squash"]);
    assert_eq!(repo.git(&["log", "--format=%s", "main..one"]), "The task fix");
    let trailer = |key: &str| {
        repo.git(&[
            "log",
            "-1",
            &format!("--format=%(trailers:key=Millrace-{key},valueonly,separator=)"),
            "one",
        ])
    };
    assert_eq!(trailer("Run"), run);
    assert_eq!(trailer("Item"), "task/fix");
    assert_eq!(trailer("Snapshot"), repo.git(&["rev-parse", &format!("refs/millrace/runs/{run}")]));
    assert_eq!(repo.git(&["diff", "--name-only", "main", "one"]), "lines.txt");
    // Made again it is the same commit.
    let tip = repo.git(&["rev-parse", "one"]);
    repo.git(&["branch", "-D", "--quiet", "one"]);
    well(&repo, &["run-branch", "publish", &run, "one", "--squash"]);
    assert_eq!(repo.git(&["rev-parse", "one"]), tip);
}

#[test]
fn what_the_user_had_not_committed_is_left_out() {
    let (repo, run) = worked(&[
        ("notes.txt", "mine\n"),
        ("lines.txt", "ONE\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\n"),
    ]);
    // The run wrote the whole file, and with it took the user's line back: both changed it.
    let text = shown(&repo, &["run-branch", "publish", &run, "fix"]);
    assert_eq!(
        text,
        "exit 1\n! millrace: what run [run] changed does not apply without the work that was not committed when it began: \
         lines.txt\n! hint: `--with-uncommitted` publishes that work as well\n"
    );
    assert_eq!(repo.git(&["branch", "--list", "fix"]), "");
    let text = shown(&repo, &["run-branch", "publish", &run, "fix", "--with-uncommitted"]);
    assert!(
        text.contains("\nit holds the work as well that was not committed when the run began\n"),
        "{text}"
    );
    assert_eq!(repo.git(&["diff", "--name-only", "main", "fix"]), "lines.txt\nnotes.txt");

    let (repo, run) = worked(&[("notes.txt", "mine\n"), ("README.md", "# Mine\n")]);
    let made = data(&repo, "run_branch_publish", &["run-branch", "publish", &run, "fix"]);
    assert_eq!((made["made"].as_str(), made["with_uncommitted"].as_bool()), (Some("replayed"), Some(false)));
    assert_eq!(repo.git(&["diff", "--name-only", "main", "fix"]), "lines.txt");
    // A commit for each stage, with the stage's words and the snapshot that it was made of.
    let subjects = repo.git(&["log", "--format=%s", "main..fix"]);
    let of_run =
        repo.git(&["log", "--format=%s", "--first-parent", &format!("main..refs/millrace/runs/{run}")]);
    assert!(of_run.starts_with(&subjects), "{of_run}\n{subjects}");
    assert_eq!(
        repo.git(&["log", "-1", "--format=%(trailers:key=Millrace-Snapshot,valueonly,separator=)", "fix"]),
        repo.git(&["rev-parse", &format!("refs/millrace/runs/{run}")])
    );
    well(&repo, &["run-branch", "publish", &run, "one", "--squash"]);
    assert_eq!(repo.git(&["diff", "fix", "one"]), "");
    well(&repo, &["run-branch", "publish", &run, "all", "--squash", "--with-uncommitted"]);
    assert_eq!(repo.git(&["diff", "--name-only", "main", "all"]), "README.md\nlines.txt\nnotes.txt");
    repo.git(&["fsck", "--full"]);
}

#[test]
fn branches_of_others_and_names_that_are_none_are_refused() {
    let (repo, run) = worked(&[]);
    let refused = |name: &str| {
        let before = repo.git(&["for-each-ref"]);
        let text = shown(&repo, &["run-branch", "publish", &run, "--", name]);
        assert_eq!(repo.git(&["for-each-ref"]), before);
        text
    };
    for name in ["a b", "-x", "refs/heads/x", "@{-1}", "x..y", "HEAD", "x.lock", ""] {
        let text = refused(name);
        assert!(
            text.starts_with("exit 2\n! millrace: ") && text.contains(" cannot be the name of a branch\n"),
            "{text}"
        );
    }
    assert_eq!(
        refused("main"),
        "exit 1\n! millrace: branch main is checked out in [repo]\n! hint: name another branch\n"
    );
    repo.git(&["branch", "theirs", "main~1"]);
    repo.git(&["worktree", "add", "--quiet", "../linked", "theirs"]);
    assert!(refused("theirs").contains("branch theirs is checked out in [root]/linked\n"));
    let tree = repo.git(&["rev-parse", "main^{tree}"]);
    let other = repo.git(&["commit-tree", &tree, "-m", "of its own"]);
    repo.git(&["branch", "other", &other]);
    assert_eq!(
        refused("other"),
        "exit 1\n! millrace: branch other is there and stands at [oid], from which [oid] does not go on\n\
         ! hint: name another branch\n"
    );
    assert!(refused("main/deeper").starts_with("exit 1\n! millrace: git update-ref: "));
}

#[test]
fn a_run_without_an_end_a_change_or_its_code_is_none_to_publish() {
    let repo = TestRepo::with_commit();
    script(
        &repo,
        &STRAIGHT.replace(
            "    - - write: {path: built.txt, content: \"built\\n\"}\n      - result",
            "    - - result",
        ),
    );
    queue(&repo, &task("a"));
    well(&repo, &["run", "once"]);
    let run = well(&repo, &["runs", "ls"]).split_whitespace().next().expect("a run").to_owned();
    assert_eq!(
        shown(&repo, &["run-branch", "publish", &run, "x"]),
        "exit 1\n! millrace: run [run] has not ended: it is at execution/checker\n\
         ! hint: `millrace runs tail [run] -f` follows it to its end\n"
    );
    well(&repo, &["run", "daemon", "--until-idle"]);
    assert_eq!(
        shown(&repo, &["run-branch", "publish", &run, "x"]),
        "exit 1\n! millrace: run [run] changed nothing: there is nothing to publish\n"
    );
    repo.git(&["update-ref", "-d", &format!("refs/millrace/runs/{run}")]);
    repo.git(&["-c", "gc.reflogExpire=now", "reflog", "expire", "--expire=now", "--all"]);
    repo.git(&["gc", "--quiet", "--prune=now"]);
    assert_eq!(
        shown(&repo, &["run-branch", "publish", &run, "x"]),
        "exit 1\n! millrace: the code of run [run] is not here: commit [oid] is missing\n\
         ! hint: a remote may have its branch: `millrace fetch REMOTE --runs`\n"
    );
}
