//! What hosts do beside operations: deliver events, look at the health, and audit the books.

use rewards_core::event::Stream;
use rewards_core::ledger::{AuditProblem, BookAudit};
use rewards_core::rejection::{Fault, Problem};
use uuid::Uuid;

use super::{Engine, TenantEngine};
use crate::store::{Claimed, StoreHealth};

/// Rows of one page of an audit.
const PAGE: u32 = 1_000;
/// How often a book that moved while it was read is read again.
const READINGS_MAX: u32 = 3;

/// How the engine and its store are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// How the store is.
    pub store: StoreHealth,
    /// For how many seconds the oldest waiting event has waited; 0 when none waits.
    pub outbox_lag_seconds: u64,
    /// Commands that were accepted and that no worker has taken up yet.
    pub queued: usize,
    /// Workers at work; fewer than [`workers_wanted`](Self::workers_wanted) when some have died.
    ///
    /// What a command or a backend does wrong, panics included, is told to the caller and kills nobody, so a worker dies of a
    /// defect of the engine or of the host's recorder of metrics alone. It is not replaced: nobody knows what the defect has
    /// left behind, and an engine that raises its dead hides that it loses a batch with each of them. The others serve the
    /// members it has served; with the last one the engine closes, and the host opens it anew.
    pub workers: usize,
    /// Workers that the engine was opened with.
    pub workers_wanted: usize,
    /// Whether commands are accepted.
    pub is_open: bool,
}

/// What an audit of a tenant's books found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookReport {
    /// Members whose journals were read.
    pub members: u64,
    /// Journal entries read.
    pub entries: u64,
    /// Balances compared.
    pub accounts: u64,
    /// Everything found that cannot be.
    pub problems: Vec<AuditProblem>,
    /// Whether commands moved the books while they were read; the problems may then come from that alone.
    pub moved: bool,
}

impl BookReport {
    /// Whether the books are right: nothing was found.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.problems.is_empty()
    }
}

impl Engine {
    /// How the engine and its store are, within a second. Works on a closed engine, too.
    ///
    /// # Errors
    /// A fault of the store when it cannot be reached, `store_unavailable` when it gives no answer.
    pub async fn health(&self) -> Result<Health, Fault> {
        let store = self.inner.shared.storage.health().await?;
        let now = self.inner.clock.now().micros();
        let lag = store
            .outbox_oldest
            .map_or(0, |oldest| now.saturating_sub(oldest.micros()));
        Ok(Health {
            store,
            outbox_lag_seconds: u64::try_from(lag / 1_000_000).unwrap_or_default(),
            queued: self.inner.queue.waiting(),
            workers: self.inner.queue.workers(),
            workers_wanted: self.inner.workers,
            is_open: self.inner.check_open().is_ok(),
        })
    }
}

impl TenantEngine {
    /// Leases the oldest waiting events to `owner` for so many seconds, at most `limit` of them.
    ///
    /// An event is handed out until it is acknowledged: deliver it, then call [`Self::acknowledge_events`].
    ///
    /// # Errors
    /// `invalid` for a lease that ends beyond the supported time; a fault of the store; `engine_closed`.
    pub async fn claim_events(
        &self,
        owner: Uuid,
        lease_seconds: u32,
        limit: u32,
    ) -> Result<Vec<Claimed>, Fault> {
        self.inner.check_open()?;
        let now = self.inner.clock.now();
        let lease = i64::from(lease_seconds).saturating_mul(1_000_000);
        let until = now
            .checked_add_micros(lease)
            .map_err(|error| Problem::new("out_of_range", "lease_seconds", error.to_string()))?;
        let storage = &self.inner.shared.storage;
        let claimed = storage.ask(|store| store.claim(self.tenant(), owner, now, until, limit));
        Ok(claimed.await?)
    }

    /// Removes delivered events that are leased to `owner`; returns how many were.
    ///
    /// # Errors
    /// A fault of the store; `engine_closed`.
    pub async fn acknowledge_events(
        &self,
        owner: Uuid,
        events: &[(Stream, u64)],
    ) -> Result<u64, Fault> {
        self.inner.check_open()?;
        let storage = &self.inner.shared.storage;
        let removed = storage.ask(|store| store.acknowledge(self.tenant(), owner, events));
        Ok(removed.await?)
    }

    /// Gives back events that `owner` has leased and will not deliver; returns how many were.
    ///
    /// # Errors
    /// A fault of the store; `engine_closed`.
    pub async fn release_events(
        &self,
        owner: Uuid,
        events: &[(Stream, u64)],
    ) -> Result<u64, Fault> {
        self.inner.check_open()?;
        let storage = &self.inner.shared.storage;
        let released = storage.ask(|store| store.release(self.tenant(), owner, events));
        Ok(released.await?)
    }

    /// Audits the tenant's books: folds all journals, checks every hash, and compares the ends of the journals, the balances of
    /// all members and the control accounts with what is stored. Control accounts sum to zero per asset.
    ///
    /// The books are read page by page, not in one view, so this wants a quiet moment. When something was found and
    /// commands moved the books meanwhile, they are read again, a few times; a report that is still
    /// [`moved`](BookReport::moved) proves nothing against them. Needs memory in proportion to the number of accounts.
    ///
    /// # Errors
    /// A fault of the store; `engine_closed`.
    pub async fn verify(&self) -> Result<BookReport, Fault> {
        self.inner.check_open()?;
        let mut report = self.read_books().await?;
        for _ in 1..READINGS_MAX {
            if report.is_valid() || !report.moved {
                break;
            }
            report = self.read_books().await?;
        }
        Ok(report)
    }

    async fn read_books(&self) -> Result<BookReport, Fault> {
        let before = self.sweep_members(|_| ()).await?;
        let mut audit = BookAudit::new(self.tenant().clone());
        self.fold_journals(&mut audit).await?;
        let members = self
            .sweep_members(|head| audit.member(&head.member, head.journal, &head.balances))
            .await?;
        let accounts = self.compare_control_accounts(&mut audit).await?;
        let (entries, problems) = audit.finish();
        let moved = before != self.sweep_members(|_| ()).await?;
        Ok(BookReport {
            members: members.members,
            entries,
            accounts,
            problems,
            moved,
        })
    }

    async fn fold_journals(&self, audit: &mut BookAudit) -> Result<(), Fault> {
        let storage = &self.inner.shared.storage;
        let mut after = None;
        loop {
            let page = storage
                .ask(|store| store.journal(self.tenant(), after.clone(), PAGE))
                .await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            page.iter().for_each(|entry| audit.entry(entry));
            after = Some((last.member.clone(), last.seq));
        }
    }

    async fn sweep_members(
        &self,
        mut each: impl FnMut(&crate::store::MemberHead),
    ) -> Result<Extent, Fault> {
        let storage = &self.inner.shared.storage;
        let mut extent = Extent::default();
        let mut after = None;
        loop {
            let page = storage
                .ask(|store| store.members(self.tenant(), after.clone(), PAGE))
                .await?;
            let Some(last) = page.last() else {
                return Ok(extent);
            };
            for head in &page {
                extent.members = extent.members.saturating_add(1);
                extent.entries = extent.entries.saturating_add(u128::from(head.journal.seq));
                each(head);
            }
            after = Some(last.member.clone());
        }
    }

    async fn compare_control_accounts(&self, audit: &mut BookAudit) -> Result<u64, Fault> {
        let storage = &self.inner.shared.storage;
        let stored = storage.ask(|store| store.control_accounts(self.tenant()));
        let mut accounts = 0_u64;
        for (purpose, asset, balance) in stored.await? {
            audit.control(&purpose, asset, balance);
            accounts = accounts.saturating_add(1);
        }
        Ok(accounts)
    }
}

/// How large the books are. Journals only grow, so books that are as large as before have not moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Extent {
    members: u64,
    entries: u128,
}
