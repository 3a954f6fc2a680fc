//! Members who were merged into another one: whose something is that a request names, and what goes on to the other member.
//!
//! A member who was merged keeps what happened before: purchases, redemptions and deposits stay under the old id, where they
//! are refunded, captured and confirmed as ever. But nothing available rests there: whatever becomes available goes on to the
//! other member **in the same step**, and so does what is owed. A lot keeps its expiry and the account that paid it.

use std::collections::BTreeSet;

use super::change_builder::{ChangeBuilder, Totals};
use super::due::{due_lots, due_query};
use super::review::{Reviewed, TierReview, due_for_review};
use super::rewards::{OPEN_LOTS_MAX, settle_open};
use super::seen::{Seen, see_once, see_rows};
use crate::command::{Operation, Undecided};
use crate::context::Context;
use crate::decision::{Changes, Decision};
use crate::entity::Entity;
use crate::event::Event;
use crate::ids::MemberId;
use crate::ledger::{Account, Lot, LotState, Purpose, Transfer, TransferKind};
use crate::member::MemberStatus;
use crate::money::{Asset, Money};
use crate::rejection::Rejection;
use crate::snapshot::{MemberKey, ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Decides a request that names a member by whom the owner of something was merged into: for the owner.
///
/// # Errors
/// Those of the operation; [`Undecided::Needs`] what it must see of the owner.
pub(super) fn decide_for<O: Operation>(
    owner: MemberId,
    request: impl FnOnce(MemberId) -> O,
    snapshot: &Snapshot,
    context: &Context,
) -> Result<Decision<O::Reply>, Undecided> {
    let own = request(owner.clone());
    let (plan, prepared) = own.prepare(context)?;
    see_once(snapshot, context, &owner, Seen::Owner, plan)?;
    own.decide(&prepared, snapshot, context)
}

/// The owner of an entity, when that is somebody who was merged into the member that a request names.
///
/// # Errors
/// As [`Snapshot::get`].
pub(super) fn merged_owner<E: Entity>(
    snapshot: &Snapshot,
    context: &Context,
    member: &MemberId,
    id: &E::Id,
    owner: impl FnOnce(E) -> MemberId,
) -> Result<Option<MemberId>, Rejection> {
    let row = snapshot.members.get(&context.member_key(member));
    let Some(row) = row.filter(|row| !row.profile.merged.is_empty()) else {
        return Ok(None);
    };
    let stored = snapshot.get::<E>(&context.tenant, id)?;
    let owner = stored.map(|stored| owner(stored.entity));
    Ok(owner.filter(|owner| row.profile.merged.contains(owner)))
}

/// Everybody who is the same person as a member: those merged into one another, and the one into whom they were. Their rows are in
/// the view.
///
/// # Errors
/// [`Undecided::Needs`] rows that are not in the view.
pub(super) fn same_person(
    snapshot: &Snapshot,
    context: &Context,
    member: &MemberId,
) -> Result<BTreeSet<MemberId>, Undecided> {
    let row_of = |member: &MemberId| snapshot.members.get(&context.member_key(member));
    see_rows(snapshot, context, [member])?;
    let into = row_of(member).and_then(|row| row.profile.merged_into.as_ref());
    let goes_on = into.unwrap_or(member);
    see_rows(snapshot, context, [goes_on])?;
    let merged = row_of(goes_on).map(|row| row.profile.merged.iter());
    let all = merged.into_iter().flatten().chain([member, goes_on]);
    let all: BTreeSet<MemberId> = all.cloned().collect();
    see_rows(snapshot, context, &all)?;
    Ok(all)
}

/// Whether something is of the member that a query names: own, or of somebody who was merged into the member. It is when none is named.
/// The row of the member is in the view, if there is one.
pub(super) fn is_of(
    snapshot: &Snapshot,
    context: &Context,
    named: Option<&MemberId>,
    owner: Option<&MemberId>,
) -> bool {
    let Some(named) = named else {
        return true;
    };
    let row = snapshot.members.get(&context.member_key(named));
    owner.is_some_and(|owner| match row {
        Some(row) => row.profile.stands_for(named, owner),
        None => owner == named,
    })
}

/// Ends a command on a member: what has become available goes on when the member was merged into another one.
///
/// # Errors
/// As [`finish_with`]; [`Undecided::Needs`] the rows of the other member.
pub(super) fn finish<'a>(
    mut builder: ChangeBuilder<'a>,
    snapshot: &'a Snapshot,
    context: &'a Context,
) -> Result<Changes, Undecided> {
    let other = open_if_needed(&mut builder, snapshot, context, context.now)?;
    finish_with(builder, other, snapshot, context)
}

/// The same when the changes of the other member are open already.
///
/// # Errors
/// [`Undecided::Needs`] lots; [`Rejection::TooMany`] when more lots are involved than one command may touch.
pub(super) fn finish_with<'a>(
    mut builder: ChangeBuilder<'a>,
    other: Option<ChangeBuilder<'a>>,
    snapshot: &'a Snapshot,
    context: &'a Context,
) -> Result<Changes, Undecided> {
    let changes = match other {
        Some(other) => Some(pass_on(
            &mut builder,
            other,
            snapshot,
            context,
            context.now,
        )?),
        None => None,
    };
    builder.emit_due();
    let mut all = builder.finish()?;
    if let Some(changes) = changes {
        all.merge(changes);
    }
    Ok(all)
}

/// The same for whoever only looks at a member who was merged: what is due by an instant is carried out, and goes on.
///
/// # Errors
/// As [`finish`].
pub(super) fn settle_merged<'a>(
    builder: &mut ChangeBuilder<'a>,
    snapshot: &'a Snapshot,
    context: &'a Context,
    until: Timestamp,
) -> Result<(), Undecided> {
    if builder.row.profile.status != MemberStatus::Merged {
        return Ok(());
    }
    let lots = builder.lots(snapshot);
    builder.settle_all(lots.iter(), until)?;
    if let Some(other) = open_if_needed(builder, snapshot, context, until)? {
        pass_on(builder, other, snapshot, context, until)?;
    }
    Ok(())
}

/// Carries out what is due for a member who was merged and is about to leave, and hands it on. Gives the changes of the other
/// member.
///
/// # Errors
/// As [`finish`]; [`Rejection::TooMany`] when more lots are due than one command may touch.
pub(super) fn hand_on_due<'a>(
    builder: &mut ChangeBuilder<'a>,
    snapshot: &'a Snapshot,
    context: &'a Context,
) -> Result<Changes, Undecided> {
    if builder.row.profile.status != MemberStatus::Merged {
        return Ok(Changes::default());
    }
    settle_due(builder, snapshot, context)?;
    match open_if_needed(builder, snapshot, context, context.now)? {
        Some(other) => pass_on(builder, other, snapshot, context, context.now),
        None => Ok(Changes::default()),
    }
}

/// Carries out what is due for a member who was merged: what it makes available goes on.
///
/// # Errors
/// [`Undecided::Needs`] what is due; [`Rejection::TooMany`] when that is more than one command may touch.
pub(super) fn settle_due(
    builder: &mut ChangeBuilder<'_>,
    snapshot: &Snapshot,
    context: &Context,
) -> Result<(), Undecided> {
    let key = context.member_key(builder.member());
    see_due(snapshot, context, &key, context.now)?;
    let due = due_lots(snapshot, &key, context.now)?;
    builder.settle_all(due.into_iter(), context.now)?;
    Ok(())
}

/// Asks for what is due for a member by an instant.
///
/// # Errors
/// [`Undecided::Needs`] it.
pub(super) fn see_due(
    snapshot: &Snapshot,
    context: &Context,
    member: &MemberKey,
    until: Timestamp,
) -> Result<(), Undecided> {
    let plan = ReadPlan {
        lots: vec![due_query(member, until)],
        ..ReadPlan::default()
    };
    see_once(snapshot, context, &member.member, Seen::Due(until), plan)
}

/// Opens the changes of the other member when something can go on. Who was closed or erased since has nothing to come, but what
/// had gone on can still be owed.
fn open_if_needed<'a>(
    builder: &mut ChangeBuilder<'a>,
    snapshot: &'a Snapshot,
    context: &'a Context,
    until: Timestamp,
) -> Result<Option<ChangeBuilder<'a>>, Undecided> {
    if builder.changes_other() || Resting::of(builder).is_something() {
        open_other(builder, snapshot, context, until)
    } else {
        Ok(None)
    }
}

/// Opens the changes of the member into whom somebody was merged. When that member has left since, what has become available by
/// an instant stays where it is.
///
/// # Errors
/// [`Undecided::Needs`] the rows of the other member.
pub(super) fn open_other<'a>(
    builder: &mut ChangeBuilder<'a>,
    snapshot: &'a Snapshot,
    context: &'a Context,
    until: Timestamp,
) -> Result<Option<ChangeBuilder<'a>>, Undecided> {
    let profile = &builder.row.profile;
    let into = match (profile.status.is_final(), &profile.merged_into) {
        (true, Some(into)) => into.clone(),
        _ => return Ok(None),
    };
    let mut plan = ReadPlan {
        members: vec![context.member_key(&into)],
        ..ReadPlan::default()
    };
    Reviewed::Balances.plan(context, &into, context.now, &mut plan);
    see_once(snapshot, context, &into, Seen::Receiver, plan)?;
    let mut other = builder.open_other(snapshot, &into)?;
    if other.row.profile.status == MemberStatus::Closed {
        builder.stay(snapshot, until)?;
        return Ok(None);
    }
    other.recorded_at = other.recorded_at.max(builder.recorded_at);
    let due = due_for_review(snapshot, context, &into, context.now)?;
    other.settle_all(due.into_iter(), context.now)?;
    Ok(Some(other))
}

/// Hands on what a member has available and owes as of an instant, and gives the changes of the other member.
fn pass_on<'a>(
    builder: &mut ChangeBuilder<'a>,
    mut other: ChangeBuilder<'a>,
    snapshot: &'a Snapshot,
    context: &'a Context,
    at: Timestamp,
) -> Result<Changes, Undecided> {
    let passage = Passage { snapshot, at };
    passage.go(builder, &mut other)?;
    let into = other.member().clone();
    let review = TierReview::now(Reviewed::Balances, snapshot, context, &into);
    review.make(&mut other)?;
    other.move_days(snapshot, context)?;
    Ok(other.finish()?)
}

/// What rests with a member and could go on.
#[derive(Debug)]
struct Resting {
    /// Assets of which lots are available.
    lots: Vec<Asset>,
    /// The member's own money.
    main: Vec<(Asset, i64)>,
    /// What the member owes.
    debts: Totals,
}

impl Resting {
    fn of(builder: &ChangeBuilder<'_>) -> Self {
        let mut resting = Self {
            lots: Vec::new(),
            main: Vec::new(),
            debts: Totals::default(),
        };
        let balances = builder.row.balances.iter();
        for (purpose, asset, minor) in balances.filter(|(_, _, minor)| *minor > 0) {
            match purpose {
                Purpose::Cashback | Purpose::Points => resting.lots.push(asset),
                Purpose::Main => resting.main.push((asset, minor)),
                Purpose::Debt => resting.debts.add(asset, minor),
                _ => {}
            }
        }
        resting
    }

    fn is_something(&self) -> bool {
        let mut debts = self.debts.iter();
        !self.lots.is_empty() || !self.main.is_empty() || debts.any(|(_, minor)| minor > 0)
    }
}

/// From one member to the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Passage<'a> {
    pub snapshot: &'a Snapshot,
    /// As of when; everything that is due by then is carried out first.
    pub at: Timestamp,
}

impl Passage<'_> {
    /// Moves everything that can go on, and gives what was available, one amount per asset.
    ///
    /// # Errors
    /// As [`finish_with`].
    pub fn go(
        &self,
        builder: &mut ChangeBuilder<'_>,
        other: &mut ChangeBuilder<'_>,
    ) -> Result<Vec<Money>, Undecided> {
        let (snapshot, at) = (self.snapshot, self.at);
        let resting = Resting::of(builder);
        builder.see_open_lots(snapshot, resting.lots.iter().copied(), OPEN_LOTS_MAX)?;
        // Debts first: what arrives pays what is left of them.
        self.owe(builder, other, &resting.debts)?;
        let mut moved = Totals::default();
        let mut going = Vec::new();
        for asset in resting.lots {
            let lots = settle_open(builder, snapshot, asset, at)?.into_iter();
            let lots = lots.filter(|lot| lot.state == LotState::Available && lot.remaining > 0);
            // Before a merger, what had matured was the member's: it goes on now.
            going.extend(lots.map(|lot| (builder.since(lot.number).unwrap_or(at), lot)));
        }
        // In the order in which it became available, as if somebody had looked all the time.
        going.sort_by_key(|(since, lot)| (*since, lot.number));
        for (since, lot) in going {
            moved.add(lot.asset, lot.remaining);
            self.pass(builder, other, &lot, since.max(lot.earned_at))?;
        }
        for (asset, minor) in resting.main {
            moved.add(asset, minor);
            let steps = self.steps(builder, other, Purpose::Main, asset, minor, at)?;
            let [leaves, arrives] = steps;
            builder.post(leaves)?;
            other.post(arrives)?;
        }
        builder.emit_due();
        other.emit_due();
        let moved = moved.into_amounts();
        if !moved.is_empty() {
            let event = Event::RewardsHandedOn {
                member: builder.member().clone(),
                into: other.member().clone(),
                amounts: moved.clone(),
            };
            builder.emit(event.clone());
            other.emit(event);
        }
        Ok(moved)
    }

    /// What was owed is the other member's to pay.
    fn owe(
        &self,
        builder: &mut ChangeBuilder<'_>,
        other: &mut ChangeBuilder<'_>,
        debts: &Totals,
    ) -> Result<(), Undecided> {
        other.owe(self.snapshot, debts, None)?;
        for (asset, minor) in debts.iter() {
            builder.settle_debt(asset, minor, TransferKind::Merge)?;
        }
        Ok(())
    }

    /// Moves what is left of an available lot: the other member has it since an instant, and what is due for it by now happens
    /// there.
    fn pass(
        &self,
        builder: &mut ChangeBuilder<'_>,
        other: &mut ChangeBuilder<'_>,
        lot: &Lot,
        at: Timestamp,
    ) -> Result<(), Undecided> {
        let (asset, minor) = (lot.asset, lot.remaining);
        let purpose = Purpose::available(asset);
        let [leaves, arrives] = self.steps(builder, other, purpose, asset, minor, at)?;
        builder.post(leaves.for_purchase(lot.purchase.clone()))?;
        builder.write_lot(lot.paid(minor));
        let arriving = Lot {
            number: 0,
            amount: minor,
            earned_at: at,
            available_at: Some(at),
            void_at: None,
            // What was earned with a purchase goes back with it; anything else is of no rule of the other member's.
            rule: lot.rule.clone().filter(|_| lot.purchase.is_some()),
            ..lot.clone()
        };
        let before = other.debts().of(asset);
        let arrives = arrives.for_purchase(lot.purchase.clone());
        let number = other.receive(arrives, arriving.clone())?;
        let paid = before.saturating_sub(other.debts().of(asset));
        other.note_arrival(at, Money::new(minor, asset), paid);
        let arrived = Lot { number, ..arriving };
        other.settle(&arrived, self.at)?;
        Ok(())
    }

    /// What leaves the one member, and what arrives at the other: through the account where nothing rests.
    fn steps(
        &self,
        builder: &ChangeBuilder<'_>,
        other: &ChangeBuilder<'_>,
        purpose: Purpose,
        asset: Asset,
        minor: i64,
        at: Timestamp,
    ) -> Result<[Transfer; 2], Rejection> {
        let (member, into) = (builder.member(), other.member());
        let way = Account::system(Purpose::Transfers, asset);
        let from = Account::member(member, purpose.clone(), asset);
        let to = Account::member(into, purpose, asset);
        let kind = TransferKind::Merge;
        let leaves = Transfer::new(from, way.clone(), minor, kind, at)?;
        let arrives = Transfer::new(way, to, minor, kind, at)?;
        Ok([
            leaves.because(into.as_str()),
            arrives.because(member.as_str()),
        ])
    }
}
