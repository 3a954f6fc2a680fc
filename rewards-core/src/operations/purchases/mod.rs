//! Purchases: quote, record, confirm, cancel.

mod cancel_purchase;
mod confirm_purchase;
mod decide_purchase;
mod quote_purchase;
mod record_purchase;
mod stateless_quote;

pub use cancel_purchase::{CancelPurchase, CancelledPurchase};
pub use confirm_purchase::{ConfirmPurchase, ConfirmedPurchase};
pub use decide_purchase::{GrantedReward, PurchaseDecision};
pub use quote_purchase::{QuotePurchase, QuotedPurchase};
pub use record_purchase::{RecordPurchase, RecordedPurchase, TierChange};
pub use stateless_quote::{StatelessQuote, StatelessRow, StatelessRows};

use crate::context::Context;
use crate::ids::{MemberId, PurchaseId};
use crate::ledger::Lot;
use crate::records::PurchaseRow;
use crate::rejection::Rejection;
use crate::snapshot::{LotFilter, LotQuery, MemberKey, PurchaseKey, ReadPlan, Snapshot};

/// The most lots one purchase can have: one for every line and rule that granted something.
pub(super) const PURCHASE_LOTS_MAX: u32 = 10_000;

/// The rows of a recorded purchase: its member, itself and its lots.
fn reads_purchase(context: &Context, member: &MemberId, purchase: &PurchaseId) -> ReadPlan {
    let tenant = context.tenant.clone();
    let member = MemberKey {
        tenant: tenant.clone(),
        member: member.clone(),
    };
    let filter = LotFilter::OfPurchase {
        purchase: purchase.clone(),
    };
    ReadPlan {
        purchases: vec![PurchaseKey {
            tenant,
            purchase: purchase.clone(),
        }],
        lots: vec![LotQuery {
            member: member.clone(),
            filter,
            limit: PURCHASE_LOTS_MAX,
        }],
        members: vec![member],
        ..ReadPlan::default()
    }
}

/// The row of a purchase of this very member.
fn find_purchase<'s>(
    snapshot: &'s Snapshot,
    context: &Context,
    member: &MemberId,
    purchase: &PurchaseId,
) -> Result<(PurchaseKey, &'s PurchaseRow), Rejection> {
    let key = PurchaseKey {
        tenant: context.tenant.clone(),
        purchase: purchase.clone(),
    };
    match snapshot.purchases.get(&key) {
        Some(row) if row.member == *member => Ok((key, row)),
        _ => Err(Rejection::PurchaseUnknown(purchase.clone())),
    }
}

/// The lots that a purchase's grants made.
fn purchase_lots<'s>(
    snapshot: &'s Snapshot,
    context: &Context,
    member: &MemberId,
    row: &PurchaseRow,
) -> Vec<&'s Lot> {
    let key = MemberKey {
        tenant: context.tenant.clone(),
        member: member.clone(),
    };
    let Some((first, last)) = row.record.grants else {
        return Vec::new();
    };
    snapshot
        .lots_of(&key)
        .filter(|lot| (first..=last).contains(&lot.number))
        .collect()
}
