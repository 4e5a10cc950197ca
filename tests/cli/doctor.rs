//! `doctor` diagnoses what will run here: the shipped texts with the operator's in their place.

use millrace::compile::SHIPPED;
use millrace::harness::exit::StopProof;

use super::commands::{STRAIGHT, call, data, filtered, queue, said, script, task, well};
use crate::support::repo::TestRepo;

const BUILDER: &str = "entrypoints/execution/builder.md";
const SKILL: &str = "skills/stage/execution/builder-core/SKILL.md";

fn shipped(path: &str) -> &'static str {
    SHIPPED.iter().find(|(known, _)| *known == path).expect("a shipped text").1
}

/// A repository that is set up, with these files of the operator's, not compiled yet.
fn with(files: &[(&str, &str)]) -> TestRepo {
    let repo = TestRepo::with_commit();
    well(&repo, &["init"]);
    for (path, text) in files {
        repo.write(&format!("millrace-agents/{path}"), text);
    }
    repo
}

/// The lines about texts and about the plan that the files give, and the last one.
fn about_texts(repo: &TestRepo) -> String {
    let text = said(repo, &call(repo, &["doctor"]));
    let wanted = |line: &&str| {
        line.starts_with("exit ")
            || line.contains(" warning")
            || line.contains("  text")
            || line.contains("  compile")
    };
    let one_blank = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = text.lines().filter(wanted).map(one_blank).collect();
    lines.join("\n")
}

#[test]
fn what_ships_is_fine() {
    insta::assert_snapshot!(about_texts(&with(&[])), @"
exit 0
ok texts 25 texts linted
ok compile the files give the selected plan
0 errors, 0 warnings
");
    let texts =
        SHIPPED.iter().filter(|(path, _)| std::path::Path::new(path).extension() == Some("md".as_ref()));
    assert_eq!(texts.count(), 25);
}

#[test]
fn f17_an_override_that_breaks_a_rule_is_named_with_its_path() {
    let text = shipped(BUILDER)
        .replace("- `BLOCKED`: the", "- `BLOCKD`: the")
        .replace("\n## Procedure\n", "\nThen move the item to done.\n\n## Procedure\n");
    let skill = shipped(SKILL).replace("advisory_only: true", "advisory_only: false");
    let repo = with(&[(BUILDER, &text), (SKILL, &skill)]);
    insta::assert_snapshot!(about_texts(&repo), @"
exit 1
warning text policy millrace-agents/entrypoints/execution/builder.md:40: `move the item` takes what the runtime owns: the queue; expected the stage's own work, and its result
error text compatibility millrace-agents/entrypoints/execution/builder.md:80: Legal results: `BLOCKED`, which `builder` may report, is not named; expected when to report `BLOCKED`
error text compatibility millrace-agents/entrypoints/execution/builder.md:85: Legal results: `BLOCKD` is no result of this stage; expected `BLOCKED` or `BUILDER_COMPLETE`
error text structure millrace-agents/skills/stage/execution/builder-core/SKILL.md:6: advisory_only: a skill that is more than advice is none; expected `true`
warning compile the files give plan-standard_plain-[id], and plan-standard_plain-[id] is selected; `millrace plan diff` shows what differs, `millrace compile validate` selects the files' plan
3 errors, 2 warnings
");
    // It was not in the plan yet; compiled, it is the same text.
    well(&repo, &["compile", "validate"]);
    let again = about_texts(&repo);
    assert!(
        again.contains("error text compatibility millrace-agents/entrypoints/execution/builder.md:"),
        "{again}"
    );
    assert!(again.contains("ok compile the files give the selected plan\n"), "{again}");
}

#[test]
fn policy_warns_and_fails_nothing() {
    let text =
        shipped(BUILDER).replace("\n## Procedure\n", "\nThen move the item to done.\n\n## Procedure\n");
    let repo = with(&[(BUILDER, &text)]);
    well(&repo, &["compile", "validate"]);
    insta::assert_snapshot!(about_texts(&repo), @"
    exit 0
    warning text policy millrace-agents/entrypoints/execution/builder.md:40: `move the item` takes what the runtime owns: the queue; expected the stage's own work, and its result
    ok compile the files give the selected plan
    0 errors, 1 warning
    ");
    let checks = data(&repo, "doctor", &["doctor"])["checks"].clone();
    let policy = checks
        .as_array()
        .expect("checks")
        .iter()
        .find(|check| check["check"] == "text policy")
        .expect("a finding");
    assert_eq!(policy["level"], "warning");
}

#[test]
fn f17_files_that_do_not_compile_are_said_and_change_nothing() {
    let repo = with(&[(BUILDER, " \n"), ("loops/execution.standard.yaml", "loop_id: execution.standard\n")]);
    let before = repo.git(&["rev-parse", "refs/millrace/state"]);
    insta::assert_snapshot!(about_texts(&repo), @"
exit 1
error text structure millrace-agents/entrypoints/execution/builder.md: the file is empty; expected instructions
error compile millrace-agents/loops/execution.standard.yaml:1: `plane` is missing; expected `execution`
2 errors, 0 warnings
");
    assert_eq!(repo.git(&["rev-parse", "refs/millrace/state"]), before);
}

#[test]
fn an_override_that_cannot_be_read_is_named() {
    let repo = with(&[]);
    let path = repo.path().join("millrace-agents").join(BUILDER);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(&path, "x".repeat(1024 * 1024 + 1)).expect("a file");
    insta::assert_snapshot!(about_texts(&repo), @"
    exit 1
    error texts cannot read [repo]/millrace-agents/entrypoints/execution/builder.md: it has 1048577 bytes; at most 1048576 are read
    1 error, 0 warnings
    ");
}

#[test]
fn the_whole_of_a_fresh_repository() {
    let repo = with(&[]);
    let text = said(&repo, &call(&repo, &["doctor"]));
    // What a stop is proved by is the machine's to say.
    let proofs = [StopProof::Cgroup, StopProof::SubreaperAndMark, StopProof::ProcessGroup];
    let here = proofs.map(|proof| format!("ok  proof of stop  {}\n", proof.as_str()));
    let line = here.iter().find(|line| text.contains(*line)).expect("a proof");
    let text = text.replace(line, "ok  proof of stop  [proof]\n");
    insta::assert_snapshot!(filtered(&repo, &text), @"
    exit 0
    ok  repository     [repo]
    ok  proof of stop  [proof]
    ok  refs           every ref of ours can be read
    ok  work tree      on main
    ok  texts          25 texts linted
    ok  configuration  [repo]/millrace-agents/millrace.toml
    ok  compile        the files give the selected plan
    ok  plan           plan-standard_plain-[id]
    ok  permission     codex_cli at maximum (--dangerously-bypass-approvals-and-sandbox), enforced by nobody: arbiter, auditor, builder, checker, consultant, doublechecker, fixer, manager, mechanic, planner, troubleshooter, updater
    ok  ledger         number 2, [oid]

    0 errors, 0 warnings
    ");
}

/// F-38: work that nobody does is said, by those who are asked how things stand.
#[test]
fn f38_work_that_nobody_does_is_said_until_somebody_does_it() {
    let repo = TestRepo::with_commit();
    script(&repo, STRAIGHT);
    let quiet = |repo: &TestRepo| {
        let (doctor, status) = (well(repo, &["doctor"]), well(repo, &["status"]));
        let said = doctor.lines().find(|line| line.starts_with("warning")).map(str::to_owned);
        assert_eq!(
            said.is_some(),
            status.contains("\n!! work is queued and nothing runs it"),
            "{doctor}{status}"
        );
        assert_eq!(data(repo, "status", &["status"])["unattended"], said.is_some());
        said
    };
    assert_eq!(quiet(&repo), None);
    queue(&repo, &task("a"));
    let said = quiet(&repo).expect("a warning");
    assert_eq!(
        said,
        "warning  runtime        there is work, and no runtime that does it; `millrace run daemon` starts one"
    );
    // Also between two stages, when nothing was interrupted: the daemon has ended well, and left it.
    well(&repo, &["run", "daemon", "--max-ticks", "1"]);
    assert_eq!(quiet(&repo), Some(said));
    well(&repo, &["run", "daemon", "--until-idle"]);
    assert_eq!(quiet(&repo), None);
}

/// A program in the place of Codex, in a folder of its own; the `PATH` that has it first.
fn codex(repo: &TestRepo, script: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = repo.beside().join("bin");
    std::fs::create_dir_all(&folder).expect("a folder");
    let program = folder.join("codex");
    std::fs::write(&program, format!("#!/bin/sh\n{script}")).expect("a program");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a program");
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default())
}

/// The lines of `doctor --runners` about harnesses, with what it came to.
fn about_runners(repo: &TestRepo, path: &str, args: &[&str]) -> String {
    let args = [&["doctor", "--runners"], args].concat();
    let mut command = super::commands::millrace(repo, &args);
    let output = command.env("PATH", path).env("CODEX_API_KEY", "sesame-1234").output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!text.contains("sesame"), "{text}");
    let one_blank = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines = text.lines().map(one_blank).filter(|line| line.contains(" runner "));
    let mut all: Vec<String> = lines.collect();
    all.push(format!("exit {}", output.status.code().unwrap_or(-1)));
    filtered(repo, &all.join("\n"))
}

#[test]
fn harnesses_are_looked_at_when_asked_for() {
    const HELP: &str = "case \"$*\" in\n*--version) echo codex-cli 9.9;;\n*--help) echo '  --json, --skip-git-repo-check, \
                        --output-last-message, --cd, --model, --sandbox, --add-dir, --profile, --config';;\nesac\n";
    let repo = with(&[]);
    let path = codex(&repo, HELP);
    insta::assert_snapshot!(about_runners(&repo, &path, &[]), @"
        ok runner codex_cli: [root]/bin/codex, codex-cli 9.9
        error runner codex_cli: `codex exec --help` does not list --dangerously-bypass-approvals-and-sandbox, which a stage is started with; install another version
        ok runner codex_cli: a key is there: CODEX_API_KEY is in what it is given
        exit 1
        ");
    let path =
        codex(&repo, &HELP.replace("--config", "--config, --dangerously-bypass-approvals-and-sandbox"));
    insta::assert_snapshot!(about_runners(&repo, &path, &[]), @"
        ok runner codex_cli: [root]/bin/codex, codex-cli 9.9
        ok runner codex_cli: every option that a stage is started with is there
        ok runner codex_cli: a key is there: CODEX_API_KEY is in what it is given
        exit 0
        ");
    // Without a ledger it is the configuration that says who is in use.
    let new = TestRepo::with_commit();
    new.write(
        "millrace-agents/millrace.toml",
        "[runners]\ndefault_runner = \"command\"\n[runners.command]\nargv = [\"no-such-agent\", \"-q\"]\n",
    );
    insta::assert_snapshot!(about_runners(&new, &std::env::var("PATH").unwrap_or_default(), &[]), @"
        error runner command: `no-such-agent` is in no folder of the PATH that the harness gets; install it, or name it with its path in the runner's table
        exit 1
        ");
    // Every other one that is known; where nothing uses it, nothing about it is an error.
    let bare = repo.beside().join("bin");
    let git = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .map(|folder| folder.join("git"))
        .find(|git| git.is_file())
        .expect("git");
    std::os::unix::fs::symlink(git, bare.join("git")).expect("a link");
    let bare = bare.display().to_string();
    insta::assert_snapshot!(about_runners(&repo, &bare, &["--all"]), @"
    ok runner codex_cli: [root]/bin/codex, codex-cli 9.9
    ok runner codex_cli: every option that a stage is started with is there
    ok runner codex_cli: a key is there: CODEX_API_KEY is in what it is given
    warning runner claude_code: not in use: `claude` is in no folder of the PATH that the harness gets; install it, or name it with its path in the runner's table
    warning runner aider: not in use: `aider` is in no folder of the PATH that the harness gets; install it, or name it with its path in the runner's table
    exit 0
    ");
    let mut command = super::commands::millrace(&repo, &["doctor", "--runners", "--json"]);
    let output = command.env("PATH", &bare).output().expect("it runs");
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let checks = answer["data"]["checks"].as_array().expect("checks").clone();
    let of_runners: Vec<_> = checks.iter().filter(|check| check["check"] == "runner").collect();
    assert_eq!(of_runners.len(), 3, "{answer}");
    assert_eq!(of_runners[2]["level"], "warning", "no key now: {answer}");
    // Nobody asked for it.
    assert!(!well(&repo, &["doctor"]).contains("runner"));
}
