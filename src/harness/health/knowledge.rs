//! What is known of each harness beyond its contract: data, a table for each kind.

use crate::format::config::RunnerKind;

/// What is known of a harness, beyond its contract.
#[derive(Debug)]
pub struct Knowledge {
    /// The kind of its contract.
    pub kind: RunnerKind,
    /// The options that a stage is started with, by the help text that lists them. What a program takes and does not
    /// list cannot be looked for and is not here.
    pub helps: &'static [Help],
    /// Where a login can be; one is enough.
    pub(super) logins: &'static [Login],
    /// What to do where there is none.
    pub(super) log_in: &'static str,
}

/// One help text.
#[derive(Debug)]
pub struct Help {
    /// The arguments behind the first ones and before `--help`.
    pub arguments: &'static [&'static str],
    /// What it has to list.
    pub options: &'static [&'static str],
}

/// A place for a login.
#[derive(Debug)]
pub(super) enum Login {
    /// A variable.
    Variable(&'static str),
    /// Any variable whose name ends so.
    AnyVariable(&'static str),
    /// A file below the folder that a variable names, else below a folder of the user's home.
    File { home: &'static str, default: &'static str, name: &'static str },
}

/// Codex, as of 0.169.
pub const CODEX_CLI: Knowledge = Knowledge {
    kind: RunnerKind::CodexCli,
    helps: &[
        Help {
            arguments: &[],
            options: &[
                "--json",
                "--skip-git-repo-check",
                "--output-last-message",
                "--cd",
                "--model",
                "--sandbox",
                "--add-dir",
                "--dangerously-bypass-approvals-and-sandbox",
                "--profile",
                "--config",
            ],
        },
        Help { arguments: &["resume"], options: &["--json", "--output-last-message", "--model", "--config"] },
    ],
    logins: &[
        Login::Variable("CODEX_API_KEY"),
        Login::File { home: "CODEX_HOME", default: ".codex", name: "auth.json" },
    ],
    log_in: "run `codex login`, or set CODEX_API_KEY where the runtime starts",
};

/// Claude Code, as of 2.1.
pub const CLAUDE_CODE: Knowledge = Knowledge {
    kind: RunnerKind::ClaudeCode,
    helps: &[Help {
        arguments: &[],
        options: &[
            "--print",
            "--output-format",
            "--verbose",
            "--permission-mode",
            "--allowedTools",
            "--dangerously-skip-permissions",
            "--model",
            "--session-id",
            "--resume",
            "--add-dir",
        ],
    }],
    logins: &[
        Login::Variable("ANTHROPIC_API_KEY"),
        Login::Variable("ANTHROPIC_AUTH_TOKEN"),
        Login::Variable("CLAUDE_CODE_OAUTH_TOKEN"),
        Login::Variable("CLAUDE_CODE_USE_BEDROCK"),
        Login::Variable("CLAUDE_CODE_USE_VERTEX"),
        Login::File { home: "CLAUDE_CONFIG_DIR", default: ".claude", name: ".credentials.json" },
    ],
    log_in: "start `claude` once and log in, or set ANTHROPIC_API_KEY where the runtime starts",
};

/// aider, as of 0.86.
pub const AIDER: Knowledge = Knowledge {
    kind: RunnerKind::Aider,
    helps: &[Help {
        arguments: &[],
        options: &[
            "--message-file",
            "--model",
            "--yes-always",
            "--no-pretty",
            "--no-stream",
            "--no-gitignore",
            "--no-auto-commits",
            "--no-dirty-commits",
        ],
    }],
    logins: &[Login::AnyVariable("_API_KEY")],
    log_in: "set the key of its model where the runtime starts, and name it in `env_pass`",
};

/// Every harness that something is known of.
pub const SHIPPED: [&Knowledge; 3] = [&CODEX_CLI, &CLAUDE_CODE, &AIDER];

/// What is known of the harness of a kind of contract.
#[must_use]
pub fn of_kind(kind: RunnerKind) -> Option<&'static Knowledge> {
    SHIPPED.into_iter().find(|knowledge| knowledge.kind == kind)
}
