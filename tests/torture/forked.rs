//! SIGKILL of a daemon while the harness of its stage has forked, again and again, with the next daemon on its heels:
//! never two writers in one tree. The harness measures it, by a lock that whatever it forks holds for its life.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use millrace::harness::exit::StopProof;
use millrace::harness::supervisor::proof_here;
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};

use super::project::{add, fixture, millrace, project, states, succeeds};
use super::size::Proof;
use super::soundness::{fsck, nothing_is_left, users_git_works, verified};
use crate::repo::TestRepo;

/// How long a stage may take to begin after a kill: what was left has to end first, and a busy machine gets its time.
const PATIENCE: Duration = Duration::from_secs(60);

/// Seconds that a stage works after it has forked; most kills come meanwhile.
const WORKS: &str = "0.3";

fn forking() -> TestRepo {
    let repo = project();
    let config = format!(
        "[runners]\ndefault_runner = \"command\"\n\n[runners.command]\nargv = [\"{}\"]\n\
         env_pass = [\"TORTURE_PAUSE\"]\n\n[limits]\nmax_interruptions = 1000\nmax_launches_per_item = 1000\n",
        fixture("forks.sh").display()
    );
    repo.write("millrace-agents/millrace.toml", config);
    succeeds(millrace(&repo, &["compile", "validate"]));
    repo.git(&["commit", "--quiet", "-am", "a harness that forks"]);
    repo
}

fn daemon(repo: &TestRepo, pause: &str) -> Child {
    let log = |name: &str| File::create(repo.beside().join(name)).expect("a log");
    millrace(repo, &["run", "daemon", "--until-idle"])
        .env("TORTURE_PAUSE", pause)
        .stdin(Stdio::null())
        .stdout(log("daemon.out"))
        .stderr(log("daemon.err"))
        .spawn()
        .expect("a daemon")
}

/// The stages that have forked so far: the supervisor of each.
fn forked(repo: &TestRepo) -> Vec<i32> {
    let text = std::fs::read_to_string(repo.beside().join("forked")).unwrap_or_default();
    text.lines().filter_map(|line| line.split(' ').next()?.parse().ok()).collect()
}

fn witness(repo: &TestRepo) -> PathBuf {
    repo.beside().join("witness")
}

#[test]
fn a_daemon_killed_while_its_harness_has_forked() {
    let proof = Proof::begin("SIGKILL of a daemon whose harness has forked");
    let kills = proof.size(50, 300);
    let mut chance = proof.chance();
    let repo = forking();
    let mut ids = Vec::new();
    let (mut alive, mut orphaned) = (0, 0);
    for n in 0..kills {
        if n % 3 == 0 {
            let id = format!("task-{n}");
            add(&repo, &id);
            ids.push(id);
        }
        let before = forked(&repo).len();
        let mut running = daemon(&repo, WORKS);
        let until = Instant::now() + PATIENCE;
        while forked(&repo).len() == before && running.try_wait().expect("its state").is_none() {
            assert!(Instant::now() < until, "kill {n}: no stage has begun");
            std::thread::sleep(Duration::from_millis(5));
        }
        // Most at once, some while it ends.
        let after = if chance.below(3) == 0 { chance.below(500) } else { 0 };
        std::thread::sleep(Duration::from_millis(u64::try_from(after).expect("milliseconds")));
        if running.try_wait().expect("its state").is_none() {
            running.kill().expect("a kill");
            alive += 1;
            // Nobody is left then who watched what has cut every tie: only its control group tells of it.
            if chance.below(4) == 0
                && proof_here() == StopProof::Cgroup
                && let Some(supervisor) = forked(&repo).last().copied().and_then(Pid::from_raw)
            {
                orphaned += usize::from(kill_process(supervisor, Signal::KILL).is_ok());
            }
        }
        running.wait().expect("its end");
        assert!(!witness(&repo).exists(), "kill {n}: two writers in one tree: {}", told(&repo));
    }
    let status = daemon(&repo, "0.01").wait().expect("its end");
    let said = std::fs::read_to_string(repo.beside().join("daemon.err")).unwrap_or_default();
    assert!(status.success(), "at the end: {status}\n{said}");
    assert!(!witness(&repo).exists(), "two writers in one tree: {}", told(&repo));
    let lock = File::open(repo.path().join("stage.lock")).expect("a lock");
    assert!(flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok(), "something of a stage lives");
    for id in &ids {
        assert_eq!(states(&repo, id), ["done"], "{id}\n{said}");
    }
    nothing_is_left(&repo, "at the end");
    users_git_works(&repo, "at the end");
    fsck(&repo, "at the end");
    verified(&repo, "at the end");
    assert!(alive * 2 > kills, "{alive} of {kills} were still at work");
    if proof_here() != StopProof::Cgroup {
        println!("no supervisor was killed along: no control group can be made on this machine");
    }
    proof.end(&format!(
        "{alive} killed of {kills}, {orphaned} with their supervisors, {} stages forked, {} tasks done, no second writer",
        forked(&repo).len(),
        ids.len()
    ));
}

fn told(repo: &TestRepo) -> String {
    std::fs::read_to_string(witness(repo)).unwrap_or_default()
}
