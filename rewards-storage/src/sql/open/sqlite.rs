//! Opening the store in a SQLite file, or in memory.

use std::cmp::Ordering;
use std::path::Path;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::Mutex;

use super::{PREPARED, SqlOptions, explain, migrator, newest, refused};
use crate::error::StoreError;
use crate::sql::dialect::Dialect;
use crate::sql::driver::{Driver, SqliteDriver, Writer};
use crate::sql::fault::{Suspicion, classify};
use crate::sql::log::LogKeeper;
use crate::sql::parameters::FileAddress;
use crate::sql::place;
use crate::sql::watch::{Opened, Opening};
use crate::sql::{Inner, SqlStore};

/// The size of a page of a file that SQLite makes, in KiB.
const PAGE_KIB: u32 = 4;

/// What is opened.
#[derive(Debug)]
pub(super) struct Target {
    connect: SqliteConnectOptions,
    is_in_memory: bool,
    /// Whether its path is relative to the working directory and says so by nothing but three slashes.
    is_plainly_relative: bool,
}

/// Opens the store in a file, or in memory.
pub(super) async fn open(target: Target, options: &SqlOptions) -> Result<SqlStore, StoreError> {
    target.check_place().map_err(refused)?;
    target.check_is_file()?;
    target.check_log()?;
    let is_in_memory = target.is_in_memory;
    let connect = tune(target.located()?, options);
    let path = connect.get_filename().to_owned();
    let opened = open_at(connect, is_in_memory, options).await;
    match is_in_memory {
        true => opened,
        false => opened.map_err(|error| place::at_opening(error, &path)),
    }
}

async fn open_at(
    connect: SqliteConnectOptions,
    is_in_memory: bool,
    options: &SqlOptions,
) -> Result<SqlStore, StoreError> {
    let begun = Instant::now();
    if !options.migrate && !is_in_memory && !connect.get_filename().exists() {
        return Err(too_old(0));
    }
    let opening = match is_in_memory {
        true => None,
        false => Some(Opening::begin(connect.get_filename(), options.wait).await?),
    };
    let mut writer = match connected(&connect, begun, options.wait).await {
        Ok(writer) => writer,
        Err(error) => {
            opening.into_iter().for_each(Opening::failed);
            return Err(error);
        }
    };
    let opened = opening.map(Opening::connected);
    if options.migrate || is_in_memory {
        migrate(&mut writer, begun, options.wait).await?;
    } else {
        check_version(&mut writer).await?;
    }
    // What was there before the file was, or came while it was opened, is seen here.
    let watch = opened.map(Opened::watch).transpose()?.map(Arc::new);
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
        log: LogKeeper::new(busy_timeout(options)),
        options: connect,
        writer: Arc::new(Mutex::new(Writer::Ready(writer))),
        readers,
        suspicion: Arc::clone(&suspicion),
        watch,
    }));
    Ok(SqlStore::new(Inner::new(
        driver,
        Dialect::Sqlite,
        suspicion,
        options.call_limit,
    )))
}

/// What an address says: what follows its scheme `sqlite:`.
pub(super) fn read(rest: &str) -> Result<Target, String> {
    let address = FileAddress::read(rest)?;
    let path = address.path.unwrap_or(":memory:");
    // The driver takes off the scheme as often as it is there.
    let guard = if path.starts_with("sqlite:") {
        "./"
    } else {
        ""
    };
    let url = format!("sqlite://{guard}{path}?{}", address.parameters);
    // The parameters are right, so nothing else is left that can be wrong.
    let connect = SqliteConnectOptions::from_str(&url)
        .map_err(|_| "expected the path of a file in utf-8, got other bytes")?;
    // An address that names a mode means it.
    let connect = if address.has_mode {
        connect
    } else {
        connect.create_if_missing(true)
    };
    let target = Target {
        is_in_memory: address.is_in_memory,
        is_plainly_relative: !["/", "./", "../"]
            .iter()
            .any(|begin| path.starts_with(begin)),
        connect,
    };
    target.checked()
}

/// The file at a path.
pub(super) fn at(path: &Path) -> Result<Target, String> {
    let target = Target {
        connect: SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true),
        is_in_memory: false,
        is_plainly_relative: false,
    };
    target.checked()
}

impl Target {
    fn checked(self) -> Result<Self, String> {
        let name = self.connect.get_filename().as_os_str();
        if name.is_empty() {
            return Err("expected the path of a file, got none".to_owned());
        }
        if name.as_encoded_bytes().contains(&0) {
            return Err("expected the path of a file, got one with a NUL".to_owned());
        }
        if name.to_str().is_none() {
            return Err("expected the path of a file in utf-8, got other bytes".to_owned());
        }
        Ok(self)
    }

    /// Refuses an address that names no file, but did name one that is there before three slashes meant a relative path.
    pub fn check_place(&self) -> Result<(), String> {
        let path = self.connect.get_filename();
        let earlier = Path::new("/").join(path);
        let has_moved =
            self.is_plainly_relative && !self.is_in_memory && !path.exists() && earlier.is_file();
        if has_moved {
            return Err(
                "expected the path of a file: three slashes begin a relative path, where there is none, but there is one at \
                 the absolute path; write four slashes for that one, or `sqlite:///./` to make one in the working directory"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// Refuses the path of a folder.
    fn check_is_file(&self) -> Result<(), StoreError> {
        if !self.is_in_memory && self.connect.get_filename().is_dir() {
            let detail = "expected the path of a file, got that of a folder: name the file in it";
            return Err(StoreError::PathInvalid {
                detail: detail.to_owned(),
            });
        }
        Ok(())
    }

    /// Refuses a file that is not there while its log is: the log would be thrown away, with all that only it holds.
    fn check_log(&self) -> Result<(), StoreError> {
        let path = self.connect.get_filename();
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |found| found.len());
        let log = place::beside(path, "-wal");
        if self.is_in_memory || size(path) > 0 || size(&log) == 0 {
            return Ok(());
        }
        Err(StoreError::FileGone {
            detail: "the file is not there, but its `-wal` is, with what was recorded last: put the file back beside it, or remove \
                     the `-wal` if nobody wants that any more"
                .to_owned(),
        })
    }

    /// With a path that stays what it is when the working directory changes: connections are made later, too. It also keeps
    /// SQLite from taking a name such as `:memory:` or `file:x` for anything but a name.
    fn located(self) -> Result<SqliteConnectOptions, StoreError> {
        if self.is_in_memory {
            return Ok(self.connect);
        }
        let path = std::path::absolute(self.connect.get_filename())
            .map_err(|error| refused(format!("no working directory: {error}")))?;
        Ok(self.connect.filename(path))
    }
}

fn tune(connect: SqliteConnectOptions, options: &SqlOptions) -> SqliteConnectOptions {
    connect
        .journal_mode(SqliteJournalMode::Wal)
        // A commit that was reported survives a loss of power.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(busy_timeout(options))
        // A negative size is in KiB. The file is not mapped as well: that saves nothing measurable, counts as memory of the
        // process, and turns an error of the disk into a signal that ends it.
        .pragma("cache_size", format!("-{}", options.page_cache_kib.max(1)))
        .pragma("temp_store", "memory")
        // A commit that finds so many pages in the log copies them into the database. Fewer, larger checkpoints: each costs a
        // sync of the database itself. But a checkpoint holds up the commits that wait for it, so larger is not better either.
        .pragma(
            "wal_autocheckpoint",
            (options.log_kib / PAGE_KIB).max(1).to_string(),
        )
        // What its file keeps when it starts anew: a reader that takes long keeps it from that, and must not leave a file of
        // gigabytes behind.
        .pragma(
            "journal_size_limit",
            (u64::from(options.log_kib) * 2 * 1_024).to_string(),
        )
        .statement_cache_capacity(PREPARED)
        .row_buffer_size(512)
        .disable_statement_logging()
}

/// How long SQLite waits for another process.
fn busy_timeout(options: &SqlOptions) -> Duration {
    options.refusal_limit().min(options.wait)
}

/// Connects and waits while another process is just making the file: turning on write-ahead logging takes a lock that
/// SQLite does not wait for.
async fn connected(
    connect: &SqliteConnectOptions,
    begun: Instant,
    wait: Duration,
) -> Result<SqliteConnection, StoreError> {
    loop {
        match connect.connect().await.map_err(classify) {
            Err(error) if is_waited_for(&error, begun, wait).await => {}
            other => return other,
        }
    }
}

fn migrations() -> Migrator {
    migrator(&[(
        1,
        "initial",
        include_str!("../../../migrations/sqlite/0001_initial.sql"),
    )])
}

/// The error of tables that are to be brought up to date by somebody else.
fn too_old(found: i64) -> StoreError {
    let known = newest(&migrations());
    StoreError::SchemaTooOld { found, known }
}

/// Whether the tables are those of this version, where nothing is to be brought up to date.
async fn check_version(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let is_there = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = '_sqlx_migrations')";
    let is_there = sqlx::query_scalar(is_there)
        .fetch_one(&mut *connection)
        .await;
    if !is_there.map_err(classify)? {
        return Err(too_old(0));
    }
    let newest_there = "SELECT coalesce(max(version), 0) FROM _sqlx_migrations WHERE success";
    let found = sqlx::query_scalar(newest_there).fetch_one(connection).await;
    let (found, known): (i64, _) = (found.map_err(classify)?, newest(&migrations()));
    match found.cmp(&known) {
        Ordering::Less => Err(too_old(found)),
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(StoreError::SchemaTooNew { found, known }),
    }
}

async fn migrate(
    writer: &mut SqliteConnection,
    begun: Instant,
    wait: Duration,
) -> Result<(), StoreError> {
    let migrator = migrations();
    // The driver locks nothing while it migrates; this transaction lets one process do it and the others wait.
    let mut transaction = loop {
        match writer.begin_with("BEGIN IMMEDIATE").await.map_err(classify) {
            Ok(transaction) => break transaction,
            Err(error) if is_waited_for(&error, begun, wait).await => {}
            Err(error) => return Err(error),
        }
    };
    migrator
        .run_direct(None, &mut *transaction, false)
        .await
        .map_err(|error| explain(error, &migrator))?;
    transaction.commit().await.map_err(classify)
}

/// Waits a moment when another process holds the file and there is time left.
async fn is_waited_for(error: &StoreError, begun: Instant, wait: Duration) -> bool {
    let is_held = matches!(error, StoreError::Conflict { .. }) && begun.elapsed() < wait;
    if is_held {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    is_held
}
