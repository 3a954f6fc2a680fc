//! One view of a tenant's books: a copy of the tables, made when it is opened.

use async_trait::async_trait;
use rewards_core::audit::{CounterPlace, StoredRevision};
use rewards_core::decision::ProgramWrite;
use rewards_core::entity::EntityRow;
use rewards_core::event::Stream;
use rewards_core::ids::{MemberId, ProgramId, TenantId};
use rewards_core::ledger::{JournalEntry, Purpose};
use rewards_core::money::Asset;
use rewards_core::snapshot::{ReadPlan, Snapshot, StoredReply};
use smol_str::SmolStr;

use super::tables::{Tables, page};
use crate::error::StoreError;
use crate::store::{
    AfterMember, BookView, OwnedPlace, ReplyPlace, StoredEvent, StoredLot, StoredMember,
};

/// One view of a tenant's books.
#[derive(Debug)]
pub(super) struct MemoryBooks {
    pub tenant: TenantId,
    pub tables: Tables,
}

/// The first rows behind a place.
fn behind<P: Ord, T>(
    rows: impl Iterator<Item = (P, T)>,
    after: Option<P>,
    limit: u32,
) -> impl Iterator<Item = T> {
    let rows = rows.filter(move |(place, _)| after.as_ref().is_none_or(|after| place > after));
    rows.take(page(limit)).map(|(_, row)| row)
}

#[async_trait]
impl BookView for MemoryBooks {
    async fn members(
        &mut self,
        after: AfterMember,
        limit: u32,
    ) -> Result<Vec<StoredMember>, StoreError> {
        let rows = self.tables.members.iter();
        let rows = rows.filter(|(key, _)| key.tenant == self.tenant);
        let stored = rows.map(|(key, row)| {
            let stored = StoredMember {
                member: key.member.clone(),
                row: row.clone(),
                at: row.profile.registered_at,
            };
            (&key.member, stored)
        });
        Ok(behind(stored, after.as_ref(), limit).collect())
    }

    async fn journal(
        &mut self,
        after: Option<(MemberId, u64)>,
        limit: u32,
    ) -> Result<Vec<JournalEntry>, StoreError> {
        let rows = self.tables.journal.iter();
        let rows = rows.filter(|((key, _), _)| key.tenant == self.tenant);
        let rows = rows.map(|((key, seq), entry)| ((&key.member, *seq), entry));
        let after = after.as_ref().map(|(member, seq)| (member, *seq));
        Ok(behind(rows, after, limit).cloned().collect())
    }

    async fn lots(
        &mut self,
        after: Option<(MemberId, u64)>,
        limit: u32,
    ) -> Result<Vec<StoredLot>, StoreError> {
        let rows = self.tables.lots.iter();
        let rows = rows.filter(|((key, _), _)| key.tenant == self.tenant);
        let stored = rows.map(|((key, number), lot)| {
            let stored = StoredLot {
                member: key.member.clone(),
                lot: lot.clone(),
                due_at: lot.due_at(),
            };
            ((&key.member, *number), stored)
        });
        let after = after.as_ref().map(|(member, number)| (member, *number));
        Ok(behind(stored, after, limit).collect())
    }

    async fn owned(
        &mut self,
        kind: &'static str,
        after: Option<OwnedPlace>,
        limit: u32,
    ) -> Result<Vec<(SmolStr, EntityRow)>, StoreError> {
        let rows = self.tables.entities_of(&self.tenant, kind);
        let mut rows: Vec<(OwnedPlace, &EntityRow)> = rows
            .filter_map(|(key, row)| {
                let owner = row.index.owner.clone()?;
                Some(((owner, row.index.at, key.id.clone()), row))
            })
            .collect();
        rows.sort_by(|(a, _), (b, _)| a.cmp(b));
        let rows = rows.into_iter();
        let named = rows.map(|(place, row)| {
            let id = place.2.clone();
            (place, (id, row.clone()))
        });
        Ok(behind(named, after, limit).collect())
    }

    async fn entities(
        &mut self,
        kind: &'static str,
        after: Option<SmolStr>,
        limit: u32,
    ) -> Result<Vec<(SmolStr, EntityRow)>, StoreError> {
        let rows = self.tables.entities_of(&self.tenant, kind);
        let rows = rows.map(|(key, row)| (&key.id, (key.id.clone(), row.clone())));
        Ok(behind(rows, after.as_ref(), limit).collect())
    }

    async fn counters(
        &mut self,
        after: Option<CounterPlace>,
        limit: u32,
    ) -> Result<Vec<(CounterPlace, i64)>, StoreError> {
        let rows = self.tables.counters.iter();
        let rows = rows.filter(|(key, _)| key.name.tenant == self.tenant);
        let mut rows: Vec<(CounterPlace, i64)> = rows
            .map(|(key, value)| {
                let place = (key.name.subject.text(), key.name.name.clone(), key.bucket);
                (place, *value)
            })
            .collect();
        rows.sort();
        let rows = rows
            .into_iter()
            .map(|(place, value)| (place.clone(), (place, value)));
        Ok(behind(rows, after, limit).collect())
    }

    async fn control_accounts(&mut self) -> Result<Vec<(Purpose, Asset, i128)>, StoreError> {
        Ok(self.tables.controls_of(&self.tenant))
    }

    async fn events(
        &mut self,
        after: Option<(Stream, u64)>,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let rows = self.tables.queued.iter();
        let rows = rows.filter(|((tenant, ..), _)| *tenant == self.tenant);
        let stored = rows.filter_map(|((tenant, stream, seq), at)| {
            let place = (tenant.clone(), *at, stream.clone(), *seq);
            let waiting = self.tables.queue.get(&place)?;
            let stored = StoredEvent {
                event: waiting.event.clone(),
                attempts: waiting.attempts,
            };
            Some(((stream, *seq), stored))
        });
        let after = after.as_ref().map(|(stream, seq)| (stream, *seq));
        Ok(behind(stored, after, limit).collect())
    }

    async fn revisions(
        &mut self,
        after: Option<(ProgramId, u32)>,
        limit: u32,
    ) -> Result<Vec<StoredRevision>, StoreError> {
        let rows = self.tables.programs.iter();
        let rows = rows.filter(|((key, _), _)| key.tenant == self.tenant);
        let rows = rows.map(|((key, revision), write)| ((&key.program, *revision), write));
        let after = after
            .as_ref()
            .map(|(program, revision)| (program, *revision));
        behind(rows, after, limit).map(stored).collect()
    }

    async fn replies(
        &mut self,
        operation: &'static str,
        after: Option<ReplyPlace>,
        limit: u32,
    ) -> Result<Vec<(ReplyPlace, StoredReply)>, StoreError> {
        let rows = self.tables.replies.iter();
        let rows = rows.filter(|(key, _)| key.tenant == self.tenant && key.operation == operation);
        let mut rows: Vec<(ReplyPlace, StoredReply)> = rows
            .map(|(key, reply)| {
                let place = (
                    SmolStr::new(key.origin.text()),
                    SmolStr::new(key.key.as_str()),
                );
                (place, reply.clone())
            })
            .collect();
        rows.sort_by(|(a, _), (b, _)| a.cmp(b));
        let rows = rows
            .into_iter()
            .map(|(place, reply)| (place.clone(), (place, reply)));
        Ok(behind(rows, after, limit).collect())
    }

    async fn load(&mut self, plan: &ReadPlan) -> Result<Snapshot, StoreError> {
        Ok(self.tables.snapshot(plan))
    }

    fn unreadable(&mut self) -> Vec<String> {
        Vec::new()
    }
}

fn stored(write: &ProgramWrite) -> Result<StoredRevision, StoreError> {
    let body = serde_json::to_string(&write.document).map_err(|error| StoreError::Corrupt {
        detail: format!("program `{}`: {error}", write.key.program),
    })?;
    Ok(StoredRevision {
        program: write.key.program.clone(),
        revision: write.revision,
        active_from: write.active_from,
        published_at: write.published_at,
        body,
    })
}
