//! Quote a purchase: what it would be granted now. Nothing is stored.
//!
//! Whether a purchase with this id is recorded already makes no difference: the answer is what another one like it would be
//! granted now, with what is used of limits by now. What is due for the member is carried out in mind. Why a recorded purchase was granted what it was, says
//! [`GetPurchase`](super::GetPurchase) with `explain`.
//!
//! A coupon that cannot be redeemed is told beside the others and refuses nothing.
//!
//! Refusals, in order: unknown program; no revision active when the purchase happened; all problems of the purchase and of the
//! list of coupons; unknown member; closed or merged member; more lots due than a query may look at; an amount leaves its range; more than
//! [`GRANTS_MAX`](crate::cashback::GRANTS_MAX) grants; the time of a reward leaves its range.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::change_builder::ChangeBuilder;
use super::super::standing::new_member;
use super::{PreparedPurchase, PurchaseDecision};
use crate::cashback::{Explanation, Purchase};
use crate::command::{Kind, Members, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::discounts::OfferExplanation;
use crate::ids::CouponId;
use crate::member::MemberProfile;
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{ReadPlan, Snapshot};

/// Asks what a purchase would be granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct QuotePurchase {
    /// The purchase.
    pub purchase: Purchase,
    /// Coupons of the member's that are to be redeemed with it, by their ids: at most
    /// [`PURCHASE_COUPONS_MAX`](crate::operations::coupons::PURCHASE_COUPONS_MAX). For each the reply says what it comes to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub coupons: Vec<CouponId>,
    /// Whether to say for every rule why it does or does not apply, and of what does not match the smallest change after which
    /// it would; the same of the offers of the coupons that do not apply. For a member who is not active, what would have been
    /// granted is `withheld`.
    #[serde(default)]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub explain: bool,
}

/// What the purchase would be granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct QuotedPurchase {
    /// The decision; its digest may be pinned when the purchase is recorded.
    pub decision: PurchaseDecision,
    /// For every rule of the program why it does or does not apply, in document order; only when asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub explanation: Option<Vec<Explanation>>,
    /// For every offer of the coupons that does not apply why not, and what would change that; only when asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub offers: Vec<OfferExplanation>,
}

impl QuotePurchase {
    /// Answers without a store, for a member who joins with this purchase: no tier, no segment, no attribute, no limit used up
    /// yet, and anniversaries of this day.
    ///
    /// # Errors
    /// As the operation, but for the unknown member; [`Rejection::Invalid`] with `coupons_need_store` for coupons, which are
    /// nowhere without a store.
    pub fn quote_new_member(&self, context: &Context) -> Result<QuotedPurchase, Rejection> {
        if !self.coupons.is_empty() {
            let detail = "coupons are looked up in a store: quote with one, or without coupons";
            return Err(Problem::new("coupons_need_store", "coupons", detail).into());
        }
        let (_, prepared) = PreparedPurchase::new(context, &self.purchase, &[])?;
        let purchase = prepared.purchase(context, &self.purchase, &[]);
        let mut standing = new_member(purchase.program, &self.purchase);
        // That nothing was counted yet is known, and part of the explanation.
        let counted = if self.explain {
            purchase.program.activity_counters()
        } else {
            &[]
        };
        for (number, _) in (0_u32..).zip(counted) {
            standing.activity_counters.set(number, 0);
        }
        let profile = MemberProfile::new(self.purchase.occurred_at);
        let decided = purchase.judge(&standing, &profile, self.explain)?;
        Ok(QuotedPurchase {
            decision: decided.reply,
            explanation: decided.explanation,
            offers: decided.offers,
        })
    }
}

impl Operation for QuotePurchase {
    const NAME: &'static str = "quote_purchase";
    const KIND: Kind = Kind::Query;
    type Reply = QuotedPurchase;
    type Prepared = PreparedPurchase;

    fn members(&self) -> Members<'_> {
        smallvec![&self.purchase.member]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, PreparedPurchase), Rejection> {
        PreparedPurchase::new(context, &self.purchase, &self.coupons)
    }

    fn decide(
        &self,
        prepared: &PreparedPurchase,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<Self::Reply>, Undecided> {
        let ids = context.id_allocator();
        let purchase = prepared.purchase(context, &self.purchase, &self.coupons);
        let mut builder = ChangeBuilder::open(snapshot, context, &ids, &self.purchase.member)?;
        let decided = purchase.decide(&mut builder, snapshot, self.explain)?;
        Ok(Decision::answer(QuotedPurchase {
            decision: decided.reply,
            explanation: decided.explanation,
            offers: decided.offers,
        }))
    }
}
