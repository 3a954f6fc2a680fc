//! What offline tokens need of redemptions: each holds its value by one, from when it is issued until nothing is taken in any more.

use super::super::change_builder::ChangeBuilder;
use super::PaidPart;
use super::capture_redemption::post;
use super::payers::NewRedemption;
use super::review;
use super::spending::{PreparedSpending, Wanted};
use crate::command::Undecided;
use crate::context::Context;
use crate::decision::Changes;
use crate::entity::Entity;
use crate::ids::{IdAllocator, MemberId, OrderId, ProgramId, RedemptionId, TokenId};
use crate::money::Money;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;
use crate::wallet::{Captured, Redemption, WrongStep};

/// Value that is reserved for a token: it pays an order that is called as the token is.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct TokenValue<'a> {
    pub token: &'a TokenId,
    pub member: &'a MemberId,
    pub program: &'a ProgramId,
    pub amount: Money,
}

impl TokenValue<'_> {
    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            member: self.member,
            program: self.program,
            total: self.amount,
            amount: Some(self.amount),
            tenders: &[],
            wallet: None,
        }
    }

    /// Checks what is asked for, and names the rows to look at.
    ///
    /// # Errors
    /// As [`Wanted::prepare`].
    pub fn prepare(&self, context: &Context) -> Result<(ReadPlan, PreparedSpending), Rejection> {
        self.wanted().prepare(context)
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
        let order = OrderId::new(self.token.as_str());
        let order = order.map_err(|_| Rejection::Internal("an id is not one"))?;
        let wanted = NewRedemption {
            id: redemption,
            order: &order,
            token: Some(self.token),
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
    match step {
        WrongStep::Money(_) => Rejection::Overflow,
        WrongStep::State(_) | WrongStep::Above { .. } => Rejection::Corrupt {
            what: Redemption::KIND,
        },
    }
}
