//! The contract with a harness: everything that is needed to start it, to bound it and to read it, as data. A shipped
//! harness is a file of the same keys that an operator writes; what an operator writes wins, key by key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use toml::de::DeTable;

use super::contract_keys;
use super::reading::Parser;
use super::section::{Section, Source};
use super::template::{Argument, Piece, Template, Variable};
use crate::domain::permission::{PermissionLevel, Permissions};

/// The shipped contract that a runner starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RunnerKind {
    /// Codex CLI.
    CodexCli,
    /// Claude Code.
    ClaudeCode,
    /// aider.
    Aider,
    /// Any program.
    Command,
    /// The embedded harness.
    Scripted,
}

impl RunnerKind {
    /// Every kind, in the order in which they are told.
    pub const ALL: [Self; 5] = [Self::CodexCli, Self::ClaudeCode, Self::Aider, Self::Command, Self::Scripted];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CodexCli => "codex_cli",
            Self::ClaudeCode => "claude_code",
            Self::Aider => "aider",
            Self::Command => "command",
            Self::Scripted => "scripted",
        }
    }

    /// Whether its shipped contract says everything, so that a runner of this name needs no table.
    #[must_use]
    pub const fn needs_no_table(self) -> bool {
        matches!(self, Self::CodexCli | Self::ClaudeCode | Self::Aider)
    }

    /// The text of its shipped contract.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::CodexCli => include_str!("../../assets/runners/codex_cli.toml"),
            Self::ClaudeCode => include_str!("../../assets/runners/claude_code.toml"),
            Self::Aider => include_str!("../../assets/runners/aider.toml"),
            Self::Command => include_str!("../../assets/runners/command.toml"),
            Self::Scripted => include_str!("../../assets/runners/scripted.toml"),
        }
    }

    /// Its shipped contract.
    pub(super) fn shipped(self) -> &'static Runner {
        static SHIPPED: LazyLock<[Runner; 5]> = LazyLock::new(|| RunnerKind::ALL.map(read_shipped));
        &SHIPPED[self as usize]
    }
}

/// A test reads every shipped contract, so none of them can be wrong.
fn read_shipped(kind: RunnerKind) -> Runner {
    let source = Source::new(kind.as_str(), kind.text());
    let table = DeTable::parse(kind.text()).expect("a shipped contract is TOML");
    let section = Section::new(&source, "", 1, table.get_ref());
    contract_keys::read(&section, Runner::blank(kind)).expect("a shipped contract can be read")
}

/// How a harness gets its prompt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PromptBy {
    /// As its stdin.
    #[default]
    Stdin,
    /// As a file, `{prompt_file}`; its stdin is empty.
    File,
    /// As an argument, `{prompt}`; its stdin is empty.
    Argument,
}

impl PromptBy {
    /// The words of the configuration.
    pub const WORDS: [(&'static str, Self); 3] =
        [("stdin", Self::Stdin), ("file", Self::File), ("argument", Self::Argument)];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(_, by)| *by == self).map_or("stdin", |(word, _)| word)
    }
}

/// A harness that does not do a level for root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusesRoot {
    /// The level.
    pub level: PermissionLevel,
    /// Variables with their values; one of them in its environment, and it does.
    pub unless: Vec<(String, String)>,
}

/// Who holds a stage to its level where nobody does.
pub const NOBODY: &str = "nobody";

/// Seconds between TERM and KILL where nothing else is said, and the least.
pub const MIN_GRACE_SECONDS: u64 = 10;

/// Bytes kept of each output stream where nothing else is said: long streams of real stages have some 10 MB.
pub const DEFAULT_OUTPUT_BYTES: u64 = 64 * 1024 * 1024;

/// One runner: the contract with its harness, complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runner {
    /// The shipped contract that it started from.
    pub kind: RunnerKind,
    /// The command line; its first argument is the program.
    pub argv: Vec<Argument>,
    /// The command line that goes on with a session; empty: there is none.
    pub resume_argv: Vec<Argument>,
    /// `{command}`
    pub command: Option<String>,
    /// `{args}`
    pub args: Vec<String>,
    /// `{profile}`
    pub profile: Option<String>,
    /// `{skip_git_repo_check}`
    pub skip_git_repo_check: bool,
    /// `{extra_config}`
    pub extra_config: Vec<String>,
    /// `{script}`
    pub script: Option<String>,
    /// How the prompt comes.
    pub prompt: PromptBy,
    /// Variables that its processes get, with their values. They are part of the frozen plan.
    pub env: BTreeMap<String, String>,
    /// Names of variables of the runtime's own environment that the harness itself needs; `*` at the end stands for
    /// anything.
    pub env_needs: Vec<String>,
    /// Names of further variables that the operator passes on, likewise.
    pub env_pass: Vec<String>,
    /// What `{level}` stands for at each level that the harness has.
    pub levels: BTreeMap<PermissionLevel, Vec<Argument>>,
    /// Who holds a stage to a level, in words; [`NOBODY`] where it is not said.
    pub enforced_by: BTreeMap<PermissionLevel, String>,
    /// Exit codes of a harness that could do its part.
    pub ok_exits: Vec<u8>,
    /// Exit codes that say "the harness is out of order", not "the work failed".
    pub infra_exits: Vec<u8>,
    /// Seconds of one stage that says nothing itself.
    pub timeout_seconds: Option<u64>,
    /// Seconds without any output after which a stage is ended; `None`: never.
    pub silence_seconds: Option<u64>,
    /// Seconds between TERM and KILL.
    pub grace_seconds: u64,
    /// Bytes kept of each output stream.
    pub output_bytes: u64,
    /// How its output is read.
    pub parser: Parser,
    /// The file that it writes its final message to; that wins over the stream's.
    pub final_file: Option<Template>,
    /// Whether its launches use a model's tokens.
    pub metered: bool,
    /// What it does not do for root.
    pub refuses_root: Option<RefusesRoot>,
    /// How much the harness may do.
    pub permissions: Permissions,
}

impl Runner {
    /// The shipped contract of a kind.
    #[must_use]
    pub fn shipped(kind: RunnerKind) -> Self {
        kind.shipped().clone()
    }

    /// What every contract begins as.
    pub(super) fn blank(kind: RunnerKind) -> Self {
        Self {
            kind,
            argv: Vec::new(),
            resume_argv: Vec::new(),
            command: None,
            args: Vec::new(),
            profile: None,
            skip_git_repo_check: false,
            extra_config: Vec::new(),
            script: None,
            prompt: PromptBy::Stdin,
            env: BTreeMap::new(),
            env_needs: Vec::new(),
            env_pass: Vec::new(),
            levels: BTreeMap::new(),
            enforced_by: BTreeMap::new(),
            ok_exits: vec![0],
            infra_exits: Vec::new(),
            timeout_seconds: None,
            silence_seconds: None,
            grace_seconds: MIN_GRACE_SECONDS,
            output_bytes: DEFAULT_OUTPUT_BYTES,
            parser: Parser::Text,
            final_file: None,
            metered: true,
            refuses_root: None,
            permissions: Permissions::default(),
        }
    }

    /// The variables that its command lines use, those within `{level}` and `{final_file}` included.
    #[must_use]
    pub fn used(&self) -> BTreeSet<Variable> {
        let lines = self.argv.iter().chain(&self.resume_argv);
        let of_levels = self.levels.values().flatten();
        let of_file = self.final_file.iter().flat_map(Template::variables);
        lines.chain(of_levels).flat_map(Argument::variables).chain(of_file).collect()
    }

    /// Whether the harness has this level. One whose command line has no `{level}` has them all, and they mean the same.
    #[must_use]
    pub fn has_level(&self, level: PermissionLevel) -> bool {
        self.levels.is_empty() || self.levels.contains_key(&level)
    }

    /// Who holds a stage to this level; `None`: nobody.
    #[must_use]
    pub fn enforcer(&self, level: PermissionLevel) -> Option<&str> {
        self.enforced_by.get(&level).map(String::as_str).filter(|who| *who != NOBODY)
    }

    /// What a level means for it, as it stands in its command line.
    #[must_use]
    pub fn level_in_words(&self, level: PermissionLevel) -> String {
        match self.levels.get(&level) {
            Some(flags) if !flags.is_empty() => in_words(flags),
            _ => "no flags".to_owned(),
        }
    }

    /// The command line for people: what the configuration says is filled in, what each call has stays a variable, and
    /// what may be left out stands in brackets.
    #[must_use]
    pub fn command_line(&self) -> Vec<String> {
        let mut shown = Vec::new();
        for argument in &self.argv {
            let lists = || argument.variables().find_map(|variable| self.listed(variable));
            match argument {
                Argument::One(template) => match template.only_variable().and_then(|it| self.listed(it)) {
                    Some(elements) => shown.extend(elements),
                    None => shown.push(self.shown(template, "")),
                },
                Argument::Group(group) => {
                    let said = |it: Variable| self.said(it).is_none_or(|text| !text.is_empty());
                    if !argument.variables().all(said) {
                        continue;
                    }
                    if let Some(elements) = lists() {
                        for element in elements {
                            shown.extend(group.iter().map(|template| self.shown(template, &element)));
                        }
                        continue;
                    }
                    let words: Vec<String> = group.iter().map(|template| self.shown(template, "")).collect();
                    let of_call = argument.variables().any(|it| self.said(it).is_none());
                    shown.push(if of_call { format!("[{}]", words.join(" ")) } else { words.join(" ") });
                }
            }
        }
        shown
    }

    fn shown(&self, template: &Template, element: &str) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Variable(variable) if self.listed(*variable).is_some() => element.to_owned(),
            Piece::Variable(variable) => {
                self.said(*variable).map_or_else(|| format!("{{{}}}", variable.as_str()), ToOwned::to_owned)
            }
        };
        template.pieces().iter().map(piece).collect()
    }

    /// The value of a variable that is a key.
    fn said(&self, variable: Variable) -> Option<&str> {
        match variable {
            Variable::Command => Some(self.command.as_deref().unwrap_or_default()),
            Variable::Profile => Some(self.profile.as_deref().unwrap_or_default()),
            Variable::Script => Some(self.script.as_deref().unwrap_or_default()),
            _ => None,
        }
    }

    /// The elements of a variable that is a key with a list.
    fn listed(&self, variable: Variable) -> Option<Vec<String>> {
        match variable {
            Variable::Args => Some(self.args.clone()),
            Variable::ExtraConfig => Some(self.extra_config.clone()),
            Variable::SkipGitRepoCheck => Some(self.skip_flag().into_iter().collect()),
            _ => None,
        }
    }

    /// What `{skip_git_repo_check}` stands for.
    #[must_use]
    pub fn skip_flag(&self) -> Option<String> {
        self.skip_git_repo_check.then(|| "--skip-git-repo-check".to_owned())
    }
}

/// Arguments in a row, for people.
#[must_use]
pub fn in_words(arguments: &[Argument]) -> String {
    arguments.iter().map(Argument::to_string).collect::<Vec<_>>().join(" ")
}
