//! What is left of a stage whose supervisor was killed: found by whatever it has not got rid of.

use std::path::{Path, PathBuf};
use std::time::Duration;

use millrace::harness::exit::{How, StopProof, Survivor};
use millrace::harness::supervisor::{
    Ending, LaunchError, await_end, end_survivors, proof_here, still_there, survivors,
};
use rustix::process::Signal;

use super::bench::{Bench, ended, eventually, kill, lives};

/// Whether stages run in control groups here. A test that needs that says so where they do not.
fn grouped(test: &str) -> bool {
    let grouped = proof_here() == StopProof::Cgroup;
    if !grouped {
        println!("{test}: not shown on this machine, where no control group can be made");
    }
    grouped
}

/// The folder of the control group that a process runs in, below its mount.
fn group_of(pid: i32) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("it lives");
    text.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or_default().to_owned()
}

/// The folder of the control group that a supervisor wrote down.
fn recorded(bench: &Bench) -> Option<PathBuf> {
    let text = std::fs::read_to_string(bench.inv_dir().join("supervisor.toml")).expect("a post");
    let post: toml::Table = toml::from_str(&text).expect("TOML");
    Some(PathBuf::from(post.get("cgroup")?.as_str()?))
}

/// Takes lines out of what the supervisor wrote down.
fn forget(bench: &Bench, keys: &[&str]) {
    let path = bench.inv_dir().join("supervisor.toml");
    let text = std::fs::read_to_string(&path).expect("a post");
    let kept: Vec<&str> =
        text.lines().filter(|line| !keys.iter().any(|key| line.starts_with(&format!("{key} =")))).collect();
    std::fs::write(&path, kept.join("\n")).expect("a post");
}

/// A harness that leaves a process behind, started as `start`, whose id is in `c`; its supervisor is killed.
fn orphaned(bench: &Bench, start: &str) -> i32 {
    let script = format!(
        "({start} \"$(command -v sh)\" -c 'echo $$ > c; while :; do /bin/sleep 1; done' > /dev/null 2>&1 &) &
         wait; echo $$ > pid; exec sleep 300"
    );
    let mut supervised = bench.launch(&bench.sh(&script));
    let (harness, left) = (bench.pid("pid"), bench.pid("c"));
    kill(supervised.pid(), Signal::KILL);
    assert!(matches!(supervised.wait(Duration::from_secs(30)), Err(LaunchError::Vanished { .. })));
    eventually("the harness's death", || (!lives(harness)).then_some(()));
    assert!(lives(left));
    left
}

/// What is found is this process, and it is ended.
#[track_caller]
fn found_and_ended(bench: &Bench, left: i32) {
    let found = survivors(&bench.inv_dir(), &bench.nonce);
    // The shell's `sleep` may be seen as well.
    let own = found.iter().find(|survivor| survivor.pid == left).unwrap_or_else(|| panic!("{found:?}"));
    assert!(own.command.contains("echo $$ > c"), "{own:?}");
    let work = bench.work().canonicalize().unwrap();
    assert_eq!(own.cwd.as_deref().map(Path::new), Some(work.as_path()));
    assert_eq!(still_there(std::slice::from_ref(own)), std::slice::from_ref(own));
    let second = Duration::from_secs(1);
    assert!(matches!(await_end(&bench.inv_dir(), &bench.nonce, second).unwrap(), Ending::Survived(_)));
    assert_eq!(end_survivors(&bench.inv_dir(), &bench.nonce, second, 20 * second), []);
    assert!(!lives(left));
    assert_eq!(still_there(std::slice::from_ref(own)), []);
    assert_eq!(await_end(&bench.inv_dir(), &bench.nonce, second).unwrap(), Ending::Vanished);
}

#[test]
fn f53_without_parent_environment_and_session_the_control_group_is_left() {
    if !grouped("f53_without_parent_environment_and_session_the_control_group_is_left") {
        return;
    }
    let bench = Bench::new();
    let left = orphaned(&bench, "env -i \"$(command -v setsid)\"");
    let group = recorded(&bench).expect("a group");
    assert!(group.ends_with(format!("millrace-{}", bench.nonce)), "{}", group.display());
    found_and_ended(&bench, left);
    assert!(!group.exists(), "an empty group is removed");
}

#[test]
fn f53_without_parent_and_environment_the_session_is_left() {
    let bench = Bench::new();
    let left = orphaned(&bench, "env -i");
    let group = recorded(&bench);
    forget(&bench, &["cgroup"]);
    found_and_ended(&bench, left);
    if let Some(group) = group {
        std::fs::remove_dir(group).unwrap();
    }
}

/// Lesson F-55: a number is no identity.
#[test]
fn f55_a_session_of_another_start_of_the_machine_is_not_this_ones() {
    let bench = Bench::new();
    let left = orphaned(&bench, "env -i");
    let group = recorded(&bench);
    let path = bench.inv_dir().join("supervisor.toml");
    let whole = std::fs::read_to_string(&path).unwrap();
    forget(&bench, &["boot"]);
    std::fs::write(&path, format!("boot = \"another\"\n{}", std::fs::read_to_string(&path).unwrap()))
        .unwrap();
    assert_eq!(survivors(&bench.inv_dir(), &bench.nonce), []);
    // A later bearer of the supervisor's number began after it; what is older is of another session.
    std::fs::write(&path, whole).unwrap();
    forget(&bench, &["cgroup", "start"]);
    std::fs::write(&path, format!("start = {}\n{}", i64::MAX, std::fs::read_to_string(&path).unwrap()))
        .unwrap();
    assert_eq!(survivors(&bench.inv_dir(), &bench.nonce), []);
    kill(u32::try_from(left).unwrap(), Signal::KILL);
    if let Some(group) = group {
        eventually("the group's removal", || std::fs::remove_dir(&group).ok());
    }
}

#[test]
fn a_stage_runs_in_a_group_of_its_own_and_its_record_says_what_proved_its_end() {
    let bench = Bench::new();
    let mut supervised = bench.launch(&bench.sh("echo $$ > pid; read line < gate"));
    rustix::fs::mkfifoat(rustix::fs::CWD, bench.work().join("gate"), rustix::fs::Mode::from_raw_mode(0o600))
        .unwrap();
    let harness = bench.pid("pid");
    let (group, own) = (group_of(harness), group_of(i32::try_from(std::process::id()).unwrap()));
    let in_group = group.ends_with(&format!("/millrace-{}", bench.nonce));
    assert_eq!(in_group, proof_here() == StopProof::Cgroup, "{group}");
    assert_eq!(group_of(i32::try_from(supervised.pid()).unwrap()), own, "the supervisor stays where it is");
    eventually("a reader", || std::fs::write(bench.work().join("gate"), "go\n").ok());
    let exit = ended(&mut supervised);
    let proof = if in_group { StopProof::Cgroup } else { StopProof::SubreaperAndMark };
    assert_eq!(exit.proof, Some(proof));
    assert!(recorded(&bench).is_none_or(|folder| !folder.exists()));
}

#[test]
fn what_moves_out_of_its_group_is_found_as_before() {
    if !grouped("what_moves_out_of_its_group_is_found_as_before") {
        return;
    }
    let bench = Bench::new();
    let script = "root=$(sed -n 's/^cgroup = \"\\(.*\\)\"$/\\1/p' ../inv/supervisor.toml)
        setsid sh -c 'echo $$ > \"$1/../cgroup.procs\"; echo $$ > c; while :; do sleep 1; done' - \"$root\" &
        until [ -s c ]; do sleep 0.01; done";
    let exit = bench.run(&bench.sh(script));
    assert_eq!((exit.how, exit.proof), (How::Exited { code: 0 }, Some(StopProof::Cgroup)));
    assert!(exit.leftovers >= 1, "{}", exit.leftovers);
    assert!(!lives(bench.pid("c")));
}

#[test]
fn groups_that_a_stage_makes_in_its_own_are_ended_and_removed() {
    if !grouped("groups_that_a_stage_makes_in_its_own_are_ended_and_removed") {
        return;
    }
    let bench = Bench::new();
    let script = "root=$(sed -n 's/^cgroup = \"\\(.*\\)\"$/\\1/p' ../inv/supervisor.toml)
        mkdir -p \"$root/a/b\"
        (env -i \"$(command -v setsid)\" \"$(command -v sh)\" -c \
            'echo $$ > \"$1/a/b/cgroup.procs\"; echo $$ > c; while :; do /bin/sleep 1; done' - \"$root\" &) &
        until [ -s c ]; do sleep 0.01; done; echo 1 > \"$root/a/cgroup.freeze\"";
    let exit = bench.run(&bench.sh(script));
    assert_eq!(exit.how, How::Exited { code: 0 });
    assert_eq!(exit.survivors, []);
    assert!(!lives(bench.pid("c")));
    assert!(!recorded(&bench).expect("a group").exists());
}

/// A process that may not be signalled is as much there as any other; a later one with its number is another.
#[test]
fn f55_a_survivor_is_told_by_number_and_start() {
    let survivor = |pid, start| Survivor { pid, start, command: "init".to_owned(), cwd: None };
    assert_eq!(still_there(&[survivor(1, None)]), [survivor(1, None)]);
    assert_eq!(still_there(&[survivor(1, Some(u64::MAX))]), []);
    assert_eq!(still_there(&[survivor(i32::MAX, None)]), []);
}
