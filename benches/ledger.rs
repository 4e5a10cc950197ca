//! What the ledger costs on the disk it runs on: `cargo bench --bench ledger`.
//!
//! Every figure that depends on the disk stands beside what the same disk takes, in the same run, for writing four
//! files safely: a runtime that keeps its state in files would do that for each transition. The two are measured in
//! turn, so that a busy moment hits both.
//!
//! The scratch repositories are made in `target/bench`, or in the folder that `MILLRACE_BENCH_DIR` names; a memory
//! file system is refused. `MILLRACE_BENCH_ROUNDS` (60) is how often each transition is made. With `-- --check` a
//! missed aim is an exit code of 1.

#[path = "ledger/disk.rs"]
mod disk;
#[path = "ledger/figures.rs"]
mod figures;
#[path = "ledger/life.rs"]
mod life;
#[path = "ledger/program.rs"]
mod program;
#[path = "ledger/scratch.rs"]
mod scratch;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use millrace::domain::ids::RunId;
use millrace::domain::oid::Oid;
use millrace::domain::plan::SnapshotPolicy;
use millrace::ledger::store::{RefName, Store as _};
use millrace::ledger::verify::verify;
use millrace::runtime::evidence::Secrets;
use millrace::runtime::moves::Began;
use millrace::runtime::project::Project;
use millrace::runtime::snapshots::{self, Place, Says};
use millrace::runtime::source;

use disk::FourFiles;
use figures::{Aims, Samples, bytes, ms};
use life::{KINDS, Life};
use scratch::Scratch;

/// Queue lengths at which a transition is measured.
const QUEUES: [u32; 3] = [10, 1_000, 10_000];

/// How much longer than four safely written files a transition should take at most.
const MAX_RATIO: f64 = 2.0;

/// How much longer a transition may take at the longest queue than at the shortest, and still be called flat.
const MAX_GROWTH: f64 = 1.5;

/// How long a reading command should take at most, from process start, at the longest queue.
const MAX_READ: Duration = Duration::from_millis(10);

/// Bytes of memory that a reading command should need at most, at the longest queue.
const MAX_MEMORY: u64 = 30 * 1024 * 1024;

/// Files of the repositories whose snapshots are measured.
const SNAPSHOTS: [u32; 2] = [500, 50_000];

/// How long the second snapshot of a run should take at most.
const MAX_SNAPSHOT: Duration = Duration::from_millis(300);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --all-targets` runs benches as well, without this word.
    if !arguments.iter().any(|word| word == "--bench") {
        println!("measures only under `cargo bench --bench ledger`");
        return ExitCode::SUCCESS;
    }
    match measure() {
        Ok(aims) => {
            let missed = aims.report();
            let check = arguments.iter().any(|word| word == "--check");
            if missed > 0 && check { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn measure() -> Result<Aims> {
    // The snapshots alone, for who works on those.
    if std::env::args().any(|word| word == "--snapshots") {
        let folder = folder();
        std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        let folder = tempfile::Builder::new().prefix("snapshots-").tempdir_in(&folder)?;
        let mut aims = Aims::default();
        for files in SNAPSHOTS {
            snapshots_apart(&folder.path().join(format!("code-{files}")), files, 5, &mut aims)?;
        }
        return Ok(aims);
    }
    let rounds: u32 = match std::env::var("MILLRACE_BENCH_ROUNDS") {
        Ok(text) => text.parse().context("MILLRACE_BENCH_ROUNDS is not a number")?,
        Err(_) => 60,
    };
    ensure!(rounds > 0, "MILLRACE_BENCH_ROUNDS is 0");
    let folder = folder();
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let kind = disk::kind(&folder)?;
    let folder = tempfile::Builder::new().prefix("ledger-").tempdir_in(&folder)?;
    let folder = folder.path();
    let mut aims = Aims::default();

    println!("disk         {kind}, {}", load());
    let flush = disk::flush(folder, 200)?;
    println!("flush        {flush}   append of 4 KB, fsync");

    println!("\npreparing ledgers with {QUEUES:?} queued items ...");
    let scratches: Vec<Scratch> = QUEUES
        .iter()
        .map(|queued| Scratch::make(&folder.join(format!("queue-{queued}")), *queued))
        .collect::<Result<_>>()?;
    transitions(folder, &scratches, rounds, &mut aims)?;
    for files in SNAPSHOTS {
        snapshots_apart(&folder.join(format!("code-{files}")), files, rounds.min(10), &mut aims)?;
    }
    for (scratch, queued) in scratches.iter().zip(QUEUES) {
        verified(scratch, queued)?;
    }
    let longest = scratches.last().context("no ledger")?;
    println!("\nfrom process start, {} queued", QUEUES[QUEUES.len() - 1]);
    for words in [&["status"][..], &["queue", "ls"]] {
        reading(longest, words, &mut aims)?;
    }
    Ok(aims)
}

fn folder() -> PathBuf {
    std::env::var_os("MILLRACE_BENCH_DIR").map_or_else(
        || Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap_or(Path::new("target")).join("bench"),
        PathBuf::from,
    )
}

/// How busy the machine is beside us: figures of a busy machine say little.
fn load() -> String {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default().to_owned();
    format!("{processors} processors, load {}", if load.is_empty() { "unknown" } else { &load })
}

/// Each kind of transition at each length of the queue, in turn with four files.
fn transitions(folder: &Path, scratches: &[Scratch], rounds: u32, aims: &mut Aims) -> Result<()> {
    let mut lives: Vec<Life<'_>> = scratches.iter().map(Life::begin).collect::<Result<_>>()?;
    let four = FourFiles::new(&folder.join("four"))?;
    let mut files = Samples::default();
    let mut taken: Vec<[Samples; 3]> = lives.iter().map(|_| Default::default()).collect();
    let mut worked: Vec<[Samples; 3]> = lives.iter().map(|_| Default::default()).collect();
    let mut written: Vec<[Samples; 3]> = lives.iter().map(|_| Default::default()).collect();
    for round in 0..=rounds {
        for (n, life) in lives.iter_mut().enumerate() {
            for (k, kind) in KINDS.into_iter().enumerate() {
                let beside = four.write()?;
                let step = life.step(kind)?;
                // The first round warms caches, and asks git for its version.
                if round > 0 {
                    files.add(beside);
                    taken[n][k].add(step.took);
                    step.worked.into_iter().for_each(|time| worked[n][k].add(time));
                    written[n][k].extend(step.bytes);
                }
            }
        }
    }
    println!("four files   {files}   each written, fsynced, renamed, folder fsynced");
    println!(
        "\ntransition   queued   median     p90        mean       worst      processor  x four files   pack"
    );
    for (k, kind) in KINDS.into_iter().enumerate() {
        for (n, queued) in QUEUES.into_iter().enumerate() {
            let samples = &taken[n][k];
            let ratio = samples.ratio(&files);
            println!(
                "{:<12} {queued:<8} {:<10} {:<10} {:<10} {:<10} {:<10} {ratio:<14.2} {}",
                kind.word(),
                ms(samples.median()),
                ms(samples.p90()),
                ms(samples.mean()),
                ms(samples.worst()),
                ms(worked[n][k].median()),
                bytes(written[n][k].middle()),
            );
            let what = format!("{} at {queued} queued: at most {MAX_RATIO} x four files", kind.word());
            aims.add(ratio <= MAX_RATIO, what, format!("{ratio:.2} x"));
        }
        let growth = taken[QUEUES.len() - 1][k].ratio(&taken[0][k]);
        let what = format!("{}: flat from {} to {}", kind.word(), QUEUES[0], QUEUES[QUEUES.len() - 1]);
        aims.add(growth <= MAX_GROWTH, what, format!("{growth:.2} x"));
    }
    println!("             (mean and worst hold the folds: one in 24 transitions)");
    Ok(())
}

/// What a stage costs beside its two transitions: the snapshot of the code.
fn snapshots_apart(folder: &Path, files: u32, rounds: u32, aims: &mut Aims) -> Result<()> {
    const CHANGED: u32 = 10;
    scratch::repository(folder)?;
    for n in 0..files {
        let inner = folder.join(format!("src/part-{}", n % (files / 25)));
        std::fs::create_dir_all(&inner)?;
        std::fs::write(inner.join(format!("file-{n}.txt")), format!("line {n}\n").repeat(100))?;
    }
    let head = scratch::commit(folder)?;
    let project = Project::open(folder)?;
    let policy = SnapshotPolicy { exclude: Vec::new(), max_file_bytes: 10 * 1024 * 1024 };
    let author = project.person()?;
    let says = |subject: &str| Says {
        subject: subject.to_owned(),
        changed: None,
        unchanged: None,
        trailers: Vec::new(),
    };
    let take = |run: &RunId, tip: Option<Oid>, even_unchanged: bool| -> Result<_> {
        let began = tip.map(|_| Began { base: Some(head), branch: Some("refs/heads/main".to_owned()) });
        let place = Place { run, tip, parent: tip.or(Some(head)), began, even_unchanged };
        let started = Instant::now();
        let secrets = Secrets::here(&project)?;
        let taken = snapshots::take(&project, &policy, &place, &author, &says("bench"), &secrets)?;
        Ok((taken, started.elapsed()))
    };
    let (mut cold, mut first, mut same, mut later) =
        (Samples::default(), Samples::default(), Samples::default(), Samples::default());
    for round in 0..rounds {
        let run = source::run_id(source::now())?;
        let (zero, took) = take(&run, None, true)?;
        if round == 0 {
            cold.add(took);
        } else {
            first.add(took);
        }
        let zero = zero.context("a snapshot was wanted")?.commit;
        let (one, took) = take(&run, Some(zero), true)?;
        same.add(took);
        let one = one.context("a snapshot was wanted")?.commit;
        for n in 0..CHANGED {
            let file = folder.join(format!("src/part-{n}/file-{n}.txt"));
            std::fs::write(file, format!("round {round}\n"))?;
        }
        let (_, took) = take(&run, Some(one), true)?;
        later.add(took);
    }
    println!("\nsnapshot     {cold}   the first of a repository, {files} files");
    if rounds > 1 {
        println!("snapshot     {first}   the first of a later run, {CHANGED} changed");
    }
    println!("snapshot     {same}   the second, nothing changed");
    println!("snapshot     {later}   the third, {CHANGED} changed");
    let what = format!("second snapshot of {files} files: at most {} ms", MAX_SNAPSHOT.as_millis());
    aims.add(same.median() <= MAX_SNAPSHOT, what, ms(same.median()));
    Ok(())
}

fn verified(scratch: &Scratch, queued: u32) -> Result<()> {
    let store = scratch.open()?;
    let tip = store.resolve(&RefName::State)?.context("no ledger")?;
    let started = Instant::now();
    let report = verify(&store, tip)?;
    let took = started.elapsed();
    ensure!(report.is_sound(), "the ledger does not verify: {:?}", report.findings.first());
    let commits = u32::try_from(report.commits)?;
    println!(
        "verify       {:.0} commits/s   {commits} commits in {}, {queued} queued",
        f64::from(commits) / took.as_secs_f64(),
        ms(took)
    );
    Ok(())
}

fn reading(scratch: &Scratch, words: &[&str], aims: &mut Aims) -> Result<()> {
    let name = words.join(" ");
    let samples = program::time(&scratch.folder, words, 40)?;
    let peak = program::peak_memory(&scratch.folder, words, 20)?;
    println!("{name:<12} {samples}   memory {}", bytes(peak));
    let longest = QUEUES[QUEUES.len() - 1];
    let took = samples.median();
    aims.add(took <= MAX_READ, format!("{name} at {longest}: at most {}", ms(MAX_READ)), ms(took));
    aims.add(peak <= MAX_MEMORY, format!("{name} at {longest}: at most {}", bytes(MAX_MEMORY)), bytes(peak));
    Ok(())
}
