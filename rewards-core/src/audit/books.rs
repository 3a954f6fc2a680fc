//! The books of a tenant: what is summed over all members.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::{AuditProblem, MemberAudit};
use crate::entity::{ENTITIES, EntityRow};
use crate::ids::{MemberId, ProgramId, TenantId};
use crate::ledger::{Account, Holder, Purpose};
use crate::member::MemberRow;
use crate::money::Asset;
use crate::program::CompiledProgram;

/// The most problems that are listed; further ones are counted.
pub const PROBLEMS_MAX: usize = 10_000;

/// Folds the books of one tenant, and compares them with what is stored.
#[derive(Debug)]
pub struct BookAudit {
    tenant: TenantId,
    /// The revisions that purchases were decided by.
    pub(super) programs: BTreeMap<(ProgramId, u32), CompiledProgram>,
    /// What moved on accounts of members that are not even with their rows, as the sum of the entries and the stored balance.
    uneven: BTreeMap<Account, (i128, i128)>,
    controls: BTreeMap<(Purpose, Asset), i128>,
    /// Of the stored control accounts, per asset.
    sums: BTreeMap<Asset, i128>,
    /// How often codes were used that are nobody's, by book: as each code counts it, and as the book does, where they differ.
    code_uses: BTreeMap<SmolStr, (i128, i128)>,
    entries: u64,
    problems: Vec<AuditProblem>,
    unlisted: u64,
}

/// How an audit ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    /// Journal entries read.
    pub entries: u64,
    /// What was found, up to [`PROBLEMS_MAX`].
    pub problems: Vec<AuditProblem>,
    /// How many more problems there were.
    pub unlisted: u64,
}

impl BookAudit {
    /// An audit of one tenant's books.
    #[must_use]
    pub fn new(tenant: TenantId) -> Self {
        Self {
            tenant,
            programs: BTreeMap::new(),
            uneven: BTreeMap::new(),
            controls: BTreeMap::new(),
            sums: BTreeMap::new(),
            code_uses: BTreeMap::new(),
            entries: 0,
            problems: Vec::new(),
            unlisted: 0,
        }
    }

    /// Whose books they are.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Begins with a member. `row` is absent when journal, lots or purchases name somebody who has none.
    pub fn member<'a>(
        &'a mut self,
        member: &MemberId,
        row: Option<&'a MemberRow>,
    ) -> MemberAudit<'a> {
        MemberAudit::new(self, member.clone(), row)
    }

    /// Notes what is wrong.
    pub fn note(&mut self, problem: AuditProblem) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        } else {
            self.unlisted = self.unlisted.saturating_add(1);
        }
    }

    /// Takes a row that cannot be read.
    pub fn unreadable(&mut self, detail: String) {
        self.note(AuditProblem::RowUnreadable { detail });
    }

    /// Compares how many revisions of all programs there are with what the tenant's row says.
    pub fn revision_count(&mut self, counted: u64, stored: u64) {
        if counted != stored {
            self.note(AuditProblem::CounterMismatch {
                subject: SmolStr::new(self.tenant().as_str()),
                name: SmolStr::new_static("revisions"),
                bucket: 0,
                counted: i128::from(counted),
                stored: i128::from(stored),
            });
        }
    }

    /// Checks that an entity is one of its kind and is found by what it says. Kinds that this version does not know are left
    /// to the version that does.
    pub fn entity(&mut self, kind: &str, id: &str, row: &EntityRow) {
        let known = ENTITIES.iter().find(|entry| entry.kind == kind);
        if known.is_some_and(|entry| (entry.check)(id, row).is_err()) {
            self.note(AuditProblem::EntityMismatch {
                kind: SmolStr::new(kind),
                id: SmolStr::new(id),
            });
        }
    }

    /// Takes in one side of an entry.
    pub(super) fn moved(&mut self, account: &Account, delta: i128) {
        let control = (account.purpose.clone(), account.asset);
        let sum = self.controls.entry(control).or_default();
        *sum = sum.saturating_add(delta);
    }

    /// Takes in an entry that was read.
    pub(super) fn read_entry(&mut self) {
        self.entries = self.entries.saturating_add(1);
    }

    /// Adds to what was folded and stored of an account. What is even in the end is right: an entry of one member may move
    /// value of another one.
    pub(super) fn balance(&mut self, account: Account, folded: i128, stored: i128) {
        let (own, other) = self.uneven.remove(&account).unwrap_or_default();
        let sums = (own.saturating_add(folded), other.saturating_add(stored));
        if sums.0 != sums.1 {
            self.uneven.insert(account, sums);
        }
    }

    /// Compares a stored control account with the folded one. Comes after all members, once per purpose and asset.
    pub fn control(&mut self, purpose: &Purpose, asset: Asset, stored: i128) {
        let key = (purpose.clone(), asset);
        let folded = self.controls.remove(&key).unwrap_or_default();
        let sum = self.sums.entry(asset).or_default();
        *sum = sum.saturating_add(stored);
        self.compare_control(key, folded, stored);
    }

    fn compare_control(&mut self, (purpose, asset): (Purpose, Asset), folded: i128, stored: i128) {
        // Whatever leaves a member for another one arrives in the same step.
        if purpose == Purpose::Transfers && folded != 0 {
            self.note(AuditProblem::TransferLost { asset, sum: folded });
        }
        if folded != stored {
            self.note(AuditProblem::ControlMismatch {
                purpose,
                asset,
                folded,
                stored,
            });
        }
    }

    /// Takes in how often codes of a book were used that are nobody's. The parts come in any order.
    pub(super) fn code_uses(&mut self, book: SmolStr, (counted, stored): (i128, i128)) {
        let sums = self.code_uses.entry(book).or_default();
        sums.0 = sums.0.saturating_add(counted);
        sums.1 = sums.1.saturating_add(stored);
    }

    /// Ends the audit. Control accounts that were folded but are not stored are problems too, and so are stored ones that do
    /// not sum to zero per asset.
    #[must_use]
    pub fn finish(mut self) -> Audited {
        for (account, (folded, stored)) in std::mem::take(&mut self.uneven) {
            if account.holder != Holder::System {
                self.note(AuditProblem::BalanceMismatch {
                    account,
                    folded,
                    stored,
                });
            }
        }
        for (key, folded) in std::mem::take(&mut self.controls) {
            self.compare_control(key, folded, 0);
        }
        for (subject, (counted, stored)) in std::mem::take(&mut self.code_uses) {
            if counted != stored {
                self.note(AuditProblem::CounterMismatch {
                    subject,
                    name: SmolStr::new_static("coupons/code"),
                    bucket: 0,
                    counted,
                    stored,
                });
            }
        }
        for (asset, sum) in std::mem::take(&mut self.sums) {
            if sum != 0 {
                self.note(AuditProblem::NotZeroSum { asset, sum });
            }
        }
        Audited {
            entries: self.entries,
            problems: self.problems,
            unlisted: self.unlisted,
        }
    }
}
