//! PurchaseContext a group: each batch is checked against the tables and what the batches before it staged.

use std::collections::BTreeMap;

use rewards_core::decision::Changes;
use rewards_core::ids::{MemberId, TenantId};
use rewards_core::ledger::Account;
use rewards_core::snapshot::{CounterKey, MemberKey};

use super::tables::{Place, Tables, Waiting, place};
use crate::batch::{AbandonedVersions, Commit, CommitBatch, Refusal, StaleRow};
use crate::error::StoreError;

type Balances = Vec<((TenantId, Place), (Account, i64))>;

/// The tables with a group's staged rows laid over them.
pub(super) struct Staging<'a> {
    base: &'a Tables,
    staged: Tables,
    abandoned: AbandonedVersions,
}

impl<'a> Staging<'a> {
    /// Nothing staged yet.
    pub fn over(base: &'a Tables) -> Self {
        Self {
            base,
            staged: Tables::default(),
            abandoned: AbandonedVersions::default(),
        }
    }

    /// What the group writes.
    pub fn finish(self) -> Tables {
        self.staged
    }

    /// Checks a batch and, when it passes, stages all of it.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the batch repeats the key of a row that is only ever inserted. Versions make that
    /// impossible for a correct caller, so the whole group is given up, as a database would.
    pub fn commit(&mut self, batch: &CommitBatch) -> Result<Commit, StoreError> {
        let end = self.stage(batch)?;
        if end != Commit::Applied {
            self.abandoned.note(&batch.changes);
        }
        Ok(end)
    }

    fn stage(&mut self, batch: &CommitBatch) -> Result<Commit, StoreError> {
        if let Some(stored) = self.find(|tables| &tables.replies, &batch.key) {
            return Ok(if stored.fingerprint == batch.reply.fingerprint {
                Commit::Replayed(stored.clone())
            } else {
                Commit::Refused(Refusal::KeyReused)
            });
        }
        let changes = &*batch.changes;
        if let Some(row) = self.stale(changes) {
            return Ok(Commit::Refused(Refusal::Stale(row)));
        }
        let (counters, balances) = match self.guarded(changes) {
            Ok(values) => values,
            Err(refusal) => return Ok(Commit::Refused(refusal)),
        };
        self.require_new_rows(changes)?;
        self.staged.counters.extend(counters);
        self.staged.balances.extend(balances);
        self.stage_rows(changes);
        self.staged
            .replies
            .insert(batch.key.clone(), batch.reply.clone());
        Ok(Commit::Applied)
    }

    fn find<'s, K: Ord + 's, V>(
        &'s self,
        table: impl Fn(&'s Tables) -> &'s BTreeMap<K, V>,
        key: &K,
    ) -> Option<&'s V> {
        table(&self.staged)
            .get(key)
            .or_else(|| table(self.base).get(key))
    }

    /// The first row that is not as the decision saw it: members, then purchases, then programs.
    fn stale(&self, changes: &Changes) -> Option<StaleRow> {
        for write in &changes.members {
            let found = self.find(|tables| &tables.members, &write.key);
            let version = found.map_or(0, |row| row.version);
            if self.abandoned.precedes_member(write) || version != write.expected {
                return Some(StaleRow::Member(write.key.clone()));
            }
        }
        for write in &changes.purchases {
            let found = self.find(|tables| &tables.purchases, &write.key);
            let version = found.map_or(0, |row| row.version);
            if self.abandoned.precedes_purchase(write) || version != write.expected {
                return Some(StaleRow::Purchase(write.key.clone()));
            }
        }
        for write in &changes.programs {
            let newest = self
                .staged
                .newest(&write.key)
                .or_else(|| self.base.newest(&write.key))
                .unwrap_or(0);
            if newest.checked_add(1) != Some(write.revision) {
                return Some(StaleRow::Program(write.key.clone()));
            }
        }
        None
    }

    /// The values of all counters, then of all balances, after the changes.
    fn guarded(&self, changes: &Changes) -> Result<(BTreeMap<CounterKey, i64>, Balances), Refusal> {
        Ok((self.counters_after(changes)?, self.balances_after(changes)?))
    }

    fn counters_after(&self, changes: &Changes) -> Result<BTreeMap<CounterKey, i64>, Refusal> {
        let mut after: BTreeMap<CounterKey, i64> = BTreeMap::new();
        for change in &changes.counters {
            let value = after
                .get(&change.key)
                .or_else(|| self.find(|tables| &tables.counters, &change.key))
                .copied()
                .unwrap_or(0);
            // Without a bound the range of the value is the bound. Releases are never refused.
            let bound = change.bound.unwrap_or(i64::MAX);
            let value = match value.checked_add(change.delta) {
                Some(sum) if change.delta <= 0 || sum <= bound => sum,
                None if change.delta < 0 => i64::MIN,
                _ => {
                    return Err(Refusal::CounterBound {
                        counter: change.key.clone(),
                        bound,
                    });
                }
            };
            after.insert(change.key.clone(), value);
        }
        Ok(after)
    }

    fn balances_after(&self, changes: &Changes) -> Result<Balances, Refusal> {
        let deltas = changes.balance_deltas();
        let mut after = Balances::with_capacity(deltas.len());
        for ((tenant, account), delta) in deltas {
            let key = (tenant.clone(), place(account));
            let found = self.find(|tables| &tables.balances, &key);
            let sum = i128::from(found.map_or(0, |(_, value)| *value)).saturating_add(delta);
            let value = i64::try_from(sum)
                .ok()
                .filter(|value| account.floor().is_none_or(|floor| *value >= floor))
                .ok_or_else(|| Refusal::Floor {
                    tenant: tenant.clone(),
                    account: account.clone(),
                })?;
            after.push((key, (account.clone(), value)));
        }
        Ok(after)
    }

    /// Journal entries, new lots and events are inserted, never overwritten.
    fn require_new_rows(&self, changes: &Changes) -> Result<(), StoreError> {
        let taken = |what: &str, of: &dyn std::fmt::Display, number: u64| {
            Err(StoreError::Refused {
                detail: format!("{what} {number} of `{of}` exists already"),
            })
        };
        for (tenant, entry) in &changes.journal {
            let key = (member_key(tenant, &entry.member), entry.seq);
            if self.find(|tables| &tables.journal, &key).is_some() {
                return taken("journal entry", &entry.member, entry.seq);
            }
        }
        for write in changes.lots.iter().filter(|write| write.is_new) {
            let key = (write.member.clone(), write.lot.number);
            if self.find(|tables| &tables.lots, &key).is_some() {
                return taken("lot", &write.member.member, write.lot.number);
            }
        }
        for (tenant, record) in &changes.events {
            let key = (tenant.clone(), record.stream.clone(), record.seq);
            if self.find(|tables| &tables.queued, &key).is_some() {
                return taken("event", &record.stream.text(), record.seq);
            }
        }
        Ok(())
    }

    fn stage_rows(&mut self, changes: &Changes) {
        let staged = &mut self.staged;
        for write in &changes.members {
            staged.members.insert(write.key.clone(), write.row.clone());
        }
        for write in &changes.purchases {
            staged
                .purchases
                .insert(write.key.clone(), write.row.clone());
        }
        for write in &changes.programs {
            let key = (write.key.clone(), write.revision);
            staged.programs.insert(key, write.clone());
        }
        for (tenant, entry) in &changes.journal {
            let key = (member_key(tenant, &entry.member), entry.seq);
            staged.journal.insert(key, entry.clone());
        }
        for write in &changes.lots {
            let key = (write.member.clone(), write.lot.number);
            staged.lots.insert(key, write.lot.clone());
        }
        for (tenant, event) in &changes.events {
            let (stream, seq, at) = (event.stream.clone(), event.seq, event.recorded_at);
            let key = (tenant.clone(), stream.clone(), seq);
            staged.queued.insert(key, at);
            let waiting = Waiting {
                event: event.clone(),
                lease: None,
                attempts: 0,
            };
            staged
                .queue
                .insert((tenant.clone(), at, stream, seq), waiting);
        }
    }
}

fn member_key(tenant: &TenantId, member: &MemberId) -> MemberKey {
    MemberKey {
        tenant: tenant.clone(),
        member: member.clone(),
    }
}
