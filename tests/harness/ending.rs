//! Ending a stage: whatever ends it, nothing of it is left.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use millrace::harness::exit::{EndedBy, How};
use millrace::harness::supervisor::{Probe, launch, probe, survivors};
use rustix::process::Signal;

use super::bench::{Bench, MILLRACE, ended, eventually, kill, lives};

/// A script that starts a child, one in a session of its own, and one that has cut every tie: another session, an
/// orphan, and no environment. It then goes on with `last`.
fn family(last: &str) -> String {
    format!(
        "sleep 300 & echo $! > a
         nohup setsid sleep 301 > /dev/null 2>&1 & echo $! > b
         (env -i \"$(command -v setsid)\" \"$(command -v sh)\" -c 'echo $$ > c; while :; do {sleep} 1; done' &) &
         until [ -s c ]; do sleep 0.01; done
         echo $$ > pid
         {last}",
        sleep = "/bin/sleep",
    )
}

const FAMILY: [&str; 3] = ["a", "b", "c"];

fn assert_gone(bench: &Bench, names: &[&str]) {
    for name in names {
        assert!(!lives(bench.pid(name)), "{name} lives");
    }
    assert_eq!(survivors(&bench.inv_dir(), &bench.nonce), []);
}

#[test]
fn m12_the_wall_limit_ends_the_harness_and_everything_it_started() {
    let bench = Bench::new();
    let mut invocation = bench.sh(&family("sleep 302"));
    invocation.wall_limit_ms = 1_000;
    let exit = bench.run(&invocation);
    assert_eq!((exit.ended_by, &exit.how), (EndedBy::WallLimit, &How::Signalled { signal: 15 }));
    assert!(exit.first_signal.is_some());
    assert!((1_000..20_000).contains(&exit.duration_ms), "{} ms", exit.duration_ms);
    assert_gone(&bench, &["a", "b", "c", "pid"]);
}

#[test]
fn what_ignores_term_gets_kill_after_the_grace() {
    let bench = Bench::new();
    let stubborn = "trap '' TERM
        setsid sh -c 'trap \"\" TERM; echo $$ > child; while :; do sleep 1; done' &
        echo $$ > pid; while :; do sleep 1; done";
    let mut invocation = bench.sh(stubborn);
    invocation.wall_limit_ms = 600;
    invocation.test_grace_ms = Some(500);
    let exit = bench.run(&invocation);
    assert_eq!((exit.ended_by, &exit.how), (EndedBy::WallLimit, &How::Signalled { signal: 9 }));
    assert!(exit.duration_ms >= 1_100, "KILL came within the grace, after {} ms", exit.duration_ms);
    assert_gone(&bench, &["child", "pid"]);
}

#[test]
fn a_harness_that_cleans_up_at_term_has_the_time_for_it() {
    let bench = Bench::new();
    let mut invocation =
        bench.sh("trap 'sleep 0.3; echo cleaned; exit 3' TERM; echo ready; while :; do sleep 0.05; done");
    invocation.wall_limit_ms = 500;
    invocation.test_grace_ms = Some(20_000);
    let exit = bench.run(&invocation);
    assert_eq!((exit.ended_by, &exit.how), (EndedBy::WallLimit, &How::Exited { code: 3 }));
    assert_eq!(bench.stdout(), "ready\ncleaned\n");
    let first = exit.first_signal.unwrap();
    assert_eq!(first.stdout_bytes, 6, "what came after the signal is told apart");
    assert_eq!(first.result_file_sha256, None);
}

#[test]
fn silence_ends_a_harness_and_output_on_either_stream_keeps_it_going() {
    let bench = Bench::new();
    let mut invocation = bench.sh("echo hello; sleep 300");
    invocation.silence_limit_ms = Some(300);
    let exit = bench.run(&invocation);
    assert_eq!(exit.ended_by, EndedBy::SilenceLimit);
    assert_eq!(bench.stdout(), "hello\n");

    let bench = Bench::new();
    let mut invocation = bench.sh("for i in 1 2 3 4 5 6; do sleep 0.4; echo . >&2; done");
    invocation.silence_limit_ms = Some(2_000);
    let exit = bench.run(&invocation);
    assert_eq!((exit.ended_by, &exit.how), (EndedBy::Itself, &How::Exited { code: 0 }));
    assert!(exit.duration_ms >= 2_000, "the limit passed while there was output");
}

#[test]
fn m12_success_is_swept_too() {
    let bench = Bench::new();
    let exit = bench.run(&bench.sh(&family("echo done; exit 0")));
    assert_eq!((exit.ended_by, &exit.how), (EndedBy::Itself, &How::Exited { code: 0 }));
    assert!(exit.leftovers >= 3, "{} swept", exit.leftovers);
    assert_eq!((exit.first_signal, exit.survivors), (None, vec![]));
    assert_gone(&bench, &FAMILY);
    assert!(bench.stdout().starts_with("done\n"));
}

#[test]
fn a_marked_process_that_descends_from_somebody_else_is_swept() {
    let bench = Bench::new();
    let mut stray = Command::new("sleep")
        .arg("300")
        .env("MILLRACE_INVOCATION", bench.nonce.as_str())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let mut other = Command::new("sleep")
        .arg("300")
        .env("MILLRACE_INVOCATION", "00000000000000000000000000000000")
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let exit = bench.run(&bench.sh("exit 0"));
    assert_eq!(exit.leftovers, 1);
    assert!(!stray.wait().unwrap().success());
    assert_eq!(other.try_wait().unwrap(), None, "another stage's process is not touched");
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn a_process_that_forks_away_from_term_does_not_escape() {
    let bench = Bench::new();
    // Each TERM is answered with a new session.
    let hydra = "trap 'setsid sh ./hydra & exit 0' TERM; echo $$ >> heads; while :; do sleep 0.02; done";
    std::fs::write(bench.work().join("hydra"), hydra).unwrap();
    let exit = bench.run(&bench.sh("setsid sh ./hydra & until [ -s heads ]; do sleep 0.01; done"));
    assert_eq!(exit.how, How::Exited { code: 0 });
    assert_eq!(exit.survivors, []);
    for head in std::fs::read_to_string(bench.work().join("heads")).unwrap().lines() {
        assert!(!lives(head.parse().unwrap()), "{head} lives");
    }
    assert_eq!(survivors(&bench.inv_dir(), &bench.nonce), []);
}

#[test]
fn orphans_are_reaped_while_the_harness_runs() {
    let bench = Bench::new();
    let script =
        "for i in 1 2 3 4 5 6 7 8 9 10; do (sleep 0.01 &) ; done; sleep 0.5; echo $$ > pid; sleep 300";
    let mut supervised = bench.launch(&bench.sh(script));
    bench.pid("pid");
    let us = supervised.pid().to_string();
    eventually("no zombie of the supervisor", || {
        let zombies = std::fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok())
            .filter(|stat| {
                let fields: Vec<&str> =
                    stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
                fields.first() == Some(&"Z") && fields.get(1) == Some(&us.as_str())
            })
            .count();
        (zombies == 0).then_some(())
    });
    supervised.cancel();
    assert_eq!(ended(&mut supervised).ended_by, EndedBy::Runtime);
}

#[test]
fn cancelling_ends_the_stage() {
    let bench = Bench::new();
    let mut supervised = bench.launch(&bench.sh(&family("sleep 302")));
    bench.pid("pid");
    supervised.cancel();
    supervised.cancel();
    let exit = ended(&mut supervised);
    assert_eq!((exit.ended_by, exit.how), (EndedBy::Runtime, How::Signalled { signal: 15 }));
    assert_gone(&bench, &FAMILY);
}

#[test]
fn dropping_the_runtimes_end_ends_the_stage() {
    let bench = Bench::new();
    let supervised = bench.launch(&bench.sh(&family("sleep 302")));
    bench.pid("pid");
    let pid = i32::try_from(supervised.pid()).unwrap();
    drop(supervised);
    let exit = eventually("an exit record", || match probe(&bench.inv_dir()).unwrap() {
        Probe::Ended(exit) => Some(exit),
        _ => None,
    });
    assert_eq!(exit.ended_by, EndedBy::Runtime);
    assert_gone(&bench, &FAMILY);
    eventually("the supervisor's end", || (!lives(pid)).then_some(()));
}

/// Not a test of its own: the runtime of the next test, which is killed.
#[test]
#[ignore = "run by a_killed_runtime_ends_the_stage as a process of its own"]
fn a_runtime_that_waits_to_be_killed() {
    let Some(inv_dir) = std::env::var_os("MILLRACE_TEST_INV_DIR").map(PathBuf::from) else { return };
    let mut supervised = launch(Path::new(MILLRACE), &inv_dir).unwrap();
    std::fs::write(inv_dir.join("supervisor.pid"), format!("{}\n", supervised.pid())).unwrap();
    let _ = supervised.wait(Duration::from_secs(120));
}

#[test]
fn a_killed_runtime_ends_the_stage() {
    let bench = Bench::new();
    bench.sh(&family("sleep 302")).write(&bench.inv_dir(), b"").unwrap();
    let mut runtime = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "harness::ending::a_runtime_that_waits_to_be_killed", "--ignored"])
        .env("MILLRACE_TEST_INV_DIR", bench.inv_dir())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let harness = bench.pid("pid");
    assert_eq!(probe(&bench.inv_dir()).unwrap(), Probe::Running);
    runtime.kill().unwrap();
    runtime.wait().unwrap();
    let exit = eventually("an exit record", || match probe(&bench.inv_dir()).unwrap() {
        Probe::Ended(exit) => Some(exit),
        Probe::Running => None,
        other => panic!("{other:?}"),
    });
    assert_eq!(exit.ended_by, EndedBy::Runtime);
    assert!(!lives(harness));
    assert_gone(&bench, &FAMILY);
}

#[test]
fn a_terminals_signals_do_not_end_a_supervisor_and_term_ends_its_stage_well() {
    let bench = Bench::new();
    let mut supervised = bench.launch(&bench.sh(&family("sleep 302")));
    bench.pid("pid");
    for signal in [Signal::INT, Signal::HUP, Signal::QUIT] {
        kill(supervised.pid(), signal);
    }
    assert_eq!(supervised.wait(Duration::from_millis(300)).unwrap(), None);
    kill(supervised.pid(), Signal::TERM);
    let exit = ended(&mut supervised);
    assert_eq!((exit.ended_by, exit.how), (EndedBy::Runtime, How::Signalled { signal: 15 }));
    assert_gone(&bench, &FAMILY);
}
