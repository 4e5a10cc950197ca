//! The folder of a stage: made anew, never through a link, read with bounds.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use millrace::domain::limits::MAX_OUTBOX_DOCUMENTS;
use millrace::workspace::bootstrap::IgnoreRule;
use millrace::workspace::run_dir::{MAX_OUTBOX_BYTES, NoFollowError, StageDir};

use super::inventory;
use crate::support::repo::TestRepo;

const RUN: &str = "20261122-0930-7f3a1c";

fn dir(repo: &TestRepo, launch: u32, stage: &str) -> StageDir {
    StageDir::new(repo.path(), RUN.parse().expect("a run id"), launch, stage.parse().expect("a stage"))
}

fn files(given: &[(&str, &str)]) -> Vec<(PathBuf, Vec<u8>)> {
    given.iter().map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec())).collect()
}

#[test]
fn it_holds_what_the_stage_is_given() {
    let repo = TestRepo::with_commit();
    let stage = dir(&repo, 1, "builder");
    let made = stage.materialise(&files(&[("prompt.md", "do it"), ("skills/a/b.md", "how")])).expect("made");
    let root = repo.path().join(format!("millrace-agents/runs/{RUN}/01-builder"));
    assert_eq!(stage.path(), root);
    assert_eq!(made.files, [root.join("prompt.md"), root.join("skills/a/b.md")]);
    assert_eq!(made.ignore, IgnoreRule::Created);
    assert!(stage.outbox_path().is_dir());
    assert_eq!(std::fs::read_to_string(root.join("skills/a/b.md")).expect("read"), "how");
    assert_eq!(repo.git(&["status", "--porcelain", "-uall"]), "?? millrace-agents/.gitignore");
}

#[test]
fn leftovers_of_the_same_launch_go_and_other_launches_stay() {
    let repo = TestRepo::with_commit();
    dir(&repo, 1, "builder").materialise(&files(&[("a", "1")])).expect("made");
    let second = dir(&repo, 2, "checker");
    second.materialise(&files(&[("old", "old")])).expect("made");
    std::fs::write(second.outbox_path().join("half.md"), "half").expect("written");
    let outside = repo.beside().join("outside");
    std::fs::create_dir(&outside).expect("a folder");
    std::fs::write(outside.join("precious"), "precious").expect("written");
    symlink(&outside, second.path().join("link")).expect("a link");
    let again = dir(&repo, 2, "fixer");
    assert_eq!(again.materialise(&files(&[("new", "new")])).expect("made").ignore, IgnoreRule::Present);
    assert!(!second.path().exists());
    assert!(again.path().join("new").exists());
    assert_eq!(std::fs::read_dir(again.outbox_path()).expect("a folder").count(), 0);
    assert!(dir(&repo, 1, "builder").path().join("a").exists());
    assert_eq!(std::fs::read_to_string(outside.join("precious")).expect("read"), "precious");
}

#[test]
fn an_ignore_file_without_the_line_is_reported_and_left() {
    let repo = TestRepo::with_commit();
    repo.write("millrace-agents/.gitignore", "*.tmp\n");
    assert_eq!(dir(&repo, 1, "builder").materialise(&[]).expect("made").ignore, IgnoreRule::Missing);
    assert_eq!(repo.read("millrace-agents/.gitignore"), "*.tmp\n");
}

#[test]
fn paths_that_lead_out_are_refused() {
    let repo = TestRepo::with_commit();
    for path in ["../x", "/etc/x", "a/../../x", "", ".", "./..", "a\0b"] {
        let error = dir(&repo, 1, "builder").materialise(&files(&[(path, "x")])).expect_err(path);
        assert!(matches!(error, NoFollowError::Outside(_)), "{path:?}: {error}");
    }
    assert!(!repo.path().join(format!("millrace-agents/runs/{RUN}/x")).exists());
}

#[test]
fn a_link_in_the_place_of_any_folder_is_not_followed() {
    for replaced in ["millrace-agents", "millrace-agents/runs", &format!("millrace-agents/runs/{RUN}")] {
        let repo = TestRepo::with_commit();
        let stage = dir(&repo, 1, "builder");
        stage.materialise(&files(&[("result.json", "{}")])).expect("made");
        let outside = repo.beside().join("outside");
        let at = repo.path().join(replaced);
        std::fs::rename(&at, &outside).expect("moved");
        symlink(&outside, &at).expect("a link");
        let before = inventory(&outside, &[]);
        let next = dir(&repo, 2, "checker").materialise(&files(&[("x", "x")])).expect_err(replaced);
        assert!(matches!(&next, NoFollowError::NotAFolder(path) if *path == at), "{next}");
        assert!(matches!(stage.read(Path::new("result.json"), 10), Err(NoFollowError::NotAFolder(_))));
        assert!(stage.collect_outbox().is_err());
        assert_eq!(inventory(&outside, &[]), before);
    }
}

#[test]
fn reading_is_bounded_and_follows_nothing() {
    let repo = TestRepo::with_commit();
    let stage = dir(&repo, 1, "builder");
    let read = |name: &str| stage.read(Path::new(name), 4);
    assert_eq!(read("result.json").expect("nothing yet"), None);
    stage.materialise(&files(&[("fits", "1234"), ("long", "12345"), ("sub/file", "x")])).expect("made");
    symlink("fits", stage.path().join("link")).expect("a link");
    symlink("sub", stage.path().join("way")).expect("a link");
    repo.command("mkfifo").arg(stage.path().join("fifo")).status().expect("mkfifo");
    assert_eq!(read("fits").expect("read").as_deref(), Some(&b"1234"[..]));
    assert_eq!(read("sub/file").expect("read").as_deref(), Some(&b"x"[..]));
    assert_eq!(read("missing").expect("read"), None);
    assert_eq!(read("missing/file").expect("read"), None);
    assert!(matches!(read("long"), Err(NoFollowError::TooLarge { cap: 4, .. })));
    for name in ["link", "fifo", "sub"] {
        assert!(matches!(read(name), Err(NoFollowError::NotAFile(_))), "{name}");
    }
    assert!(matches!(read("way/file"), Err(NoFollowError::NotAFolder(_))));
    assert!(matches!(read("../x"), Err(NoFollowError::Outside(_))));
}

#[test]
fn the_outbox_gives_documents_and_names_the_rest() {
    let repo = TestRepo::with_commit();
    let stage = dir(&repo, 1, "planner");
    assert_eq!(stage.collect_outbox().expect("nothing yet"), millrace::workspace::run_dir::Outbox::default());
    stage.materialise(&[]).expect("made");
    let outbox = stage.outbox_path();
    let most = usize::try_from(MAX_OUTBOX_BYTES).expect("a size");
    std::fs::write(outbox.join("b.md"), "b").expect("written");
    std::fs::write(outbox.join("a.md"), vec![b'a'; most]).expect("written");
    std::fs::write(outbox.join("huge.md"), vec![b'a'; most + 1]).expect("written");
    std::fs::write(outbox.join(".a.md.swp"), "swap").expect("written");
    std::fs::write(outbox.join("notes.txt"), "not a document").expect("written");
    std::fs::write(outbox.join(std::ffi::OsStr::from_bytes(b"odd\xff")), "x").expect("written");
    std::fs::create_dir(outbox.join("folder")).expect("a folder");
    symlink("/etc/hostname", outbox.join("link.md")).expect("a link");
    let found = stage.collect_outbox().expect("collected");
    let names: Vec<_> = found.documents.iter().map(|one| (one.name.as_str(), one.bytes.len())).collect();
    assert_eq!(names, [("a.md", most), ("b.md", 1)]);
    assert_eq!(
        found.problems,
        [
            "outbox/folder: the name does not end in `.md`",
            "outbox/huge.md: has more than 1048576 bytes",
            "outbox/link.md: is not a regular file",
            "outbox/notes.txt: the name does not end in `.md`",
            "outbox/odd\u{fffd}: the name is not plain text",
        ]
    );
}

#[test]
fn too_many_documents_are_none() {
    let repo = TestRepo::with_commit();
    let stage = dir(&repo, 1, "planner");
    stage.materialise(&[]).expect("made");
    for at in 0..MAX_OUTBOX_DOCUMENTS {
        std::fs::write(stage.outbox_path().join(format!("{at}.md")), "x").expect("written");
    }
    assert_eq!(stage.collect_outbox().expect("collected").documents.len(), MAX_OUTBOX_DOCUMENTS);
    std::fs::write(stage.outbox_path().join("one-more.md"), "x").expect("written");
    let found = stage.collect_outbox().expect("collected");
    assert_eq!(found.documents, []);
    assert_eq!(found.problems, ["outbox/ holds more than 50 documents"]);
}

#[test]
fn more_names_than_are_looked_at_are_a_problem_even_where_most_are_passed_over() {
    let repo = TestRepo::with_commit();
    let stage = dir(&repo, 1, "planner");
    stage.materialise(&[]).expect("made");
    for at in 0..=20 * MAX_OUTBOX_DOCUMENTS {
        std::fs::write(stage.outbox_path().join(format!(".{at}")), "x").expect("written");
    }
    assert_eq!(stage.collect_outbox().expect("collected").problems, ["outbox/ holds more than 50 documents"]);
}

#[test]
fn an_interrupted_write_is_no_obstacle() {
    let repo = TestRepo::with_commit();
    repo.write("millrace-agents/x", "");
    std::fs::create_dir_all(repo.path().join("millrace-agents/.new-.gitignore/deep")).expect("a folder");
    assert_eq!(dir(&repo, 1, "builder").materialise(&[]).expect("made").ignore, IgnoreRule::Created);
}
