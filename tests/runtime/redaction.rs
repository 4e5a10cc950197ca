//! Secrets: planted by the real program's stages in everything that they can say, and looked for in every object of the
//! repository. Commits are for ever.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::site::{STRAIGHT, Site, task};
use crate::support::repo::TestRepo;

/// The rules of the operator.
const RULES: &str = "[redaction]\npatterns = [\"acme-[0-9a-f]{12}\"]\nextra_variables = [\"HOUSE_NAME\"]\n";

/// Variables of the runtime's environment whose values are secrets. The second holds what JSON has to escape.
const VARIABLES: [(&str, &str); 3] = [
    ("DEPLOY_TOKEN", "correct-horse-99"),
    ("ODD_SECRET", "sesame-odd\"x\\y\nz-gr\u{fc}n/1"),
    ("HOUSE_NAME", "blue-door-1897"),
];

/// A token of a known shape, put together here so that no scanner takes this file for a leak.
fn token() -> String {
    format!("{}{}", "gh", "p_aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3z")
}

/// All that is planted: the variables' values, the token, and a match of the pattern.
fn secrets() -> Vec<String> {
    let values = VARIABLES.iter().map(|(_, value)| (*value).to_owned());
    values.chain([token(), "acme-0123456789ab".to_owned()]).collect()
}

/// Those that can be in a file's name.
fn nameable() -> Vec<String> {
    secrets().into_iter().filter(|secret| !secret.contains('/')).collect()
}

fn with_secrets(command: &mut Command) -> &mut Command {
    command.envs(VARIABLES)
}

/// One launch, by a runtime that knows the secrets.
#[track_caller]
fn once(site: &Site) {
    let output = with_secrets(&mut site.millrace(&["run", "once"])).output().expect("millrace runs");
    assert!(output.status.code().is_some(), "{output:?}");
}

/// Every object of a repository, one after the other.
fn objects(repo: &TestRepo) -> Vec<u8> {
    let output = repo.git_output(&["cat-file", "--batch-all-objects", "--batch", "--unordered"]);
    assert!(output.status.success() && output.stdout.len() > 1000);
    output.stdout
}

/// Nothing of a secret is in any object, not even its beginning, which is the same however it is escaped.
#[track_caller]
fn clean(site: &Site, channel: &str) {
    let objects = objects(&site.repo);
    for secret in secrets() {
        let begins = &secret.as_bytes()[..10];
        let at = objects.windows(begins.len()).position(|window| window == begins);
        let around = at.map(|at| String::from_utf8_lossy(&objects[at.saturating_sub(200)..at + 40]));
        assert_eq!(around, None, "{channel}: {secret:?}");
    }
}

/// A text in single quotes of a shell.
fn shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn json(text: &str) -> String {
    serde_json::to_string(text).expect("JSON")
}

/// A shell script that reports this, whose keys after the nonce are given.
fn report(keys: &str) -> String {
    format!(
        "printf '{{\"nonce\":\"%s\",' \"$MILLRACE_INVOCATION\" >\"$MILLRACE_RESULT_FILE\"\n\
         printf '%s}}' {} >>\"$MILLRACE_RESULT_FILE\"\n",
        shell(keys)
    )
}

fn built(more: &str) -> String {
    report(&format!("\"terminal_result\":\"BUILDER_COMPLETE\"{more}"))
}

/// A shell command for each of these secrets, `{s}` in it standing for one.
fn each(secrets: &[String], command: &str) -> String {
    secrets.iter().map(|secret| command.replace("{s}", &shell(secret)) + "\n").collect()
}

/// Every channel by which a stage's words reach the ledger, as what its harness does.
fn channels() -> Vec<(&'static str, String)> {
    let all = secrets();
    let joined = all.join(" and ");
    let jsonl = json(&format!("{{\"out\":{}}}", json(&joined)));
    let halves: Vec<String> = all
        .iter()
        .map(|secret| {
            let (one, two) = secret.split_at(6);
            format!("printf %s {}; sleep 0.05; printf '%s\\n' {}\n", shell(one), shell(two))
        })
        .collect();
    let document = format!("---\ntask_id: more\n---\n{joined}\n");
    let named = nameable().join(", ");
    vec![
        ("stdout", each(&all, "echo key {s}") + &built("")),
        ("stderr", each(&all, "echo key {s} >&2") + &built("")),
        ("stdout in pieces", halves.concat() + &built("")),
        ("stdout as JSON in JSON", format!("printf '%s\\n' {}\n", shell(&jsonl)) + &built("")),
        ("summary", built(&format!(",\"summary\":{}", json(&joined)))),
        (
            "summary that is cut",
            built(&format!(",\"summary\":{}", json(&("x".repeat(16 * 1024 - 12) + &joined)))),
        ),
        ("nothing to create", built(&format!(",\"nothing_to_create\":{}", json(&joined)))),
        ("artifacts", built(&format!(",\"artifacts\":[{}]", json(&joined)))),
        ("keys without meaning", built(&format!(",{}:1", json(&joined)))),
        ("where to go on", built(&format!(",\"resume_stage\":{}", json("correct-horse-99")))),
        ("class", built(&format!(",\"result_class\":{}", json(&joined)))),
        ("result", report(&format!("\"terminal_result\":{}", json(&joined)))),
        (
            "nonce",
            format!(
                "printf '%s' {} >\"$MILLRACE_RESULT_FILE\"\n",
                shell(&format!(
                    "{{\"nonce\":{},\"terminal_result\":\"BUILDER_COMPLETE\"}}",
                    json(&("x".repeat(50) + &joined))
                ))
            ),
        ),
        ("no JSON", format!("printf '%s' {} >\"$MILLRACE_RESULT_FILE\"\n", shell(&joined))),
        ("report", format!("printf '%s' {} >\"$MILLRACE_RUN_DIR/report.md\"\n", shell(&joined)) + &built("")),
        ("names of reports", each(&nameable(), "echo x >\"$MILLRACE_RUN_DIR\"/{s}.md") + &built("")),
        (
            "names of folders",
            each(&nameable(), "mkdir -p \"$MILLRACE_RUN_DIR\"/{s}; echo x >\"$MILLRACE_RUN_DIR\"/{s}/a.md")
                + &built("")
                + "echo "
                + &shell(&joined),
        ),
        (
            "documents",
            format!("printf '%s' {} >\"$MILLRACE_OUTBOX/more.md\"\n", shell(&document)) + &built(""),
        ),
        (
            "names of documents",
            each(&nameable(), "printf '%s' '---\ntask_id: m\n---\n' >\"$MILLRACE_OUTBOX\"/{s}.md")
                + &built(""),
        ),
        (
            "names of documents that are left",
            each(&nameable(), "echo x >\"$MILLRACE_OUTBOX\"/{s}.md")
                + &report("\"terminal_result\":\"BLOCKED\""),
        ),
        ("names of what is no snapshot's", each(&nameable(), "echo x >{s}.pem") + &built("")),
        ("final message without a marker", format!("printf '%s\\n' {}\n", shell(&joined))),
        ("failure", format!("printf '%s\\n' {} >&2; exit 7\n", shell(&named))),
        ("signal", format!("printf '%s\\n' {}; kill -SEGV $$\n", shell(&joined))),
    ]
}

#[test]
fn no_secret_gets_into_an_object_by_any_channel() {
    for (channel, script) in channels() {
        let site = Site::commanded(RULES, &script);
        site.add("one");
        once(&site);
        clean(&site, channel);
        let result = site.result("01-builder");
        let findings: Vec<&str> =
            result["findings"].as_array().expect(channel).iter().filter_map(toml::Value::as_str).collect();
        assert!(
            findings.iter().any(|finding| finding.ends_with(" secrets were redacted")),
            "{channel}: {findings:?}"
        );
        site.sound();
    }
}

/// A harness with an event stream: what it says there is cut out as well, and what it fails with.
#[test]
fn no_secret_gets_into_an_object_by_an_event_stream() {
    let joined = secrets().join(" and ");
    let started = "{\"type\":\"thread.started\",\"thread_id\":\"t\"}\n";
    let said = format!(
        "{{\"type\":\"item.completed\",\"item\":{{\"id\":\"i\",\"type\":\"agent_message\",\"text\":{}}}}}\n",
        json(&joined)
    );
    let failed = format!("{{\"type\":\"turn.failed\",\"error\":{{\"message\":{}}}}}\n", json(&joined));
    let unauthorised = json(&format!("unexpected status 401 Unauthorized: {joined}"));
    let unauthorised = format!("{{\"type\":\"turn.failed\",\"error\":{{\"message\":{unauthorised}}}}}\n");
    let completed = "{\"type\":\"turn.completed\",\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}\n";
    for (channel, stream) in [
        ("message", format!("{started}{said}{completed}")),
        ("failure", format!("{started}{failed}")),
        ("outage", format!("{started}{unauthorised}")),
        ("no end", format!("{started}{said}")),
    ] {
        let site = Site { repo: TestRepo::with_commit() };
        let (program, output) = (site.repo.beside().join("codex"), site.repo.beside().join("stream"));
        std::fs::write(&output, stream).expect("a stream");
        std::fs::write(&program, format!("#!/bin/sh\ncat '{}'\n", output.display())).expect("a program");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a program");
        site.configure(&format!("{RULES}[runners.codex]\ncommand = \"{}\"\n", program.display()));
        site.add("one");
        once(&site);
        clean(&site, channel);
        let result = site.result("01-builder").to_string();
        assert!(result.contains(" secrets were redacted"), "{channel}: {result}");
        site.sound();
    }
}

/// The stage gets its prompt and its request as they are; what is kept of them is without the secrets.
#[test]
fn the_prompt_is_kept_without_the_secrets_that_the_stage_gets_to_read() {
    let script = format!("cp \"$MILLRACE_PROMPT_FILE\" @/prompt\n{}", built(""));
    let site = Site::commanded("", &script);
    // Whoever brought it knew nothing of the variable.
    let document = task("one").replace("title: Do one", "title: Do correct-horse-99 now");
    let path = site.repo.beside().join("one.md");
    std::fs::write(&path, document).expect("a document");
    site.ok(&["queue", "add-task", &path.display().to_string()]);
    once(&site);
    let given = std::fs::read_to_string(site.sign("prompt")).expect("a prompt");
    assert!(given.contains("correct-horse-99"), "{given}");
    for name in ["prompt.md", "request.toml"] {
        let kept = site.show(&site.path("runs/", &format!("/01-builder/{name}")));
        assert!(!kept.contains("correct-horse"), "{kept}");
        assert!(kept.contains("[redacted: the value of DEPLOY_TOKEN]"), "{kept}");
    }
    let result = site.result("01-builder").to_string();
    assert!(result.contains("secrets were redacted"), "{result}");
}

/// A pattern that matches what the runtime itself gives a stage to report with spoils nothing.
#[test]
fn a_pattern_that_matches_too_much_does_not_spoil_the_report() {
    let rules = "[redaction]\npatterns = [\"[0-9a-f]{32,}\", \"[A-Z_]{8,}\"]\n";
    let site = Site::commanded(rules, &built(",\"summary\":\"QUITE_FINE and well\""));
    site.add("one");
    once(&site);
    let judgement = site.result("01-builder")["judgement"].clone();
    assert_eq!(judgement["result"].as_str(), Some("BUILDER_COMPLETE"), "{judgement}");
    assert_eq!(
        judgement["summary"].as_str(),
        Some("[redacted: a match of redaction pattern 2] and well"),
        "{judgement}"
    );
}

/// Documents, their names and an operator's reasons are not edited: they are refused.
#[test]
fn what_is_brought_in_is_refused_with_its_line() {
    let site = Site::with(TestRepo::with_commit(), RULES, STRAIGHT);
    for secret in secrets().iter().filter(|secret| !secret.contains('\n')) {
        let document = task("one").replace("Do it.", &format!("Do it.\nWith {secret}."));
        let path = site.repo.beside().join("one.md");
        std::fs::write(&path, document).expect("a document");
        let path = path.display().to_string();
        for args in [
            vec!["queue", "add-task", &path],
            vec!["queue", "add-idea", &path],
            vec!["pause", "--reason", secret],
        ] {
            let output = with_secrets(&mut site.millrace(&args)).output().expect("millrace runs");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
            assert!(said.contains(", and commits are for ever; expected "), "{said}");
            assert!(!said.contains(secret.as_str()), "{said}");
        }
        // An idea's name becomes its id.
        let named = site.repo.beside().join(format!("{secret}.md"));
        std::fs::write(&named, "An idea.\n").expect("an idea");
        let args = ["queue", "add-idea", &named.display().to_string()];
        let output = with_secrets(&mut site.millrace(&args)).output().expect("millrace runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(!said.contains(secret.as_str()), "{said}");
    }
    clean(&site, "intake");
}

/// What a plan is made of is frozen into the ledger, and so is what is wrong with it.
#[test]
fn a_plan_is_refused_that_would_hold_a_secret() {
    let site = Site::scripted(STRAIGHT);
    let before = site.repo.read("millrace-agents/millrace.toml");
    let entrypoint = "millrace-agents/entrypoints/execution/builder.md";
    for secret in secrets().iter().filter(|secret| !secret.contains('\n')) {
        let texts = [
            (
                "millrace-agents/millrace.toml",
                format!("{RULES}{before}[runners.scripted.env]\nMODE = \"{secret}\"\n"),
            ),
            (
                "millrace-agents/millrace.toml",
                format!("{RULES}{before}[model_tiers]\nstrong = \"{secret}\"\n"),
            ),
            (entrypoint, format!("---\nasset_type: entrypoint\n---\nUse {secret}.\n")),
        ];
        for (path, text) in texts {
            site.repo.write("millrace-agents/millrace.toml", format!("{RULES}{before}"));
            site.repo.write(path, text);
            let output =
                with_secrets(&mut site.millrace(&["compile", "validate"])).output().expect("millrace runs");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!output.status.success(), "{path}: {secret}: {said}");
            assert!(said.contains(", and commits are for ever; expected "), "{said}");
            assert!(said.contains(".toml:") || said.contains("builder.md:4: "), "{said}");
            assert!(!said.contains(secret.as_str()), "{said}");
            let _ = std::fs::remove_file(site.repo.path().join(entrypoint));
        }
    }
    // What is no configuration is said with pieces of it.
    site.repo.write("millrace-agents/millrace.toml", "[runtime]\ndefault_mode = \"correct-horse-99 x\"\n");
    let output = with_secrets(&mut site.millrace(&["compile", "validate"])).output().expect("millrace runs");
    assert!(!output.status.success());
    clean(&site, "plan");
}

/// What a judge finds is kept without the secrets in it, and a criterion that is called by one is none.
#[test]
fn a_verdict_is_kept_without_secrets() {
    let token = token();
    for (meddle, judgements) in
        [(format!("s/holds/holds {token}/g"), 1), (format!("s/\"c1\"/\"{token}\"/"), 2)]
    {
        let site = Site::judged(&["ARBITER_COMPLETE c1=pass", "ARBITER_COMPLETE c1=pass"]);
        site.idea("better-sessions", "sessions");
        site.task_of("sessions", "one");
        let planted = site.sign("planted").display().to_string();
        site.meddle(
            1,
            &format!(
                "sed -i '{meddle}' \"$dir/verdict.json\"; grep -c {token} \"$dir/verdict.json\" >{planted}"
            ),
        );
        site.work();
        assert_eq!(std::fs::read_to_string(&planted).expect("it was planted").trim(), "1");
        assert_eq!(site.judgements(), judgements, "{meddle}");
        assert_eq!(site.target_is("sessions"), "accepted", "{meddle}");
        clean(&site, &meddle);
        site.sound();
    }
}
