//! Git hooks of ours in the user's repository: put beside theirs, and taken out again so that nothing of them is left.
//!
//! A hook that is there already is never overwritten. It is moved aside to `<name>.before-millrace` and ours, a small
//! sh file, runs it first with all that git gave; moving it back is all that taking ours out needs. So the same file
//! with the same bytes, mode and times stands there afterwards, and what was changed in it meanwhile is kept as well.
//! Ours bears a sum of itself, by which one that somebody edited is told from one that is merely old: the first is
//! left alone and named, the second renewed.

mod change;
mod folder;
mod manager;
mod place;
mod program;
mod script;

pub use change::{ChangeError, Done, Obstacle, Removal, install, obstacles, uninstall, would_take_out};
pub use folder::{Folder, FolderError, Owner, Setting, configured_commands, folders, shared_bits};
pub use manager::Manager;
pub use place::{Ours, Place, Theirs, look};
pub use program::stable_path;
pub use script::{DRY_RUN, State, line, shipped, usual};
