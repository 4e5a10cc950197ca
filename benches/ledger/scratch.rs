//! Scratch repositories with a ledger and a queue of a given length.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use jiff::Timestamp;
use millrace::compile::{Assets, Request, compile};
use millrace::domain::oid::Oid;
use millrace::domain::transition::input::{Files, Input, Submitted};
use millrace::domain::transition::record::Actor;
use millrace::format::config;
use millrace::format::document::Stamp;
use millrace::format::task::{example_task, parse_task};
use millrace::ledger::commit::Person;
use millrace::ledger::git::command::GitCommand;
use millrace::ledger::git::{Durability, GitStore};
use millrace::ledger::store::Store;
use millrace::ledger::transact::{Act, Payloads, transact};
use millrace::runtime::source;

/// Items that one commit brings while a queue is made: the bound of an intake.
const BATCH: u32 = 1000;

/// A repository whose ledger holds a plan and a queue.
pub(crate) struct Scratch {
    /// The work tree.
    pub(crate) folder: PathBuf,
    /// The commit its user stands on.
    pub(crate) head: Oid,
    /// How many items were ever queued.
    pub(crate) arrivals: u32,
}

impl Scratch {
    /// Makes one with this many queued items; without flushes, because nothing is measured yet.
    pub(crate) fn make(folder: &Path, queued: u32) -> Result<Self> {
        repository(folder)?;
        std::fs::write(folder.join("README.md"), "# A project\n")?;
        let head = commit(folder)?;
        let store = GitStore::open(&folder.join(".git"), Durability::Off)?;
        let none = Payloads::default();
        transact(&store, &act(), &Input::Genesis { ledger: source::random_id()? }, &none)?;
        let (plan, payloads) = plan(&store)?;
        transact(&store, &act(), &plan, &payloads)?;
        for begin in (0..queued).step_by(usize::try_from(BATCH)?) {
            let mut payloads = Payloads::default();
            let documents = (begin..queued.min(begin + BATCH))
                .map(|n| document(&store, n, &mut payloads))
                .collect::<Result<Vec<_>>>()?;
            transact(&store, &act(), &Input::Enqueue { documents }, &payloads)?;
        }
        Ok(Self { folder: folder.to_owned(), head, arrivals: queued })
    }

    /// The store as a user's is opened.
    pub(crate) fn open(&self) -> Result<GitStore> {
        Ok(GitStore::open(&self.folder.join(".git"), Durability::Strict)?)
    }
}

/// A new repository.
pub(crate) fn repository(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    GitCommand::discover(folder, "init").args(["--quiet", "--initial-branch=main"]).run(&[])?;
    for (key, value) in [("user.name", "Bench"), ("user.email", "bench@example.org")] {
        GitCommand::new(&folder.join(".git"), "config").args([key, value]).run(&[])?;
    }
    Ok(())
}

/// Commits everything in the work tree.
pub(crate) fn commit(folder: &Path) -> Result<Oid> {
    GitCommand::discover(folder, "add").arg("--all").run(&[])?;
    GitCommand::discover(folder, "commit")
        .config("user.name", "Bench")
        .config("user.email", "bench@example.org")
        .args(["--quiet", "--message=start"])
        .run(&[])?;
    Ok(GitCommand::discover(folder, "rev-parse").arg("HEAD").text()?.trim().parse()?)
}

/// Somebody, now.
pub(crate) fn act() -> Act {
    let person = Person::new("Bench", "bench@example.org");
    Act {
        at: Timestamp::now(),
        actor: Actor::Daemon,
        author: person.clone(),
        committer: person,
        wait: Duration::from_secs(30),
    }
}

/// A task of the usual length.
pub(crate) fn document(store: &dyn Store, n: u32, payloads: &mut Payloads) -> Result<Submitted> {
    let id = format!("task-{n:05}-fix-the-login");
    let bytes = example_task(&id).into_bytes();
    let parsed = parse_task(&bytes, &id, &Stamp { now: Timestamp::now(), by: "bench" })
        .map_err(|error| anyhow!("{error}"))?;
    Ok(Submitted {
        document: payloads.add(store, bytes)?,
        origin: None,
        trusted: false,
        intake: parsed.intake,
    })
}

/// The shipped plan.
fn plan(store: &dyn Store) -> Result<(Input, Payloads)> {
    let loaded =
        config::parse(config::bootstrap_text(), "millrace.toml").map_err(|error| anyhow!("{error}"))?;
    let assets = Assets::shipped();
    let compiled = compile(&Request { mode: None, config: &loaded, assets: &assets })
        .map_err(|diagnostics| anyhow!("the shipped plan does not compile: {diagnostics:?}"))?;
    let mut payloads = Payloads::default();
    let record = payloads.add(store, compiled.record)?;
    let diagnostics = payloads.add(store, compiled.diagnostics.to_toml()?)?;
    let mut files = Files::new();
    for (path, bytes) in compiled.files {
        files.insert(path, payloads.add(store, bytes)?);
    }
    ensure!(!files.is_empty(), "the plan has no files");
    Ok((Input::Compile { plan: compiled.id, record, files, diagnostics }, payloads))
}
