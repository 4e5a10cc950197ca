//! What somebody does to the work tree between a crash and the restart.

use super::site::{Site, wait_until};

/// A builder that edits two files and does not end; at its second attempt it does its work.
const STUCK: &str = r#"
stages:
  builder:
    - - write: {path: half.txt, content: "half\n"}
      - replace: {path: README.md, from: project, to: mess}
      - run: {argv: [sh, -c, 'touch @/started; exec sleep 600']}
    - - write: {path: made.txt, content: "made\n"}
      - result: {terminal_result: BUILDER_COMPLETE}
  checker: [[{result: {terminal_result: CHECKER_PASS}}]]
  updater: [[{result: {terminal_result: UPDATE_COMPLETE}}]]
"#;

/// The coarsest tick of the kernel's clock for files.
const FILE_TIME_TICK: std::time::Duration = std::time::Duration::from_millis(10);

/// Kills the runtime in the middle of the first stage, and waits until the stage is gone.
fn killed_mid_stage(site: &Site) {
    let daemon = site.daemon(&["--until-idle"]);
    site.await_sign("started");
    daemon.kill();
    wait_until("the stage's exit record", || {
        site.invocations().iter().any(|invocation| invocation.join("exit.toml").exists())
    });
    // The times of files come from a clock that ticks a few milliseconds apart: what is written in the tick of the
    // stage's end cannot be told from the stage's own. Nobody who edits is that fast.
    std::thread::sleep(FILE_TIME_TICK * 5);
}

#[test]
fn an_edit_after_the_crash_is_left_alone_and_named_until_somebody_decides() {
    let site = Site::scripted(STUCK);
    site.add("one");
    killed_mid_stage(&site);
    // Somebody works on, in a file that the stage had changed and in one of their own.
    site.repo.write("README.md", "# Mine now\n");
    site.repo.write("mine.txt", "mine\n");

    let end = site.json(&["run", "daemon", "--until-idle"]);
    assert_eq!(end["reason"], "waiting", "{end}");
    assert_eq!(end["waits"]["cause"], "work_tree_unclear", "{end}");
    let detail = end["waits"]["detail"].as_str().expect("words");
    assert!(detail.contains("README.md") && detail.contains("mine.txt"), "{detail}");
    assert!(!detail.contains("half.txt"), "{detail}");
    assert_eq!(site.repo.read("README.md"), "# Mine now\n");
    assert_eq!(site.repo.read("mine.txt"), "mine\n");
    assert_eq!(site.repo.read("half.txt"), "half\n", "all of it goes back, or nothing");

    // They put it away; the rest is done without a word.
    std::fs::remove_file(site.repo.path().join("mine.txt")).expect("removed");
    site.repo.write("README.md", "# A project\n");
    site.ok(&["run", "daemon", "--until-idle"]);
    assert_eq!(site.state_of("one"), "done");
    assert!(!site.repo.path().join("half.txt").exists());
    site.sound();
}
