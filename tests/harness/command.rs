//! `command`: its command line.

use millrace::harness::adapter::{ArgvError, CommandSpec};

use super::bench::Bench;

fn argv(template: &[&str]) -> Result<Vec<String>, ArgvError> {
    let mut call = Bench::new().call();
    call.workdir = "/w".into();
    call.run_dir = "/r".into();
    call.result_file = "/r/result.json".into();
    call.prompt_file = "/r/prompt.md".into();
    call.attempt = 3;
    call.model = Some("big".to_owned());
    let argv = template.iter().map(|&argument| argument.to_owned()).collect();
    CommandSpec { argv, ..CommandSpec::default() }.argv(&call)
}

#[test]
fn variables_are_filled_and_nothing_else_is_touched() {
    let filled = argv(&[
        "agent",
        "{workdir}:{run_dir}",
        "--out={result_file}",
        "{prompt_file}",
        "{model}/{stage}/{attempt}",
        "{{workdir}} {{}} } $HOME `x` é",
        "",
    ]);
    assert_eq!(
        filled.unwrap(),
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
    let mut call = Bench::new().call();
    call.model = Some("{workdir}".to_owned());
    assert_eq!(call.fill("{model}").unwrap(), "{workdir}");
}

#[test]
fn mistakes_in_a_template_are_named() {
    assert_eq!(argv(&[]), Err(ArgvError::Empty));
    assert_eq!(argv(&["  "]), Err(ArgvError::Empty));
    assert_eq!(argv(&["x", "a{workdir"]), Err(ArgvError::Unclosed("a{workdir".to_owned())));
    let unknown = argv(&["x", "{workdri}"]).unwrap_err().to_string();
    assert!(unknown.contains("{workdri}") && unknown.contains("workdir, run_dir"), "{unknown}");
}
