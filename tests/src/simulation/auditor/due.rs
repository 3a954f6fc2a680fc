//! When rewards become available, are voided and expire: worked out again from documents, and held against replies, lots and
//! the journal. And what members are told they have, from lots and entries alone.

use std::collections::{BTreeMap, BTreeSet};

use rewards_core::cashback::PurchaseState;
use rewards_core::ids::MemberId;
use rewards_core::ledger::{Holder, Lot, LotState, Purpose, TransferKind};
use rewards_core::money::Asset;
use rewards_core::operations::balances::Balance;
use rewards_core::time::Timestamp;
use serde_json::Value;

use super::calendar::{Local, Times};
use super::story::{Bought, Story, named};
use super::{Check, Findings};
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
    for (member, answers) in &books.answers {
        for answer in answers {
            balance(books, member, answer, findings);
        }
    }
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
        // Who confirms late gets the rest of the day.
        let may_be_longer = stored.is_some_and(|e| e.state() != PurchaseState::Recorded);
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
        let state = books
            .purchases
            .get(purchase)
            .map(|stored| stored.entity.state());
        // Those who confirm and cancel move things at their own instant.
        let by_hand = match kind {
            TransferKind::Mature => state != Some(PurchaseState::Recorded),
            TransferKind::Void => state == Some(PurchaseState::Cancelled),
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
        if !by_hand && !due.contains(&Some(at)) {
            findings.add(
                Check::Due,
                format!("{kind:?} {seq} of {member} at {at}, due at {due:?}"),
            );
        }
    }
}

/// After a sweep nothing is left that was due at its instant.
fn settled(books: &Books, findings: &mut Findings) {
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

fn next_due(lot: &Lot) -> Option<Timestamp> {
    match lot.state {
        LotState::Pending => lot.available_at.into_iter().chain(lot.void_at).min(),
        LotState::Available => lot.expires_at,
        _ => None,
    }
}

/// What is available and what is pending.
type Sums = BTreeMap<Asset, (i64, i64)>;

/// Holds the answer to the query for a balance against the entries that count by then, and what is due by then of open lots.
fn balance(books: &Books, member: &MemberId, answer: &Balance, findings: &mut Findings) {
    let mut sums = Sums::new();
    // An answer about now shows every entry that there is, whatever the clock of another process says.
    let is_now = answer.assets.iter().any(|line| line.expiring.is_some());
    for entry in books.journal.iter().filter(|entry| entry.member == *member) {
        let transfer = &entry.transfer;
        if !is_now && transfer.effective_at > answer.at {
            continue;
        }
        for (account, minor) in [
            (transfer.from(), -transfer.minor()),
            (transfer.to(), transfer.minor()),
        ] {
            if account.holder == Holder::Member(member.clone()) {
                add(&mut sums, account.asset, &account.purpose, minor);
            }
        }
    }
    for (_, lot) in books
        .lots
        .range((member.clone(), 0)..=(member.clone(), u64::MAX))
    {
        let Some(due) = next_due(lot).filter(|due| *due <= answer.at) else {
            continue;
        };
        let (asset, minor) = (lot.asset, lot.remaining);
        if lot.state == LotState::Available {
            add(&mut sums, asset, &Purpose::Cashback, -minor);
            continue;
        }
        add(&mut sums, asset, &Purpose::Pending, -minor);
        let is_over = lot.expires_at.is_some_and(|at| at <= answer.at);
        if lot.available_at == Some(due) && !is_over {
            add(&mut sums, asset, &Purpose::Cashback, minor);
        }
    }
    let told = answer.assets.iter();
    let mut told: Sums = told
        .map(|line| {
            (
                line.available.asset(),
                (line.available.minor(), line.pending.minor()),
            )
        })
        .collect();
    sums.retain(|_, sums| *sums != (0, 0));
    told.retain(|_, sums| *sums != (0, 0));
    let what = format!("balance of {member} at {}", answer.at);
    findings.same(Check::Answer, what, sums, told);
}

fn add(sums: &mut Sums, asset: Asset, purpose: &Purpose, minor: i64) {
    let (available, pending) = sums.entry(asset).or_default();
    match purpose {
        Purpose::Pending => *pending += minor,
        _ => *available += minor,
    }
}
