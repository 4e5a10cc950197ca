//! What a text of either kind must not say: orders that take what the runtime owns, and files of another runtime.

use std::collections::BTreeSet;

use super::finding::{Level, Notes, at};
use super::markdown::{Markdown, Passage};
use crate::domain::ids::EvidenceName;
use crate::domain::stage_file;
use crate::format::quote::quoted;
use crate::format::suggest::nearest;

/// Orders that would hand a stage what the runtime owns, and what that is.
const CLAIMS: [(&str, &str); 21] = [
    ("claim the next", "the queue"),
    ("commit to refs/millrace", "the ledger"),
    ("commit to `refs/millrace", "the ledger"),
    ("create the run branch", "the run branches"),
    ("decide the next stage", "routing"),
    ("enqueue", "the queue"),
    ("escalate to", "escalation"),
    ("git update-ref", "the refs"),
    ("increment the attempt", "the retry limits"),
    ("increment the counter", "the retry limits"),
    ("increment the retry", "the retry limits"),
    ("mark the item", "the status"),
    ("mark the task", "the status"),
    ("millrace queue", "the queue"),
    ("millrace run", "dispatch"),
    ("move the item", "the queue"),
    ("move the task", "the queue"),
    ("raise the retry limit", "the retry limits"),
    ("route to", "routing"),
    ("select the next", "the queue"),
    ("update the status", "the status"),
];

/// What may follow `millrace queue`: it only reads.
const READING: [&str; 3] = ["ls", "show", "template"];

/// Words that turn an order into its opposite.
const NEGATIONS: [&str; 13] = [
    "never",
    "not",
    "no",
    "nor",
    "nothing",
    "nobody",
    "cannot",
    "don't",
    "neither",
    "without",
    "forbidden",
    "prohibited",
    "disallowed",
];

/// Files that a runtime has which keeps its state in files, and this one has not.
const FOREIGN: [&str; 17] = [
    "compiled_plan.json",
    "execution_status.md",
    "historylog.md",
    "millrace-agents/arbiter",
    "millrace-agents/incidents",
    "millrace-agents/logs",
    "millrace-agents/specs",
    "millrace-agents/state",
    "millrace-agents/tasks",
    "planning_status.md",
    "recovery_counters.json",
    "runs/latest",
    "runtime_error_context.json",
    "runtime_events.jsonl",
    "runtime_snapshot.json",
    "specs/queue",
    "tasks/queue",
];

/// How the reports of stages are called, as far as a name gives one away.
const REPORTS: [&str; 4] = ["_contract.md", "_expectations.md", "_report.md", "_summary.md"];

/// Notes every claim to what the runtime owns. An order that is negated, in its own sentence or by what introduces its
/// list, is none.
pub(super) fn claims(text: &Markdown<'_>, notes: &mut Notes) {
    for passage in text.passages() {
        for (phrase, owned) in CLAIMS {
            for place in passage.places(phrase) {
                if is_negated(&passage, place) || only_reads(&passage, place, phrase) {
                    continue;
                }
                notes.add(
                    Level::Policy,
                    at(passage.line(place)),
                    format!("`{}` takes what the runtime owns: {owned}", phrase.replace('`', "")),
                    "the stage's own work, and its result",
                );
            }
        }
    }
}

fn is_negated(passage: &Passage, place: usize) -> bool {
    let negates = |text: &str| {
        text.split(|c: char| !(c.is_alphanumeric() || c == '\'')).any(|word| NEGATIONS.contains(&word))
    };
    negates(passage.before(place)) || passage.lead.as_deref().is_some_and(negates)
}

fn only_reads(passage: &Passage, place: usize, phrase: &str) -> bool {
    phrase == "millrace queue"
        && passage.text[place + phrase.len()..]
            .split(|c: char| !c.is_alphanumeric())
            .find(|word| !word.is_empty())
            .is_some_and(|next| READING.contains(&next))
}

/// Notes every file that only another runtime has.
pub(super) fn foreign(text: &Markdown<'_>, notes: &mut Notes) {
    let whole = |c: Option<char>| c.is_none_or(|c| !(c.is_alphanumeric() || matches!(c, '_' | '-')));
    for (number, line) in text.lines() {
        let named = |name: &&str| {
            line.match_indices(*name).any(|(at, _)| {
                whole(line[..at].chars().next_back()) && whole(line[at + name.len()..].chars().next())
            })
        };
        if let Some(name) = FOREIGN.into_iter().find(named) {
            notes.add(
                Level::Compatibility,
                at(number),
                format!("`{name}` is there in a runtime that keeps its state in files, not in this one"),
                "what the stage directory holds: the prompt names it",
            );
        }
    }
}

/// Notes every report that no stage writes, and that the runtime does not lay there either.
pub(super) fn reports(text: &Markdown<'_>, written: &BTreeSet<&EvidenceName>, notes: &mut Notes) {
    let known = || written.iter().map(|name| name.as_str());
    for (number, quote) in text.quotes() {
        let plain = quote.parse::<EvidenceName>().is_ok();
        let reports = plain && REPORTS.iter().any(|ending| quote.ends_with(ending));
        if reports && !stage_file::is_the_runtimes(quote) && !known().any(|name| name == quote) {
            let expected = nearest(quote, known())
                .map_or_else(|| "the evidence file of some stage".to_owned(), |meant| format!("`{meant}`"));
            notes.add(Level::Policy, at(number), format!("no stage writes {}", quoted(quote)), expected);
        }
    }
}
