//! Every bound, with its unit and its reason. What happens at a bound is tested where the bound is used.

use std::time::Duration;

use super::usage::Usd;

/// Bytes of an id. Ids become file names and parts of ref names; 128 leaves room for prefixes below 255.
pub const MAX_ID_BYTES: usize = 128;

/// Bytes of a work document. An agent reads all of it; a longer one belongs into a file of the repository.
pub const MAX_DOCUMENT_BYTES: usize = 1024 * 1024;

/// Bytes of a title, which becomes a commit subject.
pub const MAX_TITLE_BYTES: usize = 256;

/// Nesting of a document's front matter. Its fields are scalars and lists; unknown keys get some room.
pub const MAX_YAML_DEPTH: usize = 16;

/// Bytes kept of one piece of evidence in the ledger: commits are for ever. Head and tail are kept.
pub const MAX_EVIDENCE_BYTES: usize = 64 * 1024;

/// Bytes of all evidence of one handoff.
pub const MAX_HANDOFF_BYTES: usize = 1024 * 1024;

/// Documents that one `queue add-*` may bring; more come in several commits.
pub const MAX_INTAKE_DOCUMENTS: usize = 1000;

/// Documents that one handoff may bring.
pub const MAX_OUTBOX_DOCUMENTS: usize = 50;

/// Handoffs in a row of one stage that could not be taken, before its work counts as failed, when the plan names no
/// other number.
pub const DEFAULT_MAX_REJECTED_HANDOFFS: u32 = 2;

/// Rounds of remediation of one root before it asks an operator, when the plan names no other number.
pub const DEFAULT_MAX_REMEDIATION_ROUNDS: u32 = 3;

/// Roots that are worked on at a time, when the plan names no other number.
pub const DEFAULT_MAX_OPEN_ROOTS: u32 = 1;

/// Items that one command chooses from the state, such as all that is blocked; more come in several commits.
pub const MAX_CHOSEN_ITEMS: usize = 1000;

/// Bytes of the reason that an operator gives: a sentence or two, which becomes part of a commit message.
pub const MAX_REASON_BYTES: usize = 1000;

/// Bytes of the note that an operator gives a blocked item on its way. A stage reads all of it.
pub const MAX_NOTE_BYTES: usize = 64 * 1024;

/// Items that a reason names one by one: it is a line, and there may be thousands.
pub const MAX_NAMED_ITEMS: usize = 5;

/// Receipts of one folder; there are 256 folders. More than a day of requests, and a folder that is quickly read.
pub const MAX_RECEIPTS_OF_A_FOLDER: usize = 32;

/// How long a command waits for the writer's lock before it names the holder.
pub const LOCK_WAIT: Duration = Duration::from_secs(30);

/// Level-0 packs of ours (one a transition) that are folded into one.
pub const FOLD_AT: usize = 24;

/// Packs of a higher level that are folded into one of the next.
pub const FOLD_LEVEL_AT: usize = 6;

/// Packs of ours at any time: each one costs every git command of the user's a little.
pub const MAX_PACKS: usize = 36;

/// Seconds between TERM and KILL: the slowest harness seen needs 7.6 s to end its tools.
pub const MIN_GRACE: Duration = Duration::from_secs(10);

/// Launches of one item over its life, all runs and stages together, when the plan names no other number.
pub const DEFAULT_MAX_LAUNCHES: u32 = 40;

/// Interruptions of one run before it is blocked: a stage that takes its runtime down every time must not go on.
pub const DEFAULT_MAX_INTERRUPTIONS: u32 = 5;

/// Tokens that a launch is assumed to use where nobody tells, when the plan says no other number: a stage of an hour.
pub const ASSUMED_TOKENS: u64 = 500_000;

/// What a launch is assumed to cost where nobody tells, when the plan says no other amount.
pub const ASSUMED_COST: Usd = Usd(2_000_000);

/// Ends in a row of one runner with neither a result nor a change after which it is taken to be out of order.
pub const BREAKER_ENDS: u32 = 3;

/// Items that these ends must have happened to: one alone may be the item's own trouble.
pub const BREAKER_ITEMS: usize = 2;

/// Minutes that a rest takes at least when the provider names a time.
pub const LEAST_NAMED_REST_MINUTES: i64 = 1;

/// Hours that a rest takes at most when the provider names a time; then it is tried whatever was said.
pub const LONGEST_NAMED_REST_HOURS: i64 = 24;

/// Minutes of rest after the n-th infrastructure failure in a row of one runner; the last value repeats.
pub const BACKOFF_MINUTES: [i64; 4] = [5, 15, 60, 60];

/// Outages of one runner in a row after which an operator is told: by then an hour has passed, and most things that
/// pass by themselves have passed.
pub const OUTAGES_UNTIL_TOLD: u32 = 3;
