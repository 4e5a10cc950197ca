//! Acceptance, through the program: a root whose work is done is judged on the code that is named to its judge, and
//! nothing but a verdict on that code closes it.

use super::site::{Site, wait_until};

/// A root with one task, worked on until nothing is ready.
fn drained(verdicts: &[&str]) -> Site {
    let site = Site::judged(verdicts);
    site.idea("better-sessions", "sessions");
    site.task_of("sessions", "one");
    site
}

/// The judge's last launch, as the ledger has it: each as judgement and what it says.
fn rejections(site: &Site) -> Vec<String> {
    let mut paths: Vec<String> =
        site.paths().into_iter().filter(|path| path.ends_with("-arbiter/result.toml")).collect();
    paths.sort();
    let records = paths.iter().map(|path| site.show(path));
    records.filter(|record| record.contains("judgement = \"rejected\"")).collect()
}

#[test]
fn f01_f08_f31_a_drained_root_is_judged_on_named_code_and_accepted() {
    let site = drained(&["ARBITER_COMPLETE c1=pass c2=pass"]);
    let answer = site.work();
    assert_eq!(answer["reason"], "idle", "{answer}");
    assert_eq!(site.state_of("one"), "done");
    assert_eq!(site.target_is("sessions"), "accepted");
    assert_eq!(site.judgements(), 1);

    // What the judge is given: all of it from the ledger, and no other item.
    let given = |name: &str| site.given_to_judge(1, name).unwrap_or_else(|| panic!("no {name}"));
    assert_eq!(given("idea.md"), "I want sessions.\n");
    assert!(given("spec.md").contains("Do sessions"));
    assert!(given("target.toml").contains("root = \"sessions\""));
    for name in ["item.md", "rubric.md", "last_verdict.toml"] {
        assert_eq!(site.given_to_judge(1, name), None, "{name}");
    }
    let request: toml::Table = toml::from_str(&given("request.toml")).expect("TOML");
    let snapshot = request["snapshot"].as_str().expect("a commit");
    let prompt = given("prompt.md");
    assert!(prompt.contains(&format!("The code to judge is commit {snapshot}")), "{prompt}");
    assert!(prompt.contains(request["verdict_file"].as_str().expect("a path")), "{prompt}");
    for name in ["target.toml", "idea.md", "spec.md"] {
        assert!(prompt.contains(&format!("/{name}`: the ")), "{name}: {prompt}");
    }
    assert!(!prompt.contains("item.md"), "{prompt}");

    // The verdict names that code, which is the user's tree as it was, and is kept for whoever asks.
    assert_eq!(site.repo.git(&["show", &format!("{snapshot}:made.txt")]), "made");
    let verdict = site.show(&site.path("closure/sessions/verdicts/", ".toml"));
    assert!(verdict.contains(&format!("snapshot = \"{snapshot}\"")), "{verdict}");
    let rubric = site.show("closure/sessions/rubric.md");
    assert!(rubric.contains("## c1\n\n> c1 holds.\n\nSource:\n\n> spec"), "{rubric}");
    assert!(rubric.contains("## c2\n"), "{rubric}");
    let story = site.story();
    assert_eq!(
        story[story.len() - 2..],
        ["launch: sessions arbiter (launch 1)", "handoff: sessions arbiter -> done (ARBITER_COMPLETE)"]
    );
    // A judge leaves no code: the run's branch is the code that was judged.
    let branch = format!("refs/millrace/runs/{}", request["run"].as_str().expect("a run"));
    assert_eq!(site.repo.git(&["rev-parse", &format!("{branch}^")]), snapshot);
    assert_eq!(
        site.told(&branch).last().map(String::as_str),
        Some("accepted: sessions (arbiter:ARBITER_COMPLETE)")
    );
    assert_eq!(site.work()["stages"], 0, "it is not judged again");
    site.sound();
}

#[test]
fn m06_a_root_without_an_idea_and_a_second_root_are_no_trouble() {
    let site = Site::judged(&["ARBITER_COMPLETE c1=pass", "ARBITER_COMPLETE c1=pass"]);
    site.root("first");
    site.root("second");
    site.task_of("first", "one");
    site.ok(&["run", "once"]);
    // The second one waits, and that is said; no error, no skip.
    let listed = site.json(&["queue", "ls"]);
    let second = listed["items"].as_array().expect("items").iter().find(|one| one["item"] == "spec/second");
    let why = second.expect("the second root")["why"].as_str().expect("a reason").to_owned();
    assert!(why.contains("spec/first is to be accepted first"), "{why}");
    assert_eq!(site.work()["reason"], "idle");
    assert_eq!((site.target_is("first"), site.target_is("second")), ("accepted".into(), "accepted".into()));
    assert_eq!(site.given_to_judge(1, "idea.md"), None);
    assert!(site.given_to_judge(1, "target.toml").expect("a target").contains("root = \"first\""));
    let launches = site.lines("launch: ");
    let at = |what: &str| launches.iter().position(|line| line.contains(what)).expect(what);
    assert!(at("first arbiter") < at("second planner"), "{launches:#?}");
    site.sound();
}

#[test]
fn a_gap_becomes_one_incident_is_planned_and_judged_again() {
    let site = drained(&["REMEDIATION_NEEDED c1=pass c2=gap", "ARBITER_COMPLETE c1=pass c2=pass"]);
    let answer = site.work();
    assert_eq!(answer["reason"], "idle", "{answer}");
    assert_eq!(site.target_is("sessions"), "accepted");
    assert_eq!(site.target("sessions")["rounds"].as_integer(), Some(1));

    let place = site.path("incidents/resolved/", ".md");
    let id = place.rsplit('/').next().expect("a name").trim_end_matches(".md");
    let nonce: toml::Table =
        toml::from_str(&site.given_to_judge(1, "request.toml").expect("a request")).expect("TOML");
    assert_eq!(id, format!("arbiter-gap-sessions-{}", &nonce["nonce"].as_str().expect("a nonce")[..8]));
    let text = site.show(&place);
    for line in [
        "failure_class: \"arbiter_parity_gap\"",
        "trigger_reason: \"arbiter_remediation_needed\"",
        "severity: high",
        "root_spec_id: \"sessions\"",
        "root_idea_id: \"better-sessions\"",
        "observed_symptoms:\n  - \"c2: c2 holds.: Looked at c2.\"\n",
        "  - \"closure/sessions/rubric.md\"",
        "-arbiter/verdict.json\"",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    for path in text.lines().filter_map(|line| line.strip_prefix("  - \"").map(|it| it.trim_end_matches('"')))
    {
        if path.starts_with("runs/") || path.starts_with("closure/") {
            site.show(path);
        }
    }

    // The second judge gets the criteria and what was found before.
    assert_eq!(site.judgements(), 2);
    assert!(site.given_to_judge(2, "rubric.md").expect("a rubric").contains("## c2\n\n> c2 holds."));
    assert!(site.given_to_judge(2, "last_verdict.toml").expect("a verdict").contains("finding = \"gap\""));
    let prompt = site.given_to_judge(2, "prompt.md").expect("a prompt");
    assert!(prompt.contains("keep every id") && prompt.contains("proves nothing about this one"), "{prompt}");
    assert_eq!(site.lines("launch: ").iter().filter(|line| line.contains("auditor")).count(), 1);
    site.sound();
}

#[test]
fn f20_the_same_gap_twice_in_a_row_stops_the_root_with_its_name() {
    let site =
        drained(&["REMEDIATION_NEEDED c1=gap", "REMEDIATION_NEEDED c1=gap", "ARBITER_COMPLETE c1=pass"]);
    site.work();
    assert_eq!(site.judgements(), 2);
    let state = &site.target("sessions")["state"];
    assert_eq!((state["is"].as_str(), state["class"].as_str()), (Some("blocked"), Some("same_gap_twice")));
    assert_eq!(state["reason"].as_str(), Some("the same gap twice in a row: c1"));
    assert_eq!(site.lines("launch: ").iter().filter(|line| line.contains("auditor")).count(), 1);
    let status = site.ok(&["status"]);
    assert!(status.contains("same gap twice"), "{status}");

    // F-24: other roots go on. An operator lets this one go on, too.
    site.root("other");
    std::fs::write(site.sign("verdicts"), "x\nx\nARBITER_COMPLETE c1=pass\nARBITER_COMPLETE c1=pass\n")
        .expect("verdicts");
    site.work();
    assert_eq!((site.target_is("other"), site.target_is("sessions")), ("accepted".into(), "blocked".into()));
    site.retry("spec/sessions");
    site.work();
    assert_eq!(site.target_is("sessions"), "accepted");
    site.sound();
}

/// M-10, F-63: what is no verdict on the named code closes nothing; the judge is told why, and judges again.
#[test]
fn m10_f63_a_judge_is_not_believed_without_a_verdict_on_the_code_that_it_was_given() {
    let other = "printf '{\"snapshot\":\"%040d\",\"criteria\":[{\"id\":\"c1\",\"text\":\"t\",\"finding\":\"pass\",\"evidence\":\"e\"}]}' 7 > \"$dir/verdict.json\"";
    let linked = "echo '{}' > /dev/null; mv \"$dir/verdict.json\" \"$dir/elsewhere\"; ln -s elsewhere \"$dir/verdict.json\"";
    for (first, meddle, problem) in [
        ("ARBITER_COMPLETE", "", "there is no verdict.json in the stage folder"),
        (
            "ARBITER_COMPLETE c1=pass",
            other,
            "the verdict names 0000000000000000000000000000000000000007, and the code to judge is",
        ),
        ("ARBITER_COMPLETE c1=pass", linked, "verdict.json"),
        ("ARBITER_COMPLETE c1=pass", "echo nonsense > \"$dir/verdict.json\"", "verdict.json"),
        (
            "ARBITER_COMPLETE c1=pass",
            "sed -i 's/^{/{\"nonce\":\"ffffffffffffffffffffffffffffffff\",/' \"$dir/verdict.json\"",
            "verdict.json has another nonce than this launch",
        ),
        ("ARBITER_COMPLETE c1=pass c2=gap", "", "ARBITER_COMPLETE does not fit the findings: c2 is gap"),
        ("REMEDIATION_NEEDED c1=pass", "", "REMEDIATION_NEEDED needs a gap, and the verdict has none"),
        (
            "ARBITER_COMPLETE c1=pass",
            "echo x >> made.txt; echo y > new.txt",
            "changed while it was judged: made.txt, new.txt",
        ),
    ] {
        let site = drained(&[first, "ARBITER_COMPLETE c1=pass"]);
        site.meddle(1, meddle);
        let answer = site.work();
        assert_eq!(answer["reason"], "idle", "{problem}: {answer}");
        let rejected = rejections(&site);
        assert_eq!(rejected.len(), 1, "{problem}: {rejected:#?}");
        assert!(rejected[0].contains("code = \"planning_post_stage_apply_failed\""), "{}", rejected[0]);
        assert!(rejected[0].contains(problem), "{problem}: {}", rejected[0]);
        assert_eq!(site.target_is("sessions"), "accepted", "{problem}");
        assert_eq!(site.judgements(), 2, "{problem}");
        // What it changed is gone, what the task had made is not.
        assert_eq!(site.repo.read("made.txt"), "made\n", "{problem}");
        assert!(!site.repo.path().join("new.txt").exists(), "{problem}");
        site.sound();
    }
}

/// The operator's own folder is no part of the code: they may write there while a judge works.
#[test]
fn what_changes_in_the_operators_folder_is_no_change_of_the_code() {
    let site = drained(&["ARBITER_COMPLETE c1=pass"]);
    site.meddle(1, "mkdir -p millrace-agents; echo note > millrace-agents/note.md");
    let answer = site.work();
    assert_eq!(answer["reason"], "idle", "{answer}");
    assert_eq!((rejections(&site), site.judgements()), (Vec::new(), 1));
    assert_eq!(site.target_is("sessions"), "accepted");
}

#[test]
fn a_judge_that_changes_the_same_twice_is_not_believed_twice() {
    let site = drained(&["ARBITER_COMPLETE c1=pass"; 3]);
    for call in [1, 2] {
        site.meddle(call, "echo x > new.txt");
    }
    assert_eq!(site.work()["reason"], "idle");
    assert_eq!((rejections(&site).len(), site.judgements()), (2, 3));
    assert_eq!(site.target_is("sessions"), "accepted");
    assert!(!site.repo.path().join("new.txt").exists());
    site.sound();
}

#[test]
fn a_root_is_awaited_until_it_is_accepted_and_its_judge_is_told_what_the_operator_says() {
    let unread = "ARBITER_COMPLETE";
    let site = drained(&[unread, unread, unread, "ARBITER_COMPLETE c1=pass"]);
    for _ in ["planner", "manager"] {
        site.ok(&["run", "once"]);
    }
    assert_eq!(site.json(&["queue", "show", "sessions"])["state"], "done", "its planning is");
    let waited = site.json(&["wait", "spec/sessions", "--timeout", "1"]);
    assert_eq!(waited["outcome"], "time_up");
    assert_eq!(waited["reason"], "is planned, and accepted when these are done: task/one (queued)");
    assert_eq!(site.json(&["queue", "show", "sessions"])["acceptance"]["state"], "open");

    site.work();
    let waited = site.json(&["wait", "spec/sessions"]);
    assert_eq!(waited["outcome"], "blocked");
    assert!(
        waited["reason"].as_str().expect("why").ends_with("(planning_post_stage_apply_failed)"),
        "{waited}"
    );
    let status = site.json(&["status"]);
    assert_eq!(status["next"]["detail"], "nothing is ready: 1 root not accepted");

    let answer = site.json(&["retry", "spec/sessions", "--note", "Write verdict.json."]);
    assert!(answer["detail"].as_str().expect("words").contains("the note goes to"), "{answer}");
    site.work();
    assert_eq!(site.given_to_judge(3, "note.md"), None);
    assert_eq!(site.given_to_judge(4, "note.md").as_deref(), Some("Write verdict.json.\n"));
    assert!(site.paths().iter().all(|path| !path.contains("recovery/")), "the note is over with it");
    let shown = site.json(&["queue", "show", "sessions"]);
    let verdict = site.show(&site.path("closure/sessions/verdicts/", ".toml"));
    let code = shown["acceptance"]["ended"]["code"].as_str().expect("a commit");
    assert_eq!(shown["acceptance"]["state"], "accepted");
    assert!(verdict.contains(code), "{verdict}");
    assert_eq!(site.json(&["wait", "spec/sessions"])["outcome"], "done");

    site.task_of("sessions", "two");
    let cancelled = site.json(&["cancel", "--lineage", "sessions", "--reason", "other plans"]);
    assert_eq!(cancelled["applied"], true);
    let waited = site.json(&["wait", "spec/sessions"]);
    assert_eq!((&waited["outcome"], &waited["reason"]), (&"cancelled".into(), &"other plans".into()));
    site.sound();
}

#[test]
fn f47_a_criterion_of_an_earlier_verdict_cannot_vanish() {
    let site = drained(&[
        "REMEDIATION_NEEDED c1=pass c2=gap",
        "ARBITER_COMPLETE c1=pass",
        "ARBITER_COMPLETE c1=pass c2=pass",
    ]);
    site.work();
    let rejected = rejections(&site);
    assert!(
        rejected.len() == 1 && rejected[0].contains("the criterion c2 of the rubric is not in the verdict"),
        "{rejected:#?}"
    );
    assert_eq!((site.judgements(), site.target_is("sessions")), (3, "accepted".to_owned()));
    site.sound();
}

/// A judge that may only read: its verdict stands in the report that ends its last message.
#[test]
fn a_judge_that_cannot_write_gives_its_verdict_in_its_report() {
    let config = "[runners.scripted.permission_by_stage]\narbiter = \"basic\"\n";
    let site = Site::judged_with(config, &["ARBITER_COMPLETE c1=pass", "ARBITER_COMPLETE c1=pass"]);
    site.idea("better-sessions", "sessions");
    site.task_of("sessions", "one");
    let report = "nonce=$(said nonce); verdict=$(cat \"$dir/verdict.json\"); rm \"$dir/verdict.json\"\n";
    let block = |key: &str, values: &str| {
        format!(
            "{report}printf '```json\\n{{\"nonce\":\"%s\",\"terminal_result\":\"ARBITER_COMPLETE\"{key}}}\\n```\\n' \
             {values}\nexit 0\n"
        )
    };
    site.meddle(1, &block("", "\"$nonce\""));
    site.meddle(2, &block(",\"verdict\":%s", "\"$nonce\" \"$verdict\""));
    let answer = site.work();
    assert_eq!(answer["reason"], "idle", "{answer}");
    let rejected = rejections(&site);
    assert_eq!(rejected.len(), 1, "{rejected:#?}");
    assert!(rejected[0].contains("there is no `verdict` in the JSON block"), "{rejected:#?}");
    assert_eq!((site.judgements(), site.target_is("sessions").as_str()), (2, "accepted"));
    let prompt = site.given_to_judge(2, "prompt.md").expect("a prompt");
    assert!(prompt.contains("under the key `verdict`"), "{prompt}");
}

#[test]
fn a_judge_that_never_gives_a_verdict_is_bounded_and_leaves_a_named_block() {
    let site = drained(&["ARBITER_COMPLETE"; 9]);
    let answer = site.work();
    assert_eq!(answer["reason"], "idle", "{answer}");
    assert_eq!(site.judgements(), 3);
    let state = &site.target("sessions")["state"];
    assert_eq!(state["is"].as_str(), Some("blocked"));
    let reason = state["reason"].as_str().expect("a reason");
    assert!(reason.contains("no verdict.json"), "{reason}");
    site.sound();
}

/// Weakness 14.1#6 of the reference: an interrupted judge kept everything from starting.
#[test]
fn m01_a_judge_that_is_killed_with_its_runtime_judges_again() {
    let site = drained(&["ARBITER_COMPLETE c1=pass", "ARBITER_COMPLETE c1=pass"]);
    let signs = site.sign("").display().to_string();
    site.meddle(1, &format!("echo half >> made.txt; touch {signs}judging; sleep 600"));
    let daemon = site.daemon(&["--until-idle"]);
    site.await_sign("judging");
    daemon.kill();
    wait_until("the stage's exit record", || {
        site.invocations().iter().any(|invocation| invocation.join("exit.toml").exists())
    });
    let status = site.json(&["status"]);
    assert_eq!(status["next"]["action"], "adopt", "{status:#}");
    assert_eq!(status["unattended"], true);
    assert_eq!(site.work()["reason"], "idle");
    assert_eq!(site.target_is("sessions"), "accepted");
    assert_eq!(site.judgements(), 2);
    assert_eq!(site.repo.read("made.txt"), "made\n");
    let judged = site.lines("launch: ").into_iter().filter(|line| line.contains("arbiter")).count();
    assert_eq!(judged, 2);
    assert_eq!(site.lines("interrupt: "), ["interrupt: sessions arbiter runs again (interrupted)"]);
    site.sound();
}

#[test]
fn f41_an_archived_task_keeps_nothing_open_and_the_judge_is_told() {
    let site = drained(&["ARBITER_COMPLETE c1=pass"]);
    site.task_of("sessions", "two");
    site.ok(&["run", "once"]);
    site.ok(&["queue", "cancel", "two"]);
    assert_eq!(site.work()["reason"], "idle");
    assert_eq!(site.target_is("sessions"), "accepted");
    let target = site.given_to_judge(1, "target.toml").expect("a target");
    assert!(target.contains("task/two"), "{target}");
    site.sound();
}

/// Times are for people: a ledger that was written when the clock was ahead is worked on like any other. Nor does it
/// matter what a document looks like, once it is in.
#[test]
fn m05_m15_a_clock_that_stepped_back_and_a_document_that_nobody_can_read_stop_nothing() {
    let site = Site::judged(&["REMEDIATION_NEEDED c1=gap", "ARBITER_COMPLETE c1=pass"]);
    site.root_at("sessions", b"\xff\xfe\0: no text at all", "2101-01-01T00:00:00Z");
    site.task_of("sessions", "one");
    let answer = site.work();
    assert_eq!(answer["reason"], "idle", "{answer}");
    assert_eq!((site.target_is("sessions"), site.judgements()), ("accepted".to_owned(), 2));
    let spec = std::fs::read(site.sign("judge-1/spec.md")).expect("the document");
    assert_eq!(spec, b"\xff\xfe\0: no text at all");
    site.sound();
}
