//! Going back to a snapshot of a run, and from there to where one was: every file that vanishes is kept first.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use serde_json::Value;

use super::site::{Site, hold, text};
use crate::support::repo::TestRepo;

/// Stages that change files in every way that a snapshot knows.
const CHANGES: &str = r#"
stages:
  builder:
    - - write: {path: src/made.txt, content: "made\n"}
      - run: {argv: [sh, -c, 'echo changed > README.md; chmod +x tool.sh; ln -s README.md link; rm gone.txt; rm -r folder; echo file > folder; printf "a\r\nb\n" > mixed.txt; echo x > "odd name"; mkdir -p deep/er; echo d > deep/er/file']}
      - result: {terminal_result: BUILDER_COMPLETE, summary: Made it.}
  checker:
    - - run: {argv: [sh, -c, 'rm link; mkdir link; echo in > link/inside; chmod -x tool.sh; rm -r deep; mv src/made.txt src/moved.txt']}
      - result: {terminal_result: CHECKER_PASS, summary: Fine.}
  updater:
    - - run: {argv: [sh, -c, 'rm folder; mkdir folder; echo again > folder/inner; echo doc >> README.md; rm -r link; ln -s nowhere/at-all link']}
      - result: {terminal_result: UPDATE_COMPLETE}
"#;

fn repository() -> TestRepo {
    let repo = TestRepo::with_commit();
    repo.write(".gitignore", "*.log\n");
    repo.write("tool.sh", "#!/bin/sh\n");
    repo.write("gone.txt", "was here\n");
    repo.write("folder/one", "1\n");
    repo.write("folder/two", "2\n");
    repo.write("staged.txt", "staged\n");
    repo.write("renamed.txt", "a file that is renamed\n");
    repo.write("kept.txt", "kept\n");
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "--quiet", "-m", "more"]);
    repo
}

/// A run that is done, with its code in the work tree.
fn done() -> Site {
    let site = Site::with(repository(), "", CHANGES);
    site.add("one");
    site.work();
    assert_eq!(site.state_of("one"), "done");
    site
}

/// Everything of the work tree that is not git's and not scratch: kind, whether it may be run, content or target.
fn files(root: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut todo = vec![root.to_owned()];
    while let Some(folder) = todo.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(root).expect("inside").to_string_lossy().into_owned();
            if name == ".git" || name == "millrace-agents/runs" {
                continue;
            }
            let meta = path.symlink_metadata().expect("metadata");
            if meta.is_dir() {
                todo.push(path);
            } else if meta.is_symlink() {
                all.insert(name, format!("-> {}", std::fs::read_link(&path).expect("a target").display()));
            } else {
                let run = meta.permissions().mode() & 0o111 != 0;
                all.insert(name, format!("{run} {}", text(&std::fs::read(&path).expect("a file"))));
            }
        }
    }
    all
}

/// What of git is nobody's but the user's: index, HEAD, branches.
fn users(site: &Site) -> (Vec<u8>, String, String) {
    let index = std::fs::read(site.repo.git_dir().join("index")).expect("an index");
    let head = std::fs::read_to_string(site.repo.git_dir().join("HEAD")).expect("HEAD");
    let branches = site.repo.git(&["for-each-ref", "refs/heads", "refs/tags", "refs/stash"]);
    (index, head, branches)
}

/// The tree that the work tree is, as git would store it with everything that is not ignored.
fn tree_of_work(site: &Site) -> String {
    let index = site.repo.beside().join("probe-index");
    let _ = std::fs::remove_file(&index);
    let git = |args: &[&str]| {
        let output = site.repo.command("git").args(args).env("GIT_INDEX_FILE", &index).output().expect("git");
        assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
        text(&output.stdout).trim_end().to_owned()
    };
    git(&["read-tree", "HEAD"]);
    git(&["add", "-A"]);
    git(&["write-tree"])
}

#[track_caller]
fn restored(site: &Site, args: &[&str]) -> Value {
    restored_with(site, args, 0)
}

#[track_caller]
fn restored_with(site: &Site, args: &[&str], code: i32) -> Value {
    let output = site.run(&[&["restore", "--json"], args].concat());
    assert_eq!(output.status.code(), Some(code), "{args:?}: {}", text(&output.stderr));
    let answer: Value = serde_json::from_str(text(&output.stdout).trim_end()).expect("JSON");
    answer["data"].clone()
}

fn backups(site: &Site) -> Vec<String> {
    let listed = site.repo.git(&["for-each-ref", "--format=%(refname)", "refs/millrace/backup/"]);
    listed.lines().map(str::to_owned).collect()
}

type Touch = (&'static str, fn(&Site));

/// What people have in a work tree that is in no commit.
const TOUCHES: [Touch; 9] = [
    ("nothing", |_| {}),
    ("unstaged", |site| site.repo.write("kept.txt", "mine\n")),
    ("staged", |site| {
        site.repo.write("staged.txt", "staged by me\n");
        site.repo.git(&["add", "staged.txt"]);
        site.repo.write("staged.txt", "and changed again\n");
    }),
    ("untracked", |site| site.repo.write("src/new/mine.txt", "untracked\n")),
    ("deleted", |site| std::fs::remove_file(site.repo.path().join("kept.txt")).expect("removed")),
    ("deleted from the index", |site| {
        site.repo.git(&["rm", "--quiet", "--cached", "kept.txt"]);
    }),
    ("renamed", |site| {
        site.repo.git(&["mv", "renamed.txt", "moved-by-me.txt"]);
    }),
    ("ignored", |site| site.repo.write("noise.log", "ignored\n")),
    ("a link and a mode", |site| {
        symlink("../outside", site.repo.path().join("away")).expect("a link");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(site.repo.path().join("staged.txt"), mode).expect("a mode");
    }),
];

#[test]
fn to_every_point_and_back_is_the_same_to_the_byte() {
    let site = done();
    let branch = site.run_branch();
    let run = branch.rsplit('/').next().expect("a run").to_owned();
    let at_the_end = site.repo.git(&["rev-parse", &format!("{branch}^{{tree}}")]);
    for (what, touch) in TOUCHES {
        restored(&site, &[&run, "--to", "end", "--save"]);
        touch(&site);
        let before = files(site.repo.path());
        let git_before = users(&site);
        for point in ["start", "builder", "checker#1", "3", "end"] {
            let went = restored(&site, &[&run, "--to", point, "--save"]);
            let commit = went["commit"].as_str().expect("a commit");
            assert_eq!(
                tree_of_work(&site),
                site.repo.git(&["rev-parse", &format!("{commit}^{{tree}}")]),
                "{what}, {point}"
            );
            assert_eq!(users(&site), git_before, "{what}, {point}");
            if let Some(backup) = went["backup"].as_str() {
                restored(&site, &["--backup", backup, "--save"]);
            }
            assert_eq!(files(site.repo.path()), before, "{what}, {point}");
            assert_eq!(users(&site), git_before, "{what}, {point}");
        }
        // For the next one.
        site.repo.git(&["reset", "--quiet"]);
        let _ = std::fs::remove_file(site.repo.path().join("noise.log"));
    }
    assert_eq!(at_the_end, site.repo.git(&["rev-parse", &format!("{branch}^{{tree}}")]));
    site.sound();
}

#[test]
fn uncommitted_changes_stop_it_and_nothing_is_changed() {
    let site = done();
    let before = files(site.repo.path());
    let output = site.run(&["restore", "one", "--to", "start"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("uncommitted changes would be overwritten or removed: README.md, "), "{said}");
    assert!(said.contains("let --save keep them first"), "{said}");
    let went = restored(&site, &["one", "--to", "start", "--dry-run"]);
    assert_eq!(went["dry_run"], true);
    assert!(went["uncommitted"].as_array().expect("paths").len() > 8, "{went}");
    assert_eq!(files(site.repo.path()), before);
    assert_eq!(backups(&site), [] as [String; 0]);
    // Committed, it is in HEAD, and nothing has to be kept.
    site.repo.git(&["add", "-A"]);
    site.repo.git(&["commit", "--quiet", "-m", "mine now"]);
    let went = restored(&site, &["one", "--to", "start"]);
    assert_eq!(went["backup"], Value::Null);
    assert_eq!(site.repo.read("README.md"), "# A project\n");
    assert_eq!(backups(&site), [] as [String; 0]);
}

#[test]
fn what_snapshots_leave_out_is_left_alone_and_named() {
    let site = Site::with(repository(), "[snapshot]\nexclude = [\"big/\"]\nmax_file_bytes = 2000\n", CHANGES);
    site.add("one");
    site.work();
    site.repo.write(".env", "TOKEN=dummy\n");
    site.repo.write("big/data", "mine\n");
    site.repo.write("large", "x".repeat(3000));
    site.repo.write("gone.txt", "y".repeat(3000));
    // An ignored file stands where the snapshot has one.
    site.repo.write("noise.log", "ignored\n");
    site.repo.write("folder/more.log", "ignored too\n");
    let nested = site.repo.path().join("nested");
    std::fs::create_dir(&nested).expect("a folder");
    site.repo.git(&["-C", "nested", "init", "--quiet"]);
    site.repo.write("nested/theirs", "theirs\n");
    // What the snapshot has and is not there now is no success, and is not said to be one.
    let went = restored_with(&site, &["one", "--to", "builder", "--save"], 1);
    let listed = |name: &str| -> BTreeMap<String, String> {
        let text = |one: &Value, key: &str| one[key].as_str().expect("a text").to_owned();
        let list = went[name].as_array().expect("a list");
        list.iter().map(|one| (text(one, "path"), text(one, "why"))).collect()
    };
    let expected = ["folder"].map(|path| (path.to_owned(), "a folder with other files is there".to_owned()));
    assert_eq!(listed("in_the_way"), BTreeMap::from(expected));
    let left = listed("left_alone");
    let expected = [
        (".env", "looks like a secret and is not tracked"),
        ("big/data", "is excluded by `[snapshot] exclude`"),
        ("gone.txt", "has 3000 bytes, the cap is 2000"),
        ("large", "has 3000 bytes, the cap is 2000"),
        ("nested", "is a repository of its own"),
    ];
    let expected = expected.map(|(path, why)| (path.to_owned(), why.to_owned()));
    assert_eq!(left, BTreeMap::from(expected));
    assert_eq!(site.repo.read(".env"), "TOKEN=dummy\n");
    assert_eq!(site.repo.read("folder/more.log"), "ignored too\n");
    assert_eq!(site.repo.read("nested/theirs"), "theirs\n");
    assert_eq!(site.repo.read("README.md"), "changed\n");
    let output = site.run(&["restore", "one", "--to", "builder", "--save"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains(": the work tree holds it already, except for 1 path\nnot put back:\n  folder  "),
        "{said}"
    );
    // A secret is in no commit.
    let secret = site.repo.git(&["hash-object", ".env"]);
    assert!(!site.repo.git_output(&["cat-file", "-e", &secret]).status.success());
}

#[test]
fn paths_limit_it() {
    let site = done();
    let went = restored(&site, &["one", "--to", "start", "--save", "--", "*.md", "gone.txt"]);
    assert_eq!(went["put_back"], serde_json::json!(["README.md", "gone.txt"]));
    assert_eq!(went["removed"], serde_json::json!([]));
    assert_eq!(site.repo.read("gone.txt"), "was here\n");
    assert_eq!(site.repo.read("src/moved.txt"), "made\n");
    // Relative to where one is.
    let output = site
        .repo
        .command(super::site::MILLRACE)
        .args(["restore", "one", "--to", "builder", "--save", "--json", "--", "made.txt"])
        .current_dir(site.repo.path().join("src"))
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(site.repo.read("src/made.txt"), "made\n");
    assert_eq!(site.repo.read("src/moved.txt"), "made\n");
}

#[track_caller]
fn refused_now(site: &Site, args: &[&str], code: i32, words: &str) {
    let output = site.run(args);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(words), "{said}");
}

#[test]
fn nobody_else_may_be_at_work() {
    let site = done();
    let before = files(site.repo.path());
    let refused = |args: &[&str], code: i32, words: &str| {
        refused_now(&site, args, code, words);
        assert_eq!(files(site.repo.path()), before);
    };
    let lock = hold(&site.private().join("daemon.lock"));
    refused(&["restore", "one", "--to", "start", "--save"], 4, "another runtime works in this repository");
    drop(lock);
    site.repo.git(&["bisect", "start"]);
    refused(
        &["restore", "one", "--to", "start", "--save"],
        1,
        "a bisect is in progress in this work tree; finish or abort it first",
    );
    site.repo.git(&["bisect", "reset"]);
    refused(&["restore", "one", "--to", "fixer", "--save"], 1, " had no stage ");
    refused(
        &["restore", "one", "--to", "builder#2", "--save"],
        1,
        "builder was not launched 2 times in run ",
    );
    refused(&["restore", "one", "--to", "9", "--save"], 1, " has no launch 9");
    refused(&["restore", "--backup", "x"], 1, "there is no backup `x`, nor any other");
    refused(&["restore", "one"], 2, "--to");
    restored(&site, &["one", "--to", "start", "--save"]);
    restored(&site, &["one", "--to", "builder", "--save"]);
    let begin = backups(&site)[0].rsplit('/').next().expect("a name")[..8].to_owned();
    refused_now(&site, &["restore", "--backup", &begin], 2, &format!("`{begin}` begins 2 backups: {begin}"));
    refused_now(&site, &["restore", "--backup", "never"], 1, "the newest are ");
}

#[test]
fn a_stage_without_an_end_may_still_write() {
    let site = Site::scripted(super::site::STUCK);
    site.add("one");
    let daemon = site.daemon(&[]);
    site.pid("stage");
    daemon.kill();
    super::site::wait_until("the exit record", || {
        site.invocations().iter().any(|inv| inv.join("exit.toml").exists())
    });
    let output = site.run(&["restore", "one", "--to", "start", "--save"]);
    assert_eq!(output.status.code(), Some(4));
    let said = text(&output.stderr);
    assert!(said.contains("launch 1 of run "), "{said}");
    assert!(said.contains(" has no end yet; the next runtime finds out what became of it"), "{said}");
    assert_eq!(site.repo.read("half.txt"), "half\n");
}

/// What a person reads.
#[test]
fn in_words() {
    let site = Site::scripted(super::site::STRAIGHT);
    site.add("one");
    site.work();
    site.repo.write(".env", "TOKEN=dummy\n");
    let said = site.ok(&["restore", "one", "--to", "start", "--dry-run"]);
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        lines[0].starts_with("the start of run ") && lines[0].ends_with(": the work tree would get it"),
        "{said}"
    );
    assert_eq!(
        lines[1..],
        [
            "  removed  made.txt (uncommitted)",
            "left alone:",
            "  .env  looks like a secret and is not tracked"
        ]
    );
    let said = site.ok(&["restore", "one", "--to", "start", "--save"]);
    let backup = backups(&site)[0].clone();
    let name = backup.rsplit('/').next().expect("a name");
    let end = format!(
        "what was there is kept at {backup}\n`millrace restore --backup {name} --save` brings it back\n"
    );
    assert!(said.ends_with(&end), "{said}");
    let said = site.ok(&["restore", "--backup", name, "--save"]);
    assert!(said.starts_with(&format!("the backup {name}, commit ")), "{said}");
    assert_eq!(site.repo.read("made.txt"), "made\n");
    let said = site.ok(&["restore", "one", "--to", "end"]);
    assert!(said.contains(": the work tree holds it already\n"), "{said}");
}

/// A sparse checkout leaves out what was in HEAD; that HEAD has moved since makes it no file to write.
#[test]
fn a_sparse_checkout_stays_sparse() {
    let repo = repository();
    repo.write("other/large", "first\n");
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "--quiet", "-m", "other"]);
    let site = Site::with(repo, "", super::site::STRAIGHT);
    site.add("one");
    site.work();
    site.repo.write("other/large", "second\n");
    site.repo.git(&["add", "-A"]);
    site.repo.git(&["commit", "--quiet", "-m", "all of it"]);
    site.repo.git(&["sparse-checkout", "set", "--no-cone", "/*", "!/other/"]);
    assert!(!site.repo.path().join("other").exists());
    let went = restored(&site, &["one", "--to", "start", "--save"]);
    assert!(!site.repo.path().join("other").exists(), "{went}");
    assert!(!site.repo.path().join("made.txt").exists());
}

/// The place of another repository is not ours to write into.
#[test]
fn a_repository_that_came_meanwhile_is_left_alone() {
    let site = done();
    std::fs::remove_dir_all(site.repo.path().join("src")).expect("removed");
    std::fs::create_dir(site.repo.path().join("src")).expect("a folder");
    site.repo.git(&["-C", "src", "init", "--quiet"]);
    let went = restored(&site, &["one", "--to", "builder", "--save"]);
    assert!(!site.repo.path().join("src/made.txt").exists());
    let left: Vec<&str> = went["left_alone"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["path"].as_str())
        .collect();
    assert_eq!(left, ["src", "src/made.txt"]);
}

/// Whoever has a run or its item in hand need not look up the other one; and what would be left out is refused.
#[test]
fn a_run_and_its_item_name_the_same_everywhere() {
    let site = Site::scripted(super::site::STRAIGHT);
    site.add("one");
    site.work();
    let run = site.run_branch().rsplit('/').next().expect("a run").to_owned();
    let begin = &run[..run.len() - 1];
    let same =
        |of_item: &[&str], of_run: &[&str]| assert_eq!(site.ok(of_item), site.ok(of_run), "{of_run:?}");
    same(&["runs", "show", "one"], &["runs", "show", begin]);
    same(&["runs", "tail", "one"], &["runs", "tail", begin]);
    same(&["usage", "--run", "one"], &["usage", begin]);
    same(&["log", "--run", "one"], &["log", "--run", begin]);
    same(&["wait", "one"], &["wait", begin]);
    for (args, code, words) in [
        (["show", "2", "--patch", "--json"].as_slice(), 2, "--patch is text, and --json has none of it"),
        (&["diff", "one", "--word", "--json"], 2, "--word is text, and --json has none of it"),
        (&["show", ""], 2, "a name is empty: expected an item, a run, or a beginning of one"),
        (&["runs", "show", "nobody"], 1, "there is no run and no item nobody"),
    ] {
        refused_now(&site, args, code, words);
    }
    // A path that nothing matches is said; and paths are relative to where one is.
    let output = site.run(&["diff", "one", "--", "nowhere"]);
    assert!(
        text(&output.stderr).contains("nothing that differs from start to end matches `nowhere`"),
        "{output:?}"
    );
    let folder = site.repo.path().join("folder");
    std::fs::create_dir_all(&folder).expect("a folder");
    for args in
        [["diff", "one", "--stat", "--", "../made.txt"], ["diff", "one", "--json", "--", "../made.txt"]]
    {
        let output = site
            .repo
            .command(super::site::MILLRACE)
            .args(args)
            .current_dir(&folder)
            .output()
            .expect("it runs");
        assert!(output.status.success() && text(&output.stdout).contains("made.txt"), "{output:?}");
    }
}
