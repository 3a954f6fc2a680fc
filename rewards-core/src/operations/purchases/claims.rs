//! What a member owes of a refund: what was to be taken back and had been spent.
//!
//! What has expired is not owed, as the member had nothing of it. Like all of a refund it is counted over all refunds of the
//! purchase: what is owed in all, less what was claimed before.

use std::collections::BTreeMap;

use super::super::change_builder::{ChangeBuilder, Totals};
use super::take_back::{TakenBack, UndoneGrants};
use crate::cashback::{GRANTS_MAX, PurchaseEntity};
use crate::command::Undecided;
use crate::context::Context;
use crate::ids::PurchaseId;
use crate::ledger::{LotNumber, Transfer, TransferKind};
use crate::money::Asset;
use crate::snapshot::{ReadPlan, Snapshot, StatementQuery};

/// Claims what could not be taken back of a purchase, which is undone already, and says how much that is.
///
/// # Errors
/// [`Undecided::Needs`] what of the purchase has expired, as long as a view does not have it.
pub(super) fn claim(
    builder: &ChangeBuilder<'_>,
    snapshot: &Snapshot,
    context: &Context,
    purchase: &mut PurchaseEntity,
    undone: &UndoneGrants,
    back: &TakenBack,
) -> Result<Totals, Undecided> {
    let expired = if back.has_expired {
        expired(builder, snapshot, context, &purchase.purchase.id)?
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

/// What of the rewards of a purchase has expired, before this command and in it.
fn expired(
    builder: &ChangeBuilder<'_>,
    snapshot: &Snapshot,
    context: &Context,
    purchase: &PurchaseId,
) -> Result<BTreeMap<Asset, i64>, Undecided> {
    let query = StatementQuery {
        member: context.member_key(builder.member()),
        before: None,
        kind: Some(TransferKind::Expire),
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
        transfer.kind == TransferKind::Expire && transfer.purchase.as_ref() == Some(purchase)
    };
    let all = entries.iter().chain(now).map(|entry| &entry.transfer);
    let mut sums: BTreeMap<Asset, i64> = BTreeMap::new();
    for transfer in all.filter(is_own) {
        let sum = sums.entry(transfer.asset()).or_default();
        *sum = sum.saturating_add(transfer.minor());
    }
    Ok(sums)
}
