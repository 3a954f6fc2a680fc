//! The purchases that a command changes, and what is released when something of them goes back.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::{ChangeBuilder, OpenPurchase};
use crate::cashback::{Allocation, GivenBack, PurchaseEntity, Undone, UndoneRemainder, UsedLimit};
use crate::command::Undecided;
use crate::context::Context;
use crate::counter::{CounterName, Summed};
use crate::entity::{EntityKey, Stored};
use crate::ids::{MemberId, ProgramId, PurchaseId};
use crate::ledger::Lot;
use crate::money::Asset;
use crate::program::CompiledProgram;
use crate::rejection::Rejection;
use crate::snapshot::ReadPlan;

impl ChangeBuilder<'_> {
    /// A part of a lot goes back to the account that paid it.
    pub(super) fn give_back(&mut self, lot: &Lot, amount: i64) -> Result<(), Undecided> {
        let left = |grant: &Allocation, granted: i64| granted.saturating_sub(grant.returned);
        self.give_back_of(lot, amount, left)?;
        Ok(())
    }

    /// The same of no more of each grant than `most` says, and says how much that is in all. Rewards of one rule and purchase that
    /// have gone on from whoever earned them are one: what comes back of them is of the first grants that have so much left.
    ///
    /// # Errors
    /// [`Undecided::Needs`] what is missing in the view of the purchase.
    pub(super) fn give_back_of(
        &mut self,
        lot: &Lot,
        amount: i64,
        most: impl Fn(&Allocation, i64) -> i64,
    ) -> Result<i64, Undecided> {
        let Some(purchase) = &lot.purchase else {
            return Ok(0);
        };
        let member = self.key.member.clone();
        let owner = self.owner_of(purchase)?;
        let is_own = owner.key.member == member;
        let grants = owner.purchase(purchase)?.allocations.clone();
        let mut left = amount;
        for grant in grants {
            let granted = if is_own && grant.lot == lot.number {
                lot.amount
            } else if !is_own && lot.rule.as_ref() == Some(&grant.rule) {
                let stored = owner.stored_lot(grant.lot);
                let stored = stored.ok_or(Rejection::Internal("a grant that was not asked for"))?;
                stored.amount
            } else {
                continue;
            };
            let amount = most(&grant, granted).min(left);
            if amount > 0 {
                left = left.saturating_sub(amount);
                let part = GivenBack {
                    lot: grant.lot,
                    amount,
                    granted,
                };
                owner.give_back_grant(purchase, lot.asset, &part)?;
            }
        }
        Ok(amount.saturating_sub(left))
    }

    /// A part of a grant of the member's own goes back to the account that paid it.
    ///
    /// # Errors
    /// [`Undecided::Needs`] the purchase.
    pub fn give_back_grant(
        &mut self,
        purchase: &PurchaseId,
        asset: Asset,
        part: &GivenBack,
    ) -> Result<(), Undecided> {
        let context = self.context;
        let open = self.open_purchase(purchase)?;
        let entity = &mut open.stored.entity;
        let program = revision_of(context, entity)?;
        let (day, released) = (entity.day, entity.give_back(part, program));
        open.is_changed = true;
        for UsedLimit(number, bucket, amount, value) in released.limits {
            let counter = program.cap(number).and_then(|cap| {
                let value = value.as_deref();
                cap.counter_of(&context.tenant, &self.key.member, program.id(), value)
            });
            let counter = counter.ok_or(Rejection::Internal("a limit without a counter"))?;
            self.count(counter.at(bucket), amount.saturating_neg(), None);
        }
        self.undo(
            program.id(),
            day,
            [(Summed::Earned(asset), released.unearned)],
        );
        Ok(())
    }

    /// Takes back what a purchase is undone by, besides limits.
    pub fn undo_purchase(
        &mut self,
        purchase: &PurchaseEntity,
        undone: Undone,
    ) -> Result<(), Rejection> {
        let program = revision_of(self.context, purchase)?;
        self.undo(program.id(), purchase.day, undone.sums);
        for UndoneRemainder { rule, change, part } in undone.remainders {
            let own = program.rules().iter().find(|known| known.id == rule);
            let own = own.ok_or(Rejection::Internal("a remainder of an unknown rule"))?;
            self.undo_carried(own.carry.as_ref(), change)?;
            self.undo_carried(own.carry_part.as_ref(), part)?;
        }
        Ok(())
    }

    fn undo_carried(&mut self, counter: Option<&SmolStr>, amount: i64) -> Result<(), Rejection> {
        if amount == 0 {
            return Ok(());
        }
        let counter = counter.ok_or(Rejection::Internal("a rule carries what it cannot"))?;
        let name = CounterName::of_member(&self.key.tenant, &self.key.member, counter);
        self.count(name.at(0), amount.saturating_neg(), None);
        Ok(())
    }

    /// Takes back what was summed on a day of the member's history in a program.
    fn undo(
        &mut self,
        program: &ProgramId,
        day: i64,
        sums: impl IntoIterator<Item = (Summed, i64)>,
    ) {
        let history = self.row.history.entry(program.clone()).or_default();
        for (summed, minor) in sums {
            history.add(day, summed, minor.saturating_neg());
        }
    }

    /// The member.
    pub fn member(&self) -> &MemberId {
        &self.key.member
    }

    /// Checks that the purchases of lots are in the view, of which something is about to go back, and what each was granted
    /// when somebody else made it: all of them are asked for at once then.
    ///
    /// # Errors
    /// [`Undecided::Needs`] those that are not.
    pub fn see_purchases<'l>(&self, lots: impl Iterator<Item = &'l Lot>) -> Result<(), Undecided> {
        let mut missing = ReadPlan::default();
        let named: BTreeSet<&PurchaseId> = lots.filter_map(|lot| lot.purchase.as_ref()).collect();
        for id in named {
            let key = EntityKey::of::<PurchaseEntity>(&self.context.tenant, id);
            let snapshot = self.snapshot;
            match snapshot.filter(|snapshot| snapshot.entities.contains_key(&key)) {
                Some(snapshot) => self.see_grants(snapshot, id, &mut missing)?,
                None => missing.entities.push(key),
            }
        }
        Undecided::unless_seen(missing)
    }

    /// A purchase as the command has left it so far.
    ///
    /// # Errors
    /// [`Undecided::Needs`] it when it is not in the view; what is wrong with its body.
    pub fn purchase(&mut self, id: &PurchaseId) -> Result<&PurchaseEntity, Undecided> {
        Ok(&self.open_purchase(id)?.stored.entity)
    }

    /// Writes a purchase that was read before, with all else of it that this command changes.
    ///
    /// # Errors
    /// [`Undecided::Needs`] it when it is not in the view.
    pub fn write_purchase(&mut self, purchase: PurchaseEntity) -> Result<(), Undecided> {
        let id = purchase.purchase.id.clone();
        let open = self.open_purchase(&id)?;
        open.stored.entity = purchase;
        open.is_changed = true;
        Ok(())
    }

    /// Takes in a purchase that was read as part of a page.
    pub fn adopt(&mut self, stored: Stored<PurchaseEntity>) {
        let id = stored.entity.purchase.id.clone();
        let opened = OpenPurchase {
            stored,
            is_changed: false,
        };
        self.purchases.entry(id).or_insert(opened);
    }

    fn open_purchase(&mut self, id: &PurchaseId) -> Result<&mut OpenPurchase, Undecided> {
        if !self.purchases.contains_key(id) {
            let found = match self.snapshot {
                Some(snapshot) => snapshot.get(&self.context.tenant, id)?,
                None => None,
            };
            if let Some(stored) = found {
                self.adopt(stored);
            }
        }
        let tenant = &self.context.tenant;
        self.purchases.get_mut(id).ok_or_else(|| {
            Undecided::Needs(Box::new(ReadPlan::of_entity::<PurchaseEntity>(tenant, id)))
        })
    }

    /// Writes the purchases that have changed, each once.
    pub(super) fn write_purchases(&mut self) -> Result<(), Rejection> {
        for (id, open) in &self.purchases {
            if open.is_changed {
                let expected = open.stored.expected();
                let tenant = &self.context.tenant;
                self.changes
                    .put(tenant, id, expected, &open.stored.entity)?;
            }
        }
        Ok(())
    }
}

/// The revision that decided a purchase.
///
/// # Errors
/// [`Rejection::Internal`]: whatever was recorded is of a revision that is kept.
pub(in crate::operations) fn revision_of<'c>(
    context: &'c Context,
    purchase: &PurchaseEntity,
) -> Result<&'c CompiledProgram, Rejection> {
    let revisions = context.revisions(&purchase.purchase.program);
    let found = revisions.and_then(|revisions| revisions.numbered(purchase.revision));
    let found = found.ok_or(Rejection::Internal("a purchase of an unknown revision"))?;
    Ok(found)
}
