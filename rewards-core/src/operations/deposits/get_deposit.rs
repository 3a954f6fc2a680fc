//! A deposit, and where it is in its life now.
//!
//! Refusals: unknown deposit, or one of another member than the request names.

use serde::{Deserialize, Serialize};

use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::ids::{DepositId, MemberId, PaymentReference, ProgramId, Slug};
use crate::money::Money;
use crate::payments::{DepositEntity, DepositState};
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Asks for a deposit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct GetDeposit {
    /// The deposit.
    pub deposit: DepositId,
    /// Only when it is this member's; whoever's it is when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub member: Option<MemberId>,
}

/// A deposit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct DepositDetails {
    /// The deposit.
    pub deposit: DepositId,
    /// The program it was initiated under.
    pub program: ProgramId,
    /// Who pays.
    pub member: MemberId,
    /// How much.
    pub amount: Money,
    /// The provider that takes it.
    pub provider: Slug,
    /// What the provider calls the payment, as far as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub provider_reference: Option<PaymentReference>,
    /// Where it is in its life now.
    pub state: DepositState,
    /// When it was initiated.
    pub initiated_at: Timestamp,
    /// From when on the money is not waited for any longer.
    pub expires_at: Timestamp,
    /// When it was confirmed or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub settled_at: Option<Timestamp>,
    /// Whether it had expired before that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub late: bool,
    /// Number of the entry in the member's journal by which the money came in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub entry: Option<u64>,
}

impl DepositDetails {
    /// A deposit as it is at an instant.
    pub(super) fn of(deposit: DepositEntity, now: Timestamp) -> Self {
        let settlement = deposit.settlement();
        let settled = settlement.map(|settled| settled.reference.clone());
        Self {
            state: deposit.state(now),
            settled_at: settlement.map(|settled| settled.settled_at),
            late: deposit.is_late(),
            entry: settlement.and_then(|settled| settled.entry),
            provider_reference: settled.or(deposit.reference),
            deposit: deposit.deposit,
            program: deposit.program,
            member: deposit.member,
            amount: deposit.amount,
            provider: deposit.provider,
            initiated_at: deposit.initiated_at,
            expires_at: deposit.expires_at,
        }
    }
}

impl Operation for GetDeposit {
    const NAME: &'static str = "get_deposit";
    const KIND: Kind = Kind::Query;
    type Reply = DepositDetails;
    type Prepared = ();

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let plan = ReadPlan::of_entity::<DepositEntity>(&context.tenant, &self.deposit);
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<DepositDetails>, Undecided> {
        let stored = snapshot.get::<DepositEntity>(&context.tenant, &self.deposit)?;
        let deposit = stored.map(|stored| stored.entity);
        let own = |deposit: &DepositEntity| {
            let named = self.member.as_ref();
            named.is_none_or(|member| *member == deposit.member)
        };
        let deposit = deposit.filter(own);
        let deposit = deposit.ok_or_else(|| Rejection::DepositUnknown(self.deposit.clone()))?;
        Ok(Decision::answer(DepositDetails::of(deposit, context.now)))
    }
}
