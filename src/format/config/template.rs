//! The arguments of a harness's command line as its contract writes them: text with variables in braces.

use std::fmt;
use std::str::FromStr;

/// What can stand in braces in an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Variable {
    /// The work tree.
    Workdir,
    /// The folder of this stage in the work tree.
    RunDir,
    /// The directory of this invocation, outside of the work tree.
    InvDir,
    /// Where the stage writes its result file.
    ResultFile,
    /// The folder of the result file.
    ResultDir,
    /// Where the stage puts documents that it wants to enqueue.
    Outbox,
    /// The file that holds the prompt.
    PromptFile,
    /// The prompt itself.
    Prompt,
    /// The repository's common git directory.
    GitCommonDir,
    /// The file of `final_file`.
    FinalFile,
    /// The id of the session to resume.
    Session,
    /// The model; empty where none is asked for.
    Model,
    /// The stage's name.
    Stage,
    /// Which attempt of this stage in this run it is.
    Attempt,
    /// This program.
    Millrace,
    /// The key `command`.
    Command,
    /// The key `profile`.
    Profile,
    /// The key `script`, from the root of the work tree.
    Script,
    /// The key `args`, a list.
    Args,
    /// The key `extra_config`, a list.
    ExtraConfig,
    /// `--skip-git-repo-check` where the key `skip_git_repo_check` is set; a list of one or none.
    SkipGitRepoCheck,
    /// The flags of the stage's permission level, a list.
    Level,
}

impl Variable {
    /// Every variable, in the order in which they are told.
    pub const ALL: [Self; 22] = [
        Self::Workdir,
        Self::RunDir,
        Self::InvDir,
        Self::ResultFile,
        Self::ResultDir,
        Self::Outbox,
        Self::PromptFile,
        Self::Prompt,
        Self::GitCommonDir,
        Self::FinalFile,
        Self::Session,
        Self::Model,
        Self::Stage,
        Self::Attempt,
        Self::Millrace,
        Self::Command,
        Self::Profile,
        Self::Script,
        Self::Args,
        Self::ExtraConfig,
        Self::SkipGitRepoCheck,
        Self::Level,
    ];

    /// Its name, as it stands in the braces.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Workdir => "workdir",
            Self::RunDir => "run_dir",
            Self::InvDir => "inv_dir",
            Self::ResultFile => "result_file",
            Self::ResultDir => "result_dir",
            Self::Outbox => "outbox",
            Self::PromptFile => "prompt_file",
            Self::Prompt => "prompt",
            Self::GitCommonDir => "git_common_dir",
            Self::FinalFile => "final_file",
            Self::Session => "session",
            Self::Model => "model",
            Self::Stage => "stage",
            Self::Attempt => "attempt",
            Self::Millrace => "millrace",
            Self::Command => "command",
            Self::Profile => "profile",
            Self::Script => "script",
            Self::Args => "args",
            Self::ExtraConfig => "extra_config",
            Self::SkipGitRepoCheck => "skip_git_repo_check",
            Self::Level => "level",
        }
    }

    /// Whether it stands for any number of arguments.
    #[must_use]
    pub const fn is_list(self) -> bool {
        matches!(self, Self::Args | Self::ExtraConfig | Self::SkipGitRepoCheck | Self::Level)
    }
}

impl FromStr for Variable {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|variable| variable.as_str() == name).ok_or(())
    }
}

/// Part of an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// As it is.
    Text(String),
    /// What the variable holds.
    Variable(Variable),
}

/// One argument: text with variables. As text, `{{` and `}}` stand for braces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

/// Why a text is no argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateError {
    /// A variable that does not exist.
    Unknown(String),
    /// It ends within a variable.
    Unclosed,
}

impl Template {
    /// Its pieces, in order.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// The variables in it.
    pub fn variables(&self) -> impl Iterator<Item = Variable> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Variable(variable) => Some(*variable),
            Piece::Text(_) => None,
        })
    }

    /// The variable that it is, where it is nothing else.
    #[must_use]
    pub fn only_variable(&self) -> Option<Variable> {
        match self.0.as_slice() {
            [Piece::Variable(variable)] => Some(*variable),
            _ => None,
        }
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(written: &str) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut rest = written;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            text.push_str(before);
            if let Some(after) = from.strip_prefix("{{") {
                text.push('{');
                rest = after;
            } else if let Some(after) = from.strip_prefix('}') {
                text.push('}');
                rest = after.strip_prefix('}').unwrap_or(after);
            } else {
                let (name, after) = from[1..].split_once('}').ok_or(TemplateError::Unclosed)?;
                let variable = name.parse().map_err(|()| TemplateError::Unknown(name.to_owned()))?;
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                }
                pieces.push(Piece::Variable(variable));
                rest = after;
            }
        }
        text.push_str(rest);
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        Ok(Self(pieces))
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}")),
            Piece::Variable(variable) => write!(f, "{{{}}}", variable.as_str()),
        })
    }
}

/// What a command line is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// One argument; where it is a list variable and nothing else, as many as that holds.
    One(Template),
    /// Arguments that belong together: left out where one of their variables is empty, and there as often as their list
    /// variable has elements.
    Group(Vec<Template>),
}

impl Argument {
    /// Its templates.
    #[must_use]
    pub fn templates(&self) -> &[Template] {
        match self {
            Self::One(template) => std::slice::from_ref(template),
            Self::Group(templates) => templates,
        }
    }

    /// The variables in it.
    pub fn variables(&self) -> impl Iterator<Item = Variable> {
        self.templates().iter().flat_map(Template::variables)
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written: Vec<String> = self.templates().iter().map(Template::to_string).collect();
        match self {
            Self::One(_) => f.write_str(&written.join(" ")),
            Self::Group(_) => write!(f, "[{}]", written.join(" ")),
        }
    }
}
