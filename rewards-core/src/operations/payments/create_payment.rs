//! Create a payment: what it comes to is settled, and nothing is held yet.
//!
//! Its id is its key: created again it is replayed, with another content it is refused. Payments of the same id are assessed, held,
//! submitted and reported.
//!
//! Refusals, in order: unknown program; no revision active now; the program takes no payments; an amount that is not positive or of
//! another currency, and what a purchase of it could not be; an unknown route; an unknown biller, one that is paused; a route that is
//! paused or does not lead to the biller; an amount out of bounds; a fee that leaves nothing; unknown member; the payment was
//! created already; closed or merged member; suspended member.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::change_builder::ChangeBuilder;
use super::super::presence::check_active;
use super::super::unless_wrong;
use super::earning::purchase_of;
use super::quote_payment::{biller_of, charge, check_amount, route_of};
use super::{PaymentTerms, key, section, tell};
use crate::command::{Kind, Members, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::entity::Expected;
use crate::fees::{Charge, FeePayer};
use crate::ids::{MemberId, PaymentId, ProgramId, Slug, TenantId};
use crate::money::Money;
use crate::payments::{CompiledPayments, NewPayment, Payment, PaymentSubject};
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Creates a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CreatePayment {
    /// The payment; its id is chosen by the host.
    pub payment: PaymentId,
    /// The program whose terms count: its revision that is active now.
    pub program: ProgramId,
    /// Who pays.
    pub member: MemberId,
    /// How much, in the program's currency. Whether a fee is added or taken out, the program says.
    pub amount: Money,
    /// The way it goes.
    pub route: Slug,
    /// Who is paid by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub biller: Option<Slug>,
    /// The merchant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub merchant: Option<String>,
    /// Its category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub category: Option<String>,
    /// In store, online, app …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub channel: Option<String>,
}

/// The payment that was created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CreatedPayment {
    /// The payment.
    pub payment: PaymentId,
    /// What it comes to.
    pub terms: PaymentTerms,
    /// When it was created.
    pub created_at: Timestamp,
    /// Until when its value can be held, exclusive.
    pub open_until: Timestamp,
}

/// What the program says of the payment.
#[derive(Debug)]
pub struct PreparedPayment {
    revision: u32,
    charge: (Charge, FeePayer),
    hold_minutes: u32,
}

impl CreatePayment {
    fn payment(&self, prepared: &PreparedPayment, created_at: Timestamp) -> Payment {
        Payment::new(NewPayment {
            payment: &self.payment,
            member: &self.member,
            program: (&self.program, prepared.revision),
            route: &self.route,
            subject: PaymentSubject {
                biller: self.biller.clone(),
                merchant: self.merchant.clone(),
                category: self.category.clone(),
                channel: self.channel.clone(),
            },
            amount: self.amount,
            charge: prepared.charge,
            created_at,
            open_until: created_at.saturating_add_minutes(prepared.hold_minutes),
        })
    }

    /// Checks that rules could see it, whether or not it earns anything.
    fn check(
        &self,
        payments: &CompiledPayments,
        context: &Context,
        revision: u32,
    ) -> Result<(), Rejection> {
        let currency = payments.currency();
        let mut problems = Vec::new();
        check_amount(self.amount, currency, &mut problems);
        unless_wrong(problems)?;
        let charge = (Charge::free(self.amount.minor()), FeePayer::default());
        let free = PreparedPayment {
            revision,
            charge,
            hold_minutes: payments.hold_minutes,
        };
        let purchase = purchase_of(&self.payment(&free, context.now), payments, &self.member)?;
        let mut problems = purchase.problems(currency, context.now);
        for problem in &mut problems {
            if problem.path == "total" {
                "amount".clone_into(&mut problem.path);
            }
        }
        unless_wrong(problems)
    }
}

impl Operation for CreatePayment {
    const NAME: &'static str = "create_payment";
    const KIND: Kind = Kind::Command;
    type Reply = CreatedPayment;
    type Prepared = PreparedPayment;

    fn natural_key(&self, tenant: &TenantId) -> Option<NaturalKey> {
        Some(NaturalKey::Entity(key(tenant, &self.payment)))
    }

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, PreparedPayment), Rejection> {
        let program = context.program_at(&self.program, context.now)?;
        let payments = section(program, &self.program)?;
        self.check(payments, context, program.number())?;
        let route = route_of(payments, &self.route)?;
        let biller = self.biller.as_ref();
        let biller = biller.map(|biller| biller_of(payments, biller));
        let prepared = PreparedPayment {
            revision: program.number(),
            charge: charge(route, biller.transpose()?, self.amount)?,
            hold_minutes: payments.hold_minutes,
        };
        let plan = ReadPlan {
            members: vec![context.member_key(&self.member)],
            entities: vec![key(&context.tenant, &self.payment)],
            ..ReadPlan::default()
        };
        Ok((plan, prepared))
    }

    fn decide(
        &self,
        prepared: &PreparedPayment,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<CreatedPayment>, Undecided> {
        let ids = context.id_allocator();
        let mut builder = ChangeBuilder::open_as_is(snapshot, context, &ids, &self.member)?;
        let id = key(&context.tenant, &self.payment);
        if snapshot.entities.contains_key(&id) {
            return Err(Rejection::PaymentExists(self.payment.clone()).into());
        }
        check_active(&builder.row.profile, &self.member)?;
        // By the clock of this command, not by the member's row, which may have been recorded ahead of it: what the payment earns is a
        // purchase of this instant, and none may lie in the future.
        let payment = self.payment(prepared, context.now);
        builder.put(&self.payment, Expected::Absent, &payment)?;
        tell(&mut builder, &payment, context.now);
        Ok(Decision {
            reply: CreatedPayment {
                payment: self.payment.clone(),
                terms: PaymentTerms::of(&self.route, prepared.charge, self.amount.asset()),
                created_at: payment.created_at,
                open_until: payment.open_until,
            },
            changes: builder.finish()?,
        })
    }
}
