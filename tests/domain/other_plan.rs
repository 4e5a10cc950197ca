//! What a result does is what the item's plan says, also where that is not what ships.

use std::collections::BTreeMap;

use millrace::compile::{Assets, Compiled, Request, SHIPPED, compile};
use millrace::domain::transition::input::{Handoff, Input};
use millrace::ledger::transact::Payloads;

use crate::support::play::{Play, config, genesis, report, result_of, task};

const LOOP: &str = "loops/execution.standard.yaml";
const BUILDER: &str = "stages/execution/builder.yaml";

/// A shipped text with these passages changed.
#[track_caller]
fn changed(path: &str, changes: &[(&str, &str)]) -> (String, Vec<u8>) {
    let text = SHIPPED.iter().find(|(known, _)| *known == path).expect("a shipped text").1;
    let text = changes.iter().fold(text.to_owned(), |text, (from, to)| {
        assert_eq!(text.matches(from).count(), 1, "`{from}` once in {path}");
        text.replacen(from, to, 1)
    });
    (path.to_owned(), text.into_bytes())
}

/// A ledger whose plan has these files of the operator's.
fn with<const N: usize>(files: [(String, Vec<u8>); N]) -> Play {
    let assets = Assets::with_overrides(BTreeMap::from(files));
    let compiled = compile(&Request { mode: None, config: &config(""), assets: &assets }).expect("a plan");
    let Compiled { id, record, files, .. } = compiled;
    let mut play = Play::empty();
    play.done(&genesis());
    let (input, payloads) = play.freezing(id.as_str(), record, files, Vec::new());
    play.done_with(&input, &payloads);
    play
}

#[test]
fn f33_a_result_leads_where_the_plan_says_and_ends_what_it_says() {
    let mut play = with([changed(
        LOOP,
        &[
            ("    on: CHECKER_PASS\n    to: updater", "    on: CHECKER_PASS\n    end: done"),
            (
                "    on: DOUBLECHECK_PASS\n    to: updater",
                "    on: DOUBLECHECK_PASS\n    end: needs_planning",
            ),
            ("    on: BUILDER_COMPLETE\n    to: checker", "    on: BUILDER_COMPLETE\n    to: updater"),
            ("    on: UPDATE_COMPLETE\n    end: done", "    on: UPDATE_COMPLETE\n    to: checker"),
        ],
    )]);
    play.add_all(&[task("a"), task("b")]);
    play.claim("task/a");
    for (result, next) in [
        ("BUILDER_COMPLETE", "execution/updater"),
        ("UPDATE_COMPLETE", "execution/checker"),
        ("CHECKER_PASS", "done"),
    ] {
        assert_eq!(play.stage(report(result)).next, next);
    }
    assert_eq!(play.state("task/a"), "done");

    // The end that opens an incident does so whoever comes there.
    play.claim("task/b");
    for result in ["BUILDER_COMPLETE", "UPDATE_COMPLETE", "FIX_NEEDED", "FIXER_COMPLETE"] {
        play.stage(report(result));
    }
    play.launch_if_needed();
    let mut payloads = Payloads::default();
    let incident = play.incident(&mut payloads);
    let name = incident.intake.item.to_string();
    let handing = play.handing(report("DOUBLECHECK_PASS"));
    let handoff = Handoff { incident: Some(Box::new(incident)), ..handing };
    assert_eq!(
        result_of(&play.done_with(&Input::Handoff(Box::new(handoff)), &payloads)).next,
        "needs_planning"
    );
    assert_eq!((play.state("task/b").as_str(), &play.state(&name)[..6]), ("blocked", "queued"));
    play.end();
}

#[test]
fn f33_a_stage_creates_what_the_plan_lets_it_create() {
    let (path, mut kind) = changed(BUILDER, &[]);
    kind.extend_from_slice(b"creates: {task: BUILDER_COMPLETE}\n");
    let mut play = with([(path, kind)]);
    play.add(&task("a"));
    play.claim("task/a");
    let refusal = play.bring_refused(report("BUILDER_COMPLETE"), &[]);
    assert!(refusal.to_string().starts_with("BUILDER_COMPLETE needs a task in the outbox"), "{refusal}");
    play.bring("BUILDER_COMPLETE", &[task("more")]);
    assert!(play.state("task/more").starts_with("queued/"));
    play.end();
}
