//! The auditor: refolds journals into balances and checks every hash, without trusting any cache.

use std::collections::BTreeMap;

use super::{Account, Balances, ChainHash, Holder, JournalEntry, JournalHead, Purpose};
use crate::ids::{MemberId, TenantId};
use crate::money::Asset;

/// Something in the books that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditProblem {
    /// A journal skips or repeats a number.
    Gap {
        /// Whose journal.
        member: MemberId,
        /// The number that had to come.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// An entry's hash does not follow from its content and the entry before.
    BrokenChain {
        /// Whose journal.
        member: MemberId,
        /// The entry.
        seq: u64,
    },
    /// The member row points at another end of the journal.
    HeadMismatch {
        /// Whose journal.
        member: MemberId,
        /// Number of the last entry found.
        found: u64,
        /// Number the member row names.
        stored: u64,
    },
    /// A balance in a member's row is not the sum of its entries.
    BalanceMismatch {
        /// The account.
        account: Account,
        /// Sum of the entries, in minor units.
        folded: i128,
        /// The stored balance, in minor units.
        stored: i128,
    },
    /// A stored control account is not the sum of its entries.
    ControlMismatch {
        /// What it is for.
        purpose: Purpose,
        /// The asset.
        asset: Asset,
        /// Sum of the entries, in minor units.
        folded: i128,
        /// The stored balance, in minor units.
        stored: i128,
    },
    /// The control accounts of one asset do not sum to zero.
    NotZeroSum {
        /// The asset.
        asset: Asset,
        /// The sum, in minor units.
        sum: i128,
    },
}

/// Folds journals, in member and number order, and compares them with what is stored.
#[derive(Debug)]
pub struct BookAudit {
    tenant: TenantId,
    heads: BTreeMap<MemberId, JournalHead>,
    balances: BTreeMap<Account, i128>,
    controls: BTreeMap<(Purpose, Asset), i128>,
    /// Of the stored control accounts, per asset.
    sums: BTreeMap<Asset, i128>,
    entries: u64,
    problems: Vec<AuditProblem>,
}

impl BookAudit {
    /// An audit of one tenant's books.
    #[must_use]
    pub fn new(tenant: TenantId) -> Self {
        Self {
            tenant,
            heads: BTreeMap::new(),
            balances: BTreeMap::new(),
            controls: BTreeMap::new(),
            sums: BTreeMap::new(),
            entries: 0,
            problems: Vec::new(),
        }
    }

    /// Takes the next entry. Entries of one member must come in the order of their numbers.
    pub fn entry(&mut self, entry: &JournalEntry) {
        let head = self.heads.entry(entry.member.clone()).or_default();
        let expected = head.seq.saturating_add(1);
        if entry.seq != expected {
            let member = entry.member.clone();
            self.problems.push(AuditProblem::Gap {
                member,
                expected,
                found: entry.seq,
            });
        }
        if entry.chain(&self.tenant, head.hash) != entry.hash {
            let member = entry.member.clone();
            self.problems.push(AuditProblem::BrokenChain {
                member,
                seq: entry.seq,
            });
        }
        *head = JournalHead {
            seq: entry.seq,
            hash: entry.hash,
        };
        self.entries = self.entries.saturating_add(1);
        let amount = i128::from(entry.transfer.minor());
        self.fold(entry.transfer.from(), amount.saturating_neg());
        self.fold(entry.transfer.to(), amount);
    }

    fn fold(&mut self, account: &Account, delta: i128) {
        let control = (account.purpose.clone(), account.asset);
        let sum = self.controls.entry(control).or_default();
        *sum = sum.saturating_add(delta);
        let balance = self.balances.entry(account.clone()).or_default();
        *balance = balance.saturating_add(delta);
    }

    /// Compares a member's row with the entries seen: where the journal ends, and what the member has. Comes after all entries,
    /// once per member.
    pub fn member(&mut self, member: &MemberId, stored: JournalHead, balances: &Balances) {
        self.head(member, stored);
        let holder = Holder::Member(member.clone());
        for (purpose, asset, minor) in balances.iter() {
            let account = Account {
                holder: holder.clone(),
                purpose: purpose.clone(),
                asset,
            };
            let folded = self.balances.remove(&account).unwrap_or_default();
            self.compare(account, folded, i128::from(minor));
        }
        let left = self
            .balances
            .iter()
            .filter(|(account, _)| account.holder == holder);
        let left: Vec<Account> = left.map(|(account, _)| account.clone()).collect();
        for account in left {
            let folded = self.balances.remove(&account).unwrap_or_default();
            self.compare(account, folded, 0);
        }
    }

    fn compare(&mut self, account: Account, folded: i128, stored: i128) {
        if folded != stored {
            self.problems.push(AuditProblem::BalanceMismatch {
                account,
                folded,
                stored,
            });
        }
    }

    fn head(&mut self, member: &MemberId, stored: JournalHead) {
        let found = self.heads.remove(member).unwrap_or_default();
        let same_hash =
            found.seq == 0 && stored.hash == ChainHash::default() || found.hash == stored.hash;
        if found.seq != stored.seq || !same_hash {
            let member = member.clone();
            self.problems.push(AuditProblem::HeadMismatch {
                member,
                found: found.seq,
                stored: stored.seq,
            });
        }
    }

    /// Compares a stored control account with the folded one. Comes after all entries, once per purpose and asset.
    pub fn control(&mut self, purpose: &Purpose, asset: Asset, stored: i128) {
        let key = (purpose.clone(), asset);
        let folded = self.controls.remove(&key).unwrap_or_default();
        let sum = self.sums.entry(asset).or_default();
        *sum = sum.saturating_add(stored);
        if folded != stored {
            self.problems.push(AuditProblem::ControlMismatch {
                purpose: key.0,
                asset,
                folded,
                stored,
            });
        }
    }

    /// Ends the audit: entries read, and every problem found. Journals and balances without a member row and control accounts
    /// that were folded but are not stored are problems too, and so are stored ones that do not sum to zero per asset.
    #[must_use]
    pub fn finish(mut self) -> (u64, Vec<AuditProblem>) {
        for (member, head) in std::mem::take(&mut self.heads) {
            self.problems.push(AuditProblem::HeadMismatch {
                member,
                found: head.seq,
                stored: 0,
            });
        }
        for (account, folded) in std::mem::take(&mut self.balances) {
            if account.holder != Holder::System {
                self.compare(account, folded, 0);
            }
        }
        for ((purpose, asset), folded) in std::mem::take(&mut self.controls) {
            if folded != 0 {
                self.problems.push(AuditProblem::ControlMismatch {
                    purpose,
                    asset,
                    folded,
                    stored: 0,
                });
            }
        }
        for (asset, sum) in std::mem::take(&mut self.sums) {
            if sum != 0 {
                self.problems.push(AuditProblem::NotZeroSum { asset, sum });
            }
        }
        (self.entries, self.problems)
    }
}
