//! What stages hand over beside their result, through the program: documents that come in with the handoff or not at
//! all, reasons that reach the next attempt, and the way to the repair stage.

use millrace::domain::item::{ItemKind, ItemRef};
use millrace::domain::transition::input::{Input, Retrying, Submitted};
use millrace::domain::transition::record::Actor;
use millrace::format::document::Stamp;
use millrace::format::spec::parse_spec;
use millrace::ledger::transact::Payloads;
use millrace::runtime::project::Project;

use super::site::{Site, task};

/// A spec of somebody else's root, so that nobody judges it.
fn spec(id: &str) -> String {
    format!(
        "---\nspec_id: {id}\ntitle: Plan {id}\nsummary: What {id} is about.\nsource_type: manual\nroot_spec_id: big\n\
         goals: [it works]\nconstraints: [none]\nacceptance: [it is done]\nreferences: [README.md]\n---\nPlan it.\n"
    )
}

/// Puts a spec into the queue.
fn add_spec(site: &Site, id: &str) {
    let project = Project::open(site.repo.path()).expect("a project");
    let act = project.act(Actor::Operator, None).expect("an act");
    let bytes = spec(id).into_bytes();
    let parsed = parse_spec(&bytes, "spec.md", &Stamp { now: act.at, by: "a test" }).expect("a spec");
    let mut payloads = Payloads::default();
    let document = payloads.add(&project.store, bytes).expect("bytes");
    let submitted = Submitted { document, origin: None, trusted: false, intake: parsed.intake };
    let input = Input::Enqueue { documents: vec![submitted] };
    project.transact(&act, &input, &payloads).expect("it is taken in");
}

/// Lets the blocked task go on, with a note.
fn retry_with_note(site: &Site, id: &str, note: &str) {
    let project = Project::open(site.repo.path()).expect("a project");
    let act = project.act(Actor::Operator, None).expect("an act");
    let mut payloads = Payloads::default();
    let note = payloads.add(&project.store, note.as_bytes().to_vec()).expect("bytes");
    let retrying = Retrying {
        items: vec![ItemRef::new(ItemKind::Task, id.parse().expect("an id"))],
        reason: "it was the network".to_owned(),
        from_start: false,
        note: Some(note),
    };
    project.transact(&act, &Input::Retry(retrying), &payloads).expect("it goes on");
}

/// A step that puts a document into the outbox.
fn outbox(name: &str, document: &str) -> String {
    let content = document.lines().collect::<Vec<&str>>().join("\n            ");
    format!("      - outbox:\n          name: {name}\n          content: |\n            {content}\n")
}

/// A step that keeps what the stage was given.
fn keep(name: &str) -> String {
    format!(
        "      - run: {{argv: [sh, -c, 'mkdir -p @/{name} && cp -r \"$MILLRACE_RUN_DIR\"/. @/{name}/'], expect: 0}}\n"
    )
}

/// A step that reports.
fn result(result: &str, more: &str) -> String {
    format!("      - result: {{terminal_result: {result}, summary: Said.{more}}}\n")
}

/// The attempts of a stage, each of these steps.
fn stage(name: &str, attempts: &[Vec<String>]) -> String {
    let mut text = format!("  {name}:\n");
    for steps in attempts {
        let steps = steps.concat();
        text.push_str(&steps.replacen("      - ", "    - - ", 1));
    }
    text
}

/// Stages that do what a task needs, after these ones.
fn script(stages: &[String]) -> String {
    format!(
        "stages:\n{}  builder: [[{{result: {{terminal_result: BUILDER_COMPLETE}}}}]]\n  \
         checker: [[{{result: {{terminal_result: CHECKER_PASS}}}}]]\n  \
         updater: [[{{result: {{terminal_result: UPDATE_COMPLETE}}}}]]\n",
        stages.concat()
    )
}

fn planner() -> String {
    stage("planner", &[vec![result("PLANNER_COMPLETE", "")]])
}

/// A file of what a stage was given.
#[track_caller]
fn given(site: &Site, kept: &str, file: &str) -> String {
    let path = site.sign(kept).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A task without what its checks are.
fn bad(id: &str) -> String {
    task(id).replace("required_checks: [none]\n", "")
}

/// The handoffs' subjects.
fn handoffs(site: &Site) -> Vec<String> {
    site.story().into_iter().filter(|line| line.starts_with("handoff: ")).collect()
}

/// The paths that a commit changed, by its subject.
#[track_caller]
fn changed(site: &Site, subject: &str) -> String {
    let log = site.repo.git(&["log", "--format=%H %s", "refs/millrace/state"]);
    let line = log.lines().find(|line| line.ends_with(subject)).unwrap_or_else(|| panic!("{subject}\n{log}"));
    let commit = line.split(' ').next().expect("an id");
    site.repo.git(&["diff", "--name-status", "--find-renames", &format!("{commit}~1"), commit])
}

#[test]
fn planner_and_manager_bring_specs_and_tasks_in_their_own_commits() {
    let stages = [
        stage(
            "planner",
            &[vec![
                keep("planner"),
                outbox("part.md", &spec("part").replace("root_spec_id: big", "root_spec_id: forged")),
                result("PLANNER_COMPLETE", ""),
            ]],
        ),
        stage(
            "manager",
            &[vec![
                keep("manager"),
                outbox("a.md", &task("a")),
                outbox("b.md", &task("b").replace("risk:", "depends_on: [a]\nroot_spec_id: forged\nrisk:")),
                result("MANAGER_COMPLETE", ""),
            ]],
        ),
    ];
    let site = Site::scripted(&script(&stages));
    add_spec(&site, "login");
    assert_eq!(site.work()["reason"], "idle");
    // The further spec was planned as well: the same documents again are no conflict and no second task.
    assert_eq!(
        handoffs(&site)[..2],
        [
            "handoff: login planner -> manager (PLANNER_COMPLETE)",
            "handoff: login manager -> done (MANAGER_COMPLETE)",
        ]
    );
    let planned = changed(&site, "handoff: login planner -> manager (PLANNER_COMPLETE)");
    assert!(planned.contains("part.md") && planned.contains("A\tspecs/queued/"), "{planned}");
    let managed = changed(&site, "handoff: login manager -> done (MANAGER_COMPLETE)");
    for part in [".a.md", "tasks/waiting/a/", ".b.md", "specs/active/login.md\tspecs/done/"] {
        assert!(managed.contains(part), "{part}: {managed}");
    }
    for id in ["a", "b"] {
        assert_eq!(site.state_of(id), "done");
        let record = site.show(&site.path("tasks/intake/", &format!("/{id}.toml")));
        for line in
            ["root_spec_id = \"big\"", "spec_id = \"login\"", "created_by = \"planning/manager (scripted)\""]
        {
            assert!(record.contains(line), "{line}: {record}");
        }
        assert!(!record.contains("forged"), "{record}");
    }
    let order: Vec<String> = site.story().into_iter().filter(|line| line.contains("-> done")).collect();
    assert!(
        order.iter().position(|line| line.contains(" a "))
            < order.iter().position(|line| line.contains(" b "))
    );

    // What each stage may create is in its prompt, and in nobody else's.
    let manager = given(&site, "manager", "prompt.md");
    for said in [
        "## Outbox",
        "You may create tasks:",
        "At least one task comes with `MANAGER_COMPLETE`",
        "nothing_to_create",
    ] {
        assert!(manager.contains(said), "{said}: {manager}");
    }
    let planner = given(&site, "planner", "prompt.md");
    assert!(planner.contains("You may create specs:") && !planner.contains("nothing_to_create"), "{planner}");
    assert!(given(&site, "manager", "request.toml").contains("[creates]\ntask = [\"MANAGER_COMPLETE\"]"));
    let paths = site.paths();
    let builder = paths.iter().find(|path| path.ends_with("/01-builder/prompt.md")).expect("a prompt");
    let builder = site.show(builder);
    assert!(!builder.contains("utbox"), "{builder}");
    site.sound();
}

/// M-09, F-42: a bad document fails the handoff, the stage is told why, and nothing of it lands.
#[test]
fn m09_a_bad_document_is_told_to_the_next_attempt_which_succeeds() {
    let stages = [
        planner(),
        stage(
            "manager",
            &[
                vec![
                    outbox("good.md", &task("good")),
                    outbox("bad.md", &bad("bad")),
                    result("MANAGER_COMPLETE", ""),
                ],
                vec![keep("second"), outbox("good.md", &task("good")), result("MANAGER_COMPLETE", "")],
            ],
        ),
    ];
    let site = Site::scripted(&script(&stages));
    add_spec(&site, "login");
    assert_eq!(site.work()["reason"], "idle");
    assert_eq!(
        handoffs(&site)[..3],
        [
            "handoff: login planner -> manager (PLANNER_COMPLETE)",
            "handoff: login manager runs again (MANAGER_COMPLETE not taken)",
            "handoff: login manager -> done (MANAGER_COMPLETE)",
        ]
    );
    let first = changed(&site, "handoff: login manager runs again (MANAGER_COMPLETE not taken)");
    assert!(!first.contains("tasks/"), "{first}");
    for kept in ["02-manager/outbox.bad.md", "02-manager/outbox.good.md", "02-manager/result.json"] {
        assert!(first.contains(kept), "{kept}: {first}");
    }
    assert_eq!(site.show(&site.path("runs/", "/02-manager/outbox.bad.md")), bad("bad").trim_end());
    let record = site.result("02-manager");
    assert_eq!(record["judgement"]["judgement"].as_str(), Some("rejected"), "{record}");
    assert_eq!(record["judgement"]["summary"].as_str(), Some("Said."), "{record}");
    assert!(record["snapshot"].is_str(), "{record}");

    let rejected = given(&site, "second", "rejected.md");
    for line in [
        "Stage: planning/manager",
        "Launch: 2",
        "Reported: MANAGER_COMPLETE",
        "Error-Code: planning_post_stage_apply_failed",
        "Rejections left before this counts as a failure: 1",
    ] {
        assert!(rejected.lines().any(|found| found == line), "{line}: {rejected}");
    }
    assert!(rejected.contains("\n- outbox/bad.md:") && rejected.contains("required_checks"), "{rejected}");
    assert!(
        given(&site, "second", "prompt.md").contains("rejected.md`: why your last handoff was not taken.")
    );
    assert!(given(&site, "second", "request.toml").contains("told = [\"rejected.md\"]"));
    assert!(given(&site, "second", "evidence/02-manager/outbox.bad.md").contains("task_id: bad"));
    assert_eq!(site.state_of("good"), "done");
    assert!(!site.paths().iter().any(|path| path.starts_with("tasks/") && path.contains("bad")));
    site.sound();
}

/// F-27, F-42: what is rejected again and again goes to the repair stage under its own code, with the catalogue.
#[test]
fn f27_two_bad_ones_in_a_row_bring_the_mechanic_code_report_and_catalogue() {
    let refused = |id: &str| vec![outbox("bad.md", &bad(id)), result("MANAGER_COMPLETE", "")];
    let stages = [
        planner(),
        stage(
            "manager",
            &[
                refused("one"),
                refused("two"),
                vec![keep("third"), outbox("good.md", &task("good")), result("MANAGER_COMPLETE", "")],
            ],
        ),
        stage("mechanic", &[vec![keep("mechanic"), result("MECHANIC_COMPLETE", ", resume_stage: manager")]]),
    ];
    let site = Site::with(
        crate::support::repo::TestRepo::with_commit(),
        "[limits]\nmax_rejected_handoffs = 1\n",
        &script(&stages),
    );
    add_spec(&site, "login");
    assert_eq!(site.work()["reason"], "idle");
    assert_eq!(
        handoffs(&site)[1..5],
        [
            "handoff: login manager runs again (MANAGER_COMPLETE not taken)",
            "handoff: login manager -> mechanic (MANAGER_COMPLETE not taken)",
            "handoff: login mechanic -> manager (MECHANIC_COMPLETE)",
            "handoff: login manager -> done (MANAGER_COMPLETE)",
        ]
    );
    let report = given(&site, "mechanic", "runtime_error_report.md");
    let run = site.path("runs/", "/03-manager/result.toml");
    let id = run.split('/').nth(2).expect("a run");
    for line in [
        "Error-Code: planning_post_stage_apply_failed",
        "Plane: planning",
        "Failed-Stage: manager",
        "Repair-Stage: mechanic",
        &format!("Run-ID: {id}"),
        "Work-Item: spec/login",
        "Router-Action: run_stage planning/mechanic",
        "Terminal-Result: MANAGER_COMPLETE",
        &format!("Stage-Result-Path: {run}"),
        "Exception-Type: rejected_handoff",
    ] {
        assert!(report.lines().any(|found| found == line), "{line}: {report}");
    }
    assert!(
        report.contains("\nException-Message: outbox/bad.md:") && report.contains("\nCaptured-At: 2"),
        "{report}"
    );
    assert!(report.contains("\n- 02-manager: ") && report.contains("\n- 03-manager: "), "{report}");
    let catalogue = given(&site, "mechanic", "runtime_error_codes.md");
    assert!(catalogue.contains("planning_post_stage_apply_failed"), "{catalogue}");
    let prompt = given(&site, "mechanic", "prompt.md");
    assert!(
        prompt.contains("runtime_error_report.md`:") && prompt.contains("runtime_error_codes.md`:"),
        "{prompt}"
    );
    let request = given(&site, "mechanic", "request.toml");
    assert!(request.contains("runtime_error_code = \"planning_post_stage_apply_failed\""), "{request}");
    assert!(
        given(&site, "mechanic", "failure.md").contains("Failure class: planning_post_stage_apply_failed")
    );
    // The stage that failed is told as well, and is no repair stage.
    assert!(given(&site, "third", "rejected.md").contains("Launch: 3"));
    assert!(!site.sign("third").join("runtime_error_report.md").exists());
    site.sound();
}

#[test]
fn manager_complete_without_a_task_needs_a_reason() {
    const NEEDED: &str = "\n- MANAGER_COMPLETE needs a task in the outbox, or `nothing_to_create` in the result file with the reason why none is needed";
    let stages = [
        planner(),
        stage(
            "manager",
            &[
                vec![result("MANAGER_COMPLETE", "")],
                vec![
                    keep("second"),
                    result("MANAGER_COMPLETE", ", nothing_to_create: The code does it already."),
                ],
            ],
        ),
    ];
    let site = Site::scripted(&script(&stages));
    add_spec(&site, "login");
    assert_eq!(site.work()["reason"], "idle");
    let rejected = given(&site, "second", "rejected.md");
    assert!(rejected.contains(NEEDED), "{rejected}");
    assert_eq!(handoffs(&site).last().expect("one"), "handoff: login manager -> done (MANAGER_COMPLETE)");
    let record = site.result("03-manager");
    assert_eq!(
        record["judgement"]["nothing_to_create"].as_str(),
        Some("The code does it already."),
        "{record}"
    );
    site.sound();
}

#[test]
fn an_id_that_is_taken_has_its_own_code() {
    let other = task("taken").replace("Do it.", "Do something else.");
    let stages = [
        planner(),
        stage(
            "manager",
            &[
                vec![outbox("taken.md", &other), result("MANAGER_COMPLETE", "")],
                vec![keep("second"), outbox("free.md", &task("free")), result("MANAGER_COMPLETE", "")],
            ],
        ),
    ];
    let site = Site::scripted(&script(&stages));
    site.add("taken");
    add_spec(&site, "login");
    assert_eq!(site.work()["reason"], "idle");
    let rejected = given(&site, "second", "rejected.md");
    assert!(rejected.contains("\nError-Code: planning_work_item_completion_conflict\n"), "{rejected}");
    assert!(
        rejected.contains("\n- task/taken exists already (queued) with other content; take another id"),
        "{rejected}"
    );
    assert_eq!((site.state_of("taken"), site.state_of("free")), ("done".to_owned(), "done".to_owned()));
    site.sound();
}

/// A builder may create nothing; what it leaves all the same is not silently dropped.
#[test]
fn a_stage_that_may_create_nothing_is_told_so() {
    let builder = stage(
        "builder",
        &[
            vec![outbox("more.md", &task("more")), result("BUILDER_COMPLETE", "")],
            vec![keep("second"), result("BUILDER_COMPLETE", "")],
        ],
    );
    let script =
        script(&[builder]).replace("  builder: [[{result: {terminal_result: BUILDER_COMPLETE}}]]\n", "");
    let site = Site::scripted(&script);
    site.add("one");
    assert_eq!(site.work()["reason"], "idle");
    let rejected = given(&site, "second", "rejected.md");
    assert!(rejected.contains("Error-Code: execution_post_stage_apply_failed"), "{rejected}");
    assert!(
        rejected.contains("builder may not create task/more: the plan lets it create nothing"),
        "{rejected}"
    );
    assert_eq!(site.state_of("one"), "done");
    site.sound();
}

#[test]
fn documents_of_a_stage_that_failed_are_named_and_not_taken_in() {
    let stages = [
        planner(),
        stage(
            "manager",
            &[vec![outbox("a.md", &task("a")), outbox("bad.md", &bad("b")), result("BLOCKED", "")]],
        ),
        stage("mechanic", &[vec![result("BLOCKED", "")]]),
    ];
    let site = Site::scripted(&script(&stages));
    add_spec(&site, "login");
    site.work();
    let record = site.result("02-manager");
    let findings = record["findings"].as_array().expect("findings");
    let said = "left in the outbox and not taken in, because the stage did not succeed: a.md, bad.md";
    assert!(findings.iter().any(|finding| finding.as_str() == Some(said)), "{record}");
    assert!(!site.paths().iter().any(|path| path.starts_with("tasks/")), "{:#?}", site.paths());
    site.sound();
}

/// What a stage leaves after somebody cancelled its item does not become work.
#[test]
fn documents_of_a_cancelled_run_are_named_and_not_taken_in() {
    let stages = [
        planner(),
        stage(
            "manager",
            &[vec![
                outbox("a.md", &task("a")),
                result("MANAGER_COMPLETE", ""),
                "      - run: {argv: [sh, -c, 'touch @/here; sleep 600']}\n".to_owned(),
            ]],
        ),
    ];
    let site = Site::scripted(&script(&stages));
    add_spec(&site, "login");
    let daemon = site.daemon(&["--until-idle"]);
    site.await_sign("here");
    site.ok(&["queue", "cancel", "spec/login"]);
    assert!(daemon.ended().0.success());
    let record = site.result("02-manager");
    let findings = record["findings"].as_array().expect("findings");
    let said = "left in the outbox and not taken in, because the run is cancelled: a.md";
    assert!(findings.iter().any(|finding| finding.as_str() == Some(said)), "{record}");
    assert!(!site.paths().iter().any(|path| path.starts_with("tasks/")), "{:#?}", site.paths());
    site.sound();
}

/// A daemon that is killed after its stage had ended: the restart adopts the stage, and its documents come in once.
#[test]
fn f40_a_crash_before_the_handoff_brings_the_documents_in_once() {
    let stages = [
        planner(),
        stage(
            "manager",
            &[vec![
                outbox("a.md", &task("a")),
                "      - run: {argv: [sh, -c, 'echo ran >> @/count; touch @/ready; until [ -e @/go ]; do sleep 0.05; done']}\n"
                    .to_owned(),
                result("MANAGER_COMPLETE", ""),
            ]],
        ),
    ];
    let site = Site::scripted(&script(&stages));
    add_spec(&site, "login");
    let daemon = site.daemon(&["--until-idle"]);
    site.await_sign("ready");
    daemon.signal(rustix::process::Signal::STOP);
    site.give("go");
    super::site::wait_until("the stage's end", || {
        site.invocations().iter().any(|inv| inv.join("exit.toml").exists())
    });
    daemon.kill();
    assert!(!site.paths().iter().any(|path| path.starts_with("tasks/")), "nothing is taken in yet");
    assert_eq!(site.work()["reason"], "idle");
    assert_eq!(
        std::fs::read_to_string(site.sign("count")).expect("a count"),
        "ran\n",
        "adopted, not run again"
    );
    assert_eq!(site.state_of("a"), "done");
    let admitted = handoffs(&site).into_iter().filter(|line| line.contains("MANAGER_COMPLETE")).count();
    assert_eq!(admitted, 1);
    site.sound();
}

/// What an operator says reaches the next stage as a file, and so does what the blocked run left.
#[test]
fn a_run_that_goes_on_finds_the_note_and_the_evidence_of_the_blocked_one() {
    let builder = stage(
        "builder",
        &[vec![
            "      - evidence: {name: builder_summary.md, content: Half of it.}\n".to_owned(),
            result("BLOCKED", ""),
        ]],
    );
    let blocked = ["troubleshooter", "consultant"].map(|name| stage(name, &[vec![result("BLOCKED", "")]]));
    let script_of = |builder: String| {
        let default = "  builder: [[{result: {terminal_result: BUILDER_COMPLETE}}]]\n";
        script(&[vec![builder], blocked.to_vec()].concat()).replace(default, "")
    };
    let site = Site::with(
        crate::support::repo::TestRepo::with_commit(),
        "[recovery]\nmax_troubleshoot_attempts_before_consult = 1\nmax_consultant_invocations = 1\n",
        &script_of(builder),
    );
    site.add("one");
    site.work();
    assert_eq!(site.state_of("one"), "blocked");
    let before = site.run_branch().rsplit('/').next().expect("a run").to_owned();

    retry_with_note(&site, "one", "Use the mirror.\n");
    site.script(&script_of(stage("builder", &[vec![keep("again"), result("BUILDER_COMPLETE", "")]])));
    assert_eq!(site.work()["reason"], "idle");
    assert_eq!(site.state_of("one"), "done");
    assert_eq!(given(&site, "again", "note.md"), "Use the mirror.\n");
    let summary = format!("evidence/{before}/01-builder/builder_summary.md");
    assert_eq!(given(&site, "again", &summary), "Half of it.");
    let prompt = given(&site, "again", "prompt.md");
    for said in [
        "note.md`: what an operator says about going on with this item.".to_owned(),
        "What the run that this one goes on with left, oldest first".to_owned(),
        format!("/{summary}`"),
    ] {
        assert!(prompt.contains(&said), "{said}: {prompt}");
    }
    let request = given(&site, "again", "request.toml");
    assert!(
        request.contains("told = [\"note.md\"]") && request.contains(&format!("continues = \"{before}\"")),
        "{request}"
    );
    site.sound();
}
