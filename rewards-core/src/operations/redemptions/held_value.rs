//! Value that is held for something else than an order that the host names: for an offline token, from when it is issued until
//! nothing is taken in any more, or for a payment, until its outcome is known. Each is held by a redemption of its own, which
//! nothing moves but what it is held for.

use super::super::change_builder::{ChangeBuilder, Returned};
use super::ChosenTender;
use super::PaidPart;
use super::cancel_redemption::undo;
use super::capture_redemption::post;
use super::payers::NewRedemption;
use super::release_redemption::release;
use super::review;
use super::spending::{PreparedSpending, Wanted};
use crate::command::Undecided;
use crate::context::Context;
use crate::decision::Changes;
use crate::entity::Entity;
use crate::ids::{IdAllocator, MemberId, OrderId, PaymentId, ProgramId, RedemptionId, TokenId};
use crate::money::Money;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;
use crate::wallet::{Captured, Redemption, RedemptionState, WrongStep};

/// What value is held for.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum HeldFor<'a> {
    /// An offline token.
    Token(&'a TokenId),
    /// A payment.
    Payment(&'a PaymentId),
}

impl HeldFor<'_> {
    /// The redemption, as one that holds this value.
    pub fn mark(self, redemption: Redemption) -> Redemption {
        match self {
            Self::Token(token) => redemption.of_token(token.clone()),
            Self::Payment(payment) => redemption.of_payment(payment.clone()),
        }
    }

    fn order(self) -> Result<OrderId, Rejection> {
        let name = match self {
            Self::Token(token) => token.as_str(),
            Self::Payment(payment) => payment.as_str(),
        };
        OrderId::new(name).map_err(|_| Rejection::Internal("an id is not one"))
    }
}

/// Value to hold: it pays an order that is called as what it is held for.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct HeldValue<'a> {
    pub held_for: HeldFor<'a>,
    pub member: &'a MemberId,
    pub program: &'a ProgramId,
    pub amount: Money,
    /// What pays, where somebody chose that.
    pub tenders: &'a [ChosenTender],
}

impl HeldValue<'_> {
    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            member: self.member,
            program: self.program,
            total: self.amount,
            amount: self.tenders.is_empty().then_some(self.amount),
            tenders: self.tenders,
            wallet: None,
        }
    }

    /// Checks what is asked for, and names the rows to look at.
    ///
    /// # Errors
    /// As [`Wanted::prepare`]; a [`Problem`](crate::rejection::Problem) of tenders that are worth less or more than is to be held.
    pub fn prepare(&self, context: &Context) -> Result<(ReadPlan, PreparedSpending), Rejection> {
        let (plan, prepared) = self.wanted().prepare(context)?;
        prepared.check_whole(self.amount)?;
        Ok((plan, prepared))
    }

    /// Reserves it by a redemption until an instant, and ends the changes of the member as `end` says.
    ///
    /// # Errors
    /// As for any authorization; what `check` refuses after those about an unknown member, and what `end` refuses.
    pub fn reserve(
        &self,
        prepared: &PreparedSpending,
        (snapshot, context, ids): (&Snapshot, &Context, &IdAllocator),
        (redemption, until): (&RedemptionId, Timestamp),
        check: impl Fn(&ChangeBuilder<'_>) -> Result<(), Rejection>,
        mut end: impl FnMut(&mut ChangeBuilder<'_>) -> Result<(), Rejection>,
    ) -> Result<(Vec<PaidPart>, Changes), Undecided> {
        let wanted = NewRedemption {
            id: redemption,
            order: &self.held_for.order()?,
            held_for: Some(self.held_for),
            wanted: self.wanted(),
        };
        let (reserved, _) = wanted.take(prepared, snapshot, context, ids)?;
        for payer in &reserved.list {
            check(&payer.builder)?;
        }
        reserved.check_held()?;
        let parts = reserved.taken.parts.clone();
        let changes = reserved.finish(|payer| {
            let mut builder = wanted.hold(payer, prepared, until)?;
            end(&mut builder)?;
            review(&mut builder, snapshot, context, self.member)?;
            Ok(builder.finish()?)
        })?;
        Ok((parts, changes))
    }
}

/// So much of what is held pays, or all of it.
///
/// # Errors
/// [`Rejection::RedemptionExpired`]; [`Rejection::Corrupt`] when the redemption holds less than it is to; [`Undecided::Needs`] it, and what a payment extends.
pub(in super::super) fn capture_held(
    builder: &mut ChangeBuilder<'_>,
    snapshot: &Snapshot,
    context: &Context,
    id: &RedemptionId,
    minor: Option<i64>,
) -> Result<Vec<Captured>, Undecided> {
    let redemption = builder.redemption(id)?;
    let captured = redemption.capture(minor, context.now);
    let (redemption, taken) = captured.map_err(|step| not_held(id, step))?;
    post(builder, snapshot, context, redemption, &taken)?;
    Ok(taken)
}

/// What is held goes back to the lots that it came from.
///
/// # Errors
/// [`Rejection::RedemptionExpired`]; [`Rejection::Corrupt`] when the redemption holds nothing; [`Undecided::Needs`] it, its lots and what is due.
pub(in super::super) fn release_held(
    builder: &mut ChangeBuilder<'_>,
    snapshot: &Snapshot,
    context: &Context,
    id: &RedemptionId,
) -> Result<Returned, Undecided> {
    let released = builder.redemption(id)?.release(context.now);
    let (redemption, parts) = released.map_err(|step| not_held(id, step))?;
    release(builder, snapshot, context, redemption, &parts)
}

/// So much of what has paid goes back to the lots that it came from.
///
/// # Errors
/// [`Rejection::Corrupt`] when less has paid; [`Undecided::Needs`] the redemption, its lots and what is due.
pub(in super::super) fn return_captured(
    builder: &mut ChangeBuilder<'_>,
    snapshot: &Snapshot,
    context: &Context,
    id: &RedemptionId,
    minor: i64,
) -> Result<Returned, Undecided> {
    let cancelled = builder.redemption(id)?.cancel(Some(minor), context.now);
    let (redemption, parts) = cancelled.map_err(|step| not_held(id, step))?;
    undo(builder, snapshot, context, redemption, &parts)
}

/// What is held is held until another instant.
///
/// # Errors
/// [`Rejection::RedemptionExpired`]; [`Rejection::Corrupt`] when the redemption holds nothing; [`Undecided::Needs`] it.
pub(in super::super) fn hold_until(
    builder: &mut ChangeBuilder<'_>,
    context: &Context,
    id: &RedemptionId,
    until: Timestamp,
) -> Result<(), Undecided> {
    let moved = builder.redemption(id)?.end_at(until, context.now);
    let moved = moved.map_err(|step| not_held(id, step))?;
    builder.row.profile.reserved.insert(id.clone(), until);
    builder.write_redemption(moved);
    Ok(())
}

/// What is held is held no longer than until an instant. Its time is over from then on, whoever writes that down.
///
/// # Errors
/// As [`hold_until`].
pub(in super::super) fn shorten_held(
    builder: &mut ChangeBuilder<'_>,
    context: &Context,
    id: &RedemptionId,
    until: Timestamp,
) -> Result<(), Undecided> {
    let before = builder.redemption(id)?.expires_at;
    let until = before.map_or(until, |at| at.min(until));
    hold_until(builder, context, id, until)
}

/// Why what is held does not take a step. An engine whose clock is ahead may have written down that its time is over.
fn not_held(id: &RedemptionId, step: WrongStep) -> Rejection {
    match step {
        WrongStep::Money(_) => Rejection::Overflow,
        WrongStep::State(RedemptionState::Expired) => Rejection::RedemptionExpired(id.clone()),
        WrongStep::State(_) | WrongStep::Above { .. } => Rejection::Corrupt {
            what: Redemption::KIND,
        },
    }
}
