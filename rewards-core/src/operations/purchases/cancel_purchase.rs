//! Cancel a purchase: what it earned is taken back, and limits are released by what came back.
//!
//! It is the refund of all that is left, by the proportional policy that stops at zero whatever the program says: for a purchase
//! that never came about. The recorded lots are taken back, never what today's rules would grant. Pending lots are voided; of
//! available lots what is left is taken. What was spent or has expired stays where it is and is reported as the shortfall: a balance
//! never falls below its floor, and caps and budgets stay used by it. What was voided before is neither. What the member
//! did is undone: the purchase is no visit any more, nothing was spent or earned by it. All tier ladders are reviewed at
//! once, after everything that is due has happened. Coupons that were redeemed with it get their uses back.
//!
//! The purchase of a member who has left is cancelled as well, because others wait for what it used of shared limits. Nothing
//! is there to be taken back; what was forfeited is no shortfall, as it went back to whoever paid it.
//!
//! Refusals, in order: unknown member; unknown purchase (or another member's); cancelled or refunded as a whole before; more lots due than one
//! command may touch.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::change_builder::{ChangeBuilder, revision_of};
use super::super::coupons::return_given;
use super::super::merged::decide_for;
use super::super::review::{Reviewed, TierReview, due_for_review};
use super::gone_on::{GoneOn, finish};
use super::price_purchase::are_returned;
use super::refund_purchase::refused;
use super::take_back::take_back;
use super::{find_purchase, owner_of, plan_purchase, purchase_lots, settle_others};
use crate::command::{Kind, Members, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::event::Event;
use crate::ids::{CouponId, IdempotencyKey, MemberId, PurchaseId, TenantId};
use crate::ledger::LotNumber;
use crate::money::Money;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};

/// Cancels a purchase as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CancelPurchase {
    /// Whose purchase it is.
    pub member: MemberId,
    /// The purchase.
    pub purchase: PurchaseId,
}

/// What was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CancelledPurchase {
    /// The purchase.
    pub purchase: PurchaseId,
    /// What was taken back, one amount per asset.
    pub taken_back: Vec<Money>,
    /// What had been spent or had expired and was not taken back, one amount per asset.
    pub shortfall: Vec<Money>,
    /// How many moves on tier ladders were made.
    #[serde(default, skip_serializing_if = "crate::operations::is_zero")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub tier_changes: u32,
}

impl Operation for CancelPurchase {
    const NAME: &'static str = "cancel_purchase";
    const KIND: Kind = Kind::Command;
    type Reply = CancelledPurchase;
    type Prepared = ();

    fn natural_key(&self, _: &TenantId) -> Option<NaturalKey> {
        let key = IdempotencyKey::new(self.purchase.as_str()).ok()?;
        Some(NaturalKey::Text(key))
    }

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let mut plan = plan_purchase(context, &self.member, &self.purchase);
        Reviewed::Undone.plan(context, &self.member, context.now, &mut plan);
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<Self::Reply>, Undecided> {
        if let Some(owner) = owner_of(snapshot, context, &self.member, &self.purchase)? {
            let own = |member| Self {
                member,
                ..self.clone()
            };
            return decide_for(owner, own, snapshot, context);
        }
        let ids = context.id_allocator();
        let mut builder = ChangeBuilder::open(snapshot, context, &ids, &self.member)?;
        let stored = find_purchase(snapshot, context, &self.member, &self.purchase)?;
        let open = stored.entity.check_open();
        open.map_err(|wrong| refused(&self.purchase, wrong))?;
        let due = due_for_review(snapshot, context, &self.member, context.now)?;
        settle_others(&mut builder, &due, &self.purchase, context.now)?;
        let mut gone_on = GoneOn::of(&mut builder, snapshot, context, &stored.entity)?;
        let lots = purchase_lots(snapshot, context, &stored.entity)?;
        let granted: BTreeMap<LotNumber, Money> = lots
            .iter()
            .map(|lot| (lot.number, Money::new(lot.amount, lot.asset)))
            .collect();
        let grants = granted.iter().map(|(lot, all)| (*lot, (*all, all.minor())));
        let grants = grants.collect();
        let taken_back = take_back(
            &mut builder,
            gone_on.as_mut(),
            (snapshot, &self.purchase),
            &lots,
            &grants,
            context.now,
        )?;
        let purchase = builder.purchase(&self.purchase)?.clone();
        let (purchase, undone) = purchase
            .cancel(|lot| granted.get(&lot).copied())
            .map_err(|wrong| refused(&self.purchase, wrong))?;
        builder.undo_purchase(&purchase, undone)?;
        // What could not be taken back is left at that.
        builder.write_purchase(purchase)?;
        let program = revision_of(context, &stored.entity)?;
        if are_returned(program, true) {
            let (whose, own) = ((&self.member, &self.purchase), &stored.entity);
            let spent = |coupon: &CouponId| own.spent_of(coupon);
            return_given(&mut builder, snapshot, context, whose, &own.coupons, spent)?;
        }
        let mut reply = CancelledPurchase {
            purchase: self.purchase.clone(),
            taken_back: taken_back.taken.into_amounts(),
            shortfall: taken_back.shortfall.into_amounts(),
            tier_changes: 0,
        };
        builder.emit_due();
        builder.emit(Event::PurchaseCancelled {
            purchase: self.purchase.clone(),
            taken_back: reply.taken_back.clone(),
            shortfall: reply.shortfall.clone(),
        });
        let review = TierReview::now(Reviewed::Undone, snapshot, context, &self.member);
        reply.tier_changes = review.make(&mut builder)?;
        builder.move_days(snapshot, context)?;
        Ok(Decision {
            reply,
            changes: finish(builder, gone_on, snapshot, context)?,
        })
    }
}
