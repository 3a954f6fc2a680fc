//! Redeem: pay an order, or a part of it, at once.
//!
//! Buckets pay in the order of the program, or as the caller chose; within a bucket the lots that expire first. What is due for
//! the member happens before. What is left may last longer by it. Ladders that are climbed by a balance are reviewed.
//!
//! Refusals, in order: unknown program, or none active; redemptions are not offered; amounts that are not positive or of another
//! asset, buckets that do not pay or come twice, an amount beside chosen ones; of chosen units in paying order too few, no
//! multiple of the step or too many; more than the order or its share; unknown member; the redemption was made already; closed,
//! merged or suspended member; unknown shared wallet, closed one, the member does not share it; less is there than asked for; nothing would be paid; more lots than one command may touch.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::payers::NewRedemption;
use super::spending::{PreparedSpending, Wanted};
use super::{ChosenTender, PaidPart, PaidShare, paid_in, review};
use crate::command::{Kind, Members, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::event::Event;
use crate::ids::{MemberId, OrderId, ProgramId, RedemptionId, SharedWalletId, TenantId};
use crate::money::Money;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};

/// Pays an order at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct Redeem {
    /// The id of what is made; unique in its tenant.
    pub redemption: RedemptionId,
    /// The member who pays, or who asks for it when it is paid from a shared wallet.
    pub member: MemberId,
    /// The program whose section `redemptions` decides.
    pub program: ProgramId,
    /// The order that is paid.
    pub order: OrderId,
    /// What the order costs, after discounts, in the program's currency.
    pub total: Money,
    /// Exactly so much of it is paid; as much as possible when absent and nothing is chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub amount: Option<Money>,
    /// What pays, each bucket at most once, instead of what the order of the program would choose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub tenders: Vec<ChosenTender>,
    /// The shared wallet that is paid from, in its paying order; what the member alone has when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub wallet: Option<SharedWalletId>,
}

/// What was paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct Redeemed {
    /// The redemption.
    pub redemption: RedemptionId,
    /// What was paid.
    pub paid: Money,
    /// What of the order is left to be paid otherwise.
    pub rest: Money,
    /// By what, in paying order.
    pub parts: Vec<PaidPart>,
    /// Who pays what of it, in paying order; only from a shared wallet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub payers: Vec<PaidShare>,
}

impl Redeem {
    /// What is asked to be made.
    fn wanted(&self) -> NewRedemption<'_> {
        NewRedemption {
            id: &self.redemption,
            order: &self.order,
            held_for: None,
            wanted: Wanted {
                member: &self.member,
                program: &self.program,
                total: self.total,
                amount: self.amount,
                tenders: &self.tenders,
                wallet: self.wallet.as_ref(),
            },
        }
    }
}

impl Operation for Redeem {
    const NAME: &'static str = "redeem";
    const KIND: Kind = Kind::Command;
    type Reply = Redeemed;
    type Prepared = PreparedSpending;

    fn natural_key(&self, tenant: &TenantId) -> Option<NaturalKey> {
        Some(NaturalKey::Entity(self.wanted().key(tenant)))
    }

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, PreparedSpending), Rejection> {
        let (mut plan, prepared) = self.wanted().prepare(context)?;
        paid_in(&self.program, context).plan(context, &self.member, &mut plan);
        Ok((plan, prepared))
    }

    fn decide(
        &self,
        prepared: &PreparedSpending,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<Redeemed>, Undecided> {
        let ids = context.id_allocator();
        let wanted = self.wanted();
        let (paid, shares) = wanted.take(prepared, snapshot, context, &ids)?;
        let currency = self.total.asset();
        let reply = Redeemed {
            redemption: self.redemption.clone(),
            paid: paid.taken.paid,
            rest: paid.rest(self.total),
            parts: paid.taken.parts.clone(),
            payers: shares,
        };
        let changes = paid.finish(|mut payer| {
            let paid = Money::new(payer.spending.value(), currency);
            payer.spending.post(&mut payer.builder, currency, false)?;
            let extension = paid_in(&self.program, context);
            let extended = extension.make(&mut payer.builder, snapshot, context)?;
            wanted.keep(&mut payer, prepared, None)?;
            let mut builder = payer.builder;
            builder.emit_due();
            builder.emit(Event::OrderRedeemed {
                redemption: self.redemption.clone(),
                order: self.order.clone(),
                paid,
            });
            extended.emit(&mut builder);
            let member = builder.member().clone();
            review(&mut builder, snapshot, context, &member)?;
            Ok(builder.finish()?)
        })?;
        Ok(Decision { reply, changes })
    }
}
