//! Tests of `src/workspace`.

mod bootstrap;
mod changes;
mod discover;
mod hard_cases;
mod head;
mod inbox;
mod landing;
mod restore;
mod run_dir;
mod snapshot;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use jiff::Timestamp;
use millrace::domain::oid::Oid;
use millrace::ledger::store::Signature;
use millrace::workspace::discover::Repository;
use millrace::workspace::snapshot::{Snapshot, Snapshots};
use millrace::workspace::snapshot_rules::SnapshotRules;

use crate::support::repo::TestRepo;

/// Runs a script of `fixtures/repos` in the work tree.
#[track_caller]
fn fixture(repo: &TestRepo, script: &str, args: &[&str]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/repos").join(script);
    let output = repo.command("sh").arg(path).args(args).output().expect("sh runs");
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
}

fn found(repo: &TestRepo) -> Repository {
    Repository::discover(repo.path()).expect("a repository")
}

fn head(repo: &TestRepo) -> Option<Oid> {
    found(repo).head().expect("HEAD").oid
}

fn by(name: &str) -> Signature {
    Signature {
        name: name.to_owned(),
        email: format!("{name}@example.org"),
        at: Timestamp::from_second(1_767_225_600).expect("a time"),
    }
}

fn rules() -> SnapshotRules {
    SnapshotRules::new(1000, &[] as &[&str]).expect("rules")
}

#[track_caller]
fn take_with(repo: &TestRepo, parent: Option<Oid>, rules: SnapshotRules) -> Snapshot {
    let repository = found(repo);
    Snapshots::new(&repository, rules)
        .take(parent, "a snapshot\n", &by("builder"), &by("user"))
        .expect("a snapshot")
}

#[track_caller]
fn take(repo: &TestRepo, parent: Option<Oid>) -> Snapshot {
    take_with(repo, parent, rules())
}

/// What the store does with a snapshot, without its care: packs what is new, then moves the ref.
#[track_caller]
fn publish(repo: &TestRepo, snapshot: &Snapshot) -> Oid {
    use std::io::Write;
    let mut wanted = format!("{}\n", snapshot.commit);
    for have in &snapshot.have {
        writeln!(wanted, "^{have}").expect("text");
    }
    let run = |args: &[&str], quarantined: bool, input: &[u8]| -> Vec<u8> {
        let mut git = repo.command("git");
        git.args(args);
        if quarantined {
            git.env("GIT_OBJECT_DIRECTORY", snapshot.quarantine.path())
                .env("GIT_ALTERNATE_OBJECT_DIRECTORIES", found(repo).common_dir.join("objects"));
        }
        let mut child = git
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("git runs");
        child.stdin.take().expect("stdin").write_all(input).expect("written");
        let output = child.wait_with_output().expect("git ends");
        assert!(output.status.success(), "git {args:?}");
        output.stdout
    };
    let pack = run(&["pack-objects", "--revs", "--stdout", "-q"], true, wanted.as_bytes());
    run(&["unpack-objects", "-q"], false, &pack);
    repo.git(&["update-ref", "refs/millrace/runs/test", &snapshot.commit.to_string()]);
    snapshot.commit
}

/// Takes and publishes.
#[track_caller]
fn snap(repo: &TestRepo, parent: Option<Oid>) -> Oid {
    publish(repo, &take(repo, parent))
}

/// The paths of a published commit.
fn listed(repo: &TestRepo, commit: Oid) -> Vec<String> {
    let output = repo.git_output(&["ls-tree", "-r", "-z", "--name-only", &commit.to_string()]);
    output
        .stdout
        .split(|b| *b == 0)
        .filter(|p| !p.is_empty())
        .map(|p| String::from_utf8_lossy(p).into_owned())
        .collect()
}

/// The content of a file of a published commit.
fn shown(repo: &TestRepo, commit: Oid, path: &str) -> String {
    let output = repo.git_output(&["cat-file", "blob", &format!("{commit}:{path}")]);
    assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn skipped(snapshot: &Snapshot) -> Vec<(String, String)> {
    snapshot.skipped.iter().map(|skip| (skip.path.to_string(), skip.why.to_string())).collect()
}

/// Everything below a folder, to the byte: kind, mode, content or target, and the time of change.
fn inventory(root: &Path, leave_out: &[&Path]) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut todo = vec![root.to_owned()];
    while let Some(path) = todo.pop() {
        if leave_out.contains(&path.as_path()) {
            continue;
        }
        let meta = path.symlink_metadata().expect("metadata");
        let mut line = format!("{:o}", meta.mode());
        if meta.is_dir() {
            todo.extend(
                std::fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("entry").path()),
            );
        } else {
            // git renews the time of an object that is needed again, so that no `gc` takes it for abandoned.
            if !path.to_string_lossy().contains("/.git/objects/") {
                write!(line, " {}.{}", meta.mtime(), meta.mtime_nsec()).expect("text");
            }
            if meta.is_file() {
                let content = std::fs::read(&path).unwrap_or_default();
                write!(line, " {} {:08x}", content.len(), crc32fast::hash(&content)).expect("text");
            } else if meta.is_symlink() {
                write!(line, " {}", std::fs::read_link(&path).expect("a target").display()).expect("text");
            }
        }
        all.insert(path.to_string_lossy().into_owned(), line);
    }
    all
}

#[track_caller]
fn assert_same_inventory(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) {
    let paths: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let differences: Vec<_> = paths
        .into_iter()
        .filter(|path| before.get(*path) != after.get(*path))
        .map(|path| format!("{path}: {:?} -> {:?}", before.get(path), after.get(path)))
        .collect();
    assert!(differences.is_empty(), "{differences:#?}");
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
