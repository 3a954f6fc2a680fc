//! Collects the changes of one command on one member: entries, lots, counters, events and the member's own row.

mod debts;
mod lots;
mod merged;
mod owing;
mod purchases;
mod returned;
mod transfers;

pub(super) use debts::PAYING_LOTS_MAX;
pub(super) use purchases::revision_of;
pub(super) use returned::{Returned, Source};

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use self::owing::owing;
use super::due::{DueChanges, Unearned};
use crate::cashback::PurchaseEntity;
use crate::command::Undecided;
use crate::context::Context;
use crate::counter::{CounterKey, CounterName, CounterRange, Subject};
use crate::decision::{Changes, CounterChange, LotWrite, MemberWrite};
use crate::entity::{Entity, Expected, Stored};
use crate::event::{Event, EventRecord, Stream};
use crate::ids::{IdAllocator, MemberId, PurchaseId, RedemptionId};
use crate::ledger::{
    Account, Holder, LedgerError, Lot, LotMove, LotNumber, Origin, Purpose, Transfer, TransferKind,
    next_due, settle,
};
use crate::member::{MemberRow, MemberStatus};
use crate::money::{Asset, Money};
use crate::rejection::Rejection;
use crate::snapshot::{MemberKey, Snapshot};
use crate::time::Timestamp;
use crate::wallet::Redemption;

/// The changes of one command on one member, in the making.
#[derive(Debug)]
pub(super) struct ChangeBuilder<'a> {
    context: &'a Context,
    ids: &'a IdAllocator,
    key: MemberKey,
    expected: u64,
    /// The member's row as it will be.
    pub row: MemberRow,
    /// When the command is recorded: now, but never before the member's last command, so that journals and streams are in
    /// order. It decides nothing: what is due and when value moves follows the command's own time, or a clock that was
    /// ahead once would make everything due that came after.
    pub recorded_at: Timestamp,
    /// What has been collected.
    pub changes: Changes,
    /// Where in the changes a lot is that was there before, by its number.
    written_lots: FxHashMap<LotNumber, usize>,
    due: Due,
    due_changes: DueChanges,
    /// The view in which the purchases are of which something goes back; a new member has none.
    snapshot: Option<&'a Snapshot>,
    purchases: BTreeMap<PurchaseId, OpenPurchase>,
    redemptions: BTreeMap<RedemptionId, OpenRedemption>,
    /// What went back because the time of an authorization was over.
    released: Totals,
    /// The changes of members who were merged into this one, as far as the command changes them too.
    merged: BTreeMap<MemberId, ChangeBuilder<'a>>,
    /// The changes of the member into whom this one was merged, when something due came before the command there.
    into: Option<Box<ChangeBuilder<'a>>>,
    /// What has become available in this command to somebody who was merged, and is to go on: since when each lot is.
    goes_on: Option<BTreeMap<LotNumber, Timestamp>>,
}

/// A redemption while a command changes it.
#[derive(Debug)]
struct OpenRedemption {
    stored: Stored<Redemption>,
    /// Whether it is written.
    is_changed: bool,
}

/// A purchase while a command changes it.
#[derive(Debug)]
struct OpenPurchase {
    stored: Stored<PurchaseEntity>,
    /// Whether it is written.
    is_changed: bool,
}

impl<'a> ChangeBuilder<'a> {
    /// Starts from the member's row, gives back what is reserved longer than its time allows, and takes in what has become
    /// available by itself to whoever was merged into the member. What a member owes is paid by what has matured since. For a
    /// member who was merged, the same happens first with all who are one by now.
    ///
    /// # Errors
    /// [`Rejection::MemberUnknown`] when there is none; [`Undecided::Needs`] what goes back, or is due.
    pub fn open(
        snapshot: &'a Snapshot,
        context: &'a Context,
        ids: &'a IdAllocator,
        member: &MemberId,
    ) -> Result<Self, Undecided> {
        let row = snapshot.members.get(&context.member_key(member));
        if let Some(into) = owing(row, snapshot, context)? {
            return Self::open_with_owing(snapshot, context, ids, (member, into));
        }
        let mut builder = Self::open_until(snapshot, context, ids, member, context.now)?;
        builder.open_into(snapshot)?;
        Ok(builder)
    }

    /// The same without giving anything back, for commands that look at no balance.
    ///
    /// # Errors
    /// [`Rejection::MemberUnknown`] when there is none.
    pub fn open_as_is(
        snapshot: &'a Snapshot,
        context: &'a Context,
        ids: &'a IdAllocator,
        member: &MemberId,
    ) -> Result<Self, Undecided> {
        let key = context.member_key(member);
        let row = snapshot.members.get(&key).cloned();
        let row = row.ok_or_else(|| Rejection::MemberUnknown(member.clone()))?;
        let is_merged = row.profile.status == MemberStatus::Merged;
        Ok(Self {
            snapshot: Some(snapshot),
            goes_on: is_merged.then(BTreeMap::new),
            ..Self::from_row(context, ids, key, row)
        })
    }

    /// The same, as it is at an instant that is not now.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_until(
        snapshot: &'a Snapshot,
        context: &'a Context,
        ids: &'a IdAllocator,
        member: &MemberId,
        until: Timestamp,
    ) -> Result<Self, Undecided> {
        let mut builder = Self::open_as_is(snapshot, context, ids, member)?;
        builder.pay_by(snapshot, until, None)?;
        builder.release_overdue(until)?;
        builder.take_in(snapshot, until)?;
        Ok(builder)
    }

    /// The same for a member who is merged now: what has become available to whoever was merged into the member before waits
    /// for the next command, unless it pays what the member owes.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_alone(
        snapshot: &'a Snapshot,
        context: &'a Context,
        ids: &'a IdAllocator,
        member: &MemberId,
    ) -> Result<Self, Undecided> {
        let mut builder = Self::open_as_is(snapshot, context, ids, member)?;
        builder.pay_by(snapshot, context.now, None)?;
        builder.release_overdue(context.now)?;
        Ok(builder)
    }

    /// Starts from a given row, such as the first one of a new member.
    pub fn from_row(
        context: &'a Context,
        ids: &'a IdAllocator,
        key: MemberKey,
        row: MemberRow,
    ) -> Self {
        let recorded_at = context.now.max(row.recorded_at);
        Self {
            context,
            ids,
            key,
            expected: row.version,
            row,
            recorded_at,
            changes: Changes::default(),
            written_lots: FxHashMap::default(),
            due: Due::default(),
            due_changes: DueChanges::default(),
            snapshot: None,
            purchases: BTreeMap::new(),
            redemptions: BTreeMap::new(),
            released: Totals::default(),
            merged: BTreeMap::new(),
            into: None,
            goes_on: None,
        }
    }

    /// Moves value, writes the transfer into the member's journal and returns its number there.
    ///
    /// # Errors
    /// [`Rejection::Internal`] when an account of the member would fall below zero: whoever debits looks at lots first.
    pub fn post(&mut self, transfer: Transfer) -> Result<u64, Rejection> {
        let moved = transfer.minor();
        let sides = [
            (transfer.from(), moved.saturating_neg()),
            (transfer.to(), moved),
        ];
        for (account, delta) in sides {
            if matches!(&account.holder, Holder::Member(member) if *member == self.key.member) {
                let balances = &mut self.row.balances;
                balances
                    .add(&account.purpose, account.asset, delta)
                    .map_err(|error| match error {
                        LedgerError::Overflow => Rejection::Overflow,
                        _ => Rejection::Internal("an account of a member would fall below zero"),
                    })?;
            }
        }
        let (tenant, id) = (&self.context.tenant, self.ids.next());
        let entry =
            self.row
                .journal
                .append(tenant, &self.key.member, id, transfer, self.recorded_at);
        let seq = entry.seq;
        self.changes.journal.push((tenant.clone(), entry));
        Ok(seq)
    }

    /// Grants a new lot: value moves from its source to the member, and the lot is numbered by that entry. What is available at
    /// once pays what the member owes.
    pub fn grant(
        &mut self,
        kind: TransferKind,
        origin: Option<Origin>,
        reason: Option<&str>,
        lot: Lot,
    ) -> Result<LotNumber, Rejection> {
        let purpose = match lot.state {
            crate::ledger::LotState::Pending => Purpose::Pending,
            _ => Purpose::available(lot.asset),
        };
        let from = Account::system(lot.source.clone(), lot.asset);
        let to = Account::member(&self.key.member, purpose, lot.asset);
        let mut transfer = Transfer::new(from, to, lot.amount, kind, lot.earned_at)?
            .for_purchase(lot.purchase.clone());
        transfer.origin = origin;
        transfer.reason = reason.map(ToOwned::to_owned);
        let number = self.post(transfer)?;
        let at = lot.earned_at;
        let lot = self.pay_debt(Lot { number, ..lot }, at)?;
        self.add_lot(lot);
        Ok(number)
    }

    /// Carries out a change of a lot: the value moves, and the lot takes its next state. What goes back to the account that
    /// paid it releases the limits it held; what becomes available pays what the member owes. Gives the lot as it is then.
    ///
    /// # Errors
    /// [`Undecided::Needs`] the purchase of what goes back; see [`see_purchases`](Self::see_purchases).
    pub fn move_lot(&mut self, step: LotMove) -> Result<Lot, Undecided> {
        if step.is_return() {
            self.give_back(&step.lot, step.amount)?;
        }
        Ok(self.carry_out(step)?)
    }

    /// The same for what was [given back](Self::give_back_grant) to a grant already.
    ///
    /// # Errors
    /// As [`post`](Self::post).
    pub fn carry_out(&mut self, step: LotMove) -> Result<Lot, Rejection> {
        let asset = step.lot.asset;
        let holder = match step.to {
            Purpose::Funding(_) | Purpose::Expired | Purpose::Fees | Purpose::Adjustments => {
                Holder::System
            }
            _ => Holder::Member(self.key.member.clone()),
        };
        let from = Account::member(&self.key.member, step.from, asset);
        let to = Account {
            holder,
            purpose: step.to,
            asset,
        };
        let transfer = Transfer::new(from, to, step.amount, step.kind, step.effective_at)?
            .for_purchase(step.lot.purchase.clone());
        self.post(transfer)?;
        let lot = match step.kind {
            TransferKind::Mature => self.pay_debt(step.lot, step.effective_at)?,
            _ => step.lot,
        };
        self.write_lot(lot.clone());
        Ok(lot)
    }

    /// Carries out what is due for lots by an instant, and returns the lots as they are then.
    ///
    /// # Errors
    /// [`Undecided::Needs`] the purchases of those that are voided.
    pub fn settle_all<'l>(
        &mut self,
        lots: impl Iterator<Item = &'l Lot> + Clone,
        by: Timestamp,
    ) -> Result<Vec<Lot>, Undecided> {
        let is_voided = |lot: &&Lot| settle(lot, by).iter().any(LotMove::is_return);
        self.see_purchases(lots.clone().filter(is_voided))?;
        let mut lots: Vec<&Lot> = lots.collect();
        if self.owes() {
            // What matures first pays first, whoever looks and when.
            lots.sort_by_key(|lot| (lot.due_at().unwrap_or(Timestamp::MAX), lot.number));
        }
        let lots = lots.into_iter();
        lots.map(|lot| self.settle(lot, by)).collect()
    }

    /// Carries out what is due for a lot by an instant, and returns the lot as it is then. What has become available to
    /// somebody who was merged expires with the other member, if it does.
    ///
    /// # Errors
    /// As [`move_lot`](Self::move_lot).
    pub fn settle(&mut self, lot: &Lot, by: Timestamp) -> Result<Lot, Undecided> {
        let mut lot = self.current(lot);
        while self.since(lot.number).is_none()
            && let Some(step) = next_due(&lot, by)
        {
            self.note_due(&step)?;
            let (at, before) = (step.effective_at, step.lot.remaining);
            if step.kind == TransferKind::Mature {
                self.note_available(lot.number, at);
            }
            lot = self.move_lot(step)?;
            let paid = before.saturating_sub(lot.remaining);
            self.due_changes.pay(at, lot.asset, paid);
        }
        Ok(lot)
    }

    fn note_due(&mut self, step: &LotMove) -> Result<(), Undecided> {
        self.due.add(step);
        self.due_changes.add(step);
        if let Some(purchase) = step.lot.purchase.as_ref().filter(|_| step.is_return()) {
            let purchase = self.purchase(purchase)?;
            let unearned = Unearned {
                at: step.effective_at,
                program: purchase.purchase.program.clone(),
                day: purchase.day,
                asset: step.lot.asset,
                minor: step.amount,
            };
            self.due_changes.unearn(unearned);
        }
        Ok(())
    }

    /// What was carried out because it was due, as ladders measure it: how the row was before says what was at any instant.
    pub fn due_changes(&self) -> &DueChanges {
        &self.due_changes
    }

    /// What the command has added so far to a counter that is not in the member's row: for the member, and for members who were
    /// merged into this one, whose purchases something may have gone back to.
    pub fn added(&self, range: &CounterRange) -> i64 {
        let changes = self.changes.counters.iter();
        let own = changes.filter(|change| range.contains(&change.key));
        let own = own.fold(0_i64, |sum, change| sum.saturating_add(change.delta));
        let merged = self.merged.values();
        merged.fold(own, |sum, other| sum.saturating_add(other.added(range)))
    }

    /// Tells what was carried out because it was due, and returns it.
    pub fn emit_due(&mut self) -> DueAmounts {
        let due = std::mem::take(&mut self.due);
        let amounts = DueAmounts {
            matured: due.matured.into_amounts(),
            voided: due.voided.into_amounts(),
            expired: due.expired.into_amounts(),
        };
        for (moved, event) in [
            (
                &amounts.matured,
                Event::RewardsMatured {
                    amounts: amounts.matured.clone(),
                },
            ),
            (
                &amounts.voided,
                Event::RewardsVoided {
                    amounts: amounts.voided.clone(),
                },
            ),
            (
                &amounts.expired,
                Event::RewardsExpired {
                    amounts: amounts.expired.clone(),
                },
            ),
        ] {
            if !moved.is_empty() {
                self.emit(event);
            }
        }
        amounts
    }

    /// Writes a lot that has changed.
    pub fn write_lot(&mut self, lot: Lot) {
        let next = self.changes.lots.len();
        let place = *self.written_lots.entry(lot.number).or_insert(next);
        match self.changes.lots.get_mut(place) {
            Some(write) => write.lot = lot,
            None => self.changes.lots.push(LotWrite {
                member: self.key.clone(),
                is_new: false,
                lot,
            }),
        }
    }

    /// Writes an entity.
    ///
    /// # Errors
    /// [`Rejection::Internal`] when it cannot be encoded.
    pub fn put<E: Entity>(
        &mut self,
        id: &E::Id,
        expected: Expected,
        entity: &E,
    ) -> Result<(), Rejection> {
        let tenant = &self.context.tenant;
        self.changes.put(tenant, id, expected, entity)
    }

    /// Removes an entity.
    pub fn remove<E: Entity>(&mut self, id: &E::Id, version: u64) {
        self.changes.remove::<E>(&self.context.tenant, id, version);
    }

    /// Adds to a counter: to one of this member in the member's row, to any other where it is.
    pub fn count(&mut self, key: CounterKey, delta: i64, bound: Option<i64>) {
        if delta == 0 {
            return;
        }
        match &key.name.subject {
            Subject::Member(member) if *member == self.key.member => {
                self.row.counters.add(&key.name.name, key.bucket, delta);
            }
            _ => self
                .changes
                .counters
                .push(CounterChange { key, delta, bound }),
        }
    }

    /// Emits an event in the member's stream.
    pub fn emit(&mut self, event: Event) {
        let id = self.ids.next();
        self.row.event_seq = self.row.event_seq.saturating_add(1);
        let stream = Stream::Member(self.key.member.clone());
        let record = EventRecord {
            id,
            stream,
            seq: self.row.event_seq,
            recorded_at: self.recorded_at,
            event,
        };
        self.changes
            .events
            .push((self.context.tenant.clone(), record));
    }

    /// Closes the member's row and gives all changes away.
    ///
    /// # Errors
    /// [`Rejection::Internal`] when a purchase cannot be encoded.
    pub fn finish(mut self) -> Result<Changes, Rejection> {
        self.write_purchases()?;
        self.write_redemptions()?;
        for (name, bucket, value) in self.row.counters.take_overflow() {
            let subject = Subject::Member(self.key.member.clone());
            let name = CounterName {
                tenant: self.key.tenant.clone(),
                subject,
                name,
            };
            self.changes.counters.push(CounterChange {
                key: name.at(bucket),
                delta: value,
                bound: None,
            });
        }
        self.row.version = self.expected.saturating_add(1);
        self.row.recorded_at = self.recorded_at;
        self.row.due_at = self.row.profile.due_at();
        let write = MemberWrite {
            key: self.key,
            expected: self.expected,
            row: self.row,
        };
        self.changes.members.push(write);
        // What was released for those who were merged was seen when something was added within a bound, so it comes before that.
        let own = std::mem::take(&mut self.changes.counters);
        let others = self.merged.into_values();
        let others = others.chain(self.into.map(|into| *into));
        for other in others.filter(Self::is_changed) {
            self.changes.merge(other.finish()?);
        }
        self.changes.counters.extend(own);
        Ok(self.changes)
    }

    /// Whether there is anything to write but the row's version: some rows are opened to be looked at.
    fn is_changed(&self) -> bool {
        !self.changes.is_empty()
            || self.purchases.values().any(|open| open.is_changed)
            || self.redemptions.values().any(|open| open.is_changed)
            || self.merged.values().any(Self::is_changed)
    }
}

/// What was carried out because it was due, while it is summed up.
#[derive(Debug, Default)]
struct Due {
    matured: Totals,
    voided: Totals,
    expired: Totals,
}

impl Due {
    fn add(&mut self, step: &LotMove) {
        let totals = match step.kind {
            TransferKind::Mature => &mut self.matured,
            TransferKind::Void => &mut self.voided,
            _ => &mut self.expired,
        };
        totals.add(step.lot.asset, step.amount);
    }
}

/// What was carried out because it was due, one amount per asset.
#[derive(Debug)]
pub(super) struct DueAmounts {
    pub matured: Vec<Money>,
    pub voided: Vec<Money>,
    pub expired: Vec<Money>,
}

/// Sums amounts per asset, in asset order; zero sums are left out.
#[derive(Debug, Clone, Default)]
pub(super) struct Totals(BTreeMap<Asset, i64>);

impl Totals {
    /// Adds an amount in minor units.
    pub fn add(&mut self, asset: Asset, minor: i64) {
        let total = self.0.entry(asset).or_default();
        *total = total.saturating_add(minor);
    }

    /// All sums, in minor units.
    pub fn iter(&self) -> impl Iterator<Item = (Asset, i64)> + Clone + '_ {
        self.0.iter().map(|(asset, minor)| (*asset, *minor))
    }

    /// The sum of an asset, in minor units.
    pub fn of(&self, asset: Asset) -> i64 {
        self.0.get(&asset).copied().unwrap_or_default()
    }

    /// The sums so far as amounts.
    pub fn amounts(&self) -> Vec<Money> {
        Self(self.0.clone()).into_amounts()
    }

    /// The sums as amounts.
    pub fn into_amounts(self) -> Vec<Money> {
        let sums = self.0.into_iter().filter(|(_, minor)| *minor != 0);
        sums.map(|(asset, minor)| Money::new(minor, asset))
            .collect()
    }
}
