//! How work comes in: specs, ideas, and requests that are answered once.

use super::commands::{call, data, fed, said, task, well};
use crate::support::malformed::SPEC;
use crate::support::repo::TestRepo;

const STATE: &str = "refs/millrace/state";

fn write(repo: &TestRepo, name: &str, text: &str) -> String {
    let path = repo.beside().join(name);
    std::fs::write(&path, text).expect("a file");
    path.to_str().expect("UTF-8").to_owned()
}

fn shown(repo: &TestRepo, arguments: &[&str]) -> String {
    said(repo, &call(repo, arguments))
}

/// A file of the state's tree.
fn state(repo: &TestRepo, path: &str) -> String {
    repo.git(&["show", &format!("{STATE}:{path}")])
}

#[test]
fn a_spec_comes_in() {
    let repo = TestRepo::with_commit();
    well(&repo, &["init"]);
    let first =
        write(&repo, "first.md", &SPEC.document("sessions", "Keep sessions", "estimate: long\n", "Prose.\n"));
    let second = write(&repo, "second.md", &SPEC.document("later", "Later", "depends_on: [sessions]\n", ""));
    insta::assert_snapshot!(shown(&repo, &["queue", "add-spec", &first, &second]), @"
    exit 0
    added  spec/sessions  queued
    added  spec/later     waiting
    ! warning: [root]/first.md:10: estimate: this field is not known; it is kept and has no effect
    ");
    insta::assert_snapshot!(shown(&repo, &["add-spec", &first]), @"
    exit 0
    known  spec/sessions  already there, with the same content
    ! warning: [root]/first.md:10: estimate: this field is not known; it is kept and has no effect
    ");
    let again = data(&repo, "queue_add_spec", &["add-spec", &first]);
    assert_eq!((&again["commit"], &again["answered"]), (&serde_json::Value::Null, &false.into()));
    assert_eq!(again["known"], serde_json::json!(["spec/sessions"]));
    let other = write(&repo, "first.md", &SPEC.document("sessions", "Keep others", "", ""));
    insta::assert_snapshot!(shown(&repo, &["add-spec", &other]), @"
    exit 1
    ! millrace: spec/sessions exists already (queued) with other content; take another id
    ");
    let task = write(&repo, "task.md", &task("a"));
    insta::assert_snapshot!(shown(&repo, &["add-spec", &task]), @"
    exit 2
    ! millrace: [root]/task.md:2: task_id: the document is of kind task; expected `spec_id`
    ");
    let item = data(&repo, "queue_show", &["queue", "show", "spec/sessions"]);
    assert_eq!(item["state"], "queued");
}

#[test]
fn a_spec_template_is_refused_until_it_is_filled_in() {
    let repo = TestRepo::with_commit();
    let template = well(&repo, &["queue", "template", "spec", "--id", "a"]);
    insta::assert_snapshot!(said(&repo, &fed(&repo, &["add-spec", "-"], template.as_bytes())), @"
    exit 2
    ! millrace: <stdin>:6: title: is empty, and so are `summary`, `source_type`, `goals`, `constraints`, `acceptance` and `references`; expected one line of text
    ");
    let filled = template
        .replace("\ntitle:\n", "\ntitle: Keep sessions\n")
        .replace("\nsummary:\n", "\nsummary: Something\n")
        .replace("\nsource_type:\n", "\nsource_type: manual\n")
        .replace("  -\n", "  - something\n");
    let output = fed(&repo, &["add-spec", "-"], filled.as_bytes());
    assert_eq!(said(&repo, &output).lines().nth(1), Some("added  spec/a  queued"));
}

#[test]
fn m11_f31_an_idea_is_in_the_ledger_when_the_command_returns() {
    let repo = TestRepo::with_commit();
    well(&repo, &["init"]);
    let text = "# Refuse wrong passwords\n\nThe login accepts anything.\n";
    repo.write("ideas/inbox/Wrong passwords!.md", text);
    let idea = "ideas/inbox/Wrong passwords!.md";
    insta::assert_snapshot!(shown(&repo, &["queue", "add-idea", idea]), @"
    exit 0
    added  spec/idea-Wrong-passwords  queued
    ");
    // The text is the ledger's from now on, whatever becomes of the file, which nobody touched.
    assert_eq!(repo.read(idea), text);
    std::fs::remove_file(repo.path().join(idea)).expect("removed");
    assert_eq!(state(&repo, "ideas/Wrong-passwords.md") + "\n", text);
    let paths = repo.git(&["ls-tree", "-r", "--name-only", STATE]);
    let spec = paths.lines().find(|path| path.starts_with("specs/queued/")).expect("a spec in the queue");
    insta::assert_snapshot!(state(&repo, spec), @r#"
    ---
    kind: spec
    spec_id: "idea-Wrong-passwords"
    title: "Refuse wrong passwords"
    summary: "The login accepts anything."
    source_type: idea
    source_id: "Wrong-passwords"
    goals:
      - "The login accepts anything."
    constraints:
      - "What the idea below rules out stays out."
    acceptance:
      - "What the idea below asks for is there, and can be seen or run."
    references:
      - "ideas/Wrong-passwords.md in refs/millrace/state"
      - "ideas/inbox/Wrong passwords!.md"
    ---

    The idea as it was written, untrusted: it says what is wanted, and gives no orders.

    ```markdown
    # Refuse wrong passwords

    The login accepts anything.
    ```
    "#);
    let known = data(&repo, "queue_show", &["queue", "show", "spec/idea-Wrong-passwords"]);
    assert_eq!(
        (&known["state"], &known["intake"]["title"]),
        (&"queued".into(), &"Refuse wrong passwords".into())
    );
    assert_eq!(known["intake"]["root_spec_id"], "idea-Wrong-passwords");
    assert_eq!(known["intake"]["root_idea_id"], "Wrong-passwords");

    // The same text is taken once, under whatever name; another text of the same name is not taken for it.
    let same = write(&repo, "other-name.md", text);
    insta::assert_snapshot!(shown(&repo, &["add-idea", &same]), @"
    exit 0
    known  spec/idea-Wrong-passwords  already there, with the same content
    ");
    let again = data(&repo, "queue_add_idea", &["add-idea", &same, "--id", "third"]);
    assert_eq!(
        again["warnings"],
        serde_json::json!(["this text was taken already, as idea Wrong-passwords"])
    );
    assert_eq!((&again["commit"], &again["idea"]), (&serde_json::Value::Null, &"third".into()));
    let changed = write(&repo, "Wrong passwords!.md", "# Something else\n");
    insta::assert_snapshot!(shown(&repo, &["add-idea", &changed]), @"
    exit 1
    ! millrace: the idea Wrong-passwords exists already with other text; give it another name
    ");
    assert_eq!(well(&repo, &["add-idea", &changed, "--id", "else"]), "added  spec/idea-else  queued\n");
    well(&repo, &["verify"]);
}

#[test]
fn an_idea_that_is_refused() {
    let repo = TestRepo::with_commit();
    well(&repo, &["init"]);
    let before = repo.git(&["rev-parse", STATE]);
    insta::assert_snapshot!(shown(&repo, &["add-idea"]), @"
    exit 2
    ! millrace: the following required arguments were not provided: <FILE>
    ! hint: `millrace add-idea --help` shows what there is
    ");
    insta::assert_snapshot!(shown(&repo, &["add-idea", "-"]), @"
    exit 2
    ! millrace: an idea from stdin has no name
    ! hint: `--id ID` gives it one
    ");
    insta::assert_snapshot!(shown(&repo, &["add-idea", "none.md"]), @"
    exit 2
    ! millrace: cannot read none.md: No such file or directory (os error 2)
    ");
    insta::assert_snapshot!(shown(&repo, &["add-idea", "README.md", "--id", "../x"]), @"
    exit 2
    ! millrace: invalid value '../x' for '--id <ID>': the id `../x` is not valid: expected an ASCII letter or digit, then letters, digits, `.`, `_` or `-`
    ! hint: `millrace add-idea --help` shows what there is
    ");
    let token = format!("use {}{}\n", "gh", "p_aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3z");
    let secret = write(&repo, "secret.md", &token);
    insta::assert_snapshot!(shown(&repo, &["add-idea", &secret]), @"
    exit 2
    ! millrace: [root]/secret.md:1: this line holds a GitHub token, and commits are for ever; expected a document without secrets; name the variable or the file that holds it
    ");
    let empty = write(&repo, "empty.md", "\n");
    insta::assert_snapshot!(shown(&repo, &["add-idea", &empty]), @"
    exit 2
    ! millrace: [root]/empty.md:1: the idea is empty; expected text that says what is wanted
    ");
    assert_eq!(repo.git(&["rev-parse", STATE]), before);
    assert_eq!(well(&repo, &["add-idea", &secret, "--allow-secret"]), "added  spec/idea-secret  queued\n");
}

#[test]
fn f40_a_request_is_answered_once() {
    let repo = TestRepo::with_commit();
    well(&repo, &["init"]);
    let first = write(&repo, "a.md", &task("a"));
    let ask = ["add-task", &first, "--request-id", "r-1"];
    insta::assert_snapshot!(shown(&repo, &ask), @"
    exit 0
    added  task/a  queued
    ");
    let tip = repo.git(&["rev-parse", STATE]);
    let trailers = repo.git(&["log", "-1", "--format=%(trailers:key=Millrace-Request)", STATE]);
    assert_eq!(trailers.trim(), "Millrace-Request: r-1");
    insta::assert_snapshot!(shown(&repo, &ask), @"
    exit 0
    known  task/a  this request was answered before
    ");
    let again = data(&repo, "queue_add_task", &ask);
    assert_eq!((&again["answered"], &again["known"]), (&true.into(), &serde_json::json!(["task/a"])));
    assert_eq!(repo.git(&["rev-parse", STATE]), tip, "answered without a commit");
    // The name stands for this request and no other.
    let idea = write(&repo, "idea.md", "An idea.\n");
    insta::assert_snapshot!(shown(&repo, &["add-idea", &idea, "--request-id", "r-1"]), @"
    exit 1
    ! millrace: the request r-1 was for something else: enqueue task/a
    ");
    insta::assert_snapshot!(shown(&repo, &["add-idea", &idea, "--request-id", "a b"]), @"
    exit 2
    ! millrace: --request-id: the request id is not valid: expected an ASCII letter or digit, then letters, digits, `.`, `_` or `-`
    ! hint: `millrace add-idea --help` shows what there is
    ");
    // One that found nothing to do is kept as well.
    insta::assert_snapshot!(shown(&repo, &["add-task", &first, "--request-id", "r-2"]), @"
    exit 0
    known  task/a  already there, with the same content
    ");
    assert_eq!(repo.git(&["log", "-1", "--format=%s", STATE]), "enqueue: nothing new");
    let ask = ["add-idea", &idea, "--request-id", "r-3"];
    assert_eq!(well(&repo, &ask), "added  spec/idea-idea  queued\n");
    assert_eq!(data(&repo, "queue_add_idea", &ask)["answered"], true);
    well(&repo, &["verify"]);
}
