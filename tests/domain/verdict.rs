//! Verdicts: each rule that one is held to, one by one. A verdict that is none is never believed.

use millrace::domain::closure::{Criterion, Finding};
use millrace::domain::transition::input::{Handoff, Input, Judged};
use millrace::ledger::transact::Payloads;

use crate::support::play::{Play, report, snapshot, task};

use Finding::{Gap, NotJudgeable, Pass};

/// What a judge's handoff with this verdict is refused for.
fn refused(play: &mut Play, result: &str, findings: &[Finding], change: impl FnOnce(&mut Judged)) -> String {
    let (handoff, payloads) = judged(play, result, findings, change);
    play.refused_with(&Input::Handoff(Box::new(handoff)), &payloads).to_string()
}

fn judged(
    play: &mut Play,
    result: &str,
    findings: &[Finding],
    change: impl FnOnce(&mut Judged),
) -> (Handoff, Payloads) {
    let mut payloads = Payloads::default();
    let mut verdict = play.judged(findings, &mut payloads);
    change(&mut verdict);
    let mut handoff = play.handing(report(result));
    handoff.verdict = Some(Box::new(verdict));
    handoff.incident = Some(Box::new(play.incident(&mut payloads)));
    (handoff, payloads)
}

/// Lesson M-10: without a verdict no judge is believed.
#[test]
fn m10_a_result_without_a_verdict_is_refused() {
    let mut play = Play::judging("r");
    for result in ["ARBITER_COMPLETE", "REMEDIATION_NEEDED"] {
        let handoff = play.handing(report(result));
        assert_eq!(
            play.refused(&Input::Handoff(Box::new(handoff))).to_string(),
            format!("{result} needs a verdict on r")
        );
    }
    play.end();
}

/// Lesson F-47: a verdict names the code that was judged, and holds for that alone.
#[test]
fn f47_a_verdict_on_other_code_is_refused() {
    let mut play = Play::judging("r");
    let said = refused(&mut play, "ARBITER_COMPLETE", &[Pass], |it| it.snapshot = snapshot(77));
    let run = play.run();
    assert_eq!(
        said,
        format!("the verdict names {}, and the code to judge is {}", snapshot(77), run.snapshot)
    );
    play.end();
}

#[test]
fn criteria_are_there_and_each_once() {
    let mut play = Play::judging("r");
    assert_eq!(refused(&mut play, "ARBITER_COMPLETE", &[], |_| ()), "the verdict has no criterion");
    let twice = |it: &mut Judged| it.criteria.extend(it.criteria.clone());
    assert_eq!(
        refused(&mut play, "ARBITER_COMPLETE", &[Pass], twice),
        "the criterion c1 is in the verdict twice"
    );
    play.end();
}

#[test]
fn findings_fit_the_result() {
    let mut play = Play::judging("r");
    for (result, findings, said) in [
        ("ARBITER_COMPLETE", &[Pass, Gap][..], "ARBITER_COMPLETE does not fit the findings: c2 is gap"),
        (
            "ARBITER_COMPLETE",
            &[NotJudgeable, Pass],
            "ARBITER_COMPLETE does not fit the findings: c1 is not_judgeable",
        ),
        ("REMEDIATION_NEEDED", &[Pass, Pass], "REMEDIATION_NEEDED needs a gap, and the verdict has none"),
        (
            "REMEDIATION_NEEDED",
            &[Pass, NotJudgeable],
            "REMEDIATION_NEEDED needs a gap, and the verdict has none",
        ),
    ] {
        assert_eq!(refused(&mut play, result, findings, |_| ()), said);
    }
    play.hand_verdict("REMEDIATION_NEEDED", &[Gap, NotJudgeable, Pass]);
    play.end();
}

/// What was asked once is asked again: a judge cannot make a gap go away by not naming it.
#[test]
fn a_criterion_of_an_earlier_verdict_cannot_vanish() {
    let mut play = Play::judging("r");
    play.hand_verdict("ARBITER_COMPLETE", &[Pass, Pass]);
    play.add(&task("more").of("r"));
    play.finish("task/more");
    play.judge("r");
    assert_eq!(
        refused(&mut play, "ARBITER_COMPLETE", &[Pass], |_| ()),
        "the criterion c2 of the rubric is not in the verdict"
    );
    let (handoff, payloads) = judged(&mut play, "ARBITER_COMPLETE", &[Pass, Pass], |it| {
        let new = Criterion { id: "new".parse().expect("an id"), ..it.criteria[0].clone() };
        it.criteria.push(new);
    });
    play.done_with(&Input::Handoff(Box::new(handoff)), &payloads);
    play.end();
}

/// A stage that judges nothing has no verdict: one that comes with it says nothing.
#[test]
fn a_verdict_of_a_run_that_judges_nothing_is_not_kept() {
    let mut play = Play::new();
    play.add(&task("t"));
    play.claim("task/t");
    let mut payloads = Payloads::default();
    let mut handoff = play.handing(report("BUILDER_COMPLETE"));
    handoff.verdict = Some(Box::new(play.judged(&[Gap], &mut payloads)));
    let transition = play.done(&Input::Handoff(Box::new(handoff)));
    assert!(transition.payloads.is_empty(), "{:?}", transition.payloads);
    play.end();
}
