//! `millrace queue ls`

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;

use super::closed::{ClosedItem, closed};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::moments::{elapsed, seconds};
use crate::cli::page::Page;
use crate::cli::reasons::{Reasons, Why};
use crate::cli::stdout::{Answer, answer};
use crate::domain::item::{ItemKind, ItemRef};
use crate::domain::place::OpenState;
use crate::domain::slot::Slot;
use crate::domain::transition::input::Known;
use crate::domain::view::{Fault, View as _};
use crate::ledger::view::TreeView;
use crate::runtime::daemon_lock::probe;
use crate::runtime::source;

/// List the open items by state, with why each one is not being worked on.
///
/// Queued items stand in the order in which they are claimed. Names come from the tree; a record is read only for an
/// item that is listed.
#[derive(Debug, Args)]
pub(crate) struct LsArguments {
    /// Only items in this state; may be given several times.
    #[arg(long, value_name = "STATE", conflicts_with = "closed")]
    state: Vec<State>,

    /// Only items of this kind; may be given several times.
    #[arg(long, value_name = "KIND")]
    kind: Vec<Kind>,

    /// List what is done or archived instead, the last closed first. The ledger's commits are read back to the oldest
    /// one listed: that costs by what happened since, not by how much was ever closed.
    #[arg(long)]
    closed: bool,

    /// Items that are listed of each state; 0 lists all.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum State {
    Active,
    Blocked,
    Held,
    Waiting,
    Queued,
}

impl State {
    /// In the order in which a reader wants to see them: what needs somebody before what does not.
    const ALL: [Self; 5] = [Self::Active, Self::Blocked, Self::Held, Self::Waiting, Self::Queued];

    fn open(self) -> OpenState {
        match self {
            Self::Active => OpenState::Active,
            Self::Queued => OpenState::Queued,
            Self::Waiting => OpenState::Waiting,
            Self::Held => OpenState::Held,
            Self::Blocked => OpenState::Blocked,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Queued => "queued",
            Self::Waiting => "waiting",
            Self::Held => "held",
            Self::Blocked => "blocked",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Task,
    Spec,
    Incident,
}

impl Kind {
    fn of(kind: ItemKind) -> Self {
        match kind {
            ItemKind::Task => Self::Task,
            ItemKind::Spec => Self::Spec,
            ItemKind::Incident => Self::Incident,
        }
    }
}

/// The open items.
#[derive(Debug, Default, Serialize)]
struct Listed {
    items: Vec<OpenItem>,
    states: Vec<Counted>,
}

/// How many items of one state there are, and how many of them are listed.
#[derive(Debug, Serialize)]
struct Counted {
    state: &'static str,
    listed: usize,
    total: usize,
}

#[derive(Debug, Serialize)]
struct OpenItem {
    item: ItemRef,
    state: &'static str,
    title: String,
    /// 0 is claimed first, 9 last.
    priority: u8,
    /// `<priority>.<arrival>`: where it stands, or would stand again, in the queue.
    turn: Option<String>,
    taken_at: Timestamp,
    /// Seconds since its intake.
    age_seconds: i64,
    /// Why it is not being worked on, or what works on it.
    why: String,
    /// The same for programs.
    because: Option<Why>,
}

/// The closed items.
#[derive(Debug, Serialize)]
struct ListedClosed {
    items: Vec<ClosedItem>,
    total: u64,
}

impl LsArguments {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let project = context.open()?;
        let kinds: Vec<ItemKind> = ItemKind::ALL
            .into_iter()
            .filter(|kind| self.kind.is_empty() || self.kind.contains(&Kind::of(*kind)))
            .collect();
        let limit = if self.limit == 0 { usize::MAX } else { self.limit };
        if self.closed {
            let (items, total) = closed(&project, &kinds, limit)?;
            return answer(context, &ListedClosed { items, total });
        }
        let trees = project.trees();
        let view = project.view(&trees)?;
        let now = source::now();
        let attended = probe(&project.store.private_dir())?.is_some();
        let reasons = Reasons::new(&project, &view, attended, now)?;
        let mut listed = Listed::default();
        for state in State::ALL {
            if !self.state.is_empty() && !self.state.contains(&state) {
                continue;
            }
            let before = listed.items.len();
            let mut total = 0;
            for kind in &kinds {
                let items = view.items(*kind, state.open())?;
                let room = limit - (listed.items.len() - before);
                total += items.len();
                for (id, slot) in items.into_iter().take(room) {
                    listed.items.push(open(&view, &reasons, ItemRef::new(*kind, id), &slot, now)?);
                }
            }
            listed.states.push(Counted { state: state.word(), listed: listed.items.len() - before, total });
        }
        answer(context, &listed)
    }
}

fn open(
    view: &TreeView<'_, '_>,
    reasons: &Reasons<'_, '_, '_>,
    item: ItemRef,
    slot: &Slot,
    now: Timestamp,
) -> Result<OpenItem, Failure> {
    let known = known(view, &item)?;
    let because = reasons.of(&item, slot)?;
    let turn = slot.turn().or_else(|| because.as_ref().and_then(Why::turn));
    Ok(OpenItem {
        state: slot.state(),
        title: known.intake.title,
        priority: known.intake.priority.digit(),
        turn: turn.map(|turn| turn.to_string()),
        taken_at: known.taken_at,
        age_seconds: seconds(known.taken_at, now).max(0),
        why: because.as_ref().map(ToString::to_string).unwrap_or_default(),
        because,
        item,
    })
}

/// What is known of an item that stands somewhere.
pub(super) fn known(view: &TreeView<'_, '_>, item: &ItemRef) -> Result<Known, Fault> {
    view.known(item)?
        .ok_or_else(|| Fault { at: item.to_string(), detail: "its intake record is missing".to_owned() })
}

impl Answer for Listed {
    const KIND: &'static str = "queue_ls";

    fn text(&self, page: &mut Page) {
        if self.items.is_empty() {
            page.line("no open items");
        }
        let rows: Vec<Vec<String>> = self
            .items
            .iter()
            .map(|item| {
                vec![
                    item.state.to_owned(),
                    item.item.to_string(),
                    format!("p{}", item.priority),
                    elapsed(item.age_seconds),
                    item.title.clone(),
                    item.why.clone(),
                ]
            })
            .collect();
        page.table_fitted(rows, 4);
        for counted in self.states.iter().filter(|counted| counted.listed < counted.total) {
            let more = counted.total - counted.listed;
            page.line(format!("and {more} more {} (--limit 0 lists all)", counted.state));
        }
    }
}

impl Answer for ListedClosed {
    const KIND: &'static str = "queue_ls_closed";

    fn text(&self, page: &mut Page) {
        if self.items.is_empty() {
            page.line("no closed items");
        }
        page.table_fitted(self.items.iter().map(ClosedItem::row).collect(), 3);
        let more = self.total.saturating_sub(self.items.len() as u64);
        if more > 0 {
            page.line(format!("and {more} more (--limit 0 lists all)"));
        }
    }
}
