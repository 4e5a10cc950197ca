//! The user's repository: where it is, what state it is in, snapshots of its code, and the way back.
//!
//! Everything here keeps one promise: the user's index, `HEAD`, branches and object database are never written
//! (git renews the time of an object file that is needed again, as every `git add` does, so that no `gc` removes it).
//! Only two things change files of the work tree, and each names them first: [`restore`] and [`run_dir`]
//! (with [`bootstrap`], which creates what is missing and overwrites nothing).

pub mod bootstrap;
pub mod changes;
pub mod discover;
pub mod going_back;
pub mod head;
pub mod head_log;
pub mod hooks;
pub mod inbox;
mod kept_index;
pub mod landing;
mod no_follow;
pub mod path;
mod private_index;
pub mod quarantine;
pub mod restore;
pub mod run_dir;
pub mod snapshot;
pub mod snapshot_rules;
mod special_files;
pub mod user_index;

pub use kept_index::mend_kept;
pub use no_follow::NoFollowError;
