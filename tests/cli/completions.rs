//! Completions, and what is said of words that are nearly right.

use super::commands::{MILLRACE, call, data, said, well};
use crate::support::repo::TestRepo;

#[test]
fn each_shell_has_its_script() {
    let repo = TestRepo::init();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = well(&repo, &["completions", shell]);
        assert!(script.contains("add-task") && script.contains("max-ticks"), "{shell}");
        assert_eq!(data(&repo, "completions", &["completions", shell])["script"], script, "{shell}");
    }
}

#[test]
fn bash_completes_commands_and_options() {
    let repo = TestRepo::init();
    let complete = |words: &str| {
        let last = words.split(' ').count() - 1;
        let script = format!(
            "source <(\"$0\" completions bash); COMP_WORDS=({words}); COMP_CWORD={last}; \
             _millrace millrace \"${{COMP_WORDS[{last}]}}\" \"${{COMP_WORDS[{}]}}\"; echo ${{COMPREPLY[*]}}",
            last - 1
        );
        let output = repo.command("bash").args(["-c", &script, MILLRACE]).output().expect("bash runs");
        assert!(output.status.success(), "{}", said(&repo, &output));
        String::from_utf8(output.stdout).expect("UTF-8").trim_end().to_owned()
    };
    assert_eq!(complete("millrace stat"), "status");
    assert_eq!(complete("millrace run da"), "daemon");
    assert_eq!(complete("millrace run daemon --max"), "--max-ticks");
    assert_eq!(complete("millrace log --op han"), "handoff");
}

#[test]
fn words_that_are_nearly_right_get_a_hint_at_every_level() {
    let repo = TestRepo::init();
    let refused = |arguments: &[&str]| {
        let output = call(&repo, arguments);
        assert_eq!(output.stdout, b"");
        said(&repo, &output)
    };
    insta::assert_snapshot!(refused(&["quue"]), @r"
    exit 2
    ! millrace: unrecognized subcommand 'quue'
    ! hint: a similar subcommand exists: 'queue'
    ");
    insta::assert_snapshot!(refused(&["queue", "addtask"]), @r"
    exit 2
    ! millrace: unrecognized subcommand 'addtask'
    ! hint: a similar subcommand exists: 'add-task'
    ");
    insta::assert_snapshot!(refused(&["runs", "sow"]), @r"
    exit 2
    ! millrace: unrecognized subcommand 'sow'
    ! hint: a similar subcommand exists: 'show'
    ");
    insta::assert_snapshot!(refused(&["run", "deamon"]), @r"
    exit 2
    ! millrace: unrecognized subcommand 'deamon'
    ! hint: a similar subcommand exists: 'daemon'
    ");
    insta::assert_snapshot!(refused(&["compile", "validat"]), @r"
    exit 2
    ! millrace: unrecognized subcommand 'validat'
    ! hint: a similar subcommand exists: 'validate'
    ");
    insta::assert_snapshot!(refused(&["runs", "ls", "--jsn"]), @r"
    exit 2
    ! millrace: unexpected argument '--jsn' found
    ! hint: a similar argument exists: '--json'
    ");
    insta::assert_snapshot!(refused(&["run", "daemon", "--until-idel"]), @r"
    exit 2
    ! millrace: unexpected argument '--until-idel' found
    ! hint: a similar argument exists: '--until-idle'
    ");
    insta::assert_snapshot!(refused(&["queue", "show"]), @r"
    exit 2
    ! millrace: the following required arguments were not provided: <ID>
    ! hint: `millrace queue show --help` shows what there is
    ");
    insta::assert_snapshot!(refused(&["queue", "show", "a", "b"]), @r"
    exit 2
    ! millrace: unexpected argument 'b' found
    ! hint: `millrace queue show --help` shows what there is
    ");
    insta::assert_snapshot!(refused(&["queue", "frobnicate"]), @r"
    exit 2
    ! millrace: unrecognized subcommand 'frobnicate'
    ! hint: `millrace queue --help` shows what there is
    ");
    insta::assert_snapshot!(refused(&["completions", "bsh"]), @r"
    exit 2
    ! millrace: invalid value 'bsh' for '<SHELL>' [possible values: bash, elvish, fish, powershell, zsh]
    ! hint: a similar value exists: 'bash'
    ");
    insta::assert_snapshot!(refused(&["queue", "ls", "--\u{1b}[31m"]), @r"
    exit 2
    ! millrace: unexpected argument '--' found
    ! hint: `millrace queue ls --help` shows what there is
    ");
}
