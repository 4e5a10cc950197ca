//! Whether a ledger's tree is consistent with itself, told from its paths: written against the layout, not against
//! the code that makes it.

use std::collections::{BTreeMap, BTreeSet};

use millrace::domain::closure::{Target, TargetState, Verdict};
use millrace::domain::control::Control;
use millrace::domain::item::ItemKind;
use millrace::domain::oid::Oid;
use millrace::domain::plan::Plan;
use millrace::domain::receipt::Receipt;
use millrace::domain::recovery::Recovery;
use millrace::domain::run::{Run, RunRecord};
use millrace::domain::transition::apply::Member;
use millrace::domain::transition::input::Known;
use millrace::format::records::decode;
use millrace::ledger::store::Store;
use millrace::ledger::transact::read_commit;
use millrace::ledger::tree::Trees;
use sha2::{Digest, Sha256};

/// Every file of a tree: path and blob, in tree order.
pub(crate) fn files(store: &dyn Store, root: Oid) -> Vec<(String, Oid)> {
    fn walk(trees: &Trees<'_>, folder: Oid, prefix: &str, files: &mut Vec<(String, Oid)>) {
        for entry in trees.folder(folder).expect("a readable folder").iter() {
            let path = format!("{prefix}{}", entry.name);
            if entry.folder {
                walk(trees, entry.oid, &format!("{path}/"), files);
            } else {
                files.push((path, entry.oid));
            }
        }
    }
    let mut all = Vec::new();
    walk(&Trees::new(store), root, "", &mut all);
    all
}

fn shard(id: &str) -> String {
    let hash = Sha256::digest(id.to_lowercase().as_bytes());
    format!("{:02x}/{:02x}", hash[0], hash[1])
}

#[derive(Debug, Clone)]
struct Standing {
    state: String,
    turn: Option<String>,
    waits_for: Option<String>,
    blob: Oid,
}

/// Splits `5.0000000012.some.id.md`.
#[track_caller]
fn turn_and_id(name: &str, path: &str) -> (String, String) {
    let stem = name.strip_suffix(".md").unwrap_or_else(|| panic!("{path}"));
    assert!(
        stem.is_ascii() && stem.len() > 13 && stem.as_bytes()[1] == b'.' && stem.as_bytes()[12] == b'.',
        "{path}"
    );
    (stem[..12].to_owned(), stem[13..].to_owned())
}

/// Fails where the tree of a commit contradicts itself.
#[track_caller]
pub(crate) fn assert_consistent(store: &dyn Store, commit: Oid) {
    let root = read_commit(store, commit).expect("a readable commit").tree;
    let files = files(store, root);
    let trees = Trees::new(store);
    let text = |oid: Oid| trees.file(oid).expect("a readable file");
    let plan_at = |paths: &BTreeMap<&str, Oid>, plan: &str| -> Plan {
        decode(&text(paths[format!("plans/{plan}/plan.toml").as_str()])).expect("a plan")
    };
    let by_path: BTreeMap<&str, Oid> = files.iter().map(|(path, oid)| (path.as_str(), *oid)).collect();
    assert_eq!(by_path.len(), files.len(), "a path is there twice");
    let plan_of = |plan: &millrace::domain::ids::PlanId| plan_at(&by_path, plan.as_str());
    let control: Control = decode(&text(by_path["control.toml"])).expect("control.toml");
    assert!(by_path.contains_key("ledger.toml") && by_path.contains_key("transition.toml"));

    let mut items: BTreeMap<(&str, String), Standing> = BTreeMap::new();
    let mut known: BTreeMap<(&str, String), Known> = BTreeMap::new();
    let mut arrivals = BTreeSet::new();
    let mut runs: BTreeMap<String, Run> = BTreeMap::new();
    let mut records: BTreeMap<String, RunRecord> = BTreeMap::new();
    let mut recoveries: BTreeMap<(&str, String), Recovery> = BTreeMap::new();
    let mut results: BTreeSet<(String, u32)> = BTreeSet::new();
    let mut launch_folders: BTreeSet<(String, u32)> = BTreeSet::new();
    let mut ideas: BTreeSet<String> = BTreeSet::new();
    let mut members: BTreeSet<(String, String)> = BTreeSet::new();
    let mut targets: BTreeMap<String, Target> = BTreeMap::new();
    let mut verdicts: BTreeSet<(String, String)> = BTreeSet::new();
    let mut notes: BTreeSet<String> = BTreeSet::new();

    for (path, oid) in &files {
        let parts: Vec<&str> = path.split('/').collect();
        let kind_of = |folder: &str| match folder {
            "tasks" => "task",
            "specs" => "spec",
            _ => "incident",
        };
        match parts.as_slice() {
            ["ledger.toml" | "control.toml" | "transition.toml"]
            | ["plans", ..]
            | ["closure", _, "rubric.md"] => {}
            [folder @ ("tasks" | "specs" | "incidents"), rest @ ..] => {
                let kind = kind_of(folder);
                let incident = kind == "incident";
                let mut stands = |id: String, state: &str, turn: Option<String>, waits_for: Option<&str>| {
                    if let Some(turn) = &turn {
                        assert!(arrivals.insert(turn[2..].to_owned()), "{path}: the arrival is there twice");
                        let arrival: u64 = turn[2..].parse().expect("digits");
                        assert!(arrival >= 1 && arrival <= control.arrivals, "{path}: {}", control.arrivals);
                    }
                    let standing = Standing {
                        state: state.to_owned(),
                        turn,
                        waits_for: waits_for.map(str::to_owned),
                        blob: *oid,
                    };
                    let twice = items.insert((kind, id.clone()), standing);
                    assert!(twice.is_none(), "{kind}/{id} is in two states: {path} and {twice:?}");
                };
                match rest {
                    ["intake", a, b, name] => {
                        let id = name.strip_suffix(".toml").expect(path);
                        assert_eq!(format!("{a}/{b}"), shard(id), "{path}");
                        let record: Known = decode(&text(*oid)).expect(path);
                        assert_eq!(record.intake.item.to_string(), format!("{kind}/{id}"), "{path}");
                        known.insert((kind, id.to_owned()), record);
                    }
                    [state @ ("queued" | "incoming" | "held"), bucket, name] => {
                        assert!(*state == "held" || incident == (*state == "incoming"), "{path}");
                        let (turn, id) = turn_and_id(name, path);
                        assert_eq!(*bucket, &turn[..10], "{path}");
                        stands(id, if *state == "held" { "held" } else { "queued" }, Some(turn), None);
                    }
                    ["waiting", on, name] => {
                        let (turn, id) = turn_and_id(name, path);
                        stands(id, "waiting", Some(turn), Some(on));
                    }
                    [state @ ("active" | "blocked"), name] => {
                        stands(name.strip_suffix(".md").expect(path).to_owned(), state, None, None);
                    }
                    [state @ ("done" | "resolved" | "archived"), a, b, name] => {
                        assert!(*state == "archived" || incident == (*state == "resolved"), "{path}");
                        let id = name.strip_suffix(".md").expect(path);
                        assert_eq!(format!("{a}/{b}"), shard(id), "{path}");
                        let state = if *state == "archived" { "archived" } else { "done" };
                        stands(id.to_owned(), state, None, None);
                    }
                    _ => panic!("nothing lies at {path}"),
                }
            }
            ["active", name] => {
                let run: Run = decode(&text(*oid)).expect(path);
                assert_eq!(name.strip_suffix(".toml"), Some(run.run.as_str()), "{path}");
                runs.insert(run.run.to_string(), run);
            }
            ["recovery", name] if name.ends_with(".note.md") => {
                notes.insert(name.trim_end_matches(".note.md").to_owned());
            }
            ["ideas", name] => {
                assert!(ideas.insert(name.strip_suffix(".md").expect(path).to_owned()), "{path}");
            }
            ["lineage", root, name] => {
                let member: Member = decode(&text(*oid)).expect(path);
                assert_eq!(*name, format!("{}.{}.toml", member.item.kind, member.item.id), "{path}");
                members.insert(((*root).to_owned(), member.item.to_string()));
            }
            ["closure", root, "target.toml"] => {
                let target: Target = decode(&text(*oid)).expect(path);
                assert_eq!(target.root.as_str(), *root, "{path}");
                targets.insert((*root).to_owned(), target);
            }
            ["closure", root, "verdicts", name] => {
                let verdict: Verdict = decode(&text(*oid)).expect(path);
                assert_eq!(name.strip_suffix(".toml"), Some(verdict.run.as_str()), "{path}");
                verdicts.insert(((*root).to_owned(), verdict.run.to_string()));
            }
            ["receipts", folder, name] => {
                let request = name.strip_suffix(".toml").expect(path);
                let hash = Sha256::digest(request.as_bytes());
                assert_eq!(*folder, format!("{:02x}", hash[0]), "{path}");
                let _: Receipt = decode(&text(*oid)).expect(path);
            }
            ["recovery", name] => {
                let record: Recovery = decode(&text(*oid)).expect(path);
                let kind = record.item.kind.as_str();
                assert_eq!(*name, format!("{kind}.{}.toml", record.item.id), "{path}");
                recoveries.insert((kind, record.item.id.to_string()), record);
            }
            ["runs", day, run, "run.toml"] => {
                let record: RunRecord = decode(&text(*oid)).expect(path);
                assert_eq!(record.run.as_str(), *run, "{path}");
                assert_eq!(day.replace('-', ""), run[..8], "{path}");
                records.insert((*run).to_owned(), record);
            }
            ["runs", _, run, launch, file] => {
                let (number, _) = launch.split_once('-').expect(path);
                let number: u32 = number.parse().expect(path);
                launch_folders.insert(((*run).to_owned(), number));
                if *file == "result.toml" {
                    assert!(results.insert(((*run).to_owned(), number)), "{path}: a second result");
                }
            }
            _ => panic!("nothing lies at {path}"),
        }
    }

    // Every item stands in exactly one state, with the document it came with, and its id is not taken in another case.
    let names: Vec<_> = items.keys().cloned().collect();
    let recorded: Vec<_> = known.keys().cloned().collect();
    assert_eq!(names, recorded, "items and intake records");
    let folded: BTreeSet<_> = names.iter().map(|(kind, id)| (*kind, id.to_lowercase())).collect();
    assert_eq!(folded.len(), names.len(), "ids that differ only in case");
    for (name, standing) in &items {
        let known = &known[name];
        assert_eq!(known.document, standing.blob, "{name:?}: its document");
        if let Some(turn) = &standing.turn {
            assert_eq!(turn[..1], known.intake.priority.to_string(), "{name:?}: its priority");
        }
        let met = |id: &str| items.get(&(name.0, id.to_owned())).is_some_and(|it| it.state == "done");
        let depends_on = &known.intake.depends_on;
        match standing.state.as_str() {
            "queued" | "active" | "blocked" | "done" => {
                assert!(depends_on.iter().all(|id| met(id.as_str())), "{name:?} has an unmet dependency");
            }
            "waiting" => {
                let first =
                    depends_on.iter().find(|id| !met(id.as_str())).map(millrace::domain::ids::ItemId::as_str);
                assert_eq!(first, standing.waits_for.as_deref(), "{name:?}: what it waits for");
            }
            _ => {}
        }
        let runs_on_it = runs
            .values()
            .filter(|run| !run.closure && run.item.to_string() == format!("{}/{}", name.0, name.1))
            .count();
        assert_eq!(runs_on_it, usize::from(standing.state == "active"), "{name:?}: its runs");
        let blocked = recoveries.get(name).is_some_and(|recovery| recovery.blocked.is_some());
        assert_eq!(blocked, standing.state == "blocked", "{name:?}: why it is blocked");
        if matches!(standing.state.as_str(), "done" | "archived") {
            assert!(!recoveries.contains_key(name), "{name:?} is closed and has trouble");
        }
    }
    for name in recoveries.keys() {
        assert!(items.contains_key(name), "{name:?} has trouble and is nowhere");
    }

    // Counts of closed items are what their folders hold.
    for kind in ItemKind::ALL {
        let count = |state: &str| {
            items.iter().filter(|((of, _), it)| *of == kind.as_str() && it.state == state).count() as u64
        };
        let closed = control.closed.of(kind);
        assert_eq!((closed.done, closed.archived), (count("done"), count("archived")), "closed {kind}");
    }

    // Lineage: exactly the open items with a root, once they are let in, as far as they came by the second rules.
    let expected: BTreeSet<(String, String)> = items
        .iter()
        .filter(|(name, it)| {
            known[*name].arrival.is_some() && !["done", "archived", "held"].contains(&it.state.as_str())
        })
        .filter_map(|(name, _)| {
            let root = known[name].intake.root_spec_id.as_ref()?;
            Some((root.to_string(), format!("{}/{}", name.0, name.1)))
        })
        .collect();
    assert_eq!(members, expected, "the marks of lineage");
    // Closure targets: those that are not closed are listed, and what is accepted is drained and has its verdict.
    let listed: BTreeSet<String> = control.targets.iter().map(ToString::to_string).collect();
    assert_eq!(listed.len(), control.targets.len(), "a target is listed twice");
    let open: BTreeSet<String> =
        targets.iter().filter(|(_, it)| !it.state.is_closed()).map(|(root, _)| root.clone()).collect();
    assert_eq!(listed, open, "the targets that are not closed");
    for (root, target) in &targets {
        let member = members.iter().find(|(of, _)| of == root);
        if let TargetState::Accepted { .. } = target.state {
            assert!(member.is_none(), "{root} is accepted, and {member:?} is open");
            let run = target.verdict.as_ref().expect("a verdict").to_string();
            assert!(verdicts.contains(&(root.clone(), run)), "{root} is accepted without a verdict");
        }
        assert!(items.contains_key(&("spec", root.clone())), "{root} is no item");
        if let Some(idea) = &target.idea {
            assert!(ideas.contains(idea.as_str()), "{root}: its idea is nowhere");
        }
    }
    for note in &notes {
        let (kind, id) = note.split_once('.').expect("a kind");
        let recovery = recoveries.iter().find(|(name, _)| name.0 == kind && name.1 == id).map(|(_, it)| it);
        // Or for the judge of a root that an operator let go on.
        let root = kind == "spec" && targets.get(id).is_some_and(|target| target.state == TargetState::Open);
        assert!(root || recovery.is_some_and(|it| it.retry.is_some()), "{note}: a note for nobody");
    }
    // Runs: one at a time, each with its record, which ends when the run does; each ended launch has its result.
    assert!(runs.len() <= 1, "{} runs in one work tree", runs.len());
    for (id, record) in &records {
        assert_eq!(record.end.is_none(), runs.contains_key(id), "{id}: ended and active");
    }
    for (id, run) in &runs {
        assert!(records.contains_key(id), "{id} has no record");
        let state = &items[&(run.item.kind.as_str(), run.item.id.to_string())].state;
        if run.closure {
            assert!(["done", "archived"].contains(&state.as_str()), "{id}: judges what is {state}");
        } else {
            assert_eq!(state, "active", "{id}: its item");
        }
        assert!(run.rejections <= plan_of(&run.plan).limits.max_rejected_handoffs, "{id}: rejections");
        let plan = plan_of(&run.plan);
        assert!(plan.stages.contains_key(&run.stage.stage), "{id}: its stage");
        let earlier = recoveries
            .get(&(run.item.kind.as_str(), run.item.id.to_string()))
            .map_or(0, |recovery| recovery.spent);
        assert!(earlier + run.spent < plan.limits.max_launches_per_item, "{id}: launches past the limit");
        assert!(run.interruptions < plan.limits.max_interruptions, "{id}: interruptions past the limit");
        let ended = run.launches - u32::from(run.launch.is_some());
        for number in 1..=run.launches {
            assert_eq!(results.contains(&(id.clone(), number)), number <= ended, "{id}: result of {number}");
        }
        assert_eq!(run.launch.as_ref().map_or(run.launches, |launch| launch.number), run.launches);
        if control.owed.is_some() {
            assert!(run.launch.is_none(), "{id}: a stage is under way in a tree that has to go back");
        }
    }
    for (run, number) in &launch_folders {
        assert!(records.contains_key(run), "evidence of a run that never was: {run}");
        let last = runs
            .get(run)
            .map_or_else(|| records[run].end.as_ref().map_or(0, |end| end.launches), |run| run.launches);
        assert!(*number >= 1 && *number <= last, "{run}: a launch {number} of {last}");
    }
    if let Some(plan) = &control.plan {
        assert!(by_path.contains_key(format!("plans/{plan}/plan.toml").as_str()), "the selected plan");
    }
}
