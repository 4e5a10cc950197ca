//! The status, once and again.

use super::commands::{STRAIGHT, call, filtered, queue, said, script, task, task_with, well};
use super::control_queue::HOPELESS;
use super::following::Following;
use crate::support::repo::TestRepo;

#[test]
fn show_is_the_status() {
    let repo = TestRepo::with_commit();
    queue(&repo, &task("a"));
    assert_eq!(well(&repo, &["status", "show"]), well(&repo, &["status"]));
    assert_eq!(well(&repo, &["status", "show", "--json"]), well(&repo, &["status", "--json"]));
}

/// The page that a watch shows next.
#[track_caller]
fn page(watch: &Following<'_>) -> String {
    let mut lines = Vec::new();
    loop {
        let line = watch.line();
        let last = line.starts_with("next: ");
        lines.push(line);
        if last {
            return lines.join("\n");
        }
    }
}

#[test]
fn watch_shows_a_page_for_each_change() {
    let repo = TestRepo::with_commit();
    script(&repo, STRAIGHT);
    let watch = Following::start(&repo, &["status", "watch", "--interval", "0.2"]);
    let first = page(&watch);
    assert!(first.ends_with("\nnext: nothing to do"), "{first}");
    assert!(!first.starts_with('\n'), "{first:?}");
    watch.is_silent();
    queue(&repo, &task("a"));
    let second = page(&watch);
    assert!(second.starts_with("\nworkspace  [repo]\n"), "{second:?}");
    assert!(second.ends_with("\nnext: claim task/a"), "{second}");
    assert_eq!(watch.interrupt(), (Some(0), Vec::new()));
}

#[test]
fn watch_may_be_bounded_and_is_an_envelope_to_a_page() {
    let repo = TestRepo::with_commit();
    well(&repo, &["init"]);
    let watch =
        Following::start(&repo, &["status", "watch", "--interval", "0", "--max-updates", "2", "--json"]);
    let first: serde_json::Value = serde_json::from_str(&watch.raw()).expect("JSON");
    assert_eq!(first["kind"], "status");
    queue(&repo, &task("a"));
    let (code, lines) = watch.ended();
    assert_eq!((code, lines.len()), (Some(0), 1), "{lines:?}");
    assert!(lines[0].contains("\"queued\":1"), "{lines:?}");
}

#[test]
fn a_stage_that_only_goes_on_is_no_change() {
    let repo = TestRepo::with_commit();
    script(&repo, "stages:\n  builder:\n    - - write: {path: built.txt, content: x}\n      - sleep: 120\n");
    queue(&repo, &task("a"));
    let daemon = Following::start(&repo, &["run", "daemon"]);
    while !repo.path().join("built.txt").exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let watch = Following::start(&repo, &["status", "watch", "--interval", "0.2"]);
    let first = page(&watch);
    assert!(first.contains("\ntask/a runs execution/builder (launch 1), since [time] ("), "{first}");
    std::thread::sleep(std::time::Duration::from_secs(2));
    watch.is_silent();
    assert_eq!(watch.interrupt(), (Some(0), Vec::new()));
    well(&repo, &["queue", "cancel", "a"]);
    while said(&repo, &call(&repo, &["wait", "a", "--timeout", "30"])).starts_with("exit 8") {}
    assert_eq!(daemon.interrupt().0, Some(0));
}

#[test]
fn watch_goes_on_over_damage() {
    let repo = TestRepo::with_commit();
    well(&repo, &["init"]);
    let ref_file = repo.git_dir().join("refs/millrace/state");
    let tip = std::fs::read(&ref_file).expect("a ref");
    let watch = Following::start(&repo, &["status", "watch", "--interval", "0.2"]);
    page(&watch);
    std::fs::write(&ref_file, "garbage\n").expect("a ref");
    let trouble = watch.complaint();
    assert!(
        trouble.starts_with("! cannot look now, and go on trying: refs/millrace/state is damaged"),
        "{trouble}"
    );
    std::fs::write(&ref_file, tip).expect("a ref");
    watch.is_silent();
    queue(&repo, &task("a"));
    page(&watch);
    // From the beginning, damage is an answer.
    std::fs::write(&ref_file, "garbage\n").expect("a ref");
    assert_eq!(call(&repo, &["status", "watch"]).status.code(), Some(5));
}

#[test]
fn what_watch_does_not_take() {
    let repo = TestRepo::init();
    insta::assert_snapshot!(said(&repo, &call(&repo, &["status", "wach"])), @r"
    exit 2
    ! millrace: unrecognized subcommand 'wach'
    ! hint: a similar subcommand exists: 'watch'
    ");
    insta::assert_snapshot!(said(&repo, &call(&repo, &["status", "watch", "--interval", "soon"])), @r"
    exit 2
    ! millrace: invalid value 'soon' for '--interval <DURATION>': expected seconds, such as `90`, or `30s`, `10m`, `2h`
    ! hint: `millrace status watch --help` shows what there is
    ");
    insta::assert_snapshot!(said(&repo, &call(&repo, &["status", "watch", "--max-updates", "0"])), @r"
    exit 2
    ! millrace: invalid value '0' for '--max-updates <N>': 0 is not in 1..18446744073709551615
    ! hint: `millrace status watch --help` shows what there is
    ");
}

/// F-43: the whole page where something is blocked, so that no line of it gets lost.
#[test]
fn f43_what_is_blocked_is_reported_with_its_reason_and_its_evidence() {
    let repo = TestRepo::with_commit();
    script(&repo, HOPELESS);
    queue(&repo, &task("a"));
    queue(&repo, &task_with("b", "depends_on: [a]\n"));
    well(&repo, &["run", "daemon", "--until-idle"]);
    well(&repo, &["pause", "--reason", "look first"]);
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    let page = filtered(&repo, &well(&repo, &["status"])).replace(&today, "[day]");
    let page =
        ["0 s", "1 s", "2 s"].iter().fold(page, |page, age| page.replace(&format!(", {age},"), ", [age],"));
    insta::assert_snapshot!(page, @"
    workspace  [repo]
    ledger     number 16, [oid]
    plan       plan-standard_plain-[id]
    mode       standard_plain
    runtime    none

           queued  waiting  held  active  blocked  done  archived
    tasks  0       1        0     0       1        0     0

    dispatch rests: operator: look first (since [time], [age], until operator lifts it)

    waiting:
      task/b  waits for a (blocked)

    blocked:
      task/a  consultant:BLOCKED (builder_blocked) at builder, run [run]
              evidence: refs/millrace/state:runs/[day]/[run]

    next: nothing is ready: 1 blocked, 1 waiting
    ");
}
