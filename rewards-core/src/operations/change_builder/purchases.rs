//! The purchases that a command changes, and what is released when something of them goes back.

use super::{ChangeBuilder, OpenPurchase};
use crate::cashback::{Counted, GivenBack, PurchaseEntity};
use crate::command::Undecided;
use crate::counter::{CounterName, Summed};
use crate::entity::{EntityKey, EntityWrite, Stored};
use crate::ids::{MemberId, ProgramId, PurchaseId};
use crate::ledger::Lot;
use crate::rejection::Rejection;
use crate::snapshot::ReadPlan;

impl ChangeBuilder<'_> {
    /// A part of a lot goes back to the account that paid it.
    pub(super) fn give_back(&mut self, lot: &Lot, amount: i64) -> Result<(), Undecided> {
        let Some(purchase) = &lot.purchase else {
            return Ok(());
        };
        let part = GivenBack {
            lot: lot.number,
            amount,
            is_all: amount == lot.amount,
        };
        let open = self.open_purchase(purchase)?;
        let released = open.stored.entity.give_back(&part);
        let program = open.stored.entity.purchase.program.clone();
        let day = open.stored.entity.day;
        self.write_open(purchase)?;
        self.release(released);
        self.undo(&program, day, [(Summed::Earned(lot.asset), amount)]);
        Ok(())
    }

    /// Takes back what was summed on a day of the member's history in a program.
    pub fn undo(
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

    /// Takes back what was counted.
    pub fn release(&mut self, released: Vec<Counted>) {
        for Counted(subject, name, bucket, amount) in released {
            let tenant = self.key.tenant.clone();
            let name = CounterName {
                tenant,
                subject,
                name,
            };
            self.count(name.at(bucket), amount.saturating_neg(), None);
        }
    }

    /// Checks that the purchases of lots are in the view, of which something is about to go back: all of them are asked for at
    /// once then.
    ///
    /// # Errors
    /// [`Undecided::Needs`] those that are not.
    pub fn see_purchases<'l>(&self, lots: impl Iterator<Item = &'l Lot>) -> Result<(), Undecided> {
        let named = lots.filter_map(|lot| lot.purchase.as_ref());
        let keys = named.map(|id| EntityKey::of::<PurchaseEntity>(&self.context.tenant, id));
        let is_seen = |key: &EntityKey| {
            self.snapshot
                .is_some_and(|snapshot| snapshot.entities.contains_key(key))
        };
        let entities: Vec<EntityKey> = keys.filter(|key| !is_seen(key)).collect();
        if entities.is_empty() {
            return Ok(());
        }
        Err(Undecided::Needs(Box::new(ReadPlan {
            entities,
            ..ReadPlan::default()
        })))
    }

    /// A purchase as the command has left it so far.
    ///
    /// # Errors
    /// [`Undecided::Needs`] it when it is not in the view; what is wrong with its body.
    pub fn purchase(&mut self, id: &PurchaseId) -> Result<&PurchaseEntity, Undecided> {
        Ok(&self.open_purchase(id)?.stored.entity)
    }

    /// Writes a purchase that was read before.
    ///
    /// # Errors
    /// [`Undecided::Needs`] it when it is not in the view; [`Rejection::Internal`] when it cannot be encoded.
    pub fn write_purchase(&mut self, purchase: PurchaseEntity) -> Result<(), Undecided> {
        let id = purchase.purchase.id.clone();
        self.open_purchase(&id)?.stored.entity = purchase;
        Ok(self.write_open(&id)?)
    }

    /// Takes in a purchase that was read as part of a page.
    pub fn adopt(&mut self, stored: Stored<PurchaseEntity>) {
        let id = stored.entity.purchase.id.clone();
        let write = None;
        let opened = OpenPurchase { stored, write };
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
            Undecided::Needs(Box::new(ReadPlan {
                entities: vec![EntityKey::of::<PurchaseEntity>(tenant, id)],
                ..ReadPlan::default()
            }))
        })
    }

    fn write_open(&mut self, id: &PurchaseId) -> Result<(), Rejection> {
        let tenant = &self.context.tenant;
        let Some(open) = self.purchases.get_mut(id) else {
            return Err(Rejection::Internal("a purchase that was not opened"));
        };
        let expected = open.stored.expected();
        let write = EntityWrite::of(tenant, id, expected, &open.stored.entity)?;
        let writes = &mut self.changes.entities;
        match open.write.and_then(|at| writes.get_mut(at)) {
            Some(earlier) => *earlier = write,
            None => {
                open.write = Some(writes.len());
                writes.push(write);
            }
        }
        Ok(())
    }
}
