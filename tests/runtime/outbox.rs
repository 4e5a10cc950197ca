//! What a stage leaves in its outbox, as the runtime reads it: good documents with their bytes, and the rest in words.

use std::os::unix::fs::symlink;

use jiff::Timestamp;
use millrace::domain::oid::Oid;
use millrace::format::document::Stamp;
use millrace::ledger::memory::MemoryStore;
use millrace::ledger::object::object_id;
use millrace::ledger::store::{ObjectFormat, ObjectKind};
use millrace::ledger::transact::Payloads;
use millrace::runtime::evidence::Secrets;
use millrace::runtime::outbox::{Outbox, read};
use millrace::workspace::run_dir::StageDir;

use crate::support::malformed::{Fate, INCIDENT, SPEC, TASK};
use crate::support::repo::TestRepo;

struct Stage {
    repo: TestRepo,
    dir: StageDir,
}

impl Stage {
    fn new() -> Self {
        let repo = TestRepo::with_commit();
        let run = "20261122-0930-7f3a1c".parse().expect("a run");
        let dir = StageDir::new(repo.path(), run, 1, "manager".parse().expect("a stage"));
        dir.materialise(&[]).expect("made");
        Self { repo, dir }
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.dir.outbox_path().join(name), bytes).expect("written");
    }

    fn read(&self) -> Outbox {
        let stamp = Stamp { now: Timestamp::UNIX_EPOCH, by: "planning/manager" };
        let secrets = Secrets::of([("MY_TOKEN".to_owned(), "correct horse battery".to_owned())]);
        let store = MemoryStore::new(ObjectFormat::Sha1);
        read(&self.dir, &secrets, &stamp, &store, &mut Payloads::default()).expect("an outbox")
    }
}

fn blob(bytes: &[u8]) -> Oid {
    object_id(ObjectFormat::Sha1, ObjectKind::Blob, bytes).expect("an id")
}

#[test]
fn m09_good_documents_come_in_the_order_of_their_names_and_bad_ones_are_told() {
    let stage = Stage::new();
    let second = TASK.document("second", "T", "depends_on: [first]\nowner: me\n", "Body.\n");
    stage.put("b.md", &second);
    stage.put("a.md", SPEC.document("first", "T", "", ""));
    stage.put("c.md", INCIDENT.document("third", "T", "", ""));
    stage.put("d.md", "---\ntask_id: d\ntitle: T\n---\n");
    stage.put("e.md", "# Task\n\nno front matter\n");
    stage.put("f.txt", "notes");
    stage.put("g.md", TASK.document("g", "T", "", "the key is correct horse battery\n"));
    stage.put(
        "h.md",
        TASK.document("h", "T", "", &format!("{}{}\n", "gh", "p_aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3z")),
    );
    symlink("/etc/hostname", stage.dir.outbox_path().join("i.md")).expect("a link");
    let outbox = stage.read();
    let items: Vec<String> = outbox.documents.iter().map(|one| one.intake.item.to_string()).collect();
    assert_eq!(items, ["spec/first", "task/second", "incident/third"]);
    assert_eq!(outbox.documents[1].document.oid, blob(second.as_bytes()), "byte for byte");
    assert_eq!(outbox.documents[1].intake.created_by, "planning/manager");
    assert!(outbox.documents.iter().all(|one| one.origin.is_none()), "a stage's documents are not held");
    insta::assert_snapshot!(outbox.problems.join("\n"), @"
    outbox/f.txt: the name does not end in `.md`
    outbox/i.md: is not a regular file
    outbox/d.md:1: target_paths: is missing, and so are `acceptance`, `required_checks`, `references` and `risk`; expected a list with at least one item, such as `- src/login.rs`
    outbox/e.md:1: the document has no front matter; expected a first line `---`, then YAML, then another `---`
    outbox/g.md:10: this line holds the value of MY_TOKEN, and commits are for ever; expected a document without secrets; name the variable or the file that holds it
    outbox/h.md:10: this line holds a GitHub token, and commits are for ever; expected a document without secrets; name the variable or the file that holds it
    ");
    insta::assert_snapshot!(outbox.warnings.join("\n"), @"outbox/b.md:10: owner: this field is not known; it is kept and has no effect");
}

#[test]
fn an_empty_outbox_and_one_that_is_gone() {
    let stage = Stage::new();
    let outbox = stage.read();
    assert!(outbox.documents.is_empty() && outbox.problems.is_empty());
    std::fs::remove_dir(stage.dir.outbox_path()).expect("removed");
    assert!(stage.read().problems.is_empty());
}

#[test]
fn an_outbox_that_leads_elsewhere_is_a_problem_and_not_read() {
    let stage = Stage::new();
    let outside = stage.repo.beside().join("outside");
    std::fs::create_dir(&outside).expect("a folder");
    std::fs::write(outside.join("a.md"), TASK.document("a", "T", "", "")).expect("written");
    std::fs::remove_dir(stage.dir.outbox_path()).expect("removed");
    symlink(&outside, stage.dir.outbox_path()).expect("a link");
    let outbox = stage.read();
    assert!(outbox.documents.is_empty());
    let [problem] = outbox.problems.as_slice() else { panic!("{:?}", outbox.problems) };
    assert!(
        problem.ends_with("outbox is not a folder (a symbolic link is not followed): remove it"),
        "{problem}"
    );
}

#[test]
fn m05_m09_every_class_of_bad_document_is_a_problem_in_one_line_or_kept() {
    for form in [TASK, SPEC, INCIDENT] {
        let stage = Stage::new();
        let all = form.malformed();
        for one in &all {
            stage.put(&format!("{}.md", one.class), &one.bytes);
        }
        let outbox = stage.read();
        let kept: Vec<Oid> = outbox.documents.iter().map(|one| one.document.oid).collect();
        for one in &all {
            let name = format!("outbox/{}.md", one.class);
            let said: Vec<&String> = outbox.problems.iter().filter(|line| line.starts_with(&name)).collect();
            match one.fate {
                Fate::Kept => {
                    assert_eq!(said, Vec::<&String>::new());
                    assert!(kept.contains(&blob(&one.bytes)), "{name}");
                }
                Fate::Refused(words) => {
                    let [line] = said.as_slice() else { panic!("{name}: {said:?}") };
                    // Of the size, the reader of the folder speaks in its own words.
                    let fits = line.contains(words) || line.contains("has more than 1048576 bytes");
                    assert!(fits && !line.chars().any(char::is_control), "{line:?}");
                    assert!(!kept.contains(&blob(&one.bytes)), "{name}");
                }
            }
        }
        assert_eq!(outbox.documents.len() + outbox.problems.len(), all.len());
    }
}
