//! `millrace queue ls`

use std::collections::HashMap;

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::page::Page;
use crate::cli::stdout::{Answer, answer};
use crate::domain::ids::ItemId;
use crate::domain::item::{ItemKind, ItemRef};
use crate::domain::place::{self, OpenState};
use crate::domain::schedule::kept;
use crate::domain::slot::Slot;
use crate::domain::view::{Fault, View as _};
use crate::ledger::view::TreeView;

/// List the open items by state, in the order in which they are claimed.
#[derive(Debug, Args)]
pub(crate) struct LsArguments {
    /// Only items in this state.
    #[arg(long, value_name = "STATE")]
    state: Option<State>,

    /// Items that are listed; 0 lists all.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum State {
    Active,
    Queued,
    Waiting,
    Held,
    Blocked,
}

impl State {
    /// In the order in which a reader wants to see them.
    const ALL: [Self; 5] = [Self::Active, Self::Queued, Self::Waiting, Self::Held, Self::Blocked];

    fn open(self) -> OpenState {
        match self {
            Self::Active => OpenState::Active,
            Self::Queued => OpenState::Queued,
            Self::Waiting => OpenState::Waiting,
            Self::Held => OpenState::Held,
            Self::Blocked => OpenState::Blocked,
        }
    }
}

/// The open items.
#[derive(Debug, Default, Serialize)]
struct Listed {
    items: Vec<OpenItem>,
    /// Items beyond the limit.
    more: usize,
}

#[derive(Debug, Serialize)]
struct OpenItem {
    item: ItemRef,
    state: &'static str,
    /// `<priority>.<arrival>`, where the state has one.
    turn: Option<String>,
    /// Why it does not run.
    waits: Option<String>,
}

impl LsArguments {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open()?;
        let trees = project.trees();
        let view = project.view(&trees)?;
        let mut listed = Listed::default();
        for state in State::ALL.into_iter().filter(|state| self.state.is_none_or(|wanted| wanted == *state)) {
            for kind in ItemKind::ALL {
                let items = view.items(kind, state.open())?;
                let room = if self.limit == 0 { items.len() } else { self.limit - listed.items.len() };
                listed.more += items.len().saturating_sub(room);
                let waits = WaitsFor::new(&view, kind);
                for (id, slot) in items.into_iter().take(room) {
                    listed.items.push(item(ItemRef::new(kind, id), &slot, &waits)?);
                }
            }
        }
        answer(context, &listed)
    }
}

fn item(item: ItemRef, slot: &Slot, waits: &WaitsFor<'_, '_, '_>) -> Result<OpenItem, Fault> {
    let why = match slot {
        Slot::Waiting { on, .. } => Some(waits.reason(on)?),
        Slot::Held(_) => Some("came from outside and has not been released".to_owned()),
        Slot::Blocked => Some(format!("blocked: `millrace queue show {item}` tells why")),
        Slot::Queued(_) => kept(&item).map(|wait| format!("{}: {}", wait.cause, wait.detail)),
        Slot::Active | Slot::Done | Slot::Archived => None,
    };
    Ok(OpenItem { item, state: slot.state(), turn: slot.turn().map(|turn| turn.to_string()), waits: why })
}

/// Why items of one kind wait for others, from the names in the tree alone.
pub(crate) struct WaitsFor<'v, 't, 's> {
    view: &'v TreeView<'t, 's>,
    kind: ItemKind,
    /// The states of open items, read when the first is asked for.
    states: std::cell::OnceCell<HashMap<ItemId, &'static str>>,
}

impl<'v, 't, 's> WaitsFor<'v, 't, 's> {
    pub(crate) fn new(view: &'v TreeView<'t, 's>, kind: ItemKind) -> Self {
        Self { view, kind, states: std::cell::OnceCell::new() }
    }

    /// Why an item waits that waits for `on`.
    pub(crate) fn reason(&self, on: &ItemId) -> Result<String, Fault> {
        let state = match self.states()?.get(on) {
            Some(state) => state,
            None if self.view.entry(&place::intake(&ItemRef::new(self.kind, on.clone())))?.is_none() => {
                return Ok(format!("waits for {on}, which does not exist"));
            }
            None => {
                self.view.slot(&ItemRef::new(self.kind, on.clone()))?.map_or("nowhere", |slot| slot.state())
            }
        };
        Ok(format!("waits for {on} ({state})"))
    }

    fn states(&self) -> Result<&HashMap<ItemId, &'static str>, Fault> {
        if let Some(states) = self.states.get() {
            return Ok(states);
        }
        let mut states = HashMap::new();
        for state in OpenState::ALL {
            for (id, slot) in self.view.items(self.kind, state)? {
                states.insert(id, slot.state());
            }
        }
        Ok(self.states.get_or_init(|| states))
    }
}

impl Answer for Listed {
    const KIND: &'static str = "queue_ls";

    fn text(&self, page: &mut Page) {
        if self.items.is_empty() && self.more == 0 {
            page.line("no open items");
        }
        let rows: Vec<Vec<String>> = self
            .items
            .iter()
            .map(|item| {
                vec![
                    item.state.to_owned(),
                    item.turn.clone().unwrap_or_else(|| "-".to_owned()),
                    item.item.to_string(),
                    item.waits.clone().unwrap_or_default(),
                ]
            })
            .collect();
        page.table(&rows);
        if self.more > 0 {
            page.line(format!("and {} more (--limit 0 lists all)", self.more));
        }
    }
}
