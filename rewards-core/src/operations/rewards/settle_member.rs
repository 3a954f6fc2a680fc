//! Settle a member: carry out everything that is due with time.
//!
//! Pending rewards mature or are voided, available ones expire, and tiers are reviewed. Everything counts from the
//! instant at which it became due, so it does not matter how late this runs. One call settles at most
//! [`DUE_LOTS_MAX`] lots and says whether more are waiting.
//!
//! Refusals: unknown member.

use serde::{Deserialize, Serialize};

use super::super::change_builder::ChangeBuilder;
use super::super::review::Reviewed;
use crate::command::{Kind, Operation};
use crate::context::Context;
use crate::decision::Decision;
use crate::ids::MemberId;
use crate::money::Money;
use crate::rejection::Rejection;
use crate::snapshot::{LotFilter, LotQuery, MemberKey, ReadPlan, Snapshot};

/// The most lots one call settles.
pub const DUE_LOTS_MAX: u32 = 1_000;

/// Carries out what is due for a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct SettleMember {
    /// The member.
    pub member: MemberId,
}

/// What was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct SettledMember {
    /// What became available, one amount per asset.
    pub matured: Vec<Money>,
    /// What was voided because no confirmation came, one amount per asset.
    pub voided: Vec<Money>,
    /// What expired, one amount per asset.
    pub expired: Vec<Money>,
    /// How many tier moves were made.
    pub tier_changes: u32,
    /// Whether more lots are due than one call settles.
    pub more: bool,
}

impl SettleMember {
    fn key(&self, context: &Context) -> MemberKey {
        MemberKey {
            tenant: context.tenant.clone(),
            member: self.member.clone(),
        }
    }
}

impl Operation for SettleMember {
    const NAME: &'static str = "settle_member";
    const KIND: Kind = Kind::Command;
    type Reply = SettledMember;

    fn member(&self) -> Option<&MemberId> {
        Some(&self.member)
    }

    fn reads(&self, context: &Context) -> Result<ReadPlan, Rejection> {
        let key = self.key(context);
        let query = LotQuery {
            member: key.clone(),
            filter: LotFilter::Due { at: context.now },
            limit: DUE_LOTS_MAX,
        };
        let mut plan = ReadPlan {
            members: vec![key],
            lots: vec![query],
            ..ReadPlan::default()
        };
        Reviewed::All.plan(context, &self.member, &mut plan);
        Ok(plan)
    }

    fn decide(
        &self,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<Self::Reply>, Rejection> {
        let mut builder = ChangeBuilder::open(snapshot, context, &self.member)?;
        let key = self.key(context);
        let now = builder.recorded_at;
        let due = snapshot
            .lots_of(&key)
            .filter(|lot| lot.due_at().is_some_and(|at| at <= now));
        let mut lots = 0_u32;
        for lot in due {
            lots = lots.saturating_add(1);
            builder.settle(lot)?;
        }
        let due = builder.emit_due();
        let tier_changes = Reviewed::All.make(&mut builder, snapshot, context, &self.member);
        let reply = SettledMember {
            matured: due.matured,
            voided: due.voided,
            expired: due.expired,
            tier_changes,
            more: lots >= DUE_LOTS_MAX,
        };
        Ok(Decision {
            reply,
            changes: builder.finish(),
        })
    }
}
