//! Bounds that an operator may set: what the configuration takes, a plan carries and a run goes by.

use millrace::domain::transition::input::Input;

use crate::support::play::{Document, Play, document, interruption, rejection, report, retrying, task};

/// Every bound with the tables of the configuration.
const BOUNDS: [(&str, &[&str]); 2] = [
    (
        "limits",
        &[
            "max_launches_per_item",
            "max_interruptions",
            "max_rejected_handoffs",
            "max_remediation_rounds",
            "max_open_roots",
        ],
    ),
    (
        "recovery",
        &[
            "max_fix_cycles",
            "max_troubleshoot_attempts_before_consult",
            "max_mechanic_attempts",
            "max_consultant_invocations",
        ],
    ),
];

/// A configuration with every bound at this number, but for the launches of an item.
fn all_at(number: u32, launches: u32) -> String {
    let mut lines = Vec::new();
    for (table, keys) in BOUNDS {
        lines.push(format!("[{table}]"));
        for key in keys {
            let number = if *key == "max_launches_per_item" { launches } else { number };
            lines.push(format!("{key} = {number}"));
        }
    }
    lines.join("\n")
}

fn two() -> [Document; 2] {
    [task("a"), task("b")]
}

/// Lesson F-61: a threshold that is declared is never refused by who has to keep it.
#[test]
fn f61_the_least_and_the_largest_bounds_run() {
    for bound in [1, u32::MAX] {
        let mut play = Play::with_config(&all_at(bound, u32::MAX));
        play.root("r", &two());
        assert_eq!(play.drain(), ["task/a", "task/b", "judge r"], "all at {bound}");
        play.add(&task("c"));
        play.claim("task/c");
        // Each kind of trouble once: the least bound allows one of each.
        play.stage(rejection("BUILDER_COMPLETE", "execution_post_stage_apply_failed"));
        play.settle_if_owed();
        for result in ["BUILDER_COMPLETE", "FIX_NEEDED", "FIXER_COMPLETE", "DOUBLECHECK_PASS", "BLOCKED"] {
            play.stage(report(result));
        }
        play.stage(report("TROUBLESHOOT_COMPLETE"));
        play.stage(report("UPDATE_COMPLETE"));
        assert_eq!(play.state("task/c"), "done", "all at {bound}");
        play.end();
    }
}

/// The same bound that was declared is the one that ends an item: the second trouble of a kind, where one is allowed.
#[test]
fn f61_a_declared_bound_is_the_one_that_counts() {
    let mut play = Play::with_config(&all_at(1, 3));
    play.add_all(&two());
    play.claim("task/a");
    play.stage(interruption());
    assert_eq!(play.state("task/a"), "blocked", "one interruption is one too many");
    play.settle_if_owed();
    play.claim("task/b");
    for _ in 0..3 {
        play.stage(report("BLOCKED"));
    }
    assert_eq!(play.state("task/b"), "blocked");
    let why = play.recovery("task/b").and_then(|it| it.blocked).expect("a reason");
    assert!(
        play.run_record(&why.run).and_then(|run| run.end).is_some_and(|end| end.launches == 3),
        "{why:?}"
    );
    play.settle_if_owed();
    // And again as often, once an operator lets it go on.
    play.done(&Input::Retry(retrying(&["task/b"])));
    play.add(&document("spec/later"));
    play.end();
}
