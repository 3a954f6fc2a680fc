//! Capture a redemption: reserved value pays its order, all of it or a part.
//!
//! An authorization may be captured several times, up to what it reserves. Each capture has a number of its own, chosen by the
//! caller: the same number again replays the capture, and under another key it is refused.
//!
//! Refusals, in order: an amount that is not positive, the number 0; unknown member; unknown redemption; what an offline
//! token or a payment holds; another asset than the order's; a number that was used; captured as a whole, released, over or cancelled; more than is reserved.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::amounts::{check_positive, in_words};
use super::super::change_builder::ChangeBuilder;
use super::super::merged::decide_for;
use super::super::unless_wrong;
use super::shared::{each_share, shared_for};
use super::{PaidPart, PaidShare, check_own, owner_of, paid_in, plan_redemption, refused};
use crate::command::{Kind, Members, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::event::Event;
use crate::ids::{IdempotencyKey, MemberId, RedemptionId, TenantId};
use crate::ledger::{Account, Purpose, Transfer, TransferKind};
use crate::money::{Asset, Money};
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::wallet::{
    Captured, NumberedStep, REDEMPTION_STEPS_MAX, Redemption, SharedRedemption, WrongStep,
};

/// Captures reserved value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CaptureRedemption {
    /// Whose redemption it is.
    pub member: MemberId,
    /// The redemption.
    pub redemption: RedemptionId,
    /// The caller's number of this capture, from 1: each capture of a redemption has another one.
    pub number: u32,
    /// How much pays; all that is still reserved when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub amount: Option<Money>,
}

/// What paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CapturedRedemption {
    /// The redemption.
    pub redemption: RedemptionId,
    /// What this capture paid.
    pub paid: Money,
    /// By what, in paying order.
    pub parts: Vec<PaidPart>,
    /// What all captures have paid.
    pub captured: Money,
    /// What is still reserved.
    pub reserved: Money,
    /// Who paid what of this capture, in paying order; only from a shared wallet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub payers: Vec<PaidShare>,
}

impl Operation for CaptureRedemption {
    const NAME: &'static str = "capture_redemption";
    const KIND: Kind = Kind::Command;
    type Reply = CapturedRedemption;
    type Prepared = ();

    fn natural_key(&self, _: &TenantId) -> Option<NaturalKey> {
        let key = format!("{}:{}", self.number, self.redemption);
        Some(NaturalKey::Text(IdempotencyKey::new(&key).ok()?))
    }

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        check(self.number, self.amount)?;
        let plan = plan_redemption(context, &self.member, &self.redemption, false);
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<CapturedRedemption>, Undecided> {
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
        let mut builder = ChangeBuilder::open_as_is(snapshot, context, &ids, &self.member)?;
        let before = builder.redemption(&self.redemption)?;
        check_own(&before)?;
        let minor = minor_of(&before, self.amount)?;
        check_number([&before], NumberedStep::Capture, self.number)?;
        let captured = before.clone().capture(minor, context.now);
        let (redemption, taken) = captured.map_err(|step| self.refused(&before, step))?;
        let redemption = redemption.numbered(NumberedStep::Capture, self.number);
        let reply = self.reply(&redemption, &taken, Vec::new(), context);
        post(&mut builder, snapshot, context, redemption, &taken)?;
        Ok(Decision {
            reply,
            changes: builder.finish()?,
        })
    }
}

impl CaptureRedemption {
    /// The same of what several members reserved together.
    fn decide_shared(
        &self,
        together: &SharedRedemption,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<CapturedRedemption>, Undecided> {
        let before = together.whole(context.now);
        let minor = minor_of(&before, self.amount)?;
        check_number(together.shares(), NumberedStep::Capture, self.number)?;
        let step = together.capture(minor, context.now);
        let step = step.map_err(|step| self.refused(&before, step))?;
        let step = step.numbered(NumberedStep::Capture, self.number);
        let ids = context.id_allocator();
        let currency = before.total.asset();
        let (payers, changes) = each_share(snapshot, &step.shares, |view, share| {
            let member = &share.redemption.member;
            let mut builder = ChangeBuilder::open_as_is(view, context, &ids, member)?;
            builder.redemption(&share.redemption.id)?;
            let redemption = share.redemption.clone();
            post(&mut builder, view, context, redemption, &share.captured)?;
            let paid = PaidShare {
                member: member.clone(),
                paid: Money::new(value(&share.captured), currency),
                parts: told(&share.captured, currency),
            };
            Ok((paid, builder.finish()?))
        })?;
        let reply = self.reply(&step.whole, &step.captured, payers, context);
        Ok(Decision { reply, changes })
    }

    fn refused(&self, before: &Redemption, step: WrongStep) -> Rejection {
        match step {
            WrongStep::Above { most } => Rejection::CaptureAboveReserved {
                redemption: self.redemption.clone(),
                reserved: in_words(most, before.total.asset()),
            },
            step => refused(before, step),
        }
    }

    fn reply(
        &self,
        redemption: &Redemption,
        taken: &[Captured],
        payers: Vec<PaidShare>,
        context: &Context,
    ) -> CapturedRedemption {
        let currency = redemption.total.asset();
        CapturedRedemption {
            redemption: self.redemption.clone(),
            paid: Money::new(value(taken), currency),
            parts: told(taken, currency),
            captured: redemption.captured(),
            reserved: redemption.reserved_at(context.now),
            payers,
        }
    }
}

/// Moves what a capture takes of a member to whoever gets it, and writes what is left of the redemption.
///
/// # Errors
/// [`Undecided::Needs`] what a payment extends.
pub(super) fn post(
    builder: &mut ChangeBuilder<'_>,
    snapshot: &Snapshot,
    context: &Context,
    redemption: Redemption,
    taken: &[Captured],
) -> Result<(), Undecided> {
    let currency = redemption.total.asset();
    let at = context.now.max(redemption.made_at);
    for part in taken.iter().filter(|part| part.amount > 0) {
        let asset = part.bucket.asset(currency);
        let from = Account::member(&redemption.member, Purpose::Reserved, asset);
        let to = Account::system(Purpose::Spent, asset);
        let kind = TransferKind::Redeem;
        builder.post(Transfer::new(from, to, part.amount, kind, at)?)?;
    }
    let extension = paid_in(&redemption.program, context);
    let extended = extension.make(builder, snapshot, context)?;
    let named = redemption.named().clone();
    builder.write_redemption(redemption.clone());
    builder.emit(Event::RedemptionCaptured {
        redemption: named,
        paid: Money::new(value(taken), currency),
    });
    extended.emit(builder);
    Ok(())
}

/// What a capture paid, in minor units of money.
fn value(taken: &[Captured]) -> i64 {
    let values = taken.iter().map(|part| part.value);
    values.fold(0, i64::saturating_add)
}

/// What paid, as a caller is told.
fn told(taken: &[Captured], currency: Asset) -> Vec<PaidPart> {
    let parts = taken.iter().map(|part| PaidPart {
        bucket: part.bucket,
        amount: Money::new(part.amount, part.bucket.asset(currency)),
        value: Money::new(part.value, currency),
    });
    parts.collect()
}

/// Checks the number and the amount of a step.
pub(super) fn check(number: u32, amount: Option<Money>) -> Result<(), Rejection> {
    let mut problems = Vec::new();
    if number == 0 {
        let detail = "expected a number above zero, got `0`";
        problems.push(Problem::new("number_not_positive", "number", detail));
    }
    if let Some(amount) = amount {
        check_positive("amount", amount, &mut problems);
    }
    unless_wrong(problems)
}

/// Checks that a redemption, or what any payer pays of it, has taken no such step with a number yet.
///
/// # Errors
/// [`Rejection::RedemptionNumberUsed`]; [`Rejection::TooMany`] after the most steps whose numbers are kept.
pub(super) fn check_number<'a>(
    shares: impl IntoIterator<Item = &'a Redemption>,
    step: NumberedStep,
    number: u32,
) -> Result<(), Rejection> {
    for share in shares {
        let numbers = share.numbers(step);
        if numbers.binary_search(&number).is_ok() {
            return Err(Rejection::RedemptionNumberUsed {
                redemption: share.named().clone(),
                step: step.text(),
                number,
            });
        }
        let limit = REDEMPTION_STEPS_MAX;
        if u32::try_from(numbers.len()).is_ok_and(|taken| taken >= limit) {
            let what = match step {
                NumberedStep::Capture => "captures of one redemption",
                NumberedStep::Cancellation => "cancellations of one redemption",
            };
            return Err(Rejection::TooMany { what, limit });
        }
    }
    Ok(())
}

/// An amount of a step in minor units of the order's currency.
pub(super) fn minor_of(
    redemption: &Redemption,
    amount: Option<Money>,
) -> Result<Option<i64>, Rejection> {
    let currency = redemption.total.asset();
    if let Some(amount) = amount.filter(|amount| amount.asset() != currency) {
        let detail = format!("expected `{currency}`, got `{}`", amount.asset());
        return Err(Problem::new("asset_mismatch", "amount.asset", detail).into());
    }
    Ok(amount.map(Money::minor))
}
