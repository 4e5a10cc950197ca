//! The invariants bite: commits that no rule would make, each of them named.

use std::panic::{AssertUnwindSafe, catch_unwind};

use millrace::domain::oid::Oid;
use millrace::domain::place::TreePath;
use millrace::domain::transition::input::Input;
use millrace::domain::transition::record::Actor;
use millrace::ledger::faulty::Faulty;
use millrace::ledger::object::object_id;
use millrace::ledger::store::{NewObjects, Object, ObjectKind, Publication, RefName, Signature, Store as _};
use millrace::ledger::transact::{Payloads, read_commit};
use millrace::ledger::tree::{TreeEditor, Trees};

use crate::documents::Document;
use crate::driver::{Did, Driver};
use crate::operator::select;
use crate::plans;
use crate::tree;
use crate::world::World;

/// A world without any trouble: a task and a root spec that are done, a task under way, and a pause.
fn world() -> World {
    let mut world = World::new(1);
    world.store = Faulty::new(world.memory.clone(), Vec::new());
    world.quiet = true;
    let mut payloads = Payloads::default();
    let genesis = Input::Genesis { ledger: "0".repeat(32).parse().expect("an id") };
    let plan = select(&world, plans::USUAL, &mut payloads);
    let documents = [Document::new("task", "first"), Document::new("spec", "root")];
    let documents = documents.iter().map(|one| one.submitted(&world.memory, &mut payloads)).collect();
    for input in [genesis, plan, Input::Enqueue { documents }] {
        world.must(Actor::Operator, &input, &payloads).expect("a store that works");
    }
    let mut driver = Driver::new();
    while driver.step(&mut world) != Did::Idle {}
    let second = Document::new("task", "second").submitted(&world.memory, &mut payloads);
    let pause = millrace::domain::control::PauseCause {
        named: false,
        kind: millrace::domain::control::PauseKind::Budget,
        owner: "ops".to_owned(),
        since: world.now,
        detail: "enough".to_owned(),
        until: None,
        times: 1,
    };
    world
        .must(Actor::Operator, &Input::Enqueue { documents: vec![second] }, &payloads)
        .expect("a store that works");
    while world.active().and_then(|run| run.launch).is_none() {
        driver.step(&mut world);
    }
    world.must(Actor::Operator, &Input::Pause(pause), &payloads).expect("a store that works");
    world
}

/// The tree while it is forged.
struct Forge<'w> {
    world: &'w World,
    editor: TreeEditor<'w, 'w>,
    objects: Vec<Object>,
}

impl Forge<'_> {
    fn path(text: &str) -> TreePath {
        TreePath::new(text).expect("a path")
    }

    fn put(&mut self, path: &str, text: &str) {
        let bytes = text.as_bytes().to_vec();
        let oid = object_id(self.world.memory.object_format(), ObjectKind::Blob, &bytes).expect("an id");
        self.objects.push(Object { kind: ObjectKind::Blob, oid, bytes });
        self.editor.put(&Self::path(path), oid).expect("a put");
    }

    fn take(&mut self, path: &str) -> Oid {
        self.editor.take(&Self::path(path)).expect("a take").unwrap_or_else(|| panic!("nothing is at {path}"))
    }

    fn go(&mut self, from: &str, to: &str) {
        let oid = self.take(from);
        self.editor.put(&Self::path(to), oid).expect("a put");
    }

    fn copy(&mut self, from: &str, to: &str) {
        let oid = self.take(from);
        self.editor.put(&Self::path(from), oid).expect("a put");
        self.editor.put(&Self::path(to), oid).expect("a put");
    }

    /// A text with something else in it.
    fn exchange(&mut self, path: &str, from: &str, to: &str) {
        let oid = self.take(path);
        let text = String::from_utf8(self.world.memory.read(oid).expect("a blob").1).expect("text");
        assert!(text.contains(from), "{path}: {text}");
        self.put(path, &text.replace(from, to));
    }
}

/// The path that begins and ends so.
fn find(world: &World, begins: &str, ends: &str) -> String {
    let root = read_commit(&world.memory, world.tip().expect("a tip")).expect("a commit").tree;
    let all = tree::changes(&world.memory, None, root).into_iter().map(|change| change.path);
    let mut found = all.filter(|path| path.starts_with(begins) && path.ends_with(ends));
    found.next().unwrap_or_else(|| panic!("nothing is at {begins}...{ends}"))
}

/// Makes the commit, said to be an `op`, and gives what the invariants say to it.
fn said(op: &str, forge: impl FnOnce(&World, &mut Forge<'_>)) -> String {
    let mut world = world();
    let tip = world.tip().expect("a tip");
    let mut commit = read_commit(&world.memory, tip).expect("a commit");
    let told = tree::toml(&world.memory, root_of(&world, "transition.toml"));
    let seq = told["seq"].as_integer().expect("a number");
    let (root, mut objects) = {
        let memory = world.memory.clone();
        let trees = Trees::new(&memory);
        let editor = TreeEditor::new(&trees, Some(commit.tree)).expect("an editor");
        let mut forged = Forge { world: &world, editor, objects: Vec::new() };
        let at = world.now;
        let record = format!("seq = {}\nat = \"{at}\"\n[input]\nop = \"{op}\"\n", seq + 1);
        forged.put("transition.toml", &record);
        forge(&world, &mut forged);
        let (root, trees) = forged.editor.finish().expect("a tree");
        (root, forged.objects.into_iter().chain(trees).collect::<Vec<_>>())
    };
    commit.tree = root;
    commit.parents = vec![tip];
    let bytes = commit.render();
    let oid = object_id(world.memory.object_format(), ObjectKind::Commit, &bytes).expect("an id");
    objects.push(Object { kind: ObjectKind::Commit, oid, bytes });
    let by = Signature { name: "Forger".to_owned(), email: "forger@example.org".to_owned(), at: world.now };
    let publication = Publication {
        name: RefName::State,
        old: Some(tip),
        new: Some(oid),
        objects: NewObjects::Given(objects),
        by,
        message: "forged".to_owned(),
    };
    let wait = std::time::Duration::from_secs(20);
    world.memory.writer(wait).expect("a writer").publish(publication).expect("published");
    let memory = world.memory.clone();
    let looked = catch_unwind(AssertUnwindSafe(|| {
        world.book.commit(&memory, Some(tip), oid, &mut world.tally);
        world.book.whole(&memory, oid);
    }));
    match looked {
        Ok(()) => "nothing".to_owned(),
        Err(panic) => panic.downcast_ref::<String>().cloned().expect("words"),
    }
}

fn root_of(world: &World, path: &str) -> Oid {
    let root = read_commit(&world.memory, world.tip().expect("a tip")).expect("a commit").tree;
    let all = tree::changes(&world.memory, None, root);
    all.into_iter().find(|change| change.path == path).and_then(|change| change.after).expect("a file")
}

#[track_caller]
fn bites(op: &str, expected: &str, forge: impl FnOnce(&World, &mut Forge<'_>)) {
    let said = said(op, forge);
    assert!(said.contains(expected), "expected `{expected}`, and they said: {said}");
}

#[test]
fn an_honest_commit_is_let_through() {
    assert_eq!(said("pause", |_, _| {}), "nothing");
}

#[test]
fn an_item_in_two_states_is_named() {
    bites("handoff", "is in two states", |_, forge| {
        forge.copy("tasks/active/second.md", "tasks/blocked/second.md");
    });
}

#[test]
fn a_lost_item_is_named() {
    bites("archive", "is lost", |_, forge| {
        forge.take("tasks/active/second.md");
    });
}

#[test]
fn finished_work_that_begins_again_is_named() {
    bites("retry", "was done and is active", |world, forge| {
        forge.go(&find(world, "tasks/done/", "first.md"), "tasks/active/first.md");
    });
}

#[test]
fn a_second_result_of_a_launch_is_named() {
    bites("handoff", "was there and is changed", |world, forge| {
        forge.exchange(&find(world, "runs/", "result.toml"), "launch = 1", "launch = 2");
    });
}

#[test]
fn a_launch_that_ends_without_a_result_is_named() {
    bites("handoff", "a launch is gone without its result", |world, forge| {
        forge.exchange(&find(world, "active/", ".toml"), "[launch]", "[nothing]");
    });
}

#[test]
fn a_blocked_item_without_a_reason_is_named() {
    bites("handoff", "is blocked without a reason", |_, forge| {
        forge.go("tasks/active/second.md", "tasks/blocked/second.md");
    });
}

#[test]
fn a_pause_that_another_one_lifts_is_named() {
    bites("handoff", "budget of ops is lifted by handoff", |_, forge| {
        forge.exchange("control.toml", "owner = \"ops\"", "owner = \"somebody\"");
    });
}

#[test]
fn an_acceptance_that_is_taken_back_for_nothing_is_named() {
    bites("retry", "was accepted and is open for nothing", |_, forge| {
        forge.exchange("closure/root/target.toml", "is = \"accepted\"", "is = \"open\"");
    });
}

#[test]
fn a_root_that_is_opened_without_a_claim_is_named() {
    bites("handoff", "is opened", |_, forge| {
        forge.put("closure/other/target.toml", "root = \"other\"\n[state]\nis = \"open\"\n");
    });
}

#[test]
fn a_mark_of_lineage_for_nothing_is_named() {
    bites("handoff", "the marks of lineage", |_, forge| {
        forge.put("lineage/root/task.first.toml", "item = \"task/first\"\n");
    });
}
