//! Bad input by class, brought in by the commands: each document is refused in one line and leaves no trace, or it is
//! kept byte for byte; and whatever was tried, the ledger is sound and a runtime starts on it.

use std::collections::BTreeSet;

use super::commands::{STRAIGHT, call, data, fed, said, script, well};
use crate::support::malformed::{Fate, SPEC, TASK, cycle};
use crate::support::repo::TestRepo;

const STATE: &str = "refs/millrace/state";

fn tip(repo: &TestRepo) -> String {
    repo.git(&["rev-parse", STATE])
}

/// The blobs of the state's tree.
fn blobs(repo: &TestRepo) -> BTreeSet<String> {
    let listed = repo.git(&["ls-tree", "-r", STATE]);
    listed.lines().filter_map(|line| line.split_whitespace().nth(2)).map(str::to_owned).collect()
}

/// The id that git gives these bytes.
fn blob(repo: &TestRepo, bytes: &[u8]) -> String {
    let path = repo.beside().join("bytes");
    std::fs::write(&path, bytes).expect("a file");
    repo.git(&["hash-object", "--no-filters", path.to_str().expect("UTF-8")])
}

/// A refusal as it has to be: nothing on stdout, one line and at most a hint on stderr, no trace in the ledger.
#[track_caller]
fn refused(repo: &TestRepo, what: &str, arguments: &[&str], bytes: &[u8], words: &str) {
    let before = tip(repo);
    let output = fed(repo, arguments, bytes);
    let text = said(repo, &output);
    let lines: Vec<&str> = text.lines().collect();
    assert!(matches!(lines[0], "exit 2" | "exit 1"), "{what}: {text}");
    assert!(lines[1].starts_with("! millrace: ") && lines[1].contains(words), "{what}: {text}");
    assert!(lines.len() == 2 || (lines.len() == 3 && lines[2].starts_with("! hint: ")), "{what}: {text}");
    harmless(what, &output.stderr);
    assert_eq!(tip(repo), before, "{what} left a trace");
}

/// An intake as it has to be: one commit that holds the very bytes, and nobody's trailers but its own.
#[track_caller]
fn kept(repo: &TestRepo, what: &str, arguments: &[&str], bytes: &[u8]) {
    let before = tip(repo);
    let output = fed(repo, arguments, bytes);
    assert_eq!(output.status.code(), Some(0), "{what}: {}", said(repo, &output));
    harmless(what, &output.stdout);
    harmless(what, &output.stderr);
    assert_eq!(repo.git(&["rev-parse", &format!("{STATE}~1")]), before, "{what}: one commit");
    assert!(blobs(repo).contains(&blob(repo, bytes)), "{what}: not the same bytes");
    let trailers = repo.git(&["log", "-1", "--format=%(trailers:key=Millrace-Op)", STATE]);
    let op = if arguments[0] == "add-idea" { "idea" } else { "enqueue" };
    assert_eq!(trailers.trim(), format!("Millrace-Op: {op}"), "{what}");
}

#[track_caller]
fn harmless(what: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let bad = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}');
    assert!(!text.contains(bad), "{what}: {text:?}");
}

/// What a ledger has to be after all that.
#[track_caller]
fn sound(repo: &TestRepo) {
    well(repo, &["verify"]);
    for shown in [["queue", "ls"], ["status", "--json"], ["log", "--json"]] {
        harmless(shown[0], well(repo, &shown).as_bytes());
    }
    // It is nobody's business here whether the stage has a script.
    let output = call(repo, &["run", "once"]);
    assert!(matches!(output.status.code(), Some(0 | 6)), "{}", said(repo, &output));
}

fn repo() -> TestRepo {
    let repo = TestRepo::with_commit();
    script(&repo, STRAIGHT);
    repo
}

#[test]
fn m07_m16_m17_tasks_and_specs_are_refused_in_one_line_or_kept_byte_for_byte() {
    let repo = repo();
    for (form, command) in [(TASK, "add-task"), (SPEC, "add-spec")] {
        for one in form.malformed() {
            let what = format!("{command} {}", one.class);
            match one.fate {
                Fate::Refused(words) => refused(&repo, &what, &[command, "-"], &one.bytes, words),
                Fate::Kept => kept(&repo, &what, &[command, "-"], &one.bytes),
            }
        }
    }
    sound(&repo);
}

#[test]
fn m16_a_bad_document_keeps_good_ones_of_the_same_call_out_and_the_retry_works() {
    let repo = repo();
    let good = repo.beside().join("good.md");
    let bad = repo.beside().join("bad.md");
    std::fs::write(&good, TASK.document("good", "T", "", "")).expect("a file");
    std::fs::write(&bad, "---\ntask_id: bad\n---\n").expect("a file");
    let paths = [good.to_str().expect("UTF-8"), bad.to_str().expect("UTF-8")];
    let before = tip(&repo);
    assert_eq!(call(&repo, &["add-task", paths[0], paths[1]]).status.code(), Some(2));
    assert_eq!(tip(&repo), before);
    std::fs::write(&bad, TASK.document("bad", "T", "", "")).expect("a file");
    assert_eq!(well(&repo, &["add-task", paths[0], paths[1]]).lines().count(), 2);
}

#[test]
fn f31_an_idea_takes_any_text_and_keeps_it_byte_for_byte() {
    let repo = repo();
    let refused_as_text =
        ["utf16-le", "utf16-be", "latin-1", "nul", "nothing", "at-the-limit", "over-the-limit"];
    for one in TASK.malformed() {
        let what = format!("add-idea {}", one.class);
        let arguments = ["add-idea", "-", "--id", one.class];
        match (refused_as_text.contains(&one.class), one.fate) {
            (true, Fate::Refused("the document is empty")) => {
                refused(&repo, &what, &arguments, &one.bytes, "the idea is empty");
            }
            (true, Fate::Refused(words)) => refused(&repo, &what, &arguments, &one.bytes, words),
            (true, Fate::Kept) => {
                refused(&repo, &what, &arguments, &one.bytes, "the document has 1048576 bytes");
            }
            (false, _) => kept(&repo, &what, &arguments, &one.bytes),
        }
    }
    for hostile in
        ["# \u{202e}\u{1b}[2J\n", "---\nspec_id: other\n---\n", "```\n~~~~\n````", "# x\nspec_id: y\n---\n"]
    {
        let id = format!("h{}", hostile.len());
        kept(&repo, hostile, &["add-idea", "-", "--id", &id], hostile.as_bytes());
        let shown = data(&repo, "queue_show", &["queue", "show", &format!("spec/idea-{id}")]);
        assert_eq!(shown["state"], "queued", "{hostile}");
    }
    for id in ["../x", "-x", "a/b", "..", "a b"] {
        let argument = format!("--id={id}");
        refused(&repo, id, &["add-idea", "-", &argument], b"text", "is not valid: expected an ASCII letter");
    }
    sound(&repo);
}

#[test]
fn m08_cycles_are_refused_with_the_way_round() {
    let repo = repo();
    for (form, command, kind) in [(TASK, "add-task", "task"), (SPEC, "add-spec", "spec")] {
        for length in 1..=5 {
            let documents = cycle(&form, length);
            let way: Vec<String> = (0..=length).map(|at| format!("c{length}-{}", at % length)).collect();
            let words = match length {
                1 => format!("the {kind} depends on itself; expected ids of other {kind}s"),
                _ => format!("{kind}/c{length}-0 depends on itself: {}", way.join(" -> ")),
            };
            // All in one call.
            let paths: Vec<String> = documents
                .iter()
                .enumerate()
                .map(|(at, document)| {
                    let path = repo.beside().join(format!("{kind}-{length}-{at}.md"));
                    std::fs::write(&path, document).expect("a file");
                    path.to_str().expect("UTF-8").to_owned()
                })
                .collect();
            let mut arguments = vec![command];
            arguments.extend(paths.iter().map(String::as_str));
            refused(&repo, &format!("{kind} {length}"), &arguments, b"", &words);
            // One after the other: the last one closes the ring, and is refused.
            let (last, others) = documents.split_last().expect("some");
            for document in others {
                kept(&repo, document, &[command, "-"], document.as_bytes());
            }
            refused(&repo, last, &[command, "-"], last.as_bytes(), "depends on itself");
        }
    }
    sound(&repo);
}

/// The plan that is selected.
fn plan(repo: &TestRepo) -> String {
    let control = repo.git(&["show", &format!("{STATE}:control.toml")]);
    control.lines().find(|line| line.starts_with("plan = ")).expect("a plan").to_owned()
}

#[test]
fn m17_a_configuration_is_refused_in_one_line_or_read() {
    let repo = repo();
    let good = repo.read("millrace-agents/millrace.toml");
    let utf16: Vec<u8> = "\u{feff}[a]\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let deep = format!("a = {}{}\n", "[".repeat(5000), "]".repeat(5000));
    let table: [(&str, Vec<u8>, Option<&str>); 9] = [
        ("bom", format!("\u{feff}{good}").into_bytes(), None),
        ("crlf", good.replace('\n', "\r\n").into_bytes(), None),
        ("utf16", utf16, Some("valid UTF-8")),
        ("latin-1", b"# caf\xe9\n".to_vec(), Some("valid UTF-8")),
        ("nul", b"# a\0b\n".to_vec(), Some("not TOML")),
        ("deep", deep.into_bytes(), Some("not TOML")),
        (
            "duplicate key",
            b"[runtime]\ndefault_mode = \"a\"\ndefault_mode = \"b\"\n".to_vec(),
            Some("duplicate key"),
        ),
        (
            "ansi",
            b"[runtime]\ndefault_mode = \"\\u001b[2J\"\n".to_vec(),
            Some("holds the control character U+001B"),
        ),
        ("newline", b"[runtime]\ndefault_mode = \"a\\nb\"\n".to_vec(), Some("is not valid")),
    ];
    for (what, bytes, words) in table {
        repo.write("millrace-agents/millrace.toml", &bytes);
        let before = plan(&repo);
        let output = call(&repo, &["config", "validate"]);
        let text = said(&repo, &output);
        let errors: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("error: ") || line.starts_with("! millrace: "))
            .collect();
        match words {
            None => assert_eq!((output.status.code(), errors.len()), (Some(0), 0), "{what}: {text}"),
            Some(words) => {
                assert_eq!(output.status.code(), Some(2), "{what}: {text}");
                assert!(errors.len() == 1 && errors[0].contains(words), "{what}: {text}");
                // A compile says the same, and the plan that stands goes on standing.
                let compiled = call(&repo, &["compile", "validate"]);
                harmless(what, &compiled.stderr);
                assert_eq!(compiled.status.code(), Some(2), "{what}: {}", said(&repo, &compiled));
                assert_eq!(plan(&repo), before, "{what}");
            }
        }
        harmless(what, &output.stdout);
        harmless(what, &output.stderr);
    }
    repo.write("millrace-agents/millrace.toml", &good);
    sound(&repo);
}
