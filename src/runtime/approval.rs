//! Which plans this machine's operator has compiled or approved. A plan says what is executed here, so one that came
//! with a ledger from elsewhere is shown, never run.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use crate::domain::ids::PlanId;

fn path(private_dir: &Path) -> PathBuf {
    private_dir.join("approved-plans")
}

/// Whether the plan may run here.
pub fn is_approved(private_dir: &Path, plan: &PlanId) -> io::Result<bool> {
    let file = match File::open(path(private_dir)) {
        Ok(file) => file,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(fault) => return Err(fault),
    };
    for line in BufReader::new(file).lines() {
        if line?.trim() == plan.as_str() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Lets the plan run here from now on.
pub fn approve(private_dir: &Path, plan: &PlanId) -> io::Result<()> {
    if is_approved(private_dir, plan)? {
        return Ok(());
    }
    std::fs::create_dir_all(private_dir)?;
    let mut file = OpenOptions::new().append(true).create(true).open(path(private_dir))?;
    // One write: a line of another process cannot come in between.
    file.write_all(format!("{plan}\n").as_bytes())?;
    file.sync_all()
}
