//! Pages and sweeps.

use async_trait::async_trait;
use rewards_core::decision::ProgramWrite;
use rewards_core::ids::{MemberId, TenantId};
use rewards_core::ledger::{Account, JournalEntry};
use rewards_core::time::Timestamp;
use sqlx::SqlStr;

use super::SqlStore;
use super::decode::{self, Decoded};
use super::driver::Fetched;
use super::fault::At as _;
use super::rows::Param;
use crate::error::StoreError;
use crate::store::{AfterMember, MemberHead, Query, StoreHealth};

impl SqlStore {
    async fn page(&self, sql: &SqlStr, params: Vec<Param<'_>>) -> Result<Fetched, StoreError> {
        let page = async {
            let mut held = self.driver().reader().await?;
            let page = held.session()?.fetch(sql, params).await?;
            held.release();
            Ok(page)
        };
        page.await
            .map_err(|error: sqlx::Error| self.fault(error.into()))
    }
}

/// Where a sweep over members begins: no id is the empty text.
fn start(after: Option<&MemberId>) -> &str {
    after.map_or("", |member| member.as_str())
}

#[async_trait]
impl Query for SqlStore {
    async fn programs(&self, tenant: &TenantId) -> Result<Vec<ProgramWrite>, StoreError> {
        let params = vec![tenant.as_str().into()];
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
        after: AfterMember,
        limit: u32,
    ) -> Result<Vec<MemberId>, StoreError> {
        let params = vec![
            tenant.as_str().into(),
            now.into(),
            start(after.as_ref()).into(),
            limit.into(),
        ];
        let page = self.page(&self.statements().due_members, params).await?;
        let row = |row| {
            let text = Decoded(row).text(0).at("members", "?")?;
            decode::member(text).at("members", text)
        };
        page.iter().map(row).collect()
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

    async fn balances(
        &self,
        tenant: &TenantId,
        after: Option<Account>,
        limit: u32,
    ) -> Result<Vec<(Account, i64)>, StoreError> {
        let texts = after.map(|account| {
            let holder = account.holder_text().to_owned();
            (
                holder,
                account.purpose.to_string(),
                account.asset.to_string(),
            )
        });
        let (holder, purpose, asset) = texts.unwrap_or_default();
        let params = vec![
            tenant.as_str().into(),
            holder.as_str().into(),
            purpose.as_str().into(),
            asset.as_str().into(),
            limit.into(),
        ];
        let page = self.page(&self.statements().balances, params).await?;
        let row = |row| {
            let row = Decoded(row);
            let id = row.text(0).unwrap_or_default();
            row.held().at("balances", id)
        };
        page.iter().map(row).collect()
    }

    async fn counters(
        &self,
        tenant: &TenantId,
        subject: &str,
    ) -> Result<Vec<(String, i64, i64)>, StoreError> {
        let params = vec![tenant.as_str().into(), subject.into()];
        let page = self.page(&self.statements().counters, params).await?;
        let row = |row| Decoded(row).named_counter().at("counters", subject);
        page.iter().map(row).collect()
    }

    async fn health(&self) -> Result<StoreHealth, StoreError> {
        let statements = self.statements();
        let schema = self.page(&statements.schema_version, Vec::new()).await?;
        let outbox = self.page(&statements.outbox_state, Vec::new()).await?;
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
}
