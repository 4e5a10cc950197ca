//! A place to run one invocation in: directories, a nonce of its own, and short ways to ask and to look.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use millrace::domain::ids::Nonce;
use millrace::domain::permission::PermissionLevel;
use millrace::format::config::parse;
use millrace::harness::adapter::{Call, RunnerSpec};
use millrace::harness::exit::Exit;
use millrace::harness::invocation::Invocation;
use millrace::harness::supervisor::{Supervised, launch};
use tempfile::TempDir;

/// The program under test.
pub(super) const MILLRACE: &str = env!("CARGO_BIN_EXE_millrace");

/// How long anything here may take before the test has failed.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// The runner of a table, as a configuration has it; `keys` may go on with tables of its own.
pub(super) fn runner(table: &str, keys: &str) -> RunnerSpec {
    let loaded = parse(&format!("[runners.{table}]\n{keys}\n"), "millrace.toml").expect("a configuration");
    let name = if table == "codex" { "codex_cli" } else { table };
    let name = name.split('.').next().expect("a name").parse().expect("the name of a runner");
    loaded.config.runners.tables[&name].clone().into()
}

pub(super) struct Bench {
    root: TempDir,
    pub(super) nonce: Nonce,
}

impl Bench {
    pub(super) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let root = tempfile::Builder::new().prefix("millrace-test-").tempdir().expect("a directory");
        for name in ["work", "run", "outbox"] {
            std::fs::create_dir(root.path().join(name)).expect("a directory");
        }
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("a clock").as_nanos();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let text = format!("{:08x}{:016x}{count:08x}", std::process::id(), now & u128::from(u64::MAX));
        Self { root, nonce: text.parse().expect("a nonce") }
    }

    pub(super) fn inv_dir(&self) -> PathBuf {
        self.root.path().join("inv")
    }

    pub(super) fn work(&self) -> PathBuf {
        self.root.path().join("work")
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// The call of a builder's first attempt that may do anything.
    pub(super) fn call(&self) -> Call {
        Call {
            nonce: self.nonce.clone(),
            run: "20260101-0000-00c0de".parse().expect("a run id"),
            item: "task/fix-login".parse().expect("an item"),
            stage: "builder".parse().expect("a stage"),
            attempt: 1,
            workdir: self.work(),
            run_dir: self.path("run"),
            inv_dir: self.inv_dir(),
            result_file: self.path("run").join("result.json"),
            outbox: self.path("outbox"),
            prompt_file: self.path("run").join("prompt.md"),
            prompt: "do it".to_owned(),
            resume: None,
            git_common_dir: self.path("repo.git"),
            model: None,
            permission: PermissionLevel::Maximum,
        }
    }

    /// The environment of a harness here: a `PATH` and what the call says.
    pub(super) fn environment(&self) -> BTreeMap<String, String> {
        let mut environment = self.call().variables();
        environment.insert("PATH".to_owned(), std::env::var("PATH").expect("a PATH"));
        environment
    }

    /// An invocation with a wall limit that no test reaches by accident, and with little grace.
    pub(super) fn invocation(&self, argv: &[&str]) -> Invocation {
        let argv = argv.iter().map(|&argument| argument.to_owned()).collect();
        let mut invocation = Invocation::new(
            &self.inv_dir(),
            self.nonce.clone(),
            argv,
            self.work(),
            self.environment(),
            PATIENCE,
        );
        invocation.test_grace_ms = Some(400);
        invocation.result_file = Some(self.call().result_file);
        invocation
    }

    /// The same for a shell script, run in the work directory.
    pub(super) fn sh(&self, script: &str) -> Invocation {
        self.invocation(&["sh", "-c", script])
    }

    pub(super) fn launch(&self, invocation: &Invocation) -> Supervised {
        invocation.write(&self.inv_dir(), b"do it\n").expect("a written invocation");
        launch(Path::new(MILLRACE), &self.inv_dir()).expect("a supervisor")
    }

    /// Runs an invocation to its end.
    pub(super) fn run(&self, invocation: &Invocation) -> Exit {
        ended(&mut self.launch(invocation))
    }

    pub(super) fn stdout(&self) -> String {
        std::fs::read_to_string(self.inv_dir().join("stdout")).expect("a stdout in UTF-8")
    }

    /// The process id that a script wrote into a file of the work directory, as soon as it is there.
    pub(super) fn pid(&self, name: &str) -> i32 {
        let path = self.work().join(name);
        eventually(&format!("a process id in {name}"), || {
            std::fs::read_to_string(&path).ok()?.strip_suffix('\n')?.parse().ok()
        })
    }
}

/// The exit record of a stage that has to end.
pub(super) fn ended(supervised: &mut Supervised) -> Exit {
    supervised.wait(PATIENCE).expect("a supervisor that ends well").expect("an end in time")
}

/// Looks until there is something to see.
pub(super) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < until, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a process lives (one that only waits to be reaped does not).
pub(super) fn lives(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z')))
}

/// Sends a signal to one process.
pub(super) fn kill(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).expect("a process id")).expect("not 0");
    rustix::process::kill_process(pid, signal).expect("a process to signal");
}
