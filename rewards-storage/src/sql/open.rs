//! Opening a store: addresses, connections, and migrations.

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "postgres")]
mod schema;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "postgres")]
mod tls;

#[cfg(feature = "sqlite")]
use std::path::Path;
use std::time::Duration;

use sqlx::SqlStr;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};

use super::SqlStore;
use super::fault::classify;
use super::parameters;
use crate::error::StoreError;

/// How a store is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlOptions {
    /// Connections at most: all of them on PostgreSQL, those that read beside the one that writes on SQLite.
    pub connections: u32,
    /// How long to wait until the store is open: for the server, and for another process that holds the database.
    pub wait: Duration,
    /// How long one call of the open store takes at most, waiting for a connection and for another process included.
    ///
    /// What takes longer ends as [`StoreError::Unavailable`]; whether it was a commit that took effect is then unknown.
    /// A server is told limits a little tighter than this, so that what it refuses is known to have no effect.
    pub call_limit: Duration,
    /// How many KiB of pages each connection keeps at most on SQLite; without meaning on PostgreSQL.
    ///
    /// Together with the number of connections this bounds the memory of a store, however large its file is. More than
    /// what the commands of one commit touch is hardly worth it: pages that are not kept come from the operating
    /// system's own cache.
    pub page_cache_kib: u32,
    /// How many KiB the write-ahead log of a SQLite file grows to, a little more or less, before a commit copies it into the
    /// database; without meaning on PostgreSQL. A second after the last commit it is copied in any case, and empty.
    ///
    /// Less makes a smaller file, and costs a sync of the database more often: 32 MB are for many commits of many purchases, 1 MB is
    /// enough for a phone. While a view is open, such as that of an audit or a backup, the log grows by what is committed.
    pub log_kib: u32,
    /// The schema of a PostgreSQL database that holds the books; what the address says by `?schema=`, or `rewards`, when absent.
    /// It is made when it is missing. Without meaning on SQLite.
    ///
    /// Where nothing is said and an earlier version has kept books where the search path of the user begins, such as in `public`,
    /// they stay there and are used.
    pub schema: Option<String>,
    /// Whether opening makes the tables and brings them up to date. Otherwise that is for [`SqlStore::migrate`], by somebody who
    /// may, and tables that are missing or of an earlier version are refused.
    pub migrate: bool,
}

impl Default for SqlOptions {
    fn default() -> Self {
        Self {
            connections: 8,
            wait: Duration::from_secs(10),
            call_limit: CALL_LIMIT,
            page_cache_kib: PAGE_CACHE_KIB,
            log_kib: LOG_KIB,
            schema: None,
            migrate: true,
        }
    }
}

impl SqlOptions {
    /// These options for callers who wait so long for an answer, in which a call that got none is tried once more: the
    /// patience of an [engine](crate::engine::EngineBuilder::patience) on top.
    #[must_use]
    pub fn for_patience(self, patience: Duration) -> Self {
        Self {
            wait: patience,
            call_limit: patience / 2,
            ..self
        }
    }

    /// Says what is wrong with the name of the schema.
    pub(crate) fn check_schema(&self) -> Result<(), String> {
        match &self.schema {
            Some(name) if !parameters::is_schema_name(name) => Err(format!(
                "expected {} for the name of a schema",
                parameters::SCHEMA
            )),
            _ => Ok(()),
        }
    }

    /// How long the database itself waits and works before it refuses a statement: so much less than the limit of the call
    /// that its answer comes in time.
    fn refusal_limit(&self) -> Duration {
        self.call_limit * 3 / 4
    }
}

/// Half of what an engine waits for an answer, so that it asks twice.
const CALL_LIMIT: Duration = Duration::from_secs(4);

/// A commit of 256 purchases changes about 2,000 pages of 4 KiB when each is of another member: they fit twice, so that
/// none has to be written before the commit.
const PAGE_CACHE_KIB: u32 = 16 * 1_024;

/// Four such commits: each checkpoint costs a sync of the database.
const LOG_KIB: u32 = 32_000;

/// Statements prepared and kept on each connection.
const PREPARED: usize = 256;

impl SqlStore {
    /// Opens the store at an address and brings its schema up to date.
    ///
    /// Addresses are those that SQLAlchemy knows. **A path begins behind the third slash**: `sqlite:///file.db` is relative to the
    /// working directory of this moment, `sqlite:////path/file.db` is absolute; the file is created when it is missing.
    /// `sqlite::memory:` and `sqlite://` are gone when the store is. `postgresql://…` and `postgres://…` are a server. The name of
    /// a driver of Python, as in `postgresql+asyncpg:` or `sqlite+aiosqlite:`, is read over. Several processes may open one
    /// database at once. For a path there is [`open_file`](Self::open_file).
    ///
    /// On a server the tables are in a [schema](SqlOptions::schema) of their own, `rewards` unless another one is named, for
    /// example by `?schema=shop_rewards`. The user of the address need own nothing: where somebody else has opened the store before, and so has made
    /// the tables, it is enough to be granted `USAGE` of the schema, `SELECT, INSERT, UPDATE, DELETE` on the tables, and
    /// `SELECT` on `_sqlx_migrations`.
    ///
    /// Connections to another machine are encrypted unless the address says otherwise by `sslmode`, which means what it
    /// means to every client of PostgreSQL; `sslmode=verify-full` finds out whether the server is the right one, too. It
    /// is vouched for by the certificates that the operating system trusts, and by those in the file that `sslrootcert`
    /// names; whoever names them without a mode gets `verify-full`. Sockets and loopback addresses are this machine.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for an address that names no database this build knows, and when access is denied;
    /// [`StoreError::SchemaTooNew`] when a newer version of this library made the database;
    /// [`StoreError::SchemaTooOld`] when an older one did, or none, and [`SqlOptions::migrate`] says that it stays so;
    /// [`StoreError::Unavailable`] when it cannot be reached within [`SqlOptions::wait`].
    pub async fn open(url: &str, options: SqlOptions) -> Result<Self, StoreError> {
        match Scheme::of(url) {
            #[cfg(feature = "sqlite")]
            Some((Scheme::Sqlite, rest)) => {
                let target = sqlite::read(rest).map_err(refused)?;
                sqlite::open(target, &options).await
            }
            #[cfg(not(feature = "sqlite"))]
            Some((Scheme::Sqlite, _)) => Err(refused(
                "this build has no SQLite: enable the feature `sqlite`",
            )),
            #[cfg(feature = "postgres")]
            Some((Scheme::Postgres, rest)) => postgres::open(rest, &options).await,
            #[cfg(not(feature = "postgres"))]
            Some((Scheme::Postgres, _)) => Err(refused(
                "this build has no PostgreSQL: enable the feature `postgres`",
            )),
            // An address can hold a password, so only its scheme is repeated.
            None => {
                let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
                Err(refused(format!(
                    "expected an address that starts with `sqlite:` or `postgresql:`, got `{scheme}`"
                )))
            }
        }
    }

    /// Makes the tables at an address, or brings them up to date, and opens nothing: for somebody who may do so, before others
    /// [open](Self::open) the store who may not. Costs nothing where they are up to date.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn migrate(url: &str, options: SqlOptions) -> Result<(), StoreError> {
        match Scheme::of(url) {
            #[cfg(feature = "postgres")]
            Some((Scheme::Postgres, rest)) => postgres::make(rest, &options).await,
            _ => {
                let options = SqlOptions {
                    migrate: true,
                    ..options
                };
                Self::open(url, options).await?.close().await
            }
        }
    }

    /// Opens the store in the SQLite file at a path, whatever characters are in it, and brings its schema up to date. The file
    /// is created when it is missing; its folder is not. A relative path is relative to the working directory of this moment.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    #[cfg(feature = "sqlite")]
    pub async fn open_file(
        path: impl AsRef<Path> + Send,
        options: SqlOptions,
    ) -> Result<Self, StoreError> {
        let target = sqlite::at(path.as_ref()).map_err(refused)?;
        sqlite::open(target, &options).await
    }
}

impl SqlStore {
    /// Says what is wrong with an address of a database, before anything is opened.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn check_address(url: &str) -> Result<(), String> {
        match Scheme::of(url) {
            #[cfg(feature = "sqlite")]
            Some((Scheme::Sqlite, rest)) => sqlite::read(rest).map(drop),
            #[cfg(feature = "postgres")]
            Some((Scheme::Postgres, rest)) => postgres::read(rest).map(drop),
            _ => Ok(()),
        }
    }

    /// Says what is wrong with an address of a file that meant another one in an earlier version.
    #[cfg(feature = "sqlite")]
    pub(crate) fn check_place(url: &str) -> Result<(), String> {
        match Scheme::of(url) {
            Some((Scheme::Sqlite, rest)) => sqlite::read(rest)?.check_place(),
            _ => Ok(()),
        }
    }

    /// Says what is wrong with the path of a file, before anything is opened.
    #[cfg(feature = "sqlite")]
    pub(crate) fn check_file(path: &Path) -> Result<(), String> {
        sqlite::at(path).map(drop)
    }
}

/// Which database an address is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// A file, or memory.
    Sqlite,
    /// A server.
    Postgres,
}

impl Scheme {
    /// What the scheme of an address names, and what follows it. SQLAlchemy's addresses may name a driver of Python, which
    /// says nothing about the database.
    pub(crate) fn of(url: &str) -> Option<(Self, &str)> {
        let (scheme, rest) = url.split_once(':')?;
        let found = match scheme.split_once('+').unwrap_or((scheme, "")) {
            ("sqlite", "" | "pysqlite" | "aiosqlite") => Self::Sqlite,
            (
                "postgres" | "postgresql",
                "" | "asyncpg" | "psycopg" | "psycopg_async" | "psycopg2" | "psycopg2cffi"
                | "pg8000",
            ) => Self::Postgres,
            _ => return None,
        };
        (!scheme.ends_with('+')).then_some((found, rest))
    }
}

fn refused(detail: impl Into<String>) -> StoreError {
    StoreError::Refused {
        detail: detail.into(),
    }
}

fn migrator(migrations: &[(i64, &'static str, &'static str)]) -> Migrator {
    let migration = |(version, name, sql): &(i64, &'static str, &'static str)| {
        let sql = SqlStr::from_static(sql);
        Migration::new(*version, (*name).into(), MigrationType::Simple, sql, false)
    };
    Migrator::with_migrations(migrations.iter().map(migration).collect())
}

/// The version that tables have when everything is up to date.
fn newest(migrator: &Migrator) -> i64 {
    let known = migrator.iter().map(|migration| migration.version).max();
    known.unwrap_or_default()
}

fn explain(error: MigrateError, migrator: &Migrator) -> StoreError {
    let known = newest(migrator);
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => classify(error),
        MigrateError::VersionMissing(found) if found > known => {
            StoreError::SchemaTooNew { found, known }
        }
        other => StoreError::Refused {
            detail: other.to_string(),
        },
    }
}
