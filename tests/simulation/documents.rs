//! Work documents, as an operator and a stage bring them.

use jiff::Timestamp;
use millrace::domain::item::{Intake, ItemRef, Priority};
use millrace::domain::transition::input::Submitted;
use millrace::ledger::memory::MemoryStore;
use millrace::ledger::transact::Payloads;

/// A document before it is an input.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) item: ItemRef,
    pub(crate) body: String,
    pub(crate) priority: u8,
    pub(crate) depends_on: Vec<String>,
    pub(crate) origin: Option<String>,
}

impl Document {
    pub(crate) fn new(kind: &str, id: &str) -> Self {
        Self {
            item: format!("{kind}/{id}").parse().expect("an item"),
            body: format!("Do {kind} {id}.\n"),
            priority: 5,
            depends_on: Vec::new(),
            origin: None,
        }
    }

    pub(crate) fn after(mut self, id: &str) -> Self {
        if id != self.item.id.as_str() && !self.depends_on.iter().any(|other| other == id) {
            self.depends_on.push(id.to_owned());
        }
        self
    }

    /// The same id, and something else.
    pub(crate) fn other(mut self) -> Self {
        self.body.push_str("Otherwise.\n");
        self
    }

    pub(crate) fn submitted(&self, store: &MemoryStore, payloads: &mut Payloads) -> Submitted {
        Submitted {
            document: payloads.add(store, self.body.clone().into_bytes()).expect("a payload"),
            origin: self.origin.clone(),
            trusted: false,
            intake: Intake {
                item: self.item.clone(),
                title: format!("About {}", self.item.id),
                priority: Priority::try_from(self.priority).expect("a priority"),
                depends_on: self.depends_on.iter().map(|id| id.parse().expect("an id")).collect(),
                root_spec_id: None,
                root_idea_id: None,
                spec_id: None,
                parent_task_id: None,
                incident_id: None,
                about: None,
                created_at: Timestamp::UNIX_EPOCH,
                created_by: "somebody".to_owned(),
            },
        }
    }
}
