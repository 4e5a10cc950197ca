//! The same thing is taken once, however often and by whatever way it comes.

use super::{Scene, WORK, other_task};

#[test]
fn the_same_push_twice_is_taken_once() {
    let rules = format!("{WORK}trailers = true\nideas = [\"ideas/*\"]\ntemplate = \"Look at {{range}}\"\n");
    let scene = Scene::new(&rules);
    let old = scene.client.git(&["rev-parse", "HEAD"]);
    scene.client.write("ideas/one.md", "# An idea\n");
    scene.client.write("work/a.md", super::task("a"));
    let new = scene.commit("a\n\nMillrace-Task: see to it\nMillrace-Task: and to that\n");
    scene.pushed(&["main"]);
    let queue = scene.queue();
    assert_eq!(queue.len(), 6, "{queue:?}");
    let tip = scene.git_server(&["rev-parse", "refs/millrace/state"]);
    for _ in 0..2 {
        let (code, said) = scene.call("post-receive", &format!("{old} {new} refs/heads/main\n"));
        assert_eq!((code, said), (0, Vec::new()));
    }
    assert_eq!(scene.git_server(&["rev-parse", "refs/millrace/state"]), tip);
    // The same on another ref: documents, trailers and the idea are known, and the push is another one.
    scene.client.git(&["push", "--quiet", "origin", "main:refs/heads/copy"]);
    assert_eq!(scene.queue().len(), 7);
}

#[test]
fn a_document_that_changed_is_held_under_a_name_of_its_own() {
    let trusting = format!("{WORK}trust = true\n");
    let scene = Scene::new(&trusting);
    scene.task("a");
    assert_eq!(scene.pushed(&["main"]), ["taken into the queue: task/a"]);
    scene.client.write("work/a.md", other_task("a"));
    scene.commit("changed");
    let blob = scene.client.git(&["rev-parse", "HEAD:work/a.md"]);
    let name = format!("task/a.{}", &blob[..8]);
    // Trusted or not: nobody but its writer knows whether it is the same work.
    assert_eq!(scene.pushed(&["main"]), [format!("held until `millrace release`: {name}")]);
    let origin = scene.origin(&name);
    assert!(
        origin.ends_with("; task/a (queued) has other content: held under a name of its own"),
        "{origin}"
    );
    // Back and forth brings nothing more.
    scene.client.git(&["revert", "--no-edit", "HEAD"]);
    assert!(scene.pushed(&["main"]).is_empty());
    scene.client.git(&["revert", "--no-edit", "HEAD"]);
    assert!(scene.pushed(&["main"]).is_empty());
    assert_eq!(scene.queue(), [format!("held {name}"), "queued task/a".to_owned()]);
    scene.server_runs(&["release", &name]);
    scene.server_runs(&["verify"]);
}

#[test]
fn what_is_closed_is_not_done_again() {
    let scene = Scene::new(&format!("{WORK}trust = true\n"));
    scene.task("a");
    scene.pushed(&["main"]);
    scene.server_runs(&["archive", "task/a", "--reason", "not wanted"]);
    let new = scene.client.git(&["rev-parse", "HEAD"]);
    let zero = "0".repeat(40);
    let (code, said) = scene.call("post-receive", &format!("{zero} {new} refs/heads/again\n"));
    assert_eq!((code, said), (0, Vec::new()));
    scene.client.write("work/a.md", other_task("a"));
    scene.commit("changed");
    let said = scene.pushed(&["main"]).join("\n");
    assert!(said.starts_with("held until `millrace release`: task/a."), "{said}");
    assert_eq!(scene.queue().len(), 1);
}

#[test]
fn two_documents_of_one_id_in_one_push_are_both_kept() {
    let scene = Scene::new(WORK);
    scene.client.write("work/a.md", super::task("a"));
    scene.client.write("work/b.md", other_task("a"));
    scene.client.write("work/c.md", super::task("A"));
    scene.commit("three");
    scene.pushed(&["main"]);
    let queue = scene.queue();
    assert_eq!(queue.len(), 3, "{queue:?}");
    assert!(queue.contains(&"held task/a".to_owned()), "{queue:?}");
    assert!(queue.iter().any(|line| line.starts_with("held task/A.")), "{queue:?}");
    assert!(queue.iter().any(|line| line.starts_with("held task/a.")), "{queue:?}");
}

#[test]
fn a_commit_that_was_only_moved_brings_no_second_task() {
    let scene = Scene::new("[[rules]]\nname = \"t\"\ntrailers = true\n");
    scene.commit("one\n\nMillrace-Task: see to it\n");
    let said = scene.pushed(&["main"]).join("\n");
    assert!(said.starts_with("held until `millrace release`: task/see-to-it-"), "{said}");
    scene.client.git(&[
        "commit",
        "--quiet",
        "--allow-empty",
        "--amend",
        "-m",
        "another\n\nMillrace-Task: see to it\n",
    ]);
    assert!(scene.pushed(&["--force", "main"]).is_empty());
    // The same words of a later commit are another task.
    scene.client.git(&[
        "commit",
        "--quiet",
        "--allow-empty",
        "--date=2026-02-02T00:00:00Z",
        "-m",
        "x\n\nMillrace-Task: see to it\n",
    ]);
    scene.pushed(&["main"]);
    assert_eq!(scene.queue().len(), 2);
}

#[test]
fn an_idea_that_changed_is_held_under_a_name_of_its_own() {
    let scene = Scene::new("[[rules]]\nname = \"i\"\nideas = [\"ideas/**\"]\ntrust = true\n");
    scene.client.write("ideas/deep/Better Login.md", "# Better\n");
    scene.commit("idea");
    assert_eq!(scene.pushed(&["main"]), ["taken into the queue: spec/idea-Better-Login"]);
    scene.client.write("ideas/deep/Better Login.md", "# Better still\n");
    scene.commit("idea, again");
    let said = scene.pushed(&["main"]).join("\n");
    assert!(said.starts_with("held until `millrace release`: spec/idea-Better-Login."), "{said}");
    assert!(scene.pushed(&["main:copy"]).is_empty());
}
