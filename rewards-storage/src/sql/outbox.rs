//! Events on their way out.
//!
//! Claims of one tenant take turns: each locks the tenant's row in `relays` first. Without it two claims could look at
//! the same stream at once and hand its first event to one relay and its second to another. Acknowledgements and releases
//! wait for their turn, too: of a lease that has run out they touch rows that a claim touches in another order.

use async_trait::async_trait;
use rewards_core::event::Stream;
use rewards_core::ids::TenantId;
use rewards_core::time::Timestamp;
use sqlx::SqlStr;
use uuid::Uuid;

use super::SqlStore;
use super::decode::Decoded;
use super::driver::{Fetched, Purpose};
use super::fault::{At as _, Failure};
use super::rows::{Param, Rows};
use super::statements::LEASED;
use crate::error::StoreError;
use crate::store::{Claimed, Outbox};

/// How many events one statement settles: it is short, and of no size that a plan made for few rows gets wrong.
const SETTLED_AT_ONCE: usize = 1_000;

/// Who asks for events, and on what terms.
#[derive(Clone, Copy)]
struct Claim<'a> {
    tenant: &'a TenantId,
    owner: &'a Uuid,
    now: Timestamp,
    until: Timestamp,
    limit: u32,
}

impl<'a> Claim<'a> {
    fn params(&self) -> Vec<Param<'a>> {
        vec![
            self.tenant.as_str().into(),
            self.now.into(),
            self.limit.into(),
        ]
    }
}

impl SqlStore {
    /// Whether there is anything to claim. Only reads: a relay that polls an empty outbox writes nothing.
    async fn is_waiting(&self, claim: Claim<'_>) -> Result<bool, Failure> {
        let mut held = self.driver().reader().await?;
        let params = Claim { limit: 1, ..claim }.params();
        let sql = &self.statements().waiting;
        let waiting = held.session()?.fetch(sql, params).await;
        Ok(held.end(waiting)?.iter().next().is_some())
    }

    async fn lease(&self, claim: Claim<'_>) -> Result<Fetched, Failure> {
        let mut params = claim.params();
        params.push(claim.owner.as_bytes().as_slice().into());
        params.push(claim.until.into());
        self.in_turn(claim.tenant, &self.statements().claim, params)
            .await
    }

    /// Runs a statement over events when it is a tenant's turn, and returns its rows.
    async fn in_turn(
        &self,
        tenant: &TenantId,
        sql: &SqlStr,
        params: Vec<Param<'_>>,
    ) -> Result<Fetched, Failure> {
        let mut held = self.driver().writer().await?;
        let found = async {
            let mut transaction = held.session()?.begin(Purpose::Write).await?;
            let mut session = transaction.session();
            let turn = vec![tenant.as_str().into()];
            session.execute(&self.statements().take_turn, turn).await?;
            let found = session.fetch(sql, params).await?;
            transaction.commit().await?;
            Ok::<_, sqlx::Error>(found)
        };
        let found = found.await;
        held.end(found)
    }

    /// Runs a statement over events leased to an owner, some at a time, and returns how many it found.
    async fn settle(
        &self,
        sql: &SqlStr,
        tenant: &TenantId,
        owner: Uuid,
        events: &[(Stream, u64)],
    ) -> Result<u64, StoreError> {
        let mut found = 0_usize;
        for events in events.chunks(SETTLED_AT_ONCE) {
            let mut rows = Rows::new(self.dialect(), LEASED);
            for (stream, seq) in events {
                rows.push([stream.text().into(), (*seq).into()]);
            }
            let params: Vec<Param<'_>> = vec![
                tenant.as_str().into(),
                owner.as_bytes().as_slice().into(),
                rows.into(),
            ];
            let settled = self.call(|| self.in_turn(tenant, sql, params.clone()));
            found = found.saturating_add(settled.await?.iter().count());
        }
        Ok(u64::try_from(found).unwrap_or(u64::MAX))
    }
}

#[async_trait]
impl Outbox for SqlStore {
    async fn claim(
        &self,
        tenant: &TenantId,
        owner: Uuid,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Claimed>, StoreError> {
        let claim = Claim {
            tenant,
            owner: &owner,
            now,
            until,
            limit,
        };
        let leased = self.call(|| async {
            match self.is_waiting(claim).await? {
                true => Ok(Some(self.lease(claim).await?)),
                false => Ok(None),
            }
        });
        let Some(leased) = leased.await? else {
            return Ok(Vec::new());
        };
        let mut claimed = Vec::new();
        for row in leased.iter().map(Decoded) {
            let event = row.event()?;
            let queued_at = row.queued_at().at("outbox", "recorded_at")?;
            let place = (queued_at, event.stream.text(), event.seq);
            let attempts = row.earlier_attempts().at("outbox", "attempts")?;
            claimed.push((place, Claimed { event, attempts }));
        }
        // What an update returns has no order.
        claimed.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(claimed.into_iter().map(|(_, claimed)| claimed).collect())
    }

    async fn acknowledge(
        &self,
        tenant: &TenantId,
        owner: Uuid,
        events: &[(Stream, u64)],
    ) -> Result<u64, StoreError> {
        self.settle(&self.statements().acknowledge, tenant, owner, events)
            .await
    }

    async fn release(
        &self,
        tenant: &TenantId,
        owner: Uuid,
        events: &[(Stream, u64)],
    ) -> Result<u64, StoreError> {
        self.settle(&self.statements().release, tenant, owner, events)
            .await
    }
}
