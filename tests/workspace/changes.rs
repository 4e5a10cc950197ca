//! What changed, and what the work tree holds.

use millrace::workspace::changes::{OnDisk, Version, diff, work_tree_versions};
use millrace::workspace::path::RepoPath;

use super::{fixture, found, head, snap};
use crate::support::repo::TestRepo;

fn version(repo: &TestRepo, at: &str, mode: u32) -> Version {
    Version { mode, oid: repo.git(&["rev-parse", at]).parse().expect("an id") }
}

#[test]
fn a_rename_is_a_removal_and_an_addition() {
    let repo = TestRepo::with_commit();
    repo.git(&["config", "diff.renames", "copies"]);
    repo.git(&["config", "diff.relative", "true"]);
    let first = snap(&repo, head(&repo));
    std::fs::rename(repo.path().join("README.md"), repo.path().join("NEW\nNAME")).expect("moved");
    let second = snap(&repo, Some(first));
    let readme = version(&repo, "HEAD:README.md", 0o100_644);
    let found = diff(&found(&repo), first, second).expect("a diff");
    let plain: Vec<_> = found.iter().map(|change| (change.path.as_bytes(), change.from, change.to)).collect();
    assert_eq!(plain, [(&b"NEW\nNAME"[..], None, Some(readme)), (&b"README.md"[..], Some(readme), None)]);
    assert_eq!(found[0].path.to_string(), "NEW\\nNAME");
}

#[test]
fn nothing_between_a_commit_and_itself() {
    let repo = TestRepo::with_commit();
    let head = head(&repo).expect("a commit");
    assert_eq!(diff(&found(&repo), head, head).expect("a diff"), []);
    let missing = "1".repeat(40).parse().expect("an id");
    assert!(diff(&found(&repo), head, missing).is_err());
}

#[test]
fn the_work_tree_is_seen_as_git_would_store_it() {
    let repo = TestRepo::init();
    fixture(&repo, "odd-names.sh", &[]);
    repo.git(&["config", "filter.upper.clean", "tr a-z A-Z"]);
    repo.write(".gitattributes", "*.up filter=upper\n");
    repo.write("x.up", "shout");
    std::fs::remove_file(repo.path().join("empty")).expect("removed");
    std::fs::remove_file(repo.path().join("-dash")).expect("removed");
    std::fs::create_dir(repo.path().join("-dash")).expect("a folder");
    std::fs::rename(repo.path().join("deep er"), repo.path().join("elsewhere")).expect("moved");
    std::os::unix::fs::symlink("elsewhere", repo.path().join("deep er")).expect("a link");
    repo.command("mkfifo").arg("fifo").status().expect("mkfifo");
    let names: [&[u8]; 9] = [
        b"line\nbreak.txt",
        b"caf\xe9",
        b"link",
        b"tool.sh",
        b"x.up",
        b"empty",
        b"-dash",
        b"deep er/folder/file",
        b"fifo",
    ];
    let paths: Vec<RepoPath> = names.iter().map(|name| RepoPath::new(*name)).collect();
    let seen = work_tree_versions(&found(&repo), head(&repo), &paths).expect("versions");
    assert_eq!(seen.len(), paths.len());
    let at = |name: &[u8]| seen[&RepoPath::new(name)].clone();
    assert_eq!(at(b"line\nbreak.txt"), OnDisk::Present(version(&repo, "HEAD:line\nbreak.txt", 0o100_644)));
    assert!(matches!(at(b"caf\xe9"), OnDisk::Present(_)));
    assert_eq!(at(b"link"), OnDisk::Present(version(&repo, "HEAD:link", 0o120_000)));
    assert_eq!(at(b"tool.sh"), OnDisk::Present(version(&repo, "HEAD:tool.sh", 0o100_755)));
    let shouted = repo.git(&["hash-object", "--path", "x.up", "x.up"]).parse().expect("an id");
    assert_eq!(at(b"x.up"), OnDisk::Present(Version { mode: 0o100_644, oid: shouted }));
    assert_eq!(at(b"empty"), OnDisk::Absent);
    assert_eq!(at(b"-dash"), OnDisk::Folder);
    assert_eq!(at(b"deep er/folder/file"), OnDisk::Absent);
    assert!(matches!(at(b"fifo"), OnDisk::Unclear(_)));
    assert_eq!(repo.git(&["count-objects", "-v"]).lines().next(), Some("count: 15"));
}
