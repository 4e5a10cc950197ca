//! What a stage may not do to its governor, its record and its user's secrets.

use super::site::{MILLRACE, STRAIGHT, Site, task, text};

/// The standard script with more steps for the builder before its result.
fn builder(steps: &str) -> String {
    let result = "      - result: {terminal_result: BUILDER_COMPLETE, summary: Made it.}";
    let more: Vec<String> = steps.lines().map(|line| format!("      - {line}")).collect();
    STRAIGHT.replace(result, &format!("{}\n{result}", more.join("\n")))
}

#[test]
fn inside_a_stage_what_changes_the_ledger_is_refused_and_looking_is_not() {
    let document = "@/mine.md";
    let calls = [
        (1, vec!["queue", "add-task", document]),
        (1, vec!["add-task", document]),
        (1, vec!["queue", "cancel", "one"]),
        (1, vec!["compile", "validate"]),
        (1, vec!["run", "daemon", "--until-idle"]),
        (1, vec!["run", "once"]),
        (1, vec!["init"]),
        (0, vec!["status"]),
        (0, vec!["queue", "ls"]),
    ];
    let steps: Vec<String> = calls
        .iter()
        .map(|(code, args)| {
            let argv: Vec<String> =
                std::iter::once(&MILLRACE).chain(args).map(|word| format!("'{word}'")).collect();
            format!("run: {{argv: [{}], expect: {code}}}", argv.join(", "))
        })
        .collect();
    let site = Site::scripted(&builder(&steps.join("\n")));
    std::fs::write(site.sign("mine.md"), super::site::task("mine")).expect("a document");
    site.add("one");
    assert_eq!(site.json(&["run", "once"])["result"], "BUILDER_COMPLETE");
    assert!(!site.paths().iter().any(|path| path.contains("mine")));
    let said = site.show(&site.path("runs/", "/01-builder/stderr.tail"));
    assert_eq!(said.matches("a stage cannot change what governs it").count(), 7, "{said}");
    assert!(said.contains("outbox"), "{said}");
    assert_eq!(site.work()["reason"], "idle");
    assert_eq!(site.state_of("one"), "done");
}

#[test]
fn git_clean_costs_a_stage_its_result_file_and_not_us_the_evidence() {
    let script = STRAIGHT.replace(
        "Made it.}",
        "Made it.}\n      - run: {argv: [git, clean, -fdxq], expect: 0}\n      - run: {argv: [sh, -c, 'touch @/cleaned; \
         until [ -e @/go ]; do sleep 0.05; done']}\n      - say: Clean now.\n      - marker: BUILDER_COMPLETE",
    );
    let site = Site::scripted(&script);
    site.repo.git(&["add", "-A"]);
    site.repo.git(&["commit", "--quiet", "-m", "the configuration"]);
    site.add("one");
    let daemon = site.daemon(&["--until-idle"]);
    site.await_sign("cleaned");
    assert!(!site.repo.path().join("millrace-agents/runs").exists());
    let inv = site.invocations().pop().expect("an invocation");
    for file in ["prompt.md", "stdout", "stderr", "invocation.toml", "lock"] {
        assert!(inv.join(file).exists(), "{file}");
    }
    site.give("go");
    assert!(daemon.ended().0.success());
    let result = site.result("01-builder");
    assert_eq!(result["judgement"]["channel"].as_str(), Some("marker"), "{result}");
    let findings: Vec<_> = result["findings"].as_array().expect("findings").iter().collect();
    assert_eq!(findings.len(), 1, "{result}");
    assert_eq!(
        findings[0].as_str(),
        Some("missing evidence: builder_summary.md, wanted with BUILDER_COMPLETE")
    );
    for file in ["prompt.md", "request.toml", "exit.toml", "stdout.tail"] {
        site.path("runs/", &format!("/01-builder/{file}"));
    }
    assert_eq!(site.state_of("one"), "done");
    site.sound();
}

#[test]
fn a_stage_that_changes_its_governor_is_told_on_and_changes_nothing() {
    let site = Site::scripted(&builder("append: {path: millrace-agents/millrace.toml, content: '# mine'}"));
    let plan = site.json(&["status"])["plan"].clone();
    site.add("one");
    assert_eq!(site.work()["reason"], "idle");
    let findings = site.result("01-builder")["findings"].to_string();
    assert!(findings.contains("millrace-agents/"), "{findings}");
    let findings = site.result("02-checker")["findings"].to_string();
    assert!(!findings.contains("millrace-agents/"), "{findings}");
    assert_eq!(site.json(&["status"])["plan"], plan);
    assert_eq!(site.state_of("one"), "done");
    site.sound();
}

#[test]
fn a_stage_cannot_pass_its_own_files_off_as_the_runtimes_evidence() {
    let forge = |name: &str| {
        format!("run: {{argv: [sh, -c, 'echo forged > \"$MILLRACE_RUN_DIR/{name}\"'], expect: 0}}\n")
    };
    let names =
        ["exit.toml", "stdout.tail", "result.toml", "request.toml", "prompt.md", "item.md", "notes.md"];
    let steps: String = names.into_iter().map(forge).collect();
    let site = Site::scripted(&builder(&format!("say: said\n{}", steps.trim_end())));
    site.add("one");
    assert_eq!(site.json(&["run", "once"])["result"], "BUILDER_COMPLETE");
    let kept = |name: &str| site.show(&site.path("runs/", &format!("/01-builder/{name}")));
    for name in ["exit.toml", "stdout.tail", "result.toml", "request.toml", "prompt.md"] {
        assert!(!kept(name).contains("forged"), "{name}: {}", kept(name));
    }
    // It wrote nothing to stderr.
    assert!(!site.paths().iter().any(|path| path.ends_with("/stderr.tail")));
    assert_eq!(kept("notes.md"), "forged");
    let findings = site.result("01-builder")["findings"].to_string();
    assert!(findings.contains("exit.toml") && findings.contains("stdout.tail"), "{findings}");
    site.sound();
}

#[test]
fn names_that_git_takes_for_its_own_do_not_get_into_the_ledger() {
    let site = Site::scripted(&builder(
        "run: {argv: [sh, -c, 'cd \"$MILLRACE_RUN_DIR\" && echo x > \"git~1\" && echo x > \"GIT~1 \"'], expect: 0}",
    ));
    site.add("one");
    assert_eq!(site.json(&["run", "once"])["result"], "BUILDER_COMPLETE");
    let findings = site.result("01-builder")["findings"].to_string();
    assert!(findings.contains("git~1"), "{findings}");
    site.sound();
}

#[test]
fn a_secret_that_a_harness_was_given_gets_into_no_object_of_the_ledger() {
    const SECRET: &str = "correct-horse-battery-staple-77";
    let steps = "run: {argv: [sh, -c, 'echo out $API_TOKEN; echo err $API_TOKEN >&2'], expect: 0}\n\
                 run: {argv: [sh, -c, 'cd \"$MILLRACE_RUN_DIR\"; echo \"it is $API_TOKEN\" > notes.md; echo x > \"$API_TOKEN.md\"'], expect: 0}";
    let script = builder(steps)
        .replace("summary: Made it.", &format!("summary: 'used {SECRET} well', artifacts: ['{SECRET}.md']"))
        .replace(
            "checker: [[{result: {terminal_result: CHECKER_PASS, summary: Fine.}}]]",
            &format!("checker: [[{{say: 'I saw {SECRET}'}}, {{marker: CHECKER_PASS}}]]"),
        );
    let site = Site::scripted(&script);
    let config = site.repo.read("millrace-agents/millrace.toml");
    site.configure(&format!("{config}env_pass = [\"API_TOKEN\"]\n"));
    site.add("one");
    let mut command = site.millrace(&["run", "daemon", "--until-idle"]);
    let output = command.env("API_TOKEN", SECRET).output().expect("millrace runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(site.state_of("one"), "done");
    let all = "git rev-list --objects refs/millrace/state | cut -d' ' -f1 | git cat-file --batch";
    let output = site.repo.command("sh").args(["-c", all]).output().expect("sh runs");
    assert!(output.status.success());
    let objects = text(&output.stdout);
    if let Some(at) = objects.find(SECRET) {
        let start = objects.floor_char_boundary(at.saturating_sub(300));
        panic!("the secret is there: {}", &objects[start..at]);
    }
    for file in
        ["01-builder/notes.md", "01-builder/stdout.tail", "01-builder/stderr.tail", "02-checker/stdout.tail"]
    {
        assert!(
            site.show(&site.path("runs/", file)).contains("[redacted: the value of API_TOKEN]"),
            "{file}"
        );
    }
    assert!(site.result("01-builder")["findings"].to_string().contains("redacted"));
    site.sound();
}

#[test]
fn a_secret_at_the_place_where_a_long_output_is_cut_does_not_get_in_by_halves() {
    const SECRET: &str = "correct-horse-battery-staple-77";
    // The head that is kept ends 14 bytes into the first secret, the tail begins 8 bytes before the end of the second.
    let fill = |letter: char, count: u32| format!("head -c {count} /dev/zero | tr '\\0' {letter}\n");
    let shell = format!(
        "{}echo $API_TOKEN\n{}echo $API_TOKEN\n{}echo\necho '### BLOCKED'\n",
        fill('x', 16_370),
        fill('y', 200_000),
        fill('z', 48_930)
    );
    let site = Site::commanded("env_pass = [\"API_TOKEN\"]\n", &shell);
    site.add("one");
    let mut command = site.millrace(&["run", "once"]);
    let output = command.env("API_TOKEN", SECRET).output().expect("millrace runs");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let tail = site.show(&site.path("runs/", "/01-builder/stdout.tail"));
    assert!(tail.contains("bytes left out") && tail.len() <= 64 * 1024, "{}", tail.len());
    for part in ["correct", "aple-77"] {
        assert!(!tail.contains(part), "{part}");
    }
    assert!(tail.starts_with("xxx") && tail.ends_with("zzz\n### BLOCKED"));
}

/// F-64: what is too large is refused at the door; what a harness is told does not grow with the work that it gets.
#[test]
fn f64_no_item_makes_a_request_that_is_too_large() {
    let site = Site::scripted(STRAIGHT);
    let path = site.repo.beside().join("large.md");
    let add = |bytes: usize| {
        let head = task("large");
        std::fs::write(&path, format!("{head}{}", "x".repeat(bytes - head.len()))).expect("a document");
        site.run(&["queue", "add-task", &path.display().to_string()])
    };
    let refused = add(1024 * 1024 + 1);
    assert!(!refused.status.success(), "{}", text(&refused.stdout));
    assert!(text(&refused.stderr).contains("1048576"), "{}", text(&refused.stderr));
    assert!(add(1024 * 1024).status.success());
    site.work();
    assert_eq!(site.state_of("large"), "done");
    let prompt = site.show(&site.path("runs/", "/01-builder/prompt.md"));
    assert!(prompt.len() < 16 * 1024, "{} bytes", prompt.len());
}
