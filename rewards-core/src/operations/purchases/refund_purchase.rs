//! Refund a purchase, in full, by amount, or by line and pieces: what was granted for what comes back is taken back.
//!
//! How much comes back in all decides what is undone in all, by what was granted when the purchase was recorded and never by
//! today's rules; a refund undoes what earlier ones have not. So refunds that add up to the whole leave everything as one
//! refund of the whole does, to the minor unit. What of a reward comes back releases the limits it held, what was bought is
//! undone in the member's history, and numbers stay: the second purchase stays the second. Nothing is granted by a refund.
//!
//! The policy is in the section `refunds` of the revision that decided the purchase: how much of the rewards is taken back, and
//! what becomes of what was spent. A part of a minor unit stays with the member until the rest comes back. Pending rewards are
//! taken before available ones. Ladders are reviewed as by a cancellation, which is a refund of all that is left by the
//! proportional policy that stops at zero.
//!
//! Refusals, in order: an amount that is not positive, no pieces, a line named twice; unknown member; unknown purchase (or
//! another member's); the refund is recorded already; cancelled; refunded before as a whole; an amount in another asset; more
//! than is left; no such line; more pieces than are left; more lots due than one command may touch.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::amounts::{check_positive, in_words};
use super::super::change_builder::{ChangeBuilder, revision_of};
use super::super::coupons::{return_given, return_values};
use super::super::review::{Reviewed, TierReview, due_for_review};
use super::super::seen::{Seen, see_once};
use super::super::unless_wrong;
use super::claims::claim_shortfall;
use super::gone_on::{GoneOn, finish};
use super::price_purchase::are_returned;
use super::take_back::{UndoneGrants, take_back, undone_grants};
use super::{find_purchase, owner_of, plan_purchase, purchase_lots, settle_others};
use crate::cashback::{
    LINES_MAX, NotRefundable, Paid, PurchaseEntity, PurchaseState, Refunded, WrongState,
};
use crate::command::{Kind, Members, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::entity::{EntityKey, Expected, Stored};
use crate::event::Event;
use crate::ids::{CouponId, IdAllocator, MemberId, PurchaseId, RefundId, Slug, TenantId};
use crate::money::Money;
use crate::program::{CompiledProgram, RefundPolicy};
use crate::refunds::{RefundEntity, RefundKind, RefundedPieces};
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{ReadPlan, Snapshot};

/// Refunds a purchase, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct RefundPurchase {
    /// The host's id of the refund, unique in the tenant: the same refund again is answered and not made twice.
    pub refund: RefundId,
    /// Whose purchase it is.
    pub member: MemberId,
    /// The purchase.
    pub purchase: PurchaseId,
    /// What comes back.
    pub what: RefundedPart,
    /// Why it comes back, which decides the policy; a refund by the merchant when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub kind: Option<RefundKind>,
    /// The host's name of the reason, such as `damaged`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub reason: Option<Slug>,
}

/// What of a purchase comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RefundedPart {
    /// Everything that is left.
    All,
    /// So much of what was paid, which is the total less discounts. It is spread over what is left of the purchase.
    Amount(Money),
    /// Pieces of lines. What a piece cost is its part of what was paid for the line, discounts taken off.
    Lines(Vec<RefundedPieces>),
}

/// What a refund took back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct RefundedPurchase {
    /// The refund.
    pub refund: RefundId,
    /// The purchase.
    pub purchase: PurchaseId,
    /// Where the purchase is in its life now.
    pub state: PurchaseState,
    /// What came back of what was paid.
    pub amount: Money,
    /// What is left of what was paid.
    pub left: Money,
    /// What was taken back of the rewards, one amount per asset.
    pub taken_back: Vec<Money>,
    /// What was to be taken back and had been spent or had expired, one amount per asset.
    pub shortfall: Vec<Money>,
    /// What of the shortfall the member owes now, one amount per asset: not what has expired, and not what other rewards paid
    /// at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub owed: Vec<Money>,
    /// How many moves on tier ladders were made.
    #[serde(default, skip_serializing_if = "crate::operations::is_zero")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub tier_changes: u32,
}

impl Operation for RefundPurchase {
    const NAME: &'static str = "refund_purchase";
    const KIND: Kind = Kind::Command;
    type Reply = RefundedPurchase;
    type Prepared = ();

    fn natural_key(&self, tenant: &TenantId) -> Option<NaturalKey> {
        Some(NaturalKey::Entity(self.key(tenant)))
    }

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let problems = self.problems();
        unless_wrong(problems)?;
        let mut plan = plan_purchase(context, &self.member, &self.purchase);
        plan.entities.push(self.key(&context.tenant));
        Reviewed::Undone.plan(context, &self.member, context.now, &mut plan);
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<Self::Reply>, Undecided> {
        self.decide_with(snapshot, context, &context.id_allocator(), None)
    }
}

impl RefundPurchase {
    /// Decides with ids that another part of the same command draws from as well, which may put another purchase in the place
    /// of this one.
    ///
    /// # Errors
    /// As [`decide`](Operation::decide).
    pub(in super::super) fn decide_with(
        &self,
        snapshot: &Snapshot,
        context: &Context,
        ids: &IdAllocator,
        replaced_by: Option<&PurchaseId>,
    ) -> Result<Decision<RefundedPurchase>, Undecided> {
        if let Some(member) = owner_of(snapshot, context, &self.member, &self.purchase)? {
            let own = Self {
                member,
                ..self.clone()
            };
            let (plan, ()) = own.prepare(context)?;
            see_once(snapshot, context, &own.member, Seen::Owner, plan)?;
            return own.decide_with(snapshot, context, ids, replaced_by);
        }
        let mut builder = ChangeBuilder::open(snapshot, context, ids, &self.member)?;
        let stored = find_purchase(snapshot, context, &self.member, &self.purchase)?;
        if snapshot.entities.contains_key(&self.key(&context.tenant)) {
            return Err(Rejection::RefundExists(self.refund.clone()).into());
        }
        let refunded = self.refunded(&stored)?;
        let due = due_for_review(snapshot, context, &self.member, context.now)?;
        settle_others(&mut builder, &due, &self.purchase, context.now)?;
        let program = revision_of(context, &stored.entity)?;
        let policy = self.policy(program.refunds());
        let mut gone_on = GoneOn::of(&mut builder, snapshot, context, &stored.entity)?;
        let lots = purchase_lots(snapshot, context, &stored.entity)?;
        let undone = undone_grants(&stored.entity, &lots, &refunded, policy.rewards, program)?;
        let back = take_back(
            &mut builder,
            gone_on.as_mut(),
            (snapshot, &self.purchase),
            &lots,
            &undone,
            context.now,
        )?;
        let (entity, mut purchase) = self.undo(&mut builder, refunded, &undone)?;
        purchase.replaced_by = replaced_by.cloned();
        let owed = claim_shortfall(
            &mut builder,
            gone_on.as_mut(),
            snapshot,
            context,
            (&undone, &back),
            (&mut purchase, policy.shortfall),
        )?;
        let before = stored.entity.refunded();
        let view = (snapshot, context);
        self.return_coupons(&mut builder, view, (&mut purchase, &before), program)?;
        let mut reply = RefundedPurchase {
            refund: self.refund.clone(),
            purchase: self.purchase.clone(),
            state: purchase.state(),
            left: left_of(&purchase),
            amount: entity.amount,
            taken_back: back.taken.into_amounts(),
            shortfall: back.shortfall.into_amounts(),
            owed,
            tier_changes: 0,
        };
        self.record(&mut builder, entity, &reply)?;
        let review = TierReview::now(Reviewed::Undone, snapshot, context, &self.member);
        reply.tier_changes = review.make(&mut builder)?;
        builder.move_days(snapshot, context)?;
        Ok(Decision {
            reply,
            changes: finish(builder, gone_on, snapshot, context)?,
        })
    }

    fn key(&self, tenant: &TenantId) -> EntityKey {
        EntityKey::of::<RefundEntity>(tenant, &self.refund)
    }

    fn kind(&self) -> RefundKind {
        self.kind.unwrap_or_default()
    }

    /// Gives the uses of the purchase's coupons back, when all of it has come back by now, and else what those that are worth an amount
    /// have spent for what came back.
    fn return_coupons(
        &self,
        builder: &mut ChangeBuilder<'_>,
        (snapshot, context): (&Snapshot, &Context),
        (purchase, before): (&mut PurchaseEntity, &Refunded),
        program: &CompiledProgram,
    ) -> Result<(), Undecided> {
        if self.kind() != RefundKind::Refund || !are_returned(program, false) {
            return Ok(());
        }
        let whose = (&self.member, &self.purchase);
        if purchase.state() == PurchaseState::Refunded {
            let spent = |coupon: &CouponId| purchase.spent_of(coupon);
            return return_given(builder, snapshot, context, whose, &purchase.coupons, spent);
        }
        let values = purchase.return_values(before);
        if !values.is_empty() {
            builder.write_purchase(purchase.clone())?;
        }
        return_values(builder, snapshot, context, whose, &values)
    }

    fn policy(&self, refunds: crate::program::Refunds) -> RefundPolicy {
        match self.kind() {
            RefundKind::Refund => refunds.policy(),
            RefundKind::Chargeback => refunds.chargeback_policy(),
        }
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        match &self.what {
            RefundedPart::All => {}
            RefundedPart::Amount(amount) => {
                check_positive("what.amount", *amount, &mut problems);
            }
            RefundedPart::Lines(lines) => check_lines(lines, &mut problems),
        }
        problems
    }

    /// How much of the purchase is refunded with this refund.
    fn refunded(&self, stored: &Stored<PurchaseEntity>) -> Result<Refunded, Rejection> {
        let purchase = &stored.entity;
        let open = purchase.check_open();
        open.map_err(|wrong| refused(&self.purchase, wrong))?;
        let paid = Paid::of(&purchase.purchase);
        let asset = purchase.purchase.total.asset();
        let mut refunded = purchase.refunded();
        refunded.count = refunded.count.saturating_add(1);
        match &self.what {
            RefundedPart::All => refunded.add_rest(&paid),
            RefundedPart::Amount(amount) => {
                if amount.asset() != asset {
                    let detail = format!("expected `{asset}`, got `{}`", amount.asset());
                    return Err(Problem::new("asset_mismatch", "what.amount.asset", detail).into());
                }
                let added = refunded.add_amount(&paid, amount.minor());
                added.map_err(|error| self.exceeds(error, *amount))?;
            }
            RefundedPart::Lines(lines) => {
                for RefundedPieces { line, pieces } in lines {
                    let added = refunded.add_pieces(&paid, *line, *pieces);
                    added.map_err(|error| pieces_exceed(error, *line, *pieces))?;
                }
            }
        }
        Ok(refunded)
    }

    fn exceeds(&self, error: NotRefundable, asked: Money) -> Rejection {
        let NotRefundable::Amount { left } = error else {
            return Rejection::Internal("an amount is no line");
        };
        let asset = asked.asset();
        Rejection::RefundExceeds {
            asked: in_words(asked.minor(), asset),
            left: in_words(left, asset),
        }
    }

    /// Undoes what was counted, and gives the refund as it is kept.
    fn undo(
        &self,
        builder: &mut ChangeBuilder<'_>,
        refunded: Refunded,
        undone: &UndoneGrants,
    ) -> Result<(RefundEntity, PurchaseEntity), Undecided> {
        let before = builder.purchase(&self.purchase)?.clone();
        let amount = refunded.amount.saturating_sub(before.refunded().amount);
        let entity = RefundEntity {
            id: self.refund.clone(),
            member: self.member.clone(),
            purchase: self.purchase.clone(),
            number: refunded.count,
            kind: self.kind(),
            reason: self.reason.clone(),
            amount: Money::new(amount, before.purchase.total.asset()),
            lines: match &self.what {
                RefundedPart::Lines(lines) => lines.clone(),
                RefundedPart::All | RefundedPart::Amount(_) => Vec::new(),
            },
            taken_back: Vec::new(),
            shortfall: Vec::new(),
            recorded_at: builder.recorded_at,
        };
        let granted = |lot| undone.get(&lot).copied();
        let (purchase, undone) = before
            .refund(refunded, granted)
            .map_err(|wrong| refused(&self.purchase, wrong))?;
        builder.undo_purchase(&purchase, undone)?;
        Ok((entity, purchase))
    }

    /// Writes the refund and tells of it.
    fn record(
        &self,
        builder: &mut ChangeBuilder<'_>,
        mut entity: RefundEntity,
        reply: &RefundedPurchase,
    ) -> Result<(), Rejection> {
        entity.taken_back.clone_from(&reply.taken_back);
        entity.shortfall.clone_from(&reply.shortfall);
        builder.put(&self.refund, Expected::Absent, &entity)?;
        builder.emit_due();
        builder.emit(Event::PurchaseRefunded {
            purchase: self.purchase.clone(),
            refund: self.refund.clone(),
            kind: entity.kind,
            amount: entity.amount,
            taken_back: entity.taken_back,
            shortfall: entity.shortfall,
        });
        Ok(())
    }
}

/// What of what was paid for a purchase is left to refund.
pub(super) fn left_of(purchase: &PurchaseEntity) -> Money {
    let left = purchase.refunded().left(&Paid::of(&purchase.purchase));
    Money::new(left, purchase.purchase.total.asset())
}

/// Why a purchase that is over cannot be undone.
pub(super) fn refused(purchase: &PurchaseId, WrongState(state): WrongState) -> Rejection {
    match state {
        PurchaseState::Refunded => Rejection::PurchaseRefunded(purchase.clone()),
        PurchaseState::Cancelled => Rejection::PurchaseCancelled(purchase.clone()),
        PurchaseState::Recorded | PurchaseState::Confirmed => {
            Rejection::Internal("an open purchase can be undone")
        }
    }
}

fn pieces_exceed(error: NotRefundable, line: u32, asked: u32) -> Rejection {
    match error {
        NotRefundable::Line => Rejection::LineUnknown { line },
        NotRefundable::Pieces { left } => Rejection::PiecesExceed { line, asked, left },
        NotRefundable::Amount { .. } => Rejection::Internal("a line is no amount"),
    }
}

fn check_lines(lines: &[RefundedPieces], problems: &mut Vec<Problem>) {
    if lines.is_empty() || lines.len() > LINES_MAX {
        let detail = format!("expected 1 to {LINES_MAX} lines, got {}", lines.len());
        problems.push(Problem::new("lines_invalid", "what.lines", detail));
        return;
    }
    let mut seen = std::collections::BTreeSet::new();
    for (at, RefundedPieces { line, pieces }) in lines.iter().enumerate() {
        if *pieces == 0 {
            let path = format!("what.lines[{at}].pieces");
            let detail = "expected one or more, got 0";
            problems.push(Problem::new("quantity_invalid", path, detail));
        }
        if !seen.insert(*line) {
            let path = format!("what.lines[{at}].line");
            let detail = format!("line {line} is named twice");
            problems.push(Problem::new("line_duplicate", path, detail));
        }
    }
}
