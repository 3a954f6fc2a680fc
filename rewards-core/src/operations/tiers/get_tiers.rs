//! Where a member stands on the ladders of a program, and how far the next tier is.
//!
//! Right at any instant, and the same whether a sweep has passed or not: what is due for lots is carried out in mind, and
//! reviews that are due are made in mind, each as of its own instant. What is shown at an instant is what a purchase an
//! instant later earns by; `since` and the history are what is, or will be, stored. What nothing has been counted for since,
//! such as a new revision with lower thresholds, shows with the next purchase.
//!
//! Refusals, in order: unknown program; no revision active now; unknown member; more lots due than a query may look at.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::change_builder::ChangeBuilder;
use super::super::due::{due_lots, due_query, has_ladder_by_lots};
use super::super::standing::{MemberView, plan_ladders};
use crate::command::{Kind, Members, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::ids::{MemberId, ProgramId, Slug};
use crate::money::{Asset, Money};
use crate::program::{CompiledLadder, CompiledProgram, Measure};
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::tiers::{TierMove, progress};
use crate::time::Timestamp;

/// Asks where a member stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct GetTiers {
    /// The member.
    pub member: MemberId,
    /// The program.
    pub program: ProgramId,
}

/// Where a member stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct MemberTiers {
    /// One line per ladder, in document order.
    pub ladders: Vec<LadderStanding>,
}

/// Where a member stands on one ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct LadderStanding {
    /// The ladder.
    pub ladder: Slug,
    /// The tier held.
    pub tier: Slug,
    /// Since when, exclusive: what is bought at this very instant still earns by the tier before. A move at midnight counts on
    /// the local day that begins then. Absent for members who never moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub since: Option<Timestamp>,
    /// What was reached in the current window.
    pub reached: Reached,
    /// The tier above; absent at the top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub next: Option<Slug>,
    /// What is missing to the tier above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub missing: Option<Reached>,
    /// What is missing to keep the tier at its next review; absent when it cannot be lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub to_keep: Option<Reached>,
    /// When the tier can be lost at the earliest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub review_at: Option<Timestamp>,
    /// The latest moves, oldest first.
    pub history: Vec<TierMove>,
}

/// An amount or a number of visits, whichever the ladder measures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum Reached {
    /// An amount.
    Amount(Money),
    /// A number of purchases.
    Visits(i64),
}

impl Operation for GetTiers {
    const NAME: &'static str = "get_tiers";
    const KIND: Kind = Kind::Query;
    type Reply = MemberTiers;
    type Prepared = ();

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let program = context.program_at(&self.program, context.now)?;
        let member = context.member_key(&self.member);
        let due = self
            .looks_at_due(context)
            .then(|| due_query(&member, context.now));
        let mut plan = ReadPlan {
            lots: due.into_iter().collect(),
            members: vec![member],
            ..ReadPlan::default()
        };
        plan_ladders(&mut plan, program, context, &self.member, context.now);
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<Self::Reply>, Undecided> {
        let program = context.program_at(&self.program, context.now)?;
        let key = context.member_key(&self.member);
        let row = snapshot.members.get(&key);
        let row = row.ok_or_else(|| Rejection::MemberUnknown(self.member.clone()))?;
        let ids = context.id_allocator();
        let mut builder = ChangeBuilder::open(snapshot, context, &ids, &self.member)?;
        if self.looks_at_due(context) {
            let due = due_lots(snapshot, &key, context.now)?;
            builder.settle_all(due.into_iter(), context.now)?;
        }
        let due = builder.due_changes();
        let view = MemberView::new(snapshot, row, &context.tenant, &self.member, due);
        let known = row.profile.tiers.get(program.id());
        let revisions = context.revisions(&self.program);
        let revisions = revisions.ok_or_else(|| Rejection::ProgramUnknown(self.program.clone()))?;
        let now = context.now;
        let (statuses, _) = view.catch_up_due(revisions, known, now, |_| Some(now));
        let ladders = program.ladders().iter().map(|ladder| {
            let status = statuses.get(ladder.id()).cloned();
            let status = status.map(|status| status.seen_at(context.now));
            let status = status.as_ref();
            let qualification = view.qualification(program, ladder);
            let measure = qualification.measure(status, context.now, |range| {
                view.measure(program, ladder, range)
            });
            let progress = progress(ladder, status, measure);
            let reached = |number| reached(program, ladder, number);
            LadderStanding {
                ladder: ladder.id().clone(),
                tier: progress.tier.id.clone(),
                since: status
                    .filter(|s| !s.history.is_empty())
                    .map(|status| status.since),
                reached: reached(progress.measure),
                next: progress.next.map(|next| next.id.clone()),
                missing: progress.missing.map(reached),
                to_keep: progress.to_keep.map(reached),
                review_at: progress.review_at,
                history: status
                    .map(|status| status.history.clone())
                    .unwrap_or_default(),
            }
        });
        let ladders = ladders.collect();
        view.history.check_seen()?;
        Ok(Decision::answer(MemberTiers { ladders }))
    }
}

impl GetTiers {
    fn looks_at_due(&self, context: &Context) -> bool {
        let revisions = context.revisions(&self.program);
        revisions.is_some_and(|revisions| has_ladder_by_lots(revisions, context))
    }
}

fn reached(program: &CompiledProgram, ladder: &CompiledLadder, number: i64) -> Reached {
    let asset: Asset = match ladder.measure() {
        Measure::Visits => return Reached::Visits(number),
        Measure::Balance(asset) | Measure::Earned(asset) => *asset,
        Measure::Spend(_) => program.currency(),
    };
    Reached::Amount(Money::new(number, asset))
}
