//! Cancel a payment that nobody has tried: what it holds is released.
//!
//! One that is under way cannot be cancelled: the outside may have paid it. Report what became of it, and refund it then.
//!
//! Refusals, in order: unknown payment; one that is under way, has ended or whose time is over.

use serde::{Deserialize, Serialize};

use super::super::change_builder::Returned;
use super::super::merged::finish;
use super::{key, open_payer, payment_of, refused, release_payment, tell};
use crate::command::{Kind, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::entity::EntityKey;
use crate::ids::{IdempotencyKey, PaymentId, TenantId};
use crate::money::Money;
use crate::payments::{Payment, PaymentState};
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};

/// Cancels a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CancelPayment {
    /// The payment.
    pub payment: PaymentId,
}

/// The payment that was cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CancelledPayment {
    /// The payment.
    pub payment: PaymentId,
    /// Where it is now.
    pub state: PaymentState,
    /// What is the payer's again, one amount per asset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub returned: Vec<Money>,
    /// What had expired meanwhile, one amount per asset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub expired: Vec<Money>,
    /// What was earned by purchases that were cancelled meanwhile, and went on to the accounts that had paid it; one amount per
    /// asset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub taken_back: Vec<Money>,
}

impl Operation for CancelPayment {
    const NAME: &'static str = "cancel_payment";
    const KIND: Kind = Kind::Command;
    type Reply = CancelledPayment;
    type Prepared = ();

    fn natural_key(&self, _: &TenantId) -> Option<NaturalKey> {
        let key = IdempotencyKey::new(self.payment.as_str()).ok()?;
        Some(NaturalKey::Text(key))
    }

    fn owned_by(&self, tenant: &TenantId) -> Vec<EntityKey> {
        vec![key(tenant, &self.payment)]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let plan = ReadPlan::of_entity::<Payment>(&context.tenant, &self.payment);
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<CancelledPayment>, Undecided> {
        let stored = payment_of(snapshot, context, &self.payment)?;
        let before = &stored.entity;
        let cancelled = before.clone().cancelled(context.now);
        let cancelled = cancelled.map_err(|step| refused(before, 0, step))?;
        let ids = context.id_allocator();
        let (mut builder, returned) = match before.hold() {
            None => {
                let payer = open_payer(snapshot, context, &ids, before)?;
                (payer, Returned::default())
            }
            Some(_) => release_payment(snapshot, context, &ids, before)?,
        };
        builder.put(&self.payment, stored.expected(), &cancelled)?;
        let state = tell(&mut builder, &cancelled, context.now);
        Ok(Decision {
            reply: CancelledPayment {
                payment: self.payment.clone(),
                state,
                returned: returned.back.into_amounts(),
                expired: returned.expired.into_amounts(),
                taken_back: returned.taken.into_amounts(),
            },
            changes: finish(builder, snapshot, context)?,
        })
    }
}
