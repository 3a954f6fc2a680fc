//! Redemptions: a member pays an order, or a part of it, with what the member has.
//!
//! An order is paid at once, or value is reserved for it first and captured later, as a whole or in parts. What is not captured is
//! released, by hand or because its time is over: that is so from this instant on, whether or not anybody has written it down.
//! What was paid can go back, to the lots that it came from.
//!
//! The revision of the program that is active when the command is decided says what may pay; what comes back follows the
//! revision that decided the redemption.

mod authorize_redemption;
mod cancel_redemption;
mod capture_redemption;
mod get_redemption;
mod held_value;
mod list_redemptions;
mod payers;
mod quote_redemption;
mod redeem;
mod release_redemption;
mod shared;
mod spending;

pub use authorize_redemption::{AUTHORIZATIONS_MAX, AuthorizeRedemption, AuthorizedRedemption};
pub use cancel_redemption::{CancelRedemption, CancelledRedemption};
pub use capture_redemption::{CaptureRedemption, CapturedRedemption};
pub use get_redemption::{
    GetRedemption, RedemptionDetails, RedemptionDetailsPart, RedemptionShare,
};
pub(super) use held_value::{
    HeldFor, HeldValue, capture_held, hold_until, release_held, return_captured, shorten_held,
};
pub use list_redemptions::{ListRedemptions, ListedRedemption, RedemptionList};
pub use quote_redemption::{QuoteRedemption, QuotedRedemption};
pub use redeem::{Redeem, Redeemed};
pub use release_redemption::{ReleaseRedemption, ReleasedRedemption};
pub use spending::PreparedSpending;

use serde::{Deserialize, Serialize};

use super::change_builder::{ChangeBuilder, Returned, Source};
use super::extension::Extension;
use super::merged::merged_owner;
use super::review::{Reviewed, TierReview, due_for_review};
use crate::command::Undecided;
use crate::context::Context;
use crate::entity::EntityKey;
use crate::ids::{MemberId, ProgramId, RedemptionId};
use crate::money::Money;
use crate::program::ExtendingActivity;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::wallet::{Bucket, Redemption, RedemptionState, ReturnedPart, WrongStep};

/// An amount of one bucket that the caller chose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ChosenTender {
    /// The bucket.
    pub bucket: Bucket,
    /// How much of what is in it; positive.
    pub amount: Money,
}

/// What one bucket pays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct PaidPart {
    /// The bucket.
    pub bucket: Bucket,
    /// How much of what is in it.
    pub amount: Money,
    /// What that is worth, in the currency of the order.
    pub value: Money,
}

/// What one of several members pays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct PaidShare {
    /// The member.
    pub member: MemberId,
    /// What the member pays, in the currency of the order. Of units it can be nothing by itself.
    pub paid: Money,
    /// By what, in paying order.
    pub parts: Vec<PaidPart>,
}

/// What goes back to one of several members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ReturnedShare {
    /// The member.
    pub member: MemberId,
    /// What is the member's again, one amount per asset.
    pub returned: Vec<Money>,
    /// What had expired meanwhile, one amount per asset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub expired: Vec<Money>,
    /// What went on to the accounts that had paid it, one amount per asset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub taken_back: Vec<Money>,
}

/// The rows that a command on a redemption must see.
pub(super) fn plan_redemption(
    context: &Context,
    member: &MemberId,
    redemption: &RedemptionId,
    is_reviewed: bool,
) -> ReadPlan {
    let mut plan = ReadPlan {
        members: vec![context.member_key(member)],
        entities: vec![EntityKey::of::<Redemption>(&context.tenant, redemption)],
        ..ReadPlan::default()
    };
    if is_reviewed {
        Reviewed::Balances.plan(context, member, context.now, &mut plan);
    }
    plan
}

/// The owner of a redemption, when that is somebody who was merged into the member that a request names.
fn owner_of(
    snapshot: &Snapshot,
    context: &Context,
    member: &MemberId,
    redemption: &RedemptionId,
) -> Result<Option<MemberId>, Rejection> {
    let owner = |entity: Redemption| entity.member;
    merged_owner(snapshot, context, member, redemption, owner)
}

/// Checks that nothing but its own steps moves what a redemption holds: what an offline token holds is promised to whoever takes
/// the token, and what a payment holds waits for its outcome.
fn check_own(redemption: &Redemption) -> Result<(), Rejection> {
    match &redemption.token {
        Some(token) => Err(Rejection::RedemptionOfToken {
            redemption: redemption.id.clone(),
            token: token.clone(),
        }),
        None => check_no_payment(redemption),
    }
}

/// Checks that a redemption is of no payment: what of one goes back, its refunds say.
fn check_no_payment(redemption: &Redemption) -> Result<(), Rejection> {
    match &redemption.payment {
        Some(payment) => Err(Rejection::RedemptionOfPayment {
            redemption: redemption.id.clone(),
            payment: payment.clone(),
        }),
        None => Ok(()),
    }
}

/// Why a redemption does not take a step, as a caller is told.
fn refused(redemption: &Redemption, step: WrongStep) -> Rejection {
    let id = redemption.id.clone();
    match step {
        WrongStep::State(RedemptionState::Authorized) => Rejection::RedemptionAuthorized(id),
        WrongStep::State(RedemptionState::Captured) => Rejection::RedemptionCaptured(id),
        WrongStep::State(RedemptionState::Released) => Rejection::RedemptionReleased(id),
        WrongStep::State(RedemptionState::Expired) => Rejection::RedemptionExpired(id),
        WrongStep::State(RedemptionState::Cancelled) => Rejection::RedemptionCancelled(id),
        WrongStep::Above { .. } => Rejection::Internal("more than there is of a redemption"),
        WrongStep::Money(_) => Rejection::Overflow,
    }
}

/// Gives parts of a redemption back, after everything that is due has happened, and reviews the ladders by balances.
fn give_back(
    builder: &mut ChangeBuilder<'_>,
    snapshot: &Snapshot,
    context: &Context,
    redemption: &Redemption,
    parts: &[ReturnedPart],
    source: &Source,
) -> Result<Returned, Undecided> {
    builder.see_lots_of(parts.iter())?;
    let due = due_for_review(snapshot, context, &redemption.member, context.now)?;
    builder.settle_all(due.into_iter(), context.now)?;
    builder.give_back_parts(redemption, parts, source)
}

/// What a payment now extends.
fn paid_in<'p>(program: &'p ProgramId, context: &Context) -> Extension<'p> {
    Extension {
        activity: ExtendingActivity::Redemption,
        program,
        at: context.now,
    }
}

/// Reviews the ladders by balances after a redemption has moved one.
fn review(
    builder: &mut ChangeBuilder<'_>,
    snapshot: &Snapshot,
    context: &Context,
    member: &MemberId,
) -> Result<(), Undecided> {
    let review = TierReview::now(Reviewed::Balances, snapshot, context, member);
    review.make(builder)?;
    builder.move_days(snapshot, context)?;
    Ok(())
}
