//! Authorize a redemption: reserve value for an order, to be captured or released.
//!
//! What is reserved does not expire, and nothing else can use it. It goes back when the time of the program is over, unless it was
//! captured or released before.
//!
//! Refusals, in order: as for [`Redeem`](super::Redeem), but that too many authorizations of a member who pays hold value comes
//! last.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::payers::NewRedemption;
use super::spending::{PreparedSpending, Wanted};
use super::{ChosenTender, PaidPart, PaidShare, review};
use crate::command::{Kind, Members, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::ids::{MemberId, OrderId, ProgramId, RedemptionId, SharedWalletId, TenantId};
use crate::money::Money;
use crate::program::{CompiledProgram, CompiledRedemptions};
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// The most authorizations of one member that hold value at a time.
pub const AUTHORIZATIONS_MAX: u32 = 100;

/// Reserves value for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct AuthorizeRedemption {
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

/// What was reserved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct AuthorizedRedemption {
    /// The redemption.
    pub redemption: RedemptionId,
    /// What is reserved.
    pub reserved: Money,
    /// What of the order is left to be paid otherwise.
    pub rest: Money,
    /// Of what, in paying order.
    pub parts: Vec<PaidPart>,
    /// Until when, exclusive.
    pub expires_at: Timestamp,
    /// Of whom what is reserved, in paying order; only from a shared wallet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub payers: Vec<PaidShare>,
}

impl AuthorizeRedemption {
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

impl Operation for AuthorizeRedemption {
    const NAME: &'static str = "authorize_redemption";
    const KIND: Kind = Kind::Command;
    type Reply = AuthorizedRedemption;
    type Prepared = PreparedSpending;

    fn natural_key(&self, tenant: &TenantId) -> Option<NaturalKey> {
        Some(NaturalKey::Entity(self.wanted().key(tenant)))
    }

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, PreparedSpending), Rejection> {
        self.wanted().prepare(context)
    }

    fn decide(
        &self,
        prepared: &PreparedSpending,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<AuthorizedRedemption>, Undecided> {
        let ids = context.id_allocator();
        let wanted = self.wanted();
        let (reserved, shares) = wanted.take(prepared, snapshot, context, &ids)?;
        reserved.check_held()?;
        let expires_at = expires_at(prepared.program(), context.now.max(reserved.taken.at));
        let reply = AuthorizedRedemption {
            redemption: self.redemption.clone(),
            reserved: reserved.taken.paid,
            rest: reserved.rest(self.total),
            parts: reserved.taken.parts.clone(),
            expires_at,
            payers: shares,
        };
        let changes = reserved.finish(|payer| {
            let mut builder = wanted.hold(payer, prepared, expires_at)?;
            let member = builder.member().clone();
            review(&mut builder, snapshot, context, &member)?;
            Ok(builder.finish()?)
        })?;
        Ok(Decision { reply, changes })
    }
}

/// When the time of an authorization is over; the end of time when the program says more than there is.
fn expires_at(program: &CompiledProgram, at: Timestamp) -> Timestamp {
    let terms = program.redemptions();
    let minutes = terms.map_or(0, CompiledRedemptions::expires_after_minutes);
    at.saturating_add_minutes(minutes)
}
