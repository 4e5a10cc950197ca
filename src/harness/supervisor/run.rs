//! The life of a supervisor. One thread starts, signals and reaps everything and orders all events; the other
//! threads only read (the streams, the runtime's pipe, the signals) and tell it. It waits for events, never in
//! rounds, except while it sweeps.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, wait};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;

use super::capture::{Capture, drain};
use super::cgroup::Cgroup;
use super::launch::READY;
use super::post::Post;
use super::proof::without_cgroup;
use super::sweep::{Look, SWEEP_GRACE, SWEEP_TICK, Sweep};
use super::trace::Trace;
use super::tree;
use crate::harness::environment::MARK;
use crate::harness::exit::{
    EndedBy, Exit, FirstSignal, How, SpawnFailure, StopProof, StreamRecord, Survivor,
};
use crate::harness::invocation::{EXIT_FILE, Invocation, LOCK_FILE, STDERR_FILE, STDOUT_FILE, millis};
use crate::harness::result_file::{MAX_RESULT_BYTES, find};

/// How long the lock is tried for. A reader that probes it holds it for microseconds; another supervisor for hours.
const LOCK_WAIT: Duration = Duration::from_secs(2);

/// How long the streams may take to end once nothing of the stage is left. Only a process that escaped the sweep
/// still holds them then, and it is not waited for.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// Waiting without an end in sight still ends, so that a limit can be as large as it likes.
const LONG: Duration = Duration::from_secs(24 * 3600);

enum Event {
    /// A child changed its state.
    Child,
    /// The runtime asked for the end, or is gone, or somebody sent TERM.
    Stop,
    /// One of the two streams came to its end.
    StreamEnded,
}

/// One stream between its reader and the record.
struct Stream {
    capture: Mutex<Option<Capture>>,
}

impl Stream {
    fn new(capture: Capture) -> Arc<Self> {
        Arc::new(Self { capture: Mutex::new(Some(capture)) })
    }

    fn take(&self, bytes: &[u8]) {
        if let Some(capture) = self.capture.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            capture.take(bytes);
        }
    }

    fn total(&self) -> u64 {
        self.capture.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map_or(0, Capture::total)
    }

    fn finish(&self) -> Option<StreamRecord> {
        let capture = self.capture.lock().unwrap_or_else(PoisonError::into_inner).take();
        capture.map(Capture::finish)
    }
}

/// Supervises the invocation of a directory, from the lock to the exit record. This is the whole of the hidden
/// subcommand [`super::SUPERVISE`]; its first line on stdout says whether it holds the lock. To be called on the
/// process's main thread: the kernel ends the harness when the thread that started it ends.
#[must_use]
pub fn supervise_main(inv_dir: &Path) -> ExitCode {
    let said = match supervise(inv_dir) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(said) => said.replace('\n', " "),
    };
    // Both have a reader only if somebody listens.
    let _ = writeln!(io::stdout(), "{said}");
    let _ = writeln!(io::stderr(), "{said}");
    ExitCode::FAILURE
}

fn supervise(inv_dir: &Path) -> Result<(), String> {
    // Fails only where this process already leads a group, started by hand from a shell.
    let _ = rustix::process::setsid();
    let mut signals = Signals::new([SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT])
        .map_err(|fault| format!("cannot listen to signals: {fault}"))?;
    let invocation = Invocation::read(inv_dir).map_err(|fault| fault.to_string())?;
    let _lock = lock(&inv_dir.join(LOCK_FILE))?;
    if inv_dir.join(EXIT_FILE).exists() {
        return Err("the invocation has already ended".to_owned());
    }
    tree::adopt_orphans().map_err(|fault| format!("cannot become the subreaper: {fault}"))?;
    let stdin = if invocation.empty_stdin { Path::new("/dev/null") } else { &invocation.prompt };
    let prompt =
        File::open(stdin).map_err(|fault| format!("cannot open the prompt {}: {fault}", stdin.display()))?;
    let stream = |name: &str| {
        Capture::create(&inv_dir.join(name), invocation.keep_bytes)
            .map(Stream::new)
            .map_err(|fault| format!("cannot make {}: {fault}", inv_dir.join(name).display()))
    };
    let (stdout, stderr) = (stream(STDOUT_FILE)?, stream(STDERR_FILE)?);
    let cgroup = Cgroup::make(&invocation.nonce);
    Post::own(cgroup.as_ref())
        .write(inv_dir)
        .map_err(|fault| format!("cannot write down who supervises {}: {fault}", inv_dir.display()))?;

    let (sender, events) = channel();
    let telling = sender.clone();
    std::thread::spawn(move || listen(&mut signals, &telling));
    let telling = sender.clone();
    std::thread::spawn(move || {
        // One byte or none: both mean the end.
        let mut byte = [0];
        while matches!(io::stdin().read(&mut byte), Err(fault) if fault.kind() == io::ErrorKind::Interrupted)
        {
        }
        let _ = telling.send(Event::Stop);
    });

    let mut output = io::stdout();
    if writeln!(output, "{READY}").and_then(|()| output.flush()).is_err() {
        return Err("the runtime is gone".to_owned());
    }
    let exit = Stage::run(&invocation, cgroup, &prompt, &stdout, &stderr, events, &sender);
    exit.write(inv_dir).map_err(|fault| fault.to_string())
}

/// Takes the lock for the life of this process. The descriptor is closed on exec, so no harness holds it.
fn lock(path: &Path) -> Result<File, String> {
    let fault = |source: io::Error| format!("cannot lock {}: {source}", path.display());
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(fault)?;
    let until = Instant::now() + LOCK_WAIT;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(Errno::WOULDBLOCK) if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(Errno::WOULDBLOCK) => {
                return Err(format!("another supervisor holds {}", path.display()));
            }
            Err(errno) => return Err(fault(errno.into())),
        }
    }
}

fn listen(signals: &mut Signals, events: &Sender<Event>) {
    for signal in signals.forever() {
        let event = match signal {
            SIGCHLD => Event::Child,
            SIGTERM => Event::Stop,
            // A terminal's signals are for the runtime; it says what becomes of its stages.
            _ => continue,
        };
        if events.send(event).is_err() {
            return;
        }
    }
}

/// The harness while it runs, and what is known about its end.
struct Stage<'a> {
    invocation: &'a Invocation,
    cgroup: Option<Cgroup>,
    events: Receiver<Event>,
    harness: Pid,
    started: Instant,
    how: Option<How>,
    stop: bool,
    open_streams: u8,
    last_output: Arc<AtomicU64>,
    stdout: Arc<Stream>,
}

impl<'a> Stage<'a> {
    fn run(
        invocation: &'a Invocation,
        cgroup: Option<Cgroup>,
        prompt: &File,
        stdout: &Arc<Stream>,
        stderr: &Arc<Stream>,
        events: Receiver<Event>,
        sender: &Sender<Event>,
    ) -> Exit {
        let (started, started_at) = (Instant::now(), Timestamp::now());
        let last_output = Arc::new(AtomicU64::new(0));
        let mut exit = Exit {
            ended_by: EndedBy::Itself,
            started_at,
            ended_at: started_at,
            duration_ms: 0,
            leftovers: 0,
            proof: Some(without_cgroup()),
            how: How::Unkillable,
            first_signal: None,
            stdout: nothing(),
            stderr: nothing(),
            survivors: Vec::new(),
        };
        match start(invocation, cgroup, prompt) {
            Err(how) => exit.how = how,
            Ok(((harness, out, err), cgroup)) => {
                if cgroup.is_some() {
                    exit.proof = Some(StopProof::Cgroup);
                }
                read(out, stdout, &last_output, started, sender);
                read(err, stderr, &last_output, started, sender);
                let mut stage = Stage {
                    invocation,
                    cgroup,
                    events,
                    harness,
                    started,
                    how: None,
                    stop: false,
                    open_streams: 2,
                    last_output,
                    stdout: Arc::clone(stdout),
                };
                exit.ended_by = stage.watch();
                let mut grace = invocation.test_grace_ms.map_or(SWEEP_GRACE, Duration::from_millis);
                if exit.ended_by != EndedBy::Itself {
                    exit.first_signal = Some(stage.first_signal());
                    if !stage.terminate() {
                        grace = Duration::ZERO;
                    }
                }
                (exit.leftovers, exit.survivors) = stage.sweep(grace);
                stage.drain();
                exit.how = stage.how.unwrap_or(How::Unkillable);
            }
        }
        exit.stdout = stdout.finish().unwrap_or_else(nothing);
        exit.stderr = stderr.finish().unwrap_or_else(nothing);
        exit.ended_at = Timestamp::now();
        exit.duration_ms = millis(started.elapsed());
        exit
    }

    /// Waits until the harness ends or has to be ended. What ended by itself did so, whatever is due in the same
    /// moment.
    fn watch(&mut self) -> EndedBy {
        let limit = |ms: u64| Duration::from_millis(ms).min(LONG * 365);
        let wall = self.started + limit(self.invocation.wall_limit_ms);
        loop {
            self.reap();
            let now = Instant::now();
            let silence = self.invocation.silence_limit_ms.map(|ms| {
                let last = Duration::from_millis(self.last_output.load(Ordering::Relaxed));
                self.started + last + limit(ms)
            });
            if self.how.is_some() {
                return EndedBy::Itself;
            } else if self.stop {
                return EndedBy::Runtime;
            } else if now >= wall {
                return EndedBy::WallLimit;
            } else if silence.is_some_and(|silence| now >= silence) {
                return EndedBy::SilenceLimit;
            }
            self.next(silence.map_or(wall, |silence| silence.min(wall)));
        }
    }

    /// What stands now, before the first signal.
    fn first_signal(&self) -> FirstSignal {
        FirstSignal {
            at: Timestamp::now(),
            stdout_bytes: self.stdout.total(),
            result_file_sha256: self
                .invocation
                .result_file
                .as_deref()
                .and_then(|path| find(path, MAX_RESULT_BYTES).sha256()),
        }
    }

    /// TERM to everything, grace, KILL to everything. Whether the harness ended within the grace.
    fn terminate(&mut self) -> bool {
        let until = Instant::now() + self.invocation.grace();
        self.signal_all(Signal::TERM);
        while self.how.is_none() && Instant::now() < until {
            self.next(until);
            self.reap();
        }
        if self.how.is_some() {
            return true;
        }
        self.signal_all(Signal::KILL);
        if let Some(group) = &self.cgroup {
            group.kill();
        }
        false
    }

    /// What leads to the processes of the stage.
    fn trace(&self) -> Trace<'_> {
        Trace::of_supervisor(&self.invocation.nonce, self.cgroup.as_ref())
    }

    /// Signals the harness's group and every descendant. Never INT: some harnesses call that success.
    fn signal_all(&self, signal: Signal) {
        // Each once: some programs take a second TERM for impatience, and skip their cleaning up.
        let others: Vec<_> = tree::members(&self.trace())
            .into_iter()
            .filter(|member| !tree::in_group(*member, self.harness))
            .collect();
        // Until the leader is reaped, and only this thread reaps, the group's number is its own.
        let _ = kill_process_group(self.harness, signal);
        for member in others {
            tree::signal(member, signal);
        }
    }

    /// Ends what is left. How many there were, and which could not be ended.
    fn sweep(&mut self, grace: Duration) -> (u32, Vec<Survivor>) {
        let cgroup = self.cgroup.clone();
        let mut sweep = Sweep::new(Trace::of_supervisor(&self.invocation.nonce, cgroup.as_ref()), grace);
        tree::signal_group(self.harness, Signal::KILL);
        loop {
            let children = self.reap();
            match sweep.look(children) {
                Look::Empty => {
                    if let Some(group) = &cgroup {
                        group.remove();
                    }
                    return (sweep.count(), Vec::new());
                }
                Look::Stuck(left) => return (sweep.count(), left),
                Look::Signalled => self.next(Instant::now() + SWEEP_TICK),
            }
        }
    }

    /// Waits for the ends of the streams.
    fn drain(&mut self) {
        let until = Instant::now() + DRAIN_LIMIT;
        while self.open_streams > 0 && Instant::now() < until {
            self.next(until);
        }
    }

    /// Takes the next event, or none until then.
    fn next(&mut self, until: Instant) {
        let wait = until.saturating_duration_since(Instant::now()).min(LONG);
        match self.events.recv_timeout(wait) {
            Ok(Event::Stop) => self.stop = true,
            Ok(Event::StreamEnded) => self.open_streams = self.open_streams.saturating_sub(1),
            Ok(Event::Child) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
    }

    /// Reaps whatever has ended: the harness, and orphans that became our children. Whether children are left: to a
    /// subreaper without any, the kernel says in one word that nothing descends from it, while a look at the
    /// process table can miss one that forks and ends during the look.
    fn reap(&mut self) -> bool {
        loop {
            let (pid, status) = match wait(WaitOptions::NOHANG) {
                Ok(Some(ended)) => ended,
                Err(Errno::INTR) => continue,
                Ok(None) => return true,
                Err(_) => return false,
            };
            if pid == self.harness {
                self.how = match (status.exit_status(), status.terminating_signal()) {
                    (Some(code), _) => Some(How::Exited { code }),
                    (None, Some(signal)) => Some(How::Signalled { signal }),
                    (None, None) => None,
                };
            }
        }
    }
}

fn nothing() -> StreamRecord {
    StreamRecord { total: 0, kept: 0, head: 0, cut: false, sha256: String::new(), error: None }
}

fn read(
    pipe: Option<impl Read + Send + 'static>,
    stream: &Arc<Stream>,
    last_output: &Arc<AtomicU64>,
    started: Instant,
    events: &Sender<Event>,
) {
    let (stream, last_output, events) = (Arc::clone(stream), Arc::clone(last_output), events.clone());
    std::thread::spawn(move || {
        if let Some(pipe) = pipe {
            drain(pipe, |bytes| {
                stream.take(bytes);
                last_output.store(millis(started.elapsed()), Ordering::Relaxed);
            });
        }
        let _ = events.send(Event::StreamEnded);
    });
}

type Started = (Pid, Option<std::process::ChildStdout>, Option<std::process::ChildStderr>);

/// Starts the harness, in its control group where it gets one. A group that cannot be entered is none: the harness has
/// not begun then, and is started without.
fn start(
    invocation: &Invocation,
    cgroup: Option<Cgroup>,
    prompt: &File,
) -> Result<(Started, Option<Cgroup>), How> {
    if let Some(group) = cgroup {
        if let Ok(started) = spawn(invocation, Some(&group), prompt) {
            return Ok((started, Some(group)));
        }
        group.remove();
    }
    spawn(invocation, None, prompt).map(|started| (started, None))
}

fn spawn(invocation: &Invocation, cgroup: Option<&Cgroup>, prompt: &File) -> Result<Started, How> {
    let failed = |reason, message: String| How::SpawnFailed { reason, message };
    let Some((program, arguments)) = invocation.argv.split_first() else {
        return Err(failed(SpawnFailure::Other, "the command line is empty".to_owned()));
    };
    if !invocation.cwd.is_dir() {
        let message = format!("the directory {} does not exist", invocation.cwd.display());
        return Err(failed(SpawnFailure::Other, message));
    }
    let prompt = prompt
        .try_clone()
        .map_err(|fault| failed(SpawnFailure::Other, format!("cannot hand over the prompt: {fault}")))?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(&invocation.environment)
        .env(MARK, invocation.nonce.as_str())
        .current_dir(&invocation.cwd)
        .stdin(Stdio::from(prompt))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    tree::die_with_us(&mut command);
    let entered = cgroup.map_or(Ok(()), |group| group.enter(&mut command));
    match entered.and_then(|()| command.spawn()) {
        Ok(mut child) => Ok((Pid::from_child(&child), child.stdout.take(), child.stderr.take())),
        Err(fault) => {
            // The system's word alone does not tell: a script whose interpreter is missing is "not found", and a
            // program that is nowhere is "not permitted" where one directory of the path cannot be entered.
            let missing = matches!(fault.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied)
                && !is_there(invocation, program);
            let reason = if missing { SpawnFailure::MissingProgram } else { SpawnFailure::Other };
            Err(failed(reason, format!("cannot start `{}`: {fault}", program.escape_debug())))
        }
    }
}

/// Whether a file of this name is where the program would be looked for.
fn is_there(invocation: &Invocation, program: &str) -> bool {
    if program.contains('/') {
        return invocation.cwd.join(program).exists();
    }
    let path = invocation.environment.get("PATH").map_or("", String::as_str);
    std::env::split_paths(path).any(|folder| invocation.cwd.join(folder).join(program).exists())
}
