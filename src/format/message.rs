//! The commit message of a transition: a subject that reads as a sentence, what the stage said, and trailers that
//! `git interpret-trailers --parse` reads. All of it is rendered from the transition; text from outside can forge
//! neither a trailer nor a second subject line nor a terminal escape.

use std::fmt::Write as _;

use crate::domain::item::ItemRef;
use crate::domain::limits::MAX_TITLE_BYTES;
use crate::domain::result::Judgement;
use crate::domain::transition::decision::{Effect, StageResult};
use crate::domain::transition::input::Input;
use crate::domain::transition::record::Transition;

/// Characters of a subject: what `git log --oneline` shows on a common terminal.
const SUBJECT_CHARS: usize = 100;

/// Characters of the prose between subject and trailers.
const PROSE_CHARS: usize = 2000;

/// A trailer: its key without the `Millrace-` that all of ours begin with, and its value.
pub type Trailer = (&'static str, String);

/// The whole message.
#[must_use]
pub fn render(transition: &Transition) -> String {
    let mut message = subject(transition);
    message.push('\n');
    if let Some(prose) = prose(transition) {
        message.push('\n');
        message.push_str(&prose);
        message.push('\n');
    }
    message.push('\n');
    for (key, value) in trailers(transition) {
        // Writing to a string cannot fail.
        let _ = writeln!(message, "Millrace-{key}: {}", one_line(&value, 400));
    }
    message
}

/// The first line: one line, whatever the texts in it hold.
#[must_use]
pub fn subject(transition: &Transition) -> String {
    one_line(&sentence(transition), SUBJECT_CHARS)
}

fn sentence(transition: &Transition) -> String {
    let op = transition.input.op();
    let effects = &transition.decision.effects;
    match transition.input.asked() {
        Input::Genesis { .. } => "genesis: a ledger begins".to_owned(),
        Input::Enqueue { .. } => {
            let ids: Vec<&str> = effects
                .iter()
                .filter_map(|effect| match effect {
                    Effect::Admit { known, .. } => Some(known.intake.item.id.as_str()),
                    _ => None,
                })
                .collect();
            match ids.as_slice() {
                [] => format!("{op}: nothing new"),
                [one] => format!("{op}: {one}"),
                many => format!("{op}: {} items ({})", many.len(), many.join(", ")),
            }
        }
        Input::Compile { plan, .. } => format!("{op}: {plan} selected"),
        Input::CompileFailed { .. } => format!("{op}: failed, the selected plan stays"),
        Input::BeginSession { program, .. } => format!("{op}: {program} begins"),
        Input::EndSession { reason, .. } => format!("{op}: ends, {reason}"),
        Input::Launch(launching) => {
            let number = launched(effects).unwrap_or(0);
            let stage = stage_of(transition).unwrap_or_default();
            let stage = stage.rsplit('/').next().unwrap_or_default().to_owned();
            let item = item_of(transition).map(|item| item.id.to_string()).unwrap_or_default();
            let claimed = if launching.claim.is_some() { ", claimed" } else { "" };
            format!("{op}: {item} {stage} (launch {number}{claimed})")
        }
        Input::Handoff(_) => {
            let item = item_of(transition).map(|item| item.id.to_string()).unwrap_or_default();
            let result = concluded(effects);
            let from = result.map(|result| result.stage.stage.to_string()).unwrap_or_default();
            let next = result.map(|result| result.next.as_str()).unwrap_or_default();
            let next = next.rsplit('/').next().unwrap_or_default();
            let what = result.map(StageResult::in_a_word).unwrap_or_default();
            if from == next {
                format!("{op}: {item} {from} runs again ({what})")
            } else {
                format!("{op}: {item} {from} -> {next} ({what})")
            }
        }
        Input::TreeSettled { run, paths, .. } => format!("{op}: {paths} paths of run {run} went back"),
        Input::Cancel { item, reason } | Input::Archive { item, reason } => {
            format!("{op}: {} ({reason})", item.id)
        }
        Input::TakeIdea { idea, spec, .. } => format!("{op}: {idea} becomes {}", spec.intake.item),
        Input::Unresumable { run, detail } => format!("{op}: run {run} cannot go on ({detail})"),
        Input::CancelRun { run, reason } => format!("{op}: run {run} ({reason})"),
        Input::CancelLineage { root, reason } => format!("{op}: the lineage of {root} ({reason})"),
        Input::Retry(retrying) => format!("{op}: {} ({})", listed(&retrying.items), retrying.reason),
        Input::RetryActive { run, reason } => format!("{op}: the running stage of run {run} ({reason})"),
        Input::Reopen { claim, .. } => format!("{op}: {} goes on where it was blocked", claim.item.id),
        Input::Supersede { item, by, reason } => format!("{op}: {} by {by} ({reason})", item.id),
        Input::Retarget { item, from, to } => match to {
            Some(to) => format!("{op}: {} waits for {to}, not for {from}", item.id),
            None => format!("{op}: {} does not wait for {from}", item.id),
        },
        Input::Prioritise { item, priority } => format!("{op}: {} {priority}", item.id),
        Input::Release { items } => format!("{op}: {}", listed(items)),
        Input::Adopt(adopting) => {
            let held = match adopting.arrived.len() {
                0 => "nothing new to hold".to_owned(),
                1 => "1 item held".to_owned(),
                many => format!("{many} items held"),
            };
            format!("{op}: the ledger of {} ({held})", adopting.remote)
        }
        Input::Stop { session, reason, .. } => format!("{op}: session {session} ({reason})"),
        Input::Requested { .. } => op.to_owned(),
        Input::Pause(cause) => format!("{op}: {} ({})", cause.kind.key(), cause.detail),
        Input::Resume { cause, .. } => format!("{op}: {cause}"),
    }
}

fn listed(items: &[ItemRef]) -> String {
    let ids: Vec<&str> = items.iter().map(|item| item.id.as_str()).collect();
    match ids.as_slice() {
        [one] => (*one).to_owned(),
        many => format!("{} items ({})", many.len(), many.join(", ")),
    }
}

/// What the stage said of its own work, and what the deciding noticed.
fn prose(transition: &Transition) -> Option<String> {
    let mut parts = Vec::new();
    if let Input::Handoff(handoff) = &transition.input {
        match &handoff.judgement {
            Judgement::Reported { summary, .. } => parts.extend(summary.clone()),
            Judgement::Failed { detail, .. } | Judgement::Infrastructure { detail, .. } => {
                parts.push(detail.clone());
            }
            Judgement::Rejected { problems, summary, .. } => {
                parts.extend(summary.clone());
                parts.extend(problems.iter().cloned());
            }
            Judgement::Interrupted { .. } => {}
        }
    }
    parts.extend(transition.decision.notes.iter().cloned());
    let text = parts.join("\n");
    // One paragraph without a line that git reads as more than prose: so the block of trailers is the last paragraph,
    // and the only one.
    let lines: Vec<String> = text
        .lines()
        .map(|line| one_line(line, 200))
        .filter(|line| !line.is_empty())
        .map(|line| if is_more_than_prose(&line) { format!("- {line}") } else { line })
        .collect();
    let prose: String = lines.join("\n").chars().take(PROSE_CHARS).collect();
    let prose = prose.trim_end();
    (!prose.is_empty()).then(|| prose.to_owned())
}

/// Whether git could read more out of a line than text: a trailer, a comment, or one of the two lines after which it
/// reads nothing (`---`, and the scissors behind whatever the user's comment string is).
fn is_more_than_prose(line: &str) -> bool {
    looks_like_trailer(line)
        || line.starts_with(['#', ';'])
        || line.starts_with("---")
        || line.contains("-- >8 --")
}

/// Whether git could read the line as a trailer: `token: value` or `token=value`.
fn looks_like_trailer(line: &str) -> bool {
    let token = line.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(line.len());
    token > 0 && line[token..].trim_start().starts_with([':', '='])
}

/// The trailers, without the common prefix, in their order.
#[must_use]
pub fn trailers(transition: &Transition) -> Vec<Trailer> {
    let effects = &transition.decision.effects;
    let mut trailers = vec![("Op", transition.input.op().to_owned()), ("Seq", transition.seq.to_string())];
    let asked = transition.input.asked();
    let admits = matches!(asked, Input::Enqueue { .. } | Input::TakeIdea { .. });
    if !admits {
        match asked {
            Input::Retry(_) | Input::Release { .. } | Input::Adopt(_) => {
                trailers.extend(asked.items().iter().map(|item| ("Item", item.to_string())));
            }
            _ => trailers.extend(item_of(transition).map(|item| ("Item", item.to_string()))),
        }
    }
    for effect in effects {
        if let Effect::Admit { known, .. } = effect {
            let admitted = known.intake.item.to_string();
            trailers.push(if admits { ("Item", admitted) } else { ("Admits", admitted) });
        }
    }
    match asked {
        Input::Launch(launching) => trailers.push(("Run", launching.run.to_string())),
        Input::Handoff(handoff) => trailers.push(("Run", handoff.run.to_string())),
        Input::TreeSettled { run, .. }
        | Input::Unresumable { run, .. }
        | Input::CancelRun { run, .. }
        | Input::RetryActive { run, .. }
        | Input::Reopen { run, .. } => trailers.push(("Run", run.to_string())),
        _ => {}
    }
    if let Input::Requested { request, .. } = &transition.input {
        trailers.push(("Request", request.to_string()));
    }
    if let Some(stage) = stage_of(transition) {
        trailers.push(("Stage", stage));
    }
    if let Some(result) = concluded(effects) {
        let said = match &result.judgement {
            Judgement::Reported { result, .. } => Some(result.to_string()),
            Judgement::Failed { class, .. } => Some(format!("BLOCKED ({class})")),
            Judgement::Rejected { result, code, .. } => Some(format!("{result} not taken ({code})")),
            Judgement::Infrastructure { .. } | Judgement::Interrupted { .. } => None,
        };
        trailers.extend(said.map(|said| ("Result", said)));
        trailers.push(("Next", result.next.clone()));
    }
    if let Some(plan) = plan_of(transition) {
        trailers.push(("Plan", plan));
    }
    if let Input::Handoff(handoff) = &transition.input {
        trailers.extend(handoff.snapshot.map(|oid| ("Snapshot", oid.to_string())));
        let usage = &handoff.usage;
        let counts: Vec<String> =
            [("input", usage.input_uncached), ("cached", usage.cache_read), ("output", usage.output)]
                .iter()
                .filter_map(|(name, count)| count.map(|count| format!("{name}={count}")))
                .collect();
        if !counts.is_empty() {
            trailers.push(("Tokens", counts.join(" ")));
        }
        trailers.extend(usage.cost_in_words().map(|cost| ("Cost", cost)));
    }
    trailers.push(("Actor", transition.actor.as_str().to_owned()));
    trailers
}

fn launched(effects: &[Effect]) -> Option<u32> {
    effects.iter().find_map(|effect| match effect {
        Effect::Launch { launch, .. } => Some(launch.number),
        _ => None,
    })
}

fn concluded(effects: &[Effect]) -> Option<&crate::domain::transition::decision::StageResult> {
    effects.iter().find_map(|effect| match effect {
        Effect::Conclude { result, .. } => Some(&**result),
        _ => None,
    })
}

/// The item that a transition is about, where it is about one.
#[must_use]
pub fn item_of(transition: &Transition) -> Option<ItemRef> {
    if let Some(subject) = &transition.subject {
        return Some(subject.item.clone());
    }
    match transition.input.asked().items().as_slice() {
        [one] => Some(one.clone()),
        _ => None,
    }
}

fn stage_of(transition: &Transition) -> Option<String> {
    transition.subject.as_ref().map(|subject| subject.stage.to_string())
}

fn plan_of(transition: &Transition) -> Option<String> {
    match &transition.input {
        Input::Compile { plan, .. } => Some(plan.to_string()),
        _ => transition.subject.as_ref().map(|subject| subject.plan.to_string()),
    }
}

/// Text as one line of at most `limit` characters: whatever could move a cursor, reverse a direction or begin a
/// line becomes a space.
#[must_use]
pub fn one_line(text: &str, limit: usize) -> String {
    let mut line = String::new();
    for c in text.chars() {
        let c = if is_unsafe(c) { ' ' } else { c };
        if !(c == ' ' && (line.is_empty() || line.ends_with(' '))) {
            line.push(c);
        }
    }
    let line = line.trim_end();
    if line.chars().count() <= limit {
        return line.to_owned();
    }
    let mut short: String = line.chars().take(limit.saturating_sub(3)).collect();
    short.push_str("...");
    short
}

/// Text as [`one_line`] of characters that YAML takes as they are.
#[must_use]
pub fn plain(text: &str, limit: usize) -> String {
    one_line(text, limit).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

/// Text as the title of a document.
#[must_use]
pub fn a_title(text: &str) -> String {
    let mut bytes = 0;
    let fits = |c: &char| {
        bytes += c.len_utf8();
        bytes <= MAX_TITLE_BYTES
    };
    plain(text, MAX_TITLE_BYTES).chars().take_while(fits).collect::<String>().trim_end().to_owned()
}

/// Control characters, line and paragraph separators, and the characters that change the direction of writing or
/// hide: a terminal shows none of them as what it is.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
                | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
        )
}
