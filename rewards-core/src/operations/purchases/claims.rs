//! What a member owes of a refund: what was to be taken back and had been spent.
//!
//! What has expired is not owed, as the member had nothing of it. Like all of a refund it is counted over all refunds of the
//! purchase: what is owed in all, less what was claimed before.

use std::collections::BTreeMap;

use super::super::change_builder::{ChangeBuilder, Totals};
use super::super::merged::{HandedOn, Unpaid, hand_on};
use super::take_back::{TakenBack, UndoneGrants};
use crate::cashback::{GRANTS_MAX, PurchaseEntity};
use crate::command::Undecided;
use crate::context::Context;
use crate::ids::{IdAllocator, PurchaseId};
use crate::ledger::{LotNumber, Transfer, TransferKind};
use crate::money::{Asset, Money};
use crate::program::Shortfall;
use crate::snapshot::{ReadPlan, Snapshot, StatementQuery};

/// What is done about the shortfall of a refund.
#[derive(Debug)]
pub(super) struct Claimed {
    /// What the member owes now, one amount per asset.
    pub owed: Vec<Money>,
    /// What went on to another member.
    pub handed_on: HandedOn,
}

/// Claims the shortfall of a purchase that is undone already, as far as the policy says so, writes the purchase, and hands on what
/// became available.
///
/// Of a member who was merged into another one, rewards of the purchase may have gone on. They were not spent, so they are
/// claimed under every policy, from what the other member has.
///
/// # Errors
/// [`Undecided::Needs`] entries and lots, as long as a view does not have them.
pub(super) fn claim_shortfall(
    builder: &mut ChangeBuilder<'_>,
    snapshot: &Snapshot,
    context: &Context,
    ids: &IdAllocator,
    undone: &UndoneGrants,
    back: &mut TakenBack,
    (purchase, policy): (&mut PurchaseEntity, Shortfall),
) -> Result<Claimed, Undecided> {
    let id = purchase.purchase.id.clone();
    let is_merged = builder.row.profile.merged_into.is_some();
    let most = match policy {
        Shortfall::Debt => None,
        Shortfall::StopAtZero if is_merged => {
            let kind = TransferKind::Merge;
            Some(moved(builder, snapshot, context, &id, kind)?)
        }
        Shortfall::StopAtZero => Some(BTreeMap::new()),
    };
    let claims = claim(builder, snapshot, context, purchase, undone, back, most)?;
    // Before anything is owed: what is settled for that may change the purchase once more.
    builder.write_purchase(purchase.clone())?;
    let owed = builder.owe(snapshot, &claims, Some(&id))?;
    let unpaid = match policy {
        Shortfall::Debt => Unpaid::Owed,
        Shortfall::StopAtZero => Unpaid::GivenUp,
    };
    let handed_on = hand_on(builder, snapshot, context, ids, unpaid)?;
    let mut left = Totals::default();
    for amount in &owed {
        let asset = amount.asset();
        let paid = handed_on.paid.of(asset);
        if policy == Shortfall::StopAtZero {
            back.recover(asset, paid);
            // Nobody is there to pay for somebody whose other self has left.
            let unpaid = builder.debts().of(asset).min(amount.minor());
            builder.settle_debt(asset, unpaid, TransferKind::WriteOff)?;
        } else {
            left.add(asset, amount.minor().saturating_sub(paid));
        }
    }
    Ok(Claimed {
        owed: left.into_amounts(),
        handed_on,
    })
}

/// Claims what could not be taken back of a purchase, no more than `most` of each asset in all, and says how much that is.
///
/// # Errors
/// [`Undecided::Needs`] what of the purchase has expired, as long as a view does not have it.
fn claim(
    builder: &ChangeBuilder<'_>,
    snapshot: &Snapshot,
    context: &Context,
    purchase: &mut PurchaseEntity,
    undone: &UndoneGrants,
    back: &TakenBack,
    most: Option<BTreeMap<Asset, i64>>,
) -> Result<Totals, Undecided> {
    if most.as_ref().is_some_and(BTreeMap::is_empty) {
        return Ok(Totals::default());
    }
    let expired = if back.has_expired {
        let kind = TransferKind::Expire;
        moved(builder, snapshot, context, &purchase.purchase.id, kind)?
    } else {
        BTreeMap::new()
    };
    let mut left: BTreeMap<Asset, i64> = BTreeMap::new();
    for grant in &purchase.allocations {
        let Some((all, _)) = undone.get(&grant.lot) else {
            continue;
        };
        let short = grant.undone.saturating_sub(grant.returned).max(0);
        let sum = left.entry(all.asset()).or_default();
        *sum = sum.saturating_add(short);
    }
    for (asset, minor) in expired {
        let sum = left.entry(asset).or_default();
        *sum = sum.saturating_sub(minor).max(0);
    }
    if let Some(most) = most {
        for (asset, minor) in &mut left {
            *minor = (*minor).min(most.get(asset).copied().unwrap_or_default());
        }
    }
    for grant in &purchase.allocations {
        if let Some((all, _)) = undone.get(&grant.lot) {
            let sum = left.entry(all.asset()).or_default();
            *sum = sum.saturating_sub(grant.claimed);
        }
    }
    let mut claims = Totals::default();
    let mut by_lot: BTreeMap<LotNumber, i64> = BTreeMap::new();
    for (lot, short) in &back.short {
        let Some((all, _)) = undone.get(lot) else {
            continue;
        };
        let left = left.entry(all.asset()).or_default();
        let part = (*short).min(*left).max(0);
        *left = left.saturating_sub(part);
        by_lot.insert(*lot, part);
        claims.add(all.asset(), part);
    }
    purchase.claim(&by_lot);
    Ok(claims)
}

/// What of the rewards of a purchase has moved for one reason, before this command and in it.
fn moved(
    builder: &ChangeBuilder<'_>,
    snapshot: &Snapshot,
    context: &Context,
    purchase: &PurchaseId,
    kind: TransferKind,
) -> Result<BTreeMap<Asset, i64>, Undecided> {
    let query = StatementQuery {
        member: context.member_key(builder.member()),
        before: None,
        kind: Some(kind),
        purpose: None,
        asset: None,
        purchase: Some(purchase.clone()),
        from: None,
        until: None,
        limit: GRANTS_MAX,
    };
    let Some(entries) = snapshot.statements.get(&query) else {
        return Err(Undecided::Needs(Box::new(ReadPlan {
            statements: vec![query],
            ..ReadPlan::default()
        })));
    };
    let now = builder.changes.journal.iter().map(|(_, entry)| entry);
    let is_own = |transfer: &&Transfer| {
        transfer.kind == kind && transfer.purchase.as_ref() == Some(purchase)
    };
    let all = entries.iter().chain(now).map(|entry| &entry.transfer);
    let mut sums: BTreeMap<Asset, i64> = BTreeMap::new();
    for transfer in all.filter(is_own) {
        let sum = sums.entry(transfer.asset()).or_default();
        *sum = sum.saturating_add(transfer.minor());
    }
    Ok(sums)
}
