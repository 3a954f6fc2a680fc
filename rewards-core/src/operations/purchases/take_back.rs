//! What is taken back of the rewards of a purchase that is refunded or cancelled.

use std::collections::BTreeMap;

use super::super::change_builder::{ChangeBuilder, Totals};
use super::decide_purchase::reevaluate;
use super::gone_on::GoneOn;
use crate::cashback::{Paid, PurchaseEntity, Refunded};
use crate::command::Undecided;
use crate::ids::PurchaseId;
use crate::ledger::{Lot, LotNumber, LotState};
use crate::money::{Asset, Money, allocate};
use crate::program::{CompiledProgram, RefundedRewards};
use crate::rejection::Rejection;
use crate::snapshot::Snapshot;
use crate::time::Timestamp;

/// What was granted as each lot, and what of that is undone in all.
pub(super) type UndoneGrants = BTreeMap<LotNumber, (Money, i64)>;

/// What was taken back.
#[derive(Debug, Default)]
pub(super) struct TakenBack {
    pub taken: Totals,
    /// What was to be taken back and had been spent or had expired.
    pub shortfall: Totals,
    /// The same by lot, in minor units.
    pub short: BTreeMap<LotNumber, i64>,
    /// Whether any of the lots has expired.
    pub has_expired: bool,
}

/// What of each grant is undone when so much of the purchase is refunded.
///
/// # Errors
/// [`Rejection::Overflow`], [`Rejection::TooMany`] as when the purchase was recorded.
pub(super) fn undone_grants(
    purchase: &PurchaseEntity,
    lots: &[&Lot],
    refunded: &Refunded,
    rewards: RefundedRewards,
    program: &CompiledProgram,
) -> Result<UndoneGrants, Rejection> {
    let paid = Paid::of(&purchase.purchase);
    let grants = purchase.allocations.iter().zip(lots);
    let mut undone: UndoneGrants = grants
        .map(|(grant, lot)| {
            let part = match rewards {
                RefundedRewards::Keep => 0,
                RefundedRewards::Proportional | RefundedRewards::Recheck => {
                    refunded.undone(&paid, &grant.lines, lot.amount)
                }
            };
            (lot.number, (Money::new(lot.amount, lot.asset), part))
        })
        .collect();
    if rewards == RefundedRewards::Recheck && !refunded.is_whole {
        recheck(
            purchase,
            &refunded.remaining(&paid, &purchase.purchase),
            program,
            &mut undone,
        )?;
    }
    Ok(undone)
}

/// Leaves no more than the rest of the purchase would have been granted, by asset. What is too much is taken from the grants in
/// proportion to what they would leave, largest remainder first. Without what was seen of the member, which may be erased,
/// nothing can be looked at again.
fn recheck(
    purchase: &PurchaseEntity,
    remaining: &crate::cashback::Purchase,
    program: &CompiledProgram,
    undone: &mut UndoneGrants,
) -> Result<(), Rejection> {
    let Some(seen) = &purchase.seen else {
        return Ok(());
    };
    let earned: BTreeMap<Asset, i64> = reevaluate(program, remaining, seen)?
        .into_iter()
        .map(|amount| (amount.asset(), amount.minor()))
        .collect();
    let mut assets: Vec<Asset> = undone.values().map(|(all, _)| all.asset()).collect();
    assets.sort_unstable();
    assets.dedup();
    for asset in assets {
        let own = undone.values_mut().filter(|(all, _)| all.asset() == asset);
        let mut own: Vec<&mut (Money, i64)> = own.collect();
        let left = |(all, undone): &(Money, i64)| all.minor().saturating_sub(*undone);
        let kept = own.iter().map(|grant| left(grant));
        let kept = kept.fold(0, i64::saturating_add);
        let most = earned.get(&asset).copied().unwrap_or(0);
        if kept <= most {
            continue;
        }
        let weights: Vec<u64> = own.iter().map(|grant| left(grant).unsigned_abs()).collect();
        let parts = allocate(most, &weights).map_err(|_| Rejection::Overflow)?;
        for (grant, part) in own.iter_mut().zip(parts) {
            grant.1 = grant.0.minor().saturating_sub(part);
        }
    }
    Ok(())
}

/// Takes back what is undone and was not before, from the lots of the purchase: pending ones first, and what has gone on where it
/// is. What is due for them comes before that: a lot that was voided in time was never the member's.
pub(super) fn take_back<'a>(
    builder: &mut ChangeBuilder<'a>,
    mut gone_on: Option<&mut GoneOn<'a>>,
    (snapshot, purchase): (&Snapshot, &PurchaseId),
    lots: &[&Lot],
    undone: &UndoneGrants,
    now: Timestamp,
) -> Result<TakenBack, Undecided> {
    let mut settled = Vec::with_capacity(lots.len());
    for lot in lots {
        settled.push(builder.settle(lot, now)?);
    }
    settled.sort_by_key(|lot| lot.state != LotState::Pending);
    let grants = builder.purchase(purchase)?.allocations.iter();
    let unearned: BTreeMap<LotNumber, i64> =
        grants.map(|grant| (grant.lot, grant.unearned())).collect();
    let mut result = TakenBack::default();
    for lot in settled {
        let before = unearned.get(&lot.number).copied().unwrap_or(0);
        let in_all = undone.get(&lot.number).map_or(0, |(_, undone)| *undone);
        let wanted = in_all.saturating_sub(before).max(0);
        let mut taken = match lot.take_back(wanted, now) {
            Some(step) => {
                let taken = step.amount;
                builder.move_lot(step)?;
                taken
            }
            None => 0,
        };
        if let Some(gone_on) = gone_on.as_deref_mut() {
            let rest = (&lot, wanted.saturating_sub(taken));
            let found = gone_on.take_back(builder, snapshot, purchase, rest, now)?;
            taken = taken.saturating_add(found);
        }
        result.taken.add(lot.asset, taken);
        let short = wanted.saturating_sub(taken);
        result.shortfall.add(lot.asset, short);
        result.short.insert(lot.number, short);
        result.has_expired |= lot.state == LotState::Expired;
    }
    Ok(result)
}
