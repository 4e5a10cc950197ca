//! A hook that was there before goes on as if nothing had come, and is put back to the byte.

use std::process::Stdio;

use super::super::commands::{call, said, task, well};
use super::{HOOKS, contents, hook_of_theirs, program, refused};
use crate::support::project::root;
use crate::support::repo::TestRepo;

/// A repository whose post-receive has a rule for `tasks/`, and a clone of it with one commit to push.
fn server_and_client() -> (TestRepo, TestRepo) {
    let server = TestRepo::init_with(&["--bare"]);
    server.git(&["config", "millrace.incoming.tasks", "tasks/*.md"]);
    let client = TestRepo::with_commit();
    client.git(&["remote", "add", "origin", &format!("file://{}", server.path().display())]);
    client.write("tasks/one.md", task("one"));
    client.git(&["add", "-A"]);
    client.git(&["commit", "--quiet", "-m", "a task"]);
    (server, client)
}

#[test]
fn every_kind_of_hook_comes_back_as_it_was() {
    let repo = TestRepo::with_commit();
    let hooks = repo.git_dir().join("hooks");
    hook_of_theirs(&repo, "pre-push", "#!/bin/sh\nexit 0\n");
    // One that git passes over.
    std::fs::write(hooks.join("post-commit"), "#!/bin/sh\nexit 1\n").expect("a file");
    // A link to a script, and one to nothing.
    program(&hooks.join("scripts/merge"), "#!/bin/sh\n");
    std::os::unix::fs::symlink("scripts/merge", hooks.join("post-merge")).expect("a link");
    std::os::unix::fs::symlink("gone", hooks.join("reference-transaction")).expect("a link");
    // A program that git does not run, and nobody asks what it does.
    std::fs::write(hooks.join("post-receive"), b"\x7fELF\0").expect("a program");
    let before = contents(repo.path());
    let mut words = vec!["hooks", "install"];
    words.extend(HOOKS);
    let output = call(&repo, &words);
    assert_eq!(output.status.code(), Some(0), "{}", said(&repo, &output));
    for name in HOOKS {
        assert!(hooks.join(format!("{name}.before-millrace")).symlink_metadata().is_ok(), "{name}");
        assert!(!hooks.join(name).is_symlink(), "{name}");
    }
    // git goes on as it did.
    repo.git(&["commit", "--quiet", "--allow-empty", "-m", "with hooks"]);
    repo.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    well(&repo, &["hooks", "uninstall"]);
    let ours = |path: &std::path::Path| path.starts_with(&hooks);
    let after: Vec<_> = contents(repo.path()).into_iter().filter(|(path, _)| ours(path)).collect();
    let before: Vec<_> = before.into_iter().filter(|(path, _)| ours(path)).collect();
    assert_eq!(after, before);
}

/// Under another name it would do something else, or not find what lies beside it: then every push would break.
#[test]
fn a_hook_that_may_look_at_its_name_is_left_and_the_way_by_hand_is_said() {
    let ways = [
        "#!/bin/sh\nexec \"$0.d/run\"\n",
        "#!/bin/sh\nme=$0; echo ${me##*hooks/}\n",
        "#!/bin/sh\ncd \"${0%/*}\"\n",
        "#!/bin/bash\nsource \"$(dirname \"${BASH_SOURCE[0]}\")/lib\"\n",
        "#!/usr/bin/env python3\nimport sys\nprint(sys.argv[0])\n",
        "#!/usr/bin/env python3\nimport os\nos.path.dirname(__file__)\n",
        "#!/usr/bin/ruby\nrequire_relative File.basename(__FILE__)\n",
        "#!/usr/bin/ruby\nputs $PROGRAM_NAME\n",
        "#!/usr/bin/env node\nrequire(__dirname + '/x')\n",
        "#!/usr/bin/awk -f $0\n",
        "\u{7f}ELF\0\0\0",
    ];
    for way in ways {
        let repo = TestRepo::with_commit();
        hook_of_theirs(&repo, "pre-push", way);
        let text = refused(&repo, &["hooks", "install"]);
        assert!(text.contains("pre-push may look at the name that it is called by"), "{way}: {text}");
        assert!(
            text.contains("add to it: millrace hook pre-push \"$@\" (docs/hooks.md, By hand)"),
            "{way}: {text}"
        );
        assert!(!repo.git_dir().join("hooks/post-commit").exists(), "{way}");
    }
    // A remark says nothing, arguments are the same under every name, and what git does not run looks at nothing.
    for way in [
        "#!/bin/sh\n  # not $0\nexit 0\n",
        "#!/usr/bin/env python3\nimport sys\nprint(sys.argv[1:], __name__)\n",
        "exit 0\n",
    ] {
        let repo = TestRepo::with_commit();
        hook_of_theirs(&repo, "pre-push", way);
        std::fs::write(repo.git_dir().join("hooks/post-merge"), "#!/bin/sh\nexec $0.d\n").expect("a file");
        well(&repo, &["hooks", "install"]);
    }
}

/// What the documents say to do where a hook looks at its own name: its siblings are found as before, it reads the same
/// lines, and Millrace's rules do, too.
#[test]
fn by_hand_a_hook_keeps_its_name_and_its_lines() {
    let (server, client) = server_and_client();
    client.git(&["push", "--quiet", "origin", "main~1:refs/heads/main"]);
    let text = std::fs::read_to_string(root().join("docs/hooks.md")).expect("the page");
    let (_, by_hand) = text.split_once("### By hand").expect("its section");
    let (_, lines) = by_hand.split_once("```sh\n").expect("its lines");
    let (lines, _) = lines.split_once("```").expect("their end");
    let lines = lines.replace("millrace hook", &format!("{} hook", env!("CARGO_BIN_EXE_millrace")));
    let seen = server.beside().join("seen");
    let hook = hook_of_theirs(&server, "post-receive", &format!("#!/bin/sh\n{lines}exec \"$0.d/run\"\n"));
    program(&hook.with_file_name("post-receive.d/run"), &format!("#!/bin/sh\ncat >'{}'\n", seen.display()));
    let pushed = client.git_output(&["push", "origin", "main:main"]);
    let text = String::from_utf8_lossy(&pushed.stderr).into_owned();
    assert!(pushed.status.success() && text.contains("held until `millrace release`: task/one"), "{text}");
    let (old, new) = (client.git(&["rev-parse", "HEAD~1"]), client.git(&["rev-parse", "HEAD"]));
    let read = std::fs::read_to_string(&seen).expect("it ran");
    assert_eq!(read.trim_end(), format!("{old} {new} refs/heads/main"));
    // And so it counts as one that calls us.
    let text = well(&server, &["hooks", "install"]);
    assert!(text.contains("calls Millrace already"), "{text}");
}

#[test]
fn both_read_what_git_says() {
    let (server, client) = server_and_client();
    let seen = server.beside().join("seen");
    hook_of_theirs(
        &server,
        "post-receive",
        &format!(
            "#!/bin/sh\n{{ pwd; printf '%s\\n' \"$GIT_DIR\" \"$#\"; cat; }} >'{}'\nexit 7\n",
            seen.display()
        ),
    );
    let tips = || (client.git(&["rev-parse", "HEAD"]), client.git(&["rev-parse", "HEAD~1"]));
    client.git(&["push", "--quiet", "origin", "main~1:refs/heads/main"]);
    client.git(&["push", "--quiet", "origin", "main:main"]);
    let told = |tips: (String, String)| {
        let text = std::fs::read_to_string(&seen).expect("it ran");
        text.replace(&tips.0, "[new]").replace(&tips.1, "[old]")
    };
    let alone = told(tips());
    assert!(alone.ends_with("\n0\n[old] [new] refs/heads/main\n"), "{alone}");
    well(&server, &["hooks", "install"]);
    client.write("tasks/two.md", task("two"));
    client.git(&["add", "-A"]);
    client.git(&["commit", "--quiet", "-m", "another"]);
    let pushed = client.git_output(&["push", "origin", "main:main"]);
    let text = String::from_utf8_lossy(&pushed.stderr).into_owned();
    assert!(pushed.status.success(), "{text}");
    assert!(text.contains("remote: millrace: held until `millrace release`: task/two"), "{text}");
    assert_eq!(told(tips()), alone);
    // Its exit code is the hook's.
    let old = "0".repeat(40);
    let line = format!("{old} {} refs/heads/third\n", client.git(&["rev-parse", "HEAD"]));
    let lines = server.beside().join("lines");
    std::fs::write(&lines, &line).expect("a file");
    let status = server
        .command(server.git_dir().join("hooks/post-receive"))
        .env("GIT_DIR", ".")
        .stdin(std::fs::File::open(&lines).expect("a file"))
        .stderr(Stdio::null())
        .status()
        .expect("it runs");
    assert_eq!(status.code(), Some(7));
    assert!(std::fs::read_to_string(&seen).expect("it ran").ends_with(&line));
}

#[test]
fn a_push_that_their_hook_refuses_is_refused_and_takes_nothing_in() {
    let (server, client) = server_and_client();
    client.git(&["config", "millrace.outgoing.on", "pre-push"]);
    client.git(&["config", "millrace.outgoing.tasks", "tasks/*.md"]);
    let hook =
        hook_of_theirs(&client, "pre-push", "#!/bin/sh\ncat >/dev/null\necho \"no: $1 $2\" >&2\nexit 3\n");
    well(&client, &["hooks", "install"]);
    let refused = client.git_output(&["push", "origin", "main"]);
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && text.contains("no: origin file://"), "{text}");
    assert!(!text.contains("millrace:"), "{text}");
    assert!(!client.git_output(&["rev-parse", "--verify", "refs/millrace/state"]).status.success());
    // Once it lets the push through, the same lines reach the rules.
    program(&hook.with_file_name("pre-push.before-millrace"), "#!/bin/sh\ncat >/dev/null\n");
    let pushed = client.git_output(&["push", "origin", "main"]);
    let text = String::from_utf8_lossy(&pushed.stderr).into_owned();
    assert!(pushed.status.success() && text.contains("task/one"), "{text}");
    assert_eq!(server.git(&["rev-parse", "main"]), client.git(&["rev-parse", "main"]));
}

/// Whatever becomes of the program, git goes on.
#[test]
fn git_goes_on_without_the_program() {
    let (_server, client) = server_and_client();
    let mut words = vec!["hooks", "install", "reference-transaction"];
    words.extend(["pre-push", "post-commit", "post-merge"]);
    well(&client, &words);
    let hooks = client.git_dir().join("hooks");
    // The program is gone, then it ends in ways of its own.
    for (name, program_text) in [
        ("gone", None),
        ("usage", Some("#!/bin/sh\nexit 2\n")),
        ("panic", Some("#!/bin/sh\nexit 101\n")),
        ("killed", Some("#!/bin/sh\nkill -9 $$\n")),
    ] {
        let path = client.beside().join(name);
        if let Some(text) = program_text {
            program(&path, text);
        }
        for hook in ["pre-push", "post-commit", "post-merge", "reference-transaction"] {
            let text = std::fs::read_to_string(hooks.join(hook)).expect("a hook");
            let was = text
                .lines()
                .find(|line| line.starts_with("millrace_program='"))
                .expect("its line")
                .to_owned();
            let text = text.replace(&was, &format!("millrace_program='{}'", path.display()));
            std::fs::write(hooks.join(hook), text).expect("a hook");
        }
        client.git(&["commit", "--quiet", "--allow-empty", "-m", name]);
        let pushed = client.git_output(&["push", "origin", "main"]);
        let text = String::from_utf8_lossy(&pushed.stderr).into_owned();
        assert!(pushed.status.success(), "{name}: {text}");
        let missing = text.matches("millrace: the program is not found").count();
        assert_eq!(missing, usize::from(name == "gone"), "{name}: {text}");
        let merged = client.git_output(&["update-ref", "refs/millrace/runs/x", "HEAD"]);
        assert!(merged.status.success(), "{name}");
    }
}

/// An install that ended between keeping theirs and putting ours in its place is taken up by the next.
#[test]
fn an_install_that_was_cut_short_is_done_again() {
    let repo = TestRepo::with_commit();
    let hook = hook_of_theirs(&repo, "pre-push", "#!/bin/sh\nexit 0\n");
    let before = contents(&repo.git_dir().join("hooks"));
    std::fs::hard_link(&hook, hook.with_file_name("pre-push.before-millrace")).expect("a second name");
    let text = well(&repo, &["hooks", "install", "pre-push"]);
    assert!(text.contains("the hook that was there runs first"), "{text}");
    well(&repo, &["hooks", "uninstall"]);
    assert_eq!(contents(&repo.git_dir().join("hooks")), before);
}

/// Where one of several cannot be put in after all, those before it are taken out again.
#[test]
fn an_install_that_fails_on_the_way_leaves_nothing() {
    use millrace::domain::hook::Hook;
    use millrace::workspace::hooks::install;
    let repo = TestRepo::with_commit();
    let hooks = repo.git_dir().join("hooks");
    hook_of_theirs(&repo, "pre-push", "#!/bin/sh\nexit 0\n");
    // It came after the others were looked at.
    std::fs::create_dir(hooks.join("post-merge")).expect("a folder");
    let before = contents(&hooks);
    let names = [Hook::PrePush, Hook::PostCommit, Hook::PostMerge];
    let error = install(&hooks, &names, std::path::Path::new("/bin/true"), 0).expect_err("a folder is there");
    assert!(error.to_string().contains("post-merge: it is no file"), "{error}");
    assert_eq!(contents(&hooks), before);
}
