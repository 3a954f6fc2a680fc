//! Settle a member: carry out everything that is due with time.
//!
//! Pending rewards mature or are voided, which releases the limits they held; available ones expire, and tiers are reviewed. Everything counts from the
//! instant at which it became due, so it does not matter how late this runs. One call settles at most
//! [`DUE_LOTS_MAX`] lots and says whether more are waiting. When nothing is due, nothing is written.
//!
//! Refusals: unknown member.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::change_builder::ChangeBuilder;
use super::super::review::Reviewed;
use crate::command::{Kind, Members, Operation, Undecided};
use crate::context::Context;
use crate::decision::{Changes, Decision};
use crate::ids::MemberId;
use crate::member::MemberRow;
use crate::money::Money;
use crate::rejection::Rejection;
use crate::snapshot::{LotFilter, LotQuery, ReadPlan, Snapshot};

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

impl SettleMember {}

impl SettledMember {
    /// Whether nothing was due.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.matured.is_empty()
            && self.voided.is_empty()
            && self.expired.is_empty()
            && self.tier_changes == 0
    }
}

impl Operation for SettleMember {
    const NAME: &'static str = "settle_member";
    const KIND: Kind = Kind::Command;
    type Reply = SettledMember;
    type Prepared = ();

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let key = context.member_key(&self.member);
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
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<Self::Reply>, Undecided> {
        let ids = context.id_allocator();
        let mut builder = ChangeBuilder::open(snapshot, context, &ids, &self.member)?;
        let key = context.member_key(&self.member);
        let now = builder.recorded_at;
        let due = snapshot
            .lots_of(&key)
            .filter(|lot| lot.due_at().is_some_and(|at| at <= now));
        let lots = builder.settle_all(due)?.len();
        let due = builder.emit_due();
        let tier_changes = Reviewed::All.make(&mut builder, snapshot, context, &self.member)?;
        builder.move_days(snapshot, context)?;
        let reply = SettledMember {
            matured: due.matured,
            voided: due.voided,
            expired: due.expired,
            tier_changes,
            more: u32::try_from(lots).map_or(true, |lots| lots >= DUE_LOTS_MAX),
        };
        Ok(Decision {
            reply,
            changes: unless_idle(builder.finish(), snapshot.members.get(&key)),
        })
    }
}

/// The changes, or none when all that would change is the number of the member's row: a sweep that comes twice writes once.
fn unless_idle(changes: Changes, before: Option<&MemberRow>) -> Changes {
    let [write] = changes.members.as_slice() else {
        return changes;
    };
    let after = MemberRow {
        version: write.expected,
        recorded_at: before.map_or(write.row.recorded_at, |row| row.recorded_at),
        ..write.row.clone()
    };
    let is_alone = changes.journal.is_empty()
        && changes.lots.is_empty()
        && changes.counters.is_empty()
        && changes.events.is_empty();
    if is_alone && before == Some(&after) {
        return Changes::default();
    }
    changes
}
