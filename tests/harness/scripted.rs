//! The embedded harness: steps, attempts, reports, and what it says about a bad script.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use millrace::harness::adapter::Script;

use super::bench::{Bench, MILLRACE};

/// Runs a script as stage and attempt, directly.
fn run(bench: &Bench, script: &str, stage: &str, attempt: u32) -> Output {
    let path = bench.path("script.yaml");
    std::fs::write(&path, script).unwrap();
    let mut call = bench.call();
    call.stage = stage.parse().unwrap();
    call.attempt = attempt;
    Command::new(MILLRACE)
        .args(["harness-scripted", "--script"])
        .arg(&path)
        .current_dir(bench.work())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .envs(call.variables())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[track_caller]
fn well(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The one line that it says when it cannot go on.
#[track_caller]
fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

#[test]
fn every_step_does_what_it_says() {
    let bench = Bench::new();
    std::fs::write(bench.work().join("old.txt"), "old").unwrap();
    let script = r#"
stages:
  builder:
    - - write: {path: src/a.txt, content: "one two one\n"}
      - append: {path: src/a.txt, content: "three\n"}
      - append: {path: new.txt, content: "x"}
      - replace: {path: src/a.txt, from: one, to: 1}
      - delete: old.txt
      - run: {argv: [sh, -c, "exit 3"], expect: 3}
      - run: {argv: [sh, -c, "echo ran > ran.txt; exit 1"]}
      - say: I wrote a.txt.
      - sleep: 0.01
      - outbox: {name: idea.md, content: "an idea"}
      - result: {terminal_result: BUILDER_COMPLETE, summary: did it, resume_stage: checker}
      - marker: BUILDER_COMPLETE
      - exit: 0
      - say: never
"#;
    let said = well(&run(&bench, script, "builder", 1));
    assert_eq!(said, "I wrote a.txt.\n### BUILDER_COMPLETE\n");
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    assert_eq!(read(&bench.work().join("src/a.txt")), "1 two 1\nthree\n");
    assert_eq!(read(&bench.work().join("new.txt")), "x");
    assert_eq!(read(&bench.work().join("ran.txt")), "ran\n");
    assert_eq!(read(&bench.path("outbox/idea.md")), "an idea");
    assert!(!bench.work().join("old.txt").exists());
    let report: serde_json::Value = serde_json::from_str(&read(&bench.call().result_file)).unwrap();
    assert_eq!(report["nonce"], bench.nonce.as_str());
    assert_eq!(report["terminal_result"], "BUILDER_COMPLETE");
    assert_eq!(report["resume_stage"], "checker");
}

#[test]
fn each_attempt_has_its_steps_and_the_last_repeats() {
    let script = "
stages:
  builder: [[{say: first}], [{say: second}, {exit: 4}], [{say: last}]]
  checker: [[{marker: CHECKER_PASS}]]
";
    let bench = Bench::new();
    assert_eq!(well(&run(&bench, script, "builder", 1)), "first\n");
    let second = run(&bench, script, "builder", 2);
    assert_eq!((second.status.code(), second.stdout), (Some(4), b"second\n".to_vec()));
    assert_eq!(well(&run(&bench, script, "builder", 3)), "last\n");
    assert_eq!(well(&run(&bench, script, "builder", 40)), "last\n");
    assert_eq!(well(&run(&bench, script, "checker", 1)), "### CHECKER_PASS\n");
    let unknown = refusal(&run(&bench, script, "fixer", 1));
    assert!(unknown.contains("script.yaml: stages.fixer"), "{unknown}");
}

#[test]
fn a_step_that_fails_ends_the_script_by_name() {
    for (step, said) in [
        ("run: {argv: [sh, -c, 'exit 1'], expect: 0}", "not with exit code 0"),
        ("run: {argv: [no-such-program]}", "no-such-program"),
        ("replace: {path: a.txt, from: x, to: y}", "does not hold `x`"),
        ("delete: a.txt", "a.txt"),
    ] {
        let bench = Bench::new();
        let script = format!("stages: {{builder: [[{{say: hi}}, {{{step}}}, {{say: never}}]]}}");
        let output = run(&bench, &script, "builder", 1);
        assert_eq!(output.stdout, b"hi\n");
        let refusal = refusal(&output);
        assert!(refusal.contains("stages.builder, step 2") && refusal.contains(said), "{refusal}");
    }
}

#[test]
fn a_bad_script_is_refused_with_file_and_key() {
    let step = |step: &str| format!("stages: {{builder: [[{{{step}}}]]}}");
    for (script, said) in [
        (String::new(), "stages"),
        ("stage: {}".to_owned(), "stage"),
        ("stages: {builder: []}".to_owned(), "stages.builder: expected at least one attempt"),
        ("stages: {builder: [[{}]]}".to_owned(), "stages.builder[0][0]: expected exactly one of"),
        (step("say: a, exit: 1"), "stages.builder[0][0]: expected exactly one of"),
        (step("wriet: {path: a, content: b}"), "wriet"),
        (step("write: {path: a}"), "content"),
        (step("write: {path: /etc/x, content: b}"), "stay in the work tree"),
        (step("write: {path: a/../../x, content: b}"), "stay in the work tree"),
        (step("delete: ''"), "stay in the work tree"),
        (step("outbox: {name: a/b, content: b}"), "`name` must be a file name"),
        (step("outbox: {name: .., content: b}"), "`name` must be a file name"),
        (step("sleep: -1"), "`sleep` takes seconds"),
        (step("sleep: .nan"), "`sleep` takes seconds"),
        (step("run: {argv: []}"), "`argv` is empty"),
        (step("exit: 256"), "exit"),
        ("stages: [".to_owned(), "script.yaml"),
    ] {
        let refused = Script::parse(Path::new("script.yaml"), &script).unwrap_err().to_string();
        assert!(refused.starts_with("script.yaml: "), "{refused}");
        assert!(refused.contains(said), "{script}: {refused}");
    }
    let bench = Bench::new();
    assert!(refusal(&run(&bench, "stages: 3", "builder", 1)).contains("script.yaml"));
    let usage = Command::new(MILLRACE).arg("harness-scripted").output().unwrap();
    assert!(refusal(&usage).contains("--script FILE"));
}
