//! The read side of the memory backend.

use std::collections::BTreeSet;
use std::ops::Bound;

use async_trait::async_trait;
use rewards_core::counter::Subject;
use rewards_core::decision::ProgramWrite;
use rewards_core::entity::EntityRow;
use rewards_core::ids::{MemberId, TenantId};
use rewards_core::ledger::{JournalEntry, LotNumber, Purpose};
use rewards_core::member::MemberRow;
use rewards_core::money::Asset;
use rewards_core::snapshot::MemberKey;
use rewards_core::time::Timestamp;
use smol_str::SmolStr;

use super::MemoryStore;
use super::books::MemoryBooks;
use super::tables::page;
use crate::error::StoreError;
use crate::store::{AfterMember, BookView, MemberHead, Query, StoreHealth};

/// The layout of the tables has one version: they live as long as the code that made them.
const SCHEMA_VERSION: i64 = 1;

#[async_trait]
impl Query for MemoryStore {
    async fn programs(&self, tenant: &TenantId) -> Result<Vec<ProgramWrite>, StoreError> {
        let tables = self.tables();
        Ok(tables
            .programs
            .values()
            .filter(|write| write.key.tenant == *tenant)
            .cloned()
            .collect())
    }

    async fn due_members(
        &self,
        tenant: &TenantId,
        now: Timestamp,
        after: AfterMember,
        limit: u32,
    ) -> Result<Vec<MemberId>, StoreError> {
        let tables = self.tables();
        let limit = page(limit);
        let reviews = tables
            .members
            .range((after_member(tenant, after.as_ref()), Bound::Unbounded))
            .skip_while(|(key, _)| key.tenant < *tenant)
            .take_while(|(key, _)| key.tenant == *tenant)
            .filter(|(_, row)| row.due_at.is_some_and(|due| due <= now))
            .map(|(key, _)| &key.member)
            .take(limit);
        let lots = tables
            .lots
            .range((after_lots(tenant, after.as_ref()), Bound::Unbounded))
            .skip_while(|((key, _), _)| key.tenant < *tenant)
            .take_while(|((key, _), _)| key.tenant == *tenant)
            .filter(|(_, lot)| lot.due_at().is_some_and(|due| due <= now))
            .map(|((key, _), _)| &key.member);
        let mut due: BTreeSet<&MemberId> = reviews.collect();
        let mut of_lots = BTreeSet::new();
        for member in lots {
            // The members of lots come in order, so the first `limit` of them are enough.
            if of_lots.len() >= limit && !of_lots.contains(member) {
                break;
            }
            of_lots.insert(member);
        }
        due.append(&mut of_lots);
        Ok(due.into_iter().take(limit).cloned().collect())
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
        Ok(StoreHealth {
            backend: "memory",
            schema_version: SCHEMA_VERSION,
            outbox_waiting: u64::try_from(tables.queue.len()).unwrap_or(u64::MAX),
            outbox_oldest: tables.queue.keys().map(|(_, at, _, _)| *at).min(),
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

fn after_lots(tenant: &TenantId, after: Option<&MemberId>) -> Bound<(MemberKey, LotNumber)> {
    after.map_or(Bound::Unbounded, |member| {
        Bound::Excluded((key(tenant, member.clone()), LotNumber::MAX))
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
