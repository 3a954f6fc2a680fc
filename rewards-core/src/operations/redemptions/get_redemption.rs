//! A redemption: what pays its order, and where it is in its life now.
//!
//! An authorization whose time is over is told as such, whether or not anybody has written that down. Refusals: unknown redemption.

use serde::{Deserialize, Serialize};

use super::shared::shared;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::ids::{MemberId, OrderId, ProgramId, RedemptionId, SharedWalletId};
use crate::money::Money;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;
use crate::wallet::{Bucket, Redemption, RedemptionState};

/// Asks for a redemption.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct GetRedemption {
    /// The redemption.
    pub redemption: RedemptionId,
}

/// A redemption.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct RedemptionDetails {
    /// The redemption.
    pub redemption: RedemptionId,
    /// Who pays; the first of the payers when it is paid from a shared wallet.
    pub member: MemberId,
    /// The order.
    pub order: OrderId,
    /// What the order costs.
    pub total: Money,
    /// The program that decided.
    pub program: ProgramId,
    /// Its revision.
    pub revision: u32,
    /// Where it is in its life.
    pub state: RedemptionState,
    /// When it was made.
    pub made_at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Until when an authorization holds, exclusive; absent for what was paid at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub expires_at: Option<Timestamp>,
    /// What is reserved.
    pub reserved: Money,
    /// What was captured; what has gone back since is part of it.
    pub captured: Money,
    /// What of the captured has gone back.
    pub returned: Money,
    /// By what, in paying order.
    pub parts: Vec<RedemptionDetailsPart>,
    /// The shared wallet that it is paid from, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub wallet: Option<SharedWalletId>,
    /// Who pays what of it, in paying order; only from a shared wallet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub payers: Vec<RedemptionShare>,
}

/// What one of several members pays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct RedemptionShare {
    /// The member.
    pub member: MemberId,
    /// What is reserved of this member's.
    pub reserved: Money,
    /// What was captured; what has gone back since is part of it.
    pub captured: Money,
    /// What of the captured has gone back.
    pub returned: Money,
    /// By what, in paying order.
    pub parts: Vec<RedemptionDetailsPart>,
}

/// What one bucket pays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct RedemptionDetailsPart {
    /// The bucket.
    pub bucket: Bucket,
    /// How much of it was taken, when the redemption was made.
    pub amount: Money,
    /// What that is worth.
    pub value: Money,
    /// How much of the amount was captured.
    pub captured: Money,
    /// How much of the captured has gone back.
    pub returned: Money,
}

impl Operation for GetRedemption {
    const NAME: &'static str = "get_redemption";
    const KIND: Kind = Kind::Query;
    type Reply = RedemptionDetails;
    type Prepared = ();

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let plan = ReadPlan::of_entity::<Redemption>(&context.tenant, &self.redemption);
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<RedemptionDetails>, Undecided> {
        if let Some(together) = shared(snapshot, context, &self.redemption)? {
            let shares = together.shares().map(|own| share(own, context.now));
            let payers = shares.collect();
            return Ok(Decision::answer(RedemptionDetails {
                payers,
                ..details(&together.whole(context.now), context.now)
            }));
        }
        let stored = snapshot.get::<Redemption>(&context.tenant, &self.redemption)?;
        let stored = stored.ok_or_else(|| Rejection::RedemptionUnknown(self.redemption.clone()))?;
        Ok(Decision::answer(details(&stored.entity, context.now)))
    }
}

fn share(redemption: &Redemption, now: Timestamp) -> RedemptionShare {
    RedemptionShare {
        member: redemption.member.clone(),
        reserved: redemption.reserved_at(now),
        captured: redemption.captured(),
        returned: redemption.returned(),
        parts: parts(redemption),
    }
}

fn parts(redemption: &Redemption) -> Vec<RedemptionDetailsPart> {
    let currency = redemption.total.asset();
    let parts = redemption.parts.iter().map(|part| {
        let asset = part.bucket.asset(currency);
        RedemptionDetailsPart {
            bucket: part.bucket,
            amount: Money::new(part.amount, asset),
            value: Money::new(part.value, currency),
            captured: Money::new(part.captured, asset),
            returned: Money::new(part.returned, asset),
        }
    });
    parts.collect()
}

fn details(redemption: &Redemption, now: Timestamp) -> RedemptionDetails {
    let shared = redemption.shared.as_ref();
    RedemptionDetails {
        redemption: redemption.id.clone(),
        member: redemption.member.clone(),
        order: redemption.order.clone(),
        total: redemption.total,
        program: redemption.program.clone(),
        revision: redemption.revision,
        state: redemption.seen_at(now),
        made_at: redemption.made_at,
        recorded_at: redemption.recorded_at,
        expires_at: redemption.expires_at,
        reserved: redemption.reserved_at(now),
        captured: redemption.captured(),
        returned: redemption.returned(),
        parts: parts(redemption),
        wallet: shared.map(|shared| shared.wallet.clone()),
        payers: Vec::new(),
    }
}
