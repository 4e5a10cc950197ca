//! Starting a harness, and what it sees; probing an invocation from outside.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use millrace::harness::exit::{EndedBy, How, SpawnFailure};
use millrace::harness::invocation::Invocation;
use millrace::harness::supervisor::{
    Ending, LaunchError, Probe, await_end, end_survivors, launch, probe, survivors,
};
use rustix::process::Signal;

use super::bench::{Bench, MILLRACE, ended, eventually, kill, lives};

#[test]
fn a_prompt_of_400_kb_arrives_on_stdin_and_stdin_ends() {
    let bench = Bench::new();
    let invocation = bench.sh("cat | wc -c; cat | wc -c");
    let prompt: Vec<u8> = b"0123456789".iter().copied().cycle().take(400_000).collect();
    invocation.write(&bench.inv_dir(), &prompt).unwrap();
    let exit = ended(&mut launch(Path::new(MILLRACE), &bench.inv_dir()).unwrap());
    assert_eq!(exit.how, How::Exited { code: 0 });
    let counts: Vec<String> = bench.stdout().split_whitespace().map(str::to_owned).collect();
    assert_eq!(counts, ["400000", "0"]);
}

#[test]
fn a_harness_that_never_reads_its_prompt_hangs_nothing() {
    let bench = Bench::new();
    let invocation = bench.invocation(&["sleep", "0.05"]);
    invocation.write(&bench.inv_dir(), &vec![b'x'; 400_000]).unwrap();
    let exit = ended(&mut launch(Path::new(MILLRACE), &bench.inv_dir()).unwrap());
    assert_eq!((exit.how, exit.ended_by), (How::Exited { code: 0 }, EndedBy::Itself));
    assert!(exit.duration_ms < 10_000, "{} ms", exit.duration_ms);
}

#[test]
fn the_environment_is_what_the_invocation_says_and_nothing_else() {
    let bench = Bench::new();
    let mut invocation = bench.invocation(&["env"]);
    invocation.environment.insert("LINES_IN".to_owned(), "a\\nb \"c\"".to_owned());
    bench.run(&invocation);
    let seen: BTreeMap<String, String> = bench
        .stdout()
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    assert_eq!(seen, invocation.environment);
    assert_eq!(seen["MILLRACE_INVOCATION"], bench.nonce.as_str());
}

#[test]
fn the_harness_has_a_group_and_a_session_of_its_own() {
    let bench = Bench::new();
    // Fields 1, 5 and 6: its id, its group, its session.
    let mut supervised = bench.launch(&bench.sh("cut -d' ' -f1,5,6 /proc/$$/stat; pwd -P"));
    let supervisor = supervised.pid().to_string();
    ended(&mut supervised);
    let stdout = bench.stdout();
    let mut words = stdout.split_whitespace();
    let (pid, group, session) = (words.next(), words.next(), words.next());
    assert_eq!(pid, group);
    assert_eq!(session, Some(supervisor.as_str()));
    let work = bench.work().canonicalize().unwrap();
    assert_eq!(words.next(), work.to_str());
}

#[test]
fn exit_codes_and_deaths_are_told_apart() {
    for (script, how) in [
        ("exit 0", How::Exited { code: 0 }),
        ("exit 7", How::Exited { code: 7 }),
        ("exit 143", How::Exited { code: 143 }),
        ("kill -KILL $$", How::Signalled { signal: 9 }),
    ] {
        let bench = Bench::new();
        let exit = bench.run(&bench.sh(script));
        assert_eq!((exit.how, exit.ended_by), (how, EndedBy::Itself), "{script}");
        assert_eq!((exit.leftovers, exit.first_signal), (0, None), "{script}");
    }
}

#[test]
fn a_program_that_cannot_start_is_told_apart_from_one_that_is_missing() {
    let plain = |bench: &Bench, name: &str, content: &str, mode: u32| {
        let path = bench.work().join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let reason = |how: How| match how {
        How::SpawnFailed { reason, message } => (reason, message),
        other => panic!("{other:?}"),
    };
    let bench = Bench::new();
    let (why, message) = reason(bench.run(&bench.invocation(&["no-such-harness-here", "exec"])).how);
    assert_eq!(why, SpawnFailure::MissingProgram);
    assert!(message.contains("no-such-harness-here"), "{message}");

    let bench = Bench::new();
    let (why, _) = reason(bench.run(&bench.invocation(&["/nowhere/harness"])).how);
    assert_eq!(why, SpawnFailure::MissingProgram);

    let bench = Bench::new();
    let program = plain(&bench, "plain", "#!/bin/sh\n", 0o644);
    let (why, _) = reason(bench.run(&bench.invocation(&[&program])).how);
    assert_eq!(why, SpawnFailure::Other);

    let bench = Bench::new();
    let program = plain(&bench, "script", "#!/no/such/interpreter\n", 0o755);
    let (why, _) = reason(bench.run(&bench.invocation(&[&program])).how);
    assert_eq!(why, SpawnFailure::Other);

    let bench = Bench::new();
    let mut invocation = bench.invocation(&["true"]);
    invocation.cwd = bench.path("gone");
    let (why, message) = reason(bench.run(&invocation).how);
    assert_eq!(why, SpawnFailure::Other);
    assert!(message.contains("gone"), "{message}");
}

#[test]
fn an_invocation_directory_is_absent_then_running_then_ended() {
    let bench = Bench::new();
    assert_eq!(probe(&bench.inv_dir()).unwrap(), Probe::Absent);
    let invocation = bench.sh("echo $$ > pid; read line < gate");
    rustix::fs::mkfifoat(rustix::fs::CWD, bench.work().join("gate"), rustix::fs::Mode::from_raw_mode(0o600))
        .unwrap();
    invocation.write(&bench.inv_dir(), b"").unwrap();
    assert_eq!(probe(&bench.inv_dir()).unwrap(), Probe::Absent);
    let mut supervised = launch(Path::new(MILLRACE), &bench.inv_dir()).unwrap();
    assert_eq!(probe(&bench.inv_dir()).unwrap(), Probe::Running);
    assert!(lives(bench.pid("pid")));
    assert_eq!(supervised.wait(Duration::from_millis(50)).unwrap(), None);
    let short = Duration::from_millis(100);
    assert_eq!(await_end(&bench.inv_dir(), &bench.nonce, short).unwrap(), Ending::StillRunning);
    std::fs::write(bench.work().join("gate"), "go\n").unwrap();
    let exit = ended(&mut supervised);
    assert_eq!(probe(&bench.inv_dir()).unwrap(), Probe::Ended(Box::new(exit.clone())));
    assert_eq!(
        await_end(&bench.inv_dir(), &bench.nonce, short).unwrap(),
        Ending::Ended(Box::new(exit.clone()))
    );
    assert_eq!(ended(&mut supervised), exit, "asking again gives the same");
}

#[test]
fn a_killed_supervisor_takes_its_harness_along_and_leaves_what_the_mark_finds() {
    let bench = Bench::new();
    let script = "setsid sleep 300 & echo $! > stray; echo $$ > pid; wait";
    let mut supervised = bench.launch(&bench.sh(script));
    let (harness, stray) = (bench.pid("pid"), bench.pid("stray"));
    kill(supervised.pid(), Signal::KILL);
    assert!(matches!(supervised.wait(Duration::from_secs(30)), Err(LaunchError::Vanished { .. })));
    assert_eq!(probe(&bench.inv_dir()).unwrap(), Probe::Vanished);
    eventually("the harness's death", || (!lives(harness)).then_some(()));
    assert!(lives(stray));
    // Killed early, it is still on its way from the shell to the program.
    let left = eventually("the stray's program", || {
        let left = survivors(&bench.inv_dir(), &bench.nonce);
        assert_eq!(left.iter().map(|survivor| survivor.pid).collect::<Vec<_>>(), [stray]);
        (left[0].command == "sleep 300").then_some(left)
    });
    let short = Duration::from_millis(100);
    assert_eq!(await_end(&bench.inv_dir(), &bench.nonce, short).unwrap(), Ending::Survived(left));

    assert_eq!(
        end_survivors(&bench.inv_dir(), &bench.nonce, Duration::from_secs(1), Duration::from_secs(20)),
        []
    );
    assert!(!lives(stray));
    assert_eq!(await_end(&bench.inv_dir(), &bench.nonce, short).unwrap(), Ending::Vanished);
}

#[test]
fn one_invocation_has_one_supervisor_and_one_life() {
    let bench = Bench::new();
    let mut supervised = bench.launch(&bench.sh("echo once >> count; sleep 300"));
    eventually("the first line", || bench.work().join("count").exists().then_some(()));
    let refused = launch(Path::new(MILLRACE), &bench.inv_dir()).unwrap_err().to_string();
    assert!(refused.contains("another supervisor holds"), "{refused}");
    assert_eq!(probe(&bench.inv_dir()).unwrap(), Probe::Running);
    supervised.cancel();
    ended(&mut supervised);
    let refused = launch(Path::new(MILLRACE), &bench.inv_dir()).unwrap_err().to_string();
    assert!(refused.contains("already ended"), "{refused}");
    assert_eq!(std::fs::read_to_string(bench.work().join("count")).unwrap(), "once\n");
}

#[test]
fn a_directory_without_an_invocation_is_refused_and_a_missing_program_of_ours_is_said() {
    let bench = Bench::new();
    std::fs::create_dir(bench.inv_dir()).unwrap();
    let refused = launch(Path::new(MILLRACE), &bench.inv_dir()).unwrap_err();
    assert!(matches!(refused, LaunchError::Refused { .. }), "{refused}");
    assert!(refused.to_string().contains("invocation.toml"), "{refused}");
    assert!(launch(Path::new(MILLRACE), &bench.path("nothing")).is_err());
    assert!(launch(&bench.path("no-program"), &bench.inv_dir()).is_err());
}

#[test]
fn an_invocation_reads_back_as_it_was_written_for_its_owner_alone() {
    let bench = Bench::new();
    let mut invocation = bench.sh("true");
    invocation.environment.insert("API_KEY".to_owned(), "s3cret\n\t\u{1}".to_owned());
    invocation.silence_limit_ms = Some(5);
    invocation.write(&bench.inv_dir(), b"prompt").unwrap();
    assert_eq!(Invocation::read(&bench.inv_dir()).unwrap(), invocation);
    let mode = |name: &str| bench.inv_dir().join(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("invocation.toml"), mode("prompt.md")), (0o700, 0o600, 0o600));
    invocation.test_grace_ms = None;
    invocation.grace_ms = 1;
    assert_eq!(invocation.grace(), Duration::from_secs(10), "less than the least grace is the least grace");
}
