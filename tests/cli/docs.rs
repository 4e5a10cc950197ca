//! The examples of README and docs are run.
//!
//! A `console` block holds commands (`$ `, continued by `> `) with what they print; all blocks of one document run in
//! one scratch repository, with the built program and a stand-in for Codex in front of the path. `[..]` stands for
//! anything within a line, `...` alone for any lines; ids, times and object ids are compared by their shape. Before a
//! block of another kind, `<!-- file: NAME -->` writes it to a file; `<!-- run: COMMAND -->` prepares something unseen.

use std::fmt::Write as _;
use std::path::Path;

use crate::support::documents::documents;
use crate::support::project::{read, root};
use crate::support::repo::TestRepo;

/// What a document asks for, in order.
#[derive(Debug, PartialEq)]
enum Act {
    /// Write a file of the work tree.
    File { name: String, text: String },
    /// Run the commands of a block in one shell.
    Block(Vec<Example>),
}

/// One command and what it prints.
#[derive(Debug, PartialEq)]
struct Example {
    line: usize,
    command: String,
    expected: Vec<String>,
    /// Whether what it prints matters.
    shown: bool,
}

fn acts(text: &str) -> Vec<Act> {
    let mut acts = Vec::new();
    let mut file = None;
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let directive = |word: &str| {
            line.strip_prefix("<!-- ")?.strip_prefix(word)?.strip_prefix(": ")?.strip_suffix(" -->")
        };
        if let Some(name) = directive("file") {
            file = Some(name.to_owned());
        } else if let Some(command) = directive("run") {
            let (command, expected) = (command.to_owned(), Vec::new());
            acts.push(Act::Block(vec![Example { line: number + 1, command, expected, shown: false }]));
        } else if let Some(kind) = line.strip_prefix("```") {
            let block: Vec<(usize, &str)> = lines.by_ref().take_while(|(_, line)| *line != "```").collect();
            if let Some(name) = file.take() {
                let text = block.iter().flat_map(|(_, line)| [*line, "\n"]).collect();
                acts.push(Act::File { name, text });
            } else if kind == "console" {
                acts.push(Act::Block(examples(&block)));
            }
        }
    }
    acts
}

fn examples(block: &[(usize, &str)]) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    for (number, line) in block {
        if let Some(command) = line.strip_prefix("$ ") {
            let command = command.to_owned();
            examples.push(Example { line: number + 1, command, expected: Vec::new(), shown: true });
            continue;
        }
        let last = examples.last_mut().expect("a console block begins with a command");
        match line.strip_prefix("> ") {
            Some(more) if last.expected.is_empty() => {
                let _ = write!(last.command, "\n{more}");
            }
            _ => last.expected.push((*line).to_owned()),
        }
    }
    examples
}

/// Ids and times by their shape: they differ from run to run.
fn shape(line: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for c in line.chars().chain(['\n']) {
        if c.is_ascii_alphanumeric() || matches!(c, '-' | ':' | '_') {
            word.push(c);
            continue;
        }
        out.push_str(&shape_of_word(&word));
        word.clear();
        out.push(c);
    }
    out.trim_end().to_owned()
}

fn shape_of_word(word: &str) -> String {
    let hex = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let digits: String = word.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let times = ["0000-00-00", "00:00:00Z", "00:00:00", "0000-00-00T00:00:00Z"];
    if let Some((start, tail)) = word.rsplit_once('-') {
        if start.starts_with("plan-") && tail.len() == 12 && hex(tail) {
            return format!("{start}-<hash>");
        }
        if tail.len() == 6 && hex(tail) && digits.starts_with("00000000-0000-") {
            return "<run>".to_owned();
        }
    }
    if times.contains(&digits.as_str()) {
        "<time>".to_owned()
    } else if word.len() >= 7 && hex(word) {
        "<object>".to_owned()
    } else {
        word.to_owned()
    }
}

/// Whether a line is as expected; `[..]` stands for anything.
fn line_fits(expected: &str, line: &str) -> bool {
    let (expected, line) = (shape(expected), shape(line));
    let mut parts = expected.split("[..]");
    let Some(mut rest) = line.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    true
}

fn fits(expected: &[String], printed: &[&str]) -> bool {
    match expected.split_first() {
        None => printed.is_empty(),
        Some((first, rest)) if first == "..." => (0..=printed.len()).any(|n| fits(rest, &printed[n..])),
        Some((first, rest)) => {
            printed.split_first().is_some_and(|(line, lines)| line_fits(first, line) && fits(rest, lines))
        }
    }
}

/// A scratch repository in which the program and its stand-ins are at hand.
struct Scene {
    repo: TestRepo,
    path: std::ffi::OsString,
}

impl Scene {
    fn new() -> Self {
        let repo = TestRepo::with_commit();
        let bin = repo.beside().join("bin");
        std::fs::create_dir_all(&bin).expect("a folder");
        std::os::unix::fs::symlink(root().join("fixtures/docs/codex"), bin.join("codex")).expect("a link");
        let built = [env!("CARGO_BIN_EXE_millrace"), env!("CARGO_BIN_EXE_git-millrace")];
        for program in built.map(Path::new) {
            let name = program.file_name().expect("a name");
            std::os::unix::fs::symlink(program, bin.join(name)).expect("a link");
        }
        let rest = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(bin).chain(std::env::split_paths(&rest)));
        Self { repo, path: path.expect("a path") }
    }

    /// Runs the commands in one shell; gives exit code and lines for each that was reached.
    fn run(&self, examples: &[Example]) -> Vec<(String, String)> {
        const MARK: &str = "--- end of example, exit ";
        let mut script = String::from("exec 2>&1\n");
        for example in examples {
            let _ = writeln!(script, "{}\nprintf '\\n{MARK}%s\\n' \"$?\"", example.command);
        }
        let output = self
            .repo
            .command("sh")
            .args(["-c", &script])
            .env("PATH", &self.path)
            .env("GIT_PAGER", "cat")
            .stdin(std::process::Stdio::null())
            .output()
            .expect("sh runs");
        let printed = String::from_utf8(output.stdout).expect("text");
        let mut results = Vec::new();
        let mut rest = printed.as_str();
        while let Some((text, after)) = rest.split_once(&format!("\n{MARK}")) {
            let (code, after) = after.split_once('\n').unwrap_or((after, ""));
            results.push((code.to_owned(), text.to_owned()));
            rest = after;
        }
        results
    }
}

/// Runs a document; gives how many commands it has, and what did not go as it says.
fn run_document(name: &str, text: &str) -> (usize, Vec<String>) {
    let scene = Scene::new();
    let mut count = 0;
    let mut wrong = Vec::new();
    for act in acts(text) {
        let examples = match act {
            Act::File { name, text } => {
                scene.repo.write(&name, text);
                continue;
            }
            Act::Block(examples) => examples,
        };
        let results = scene.run(&examples);
        for (n, example) in examples.iter().enumerate() {
            count += usize::from(example.shown);
            let at = format!("{name}:{}: $ {}", example.line, example.command);
            let Some((code, printed)) = results.get(n) else {
                wrong.push(format!("{at}\n  was not reached"));
                continue;
            };
            let lines: Vec<&str> = printed.trim_end_matches('\n').lines().collect();
            if code != "0" {
                wrong.push(format!("{at}\n  exit code {code}:\n{printed}"));
            } else if example.shown && !fits(&example.expected, &lines) {
                let expected = example.expected.join("\n");
                wrong.push(format!("{at}\n-- expected --\n{expected}\n-- printed --\n{printed}"));
            }
        }
    }
    (count, wrong)
}

#[test]
fn every_example_does_what_its_document_says() {
    let mut all = Vec::new();
    for name in documents() {
        let text = read(&name);
        let (count, wrong) = run_document(&name, &text);
        let least = match name.as_str() {
            "README.md" | "docs/runtime/millrace-ledger-format.md" => 8,
            "docs/skills/millrace-ops-agent-manual/SKILL.md" => 20,
            "docs/runtime/millrace-loop-authoring.md" => 9,
            "docs/reviewing-with-git.md" => 15,
            _ => 0,
        };
        assert!(count >= least, "{name} has only {count} examples: are they still found?");
        all.extend(wrong);
    }
    assert!(all.is_empty(), "{}", all.join("\n\n"));
}

#[test]
fn an_example_that_is_wrong_is_named() {
    let document = |printed: &str, command: &str| format!("text\n```console\n$ {command}\n{printed}\n```\n");
    let wrong = |printed: &str, command: &str| run_document("d.md", &document(printed, command)).1;
    assert!(wrong("one\ntwo", "printf 'one\\ntwo\\n'").is_empty());
    assert!(wrong("...\nt[..]o", "printf 'one\\ntwo\\n'").is_empty());
    assert_eq!(wrong("one", "printf 'one\\ntwo\\n'").len(), 1);
    assert_eq!(wrong("one\ntwo", "printf 'two\\none\\n'").len(), 1);
    assert_eq!(wrong("", "false").len(), 1, "an exit code is a finding");
    let names = wrong("millrace: [..]", "millrace queue show task/none");
    assert!(names[0].starts_with("d.md:3: $ millrace queue show"), "{names:?}");
}

#[test]
fn what_differs_from_run_to_run_is_compared_by_its_shape() {
    assert!(line_fits("8d675f0 done in 20261122-0820-e23712", "1234567 done in 20270101-1111-000000"));
    assert!(line_fits("at 2026-11-22 08:20:05Z", "at 2027-01-01 00:00:00Z"));
    assert!(line_fits("plan-standard_plain-1a391c73fe62", "plan-standard_plain-000000000000"));
    assert!(!line_fits("plan-standard_plain-1a391c73fe62", "plan-other-1a391c73fe62"));
    assert!(!line_fits("11 commits", "12 commits"));
    assert!(!line_fits("tokens 8128", "tokens 8129"));
    assert!(!line_fits("8d675f0", "done"));
}
