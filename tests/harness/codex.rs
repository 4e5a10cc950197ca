//! Codex: its command line per level, and its environment.

use std::path::PathBuf;

use millrace::domain::permission::PermissionLevel;
use millrace::harness::adapter::{ArgvError, RunnerSpec};
use millrace::harness::environment::environment;

use super::bench::{Bench, runner};

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
