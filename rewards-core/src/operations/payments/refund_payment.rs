//! Refund a payment: value goes back to the lots that it came from, all that is left or so much, any number of times.
//!
//! What the payment earned goes back with it, as for any refund of a purchase: the purchase is refunded in the same step and under the
//! same id. Whether the payer's fee goes back the program says. The host gives the money back where it went to.
//!
//! Refusals, in order: an amount that is not positive; unknown payment; an amount of another currency; a refund that
//! it has already; a payment that is not completed or has gone back as a whole; more than is left; more refunds than one payment has, unless all that is left
//! goes back; a refund of a purchase with this id; closed member; more lots due than
//! one command may touch.

use serde::{Deserialize, Serialize};

use super::super::amounts::check_positive;
use super::super::change_builder::ChangeBuilder;
use super::super::merged::finish;
use super::super::purchases::{RefundPurchase, RefundedPurchase};
use super::super::redemptions::return_captured;
use super::super::unless_wrong;
use super::earning::{refund_of, take_back};
use super::{held, key, payment_of, refused, see_payer, terms};
use crate::command::{Kind, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::entity::EntityKey;
use crate::event::Event;
use crate::ids::{IdempotencyKey, PaymentId, RefundId, Slug, TenantId};
use crate::member::MemberStatus;
use crate::money::Money;
use crate::payments::{Payment, PaymentState, RefundedFee};
use crate::refunds::{RefundEntity, RefundKind};
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{ReadPlan, Snapshot};

/// Refunds a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct RefundPayment {
    /// The host's id of the refund: unique in the payment, and among refunds of purchases where the payment is one. Choose one that is
    /// unique in the tenant, for it is the key of the command where none is given.
    pub refund: RefundId,
    /// The payment.
    pub payment: PaymentId,
    /// How much of what was asked for; all that is left when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub amount: Option<Money>,
    /// What kind of refund it is; an ordinary one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub kind: Option<RefundKind>,
    /// The host's name of the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub reason: Option<Slug>,
}

/// What went back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct RefundedPayment {
    /// The refund.
    pub refund: RefundId,
    /// The payment.
    pub payment: PaymentId,
    /// Where it is now.
    pub state: PaymentState,
    /// How much of what was asked for goes back.
    pub amount: Money,
    /// How much of the payer's fee goes back beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub fee: Option<Money>,
    /// How much of what was asked for is left.
    pub left: Money,
    /// What is the payer's again, one amount per asset.
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
    /// What the payment had earned and was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub purchase: Option<RefundedPurchase>,
    /// The code of the refusal, where what it had earned could not be taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub not_taken_back: Option<String>,
}

impl RefundPayment {
    fn minor(&self, payment: &Payment) -> Result<Option<i64>, Rejection> {
        let currency = payment.currency;
        match self.amount {
            Some(amount) if amount.asset() != currency => {
                let detail = format!("expected `{currency}`, got `{}`", amount.asset());
                Err(Problem::new("asset_mismatch", "amount.asset", detail).into())
            }
            amount => Ok(amount.map(Money::minor)),
        }
    }

    /// The refund of the purchase, when the payment is one; asks for the rows of both.
    fn see(
        &self,
        payment: &Payment,
        amount: i64,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Option<RefundPurchase>, Undecided> {
        let Some(member) = payment.earner() else {
            see_payer(snapshot, context, payment, None)?;
            return Ok(None);
        };
        let told = (self.kind, self.reason.as_ref());
        let refund = refund_of(payment, member, (&self.refund, amount), told)?;
        let (plan, ()) = refund.prepare(context)?;
        see_payer(snapshot, context, payment, Some((member, plan)))?;
        Ok(Some(refund))
    }
}

impl Operation for RefundPayment {
    const NAME: &'static str = "refund_payment";
    const KIND: Kind = Kind::Command;
    type Reply = RefundedPayment;
    type Prepared = ();

    fn natural_key(&self, _: &TenantId) -> Option<NaturalKey> {
        let key = IdempotencyKey::new(self.refund.as_str()).ok()?;
        Some(NaturalKey::Text(key))
    }

    fn owned_by(&self, tenant: &TenantId) -> Vec<EntityKey> {
        vec![key(tenant, &self.payment)]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let mut problems = Vec::new();
        if let Some(amount) = self.amount {
            check_positive("amount", amount, &mut problems);
        }
        unless_wrong(problems)?;
        let mut plan = ReadPlan::of_entity::<Payment>(&context.tenant, &self.payment);
        plan.entities
            .push(EntityKey::of::<RefundEntity>(&context.tenant, &self.refund));
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<RefundedPayment>, Undecided> {
        let stored = payment_of(snapshot, context, &self.payment)?;
        let before = &stored.entity;
        let (_, payments) = terms(context, before)?;
        let with_fee = payments.refunded_fee == RefundedFee::Returned;
        let minor = self.minor(before)?;
        let refunded = before
            .clone()
            .refunded(&self.refund, minor, with_fee, context.now);
        let (payment, made) = refunded.map_err(|step| refused(before, 0, step))?;
        let taken = EntityKey::of::<RefundEntity>(&context.tenant, &self.refund);
        if snapshot.entities.contains_key(&taken) {
            return Err(Rejection::RefundExists(self.refund.clone()).into());
        }
        let purchase = self.see(&payment, made.amount, snapshot, context)?;
        let ids = context.id_allocator();
        let mut builder = ChangeBuilder::open(snapshot, context, &ids, &payment.member)?;
        if builder.row.profile.status == MemberStatus::Closed {
            return Err(Rejection::MemberClosed(payment.member.clone()).into());
        }
        let back = made.amount.saturating_add(made.fee);
        let returned = return_captured(&mut builder, snapshot, context, held(&payment)?, back)?;
        builder.put(&self.payment, stored.expected(), &payment)?;
        builder.emit(Event::PaymentRefunded {
            payment: self.payment.clone(),
            refund: self.refund.clone(),
            amount: payment.money(made.amount),
        });
        let mut reply = RefundedPayment {
            refund: self.refund.clone(),
            payment: self.payment.clone(),
            state: payment.state(context.now),
            amount: payment.money(made.amount),
            fee: (made.fee > 0).then(|| payment.money(made.fee)),
            left: payment.money(payment.left()),
            returned: returned.back.into_amounts(),
            expired: returned.expired.into_amounts(),
            taken_back: returned.taken.into_amounts(),
            purchase: None,
            not_taken_back: None,
        };
        let mut changes = finish(builder, snapshot, context)?;
        if let Some(refund) = purchase {
            let (all, undone) = take_back(&refund, changes, (snapshot, context, &ids))?;
            changes = all;
            match undone {
                Ok(refunded) => reply.purchase = Some(refunded),
                Err(code) => reply.not_taken_back = Some(code),
            }
        }
        Ok(Decision { reply, changes })
    }
}
