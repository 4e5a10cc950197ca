//! What is known of each harness beyond how to call it: data, a table for each adapter.

use crate::domain::permission::PermissionLevel;

/// What an adapter knows of its harness.
#[derive(Debug)]
pub struct Knowledge {
    /// The adapter.
    pub adapter: &'static str,
    /// The program, where no runner names another one.
    pub program: &'static str,
    /// Its first arguments, likewise.
    pub arguments: &'static [&'static str],
    /// Variables of the runtime's environment that it gets, where no runner says so; a `*` at the end stands for
    /// anything.
    pub passes: &'static [&'static str],
    /// The options that a stage is started with, by the help text that lists them. What a program takes and does not
    /// list cannot be looked for and is not here.
    pub helps: &'static [Help],
    /// Where a login can be; one is enough.
    pub(super) logins: &'static [Login],
    /// What to do where there is none.
    pub(super) log_in: &'static str,
    /// What it refuses to root.
    pub(super) as_root: Option<AsRoot>,
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

/// A level that root is refused.
#[derive(Debug)]
pub(super) struct AsRoot {
    pub(super) level: PermissionLevel,
    /// Variables with the values that lift it.
    pub(super) unless: &'static [(&'static str, &'static str)],
    pub(super) advice: &'static str,
}

/// Codex, as of 0.169.
pub const CODEX_CLI: Knowledge = Knowledge {
    adapter: "codex_cli",
    program: "codex",
    arguments: &["exec"],
    passes: &["CODEX_*", "OPENAI_*"],
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
    as_root: None,
};

/// Claude Code, as of 2.1.
pub const CLAUDE_CODE: Knowledge = Knowledge {
    adapter: "claude_code",
    program: "claude",
    arguments: &[],
    passes: &["ANTHROPIC_*", "CLAUDE_*", "IS_SANDBOX"],
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
    as_root: Some(AsRoot {
        level: PermissionLevel::Maximum,
        unless: &[("IS_SANDBOX", "1"), ("CLAUDE_CODE_BUBBLEWRAP", "1")],
        advice: "run as another user, give its stages a lower level, or, in a container that holds nothing else, set \
                 IS_SANDBOX=1 in the runner's `env`",
    }),
};

/// aider, as of 0.86.
pub const AIDER: Knowledge = Knowledge {
    adapter: "aider",
    program: "aider",
    arguments: &[],
    passes: &["AIDER_*", "OPENAI_*", "ANTHROPIC_*"],
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
    as_root: None,
};

/// Every harness that something is known of.
pub const SHIPPED: [&Knowledge; 3] = [&CODEX_CLI, &CLAUDE_CODE, &AIDER];

/// What is known of the harness of an adapter.
#[must_use]
pub fn of_adapter(adapter: &str) -> Option<&'static Knowledge> {
    SHIPPED.into_iter().find(|knowledge| knowledge.adapter == adapter)
}
