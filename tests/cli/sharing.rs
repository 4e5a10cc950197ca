//! Sharing a ledger between machines: over a real remote, there and back.

use std::fs;
use std::path::Path;

use super::commands::{call, data, everything, millrace, queue, script, task, well};
use super::following::Following;
use super::machines::{Machines, approve, tip, url};
use crate::support::repo::TestRepo;

fn refs(repo: &TestRepo, below: &str) -> String {
    repo.git(&["for-each-ref", "--format=%(objectname) %(refname)", below])
}

/// The items of an answer, as text.
fn texts(value: &serde_json::Value) -> Vec<String> {
    value.as_array().expect("a list").iter().map(|one| one.as_str().expect("a text").to_owned()).collect()
}

/// A queue goes from one machine to another, is worked off there, and comes back done.
fn handed_over(arguments: &[&str]) {
    let machines = Machines::with(arguments);
    let (a, b) = (&machines.a, &machines.b);
    queue(a, &task("one"));
    queue(a, &task("two"));
    well(a, &["share", "origin", "--runs"]);
    let before = (refs(b, "refs/heads"), refs(b, "refs/remotes"), b.git(&["status", "--porcelain"]));

    let fetched = data(b, "fetch", &["fetch", "origin"]);
    assert_eq!(fetched["outcome"], "adopted");
    assert_eq!(fetched["theirs"].as_str(), Some(tip(a).as_str()));
    assert_eq!(texts(&fetched["held"]), ["task/one", "task/two"]);
    assert!(fetched["unapproved"].as_str().is_some_and(|plan| plan.starts_with("plan-")), "{fetched}");
    // One commit of ours, on top of theirs.
    assert_eq!(b.git(&["rev-parse", "refs/millrace/state^"]), tip(a));
    assert_eq!(refs(b, "refs/millrace/remotes"), format!("{} refs/millrace/remotes/origin/state", tip(a)));
    // Nothing of it can run before somebody has said so, twice.
    well(b, &["run", "daemon", "--until-idle"]);
    assert_eq!(data(b, "status", &["status"])["counts"]["tasks"]["done"].as_u64().unwrap_or(0), 0);
    well(b, &["release", "--all"]);
    well(b, &["run", "daemon", "--until-idle"]);
    assert!(!b.path().join("built.txt").exists());
    approve(b);
    well(b, &["run", "daemon", "--until-idle"]);
    assert!(b.path().join("built.txt").exists());
    well(b, &["share", "origin", "--runs"]);

    let fetched = data(a, "fetch", &["fetch", "origin"]);
    assert_eq!((&fetched["outcome"], texts(&fetched["held"]).len()), (&"adopted".into(), 0));
    assert_eq!(refs(a, "refs/millrace/runs"), "");
    // The code can come later.
    assert_eq!(texts(&data(a, "fetch", &["fetch", "origin", "--runs"])["runs"]).len(), 2);
    assert_eq!(fetched["unapproved"], serde_json::Value::Null);
    assert!(well(a, &["queue", "ls", "--closed"]).lines().all(|line| line.starts_with("done")));
    // The run branches are here, as they are there.
    assert_eq!(refs(a, "refs/millrace/runs"), refs(b, "refs/millrace/runs"));
    for repo in [a, b] {
        assert_eq!(data(repo, "verify", &["verify"])["sound"], true);
        repo.git(&["fsck", "--full", "--strict"]);
        assert!(!repo.git_dir().join("FETCH_HEAD").exists() || repo.path() == b.path());
    }
    let after = (refs(b, "refs/heads"), refs(b, "refs/remotes"));
    assert_eq!((before.0, before.1), after);
    assert_eq!(before.2, "");
    // And on from there: A has nothing that B lacks.
    assert_eq!(data(b, "fetch", &["fetch", "origin"])["outcome"], "same");
    assert_eq!(data(a, "share", &["share", "origin", "--runs", "-n"])["refs"], serde_json::json!([]));
}

#[test]
fn a_queue_is_handed_over_and_comes_back_done() {
    handed_over(&[]);
}

#[test]
fn a_queue_is_handed_over_and_comes_back_done_in_sha256() {
    handed_over(&["--object-format=sha256"]);
}

#[test]
fn what_is_pushed_is_listed_first_and_a_dry_run_pushes_nothing() {
    let machines = Machines::new();
    let a = &machines.a;
    a.write("notes.txt", "not committed\n");
    a.git(&["commit", "--quiet", "--allow-empty", "-m", "not pushed"]);
    queue(a, &task("one"));
    let secret = format!("{}\nghp_{}\n", task("two"), "abcd".repeat(9));
    let path = a.beside().join("secret.md");
    fs::write(&path, secret).expect("a file");
    well(a, &["queue", "add-task", "--allow-secret", path.to_str().expect("UTF-8")]);
    well(a, &["run", "daemon", "--until-idle"]);
    let listed = data(a, "share", &["share", "origin", "--runs", "--dry-run"]);
    assert_eq!(machines.refs(), "");
    assert_eq!(refs(a, "refs/millrace/remotes"), "");
    let names: Vec<&str> = listed["refs"]
        .as_array()
        .expect("refs")
        .iter()
        .map(|one| one["name"].as_str().expect("a name"))
        .collect();
    assert_eq!(names[0], "refs/millrace/state");
    assert_eq!(names.len(), 3);
    assert_eq!(listed["unpushed_commits"], 1);
    assert_eq!(listed["uncommitted"].as_array().expect("runs").len(), 2);
    assert!(listed["bytes"].as_u64().expect("bytes") > 1000);
    let secrets = texts(&listed["secrets"]);
    assert_eq!(secrets.len(), 1, "{secrets:?}");
    assert!(secrets[0].starts_with("tasks/") && !secrets[0].contains("ghp_a"), "{secrets:?}");

    let text = machines.shown(a, &["share", "origin", "--runs"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[1], "to origin (file://[root]/server.git):");
    assert!(lines[2].starts_with("  refs/millrace/state "), "{text}");
    assert!(lines[2].contains(" new at ") && lines[2].ends_with(" commits"), "{text}");
    for said in [
        "run branches hold the code as it was: nothing is cut out of it",
        "with them go 1 commit of your own that no branch there has",
        "with work that was not committed when they began: [run], [run]",
        "pushed 3 refs to origin",
    ] {
        assert!(lines.contains(&said), "{said}: {text}");
    }
    assert!(text.contains("\nlooks like a secret: tasks/"), "{text}");
    assert_eq!(machines.refs(), refs_of_ours(a));
    // The ledger alone does not bring them.
    let other = Machines::new();
    queue(&other.a, &task("one"));
    well(&other.a, &["run", "daemon", "--until-idle"]);
    well(&other.a, &["share", "origin"]);
    assert_eq!(other.refs(), format!("{} refs/millrace/state", tip(&other.a)));
    assert_eq!(machines.shown(&other.a, &["share", "origin"]), "exit 0\norigin has it all\n");
}

/// The ledger and the run branches, without what is only known of remotes.
fn refs_of_ours(repo: &TestRepo) -> String {
    let all = refs(repo, "refs/millrace");
    all.lines().filter(|line| !line.contains("/remotes/")).collect::<Vec<_>>().join("\n")
}

#[test]
fn nothing_but_the_tracking_refs_comes_of_a_fetch() {
    let machines = Machines::new();
    let (a, b) = (&machines.a, &machines.b);
    queue(a, &task("one"));
    well(a, &["run", "daemon", "--until-idle"]);
    a.git(&["tag", "v1", "refs/millrace/state"]);
    a.git(&["push", "--quiet", "origin", "v1"]);
    well(a, &["share", "origin", "--runs"]);
    for (key, value) in [("fetch.prune", "true"), ("gc.auto", "1"), ("fetch.writeCommitGraph", "true")] {
        b.git(&["config", key, value]);
    }
    // Pruned by an ordinary fetch, if it were asked.
    b.git(&["update-ref", "refs/millrace/remotes/origin/runs/20260101-0000-aaaaaa", "HEAD"]);
    let kept: Vec<_> = everything(&b.git_dir())
        .into_iter()
        .filter(|(path, _)| {
            !["objects", "millrace"].iter().any(|ours| path.starts_with(b.git_dir().join(ours)))
        })
        .filter(|(path, _)| path.is_file())
        .collect();
    let loose = b.git(&["count-objects"]);
    let answer = data(b, "fetch", &["fetch", "origin", "--no-adopt", "--runs"]);
    assert_eq!(
        (answer["outcome"].as_str(), answer["runs"].as_array().map(Vec::len)),
        (Some("fetched"), Some(1))
    );
    assert_eq!(
        b.git_output(&["rev-parse", "--verify", "--quiet", "refs/millrace/state"]).status.code(),
        Some(1)
    );
    let after = everything(&b.git_dir());
    for (path, state) in kept {
        assert_eq!(after.get(&path), Some(&state), "{}", path.display());
    }
    assert_eq!(b.git(&["tag"]), "");
    let tracked = refs(b, "refs/millrace");
    assert_eq!(tracked.lines().count(), 3, "{tracked}");
    assert!(fs::read_dir(b.git_dir().join("millrace/quarantine")).expect("a folder").next().is_none());
    // As packs, and whole.
    assert_eq!(b.git(&["count-objects"]), loose);
    b.git(&["fsck", "--full"]);
    // What is there is not fetched again.
    assert_eq!(data(b, "fetch", &["fetch", "origin", "--no-adopt", "--runs"])["runs"], serde_json::json!([]));
}

#[test]
fn ledgers_that_have_parted_are_named_and_left_alone() {
    let machines = Machines::new();
    let (a, b) = (&machines.a, &machines.b);
    queue(a, &task("one"));
    well(a, &["share", "origin"]);
    let common = tip(a);
    well(b, &["fetch", "origin"]);
    well(b, &["share", "origin"]);
    queue(a, &task("two"));
    let (ours, theirs, served) = (tip(a), tip(b), machines.refs());
    assert_ne!(ours, theirs);
    // What is there is not known here: nothing is pushed over it.
    let text = machines.shown(a, &["share", "origin"]);
    assert_eq!(
        text,
        "exit 1\n! millrace: origin holds [oid] at refs/millrace/state, which is not here; here is [oid]\n\
         ! hint: `millrace fetch origin` goes on from there\n"
    );
    let output = call(a, &["fetch", "origin"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        said.lines().next().expect("a line"),
        format!(
            "millrace: the ledgers have parted: {ours} here and {theirs} on origin both go on from {common}"
        )
    );
    assert!(said.contains(
        "\nhint: nothing was changed; `millrace log` and `millrace log --remote origin` show both"
    ));
    assert_eq!((tip(a), machines.refs()), (ours.clone(), served.clone()));
    let output = call(a, &["share", "origin"]);
    assert!(String::from_utf8_lossy(&output.stderr).starts_with(&format!(
        "millrace: the ledgers have parted: {ours} here and {theirs} on origin both go on from {common}\n"
    )));
    assert_eq!((tip(a), machines.refs()), (ours, served));
    let fetched = data(a, "fetch", &["fetch", "origin", "--no-adopt"]);
    assert_eq!(fetched["outcome"], "diverged");
    assert!(well(a, &["log", "--remote", "origin", "-n", "1"]).contains("adopt: the ledger of origin"));
    // There it can be seen what is here.
    assert_eq!(data(b, "fetch", &["fetch", "origin"])["outcome"], "same");
}

#[test]
fn a_remote_that_is_ahead_or_behind_is_said_to_be() {
    let machines = Machines::new();
    let (a, b) = (&machines.a, &machines.b);
    queue(a, &task("one"));
    well(a, &["share", "origin"]);
    queue(a, &task("two"));
    assert_eq!(
        machines.shown(a, &["fetch", "origin"]),
        "exit 0\norigin is behind by 1 commit; `millrace share origin` brings them there\n"
    );
    well(a, &["share", "origin"]);
    // A clone without the last commits, which then sees them.
    well(b, &["fetch", "origin"]);
    well(b, &["share", "origin"]);
    let text = machines.shown(a, &["fetch", "origin", "--no-adopt"]);
    assert!(text.starts_with("exit 0\nfetched "), "{text}");
    assert!(text.contains(", 1 commit after the ledger here\n"), "{text}");
    let text = machines.shown(a, &["share", "origin"]);
    assert_eq!(
        text,
        "exit 1\n! millrace: origin has gone on: its ledger stands at [oid], 1 commit after [oid] here\n\
         ! hint: `millrace fetch origin` goes on from there\n"
    );
    well(a, &["fetch", "origin"]);
    // Set back by somebody: what is known here is said, and brought there again.
    machines.served(&["update-ref", "refs/millrace/state", &a.git(&["rev-parse", "refs/millrace/state~2"])]);
    let text = machines.shown(a, &["share", "origin"]);
    assert!(
        text.contains("\nnote: origin was set back: it stood at [oid] when it was last looked at"),
        "{text}"
    );
    assert_eq!(machines.refs(), format!("{} refs/millrace/state", tip(a)));
    machines.served(&["update-ref", "-d", "refs/millrace/state"]);
    let text = machines.shown(a, &["share", "origin"]);
    assert!(
        text.contains("\nnote: origin held a ledger at [oid] when it was last looked at, and holds none now"),
        "{text}"
    );
    assert_eq!(machines.refs(), format!("{} refs/millrace/state", tip(a)));
}

#[test]
fn nothing_is_where_nothing_is() {
    let machines = Machines::new();
    assert_eq!(
        machines.shown(&machines.b, &["share", "origin"]),
        "exit 1\n! millrace: there is no ledger here yet: nothing to share\n! hint: `millrace init` begins one\n"
    );
    assert_eq!(
        machines.shown(&machines.b, &["fetch", "origin"]),
        "exit 0\norigin holds no ledger, or hides it\n"
    );
    assert_eq!(
        machines.shown(&machines.b, &["log", "--remote", "origin"]),
        "exit 1\n! millrace: nothing was fetched from origin yet\n! hint: `millrace fetch origin --no-adopt` only fetches\n"
    );
    assert_eq!(
        machines.shown(&machines.a, &["share", "orign"]),
        "exit 2\n! millrace: there is no remote orign\n! hint: did you mean `origin`?\n"
    );
    assert_eq!(
        machines.shown(&machines.a, &["fetch", "somewhere-else"]),
        "exit 2\n! millrace: there is no remote somewhere-else\n\
         ! hint: `git remote` lists the remotes, `git remote add` adds one\n"
    );
    // An option in the place of a name.
    assert_eq!(call(&machines.a, &["fetch", "--", "--upload-pack=x"]).status.code(), Some(2));
}

/// A and the server have gone on from one commit each; B knows nothing of it.
fn parted() -> Machines {
    let machines = Machines::new();
    let (a, b) = (&machines.a, &machines.b);
    queue(a, &task("one"));
    well(a, &["share", "origin"]);
    well(b, &["fetch", "origin"]);
    well(b, &["release", "--all"]);
    queue(b, &task("theirs"));
    queue(b, &task("both"));
    well(b, &["share", "origin"]);
    queue(a, &task("ours"));
    queue(a, &task("both"));
    machines
}

#[test]
fn a_ledger_that_has_parted_gives_way_when_it_is_told_to_and_is_kept() {
    let machines = parted();
    let a = &machines.a;
    let (ours, theirs) = (tip(a), tip(&machines.b));
    let text = machines.shown(a, &["fetch", "origin"]);
    assert!(
        text.ends_with(
            "`millrace fetch origin --replace --dry-run` tells what the one here would lose by that\n"
        ),
        "{text}"
    );
    // First it is said, and nothing is changed.
    let text = super::machines::shortened(&machines.shown(a, &["fetch", "origin", "--replace", "-n"]));
    assert_eq!(
        text,
        "exit 0\nfetched [oid], from which the ledger here does not go on\n\
         would no longer be in the ledger here, and be kept: 2 commits\n  [oid]  enqueue: both\n  [oid]  enqueue: ours\n"
    );
    assert_eq!((tip(a), refs(a, "refs/millrace/backup")), (ours.clone(), String::new()));

    let fetched = data(a, "fetch", &["fetch", "origin", "--replace"]);
    assert_eq!(fetched["outcome"], "replaced");
    assert_eq!(
        refs(a, "refs/millrace/backup"),
        format!("{ours} {}", fetched["kept"].as_str().expect("a ref"))
    );
    assert_eq!(a.git(&["rev-parse", "refs/millrace/state^"]), theirs);
    // What was let in before they parted is; what came since is not, whatever has its name here.
    assert_eq!(texts(&fetched["held"]), ["task/theirs", "task/both"]);
    let subjects: Vec<_> =
        fetched["given_up"].as_array().expect("commits").iter().map(|one| &one["subject"]).collect();
    assert_eq!(subjects, ["enqueue: ours", "enqueue: both"]);
    // It is believed, and nothing accuses it.
    assert_eq!(data(a, "verify", &["verify"])["sound"], true);
    let text = machines.shown(a, &["verify"]);
    assert!(text.starts_with("exit 0\n"), "{text}");
    well(a, &["run", "daemon", "--until-idle"]);
    assert!(well(a, &["queue", "ls", "--closed"]).starts_with("done  task/one"));
    well(a, &["share", "origin"]);
    assert_eq!(machines.refs(), format!("{} refs/millrace/state", tip(a)));
    // What goes on from the one here needs no way to be given.
    well(&machines.b, &["fetch", "origin", "--replace"]);
    assert_eq!(refs(&machines.b, "refs/millrace/backup"), "");
}

#[test]
fn another_ledger_is_taken_only_when_it_is_told_to_and_all_of_it_is_held() {
    let machines = Machines::new();
    let (a, b) = (&machines.a, &machines.b);
    queue(b, &task("one"));
    well(b, &["share", "origin"]);
    queue(a, &task("one"));
    well(a, &["pause", "--reason", "not now"]);
    assert_eq!(call(a, &["fetch", "origin"]).status.code(), Some(1));
    let fetched = data(a, "fetch", &["fetch", "origin", "--replace"]);
    assert_eq!(
        (&fetched["outcome"], texts(&fetched["held"])),
        (&"replaced".into(), vec!["task/one".to_owned()])
    );
    // What rested here rests.
    assert!(well(a, &["status"]).contains("not now"));
    assert_eq!(data(a, "verify", &["verify"])["sound"], true);
}

#[test]
fn a_ledger_gives_way_only_at_rest() {
    let machines = parted();
    let a = &machines.a;
    let daemon = {
        well(a, &["pause"]);
        let daemon = Following::start(a, &["run", "daemon"]);
        while data(a, "status", &["status"])["runtime"].is_null() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        daemon
    };
    let before = tip(a);
    assert_eq!(call(a, &["fetch", "origin", "--replace"]).status.code(), Some(4));
    assert_eq!((tip(a), refs(a, "refs/millrace/backup")), (before, String::new()));
    assert_eq!(daemon.interrupt().0, Some(0));
    well(a, &["resume"]);
    well(a, &["run", "once"]);
    let before = tip(a);
    for arguments in [&["fetch", "origin", "--replace"][..], &["fetch", "origin", "--replace", "-n"]] {
        assert_eq!(
            machines.shown(a, arguments),
            "exit 4\n! millrace: run [run] is at work here, or has left changes in the work tree: the ledger here cannot \
             give way\n! hint: nothing was changed; let run [run] end, or cancel it, and run the runtime until it is idle\n"
        );
    }
    well(a, &["cancel", &a_run(a)]);
    assert_eq!(call(a, &["fetch", "origin", "--replace"]).status.code(), Some(4));
    assert_eq!(refs(a, "refs/millrace/backup"), "");
    assert_ne!(tip(a), before);
    well(a, &["pause"]);
    well(a, &["run", "daemon", "--until-idle"]);
    assert_eq!(data(a, "fetch", &["fetch", "origin", "--replace"])["outcome"], "replaced");
}

#[test]
fn a_ledger_that_holds_nothing_yet_gives_way_by_itself_and_is_kept() {
    let machines = Machines::new();
    let (a, b) = (&machines.a, &machines.b);
    queue(a, &task("one"));
    well(a, &["share", "origin"]);
    well(b, &["fetch", "origin", "--no-adopt"]);
    // Any command that begins a ledger.
    well(b, &["pause", "--reason", "first"]);
    let own = tip(b);
    let fetched = data(b, "fetch", &["fetch", "origin"]);
    assert_eq!(
        (&fetched["outcome"], texts(&fetched["held"])),
        (&"replaced".into(), vec!["task/one".to_owned()])
    );
    assert_eq!(
        refs(b, "refs/millrace/backup"),
        format!("{own} {}", fetched["kept"].as_str().expect("a ref"))
    );
    assert!(well(b, &["status"]).contains("first"));
    assert_eq!(data(b, "verify", &["verify"])["sound"], true);
    well(b, &["share", "origin"]);
}

#[test]
fn a_run_branch_that_ends_with_something_else_is_named_and_not_taken() {
    let machines = Machines::new();
    let (a, b) = (&machines.a, &machines.b);
    queue(a, &task("one"));
    well(a, &["run", "daemon", "--until-idle"]);
    well(a, &["share", "origin", "--runs"]);
    let run = a_run(a);
    let name = format!("refs/millrace/runs/{run}");
    let due = machines.served(&["rev-parse", &name]);
    let tree = format!("{due}^{{tree}}");
    let other = machines.served(&[
        "-c",
        "user.name=x",
        "-c",
        "user.email=x@localhost",
        "commit-tree",
        "-p",
        &due,
        "-m",
        "evil",
        &tree,
    ]);
    machines.served(&["update-ref", &name, &other]);
    let fetched = data(b, "fetch", &["fetch", "origin", "--runs"]);
    assert_eq!(fetched["other_ends"], serde_json::json!([{"run": run, "found": other, "due": due}]));
    // What the ledger names is taken, and no more.
    let taken = b.git(&["rev-parse", &name]);
    assert_eq!(taken, b.git(&["rev-parse", &format!("{due}^")]));
    let text = super::machines::shortened(&machines.shown(b, &["fetch", "origin", "--runs"]));
    assert!(
        text.contains(
            "\nrun [run]: its branch on origin ends at [oid], and not with the closing commit [oid] that the ledger makes; \
             nothing of that was taken over\n"
        ),
        "{text}"
    );
    assert_eq!(b.git(&["rev-parse", &name]), taken);
}

#[test]
fn a_partial_clone_fetches_a_ledger_whole() {
    let machines = Machines::new();
    let a = &machines.a;
    a.write("more.txt", "more\n");
    queue(a, &task("one"));
    well(a, &["run", "daemon", "--until-idle"]);
    well(a, &["share", "origin", "--runs"]);
    machines.served(&["config", "uploadpack.allowFilter", "true"]);
    machines.served(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
    let c = TestRepo::init_with(&[]);
    c.git(&["remote", "add", "origin", &url(&machines.server)]);
    c.git(&["config", "remote.origin.promisor", "true"]);
    c.git(&["config", "remote.origin.partialclonefilter", "blob:none"]);
    c.git(&["fetch", "--quiet", "--filter=blob:none", "origin"]);
    let missing = |of: &str| c.git(&["rev-list", "--objects", "--missing=print", of]).matches("\n?").count();
    assert!(missing("refs/remotes/origin/main") > 0, "no partial clone");
    assert_eq!(data(&c, "fetch", &["fetch", "origin", "--runs"])["outcome"], "adopted");
    // With the server gone everything of it is here.
    c.git(&["config", "remote.origin.url", "file:///nowhere/at/all.git"]);
    assert_eq!(missing("refs/millrace/state"), 0);
    assert_eq!(data(&c, "verify", &["verify"])["sound"], true);
    assert_eq!(c.git(&["show", &format!("refs/millrace/runs/{}:built.txt", a_run(a))]), "built");
    assert_eq!(c.git(&["show", &format!("refs/millrace/runs/{}:more.txt", a_run(a))]), "more");
}

#[test]
fn another_ledger_is_left_alone() {
    let machines = Machines::new();
    let (a, b) = (&machines.a, &machines.b);
    queue(a, &task("own"));
    queue(b, &task("other"));
    well(b, &["share", "origin"]);
    let (ours, served) = (tip(a), machines.refs());
    let text = machines.shown(a, &["fetch", "origin"]);
    assert_eq!(
        text,
        "exit 1\n! millrace: origin holds another ledger: [oid] there, [oid] here\n\
         ! hint: nothing was changed; `millrace log --remote origin` shows what it is, and `millrace fetch origin --replace \
         --dry-run` what the ledger here would lose by giving way\n"
    );
    let text = machines.shown(a, &["share", "origin"]);
    assert_eq!(
        text,
        "exit 1\n! millrace: origin holds another ledger: [oid] there, [oid] here\n\
         ! hint: a repository holds one ledger: share it somewhere else\n"
    );
    assert_eq!((tip(a), machines.refs()), (ours, served));
}

#[test]
fn a_stage_that_is_under_way_keeps_its_ledger_where_it_is() {
    let machines = Machines::new();
    let (a, b) = (&machines.a, &machines.b);
    queue(a, &task("one"));
    well(a, &["share", "origin"]);
    well(b, &["fetch", "origin"]);
    let before = tip(b);
    well(b, &["share", "origin"]);
    well(a, &["fetch", "origin"]);
    script(a, "stages:\n  builder:\n    - - write: {path: built.txt, content: x}\n      - sleep: 120\n");
    well(a, &["release", "--all"]);
    let running = Following::start(a, &["run", "once"]);
    let launched = || a.git(&["log", "-1", "--format=%s", "refs/millrace/state"]).starts_with("launch:");
    while !launched() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    well(a, &["share", "origin"]);
    let text = machines.shown(b, &["fetch", "origin"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "exit 4", "{text}");
    assert!(
        lines[1].starts_with("! millrace: run [run] has execution/builder under way there since "),
        "{text}"
    );
    assert!(lines[1].ends_with("): stop that runtime, let it share, then fetch"), "{text}");
    assert_eq!(lines[2], "! hint: nothing was adopted");
    assert_eq!(tip(b), before);
    // Its run branch would be at hand, and its code is shared as the ledger knows it.
    well(a, &["share", "origin", "--runs"]);
    drop(running);
    well(a, &["cancel", &a_run(a)]);
    well(a, &["run", "daemon", "--until-idle"]);
    well(a, &["share", "origin", "--runs"]);
    assert_eq!(data(b, "fetch", &["fetch", "origin"])["outcome"], "adopted");
}

fn a_run(repo: &TestRepo) -> String {
    let runs = well(repo, &["runs", "ls"]);
    runs.split_whitespace().next().expect("a run").to_owned()
}

#[test]
fn a_run_that_is_active_comes_with_its_code_and_rests() {
    let machines = Machines::new();
    let (a, b) = (&machines.a, &machines.b);
    queue(a, &task("one"));
    well(a, &["run", "once"]);
    let text = well(a, &["share", "origin"]);
    assert!(
        text.contains(" has not ended, and its code stays here: it goes on elsewhere only where `--runs`"),
        "{text}"
    );
    let text = well(a, &["share", "origin", "--runs"]);
    assert!(!text.contains("stays here"), "{text}");
    // What is there already need not be said.
    assert!(!well(a, &["share", "origin"]).contains("stays here"));
    // Not asked for, and fetched all the same: a run that is to go on needs it.
    let fetched = data(b, "fetch", &["fetch", "origin"]);
    assert_eq!((fetched["outcome"].as_str(), texts(&fetched["begun"])), (Some("adopted"), vec![a_run(a)]));
    assert_eq!(refs(b, "refs/millrace/runs"), refs(a, "refs/millrace/runs"));
    approve(b);
    let text = well(b, &["run", "daemon", "--until-idle"]);
    assert!(text.contains("waits: approval: fetched from origin and begun there: "), "{text}");
    assert!(text.contains("; `millrace resume --cause approval` lets it go on"), "{text}");

    // It goes on once somebody has said so, and not without its code.
    let text = machines.shown(b, &["resume", "--cause", "approval"]);
    assert_eq!(
        text,
        "exit 1\n! millrace: the work tree has not the code of run [run]: built.txt\n\
         ! hint: `millrace recover [run] --code` puts it there, and keeps what is there; or `millrace cancel task/one`\n"
    );
    well(b, &["recover", "--code"]);
    assert!(well(b, &["resume", "--cause", "approval"]).contains("the pause of operator is lifted"));
    assert!(well(b, &["resume", "--cause", "approval"]).contains("nothing that was begun elsewhere waits"));
    let text = well(b, &["run", "daemon", "--until-idle"]);
    assert!(text.contains("ended: idle"), "{text}");
    assert!(well(b, &["queue", "ls", "--closed"]).starts_with("done"));
    assert_eq!(b.git(&["show", &format!("refs/millrace/runs/{}:built.txt", a_run(a))]), "built");
    well(b, &["share", "origin", "--runs"]);
    assert_eq!(data(a, "fetch", &["fetch", "origin", "--runs"])["outcome"], "adopted");
    assert!(well(a, &["queue", "ls", "--closed"]).starts_with("done"));
}

#[test]
fn a_run_whose_code_was_not_shared_rests_until_it_comes() {
    let machines = Machines::new();
    let (a, b) = (&machines.a, &machines.b);
    queue(a, &task("one"));
    well(a, &["run", "once"]);
    well(a, &["share", "origin"]);
    let text = machines.shown(b, &["fetch", "origin"]);
    assert!(
        text.contains(
            "\nrun [run] has no code here, and cannot go on: `millrace share REMOTE --runs` where it was begun, then \
             `millrace fetch origin`\n"
        ),
        "{text}"
    );
    approve(b);
    let refused = machines.shown(b, &["resume", "--cause", "approval"]);
    assert_eq!(
        refused,
        "exit 1\n! millrace: the code of run [run] is not in this repository: `millrace share REMOTE --runs` where it was \
         begun, then `millrace fetch REMOTE`; or cancel task/one\n"
    );
    assert!(well(b, &["run", "daemon", "--until-idle"]).contains("waits: approval: "));
    well(a, &["share", "origin", "--runs"]);
    let fetched = data(b, "fetch", &["fetch", "origin"]);
    assert_eq!((texts(&fetched["runs"]), texts(&fetched["without_code"]).len()), (vec![a_run(a)], 0));
    assert_eq!(refs(b, "refs/millrace/runs"), refs(a, "refs/millrace/runs"));
    well(b, &["recover", "--code"]);
    well(b, &["resume", "--cause", "approval"]);
    well(b, &["run", "daemon", "--until-idle"]);
    assert!(well(b, &["queue", "ls", "--closed"]).starts_with("done"));
}

#[test]
fn a_run_whose_code_never_comes_can_be_cancelled() {
    let machines = Machines::new();
    let (a, b) = (&machines.a, &machines.b);
    queue(a, &task("one"));
    well(a, &["run", "once"]);
    well(a, &["share", "origin"]);
    well(b, &["fetch", "origin"]);
    approve(b);
    well(b, &["cancel", "task/one"]);
    well(b, &["resume", "--cause", "approval"]);
    queue(b, &task("two"));
    well(b, &["run", "daemon", "--until-idle"]);
    assert!(well(b, &["queue", "show", "two"]).contains("done"));
    assert_eq!(data(b, "verify", &["verify"])["sound"], true);
}

#[test]
fn a_run_that_comes_back_further_on_rests_until_its_code_is_there() {
    let machines = Machines::new();
    let (a, b) = (&machines.a, &machines.b);
    let later = "  checker:\n    - - write: {path: checked.txt, content: x}\n      - result: ";
    for repo in [a, b] {
        script(repo, &super::commands::STRAIGHT.replace("  checker:\n    - - result: ", later));
    }
    queue(a, &task("one"));
    well(a, &["run", "once"]);
    well(a, &["share", "origin", "--runs"]);
    well(b, &["fetch", "origin"]);
    approve(b);
    well(b, &["recover", "--code"]);
    well(b, &["resume", "--cause", "approval"]);
    well(b, &["run", "once"]);
    well(b, &["share", "origin", "--runs"]);
    assert_eq!(texts(&data(a, "fetch", &["fetch", "origin"])["begun"]), [a_run(a)]);
    assert!(well(a, &["run", "daemon", "--until-idle"]).contains("waits: approval: "));
    let text = machines.shown(a, &["resume", "--cause", "approval"]);
    assert!(text.contains("the work tree has not the code of run [run]: checked.txt\n"), "{text}");
    well(a, &["recover", "--code"]);
    well(a, &["resume", "--cause", "approval"]);
    well(a, &["run", "daemon", "--until-idle"]);
    assert!(well(a, &["queue", "ls", "--closed"]).starts_with("done"));
    assert_eq!(a.git(&["show", &format!("refs/millrace/runs/{}:checked.txt", a_run(a))]), "x");
}

#[test]
fn a_run_from_elsewhere_that_loses_its_code_waits_for_it() {
    let machines = Machines::new();
    let (a, b) = (&machines.a, &machines.b);
    queue(a, &task("one"));
    well(a, &["run", "once"]);
    well(a, &["share", "origin", "--runs"]);
    well(b, &["fetch", "origin"]);
    approve(b);
    well(b, &["recover", "--code"]);
    well(b, &["resume", "--cause", "approval"]);
    fs::remove_file(b.path().join("built.txt")).expect("there");
    let text = well(b, &["run", "daemon", "--until-idle"]);
    assert!(text.contains("waits: code_left_behind: the work tree has lost what run "), "{text}");
    well(b, &["recover", "--code"]);
    well(b, &["run", "daemon", "--until-idle"]);
    assert!(well(b, &["queue", "ls", "--closed"]).starts_with("done"));
}

#[test]
fn a_ledger_that_is_false_is_not_adopted() {
    let machines = Machines::new();
    let (a, b) = (&machines.a, &machines.b);
    queue(a, &task("one"));
    well(a, &["share", "origin"]);
    well(b, &["fetch", "origin"]);
    well(b, &["share", "origin"]);
    let before = tip(a);
    super::errors::forge(b, "tasks/queued/0/000.evil.md", Some("evil\n"));
    b.git(&["push", "--quiet", "origin", "refs/millrace/state"]);
    let text = machines.shown(a, &["fetch", "origin"]);
    assert!(
        text.starts_with("exit 5\n! millrace: the ledger of origin is false at commit [oid] (number "),
        "{text}"
    );
    assert!(
        text.ends_with("! hint: nothing was adopted; `millrace log --remote origin` shows it\n"),
        "{text}"
    );
    assert_eq!(tip(a), before);
    // Nor is it where there was nothing.
    let c = TestRepo::with_commit();
    c.git(&["remote", "add", "origin", &url(&machines.server)]);
    assert_eq!(call(&c, &["fetch", "origin"]).status.code(), Some(5));
    assert_eq!(
        c.git_output(&["rev-parse", "--verify", "--quiet", "refs/millrace/state"]).status.code(),
        Some(1)
    );
    // Something else under that name.
    for (what, code) in [("main", 1), ("main:README.md", 1)] {
        let oid = machines.served(&["rev-parse", what]);
        machines.served(&["update-ref", "refs/millrace/state", &oid]);
        let output = call(a, &["fetch", "origin"]);
        assert_eq!(output.status.code(), Some(code), "{what}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(tip(a), before);
    }
}

#[test]
fn a_daemon_that_rests_goes_on_with_what_was_fetched() {
    let machines = Machines::new();
    let (a, b) = (&machines.a, &machines.b);
    queue(a, &task("one"));
    well(a, &["share", "origin"]);
    well(b, &["fetch", "origin"]);
    let daemon = Following::start(b, &["run", "daemon"]);
    while data(b, "status", &["status"])["runtime"].is_null() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    well(b, &["share", "origin"]);
    well(a, &["fetch", "origin"]);
    queue(a, &task("two"));
    well(a, &["share", "origin"]);
    assert_eq!(data(b, "fetch", &["fetch", "origin"])["outcome"], "adopted");
    approve(b);
    well(b, &["release", "two"]);
    well(b, &["wait", "two", "--timeout", "60"]);
    assert_eq!(daemon.interrupt().0, Some(0));
}

#[test]
fn the_log_of_a_remote_is_read_without_going_on_with_it() {
    let machines = Machines::new();
    let (a, b) = (&machines.a, &machines.b);
    queue(a, &task("one"));
    queue(a, &task("two"));
    well(a, &["share", "origin"]);
    well(b, &["fetch", "origin", "--no-adopt"]);
    let log = data(b, "log", &["log", "--remote", "origin", "--item", "two"]);
    assert_eq!(log["commits"][0]["subject"], "enqueue: two");
    assert_eq!(log["commits"].as_array().map(Vec::len), Some(1));
    assert_eq!(machines.shown(b, &["log"]), "exit 0\nno ledger yet\n");
    assert_eq!(
        call(b, &["log", "--remote", "../heads"]).status.code(),
        Some(2),
        "a name that leads out of the namespace"
    );
    let log = Following::start(b, &["log", "-f", "-n", "1", "--remote", "origin"]);
    assert!(log.line().contains("enqueue: two"));
    queue(a, &task("three"));
    well(a, &["share", "origin"]);
    well(b, &["fetch", "origin", "--no-adopt"]);
    assert!(log.line().contains("enqueue: three"));
    assert_eq!(log.interrupt().0, Some(0));
}

#[test]
fn a_shallow_server_and_one_with_alternates_give_what_they_have() {
    let machines = Machines::new();
    let a = &machines.a;
    a.git(&["commit", "--quiet", "--allow-empty", "-m", "second"]);
    a.git(&["push", "--quiet", "origin", "main"]);
    queue(a, &task("one"));
    well(a, &["run", "daemon", "--until-idle"]);
    well(a, &["share", "origin", "--runs"]);
    let borrowing = a.beside().join("borrowing.git");
    a.git(&[
        "clone",
        "--quiet",
        "--mirror",
        "--shared",
        machines.server.to_str().expect("UTF-8"),
        borrowing.to_str().expect("UTF-8"),
    ]);
    let shallow = a.beside().join("shallow.git");
    let at = shallow.to_str().expect("UTF-8");
    a.git(&["init", "--quiet", "--bare", at]);
    let (from, all) = (url(&machines.server), "+refs/millrace/*:refs/millrace/*");
    a.git(&["--git-dir", at, "fetch", "--quiet", "--depth=1", &from, all]);
    let c = TestRepo::with_commit();
    c.git(&["remote", "add", "borrowing", &url(&borrowing)]);
    c.git(&["remote", "add", "shallow", &url(&shallow)]);
    // A ledger that was cut off cannot be replayed, and no history of ours is cut off for it.
    let text = machines.shown(&c, &["fetch", "shallow", "--runs"]);
    let expected = "exit 1\n! millrace: shallow cannot be fetched from: commits that came before are missing there, \
                    as in a shallow clone (";
    assert!(text.starts_with(expected), "{text}");
    assert!(!c.git_dir().join("shallow").exists());
    assert_eq!(
        c.git_output(&["rev-parse", "--verify", "--quiet", "refs/millrace/state"]).status.code(),
        Some(1)
    );
    assert_eq!(data(&c, "fetch", &["fetch", "borrowing", "--runs"])["outcome"], "adopted");
    c.git(&["fsck", "--full"]);
}

#[test]
fn a_bare_repository_shares_and_fetches_like_any_other() {
    let machines = Machines::new();
    queue(&machines.a, &task("one"));
    well(&machines.a, &["share", "origin"]);
    let hub = TestRepo::init_with(&["--bare"]);
    hub.git(&["remote", "add", "origin", &url(&machines.server)]);
    assert_eq!(data(&hub, "fetch", &["fetch", "origin"])["outcome"], "adopted");
    well(&hub, &["share", "origin"]);
    assert_eq!(machines.refs(), format!("{} refs/millrace/state", tip(&hub)));
}

#[test]
fn urls_are_rewritten_and_pushed_to_as_git_does_it() {
    let machines = Machines::new();
    let a = &machines.a;
    queue(a, &task("one"));
    let second = a.beside().join("second.git");
    a.git(&[
        "clone",
        "--quiet",
        "--bare",
        machines.server.to_str().expect("UTF-8"),
        second.to_str().expect("UTF-8"),
    ]);
    // A remote that is a mirror, with a rewritten URL.
    let base = format!("file://{}/", a.beside().display());
    a.git(&["config", &format!("url.{base}.insteadOf"), "there:"]);
    a.git(&["remote", "add", "--mirror=push", "short", "there:server.git"]);
    well(a, &["share", "short"]);
    assert_eq!(machines.refs(), format!("{} refs/millrace/state", tip(a)));
    assert!(machines.served(&["rev-parse", "refs/heads/main"]).len() >= 40);
    // A place of its own for pushes.
    a.git(&["config", "remote.origin.pushurl", &url(&second)]);
    well(a, &["share", "origin"]);
    let at_second =
        a.git(&["--git-dir", second.to_str().expect("UTF-8"), "rev-parse", "refs/millrace/state"]);
    assert_eq!(at_second, tip(a));
    // Two of them, which differ.
    let third = a.beside().join("third.git");
    a.git(&["init", "--quiet", "--bare", third.to_str().expect("UTF-8")]);
    a.git(&["config", "--add", "remote.origin.pushurl", &url(&third)]);
    queue(a, &task("two"));
    assert_eq!(
        machines.shown(a, &["share", "origin"]),
        "exit 1\n! millrace: the push URLs of origin hold different ledgers: [oid] and none\n\
         ! hint: give each URL a remote of its own, and share with the one that is behind first\n"
    );
    a.git(&["remote", "add", "third", &url(&third)]);
    a.git(&["push", "--quiet", "third", "refs/millrace/remotes/origin/state:refs/millrace/state"]);
    well(a, &["share", "origin"]);
    for place in [&second, &third] {
        assert_eq!(
            a.git(&["--git-dir", place.to_str().expect("UTF-8"), "rev-parse", "refs/millrace/state"]),
            tip(a)
        );
    }
}

#[test]
fn the_users_way_to_a_server_is_used_and_nothing_is_asked() {
    let machines = Machines::new();
    let a = &machines.a;
    queue(a, &task("one"));
    let ssh = a.beside().join("bin/ssh");
    let asked = a.beside().join("asked");
    program(
        &ssh,
        &format!(
            "#!/bin/sh\nprintf '%s\\n' \"$*\" >>{}\n[ \"$1\" = -G ] && exit 0\nwhile [ $# -gt 1 ]; do shift; done\nexec sh -c \"$1\"\n",
            asked.display()
        ),
    );
    a.git(&["remote", "add", "far", &format!("ssh://git@example.org{}", machines.server.display())]);
    a.git(&["config", "core.sshCommand", &format!("{} -i key", ssh.display())]);
    well(a, &["share", "far"]);
    assert_eq!(machines.refs(), format!("{} refs/millrace/state", tip(a)));
    let calls = fs::read_to_string(&asked).expect("calls");
    assert!(calls.lines().all(|line| line.contains("-i key -o BatchMode=yes ")), "{calls}");
    // The environment's wins, as with git.
    fs::remove_file(&asked).expect("a file");
    let output = millrace(a, &["fetch", "far"])
        .env("GIT_SSH_COMMAND", format!("{} -i other -o BatchMode=no", ssh.display()))
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let calls = fs::read_to_string(&asked).expect("calls");
    assert!(calls.contains("-i other -o BatchMode=no -o BatchMode=yes "), "{calls}");
}

/// A program in a file of its own.
pub(super) fn program(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a mode");
}

#[test]
fn doctor_names_what_would_overwrite_a_ledger() {
    let machines = Machines::new();
    let a = &machines.a;
    let refspecs = || {
        let text = String::from_utf8(call(a, &["doctor"]).stdout).expect("UTF-8");
        text.lines().filter(|line| line.contains("refspec")).map(str::to_owned).collect::<Vec<_>>()
    };
    a.git(&[
        "config",
        "--add",
        "remote.origin.fetch",
        "+refs/millrace/state:refs/millrace/remotes/origin/state",
    ]);
    a.git(&["config", "--add", "remote.origin.push", "refs/heads/*:refs/heads/*"]);
    a.git(&["config", "remote.origin.mirror", "false"]);
    assert_eq!(refspecs(), [""; 0]);
    for (key, value, level) in [
        ("remote.far.mirror", "true", "warning"),
        ("remote.far.push", "+refs/*:refs/*", "warning"),
        ("remote.far.push", "+refs/millrace/state", "warning"),
        ("remote.far.fetch", "+refs/millrace/*:refs/millrace/*", "error"),
    ] {
        a.git(&["config", key, value]);
        let found = refspecs();
        assert_eq!(found.len(), 1, "{key} = {value}: {found:?}");
        assert!(found[0].starts_with(level) && found[0].contains(&format!("{key} = {value}")), "{found:?}");
        a.git(&["config", "--unset-all", key]);
    }
}
