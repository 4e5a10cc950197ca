//! Colour, pager and width, on a terminal that `script` of util-linux makes; where there is none of it, the tests beside
//! the source hold the rules alone.

use super::commands::{MILLRACE, queue, script, task, well};
use crate::support::repo::TestRepo;

const WRITES: &str = "
stages:
  builder:
    - - run: {argv: [sh, -c, \"printf 'one\\\\033]0;owned\\\\007\\\\nCR\\\\rLF\\\\n' > a.txt\"], expect: 0}
      - result: {terminal_result: BUILDER_COMPLETE}
  checker:
    - - result: {terminal_result: CHECKER_PASS}
  updater:
    - - result: {terminal_result: UPDATE_COMPLETE}
";

fn worked() -> TestRepo {
    let repo = TestRepo::with_commit();
    script(&repo, WRITES);
    queue(&repo, &task("a"));
    well(&repo, &["run", "daemon", "--until-idle"]);
    repo
}

/// Exit code and output of a call on a terminal; `None` where no terminal can be made.
fn on_a_terminal(repo: &TestRepo, words: &str, variables: &[(&str, &str)]) -> Option<(i32, String)> {
    let mut command = repo.command("script");
    command.args(["-qec", &format!("{MILLRACE} {words}"), "/dev/null"]);
    command.env("TERM", "xterm").env("SHELL", "/bin/sh").env("COLUMNS", "60");
    let output = command.envs(variables.iter().copied()).stdin(std::process::Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).expect("UTF-8").replace("\r\n", "\n");
    Some((output.status.code().expect("a code"), text))
}

#[test]
fn a_terminal_gets_the_pager_and_the_colours_that_git_would_use() {
    let repo = worked();
    let paged = [("GIT_PAGER", "sed s/^/paged:/")];
    let Some((code, text)) = on_a_terminal(&repo, "diff a", &paged) else { return };
    assert_eq!(code, 0, "{text}");
    assert!(text.starts_with("paged:\u{1b}[1mdiff --git a/a.txt b/a.txt\u{1b}[m\n"), "{text:?}");
    assert!(text.lines().all(|line| line.starts_with("paged:")), "{text:?}");
    let shown =
        |words: &str, variables: &[(&str, &str)]| on_a_terminal(&repo, words, variables).expect("a terminal");
    for words in ["log", "review a", "show 1", "show a"] {
        assert!(shown(words, &paged).1.starts_with("paged:"), "{words}");
    }
    // Each of these is a way not to have it.
    for (words, variables) in [
        ("diff a --no-pager", &paged[..]),
        ("diff a", &[("GIT_PAGER", "cat")]),
        ("diff a", &[("PAGER", "")]),
        ("diff a", &[("GIT_PAGER", "/no/such/pager")]),
    ] {
        let (code, text) = shown(words, variables);
        assert!(code == 0 && text.starts_with("\u{1b}[1mdiff --git"), "{words}: {text:?}");
    }
    let plain = [("GIT_PAGER", "cat"), ("NO_COLOR", "1")];
    assert!(shown("diff a", &plain).1.starts_with("diff --git"));
    repo.git(&["config", "pager.diff", "sed s/^/own:/"]);
    repo.git(&["config", "color.ui", "never"]);
    assert!(shown("diff a", &[]).1.starts_with("own:diff --git"));
    repo.git(&["config", "pager.diff", "false"]);
    assert!(shown("diff a", &[]).1.starts_with("diff --git"));
    // As for git, a pipe has colour where the configuration always wants it, and never a pager.
    repo.git(&["config", "color.ui", "always"]);
    repo.git(&["config", "core.pager", "sed s/^/paged:/"]);
    assert!(well(&repo, &["diff", "a"]).starts_with("\u{1b}[1mdiff --git"));
    assert!(!well(&repo, &["review", "a", "--json"]).contains('\u{1b}'));
}

#[test]
fn a_pager_that_is_closed_early_is_a_clean_end() {
    let repo = worked();
    for words in ["diff a --state", "log", "review a", "show 5 -p"] {
        let Some((code, text)) = on_a_terminal(&repo, words, &[("GIT_PAGER", "head -n 1")]) else { return };
        assert_eq!((code, text.lines().count()), (0, 1), "{words}: {text:?}");
    }
}

#[test]
fn what_files_hold_cannot_steer_a_terminal() {
    let repo = worked();
    let raw = "+one\u{1b}]0;owned\u{7}\n+CR\rLF\n";
    assert!(well(&repo, &["diff", "a"]).contains(raw), "a file or a pipe gets git's own bytes");
    for words in ["diff a", "diff a --color=never", "diff a --state", "show 5 -p"] {
        let Some((_, text)) = on_a_terminal(&repo, words, &[("GIT_PAGER", "cat")]) else { return };
        assert!(!text.contains("\u{1b}]") && !text.contains(['\u{7}', '\r']), "{words}: {text:?}");
    }
    let (_, text) = on_a_terminal(&repo, "diff a --no-color", &[("GIT_PAGER", "cat")]).expect("a terminal");
    assert!(text.contains("+one\\u{1b}]0;owned\\u{7}\n+CR\\rLF\n"), "{text:?}");
}

#[test]
fn the_width_is_the_one_that_git_uses() {
    let repo = worked();
    let Some((_, ours)) = on_a_terminal(&repo, "diff a --state --stat --no-color", &[("GIT_PAGER", "cat")])
    else {
        return;
    };
    assert!(ours.lines().all(|line| line.chars().count() <= 60), "{ours}");
    assert!(ours.lines().any(|line| line.chars().count() > 50), "{ours}");
}

#[test]
fn no_program_of_the_configuration_is_started_for_single_files() {
    let repo = worked();
    let started = repo.beside().join("started");
    let program = format!("touch {} #", started.display());
    repo.git(&["config", "diff.external", &program]);
    repo.git(&["config", "diff.mine.command", &program]);
    repo.git(&["config", "diff.mine.textconv", &program]);
    repo.write(".gitattributes", "* diff=mine\n");
    for words in [["diff", "a"], ["show", "5"], ["review", "a"]] {
        well(&repo, &words);
    }
    well(&repo, &["show", "5", "-p"]);
    assert!(!started.exists());
    repo.git_output(&["diff", "HEAD~0"]);
    repo.git_output(&["diff", "HEAD"]);
    repo.write("README.md", "changed\n");
    repo.git_output(&["diff"]);
    assert!(started.exists(), "git itself starts it");
}
