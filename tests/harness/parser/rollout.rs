//! Codex's rollouts: the machine's word for an error, and the usage of runs whose stream does not end.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use millrace::domain::result::InfrastructureClass as Class;
use millrace::domain::usage::Usage;
use millrace::harness::parser::rollout::{Rollout, find, read};
use millrace::harness::parser::{Retry, Trouble};

use super::fixture;

const THREAD: &str = "01a2243c-1c5b-7483-906d-2bfa8bdda3f6";

fn since(name: &str, from: &str) -> Rollout {
    read(&fixture(&format!("codex-rollouts/{name}")), from.parse().unwrap()).unwrap()
}

fn recorded(name: &str) -> Rollout {
    since(name, "2026-01-01T00:00:00Z")
}

fn usage(input: u64, cached: u64, output: u64, reasoning: u64) -> Usage {
    Usage {
        input_uncached: Some(input - cached),
        cache_read: Some(cached),
        cache_write: Some(0),
        output: Some(output),
        reasoning: Some(reasoning),
        ..Usage::default()
    }
}

#[test]
fn the_machines_word_is_classified() {
    let infrastructure = Trouble::Infrastructure;
    for (name, trouble) in [
        ("401.jsonl", infrastructure(Class::Auth)),
        ("429.jsonl", infrastructure(Class::RateLimit)),
        ("ratelimit.jsonl", infrastructure(Class::RateLimit)),
        ("500.jsonl", infrastructure(Class::Server)),
        ("late500.jsonl", infrastructure(Class::Server)),
        ("badmodel.jsonl", infrastructure(Class::BadModel)),
        ("quota.jsonl", infrastructure(Class::Quota)),
        ("usagelimit.jsonl", infrastructure(Class::Quota)),
        ("context.jsonl", Trouble::ContextOverflow),
    ] {
        assert_eq!(recorded(name).error.unwrap().trouble, trouble, "{name}");
    }
    assert_eq!(recorded("ratelimit.jsonl").error.unwrap().retry, Some(Retry::After(Duration::from_secs(35))));
    assert_eq!(recorded("killed.jsonl").error, None);
}

#[test]
fn runs_that_failed_or_were_killed_have_used_something() {
    for (name, input) in [("late500.jsonl", 10_081), ("killed.jsonl", 10_080)] {
        let rollout = recorded(name);
        assert_eq!(rollout.run, usage(input, 7_552, 31, 0), "{name}");
        assert_eq!(rollout.session, rollout.run, "{name}");
    }
    assert!(recorded("401.jsonl").run.is_unknown());
}

#[test]
fn what_earlier_runs_of_the_session_used_is_not_this_runs() {
    let second = since("resumed.jsonl", "2026-11-28T22:17:28.694123Z");
    assert_eq!(second.run, usage(10_390, 7_744, 23, 0));
    assert_eq!(second.session, usage(30_766, 22_976, 104, 16));
    let both = recorded("resumed.jsonl");
    assert_eq!(both.run, both.session, "every turn counts once, with its last number");
    assert_eq!(since("late500.jsonl", "2026-11-28T22:18:00Z"), Rollout::default(), "nor is its error");
}

#[test]
fn a_broken_rollout_is_read_as_far_as_it_goes() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("r.jsonl");
    let good = std::fs::read(fixture("codex-rollouts/late500.jsonl")).unwrap();
    let mut bytes = b"{}\n\xff\nnot json\n{\"timestamp\":\"x\",\"type\":\"event_msg\"}\n".to_vec();
    bytes.extend(&good);
    bytes.extend(b"{\"timestamp\":\"2026-11-28T22:17:30.000Z\",\"type\":\"event_msg\",\"payload\":{\"type\":\"task_comp");
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(read(&path, Timestamp::UNIX_EPOCH).unwrap(), recorded("late500.jsonl"));
    // A turn that began after the one that failed has not failed yet.
    let text = String::from_utf8(good).unwrap();
    let next =
        r#"{"timestamp":"2026-11-28T23:00:00.000Z","type":"event_msg","payload":{"type":"task_started"}}"#;
    std::fs::write(&path, format!("{}\n{next}\n", text.trim_end())).unwrap();
    assert_eq!(read(&path, Timestamp::UNIX_EPOCH).unwrap().error, None);
    assert!(read(&home.path().join("gone"), Timestamp::UNIX_EPOCH).is_err());
}

fn put(home: &Path, day: &str, name: &str) -> std::path::PathBuf {
    let folder = home.join("sessions").join(day);
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, "{}\n").unwrap();
    path
}

#[test]
fn a_rollout_is_found_by_its_thread_in_real_folders_only() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let name = format!("rollout-2026-11-28T22-17-28-{THREAD}.jsonl");
    assert_eq!(find(home, THREAD), None);
    let right = put(home, "2026/11/28", &name);
    put(home, "2026/12/01", "rollout-2026-12-01T00-00-00-01a20000-0000-7000-8000-000000000000.jsonl");
    put(home, "notes/11/28", &format!("rollout-0-{THREAD}.jsonl"));
    put(home, "2026/11/27", &format!("copy-{THREAD}.jsonl"));
    assert_eq!(find(home, THREAD), Some(right.clone()));
    for thread in ["", "../../x", "*", "28", &"a".repeat(100)] {
        assert_eq!(find(home, thread), None, "{thread}");
    }
    std::fs::remove_file(&right).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let outside = put(elsewhere.path(), "2026/11/28", &name);
    std::os::unix::fs::symlink(&outside, &right).unwrap();
    assert_eq!(find(home, THREAD), None, "a link to a file");
    std::os::unix::fs::symlink(elsewhere.path().join("sessions/2026"), home.join("sessions/2027")).unwrap();
    assert_eq!(find(home, THREAD), None, "a link to a folder");
    std::fs::remove_dir_all(home.join("sessions")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("sessions"), home.join("sessions")).unwrap();
    assert_eq!(find(home, THREAD), None, "a link to all of them");
}

#[test]
fn only_so_many_days_are_looked_into() {
    let home = tempfile::tempdir().unwrap();
    let name = format!("rollout-2020-01-01T00-00-00-{THREAD}.jsonl");
    put(home.path(), "2020/01/01", &name);
    for day in 1..100 {
        std::fs::create_dir_all(home.path().join(format!(
            "sessions/2021/{:02}/{:02}",
            day / 25 + 1,
            day % 25 + 1
        )))
        .unwrap();
    }
    assert!(find(home.path(), THREAD).is_some(), "the hundredth");
    std::fs::create_dir_all(home.path().join("sessions/2022/01/01")).unwrap();
    assert_eq!(find(home.path(), THREAD), None, "the one after it");
}
