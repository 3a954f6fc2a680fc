//! What apps do beside operations: look at the health, audit the books, and add them up.

use rewards_core::ffi::RewardsError;
use rewards_core::money::Money;
use rewards_core::time::Timestamp;

use crate::engine::RewardsEngine;
use crate::guard::guarded;

/// How the engine and its store are.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct EngineHealth {
    /// The store's name: `memory` or `sqlite`.
    pub backend: String,
    /// Version of the schema found.
    pub schema_version: i64,
    /// Events waiting to be delivered, of all tenants; 10,000 when there are as many or more.
    pub outbox_waiting: u64,
    /// When the oldest of them was recorded.
    pub outbox_oldest: Option<Timestamp>,
    /// Commands that were accepted and not taken up yet.
    pub queued: u64,
    /// Whether commands are accepted.
    pub is_open: bool,
}

/// What an audit of the books found.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct BookReport {
    /// Members whose journals were read.
    pub members: u64,
    /// Journal entries read.
    pub entries: u64,
    /// Balances compared.
    pub accounts: u64,
    /// Everything found that cannot be, in words, each after its code; empty when the books are right.
    pub problems: Vec<String>,
    /// How many more problems there were than are listed.
    pub unlisted: u64,
}

/// What all members together have.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Liability {
    /// The instant it is for, by effective time; what is stored when absent.
    pub at: Option<Timestamp>,
    /// How many members there are; by an instant, those of whom there is an entry.
    pub members: u64,
    /// One line per asset, in asset order.
    pub assets: Vec<AssetLiability>,
}

/// What all members together have of one asset.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct AssetLiability {
    /// What members can use, their own money included.
    pub available: Money,
    /// How much of that is their own money, paid in.
    pub main: Money,
    /// What is granted but not available yet.
    pub pending: Money,
    /// What is reserved for something in progress.
    pub reserved: Money,
    /// What members owe, of rewards that were to be taken back and had been spent.
    pub owed: Money,
}

#[uniffi::export(async_runtime = "tokio")]
impl RewardsEngine {
    /// How the engine and its store are.
    pub async fn health(&self) -> Result<EngineHealth, RewardsError> {
        guarded(async {
            let health = self.engine().health().await?;
            Ok(EngineHealth {
                backend: health.store.backend.to_owned(),
                schema_version: health.store.schema_version,
                outbox_waiting: health.store.outbox_waiting,
                outbox_oldest: health.store.outbox_oldest,
                queued: u64::try_from(health.queued).unwrap_or(u64::MAX),
                is_open: health.is_open,
            })
        })
        .await
    }

    /// Says that it is so late, by a clock that the app trusts, such as that of its server: what ended as `clock_ahead` can then
    /// be sent again. It lasts until the engine is shut down, and in the file as soon as a command is recorded.
    pub async fn accept_time(&self, at: Timestamp) -> Result<(), RewardsError> {
        guarded(async { self.engine().accept_time(at) }).await
    }

    /// Writes a whole and consistent copy of the file into a new one at a path, while the engine works on.
    ///
    /// The copy is one SQLite file, which an engine opens and any other tool. It is the way to look at the books from the app: no
    /// other SQLite library of the app, that of the system included, may open the engine's own file. A path where a file is is
    /// refused as `file_exists`, and `memory:` as `backup_unsupported`.
    pub async fn backup(&self, path: String) -> Result<(), RewardsError> {
        guarded(self.engine().backup(path)).await
    }

    /// Removes all waiting events undelivered, and tells how many: for an app that has kept them and sends none to anybody.
    pub async fn discard_events(&self) -> Result<u64, RewardsError> {
        guarded(self.tenant().discard_events()).await
    }

    /// Audits the books: folds all journals, checks every hash, and compares all balances with what is stored.
    pub async fn verify(&self) -> Result<BookReport, RewardsError> {
        guarded(async {
            let report = self.tenant().verify().await?;
            Ok(BookReport {
                members: report.members,
                entries: report.entries,
                accounts: report.accounts,
                problems: report
                    .problems
                    .iter()
                    .map(|problem| format!("{}: {problem}", problem.code()))
                    .collect(),
                unlisted: report.unlisted,
            })
        })
        .await
    }

    /// Adds up what all members have, as it is stored or as it was at an instant, by effective time.
    #[uniffi::method(default(at = None))]
    pub async fn liability(&self, at: Option<Timestamp>) -> Result<Liability, RewardsError> {
        guarded(async {
            let found = self.tenant().liability(at).await?;
            let assets = found.assets.iter().map(|line| AssetLiability {
                available: line.available,
                main: line.main,
                pending: line.pending,
                reserved: line.reserved,
                owed: line.owed,
            });
            Ok(Liability {
                at: found.at,
                members: found.members,
                assets: assets.collect(),
            })
        })
        .await
    }
}
