//! What a harness refuses to root, and command lines that cannot be built: waits before anything is launched.

use std::os::unix::fs::PermissionsExt;

use millrace::compile::{Assets, Request, compile};
use millrace::domain::permission::PermissionLevel;
use millrace::format::config::parse;
use millrace::runtime::posture::{Machine, refused};

use super::site::{Site, text};
use crate::support::repo::TestRepo;

/// Stands in for Claude Code: it leaves a report and says so in its stream, the flags that it got beside the work tree.
const CLAUDE: &str = r####"#!/bin/sh
cat > /dev/null
echo "$MILLRACE_STAGE $*" >> '@flags'
case $MILLRACE_STAGE in
builder) result=BUILDER_COMPLETE ;;
checker) result=CHECKER_PASS ;;
*) result=UPDATE_COMPLETE ;;
esac
printf '{"nonce": "%s", "terminal_result": "%s", "summary": "Did it."}\n' "$MILLRACE_INVOCATION" "$result" > "$MILLRACE_RESULT_FILE"
printf '{"type":"system","subtype":"init","session_id":"5e55"}\n'
printf '{"type":"result","subtype":"success","is_error":false,"terminal_reason":"completed","session_id":"5e55","result":"### %s","permission_denials":[]}\n' "$result"
"####;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A repository whose stages run the stand-in, with these keys in its table.
fn site(keys: &str) -> Site {
    let site = Site { repo: TestRepo::with_commit() };
    let beside = site.repo.beside().display().to_string();
    let program = site.repo.beside().join("claude");
    std::fs::write(&program, CLAUDE.replace("@flags", &format!("{beside}/flags"))).expect("a program");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    site.configure(&format!(
        "[runners]\ndefault_runner = \"claude_code\"\n[runners.claude_code]\ncommand = \"{beside}/claude\"\n{keys}"
    ));
    site
}

#[track_caller]
fn is_done(site: &Site, level: &str) {
    assert_eq!(site.work()["reason"], "idle");
    assert_eq!(site.state_of("one"), "done");
    let flags = std::fs::read_to_string(site.repo.beside().join("flags")).expect("flags");
    assert_eq!(flags.lines().count(), 3, "{flags}");
    assert!(flags.lines().all(|line| line.contains(level)), "{flags}");
    site.sound();
}

/// As a user nothing waits; as root it does, whoever asks, until one of the ways out is taken.
#[test]
fn f32_root_waits_where_the_harness_would_refuse() {
    let site = site("");
    site.add("one");
    if !is_root() {
        return is_done(&site, "--dangerously-skip-permissions");
    }
    let answer = site.json(&["run", "once"]);
    assert_eq!((&answer["outcome"], &answer["cause"]), (&"waits".into(), &"posture".into()), "{answer:#}");
    insta::assert_snapshot!(answer["detail"].as_str().unwrap_or_default(), @r#"the harness of runner claude_code refuses level maximum to root, which 12 stages of the plan would run at; run millrace as another user, or choose a lower level for `permission_default` or `permission_by_stage` of `[runners.claude_code]`, or `IS_SANDBOX = "1"` under `[runners.claude_code.env]` if this machine is a sandbox that may be lost (a run that has begun keeps its plan: for that, set IS_SANDBOX where the runtime starts); then `millrace compile validate`"#);
    assert_eq!(site.json(&["run", "daemon", "--until-idle"])["reason"], "waiting");
    let status = site.json(&["status"]);
    assert!(status["next"]["detail"].as_str().is_some_and(|said| said.starts_with("posture")), "{status:#}");
    let doctor = site.run(&["doctor"]);
    assert_eq!(doctor.status.code(), Some(1));
    assert!(text(&doctor.stdout).contains("refuses level maximum to root"), "{}", text(&doctor.stdout));
    // Nothing was begun: no run, no launch.
    assert_eq!((site.runs().len(), site.invocations().len()), (0, 0));
    assert_eq!(site.state_of("one"), "queued");

    // A lower level, compiled, is a way out.
    let config = site.repo.read("millrace-agents/millrace.toml");
    site.configure(&format!("{config}permission_default = \"elevated\"\n"));
    is_done(&site, "--permission-mode acceptEdits --allowedTools Bash");
}

#[test]
fn a_sandbox_that_is_named_lets_root() {
    let site = site("env = { IS_SANDBOX = \"1\" }\n");
    site.add("one");
    is_done(&site, "--dangerously-skip-permissions");
}

/// The rules, whoever runs this test.
#[test]
fn what_is_refused_goes_by_contract_level_and_environment() {
    let of = |config: &str, root: bool, environment: &[(&str, &str)]| {
        let loaded = parse(&format!("[runners]\ndefault_runner = \"claude_code\"\n{config}"), "x")
            .expect("a configuration");
        let request = Request { mode: None, config: &loaded, assets: &Assets::shipped() };
        let compiled = compile(&request).expect("a plan");
        let environment = environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let machine = Machine { root, environment };
        // Of one stage only that one is told.
        let one =
            refused(&compiled.plan, &compiled.config, Some(&"checker".parse().expect("a stage")), &machine);
        assert!(one.iter().all(|refused| refused.stages.len() == 1), "{one:?}");
        let found = refused(&compiled.plan, &compiled.config, None, &machine);
        found.into_iter().map(|refused| (refused.level, refused.stages.len())).collect::<Vec<_>>()
    };
    let all = vec![(PermissionLevel::Maximum, 12)];
    assert_eq!(of("", true, &[]), all);
    assert_eq!(of("", false, &[]), []);
    // Exactly this value, from the runtime's environment or the table's.
    assert_eq!(of("", true, &[("IS_SANDBOX", "yes")]), all);
    assert_eq!(of("", true, &[("IS_SANDBOX", "1")]), []);
    assert_eq!(of("", true, &[("CLAUDE_CODE_BUBBLEWRAP", "1")]), []);
    assert_eq!(of("[runners.claude_code.env]\nIS_SANDBOX = \"1\"\n", true, &[]), []);
    // What is not passed on does not count.
    assert_eq!(
        of("[runners.claude_code]\nenv_needs = [\"ANTHROPIC_*\"]\n", true, &[("IS_SANDBOX", "1")]),
        all
    );
    assert_eq!(of("[runners.claude_code]\npermission_default = \"elevated\"\n", true, &[]), []);
    let one = "[runners.claude_code]\npermission_default = \"basic\"\npermission_by_stage = { builder = \"maximum\" }\n";
    assert_eq!(of(one, true, &[]), [(PermissionLevel::Maximum, 1)]);
    assert_eq!(of("[stages.builder]\nrunner = \"codex_cli\"\n", true, &[]), [(PermissionLevel::Maximum, 11)]);
    // It is data: another harness says it of itself, and Claude's can be told otherwise.
    let own = "[runners.own]\nkind = \"command\"\nargv = [\"x\"]\nrefuses_root = { level = \"maximum\", unless = [] }\n";
    assert_eq!(of(&format!("{own}[stages.builder]\nrunner = \"own\"\n"), true, &[]).len(), 2);
    assert_eq!(of("[runners.claude_code.refuses_root]\nlevel = \"basic\"\n", true, &[]), []);
}

/// What cannot be started is not begun: a wait with the reason, no launch, no run branch.
#[test]
fn a_command_line_that_cannot_be_built_is_a_wait() {
    let site = Site::commanded("", "");
    let long = "x".repeat(140_000);
    site.configure(&format!(
        "[runners]\ndefault_runner = \"command\"\n[runners.command]\nargv = [\"true\", \"{{args}}\"]\nargs = [\"{long}\"]\n"
    ));
    site.add("one");
    let answer = site.json(&["run", "once"]);
    assert_eq!(
        (&answer["outcome"], &answer["cause"]),
        (&"waits".into(), &"command_line".into()),
        "{answer:#}"
    );
    insta::assert_snapshot!(answer["detail"].as_str().unwrap_or_default(), @r#"runner command: an argument of the runner's command line has 140000 bytes, and 131071 is the most; `prompt = "stdin"` or `prompt = "file"` in its table has no such limit"#);
    assert_eq!((site.runs().len(), site.invocations().len()), (0, 0));
    assert_eq!(site.state_of("one"), "queued");
    site.sound();
}

/// A harness that takes its prompt as a file or as an argument has nothing on its stdin.
#[test]
fn the_prompt_comes_as_the_contract_says() {
    for (keys, way) in [
        ("argv = [\"sh\", \"@\", \"{prompt_file}\"]\nprompt = \"file\"", "file"),
        ("argv = [\"sh\", \"@\", \"{prompt}\"]\nprompt = \"argument\"", "argument"),
        ("argv = [\"sh\", \"@\"]", "stdin"),
    ] {
        let site = Site::commanded("", "");
        let script = site.repo.beside().join("harness.sh");
        std::fs::write(
            &script,
            "in=$(cat)\ncase ${in:+stdin}${1:+ } in\nstdin) prompt=$in ;;\n' ') prompt=$1; [ ! -f \"$1\" ] || prompt=$(cat \"$1\") ;;\n\
             *) exit 9 ;;\nesac\ncase $prompt in *'Stage: execution/'*) ;; *) exit 8 ;; esac\n\
             case $MILLRACE_STAGE in builder) echo '### BUILDER_COMPLETE' ;; checker) echo '### CHECKER_PASS' ;; *) echo '### UPDATE_COMPLETE' ;; esac\n",
        )
        .expect("a script");
        let keys = keys.replace('@', &script.display().to_string());
        site.configure(&format!("[runners]\ndefault_runner = \"command\"\n[runners.command]\n{keys}\n"));
        site.add("one");
        assert_eq!(site.work()["reason"], "idle", "{way}");
        assert_eq!(site.state_of("one"), "done", "{way}");
    }
}

/// Grace, kept bytes and limits of the contract reach the supervisor.
#[test]
fn the_bounds_of_the_contract_reach_the_supervisor() {
    let site = Site::commanded(
        "grace_seconds = 12\noutput_bytes = 65536\ntimeout_seconds = 77\nsilence_seconds = 66\n",
        "cp '@/../repo/.git/millrace/inv/'$MILLRACE_INVOCATION/invocation.toml @/seen\necho '### BLOCKED'",
    );
    site.add("one");
    site.ok(&["run", "once"]);
    let seen = std::fs::read_to_string(site.sign("seen")).expect("an invocation");
    for line in
        ["grace_ms = 12000", "keep_bytes = 65536", "wall_limit_ms = 77000", "silence_limit_ms = 66000"]
    {
        assert!(seen.contains(line), "{line}: {seen}");
    }
    assert!(!seen.contains("empty_stdin"), "{seen}");
}
