//! What a member owes of a refund: what was to be taken back and had been spent.
//!
//! What has expired is not owed, as the member had nothing of it. Like all of a refund it is counted over all refunds of the
//! purchase: what is owed in all, less what was claimed before. Whoever was merged owes nothing any more: the other member does.

use std::collections::BTreeMap;

use super::super::change_builder::{ChangeBuilder, Totals};
use super::gone_on::{GoneOn, add_expired, expiries_of, made_by};
use super::take_back::{TakenBack, UndoneGrants};
use crate::cashback::{GRANTS_MAX, PurchaseEntity};
use crate::command::Undecided;
use crate::context::Context;
use crate::ids::PurchaseId;
use crate::ledger::LotNumber;
use crate::money::{Asset, Money};
use crate::program::Shortfall;
use crate::snapshot::{ReadPlan, Snapshot};

/// Claims the shortfall of a purchase that is undone already, as far as the policy says so, writes the purchase, and says what is
/// owed now, one amount per asset.
///
/// # Errors
/// [`Undecided::Needs`] entries and lots, as long as a view does not have them.
pub(super) fn claim_shortfall<'a>(
    builder: &mut ChangeBuilder<'a>,
    gone_on: Option<&mut GoneOn<'a>>,
    snapshot: &Snapshot,
    context: &Context,
    (undone, back): (&UndoneGrants, &TakenBack),
    (purchase, policy): (&mut PurchaseEntity, Shortfall),
) -> Result<Vec<Money>, Undecided> {
    let id = purchase.purchase.id.clone();
    let claims = match policy {
        Shortfall::Debt => {
            let expired = expired(builder, gone_on.as_deref(), snapshot, context, back, &id)?;
            claim(purchase, undone, back, &expired)
        }
        Shortfall::StopAtZero => Totals::default(),
    };
    // Before anything is owed: what is settled for that may change the purchase once more.
    builder.write_purchase(purchase.clone())?;
    let owing = gone_on.map_or(builder, |gone_on| &mut gone_on.other);
    owing.owe(snapshot, &claims, Some(&id))
}

/// Claims what could not be taken back of a purchase and has not expired, and says how much that is.
fn claim(
    purchase: &mut PurchaseEntity,
    undone: &UndoneGrants,
    back: &TakenBack,
    expired: &Totals,
) -> Totals {
    let mut left: BTreeMap<Asset, i64> = BTreeMap::new();
    for grant in &purchase.allocations {
        let Some((all, _)) = undone.get(&grant.lot) else {
            continue;
        };
        let short = grant.undone.saturating_sub(grant.returned).max(0);
        let sum = left.entry(all.asset()).or_default();
        *sum = sum.saturating_add(short);
    }
    for (asset, minor) in expired.iter() {
        let sum = left.entry(asset).or_default();
        *sum = sum.saturating_sub(minor).max(0);
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
    claims
}

/// What of the rewards of a purchase has expired, before this command and in it.
fn expired(
    builder: &ChangeBuilder<'_>,
    gone_on: Option<&GoneOn<'_>>,
    snapshot: &Snapshot,
    context: &Context,
    back: &TakenBack,
    purchase: &PurchaseId,
) -> Result<Totals, Undecided> {
    let mut sums = gone_on.map_or_else(Totals::default, |gone_on| gone_on.expired(purchase));
    if !back.has_expired {
        return Ok(sums);
    }
    let member = context.member_key(builder.member());
    let query = expiries_of(&member, purchase, GRANTS_MAX);
    let Some(entries) = snapshot.statements.get(&query) else {
        return Err(Undecided::Needs(Box::new(ReadPlan {
            statements: vec![query],
            ..ReadPlan::default()
        })));
    };
    add_expired(&mut sums, purchase, entries.iter());
    add_expired(&mut sums, purchase, made_by(builder));
    Ok(sums)
}
