//! Initiate a deposit: a member is about to pay money to a provider.
//!
//! Nothing moves yet. The deposit is pending until its provider says how it ended, or until it expires by the program's
//! `deposits`. Its id is its key: initiated again it is replayed, with another content it is refused.
//!
//! Refusals, in order: unknown program; no revision active now; the program takes no deposits; an amount that is not positive
//! or of another currency; an unknown provider; an amount out of bounds; unknown member; the deposit is initiated already;
//! closed or merged member; suspended member.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::amounts::{check_positive, in_words};
use super::super::change_builder::ChangeBuilder;
use super::super::presence::check_active;
use super::super::unless_wrong;
use crate::command::{Kind, Members, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::entity::{EntityKey, Expected};
use crate::event::Event;
use crate::ids::{DepositId, MemberId, PaymentReference, ProgramId, Slug, TenantId};
use crate::money::Money;
use crate::payments::{DepositEntity, NewDeposit};
use crate::program::{CompiledDeposits, CompiledProgram};
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Initiates a deposit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct InitiateDeposit {
    /// The deposit; its id is chosen by the host, and the provider's message names it.
    pub deposit: DepositId,
    /// The program whose bounds and providers count.
    pub program: ProgramId,
    /// Who pays.
    pub member: MemberId,
    /// How much, in the program's currency.
    pub amount: Money,
    /// The provider that takes it.
    pub provider: Slug,
    /// What the provider calls the payment, where that is known; the provider's message must name the same then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub provider_reference: Option<PaymentReference>,
}

/// The deposit that was initiated. It is pending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct InitiatedDeposit {
    /// The deposit.
    pub deposit: DepositId,
    /// When it was initiated.
    pub initiated_at: Timestamp,
    /// From when on the money is not waited for any longer.
    pub expires_at: Timestamp,
}

/// What the program says of the deposit.
#[derive(Debug)]
pub struct PreparedDeposit(Arc<CompiledProgram>);

impl InitiateDeposit {
    fn section<'p>(&self, program: &'p CompiledProgram) -> Result<&'p CompiledDeposits, Rejection> {
        let section = program.deposits();
        section.ok_or_else(|| Rejection::DepositsNotOffered(self.program.clone()))
    }

    fn check_amount(&self, currency: crate::money::Asset) -> Result<(), Rejection> {
        let mut problems = Vec::new();
        check_positive("amount", self.amount, &mut problems);
        if self.amount.asset() != currency {
            let found = self.amount.asset();
            let detail = format!("expected the program's currency `{currency}`, got `{found}`");
            problems.push(Problem::new("asset_mismatch", "amount.asset", detail));
        }
        unless_wrong(problems)
    }
}

impl Operation for InitiateDeposit {
    const NAME: &'static str = "initiate_deposit";
    const KIND: Kind = Kind::Command;
    type Reply = InitiatedDeposit;
    type Prepared = PreparedDeposit;

    fn natural_key(&self, tenant: &TenantId) -> Option<NaturalKey> {
        let key = EntityKey::of::<DepositEntity>(tenant, &self.deposit);
        Some(NaturalKey::Entity(key))
    }

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, PreparedDeposit), Rejection> {
        let program = context.program_at(&self.program, context.now)?;
        let section = self.section(program)?;
        self.check_amount(program.currency())?;
        if section.provider(&self.provider).is_none() {
            return Err(Rejection::ProviderUnknown(self.provider.clone()));
        }
        if !section.allows(self.amount.minor()) {
            return Err(Rejection::DepositOutOfBounds {
                amount: in_words(self.amount.minor(), self.amount.asset()),
                bounds: section.bounds(),
            });
        }
        let plan = ReadPlan {
            members: vec![context.member_key(&self.member)],
            entities: vec![EntityKey::of::<DepositEntity>(
                &context.tenant,
                &self.deposit,
            )],
            ..ReadPlan::default()
        };
        Ok((plan, PreparedDeposit(Arc::clone(program))))
    }

    fn decide(
        &self,
        PreparedDeposit(program): &PreparedDeposit,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<InitiatedDeposit>, Undecided> {
        let ids = context.id_allocator();
        let mut builder = ChangeBuilder::open_as_is(snapshot, context, &ids, &self.member)?;
        let key = EntityKey::of::<DepositEntity>(&context.tenant, &self.deposit);
        if snapshot.entities.contains_key(&key) {
            return Err(Rejection::DepositExists(self.deposit.clone()).into());
        }
        check_active(&builder.row.profile, &self.member)?;
        let deposit = DepositEntity::new(&NewDeposit {
            deposit: &self.deposit,
            program: (&self.program, program.number()),
            member: &self.member,
            amount: self.amount,
            provider: &self.provider,
            reference: self.provider_reference.as_ref(),
            initiated_at: builder.recorded_at,
            // A clock may be behind that of who wrote last: a deposit never ends before it begins.
            expires_at: self.section(program)?.expires_at(builder.recorded_at),
        });
        builder.put(&self.deposit, Expected::Absent, &deposit)?;
        builder.emit(Event::DepositInitiated {
            deposit: self.deposit.clone(),
            provider: self.provider.clone(),
            amount: self.amount,
            expires_at: deposit.expires_at,
        });
        Ok(Decision {
            reply: InitiatedDeposit {
                deposit: self.deposit.clone(),
                initiated_at: deposit.initiated_at,
                expires_at: deposit.expires_at,
            },
            changes: builder.finish()?,
        })
    }
}
