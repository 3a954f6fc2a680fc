//! Authorize a redemption: reserve value for an order, to be captured or released.
//!
//! What is reserved does not expire, and nothing else can use it. It goes back when the time of the program is over, unless it was
//! captured or released before.
//!
//! Refusals, in order: as for [`Redeem`](super::Redeem), but that too many authorizations of the member hold value comes after
//! those about the member.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::spending::{NewRedemption, PreparedSpending, Wanted};
use super::{ChosenTender, PaidPart, review};
use crate::command::{Kind, Members, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::event::Event;
use crate::ids::{MemberId, OrderId, ProgramId, RedemptionId, TenantId};
use crate::money::Money;
use crate::program::{CompiledProgram, CompiledRedemptions};
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// The most authorizations of one member that hold value at a time.
pub const AUTHORIZATIONS_MAX: u32 = 100;

const MINUTE_MICROS: i64 = 60_000_000;

/// Reserves value for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct AuthorizeRedemption {
    /// The id of what is made; unique in its tenant.
    pub redemption: RedemptionId,
    /// The member.
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
}

impl AuthorizeRedemption {
    /// What is asked to be made.
    fn wanted(&self) -> NewRedemption<'_> {
        NewRedemption {
            id: &self.redemption,
            order: &self.order,
            wanted: Wanted {
                member: &self.member,
                program: &self.program,
                total: self.total,
                amount: self.amount,
                tenders: &self.tenders,
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
        let (mut builder, spending) = wanted.take(prepared, snapshot, context, &ids)?;
        let open = builder.row.profile.reserved.len();
        if !u32::try_from(open).is_ok_and(|open| open < AUTHORIZATIONS_MAX) {
            let (what, limit) = ("authorizations", AUTHORIZATIONS_MAX);
            return Err(Rejection::TooMany { what, limit }.into());
        }
        let currency = self.total.asset();
        spending.post(&mut builder, currency, true)?;
        let reply = AuthorizedRedemption {
            redemption: self.redemption.clone(),
            reserved: Money::new(spending.value(), currency),
            rest: spending.rest(self.total),
            parts: spending.told(currency),
            expires_at: expires_at(prepared.program(), context.now.max(spending.at)),
        };
        wanted.keep(&mut builder, prepared, spending, Some(reply.expires_at))?;
        let reserved = &mut builder.row.profile.reserved;
        reserved.insert(self.redemption.clone(), reply.expires_at);
        builder.emit_due();
        builder.emit(Event::RedemptionAuthorized {
            redemption: self.redemption.clone(),
            order: self.order.clone(),
            reserved: reply.reserved,
            expires_at: reply.expires_at,
        });
        review(&mut builder, snapshot, context, &self.member)?;
        Ok(Decision {
            reply,
            changes: builder.finish()?,
        })
    }
}

/// When the time of an authorization is over; the end of time when the program says more than there is.
fn expires_at(program: &CompiledProgram, at: Timestamp) -> Timestamp {
    let terms = program.redemptions();
    let minutes = terms.map_or(0, CompiledRedemptions::expires_after_minutes);
    let micros = i64::from(minutes).saturating_mul(MINUTE_MICROS);
    at.checked_add_micros(micros).unwrap_or(Timestamp::MAX)
}
