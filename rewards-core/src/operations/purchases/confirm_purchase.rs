//! Confirm a purchase: its pending rewards become available now.
//!
//! A reward never expires before it was available: one whose expiry has passed lasts to the end of this local day. Ladders
//! that are climbed by a balance are reviewed at once, after everything that is due has happened. For a member who has left
//! nothing becomes available any more, so it is refused; a cancellation is not.
//!
//! Refusals, in order: unknown member; closed member; unknown purchase (or another member's); cancelled; confirmed before; more lots due
//! than one command may touch.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::change_builder::{ChangeBuilder, Totals};
use super::super::merged::{decide_for, finish};
use super::super::review::{Reviewed, TierReview, due_for_review};
use super::{find_purchase, owner_of, plan_purchase, purchase_lots, settle_others};
use crate::cashback::{PurchaseEntity, PurchaseState, WrongState};
use crate::command::{Kind, Members, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::event::Event;
use crate::ids::{IdempotencyKey, MemberId, PurchaseId, TenantId};
use crate::ledger::LotState;
use crate::member::MemberStatus;
use crate::money::Money;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::{CalendarRounding, Timestamp};

/// Confirms a purchase, for instance when its return period is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ConfirmPurchase {
    /// Whose purchase it is.
    pub member: MemberId,
    /// The purchase.
    pub purchase: PurchaseId,
}

/// What became available.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ConfirmedPurchase {
    /// The purchase.
    pub purchase: PurchaseId,
    /// What became available, one amount per asset.
    pub released: Vec<Money>,
    /// How many moves on tier ladders were made.
    #[serde(default, skip_serializing_if = "crate::operations::is_zero")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub tier_changes: u32,
}

impl Operation for ConfirmPurchase {
    const NAME: &'static str = "confirm_purchase";
    const KIND: Kind = Kind::Command;
    type Reply = ConfirmedPurchase;
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
        Reviewed::Balances.plan(context, &self.member, context.now, &mut plan);
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
        if builder.row.profile.status == MemberStatus::Closed {
            return Err(Rejection::MemberClosed(self.member.clone()).into());
        }
        let stored = find_purchase(snapshot, context, &self.member, &self.purchase)?;
        let purchase = stored.entity;
        let is_possible = purchase.clone().confirm();
        is_possible.map_err(|wrong| self.refused(wrong))?;
        let due = due_for_review(snapshot, context, &self.member, context.now)?;
        settle_others(&mut builder, &due, &self.purchase, context.now)?;
        let mut released = Totals::default();
        let now = context.now;
        for lot in purchase_lots(snapshot, context, &purchase)? {
            // What was due before the confirmation happens first: a lot voided in time stays voided.
            let lot = builder.settle(lot, now)?;
            if lot.state == LotState::Pending {
                released.add(lot.asset, lot.remaining);
                let mut step = lot.mature(now);
                if step.lot.expires_at.is_some_and(|expires| expires <= now) {
                    step.lot.expires_at = Some(end_of_day(context, &purchase, now));
                }
                builder.move_lot(step)?;
            }
        }
        let confirmed = builder.purchase(&self.purchase)?.clone().confirm();
        builder.write_purchase(confirmed.map_err(|wrong| self.refused(wrong))?)?;
        let released = released.into_amounts();
        let purchase = self.purchase.clone();
        builder.emit_due();
        builder.emit(Event::PurchaseConfirmed {
            purchase: purchase.clone(),
            released: released.clone(),
        });
        let review = TierReview::now(Reviewed::Balances, snapshot, context, &self.member);
        let tier_changes = review.make(&mut builder)?;
        builder.move_days(snapshot, context)?;
        Ok(Decision {
            reply: ConfirmedPurchase {
                purchase,
                released,
                tier_changes,
            },
            changes: finish(builder, snapshot, context)?,
        })
    }
}

impl ConfirmPurchase {
    fn refused(&self, WrongState(state): WrongState) -> Rejection {
        match state {
            PurchaseState::Confirmed => Rejection::PurchaseConfirmed(self.purchase.clone()),
            PurchaseState::Refunded => Rejection::PurchaseRefunded(self.purchase.clone()),
            PurchaseState::Cancelled => Rejection::PurchaseCancelled(self.purchase.clone()),
            PurchaseState::Recorded => Rejection::Internal("a recorded purchase can be confirmed"),
        }
    }
}

/// The end of the local day, in the zone of the program that decided the purchase.
fn end_of_day(context: &Context, purchase: &PurchaseEntity, now: Timestamp) -> Timestamp {
    let revisions = context.revisions(&purchase.purchase.program);
    let program = revisions.and_then(|revisions| revisions.numbered(purchase.revision));
    program.map_or(now, |program| {
        program.calendar().round_up(now, CalendarRounding::EndOfDay)
    })
}
