//! What a stage may do to the machine, in the reference runtime's three levels.

use serde::{Deserialize, Serialize};

/// The permission level of a stage; who enforces it is the adapter's to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PermissionLevel {
    /// May read; writes nothing and has no network.
    Basic,
    /// May write in the work tree, the git directory and the directory of its result file.
    Elevated,
    /// May do what the user may.
    Maximum,
}

impl PermissionLevel {
    /// Whether a stage at this level can write its result file.
    #[must_use]
    pub fn can_write(self) -> bool {
        self != Self::Basic
    }
}
