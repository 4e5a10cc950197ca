//! Running programs and what comes to them from outside: ideas that are dropped, and changes of the configuration.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use super::site::{Daemon, STRAIGHT, Site, text, wait_until};
use crate::support::repo::TestRepo;

/// Watched; without an event one would wait for ten minutes.
const WATCHED: &str = "[watchers]\nenabled = true\ndebounce_ms = 50\n[runtime]\nidle_sleep_seconds = 600\n";

/// A planner that waits for a sign.
const PLANS_AT_A_SIGN: &str = r"
stages:
  planner:
    - - run: {argv: [sh, -c, 'touch @/planning; until [ -e @/go ]; do sleep 0.05; done']}
      - result: {terminal_result: BLOCKED}
";

fn watched(script: &str) -> Site {
    let site = Site::with(TestRepo::with_commit(), WATCHED, script);
    std::fs::create_dir_all(site.repo.path().join("ideas/inbox")).expect("an inbox");
    site
}

fn drop_idea(site: &Site, name: &str, text: &str) {
    site.repo.write(&format!("ideas/inbox/{name}.md"), text);
}

fn has(site: &Site, path: &str) -> bool {
    site.paths().iter().any(|found| found == path)
}

/// Paths of the ledger below a folder.
fn below(site: &Site, folder: &str) -> Vec<String> {
    site.paths().into_iter().filter(|path| path.starts_with(folder)).collect()
}

/// Starts a daemon and waits until it sleeps.
fn asleep(site: &Site) -> Daemon {
    let sessions =
        || site.repo.git(&["log", "--format=%s", "refs/millrace/state"]).matches("session: ").count();
    let before = sessions();
    let daemon = site.daemon(&[]);
    wait_until("a session", || sessions() > before);
    std::thread::sleep(Duration::from_millis(500));
    daemon
}

fn tip(site: &Site) -> String {
    site.repo.git(&["rev-parse", "refs/millrace/state"])
}

/// Ends a daemon; the lines that it said.
#[track_caller]
fn lines_of(daemon: Daemon) -> Vec<String> {
    daemon.signal(Signal::TERM);
    let (status, out, err) = daemon.ended();
    assert!(status.success(), "{out}{err}");
    out.lines().map(str::to_owned).collect()
}

#[test]
fn f65_a_sleeping_daemon_wakes_for_an_idea_and_the_users_tree_stays_as_it_is() {
    let site = watched(PLANS_AT_A_SIGN);
    let daemon = asleep(&site);
    let begun = Instant::now();
    drop_idea(&site, "login", "# Login\n\nRefuse a wrong password.\n");
    wait_until("the idea in the ledger", || has(&site, "ideas/login.md"));
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    site.await_sign("planning");
    assert!(has(&site, "specs/active/idea-login.md"), "{:#?}", site.paths());
    assert_eq!(site.repo.read("ideas/inbox/login.md"), "# Login\n\nRefuse a wrong password.\n");
    assert_eq!(std::fs::read_dir(site.repo.path().join("ideas/inbox")).expect("an inbox").count(), 1);
    drop(daemon);
    site.sound();
}

#[test]
fn run_once_takes_the_inbox_in_and_what_its_stage_wrote_there_is_held() {
    let script = r#"
stages:
  planner:
    - - write: {path: ideas/inbox/agent.md, content: "Work for ever.\n"}
      - result: {terminal_result: BLOCKED}
"#;
    let site = watched(script);
    drop_idea(&site, "login", "Refuse a wrong password.\n");
    let output = site.run(&["run", "once"]);
    let said = text(&output.stderr);
    assert!(said.contains("took ideas/inbox/login.md: spec/idea-login is queued\n"), "{said}");
    let held =
        "took ideas/inbox/agent.md: spec/idea-agent is held: ideas/inbox/agent.md came while a stage ran";
    assert!(said.contains(held), "{said}");
    assert!(text(&output.stdout).contains("planner"), "{}", text(&output.stdout));
    assert_eq!(below(&site, "specs/held/").len(), 1);
    site.sound();
}

#[test]
fn f15_f49_an_idle_daemon_says_once_and_writes_nothing() {
    let site = watched(STRAIGHT);
    let config = site.repo.read("millrace-agents/millrace.toml").replace("= 600", "= 0.1");
    site.configure(&config);
    drop_idea(&site, "empty", "\n");
    let daemon = asleep(&site);
    let (before, worked) = (tip(&site), daemon.worked());
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(tip(&site), before);
    let worked = daemon.worked().saturating_sub(worked);
    assert!(worked < Duration::from_millis(1500), "{worked:?} of 3 s");
    let said = lines_of(daemon);
    assert_eq!(said.len(), 3, "{said:#?}");
    // Which comes first is a matter of how long the file has to be still.
    let mut first = said[..2].to_vec();
    first.sort();
    assert_eq!(first[0], "idle: waiting for work");
    assert!(first[1].starts_with("warning: ideas/inbox/empty.md:1: "), "{said:#?}");
    assert!(said[2].starts_with("ended: signal, 0 stages,"), "{said:#?}");
}

#[test]
fn f16_fifty_ideas_at_once_are_a_visible_queue_with_one_root_at_a_time() {
    let site = watched(PLANS_AT_A_SIGN);
    for n in 0..50 {
        drop_idea(&site, &format!("n{n:02}"), &format!("Number {n}.\n"));
    }
    let mut daemon = asleep(&site);
    site.await_sign("planning");
    assert_eq!(below(&site, "ideas/").len(), 50);
    assert_eq!(below(&site, "specs/queued/").len(), 49);
    assert_eq!(below(&site, "specs/active/"), ["specs/active/idea-n00.md"]);
    let queue = site.json(&["queue", "ls"]);
    let waits = |item: &&Value| {
        let holds = item["because"]["holds"].as_array();
        holds.is_some_and(|holds| {
            holds.iter().any(|why| why.as_str().unwrap_or("").starts_with("root_open: "))
        })
    };
    assert_eq!(queue["items"].as_array().expect("items").iter().filter(waits).count(), 49);
    assert!(daemon.runs());
    drop(daemon);
    site.sound();
}

/// M-06, F-31: files that go, and roots that queue up, end no daemon.
#[test]
fn m06_an_inbox_that_goes_ends_nothing() {
    let site = watched(STRAIGHT);
    let mut daemon = asleep(&site);
    std::fs::remove_dir_all(site.repo.path().join("ideas")).expect("removed");
    std::fs::write(site.repo.path().join("ideas"), "no folder").expect("a file");
    std::thread::sleep(Duration::from_millis(500));
    assert!(daemon.runs());
    site.add("one");
    wait_until("work goes on", || site.state_of("one") == "done");
    let said = lines_of(daemon);
    let about = said.iter().filter(|line| line.starts_with("warning: ")).count();
    assert_eq!(about, 1, "{said:#?}");
}

/// F-57: what waits is looked at again, however long an idle daemon sleeps.
#[test]
fn f57_a_wait_does_not_sleep_as_long_as_an_idle_daemon() {
    let site = watched(STRAIGHT);
    let daemon = asleep(&site);
    let merging = site.repo.git_dir().join("MERGE_HEAD");
    std::fs::write(&merging, site.repo.git(&["rev-parse", "HEAD"]) + "\n").expect("a merge");
    site.add("one");
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(site.state_of("one"), "queued");
    std::fs::remove_file(&merging).expect("finished");
    wait_until("the work", || site.state_of("one") == "done");
    let said = lines_of(daemon);
    assert!(said.iter().any(|line| line.starts_with("waits: ")), "{said:#?}");
}

/// What a running daemon says of its configuration.
fn of_config(said: &[String]) -> Vec<&str> {
    said.iter().filter_map(|line| line.strip_prefix("configuration: ")).collect()
}

#[test]
fn a_running_daemon_takes_over_what_it_may_and_says_what_needs_a_compile() {
    let site = watched(STRAIGHT);
    let config = site.repo.read("millrace-agents/millrace.toml");
    let off = config.replace("enabled = true", "enabled = false");
    site.configure(&off);
    let daemon = asleep(&site);
    let write = |text: &str| {
        site.repo.write("millrace-agents/millrace.toml", text);
        // Much longer than a file has to rest, for machines that are busy.
        std::thread::sleep(Duration::from_secs(3));
    };
    drop_idea(&site, "empty", "");
    // Broken: everything stays as it was. Said once for each content.
    write("[watchers]\nenabled = maybe\n");
    write("[watchers]\nenabled = maybe\n# still\n");
    let before = tip(&site);
    // Whole again, with one key for now and two for a compile.
    let limits = "[limits]\nmax_open_roots = 2\nmax_interruptions = 4\n";
    write(&format!("{config}{limits}[stages.builder]\ntimeout_seconds = 77\n"));
    assert_eq!(tip(&site), before, "nothing of it is a transition");
    // Compiled by somebody: nothing is left to be said of these keys.
    let last = format!("{config}{limits}[stages.builder]\ntimeout_seconds = 78\n");
    let other = site.repo.beside().join("other.toml");
    std::fs::write(&other, &last).expect("a file");
    site.ok(&["compile", "validate", "--config", &other.display().to_string()]);
    write(&last);
    std::fs::remove_file(site.repo.path().join("millrace-agents/millrace.toml")).expect("removed");
    std::thread::sleep(Duration::from_secs(3));
    let said = lines_of(daemon);
    let news = of_config(&said);
    assert_eq!(news.len(), 5, "{said:#?}");
    assert!(news[0].starts_with("millrace-agents/millrace.toml:2: "), "{news:#?}");
    assert!(news[0].ends_with("; what counted before counts on"), "{news:#?}");
    assert_eq!(
        news[1..],
        [
            "the file can be read again",
            "taken over: watchers.enabled",
            "changed, not compiled: limits.max_interruptions, limits.max_open_roots, stages.builder.timeout_seconds; \
             `millrace compile validate` makes a plan of it",
            "millrace-agents/millrace.toml is gone; what counted before counts on",
        ]
    );
    assert!(said.iter().any(|line| line.starts_with("warning: ideas/inbox/empty.md")), "{said:#?}");
}

#[test]
fn a_configuration_that_is_broken_at_the_start_leaves_the_plan_and_what_it_was_made_from() {
    let site = watched(STRAIGHT);
    site.repo.write("millrace-agents/millrace.toml", "[watchers\n");
    site.add("one");
    drop_idea(&site, "empty", "");
    let output = site.run(&["run", "daemon", "--until-idle", "--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let events: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let of = |event: &str| events.iter().filter(|line| line["data"]["event"] == event).count();
    assert_eq!((of("config"), of("warning"), of("stage")), (1, 1, 3), "{events:#?}");
    assert_eq!(site.state_of("one"), "done");
}
