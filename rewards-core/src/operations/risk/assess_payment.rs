//! Assess a payment: it is scored by what is known of it, counted for those that come later, and what was decided is kept.
//!
//! A payment is counted whatever is decided of it: somebody who is blocked and tries again is seen to. The payment's id is its key:
//! assessed again it is replayed, with another content it is refused. When it is to be reviewed, a review is opened.
//!
//! Refusals, in order: unknown program; no revision active now; the program assesses no payments; an amount that is not positive or
//! of another currency, a time to come, a key that the program does not have, a value that no key can have; unknown member; closed
//! or merged member; the payment is assessed already; sums beyond their range. A suspended member's payments are assessed.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::change_builder::ChangeBuilder;
use super::payment::Histories;
use super::{AssessedFacts, PaymentFacts, section};
use crate::command::{Kind, Members, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::decision::{Changes, Decision};
use crate::entity::{EntityKey, Expected};
use crate::event::Event;
use crate::ids::{PaymentId, TenantId};
use crate::rejection::Rejection;
use crate::risk::{Assessment, NewAssessment, NewReview, RiskDecision, RiskOutcome, RiskReview};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Assesses a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct AssessPayment {
    /// The payment; its id is chosen by the host.
    pub payment: PaymentId,
    /// What is said of it.
    pub facts: PaymentFacts,
}

/// What was decided of the payment, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct AssessedPayment {
    /// The payment.
    pub payment: PaymentId,
    /// The revision that decided.
    pub revision: u32,
    /// What counts.
    pub outcome: RiskOutcome,
    /// What the shadow scorecard says, where the program has one. Nothing follows from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub shadow: Option<RiskOutcome>,
    /// Until when a review that was opened can be decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub review_expires_at: Option<Timestamp>,
}

impl Operation for AssessPayment {
    const NAME: &'static str = "assess_payment";
    const KIND: Kind = Kind::Command;
    type Reply = AssessedPayment;
    type Prepared = AssessedFacts;

    fn natural_key(&self, tenant: &TenantId) -> Option<NaturalKey> {
        let key = EntityKey::of::<Assessment>(tenant, &self.payment);
        Some(NaturalKey::Entity(key))
    }

    fn members(&self) -> Members<'_> {
        match &self.facts.member {
            Some(member) => smallvec![member],
            None => Members::new(),
        }
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, AssessedFacts), Rejection> {
        let (mut plan, facts) = self.facts.prepare(context)?;
        let key = EntityKey::of::<Assessment>(&context.tenant, &self.payment);
        plan.entities.push(key);
        Ok((plan, facts))
    }

    fn decide(
        &self,
        facts: &AssessedFacts,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<AssessedPayment>, Undecided> {
        let member_since = self.facts.member_since(snapshot, context)?;
        let key = EntityKey::of::<Assessment>(&context.tenant, &self.payment);
        if snapshot.entities.contains_key(&key) {
            return Err(Rejection::PaymentAssessed(self.payment.clone()).into());
        }
        let mut histories = facts.histories(snapshot, context)?;
        let seen = (snapshot, context);
        let outcomes = facts.score(self.facts.amount, member_since, &histories, seen)?;
        facts.count(self.facts.amount, &mut histories)?;
        let assessment = Assessment::new(NewAssessment {
            payment: &self.payment,
            program: (&self.facts.program, facts.program.number()),
            member: self.facts.member.as_ref(),
            amount: self.facts.amount,
            occurred_at: self.facts.occurred_at,
            day: facts.moment.day,
            keys: facts.named(),
            assessed_at: context.now,
            outcome: outcomes.live,
            shadow: outcomes.shadow,
        });
        let (mut changes, review) = self.kept(&assessment, histories, facts, context)?;
        if let Some(told) = self.tell(&assessment, snapshot, context)? {
            changes.merge(told);
        }
        Ok(Decision {
            reply: AssessedPayment {
                payment: self.payment.clone(),
                revision: assessment.revision,
                outcome: assessment.outcome,
                shadow: assessment.shadow,
                review_expires_at: review.map(|review| review.expires_at),
            },
            changes,
        })
    }
}

impl AssessPayment {
    /// The assessment, the histories in which the payment is counted now, and its review, if it is to be reviewed.
    fn kept(
        &self,
        assessment: &Assessment,
        histories: Histories,
        facts: &AssessedFacts,
        context: &Context,
    ) -> Result<(Changes, Option<RiskReview>), Rejection> {
        let tenant = &context.tenant;
        let mut changes = Changes::default();
        changes.put(tenant, &self.payment, Expected::Absent, assessment)?;
        for (version, history) in histories.into_iter().flatten() {
            let expected = version.map_or(Expected::Absent, Expected::Version);
            changes.put(tenant, &history.id(), expected, &history)?;
        }
        if assessment.outcome.decision != RiskDecision::Review {
            return Ok((changes, None));
        }
        let review = RiskReview::new(&NewReview {
            payment: &self.payment,
            program: &self.facts.program,
            member: self.facts.member.as_ref(),
            score: assessment.outcome.score,
            opened_at: context.now,
            ends: section(&facts.program)?.review_ends(context.now),
        });
        changes.put(tenant, &self.payment, Expected::Absent, &review)?;
        Ok((changes, Some(review)))
    }

    /// Tells of the assessment in the stream of the member, if there is one.
    fn tell(
        &self,
        assessment: &Assessment,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Option<Changes>, Undecided> {
        let Some(member) = &self.facts.member else {
            return Ok(None);
        };
        let ids = context.id_allocator();
        let mut builder = ChangeBuilder::open_as_is(snapshot, context, &ids, member)?;
        builder.emit(Event::PaymentAssessed {
            payment: self.payment.clone(),
            program: self.facts.program.clone(),
            decision: assessment.outcome.decision,
            score: assessment.outcome.score,
        });
        Ok(Some(builder.finish()?))
    }
}
