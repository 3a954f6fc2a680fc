//! What members pay together from a wallet that they share, seen and changed as one redemption.
//!
//! Whoever paid a part of it may name it, and whoever shares the wallet now or did when it was closed. To anybody else it is unknown,
//! and so are the parts of it to everybody: nobody can take a step for one payer alone.

use super::super::change_builder::Returned;
use super::super::review::Reviewed;
use super::super::seen::{Seen, for_each, see_all, see_entities};
use super::super::shared_wallets::see_wallet;
use super::ReturnedShare;
use crate::command::Undecided;
use crate::context::Context;
use crate::decision::Changes;
use crate::entity::{Entity, EntityKey};
use crate::ids::{MemberId, RedemptionId};
use crate::member::MemberStatus;
use crate::rejection::Rejection;
use crate::snapshot::Snapshot;
use crate::wallet::{Redemption, ShareStep, SharedPayment, SharedRedemption};

/// The redemptions of all payers, when the one that a request names is paid from a shared wallet.
///
/// # Errors
/// [`Rejection::RedemptionUnknown`] for what one of several payers pays; [`Undecided::Needs`] those of the others.
pub(super) fn shared(
    snapshot: &Snapshot,
    context: &Context,
    id: &RedemptionId,
) -> Result<Option<SharedRedemption>, Undecided> {
    let found = snapshot.get::<Redemption>(&context.tenant, id)?;
    let found = found.map(|stored| stored.entity);
    let Some((first, tie)) = found.and_then(|first| Some((first.clone(), first.shared?))) else {
        return Ok(None);
    };
    if tie.redemption != *id {
        return Err(Rejection::RedemptionUnknown(id.clone()).into());
    }
    let others = tie.payers.iter().skip(1);
    let others = for_each(others, |payer| {
        let key = EntityKey::of::<Redemption>(&context.tenant, &payer.1);
        see_entities(snapshot, [key])?;
        let found = snapshot.get::<Redemption>(&context.tenant, &payer.1)?;
        found.map(|stored| stored.entity).ok_or_else(corrupt)
    })?;
    let together = SharedRedemption::new(first, others);
    Ok(Some(together.ok_or_else(corrupt)?))
}

fn corrupt() -> Undecided {
    Undecided::Rejected(Rejection::Corrupt {
        what: Redemption::KIND,
    })
}

/// The same for a member who acts on it, with the rows of all payers in the view.
///
/// # Errors
/// As [`shared`]; [`Rejection::MemberUnknown`]; [`Rejection::MemberClosed`]; [`Rejection::RedemptionUnknown`] for somebody who has
/// no part in it; [`Undecided::Needs`] the rows.
pub(super) fn shared_for(
    snapshot: &Snapshot,
    context: &Context,
    member: &MemberId,
    id: &RedemptionId,
) -> Result<Option<SharedRedemption>, Undecided> {
    let row = snapshot.members.get(&context.member_key(member));
    let Some(row) = row else {
        return Err(Rejection::MemberUnknown(member.clone()).into());
    };
    let Some(together) = shared(snapshot, context, id)? else {
        return Ok(None);
    };
    if row.profile.status == MemberStatus::Closed {
        return Err(Rejection::MemberClosed(member.clone()).into());
    }
    let is_payer = |payer: &MemberId| row.profile.stands_for(member, payer);
    let payers: Vec<&MemberId> = together.shares().map(|share| &share.member).collect();
    let has_paid = payers.iter().any(|payer| is_payer(payer));
    if !has_paid && !shares_wallet(snapshot, context, member, &together)? {
        return Err(Rejection::RedemptionUnknown(id.clone()).into());
    }
    see_all(snapshot, context, payers, Seen::Sharer, |payer, plan| {
        Reviewed::Balances.plan(context, payer, context.now, plan);
    })?;
    Ok(Some(together))
}

fn shares_wallet(
    snapshot: &Snapshot,
    context: &Context,
    member: &MemberId,
    together: &SharedRedemption,
) -> Result<bool, Undecided> {
    let first = together.shares().next();
    let Some(SharedPayment { wallet, .. }) = first.and_then(|first| first.shared.as_ref()) else {
        return Ok(false);
    };
    let wallet = see_wallet(snapshot, context, wallet)?.entity;
    Ok(wallet.has(member))
}

/// Takes the step of each payer, on what those before have left, in one commit: what goes back to one who was merged into another
/// payer changes the other one's row once more.
///
/// # Errors
/// What a step refuses; [`Undecided::Needs`] what is missing for any of them.
pub(super) fn each_share<T>(
    snapshot: &Snapshot,
    shares: &[ShareStep],
    step: impl Fn(&Snapshot, &ShareStep) -> Result<(T, Changes), Undecided>,
) -> Result<(Vec<T>, Changes), Undecided> {
    // What all of them need is asked for at once.
    for_each(shares, |share| step(snapshot, share))?;
    let (mut view, mut changes) = (snapshot.clone(), Changes::default());
    let mut told = Vec::with_capacity(shares.len());
    for share in shares {
        let (one, made) = step(&view, share)?;
        view.apply(&made);
        changes = changes.then(made)?;
        told.push(one);
    }
    Ok((told, changes))
}

/// What went back to the payers.
#[derive(Debug)]
pub(super) struct SharedReturn {
    /// To each of them, as a caller is told.
    pub payers: Vec<ReturnedShare>,
    /// To all of them together.
    pub returned: Returned,
    pub changes: Changes,
}

/// Gives back to each payer what is the payer's.
///
/// # Errors
/// As [`each_share`].
pub(super) fn return_shares(
    snapshot: &Snapshot,
    shares: &[ShareStep],
    step: impl Fn(&Snapshot, &ShareStep) -> Result<(Returned, Changes), Undecided>,
) -> Result<SharedReturn, Undecided> {
    let (returned, changes) = each_share(snapshot, shares, step)?;
    let payers = shares.iter().zip(&returned);
    let payers = payers.map(|(share, returned)| ReturnedShare {
        member: share.redemption.member.clone(),
        returned: returned.back.amounts(),
        expired: returned.expired.amounts(),
        taken_back: returned.taken.amounts(),
    });
    Ok(SharedReturn {
        payers: payers.collect(),
        returned: Returned::together(&returned),
        changes,
    })
}
