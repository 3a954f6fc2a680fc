//! Settle a member: carry out everything that is due with time.
//!
//! Pending rewards mature or are voided, which releases the limits they held; available ones expire, and what is due on tier
//! ladders is decided. What is reserved longer than its time allows goes back. Everything counts from the
//! instant at which it became due, so it does not matter how late this runs. One call settles at most
//! [`DUE_LOTS_MAX`] lots and says whether more are waiting. When nothing is due, nothing is written. Nothing is ever due for a
//! member who has left: there is no value, and the tiers stay as they were.
//!
//! Refusals: unknown member.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::change_builder::ChangeBuilder;
use super::super::merged::finish;
use super::super::review::{Reviewed, TierReview};
use crate::command::{Kind, Members, Operation, Undecided};
use crate::context::Context;
use crate::decision::{Changes, Decision};
use crate::ids::MemberId;
use crate::ledger::Lot;
use crate::member::MemberRow;
use crate::money::Money;
use crate::rejection::Rejection;
use crate::snapshot::{LotFilter, LotQuery, MemberKey, ReadPlan, Snapshot};
use crate::time::Timestamp;

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
    /// What was reserved and went back because its time was over, one amount per asset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub released: Vec<Money>,
    /// How many tier moves were made.
    pub tier_changes: u32,
    /// Whether more lots are due than one call settles.
    pub more: bool,
}

impl SettledMember {
    /// Whether nothing was due.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.matured.is_empty()
            && self.voided.is_empty()
            && self.expired.is_empty()
            && self.released.is_empty()
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
            // One more says whether there are more, and from when on.
            limit: DUE_LOTS_MAX.saturating_add(1),
        };
        let mut plan = ReadPlan {
            members: vec![key],
            lots: vec![query],
            ..ReadPlan::default()
        };
        Reviewed::All.plan_counters(context, &self.member, context.now, &mut plan);
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<Self::Reply>, Undecided> {
        let ids = context.id_allocator();
        let key = context.member_key(&self.member);
        let part = DuePart::of(snapshot, &key, context.now);
        let until = part.complete_by;
        let mut builder = ChangeBuilder::open_until(snapshot, context, &ids, &self.member, until)?;
        builder.settle_all(part.lots.iter().copied(), part.by)?;
        let due = builder.emit_due();
        let review = TierReview::now(Reviewed::All, snapshot, context, &self.member);
        let tier_changes = review.make_due(&mut builder, part.complete_by)?;
        builder.move_days(snapshot, context)?;
        let reply = SettledMember {
            matured: due.matured,
            voided: due.voided,
            expired: due.expired,
            released: builder.released(),
            tier_changes,
            more: part.more,
        };
        let changes = finish(builder, snapshot, context)?;
        Ok(Decision {
            reply,
            changes: unless_idle(changes, snapshot.members.get(&key)),
        })
    }
}

/// What one call carries out of all that is due.
#[derive(Debug)]
struct DuePart<'s> {
    lots: Vec<&'s Lot>,
    /// By when each of the lots is settled.
    by: Timestamp,
    /// By when nothing else is due: balances can be measured up to here.
    complete_by: Timestamp,
    more: bool,
}

impl<'s> DuePart<'s> {
    /// Everything due, or the earliest [`DUE_LOTS_MAX`] lots. Those are settled up to where the last of them is due and no
    /// further, so that the balance is right at every instant before and the next call continues there.
    fn of(snapshot: &'s Snapshot, member: &MemberKey, now: Timestamp) -> Self {
        let due = snapshot.lots_of(member);
        let due = due.filter_map(|lot| Some((lot.due_at().filter(|at| *at <= now)?, lot)));
        let mut due: Vec<(Timestamp, &Lot)> = due.collect();
        due.sort_by_key(|(at, lot)| (*at, lot.number));
        let count = usize::try_from(DUE_LOTS_MAX).unwrap_or(usize::MAX);
        let next = due.get(count).map(|(at, _)| *at);
        due.truncate(count);
        let last = due.last().map_or(now, |(at, _)| *at);
        let (by, complete_by) = match next {
            None => (now, now),
            Some(next) if next > last => (last, last),
            Some(_) => (last, last.checked_add_micros(-1).unwrap_or(last)),
        };
        Self {
            lots: due.into_iter().map(|(_, lot)| lot).collect(),
            by,
            complete_by,
            more: next.is_some(),
        }
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
        && changes.entities.is_empty()
        && changes.lots.is_empty()
        && changes.counters.is_empty()
        && changes.events.is_empty();
    if is_alone && before == Some(&after) {
        return Changes::default();
    }
    changes
}
