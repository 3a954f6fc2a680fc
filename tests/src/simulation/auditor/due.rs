//! When rewards become available, are voided and expire: worked out again from documents, and held against replies, lots and
//! the journal.

use std::collections::BTreeSet;

use rewards_core::cashback::{PurchaseEntity, PurchaseState};
use rewards_core::ledger::{Lot, LotState, TransferKind};
use rewards_core::time::Timestamp;
use serde_json::Value;

use super::calendar::{Local, Times};
use super::story::{Bought, Story, named};
use super::{Check, Findings, answers, spending};
use crate::simulation::Failed;
use crate::simulation::books::Books;

pub(super) fn check(
    books: &Books,
    story: &Story<'_>,
    findings: &mut Findings,
) -> Result<(), Failed> {
    for bought in story.purchases.values() {
        grants(books, story, bought, findings)?;
    }
    entries(books, findings);
    settled(books, findings);
    answers::check(books, findings);
    Ok(())
}

/// The times of every grant, as the caller was told and as its lot has them.
fn grants(
    books: &Books,
    story: &Story<'_>,
    bought: &Bought<'_>,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let document = story.document(bought)?;
    let calendar = Local::of(document)?;
    let id = &bought.order.id;
    let stored = books.purchases.get(id).map(|stored| &stored.entity);
    let allocations = stored.map(|entity| entity.allocations.as_slice());
    let allocations = allocations.unwrap_or_default();
    for (at, grant) in bought.reply.decision.grants.iter().enumerate() {
        let rule = named(document, "rules", grant.rule.as_str()).ok_or("an unknown rule")?;
        let none = Value::Null;
        let lifecycle = rule.get("lifecycle").unwrap_or(&none);
        let times = calendar.times(lifecycle, bought.order.occurred_at)?;
        let told = Times {
            is_pending: grant.pending,
            available_at: grant.available_at,
            expires_at: grant.expires_at,
            void_at: times.void_at,
        };
        let what = format!("times of {} of {id}", grant.rule);
        findings.same(Check::Due, &what, times, told);
        let lot = allocations.get(at).map(|allocation| allocation.lot);
        let place = lot.map(|lot| (bought.order.member.clone(), lot));
        let Some(lot) = place.and_then(|place| books.lots.get(&place)) else {
            findings.add(Check::Due, format!("{what}: no lot"));
            continue;
        };
        // Who confirms late gets the rest of the day, and what comes back late some days more.
        let came_back = spending::came_back(books, &bought.order.member, lot.number);
        let is_open = stored.is_none_or(|e| e.state() == PurchaseState::Recorded);
        let may_be_longer = came_back || !is_open;
        let is_longer = may_be_longer && lot.expires_at > times.expires_at;
        let found = Times {
            is_pending: times.is_pending,
            available_at: lot.available_at,
            expires_at: if is_longer {
                times.expires_at
            } else {
                lot.expires_at
            },
            void_at: lot.void_at,
        };
        findings.same(Check::Due, format!("{what}, in the lot"), times, found);
    }
    Ok(())
}

/// What became due counts from the very instant at which it was due, and was never recorded before.
fn entries(books: &Books, findings: &mut Findings) {
    for entry in &books.journal {
        let transfer = &entry.transfer;
        let (at, kind) = (transfer.effective_at, transfer.kind);
        let is_due = matches!(
            kind,
            TransferKind::Mature | TransferKind::Void | TransferKind::Expire
        );
        if !is_due {
            continue;
        }
        let (member, seq) = (&entry.member, entry.seq);
        if at > entry.recorded_at {
            findings.add(
                Check::Due,
                format!("{kind:?} {seq} of {member} before {at}"),
            );
        }
        let Some(purchase) = &transfer.purchase else {
            continue;
        };
        let stored = books.purchases.get(purchase).map(|stored| &stored.entity);
        let state = stored.map(PurchaseEntity::state);
        // Those who confirm, cancel and refund move things at their own instant.
        let by_hand = match kind {
            TransferKind::Mature => state != Some(PurchaseState::Recorded),
            TransferKind::Void => stored.is_some_and(|entity| {
                entity.state() == PurchaseState::Cancelled || entity.refunded.is_some()
            }),
            _ => false,
        };
        let lots = books.lots.iter().filter(|((owner, _), lot)| {
            owner == member
                && lot.purchase.as_ref() == Some(purchase)
                && lot.asset == transfer.asset()
        });
        let due: BTreeSet<Option<Timestamp>> = lots
            .map(|(_, lot)| match kind {
                TransferKind::Mature => lot.available_at,
                TransferKind::Void => lot.void_at,
                _ => lot.expires_at,
            })
            .collect();
        // A lot that came back late lives longer than it did when it expired first.
        let is_late = kind == TransferKind::Expire
            && books.lots.iter().any(|((owner, number), lot)| {
                owner == member
                    && lot.purchase.as_ref() == Some(purchase)
                    && spending::came_back(books, member, *number)
            });
        if !by_hand && !is_late && !due.contains(&Some(at)) {
            findings.add(
                Check::Due,
                format!("{kind:?} {seq} of {member} at {at}, due at {due:?}"),
            );
        }
    }
}

/// After a sweep nothing is left that was due at its instant.
pub(super) fn settled(books: &Books, findings: &mut Findings) {
    let Some(swept_at) = books.swept_at else {
        return;
    };
    for ((member, number), lot) in &books.lots {
        if let Some(due) = next_due(lot).filter(|due| *due <= swept_at) {
            findings.add(
                Check::Due,
                format!("lot {number} of {member} was due at {due} and is not settled"),
            );
        }
    }
}

pub(super) fn next_due(lot: &Lot) -> Option<Timestamp> {
    match lot.state {
        LotState::Pending => lot.available_at.into_iter().chain(lot.void_at).min(),
        LotState::Available => lot.expires_at,
        _ => None,
    }
}
