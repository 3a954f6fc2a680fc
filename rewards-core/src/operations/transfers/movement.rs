//! What a transfer moves: out of the sender's lots, through the account `transfers`, into lots of the receiver's.

use super::super::change_builder::ChangeBuilder;
use super::super::review::{TierReview, due_for_review};
use super::super::rewards::{settle_open, too_little};
use super::transfer_balance::refused;
use super::{PreparedTransfer, TRANSFER_LOTS_MAX, TransferBalance};
use crate::cashback::Earned;
use crate::command::Undecided;
use crate::context::Context;
use crate::counter::{CounterName, CounterRange};
use crate::fees::{CompiledFee, FeePayer};
use crate::ids::MemberId;
use crate::ledger::{
    Account, Consumption, LedgerError, Lot, LotState, Origin, Purpose, Transfer, TransferKind,
    consume,
};
use crate::program::Expiry;
use crate::rejection::Rejection;
use crate::snapshot::Snapshot;
use crate::time::Timestamp;
use crate::transfers::{Arrival, ArrivingLot, arrive};

/// A transfer while it is carried out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Movement<'a> {
    pub request: &'a TransferBalance,
    pub prepared: &'a PreparedTransfer,
    pub snapshot: &'a Snapshot,
    pub context: &'a Context,
}

/// What was taken from the sender.
#[derive(Debug)]
pub(super) struct Taken {
    /// Which lots paid; none for money of the member's own.
    pub paid: Vec<Consumption>,
    /// When it counts.
    pub at: Timestamp,
}

impl Movement<'_> {
    /// Carries out what is due for the sender, and takes what is given.
    pub fn take(&self, sender: &mut ChangeBuilder<'_>) -> Result<Taken, Undecided> {
        let (rule, given) = (&self.prepared.rule, self.prepared.charge.given);
        let now = self.context.now;
        if !rule.moves_lots() {
            let available = sender.row.balances.get(&rule.purpose, rule.asset);
            if available < given {
                let error = LedgerError::Insufficient {
                    needed: given,
                    available,
                };
                return Err(too_little(error, rule.asset, 0).into());
            }
            let paid = Vec::new();
            return Ok(Taken { paid, at: now });
        }
        let from = &self.request.from;
        let due = due_for_review(self.snapshot, self.context, from, now)?;
        let is_other = |lot: &&Lot| lot.asset != rule.asset;
        sender.settle_all(due.into_iter().filter(is_other), now)?;
        let lots = settle_open(sender, self.snapshot, rule.asset, now)?;
        let paid = consume(&lots, rule.asset, given);
        let paid = paid.map_err(|error| too_little(error, rule.asset, lots.len()))?;
        if is_beyond(paid.len(), TRANSFER_LOTS_MAX) {
            let (what, limit) = ("lots of one transfer", TRANSFER_LOTS_MAX);
            return Err(Rejection::TooMany { what, limit }.into());
        }
        let at = sender.pay_with(&paid);
        Ok(Taken { paid, at })
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
            receiver.receive(entry, self.lot(lot, taken.at))?;
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

    fn lot(&self, arriving: ArrivingLot, at: Timestamp) -> Lot {
        let rule = &self.prepared.rule;
        Lot {
            number: 0,
            asset: rule.asset,
            source: arriving.source,
            amount: arriving.amount,
            remaining: arriving.amount,
            state: LotState::Available,
            earned_at: at,
            available_at: Some(at),
            void_at: None,
            expires_at: arriving.expires_at,
            purchase: None,
            rule: Some(rule.id.clone()),
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

fn is_beyond(count: usize, limit: u32) -> bool {
    !u32::try_from(count).is_ok_and(|count| count <= limit)
}
