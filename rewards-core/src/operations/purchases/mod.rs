//! Purchases: quote, record, confirm, refund, replace, cancel, list.

mod cancel_purchase;
mod claims;
mod confirm_purchase;
mod decide_purchase;
mod get_purchase;
mod gone_on;
mod list_purchases;
mod list_refunds;
mod price_purchase;
mod quote_purchase;
mod record_purchase;
mod refund_purchase;
mod replace_purchase;
mod stateless_quote;
mod take_back;

pub use cancel_purchase::{CancelPurchase, CancelledPurchase};
pub use confirm_purchase::{ConfirmPurchase, ConfirmedPurchase};
pub use decide_purchase::{GrantedReward, PreparedPurchase, PurchaseDecision};
pub use get_purchase::{AllocatedReward, GetPurchase, LineReward, PurchaseDetails};
pub use list_purchases::{ListPurchases, ListedPurchase, PurchaseList};
pub use list_refunds::{ListRefunds, ListedRefund, RefundList};
pub use quote_purchase::{QuotePurchase, QuotedPurchase};
pub(super) use record_purchase::RecordedBy;
pub use record_purchase::{RecordPurchase, RecordedPurchase, TierChange};
pub use refund_purchase::{RefundPurchase, RefundedPart, RefundedPurchase};
pub use replace_purchase::{PreparedReplacement, ReplacePurchase, ReplacedPurchase};
pub use stateless_quote::{StatelessQuote, StatelessRow, StatelessRows};

use self::decide_purchase::PurchaseContext;
use super::change_builder::ChangeBuilder;
use super::merged::merged_owner;
use crate::cashback::{GRANTS_MAX, PurchaseEntity};
use crate::command::Undecided;
use crate::context::Context;
use crate::entity::{EntityKey, Stored};
use crate::ids::{MemberId, PurchaseId};
use crate::ledger::Lot;
use crate::rejection::Rejection;
use crate::snapshot::{LotQuery, ReadPlan, Snapshot};
use crate::time::Timestamp;

/// The rows of a recorded purchase: its member, itself and its lots.
fn plan_purchase(context: &Context, member: &MemberId, purchase: &PurchaseId) -> ReadPlan {
    let member = context.member_key(member);
    ReadPlan {
        entities: vec![EntityKey::of::<PurchaseEntity>(&context.tenant, purchase)],
        lots: vec![LotQuery::of_purchase(&member, purchase, GRANTS_MAX)],
        members: vec![member],
        ..ReadPlan::default()
    }
}

/// A purchase of this very member.
fn find_purchase(
    snapshot: &Snapshot,
    context: &Context,
    member: &MemberId,
    purchase: &PurchaseId,
) -> Result<Stored<PurchaseEntity>, Rejection> {
    match snapshot.get::<PurchaseEntity>(&context.tenant, purchase)? {
        Some(stored) if stored.entity.purchase.member == *member => Ok(stored),
        _ => Err(Rejection::PurchaseUnknown(purchase.clone())),
    }
}

/// The owner of a purchase, when that is somebody who was merged into the member that a request names.
fn owner_of(
    snapshot: &Snapshot,
    context: &Context,
    member: &MemberId,
    purchase: &PurchaseId,
) -> Result<Option<MemberId>, Rejection> {
    let owner = |entity: PurchaseEntity| entity.purchase.member;
    merged_owner(snapshot, context, member, purchase, owner)
}

/// Carries out what is due for lots of the member that are none of the purchase's own, which follow one by one.
fn settle_others(
    builder: &mut ChangeBuilder<'_>,
    due: &[&Lot],
    purchase: &PurchaseId,
    by: Timestamp,
) -> Result<(), Undecided> {
    let is_other = |lot: &&Lot| lot.purchase.as_ref() != Some(purchase);
    builder.settle_all(due.iter().copied().filter(is_other), by)?;
    Ok(())
}

/// The lots that a purchase's grants made: all of them.
///
/// # Errors
/// [`Rejection::TooMany`] for more than one command may touch, which can only have been recorded before
/// [`GRANTS_MAX`] was kept to; [`Rejection::Corrupt`] when one is missing.
fn purchase_lots<'s>(
    snapshot: &'s Snapshot,
    context: &Context,
    purchase: &PurchaseEntity,
) -> Result<Vec<&'s Lot>, Rejection> {
    if is_too_many(purchase.allocations.len()) {
        return Err(too_many_grants());
    }
    let key = context.member_key(&purchase.purchase.member);
    let lots = purchase.allocations.iter().map(|granted| {
        let lot = snapshot.lots.get(&(key.clone(), granted.lot));
        lot.ok_or(Rejection::Corrupt {
            what: "reward of a purchase",
        })
    });
    lots.collect()
}

/// Whether a purchase with so many grants is refused.
fn is_too_many(grants: usize) -> bool {
    !u32::try_from(grants).is_ok_and(|count| count <= GRANTS_MAX)
}

fn too_many_grants() -> Rejection {
    Rejection::TooMany {
        what: "grants of one purchase",
        limit: GRANTS_MAX,
    }
}
