//! A stage that ended well and without a word is asked for its result, once, in the session that it ended.

use millrace::domain::budget::{Budget, Caps};
use millrace::domain::closure::Finding;
use millrace::domain::result::{InfrastructureClass, Judgement};
use millrace::domain::run::Asks;
use millrace::domain::transition::decision::Effect;
use millrace::domain::transition::input::Input;
use millrace::domain::transition::record::Transition;
use millrace::domain::usage::Usage;

use crate::support::play::{
    Play, cancelling, failure, interruption, outage, rejection, report, result_of, task,
};

fn launched() -> Play {
    let mut play = Play::new();
    play.add(&task("it"));
    play.claim("task/it");
    play
}

/// The stage ends without a word, in a session that can be resumed.
#[track_caller]
fn says_nothing(play: &mut Play, session: &str) -> Transition {
    let handoff = Input::Handoff(Box::new(play.wordless(session)));
    play.done(&handoff)
}

/// A task whose builder is about to be asked for its result.
fn asking() -> Play {
    let mut play = launched();
    says_nothing(&mut play, "session-1");
    play
}

#[test]
fn a_stage_without_a_word_is_asked_in_its_session() {
    let mut play = launched();
    let result = result_of(&says_nothing(&mut play, "session-1"));
    assert_eq!(
        (result.next.as_str(), result.why.as_str()),
        ("execution/builder", "missing_terminal_result: asked for its result")
    );
    assert_eq!(result.session.as_deref(), Some("session-1"));
    let run = play.run();
    let totals = Usage { input_uncached: Some(700), output: Some(70), ..Usage::default() };
    assert_eq!(run.asks, Some(Asks { session: "session-1".to_owned(), totals, launch: 1 }));
    // What it did stays: it is the same work.
    assert_eq!(run.snapshot, result.snapshot.expect("a snapshot"));
    assert_eq!((run.spent, run.failure.as_ref()), (1, None));
    let result = play.stage(report("BUILDER_COMPLETE"));
    assert_eq!(result.next, "execution/checker");
    assert_eq!((play.run().asks, play.run().launches), (None, 2));
    play.end();
}

#[test]
fn it_is_asked_once_in_a_row_and_each_stage_anew() {
    let mut play = asking();
    let result = result_of(&says_nothing(&mut play, "session-1"));
    assert_eq!(result.next, "execution/troubleshooter", "it had been asked");
    assert_eq!(play.run().asks, None);
    play.stage(report("TROUBLESHOOT_COMPLETE"));
    let result = result_of(&says_nothing(&mut play, "session-2"));
    assert_eq!((result.next.as_str(), play.run().stage.stage.as_str()), ("execution/builder", "builder"));
    play.stage(report("BUILDER_COMPLETE"));
    let result = result_of(&says_nothing(&mut play, "session-3"));
    assert_eq!(result.next, "execution/checker");
    assert_eq!(play.run().asks.map(|asks| (asks.session, asks.launch)), Some(("session-3".to_owned(), 6)));
    play.end();
}

/// What became of the question: an end that says nothing about the stage leaves it standing.
#[test]
fn a_question_stands_until_the_stage_has_come_to_something() {
    let came: [(Judgement, bool); 6] = [
        (outage(InfrastructureClass::RateLimit), true),
        (outage(InfrastructureClass::Network), true),
        (interruption(), true),
        (report("BUILDER_COMPLETE"), false),
        (failure("runner_error"), false),
        (rejection("BUILDER_COMPLETE", "execution_post_stage_apply_failed"), false),
    ];
    for (judgement, stands) in came {
        let mut play = asking();
        let asks = play.run().asks;
        assert!(asks.is_some());
        let said = judgement.in_words();
        play.stage(judgement);
        assert_eq!(play.run().asks, asks.filter(|_| stands), "{said}");
        play.settle_if_owed();
        play.end();
    }
}

#[test]
fn a_stage_whose_session_nobody_knows_is_not_asked() {
    let mut play = launched();
    let result = play.stage(failure("missing_terminal_result"));
    assert_eq!(result.next, "execution/troubleshooter");
    assert_eq!((play.run().asks, result.session), (None, None));
    play.end();
}

#[test]
fn who_is_cancelled_is_not_asked() {
    let mut play = launched();
    play.done(&cancelling("task/it"));
    let result = result_of(&says_nothing(&mut play, "session-1"));
    assert_eq!((result.next.as_str(), play.state("task/it").as_str()), ("cancelled", "archived"));
    play.settle_if_owed();
    play.end();
    // Between the launch that said nothing and the question.
    let mut play = asking();
    play.done(&cancelling("task/it"));
    assert_eq!(play.state("task/it"), "archived");
    play.end();
    // While it is asked.
    let mut play = asking();
    play.launch();
    play.done(&cancelling("task/it"));
    play.hand(report("BUILDER_COMPLETE"));
    assert_eq!(play.state("task/it"), "archived");
    play.settle_if_owed();
    play.end();
}

#[test]
fn an_operator_who_wants_the_stage_again_gets_a_new_start() {
    let again = |play: &mut Play| {
        let run = play.run().run;
        play.done(&Input::RetryActive { run, reason: "it hangs".to_owned() });
    };
    // The question is under way: it is ended.
    let mut play = asking();
    play.launch();
    again(&mut play);
    let mut asked = play.handing(interruption());
    asked.asked = true;
    play.done(&Input::Handoff(Box::new(asked)));
    assert_eq!((play.run().asks, play.run().again), (None, None));
    play.settle_if_owed();
    play.end();
    // It would have been asked: it is not.
    let mut play = launched();
    again(&mut play);
    says_nothing(&mut play, "session-1");
    assert_eq!((play.run().asks, play.run().again), (None, None));
    play.end();
}

#[test]
fn a_judge_is_asked_before_it_counts_as_rejected_and_what_it_changed_goes_back() {
    let mut play = Play::judging("root");
    let start = play.run().snapshot;
    let result = result_of(&says_nothing(&mut play, "session-1"));
    assert_eq!(result.next, "planning/arbiter");
    let run = play.run();
    assert_eq!((run.rejections, run.snapshot, run.asks.is_some()), (0, start, true));
    assert_eq!(play.control().owed.map(|owed| owed.to), Some(start), "a judge is to leave nothing");
    play.settle_if_owed();
    let result = result_of(&says_nothing(&mut play, "session-1"));
    assert_eq!(result.next, "planning/arbiter");
    assert_eq!((play.run().rejections, play.run().asks), (1, None));
    play.settle_if_owed();
    play.launch();
    play.hand_verdict("ARBITER_COMPLETE", &[Finding::Pass]);
    assert_eq!(play.target("root").state.as_str(), "accepted");
    play.end();
}

/// A question is a launch: who has had all of its launches, or has spent all, is not asked.
#[test]
fn a_question_is_a_launch_of_the_item() {
    let one = Budget { per_item: Caps { launches: Some(1), ..Caps::default() }, ..Budget::default() };
    for (config, budget) in [("[limits]\nmax_launches_per_item = 1\n", Budget::default()), ("", one)] {
        let mut play = Play::new();
        play.select_budget(config, budget);
        play.add(&task("it"));
        play.claim("task/it");
        let transition = says_nothing(&mut play, "session-1");
        let asks = |effect: &&Effect| matches!(effect, Effect::Ask { .. });
        assert_eq!(transition.decision.effects.iter().find(asks), None, "{config}");
        let blocked = play.recovery("task/it").expect("a record").blocked.expect("blocked");
        assert_eq!(blocked.class.as_str(), "launches_exhausted", "{config}");
        play.settle_if_owed();
        play.end();
    }
}

/// What a session had used is kept with the question, so that it is not counted twice.
#[test]
fn what_the_launches_of_a_session_used_adds_up() {
    let mut play = asking();
    let used = |play: &Play| (play.run().used.launches, play.run().used.tokens);
    assert_eq!(used(&play), (1, 154));
    play.stage(report("BUILDER_COMPLETE"));
    assert_eq!(used(&play), (2, 308));
    play.end();
}
