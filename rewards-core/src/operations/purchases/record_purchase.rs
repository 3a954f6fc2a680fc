//! Record a purchase: grant what it earns, once and for all.
//!
//! In one step: the purchase, its grants in the ledger, their lots, everything that is counted, the member's tiers and the
//! events. The purchase's id is its key: recorded again it is replayed, with another content it is refused.
//!
//! Refusals, in order: unknown program; no revision active when the purchase happened; all problems of the purchase;
//! unknown member; the purchase is recorded already; an amount or the time of a reward leaves its range; a pinned quote no
//! longer holds.

use serde::{Deserialize, Serialize};

use super::super::change_builder::ChangeBuilder;
use super::super::counter_lookups::CounterLookups;
use super::super::standing::{Ladders, MemberView, Moves};
use super::PurchaseDecision;
use super::decide_purchase::{PurchaseContext, PurchaseOutcome};
use crate::cashback::{Grant, Purchase, Schedule, cap_limit};
use crate::command::{Kind, Operation};
use crate::context::Context;
use crate::decision::{Decision, PurchaseWrite};
use crate::event::Event;
use crate::ids::{IdempotencyKey, MemberId, PurchaseId, Slug};
use crate::ledger::{Lot, LotState, Origin, Purpose, TransferKind};
use crate::program::CompiledProgram;
use crate::records::{Counted, PurchaseRecord, PurchaseRow, PurchaseState};
use crate::rejection::Rejection;
use crate::snapshot::{PurchaseKey, ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Records a purchase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct RecordPurchase {
    /// The purchase.
    pub purchase: Purchase,
    /// The digest of a quote: the purchase is refused unless it is granted exactly that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub pinned: Option<String>,
}

/// The purchase that was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct RecordedPurchase {
    /// The purchase.
    pub purchase: PurchaseId,
    /// What it was granted.
    pub decision: PurchaseDecision,
    /// The member's moves on tier ladders.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub tier_changes: Vec<TierChange>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// A move on a tier ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct TierChange {
    /// The ladder.
    pub ladder: Slug,
    /// The tier before.
    pub from: Slug,
    /// The tier after.
    pub to: Slug,
    /// From when on it counts, exclusive: purchases of this very instant still count for the tier before.
    pub at: Timestamp,
}

impl RecordPurchase {
    /// Records a purchase without pinning a quote.
    #[must_use]
    pub fn new(purchase: Purchase) -> Self {
        Self {
            purchase,
            pinned: None,
        }
    }

    fn key(&self, context: &Context) -> PurchaseKey {
        PurchaseKey {
            tenant: context.tenant.clone(),
            purchase: self.purchase.id.clone(),
        }
    }

    fn check_pinned(&self, decided: &PurchaseOutcome) -> Result<(), Rejection> {
        match &self.pinned {
            Some(expected) if *expected != decided.reply.digest => Err(Rejection::QuoteChanged {
                expected: expected.clone(),
                found: decided.reply.digest.clone(),
            }),
            _ => Ok(()),
        }
    }
}

impl Operation for RecordPurchase {
    const NAME: &'static str = "record_purchase";
    const KIND: Kind = Kind::Command;
    type Reply = RecordedPurchase;

    fn natural_key(&self) -> Option<IdempotencyKey> {
        IdempotencyKey::new(self.purchase.id.as_str()).ok()
    }

    fn member(&self) -> Option<&MemberId> {
        Some(&self.purchase.member)
    }

    fn reads(&self, context: &Context) -> Result<ReadPlan, Rejection> {
        let mut plan = PurchaseContext::new(context, &self.purchase)?.reads();
        plan.purchases.push(self.key(context));
        Ok(plan)
    }

    fn decide(
        &self,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<Self::Reply>, Rejection> {
        let deciding = PurchaseContext::new(context, &self.purchase)?;
        let mut builder = ChangeBuilder::open(snapshot, context, &self.purchase.member)?;
        let key = self.key(context);
        if snapshot.purchases.contains_key(&key) {
            return Err(Rejection::PurchaseExists(self.purchase.id.clone()));
        }
        let decided = deciding.decide(snapshot, false)?;
        self.check_pinned(&decided)?;
        let grants = book_grants(&mut builder, &deciding, &decided)?;
        let counted = count(&mut builder, &deciding, &decided, snapshot);
        let (ladders, moves) = review_tiers(&builder, &deciding, &decided, snapshot);
        let record = PurchaseRecord {
            state: PurchaseState::Recorded,
            program: deciding.program.id().clone(),
            revision: deciding.program.number(),
            total: self.purchase.total,
            grants,
            counted,
        };
        let row = PurchaseRow {
            version: 1,
            member: self.purchase.member.clone(),
            occurred_at: self.purchase.occurred_at,
            record,
        };
        builder.changes.purchases.push(PurchaseWrite {
            key,
            expected: 0,
            row,
        });
        let tier_changes = emit(&mut builder, &deciding, &decided, moves);
        if !ladders.is_empty() {
            builder
                .row
                .record
                .tiers
                .insert(deciding.program.id().clone(), ladders);
        }
        let reply = RecordedPurchase {
            purchase: self.purchase.id.clone(),
            decision: decided.reply,
            tier_changes,
            recorded_at: builder.recorded_at,
        };
        Ok(Decision {
            reply,
            changes: builder.finish(),
        })
    }
}

/// Writes the grants as lots; returns the first and last journal number.
fn book_grants(
    builder: &mut ChangeBuilder<'_>,
    deciding: &PurchaseContext<'_>,
    decided: &PurchaseOutcome,
) -> Result<Option<(u64, u64)>, Rejection> {
    let mut numbers: Option<(u64, u64)> = None;
    for (grant, schedule) in decided.evaluation.grants.iter().zip(&decided.schedules) {
        let (lot, origin) = lot(deciding, grant, schedule)?;
        let number = builder.grant(TransferKind::Grant, Some(origin), None, lot)?;
        numbers = Some((numbers.map_or(number, |(first, _)| first), number));
    }
    Ok(numbers)
}

fn lot(
    deciding: &PurchaseContext<'_>,
    grant: &Grant,
    schedule: &Schedule,
) -> Result<(Lot, Origin), Rejection> {
    let program: &CompiledProgram = deciding.program;
    let rule = program.rule(grant.rule).ok_or(Rejection::Overflow)?;
    let origin = Origin {
        program: program.id().clone(),
        revision: program.number(),
        rule: rule.id.clone(),
    };
    let lot = Lot {
        number: 0,
        asset: rule.asset,
        source: Purpose::Funding(rule.funding.clone()),
        amount: grant.granted,
        remaining: grant.granted,
        state: if schedule.is_pending {
            LotState::Pending
        } else {
            LotState::Available
        },
        earned_at: deciding.purchase.occurred_at,
        available_at: schedule.available_at,
        void_at: schedule.void_at,
        expires_at: schedule.expires_at,
        purchase: Some(deciding.purchase.id.clone()),
        rule: Some(rule.id.clone()),
    };
    Ok((lot, origin))
}

/// Counts the purchase, and remembers what was counted so that a cancellation can release exactly that.
fn count(
    builder: &mut ChangeBuilder<'_>,
    deciding: &PurchaseContext<'_>,
    decided: &PurchaseOutcome,
    snapshot: &Snapshot,
) -> Vec<Counted> {
    let lookups = CounterLookups::new(
        &deciding.context.tenant,
        deciding.program,
        deciding.purchase,
    );
    let mut counted = Vec::new();
    for addition in lookups.moved(&deciding.facts, &decided.evaluation) {
        let bound = addition.cap.and_then(|number| {
            let cap = deciding.program.cap(number)?;
            let limit = cap_limit(cap, decided.cap_multiplier);
            Some(lookups.bound(number, limit, snapshot))
        });
        let key = addition.name.at(addition.bucket);
        counted.push(Counted {
            subject: key.name.subject.clone(),
            name: key.name.name.clone(),
            bucket: key.bucket,
            delta: addition.delta,
        });
        builder.count(key, addition.delta, bound);
    }
    counted
}

/// Looks at the member's tiers again, with this purchase counted.
fn review_tiers(
    builder: &ChangeBuilder<'_>,
    deciding: &PurchaseContext<'_>,
    decided: &PurchaseOutcome,
    snapshot: &Snapshot,
) -> (Ladders, Moves) {
    let mut moves = decided.moves.clone();
    if deciding.program.ladders().is_empty() {
        return (Ladders::new(), moves);
    }
    let mut record = builder.row.record.clone();
    record
        .tiers
        .insert(deciding.program.id().clone(), decided.ladders.clone());
    let view = MemberView {
        snapshot,
        changes: &builder.changes,
        tenant: &deciding.context.tenant,
        member: &deciding.purchase.member,
    };
    let (ladders, more) = view.catch_up(deciding.program, &record, deciding.purchase.occurred_at);
    moves.extend(more);
    (ladders, moves)
}

/// Writes the events; returns the tier moves for the reply.
fn emit(
    builder: &mut ChangeBuilder<'_>,
    deciding: &PurchaseContext<'_>,
    decided: &PurchaseOutcome,
    moves: Moves,
) -> Vec<TierChange> {
    builder.emit(Event::PurchaseRecorded {
        purchase: deciding.purchase.id.clone(),
        program: deciding.program.id().clone(),
        revision: deciding.program.number(),
        granted: decided.reply.totals.clone(),
        pending: decided.schedules.iter().any(|schedule| schedule.is_pending),
    });
    let mut changes = Vec::with_capacity(moves.len());
    for (ladder, step) in moves {
        builder.emit(Event::TierChanged {
            program: deciding.program.id().clone(),
            ladder: ladder.clone(),
            from: step.from.clone(),
            to: step.to.clone(),
        });
        changes.push(TierChange {
            ladder,
            from: step.from,
            to: step.to,
            at: step.at,
        });
    }
    changes
}
