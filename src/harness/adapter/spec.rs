//! A runner as the harness floor uses it: its contract, applied to one call.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::call::{ArgvError, Call};
use super::command_line::Values;
use crate::domain::permission::PermissionLevel;
use crate::format::config::{Piece, PromptBy, RefusesRoot, Runner, Variable};
use crate::harness::parser::Parser;

/// How a harness is started, bounded and read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunnerSpec {
    contract: Runner,
}

impl From<Runner> for RunnerSpec {
    fn from(contract: Runner) -> Self {
        Self { contract }
    }
}

impl RunnerSpec {
    /// The contract.
    #[must_use]
    pub fn contract(&self) -> &Runner {
        &self.contract
    }

    /// The command line of one call: that of a resumed session where the call names one.
    pub fn argv(&self, call: &Call) -> Result<Vec<String>, ArgvError> {
        let arguments = match &call.resume {
            Some(_) if self.can_resume() => &self.contract.resume_argv,
            Some(_) => return Err(ArgvError::NoResume),
            None => &self.contract.argv,
        };
        self.values(call).argv(arguments)
    }

    fn values<'a>(&'a self, call: &'a Call) -> Values<'a> {
        Values { runner: &self.contract, call }
    }

    /// The program, as the command line names it; none where a variable of a call would say it.
    #[must_use]
    pub fn program(&self) -> Option<&str> {
        match self.contract.argv.first()?.templates().first()?.pieces() {
            [Piece::Variable(Variable::Command)] => self.contract.command.as_deref(),
            [Piece::Text(program)] => Some(program),
            _ => None,
        }
    }

    /// Whether it can go on with a session.
    #[must_use]
    pub fn can_resume(&self) -> bool {
        !self.contract.resume_argv.is_empty()
    }

    /// Whether the harness reads its prompt from stdin; else its stdin is empty.
    #[must_use]
    pub fn reads_stdin(&self) -> bool {
        self.contract.prompt == PromptBy::Stdin
    }

    /// The variables that the runner gets of the runtime's environment, beyond those that every harness gets.
    #[must_use]
    pub fn passed_variables(&self) -> Vec<&str> {
        self.contract.env_needs.iter().chain(&self.contract.env_pass).map(String::as_str).collect()
    }

    /// The variables that its configuration sets.
    #[must_use]
    pub fn set_variables(&self) -> &BTreeMap<String, String> {
        &self.contract.env
    }

    /// How its output is read.
    #[must_use]
    pub fn parser(&self) -> &Parser {
        &self.contract.parser
    }

    /// The file that it writes its final message to. One whose path has no text form is none: its command line could
    /// not be built either.
    #[must_use]
    pub fn final_file(&self, call: &Call) -> Option<PathBuf> {
        let template = self.contract.final_file.as_ref()?;
        self.values(call).fill(template).ok().map(|path| call.workdir.join(path))
    }

    /// Who holds a stage to this permission level, in words for people; `None` where nobody does.
    #[must_use]
    pub fn enforcer(&self, level: PermissionLevel) -> Option<&str> {
        self.contract.enforcer(level)
    }

    /// Whether this exit code is that of a harness that could do its part.
    #[must_use]
    pub fn ok_exit(&self, code: i32) -> bool {
        holds(&self.contract.ok_exits, code)
    }

    /// Whether this exit code means that the harness could not work, by the runner's configuration.
    #[must_use]
    pub fn is_declared_infrastructure(&self, code: i32) -> bool {
        holds(&self.contract.infra_exits, code)
    }

    /// What keeps root from this level, where `environment` does not have what lets it.
    #[must_use]
    pub fn refuses_root(
        &self,
        level: PermissionLevel,
        environment: &BTreeMap<String, String>,
    ) -> Option<&RefusesRoot> {
        let refuses = self.contract.refuses_root.as_ref().filter(|refuses| refuses.level == level)?;
        let lets = |(name, value): &(String, String)| environment.get(name) == Some(value);
        (!refuses.unless.iter().any(lets)).then_some(refuses)
    }
}

fn holds(codes: &[u8], code: i32) -> bool {
    u8::try_from(code).is_ok_and(|code| codes.contains(&code))
}
