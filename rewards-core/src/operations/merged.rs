//! Members who were merged into another one: whose something is that a request names, and what goes on to the other member.
//!
//! A member who was merged keeps what happened before: purchases, redemptions and deposits stay under the old id, where they
//! are refunded, captured and confirmed as ever. But nothing available rests there: whatever becomes available goes on to the
//! other member **in the same step**, and so does what is owed. A lot keeps its expiry and the account that paid it.

use super::change_builder::{ChangeBuilder, Totals};
use super::review::{Reviewed, TierReview, due_for_review};
use super::rewards::{OPEN_LOTS_MAX, settle_open};
use crate::command::{Operation, Undecided};
use crate::context::Context;
use crate::decision::{Changes, Decision};
use crate::entity::Entity;
use crate::event::Event;
use crate::ids::{IdAllocator, MemberId};
use crate::ledger::{Account, Lot, LotState, Purpose, Transfer, TransferKind};
use crate::member::MemberStatus;
use crate::money::{Asset, Money};
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot, StatementQuery};
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

/// Why rows of a member are asked for who becomes known only while something is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// Value arrives at the member.
    Receiver,
    /// Something of the member's is changed.
    Owner,
    /// The member was merged into another one: what is due by an instant.
    Merged(Timestamp),
}

/// Asks for rows of a member unless they were asked for before. That some rows of the member are in the view says nothing of
/// the others, as another command may have asked for those: an empty list that nobody else asks for says it.
///
/// # Errors
/// [`Undecided::Needs`] the rows.
pub(super) fn see_once(
    snapshot: &Snapshot,
    context: &Context,
    member: &MemberId,
    why: Seen,
    mut plan: ReadPlan,
) -> Result<(), Undecided> {
    let seen = StatementQuery {
        member: context.member_key(member),
        // No entry has a number below the first.
        before: Some(1),
        kind: None,
        purpose: None,
        asset: None,
        purchase: None,
        from: None,
        until: Some(match why {
            Seen::Receiver | Seen::Owner => context.now,
            Seen::Merged(until) => until,
        }),
        limit: match why {
            Seen::Receiver => 1,
            Seen::Owner => 2,
            Seen::Merged(_) => 3,
        },
    };
    if snapshot.statements.contains_key(&seen) {
        return Ok(());
    }
    plan.statements.push(seen);
    Err(Undecided::Needs(Box::new(plan)))
}

/// What becomes of a debt that what the other member has does not pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unpaid {
    /// The other member owes it.
    Owed,
    /// It is given up.
    GivenUp,
}

/// What went on to another member.
#[derive(Debug, Default)]
pub(super) struct HandedOn {
    /// The changes of the other member.
    changes: Option<Changes>,
    /// What the other member paid at once of what was owed.
    pub paid: Totals,
}

impl HandedOn {
    /// Ends the command: gives the changes of both members away.
    ///
    /// # Errors
    /// As [`ChangeBuilder::finish`].
    pub fn finish(self, mut builder: ChangeBuilder<'_>) -> Result<Changes, Rejection> {
        builder.emit_due();
        let mut changes = builder.finish()?;
        if let Some(other) = self.changes {
            changes.merge(other);
        }
        Ok(changes)
    }
}

/// Ends a command on a member: what has become available goes on when the member was merged into another one.
///
/// # Errors
/// As [`hand_on`].
pub(super) fn finish(
    mut builder: ChangeBuilder<'_>,
    snapshot: &Snapshot,
    context: &Context,
    ids: &IdAllocator,
) -> Result<Changes, Undecided> {
    let handed_on = hand_on(&mut builder, snapshot, context, ids, Unpaid::Owed)?;
    Ok(handed_on.finish(builder)?)
}

/// The same for whoever only looks at a member who was merged: what is due by an instant is carried out, and goes on.
///
/// # Errors
/// As [`hand_on`].
pub(super) fn settle_merged(
    builder: &mut ChangeBuilder<'_>,
    snapshot: &Snapshot,
    context: &Context,
    ids: &IdAllocator,
    until: Timestamp,
) -> Result<(), Undecided> {
    if builder.row.profile.status != MemberStatus::Merged {
        return Ok(());
    }
    let lots = builder.lots(snapshot);
    builder.settle_all(lots.iter(), until)?;
    hand_on_at(builder, snapshot, context, ids, (until, Unpaid::Owed))?;
    Ok(())
}

/// Hands on what a member has available and owes, when the member was merged into another one who has not left since.
///
/// # Errors
/// [`Undecided::Needs`] the rows of the other member, and lots; [`Rejection::TooMany`] when more lots are involved than one
/// command may touch.
pub(super) fn hand_on(
    builder: &mut ChangeBuilder<'_>,
    snapshot: &Snapshot,
    context: &Context,
    ids: &IdAllocator,
    unpaid: Unpaid,
) -> Result<HandedOn, Undecided> {
    hand_on_at(builder, snapshot, context, ids, (context.now, unpaid))
}

fn hand_on_at(
    builder: &mut ChangeBuilder<'_>,
    snapshot: &Snapshot,
    context: &Context,
    ids: &IdAllocator,
    (at, unpaid): (Timestamp, Unpaid),
) -> Result<HandedOn, Undecided> {
    let profile = &builder.row.profile;
    // Who was closed or erased since has nothing to come, but what had gone on can still be owed.
    let into = match (profile.status.is_final(), &profile.merged_into) {
        (true, Some(into)) if Resting::of(builder).is_something() => into.clone(),
        _ => return Ok(HandedOn::default()),
    };
    let mut plan = ReadPlan {
        members: vec![context.member_key(&into)],
        ..ReadPlan::default()
    };
    Reviewed::Balances.plan(context, &into, context.now, &mut plan);
    see_once(snapshot, context, &into, Seen::Receiver, plan)?;
    let mut other = ChangeBuilder::open_alone(snapshot, context, ids, &into)?;
    if other.row.profile.status == MemberStatus::Closed {
        return Ok(HandedOn::default());
    }
    other.recorded_at = other.recorded_at.max(builder.recorded_at);
    let due = due_for_review(snapshot, context, &into, context.now)?;
    other.settle_all(due.into_iter(), context.now)?;
    let passage = Passage {
        snapshot,
        context,
        at,
        unpaid,
    };
    let paid = passage.go(builder, &mut other)?.paid;
    let review = TierReview::now(Reviewed::Balances, snapshot, context, &into);
    review.make(&mut other)?;
    other.move_days(snapshot, context)?;
    Ok(HandedOn {
        changes: Some(other.finish()?),
        paid,
    })
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

/// What went from one member to the other.
#[derive(Debug)]
pub(super) struct Passed {
    /// What was available, one amount per asset.
    pub moved: Vec<Money>,
    /// What the other member paid at once of what was owed.
    pub paid: Totals,
}

/// From one member to the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Passage<'a> {
    pub snapshot: &'a Snapshot,
    pub context: &'a Context,
    /// As of when; everything that is due by then is carried out first.
    pub at: Timestamp,
    /// What becomes of debts.
    pub unpaid: Unpaid,
}

impl Passage<'_> {
    /// Moves everything that can go on.
    ///
    /// # Errors
    /// As [`hand_on`].
    pub fn go(
        &self,
        builder: &mut ChangeBuilder<'_>,
        other: &mut ChangeBuilder<'_>,
    ) -> Result<Passed, Undecided> {
        let (snapshot, at) = (self.snapshot, self.at);
        let resting = Resting::of(builder);
        builder.see_open_lots(snapshot, resting.lots.iter().copied(), OPEN_LOTS_MAX)?;
        // Debts first: what arrives pays what is left of them.
        let paid = self.owe(builder, other, &resting.debts)?;
        let mut moved = Totals::default();
        for asset in resting.lots {
            for lot in settle_open(builder, snapshot, asset, at)? {
                if lot.state == LotState::Available && lot.remaining > 0 {
                    moved.add(asset, lot.remaining);
                    self.pass(builder, other, &lot)?;
                }
            }
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
        Ok(Passed { moved, paid })
    }

    /// What was owed is the other member's to pay.
    fn owe(
        &self,
        builder: &mut ChangeBuilder<'_>,
        other: &mut ChangeBuilder<'_>,
        debts: &Totals,
    ) -> Result<Totals, Undecided> {
        let paid = match self.unpaid {
            Unpaid::GivenUp => other.pay_at_once(self.snapshot, debts, None)?,
            Unpaid::Owed => {
                let owed = other.owe(self.snapshot, debts, None)?;
                let mut paid = debts.clone();
                for left in owed {
                    paid.add(left.asset(), left.minor().saturating_neg());
                }
                paid
            }
        };
        for (asset, minor) in debts.iter() {
            let given_up = match self.unpaid {
                Unpaid::GivenUp => minor.saturating_sub(paid.of(asset)),
                Unpaid::Owed => 0,
            };
            builder.settle_debt(asset, given_up, TransferKind::WriteOff)?;
            builder.settle_debt(asset, minor.saturating_sub(given_up), TransferKind::Merge)?;
        }
        Ok(paid)
    }

    /// Moves what is left of an available lot.
    fn pass(
        &self,
        builder: &mut ChangeBuilder<'_>,
        other: &mut ChangeBuilder<'_>,
        lot: &Lot,
    ) -> Result<(), Undecided> {
        let (asset, minor) = (lot.asset, lot.remaining);
        let at = self.since(builder, lot);
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
            purchase: None,
            rule: None,
            ..lot.clone()
        };
        let before = other.debts().of(asset);
        other.receive(arrives, arriving)?;
        let paid = before.saturating_sub(other.debts().of(asset));
        other.note_arrival(at, Money::new(minor, asset), paid);
        Ok(())
    }

    /// Since when the other member has what is left of a lot: one that has matured by itself in this command since the instant at
    /// which it was due, so that it does not matter how late somebody looks; any other since now. Before a merger, what had
    /// matured was the member's.
    fn since(&self, builder: &ChangeBuilder<'_>, lot: &Lot) -> Timestamp {
        let key = self.context.member_key(builder.member());
        let row = self.snapshot.members.get(&key);
        let was_merged = row.is_some_and(|row| row.profile.status == MemberStatus::Merged);
        let before = self.snapshot.lots.get(&(key, lot.number));
        let was_pending = before.is_some_and(|before| before.state == LotState::Pending);
        let due = lot.available_at.filter(|due| *due <= self.at);
        let due = due.filter(|_| was_merged && was_pending);
        due.unwrap_or(self.at).max(lot.earned_at)
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
