//! Codex CLI: `codex exec --json`, prompt by stdin (flags as of 0.169).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::call::{ArgvError, Call, text};
use crate::domain::permission::PermissionLevel;
use crate::harness::invocation::LAST_MESSAGE_FILE;

/// Variables that Codex needs of the runtime's environment beyond those that every harness gets: its home and its
/// keys.
pub(super) const PASS: &[&str] = &["CODEX_*", "OPENAI_*"];

/// The table `[runners.codex]`, as far as it makes the command line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CodexSpec {
    /// The program.
    pub command: String,
    /// Its first arguments.
    pub args: Vec<String>,
    /// The profile to use, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Whether it may work in a directory that it does not take for a trusted repository.
    pub skip_git_repo_check: bool,
    /// Configuration items (`key=value`), each given by `-c`.
    pub extra_config: Vec<String>,
    /// Variables that are set for it.
    pub env: BTreeMap<String, String>,
}

impl Default for CodexSpec {
    fn default() -> Self {
        Self {
            command: "codex".to_owned(),
            args: vec!["exec".to_owned()],
            profile: None,
            skip_git_repo_check: true,
            extra_config: Vec::new(),
            env: BTreeMap::new(),
        }
    }
}

impl CodexSpec {
    /// The command line of one call.
    pub fn argv(&self, call: &Call) -> Result<Vec<String>, ArgvError> {
        if self.command.trim().is_empty() {
            return Err(ArgvError::Empty);
        }
        let mut argv = vec![self.command.clone()];
        argv.extend(self.args.iter().cloned());
        argv.push("--json".to_owned());
        if self.skip_git_repo_check {
            argv.push("--skip-git-repo-check".to_owned());
        }
        argv.extend(["-o".to_owned(), text(&call.inv_dir.join(LAST_MESSAGE_FILE))?]);
        argv.extend(["--cd".to_owned(), text(&call.workdir)?]);
        if let Some(model) = &call.model {
            argv.extend(["-m".to_owned(), model.clone()]);
        }
        argv.extend(level(call)?);
        if let Some(profile) = &self.profile {
            argv.extend(["--profile".to_owned(), profile.clone()]);
        }
        for item in &self.extra_config {
            argv.extend(["-c".to_owned(), item.clone()]);
        }
        argv.push("-".to_owned());
        Ok(argv)
    }
}

/// The flags of a permission level. Codex itself enforces them, by its sandbox.
fn level(call: &Call) -> Result<Vec<String>, ArgvError> {
    Ok(match call.permission {
        PermissionLevel::Basic => vec!["-s".to_owned(), "read-only".to_owned()],
        PermissionLevel::Elevated => {
            let mut flags = vec!["-s".to_owned(), "workspace-write".to_owned()];
            // Without these two the sandbox lets it neither commit nor report.
            flags.extend(["--add-dir".to_owned(), text(&call.git_common_dir)?]);
            if let Some(folder) = call.result_file.parent() {
                flags.extend(["--add-dir".to_owned(), text(folder)?]);
            }
            flags
        }
        PermissionLevel::Maximum => vec!["--dangerously-bypass-approvals-and-sandbox".to_owned()],
    })
}
