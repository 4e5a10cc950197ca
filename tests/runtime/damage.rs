//! A damaged ledger: found at the start, left alone until somebody asks, and mended from what is remembered.

use std::path::PathBuf;
use std::process::Output;

use crate::support::repo::TestRepo;

fn millrace(repo: &TestRepo, args: &[&str]) -> Output {
    repo.command(env!("CARGO_BIN_EXE_millrace")).args(args).output().expect("millrace runs")
}

#[track_caller]
fn succeeds(repo: &TestRepo, args: &[&str]) -> String {
    let output = millrace(repo, args);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{args:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn task(id: &str) -> String {
    format!(
        "---\ntask_id: {id}\ntitle: A task\ntarget_paths: [a]\nacceptance: [b]\nrequired_checks: [c]\n\
         references: [d]\nrisk: [e]\n---\n"
    )
}

/// A repository whose ledger has a plan and two tasks, each from a transition of its own.
fn project() -> TestRepo {
    let repo = TestRepo::with_commit();
    succeeds(&repo, &["init"]);
    for id in ["one", "two"] {
        repo.write(&format!("{id}.md"), task(id));
        succeeds(&repo, &["queue", "add-task", &format!("{id}.md")]);
    }
    repo
}

fn state(repo: &TestRepo) -> PathBuf {
    repo.git_dir().join("refs/millrace/state")
}

#[track_caller]
fn is_found_and_mended(repo: &TestRepo, expected_tip: &str) {
    let damaged = std::fs::read(state(repo)).expect("the ref's file");
    let refused = millrace(repo, &["run", "once"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(5), "{said}");
    assert!(said.contains("doctor --repair"), "{said}");
    assert_eq!(std::fs::read(state(repo)).expect("the ref's file"), damaged, "nothing moved unasked");
    let doctor = millrace(repo, &["doctor"]);
    assert!(!doctor.status.success(), "doctor sees it");
    assert_eq!(std::fs::read(state(repo)).expect("the ref's file"), damaged, "doctor alone mends nothing");

    let mended = succeeds(repo, &["doctor", "--repair"]);
    assert!(mended.contains(expected_tip), "{mended}");
    assert_eq!(repo.git(&["rev-parse", "refs/millrace/state"]), expected_tip);
    let kept = repo.git_dir().join("millrace/damaged");
    let files: Vec<_> =
        std::fs::read_dir(kept).expect("the folder").map(|entry| entry.expect("one").path()).collect();
    assert_eq!(files.len(), 1);
    assert_eq!(std::fs::read(&files[0]).expect("kept"), damaged, "what the ref held is kept");
    succeeds(repo, &["verify"]);
    repo.git(&["log", "--all", "--oneline"]);
    repo.git(&["gc", "--quiet"]);
    repo.git(&["fsck", "--full", "--strict"]);
    let again = millrace(repo, &["doctor", "--repair"]);
    assert_eq!(again.status.code(), Some(1), "there is nothing to repair any more");
}

#[test]
fn an_empty_ref_goes_back_to_the_tip_of_the_reflog() {
    let repo = project();
    let tip = repo.git(&["rev-parse", "refs/millrace/state"]);
    std::fs::write(state(&repo), b"").expect("a torn ref");
    is_found_and_mended(&repo, &tip);
}

#[test]
fn a_ref_of_nul_bytes_goes_back_to_the_tip_of_the_reflog() {
    let repo = project();
    let tip = repo.git(&["rev-parse", "refs/millrace/state"]);
    std::fs::write(state(&repo), [0; 41]).expect("a torn ref");
    is_found_and_mended(&repo, &tip);
}

#[test]
fn without_a_reflog_the_newest_commit_among_the_objects_is_found() {
    let repo = project();
    let tip = repo.git(&["rev-parse", "refs/millrace/state"]);
    std::fs::remove_file(repo.git_dir().join("logs/refs/millrace/state")).expect("the reflog");
    std::fs::write(state(&repo), b"garbage\n").expect("a torn ref");
    is_found_and_mended(&repo, &tip);
}

#[test]
fn a_lost_document_costs_the_transition_that_brought_it_and_says_so() {
    let repo = project();
    let tip = repo.git(&["rev-parse", "refs/millrace/state"]);
    let before = repo.git(&["rev-parse", "refs/millrace/state~1"]);
    let path = repo
        .git(&["ls-tree", "-r", "--name-only", "refs/millrace/state", "tasks/queued"])
        .lines()
        .find(|line| line.ends_with("two.md"))
        .expect("the second task")
        .to_owned();
    let blob = repo.git(&["rev-parse", &format!("refs/millrace/state:{path}")]);
    // Every object of the repository loose, all but the document.
    let packs = repo.git_dir().join("objects/pack");
    let aside = repo.beside().join("packs");
    std::fs::rename(&packs, &aside).expect("packs aside");
    std::fs::create_dir(&packs).expect("an empty folder");
    for entry in std::fs::read_dir(&aside).expect("the packs") {
        let path = entry.expect("one").path();
        if path.extension().is_some_and(|extension| extension == "pack") {
            let bytes = std::fs::File::open(&path).expect("a pack");
            let unpacked =
                repo.command("git").args(["unpack-objects", "-q"]).stdin(bytes).status().expect("git runs");
            assert!(unpacked.success());
        }
    }
    std::fs::remove_file(repo.git_dir().join("objects").join(&blob[..2]).join(&blob[2..])).expect("the blob");

    let mended = millrace(&repo, &["run", "once"]);
    let said = String::from_utf8_lossy(&mended.stderr).into_owned();
    assert_eq!(mended.status.code(), Some(5), "{said}");
    assert!(said.contains("the ledger is damaged: "), "{said}");
    let said = succeeds(&repo, &["doctor", "--repair"]);
    assert!(said.contains(&before) && said.contains(&format!("lost: {tip}")), "{said}");
    assert_eq!(repo.git(&["rev-parse", "refs/millrace/state"]), before);
    succeeds(&repo, &["verify"]);
    // The document can come in again.
    succeeds(&repo, &["queue", "add-task", "two.md"]);
    succeeds(&repo, &["verify"]);
}
