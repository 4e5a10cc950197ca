//! What hooks have missed is taken in later: by the pushes that were kept, or from a commit on.

use super::{MILLRACE, Scene, WORK, script, told};
use crate::cli::commands::{call, said, task};

const KEPT: &str =
    "the push is kept, and 'millrace hooks catch-up' takes it in on the server, once that is mended";

/// A server whose hook was installed by the program.
fn installed(rules: &str) -> Scene {
    let scene = Scene::empty(rules);
    std::fs::remove_file(scene.server.join("hooks/post-receive")).expect("removed");
    scene.server_runs(&["hooks", "install"]);
    scene
}

/// Has the installed hook call another program.
fn calls(scene: &Scene, program: &str) {
    let path = scene.server.join("hooks/post-receive");
    let text = std::fs::read_to_string(&path).expect("a hook");
    let was = text.lines().find(|line| line.starts_with("millrace_program='")).expect("its line").to_owned();
    std::fs::write(&path, text.replace(&was, &format!("millrace_program='{program}'"))).expect("a hook");
}

fn kept(scene: &Scene) -> usize {
    std::fs::read_dir(scene.server.join("millrace"))
        .expect("a folder")
        .filter(|entry| {
            entry.as_ref().expect("an entry").file_name().to_string_lossy().starts_with("missed-")
        })
        .count()
}

#[test]
fn pushes_while_the_program_is_missing_are_kept() {
    let scene = installed(&format!("{WORK}trust = [\"{}\"]\n", super::user()));
    let broken = scene.client.beside().join("broken");
    script(&broken, "#!/bin/sh\nexit 70\n");
    let broken = broken.to_str().expect("UTF-8").to_owned();
    // A new branch that moves on and another at the same commit: none may hold against another that it was there.
    scene.task("a");
    calls(&scene, "/nowhere/millrace");
    let lines = scene.pushed(&["main"]);
    assert_eq!(lines, [format!("the program is not found, and nothing was taken in; {KEPT}")]);
    scene.task("b");
    calls(&scene, &broken);
    let lines = scene.pushed(&["main", "main:other"]);
    assert_eq!(lines, [format!("the program ended with 70, and nothing was taken in; {KEPT}")]);
    assert!(!scene.has_ledger());
    assert_eq!(kept(&scene), 2);
    let status = scene.server_runs(&["hooks", "status"]);
    assert!(
        status.ends_with("2 pushes were missed and are kept; `millrace hooks catch-up` takes them in\n"),
        "{status}"
    );
    calls(&scene, MILLRACE);
    let dry = scene.server_runs(&["hooks", "catch-up", "--dry-run"]);
    assert!(dry.contains("would take task/a of main:work/a.md (held)"), "{dry}");
    assert!(!scene.has_ledger());
    // Who pushed is not known any more.
    assert_eq!(scene.server_runs(&["hooks", "catch-up"]), "added  task/a  held\nadded  task/b  held\n");
    assert_eq!(scene.queue(), ["held task/a", "held task/b"]);
    assert!(scene.origin("task/a").starts_with("push to refs/heads/main by somebody unknown (rule work, "));
    assert_eq!(kept(&scene), 0);
    assert_eq!(scene.server_runs(&["hooks", "catch-up"]), "nothing to do: nothing new was missed\n");
    // The next push is as ever.
    scene.task("c");
    assert_eq!(scene.pushed(&["main"]), ["taken into the queue: task/c"]);
}

/// Nothing is kept where nothing of ours is: another user could not write into a folder that was made in passing.
#[test]
fn where_nothing_can_be_kept_the_way_by_a_commit_is_said() {
    let scene = installed("");
    scene.git_server(&["config", "millrace.intake.tasks", "work/*.md"]);
    std::fs::remove_dir_all(scene.server.join("millrace")).expect("removed");
    let first = scene.commit("start");
    scene.task("a");
    calls(&scene, "/nowhere/millrace");
    let lines = scene.pushed(&["main"]);
    assert_eq!(
        lines,
        [
            "the program is not found, and nothing was taken in; 'millrace hooks catch-up --since COMMIT REF' takes it \
          in on the server, once that is mended"
        ]
    );
    assert!(!scene.server.join("millrace").exists());
    assert_eq!(scene.server_runs(&["hooks", "catch-up", "--since", &first, "main"]), "added  task/a  held\n");
    let again = scene.server_runs(&["hooks", "catch-up", "--since", &first]);
    assert_eq!(again, "nothing to do: nothing new was missed\n");
}

#[test]
fn pushes_while_the_rules_are_broken_are_kept_until_they_are_mended() {
    let scene = Scene::new("[[rules]]\nname = 1\n");
    scene.task("a");
    let lines = scene.pushed(&["main"]);
    assert!(lines[0].starts_with("not taken: <git-dir>/millrace/rules.toml:2: rules[1].name: "), "{lines:?}");
    assert_eq!(
        lines[1],
        "the push stands, and is kept: `millrace hooks catch-up` takes it in on the server, nothing twice"
    );
    let here = |arguments: &[&str]| {
        let mut command = scene.client.command(MILLRACE);
        command.args(arguments).current_dir(&scene.server).output().expect("runs")
    };
    let output = here(&["hooks", "catch-up"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&scene.client, &output));
    std::fs::write(scene.server.join("millrace/rules.toml"), WORK).expect("rules");
    assert_eq!(scene.server_runs(&["hooks", "catch-up"]), "added  task/a  held\n");
    assert_eq!(kept(&scene), 0);
    // One that is not what git writes is named, and nothing is done.
    let odd = scene.server.join("millrace/missed-pushes.1");
    std::fs::write(&odd, "nonsense\n").expect("a file");
    let output = here(&["hooks", "catch-up"]);
    let text = said(&scene.client, &output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains(
            "missed-pushes.1: line 1 of stdin is not `<old> <new> <ref>`; take it away, and nothing of it is taken in"
        ),
        "{text}"
    );
    std::fs::remove_file(&odd).expect("removed");
    std::fs::create_dir(&odd).expect("a folder");
    let text = said(&scene.client, &here(&["hooks", "catch-up"]));
    assert!(text.contains("cannot read ") && text.contains("missed-pushes.1"), "{text}");
}

#[test]
fn what_there_was_no_room_for_is_taken_in_bit_by_bit() {
    let scene = Scene::new(&format!("{WORK}max_items = 2\n"));
    for name in ["a", "b", "c", "d"] {
        scene.client.write(&format!("work/{name}.md"), task(name));
    }
    scene.task("e");
    let lines = scene.pushed(&["main"]);
    assert!(
        lines[0].ends_with(": task/a, task/b") && lines[2].contains("`millrace hooks catch-up`"),
        "{lines:?}"
    );
    let next = scene.server_runs(&["hooks", "catch-up"]);
    assert!(next.starts_with("added  task/c  held\nadded  task/d  held\nleft out: up to 1 more"), "{next}");
    assert_eq!(scene.server_runs(&["hooks", "catch-up"]), "added  task/e  held\n");
    assert_eq!(kept(&scene), 0);
}

/// A thousand that are refused take no room of one that is right.
#[test]
fn documents_that_are_refused_do_not_keep_others_out() {
    let scene = Scene::new(WORK);
    for n in 0..1000 {
        scene.client.write(&format!("work/a{n}.md"), "no task\n");
    }
    scene.task("z");
    let lines = scene.pushed(&["main"]);
    assert_eq!(lines[0], "held until `millrace release`: task/z");
    assert_eq!(lines[6], "not taken: and 995 more; `millrace hook --dry-run post-receive` names all");
    let (old, new) = (scene.client.git(&["rev-parse", "HEAD~1"]), scene.client.git(&["rev-parse", "HEAD"]));
    let mut dry = scene.server_command("post-receive");
    dry.env("MILLRACE_HOOK_DRY_RUN", "1");
    assert_eq!(super::called(dry, &format!("{old} {new} refs/heads/main\n")).1.len(), 1000);
}

#[test]
fn in_a_work_tree_a_commit_says_from_where_on() {
    let scene = Scene::new("");
    let repo = &scene.client;
    repo.git(&["config", "millrace.mine.tasks", "work/*.md"]);
    repo.git(&["config", "millrace.mine.on", "post-merge"]);
    scene.task("a");
    scene.task("b");
    let since = |more: &[&str]| {
        let mut words = vec!["hooks", "catch-up", "--since"];
        words.extend_from_slice(more);
        let output = call(repo, &words);
        (output.status.code(), said(repo, &output))
    };
    let (code, text) = since(&["HEAD~1"]);
    assert!(code == Some(0) && text.contains("nothing new was missed"), "no rule is about commits: {text}");
    let (_, text) = since(&["HEAD~1", "--hook", "post-merge"]);
    assert_eq!(text, "exit 0\nadded  task/b  held\n");
    let (_, text) = since(&["HEAD~2", "--hook", "post-merge", "main"]);
    assert_eq!(text, "exit 0\nadded  task/a  held\n");
    let (code, text) = since(&["nowhere"]);
    assert!(code == Some(2) && text.contains("`nowhere` is no commit here"), "{text}");
    let (code, text) = since(&["HEAD~1", "HEAD~1"]);
    assert!(code == Some(2) && text.contains("`HEAD~1` is no branch and no tag"), "{text}");
    // What the hooks of a work tree say where the program is missing.
    std::fs::remove_dir_all(repo.git_dir().join("hooks")).expect("removed");
    assert!(call(repo, &["hooks", "install"]).status.success());
    for hook in ["post-commit", "pre-push"] {
        let path = repo.git_dir().join("hooks").join(hook);
        let text = std::fs::read_to_string(&path).expect("a hook").replace(MILLRACE, "/nowhere/millrace");
        std::fs::write(&path, text).expect("a hook");
    }
    for (hook, arguments) in [
        ("post-commit", &["commit", "--quiet", "--allow-empty", "-m", "c"][..]),
        ("pre-push", &["push", "--quiet", "origin", "main"]),
    ] {
        let lines = told(&String::from_utf8_lossy(&repo.git_output(arguments).stderr));
        assert_eq!(
            lines,
            [format!(
                "the program is not found, and nothing was taken in; 'millrace hooks install' mends that, and 'millrace \
                 hooks catch-up --hook {hook} --since COMMIT' takes in what came after COMMIT"
            )]
        );
    }
}
