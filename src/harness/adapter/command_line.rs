//! From a contract's arguments to the command line of one call.

use std::path::Path;

use super::call::{ArgvError, Call};
use crate::format::config::{Argument, Piece, Runner, Template, Variable};
use crate::harness::supervisor::own_executable;

/// Bytes of one argument on Linux, with the zero at its end.
const MAX_ARGUMENT_BYTES: usize = 128 * 1024;

/// What a variable holds.
enum Held {
    One(String),
    Many(Vec<String>),
}

/// The values of one call.
pub(super) struct Values<'a> {
    pub(super) runner: &'a Runner,
    pub(super) call: &'a Call,
}

impl Values<'_> {
    /// Program and arguments.
    pub(super) fn argv(&self, arguments: &[Argument]) -> Result<Vec<String>, ArgvError> {
        let argv = self.expand(arguments)?;
        if argv.first().is_none_or(|program| program.trim().is_empty()) {
            return Err(ArgvError::Empty);
        }
        if let Some(long) = argv.iter().find(|argument| argument.len() >= MAX_ARGUMENT_BYTES) {
            return Err(ArgvError::TooLong { bytes: long.len(), most: MAX_ARGUMENT_BYTES - 1 });
        }
        Ok(argv)
    }

    fn expand(&self, arguments: &[Argument]) -> Result<Vec<String>, ArgvError> {
        let mut filled = Vec::new();
        for argument in arguments {
            match argument {
                Argument::One(template) => match template.only_variable().map(|it| self.held(it)) {
                    Some(held) => match held? {
                        Held::One(text) => filled.push(text),
                        Held::Many(texts) => filled.extend(texts),
                    },
                    None => filled.push(self.fill(template)?),
                },
                Argument::Group(group) => self.group(group, &mut filled)?,
            }
        }
        Ok(filled)
    }

    /// Arguments that belong together: none where a variable is empty, else once for each element of their list.
    fn group(&self, group: &[Template], filled: &mut Vec<String>) -> Result<(), ArgvError> {
        let mut elements = None;
        for variable in group.iter().flat_map(Template::variables) {
            match self.held(variable)? {
                Held::One(text) if text.is_empty() => return Ok(()),
                Held::One(_) => {}
                Held::Many(texts) => elements = Some(texts),
            }
        }
        for element in elements.map_or_else(|| vec![None], |all| all.into_iter().map(Some).collect()) {
            for template in group {
                filled.push(self.fill_with(template, element.as_deref())?);
            }
        }
        Ok(())
    }

    /// One argument. A value is never read as a template again.
    pub(super) fn fill(&self, template: &Template) -> Result<String, ArgvError> {
        self.fill_with(template, None)
    }

    fn fill_with(&self, template: &Template, element: Option<&str>) -> Result<String, ArgvError> {
        let mut filled = String::new();
        for piece in template.pieces() {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Variable(variable) => match (self.held(*variable)?, element) {
                    (Held::One(text), _) => filled.push_str(&text),
                    (Held::Many(_), Some(element)) => filled.push_str(element),
                    // A contract has no list within a text.
                    (Held::Many(texts), None) => filled.push_str(&texts.join(" ")),
                },
            }
        }
        Ok(filled)
    }

    fn held(&self, variable: Variable) -> Result<Held, ArgvError> {
        let Self { runner, call } = *self;
        Ok(Held::One(match variable {
            Variable::Workdir => text(&call.workdir)?,
            Variable::RunDir => text(&call.run_dir)?,
            Variable::InvDir => text(&call.inv_dir)?,
            Variable::ResultFile => text(&call.result_file)?,
            Variable::ResultDir => call.result_file.parent().map_or(Ok(String::new()), text)?,
            Variable::Outbox => text(&call.outbox)?,
            Variable::PromptFile => text(&call.prompt_file)?,
            Variable::Prompt => call.prompt.clone(),
            Variable::GitCommonDir => text(&call.git_common_dir)?,
            Variable::FinalFile => match &runner.final_file {
                Some(file) => self.fill(file)?,
                None => String::new(),
            },
            Variable::Session => call.resume.clone().unwrap_or_default(),
            Variable::Model => call.model.clone().unwrap_or_default(),
            Variable::Stage => call.stage.to_string(),
            Variable::Attempt => call.attempt.to_string(),
            Variable::Millrace => text(&own_executable().map_err(|_| ArgvError::Empty)?)?,
            Variable::Command => runner.command.clone().unwrap_or_default(),
            Variable::Profile => runner.profile.clone().unwrap_or_default(),
            Variable::Script => text(&call.workdir.join(runner.script.as_deref().unwrap_or_default()))?,
            Variable::Args => return Ok(Held::Many(runner.args.clone())),
            Variable::ExtraConfig => return Ok(Held::Many(runner.extra_config.clone())),
            Variable::SkipGitRepoCheck => return Ok(Held::Many(runner.skip_flag().into_iter().collect())),
            Variable::Level => {
                let flags = runner.levels.get(&call.permission).map_or(&[][..], Vec::as_slice);
                return Ok(Held::Many(self.expand(flags)?));
            }
        }))
    }
}

/// A path as an argument.
fn text(path: &Path) -> Result<String, ArgvError> {
    path.to_str().map(str::to_owned).ok_or_else(|| ArgvError::NotUtf8(path.to_path_buf()))
}
