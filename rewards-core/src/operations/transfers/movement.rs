//! What a transfer moves: out of the sender's lots, through the account `transfers`, into lots of the receiver's.

use super::super::change_builder::ChangeBuilder;
use super::super::giving::{Giving, Taken};
use super::super::review::{TierReview, due_for_review};
use super::transfer_balance::refused;
use super::{PreparedTransfer, TRANSFER_LOTS_MAX, TransferBalance};
use crate::cashback::Earned;
use crate::command::Undecided;
use crate::context::Context;
use crate::counter::{CounterName, CounterRange};
use crate::fees::{CompiledFee, FeePayer};
use crate::ids::MemberId;
use crate::ledger::{Account, LedgerError, Origin, Purpose, Transfer, TransferKind};
use crate::money::Money;
use crate::program::Expiry;
use crate::rejection::Rejection;
use crate::snapshot::Snapshot;
use crate::time::Timestamp;
use crate::transfers::{Arrival, arrive};

/// A transfer while it is carried out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Movement<'a> {
    pub request: &'a TransferBalance,
    pub prepared: &'a PreparedTransfer,
    pub snapshot: &'a Snapshot,
    pub context: &'a Context,
}

impl Movement<'_> {
    /// Carries out what is due for the sender, and takes what is given.
    pub fn take(&self, sender: &mut ChangeBuilder<'_>) -> Result<Taken, Undecided> {
        let rule = &self.prepared.rule;
        let giving = Giving {
            member: &self.request.from,
            purpose: &rule.purpose,
            given: Money::new(self.prepared.charge.given, rule.asset),
            lots_max: ("lots of one transfer", TRANSFER_LOTS_MAX),
            snapshot: self.snapshot,
            context: self.context,
        };
        giving.take(sender)
    }

    /// Counts what the sender sends, unless it is more than allowed.
    pub fn count(&self, sender: &mut ChangeBuilder<'_>, at: Timestamp) -> Result<(), Rejection> {
        let PreparedTransfer { program, rule, .. } = self.prepared;
        let amount = self.request.amount.minor();
        let counted = rule.counted(program.calendar(), at);
        let names = counted.map(|(counter, bucket)| {
            let name = CounterName::of_member(&self.context.tenant, &self.request.from, counter);
            (name, bucket)
        });
        let [day, month] = names.each_ref().map(|(name, bucket)| {
            let range = CounterRange {
                name: name.clone(),
                from: *bucket,
                until: *bucket,
            };
            self.snapshot.count(&range, Some(&sender.row))
        });
        rule.check_sums(amount, day, month)
            .map_err(|error| refused(error, rule.asset))?;
        for (name, bucket) in names {
            sender.count(name.at(bucket), amount, None);
        }
        Ok(())
    }

    /// Posts what leaves the sender: the amount, and the fee when it is the sender's.
    pub fn send(&self, sender: &mut ChangeBuilder<'_>, taken: &Taken) -> Result<(), Rejection> {
        let (rule, charge) = (&self.prepared.rule, self.prepared.charge);
        let from = Account::member(&self.request.from, rule.purpose.clone(), rule.asset);
        let fee = self.fee_of(FeePayer::Sender);
        let left = charge.given.saturating_sub(fee);
        let out = self.entry(
            from.clone(),
            self.way(),
            left,
            TransferKind::TransferOut,
            taken,
        )?;
        sender.post(self.with_note(out))?;
        self.pay_fee(sender, from, fee, taken)
    }

    /// Posts what arrives at the receiver, and the fee when it is the receiver's.
    pub fn arrive(
        &self,
        receiver: &mut ChangeBuilder<'_>,
        to: &MemberId,
        taken: &Taken,
    ) -> Result<(), Undecided> {
        let (rule, charge) = (&self.prepared.rule, self.prepared.charge);
        let account = Account::member(to, rule.purpose.clone(), rule.asset);
        self.pay_fee(receiver, self.way(), self.fee_of(FeePayer::Receiver), taken)?;
        let enter = |amount| {
            let (way, kind) = (self.way(), TransferKind::TransferIn);
            self.entry(way, account.clone(), amount, kind, taken)
        };
        if !rule.moves_lots() {
            receiver.post(self.with_note(enter(charge.arrived)?))?;
            return Ok(());
        }
        let now = self.context.now;
        let due = due_for_review(self.snapshot, self.context, to, now)?;
        receiver.settle_all(due.into_iter(), now)?;
        let earned = Earned {
            at: taken.at,
            registered_at: receiver.row.profile.registered_at,
        };
        let arrival = Arrival::of(&rule.expiry, |expiry| self.renewed(expiry, earned))?;
        for (index, lot) in arrive(&taken.paid, charge.fee, arrival)
            .into_iter()
            .enumerate()
        {
            let mut entry = enter(lot.amount)?;
            // The words are kept once, however many lots they came with.
            if index == 0 {
                entry = self.with_note(entry);
            }
            receiver.receive(entry, lot.lot(rule.asset, taken.at, &rule.id))?;
        }
        Ok(())
    }

    /// Reviews the ladders that are climbed by what moved, and brings the days of the member's history in order.
    pub fn review(
        &self,
        builder: &mut ChangeBuilder<'_>,
        member: &MemberId,
        at: Timestamp,
    ) -> Result<(), Undecided> {
        if let Some(reviewed) = self.prepared.reviewed() {
            let review = TierReview {
                reviewed,
                snapshot: self.snapshot,
                context: self.context,
                member,
                at,
            };
            review.make(builder)?;
        }
        builder.move_days(self.snapshot, self.context)
    }

    /// The account through which everything goes.
    fn way(&self) -> Account {
        Account::system(Purpose::Transfers, self.prepared.rule.asset)
    }

    /// The fee, if this side pays it.
    fn fee_of(&self, side: FeePayer) -> i64 {
        let paid_by = self.prepared.rule.fee.as_ref().map(CompiledFee::paid_by);
        match paid_by {
            Some(payer) if payer == side => self.prepared.charge.fee,
            _ => 0,
        }
    }

    fn pay_fee(
        &self,
        builder: &mut ChangeBuilder<'_>,
        from: Account,
        fee: i64,
        taken: &Taken,
    ) -> Result<(), Rejection> {
        if fee == 0 {
            return Ok(());
        }
        let fees = Account::system(Purpose::Fees, self.prepared.rule.asset);
        let entry = self.entry(from, fees, fee, TransferKind::TransferFee, taken)?;
        builder.post(entry)?;
        Ok(())
    }

    fn entry(
        &self,
        from: Account,
        to: Account,
        amount: i64,
        kind: TransferKind,
        taken: &Taken,
    ) -> Result<Transfer, LedgerError> {
        let PreparedTransfer { program, rule, .. } = self.prepared;
        let origin = Origin {
            program: program.id().clone(),
            revision: program.number(),
            rule: rule.id.clone(),
        };
        Ok(Transfer::new(from, to, amount, kind, taken.at)?.by_rule(origin))
    }

    fn with_note(&self, entry: Transfer) -> Transfer {
        match &self.request.note {
            Some(note) => entry.because(note),
            None => entry,
        }
    }

    /// When what arrives expires, counted from the transfer.
    fn renewed(&self, expiry: &Expiry, earned: Earned) -> Result<Timestamp, Rejection> {
        let calendar = self.prepared.program.calendar();
        let expires_at = earned.expires_at(expiry, calendar);
        expires_at.map_err(|_| Rejection::TimeOutOfRange {
            rule: self.prepared.rule.id.clone(),
        })
    }
}
