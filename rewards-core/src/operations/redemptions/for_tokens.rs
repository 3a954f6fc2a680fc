//! What offline tokens need of redemptions: each holds its value by one, from when it is issued until nothing is taken in any more.

use super::super::change_builder::ChangeBuilder;
use super::capture_redemption::post;
use super::payers::NewRedemption;
use super::review;
use super::spending::{PreparedSpending, Wanted};
use super::{AUTHORIZATIONS_MAX, PaidPart};
use crate::command::Undecided;
use crate::context::Context;
use crate::decision::Changes;
use crate::event::Event;
use crate::ids::{IdAllocator, MemberId, OrderId, ProgramId, RedemptionId};
use crate::money::Money;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;
use crate::wallet::{Captured, Redemption, WrongStep};

/// Value that is reserved for a token.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct TokenValue<'a> {
    pub redemption: &'a RedemptionId,
    pub order: &'a OrderId,
    pub member: &'a MemberId,
    pub program: &'a ProgramId,
    pub amount: Money,
}

impl TokenValue<'_> {
    fn wanted(&self) -> NewRedemption<'_> {
        NewRedemption {
            id: self.redemption,
            order: self.order,
            wanted: Wanted {
                member: self.member,
                program: self.program,
                total: self.amount,
                amount: Some(self.amount),
                tenders: &[],
                wallet: None,
            },
        }
    }

    /// Checks what is asked for, and names the rows to look at.
    ///
    /// # Errors
    /// As [`Wanted::prepare`].
    pub fn prepare(&self, context: &Context) -> Result<(ReadPlan, PreparedSpending), Rejection> {
        self.wanted().wanted.prepare(context)
    }

    /// Reserves it until an instant, and ends the changes of the member as `end` says.
    ///
    /// # Errors
    /// As for any authorization; what `check` refuses after those about an unknown member, and what `end` refuses.
    pub fn reserve(
        &self,
        prepared: &PreparedSpending,
        (snapshot, context, ids): (&Snapshot, &Context, &IdAllocator),
        until: Timestamp,
        check: impl FnOnce(&ChangeBuilder<'_>) -> Result<(), Rejection>,
        end: impl FnOnce(&mut ChangeBuilder<'_>) -> Result<(), Rejection>,
    ) -> Result<(Vec<PaidPart>, Changes), Undecided> {
        let wanted = self.wanted();
        let (reserved, _) = wanted.take(prepared, snapshot, context, ids)?;
        let parts = reserved.taken.parts.clone();
        let (mut check, mut end) = (Some(check), Some(end));
        let currency = self.amount.asset();
        let changes = reserved.finish(|mut payer| {
            if let Some(check) = check.take() {
                check(&payer.builder)?;
            }
            let open = payer.builder.row.profile.reserved.len();
            if !u32::try_from(open).is_ok_and(|open| open < AUTHORIZATIONS_MAX) {
                let (what, limit) = ("authorizations", AUTHORIZATIONS_MAX);
                return Err(Rejection::TooMany { what, limit }.into());
            }
            payer.spending.post(&mut payer.builder, currency, true)?;
            wanted.keep_for_token(&mut payer, prepared, until)?;
            let mut builder = payer.builder;
            let open = &mut builder.row.profile.reserved;
            open.insert(payer.id, until);
            builder.emit_due();
            builder.emit(Event::RedemptionAuthorized {
                redemption: self.redemption.clone(),
                order: self.order.clone(),
                reserved: self.amount,
                expires_at: until,
            });
            if let Some(end) = end.take() {
                end(&mut builder)?;
            }
            review(&mut builder, snapshot, context, self.member)?;
            Ok(builder.finish()?)
        })?;
        Ok((parts, changes))
    }
}

/// So much of what a token holds pays.
///
/// # Errors
/// [`Rejection::Corrupt`] when the redemption holds less than its token says; [`Undecided::Needs`] it, and what a payment extends.
pub(in super::super) fn capture_of_token(
    builder: &mut ChangeBuilder<'_>,
    snapshot: &Snapshot,
    context: &Context,
    id: &RedemptionId,
    minor: i64,
) -> Result<Vec<Captured>, Undecided> {
    let redemption = builder.redemption(id)?;
    let captured = redemption.capture(Some(minor), context.now);
    let (redemption, taken) = captured.map_err(corrupt)?;
    post(builder, snapshot, context, redemption, &taken)?;
    Ok(taken)
}

/// What a token holds is held no longer than until an instant. Its time is over from then on, whoever writes that down.
///
/// # Errors
/// [`Rejection::Corrupt`] when the redemption holds nothing; [`Undecided::Needs`] it.
pub(in super::super) fn shorten_of_token(
    builder: &mut ChangeBuilder<'_>,
    context: &Context,
    id: &RedemptionId,
    until: Timestamp,
) -> Result<(), Undecided> {
    let redemption = builder.redemption(id)?;
    let shortened = redemption.end_by(until, context.now);
    let shortened = shortened.map_err(corrupt)?;
    if let Some(until) = shortened.expires_at {
        builder.row.profile.reserved.insert(id.clone(), until);
    }
    builder.write_redemption(shortened);
    Ok(())
}

fn corrupt(step: WrongStep) -> Rejection {
    use crate::entity::Entity;
    match step {
        WrongStep::Money(_) => Rejection::Overflow,
        WrongStep::State(_) | WrongStep::Above { .. } => Rejection::Corrupt {
            what: Redemption::KIND,
        },
    }
}
