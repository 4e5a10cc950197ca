//! What pushes of every kind become on a server.

use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{Scene, WORK, script, user};
use crate::cli::commands::task;

const ZERO: &str = "0000000000000000000000000000000000000000";

#[test]
fn a_push_is_held_and_says_where_it_comes_from() {
    let scene = Scene::new(WORK);
    assert!(!scene.has_ledger(), "where no rule takes anything, nothing begins");
    let old = scene.client.git(&["rev-parse", "HEAD"]);
    let new = scene.task("first");
    assert_eq!(scene.pushed(&["main"]), ["held until `millrace release`: task/first"]);
    assert_eq!(scene.queue(), ["held task/first"]);
    let range = format!("{}..{}", &old[..7], &new[..7]);
    assert_eq!(
        scene.origin("task/first"),
        format!("push to refs/heads/main by {} (rule work, {range}, work/first.md)", user())
    );
    let status = scene.server_runs(&["status"]);
    assert!(status.contains("push to refs/heads/main by "), "{status}");
    scene.server_runs(&["release", "task/first"]);
    assert_eq!(scene.queue(), ["queued task/first"]);
    scene.server_runs(&["verify"]);
}

#[test]
fn a_new_branch_brings_what_no_ref_had() {
    let scene = Scene::new(WORK);
    scene.task("old");
    scene.pushed(&["main"]);
    scene.client.git(&["checkout", "--quiet", "-b", "feature"]);
    assert!(scene.pushed(&["feature"]).is_empty(), "it has nothing of its own");
    scene.client.git(&["checkout", "--quiet", "-b", "other"]);
    scene.task("new");
    assert_eq!(scene.pushed(&["other"]), ["held until `millrace release`: task/new"]);
    // Beside a branch that brings something, one that brings nothing.
    scene.client.git(&["checkout", "--quiet", "main"]);
    scene.task("third");
    scene.client.git(&["branch", "brings"]);
    scene.client.git(&["branch", "brings-nothing", "other~1"]);
    assert_eq!(scene.pushed(&["brings", "brings-nothing"]), ["held until `millrace release`: task/third"]);
}

#[test]
fn a_new_branch_at_a_known_commit_brings_nothing_beside_one_that_does() {
    let scene = Scene::new(WORK);
    // Before there was a hook.
    std::fs::remove_file(scene.server.join("hooks/post-receive")).expect("removed");
    scene.task("old");
    scene.client.git(&["branch", "long-ago"]);
    scene.client.write("work/old.md", super::other_task("old"));
    scene.commit("changed");
    scene.pushed(&["main"]);
    super::install(&scene.server, "post-receive");
    scene.client.git(&["checkout", "--quiet", "-b", "brings"]);
    scene.task("new");
    assert_eq!(scene.pushed(&["brings", "long-ago"]), ["held until `millrace release`: task/new"]);
    assert_eq!(scene.queue(), ["held task/new"]);
}

#[test]
fn the_first_push_of_all_brings_everything() {
    let scene = Scene::empty(WORK);
    scene.task("a");
    scene.task("b");
    assert_eq!(scene.pushed(&["main"]), ["held until `millrace release`: task/a, task/b"]);
}

#[test]
fn a_deletion_brings_nothing() {
    let scene = Scene::new(WORK);
    scene.client.git(&["checkout", "--quiet", "-b", "feature"]);
    scene.task("a");
    scene.pushed(&["feature"]);
    assert!(scene.pushed(&["--delete", "feature"]).is_empty());
    std::fs::remove_file(scene.client.path().join("work/a.md")).expect("removed");
    scene.commit("without it");
    assert!(scene.pushed(&["feature:main"]).is_empty(), "a document that went is none");
    assert_eq!(scene.queue(), ["held task/a"], "what was taken stays");
}

#[test]
fn a_forced_push_brings_what_is_new_in_it() {
    let scene = Scene::new(WORK);
    scene.task("a");
    scene.pushed(&["main"]);
    scene.client.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    scene.task("b");
    assert_eq!(scene.pushed(&["--force", "main"]), ["held until `millrace release`: task/b"]);
    scene.client.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    scene.task("a");
    assert!(scene.pushed(&["--force", "main"]).is_empty(), "it is here");
    assert_eq!(scene.queue(), ["held task/a", "held task/b"]);
}

#[test]
fn a_tag_brings_work_where_a_rule_asks_for_tags() {
    let scene = Scene::new(WORK);
    scene.client.git(&["checkout", "--quiet", "--detach"]);
    scene.task("a");
    scene.client.git(&["tag", "light"]);
    assert!(scene.pushed(&["light"]).is_empty(), "branches are what a rule is about that says nothing");

    let rules = "[[rules]]\nname = \"tags\"\nrefs = [\"refs/tags/*\"]\ntasks = [\"work/*.md\"]\n\
                 template = \"Release {branch}\"\n";
    let scene = Scene::new(rules);
    scene.client.git(&["checkout", "--quiet", "--detach"]);
    scene.task("a");
    scene.client.git(&["tag", "light"]);
    scene.task("b");
    scene.client.git(&["tag", "-a", "-m", "full", "full"]);
    scene.client.git(&["tag", "of-a-blob", "HEAD:README.md"]);
    let said = scene.pushed(&["light"]).join("\n");
    assert!(said.starts_with("held until `millrace release`: task/a, task/tags-"), "{said}");
    let said = scene.pushed(&["full", "of-a-blob"]).join("\n");
    assert!(said.starts_with("held until `millrace release`: task/b, task/tags-"), "{said}");
    assert_eq!(scene.queue().len(), 4);
}

#[test]
fn several_refs_in_one_push_bring_each_document_once() {
    let scene = Scene::new(WORK);
    scene.client.git(&["checkout", "--quiet", "-b", "one"]);
    scene.task("shared");
    scene.client.git(&["checkout", "--quiet", "-b", "two"]);
    scene.task("more");
    scene.client.git(&["checkout", "--quiet", "main"]);
    scene.task("on-main");
    assert_eq!(
        scene.pushed(&["main", "one", "two"]),
        ["held until `millrace release`: task/on-main, task/shared, task/more"]
    );
    assert_eq!(scene.queue().len(), 3);
}

#[test]
fn ten_thousand_commits_take_bounded_time_and_items() {
    let rules = format!("{WORK}trailers = true\nmax_items = 5\n");
    let scene = Scene::new(&rules);
    let commits = (0..10_000).map(|n| {
        let message = format!("c{n}\n\nMillrace-Task: do {n}\n");
        let (length, time) = (message.len(), 1_800_000_000 + n);
        let from = if n == 0 { "from refs/heads/main^0\n" } else { "" };
        format!("commit refs/heads/main\ncommitter A <a@b> {time} +0000\ndata {length}\n{message}{from}")
    });
    let stream = commits.collect::<Vec<_>>().concat();
    let mut import = scene
        .client
        .command("git")
        .args(["fast-import", "--quiet"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("git starts");
    import.stdin.take().expect("a pipe").write_all(stream.as_bytes()).expect("written");
    assert!(import.wait().expect("git ends").success());
    let begun = Instant::now();
    let said = scene.pushed(&["main"]);
    println!("a push of 10,000 commits took {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(60));
    assert!(said[0].starts_with("held until `millrace release`: task/do-0-"), "{said:?}");
    assert_eq!(
        said[1],
        "left out: up to 9995 more of rule work, which takes at most 5 new items at a time (`max_items`); the same call \
         again takes the next"
    );
    assert_eq!(
        said[2],
        "the push stands, and is kept: `millrace hooks catch-up` takes it in on the server, nothing twice"
    );
    assert_eq!(scene.queue().len(), 5);
    // And so it is.
    let (old, new) =
        (scene.client.git(&["rev-parse", "HEAD~10000"]), scene.client.git(&["rev-parse", "HEAD"]));
    let (code, said) = scene.call("post-receive", &format!("{old} {new} refs/heads/main\n"));
    assert_eq!(
        (code, said[0].starts_with("held until `millrace release`: task/do-5-")),
        (0, true),
        "{said:?}"
    );
    assert_eq!(scene.queue().len(), 10);
}

#[test]
fn our_own_refs_are_never_work() {
    let rules =
        "[[rules]]\nname = \"all\"\nrefs = [\"refs/**\"]\ntasks = [\"**/*.md\"]\ntemplate = \"x {ref}\"\n";
    let scene = Scene::new(rules);
    let before = scene.queue();
    scene.client.git(&["update-ref", "refs/millrace/runs/20260101-0000-aaaaaa", "HEAD"]);
    scene.task("a");
    scene.client.git(&["update-ref", "refs/millrace/other", "HEAD"]);
    assert!(scene.pushed(&["refs/millrace/runs/20260101-0000-aaaaaa", "refs/millrace/other"]).is_empty());
    assert_eq!(scene.queue(), before);
}

#[test]
fn a_rejected_push_leaves_nothing() {
    let scene = Scene::new(WORK);
    script(&scene.server.join("hooks/pre-receive"), "#!/bin/sh\necho no >&2\nexit 1\n");
    scene.task("a");
    let output = scene.push(&["main"]);
    assert!(!output.status.success());
    assert!(!scene.has_ledger());
    // Only one of two is let in.
    std::fs::remove_file(scene.server.join("hooks/pre-receive")).expect("removed");
    script(&scene.server.join("hooks/update"), "#!/bin/sh\n[ \"$1\" = refs/heads/good ]\n");
    scene.client.git(&["branch", "bad"]);
    scene.task("b");
    scene.client.git(&["checkout", "--quiet", "-b", "good", "HEAD~2"]);
    scene.task("c");
    assert!(!scene.push(&["bad", "main", "good"]).status.success());
    assert_eq!(scene.queue(), ["held task/c"]);
}

#[test]
fn what_is_called_in_quarantine_takes_nothing() {
    let scene = Scene::new(WORK);
    script(
        &scene.server.join("hooks/pre-receive"),
        &format!("#!/bin/sh\nexec {} hook post-receive\n", super::MILLRACE),
    );
    std::fs::remove_file(scene.server.join("hooks/post-receive")).expect("removed");
    scene.task("a");
    assert_eq!(
        scene.pushed(&["main"]),
        [
            "nothing is taken in: the push is in quarantine, and may still be rejected; `post-receive` is the hook for this"
        ]
    );
    assert!(!scene.has_ledger());
}

#[test]
fn names_that_are_not_utf8_are_taken_and_shown_harmless() {
    use std::os::unix::ffi::OsStrExt as _;
    let scene = Scene::new(WORK);
    let folder = scene.client.path().join("work");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join(std::ffi::OsStr::from_bytes(b"a\xff\n.md")), task("a")).expect("a file");
    scene.commit("odd");
    let branch = std::ffi::OsStr::from_bytes(b"HEAD:refs/heads/f\xfe");
    let output = scene.client.command("git").args(["push", "origin"]).arg(branch).output().expect("git runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(scene.queue(), ["held task/a"]);
    let origin = scene.origin("task/a");
    assert!(origin.contains("refs/heads/f\u{fffd} by"), "{origin}");
    assert!(origin.ends_with("work/a\u{fffd} .md)"), "{origin}");
}

#[test]
fn a_document_that_is_refused_is_said_and_the_others_are_taken() {
    let scene = Scene::new(WORK);
    scene.client.write("work/bad.md", task("bad").replace("title:", "titel:"));
    scene.client.write("work/loop.md", task("loop").replace("---\n\n", "depends_on: [loop]\n---\n\n"));
    scene.client.write("work/x.md", task("x").replace("---\n\n", "depends_on: [y]\n---\n\n"));
    scene.client.write("work/y.md", task("y").replace("---\n\n", "depends_on: [x]\n---\n\n"));
    scene.task("good");
    let said = scene.pushed(&["main"]);
    assert!(said[0].starts_with("held until `millrace release`: task/good"), "{said:?}");
    assert!(said[1].starts_with("not taken: main:work/bad.md:3: titel: this field is not known"), "{said:?}");
    assert!(said.iter().any(|line| line.starts_with("not taken: main:work/")), "{said:?}");
    assert!(scene.queue().contains(&"held task/good".to_owned()));
}

#[test]
fn a_document_with_a_secret_is_refused() {
    let rules = format!("{WORK}trailers = true\n");
    let scene = Scene::new(&rules);
    let token = format!("{}{}", "gh", "p_aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3z");
    scene.client.write("work/a.md", format!("{}use {token}\n", task("a")));
    scene.commit(&format!("with a secret\n\nMillrace-Task: use {token}\n"));
    let said = scene.pushed(&["main"]).join("\n");
    assert!(said.contains("main:work/a.md:") && said.contains("holds a GitHub token"), "{said}");
    assert!(said.contains("the trailer of "), "{said}");
    assert!(!said.contains(&token), "{said}");
    // In its name; whether or not there is more to say of it.
    scene.client.write(&format!("work/{token}.md"), task("b"));
    scene.client.write(&format!("work/bad-{token}.md"), "no task\n");
    scene.commit("with another");
    let said = scene.pushed(&["main"]).join("\n");
    assert_eq!(said.matches("its name or path holds a GitHub token").count(), 2, "{said}");
    assert!(!said.contains(&token) && !said.contains("--origin"), "{said}");
    assert!(!scene.has_ledger());
}

#[test]
fn what_is_no_document_at_a_matching_path_is_said() {
    let scene = Scene::new(WORK);
    scene.client.write("work/real.md", task("real"));
    std::os::unix::fs::symlink("real.md", scene.client.path().join("work/link.md")).expect("a link");
    scene.client.write("work/huge.md", "x".repeat(2 * 1024 * 1024));
    scene.client.git(&["add", "-A"]);
    let head = scene.client.git(&["rev-parse", "HEAD"]);
    scene.client.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{head},work/module.md")]);
    scene.client.git(&["commit", "--quiet", "-m", "odd"]);
    let said = scene.pushed(&["main"]);
    assert_eq!(
        said,
        [
            "held until `millrace release`: task/real",
            "not taken: main:work/link.md is a symbolic link, not a document",
            "not taken: main:work/module.md is a submodule, not a document",
            "not taken: main:work/huge.md has 2097152 bytes; at most 1048576",
        ]
    );
}

#[test]
fn a_merge_brings_what_it_merges_and_what_it_adds() {
    let rules = "[[rules]]\nname = \"main\"\nrefs = [\"refs/heads/main\"]\ntasks = [\"work/*.md\"]\ntrailers = true\n";
    let scene = Scene::new(rules);
    scene.client.git(&["checkout", "--quiet", "-b", "feature"]);
    scene.client.write("work/a.md", task("a"));
    scene.commit("a\n\nMillrace-Task: see to a\n");
    assert!(scene.pushed(&["feature"]).is_empty());
    scene.client.git(&["checkout", "--quiet", "main"]);
    scene.commit("beside");
    scene.client.git(&["merge", "--quiet", "--no-ff", "--no-commit", "feature"]);
    scene.client.write("work/b.md", task("b"));
    scene.commit("merged");
    let said = scene.pushed(&["main"]).join("\n");
    assert!(said.starts_with("held until `millrace release`: task/a, task/b, task/see-to-a-"), "{said}");
    assert_eq!(scene.queue().len(), 3);
}

#[test]
fn an_empty_push_is_no_push() {
    let scene = Scene::new(WORK);
    scene.task("a");
    scene.pushed(&["main"]);
    assert!(scene.pushed(&["main"]).is_empty());
    assert_eq!(scene.call("post-receive", ""), (0, Vec::new()));
    let head = scene.client.git(&["rev-parse", "HEAD"]);
    assert_eq!(scene.call("post-receive", &format!("{head} {head} refs/heads/main\n")), (0, Vec::new()));
    assert_eq!(scene.call("post-receive", &format!("{head} {ZERO} refs/heads/main\n")), (0, Vec::new()));
}

#[test]
fn a_mirror_brings_each_thing_once_and_none_of_ours() {
    let scene = Scene::empty(WORK);
    scene.task("a");
    scene.client.git(&["branch", "other"]);
    scene.task("b");
    scene.client.git(&["tag", "v1"]);
    scene.client.git(&["update-ref", "refs/millrace/runs/20260101-0000-aaaaaa", "HEAD"]);
    assert_eq!(scene.pushed(&["--mirror"]), ["held until `millrace release`: task/a, task/b"]);
    assert!(scene.has_ledger());
}

#[test]
fn no_time_is_taken_where_no_rule_is_about_the_push() {
    let scene =
        Scene::new("[[rules]]\nname = \"r\"\nrefs = [\"refs/heads/release\"]\ntasks = [\"work/*.md\"]\n");
    let old = scene.client.git(&["rev-parse", "HEAD"]);
    let new = scene.task("a");
    assert!(scene.pushed(&["main"]).is_empty());
    // A ledger that cannot be read is not looked at.
    std::fs::create_dir_all(scene.server.join("refs/millrace")).expect("a folder");
    std::fs::write(scene.server.join("refs/millrace/state"), "nonsense\n").expect("a file");
    assert_eq!(scene.call("post-receive", &format!("{old} {new} refs/heads/main\n")), (0, Vec::new()));
    let (_, said) = scene.call("post-receive", &format!("{old} {new} refs/heads/release\n"));
    assert!(said[0].starts_with("not taken in: "), "{said:?}");
}

#[test]
fn a_push_of_a_hundred_commits_costs_as_many_processes_as_one_of_one() {
    let rules = format!("{WORK}trailers = true\n");
    let counted = |commits: usize| {
        let scene = Scene::new(&rules);
        let old = scene.client.git(&["rev-parse", "HEAD"]);
        for n in 0..commits {
            scene.commit(&format!("c{n}"));
        }
        scene.task("a");
        std::fs::remove_file(scene.server.join("hooks/post-receive")).expect("removed");
        scene.pushed(&["main"]);
        let new = scene.client.git(&["rev-parse", "HEAD"]);
        let bin = scene.client.beside().join("bin");
        let count = scene.client.beside().join("count");
        let real = std::env::split_paths(&std::env::var_os("PATH").expect("a path"))
            .map(|folder| folder.join("git"))
            .find(|git| git.is_file())
            .expect("git is somewhere");
        let text = format!("#!/bin/sh\necho \"$*\" >> {}\nexec {} \"$@\"\n", count.display(), real.display());
        script(&bin.join("git"), &text);
        let mut command = scene.server_command("post-receive");
        command.env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
        let begun = Instant::now();
        let (code, said) = super::called(command, &format!("{old} {new} refs/heads/main\n"));
        println!("{commits} commits: {:?}", begun.elapsed());
        assert_eq!((code, said.len()), (0, 1), "{said:?}");
        std::fs::read_to_string(count).expect("counted").lines().count()
    };
    let (one, hundred) = (counted(1), counted(100));
    assert_eq!(one, hundred);
    assert!(one <= 8, "{one} processes");
}

#[test]
fn two_pushes_at_once_take_a_document_once() {
    let scene = Scene::new(WORK);
    scene.task("a");
    let (old, new) = (scene.client.git(&["rev-parse", "HEAD~1"]), scene.client.git(&["rev-parse", "HEAD"]));
    std::fs::remove_file(scene.server.join("hooks/post-receive")).expect("removed");
    scene.pushed(&["main"]);
    let line = format!("{old} {new} refs/heads/main\n");
    let said: Vec<Vec<String>> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..6).map(|_| scope.spawn(|| scene.call("post-receive", &line).1)).collect();
        running.into_iter().map(|one| one.join().expect("ends")).collect()
    });
    let lines: Vec<String> = said.concat();
    assert_eq!(lines, ["held until `millrace release`: task/a"]);
    assert_eq!(scene.queue(), ["held task/a"]);
    scene.server_runs(&["verify"]);
}

#[test]
fn a_server_with_a_work_tree_and_one_of_sha256_take_work() {
    let client = crate::support::repo::TestRepo::init_with(&["--object-format=sha256"]);
    let server = client.beside().join("server");
    client.git(&[
        "init",
        "--quiet",
        "--object-format=sha256",
        "--initial-branch=trunk",
        server.to_str().expect("UTF-8"),
    ]);
    super::install(&server.join(".git"), "post-receive");
    std::fs::create_dir_all(server.join(".git/millrace")).expect("a folder");
    std::fs::write(server.join(".git/millrace/rules.toml"), WORK).expect("rules");
    client.write("work/a.md", task("a"));
    client.git(&["add", "-A"]);
    client.git(&["commit", "--quiet", "-m", "a"]);
    let output = client.git_output(&["push", &format!("file://{}", server.display()), "main"]);
    let said = super::told(&String::from_utf8_lossy(&output.stderr));
    assert_eq!(said, ["held until `millrace release`: task/a"]);
    assert_eq!(super::queue(&client, &server), ["held task/a"]);
}
