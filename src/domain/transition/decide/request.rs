//! Requests with a name: answered once, however often they are asked.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::super::decision::{Decision, Effect};
use super::super::input::Input;
use super::super::refusal::Refusal;
use super::{Ruling, ruled};
use crate::domain::ids::RequestId;
use crate::domain::item::ItemRef;
use crate::domain::limits::MAX_RECEIPTS_OF_A_FOLDER;
use crate::domain::receipt::Receipt;
use crate::domain::view::View;

/// Decides what is asked and keeps that it was, also where there was nothing to do. The oldest receipts go.
pub(super) fn decide(view: &dyn View, at: Timestamp, request: &RequestId, asks: &Input) -> Ruling {
    let (op, items) = (asks.op().to_owned(), asks.items());
    if let Some(receipt) = view.receipt(request)? {
        if receipt.op == op && same(&receipt.items, &items) {
            let notes = vec![format!("the request {request} was answered by number {}", receipt.seq)];
            return Ok(Ok(Decision { effects: Vec::new(), notes }));
        }
        let items: Vec<String> = receipt.items.iter().map(ToString::to_string).collect();
        let items = items.join(", ");
        return Ok(Err(Refusal::RequestReused { request: request.clone(), op: receipt.op, items }));
    }
    let mut decision = match ruled(view, at, asks)? {
        Ok(decision) => decision,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let mut beside = view.receipts_beside(request)?;
    beside.sort_by_key(|(_, seq)| *seq);
    let surplus = (beside.len() + 1).saturating_sub(MAX_RECEIPTS_OF_A_FOLDER);
    for (old, _) in beside.into_iter().take(surplus) {
        decision.effects.push(Effect::ForgetAnswer { request: old });
    }
    let receipt = Receipt { seq: view.seq()?.saturating_add(1), at, op, items };
    decision.effects.push(Effect::Answer { request: request.clone(), receipt });
    Ok(Ok(decision))
}

/// Whether both name the same items: a caller who asks again may list them in another order.
fn same(one: &[ItemRef], other: &[ItemRef]) -> bool {
    one.iter().collect::<BTreeSet<_>>() == other.iter().collect::<BTreeSet<_>>()
}
