//! `millrace hook`

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

use clap::{Args, ValueEnum};

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::stdout::say;
use crate::domain::hook::Hook;
use crate::domain::item::ItemRef;
use crate::runtime::hooks::{
    Call, HOOK_DEADLINE, MAX_STDIN_BYTES, MAX_TOLD, Report, comes_from_a_stage, keep, take,
};
use crate::runtime::project::{OpenError, Project};
use crate::runtime::ref_guard;
use crate::workspace::discover::Repository;

/// The variable that makes every call a dry one: git hands arguments on, and no options.
const DRY: &str = "MILLRACE_HOOK_DRY_RUN";

/// Lines of stdin that a message repeats.
const LINES_SHOWN: usize = 3;

/// Do what a git hook of this name does: take work in from a push, a commit or a merge, by the rules.
///
/// A hook's script calls this with its own arguments and stdin. Rules are `[[rules]]` of `millrace/rules.toml` in the git
/// directory, `millrace.<rule>.<key>` of the repository's git configuration, and `[[hooks.rules]]` of the selected plan.
/// It says what it took on stderr. It ends with 0 whatever happens, unless a rule with `block` says that a failure breaks
/// a push: then with 1, before the push; or unless the guard, reference-transaction, refuses to rewind or delete the ledger
/// or a run branch: then with 1 as well. The same call again takes nothing twice.
#[derive(Debug, Args)]
pub(crate) struct HookArguments {
    /// Take nothing, and say what would be taken. The variable `MILLRACE_HOOK_DRY_RUN=1` does the same.
    #[arg(long)]
    dry_run: bool,

    /// The hook.
    #[arg(value_name = "NAME", value_enum)]
    hook: HookName,

    /// What git calls the hook with.
    #[arg(value_name = "ARG", trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum HookName {
    /// On a server, after a push: lines `<old> <new> <ref>` on stdin.
    PostReceive,
    /// Before a push: remote and address, and lines `<local ref> <local oid> <remote ref> <remote oid>`.
    PrePush,
    /// After a commit.
    PostCommit,
    /// After a merge: 1 where it was a squash.
    PostMerge,
    /// While refs are updated: the state, and lines `<old> <new> <ref>`.
    ReferenceTransaction,
}

impl HookName {
    fn hook(self) -> Hook {
        match self {
            Self::PostReceive => Hook::PostReceive,
            Self::PrePush => Hook::PrePush,
            Self::PostCommit => Hook::PostCommit,
            Self::PostMerge => Hook::PostMerge,
            Self::ReferenceTransaction => Hook::ReferenceTransaction,
        }
    }
}

impl HookArguments {
    pub(crate) fn run(self, context: &Context) -> Exit {
        let hook = self.hook.hook();
        if hook == Hook::ReferenceTransaction {
            return guard(context, &self.arguments);
        }
        if context.is_inside_a_stage() || comes_from_a_stage() {
            told("nothing is taken in: this was done inside a stage, whose outbox is the way to new work");
            return Exit::Done;
        }
        if std::env::var_os("GIT_QUARANTINE_PATH").is_some() {
            told(
                "nothing is taken in: the push is in quarantine, and may still be rejected; `post-receive` is the hook \
                 for this",
            );
            return Exit::Done;
        }
        let mut stdin = Vec::new();
        if matches!(hook, Hook::PostReceive | Hook::PrePush) {
            // What cannot be read was not pushed.
            let _ = io::stdin().lock().take(MAX_STDIN_BYTES).read_to_end(&mut stdin);
            if stdin.is_empty() {
                return Exit::Done;
            }
        }
        let dry = self.dry_run || std::env::var_os(DRY).is_some_and(|value| value == "1");
        let arguments = self.arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let call = Call { hook, arguments, stdin, late: None, dry, breaking: Arc::default() };
        self::call(context, call)
    }
}

/// Holds back what would rewind or delete a guarded ref, wherever it comes from: a stage as well. It is in the state
/// `prepared` alone that anything can be held back.
fn guard(context: &Context, arguments: &[OsString]) -> Exit {
    if arguments.first().is_none_or(|state| state != "prepared") {
        return Exit::Done;
    }
    let mut lines = Vec::new();
    let read = io::stdin().lock().take(MAX_STDIN_BYTES).read_to_end(&mut lines);
    let found =
        Repository::discover(&place(context)).map_err(|error| Failure::from(OpenError::Discover(error)));
    let judged = match (read, found) {
        (Err(error), _) => Err(Failure::failed(error)),
        (_, Err(failure)) => Err(failure),
        (Ok(_), Ok(repository)) => ref_guard::refused(&repository, &lines).map_err(Failure::from),
    };
    match judged {
        Ok(None) => Exit::Done,
        Ok(Some(guards)) => {
            told(&guards.to_string());
            Exit::Refused
        }
        // What keeps it from looking must not keep git from its work.
        Err(failure) => {
            told(&format!("its refs are not guarded: {}", failure.lines.join("; ")));
            Exit::Done
        }
    }
}

/// Works beside a clock. When that has run out, this process ends, which the ledger is made for.
fn call(context: &Context, call: Call) -> Exit {
    // A panic is told in our own words.
    std::panic::set_hook(Box::new(|_| {}));
    let (breaking, stdin, hook, dry) = (call.breaking.clone(), call.stdin.clone(), call.hook, call.dry);
    let (done, waits) = mpsc::channel();
    let place = place(context);
    let there = place.clone();
    let work = std::thread::Builder::new().spawn(move || {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&there, &call)));
        // Nobody listens any more where the time was up.
        let _ = done.send(outcome);
    });
    let problem = match work.map(|_| waits.recv_timeout(HOOK_DEADLINE)) {
        Ok(Ok(Ok(Ok(report)))) => return tell(&place, hook, &stdin, dry, report),
        Ok(Ok(Ok(Err(failure)))) => failure.lines.join("; "),
        Ok(Ok(Err(_)) | Err(mpsc::RecvTimeoutError::Disconnected)) => {
            "internal error; please report it".to_owned()
        }
        Ok(Err(mpsc::RecvTimeoutError::Timeout)) => {
            format!("it took longer than {} s", HOOK_DEADLINE.as_secs())
        }
        Err(error) => format!("no thread could be started: {error}"),
    };
    told(&format!("not taken in: {}", without_place(&problem, &place)));
    told(&again(&place, hook, &stdin, dry));
    match breaking.get() {
        Some(rule) if !dry => broken(rule),
        _ => Exit::Done,
    }
}

/// The repository: as it is said, else as git says it, else the one that is here.
fn place(context: &Context) -> PathBuf {
    let git_dir = std::env::var_os("GIT_DIR").filter(|_| !context.is_workspace_said());
    git_dir.map_or_else(|| context.workspace.clone(), PathBuf::from)
}

fn work(place: &Path, call: &Call) -> Result<Report, Failure> {
    Ok(take(&Project::open(place)?, call)?)
}

/// A message without where the server keeps the repository: it is for whoever pushes.
fn without_place(problem: &str, place: &Path) -> String {
    match place.canonicalize() {
        Ok(whole) if std::env::var_os("GIT_DIR").is_some() && whole.parent().is_some() => {
            problem.replace(&*whole.to_string_lossy(), "<git-dir>")
        }
        _ => problem.to_owned(),
    }
}

/// Says what a call came to.
fn tell(place: &Path, hook: Hook, stdin: &[u8], dry: bool, report: Report) -> Exit {
    let named = |held: bool| {
        let of = report.added.iter().filter(|(_, state)| (*state == "held") == held);
        of.map(|(item, _)| item).collect::<Vec<_>>()
    };
    let (held, open) = (named(true), named(false));
    if !open.is_empty() {
        told(&format!("taken into the queue: {}", listed(&open)));
    }
    if !held.is_empty() {
        told(&format!("held until `millrace release`: {}", listed(&held)));
    }
    for line in &report.would {
        told(&format!("would take {line}"));
    }
    for (what, lines) in [("not taken", &report.problems), ("left out", &report.left_out)] {
        // Whoever asks what would be wants to see all of it.
        let most = if dry { usize::MAX } else { MAX_TOLD };
        for line in lines.iter().take(most) {
            told(&format!("{what}: {line}"));
        }
        if lines.len() > most {
            told(&format!(
                "{what}: and {} more; `millrace hook --dry-run {hook}` names all",
                lines.len() - most
            ));
        }
    }
    if report.rules_broken || (hook == Hook::PostReceive && report.more) {
        told(&again(place, hook, stdin, dry));
    }
    match report.breaks.filter(|_| hook.can_break()) {
        Some(rule) => broken(&rule),
        None => Exit::Done,
    }
}

fn broken(rule: &str) -> Exit {
    told(&format!("the push is stopped: the rule {rule} says so (`block`)"));
    Exit::Refused
}

/// How to have what is missing. A push is kept: whoever pushed is not there any more when somebody sees to it.
fn again(place: &Path, hook: Hook, stdin: &[u8], dry: bool) -> String {
    if hook != Hook::PostReceive {
        return format!(
            "`millrace hooks catch-up --hook {hook} --since COMMIT` takes in what came after COMMIT, nothing twice"
        );
    }
    if !dry && Repository::discover(place).is_ok_and(|repository| keep(&repository, stdin).is_ok()) {
        return "the push stands, and is kept: `millrace hooks catch-up` takes it in on the server, nothing twice".to_owned();
    }
    let text = String::from_utf8_lossy(stdin);
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    let lines = match lines.len() {
        1..=LINES_SHOWN => format!(": {}", lines.join(" | ")),
        _ => " `<old> <new> <ref>`".to_owned(),
    };
    format!(
        "the push stands; `millrace hook post-receive` takes it in later, nothing twice, from the same lines{lines}"
    )
}

/// Items in a row, not more than a line or two.
fn listed(items: &[&ItemRef]) -> String {
    const SHOWN: usize = 10;
    let mut names: Vec<String> = items.iter().take(SHOWN).map(ToString::to_string).collect();
    if items.len() > SHOWN {
        names.push(format!("and {} more", items.len() - SHOWN));
    }
    names.join(", ")
}

fn told(line: &str) {
    say(&format!("millrace: {line}"));
}
