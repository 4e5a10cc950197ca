//! A ledger that the first rules began goes on by the second.

use millrace::domain::place;
use millrace::domain::schedule::Next;
use millrace::domain::slot::Slot;
use millrace::ledger::commit::Commit;
use millrace::ledger::store::{NewObjects, Object, RefName};

use super::forge::Ledger;
use crate::support::play::{Play, document, item, report, task};

/// The tip as the first rules would have left it: no arrival in intake records, and no lineage.
fn as_of_the_first_rules(play: &Play, items: &[&str]) {
    let mut copy = Ledger::copy(play.store(), play.tip().expect("a tip"));
    let mut commit: Commit = copy.at(copy.chain.len() - 1);
    let mut changed: Vec<(String, Option<Vec<u8>>)> = Vec::new();
    for name in items {
        let item = item(name);
        let path = place::intake(&item).to_string();
        let text = copy.objects.text(commit.tree, &path);
        let old: Vec<&str> = text
            .lines()
            .filter(|line| !line.starts_with("arrival = ") && !line.starts_with("root_spec_id = \"r\""))
            .collect();
        changed.push((path, Some(format!("{}\n", old.join("\n")).into_bytes())));
        let root = "r".parse().expect("an id");
        if item.kind == millrace::domain::item::ItemKind::Spec {
            changed.push((place::member(&root, &item).to_string(), None));
        }
    }
    let files: Vec<(&str, Option<Vec<u8>>)> =
        changed.iter().map(|(path, bytes)| (path.as_str(), bytes.clone())).collect();
    commit.tree = copy.objects.with_files(commit.tree, &files);
    commit.parents = vec![copy.tip()];
    let new = copy.objects.add_commit(&commit);
    let objects: Vec<Object> =
        copy.objects.all().map(|(oid, kind, bytes)| Object { kind, oid, bytes }).collect();
    let publication =
        super::support::publication(RefName::State, play.tip(), Some(new), NewObjects::Given(objects));
    play.store().writer(super::support::WAIT).expect("a lock").publish(publication).expect("published");
}

/// A root spec of the first rules comes into its own lineage when it is claimed: it is judged when its work is done, and
/// not before.
#[test]
fn a_root_of_the_first_rules_is_judged_when_its_work_is_done() {
    let mut play = Play::new();
    play.add_all(&[document("spec/r"), task("t")]);
    as_of_the_first_rules(&play, &["spec/r", "task/t"]);
    assert!(matches!(play.slot("spec/r"), Some(Slot::Queued(_))));
    assert_eq!(play.lineage("r"), [""; 0]);
    play.claim("spec/r");
    assert_eq!(play.lineage("r"), ["spec/r"]);
    for _ in 0..9 {
        if play.state("spec/r") == "blocked" {
            break;
        }
        play.stage(report("BLOCKED"));
    }
    play.settle_if_owed();
    assert!(
        matches!(play.next(), Next::Claim { item, .. } if item.to_string() == "task/t"),
        "{:?}",
        play.next()
    );
    play.done(&millrace::domain::transition::input::Input::Retry(crate::support::play::retrying(&[
        "spec/r",
    ])));
    assert_eq!(play.drain(), ["reopen spec/r", "judge r", "task/t"]);
}
