//! Opening a store: addresses, connections, and migrations.

use std::sync::Arc;
use std::time::Duration;

use sqlx::SqlStr;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};

use super::dialect::Dialect;
use super::driver::Driver;
#[cfg(feature = "sqlite")]
use super::driver::{SqliteDriver, Writer};
use super::fault::{Suspicion, classify};
#[cfg(feature = "sqlite")]
use super::parameters::FileAddress;
#[cfg(feature = "postgres")]
use super::parameters::check_postgres;
use super::{Inner, SqlStore};
use crate::error::StoreError;

/// How a store is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlOptions {
    /// Connections at most: all of them on PostgreSQL, those that read beside the one that writes on SQLite.
    pub connections: u32,
    /// How long to wait for a free connection, or for another process that holds the database.
    pub wait: Duration,
    /// How many KiB of pages each connection keeps at most on SQLite; without meaning on PostgreSQL.
    ///
    /// Together with the number of connections this bounds the memory of a store, however large its file is. More than
    /// what the commands of one commit touch is hardly worth it: pages that are not kept come from the operating
    /// system's own cache.
    pub page_cache_kib: u32,
}

impl Default for SqlOptions {
    fn default() -> Self {
        Self {
            connections: 8,
            wait: Duration::from_secs(10),
            page_cache_kib: PAGE_CACHE_KIB,
        }
    }
}

/// A commit of 256 purchases changes about 2,000 pages of 4 KiB when each is of another member: they fit twice, so that
/// none has to be written before the commit.
const PAGE_CACHE_KIB: u32 = 16 * 1_024;

/// Pages in the write-ahead log after which a commit copies them into the database. Fewer, larger checkpoints: each costs
/// a sync of the database itself. But a checkpoint holds up the commits that wait for it, so larger is not better either.
#[cfg(feature = "sqlite")]
const CHECKPOINT_PAGES: &str = "8000";

/// Bytes that the file of the write-ahead log keeps when it starts anew: twice what checkpoints leave it at. A reader that
/// takes long keeps it from starting anew, and must not leave a file of gigabytes behind.
#[cfg(feature = "sqlite")]
const LOG_BYTES: &str = "67108864";

/// Statements prepared and kept on each connection.
const PREPARED: usize = 256;

impl SqlStore {
    /// Opens the store at an address and brings its schema up to date.
    ///
    /// Addresses are `sqlite:///path/file.db` (the file is created when it is missing), `sqlite::memory:` (gone when
    /// the store is), and `postgres://…` or `postgresql://…`. Several processes may open one database at once.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for an address that names no database this build knows, and when access is denied;
    /// [`StoreError::SchemaTooNew`] when a newer version of this library made the database;
    /// [`StoreError::Unavailable`] when it cannot be reached.
    pub async fn open(url: &str, options: SqlOptions) -> Result<Self, StoreError> {
        let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
        match scheme {
            #[cfg(feature = "sqlite")]
            "sqlite" => open_sqlite(url, &options).await,
            #[cfg(not(feature = "sqlite"))]
            "sqlite" => Err(refused(
                "this build has no SQLite: enable the feature `sqlite`",
            )),
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => open_postgres(url, &options).await,
            #[cfg(not(feature = "postgres"))]
            "postgres" | "postgresql" => Err(refused(
                "this build has no PostgreSQL: enable the feature `postgres`",
            )),
            // An address can hold a password, so only its scheme is repeated.
            _ => Err(refused(format!(
                "expected an address that starts with `sqlite:` or `postgres:`, got `{scheme}`"
            ))),
        }
    }
}

impl SqlStore {
    /// Says what is wrong with an address of a database, before anything is opened.
    pub(crate) fn check_address(url: &str) -> Result<(), String> {
        #[cfg(feature = "sqlite")]
        if url.starts_with("sqlite:") {
            return read_sqlite(url).map(drop);
        }
        #[cfg(feature = "postgres")]
        return read_postgres(url).map(drop);
        #[cfg(not(feature = "postgres"))]
        Ok(())
    }
}

fn refused(detail: impl Into<String>) -> StoreError {
    StoreError::Refused {
        detail: detail.into(),
    }
}

#[cfg(feature = "sqlite")]
async fn open_sqlite(url: &str, options: &SqlOptions) -> Result<SqlStore, StoreError> {
    use sqlx::sqlite::SqlitePoolOptions;
    use tokio::sync::Mutex;

    let (connect, is_in_memory) = read_sqlite(url).map_err(refused)?;
    let connect = tune_sqlite(connect, options);
    let mut writer = connect_sqlite(&connect, options.wait).await?;
    migrate_sqlite(&mut writer).await?;
    let suspicion = Arc::new(Suspicion::new());
    let readers = if is_in_memory {
        None
    } else {
        let pool = SqlitePoolOptions::new()
            .max_connections(options.connections.max(1))
            .acquire_timeout(options.wait)
            .test_before_acquire(false)
            .connect_with(connect.clone())
            .await
            .map_err(classify)?;
        Some(pool)
    };
    let driver = Driver::Sqlite(Box::new(SqliteDriver {
        options: connect,
        writer: Mutex::new(Writer::Ready(writer)),
        readers,
        suspicion: Arc::clone(&suspicion),
    }));
    Ok(SqlStore::new(Inner::new(
        driver,
        Dialect::Sqlite,
        suspicion,
    )))
}

/// What an address says, and whether it means memory.
#[cfg(feature = "sqlite")]
fn read_sqlite(url: &str) -> Result<(sqlx::sqlite::SqliteConnectOptions, bool), String> {
    use std::str::FromStr as _;

    let address = FileAddress::read(url)?;
    // The parameters are right, so nothing else is left that can be wrong.
    let connect = sqlx::sqlite::SqliteConnectOptions::from_str(url)
        .map_err(|_| "expected the path of a file in utf-8, got other bytes")?;
    let name = connect.get_filename().as_os_str().as_encoded_bytes();
    // SQLite takes this name for memory however it was written, and no other that ends with it.
    let is_in_memory = address.is_in_memory || name == b":memory:";
    // SQLite takes no name for a file of its own that is deleted when it is closed.
    if name.is_empty() && !is_in_memory {
        return Err("expected the path of a file after `sqlite://`, got none".to_owned());
    }
    if name.contains(&0) {
        return Err("expected the path of a file, got one with a NUL".to_owned());
    }
    // SQLite would read an address of its own in it, with parameters that were not looked at.
    if name.starts_with(b"file:") && !is_in_memory {
        return Err("expected the path of a file, got `file:`; write `./file:`".to_owned());
    }
    // An address that names a mode means it.
    if address.has_mode {
        Ok((connect, is_in_memory))
    } else {
        Ok((connect.create_if_missing(true), is_in_memory))
    }
}

#[cfg(feature = "sqlite")]
fn tune_sqlite(
    connect: sqlx::sqlite::SqliteConnectOptions,
    options: &SqlOptions,
) -> sqlx::sqlite::SqliteConnectOptions {
    use sqlx::ConnectOptions as _;
    use sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};

    connect
        .journal_mode(SqliteJournalMode::Wal)
        // A commit that was reported survives a loss of power.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(options.wait)
        // A negative size is in KiB. The file is not mapped as well: that saves nothing measurable, counts as memory of the
        // process, and turns an error of the disk into a signal that ends it.
        .pragma("cache_size", format!("-{}", options.page_cache_kib.max(1)))
        .pragma("temp_store", "memory")
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        .pragma("journal_size_limit", LOG_BYTES)
        .statement_cache_capacity(PREPARED)
        .row_buffer_size(512)
        .disable_statement_logging()
}

/// Connects and waits while another process is just making the file: turning on write-ahead logging takes a lock that
/// SQLite does not wait for.
#[cfg(feature = "sqlite")]
async fn connect_sqlite(
    connect: &sqlx::sqlite::SqliteConnectOptions,
    wait: Duration,
) -> Result<sqlx::SqliteConnection, StoreError> {
    use sqlx::ConnectOptions as _;

    let started = std::time::Instant::now();
    loop {
        match connect.connect().await.map_err(classify) {
            Err(StoreError::Conflict { .. }) if started.elapsed() < wait => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            other => return other,
        }
    }
}

#[cfg(feature = "sqlite")]
async fn migrate_sqlite(writer: &mut sqlx::SqliteConnection) -> Result<(), StoreError> {
    use sqlx::Connection as _;

    let migrator = migrator(&[(
        1,
        "initial",
        include_str!("../../migrations/sqlite/0001_initial.sql"),
    )]);
    // The driver locks nothing while it migrates; this transaction lets one process do it and the others wait.
    let mut transaction = writer
        .begin_with("BEGIN IMMEDIATE")
        .await
        .map_err(classify)?;
    migrator
        .run_direct(None, &mut *transaction, false)
        .await
        .map_err(|error| explain(error, &migrator))?;
    transaction.commit().await.map_err(classify)
}

#[cfg(feature = "postgres")]
async fn open_postgres(url: &str, options: &SqlOptions) -> Result<SqlStore, StoreError> {
    use sqlx::postgres::PgPoolOptions;

    let connect = tune_postgres(read_postgres(url).map_err(refused)?);
    let suspicion = Arc::new(Suspicion::new());
    let suspected = Arc::clone(&suspicion);
    let pool = PgPoolOptions::new()
        .max_connections(options.connections.max(1))
        .acquire_timeout(options.wait)
        .test_before_acquire(false)
        .before_acquire(move |connection, meta| {
            let is_suspect = suspected.covers(meta.idle_for);
            Box::pin(async move {
                if is_suspect {
                    sqlx::Connection::ping(connection).await?;
                }
                Ok(true)
            })
        })
        .connect_with(connect)
        .await
        .map_err(classify)?;
    let mut connection = pool.acquire().await.map_err(classify)?;
    migrate_postgres(&mut connection, options.wait).await?;
    drop(connection);
    Ok(SqlStore::new(Inner::new(
        Driver::Postgres(pool),
        Dialect::Postgres,
        suspicion,
    )))
}

/// Brings the schema up to date. Several processes may do so at once and nothing is locked, because not every database that
/// speaks PostgreSQL's protocol has advisory locks: each migration is a transaction, so of two that make the same tables one
/// fails, leaves nothing, and looks again.
#[cfg(feature = "postgres")]
async fn migrate_postgres(
    connection: &mut sqlx::PgConnection,
    wait: Duration,
) -> Result<(), StoreError> {
    let mut migrator = migrator(&[(
        1,
        "initial",
        include_str!("../../migrations/postgres/0001_initial.sql"),
    )]);
    migrator.set_locking(false);
    let started = std::time::Instant::now();
    loop {
        match migrator.run_direct(None, &mut *connection, false).await {
            Ok(()) => return Ok(()),
            Err(error) if was_made_meanwhile(&error) && started.elapsed() < wait => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => return Err(explain(error, &migrator)),
        }
    }
}

/// Whether somebody else has just made what was to be made: a table, a type or a row that is there already, or a transaction
/// that was given up for another one.
#[cfg(feature = "postgres")]
fn was_made_meanwhile(error: &MigrateError) -> bool {
    let (MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) = error else {
        return false;
    };
    let code = error.as_database_error().and_then(|error| error.code());
    matches!(
        code.as_deref(),
        Some("42P07" | "42710" | "23505" | "40001" | "40P01")
    )
}

#[cfg(feature = "postgres")]
fn read_postgres(url: &str) -> Result<sqlx::postgres::PgConnectOptions, String> {
    use std::str::FromStr as _;

    check_postgres(url)?;
    // The address can be read and its parameters are right, so nothing else is left that can be wrong.
    sqlx::postgres::PgConnectOptions::from_str(url)
        .map_err(|_| "expected names and a password in utf-8, got other bytes".to_owned())
}

#[cfg(feature = "postgres")]
fn tune_postgres(connect: sqlx::postgres::PgConnectOptions) -> sqlx::postgres::PgConnectOptions {
    use sqlx::ConnectOptions as _;

    let connect = match connect.get_application_name() {
        Some(_) => connect,
        None => connect.application_name("rewards"),
    };
    connect
        .options([
            ("jit", "off"),
            // Every statement looks rows up by their keys, whatever the tables hold, so one plan is always right; and
            // a plan made while a table was still empty must not read it from end to end later on.
            ("plan_cache_mode", "force_generic_plan"),
            ("enable_seqscan", "off"),
            ("enable_bitmapscan", "off"),
            ("enable_sort", "off"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
            ("default_transaction_isolation", "read committed"),
        ])
        .statement_cache_capacity(PREPARED)
        .disable_statement_logging()
}

fn migrator(migrations: &[(i64, &'static str, &'static str)]) -> Migrator {
    let migration = |(version, name, sql): &(i64, &'static str, &'static str)| {
        let sql = SqlStr::from_static(sql);
        Migration::new(*version, (*name).into(), MigrationType::Simple, sql, false)
    };
    Migrator::with_migrations(migrations.iter().map(migration).collect())
}

fn explain(error: MigrateError, migrator: &Migrator) -> StoreError {
    let known = migrator.iter().map(|migration| migration.version).max();
    let known = known.unwrap_or_default();
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
