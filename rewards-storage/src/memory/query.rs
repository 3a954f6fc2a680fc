//! The read side of the memory backend.

use std::ops::Bound;

use async_trait::async_trait;
use rewards_core::counter::Subject;
use rewards_core::decision::ProgramWrite;
use rewards_core::entity::EntityRow;
use rewards_core::ids::{MemberId, ProgramId, TenantId};
use rewards_core::ledger::{JournalEntry, Purpose};
use rewards_core::member::MemberRow;
use rewards_core::money::Asset;
use rewards_core::snapshot::MemberKey;
use rewards_core::time::Timestamp;
use smol_str::SmolStr;

use super::MemoryStore;
use super::books::MemoryBooks;
use super::tables::page;
use crate::error::StoreError;
use crate::store::{
    AfterMember, BookView, DuePage, DuePlace, MemberHead, OUTBOX_COUNTED_MAX, Query, StoreHealth,
};

/// The layout of the tables has one version: they live as long as the code that made them.
const SCHEMA_VERSION: i64 = 1;

#[async_trait]
impl Query for MemoryStore {
    async fn programs(
        &self,
        tenant: &TenantId,
        known: &[(ProgramId, u32)],
    ) -> Result<Vec<ProgramWrite>, StoreError> {
        let tables = self.tables();
        let is_new = |write: &&ProgramWrite| {
            let mut known = known.iter();
            let known = known.find(|(program, _)| *program == write.key.program);
            known.is_none_or(|(_, newest)| write.revision > *newest)
        };
        Ok(tables
            .programs
            .values()
            .filter(|write| write.key.tenant == *tenant)
            .filter(is_new)
            .cloned()
            .collect())
    }

    async fn due_members(
        &self,
        tenant: &TenantId,
        now: Timestamp,
        after: Option<DuePlace>,
        limit: u32,
    ) -> Result<DuePage, StoreError> {
        let tables = self.tables();
        let limit = page(limit);
        let from = after.as_ref().map_or(Timestamp::MIN, |(at, _)| *at);
        if from > now || limit == 0 {
            return Ok(DuePage::default());
        }
        let instants = (tenant.clone(), from)..=(tenant.clone(), now);
        let places = tables.due.range(instants).flat_map(|((_, at), members)| {
            let begin = match &after {
                Some((last, member)) if last == at => Bound::Excluded(member.clone()),
                _ => Bound::Unbounded,
            };
            let members = members.range((begin, Bound::Unbounded));
            members.map(move |(member, _)| (*at, member.clone()))
        });
        let found = places.take(limit).map(|place| {
            let member = key(tenant, place.1.clone());
            let is_first = tables.first_due(&member) == Some(place.0);
            (place, is_first)
        });
        let found: Vec<(DuePlace, bool)> = found.collect();
        let is_full = found.len() >= limit;
        let end = found.last().filter(|_| is_full);
        let end = end.map(|(place, _)| place.clone());
        Ok(DuePage::of(found, end, limit))
    }

    async fn members(
        &self,
        tenant: &TenantId,
        after: AfterMember,
        limit: u32,
    ) -> Result<Vec<MemberHead>, StoreError> {
        let tables = self.tables();
        Ok(tables
            .members
            .range((after_member(tenant, after.as_ref()), Bound::Unbounded))
            .skip_while(|(key, _)| key.tenant < *tenant)
            .take_while(|(key, _)| key.tenant == *tenant)
            .take(page(limit))
            .map(|(key, row)| head(&key.member, row))
            .collect())
    }

    async fn journal(
        &self,
        tenant: &TenantId,
        after: Option<(MemberId, u64)>,
        limit: u32,
    ) -> Result<Vec<JournalEntry>, StoreError> {
        let tables = self.tables();
        let from = match after {
            Some((member, seq)) => Bound::Excluded((key(tenant, member), seq)),
            None => Bound::Unbounded,
        };
        Ok(tables
            .journal
            .range((from, Bound::Unbounded))
            .skip_while(|((key, _), _)| key.tenant < *tenant)
            .take_while(|((key, _), _)| key.tenant == *tenant)
            .take(page(limit))
            .map(|(_, entry)| entry.clone())
            .collect())
    }

    async fn control_accounts(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<(Purpose, Asset, i128)>, StoreError> {
        Ok(self.tables().controls_of(tenant))
    }

    async fn counters(
        &self,
        tenant: &TenantId,
        subject: &Subject,
    ) -> Result<Vec<(String, i64, i64)>, StoreError> {
        let tables = self.tables();
        Ok(tables
            .counters
            .iter()
            .filter(|(key, _)| key.name.tenant == *tenant && key.name.subject == *subject)
            .map(|(key, value)| (key.name.name.to_string(), key.bucket, *value))
            .collect())
    }

    async fn entities(
        &self,
        tenant: &TenantId,
        kind: &'static str,
        after: Option<SmolStr>,
        limit: u32,
    ) -> Result<Vec<(SmolStr, EntityRow)>, StoreError> {
        let tables = self.tables();
        Ok(tables
            .entities_of(tenant, kind)
            .filter(|(key, _)| after.as_ref().is_none_or(|after| key.id > *after))
            .take(page(limit))
            .map(|(key, row)| (key.id.clone(), row.clone()))
            .collect())
    }

    async fn health(&self) -> Result<StoreHealth, StoreError> {
        let tables = self.tables();
        let mut oldest = None;
        let mut begin = Bound::Unbounded;
        while let Some((place, _)) = tables.queue.range((begin, Bound::Unbounded)).next() {
            let (tenant, at, stream, _) = place.clone();
            oldest = oldest.into_iter().chain([at]).min();
            // Behind the last event of this tenant there can be.
            begin = Bound::Excluded((tenant, Timestamp::MAX, stream, u64::MAX));
        }
        let counted = u64::try_from(tables.queue.len()).unwrap_or(u64::MAX);
        Ok(StoreHealth {
            backend: "memory",
            schema_version: SCHEMA_VERSION,
            outbox_waiting: counted.min(u64::from(OUTBOX_COUNTED_MAX)),
            outbox_oldest: oldest,
        })
    }

    async fn books<'s>(&'s self, tenant: &TenantId) -> Result<Box<dyn BookView + 's>, StoreError> {
        Ok(Box::new(MemoryBooks {
            tenant: tenant.clone(),
            tables: self.tables().clone(),
        }))
    }
}

fn key(tenant: &TenantId, member: MemberId) -> MemberKey {
    MemberKey {
        tenant: tenant.clone(),
        member,
    }
}

/// Where the members after a place begin. Without a place the sweep begins before all tenants: no id is the least.
fn after_member(tenant: &TenantId, after: Option<&MemberId>) -> Bound<MemberKey> {
    after.map_or(Bound::Unbounded, |member| {
        Bound::Excluded(key(tenant, member.clone()))
    })
}

fn head(member: &MemberId, row: &MemberRow) -> MemberHead {
    let tiers = row.profile.tiers.iter().flat_map(|(program, ladders)| {
        ladders.iter().map(move |(ladder, status)| {
            (
                program.to_string(),
                ladder.to_string(),
                status.tier.to_string(),
            )
        })
    });
    MemberHead {
        member: member.clone(),
        journal: row.journal,
        event_seq: row.event_seq,
        tiers: tiers.collect(),
        balances: row.balances.clone(),
    }
}
