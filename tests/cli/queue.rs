//! What is asked of the queue: which items there are, why each does not run, how to go on, and what to write for a new
//! one.

use super::commands::{
    STRAIGHT, call, data, everything, fed, filtered, queue, said, script, task, task_with, well,
};
use crate::support::repo::TestRepo;

/// A script in which the consultant gives up.
const HOPELESS: &str = "
stages:
  builder:
    - - result: {terminal_result: BLOCKED, summary: No.}
  troubleshooter:
    - - result: {terminal_result: BLOCKED, summary: No.}
  consultant:
    - - result: {terminal_result: BLOCKED, summary: Never.}
";

/// A table as cells, with ages named instead of shown: their width changes with the clock.
fn cells(repo: &TestRepo, text: &str) -> String {
    let aged = |cell: &str| {
        let is_age =
            cell.ends_with(" s") && cell.bytes().all(|b| b.is_ascii_digit() || b" mins".contains(&b));
        if is_age { "[age]".to_owned() } else { cell.to_owned() }
    };
    let row = |line: &str| {
        line.split("  ").filter(|cell| !cell.is_empty()).map(str::trim).map(aged).collect::<Vec<_>>()
    };
    filtered(repo, text).lines().map(|line| row(line).join(" | ") + "\n").collect()
}

fn listed(repo: &TestRepo, arguments: &[&str]) -> String {
    let mut all = vec!["queue", "ls"];
    all.extend_from_slice(arguments);
    cells(repo, &well(repo, &all))
}

/// A reason without the time that has passed, which goes on between two commands.
fn steady(why: &serde_json::Value) -> String {
    let why = why.as_str().expect("a reason");
    let Some((before, after)) = why.split_once(", since ") else { return why.to_owned() };
    let (since, after) = after.split_once(" (").expect("a time");
    let (_, after) = after.split_once(')').expect("a duration");
    format!("{before}, since {since}{after}")
}

/// The reason of an item, from each command that shows it; they have to agree.
#[track_caller]
fn reason(repo: &TestRepo, item: &str) -> String {
    let shown = data(repo, "queue_show", &["queue", "show", item]);
    let listed = data(repo, "queue_ls", &["queue", "ls", "--limit", "0"]);
    let of_list =
        listed["items"].as_array().expect("items").iter().find(|one| one["item"] == item).expect("listed");
    assert_eq!(steady(&shown["why"]), steady(&of_list["why"]));
    assert_eq!(shown["because"]["cause"], of_list["because"]["cause"]);
    let status = data(repo, "status", &["status"]);
    for state in ["waiting", "blocked"] {
        for one in status[state]["items"].as_array().expect("items") {
            if one["item"] == item {
                assert_eq!(one["why"], shown["why"]);
            }
        }
    }
    filtered(repo, &steady(&shown["why"]))
}

#[test]
fn it_is_listed_by_state_with_title_age_priority_and_reason() {
    let repo = TestRepo::with_commit();
    queue(&repo, &task("a"));
    queue(&repo, &task_with("urgent", "priority: 0\n"));
    queue(&repo, &task_with("after-a", "depends_on: [a]\n"));
    queue(&repo, &task_with("lost", "depends_on: [never]\n"));
    insta::assert_snapshot!(listed(&repo, &[]), @"
    waiting | task/after-a | p5 | [age] | The task after-a | waits for a (queued)
    waiting | task/lost | p5 | [age] | The task lost | waits for never, which does not exist
    queued | task/urgent | p0 | [age] | The task urgent | next; dispatch rests: no_plan: no plan is selected; no runtime lives
    queued | task/a | p5 | [age] | The task a | number 2 in the order of claims; dispatch rests: no_plan: no plan is selected; no runtime lives
    ");
    insta::assert_snapshot!(listed(&repo, &["--limit", "1"]), @"
    waiting | task/after-a | p5 | [age] | The task after-a | waits for a (queued)
    queued | task/urgent | p0 | [age] | The task urgent | next; dispatch rests: no_plan: no plan is selected; no runtime lives
    and 1 more waiting (--limit 0 lists all)
    and 1 more queued (--limit 0 lists all)
    ");
    insta::assert_snapshot!(listed(&repo, &["--state", "waiting"]), @"
    waiting | task/after-a | p5 | [age] | The task after-a | waits for a (queued)
    waiting | task/lost | p5 | [age] | The task lost | waits for never, which does not exist
    ");
    assert_eq!(
        listed(&repo, &["--state", "waiting", "--state", "queued", "--kind", "task"]),
        listed(&repo, &[])
    );
    assert_eq!(listed(&repo, &["--kind", "spec", "--kind", "incident"]), "no open items\n");
    let all = data(&repo, "queue_ls", &["queue", "ls"]);
    let first = &all["items"][0];
    assert_eq!(first["turn"], "5.0000000003");
    assert_eq!(first["because"], serde_json::json!({"cause": "dependency", "on": "a", "state": "queued"}));
    assert!(
        first["taken_at"].is_string() && first["age_seconds"].as_i64().is_some_and(|age| age >= 0),
        "{first}"
    );
    let urgent = &all["items"][2];
    assert_eq!((&urgent["item"], &urgent["priority"]), (&"task/urgent".into(), &0.into()));
    assert_eq!(urgent["because"]["position"], 1);
    assert_eq!(all["states"][4], serde_json::json!({"state": "queued", "listed": 2, "total": 2}));
    let status = data(&repo, "status", &["status"]);
    assert_eq!(status["counts"][0]["queued"], 2);
    assert_eq!(status["next"]["action"], "wait");
    assert_eq!(status["next"]["detail"], "no_plan: no plan is selected");
}

#[test]
fn a_long_title_is_cut_in_text_and_whole_in_json() {
    let repo = TestRepo::with_commit();
    let title = "x".repeat(200);
    queue(&repo, &task("a").replace("The task a", &title));
    let line = well(&repo, &["queue", "ls"]);
    assert!(line.contains("xxx...  next; "), "{line}");
    assert!(line.lines().all(|line| line.chars().count() < 160), "{line}");
    assert_eq!(data(&repo, "queue_ls", &["queue", "ls"])["items"][0]["title"], title.as_str());
}

#[test]
fn every_state_has_its_reason_and_it_is_the_same_everywhere() {
    let repo = TestRepo::with_commit();
    script(&repo, HOPELESS);
    queue(&repo, &task("a"));
    well(&repo, &["run", "daemon", "--until-idle"]);
    queue(&repo, &task_with("after-a", "depends_on: [a]\n"));
    queue(&repo, &task("b"));
    queue(&repo, &task("c"));
    insta::assert_snapshot!(reason(&repo, "task/a"), @"consultant:BLOCKED (builder_blocked) at builder, run [run]");
    insta::assert_snapshot!(reason(&repo, "task/after-a"), @"waits for a (blocked)");
    insta::assert_snapshot!(reason(&repo, "task/b"), @"next; no runtime lives");
    insta::assert_snapshot!(reason(&repo, "task/c"), @"number 2 in the order of claims; no runtime lives");
    // What keeps every stage from starting is said of those that could be claimed.
    std::fs::write(repo.git_dir().join("MERGE_HEAD"), repo.git(&["rev-parse", "HEAD"])).expect("a file");
    insta::assert_snapshot!(reason(&repo, "task/b"), @"next; dispatch rests: repository_busy: a merge is in progress in this work tree; finish or abort it; no runtime lives");
    std::fs::remove_file(repo.git_dir().join("MERGE_HEAD")).expect("removed");
    // An active one tells its stage and since when.
    well(&repo, &["run", "once"]);
    let active = reason(&repo, "task/b");
    assert!(active.starts_with("is routed to execution/troubleshooter, since [time], run [run]"), "{active}");
    assert!(active.ends_with("; no runtime lives"), "{active}");
    insta::assert_snapshot!(reason(&repo, "task/c"), @"next; task/b is worked on; no runtime lives");
    let text = listed(&repo, &[]);
    let states: Vec<&str> = text.lines().filter_map(|line| line.split(" | ").next()).collect();
    assert_eq!(states, ["active", "blocked", "waiting", "queued"]);
}

#[test]
fn a_plan_that_was_not_approved_here_is_a_reason() {
    let repo = TestRepo::with_commit();
    script(&repo, STRAIGHT);
    queue(&repo, &task("a"));
    std::fs::remove_file(repo.git_dir().join("millrace/approved-plans")).expect("a file");
    insta::assert_snapshot!(reason(&repo, "task/a"), @"next; dispatch rests: approval: plan-standard_plain-[id] was not compiled or approved on this machine; `millrace plan show` and `millrace plan approve`, or `millrace compile validate` for one of your own; no runtime lives");
}

#[test]
fn a_harness_that_does_not_work_is_the_reason_of_all_that_need_it() {
    let repo = TestRepo::with_commit();
    let config = "[runners]\ndefault_runner = \"command\"\n[runners.command]\nargv = [\"no-such-harness\"]\n";
    repo.write("millrace-agents/millrace.toml", config);
    queue(&repo, &task("a"));
    queue(&repo, &task("b"));
    well(&repo, &["run", "daemon", "--until-idle"]);
    let of = |item| {
        let why = reason(&repo, item);
        why[why.find("dispatch").expect("a rest")..].to_owned()
    };
    insta::assert_snapshot!(of("task/a"), @"dispatch rests: harness:command: missing_program: cannot start `no-such-harness`: No such file or directory (os error 2), until [time]; no runtime lives");
    insta::assert_snapshot!(of("task/b"), @"dispatch rests: harness:command: missing_program: cannot start `no-such-harness`: No such file or directory (os error 2), until [time]; task/a is worked on; no runtime lives");
    let status = well(&repo, &["status"]);
    assert!(status.contains(" is routed to execution/builder, since "), "{status}");
    assert!(status.contains("; dispatch rests: harness:command: "), "{status}");
}

#[test]
fn closed_items_are_listed_the_last_closed_first() {
    let repo = TestRepo::with_commit();
    assert_eq!(listed(&repo, &["--closed"]), "no closed items\n");
    script(&repo, STRAIGHT);
    for id in ["a", "b", "c"] {
        queue(&repo, &task(id));
    }
    well(&repo, &["queue", "cancel", "c", "--reason", "not wanted"]);
    assert_eq!(data(&repo, "queue_ls_closed", &["queue", "ls", "--closed"])["total"], 1);
    well(&repo, &["run", "daemon", "--until-idle"]);
    queue(&repo, &task("d"));
    insta::assert_snapshot!(listed(&repo, &["--closed"]), @"
    done | task/b | [time] | The task b | handoff: b updater -> done (UPDATE_COMPLETE)
    done | task/a | [time] | The task a | handoff: a updater -> done (UPDATE_COMPLETE)
    archived | task/c | [time] | The task c | cancel: c (not wanted)
    ");
    insta::assert_snapshot!(listed(&repo, &["--closed", "--limit", "1"]), @"
    done | task/b | [time] | The task b | handoff: b updater -> done (UPDATE_COMPLETE)
    and 2 more (--limit 0 lists all)
    ");
    assert_eq!(listed(&repo, &["--closed", "--kind", "spec"]), "no closed items\n");
    let all = data(&repo, "queue_ls_closed", &["queue", "ls", "--closed"]);
    assert_eq!(all["total"], 3);
    let commit = all["items"][0]["commit"].as_str().expect("a commit");
    assert_eq!(
        repo.git(&["log", "-1", "--format=%s", commit]),
        all["items"][0]["why"].as_str().expect("a subject")
    );
    insta::assert_snapshot!(said(&repo, &call(&repo, &["queue", "ls", "--closed", "--state", "queued"])), @"
    exit 2
    ! millrace: the argument '--closed' cannot be used with '--state <STATE>'
    ! hint: `millrace queue ls --help` shows what there is
    ");
}

#[test]
fn a_blocked_item_is_shown_with_all_that_helps_to_go_on() {
    let repo = TestRepo::with_commit();
    script(&repo, HOPELESS);
    queue(&repo, &task("a"));
    well(&repo, &["run", "once"]);
    let text = filtered(&repo, &well(&repo, &["queue", "show", "a"]));
    assert!(text.contains("\nfailure   builder_blocked at builder (launch 1), in repair\n"), "{text}");
    assert!(text.contains("\ngo on: `millrace run daemon` takes it up again\n"), "{text}");
    well(&repo, &["run", "daemon", "--until-idle"]);
    let shown = data(&repo, "queue_show", &["queue", "show", "a"]);
    assert_eq!(shown["state"], "blocked");
    assert!(shown["recovery"]["blocked"]["reason"].is_string(), "{shown}");
    assert_eq!(shown["runs"][0]["state"], "blocked");
    // The evidence is where it says.
    let evidence = shown["evidence"].as_str().expect("a path");
    assert!(evidence.starts_with("refs/millrace/state:runs/"), "{evidence}");
    let files = repo.git(&["ls-tree", "--name-only", evidence]);
    assert!(files.contains("result.toml") && files.contains("request.toml"), "{files}");
    assert!(evidence.ends_with("-consultant"), "{evidence}");
    let day = evidence["refs/millrace/state:runs/".len()..].split('/').next().expect("a day");
    insta::assert_snapshot!(filtered(&repo, &well(&repo, &["queue", "show", "a"])).replace(day, "[day]"), @"
    item            task/a
    title           The task a
    state           blocked
    why             consultant:BLOCKED (builder_blocked) at builder, run [run]
    since           [time]
    turn            5.0000000001
    priority        5
    created         [time] by millrace
    taken in        [time]
    document        [oid]
    counters        consultant_invocations 1, troubleshoot_attempts/builder_blocked 2
    launches spent  4
    evidence        refs/millrace/state:runs/[day]/[run]/04-consultant

    run  [run]  blocked  consultant:BLOCKED

    go on: read the evidence; `millrace retry task/a` lets it go on where it failed (`--note` tells the next stage something, `--from-start` begins anew); `millrace supersede` puts a better one in its place
    ");
}

#[test]
fn how_to_go_on_depends_on_the_reason() {
    let repo = TestRepo::with_commit();
    queue(&repo, &task("a"));
    queue(&repo, &task("gone"));
    queue(&repo, &task_with("after-a", "depends_on: [a]\n"));
    queue(&repo, &task_with("after-gone", "depends_on: [gone]\n"));
    queue(&repo, &task_with("lost", "depends_on: [never]\n"));
    well(&repo, &["queue", "cancel", "gone"]);
    let mut said = String::new();
    for item in ["a", "after-a", "after-gone", "lost"] {
        let shown = data(&repo, "queue_show", &["queue", "show", item]);
        said.extend([item, ": ", shown["go_on"].as_str().expect("words"), "\n"]);
    }
    insta::assert_snapshot!(said, @"
    a: `millrace run daemon` works through the queue
    after-a: it goes on when task/a is done
    after-gone: gone was given up: `millrace retarget task/after-gone --from gone` names another one, or none
    lost: queue task/never, and it goes on when that is done; or `millrace retarget task/lost --from never`
    ");
    let gone = data(&repo, "queue_show", &["queue", "show", "gone"]);
    assert_eq!((&gone["why"], &gone["go_on"]), (&serde_json::Value::Null, &serde_json::Value::Null));
}

#[test]
fn a_template_is_refused_until_it_is_filled_in_and_then_it_runs() {
    let repo = TestRepo::with_commit();
    script(&repo, STRAIGHT);
    let template = well(&repo, &["queue", "template", "task"]);
    insta::assert_snapshot!(said(&repo, &fed(&repo, &["add-task", "-"], template.as_bytes())), @"
    exit 2
    ! millrace: <stdin>:4: task_id: is empty, and so are `title`, `target_paths`, `acceptance`, `required_checks`, `references` and `risk`; expected an id of its own, such as `task_id: fix-login`
    ");
    // Filled in by what its own comments say, field for field.
    let filled = template
        .replace("\ntask_id:\n", "\ntask_id: a\n")
        .replace("\ntitle:\n", "\ntitle: Write a file\n")
        .replace("  -\n", "  - something\n");
    let output = fed(&repo, &["add-task", "-"], filled.as_bytes());
    assert_eq!(said(&repo, &output), "exit 0\nadded  task/a  queued\n");
    well(&repo, &["run", "daemon", "--until-idle"]);
    assert_eq!(data(&repo, "queue_show", &["queue", "show", "a"])["state"], "done");
}

#[test]
fn a_template_may_begin_with_id_and_title() {
    let repo = TestRepo::init();
    let before = everything(repo.beside());
    let template =
        well(&repo, &["queue", "template", "task", "--id", "a", "--title", "It's \"quoted\": # yes"]);
    assert!(
        template.contains("\ntask_id: \"a\"\n")
            && template.contains("\ntitle: \"It's \\\"quoted\\\": # yes\"\n"),
        "{template}"
    );
    let json = data(
        &repo,
        "queue_template",
        &["queue", "template", "task", "--id", "a", "--title", "It's \"quoted\": # yes"],
    );
    assert_eq!(json, serde_json::json!({"kind": "task", "document": template}));
    assert!(everything(repo.beside()) == before, "it wrote something");
    insta::assert_snapshot!(said(&repo, &call(&repo, &["queue", "template", "task", "--id", "../x"])), @"
    exit 2
    ! millrace: <template>:4: task_id: `../x` is not an id; expected an ASCII letter or digit, then letters, digits, `.`, `_` or `-`
    ");
}

#[test]
fn a_template_of_another_kind() {
    let repo = TestRepo::init();
    insta::assert_snapshot!(said(&repo, &call(&repo, &["queue", "template", "taks"])), @"
    exit 2
    ! millrace: there is no kind of document `taks`
    ! hint: did you mean `task`?
    ");
    insta::assert_snapshot!(said(&repo, &call(&repo, &["queue", "template", "incident"])), @"
    exit 2
    ! millrace: incidents are written by stages and by the runtime
    ! hint: `millrace queue template task` prints a task, `millrace queue template spec` a spec
    ");
    insta::assert_snapshot!(said(&repo, &call(&repo, &["queue", "template", "idea"])), @"
    exit 2
    ! millrace: an idea has no form: any text is one
    ! hint: `millrace queue add-idea FILE` takes it
    ");
    insta::assert_snapshot!(said(&repo, &call(&repo, &["queue", "template", "a\u{1b}[2Jb"])), @r"
    exit 2
    ! millrace: there is no kind of document `a\u{1b}[2Jb`
    ! hint: `millrace queue template task` prints a task, `millrace queue template spec` a spec
    ");
}
