//! What a decision changed, in the words of an answer.

use crate::domain::closure::TargetState;
use crate::domain::control::PauseKind;
use crate::domain::ids::ItemId;
use crate::domain::transition::decision::{Decision, Effect};

/// Changes that an answer names; the commit has all of them.
const NAMED: usize = 8;

/// The changes of a decision on this operation, and what the deciding noticed. `attended`: whether a runtime lives.
pub(super) fn of(op: &str, decision: &Decision, attended: bool) -> Option<String> {
    let changes = decision.effects.iter().filter_map(|effect| change(op, effect, attended));
    joined(changes.chain(decision.notes.iter().cloned()))
}

/// Several sentences as one line; the first ones, where there are many. `None`: there are none.
pub(super) fn joined(parts: impl IntoIterator<Item = String>) -> Option<String> {
    let mut parts: Vec<String> = parts.into_iter().collect();
    if parts.is_empty() {
        return None;
    }
    let more = parts.len().saturating_sub(NAMED);
    parts.truncate(NAMED);
    let text = parts.join("; ");
    Some(if more > 0 { format!("{text}; and {more} more") } else { text })
}

fn change(op: &str, effect: &Effect, attended: bool) -> Option<String> {
    let later = if attended { "" } else { "; no runtime lives, so it ends when one takes it up" };
    Some(match effect {
        Effect::Pause { cause } => match cause.kind {
            PauseKind::Operator => format!("dispatch rests for {}: {}", cause.owner, cause.detail),
            _ => format!("{} is tried again at once", cause.kind.key()),
        },
        Effect::Resume { owner: Some(owner), .. } => format!("the pause of {owner} is lifted"),
        Effect::Resume { cause, owner: None } => format!("{cause} is lifted"),
        Effect::AskStop { session, stop } if stop.now => {
            format!("session {session} ends, and its stage with it; that one runs again later")
        }
        Effect::AskStop { session, .. } => format!("session {session} ends when its stage has ended"),
        Effect::AskCancel { run, .. } => format!("run {run} ends when its stage has stopped{later}"),
        Effect::AskAgain { run, again: Some(_) } => {
            format!("the stage of run {run} is ended and starts again{later}")
        }
        Effect::Close { run, .. } => format!("run {run} is over"),
        Effect::Move { item, from, to } if from.state() != to.state() => {
            format!("{item} is {}, was {}", to.state(), from.state())
        }
        Effect::Amend { known } if op == "set-priority" => {
            format!("{} has priority {}", known.intake.item, known.intake.priority)
        }
        Effect::Amend { known } => {
            let ids: Vec<&str> = known.intake.depends_on.iter().map(ItemId::as_str).collect();
            let on = if ids.is_empty() { "nothing".to_owned() } else { ids.join(", ") };
            format!("{} depends on {on}", known.intake.item)
        }
        Effect::Retry { item, retry } => match &retry.stage {
            Some(stage) => format!("{item} goes on at {stage} with the work of run {}", retry.run),
            None => format!("{item} begins again"),
        },
        Effect::Note { item, .. } => format!("the note goes to the next stage of {item}"),
        Effect::Target { target } => match target.state {
            TargetState::Cancelled { .. } => format!("nobody accepts {} any more", target.item()),
            TargetState::Open if op == "retry" => {
                format!("{} is judged again when its lineage is drained", target.item())
            }
            _ => return None,
        },
        Effect::Owe { owed } => format!("the work tree goes back to where run {} began", owed.run),
        Effect::End { session } => format!("session {session} is over"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_changes_are_counted() {
        let parts = |count: usize| (1..=count).map(|n| n.to_string());
        assert_eq!(joined(parts(0)), None);
        assert_eq!(joined(parts(NAMED)).as_deref(), Some("1; 2; 3; 4; 5; 6; 7; 8"));
        assert_eq!(joined(parts(NAMED + 3)).as_deref(), Some("1; 2; 3; 4; 5; 6; 7; 8; and 3 more"));
    }
}
