//! Members who were merged into the one whose changes are made: what becomes available to them, and what goes back to their
//! purchases.
//!
//! What has become available by itself is taken in before anything else happens, as of the instant at which it became
//! available, so that no command and no query needs a sweep: whoever opens the changes of a member sees the member after that.
//!
//! A reward that has gone on names the purchase that earned it, so that it goes back as if it had stayed: to whoever paid it,
//! with the limits that it had used. That changes the row of whoever made the purchase. Such a row is opened once in a command,
//! whoever asks for it, and is kept with the changes of the member into whom its own was merged.

use super::super::due::due_lots;
use super::super::merged::{Passage, see_due};
use super::super::seen::{for_each, see_rows};
use super::ChangeBuilder;
use crate::cashback::{GRANTS_MAX, PurchaseEntity};
use crate::command::Undecided;
use crate::context::Context;
use crate::entity::Stored;
use crate::ids::{MemberId, PurchaseId};
use crate::ledger::{LotNumber, Purpose};
use crate::member::{MemberProfile, MemberRow, MemberStatus};
use crate::money::Money;
use crate::rejection::Rejection;
use crate::snapshot::{LotQuery, ReadPlan, Snapshot};
use crate::time::Timestamp;

impl<'a> ChangeBuilder<'a> {
    /// Takes in what has matured or was released by an instant with members who were merged into this one.
    ///
    /// # Errors
    /// [`Undecided::Needs`] their rows, and what is due for them.
    pub(super) fn take_in(
        &mut self,
        snapshot: &'a Snapshot,
        until: Timestamp,
    ) -> Result<(), Undecided> {
        let due = self.see_merged(snapshot, until, None)?;
        self.take_in_of(snapshot, due, until)
    }

    /// The same of some of them, in their order, of whom everything is [in view](Self::see_merged).
    pub(super) fn take_in_of(
        &mut self,
        snapshot: &'a Snapshot,
        members: Vec<MemberId>,
        until: Timestamp,
    ) -> Result<(), Undecided> {
        let (context, ids) = (self.context, self.ids);
        for member in members {
            let mut merged = match self.remove_merged(&member) {
                Some(merged) => merged,
                None => ChangeBuilder::open_as_is(snapshot, context, ids, &member)?,
            };
            // What has paid for the one may have been earned by the other.
            std::mem::swap(&mut merged.merged, &mut self.merged);
            merged.release_overdue(until)?;
            std::mem::swap(&mut merged.merged, &mut self.merged);
            let due = due_lots(snapshot, &merged.key, until)?;
            merged.settle_all(due.into_iter(), until)?;
            let passage = Passage {
                snapshot,
                at: until,
            };
            passage.go(&mut merged, self)?;
            merged.move_days(snapshot, context)?;
            merged.emit_due();
            self.merged.insert(member, merged);
        }
        Ok(())
    }

    /// Opens the changes of the member into whom this one was merged, when something comes before a command on this one: the time
    /// of an authorization that anybody of them has is over.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(super) fn open_into(&mut self, snapshot: &'a Snapshot) -> Result<(), Undecided> {
        let context = self.context;
        let Some((into, row)) = goes_to(&self.row.profile, snapshot, context)? else {
            return Ok(());
        };
        see_rows(snapshot, context, &row.profile.merged)?;
        let merged = row.profile.merged.iter();
        let merged = merged.filter_map(|member| snapshot.members.get(&context.member_key(member)));
        let mut all = merged.chain([row]);
        if all.any(|row| is_over(row, context.now)) {
            let other = self.open_other(snapshot, into)?;
            self.into = Some(Box::new(other));
        }
        Ok(())
    }

    /// Opens the changes of the member into whom this one was merged, after all that is due there and with others who were merged
    /// into that member. The changes of those are with this member's.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_other(
        &mut self,
        snapshot: &'a Snapshot,
        into: &MemberId,
    ) -> Result<Self, Undecided> {
        if let Some(other) = self.into.take() {
            return Ok(*other);
        }
        let (context, member) = (self.context, self.key.member.clone());
        let mut other = Self::open_as_is(snapshot, context, self.ids, into)?;
        // While the other member gives back what this one has earned, this one's changes are with it.
        let profile = MemberProfile::new(self.recorded_at);
        let stand_in = MemberRow::new(profile, self.recorded_at);
        let stand_in = Self::from_row(context, self.ids, self.key.clone(), stand_in);
        let own = std::mem::replace(self, stand_in);
        other.merged.insert(member.clone(), own);
        let paid = other.pay_by(snapshot, context.now, Some(&member));
        let released = paid.and_then(|()| other.release_overdue(context.now));
        let taken_in = released.and_then(|()| {
            let due = other.see_merged(snapshot, context.now, Some(&member))?;
            other.take_in_of(snapshot, due, context.now)
        });
        if let Some(own) = other.merged.remove(&member) {
            *self = own;
        }
        taken_in?;
        self.merged.append(&mut other.merged);
        Ok(other)
    }

    /// Whether the other member's changes are open, and there are any.
    pub fn changes_other(&self) -> bool {
        self.into.as_ref().is_some_and(|other| other.is_changed())
    }

    /// The changes of whoever made a purchase: this member, or one who was merged into this one.
    ///
    /// # Errors
    /// [`Undecided::Needs`] the purchase, or the row of whoever made it.
    pub(super) fn owner_of(&mut self, purchase: &PurchaseId) -> Result<&mut Self, Undecided> {
        let owner = self.member_of(purchase)?;
        self.open_merged(&owner)
    }

    /// The changes of somebody who was merged into this member, or this member's.
    ///
    /// # Errors
    /// [`Undecided::Needs`] the row.
    pub fn open_merged(&mut self, member: &MemberId) -> Result<&mut Self, Undecided> {
        if self.find_merged(member).is_none() {
            let snapshot = self
                .snapshot
                .ok_or(Rejection::Internal("nobody was merged yet"))?;
            see_rows(snapshot, self.context, [member])?;
            let opened = Self::open_as_is(snapshot, self.context, self.ids, member)?;
            self.merged.insert(member.clone(), opened);
        }
        let found = self.find_merged(member);
        Ok(found.ok_or(Rejection::Internal("a member who was just opened"))?)
    }

    /// The changes of members who were merged into this one.
    pub fn merged_builders(&mut self) -> impl Iterator<Item = &mut Self> {
        self.merged.values_mut()
    }

    fn find_merged(&mut self, member: &MemberId) -> Option<&mut Self> {
        if self.key.member == *member {
            return Some(self);
        }
        let mut merged = self.merged.values_mut();
        merged.find_map(|other| other.find_merged(member))
    }

    /// Takes the changes of somebody who was merged out of those that are open.
    pub(super) fn remove_merged(&mut self, member: &MemberId) -> Option<Self> {
        let own = self.merged.remove(member);
        own.or_else(|| {
            let mut merged = self.merged.values_mut();
            merged.find_map(|other| other.remove_merged(member))
        })
    }

    /// Who made a purchase. Somebody into whom nobody was merged has lots of own purchases only.
    fn member_of(&self, purchase: &PurchaseId) -> Result<MemberId, Undecided> {
        if self.row.profile.merged.is_empty() || self.purchases.contains_key(purchase) {
            return Ok(self.key.member.clone());
        }
        let tenant = &self.context.tenant;
        let found: Option<Stored<PurchaseEntity>> = match self.snapshot {
            Some(snapshot) => snapshot.get(tenant, purchase)?,
            None => None,
        };
        let found = found.map(|stored| stored.entity.purchase.member);
        found.ok_or_else(|| {
            Undecided::Needs(Box::new(ReadPlan::of_entity::<PurchaseEntity>(
                tenant, purchase,
            )))
        })
    }

    /// Adds to a plan what is not in the view of somebody else's purchase of which something goes back: the row of whoever made
    /// it, and what it was granted. Somebody into whom nobody was merged has lots of own purchases only.
    ///
    /// # Errors
    /// What is wrong with its body.
    pub(super) fn see_grants(
        &self,
        snapshot: &Snapshot,
        purchase: &PurchaseId,
        missing: &mut ReadPlan,
    ) -> Result<(), Rejection> {
        if self.row.profile.merged.is_empty() {
            return Ok(());
        }
        let found = snapshot.get::<PurchaseEntity>(&self.context.tenant, purchase)?;
        let others = found.filter(|stored| stored.entity.purchase.member != self.key.member);
        let Some(Stored { entity, .. }) = others else {
            return Ok(());
        };
        let key = self.context.member_key(&entity.purchase.member);
        let grants = entity.allocations.iter();
        let mut grants = grants.map(|grant| (key.clone(), grant.lot));
        if !grants.all(|lot| snapshot.lots.contains_key(&lot)) {
            let lots = LotQuery::of_purchase(&key, purchase, GRANTS_MAX);
            missing.lots.push(lots);
        }
        if !snapshot.members.contains_key(&key) {
            missing.members.push(key);
        }
        Ok(())
    }

    /// Who was merged into the member and has something due; somebody may be left out. Whoever was merged takes in nothing any
    /// more. What goes back to them is asked for with it, of all of them at once.
    pub(super) fn see_merged(
        &self,
        snapshot: &'a Snapshot,
        until: Timestamp,
        but: Option<&MemberId>,
    ) -> Result<Vec<MemberId>, Undecided> {
        if self.row.profile.status.is_final() {
            return Ok(Vec::new());
        }
        let merged = self.row.profile.merged.iter();
        let merged = merged.filter(|member| Some(*member) != but);
        see_rows(snapshot, self.context, merged.clone())?;
        let due = for_each(merged, |member| {
            let key = self.context.member_key(member);
            let row = snapshot.members.get(&key);
            let Some(row) = row.filter(|row| holds(row)) else {
                return Ok(None);
            };
            see_due(snapshot, self.context, &key, until)?;
            let is_due = is_over(row, until) || !due_lots(snapshot, &key, until)?.is_empty();
            Ok(is_due.then(|| member.clone()))
        })?;
        let due: Vec<MemberId> = due.into_iter().flatten().collect();
        for_each(&due, |member| self.see_released(snapshot, member, until))?;
        Ok(due)
    }

    /// Asks for what is needed to give back what is reserved beyond its time by an instant.
    pub(super) fn see_released(
        &self,
        snapshot: &'a Snapshot,
        member: &MemberId,
        until: Timestamp,
    ) -> Result<(), Undecided> {
        let mut other = ChangeBuilder::open_as_is(snapshot, self.context, self.ids, member)?;
        other.release_overdue(until)
    }

    /// A lot has become available, which goes on when the member was merged.
    pub(super) fn note_available(&mut self, number: LotNumber, at: Timestamp) {
        if let Some(lots) = &mut self.goes_on {
            lots.entry(number).or_insert(at);
        }
    }

    /// Since when a lot is available that goes on; `None` for any other.
    pub fn since(&self, number: LotNumber) -> Option<Timestamp> {
        self.goes_on.as_ref()?.get(&number).copied()
    }

    /// The other member has left, so what has become available stays, and expires here.
    ///
    /// # Errors
    /// As [`settle`](Self::settle).
    pub fn stay(&mut self, snapshot: &Snapshot, until: Timestamp) -> Result<(), Undecided> {
        let stays = self.goes_on.take().unwrap_or_default();
        let lots = self.lots(snapshot).into_iter();
        for lot in lots.filter(|lot| stays.contains_key(&lot.number)) {
            self.settle(&lot, until)?;
        }
        Ok(())
    }

    /// Value arrived from a member who was merged into this one, as ladders by a balance measure it.
    pub fn note_arrival(&mut self, at: Timestamp, arrived: Money, paid: i64) {
        self.due_changes.returned(at, arrived);
        self.due_changes.pay(at, arrived.asset(), paid);
    }
}

/// The member into whom somebody was merged, unless that one has left since.
///
/// # Errors
/// [`Undecided::Needs`] the row.
pub(super) fn goes_to<'s>(
    profile: &MemberProfile,
    snapshot: &'s Snapshot,
    context: &Context,
) -> Result<Option<(&'s MemberId, &'s MemberRow)>, Undecided> {
    let into = match (profile.status, &profile.merged_into) {
        (MemberStatus::Merged, Some(into)) => into,
        _ => return Ok(None),
    };
    see_rows(snapshot, context, [into])?;
    let found = snapshot.members.get_key_value(&context.member_key(into));
    let found = found.filter(|(_, row)| !row.profile.status.is_final());
    Ok(found.map(|(key, row)| (&key.member, row)))
}

/// Whether the time of an authorization is over by an instant.
fn is_over(row: &MemberRow, until: Timestamp) -> bool {
    row.profile.reserved.values().any(|at| *at <= until)
}

/// Whether a member who was merged has anything that becomes available by itself.
fn holds(row: &MemberRow) -> bool {
    let mut balances = row.balances.iter();
    row.profile.status == MemberStatus::Merged
        && balances.any(|(purpose, _, minor)| {
            matches!(purpose, Purpose::Pending | Purpose::Reserved) && minor > 0
        })
}
