//! How often everything happened: a simulation that never comes to an acceptance proves nothing.

use std::collections::BTreeMap;

/// Counts by kind and word: `op handoff`, `refusal LateResult`.
#[derive(Debug, Default)]
pub(crate) struct Tally(BTreeMap<String, u64>);

impl Tally {
    pub(crate) fn count(&mut self, kind: &str, word: &str) {
        *self.0.entry(format!("{kind} {word}")).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: Self) {
        for (key, count) in other.0 {
            *self.0.entry(key).or_default() += count;
        }
    }

    pub(crate) fn of(&self, key: &str) -> u64 {
        self.0.get(key).copied().unwrap_or(0)
    }

    /// Everything, a kind a line.
    pub(crate) fn shown(&self) -> String {
        let mut lines: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (key, count) in &self.0 {
            let (kind, word) = key.split_once(' ').unwrap_or((key, ""));
            lines.entry(kind).or_default().push(format!("{word} {count}"));
        }
        let lines: Vec<String> =
            lines.iter().map(|(kind, words)| format!("{kind}: {}", words.join(", "))).collect();
        lines.join("\n")
    }
}

/// The name of an enum's variant, as `Debug` spells it.
pub(crate) fn variant(of: &impl std::fmt::Debug) -> String {
    let text = format!("{of:?}");
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

/// What the default runs must have come to, each at least once.
pub(crate) const IMPORTANT: &[&str] = &[
    "op genesis",
    "op enqueue",
    "op idea",
    "op compile",
    "op session",
    "op launch",
    "op handoff",
    "op interrupt",
    "op tree",
    "op cancel",
    "op archive",
    "op retry",
    "op retry-active",
    "op reopen",
    "op supersede",
    "op retarget",
    "op set-priority",
    "op release",
    "op pause",
    "op resume",
    "op stop",
    "input cancel_lineage",
    "input compile_failed",
    "input end_session",
    "input requested",
    "judgement reported",
    "judgement failed",
    "judgement rejected",
    "judgement infrastructure",
    "judgement interrupted",
    "ending done",
    "ending blocked",
    "ending needs_planning",
    "ending cancelled",
    "judging done",
    "judging needs_planning",
    "judging blocked",
    "target open",
    "target accepted",
    "target blocked",
    "class same_gap_twice",
    "class launches_exhausted",
    "class interruptions_exhausted",
    "next Adopt",
    "next Restore",
    "next Launch",
    "next Claim",
    "next Reopen",
    "next Judge",
    "next Wait",
    "next Idle",
    "wait operator",
    "wait harness",
    "wait budget",
    "charge known",
    "charge unknown",
    "ask asked",
    "ask answered",
    "breaker tripped",
    "breaker gives back",
    "budget stopped",
    "named time",
    "crash looking",
    "crash prepared",
    "crash committed",
    "crash running",
    "crash ended",
    "fault seen",
    "fault hidden",
    "late result",
    "asked twice",
    "refusal DifferentDocument",
    "refusal CaseTwin",
    "refusal TwiceInOneCall",
    "refusal DependencyCycle",
    "refusal AlreadyClosed",
    "refusal NoSuchItem",
    "refusal NotThere",
    "refusal LateResult",
    "refusal NoEdge",
    "refusal OutboxFull",
    "refusal MayNotCreate",
    "refusal NothingCreated",
    "refusal RequestReused",
    "refusal WorkedOn",
    "refusal DifferentIdea",
];

/// What some hundred runs must have come to as well.
pub(crate) const RARE: &[&str] = &[
    "op unresumable",
    "input cancel_run",
    "judging cancelled",
    "target cancelled",
    "class remediation_exhausted",
    "class resume_conflict",
    "class tokens_exhausted",
    "class cost_exhausted",
    "class wall_time_exhausted",
    "breaker judges again",
    "ask in vain",
    "wait root_open",
    "superseded by planning",
    "refusal SeveralIncidents",
    "refusal DocumentsOfFailure",
    "refusal NoVerdict",
    "refusal OtherCode",
    "refusal NoCriterion",
    "refusal CriterionTwice",
    "refusal CriterionLost",
    "refusal VerdictDisagrees",
    "refusal NoGap",
    "refusal NothingOwed",
    "refusal Paused",
    "wait no_judge",
    "crash paying",
    "refusal TooLateToWait",
];
