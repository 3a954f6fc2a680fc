//! Whoever owes something: what becomes available by itself pays in the order in which it did, whoever of those who are one by now
//! earned it, and whoever looks and when.
//!
//! Two rewards pay the same amount, but not the same rewards are left: those have an expiry of their own. So a command of somebody
//! who owes goes through all that has happened by itself since the last one, instant by instant.

use std::collections::BTreeSet;

use super::super::due::due_lots;
use super::super::merged::see_due;
use super::ChangeBuilder;
use super::debts::owes;
use super::merged::goes_to;
use crate::command::Undecided;
use crate::context::Context;
use crate::ids::{IdAllocator, MemberId};
use crate::ledger::Lot;
use crate::member::MemberRow;
use crate::rejection::Rejection;
use crate::snapshot::Snapshot;
use crate::time::Timestamp;

impl<'a> ChangeBuilder<'a> {
    /// Goes through what has become available by an instant, when the member owes something; somebody who was merged may be left
    /// out.
    ///
    /// # Errors
    /// [`Undecided::Needs`] the rows of those who were merged, and what goes back, or is due, for all of them;
    /// [`Rejection::TooMany`] when that is more than one command may touch.
    pub(super) fn pay_by(
        &mut self,
        snapshot: &'a Snapshot,
        until: Timestamp,
        but: Option<&MemberId>,
    ) -> Result<(), Undecided> {
        if !self.owes() {
            return Ok(());
        }
        let merged = self.see_merged(snapshot, until, but)?;
        see_due(snapshot, self.context, &self.key, until)?;
        self.see_released(snapshot, &self.key.member, until)?;
        for at in self.instants(snapshot, &merged, until)? {
            self.release_overdue(at)?;
            self.take_in_of(snapshot, merged.clone(), at)?;
            let due = due_lots(snapshot, &self.key, at)?;
            self.settle_all(due.into_iter(), at)?;
        }
        // What went back, or came from others, may have expired since.
        let lots = self.lots(snapshot);
        self.settle_all(lots.iter(), until)?;
        Ok(())
    }

    /// When something became available to the member or to any of these who were merged, each instant once.
    fn instants(
        &self,
        snapshot: &Snapshot,
        merged: &[MemberId],
        until: Timestamp,
    ) -> Result<BTreeSet<Timestamp>, Rejection> {
        let mut instants = BTreeSet::new();
        for member in merged.iter().chain([&self.key.member]) {
            let key = self.context.member_key(member);
            if let Some(row) = snapshot.members.get(&key) {
                instants.extend(row.profile.reserved.values().copied());
            }
            let due = due_lots(snapshot, &key, until)?;
            instants.extend(due.into_iter().filter_map(Lot::due_at));
        }
        instants.retain(|at| *at <= until);
        Ok(instants)
    }

    /// Opens the changes of somebody who was merged into a member who owes something: that one's are gone through first, and are
    /// with these.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(super) fn open_with_owing(
        snapshot: &'a Snapshot,
        context: &'a Context,
        ids: &'a IdAllocator,
        (member, into): (&MemberId, &MemberId),
    ) -> Result<Self, Undecided> {
        let mut other = Self::open_until(snapshot, context, ids, into, context.now)?;
        let mut own = match other.remove_merged(member) {
            Some(own) => own,
            None => Self::open_as_is(snapshot, context, ids, member)?,
        };
        own.merged.append(&mut other.merged);
        own.into = Some(Box::new(other));
        Ok(own)
    }
}

/// The member into whom somebody was merged, when that one owes something.
///
/// # Errors
/// [`Undecided::Needs`] the row.
pub(super) fn owing<'s>(
    row: Option<&'s MemberRow>,
    snapshot: &'s Snapshot,
    context: &Context,
) -> Result<Option<&'s MemberId>, Undecided> {
    let Some(row) = row else {
        return Ok(None);
    };
    let into = goes_to(&row.profile, snapshot, context)?;
    Ok(into.filter(|(_, row)| owes(row)).map(|(into, _)| into))
}
