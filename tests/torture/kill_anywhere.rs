//! SIGKILL at random moments of a daemon that works: a plain restart ends all work, no stage ever runs beside another
//! one, and only what was interrupted is done again.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::project::{add, millrace, project, project_in_reftable, states};
use super::size::Proof;
use super::soundness::{fsck, nothing_is_left, users_git_works, verified};
use crate::repo::TestRepo;

/// Milliseconds, at most, from a daemon's start to its kill: about what one task takes.
const LONGEST: usize = 4000;

fn daemon(repo: &TestRepo, life: usize) -> Child {
    let log = |name: &str| std::fs::File::create(repo.beside().join(name)).expect("a log");
    millrace(repo, &["run", "daemon", "--until-idle"])
        .env("TORTURE_PAUSE", "0.3")
        .env("TORTURE_LIFE", life.to_string())
        .env("TORTURE_STUBBORN", "0.8")
        .stdin(Stdio::null())
        .stdout(log("daemon.out"))
        .stderr(log("daemon.err"))
        .spawn()
        .expect("a daemon")
}

/// Nothing ran beside anything, and only the last stage that a killed daemon had started was started again. The number
/// of repetitions.
fn repetitions(log: &str, killed: &BTreeSet<usize>) -> usize {
    let mut last = BTreeMap::<usize, (&str, &str)>::new();
    let mut started = BTreeMap::<(&str, &str), usize>::new();
    let mut repeated = 0;
    for line in log.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["start", run, stage, _, life] => {
                let life = life.parse().expect("a number");
                if let Some(before) = started.insert((run, stage), life) {
                    let why = format!("{stage} of {run} in daemon {before} and again in {life}");
                    assert!(before < life, "{why}:\n{log}");
                    assert!(killed.contains(&before), "{why}, and the first was not killed:\n{log}");
                    assert_eq!(last[&before], (*run, *stage), "{why}, and had been finished:\n{log}");
                    repeated += 1;
                }
                last.insert(life, (run, stage));
            }
            ["end", ..] => {}
            _ => panic!("`{line}` in the harness's log:\n{log}"),
        }
    }
    assert!(repeated <= killed.len(), "{repeated} repetitions after {killed:?}:\n{log}");
    repeated
}

#[test]
fn the_log_is_judged() {
    let killed = BTreeSet::from([1]);
    assert_eq!(repetitions("start r builder 1 1\nend r builder 1 1\nstart r checker 2 2\n", &killed), 0);
    assert_eq!(repetitions("start r builder 1 1\nstart r builder 2 2\n", &killed), 1);
    for bad in [
        "start r builder 1 1\nstart r builder 2 1\n",
        "start r builder 1 1\nstart r checker 2 1\nstart r builder 2 2\n",
        "start r builder 1 3\nstart r builder 2 4\n",
        "start r builder 1 1\noverlap r checker 1 2\n",
    ] {
        assert!(std::panic::catch_unwind(|| repetitions(bad, &killed)).is_err(), "{bad}");
    }
}

#[test]
fn a_daemon_killed_at_random_moments() {
    let proof = Proof::begin("SIGKILL of a daemon at random moments");
    let moments = proof.size(8, 200);
    killed_at_random_moments(&proof, &project(), moments);
}

/// There git writes the refs, in a process that goes on to its end.
#[test]
fn a_daemon_killed_at_random_moments_in_a_reftable() {
    let proof = Proof::begin("SIGKILL of a daemon at random moments, reftable");
    let moments = proof.size(4, 100);
    killed_at_random_moments(&proof, &project_in_reftable(), moments);
}

fn killed_at_random_moments(proof: &Proof, repo: &TestRepo, moments: usize) {
    let mut chance = proof.chance();
    let mut ids = Vec::new();
    let mut killed = BTreeSet::new();
    for n in 0..moments {
        let id = format!("task-{n}");
        add(repo, &id);
        ids.push(id);
        let mut running = daemon(repo, n);
        let after = Duration::from_millis(u64::try_from(chance.below(LONGEST)).expect("milliseconds"));
        let until = Instant::now() + after;
        while Instant::now() < until && running.try_wait().expect("its state").is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        let alive = running.try_wait().expect("its state").is_none();
        if alive {
            running.kill().expect("a kill");
            killed.insert(n);
        }
        running.wait().expect("its end");
        let when = format!("daemon {n}, killed after {after:?}");
        // Every other time the next daemon comes at once, while what the killed one started may still be about.
        if chance.below(2) == 0 {
            drained(repo, &ids, &when, moments + n);
        }
        users_git_works(repo, &when);
    }
    drained(repo, &ids, "at the end", 3 * moments);
    nothing_is_left(repo, "at the end");
    let log = std::fs::read_to_string(repo.beside().join("harness.log")).expect("a log");
    let repeated = repetitions(&log, &killed);
    let work = repo.read("work.txt");
    let ends = work.lines().filter(|line| line.ends_with(" ended")).count();
    assert_eq!(ends, 3 * ids.len(), "each stage's work is there once:\n{work}");
    fsck(repo, "at the end");
    verified(repo, "at the end");
    assert!(killed.len() * 3 > moments, "{} were still at work", killed.len());
    proof.end(&format!(
        "{} killed of {moments}, {repeated} stages repeated, {} tasks done, no overlap",
        killed.len(),
        ids.len()
    ));
}

/// A plain restart ends all work unattended.
#[track_caller]
fn drained(repo: &TestRepo, ids: &[String], when: &str, life: usize) {
    let status = daemon(repo, life).wait().expect("its end");
    let said = std::fs::read_to_string(repo.beside().join("daemon.err")).unwrap_or_default();
    assert!(status.success(), "{when}: {status}\n{said}");
    for id in ids {
        assert_eq!(states(repo, id), ["done"], "{when}: {id}\n{said}");
    }
}
