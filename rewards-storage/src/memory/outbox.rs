//! The outbox of the memory backend.

use std::collections::BTreeSet;

use async_trait::async_trait;
use rewards_core::event::Stream;
use rewards_core::ids::TenantId;
use rewards_core::time::Timestamp;
use uuid::Uuid;

use super::MemoryStore;
use super::tables::{QueuePlace, Tables, Waiting, page};
use crate::error::StoreError;
use crate::store::{Claimed, Outbox};

#[async_trait]
impl Outbox for MemoryStore {
    async fn claim(
        &self,
        tenant: &TenantId,
        owner: Uuid,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Claimed>, StoreError> {
        let mut tables = self.tables();
        let mut claimed = Vec::new();
        let mut closed: BTreeSet<Stream> = BTreeSet::new();
        let of_tenant = tables
            .queue
            .iter_mut()
            .skip_while(|(place, _)| place.0 < *tenant)
            .take_while(|(place, _)| place.0 == *tenant);
        for (place, waiting) in of_tenant {
            if claimed.len() >= page(limit) {
                break;
            }
            if closed.contains(&place.2) {
                continue;
            }
            match waiting.lease {
                Some((_, end)) if end > now => {
                    closed.insert(place.2.clone());
                }
                _ => {
                    claimed.push(Claimed {
                        event: waiting.event.clone(),
                        attempts: waiting.attempts,
                    });
                    waiting.lease = Some((owner, until));
                    waiting.attempts = waiting.attempts.saturating_add(1);
                }
            }
        }
        Ok(claimed)
    }

    async fn acknowledge(
        &self,
        tenant: &TenantId,
        owner: Uuid,
        events: &[(Stream, u64)],
    ) -> Result<u64, StoreError> {
        let mut tables = self.tables();
        let mut removed = 0_u64;
        for (stream, seq) in events {
            if let Some((place, _)) = tables.leased(tenant, owner, stream, *seq) {
                tables.queue.remove(&place);
                tables
                    .queued
                    .remove(&(tenant.clone(), stream.clone(), *seq));
                removed = removed.saturating_add(1);
            }
        }
        Ok(removed)
    }

    async fn release(
        &self,
        tenant: &TenantId,
        owner: Uuid,
        events: &[(Stream, u64)],
    ) -> Result<u64, StoreError> {
        let mut tables = self.tables();
        let mut released = 0_u64;
        for (stream, seq) in events {
            if let Some((_, waiting)) = tables.leased(tenant, owner, stream, *seq) {
                waiting.lease = None;
                released = released.saturating_add(1);
            }
        }
        Ok(released)
    }
}

impl Tables {
    /// An event of the queue that `owner` holds. A lease that has run out holds until somebody else claims the event.
    fn leased(
        &mut self,
        tenant: &TenantId,
        owner: Uuid,
        stream: &Stream,
        seq: u64,
    ) -> Option<(QueuePlace, &mut Waiting)> {
        let key = (tenant.clone(), stream.clone(), seq);
        let at = *self.queued.get(&key)?;
        let place = (tenant.clone(), at, stream.clone(), seq);
        let waiting = self.queue.get_mut(&place)?;
        match waiting.lease {
            Some((holder, _)) if holder == owner => Some((place, waiting)),
            _ => None,
        }
    }
}
