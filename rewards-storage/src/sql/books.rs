//! One view of a tenant's books: a transaction that reads, held from the first page to the last.

use std::collections::BTreeSet;
use std::fmt;

use async_trait::async_trait;
use rewards_core::audit::{CounterPlace, StoredRevision};
use rewards_core::entity::EntityRow;
use rewards_core::event::Stream;
use rewards_core::ids::{MemberId, ProgramId, TenantId};
use rewards_core::ledger::{JournalEntry, Purpose};
use rewards_core::money::Asset;
use rewards_core::snapshot::{ReadPlan, Snapshot, StoredReply};
use smol_str::SmolStr;
use sqlx::SqlStr;

use super::SqlStore;
use super::decode::Decoded;
use super::driver::{Fetched, Held};
use super::fault::{At as _, Failure};
use super::load::load_within;
use super::query::{control, controls, start};
use super::rows::Param;
use crate::error::StoreError;
use crate::store::{
    AfterMember, BookView, OwnedPlace, ReplyPlace, StoredEvent, StoredLot, StoredMember,
};

/// One view of a tenant's books. Dropping it ends the transaction.
pub(super) struct SqlBooks<'s> {
    store: &'s SqlStore,
    tenant: TenantId,
    held: Held<'s>,
    /// The rows that could not be read, in words; a row may be met twice.
    unreadable: BTreeSet<String>,
}

impl fmt::Debug for SqlBooks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SqlBooks").field(&self.store).finish()
    }
}

impl Drop for SqlBooks<'_> {
    fn drop(&mut self) {
        self.held.end_view();
    }
}

impl<'s> SqlBooks<'s> {
    /// Takes a connection and begins the view.
    pub async fn open(store: &'s SqlStore, tenant: &TenantId) -> Result<Self, Failure> {
        store.driver().look()?;
        let held = store.driver().reader().await?;
        let mut books = Self {
            store,
            tenant: tenant.clone(),
            held,
            unreadable: BTreeSet::new(),
        };
        books.held.begin_view().await?;
        Ok(books)
    }

    async fn page(&mut self, sql: &SqlStr, params: Vec<Param<'_>>) -> Result<Fetched, StoreError> {
        let page = async { self.held.session()?.fetch(sql, params).await };
        let page = page.await;
        page.map_err(|error| self.store.fault(error.into()))
    }

    /// The rows of a page that can be read.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for a full page of which none can: nobody could say where it ends.
    fn readable<T>(
        &mut self,
        rows: impl Iterator<Item = Result<T, StoreError>>,
        limit: u32,
    ) -> Result<Vec<T>, StoreError> {
        let mut readable = Vec::new();
        let mut left_out = 0_u32;
        for row in rows {
            match row {
                Ok(row) => readable.push(row),
                Err(StoreError::Corrupt { detail }) => {
                    left_out = left_out.saturating_add(1);
                    if left_out >= limit {
                        return Err(StoreError::Corrupt { detail });
                    }
                    self.unreadable.insert(detail);
                }
                Err(other) => return Err(other),
            }
        }
        Ok(readable)
    }
}

/// No number, instant or bucket is the least one, and no text is the empty one, so this is before the first place.
const BEFORE_ALL: (&str, i64) = ("", i64::MIN);

#[async_trait]
impl BookView for SqlBooks<'_> {
    async fn members(
        &mut self,
        after: AfterMember,
        limit: u32,
    ) -> Result<Vec<StoredMember>, StoreError> {
        let tenant = self.tenant.clone();
        let params = vec![
            tenant.as_str().into(),
            start(after.as_ref()).into(),
            limit.into(),
        ];
        let sql = &self.store.statements().book_members;
        let page = self.page(sql, params).await?;
        self.readable(page.iter().map(|row| Decoded(row).stored_member()), limit)
    }

    async fn journal(
        &mut self,
        after: Option<(MemberId, u64)>,
        limit: u32,
    ) -> Result<Vec<JournalEntry>, StoreError> {
        let tenant = self.tenant.clone();
        let (member, seq) = after.unzip();
        let params = vec![
            tenant.as_str().into(),
            start(member.as_ref()).into(),
            seq.unwrap_or_default().into(),
            limit.into(),
        ];
        let sql = &self.store.statements().journal;
        let page = self.page(sql, params).await?;
        self.readable(page.iter().map(|row| Decoded(row).journal_entry()), limit)
    }

    async fn lots(
        &mut self,
        after: Option<(MemberId, u64)>,
        limit: u32,
    ) -> Result<Vec<StoredLot>, StoreError> {
        let tenant = self.tenant.clone();
        let (member, number) = after.unzip();
        let params = vec![
            tenant.as_str().into(),
            start(member.as_ref()).into(),
            number.unwrap_or_default().into(),
            limit.into(),
        ];
        let sql = &self.store.statements().book_lots;
        let page = self.page(sql, params).await?;
        self.readable(page.iter().map(|row| Decoded(row).stored_lot()), limit)
    }

    async fn owned(
        &mut self,
        kind: &'static str,
        after: Option<OwnedPlace>,
        limit: u32,
    ) -> Result<Vec<(SmolStr, EntityRow)>, StoreError> {
        let tenant = self.tenant.clone();
        let place = after.as_ref();
        let params = vec![
            tenant.as_str().into(),
            start(place.map(|(owner, ..)| owner)).into(),
            place.map_or(BEFORE_ALL.1, |(_, at, _)| at.micros()).into(),
            place.map_or(BEFORE_ALL.0, |(.., id)| id.as_str()).into(),
            limit.into(),
            kind.into(),
        ];
        let sql = &self.store.statements().book_owned;
        let page = self.page(sql, params).await?;
        self.readable(page.iter().map(|row| Decoded(row).named_entity()), limit)
    }

    async fn entities(
        &mut self,
        kind: &'static str,
        after: Option<SmolStr>,
        limit: u32,
    ) -> Result<Vec<(SmolStr, EntityRow)>, StoreError> {
        let tenant = self.tenant.clone();
        let params = vec![
            tenant.as_str().into(),
            kind.into(),
            after.as_deref().unwrap_or_default().into(),
            limit.into(),
        ];
        let sql = &self.store.statements().entities;
        let page = self.page(sql, params).await?;
        self.readable(page.iter().map(|row| Decoded(row).named_entity()), limit)
    }

    async fn counters(
        &mut self,
        after: Option<CounterPlace>,
        limit: u32,
    ) -> Result<Vec<(CounterPlace, i64)>, StoreError> {
        let tenant = self.tenant.clone();
        let (subject, name, bucket) = after.as_ref().map_or(
            (BEFORE_ALL.0, BEFORE_ALL.0, BEFORE_ALL.1),
            |(subject, name, bucket)| (subject.as_str(), name.as_str(), *bucket),
        );
        let params = vec![
            tenant.as_str().into(),
            subject.into(),
            name.into(),
            bucket.into(),
            limit.into(),
        ];
        let sql = &self.store.statements().book_counters;
        let page = self.page(sql, params).await?;
        let row = |row| {
            let row = Decoded(row);
            let id = row.text(0).unwrap_or_default();
            row.stored_counter().at("counters", id)
        };
        self.readable(page.iter().map(row), limit)
    }

    async fn control_accounts(&mut self) -> Result<Vec<(Purpose, Asset, i128)>, StoreError> {
        let tenant = self.tenant.clone();
        let sql = &self.store.statements().control_accounts;
        let page = self.page(sql, vec![tenant.as_str().into()]).await?;
        let rows = page.iter().map(control).collect::<Vec<_>>();
        Ok(controls(self.readable(rows.into_iter(), u32::MAX)?))
    }

    async fn events(
        &mut self,
        after: Option<(Stream, u64)>,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let tenant = self.tenant.clone();
        let place = after.map(|(stream, seq)| (stream.text(), seq));
        let (stream, seq) = place.unwrap_or_default();
        let params = vec![
            tenant.as_str().into(),
            stream.as_str().into(),
            seq.into(),
            limit.into(),
        ];
        let sql = &self.store.statements().book_events;
        let page = self.page(sql, params).await?;
        self.readable(page.iter().map(|row| Decoded(row).stored_event()), limit)
    }

    async fn revisions(
        &mut self,
        after: Option<(ProgramId, u32)>,
        limit: u32,
    ) -> Result<Vec<StoredRevision>, StoreError> {
        let tenant = self.tenant.clone();
        let (program, revision) = after.unzip();
        let params = vec![
            tenant.as_str().into(),
            program
                .as_ref()
                .map_or("", |program| program.as_str())
                .into(),
            revision.unwrap_or_default().into(),
            limit.into(),
        ];
        let sql = &self.store.statements().book_revisions;
        let page = self.page(sql, params).await?;
        let row = |row| {
            let row = Decoded(row);
            let id = row.text(0).unwrap_or_default();
            row.stored_revision().at("programs", id)
        };
        self.readable(page.iter().map(row), limit)
    }

    async fn replies(
        &mut self,
        operation: &'static str,
        after: Option<ReplyPlace>,
        limit: u32,
    ) -> Result<Vec<(ReplyPlace, StoredReply)>, StoreError> {
        let tenant = self.tenant.clone();
        let (origin, key) = after.unwrap_or_default();
        let params = vec![
            tenant.as_str().into(),
            operation.into(),
            origin.as_str().into(),
            key.as_str().into(),
            limit.into(),
        ];
        let sql = &self.store.statements().book_replies;
        let page = self.page(sql, params).await?;
        let row = |row| {
            let row = Decoded(row);
            let key = row.text(1).unwrap_or_default();
            row.stored_reply().at("replies", key)
        };
        self.readable(page.iter().map(row), limit)
    }

    async fn load(&mut self, plan: &ReadPlan) -> Result<Snapshot, StoreError> {
        let means = self.store.means();
        let loaded = async {
            let mut session = self.held.session()?;
            load_within(&mut session, means, plan).await
        };
        loaded.await.map_err(|failure| self.store.fault(failure))
    }

    fn unreadable(&mut self) -> Vec<String> {
        std::mem::take(&mut self.unreadable).into_iter().collect()
    }
}
