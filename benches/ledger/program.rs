//! The program from process start: how long a command takes, and how much memory.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Result, ensure};

use crate::figures::Samples;

fn command(workspace: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
    command.args(words).arg("--workspace").arg(workspace).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// How long a command takes from its start to its end.
pub(crate) fn time(workspace: &Path, words: &[&str], times: u32) -> Result<Samples> {
    let mut samples = Samples::default();
    for round in 0..=times {
        let started = Instant::now();
        let output = command(workspace, words).stderr(Stdio::piped()).output()?;
        let took = started.elapsed();
        ensure!(
            output.status.success(),
            "millrace {}: {} {}",
            words.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or_default()
        );
        // The first one warms the file cache.
        if round > 0 {
            samples.add(took);
        }
    }
    Ok(samples)
}

/// The most memory that a command ever had resident, in bytes: the kernel's high-water mark, read again and again
/// while it runs, because it is gone when the command is. The highest of several runs; runs of their own, because
/// the reading disturbs the timing.
pub(crate) fn peak_memory(workspace: &Path, words: &[&str], times: u32) -> Result<u64> {
    let mut peak = 0;
    for _ in 0..times {
        let mut child = command(workspace, words).stderr(Stdio::null()).spawn()?;
        let status = format!("/proc/{}/status", child.id());
        loop {
            // Without such a file (another system, or a process that is ending) there is nothing to see.
            if let Some(mark) = std::fs::read_to_string(&status).ok().as_deref().and_then(high_water) {
                peak = peak.max(mark);
            }
            if child.try_wait()?.is_some() {
                break;
            }
        }
    }
    ensure!(peak > 0, "the kernel shows no high-water mark of memory");
    Ok(peak)
}

/// `VmHWM:     12345 kB`
fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}
