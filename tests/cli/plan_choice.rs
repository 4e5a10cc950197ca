//! `--mode` and `--config`: an explicit command to compile and select, wherever they stand; without them, starting
//! never compiles.

use std::process::Stdio;

use super::commands::{STRAIGHT, call, data, everything, millrace, queue, said, script, task, well};
use crate::support::repo::TestRepo;

/// The commands that take both.
const COMMANDS: [&[&str]; 4] =
    [&["run", "once"], &["run", "daemon", "--until-idle"], &["compile", "validate"], &["init"]];

fn with<'a>(command: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    command.iter().chain(more).copied().collect()
}

fn selected(repo: &TestRepo) -> String {
    data(repo, "status", &["status"])["plan"].as_str().unwrap_or("none").to_owned()
}

fn commits(repo: &TestRepo) -> String {
    repo.git(&["rev-list", "--count", "refs/millrace/state"])
}

#[test]
fn m18_what_cannot_be_compiled_is_refused_and_the_standing_plan_named() {
    for command in COMMANDS {
        let repo = TestRepo::with_commit();
        script(&repo, STRAIGHT);
        queue(&repo, &task("a"));
        let before = selected(&repo);
        for (more, error) in [
            (["--mode", "nope"], "mode"),
            (["--mode", "../x"], "the mode id `../x` is not valid"),
            (["--config", "none.toml"], "cannot read none.toml: No such file or directory"),
            (["--config", "."], "cannot read .: Is a directory"),
            (["--config", "README.md"], "README.md:2: not TOML"),
        ] {
            if more[1] == "README.md" {
                repo.write("README.md", "# one\nno = = toml\n");
            }
            let text = said(&repo, &call(&repo, &with(command, &more)));
            assert!(text.starts_with("exit 2\n! millrace: "), "{command:?} {more:?}: {text}");
            assert!(text.contains(error), "{command:?} {more:?}: {text}");
            assert!(
                text.ends_with("! hint: plan-standard_plain-[id] stays selected\n"),
                "{command:?} {more:?}: {text}"
            );
            assert_eq!(selected(&repo), before);
            // Nothing ran under the plan that stands.
            assert_eq!(
                data(&repo, "queue_show", &["queue", "show", "a"])["state"],
                "queued",
                "{command:?} {more:?}"
            );
        }
    }
}

#[test]
fn a_file_that_is_not_there_makes_nothing() {
    for command in COMMANDS {
        let repo = TestRepo::with_commit();
        let before = everything(repo.path());
        let text = said(&repo, &call(&repo, &with(command, &["--config", "none.toml"])));
        assert_eq!(
            text,
            "exit 2\n! millrace: cannot read none.toml: No such file or directory (os error 2)\n\
             ! hint: no plan is selected, so nothing runs yet\n"
        );
        assert!(everything(repo.path()) == before, "{command:?} wrote something");
    }
}

#[test]
fn each_selects_what_compile_validate_selects() {
    let other = "[limits]\nmax_interruptions = 3\n[runners]\ndefault_runner = \"scripted\"\n[runners.scripted]\n\
                 script = \"millrace-agents/script.yaml\"\n";
    let mut plans = Vec::new();
    for command in COMMANDS {
        let repo = TestRepo::with_commit();
        script(&repo, STRAIGHT);
        let before = selected(&repo);
        repo.write("other.toml", other);
        well(&repo, &with(command, &["--config", "other.toml", "--mode", "standard_plain"]));
        assert_ne!(selected(&repo), before, "{command:?}");
        plans.push(selected(&repo));
    }
    plans.dedup();
    assert_eq!(plans.len(), 1, "{plans:?}");
}

#[test]
fn run_says_which_plan_it_selected_and_runs_with_that() {
    let repo = TestRepo::with_commit();
    script(&repo, STRAIGHT);
    queue(&repo, &task("a"));
    let output = call(&repo, &["run", "once", "--mode", "standard_plain"]);
    insta::assert_snapshot!(said(&repo, &output).lines().filter(|line| line.starts_with("! ")).collect::<String>(), @"! compiled plan-standard_plain-[id], which is selected already");
    let config = repo.read("millrace-agents/millrace.toml") + "\n[limits]\nmax_interruptions = 3\n";
    repo.write("millrace-agents/millrace.toml", &config);
    // Without a flag the change has no effect.
    let before = selected(&repo);
    well(&repo, &["run", "once"]);
    assert_eq!(selected(&repo), before);
    let output = call(&repo, &["run", "daemon", "--until-idle", "--config", "millrace-agents/millrace.toml"]);
    insta::assert_snapshot!(said(&repo, &output), @"
    exit 0
    [time]  task/a  updater -> done (UPDATE_COMPLETE)
    ended: idle, 1 stage, plan-standard_plain-[id]
    ! compiled and selected plan-standard_plain-[id]
    ");
    assert_ne!(selected(&repo), before);
    // Work that was under way kept its plan.
    let shown = data(&repo, "queue_show", &["queue", "show", "a"]);
    let run = shown["runs"][0]["run"].as_str().expect("a run");
    assert_eq!(data(&repo, "runs_show", &["runs", "show", run])["plan"], before.as_str());
}

#[test]
fn whoever_cannot_run_selects_nothing() {
    let repo = TestRepo::with_commit();
    script(&repo, "stages: {}\n");
    let mut daemon = millrace(&repo, &["run", "daemon"]).stdout(Stdio::piped()).spawn().expect("a daemon");
    let mut first = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(daemon.stdout.as_mut().expect("a pipe")),
        &mut first,
    )
    .expect("a line");
    let before = (selected(&repo), commits(&repo));
    repo.write("other.toml", "");
    let output = call(&repo, &["run", "once", "--config", "other.toml"]);
    let after = (selected(&repo), commits(&repo));
    rustix::process::kill_process(rustix::process::Pid::from_child(&daemon), rustix::process::Signal::TERM)
        .expect("a signal");
    daemon.wait().expect("its end");
    assert!(said(&repo, &output).starts_with("exit 4\n"), "{}", said(&repo, &output));
    assert_eq!(after, before);
}
