//! Codex: its command line per level, and its recorded streams.

use std::path::{Path, PathBuf};

use millrace::domain::permission::PermissionLevel;
use millrace::domain::result::InfrastructureClass as Class;
use millrace::domain::usage::Usage;
use millrace::harness::adapter::{ArgvError, CodexStream, RunnerSpec, Trouble, classify, read_stream};
use millrace::harness::environment::environment;

use super::bench::{Bench, runner};

fn recorded(name: &str) -> CodexStream {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/harness/codex").join(name);
    read_stream(std::fs::File::open(path).unwrap()).unwrap()
}

fn argv(spec: &RunnerSpec, permission: PermissionLevel, model: Option<&str>) -> Vec<String> {
    spec.argv(&call(permission, model, None)).unwrap()
}

fn call(
    permission: PermissionLevel,
    model: Option<&str>,
    resume: Option<&str>,
) -> millrace::harness::adapter::Call {
    millrace::harness::adapter::Call {
        workdir: "/w".into(),
        inv_dir: "/inv".into(),
        git_common_dir: "/w/.git".into(),
        result_file: "/runs/1/result.json".into(),
        model: model.map(str::to_owned),
        permission,
        resume: resume.map(str::to_owned),
        ..Bench::new().call()
    }
}

#[test]
fn each_level_has_its_flags_and_the_prompt_comes_by_stdin() {
    let start = ["codex", "exec", "--json", "--skip-git-repo-check", "-o", "/inv/last.txt", "--cd", "/w"];
    for (level, flags) in [
        (PermissionLevel::Basic, &["-s", "read-only"][..]),
        (
            PermissionLevel::Elevated,
            &["-s", "workspace-write", "--add-dir", "/w/.git", "--add-dir", "/runs/1"][..],
        ),
        (PermissionLevel::Maximum, &["--dangerously-bypass-approvals-and-sandbox"][..]),
    ] {
        let expected = [&start[..], flags, &["-"]].concat();
        assert_eq!(argv(&runner("codex", ""), level, None), expected, "{level:?}");
    }
}

#[test]
fn the_configuration_reaches_the_command_line() {
    let spec = runner(
        "codex",
        r#"command = "/opt/codex"
           args = ["--color", "never", "exec"]
           profile = "work"
           skip_git_repo_check = false
           extra_config = ["analytics.enabled=false", "model_provider=\"x\""]
           env = { CODEX_HOME = "/h" }"#,
    );
    let expected = "/opt/codex|--color|never|exec|--json|-o|/inv/last.txt|--cd|/w|-m|big|-s|read-only|--profile|\
                    work|-c|analytics.enabled=false|-c|model_provider=\"x\"|-";
    assert_eq!(argv(&spec, PermissionLevel::Basic, Some("big")).join("|"), expected);
}

/// `exec resume` has no `--cd`, `-s` and `--add-dir`: they stand before the word.
#[test]
fn a_session_is_resumed_with_the_flags_before_the_word() {
    let spec = runner("codex", "");
    assert!(spec.can_resume());
    let resumed = spec.argv(&call(PermissionLevel::Elevated, Some("big"), Some("0199-a"))).unwrap();
    let first = argv(&spec, PermissionLevel::Elevated, Some("big"));
    let (end, flags) = first.split_last().unwrap();
    assert_eq!(end, "-");
    assert_eq!(resumed, [flags, &["resume", "0199-a", "-"].map(str::to_owned)].concat());
}

#[test]
fn a_path_that_is_no_text_is_refused_and_so_is_an_empty_program() {
    use std::os::unix::ffi::OsStringExt;
    let path = PathBuf::from(std::ffi::OsString::from_vec(vec![b'/', 0xff]));
    let mut call = Bench::new().call();
    call.workdir.clone_from(&path);
    assert_eq!(runner("codex", "").argv(&call), Err(ArgvError::NotUtf8(path)));
    let spec = runner("command", "argv = ['{model}']");
    assert_eq!(spec.argv(&Bench::new().call()), Err(ArgvError::Empty));
}

#[test]
fn turns_that_completed_give_message_thread_and_usage() {
    let basic = recorded("basic.jsonl");
    assert_eq!(basic.thread_id.as_deref(), Some("01a201a4-ab07-7b50-a446-ae54174a3c7d"));
    let message = basic.last_message.as_deref();
    assert_eq!(message, Some("Wrote built.txt and committed it.\n\n### BUILDER_COMPLETE"));
    assert_eq!((basic.terminal, basic.stuck_on), (Some(Ok(())), None));
    let usage = Usage {
        input_uncached: Some(472),
        cache_read: Some(8128),
        cache_write: Some(0),
        output: Some(136),
        reasoning: Some(32),
        ..Usage::default()
    };
    assert_eq!(basic.usage, usage);
    for (name, last_line) in [
        ("failcmd.jsonl", "### BLOCKED"),
        ("flaky.jsonl", "### BUILDER_COMPLETE"),
        ("leftover.jsonl", "### LEFTOVER_COMPLETE"),
        ("patch.jsonl", "### PATCHED"),
        ("resume-1.jsonl", "### BUILDER_COMPLETE"),
        ("resume-2.jsonl", "### CHECKER_PASS"),
        ("rmrf.jsonl", "### CLEAN_COMPLETE"),
    ] {
        let said = recorded(name);
        assert_eq!(said.terminal, Some(Ok(())), "{name}");
        assert_eq!(said.last_message.unwrap().lines().last(), Some(last_line), "{name}");
        assert!(said.usage.input_uncached.is_some_and(|tokens| tokens > 0), "{name}");
    }
}

#[test]
fn f62_turns_that_failed_are_classified_though_their_usage_is_unknown() {
    let infrastructure = Trouble::Infrastructure;
    for (name, trouble) in [
        ("401.jsonl", infrastructure(Class::Auth)),
        ("403.jsonl", infrastructure(Class::Auth)),
        ("429.jsonl", infrastructure(Class::RateLimit)),
        ("500.jsonl", infrastructure(Class::Server)),
        ("503.jsonl", infrastructure(Class::Server)),
        ("529.jsonl", infrastructure(Class::Server)),
        ("quota.jsonl", infrastructure(Class::Quota)),
        ("drop.jsonl", infrastructure(Class::Network)),
        ("badmodel.jsonl", infrastructure(Class::BadModel)),
        ("context.jsonl", Trouble::ContextOverflow),
        ("incomplete.jsonl", Trouble::Other),
    ] {
        let said = recorded(name);
        let message = said.terminal.unwrap().unwrap_err();
        assert_eq!(classify(&message), trouble, "{name}: {message}");
        assert!(said.usage.is_unknown(), "{name}");
        assert_eq!((said.last_message, said.stuck_on), (None, None), "{name}");
    }
}

#[test]
fn other_messages_that_were_seen_are_classified_too() {
    for (message, trouble) in [
        ("Missing environment variable: `SCRIPTED_KEY`.", Trouble::Infrastructure(Class::Configuration)),
        ("rate limit exceeded: try again in 20s", Trouble::Infrastructure(Class::RateLimit)),
        ("idle timeout waiting for SSE", Trouble::Infrastructure(Class::Network)),
        ("Connection failed: error sending request", Trouble::Infrastructure(Class::Network)),
        ("Reconnecting... waiting for network", Trouble::Infrastructure(Class::Network)),
        ("unexpected status 400 Bad Request: connection failed", Trouble::Other),
        ("status: 12345", Trouble::Other),
        ("the tests of the rate calculation fail", Trouble::Other),
        ("", Trouble::Other),
    ] {
        assert_eq!(classify(message), trouble, "{message}");
    }
}

#[test]
fn a_stream_that_just_stops_has_no_terminal_record_and_says_what_it_hung_on() {
    let whole = std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/harness/codex/drop.jsonl"),
    )
    .unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let cut = lines[..6].join("\n");
    let said = read_stream(cut.as_bytes()).unwrap();
    assert_eq!(said.terminal, None);
    assert!(said.stuck_on.unwrap().contains("stream disconnected"));
    let half = &cut[..cut.len() - 40];
    assert_eq!(read_stream(half.as_bytes()).unwrap().terminal, None);
    let moved_on = format!("{cut}\n{{\"type\":\"turn.started\"}}\n");
    assert_eq!(read_stream(moved_on.as_bytes()).unwrap().stuck_on, None);
    assert_eq!(read_stream(&b""[..]).unwrap(), CodexStream::default());
}

#[test]
fn lines_that_mean_nothing_are_passed_over() {
    let mut stream =
        b"not json\n[1]\n{}\n{\"type\":7}\n{\"type\":\"new.kind\",\"x\":{}}\n\xff\xfe\n".to_vec();
    stream.extend(
        b"{\"type\":\"item.completed\",\"item\":{\"type\":\"command_execution\",\"aggregated_output\":\"",
    );
    stream.extend(std::iter::repeat_n(b'x', 20 * 1024 * 1024));
    stream.extend(b"\"}}\n");
    stream
        .extend(b"{\"type\":\"item.completed\",\"item\":{\"type\":\"agent_message\",\"text\":\"a\xff\"}}\n");
    stream.extend(b"{\"type\":\"item.completed\",\"item\":{\"type\":\"todo_list\",\"text\":\"b\"}}\r\n");
    stream.extend(b"{\"usage\":{\"input_tokens\":5},\"type\":\"turn.completed\"}");
    let said = read_stream(&stream[..]).unwrap();
    assert_eq!(said.last_message.as_deref(), Some("a\u{fffd}"));
    assert_eq!(said.terminal, Some(Ok(())));
    assert_eq!(said.usage, Usage { input_uncached: Some(5), ..Usage::default() });
}

#[test]
fn codex_gets_its_home_and_keys_and_no_other_secrets() {
    let parent = [
        "PATH",
        "HOME",
        "LC_TIME",
        "CODEX_HOME",
        "OPENAI_API_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "GIT_DIR",
        "MILLRACE_INVOCATION",
        "MILLRACE_LOG",
    ]
    .map(|name| (name.into(), "parent".into()));
    let spec = runner("codex", "env = { EXTRA = '1', HOME = '/h', MILLRACE_STAGE = 'forged' }");
    let call = Bench::new().call();
    let environment = environment(parent, &spec.passed_variables(), spec.set_variables(), &call);
    let mut expected = call.variables();
    for (name, value) in [
        ("PATH", "parent"),
        ("HOME", "/h"),
        ("LC_TIME", "parent"),
        ("CODEX_HOME", "parent"),
        ("OPENAI_API_KEY", "parent"),
        ("EXTRA", "1"),
    ] {
        expected.insert(name.to_owned(), value.to_owned());
    }
    assert_eq!(environment, expected);
    assert_eq!(environment["MILLRACE_STAGE"], "builder");
}
