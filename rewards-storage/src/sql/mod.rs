//! SQLite and PostgreSQL: one implementation over the closed set of two drivers.
//!
//! - SQL is written once, in `statements`, `load` and `look`; what the databases say in different words is in `dialect`.
//! - A commit of any number of batches and a load of any number of keys cost a constant number of statements: rows
//!   travel as sets, in one parameter a column or in one JSON text.
//! - Times are microseconds, amounts minor units, both 64-bit numbers; documents are JSON.
//!
//! Every call ends within [`SqlOptions::call_limit`], whatever the network does.
//!
//! The store decides nothing. It checks what it is told to check, and says which check failed first.

mod arms;
#[cfg(feature = "sqlite")]
mod backup;
mod books;
mod commit;
mod decode;
mod dialect;
mod driver;
mod fallback;
mod fault;
mod group;
mod load;
#[cfg(feature = "sqlite")]
mod log;
mod look;
mod open;
mod outbox;
mod packing;
mod pages;
mod parameters;
#[cfg(feature = "sqlite")]
pub(crate) mod place;
#[cfg(all(test, feature = "postgres"))]
mod plans;
mod query;
mod rows;
mod slots;
mod statements;
#[cfg(all(test, feature = "postgres"))]
mod sweep_plans;
#[cfg(feature = "sqlite")]
mod watch;
mod writes;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rewards_core::snapshot::{ReadPlan, Snapshot};
use tracing::Instrument as _;

#[cfg(feature = "sqlite")]
pub(crate) use self::fault::classify;
pub(crate) use self::open::Scheme;
pub use self::open::SqlOptions;

use self::commit::{Means, Races};
use self::dialect::Dialect;
use self::driver::Driver;
#[cfg(not(feature = "sqlite"))]
use self::fault::classify;
use self::fault::{Failure, Suspicion, advised};
use self::slots::Slots;
use self::statements::Statements;
use crate::batch::{Commit, CommitBatch};
use crate::error::StoreError;
use crate::store::Store;

/// A store in SQLite or PostgreSQL. Cloning is cheap: the connections are shared.
#[derive(Clone)]
pub struct SqlStore {
    inner: Arc<Inner>,
}

/// Shows which database it is, and not where: an address can hold a password.
impl fmt::Debug for SqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SqlStore")
            .field(&self.dialect().name())
            .finish()
    }
}

struct Inner {
    driver: Driver,
    dialect: Dialect,
    statements: Statements,
    slots: Slots,
    races: Races,
    suspicion: Arc<Suspicion>,
    /// How long one call takes at most.
    call_limit: Duration,
}

impl Inner {
    fn new(
        driver: Driver,
        dialect: Dialect,
        suspicion: Arc<Suspicion>,
        call_limit: Duration,
    ) -> Self {
        Self {
            call_limit,
            driver,
            dialect,
            statements: Statements::new(dialect),
            slots: match dialect {
                #[cfg(feature = "sqlite")]
                Dialect::Sqlite => Slots::one(),
                #[cfg(feature = "postgres")]
                Dialect::Postgres => Slots::spread(),
            },
            races: Races::default(),
            suspicion,
        }
    }
}

impl SqlStore {
    fn new(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Waits for what is under way and closes all connections. Later calls are refused.
    ///
    /// # Errors
    /// [`StoreError`] when a connection cannot be closed in order; nothing that was committed is lost.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.driver().close().await.map_err(classify)
    }

    fn driver(&self) -> &Driver {
        &self.inner.driver
    }

    fn dialect(&self) -> Dialect {
        self.inner.dialect
    }

    fn statements(&self) -> &Statements {
        &self.inner.statements
    }

    /// Works until there is an outcome, for no longer than a call may take, and tells a failure in the words of the store.
    async fn call<T, W>(&self, work: impl Fn() -> W) -> Result<T, StoreError>
    where
        W: Future<Output = Result<T, Failure>>,
    {
        self.driver().check()?;
        let outcome = fault::within(self.inner.call_limit, work).await;
        // Before anybody is told that it is done: a file that others of this process write as well may have lost it.
        self.driver().look()?;
        outcome.map_err(|failure| self.fault(failure))
    }

    /// A failure in the words of the store.
    fn fault(&self, failure: Failure) -> StoreError {
        match failure {
            Failure::Late(limit) => {
                self.inner.suspicion.raise();
                fault::late(limit)
            }
            Failure::Driver(error) => {
                self.inner.suspicion.note(&error);
                #[cfg(feature = "sqlite")]
                if let Driver::Sqlite(driver) = self.driver()
                    && fault::is_of_disk(&error)
                {
                    return place::at_work(advised(error), driver.options.get_filename());
                }
                advised(error)
            }
            Failure::Store(error) => error,
        }
    }

    fn means(&self) -> Means<'_> {
        Means {
            driver: self.driver(),
            dialect: self.dialect(),
            statements: self.statements(),
            slots: &self.inner.slots,
            races: &self.inner.races,
        }
    }
}

#[async_trait]
impl Store for SqlStore {
    async fn load(&self, plan: &ReadPlan) -> Result<Snapshot, StoreError> {
        let started = Instant::now();
        let backend = self.dialect().name();
        let span = tracing::debug_span!(
            "rewards.store.load",
            backend,
            members = plan.members.len(),
            counters = plan.counters.len(),
        );
        let loaded = self
            .call(|| load::load(self.means(), plan))
            .instrument(span)
            .await;
        metrics::histogram!("rewards_store_load_seconds", "backend" => backend)
            .record(started.elapsed());
        loaded
    }

    async fn commit(&self, batches: &[CommitBatch]) -> Result<Vec<Commit>, StoreError> {
        let started = Instant::now();
        let backend = self.dialect().name();
        let span = tracing::debug_span!("rewards.store.commit", backend, batches = batches.len());
        let committed = self
            .call(|| commit::commit(self.means(), batches))
            .instrument(span)
            .await;
        metrics::histogram!("rewards_store_commit_seconds", "backend" => backend)
            .record(started.elapsed());
        committed
    }
}
