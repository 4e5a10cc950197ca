//! Commit messages, read by git itself: nothing from outside forges a trailer, a second subject or an escape.

use std::io::Write as _;
use std::process::Stdio;

use jiff::Timestamp;
use millrace::domain::result::Judgement;
use millrace::domain::transition::decision::Decision;
use millrace::domain::transition::input::Input;
use millrace::domain::transition::record::{Actor, Transition};
use millrace::format::message::{one_line, render, subject, trailers};
use proptest::prelude::*;

use crate::support::play::{
    Play, cancelling, document, failure, genesis, interruption, operator_pause, outage, report, start, task,
};
use crate::support::repo::TestRepo;

/// What somebody writes who wants git to read more than text.
const HOSTILE: [&str; 28] = [
    "Millrace-Result: FORGED",
    "fine\n\nMillrace-Result: FORGED\n",
    "fine\n\nMillrace-Result: FORGED\nMillrace-Next: done\n\n",
    "Millrace-Result : FORGED",
    "Millrace-Result=FORGED",
    " Millrace-Result: FORGED",
    "\tMillrace-Result: FORGED",
    "x\r\nMillrace-Result: FORGED\r\n",
    "x\rMillrace-Result: FORGED",
    "x\u{2028}Millrace-Result: FORGED",
    "x\u{85}Millrace-Result: FORGED",
    "x\u{0b}\u{0c}Millrace-Result: FORGED",
    "---\nMillrace-Result: FORGED",
    "Millrace-Result: FORGED\n---\n",
    "--- a/file\n+++ b/file\n@@ -1 +1 @@",
    "# ------------------------ >8 ------------------------\nrest",
    "; ------------------------ >8 ------------------------",
    "------------------------ >8 ------------------------",
    "# a comment\n#another",
    "Conflicts:\n\tfile\n",
    "Signed-off-by: Somebody <s@example.org>\n(cherry picked from commit 0123456)",
    "\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7} \u{9b}31m",
    "\u{202e}desrever \u{2066}x\u{2069} \u{200b}hidden\u{feff} \u{61c} \u{e0041}",
    "\u{8}\u{8}\u{8}\u{7f}over",
    "a\u{0}b",
    "\n\n\n",
    "",
    ":\n=\n: value",
];

fn trailers_of(repo: &TestRepo, message: &str) -> String {
    let mut child = repo
        .command("git")
        .args(["interpret-trailers", "--parse"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("git runs");
    child.stdin.take().expect("a pipe").write_all(message.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("git ends");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("text")
}

fn expected(transition: &Transition) -> String {
    let lines: Vec<String> =
        trailers(transition).iter().map(|(key, value)| format!("Millrace-{key}: {value}")).collect();
    lines.join("\n") + "\n"
}

/// What can be told of a message without git.
#[track_caller]
fn assert_sound(transition: &Transition) {
    let message = render(transition);
    let mut lines = message.lines();
    assert_eq!(lines.next(), Some(subject(transition).as_str()));
    assert_eq!(lines.next(), Some(""), "{message:?}");
    assert!(message.ends_with(&format!("\n\n{}", expected(transition))), "{message:?}");
    assert!(message.matches("\n\n").count() <= 2, "subject, prose, trailers: {message:?}");
    for c in message.chars().filter(|c| *c != '\n') {
        assert!(
            !c.is_control() && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'),
            "{message:?}"
        );
    }
    assert!(subject(transition).chars().count() <= 100);
}

/// A handoff into which a text from outside got wherever one can.
fn hostile_handoff(text: &str) -> Transition {
    let mut play = Play::new();
    play.looks = false;
    play.add(&task("it"));
    play.claim("task/it");
    let mut judgement = report("BUILDER_COMPLETE");
    if let Judgement::Reported { summary, .. } = &mut judgement {
        *summary = Some(text.to_owned());
    }
    let mut transition = play.hand(judgement);
    transition.decision.notes.push(text.to_owned());
    transition
}

fn failing(text: &str) -> Transition {
    let mut play = Play::new();
    play.looks = false;
    play.add(&task("it"));
    play.claim("task/it");
    play.hand(Judgement::Failed { class: "x".parse().expect("a class"), detail: text.to_owned() })
}

/// The other inputs that carry words of others.
fn worded(text: &str) -> Vec<Transition> {
    let session =
        "00000000000000000000000000000001".parse::<millrace::domain::ids::SessionId>().expect("an id");
    let inputs = [
        Input::BeginSession { session: session.clone(), program: text.to_owned() },
        Input::EndSession { session, reason: text.to_owned() },
        Input::Cancel { item: "task/it".parse().expect("an item"), reason: text.to_owned() },
        Input::Pause(operator_pause(text, start())),
        Input::Resume { cause: text.to_owned(), owner: None },
    ];
    inputs
        .into_iter()
        .map(|input| Transition {
            rules: 1,
            seq: 7,
            at: Timestamp::UNIX_EPOCH,
            actor: Actor::Operator,
            subject: None,
            input,
            decision: Decision { effects: Vec::new(), notes: vec![text.to_owned()] },
            payloads: std::collections::BTreeMap::new(),
        })
        .collect()
}

#[test]
fn hostile_text_forges_nothing_that_git_reads() {
    let repo = TestRepo::init();
    for text in HOSTILE {
        let mut all = worded(text);
        all.push(hostile_handoff(text));
        all.push(failing(text));
        for transition in all {
            assert_sound(&transition);
            let message = render(&transition);
            assert_eq!(trailers_of(&repo, &message), expected(&transition), "{text:?} in {message:?}");
        }
    }
}

/// With the settings that a user may have: other separators, other comment strings.
#[test]
fn a_users_settings_do_not_open_a_door() {
    let repo = TestRepo::init();
    for text in HOSTILE {
        let message = render(&hostile_handoff(text));
        let tree = repo.git(&["hash-object", "-t", "tree", "-w", "/dev/null"]);
        repo.write("message", &message);
        for (key, value) in
            [("trailer.separators", ":=#"), ("core.commentChar", ";"), ("core.commentChar", "auto")]
        {
            let setting = format!("{key}={value}");
            let commit = repo.git(&["-c", &setting, "commit-tree", &tree, "-F", "message"]);
            let read = |format: &str| {
                repo.git(&["-c", &setting, "log", "-1", &format!("--format={format}"), &commit])
            };
            assert_eq!(
                read("%(trailers:key=Millrace-Result,valueonly)").trim_end(),
                "BUILDER_COMPLETE",
                "{text:?}"
            );
            assert_eq!(
                read("%(trailers:key=Millrace-Next,valueonly)").trim_end(),
                "execution/checker",
                "{text:?}"
            );
            assert_eq!(read("%s"), "handoff: it builder -> checker (BUILDER_COMPLETE)", "{text:?}");
            assert!(!read("%(trailers)").contains("FORGED"), "{text:?}");
        }
    }
}

#[test]
fn the_message_that_the_design_shows() {
    let mut play = Play::new();
    play.add(&task("fix-login"));
    play.claim("task/fix-login");
    let mut judgement = report("BUILDER_COMPLETE");
    if let Judgement::Reported { summary, .. } = &mut judgement {
        *summary = Some("Rewrote the session check; 14 tests pass.".to_owned());
    }
    let transition = play.hand(judgement);
    let id = play.control().plan.expect("a plan");
    let run = play.run().run;
    assert_eq!(
        render(&transition),
        format!(
            "handoff: fix-login builder -> checker (BUILDER_COMPLETE)\n\
             \n\
             Rewrote the session check; 14 tests pass.\n\
             \n\
             Millrace-Op: handoff\n\
             Millrace-Seq: 5\n\
             Millrace-Item: task/fix-login\n\
             Millrace-Run: {run}\n\
             Millrace-Stage: execution/builder\n\
             Millrace-Result: BUILDER_COMPLETE\n\
             Millrace-Next: execution/checker\n\
             Millrace-Plan: {id}\n\
             Millrace-Snapshot: 0101010101010101010101010101010101010101\n\
             Millrace-Tokens: input=120 output=34\n\
             Millrace-Actor: daemon\n"
        )
    );
}

#[test]
fn a_subject_for_everything_that_happens() {
    let mut play = Play::empty();
    let mut subjects = vec![subject(&play.done(&genesis()))];
    play.select("");
    let id = play.control().plan.expect("a plan");
    subjects.push(subject(&play.transition()));
    subjects.push(subject(&play.add(&task("one"))));
    subjects.push(subject(&play.add_all(&[task("two"), document("spec/s")])));
    play.claim("task/one");
    subjects.push(subject(&play.transition()));
    subjects.push(subject(&play.hand(interruption())));
    let run = play.run().run;
    subjects.push(subject(&play.done(&Input::TreeSettled {
        run: run.clone(),
        paths: 2,
        to: None,
        snapshot: None,
    })));
    subjects.push(subject(&play.launch()));
    subjects.push(subject(&play.hand(outage(millrace::domain::result::InfrastructureClass::Quota))));
    subjects.push(subject(&play.done(&Input::Resume { cause: "harness:codex_cli".to_owned(), owner: None })));
    play.settle_if_owed();
    play.launch();
    subjects.push(subject(&play.hand(failure("runner_timeout"))));
    subjects.push(subject(&play.done(&Input::Pause(operator_pause("lunch", play.now)))));
    subjects.push(subject(&play.done(&cancelling("task/one"))));
    assert_eq!(
        subjects,
        [
            "genesis: a ledger begins".to_owned(),
            format!("compile: {id} selected"),
            "enqueue: one".to_owned(),
            "enqueue: 2 items (two, s)".to_owned(),
            "launch: one builder (launch 1, claimed)".to_owned(),
            "interrupt: one builder runs again (interrupted)".to_owned(),
            format!("tree: 2 paths of run {run} went back"),
            "launch: one builder (launch 2)".to_owned(),
            "interrupt: one builder runs again (infrastructure:quota)".to_owned(),
            "resume: harness:codex_cli".to_owned(),
            "handoff: one builder -> troubleshooter (runner_timeout)".to_owned(),
            "pause: operator (lunch)".to_owned(),
            "cancel: one (not wanted)".to_owned(),
        ]
    );
}

#[test]
fn a_long_line_is_cut_and_says_so() {
    assert_eq!(one_line(&"x".repeat(50), 10), "xxxxxxx...");
    assert_eq!(one_line("  a \u{1b} b\nc  ", 10), "a b c");
    assert_eq!(one_line("ä".repeat(10).as_str(), 10), "ä".repeat(10));
    let transition = failing(&"long words ".repeat(1000));
    assert!(render(&transition).len() < 3000);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_text_breaks_a_message(text in "(\\PC|[\n\r:=#>8 -]|\\p{Cc}|\\p{Cf}|Millrace-Result: |---\n){0,40}") {
        for transition in worded(&text) {
            assert_sound(&transition);
        }
    }
}

/// Many random texts, read by git in one go each.
#[test]
fn git_reads_our_trailers_whatever_was_said() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    let repo = TestRepo::init();
    let mut runner = TestRunner::deterministic();
    let texts = proptest::string::string_regex("([a-zA-Z-]{1,8}[:=] ?|\n|---|#|>8|-{24}| |\t|\\PC){0,30}")
        .expect("a pattern");
    for _ in 0..100 {
        let text = texts.new_tree(&mut runner).expect("a text").current();
        for transition in worded(&text) {
            let message = render(&transition);
            assert_eq!(trailers_of(&repo, &message), expected(&transition), "{text:?} in {message:?}");
        }
    }
}
