//! What a harness gets of its runtime's environment, by the real program.

use super::site::Site;

/// The names of the variables that a stage saw.
fn seen(config: &str) -> Vec<String> {
    let site = Site::commanded(config, "env >@/env; echo '### BUILDER_COMPLETE'");
    site.add("one");
    let git_dir = site.repo.git_dir().display().to_string();
    let output = site
        .millrace(&["run", "once"])
        .envs([
            ("DEPLOY_TOKEN", "correct-horse-99"),
            ("OTHER_SETTING", "1"),
            ("MILLRACE_OWN", "1"),
            ("OPENAI_API_KEY", "sesame-1234"),
            ("SSH_AUTH_SOCK", "/nowhere"),
            ("GIT_DIR", git_dir.as_str()),
            ("GIT_WORK_TREE", "."),
            ("GIT_INDEX_FILE", "/nowhere/index"),
            ("GIT_CONFIG_COUNT", "0"),
            ("LANG", "C"),
            ("XDG_CONFIG_HOME", "/nowhere"),
        ])
        .output()
        .expect("millrace runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(site.sign("env")).expect("what it saw");
    assert!(!text.contains("sesame-1234"));
    text.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn a_harness_gets_what_is_allowed_and_nothing_else() {
    let names = seen("");
    for there in
        ["PATH", "HOME", "LANG", "LC_ALL", "XDG_CONFIG_HOME", "MILLRACE_INVOCATION", "MILLRACE_STAGE"]
    {
        assert!(names.iter().any(|name| name == there), "{there}: {names:?}");
    }
    for name in &names {
        let secret =
            ["DEPLOY_TOKEN", "OTHER_SETTING", "MILLRACE_OWN", "SSH_AUTH_SOCK"].contains(&name.as_str());
        assert!(!secret && !name.starts_with("GIT_"), "{name}");
    }
}

#[test]
fn what_the_configuration_passes_and_sets_comes_as_well() {
    let names = seen(
        "env_pass = [\"DEPLOY_TOKEN\", \"MILLRACE_OWN\"]\nenv = { MODE = \"quiet\", MILLRACE_STAGE = \"x\", MILLRACE_ELSE = \"x\" }\n",
    );
    for there in ["DEPLOY_TOKEN", "MODE"] {
        assert!(names.iter().any(|name| name == there), "{there}: {names:?}");
    }
    for not in ["OTHER_SETTING", "MILLRACE_OWN", "MILLRACE_ELSE", "GIT_DIR"] {
        assert!(!names.iter().any(|name| name == not), "{not}: {names:?}");
    }
}
