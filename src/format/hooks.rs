//! What hooks are given and what they make of it: the rules, the lines of git, and the documents that a push becomes.

mod late;
mod lines;
mod made;
mod origin;
mod rule;
mod transaction;

pub use late::at_once;
pub use lines::{BadLine, Update, pre_push, received};
pub use made::{Commit, Made, Push, of_push, of_trailer, wrong_with_template};
pub use origin::{By, Origin};
pub use rule::{DEFAULT_MAX_ITEMS, DEFAULT_REFS, Kind, MAX_MAX_ITEMS, MAX_RULES, Patterns, Rule, Trust};
pub use transaction::{Guarded, Wanted, guarded};
