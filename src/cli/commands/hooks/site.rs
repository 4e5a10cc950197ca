//! Where hooks stand: what all commands about them start from.

use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::domain::hook::Hook;
use crate::workspace::discover::Repository;
use crate::workspace::hooks::{ChangeError, Folder, FolderError, Place, Theirs, folders, look, stable_path};

/// A repository, its folders of hooks, and the program that hooks call.
pub(super) struct Site {
    pub(super) repository: Repository,
    /// First the one that git looks into.
    pub(super) folders: Vec<Folder>,
    pub(super) program: PathBuf,
}

impl Site {
    /// Of the repository that is worked in. No ledger is needed.
    pub(super) fn open(context: &Context) -> Result<Self, Failure> {
        let repository = Repository::discover(&context.workspace)
            .map_err(|error| Failure::from(crate::runtime::project::OpenError::Discover(error)))?;
        let folders = folders(&repository)?;
        Ok(Self { repository, folders, program: program()? })
    }

    /// The folder that git looks into.
    pub(super) fn used(&self) -> &Folder {
        &self.folders[0]
    }
}

/// This program, as a hook calls it.
pub(in crate::cli::commands) fn program() -> Result<PathBuf, Failure> {
    let own = std::env::current_exe().map_err(|source| ChangeError {
        action: "find",
        path: PathBuf::from("millrace"),
        source,
    })?;
    Ok(stable_path(&own, std::env::var_os("PATH").as_deref()))
}

/// What stands at a hook's place, and what was moved aside from there.
pub(super) fn looked(folder: &Path, hook: Hook, program: &Path) -> Result<(Place, Option<Theirs>), Failure> {
    let failed = |source| ChangeError { action: "look at", path: folder.join(hook.as_str()), source };
    Ok(look(folder, hook, program).map_err(failed)?)
}

impl From<FolderError> for Failure {
    fn from(error: FolderError) -> Self {
        match error {
            FolderError::Git(error) => error.into(),
            FolderError::Look { .. } => Self::failed(error),
        }
    }
}

impl From<ChangeError> for Failure {
    fn from(error: ChangeError) -> Self {
        Self::failed(error)
    }
}

/// A hook by its name.
pub(super) fn hook() -> impl TypedValueParser<Value = Hook> {
    PossibleValuesParser::new(Hook::ALL.map(Hook::as_str)).map(|name| {
        // The parser takes no other.
        Hook::ALL.into_iter().find(|hook| hook.as_str() == name).unwrap_or(Hook::PostReceive)
    })
}
