//! A repository with a plan, tasks and a harness, and short ways to run the program on it and to look at what came
//! of it. Stages and tests speak by files beside the work tree: a stage touches one and waits for another.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use serde_json::Value;

use crate::support::repo::TestRepo;

/// The program under test.
pub(super) const MILLRACE: &str = env!("CARGO_BIN_EXE_millrace");

/// How long anything here may take before the test has failed.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);

/// Stages that all do their work at once.
pub(super) const STRAIGHT: &str = r#"
stages:
  builder:
    - - write: {path: made.txt, content: "made\n"}
      - result: {terminal_result: BUILDER_COMPLETE, summary: Made it.}
  checker: [[{result: {terminal_result: CHECKER_PASS, summary: Fine.}}]]
  updater: [[{result: {terminal_result: UPDATE_COMPLETE}}]]
"#;

/// A builder that edits and then does not end, unless it is asked to; only at its first attempt.
pub(super) const STUCK: &str = r#"
stages:
  builder:
    - - write: {path: half.txt, content: "half\n"}
      - run: {argv: [sh, -c, 'echo $$ > @/stage; exec sleep 600']}
    - - write: {path: made.txt, content: "made\n"}
      - result: {terminal_result: BUILDER_COMPLETE}
  checker: [[{result: {terminal_result: CHECKER_PASS}}]]
  updater: [[{result: {terminal_result: UPDATE_COMPLETE}}]]
"#;

/// A repository that is set up.
pub(super) struct Site {
    pub(super) repo: TestRepo,
}

impl Site {
    /// With a commit, and this script for the embedded harness. `@` stands for the folder of [`Self::sign`].
    pub(super) fn scripted(script: &str) -> Self {
        Self::with(TestRepo::with_commit(), "", script)
    }

    /// The same, with more configuration: tables, each with its heading.
    pub(super) fn with(repo: TestRepo, config: &str, script: &str) -> Self {
        let site = Self { repo };
        std::fs::create_dir(site.repo.beside().join("signs")).expect("a folder");
        site.script(script);
        let path = site.repo.beside().join("script.yaml");
        let config = format!(
            "{config}\n[runners]\ndefault_runner = \"scripted\"\n[runners.scripted]\nscript = \"{}\"\n",
            path.display()
        );
        site.configure(&config);
        site
    }

    /// With a `command` runner that runs this as a shell script for every stage.
    pub(super) fn commanded(config: &str, shell: &str) -> Self {
        let site = Self { repo: TestRepo::with_commit() };
        std::fs::create_dir(site.repo.beside().join("signs")).expect("a folder");
        let path = site.repo.beside().join("harness.sh");
        std::fs::write(&path, site.signed(shell)).expect("a script");
        let config = format!(
            "[runners]\ndefault_runner = \"command\"\n[runners.command]\nargv = [\"sh\", \"{}\"]\n{config}",
            path.display()
        );
        site.configure(&config);
        site
    }

    /// Replaces the script.
    pub(super) fn script(&self, script: &str) {
        std::fs::write(self.repo.beside().join("script.yaml"), self.signed(script)).expect("a script");
    }

    fn signed(&self, text: &str) -> String {
        text.replace('@', &self.repo.beside().join("signs").display().to_string())
    }

    /// Writes the configuration and compiles it.
    pub(super) fn configure(&self, config: &str) {
        self.repo.write("millrace-agents/millrace.toml", config);
        self.ok(&["compile", "validate"]);
    }

    /// A file by which a stage and the test speak.
    pub(super) fn sign(&self, name: &str) -> PathBuf {
        self.repo.beside().join("signs").join(name)
    }

    /// Gives a sign.
    pub(super) fn give(&self, name: &str) {
        std::fs::write(self.sign(name), "").expect("a sign");
    }

    /// Waits for a sign.
    #[track_caller]
    pub(super) fn await_sign(&self, name: &str) {
        let path = self.sign(name);
        wait_until(&format!("the sign `{name}`"), || path.exists());
    }

    /// The program, in the work tree.
    pub(super) fn millrace(&self, args: &[&str]) -> Command {
        let mut command = self.repo.command(MILLRACE);
        command.args(args).stdin(Stdio::null());
        command
    }

    /// What a call came to.
    pub(super) fn run(&self, args: &[&str]) -> Output {
        self.millrace(args).output().expect("millrace runs")
    }

    /// The stdout of a call that succeeds.
    #[track_caller]
    pub(super) fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    /// The answer's data, whatever the exit code.
    #[track_caller]
    pub(super) fn json(&self, args: &[&str]) -> Value {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let output = self.run(&args);
        let said = text(&output.stdout);
        let line = said.lines().last().unwrap_or_else(|| panic!("{args:?}: {}", text(&output.stderr)));
        let answer: Value = serde_json::from_str(line).expect("JSON");
        answer["data"].clone()
    }

    /// Puts a task into the queue.
    #[track_caller]
    pub(super) fn add(&self, id: &str) {
        let path = self.repo.beside().join(format!("{id}.md"));
        std::fs::write(&path, task(id)).expect("a document");
        self.ok(&["queue", "add-task", &path.display().to_string()]);
    }

    /// Works until nothing is ready; the last answer.
    #[track_caller]
    pub(super) fn work(&self) -> Value {
        let answer = self.json(&["run", "daemon", "--until-idle"]);
        assert!(answer.is_object(), "{answer}");
        answer
    }

    /// Starts a daemon.
    pub(super) fn daemon(&self, args: &[&str]) -> Daemon {
        let mut command = self.millrace(&["run", "daemon"]);
        Daemon::start(command.args(args))
    }

    /// The paths of the ledger's tree.
    pub(super) fn paths(&self) -> Vec<String> {
        let listed = self.repo.git(&["ls-tree", "-r", "--name-only", "refs/millrace/state"]);
        listed.lines().map(str::to_owned).collect()
    }

    /// The one path of the ledger that begins and ends like this.
    #[track_caller]
    pub(super) fn path(&self, start: &str, end: &str) -> String {
        let paths = self.paths();
        let found: Vec<&String> =
            paths.iter().filter(|path| path.starts_with(start) && path.ends_with(end)).collect();
        assert_eq!(found.len(), 1, "{start}...{end}: {found:?} of {paths:#?}");
        found[0].clone()
    }

    /// The state of a task: the folder that it lies in.
    #[track_caller]
    pub(super) fn state_of(&self, id: &str) -> String {
        let paths = self.paths();
        let document = |path: &&String| {
            path.starts_with("tasks/")
                && (path.ends_with(&format!("/{id}.md")) || path.ends_with(&format!(".{id}.md")))
        };
        let found = paths.iter().find(document).unwrap_or_else(|| panic!("{id}: {paths:#?}"));
        found.split('/').nth(1).expect("a state").to_owned()
    }

    /// A file of the ledger's tree.
    #[track_caller]
    pub(super) fn show(&self, path: &str) -> String {
        self.repo.git(&["show", &format!("refs/millrace/state:{path}")])
    }

    /// The record of what a launch came to: `01-builder`.
    #[track_caller]
    pub(super) fn result(&self, launch: &str) -> toml::Table {
        let path = self.path("runs/", &format!("/{launch}/result.toml"));
        toml::from_str(&self.show(&path)).expect("a record")
    }

    /// The subjects of the ledger, oldest first, without those of daemons' lives.
    pub(super) fn subjects(&self) -> Vec<String> {
        let log = self.repo.git(&["log", "--reverse", "--format=%s", "refs/millrace/state"]);
        log.lines().filter(|line| !line.starts_with("session: ")).map(str::to_owned).collect()
    }

    /// The subjects since the first claim, up to where ids and chance begin.
    pub(super) fn story(&self) -> Vec<String> {
        self.subjects().into_iter().skip_while(|line| !line.starts_with("launch: ")).collect()
    }

    /// The run branches.
    pub(super) fn runs(&self) -> Vec<String> {
        let listed = self.repo.git(&["for-each-ref", "--format=%(refname)", "refs/millrace/runs/"]);
        listed.lines().map(str::to_owned).collect()
    }

    /// The only run branch.
    #[track_caller]
    pub(super) fn run_branch(&self) -> String {
        let runs = self.runs();
        assert_eq!(runs.len(), 1, "{runs:?}");
        runs[0].clone()
    }

    /// The subjects of a run branch, oldest first, without what it stands on.
    pub(super) fn told(&self, branch: &str) -> Vec<String> {
        let log =
            self.repo.git(&["log", "--reverse", "--first-parent", "--format=%s", branch, "--not", "HEAD"]);
        log.lines().map(str::to_owned).collect()
    }

    /// The same without the closing commit.
    pub(super) fn snapshots(&self, branch: &str) -> Vec<String> {
        let mut told = self.told(branch);
        let closing =
            self.repo.git(&["log", "-1", "--format=%(trailers:key=Millrace-Seq,valueonly)", branch]);
        if !closing.trim().is_empty() {
            told.pop();
        }
        told
    }

    /// Our own folder in the git directory.
    pub(super) fn private(&self) -> PathBuf {
        self.repo.git_dir().join("millrace")
    }

    /// The invocation directories that are there.
    pub(super) fn invocations(&self) -> Vec<PathBuf> {
        match std::fs::read_dir(self.private().join("inv")) {
            Ok(entries) => entries.map(|entry| entry.expect("an entry").path()).collect(),
            Err(_) => Vec::new(),
        }
    }

    /// The process whose id a stage wrote into this sign.
    #[track_caller]
    pub(super) fn pid(&self, name: &str) -> Pid {
        let path = self.sign(name);
        let read = || std::fs::read_to_string(&path).ok()?.trim().parse().ok().and_then(Pid::from_raw);
        wait_until(&format!("a process id in `{name}`"), || read().is_some());
        read().expect("a process id")
    }

    /// The ledger replays without a finding, and git finds nothing either.
    #[track_caller]
    pub(super) fn sound(&self) {
        let verdict = self.json(&["verify"]);
        assert_eq!(verdict["sound"], true, "{verdict:#}");
        self.repo.git(&["fsck", "--strict", "--no-dangling"]);
        self.closed();
    }

    /// Every run branch whose run has ended ends with a commit that says how, and that has the code of the one before:
    /// whatever ended it.
    #[track_caller]
    pub(super) fn closed(&self) {
        let paths = self.paths();
        for branch in self.runs() {
            let run = branch.rsplit('/').next().expect("an id");
            let path = format!("runs/{}/{run}/run.toml", &run[..8]);
            if !paths.contains(&path) {
                continue;
            }
            let record: toml::Table = toml::from_str(&self.show(&path)).expect("a record");
            let Some(end) = record.get("end") else { continue };
            let words: &[&str] = match end["ending"].as_str() {
                Some("done") => &["done", "accepted"],
                Some("cancelled") => &["cancelled"],
                _ => &["blocked"],
            };
            let format = "--format=%T|%s|%(trailers:key=Millrace-Seq,valueonly,separator=%x20)";
            let last = self.repo.git(&["log", "-2", "--first-parent", format, &branch]);
            let lines: Vec<Vec<&str>> =
                last.lines().map(|line| line.splitn(2, '|').collect::<Vec<_>>()).collect();
            assert_eq!(lines[0][0], lines[1][0], "{branch}: {last}");
            let said = lines[0][1];
            assert!(words.iter().any(|word| said.starts_with(&format!("{word}: "))), "{branch}: {last}");
            assert!(!said.ends_with('|'), "{branch} has no number of the ledger: {last}");
        }
    }
}

/// A task document.
pub(super) fn task(id: &str) -> String {
    format!(
        "---\ntask_id: {id}\ntitle: Do {id}\ntarget_paths: [src]\nacceptance: [done]\nrequired_checks: [none]\n\
         references: [README.md]\nrisk: [none]\n---\nDo it.\n"
    )
}

/// Whether a process is there and no zombie.
pub(super) fn lives(pid: Pid) -> bool {
    let path = PathBuf::from(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    let stat = std::fs::read_to_string(path).unwrap_or_default();
    let state = stat.rsplit(')').next().and_then(|rest| rest.trim_start().chars().next());
    state.is_some_and(|state| state != 'Z')
}

/// Waits until something is so.
#[track_caller]
pub(super) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A daemon that runs; killed when it is dropped.
pub(super) struct Daemon {
    child: Child,
    done: bool,
}

impl Daemon {
    pub(super) fn start(command: &mut Command) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("millrace starts");
        Self { child, done: false }
    }

    /// Sends a signal.
    pub(super) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("it lives");
    }

    /// How long it has used a processor so far, itself and not its stages.
    pub(super) fn worked(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it lives");
        let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
        // User and system time, in hundredths of a second.
        let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().expect("a number")).sum();
        Duration::from_millis(10 * ticks)
    }

    /// Ends it as a power cut would.
    pub(super) fn kill(mut self) {
        self.child.kill().expect("it lives");
        self.child.wait().expect("it ends");
        self.done = true;
    }

    /// Whether it still runs.
    pub(super) fn runs(&mut self) -> bool {
        self.child.try_wait().expect("it can be asked").is_none()
    }

    /// Waits for its end: exit status, stdout, stderr.
    #[track_caller]
    pub(super) fn ended(mut self) -> (ExitStatus, String, String) {
        let until = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it can be asked") {
                break status;
            }
            assert!(Instant::now() < until, "the daemon does not end");
            std::thread::sleep(Duration::from_millis(20));
        };
        self.done = true;
        let (mut out, mut err) = (String::new(), String::new());
        self.child.stdout.take().expect("a pipe").read_to_string(&mut out).expect("text");
        self.child.stderr.take().expect("a pipe").read_to_string(&mut err).expect("text");
        (status, out, err)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if !self.done {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// A file held by an exclusive lock until this is dropped, as another process of ours would hold it.
pub(super) fn hold(path: &Path) -> std::fs::File {
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path).expect("a lock file");
    let until = Instant::now() + PATIENCE;
    while rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err() {
        assert!(Instant::now() < until, "{} stays locked", path.display());
        std::thread::sleep(Duration::from_millis(2));
    }
    file
}
