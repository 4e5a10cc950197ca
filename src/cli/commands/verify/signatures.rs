//! Signatures on the ledger's commits, as git judges them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::page::Page;
use crate::domain::oid::Oid;
use crate::ledger::git::command::GitCommand;
use crate::ledger::verify::Report;
use crate::runtime::project::Project;

/// What there is of signatures among the commits that were replayed.
#[derive(Debug, Default, Serialize)]
pub(super) struct Signatures {
    pub(super) signed: u64,
    unsigned: u64,
    /// The oldest commit without one that comes after a commit with one: signing has stopped there, or somebody else
    /// wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_gap: Option<Oid>,
    /// Whether git was asked.
    pub(super) checked: bool,
    /// Good ones of keys that git trusts.
    good: u64,
    /// Good or not, of keys that git does not know or not trust.
    unknown: u64,
    bad: u64,
    /// Who signed, in git's words, with how many.
    keys: BTreeMap<String, u64>,
}

impl Signatures {
    pub(super) fn of(report: &Report) -> Self {
        Self {
            signed: report.signed.len() as u64,
            unsigned: report.unsigned.len() as u64,
            first_gap: report.first_gap(),
            ..Self::default()
        }
    }

    /// Whether every commit has a good signature.
    pub(super) fn proves(&self) -> bool {
        self.checked && self.unsigned == 0 && self.signed > 0 && self.good == self.signed
    }

    /// Has git check these commits; gives the bad ones.
    pub(super) fn check(&mut self, project: &Project, signed: &[Oid]) -> Result<Vec<(Oid, String)>, Failure> {
        self.checked = true;
        if signed.is_empty() {
            return Ok(Vec::new());
        }
        let mut input = String::new();
        for oid in signed {
            // Writing to a string cannot fail.
            let _ = writeln!(input, "{oid}");
        }
        let output = GitCommand::new(&project.repository.git_dir, "log")
            .args(["--no-walk=unsorted", "--stdin", "--format=%H%x00%G?%x00%GF%x00%GS"])
            .run(input.as_bytes())?;
        let mut bad = Vec::new();
        let mut seen = BTreeSet::new();
        for line in String::from_utf8_lossy(&output).lines() {
            let mut fields = line.split('\0');
            let Some(oid) = fields.next().and_then(|hex| hex.parse::<Oid>().ok()) else { continue };
            let verdict = fields.next().unwrap_or_default();
            let key = fields.next().unwrap_or_default();
            let signer = fields.next().unwrap_or_default();
            if !seen.insert(oid) {
                continue;
            }
            match verdict {
                "G" => self.good += 1,
                "B" => {
                    self.bad += 1;
                    bad.push((oid, format!("git calls its signature bad (key {key})")));
                }
                "R" => {
                    self.bad += 1;
                    bad.push((oid, format!("its signature is of a key that was revoked ({key})")));
                }
                // Expired, of a key that is not trusted, or not there.
                _ => self.unknown += 1,
            }
            if !key.is_empty() {
                let name = if signer.is_empty() { key.to_owned() } else { format!("{signer} ({key})") };
                *self.keys.entry(name).or_default() += 1;
            }
        }
        Ok(bad)
    }

    pub(super) fn text(&self, page: &mut Page) {
        if self.signed == 0 {
            return;
        }
        let of = self.signed + self.unsigned;
        let judged = if self.checked {
            format!(
                ": {} good, {} of keys that git does not know or trust, {} bad",
                self.good, self.unknown, self.bad
            )
        } else {
            String::new()
        };
        page.line(format!("{} of {of} commits are signed{judged}", self.signed));
        for (key, number) in &self.keys {
            page.line(format!("  {number} by {key}"));
        }
        if let Some(gap) = self.first_gap {
            page.line(format!(
                "signed and unsigned commits are mixed: {} is not signed, and one before it is",
                gap.short()
            ));
        }
    }
}
