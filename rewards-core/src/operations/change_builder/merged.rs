//! What has become available by itself to members who were merged into the one whose changes are made.
//!
//! It is taken in before anything else happens, as of the instant at which it became available, so that no command and no query
//! needs a sweep: whoever opens the changes of a member sees the member after that.

use super::super::due::{due_lots, due_query};
use super::super::merged::{Passage, Seen, Unpaid, see_once};
use super::ChangeBuilder;
use crate::command::Undecided;
use crate::ids::MemberId;
use crate::ledger::Purpose;
use crate::member::{MemberRow, MemberStatus};
use crate::money::Money;
use crate::snapshot::{ReadPlan, Snapshot};
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
        let profile = &self.row.profile;
        // Whoever was merged takes in nothing any more.
        if profile.merged.is_empty() || profile.status.is_final() {
            return Ok(());
        }
        for member in self.see_merged(snapshot, until)? {
            let context = self.context;
            let mut merged =
                ChangeBuilder::open_until(snapshot, context, self.ids, &member, until)?;
            let due = due_lots(snapshot, &merged.key, until)?;
            merged.settle_all(due.into_iter(), until)?;
            let passage = Passage {
                snapshot,
                context,
                at: until,
                unpaid: Unpaid::Owed,
            };
            passage.go(&mut merged, self)?;
            merged.move_days(snapshot, context)?;
            merged.emit_due();
            self.others.merge(merged.finish()?);
        }
        Ok(())
    }

    /// Who was merged into the member and has something due.
    fn see_merged(
        &self,
        snapshot: &Snapshot,
        until: Timestamp,
    ) -> Result<Vec<MemberId>, Undecided> {
        let mut missing = ReadPlan::default();
        let mut due = Vec::new();
        for member in &self.row.profile.merged {
            let key = self.context.member_key(member);
            let Some(row) = snapshot.members.get(&key) else {
                missing.members.push(key);
                continue;
            };
            if !holds(row) {
                continue;
            }
            let plan = ReadPlan {
                lots: vec![due_query(&key, until)],
                ..ReadPlan::default()
            };
            match see_once(snapshot, self.context, member, Seen::Merged(until), plan) {
                Err(Undecided::Needs(plan)) => missing.merge(*plan),
                Err(other) => return Err(other),
                Ok(()) if is_due(row, snapshot, self, member, until)? => due.push(member.clone()),
                Ok(()) => {}
            }
        }
        if missing == ReadPlan::default() {
            return Ok(due);
        }
        Err(Undecided::Needs(Box::new(missing)))
    }

    /// Value arrived from a member who was merged into this one, as ladders by a balance measure it.
    pub fn note_arrival(&mut self, at: Timestamp, arrived: Money, paid: i64) {
        self.due_changes.returned(at, arrived);
        self.due_changes.pay(at, arrived.asset(), paid);
    }
}

/// Whether a member who was merged has anything that becomes available by itself.
fn holds(row: &MemberRow) -> bool {
    let mut balances = row.balances.iter();
    row.profile.status == MemberStatus::Merged
        && balances.any(|(purpose, _, minor)| {
            matches!(purpose, Purpose::Pending | Purpose::Reserved) && minor > 0
        })
}

fn is_due(
    row: &MemberRow,
    snapshot: &Snapshot,
    builder: &ChangeBuilder<'_>,
    member: &MemberId,
    until: Timestamp,
) -> Result<bool, Undecided> {
    let key = builder.context.member_key(member);
    let is_over = row.profile.reserved.values().any(|at| *at <= until);
    Ok(is_over || !due_lots(snapshot, &key, until)?.is_empty())
}
