//! Command lines: how a contract's arguments are filled.

use millrace::domain::permission::PermissionLevel;
use millrace::harness::adapter::{ArgvError, Call};

use super::bench::{Bench, runner};

fn call() -> Call {
    Call {
        workdir: "/w".into(),
        run_dir: "/r".into(),
        inv_dir: "/i".into(),
        result_file: "/r/result.json".into(),
        prompt_file: "/r/prompt.md".into(),
        attempt: 3,
        model: Some("big".to_owned()),
        ..Bench::new().call()
    }
}

fn argv(keys: &str, call: &Call) -> Vec<String> {
    runner("command", keys).argv(call).unwrap()
}

#[test]
fn variables_are_filled_and_nothing_else_is_touched() {
    let template = r#"argv = ["agent", "{workdir}:{run_dir}", "--out={result_file}", "{prompt_file}",
        "{model}/{stage}/{attempt}", "{{workdir}} {{}} } $HOME `x` é", ""]"#;
    assert_eq!(
        argv(template, &call()),
        [
            "agent",
            "/w:/r",
            "--out=/r/result.json",
            "/r/prompt.md",
            "big/builder/3",
            "{workdir} {} } $HOME `x` é",
            ""
        ]
    );
}

#[test]
fn a_value_is_never_read_as_a_template() {
    let call = Call { model: Some("{workdir}".to_owned()), ..call() };
    assert_eq!(argv("argv = ['x', '{model}']", &call), ["x", "{workdir}"]);
}

/// A group goes where one of its variables is empty, and comes as often as its list has elements.
#[test]
fn groups_are_left_out_and_repeated() {
    let keys = "argv = ['x', ['-m', '{model}'], ['-c', '{extra_config}', '{stage}'], ['-p', '{profile}'], '{args}', 'y']";
    let without = Call { model: None, ..call() };
    assert_eq!(argv(keys, &without), ["x", "y"]);
    let all = format!("{keys}\nargs = ['1', '']\nextra_config = ['a=1', 'b=2']\nprofile = 'p'");
    assert_eq!(
        argv(&all, &call()),
        ["x", "-m", "big", "-c", "a=1", "builder", "-c", "b=2", "builder", "-p", "p", "1", "", "y"]
    );
    assert_eq!(argv("argv = ['x', '--model={model}']", &without), ["x", "--model="]);
}

#[test]
fn the_level_brings_its_arguments() {
    let keys = "argv = ['x', '{level}', 'y']\nlevels = { basic = [['-m', '{model}'], '--in={workdir}'], maximum = [] }";
    let at = |permission, model: Option<&str>| {
        argv(keys, &Call { permission, model: model.map(str::to_owned), ..call() })
    };
    assert_eq!(at(PermissionLevel::Basic, Some("big")), ["x", "-m", "big", "--in=/w", "y"]);
    assert_eq!(at(PermissionLevel::Basic, None), ["x", "--in=/w", "y"]);
    assert_eq!(at(PermissionLevel::Maximum, None), ["x", "y"]);
}

#[test]
fn a_session_is_resumed_by_the_command_line_for_it() {
    let call = Call { resume: Some("s-1".to_owned()), ..call() };
    let keys = "argv = ['x']\nresume_argv = ['x', '--resume={session}']";
    assert_eq!(argv(keys, &call), ["x", "--resume=s-1"]);
    let without = runner("command", "argv = ['x']");
    assert!(!without.can_resume());
    let refused = without.argv(&call).unwrap_err();
    assert_eq!(refused, ArgvError::NoResume);
    assert_eq!(refused.to_string(), "the runner has no `resume_argv`");
    // Another program is not resumed by the shipped command line.
    assert!(!runner("codex", "argv = ['box', '{command}', '{args}', '{level}', '-']").can_resume());
}

/// Linux takes 128 KiB for one argument, with the zero at its end.
#[test]
fn a_prompt_as_an_argument_has_a_limit() {
    let spec = runner("command", "argv = ['x', '{prompt}']\nprompt = 'argument'");
    let with = |bytes: usize| spec.argv(&Call { prompt: "é".repeat(bytes / 2), ..call() });
    assert_eq!(with(131_070).unwrap()[1].len(), 131_070);
    let refused = with(131_072).unwrap_err();
    assert_eq!(refused, ArgvError::TooLong { bytes: 131_072, most: 131_071 });
    insta::assert_snapshot!(refused, @r#"an argument of the runner's command line has 131072 bytes, and 131071 is the most; `prompt = "stdin"` or `prompt = "file"` in its table has no such limit"#);
}

#[test]
fn a_command_line_without_a_program_is_refused() {
    let empty = runner("command", "argv = ['{model}']").argv(&Call { model: None, ..call() });
    assert_eq!(empty, Err(ArgvError::Empty));
    assert_eq!(ArgvError::Empty.to_string(), "the command line of the runner is empty");
}

/// Every shipped contract at every level that it has.
#[test]
fn the_shipped_command_lines() {
    let mut seen = Vec::new();
    for (table, keys) in [
        ("codex", ""),
        ("claude_code", ""),
        ("aider", ""),
        ("command", "argv = ['agent']"),
        ("scripted", "script = 's.yaml'"),
    ] {
        let spec = runner(table, keys);
        for permission in PermissionLevel::ALL {
            if !spec.contract().has_level(permission) {
                seen.push(format!("{table} {permission}: not a level of it\n"));
                continue;
            }
            for resume in [None, Some("S".to_owned())] {
                if resume.is_some() && !spec.can_resume() {
                    continue;
                }
                let word = if resume.is_some() { "resumed" } else { "first" };
                let call = Call { permission, resume, git_common_dir: "/w/.git".into(), ..call() };
                let argv = spec.argv(&call).unwrap();
                let argv = argv
                    .join(" ")
                    .replace(&std::env::current_exe().unwrap().display().to_string(), "/proc/self/exe");
                let by = spec.enforcer(permission).unwrap_or("nobody");
                seen.push(format!("{table} {permission}, {word}, enforced by {by}\n  {argv}\n"));
            }
        }
    }
    insta::assert_snapshot!(seen.concat(), @"
    codex basic, first, enforced by the Codex sandbox
      codex exec --json --skip-git-repo-check -o /i/last.txt --cd /w -m big -s read-only -
    codex basic, resumed, enforced by the Codex sandbox
      codex exec --json --skip-git-repo-check -o /i/last.txt --cd /w -m big -s read-only resume S -
    codex elevated, first, enforced by the Codex sandbox
      codex exec --json --skip-git-repo-check -o /i/last.txt --cd /w -m big -s workspace-write --add-dir /w/.git --add-dir /r -
    codex elevated, resumed, enforced by the Codex sandbox
      codex exec --json --skip-git-repo-check -o /i/last.txt --cd /w -m big -s workspace-write --add-dir /w/.git --add-dir /r resume S -
    codex maximum, first, enforced by nobody
      codex exec --json --skip-git-repo-check -o /i/last.txt --cd /w -m big --dangerously-bypass-approvals-and-sandbox -
    codex maximum, resumed, enforced by nobody
      codex exec --json --skip-git-repo-check -o /i/last.txt --cd /w -m big --dangerously-bypass-approvals-and-sandbox resume S -
    claude_code basic, first, enforced by Claude Code's own permission rules, without a sandbox
      claude -p --permission-mode dontAsk --allowedTools Read,Grep,Glob --output-format stream-json --verbose --model big
    claude_code basic, resumed, enforced by Claude Code's own permission rules, without a sandbox
      claude -p --permission-mode dontAsk --allowedTools Read,Grep,Glob --output-format stream-json --verbose --model big --resume S
    claude_code elevated, first, enforced by Claude Code's own permission rules, without a sandbox
      claude -p --permission-mode acceptEdits --allowedTools Bash --output-format stream-json --verbose --model big
    claude_code elevated, resumed, enforced by Claude Code's own permission rules, without a sandbox
      claude -p --permission-mode acceptEdits --allowedTools Bash --output-format stream-json --verbose --model big --resume S
    claude_code maximum, first, enforced by nobody
      claude -p --dangerously-skip-permissions --output-format stream-json --verbose --model big
    claude_code maximum, resumed, enforced by nobody
      claude -p --dangerously-skip-permissions --output-format stream-json --verbose --model big --resume S
    aider basic: not a level of it
    aider elevated, first, enforced by nobody
      aider --message-file /r/prompt.md --model big --yes-always --no-auto-commits --no-dirty-commits --no-gitignore --no-pretty --no-stream --no-check-update --no-show-release-notes --no-show-model-warnings --analytics-disable --map-tokens 0 --chat-history-file /i/aider.chat.history.md --input-history-file /i/aider.input.history --read /r --file /r/result.json --add-gitignore-files
    aider maximum, first, enforced by nobody
      aider --message-file /r/prompt.md --model big --yes-always --no-auto-commits --no-dirty-commits --no-gitignore --no-pretty --no-stream --no-check-update --no-show-release-notes --no-show-model-warnings --analytics-disable --map-tokens 0 --chat-history-file /i/aider.chat.history.md --input-history-file /i/aider.input.history --read /r --file /r/result.json --add-gitignore-files
    command basic, first, enforced by nobody
      agent
    command elevated, first, enforced by nobody
      agent
    command maximum, first, enforced by nobody
      agent
    scripted basic, first, enforced by nobody
      /proc/self/exe harness-scripted --script /w/s.yaml
    scripted elevated, first, enforced by nobody
      /proc/self/exe harness-scripted --script /w/s.yaml
    scripted maximum, first, enforced by nobody
      /proc/self/exe harness-scripted --script /w/s.yaml
    ");
}
