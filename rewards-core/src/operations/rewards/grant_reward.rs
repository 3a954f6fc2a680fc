//! Grant a reward manually, with a reason.
//!
//! The other side of the grant is the system account of adjustments. The reward is a lot of its own, with its own expiry.
//! Ladders that are climbed by the balance are reviewed at once, after everything that is due for lots of the same asset
//! has happened: what has expired lifts nobody.
//!
//! With a `reference` it is kept as an adjustment, which has that id for ever.
//!
//! Refusals, in order: an amount that is not positive, an empty or too long reason, an expiry that has passed; the reference
//! is of something else; unknown member; closed or merged member; an asset that none of the tenant's programs declares;
//! more lots due than one command may touch.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::amounts::check_positive;
use super::super::assets::check_declared;
use super::super::change_builder::ChangeBuilder;
use super::super::presence::check_present;
use super::super::review::{Reviewed, TierReview, due_for_review};
use super::super::unless_wrong;
use super::adjusting::Adjusting;
use super::{REASON_BYTES_MAX, check_reason};
use crate::adjustments::AdjustmentKind;
use crate::command::{Kind, Members, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::event::Event;
use crate::ids::{AdjustmentId, MemberId, Slug, TenantId};
use crate::ledger::{Lot, LotNumber, LotState, Purpose, TransferKind};
use crate::money::Money;
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Grants a reward manually.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct GrantReward {
    /// Who gets it.
    pub member: MemberId,
    /// How much; positive, in the currency or a unit of a program of the tenant.
    pub amount: Money,
    /// Why, in the words of the person who grants it; at most 500 bytes.
    pub reason: String,
    /// When it expires; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub expires_at: Option<Timestamp>,
    /// Where it comes from, such as `service_recovery`, `import` or `game`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub source: Option<Slug>,
    /// The host's id of this adjustment, unique in its tenant: the same one again has no second effect, whatever the key. With it
    /// the adjustment is kept, to be looked up and listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub reference: Option<AdjustmentId>,
}

/// The reward that was granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ManualGrant {
    /// How much.
    pub amount: Money,
    /// Number of the lot in the member's journal.
    pub lot: LotNumber,
}

impl GrantReward {
    /// The adjustment that is made.
    fn adjusting(&self) -> Adjusting<'_> {
        Adjusting {
            reference: self.reference.as_ref(),
            source: self.source.as_ref(),
            kind: AdjustmentKind::Grant,
            amount: self.amount,
        }
    }

    fn problems(&self, context: &Context) -> Vec<Problem> {
        let mut problems = Vec::new();
        check_positive("amount", self.amount, &mut problems);
        check_reason(&self.reason, REASON_BYTES_MAX, &mut problems);
        if let Some(at) = self.expires_at.filter(|at| *at <= context.now) {
            let detail = format!("expected a time to come, got {at}");
            problems.push(Problem::new("time_in_past", "expires_at", detail));
        }
        problems
    }
}

impl Operation for GrantReward {
    const NAME: &'static str = "grant_reward";
    const KIND: Kind = Kind::Command;
    type Reply = ManualGrant;
    type Prepared = ();

    fn natural_key(&self, tenant: &TenantId) -> Option<NaturalKey> {
        self.adjusting().natural_key(tenant)
    }

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let problems = self.problems(context);
        unless_wrong(problems)?;
        let key = context.member_key(&self.member);
        let mut plan = ReadPlan {
            members: vec![key],
            ..ReadPlan::default()
        };
        let reviewed = Reviewed::ByBalance(self.amount.asset());
        reviewed.plan(context, &self.member, context.now, &mut plan);
        self.adjusting().plan(context, &mut plan);
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<Self::Reply>, Undecided> {
        if let Some(made) = self.adjusting().made_before(self, snapshot, context)? {
            return Ok(made);
        }
        let ids = context.id_allocator();
        let mut builder = ChangeBuilder::open(snapshot, context, &ids, &self.member)?;
        check_present(&builder.row.profile, &self.member)?;
        check_declared(context, "amount.asset", self.amount.asset())?;
        let reviewed = Reviewed::ByBalance(self.amount.asset());
        let due = due_for_review(snapshot, context, &self.member, context.now)?;
        builder.settle_all(due.iter().copied(), context.now)?;
        let lot = Lot {
            number: 0,
            asset: self.amount.asset(),
            source: Purpose::Adjustments,
            amount: self.amount.minor(),
            remaining: self.amount.minor(),
            state: LotState::Available,
            earned_at: context.now,
            available_at: Some(context.now),
            void_at: None,
            expires_at: self.expires_at,
            purchase: None,
            rule: None,
        };
        let number = builder.grant(TransferKind::ManualGrant, None, Some(&self.reason), lot)?;
        self.adjusting().keep(&mut builder, vec![number])?;
        builder.emit_due();
        builder.emit(Event::RewardGranted {
            amount: self.amount,
            source: self.source.clone(),
            adjustment: self.reference.clone(),
        });
        let review = TierReview::now(reviewed, snapshot, context, &self.member);
        review.make(&mut builder)?;
        builder.move_days(snapshot, context)?;
        let reply = ManualGrant {
            amount: self.amount,
            lot: number,
        };
        Ok(Decision {
            reply,
            changes: builder.finish()?,
        })
    }
}
