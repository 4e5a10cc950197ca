//! How much a harness may do, and who says so.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::StageName;

/// What a harness may do on this machine. What a level means is the adapter's business; the order is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PermissionLevel {
    /// The harness's own sandbox and questions stay on.
    Basic,
    /// No questions, wide access.
    Elevated,
    /// No questions and no sandbox: everything that the user running it may do.
    Maximum,
}

impl PermissionLevel {
    /// All levels, the narrowest first.
    pub const ALL: [Self; 3] = [Self::Basic, Self::Elevated, Self::Maximum];

    /// Whether a stage at this level can write files, its result file among them.
    #[must_use]
    pub fn can_write(self) -> bool {
        self != Self::Basic
    }

    /// The level as one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Elevated => "elevated",
            Self::Maximum => "maximum",
        }
    }
}

impl fmt::Display for PermissionLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Which key said a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PermissionRule {
    /// `permission_by_stage`
    Stage,
    /// `permission_by_model`
    Model,
    /// `permission_default`
    Default,
}

/// The permission keys of one runner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permissions {
    /// For stages and models that nothing else names; `maximum` unless it is set.
    pub default: PermissionLevel,
    /// By stage; wins over everything else.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_stage: BTreeMap<StageName, PermissionLevel>,
    /// By the exact name of the stage's model.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_model: BTreeMap<String, PermissionLevel>,
}

impl Default for Permissions {
    fn default() -> Self {
        Self { default: PermissionLevel::Maximum, by_stage: BTreeMap::new(), by_model: BTreeMap::new() }
    }
}

impl Permissions {
    /// The level of a stage that runs on a model (`None`: the harness's own choice), and the key that says it: first
    /// by stage, then by model, then the default.
    #[must_use]
    pub fn resolve(&self, stage: &StageName, model: Option<&str>) -> (PermissionLevel, PermissionRule) {
        if let Some(level) = self.by_stage.get(stage) {
            return (*level, PermissionRule::Stage);
        }
        match model.and_then(|model| self.by_model.get(model)) {
            Some(level) => (*level, PermissionRule::Model),
            None => (self.default, PermissionRule::Default),
        }
    }
}
