//! What of the rewards of a purchase has gone on to the member into whom its own was merged.
//!
//! It was not spent: it is taken back there, from the very lots that went on, by rule. Those that have expired with the other
//! member, or with somebody who was merged into that member as well, are not owed, as little as those that expired at home.

use super::super::change_builder::{ChangeBuilder, PAYING_LOTS_MAX, Totals};
use super::super::merged::{Passage, finish_with, open_other, settle_due};
use crate::cashback::{GivenBack, PurchaseEntity};
use crate::command::Undecided;
use crate::context::Context;
use crate::decision::Changes;
use crate::ids::PurchaseId;
use crate::ledger::{JournalEntry, Lot, LotState, TransferKind};
use crate::snapshot::{LotQuery, MemberKey, ReadPlan, Snapshot, StatementQuery};
use crate::time::Timestamp;

/// What of a purchase has gone on, and the changes of whoever has it.
#[derive(Debug)]
pub(super) struct GoneOn<'a> {
    /// The other member's changes.
    pub other: ChangeBuilder<'a>,
    /// What had expired before the command.
    expired: Totals,
}

impl<'a> GoneOn<'a> {
    /// Opens the changes of the other member, when there is one, hands on what is due, and looks what is there of a purchase.
    ///
    /// # Errors
    /// [`Undecided::Needs`] the other member's rows.
    pub fn of(
        builder: &mut ChangeBuilder<'a>,
        snapshot: &'a Snapshot,
        context: &'a Context,
        purchase: &PurchaseEntity,
    ) -> Result<Option<Self>, Undecided> {
        let Some(mut other) = open_other(builder, snapshot, context, context.now)? else {
            return Ok(None);
        };
        // What has matured is the other member's since then, and has paid what that one owes.
        settle_due(builder, snapshot, context)?;
        let passage = Passage {
            snapshot,
            at: context.now,
        };
        passage.go(builder, &mut other)?;
        let id = &purchase.purchase.id;
        let merged = other.row.profile.merged.iter();
        let holders = merged.filter(|member| *member != builder.member());
        let holders = holders.chain([other.member()]);
        let holders: Vec<MemberKey> = holders.map(|member| context.member_key(member)).collect();
        let mut missing = ReadPlan::default();
        let mut expired = Totals::default();
        for holder in &holders {
            let query = expiries_of(holder, id, PAYING_LOTS_MAX);
            let Some(entries) = snapshot.statements.get(&query) else {
                missing
                    .lots
                    .push(LotQuery::of_purchase(holder, id, PAYING_LOTS_MAX));
                missing.statements.push(query);
                continue;
            };
            add_expired(&mut expired, id, entries.iter());
        }
        Undecided::unless_seen(missing)?;
        Ok(Some(Self { other, expired }))
    }

    /// Takes back so much of a grant, as far as it is there, and says how much that is.
    ///
    /// # Errors
    /// Those of [`ChangeBuilder::settle`].
    pub fn take_back(
        &mut self,
        builder: &mut ChangeBuilder<'a>,
        snapshot: &Snapshot,
        purchase: &PurchaseId,
        (grant, wanted): (&Lot, i64),
        now: Timestamp,
    ) -> Result<i64, Undecided> {
        let own = self.other.lots(snapshot).into_iter();
        let own = own.filter(|lot| lot.purchase.as_ref() == Some(purchase));
        let mut own: Vec<Lot> = own.filter(|lot| lot.rule == grant.rule).collect();
        own.sort_by_key(Lot::paying_order);
        let mut left = wanted;
        for lot in own {
            let lot = self.other.settle(&lot, now)?;
            if lot.state != LotState::Available {
                continue;
            }
            if let Some(step) = lot.take_back(left, now) {
                let part = GivenBack {
                    lot: grant.number,
                    amount: step.amount,
                    granted: grant.amount,
                };
                left = left.saturating_sub(step.amount);
                self.other.carry_out(step)?;
                builder.give_back_grant(purchase, grant.asset, &part)?;
            }
        }
        Ok(wanted.saturating_sub(left))
    }

    /// What of the purchase has expired with the other member, before this command and in it.
    pub fn expired(&self, purchase: &PurchaseId) -> Totals {
        let mut expired = self.expired.clone();
        add_expired(&mut expired, purchase, made_by(&self.other));
        expired
    }
}

/// Adds what of a purchase has expired by these entries.
pub(super) fn add_expired<'e>(
    sums: &mut Totals,
    purchase: &PurchaseId,
    entries: impl Iterator<Item = &'e JournalEntry>,
) {
    let transfers = entries.map(|entry| &entry.transfer);
    let own = transfers.filter(|transfer| transfer.purchase.as_ref() == Some(purchase));
    for transfer in own.filter(|transfer| transfer.kind == TransferKind::Expire) {
        sums.add(transfer.asset(), transfer.minor());
    }
}

/// The entries that a command has made so far.
pub(super) fn made_by<'e>(
    builder: &'e ChangeBuilder<'_>,
) -> impl Iterator<Item = &'e JournalEntry> {
    builder.changes.journal.iter().map(|(_, entry)| entry)
}

/// Ends a command on a purchase: what has become available goes on.
///
/// # Errors
/// As [`finish_with`].
pub(super) fn finish<'a>(
    builder: ChangeBuilder<'a>,
    gone_on: Option<GoneOn<'a>>,
    snapshot: &'a Snapshot,
    context: &'a Context,
) -> Result<Changes, Undecided> {
    let other = gone_on.map(|gone_on| gone_on.other);
    finish_with(builder, other, snapshot, context)
}

/// The entries by which rewards of a purchase have expired with a member.
pub(super) fn expiries_of(member: &MemberKey, purchase: &PurchaseId, limit: u32) -> StatementQuery {
    StatementQuery {
        member: member.clone(),
        before: None,
        kind: Some(TransferKind::Expire),
        purpose: None,
        asset: None,
        purchase: Some(purchase.clone()),
        from: None,
        until: None,
        limit,
    }
}
