//! Pages and sweeps.

use std::path::Path;

use async_trait::async_trait;
use rewards_core::counter::Subject;
use rewards_core::decision::ProgramWrite;
use rewards_core::entity::EntityRow;
use rewards_core::ids::{MemberId, ProgramId, TenantId};
use rewards_core::ledger::{JournalEntry, Purpose};
use rewards_core::money::Asset;
use rewards_core::time::Timestamp;
use smol_str::SmolStr;
use sqlx::SqlStr;

use super::SqlStore;
#[cfg(feature = "sqlite")]
use super::backup;
use super::books::SqlBooks;
use super::decode::Decoded;
use super::driver::{Driver, Fetched, Row};
use super::fault::At as _;
use super::rows::{Param, Rows};
use super::statements::KNOWN;
use crate::error::StoreError;
use crate::store::{
    AfterMember, BookView, DuePage, DuePlace, MemberHead, OUTBOX_COUNTED_MAX, Query, StoreHealth,
};

impl SqlStore {
    async fn page(&self, sql: &SqlStr, params: Vec<Param<'_>>) -> Result<Fetched, StoreError> {
        self.call(|| async {
            let mut held = self.driver().reader().await?;
            let page = held.session()?.fetch(sql, params.clone()).await;
            held.end(page)
        })
        .await
    }
}

/// Where a sweep over members begins: no id is the empty text.
pub(super) fn start(after: Option<&MemberId>) -> &str {
    after.map_or("", |member| member.as_str())
}

/// Control accounts, each summed over its parts, which follow one another.
pub(super) fn controls(rows: Vec<(Purpose, Asset, i64)>) -> Vec<(Purpose, Asset, i128)> {
    let mut accounts: Vec<(Purpose, Asset, i128)> = Vec::new();
    for (purpose, asset, amount) in rows {
        let amount = i128::from(amount);
        match accounts.last_mut() {
            Some((p, a, sum)) if *p == purpose && *a == asset => {
                *sum = sum.saturating_add(amount);
            }
            _ => accounts.push((purpose, asset, amount)),
        }
    }
    accounts
}

/// A row of a tenant's control accounts.
pub(super) fn control(row: Row<'_>) -> Result<(Purpose, Asset, i64), StoreError> {
    let row = Decoded(row);
    let id = row.text(0).unwrap_or_default();
    row.control().at("control_accounts", id)
}

#[async_trait]
impl Query for SqlStore {
    async fn programs(
        &self,
        tenant: &TenantId,
        known: &[(ProgramId, u32)],
    ) -> Result<Vec<ProgramWrite>, StoreError> {
        let mut rows = Rows::new(self.dialect(), KNOWN);
        for (program, newest) in known {
            rows.push([program.as_str().into(), (*newest).into()]);
        }
        let params = vec![tenant.as_str().into(), rows.into()];
        let page = self.page(&self.statements().programs, params).await?;
        let row = |row| {
            let row = Decoded(row);
            let id = row.text(0).unwrap_or_default();
            row.program(tenant).at("programs", id)
        };
        page.iter().map(row).collect()
    }

    async fn due_members(
        &self,
        tenant: &TenantId,
        now: Timestamp,
        after: Option<DuePlace>,
        limit: u32,
    ) -> Result<DuePage, StoreError> {
        if limit == 0 {
            return Ok(DuePage::default());
        }
        let (at, member) = after.unzip();
        let at = at.map_or(i64::MIN, Timestamp::micros);
        let size = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut found = Vec::new();
        let mut end: Option<DuePlace> = None;
        let statements = self.statements();
        for sql in [&statements.due_lots, &statements.due_reviews] {
            let params = vec![
                tenant.as_str().into(),
                now.into(),
                at.into(),
                start(member.as_ref()).into(),
                limit.into(),
            ];
            let page = self.page(sql, params).await?;
            let rows = page.iter().map(|row| Decoded(row).due_place());
            let rows = rows.collect::<Result<Vec<_>, _>>()?;
            // There may be more of them, and nobody knows where.
            if rows.len() >= size
                && let Some((last, _)) = rows.last()
                && end.as_ref().is_none_or(|end| last < end)
            {
                end = Some(last.clone());
            }
            found.extend(rows);
        }
        Ok(DuePage::of(found, end, size))
    }

    async fn members(
        &self,
        tenant: &TenantId,
        after: AfterMember,
        limit: u32,
    ) -> Result<Vec<MemberHead>, StoreError> {
        let params = vec![
            tenant.as_str().into(),
            start(after.as_ref()).into(),
            limit.into(),
        ];
        let page = self.page(&self.statements().members, params).await?;
        let row = |row| {
            let row = Decoded(row);
            let id = row.text(0).unwrap_or_default();
            row.head().at("members", id)
        };
        page.iter().map(row).collect()
    }

    async fn journal(
        &self,
        tenant: &TenantId,
        after: Option<(MemberId, u64)>,
        limit: u32,
    ) -> Result<Vec<JournalEntry>, StoreError> {
        let (member, seq) = after.unzip();
        let params = vec![
            tenant.as_str().into(),
            start(member.as_ref()).into(),
            seq.unwrap_or_default().into(),
            limit.into(),
        ];
        let page = self.page(&self.statements().journal, params).await?;
        page.iter()
            .map(|row| Decoded(row).journal_entry())
            .collect()
    }

    async fn control_accounts(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<(Purpose, Asset, i128)>, StoreError> {
        let params = vec![tenant.as_str().into()];
        let page = self
            .page(&self.statements().control_accounts, params)
            .await?;
        let rows: Result<Vec<_>, StoreError> = page.iter().map(control).collect();
        Ok(controls(rows?))
    }

    async fn counters(
        &self,
        tenant: &TenantId,
        subject: &Subject,
    ) -> Result<Vec<(String, i64, i64)>, StoreError> {
        let text = subject.text();
        let params = vec![tenant.as_str().into(), text.as_str().into()];
        let page = self.page(&self.statements().counters, params).await?;
        let row = |row| Decoded(row).named_counter().at("counters", subject);
        page.iter().map(row).collect()
    }

    async fn entities(
        &self,
        tenant: &TenantId,
        kind: &'static str,
        after: Option<SmolStr>,
        limit: u32,
    ) -> Result<Vec<(SmolStr, EntityRow)>, StoreError> {
        let params = vec![
            tenant.as_str().into(),
            kind.into(),
            after.as_deref().unwrap_or_default().into(),
            limit.into(),
        ];
        let page = self.page(&self.statements().entities, params).await?;
        page.iter().map(|row| Decoded(row).named_entity()).collect()
    }

    async fn health(&self) -> Result<StoreHealth, StoreError> {
        let statements = self.statements();
        let schema = self.page(&statements.schema_version, Vec::new()).await?;
        let most = vec![OUTBOX_COUNTED_MAX.into()];
        let outbox = self.page(&statements.outbox_state, most).await?;
        let version = schema.iter().next().map(|row| Decoded(row).int(0));
        let state = outbox.iter().next().map(|row| Decoded(row).lag());
        let (outbox_waiting, outbox_oldest) =
            state.transpose().at("outbox", "all")?.unwrap_or_default();
        Ok(StoreHealth {
            backend: self.dialect().name(),
            schema_version: version
                .transpose()
                .at("_sqlx_migrations", "all")?
                .unwrap_or_default(),
            outbox_waiting,
            outbox_oldest,
        })
    }

    async fn backup(&self, path: &Path) -> Result<(), StoreError> {
        match self.driver() {
            #[cfg(feature = "sqlite")]
            Driver::Sqlite(driver) => {
                self.driver().check()?;
                Self::check_file(path).map_err(|detail| StoreError::PathInvalid { detail })?;
                backup::backup(driver, path).await?;
                self.driver().look()
            }
            #[cfg(feature = "postgres")]
            Driver::Postgres(_) => {
                let _ = path;
                Err(StoreError::BackupUnsupported {
                    detail: "use `pg_dump`, which comes with PostgreSQL".to_owned(),
                })
            }
        }
    }

    async fn books<'s>(&'s self, tenant: &TenantId) -> Result<Box<dyn BookView + 's>, StoreError> {
        let books = SqlBooks::open(self, tenant).await;
        Ok(Box::new(books.map_err(|failure| self.fault(failure))?))
    }
}
