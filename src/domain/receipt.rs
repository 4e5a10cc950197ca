//! Requests that are answered once: `receipts/<2 hex>/<request-id>`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::item::ItemRef;

/// How a request was answered. Only the latest of them are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The number of the commit that answered it.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// The operation that was asked for.
    pub op: String,
    /// What it was about, where it was about items.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<ItemRef>,
}
