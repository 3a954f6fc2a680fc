//! Replace a purchase: an order is edited. All that is left of it is refunded and another one is recorded in its place, in one
//! step.
//!
//! It is exactly what [refunding](super::RefundPurchase) the rest and then [recording](super::RecordPurchase) the new purchase at
//! the same instant are, and has no rules of its own. The refund follows the policy of the program that decided the
//! purchase. Limits that it releases are free for the new purchase; what of it became a debt is paid by the new rewards that are
//! available at once. Numbers stay: the purchase that was replaced keeps its own, and the new one has the next. When the new one
//! occurred is the host's choice: with the time of the first it is decided by the revision of that time and counts in the same
//! windows.
//!
//! Either both happen or neither: nobody ever sees the member without the purchase, and one that is refused leaves the first as
//! it was. Both purchases name each other.
//!
//! Refusals, in order: unknown program of the new purchase; no revision active when it happened; a purchase in its own place
//! and all problems of the new one; then those of the refund, and then those of recording, for which lots that were due before
//! the refund count towards those that one command may touch.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::RecordedBy;
use super::{
    PreparedPurchase, RecordPurchase, RecordedPurchase, RefundPurchase, RefundedPart,
    RefundedPurchase,
};
use crate::cashback::{Purchase, PurchaseEntity};
use crate::command::{Kind, Members, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::entity::EntityKey;
use crate::ids::{CouponId, PurchaseId, RefundId, Slug, TenantId};
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{ReadPlan, Snapshot};

/// Refunds all that is left of a purchase and records another one in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ReplacePurchase {
    /// The host's id of the refund, unique in the tenant.
    pub refund: RefundId,
    /// The purchase that is refunded, of the same member as the new one.
    pub replaced: PurchaseId,
    /// The host's name of the reason, such as `edited`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub reason: Option<Slug>,
    /// The purchase that takes its place, under an id of its own.
    pub purchase: Purchase,
    /// Coupons that are redeemed with the new purchase, by their ids. Those that the first one gave back can be among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub coupons: Vec<CouponId>,
    /// The digest of a quote: everything is refused unless the new purchase is granted exactly that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub pinned: Option<String>,
}

/// The purchase that was refunded, and the one that was recorded in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ReplacedPurchase {
    /// What the refund took back.
    pub refunded: RefundedPurchase,
    /// What the new purchase was granted.
    pub recorded: RecordedPurchase,
}

/// Both parts of a replacement, and what the new purchase and the programs say before anything stored is looked at.
#[derive(Debug)]
pub struct PreparedReplacement {
    refund: RefundPurchase,
    record: RecordPurchase,
    purchase: PreparedPurchase,
}

impl ReplacePurchase {
    fn refund(&self) -> RefundPurchase {
        RefundPurchase {
            refund: self.refund.clone(),
            member: self.purchase.member.clone(),
            purchase: self.replaced.clone(),
            what: RefundedPart::All,
            kind: None,
            reason: self.reason.clone(),
        }
    }

    fn record(&self) -> RecordPurchase {
        RecordPurchase {
            purchase: self.purchase.clone(),
            coupons: self.coupons.clone(),
            pinned: self.pinned.clone(),
        }
    }

    fn problems(&self) -> Vec<Problem> {
        if self.replaced != self.purchase.id {
            return Vec::new();
        }
        let detail = format!("purchase `{}` would take its own place", self.replaced);
        vec![Problem::new("replaces_itself", "replaced", detail)]
    }
}

impl Operation for ReplacePurchase {
    const NAME: &'static str = "replace_purchase";
    const KIND: Kind = Kind::Command;
    type Reply = ReplacedPurchase;
    type Prepared = PreparedReplacement;

    fn natural_key(&self, tenant: &TenantId) -> Option<NaturalKey> {
        let key = EntityKey::of::<PurchaseEntity>(tenant, &self.purchase.id);
        Some(NaturalKey::Entity(key))
    }

    fn members(&self) -> Members<'_> {
        smallvec![&self.purchase.member]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, PreparedReplacement), Rejection> {
        let (refund, record, mut problems) = (self.refund(), self.record(), self.problems());
        let (mut plan, ()) = refund.prepare(context)?;
        let (more, purchase) = match record.prepare(context) {
            Ok(prepared) if problems.is_empty() => prepared,
            Ok(_) => return Err(Rejection::Invalid(problems)),
            Err(Rejection::Invalid(others)) => {
                problems.extend(others);
                return Err(Rejection::Invalid(problems));
            }
            Err(refused) => return Err(refused),
        };
        plan.merge(more);
        let prepared = PreparedReplacement {
            refund,
            record,
            purchase,
        };
        Ok((plan, prepared))
    }

    fn decide(
        &self,
        prepared: &PreparedReplacement,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<ReplacedPurchase>, Undecided> {
        let ids = context.id_allocator();
        let (refund, record) = (&prepared.refund, &prepared.record);
        let by = Some(&self.purchase.id);
        let refunded = refund.decide_with(snapshot, context, &ids, by)?;
        // A view that may hold a part of what is due may seem to hold all of it once the refund has settled some.
        let purchase = prepared.purchase.purchase(context, &record.purchase, &[]);
        purchase.due_lots(snapshot)?;
        let mut view = snapshot.clone();
        view.apply(&refunded.changes);
        let by = RecordedBy::Replacement(&self.replaced);
        let recorded = record.decide_with(&prepared.purchase, &view, context, &ids, by)?;
        Ok(Decision {
            reply: ReplacedPurchase {
                refunded: refunded.reply,
                recorded: recorded.reply,
            },
            changes: refunded.changes.then(recorded.changes)?,
        })
    }
}
