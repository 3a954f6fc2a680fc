//! PurchaseContext a group: each batch is checked against the tables and what the batches before it staged.

use std::collections::BTreeMap;

use rewards_core::decision::Changes;
use rewards_core::entity::EntityKey;
use rewards_core::ids::{MemberId, TenantId};
use rewards_core::ledger::Purpose;
use rewards_core::money::Asset;
use rewards_core::snapshot::{CounterKey, MemberKey, ProgramKey, StoredReply};

use super::tables::{Tables, Waiting, place};
use crate::batch::{AbandonedVersions, CommandKey, Commit, CommitBatch};
use crate::error::StoreError;
use crate::judge::{Found, judge};

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
        let sums = match judge(batch, &*self, &self.abandoned) {
            Ok(sums) => sums,
            Err(end) => return Ok(end),
        };
        let changes = &*batch.changes;
        self.require_new_rows(changes)?;
        for (key, (_, value)) in sums.counters {
            self.staged.counters.insert(key.clone(), value);
        }
        for ((tenant, purpose, asset), value) in sums.controls {
            let key = (tenant.clone(), place(purpose, asset));
            let account = (purpose.clone(), asset, value);
            self.staged.controls.insert(key, account);
        }
        self.stage_rows(changes);
        if let CommandKey::Reply(key) = &batch.key {
            self.staged.replies.insert(key.clone(), batch.reply.clone());
        }
        if let Some(made) = &batch.receipt {
            self.staged
                .receipts
                .insert(made.clone(), batch.reply.clone());
        }
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

    /// What is kept of an entity, which the group may have removed.
    fn find_entity<'s, V>(
        &'s self,
        table: impl Fn(&'s Tables) -> &'s BTreeMap<EntityKey, V>,
        key: &EntityKey,
    ) -> Option<&'s V> {
        let staged = table(&self.staged).get(key);
        let is_removed = self.staged.removed.contains(key);
        staged.or_else(|| table(self.base).get(key).filter(|_| !is_removed))
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
        for write in &changes.entities {
            staged.entities.insert(write.key.clone(), write.row.clone());
        }
        for removal in &changes.removals {
            staged.entities.remove(&removal.key);
            staged.receipts.remove(&removal.key);
            staged.removed.insert(removal.key.clone());
        }
        staged
            .erased_reasons
            .extend(changes.erased_reasons.iter().cloned());
        for write in &changes.programs {
            let key = (write.key.clone(), write.revision);
            staged.programs.insert(key, write.clone());
            let tenant = write.key.tenant.clone();
            let added = staged.revision_counts.entry(tenant).or_default();
            *added = added.saturating_add(1);
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
            let (stream, seq) = (event.stream.clone(), event.seq);
            // A clock may be behind; the numbers of a stream are not.
            let last = [&*staged, self.base]
                .into_iter()
                .find_map(|tables| tables.last_queued(tenant, &stream));
            let at = last.map_or(event.recorded_at, |last| last.max(event.recorded_at));
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

impl Found for Staging<'_> {
    fn reply(&self, key: &CommandKey) -> Option<&StoredReply> {
        match key {
            CommandKey::Reply(key) => self.find(|tables| &tables.replies, key),
            CommandKey::Entity(key) => self.find_entity(|tables| &tables.receipts, key),
            CommandKey::None => None,
        }
    }

    fn member(&self, key: &MemberKey) -> u64 {
        let row = self.find(|tables| &tables.members, key);
        row.map_or(0, |row| row.version)
    }

    fn entity(&self, key: &EntityKey) -> u64 {
        let row = self.find_entity(|tables| &tables.entities, key);
        row.map_or(0, |row| row.version)
    }

    fn program(&self, key: &ProgramKey) -> u32 {
        let staged = self.staged.newest(key);
        staged.or_else(|| self.base.newest(key)).unwrap_or(0)
    }

    fn counter(&self, key: &CounterKey) -> i64 {
        let value = self.find(|tables| &tables.counters, key);
        value.copied().unwrap_or(0)
    }

    fn control(&self, tenant: &TenantId, purpose: &Purpose, asset: Asset) -> i64 {
        let key = (tenant.clone(), place(purpose, asset));
        let account = self.find(|tables| &tables.controls, &key);
        account.map_or(0, |(_, _, value)| *value)
    }
}

fn member_key(tenant: &TenantId, member: &MemberId) -> MemberKey {
    MemberKey {
        tenant: tenant.clone(),
        member: member.clone(),
    }
}
