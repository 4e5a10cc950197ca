//! Calling the program in a sealed repository, and what it said, with everything that changes from run to run named
//! instead of shown.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::support::repo::TestRepo;

/// The program.
pub(super) const MILLRACE: &str = env!("CARGO_BIN_EXE_millrace");

/// A call of the program in a repository's work tree.
pub(super) fn millrace(repo: &TestRepo, arguments: &[&str]) -> Command {
    let mut command = repo.command(MILLRACE);
    command.args(arguments).stdin(Stdio::null());
    command
}

/// What a call came to.
pub(super) fn call(repo: &TestRepo, arguments: &[&str]) -> Output {
    millrace(repo, arguments).output().expect("millrace runs")
}

/// The stdout of a call that must end well.
#[track_caller]
pub(super) fn well(repo: &TestRepo, arguments: &[&str]) -> String {
    let output = call(repo, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", said(repo, &output));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The data of a JSON answer, whose envelope must be of this kind.
#[track_caller]
pub(super) fn data(repo: &TestRepo, kind: &str, arguments: &[&str]) -> serde_json::Value {
    let mut all = arguments.to_vec();
    all.push("--json");
    let text = well(repo, &all);
    assert_eq!(text.lines().count(), 1, "{text}");
    let envelope: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(envelope["format"], 1, "{text}");
    assert_eq!(envelope["kind"], kind, "{text}");
    envelope["data"].clone()
}

/// A call with something on its stdin.
pub(super) fn fed(repo: &TestRepo, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = millrace(repo, arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("millrace starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // A program that refuses early does not read it.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().expect("millrace ends")
}

/// Exit code, stdout and stderr, with what changes named.
pub(super) fn said(repo: &TestRepo, output: &Output) -> String {
    let code = output.status.code().map_or_else(|| "a signal".to_owned(), |code| code.to_string());
    let mut text = format!("exit {code}\n");
    for (mark, bytes) in [("", &output.stdout), ("! ", &output.stderr)] {
        for line in String::from_utf8_lossy(bytes).lines() {
            text.push_str(format!("{mark}{line}").trim_end());
            text.push('\n');
        }
    }
    filtered(repo, &text)
}

/// The text with paths, ids and times named instead of shown.
pub(super) fn filtered(repo: &TestRepo, text: &str) -> String {
    let root = repo.beside().canonicalize().expect("the root");
    let text = text
        .replace(&format!("{}/repo", root.display()), "[repo]")
        .replace(&root.display().to_string(), "[root]");
    let mut result = String::new();
    let mut word = String::new();
    for c in text.chars().chain(['\n']) {
        if c.is_ascii_alphanumeric() || c == '-' || c == '_' {
            word.push(c);
            continue;
        }
        result.push_str(&named(&word));
        word.clear();
        result.push(c);
    }
    result.pop();
    times(&result)
}

fn named(word: &str) -> String {
    let hex = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if let Some((mode, tail)) = word.strip_prefix("plan-").and_then(|rest| rest.rsplit_once('-'))
        && tail.len() == 12
        && hex(tail)
    {
        return format!("plan-{mode}-[id]");
    }
    let parts: Vec<&str> = word.split('-').collect();
    match parts.as_slice() {
        [day, minute, tail] if day.len() == 8 && minute.len() == 4 && tail.len() == 6 && hex(tail) => {
            "[run]".to_owned()
        }
        [one] if matches!(one.len(), 10 | 32 | 40 | 64) && hex(one) && !one.starts_with("00000") => {
            "[oid]".to_owned()
        }
        _ => word.to_owned(),
    }
}

/// `2026-11-22 08:14:41Z` becomes `[time]`.
fn times(text: &str) -> String {
    let bytes = text.as_bytes();
    let shape = b"dddd-dd-dd dd:dd:ddZ";
    let mut result = String::new();
    let mut at = 0;
    while at < text.len() {
        let fits = bytes[at..].len() >= shape.len()
            && shape.iter().zip(&bytes[at..]).all(|(expected, found)| match expected {
                b'd' => found.is_ascii_digit(),
                other => other == found,
            });
        if fits {
            result.push_str("[time]");
            at += shape.len();
        } else {
            let c = text[at..].chars().next().expect("a character");
            result.push(c);
            at += c.len_utf8();
        }
    }
    result
}

/// The files of a folder with what tells whether anything was written: content, mode, and times of change.
pub(super) fn everything(folder: &Path) -> BTreeMap<PathBuf, String> {
    use std::os::unix::fs::MetadataExt;
    let mut found = BTreeMap::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(path) = todo.pop() {
        let metadata = path.symlink_metadata().expect("metadata");
        let mut state = format!("{:o} {}.{}", metadata.mode(), metadata.mtime(), metadata.mtime_nsec());
        if metadata.is_dir() {
            todo.extend(
                std::fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("entry").path()),
            );
        } else if metadata.is_file() {
            state = format!("{state} {:?}", std::fs::read(&path).expect("a file"));
        }
        found.insert(path, state);
    }
    found
}

/// The names of everything in a work tree and in our folder of the repository, without git's own.
pub(super) fn names(repo: &TestRepo) -> Vec<String> {
    let git = repo.git_dir();
    everything(repo.path())
        .into_keys()
        .filter(|path| !path.starts_with(&git) || path.starts_with(git.join("millrace")))
        .filter_map(|path| Some(path.strip_prefix(repo.path()).ok()?.display().to_string()))
        .filter(|name| !name.is_empty())
        .collect()
}

/// A task document.
pub(super) fn task(id: &str) -> String {
    task_with(id, "")
}

/// A task document with more lines of front matter.
pub(super) fn task_with(id: &str, more: &str) -> String {
    format!(
        "---\ntask_id: {id}\ntitle: The task {id}\ntarget_paths: [a]\nacceptance: [b]\nrequired_checks: [c]\n\
         references: [d]\nrisk: [e]\n{more}---\nWhat to do.\n"
    )
}

/// Writes a task beside the work tree and queues it.
#[track_caller]
pub(super) fn queue(repo: &TestRepo, document: &str) -> String {
    let path = repo.beside().join("task.md");
    std::fs::write(&path, document).expect("a file");
    well(repo, &["queue", "add-task", path.to_str().expect("UTF-8")])
}

/// Makes the embedded harness the repository's, with this script, and compiles.
#[track_caller]
pub(super) fn script(repo: &TestRepo, script: &str) {
    repo.write("millrace-agents/script.yaml", script);
    repo.write(
        "millrace-agents/millrace.toml",
        "[runners]\ndefault_runner = \"scripted\"\n\n[runners.scripted]\nscript = \"millrace-agents/script.yaml\"\n",
    );
    well(repo, &["compile", "validate"]);
}

/// A script that goes straight to the end.
pub(super) const STRAIGHT: &str = "
stages:
  builder:
    - - write: {path: built.txt, content: \"built\\n\"}
      - result: {terminal_result: BUILDER_COMPLETE, summary: Built it.}
  checker:
    - - result: {terminal_result: CHECKER_PASS}
  updater:
    - - result: {terminal_result: UPDATE_COMPLETE}
";
