//! The names of files in a stage's folder: which are the runtime's, and which are free for what a stage leaves.

/// What this launch is.
pub const REQUEST: &str = "request.toml";
/// What the harness read on its stdin.
pub const PROMPT: &str = "prompt.md";
/// The work document.
pub const ITEM: &str = "item.md";
/// The stage's instructions.
pub const ENTRYPOINT: &str = "entrypoint.md";
/// What a repair stage is to repair.
pub const FAILURE: &str = "failure.md";
/// Why the last handoff of this stage was not taken.
pub const REJECTED: &str = "rejected.md";
/// What an operator said when they let a blocked item go on.
pub const NOTE: &str = "note.md";
/// Which runtime error a repair stage was called for.
pub const ERROR_REPORT: &str = "runtime_error_report.md";
/// What the runtime error codes mean.
pub const ERROR_CATALOGUE: &str = "runtime_error_codes.md";
/// The closure target that is judged.
pub const TARGET: &str = "target.toml";
/// The idea that the judged root came from.
pub const IDEA: &str = "idea.md";
/// The judged root spec.
pub const SPEC: &str = "spec.md";
/// The criteria of earlier judgements of the root.
pub const RUBRIC: &str = "rubric.md";
/// The latest verdict on the root.
pub const LAST_VERDICT: &str = "last_verdict.toml";
/// Where a judge leaves its verdict. It is kept as the judge wrote it, beside the record that the runtime makes of it.
pub const VERDICT: &str = "verdict.json";
/// Where a stage reports. It is kept as the stage wrote it, beside the record that the runtime makes of it.
pub const REPORT: &str = "result.json";
/// What the runtime made of a launch: a record of the ledger.
pub const RESULT: &str = "result.toml";
/// How the harness ended.
pub const EXIT: &str = "exit.toml";
/// Head and tail of its stdout.
pub const STDOUT: &str = "stdout.tail";
/// Head and tail of its stderr.
pub const STDERR: &str = "stderr.tail";
/// Its final message, where it is not its stdout.
pub const FINAL_MESSAGE: &str = "final-message.md";

/// The folder of skills.
pub const SKILLS: &str = "skills";
/// The folder of what earlier launches left.
pub const EVIDENCE: &str = "evidence";
/// The folder for documents that a stage wants to create.
pub const OUTBOX: &str = "outbox";

/// What the runtime lays into the folder or keeps under a name of its own; what lies there at the end under one of
/// these names is not the stage's.
pub const GIVEN: [&str; 15] = [
    REQUEST,
    PROMPT,
    ITEM,
    ENTRYPOINT,
    FAILURE,
    REJECTED,
    NOTE,
    ERROR_REPORT,
    ERROR_CATALOGUE,
    TARGET,
    IDEA,
    SPEC,
    RUBRIC,
    LAST_VERDICT,
    RESULT,
];

/// What the documents of a handoff that was not taken are kept as begins with this: `outbox.login.md`.
pub const OF_OUTBOX: &str = "outbox.";

/// What the runtime saw itself: nobody else's file is kept under one of these names.
pub const WITNESSED: [&str; 4] = [EXIT, STDOUT, STDERR, FINAL_MESSAGE];

/// Whether a name is the runtime's, so that no evidence can be asked for under it. Case does not make it another one:
/// on some file systems it is the same file.
#[must_use]
pub fn is_the_runtimes(name: &str) -> bool {
    let mut names = GIVEN.iter().chain(&WITNESSED).chain(&[REPORT, VERDICT, SKILLS, EVIDENCE, OUTBOX]);
    names.any(|own| own.eq_ignore_ascii_case(name)) || is_of_outbox(name)
}

/// Whether a document of an outbox may be kept under this name.
#[must_use]
pub fn is_of_outbox(name: &str) -> bool {
    name.get(..OF_OUTBOX.len()).is_some_and(|start| start.eq_ignore_ascii_case(OF_OUTBOX))
}
