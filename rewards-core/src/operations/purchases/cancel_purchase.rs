//! Cancel a purchase: what it earned is taken back, and limits are released by what came back.
//!
//! The recorded lots are taken back, never what today's rules would grant. Pending lots are voided; of available lots
//! what is left is taken. What was spent or has expired stays where it is and is reported as the shortfall: a balance
//! never falls below its floor, and caps and budgets stay used by it. What was voided before is neither. What the member
//! did is undone: the purchase is no visit any more, nothing was spent or earned by it.
//!
//! Refusals, in order: unknown member; unknown purchase (or another member's); cancelled before.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::change_builder::{ChangeBuilder, Totals};
use super::{find_purchase, plan_purchase, purchase_lots};
use crate::command::{Kind, Members, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::event::Event;
use crate::ids::{IdempotencyKey, MemberId, PurchaseId, TenantId};
use crate::ledger::{Lot, LotState};
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
        Ok((plan_purchase(context, &self.member, &self.purchase), ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<Self::Reply>, Undecided> {
        let ids = context.id_allocator();
        let mut builder = ChangeBuilder::open(snapshot, context, &ids, &self.member)?;
        let stored = find_purchase(snapshot, context, &self.member, &self.purchase)?;
        let lots = purchase_lots(snapshot, context, &stored.entity);
        let (mut taken_back, mut shortfall) = (Totals::default(), Totals::default());
        for lot in &lots {
            let (taken, state) = take_back(&mut builder, lot)?;
            taken_back.add(lot.asset, taken);
            if state != LotState::Voided {
                shortfall.add(lot.asset, lot.amount.saturating_sub(taken));
            }
        }
        let granted = |number| {
            let own = lots.iter().find(|lot| lot.number == number);
            own.map(|lot| Money::new(lot.amount, lot.asset))
        };
        let purchase = builder.purchase(&self.purchase)?.clone();
        let (purchase, undone) = purchase
            .cancel(granted)
            .map_err(|_| Rejection::PurchaseCancelled(self.purchase.clone()))?;
        builder.undo_purchase(&purchase, undone)?;
        builder.write_purchase(purchase)?;
        builder.move_days(snapshot, context)?;
        let reply = CancelledPurchase {
            purchase: self.purchase.clone(),
            taken_back: taken_back.into_amounts(),
            shortfall: shortfall.into_amounts(),
        };
        builder.emit_due();
        builder.emit(Event::PurchaseCancelled {
            purchase: self.purchase.clone(),
            taken_back: reply.taken_back.clone(),
            shortfall: reply.shortfall.clone(),
        });
        Ok(Decision {
            reply,
            changes: builder.finish(),
        })
    }
}

/// Takes back what is left of a lot, after what was due before. Says how much it was, and what became of the lot; one
/// that was voided before had never been the member's.
fn take_back(builder: &mut ChangeBuilder<'_>, lot: &Lot) -> Result<(i64, LotState), Undecided> {
    let now = builder.recorded_at;
    let lot = builder.settle(lot)?;
    let step = match lot.state {
        LotState::Pending => lot.void(now),
        LotState::Available if lot.remaining > 0 => lot.claw_back(now),
        state => return Ok((0, state)),
    };
    let taken = (step.amount, step.lot.state);
    builder.move_lot(step)?;
    Ok(taken)
}
