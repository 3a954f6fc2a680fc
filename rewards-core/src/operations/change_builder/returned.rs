//! Redemptions that a command changes, and value that goes back from them to the lots that paid.
//!
//! What is reserved longer than its time allows goes back before anything else happens, so that no command and no query needs
//! a sweep: whoever opens the changes of a member sees the member after that. It counts from the end of that time.

use super::super::seen::see_entities;
use super::{ChangeBuilder, OpenRedemption, Totals};
use crate::command::Undecided;
use crate::entity::{Entity, EntityKey, Stored};
use crate::event::Event;
use crate::ids::RedemptionId;
use crate::ledger::{Account, Holder, Lot, LotNumber, LotState, Purpose, Transfer, TransferKind};
use crate::money::{Asset, Money};
use crate::program::ReturnedLate;
use crate::rejection::Rejection;
use crate::snapshot::{LotFilter, LotQuery, ProgramKey, ReadPlan};
use crate::time::Timestamp;
use crate::wallet::{HeldLot, Redemption, ReturnedPart};

/// More lots than have one number; a view that has as many as were asked for counts as cut off.
const NUMBERED_LIMIT: u32 = 10_000;

/// What became of value that went back.
#[derive(Debug, Default)]
pub(in crate::operations) struct Returned {
    /// What is the member's again.
    pub back: Totals,
    /// What had expired meanwhile.
    pub expired: Totals,
    /// What went on to the account that had paid it, because its purchase was refunded or cancelled meanwhile.
    pub taken: Totals,
    /// What of the member's paid at once what the member owes.
    paid: Totals,
}

impl Returned {
    /// What became of it with several members.
    pub fn together(all: &[Self]) -> Self {
        let mut sums = Self::default();
        for one in all {
            for (sum, part) in [
                (&mut sums.back, &one.back),
                (&mut sums.expired, &one.expired),
                (&mut sums.taken, &one.taken),
                (&mut sums.paid, &one.paid),
            ] {
                for (asset, minor) in part.iter() {
                    sum.add(asset, minor);
                }
            }
        }
        sums
    }
}

/// From where value goes back, when, and by which rules.
#[derive(Debug, Clone)]
pub(in crate::operations) struct Source {
    /// The account that held it: reserved value of the member, or spent value.
    pub holder: Holder,
    /// What that account is for.
    pub purpose: Purpose,
    /// Why it goes back.
    pub kind: TransferKind,
    /// When it goes back.
    pub at: Timestamp,
    /// What happens to it when its lot has expired.
    pub late: ReturnedLate,
}

impl ChangeBuilder<'_> {
    /// A redemption of the member as the command has left it so far.
    ///
    /// # Errors
    /// [`Undecided::Needs`] it when it is not in the view; [`Rejection::RedemptionUnknown`] when there is none of the member.
    pub fn redemption(&mut self, id: &RedemptionId) -> Result<Redemption, Undecided> {
        if let Some(open) = self.redemptions.get(id) {
            return Ok(open.stored.entity.clone());
        }
        let tenant = &self.context.tenant;
        let found: Option<Stored<Redemption>> = match self.snapshot {
            Some(snapshot) => snapshot.get(tenant, id)?,
            None => None,
        };
        let own = found.filter(|stored| stored.entity.member == self.key.member);
        let stored = own.ok_or_else(|| Rejection::RedemptionUnknown(id.clone()))?;
        let redemption = stored.entity.clone();
        let open = OpenRedemption {
            stored,
            is_changed: false,
        };
        self.redemptions.insert(id.clone(), open);
        Ok(redemption)
    }

    /// Writes a redemption that was read before.
    pub fn write_redemption(&mut self, redemption: Redemption) {
        if redemption.state() != crate::wallet::RedemptionState::Authorized {
            self.row.profile.reserved.remove(&redemption.id);
        }
        if let Some(open) = self.redemptions.get_mut(&redemption.id) {
            open.stored.entity = redemption;
            open.is_changed = true;
        }
    }

    /// Writes the redemptions that have changed, each once.
    pub(super) fn write_redemptions(&mut self) -> Result<(), Rejection> {
        for (id, open) in &self.redemptions {
            if open.is_changed {
                let expected = open.stored.expected();
                let tenant = &self.context.tenant;
                self.changes
                    .put(tenant, id, expected, &open.stored.entity)?;
            }
        }
        Ok(())
    }

    /// Gives back what authorizations hold whose time is over by an instant.
    ///
    /// # Errors
    /// [`Undecided::Needs`] them, the lots that paid, and the purchases that these are of.
    pub fn release_overdue(&mut self, until: Timestamp) -> Result<(), Undecided> {
        let own = self.row.profile.reserved.iter();
        let over = own.filter(|(_, at)| **at <= until);
        let mut over: Vec<(Timestamp, RedemptionId)> =
            over.map(|(id, at)| (*at, id.clone())).collect();
        if over.is_empty() {
            return Ok(());
        }
        over.sort();
        if let Some(snapshot) = self.snapshot {
            let tenant = &self.context.tenant;
            let keys = over.iter();
            let keys = keys.map(|(_, id)| EntityKey::of::<Redemption>(tenant, id));
            see_entities(snapshot, keys)?;
        }
        let mut ended = Vec::new();
        for (at, id) in over {
            let redemption = self.redemption(&id)?;
            let expired = redemption.expire(at);
            ended.push((
                at,
                expired.map_err(|_| Rejection::Corrupt {
                    what: Redemption::KIND,
                })?,
            ));
        }
        let parts = ended.iter().flat_map(|(_, (_, parts))| parts);
        self.see_lots_of(parts)?;
        for (at, (redemption, parts)) in ended {
            let source = Source {
                holder: Holder::Member(self.key.member.clone()),
                purpose: Purpose::Reserved,
                kind: TransferKind::Release,
                at: at.max(redemption.made_at),
                late: self.returned_late(&redemption)?,
            };
            let returned = self.give_back_parts(&redemption, &parts, &source)?;
            for amount in returned.back.amounts() {
                self.due_changes.returned(source.at, amount);
            }
            for (asset, minor) in returned.paid.iter() {
                self.due_changes.pay(source.at, asset, minor);
            }
            self.settle_held(&parts, until)?;
            let id = redemption.named().clone();
            self.write_redemption(redemption);
            for amount in returned.back.amounts() {
                self.released.add(amount.asset(), amount.minor());
            }
            self.emit(Event::RedemptionReleased {
                redemption: id,
                expired: true,
                returned: returned.back.into_amounts(),
            });
        }
        Ok(())
    }

    /// What the program that decided a redemption says of value that comes back late.
    ///
    /// # Errors
    /// [`Undecided::Needs`] the program when its revision was published by somebody else just now.
    pub fn returned_late(&self, redemption: &Redemption) -> Result<ReturnedLate, Undecided> {
        let id = &redemption.program;
        let revisions = self.context.revisions(id);
        let program = revisions.and_then(|revisions| revisions.numbered(redemption.revision));
        if let Some(program) = program {
            let terms = program.redemptions();
            return Ok(terms.map_or(ReturnedLate::Expire, |terms| terms.returned_late()));
        }
        let key = ProgramKey {
            tenant: self.context.tenant.clone(),
            program: id.clone(),
        };
        let snapshot = self.snapshot;
        if snapshot.is_some_and(|snapshot| snapshot.programs.contains_key(&key)) {
            let (program, revision) = (id.clone(), redemption.revision);
            return Err(Rejection::RevisionUnknown { program, revision }.into());
        }
        Err(Undecided::Needs(Box::new(ReadPlan {
            programs: vec![key],
            ..ReadPlan::default()
        })))
    }

    /// Checks that the lots to which something goes back are in the view, and the purchases that they are of.
    ///
    /// # Errors
    /// [`Undecided::Needs`] those that are not.
    pub fn see_lots_of<'p>(
        &self,
        parts: impl Iterator<Item = &'p ReturnedPart>,
    ) -> Result<(), Undecided> {
        let numbers = parts.flat_map(|part| &part.lots).map(|held| held.0);
        let (mut lots, mut missing) = (Vec::new(), Vec::new());
        for number in numbers {
            match self.stored_lot(number) {
                Some(lot) => lots.push(lot),
                None => missing.push(LotQuery {
                    member: self.key.clone(),
                    filter: LotFilter::Numbered { number },
                    limit: NUMBERED_LIMIT,
                }),
            }
        }
        if !missing.is_empty() {
            return Err(Undecided::Needs(Box::new(ReadPlan {
                lots: missing,
                ..ReadPlan::default()
            })));
        }
        self.see_purchases(lots.into_iter())
    }

    pub(super) fn stored_lot(&self, number: LotNumber) -> Option<&Lot> {
        let snapshot = self.snapshot?;
        snapshot.lots.get(&(self.key.clone(), number))
    }

    /// Gives back parts of a redemption: to the lots that paid, each with its expiry, and to the member's own money.
    ///
    /// Of a lot that has expired meanwhile the program says what happens. What a refund or a cancellation of the purchase that
    /// earned it could not take back, because it had been spent, is not the member's any more: it goes on to the account that
    /// paid it. What becomes the member's again pays what the member owes.
    ///
    /// # Errors
    /// [`Undecided::Needs`] lots and purchases; see [`see_lots_of`](Self::see_lots_of).
    pub fn give_back_parts(
        &mut self,
        redemption: &Redemption,
        parts: &[ReturnedPart],
        source: &Source,
    ) -> Result<Returned, Undecided> {
        self.see_lots_of(parts.iter())?;
        let mut returned = Returned::default();
        for part in parts {
            let asset = part.bucket.asset(redemption.total.asset());
            let (mut back, mut expired) = (part.amount, 0_i64);
            for HeldLot(number, amount) in &part.lots {
                let fate = self.give_back_to(*number, *amount, source)?;
                back = back.saturating_sub(fate.taken);
                returned.taken.add(asset, fate.taken);
                if fate.is_expired {
                    let left = amount.saturating_sub(fate.taken);
                    back = back.saturating_sub(left);
                    expired = expired.saturating_add(left);
                }
            }
            let own = Account::member(&self.key.member, part.bucket.purpose(), asset);
            self.post_from(source, own, back, source.kind)?;
            let gone = Account::system(Purpose::Expired, asset);
            self.post_from(source, gone, expired, TransferKind::Expire)?;
            for HeldLot(number, _) in &part.lots {
                let paid = self.pay_debt_with(*number, source.at)?;
                returned.paid.add(asset, paid);
            }
            returned.back.add(asset, back);
            returned.expired.add(asset, expired);
        }
        Ok(returned)
    }

    fn post_from(
        &mut self,
        source: &Source,
        to: Account,
        amount: i64,
        kind: TransferKind,
    ) -> Result<(), Rejection> {
        if amount <= 0 {
            return Ok(());
        }
        let from = source.account(to.asset);
        self.post(Transfer::new(from, to, amount, kind, source.at)?)?;
        Ok(())
    }

    /// Puts value back into one lot, or sees what else becomes of it. Moves value only when it goes back to whoever paid it.
    fn give_back_to(
        &mut self,
        number: LotNumber,
        amount: i64,
        source: &Source,
    ) -> Result<Fate, Undecided> {
        let stored = self.stored_lot(number).cloned();
        let stored = stored.ok_or(Rejection::Corrupt {
            what: "lot of a redemption",
        })?;
        let mut lot = self.settle(&stored, source.at)?;
        let taken = self.take_shortfall(&lot, amount, source)?;
        let left = amount.saturating_sub(taken);
        if left == 0 {
            return Ok(Fate::taken(taken));
        }
        if lot.expires_at.is_some_and(|expires| expires <= source.at) {
            let until = match source.late {
                ReturnedLate::GraceDays(days) => source.at.checked_add_days(i64::from(days)).ok(),
                ReturnedLate::Expire => None,
            };
            let Some(until) = until else {
                let is_expired = true;
                return Ok(Fate { taken, is_expired });
            };
            lot.expires_at = Some(until);
        }
        lot.remaining = lot.remaining.saturating_add(left);
        lot.state = LotState::Available;
        self.note_available(lot.number, source.at);
        self.write_lot(lot);
        Ok(Fate::taken(taken))
    }

    /// Gives on to the account that paid a lot what a refund or a cancellation of its purchase could not take back. Says how much
    /// that is.
    fn take_shortfall(
        &mut self,
        lot: &Lot,
        amount: i64,
        source: &Source,
    ) -> Result<i64, Undecided> {
        let taken = self.give_back_of(lot, amount, |grant, _| grant.shortfall())?;
        if taken > 0 {
            let from = source.account(lot.asset);
            let to = Account::system(lot.source.clone(), lot.asset);
            let transfer = Transfer::new(from, to, taken, TransferKind::Clawback, source.at)?;
            self.post(transfer.for_purchase(lot.purchase.clone()))?;
        }
        Ok(taken)
    }

    /// What a lot that is available again pays of what the member owes, in minor units.
    fn pay_debt_with(&mut self, number: LotNumber, at: Timestamp) -> Result<i64, Undecided> {
        let Some(lot) = self.stored_lot(number).map(|lot| self.current(lot)) else {
            return Ok(0);
        };
        let before = lot.remaining;
        let lot = self.pay_debt(lot, at)?;
        let paid = before.saturating_sub(lot.remaining);
        if paid > 0 {
            self.write_lot(lot);
        }
        Ok(paid)
    }

    /// Carries out what is due by an instant for lots to which something went back.
    pub(in crate::operations) fn settle_held(
        &mut self,
        parts: &[ReturnedPart],
        until: Timestamp,
    ) -> Result<(), Undecided> {
        for HeldLot(number, _) in parts.iter().flat_map(|part| &part.lots) {
            if let Some(lot) = self.stored_lot(*number).cloned() {
                self.settle(&lot, until)?;
            }
        }
        Ok(())
    }

    /// What went back because the time of an authorization was over, one amount per asset.
    pub fn released(&self) -> Vec<Money> {
        self.released.amounts()
    }
}

impl Source {
    fn account(&self, asset: Asset) -> Account {
        Account {
            holder: self.holder.clone(),
            purpose: self.purpose.clone(),
            asset,
        }
    }
}

/// What becomes of value that goes back to a lot, if it does not become the member's again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fate {
    /// What went on to the account that paid it, in minor units.
    taken: i64,
    /// Whether the rest has expired.
    is_expired: bool,
}

impl Fate {
    fn taken(taken: i64) -> Self {
        let is_expired = false;
        Self { taken, is_expired }
    }
}
