//! Harnesses under examination: small programs that stand for real ones.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use millrace::format::config::RunnerKind;
use millrace::harness::health::{
    CLAUDE_CODE, CODEX_CLI, Knowledge, Patient, SHIPPED, Severity, examine, of_kind,
};
use tempfile::TempDir;

/// Where the fake programs lie, and a home.
struct Ward {
    root: TempDir,
    environment: BTreeMap<String, String>,
}

impl Ward {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in ["bin", "home", "work"] {
            std::fs::create_dir(root.path().join(folder)).unwrap();
        }
        let shell = std::env::var("PATH").unwrap();
        let path = format!("{}:{shell}", root.path().join("bin").display());
        let home = root.path().join("home").display().to_string();
        let environment = [("PATH".to_owned(), path), ("HOME".to_owned(), home)].into();
        Self { root, environment }
    }

    /// A program, as a shell script.
    fn put(&self, name: &str, script: &str) -> PathBuf {
        let path = self.root.path().join("bin").join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    fn patient<'a>(
        &'a self,
        knowledge: Option<&'a Knowledge>,
        program: &'a str,
        arguments: &'a [String],
    ) -> Patient<'a> {
        Patient {
            knowledge,
            program,
            arguments,
            environment: &self.environment,
            work_tree: self.root.path(),
            keys: &[],
            limit: Duration::from_secs(20),
        }
    }

    fn said(&self, patient: &Patient<'_>) -> String {
        let lines = examine(patient).into_iter().map(|finding| {
            let mark = match finding.severity {
                Severity::Fine => "fine",
                Severity::Doubt => "doubt",
                Severity::Bad => "bad",
            };
            format!("{mark}: {}", finding.detail.replace(&self.root.path().display().to_string(), "[root]"))
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// A program that has every option of these, but for one.
fn script(knowledge: &Knowledge, version: &str, without: &str) -> String {
    let mut script = vec![format!("case \"$*\" in\n*--version) echo '{version}';;\n")];
    for help in knowledge.helps.iter().rev() {
        let options: Vec<&str> = help.options.iter().copied().filter(|option| *option != without).collect();
        let lines: Vec<String> =
            options.iter().map(|option| format!("  -x, {option} <THING>   What it does\\n")).collect();
        let (lines, arguments) = (lines.concat(), [help.arguments, &["--help"]].concat().join(" "));
        script.push(format!("*'{arguments}') printf '{lines}  -o, --other   Not {without}\\n      see {without} elsewhere\\n';;\n"));
    }
    script.concat() + "*) exit 9;;\nesac\n"
}

fn exec() -> Vec<String> {
    vec!["exec".to_owned()]
}

#[test]
fn a_program_that_is_as_it_has_to_be() {
    let ward = Ward::new();
    ward.put("codex", &script(&CODEX_CLI, "codex-cli 0.169.0", ""));
    std::fs::create_dir(ward.root.path().join("home/.codex")).unwrap();
    std::fs::write(ward.root.path().join("home/.codex/auth.json"), "a key").unwrap();
    let arguments = exec();
    insta::assert_snapshot!(ward.said(&ward.patient(Some(&CODEX_CLI), "codex", &arguments)), @"
    fine: [root]/bin/codex, codex-cli 0.169.0
    fine: every option that a stage is started with is there
    fine: a login is there: [root]/home/.codex/auth.json
    ");
}

#[test]
fn a_version_without_an_option_is_named_with_it() {
    let ward = Ward::new();
    let arguments = exec();
    ward.put("codex", &script(&CODEX_CLI, "codex-cli 0.1.0", "--add-dir"));
    let said = ward.said(&ward.patient(Some(&CODEX_CLI), "codex", &arguments));
    insta::assert_snapshot!(said.lines().nth(1).unwrap(), @"bad: `codex exec --help` does not list --add-dir, which a stage is started with; install another version");
    // The help of one subcommand says nothing of another.
    ward.put(
        "codex",
        "case \"$*\" in\n--version) echo v1;;\n'exec resume --help') exit 2;;\n*) exit 0;;\nesac\n",
    );
    let said = ward.said(&ward.patient(Some(&CODEX_CLI), "codex", &arguments));
    insta::assert_snapshot!(said.lines().nth(2).unwrap(), @"bad: `codex exec resume --help` fails; install another version");
}

#[test]
fn programs_that_are_not_there_or_do_not_answer() {
    let mut ward = Ward::new();
    let said = |ward: &Ward, program: &str| {
        let patient =
            Patient { limit: Duration::from_secs(2), ..ward.patient(Some(&CLAUDE_CODE), program, &[]) };
        ward.said(&patient).lines().next().unwrap().to_owned()
    };
    let mut all = vec![said(&ward, "no-such-program"), said(&ward, "bin/no-such-program")];
    let plain = ward.put("plain", "");
    std::fs::set_permissions(&plain, std::fs::Permissions::from_mode(0o644)).unwrap();
    all.push(said(&ward, "plain"));
    ward.put("silent", "exit 0");
    ward.put("broken", "exit 3");
    ward.put("shot", "kill -SEGV $$");
    // It leaves a child that holds the pipes.
    ward.put("hangs", "echo $$ >\"$HOME/leader\"; sleep 600 & echo $! >\"$HOME/child\"; wait");
    ward.put("reads", "cat; echo read all");
    ward.put("floods", "yes 1.0");
    for program in ["silent", "broken", "shot", "hangs", "reads", "bin/silent"] {
        all.push(said(&ward, program));
    }
    let begun = Instant::now();
    assert!(
        said(&ward, "floods").starts_with("bad: [root]/bin/floods "),
        "its pipe breaks, or its time is up"
    );
    assert!(begun.elapsed() < Duration::from_secs(60));
    ward.environment.remove("PATH");
    all.push(said(&ward, "silent"));
    insta::assert_snapshot!(all.join("\n"), @"
    bad: `no-such-program` is in no folder of the PATH that the harness gets; install it, or name it with its path in the runner's table
    bad: `bin/no-such-program` is not there; install it, or name it with its path in the runner's table
    bad: `plain` cannot be executed: [root]/bin/plain; install it, or name it with its path in the runner's table
    bad: [root]/bin/silent says nothing; run `silent --version` by hand
    bad: [root]/bin/broken fails; run `broken --version` by hand
    bad: [root]/bin/shot was ended by signal 11; run `shot --version` by hand
    bad: [root]/bin/hangs does not answer within 2 s; run `hangs --version` by hand
    fine: [root]/bin/reads, read all
    bad: [root]/bin/silent says nothing; run `bin/silent --version` by hand
    bad: `silent` cannot be looked for: the harness gets no PATH; install it, or name it with its path in the runner's table
    ");
    for name in ["leader", "child"] {
        let pid = std::fs::read_to_string(ward.root.path().join("home").join(name)).unwrap();
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        assert!(stat.is_empty() || stat.contains(") Z "), "{name} still runs: {stat}");
    }
}

#[test]
fn it_is_asked_outside_of_the_repository_with_what_a_stage_would_get() {
    let mut ward = Ward::new();
    ward.set("ONE", "two");
    ward.put("claude", "pwd >\"$HOME/seen\"; ls -A >>\"$HOME/seen\"; env >>\"$HOME/seen\"; echo v1");
    let _ = ward.said(&ward.patient(Some(&CLAUDE_CODE), "claude", &[]));
    let seen = std::fs::read_to_string(ward.root.path().join("home/seen")).unwrap();
    let mut lines = seen.lines();
    assert!(lines.next().unwrap().contains("millrace-doctor-"), "{seen}");
    let names: Vec<&str> = lines.map(|line| line.split('=').next().unwrap()).collect();
    for name in &names {
        assert!(["HOME", "PATH", "ONE", "PWD", "OLDPWD", "SHLVL", "_"].contains(name), "{name}: {seen}");
    }
    assert!(names.contains(&"ONE"));
}

#[test]
fn a_login_is_there_or_not_and_never_shown() {
    const SECRET: &str = "sesame-and-more";
    let login = |ward: &Ward, knowledge: &Knowledge, keys: &[String]| {
        let said = ward.said(&Patient { keys, ..ward.patient(Some(knowledge), "prog", &[]) });
        assert!(!said.contains(SECRET), "{said}");
        said.lines().find(|line| line.contains("key") || line.contains("login")).unwrap().to_owned()
    };
    let mut all = Vec::new();
    for knowledge in SHIPPED {
        let ward = Ward::new();
        ward.put("prog", "echo 1");
        all.push(login(&ward, knowledge, &[]));
    }
    let mut ward = Ward::new();
    ward.put("prog", "echo 1");
    let own = ["SERVICE_KEY".to_owned()];
    all.push(login(&ward, &CODEX_CLI, &own));
    ward.set("SERVICE_KEY", SECRET);
    all.push(login(&ward, &CODEX_CLI, &own));
    ward.set("OPENAI_API_KEY", SECRET);
    all.push(login(&ward, of_kind(RunnerKind::Aider).unwrap(), &[]));
    ward.set("ANTHROPIC_API_KEY", "");
    all.push(login(&ward, &CLAUDE_CODE, &[]).split(',').next().unwrap().to_owned());
    let elsewhere = ward.root.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::write(elsewhere.join(".credentials.json"), SECRET).unwrap();
    ward.set("CLAUDE_CONFIG_DIR", &elsewhere.display().to_string());
    all.push(login(&ward, &CLAUDE_CODE, &[]));
    insta::assert_snapshot!(all.join("\n"), @"
    doubt: no login is seen in CODEX_API_KEY, [root]/home/.codex/auth.json; run `codex login`, or set CODEX_API_KEY where the runtime starts
    doubt: no login is seen in ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN, CLAUDE_CODE_OAUTH_TOKEN, CLAUDE_CODE_USE_BEDROCK, CLAUDE_CODE_USE_VERTEX, [root]/home/.claude/.credentials.json; start `claude` once and log in, or set ANTHROPIC_API_KEY where the runtime starts
    doubt: no login is seen in a variable that ends in _API_KEY; set the key of its model where the runtime starts, and name it in `env_pass`
    doubt: no key: SERVICE_KEY is not in what it is given; set it where the runtime starts, and name it in `env_pass`
    fine: a key is there: SERVICE_KEY is in what it is given
    fine: a key is there: OPENAI_API_KEY is in what it is given
    doubt: no login is seen in ANTHROPIC_API_KEY
    fine: a login is there: [root]/elsewhere/.credentials.json
    ");
}

#[test]
fn of_a_command_only_the_program_is_known() {
    let ward = Ward::new();
    let program = ward.put("mine", "touch \"$HOME/started\"");
    assert_eq!(
        ward.said(&ward.patient(None, "mine", &[])),
        "fine: [root]/bin/mine, of which nothing more is known"
    );
    let by_path = program.strip_prefix(ward.root.path()).unwrap().display().to_string();
    assert!(ward.said(&ward.patient(None, &by_path, &[])).starts_with("fine: "));
    assert!(!Path::new(&ward.root.path().join("home/started")).exists(), "it was not started");
}
