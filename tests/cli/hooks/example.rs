//! The example for remotes that run no hooks of ours: it is run here as it is shipped.

use super::super::commands::{data, task, task_with, well};
use crate::support::project::root;
use crate::support::repo::TestRepo;

#[test]
fn the_example_for_a_hosted_remote_takes_tasks_in_once() {
    let remote = TestRepo::with_commit();
    let clone = TestRepo::with_commit();
    clone.git(&["remote", "add", "origin", &format!("file://{}", remote.path().display())]);
    let bin = clone.beside().join("bin");
    std::fs::create_dir(&bin).expect("a folder");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_millrace"), bin.join("millrace")).expect("a link");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path =
        std::env::join_paths(std::iter::once(bin).chain(std::env::split_paths(&path))).expect("a path");
    let poll = || {
        let output = clone
            .command("sh")
            .arg(root().join("hooks/hosted-remote.example.sh"))
            .env("PATH", &path)
            .output()
            .expect("sh runs");
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.code(), text)
    };
    let commit = |path: &str, text: &str| {
        remote.write(path, text);
        remote.git(&["add", "-A"]);
        remote.git(&["commit", "--quiet", "-m", path]);
    };
    let items = || data(&clone, "queue_ls", &["queue", "ls"])["items"].as_array().expect("items").len();
    commit("tasks/one.md", &task("one"));
    commit("tasks/no task.md", "nothing\n");
    commit("other/two.md", &task("two"));
    let (code, text) = poll();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("tasks/no task.md at ") && text.contains(" was not taken"), "{text}");
    assert_eq!(items(), 1, "{text}");
    let shown = well(&clone, &["queue", "show", "task/one"]);
    assert!(shown.contains("held") && shown.contains("origin/main at "), "{shown}");
    // Again without news, and with some.
    assert_eq!(poll(), (Some(0), String::new()));
    commit("tasks/three.md", &task_with("three", "tags: [later]\n"));
    let (code, text) = poll();
    assert_eq!((code, items()), (Some(0), 2), "{text}");
    // Neither branch nor work tree of the clone has moved.
    assert_eq!(clone.git(&["log", "--oneline", "--format=%s"]), "start");
}
