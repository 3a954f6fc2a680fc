//! Record a purchase: grant what it earns, once and for all.
//!
//! What is due for the member happens first, so that what was voided holds no limit any more. Then, in one step: what earlier
//! rewards are extended by, the purchase, its grants in the ledger, their lots, everything that is counted, the member's tiers
//! and the events. The purchase's id is its key: recorded again it is replayed, with another content it is refused.
//!
//! Coupons are redeemed in the same step, and what their offers take off is in the purchase that is kept.
//!
//! Refusals, in order: unknown program; no revision active when the purchase happened; all problems of the purchase and of the
//! list of coupons; unknown member; the purchase is recorded already; closed or merged member; more lots due than one command may touch; an amount
//! leaves its range; more than [`GRANTS_MAX`](crate::cashback::GRANTS_MAX) grants; the time of a reward leaves its range; a
//! coupon that cannot be redeemed; a pinned quote no longer holds.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;
use smol_str::SmolStr;

use super::super::change_builder::ChangeBuilder;
use super::super::counter_lookups::{AddedTo, Addition, CounterLookups};
use super::super::coupons::redeem_given;
use super::super::due::DueChanges;
use super::super::extension::{Extended, Extension};
use super::super::review::{Reviewed, TierReview};
use super::super::standing::{Ladders, MemberView, Moves};
use super::decide_purchase::{PurchaseContext, PurchaseOutcome};
use super::price_purchase::Priced;
use super::{PreparedPurchase, PurchaseDecision};
use crate::cashback::{
    Allocation, Carried, Grant, Purchase, PurchaseEntity, Schedule, UsedLimit, cap_limit,
};
use crate::command::{Kind, Members, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::entity::{EntityKey, Expected};
use crate::event::Event;
use crate::ids::{CouponId, IdAllocator, PurchaseId, Slug, TenantId};
use crate::ledger::{Lot, LotState, Origin, Purpose, TransferKind};
use crate::money::{Money, allocate};
use crate::program::{CapScope, CompiledProgram, ExtendingActivity};
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Records a purchase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct RecordPurchase {
    /// The purchase.
    pub purchase: Purchase,
    /// Coupons of the member's that are redeemed with it, by their ids: at most
    /// [`PURCHASE_COUPONS_MAX`](crate::operations::coupons::PURCHASE_COUPONS_MAX). The id of the purchase is the order that may
    /// have locked them. If one cannot be redeemed the purchase is refused; one without effect is kept, unless the program says
    /// otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub coupons: Vec<CouponId>,
    /// The digest of a quote: the purchase is refused unless it is granted exactly that, at that price.
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

/// The command that records a purchase.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum RecordedBy<'a> {
    /// That which asks for nothing else.
    Itself,
    /// One that refunds another purchase first.
    Replacement(&'a PurchaseId),
    /// The end of a payment.
    Payment,
}

impl RecordedBy<'_> {
    /// Keeps what is asked for later.
    fn mark(self, entity: &mut PurchaseEntity, reply: &RecordedPurchase) -> Result<(), Rejection> {
        match self {
            Self::Itself => {}
            Self::Replacement(replaced) => entity.replaces = Some(replaced.clone()),
            Self::Payment => {
                let told = serde_json::to_string(reply);
                let told = told.map_err(|_| Rejection::Internal("a reply has no text"))?;
                entity.told = Some(told);
            }
        }
        Ok(())
    }
}

impl RecordPurchase {
    /// Records a purchase without pinning a quote.
    #[must_use]
    pub fn new(purchase: Purchase) -> Self {
        Self {
            purchase,
            coupons: Vec::new(),
            pinned: None,
        }
    }

    /// A purchase that is told late counts from when it happened.
    fn extension(&self) -> Extension<'_> {
        Extension {
            activity: ExtendingActivity::Purchase,
            program: &self.purchase.program,
            at: self.purchase.occurred_at,
        }
    }

    fn check_pinned(&self, decided: &PurchaseOutcome<'_>) -> Result<(), Rejection> {
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
    type Prepared = PreparedPurchase;

    fn natural_key(&self, tenant: &TenantId) -> Option<NaturalKey> {
        let key = EntityKey::of::<PurchaseEntity>(tenant, &self.purchase.id);
        Some(NaturalKey::Entity(key))
    }

    fn members(&self) -> Members<'_> {
        smallvec![&self.purchase.member]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, PreparedPurchase), Rejection> {
        let (mut plan, prepared) = PreparedPurchase::new(context, &self.purchase, &self.coupons)?;
        let key = EntityKey::of::<PurchaseEntity>(&context.tenant, &self.purchase.id);
        plan.entities.push(key);
        let member = &self.purchase.member;
        self.extension().plan(context, member, &mut plan);
        Ok((plan, prepared))
    }

    fn decide(
        &self,
        prepared: &PreparedPurchase,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<Self::Reply>, Undecided> {
        let ids = context.id_allocator();
        self.decide_with(prepared, snapshot, context, &ids, RecordedBy::Itself)
    }
}

impl RecordPurchase {
    /// Decides with ids that another part of the same command draws from as well, which may have made place for this purchase
    /// by refunding another one.
    ///
    /// # Errors
    /// As [`decide`](Operation::decide).
    pub(in super::super) fn decide_with(
        &self,
        prepared: &PreparedPurchase,
        snapshot: &Snapshot,
        context: &Context,
        ids: &IdAllocator,
        by: RecordedBy<'_>,
    ) -> Result<Decision<RecordedPurchase>, Undecided> {
        let told = prepared.purchase(context, &self.purchase, &self.coupons);
        let mut builder = ChangeBuilder::open(snapshot, context, ids, &self.purchase.member)?;
        let key = EntityKey::of::<PurchaseEntity>(&context.tenant, &self.purchase.id);
        if snapshot.entities.contains_key(&key) {
            return Err(Rejection::PurchaseExists(self.purchase.id.clone()).into());
        }
        let decided = told.decide(&mut builder, snapshot, false)?;
        let priced = decided.priced.as_ref();
        priced.map_or(Ok(()), Priced::check_accepted)?;
        self.check_pinned(&decided)?;
        let priced_purchase = priced.map_or(&self.purchase, Priced::purchase);
        let purchase = prepared.purchase(context, priced_purchase, &self.coupons);
        let extended = self.extension().make(&mut builder, snapshot, context)?;
        let (revision, recorded_at) = (purchase.program.number(), builder.recorded_at);
        let mut entity = PurchaseEntity::new(priced_purchase.clone(), revision, recorded_at);
        entity.allocations = grant(&mut builder, &purchase, &decided)?;
        count(&mut builder, &purchase, &decided, &mut entity);
        entity.seen = Some(decided.seen.clone());
        self.redeem(&mut builder, snapshot, context, priced, &mut entity)?;
        let (ladders, moves) = review_tiers(&builder, &purchase, &decided, snapshot)?;
        builder.emit_due();
        let tier_changes = emit(&mut builder, &purchase, &decided, extended, moves);
        if !ladders.is_empty() {
            let tiers = &mut builder.row.profile.tiers;
            tiers.insert(purchase.program.id().clone(), ladders);
        }
        let elsewhere = TierReview {
            reviewed: Reviewed::Elsewhere(&self.purchase.program),
            snapshot,
            context,
            member: &self.purchase.member,
            at: self.purchase.occurred_at,
        };
        elsewhere.make(&mut builder)?;
        builder.move_days(snapshot, context)?;
        let reply = RecordedPurchase {
            purchase: self.purchase.id.clone(),
            decision: decided.reply,
            tier_changes,
            recorded_at,
        };
        by.mark(&mut entity, &reply)?;
        builder.put(&self.purchase.id, Expected::Absent, &entity)?;
        Ok(Decision {
            reply,
            changes: builder.finish()?,
        })
    }
}

impl RecordPurchase {
    /// Redeems the coupons that have an effect, and keeps them with what each has spent of what it is worth.
    fn redeem(
        &self,
        builder: &mut ChangeBuilder<'_>,
        snapshot: &Snapshot,
        context: &Context,
        priced: Option<&Priced<'_>>,
        entity: &mut PurchaseEntity,
    ) -> Result<(), Undecided> {
        let asset = self.purchase.total.asset();
        let used = priced.into_iter().flat_map(Priced::used);
        let mut redeemed = Vec::new();
        for (own, spent) in used {
            entity.coupons.push(own.stored.entity.coupon.clone());
            let amount = spent.as_ref().map(|spent| Money::new(spent.left(), asset));
            redeemed.push((own.clone(), amount));
            entity.coupon_values.extend(spent);
        }
        let whose = (&self.purchase.member, &self.purchase.id);
        redeem_given(builder, snapshot, context, whose, redeemed)
    }
}

/// Writes the grants as lots, and says which lines each is for.
fn grant(
    builder: &mut ChangeBuilder<'_>,
    purchase: &PurchaseContext<'_>,
    decided: &PurchaseOutcome<'_>,
) -> Result<Vec<Allocation>, Rejection> {
    let mut allocations = Vec::with_capacity(decided.evaluation.grants.len());
    for (grant, schedule) in decided.evaluation.grants.iter().zip(&decided.schedules) {
        let (lot, origin) = lot(purchase, grant, schedule)?;
        let rule = origin.rule.clone();
        let lines = split(purchase, grant)?;
        let lot = builder.grant(TransferKind::Grant, Some(origin), None, lot)?;
        allocations.push(Allocation::new(rule, lot, lines));
    }
    Ok(allocations)
}

/// Which part of a grant is for which line, so that a later return of a line takes back what was granted for it: by the amount of
/// the line that the rule is of, which is less its discounts unless the rule counts them. Largest remainders first, ties to the
/// earliest line. Where no line comes to anything, by what they cost.
fn split(purchase: &PurchaseContext<'_>, grant: &Grant) -> Result<Vec<(u32, i64)>, Rejection> {
    if let Some(line) = grant.line {
        return Ok(vec![(line, grant.granted)]);
    }
    let rule = purchase.program.rule(grant.rule);
    let rule = rule.ok_or(Rejection::Internal("a grant of an unknown rule"))?;
    let lines = purchase.purchase.lines.len();
    let counted = (0..lines).map(|line| purchase.facts.line_amount(line, rule.effect.basis()));
    let mut weights: Vec<u64> = counted.map(i64::unsigned_abs).collect();
    if weights.iter().all(|weight| *weight == 0) {
        let costs = purchase.purchase.lines.iter();
        weights = costs
            .map(|line| line.amount.minor().unsigned_abs())
            .collect();
    }
    if weights.iter().all(|weight| *weight == 0) {
        return Ok(Vec::new());
    }
    let parts = allocate(grant.granted, &weights).map_err(|_| Rejection::Overflow)?;
    let parts = (0_u32..).zip(parts);
    Ok(parts.filter(|(_, minor)| *minor != 0).collect())
}

fn lot(
    purchase: &PurchaseContext<'_>,
    grant: &Grant,
    schedule: &Schedule,
) -> Result<(Lot, Origin), Rejection> {
    let program: &CompiledProgram = purchase.program;
    let rule = program
        .rule(grant.rule)
        .ok_or(Rejection::Internal("a grant of a rule that is not there"))?;
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
        earned_at: purchase.purchase.occurred_at,
        available_at: schedule.available_at,
        void_at: schedule.void_at,
        expires_at: schedule.expires_at,
        purchase: Some(purchase.purchase.id.clone()),
        rule: Some(rule.id.clone()),
    };
    Ok((lot, origin))
}

/// Counts the purchase, and remembers what was counted so that exactly that can be released. A limit that members share is
/// of one bucket, so what its counter may hold is the limit itself.
fn count(
    builder: &mut ChangeBuilder<'_>,
    purchase: &PurchaseContext<'_>,
    decided: &PurchaseOutcome<'_>,
    entity: &mut PurchaseEntity,
) {
    let program = purchase.program;
    let lookups = CounterLookups::new(&purchase.context.tenant, program, purchase.purchase);
    let history = &mut builder.row.history;
    let history = history.entry(program.id().clone()).or_default();
    history.count();
    entity.day = lookups.day();
    for (summed, delta) in lookups.summed(&decided.evaluation) {
        history.add(entity.day, summed, delta);
    }
    for Addition { key, delta, to } in lookups.moved(&decided.evaluation) {
        let mut bound = None;
        match to {
            AddedTo::Remainder { rule, used } => {
                let rule = program.rule(rule).map(|rule| rule.id.clone());
                let carried = rule.map(|rule| Carried::new(rule, delta, used));
                entity.carried.extend(carried);
            }
            AddedTo::Part { rule } => keep_part(program, rule, delta, &mut entity.carried),
            AddedTo::Limit(number) => {
                let cap = program.cap(number);
                bound = cap.map(|cap| cap_limit(cap, decided.cap_multiplier));
                let value = cap.and_then(|cap| match &cap.scope {
                    CapScope::Attribute(name) => purchase.purchase.attributes.get(name),
                    _ => None,
                });
                let value = value.map(SmolStr::new);
                entity
                    .limits
                    .push(UsedLimit(number, key.bucket, delta, value));
            }
        }
        builder.count(key, delta, bound);
    }
}

/// Keeps how a part of a minor unit was changed, with the remainder of its rule: it is left only of units, which were taken
/// out of that.
fn keep_part(program: &CompiledProgram, rule: u32, part: i64, carried: &mut [Carried]) {
    let rule = program.rule(rule).map(|rule| &rule.id);
    if let Some(own) = carried.iter_mut().find(|own| Some(&own.0) == rule) {
        own.3 = part;
    }
}

/// Looks at the member's tiers again, with this purchase counted: by the revision of now, also when another one decided a
/// purchase that was told late.
fn review_tiers(
    builder: &ChangeBuilder<'_>,
    purchase: &PurchaseContext<'_>,
    decided: &PurchaseOutcome<'_>,
    snapshot: &Snapshot,
) -> Result<(Ladders, Moves), Undecided> {
    let (mut ladders, mut moves) = (decided.ladders.clone(), decided.moves.clone());
    let at = purchase.purchase.occurred_at;
    let revisions = purchase.context.revisions(purchase.program.id());
    let current = revisions.and_then(|revisions| revisions.at(purchase.context.now.max(at)));
    let Some(current) = current.filter(|current| !current.ladders().is_empty()) else {
        return Ok((ladders, moves));
    };
    let none = DueChanges::default();
    let (tenant, member) = (&purchase.context.tenant, &purchase.purchase.member);
    let view = MemberView::new(snapshot, &builder.row, tenant, member, &none);
    let (reviewed, more) = view.review(current, Some(&decided.ladders), |_| Some(at));
    view.history.check_seen()?;
    ladders.extend(reviewed);
    moves.extend(more);
    Ok((ladders, moves))
}

/// Writes the events; returns the tier moves for the reply.
fn emit(
    builder: &mut ChangeBuilder<'_>,
    purchase: &PurchaseContext<'_>,
    decided: &PurchaseOutcome<'_>,
    extended: Extended,
    moves: Moves,
) -> Vec<TierChange> {
    builder.emit(Event::PurchaseRecorded {
        purchase: purchase.purchase.id.clone(),
        program: purchase.program.id().clone(),
        revision: purchase.program.number(),
        granted: decided.reply.totals.clone(),
        pending: decided.schedules.iter().any(|schedule| schedule.is_pending),
    });
    extended.emit(builder);
    let mut changes = Vec::with_capacity(moves.len());
    for (ladder, step) in moves {
        builder.emit(Event::TierChanged {
            program: purchase.program.id().clone(),
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
