//! Deposits of one member, held against the entries by which money came in: each has the other.

use std::collections::BTreeMap;

use super::AuditProblem;
use crate::ids::{DepositId, MemberId};
use crate::ledger::{Account, JournalEntry, Purpose, TransferKind};
use crate::money::Money;
use crate::payments::{DepositEntity, PaymentOutcome};
use crate::time::Timestamp;

/// What came in, and when.
type Sum = (Money, Timestamp);

/// What was seen of the deposits of one member.
#[derive(Debug, Default)]
pub(super) struct DepositAudit {
    /// What came in by entries that no deposit has named yet.
    entries: BTreeMap<u64, Option<Sum>>,
    /// The deposits whose entries were not seen yet.
    claims: BTreeMap<u64, (DepositId, Sum)>,
    problems: Vec<AuditProblem>,
}

impl DepositAudit {
    /// Takes an entry of the member's journal.
    pub fn entry(&mut self, entry: &JournalEntry) {
        let transfer = &entry.transfer;
        if transfer.kind != TransferKind::Deposit {
            return;
        }
        let asset = transfer.asset();
        let is_between = *transfer.from() == Account::system(Purpose::Deposits, asset)
            && *transfer.to() == Account::member(&entry.member, Purpose::Main, asset);
        let sum = is_between.then(|| (transfer.amount(), transfer.effective_at));
        self.entries.insert(entry.seq, sum);
        self.close(entry.seq);
    }

    /// Takes a deposit of the member.
    pub fn deposit(&mut self, deposit: &DepositEntity) {
        let Some(settled) = deposit.settlement() else {
            return;
        };
        let is_paid = settled.outcome == PaymentOutcome::Paid;
        let id = &deposit.deposit;
        match settled.entry {
            Some(entry) if is_paid => {
                let claim = (id.clone(), (deposit.amount, settled.settled_at));
                if let Some((earlier, _)) = self.claims.insert(entry, claim) {
                    self.missing(earlier);
                }
                self.close(entry);
            }
            None if !is_paid => {}
            _ => self.missing(id.clone()),
        }
    }

    /// Compares the two sides when both were seen, and lets go of them.
    fn close(&mut self, number: u64) {
        if !self.entries.contains_key(&number) {
            return;
        }
        let Some((id, sum)) = self.claims.remove(&number) else {
            return;
        };
        if self.entries.remove(&number).flatten() != Some(sum) {
            self.missing(id);
        }
    }

    fn missing(&mut self, deposit: DepositId) {
        self.problems
            .push(AuditProblem::DepositEntryMissing { deposit });
    }

    /// What does not fit together.
    pub fn finish(mut self, member: &MemberId) -> Vec<AuditProblem> {
        for (id, _) in std::mem::take(&mut self.claims).into_values() {
            self.missing(id);
        }
        for seq in self.entries.into_keys() {
            let member = member.clone();
            self.problems
                .push(AuditProblem::DepositMissing { member, seq });
        }
        self.problems
    }
}
