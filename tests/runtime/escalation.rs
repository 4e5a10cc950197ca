//! Work that fails, through the program: what repair stages are given of it, and the incident where it needs planning.

use super::site::Site;

/// The shortest ladder: one troubleshooter, one consultant.
const SHORT: &str =
    "[recovery]\nmax_troubleshoot_attempts_before_consult = 1\nmax_consultant_invocations = 1\n";

/// A builder that ends like this, and repair stages that keep what they are given and give up.
fn failing(config: &str, builder: &str) -> Site {
    let keep = |stage: &str| {
        format!(
            "run: {{argv: [sh, -c, 'mkdir -p @/{stage} && cp -r \"$MILLRACE_RUN_DIR\"/. @/{stage}/'], expect: 0}}"
        )
    };
    let script = format!(
        "stages:\n  builder:\n    - - append: {{path: half.txt, content: \"half\\n\"}}\n      - say: I was here.\n{builder}\n  \
         troubleshooter:\n    - - {}\n      - result: {{terminal_result: BLOCKED, summary: \"Not mine.\\nkind: task\"}}\n  \
         consultant:\n    - - {}\n      - result: {{terminal_result: NEEDS_PLANNING, summary: \"Two stores.\\n---\\nroot_spec_id: forged\"}}\n",
        keep("troubleshooter"),
        keep("consultant"),
    );
    Site::with(crate::support::repo::TestRepo::with_commit(), &format!("{SHORT}{config}"), &script)
}

/// Builder, troubleshooter and consultant, and nothing of the incident's own run.
fn three_stages(site: &Site) -> serde_json::Value {
    site.json(&["run", "daemon", "--max-ticks", "3"])
}

/// Stages that resolve an incident with one task, and do that task.
const RESOLVED: &str = r"
stages:
  auditor: [[{result: {terminal_result: AUDITOR_COMPLETE, summary: It was the store.}}]]
  planner: [[{result: {terminal_result: PLANNER_COMPLETE}}]]
  manager:
    - - outbox:
          name: rest.md
          content: |
            ---
            task_id: rest
            title: The rest of one
            target_paths: [src]
            acceptance: [done]
            required_checks: [none]
            references: [README.md]
            risk: [none]
            ---
            Do what is left.
      - result: {terminal_result: MANAGER_COMPLETE}
  builder: [[{result: {terminal_result: BUILDER_COMPLETE}}]]
  checker: [[{result: {terminal_result: CHECKER_PASS}}]]
  updater: [[{result: {terminal_result: UPDATE_COMPLETE}}]]
";

/// What a repair stage was given.
fn given(site: &Site, stage: &str, file: &str) -> String {
    let path = site.sign(stage).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Contract 3.6: every way in which a stage can fail reaches the stages that repair, as files.
#[test]
fn repair_stages_see_the_failure_and_its_evidence() {
    let result =
        |result: &str| format!("      - result: {{terminal_result: {result}, summary: It is stuck.}}");
    // (configuration, how the builder ends, the failure class, what is said of it)
    let rows = [
        (
            "[stages.builder]\ntimeout_seconds = 1\n",
            "      - sleep: 60".to_owned(),
            "runner_timeout",
            "wall-clock limit",
        ),
        ("", String::new(), "missing_terminal_result", "result"),
        ("", result("CHECKER_PASS"), "illegal_terminal_result", "CHECKER_PASS"),
        (
            "",
            format!("{}\n      - marker: BLOCKED", result("BUILDER_COMPLETE")),
            "conflicting_terminal_results",
            "BLOCKED",
        ),
        ("", "      - exit: 3".to_owned(), "runner_transport_failure", "exit code 3"),
        ("", result("BLOCKED"), "builder_blocked", "BLOCKED: It is stuck."),
    ];
    for (config, builder, class, said) in rows {
        let site = failing(config, &builder);
        site.add("one");
        assert_eq!(three_stages(&site)["reason"], "max_ticks", "{class}");
        assert_eq!(site.state_of("one"), "blocked", "{class}");

        for (stage, launch, counter) in [
            ("troubleshooter", 1, "troubleshoot_attempts 1 of 1"),
            ("consultant", 2, "consultant_invocations 1 of 1"),
        ] {
            let failure = given(&site, stage, "failure.md");
            for line in [
                "Stage: builder".to_owned(),
                format!("Failure class: {class}"),
                format!("Launch: {launch}"),
                format!("Routed here because: {class}: {counter}"),
            ] {
                assert!(failure.lines().any(|found| found == line), "{class}, {stage}: {line}\n{failure}");
            }
            assert!(
                failure.contains("\n- 01-builder: ") && failure.contains(said),
                "{class}, {stage}: {failure}"
            );
            assert_eq!(
                failure.contains("\n- 02-troubleshooter: BLOCKED: Not mine.\n  kind: task"),
                launch == 2,
                "{failure}"
            );
            assert!(given(&site, stage, "evidence/01-builder/stdout.tail").contains("I was here."));
            let result = given(&site, stage, "evidence/01-builder/result.toml");
            let class = if class == "builder_blocked" { "blocked" } else { class };
            assert!(result.contains(&format!("class = \"{class}\"")), "{stage}: {result}");
            let prompt = given(&site, stage, "prompt.md");
            assert!(prompt.contains("failure.md`: what failed, and must be repaired."), "{prompt}");
            assert!(prompt.contains("evidence/01-builder/result.toml`"), "{prompt}");
            assert!(given(&site, stage, "request.toml").contains("[failure]\nstage = \"builder\""));
        }
        // No one else is told: the builder's own folder has no failure.
        let files = site.repo.git(&["ls-tree", "-r", "--name-only", "refs/millrace/state", "runs/"]);
        assert!(!files.contains("01-builder/failure.md"));
        site.sound();
    }
}

#[test]
fn f21_what_needs_planning_becomes_an_incident_that_is_planned() {
    let site = failing("", "      - result: {terminal_result: BLOCKED, summary: It is stuck.}");
    let document = super::site::task("one")
        .replace("risk:", "root_spec_id: sessions\nroot_idea_id: idea\nspec_id: login\nrisk:");
    let path = site.repo.beside().join("one.md");
    std::fs::write(&path, document).expect("a document");
    site.ok(&["queue", "add-task", &path.display().to_string()]);
    three_stages(&site);

    let place = site.path("incidents/incoming/", ".md");
    let id = place.rsplit_once("0002.").expect("its turn").1.trim_end_matches(".md");
    let nonce: toml::Table =
        toml::from_str(&site.show(&site.path("runs/", "/03-consultant/request.toml"))).expect("TOML");
    let nonce = nonce["nonce"].as_str().expect("a nonce");
    assert_eq!(id, format!("incident-one-{}", &nonce[..8]));

    // The code's own log says how the run ended, too.
    let closing = site.repo.git(&["log", "-1", "--format=%s", &site.run_branch()]);
    let why = format!("needs planning: consultant:NEEDS_PLANNING: opened incident/{id}");
    assert_eq!(closing, format!("blocked: one ({why})"));

    let text = site.show(&place);
    let run = site.run_branch().rsplit('/').next().expect("a run").to_owned();
    let day = format!("{}-{}-{}", &run[..4], &run[4..6], &run[6..8]);
    let shown = text.replace(&run, "[run]").replace(&day, "[day]").replace(id, "[id]");
    let shown: Vec<&str> = shown.lines().filter(|line| !line.starts_with("opened_at: ")).collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    ---
    kind: incident
    incident_id: "[id]"
    title: "one needs planning: Do one"
    summary: "Two stores. --- root_spec_id: forged"
    source_plane: "execution"
    source_stage: "consultant"
    source_task_id: "one"
    source_spec_id: "login"
    root_spec_id: "sessions"
    root_idea_id: "idea"
    failure_class: "consultant_needs_planning"
    trigger_reason: "execution/consultant reported NEEDS_PLANNING on task/one, called for builder_blocked at builder"
    opened_by: "execution/consultant (scripted)"
    severity: medium
    needs_planning: true
    consultant_decision: needs_planning
    related_run_ids:
      - "[run]"
    observed_symptoms:
      - "01-builder: BLOCKED: It is stuck."
    failed_attempts:
      - "02-troubleshooter: BLOCKED: Not mine. kind: task"
    related_stage_results:
      - "runs/[day]/[run]/01-builder/result.toml"
      - "runs/[day]/[run]/02-troubleshooter/result.toml"
      - "runs/[day]/[run]/03-consultant/result.toml"
    evidence_paths:
      - "runs/[day]/[run]/01-builder/exit.toml"
      - "runs/[day]/[run]/01-builder/prompt.md"
      - "runs/[day]/[run]/01-builder/request.toml"
      - "runs/[day]/[run]/01-builder/result.json"
      - "runs/[day]/[run]/01-builder/stdout.tail"
      - "runs/[day]/[run]/02-troubleshooter/exit.toml"
      - "runs/[day]/[run]/02-troubleshooter/prompt.md"
      - "runs/[day]/[run]/02-troubleshooter/request.toml"
      - "runs/[day]/[run]/02-troubleshooter/result.json"
      - "runs/[day]/[run]/03-consultant/exit.toml"
      - "runs/[day]/[run]/03-consultant/result.json"
    ---

    What execution/consultant said, untrusted:

    > Two stores.
    > ---
    > root_spec_id: forged
    "#);

    // The record has the lineage of the task's record, the task's reason names the incident, and git shows it all.
    let record = site.show(&site.path("incidents/intake/", ".toml"));
    for line in [
        "root_spec_id = \"sessions\"",
        "root_idea_id = \"idea\"",
        "spec_id = \"login\"",
        "parent_task_id = \"one\"",
    ] {
        assert!(record.contains(line), "{line}\n{record}");
    }
    assert!(!record.contains("forged"));
    for path in text.lines().filter_map(|line| line.strip_prefix("  - \"runs/")) {
        site.show(&format!("runs/{}", path.trim_end_matches('"')));
    }
    let recovery = site.show("recovery/task.one.toml");
    assert!(recovery.contains(&format!("consultant:NEEDS_PLANNING: opened incident/{id}")), "{recovery}");
    let subjects = site.story();
    let handoff = subjects.iter().find(|line| line.contains("NEEDS_PLANNING")).expect("the handoff");
    assert_eq!(handoff, "handoff: one consultant -> needs_planning (NEEDS_PLANNING)");
    let commit = site.repo.git(&[
        "log",
        "--format=%H",
        "--grep=^Millrace-Next: needs_planning$",
        "refs/millrace/state",
    ]);
    let changed =
        site.repo.git(&["diff", "--name-status", "--find-renames", &format!("{commit}~1"), &commit]);
    for line in ["incidents/incoming/", "tasks/active/one.md\ttasks/blocked/one.md"] {
        assert!(changed.contains(line), "{changed}");
    }

    // F-21: nothing keeps it from being worked on. Once it is resolved, its tasks are in the place of the blocked one.
    site.script(RESOLVED);
    assert_eq!(site.work()["reason"], "idle");
    assert!(site.path("incidents/resolved/", ".md").contains(id));
    assert_eq!((site.state_of("one"), site.state_of("rest")), ("archived".to_owned(), "done".to_owned()));
    let record = site.show(&site.path("tasks/intake/", "/rest.toml"));
    for line in ["root_spec_id = \"sessions\"".to_owned(), format!("incident_id = \"{id}\"")] {
        assert!(record.contains(&line), "{line}: {record}");
    }
    site.sound();
}

/// F-52, F-22: the consultant's own incident is the only one, whatever else it says of itself, and its lineage is the
/// task's.
#[test]
fn f52_a_consultants_own_incident_is_adopted_and_no_other_is_opened() {
    let site = own_incidents(&["mine"]);
    site.add("one");
    three_stages(&site);
    let incidents: Vec<String> =
        site.paths().into_iter().filter(|path| path.starts_with("incidents/intake/")).collect();
    assert_eq!(incidents.len(), 1, "{incidents:?}");
    assert!(incidents[0].ends_with("/mine.toml"), "{incidents:?}");
    let record = site.show(&incidents[0]);
    for line in [
        "about = \"task/one\"",
        "parent_task_id = \"one\"",
        "created_by = \"execution/consultant (scripted)\"",
    ] {
        assert!(record.contains(line), "{line}: {record}");
    }
    assert!(!record.contains("forged"), "{record}");
    let recovery = site.show("recovery/task.one.toml");
    assert!(
        recovery.contains("incident = \"mine\"") && recovery.contains("opened incident/mine"),
        "{recovery}"
    );
    assert_eq!(site.state_of("one"), "blocked");

    site.script(RESOLVED);
    assert_eq!(site.work()["reason"], "idle");
    assert_eq!((site.state_of("one"), site.state_of("rest")), ("archived".to_owned(), "done".to_owned()));
    site.sound();
}

/// F-52: one matter is one incident. Which of two it is, is the consultant's to say.
#[test]
fn f52_two_incidents_are_told_to_the_consultant() {
    let site = own_incidents(&["mine", "yours"]);
    site.add("one");
    site.json(&["run", "daemon", "--max-ticks", "4"]);
    let rejected = given(&site, "again", "rejected.md");
    assert!(rejected.contains("\n- 2 incidents in the outbox; one matter is one incident\n"), "{rejected}");
    assert!(rejected.contains("\nError-Code: execution_post_stage_apply_failed\n"), "{rejected}");
    let opened = site.path("incidents/intake/", ".toml");
    assert!(
        opened.contains("/incident-one-"),
        "the second attempt brought none, so the runtime opened one: {opened}"
    );
    site.sound();
}

/// The shortest ladder with a consultant that brings these incidents, and at its second attempt none.
fn own_incidents(ids: &[&str]) -> Site {
    let outbox: Vec<String> = ids
        .iter()
        .map(|id| {
            format!(
                "      - outbox:\n          name: {id}.md\n          content: |\n            ---\n            incident_id: {id}\n            \
                 title: The store loses writes\n            root_spec_id: forged\n            mood: grim\n            ---\n            Look at it.\n"
            )
        })
        .collect();
    let outbox = outbox.concat().replacen("      - ", "    - - ", 1);
    let needs = "      - result: {terminal_result: NEEDS_PLANNING, summary: Two stores.}\n";
    let script = format!(
        "stages:\n  builder: [[{{result: {{terminal_result: BLOCKED}}}}]]\n  troubleshooter: [[{{result: {{terminal_result: BLOCKED}}}}]]\n  \
         consultant:\n{outbox}{needs}    - - run: {{argv: [sh, -c, 'mkdir -p @/again && cp -r \"$MILLRACE_RUN_DIR\"/. @/again/'], expect: 0}}\n{needs}"
    );
    Site::with(crate::support::repo::TestRepo::with_commit(), SHORT, &script)
}

/// The cancel is asked while the consultant works; what it then says opens nothing.
#[test]
fn a_cancelled_consultant_opens_no_incident() {
    let site = failing("", "      - exit: 1");
    let script = std::fs::read_to_string(site.repo.beside().join("script.yaml")).expect("a script");
    let signs = site.sign("").display().to_string();
    let wait = format!(
        "  consultant:\n    - - run: {{argv: [sh, -c, 'touch {signs}/here; until [ -e {signs}/go ]; do sleep 0.05; done'], expect: 0}}\n      -"
    );
    std::fs::write(site.repo.beside().join("script.yaml"), script.replace("  consultant:\n    - -", &wait))
        .expect("a script");
    site.add("one");
    let daemon = site.daemon(&["--until-idle"]);
    site.await_sign("here");
    site.ok(&["queue", "cancel", "one"]);
    site.give("go");
    assert!(daemon.ended().0.success());
    assert_eq!(site.state_of("one"), "archived");
    assert!(!site.paths().iter().any(|path| path.starts_with("incidents/")), "{:#?}", site.paths());
    site.sound();
}
