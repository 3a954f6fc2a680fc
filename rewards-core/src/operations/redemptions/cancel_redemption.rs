//! Cancel a redemption: what paid an order goes back to the lots that it came from, each with its expiry; all of it or so much
//! money.
//!
//! The bucket that paid last gives back first. Of units the proportion of the money goes back, rounded down, and with the last money
//! everything that is left. Of a lot that has expired meanwhile the program says what happens. What a purchase earned that was
//! cancelled meanwhile goes on to the account that paid it. Ladders that are climbed by a balance are reviewed.
//!
//! Refusals, in order: an amount that is not positive, the number 0; unknown member; closed member; unknown redemption; what a
//! payment paid; another asset than the order's; a number that was used; value is still reserved, nothing was captured, or all has gone back; more than was paid and has not
//! gone back; more lots due than one command may touch.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::amounts::in_words;
use super::super::change_builder::{ChangeBuilder, Returned, Source};
use super::super::merged::{decide_for, finish};
use super::capture_redemption::{check, check_number, minor_of};
use super::shared::{return_shares, shared_for};
use super::{
    ReturnedShare, check_no_payment, give_back, owner_of, plan_redemption, refused, review,
};
use crate::command::{Kind, Members, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::event::Event;
use crate::ids::{IdAllocator, IdempotencyKey, MemberId, RedemptionId, TenantId};
use crate::ledger::{Holder, Purpose, TransferKind};
use crate::member::MemberStatus;
use crate::money::Money;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::wallet::{NumberedStep, Redemption, ReturnedPart, SharedRedemption, WrongStep};

/// Undoes what paid an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CancelRedemption {
    /// Whose redemption it is.
    pub member: MemberId,
    /// The redemption.
    pub redemption: RedemptionId,
    /// The caller's number of this cancellation, from 1: each one of a redemption has another. 1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub number: Option<u32>,
    /// How much goes back; all that has not yet when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub amount: Option<Money>,
}

/// What went back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CancelledRedemption {
    /// The redemption.
    pub redemption: RedemptionId,
    /// How much of what was paid this cancellation undid, in money.
    pub cancelled: Money,
    /// What still pays the order.
    pub paid: Money,
    /// What is the member's again, one amount per asset.
    pub returned: Vec<Money>,
    /// What had expired meanwhile, one amount per asset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub expired: Vec<Money>,
    /// What was earned by purchases that were cancelled meanwhile, and went on to the accounts that had paid it; one amount per
    /// asset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub taken_back: Vec<Money>,
    /// To whom what of it went, in paying order; only when it was paid from a shared wallet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub payers: Vec<ReturnedShare>,
}

impl Operation for CancelRedemption {
    const NAME: &'static str = "cancel_redemption";
    const KIND: Kind = Kind::Command;
    type Reply = CancelledRedemption;
    type Prepared = ();

    fn natural_key(&self, _: &TenantId) -> Option<NaturalKey> {
        let key = format!("{}:{}", self.number(), self.redemption);
        Some(NaturalKey::Text(IdempotencyKey::new(&key).ok()?))
    }

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        check(self.number(), self.amount)?;
        let plan = plan_redemption(context, &self.member, &self.redemption, true);
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<CancelledRedemption>, Undecided> {
        let (member, id) = (&self.member, &self.redemption);
        if let Some(together) = shared_for(snapshot, context, member, id)? {
            return self.decide_shared(&together, snapshot, context);
        }
        if let Some(owner) = owner_of(snapshot, context, &self.member, &self.redemption)? {
            let own = |member| Self {
                member,
                ..self.clone()
            };
            return decide_for(owner, own, snapshot, context);
        }
        let ids = context.id_allocator();
        let mut builder = open(snapshot, context, &ids, &self.member)?;
        let before = builder.redemption(&self.redemption)?;
        check_no_payment(&before)?;
        let minor = minor_of(&before, self.amount)?;
        check_number([&before], NumberedStep::Cancellation, self.number())?;
        let cancelled = before.clone().cancel(minor, context.now);
        let (redemption, parts) = cancelled.map_err(|step| self.refused(&before, step))?;
        let redemption = redemption.numbered(NumberedStep::Cancellation, self.number());
        let after = redemption.clone();
        let returned = undo(&mut builder, snapshot, context, redemption, &parts)?;
        Ok(Decision {
            reply: self.reply(&before, &after, returned, Vec::new()),
            changes: finish(builder, snapshot, context)?,
        })
    }
}

impl CancelRedemption {
    fn number(&self) -> u32 {
        self.number.unwrap_or(1)
    }

    /// The same of what several members paid together.
    fn decide_shared(
        &self,
        together: &SharedRedemption,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<CancelledRedemption>, Undecided> {
        let before = together.whole(context.now);
        let minor = minor_of(&before, self.amount)?;
        check_number(together.shares(), NumberedStep::Cancellation, self.number())?;
        let step = together.cancel(minor, context.now);
        let step = step.map_err(|step| self.refused(&before, step))?;
        let step = step.numbered(NumberedStep::Cancellation, self.number());
        let ids = context.id_allocator();
        let back = return_shares(snapshot, &step.shares, |view, share| {
            let mut builder = open(view, context, &ids, &share.redemption.member)?;
            builder.redemption(&share.redemption.id)?;
            let redemption = share.redemption.clone();
            let returned = undo(&mut builder, view, context, redemption, &share.returned)?;
            Ok((returned, finish(builder, view, context)?))
        })?;
        Ok(Decision {
            reply: self.reply(&before, &step.whole, back.returned, back.payers),
            changes: back.changes,
        })
    }

    fn refused(&self, before: &Redemption, step: WrongStep) -> Rejection {
        match step {
            WrongStep::Above { most } => Rejection::CancelAbovePaid {
                redemption: self.redemption.clone(),
                paid: in_words(most, before.total.asset()),
            },
            step => refused(before, step),
        }
    }

    fn reply(
        &self,
        before: &Redemption,
        after: &Redemption,
        returned: Returned,
        payers: Vec<ReturnedShare>,
    ) -> CancelledRedemption {
        let minor = |money: Money| money.minor();
        let undone = minor(after.returned()).saturating_sub(minor(before.returned()));
        let paid = minor(after.captured()).saturating_sub(minor(after.returned()));
        let currency = after.total.asset();
        CancelledRedemption {
            redemption: self.redemption.clone(),
            cancelled: Money::new(undone, currency),
            paid: Money::new(paid, currency),
            returned: returned.back.into_amounts(),
            expired: returned.expired.into_amounts(),
            taken_back: returned.taken.into_amounts(),
            payers,
        }
    }
}

/// Opens the changes of a member to whom something goes back. Nothing does to who has left.
fn open<'a>(
    snapshot: &'a Snapshot,
    context: &'a Context,
    ids: &'a IdAllocator,
    member: &MemberId,
) -> Result<ChangeBuilder<'a>, Undecided> {
    let builder = ChangeBuilder::open(snapshot, context, ids, member)?;
    if builder.row.profile.status == MemberStatus::Closed {
        return Err(Rejection::MemberClosed(member.clone()).into());
    }
    Ok(builder)
}

/// Gives back what was paid with the redemption of a member, and writes what is left of it.
///
/// # Errors
/// [`Undecided::Needs`] its lots and what is due.
pub(super) fn undo(
    builder: &mut ChangeBuilder<'_>,
    snapshot: &Snapshot,
    context: &Context,
    redemption: Redemption,
    parts: &[ReturnedPart],
) -> Result<Returned, Undecided> {
    let source = Source {
        holder: Holder::System,
        purpose: Purpose::Spent,
        kind: TransferKind::Restore,
        at: context.now.max(redemption.made_at),
        late: builder.returned_late(&redemption)?,
    };
    let returned = give_back(builder, snapshot, context, &redemption, parts, &source)?;
    let (named, member) = (redemption.named().clone(), redemption.member.clone());
    builder.write_redemption(redemption);
    builder.emit_due();
    builder.emit(Event::RedemptionCancelled {
        redemption: named,
        returned: returned.back.amounts(),
    });
    review(builder, snapshot, context, &member)?;
    Ok(returned)
}
