//! The closed set of the two drivers: connections, transactions, statements and rows.
//!
//! Everything above speaks to a [`Session`] and does not know which database it is.

use sqlx::SqlStr;
#[cfg(feature = "sqlite")]
use std::sync::Arc;
#[cfg(feature = "postgres")]
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Arguments as _, Connection as _, Row as _};
#[cfg(feature = "sqlite")]
use sqlx::{
    ConnectOptions as _, Sqlite, SqliteConnection, SqlitePool,
    sqlite::{SqliteArguments, SqliteConnectOptions, SqliteRow},
};
#[cfg(feature = "postgres")]
use sqlx::{
    PgConnection, PgPool, Postgres,
    postgres::{PgArguments, PgRow},
};
#[cfg(feature = "sqlite")]
use tokio::sync::{Mutex, MutexGuard};

use super::fault::Failure;
#[cfg(feature = "sqlite")]
use super::fault::Suspicion;
#[cfg(feature = "sqlite")]
use super::log::LogKeeper;
#[cfg(feature = "postgres")]
use super::rows::Array;
use super::rows::Param;
#[cfg(feature = "sqlite")]
use super::watch::FileWatch;
use crate::error::StoreError;

/// How long to wait for what is under way on a server, and to take leave of it.
#[cfg(feature = "postgres")]
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// How long a connection is tried before it is lent again; one that gives no answer is closed.
#[cfg(feature = "postgres")]
const RETURN_LIMIT: Duration = Duration::from_secs(1);

/// The database behind a store.
#[derive(Debug)]
pub(super) enum Driver {
    #[cfg(feature = "sqlite")]
    Sqlite(Box<SqliteDriver>),
    #[cfg(feature = "postgres")]
    Postgres(PgPool),
}

/// One connection that writes, and a few that read beside it.
#[cfg(feature = "sqlite")]
#[derive(Debug)]
pub(super) struct SqliteDriver {
    /// `None` in memory, which has no file. It ends before the connections do.
    pub watch: Option<Arc<FileWatch>>,
    pub options: SqliteConnectOptions,
    /// Fair: writers get it in the order in which they came.
    pub writer: Arc<Mutex<Writer>>,
    pub log: LogKeeper,
    /// `None` in memory, where the writer's connection is all there is.
    pub readers: Option<SqlitePool>,
    pub suspicion: Arc<Suspicion>,
}

/// The one connection that writes.
#[cfg(feature = "sqlite")]
#[derive(Debug)]
pub(super) enum Writer {
    Ready(SqliteConnection),
    Closed,
}

#[cfg(feature = "sqlite")]
impl Writer {
    fn connection(&mut self) -> sqlx::Result<&mut SqliteConnection> {
        match self {
            Self::Ready(connection) => Ok(connection),
            Self::Closed => Err(sqlx::Error::PoolClosed),
        }
    }
}

#[cfg(feature = "sqlite")]
impl SqliteDriver {
    /// Waits for the writer. Its connection is tried, and replaced, when it may have been lost.
    ///
    /// It is replaced, too, when it believes to be in a transaction still: a commit for which the disk had no room ends
    /// the transaction, and the driver does not hear of it.
    async fn writer(&self) -> sqlx::Result<MutexGuard<'_, Writer>> {
        let mut writer = self.writer.lock().await;
        let connection = writer.connection()?;
        if connection.is_in_transaction() || self.suspicion.is_raised() {
            // What was to be rolled back is rolled back before the answer.
            let is_lost = connection.ping().await.is_err() || connection.is_in_transaction();
            // What was in memory is gone with its connection.
            if is_lost && self.readers.is_some() {
                *writer = Writer::Ready(self.options.connect().await?);
            }
            self.suspicion.lower();
        }
        if self.readers.is_some() {
            self.log.used(&self.writer, self.watch.as_ref());
        }
        Ok(writer)
    }
}

impl Driver {
    /// A connection to read with.
    pub async fn reader(&self) -> sqlx::Result<Held<'_>> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(driver) => match &driver.readers {
                Some(readers) => Ok(Held::Reader(readers.acquire().await?)),
                None => Ok(Held::Writer(driver.writer().await?)),
            },
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => Ok(Held::Postgres(OnLoan::from(pool).await?)),
        }
    }

    /// A connection to write with.
    pub async fn writer(&self) -> sqlx::Result<Held<'_>> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(driver) => Ok(Held::Writer(driver.writer().await?)),
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => Ok(Held::Postgres(OnLoan::from(pool).await?)),
        }
    }

    /// Whether the file is the store's own in this process, as far as is known.
    pub fn check(&self) -> Result<(), StoreError> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(driver) => driver.watch.as_ref().map_or(Ok(()), |watch| watch.check()),
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => Ok(()),
        }
    }

    /// Looks whether the file still is the store's own in this process.
    pub fn look(&self) -> Result<(), StoreError> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(driver) => driver.watch.as_ref().map_or(Ok(()), |watch| watch.look()),
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => Ok(()),
        }
    }

    /// Waits for what is under way and closes every connection.
    pub async fn close(&self) -> sqlx::Result<()> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(driver) => {
                let watch = driver.watch.as_ref();
                let is_own = watch.is_some_and(|watch| watch.look().is_ok());
                // From here on the locks go, and that is as it should be.
                watch.inspect(|watch| watch.end());
                if let Some(readers) = &driver.readers {
                    readers.close().await;
                }
                let mut writer = driver.writer.lock().await;
                let closed = match std::mem::replace(&mut *writer, Writer::Closed) {
                    Writer::Ready(mut connection) => {
                        // The last one to close the file does it, but another process may have it open.
                        if is_own {
                            driver.log.empty(&mut connection).await;
                        }
                        connection.close().await
                    }
                    Writer::Closed => Ok(()),
                };
                watch.inspect(|watch| watch.let_go());
                closed
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => {
                // A server that gives no answer is left without a word.
                let _ = tokio::time::timeout(CLOSE_LIMIT, pool.close()).await;
                Ok(())
            }
        }
    }
}

/// A connection in hand. [End](Self::end) the work on it with its outcome.
#[derive(Debug)]
pub(super) enum Held<'s> {
    #[cfg(feature = "sqlite")]
    Writer(MutexGuard<'s, Writer>),
    #[cfg(feature = "sqlite")]
    Reader(PoolConnection<Sqlite>),
    #[cfg(feature = "postgres")]
    Postgres(OnLoan),
    #[cfg(not(feature = "sqlite"))]
    #[expect(dead_code, reason = "the lifetime is the writer's")]
    Nothing(std::convert::Infallible, std::marker::PhantomData<&'s ()>),
}

impl Held<'_> {
    /// The connection, to run statements on.
    pub fn session(&mut self) -> sqlx::Result<Session<'_>> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Writer(writer) => Ok(Session::Sqlite(writer.connection()?)),
            #[cfg(feature = "sqlite")]
            Self::Reader(connection) => Ok(Session::Sqlite(connection)),
            #[cfg(feature = "postgres")]
            Self::Postgres(loan) => Ok(Session::Postgres(&mut loan.connection)),
            #[cfg(not(feature = "sqlite"))]
            Self::Nothing(never, _) => match *never {},
        }
    }

    /// Ends the work with its outcome, and gives the connection back for others to use where it came to an end on it.
    ///
    /// What a transaction did that was dropped is undone before the connection is used again.
    pub fn end<T, E>(self, outcome: Result<T, E>) -> Result<T, Failure>
    where
        Failure: From<E>,
    {
        let outcome = outcome.map_err(Failure::from);
        if outcome
            .as_ref()
            .err()
            .is_none_or(Failure::spares_connection)
        {
            self.release();
        }
        outcome
    }

    /// Begins a view that lasts as long as the connection is held; [`end_view`](Self::end_view) ends it. The one connection to
    /// a database in memory needs none: nobody else can write while it is held.
    pub async fn begin_view(&mut self) -> sqlx::Result<()> {
        let begin = match self {
            #[cfg(feature = "sqlite")]
            Self::Writer(_) => return Ok(()),
            #[cfg(feature = "sqlite")]
            Self::Reader(_) => "BEGIN",
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            #[cfg(not(feature = "sqlite"))]
            Self::Nothing(never, _) => match *never {},
        };
        let begin = SqlStr::from_static(begin);
        self.session()?.execute(&begin, Vec::new()).await?;
        Ok(())
    }

    /// Ends a view, whether or not it came to its end: a connection on which it may still be open is closed. One to
    /// PostgreSQL is, because it was not released.
    #[cfg_attr(
        not(feature = "sqlite"),
        expect(clippy::unused_self, reason = "dropping it is enough")
    )]
    pub fn end_view(&mut self) {
        #[cfg(feature = "sqlite")]
        if let Self::Reader(connection) = self {
            connection.close_on_drop();
        }
    }

    /// Gives the connection back for others to use: the work on it came to its end.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(clippy::unused_self, reason = "dropping it is enough")
    )]
    fn release(self) {
        #[cfg(feature = "postgres")]
        #[cfg_attr(
            not(feature = "sqlite"),
            expect(irrefutable_let_patterns, reason = "there is one driver")
        )]
        if let Self::Postgres(mut loan) = self {
            loan.is_done = true;
        }
    }
}

/// A connection from the pool, which is closed unless the work on it came to its end.
///
/// When a future is dropped while it waits for the answer to `BEGIN`, the driver does not know yet that there is a
/// transaction to roll back, and the next user of the connection would find itself inside it.
#[cfg(feature = "postgres")]
#[derive(Debug)]
pub(super) struct OnLoan {
    connection: PoolConnection<Postgres>,
    is_done: bool,
}

#[cfg(feature = "postgres")]
impl OnLoan {
    async fn from(pool: &PgPool) -> sqlx::Result<Self> {
        Ok(Self {
            connection: pool.acquire().await?,
            is_done: false,
        })
    }
}

#[cfg(feature = "postgres")]
impl Drop for OnLoan {
    fn drop(&mut self) {
        let runtime = tokio::runtime::Handle::try_current();
        match runtime {
            // By itself it would be tried for as long as it takes, and keep its place in the pool from others.
            Ok(runtime) if self.is_done => {
                let returned = self.connection.return_to_pool();
                runtime.spawn(tokio::time::timeout(RETURN_LIMIT, returned));
            }
            _ => self.connection.close_on_drop(),
        }
    }
}

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Several reads of one view.
    Read,
    /// Writes.
    Write,
}

/// A connection to run statements on.
#[derive(Debug)]
pub(super) enum Session<'c> {
    #[cfg(feature = "sqlite")]
    Sqlite(&'c mut SqliteConnection),
    #[cfg(feature = "postgres")]
    Postgres(&'c mut PgConnection),
}

impl<'c> Session<'c> {
    /// Starts a transaction, which is rolled back when it is dropped.
    pub async fn begin(self, purpose: Purpose) -> sqlx::Result<Transaction<'c>> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(connection) => {
                let begin = match purpose {
                    Purpose::Read => "BEGIN",
                    // Takes the write lock at once: a transaction that reads first may lose it to another process.
                    Purpose::Write => "BEGIN IMMEDIATE",
                };
                Ok(Transaction::Sqlite(connection.begin_with(begin).await?))
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => {
                let begin = match purpose {
                    Purpose::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
                    Purpose::Write => "BEGIN ISOLATION LEVEL READ COMMITTED",
                };
                Ok(Transaction::Postgres(connection.begin_with(begin).await?))
            }
        }
    }

    /// Runs a statement and returns how many rows it affected.
    pub async fn execute(&mut self, sql: &SqlStr, params: Vec<Param<'_>>) -> sqlx::Result<u64> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(connection) => {
                let query = sqlx::query_with(sql.clone(), sqlite_arguments(params)?);
                Ok(query.execute(&mut **connection).await?.rows_affected())
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => {
                let query = sqlx::query_with(sql.clone(), postgres_arguments(params)?);
                Ok(query.execute(&mut **connection).await?.rows_affected())
            }
        }
    }

    /// Runs a statement and returns its rows.
    pub async fn fetch(&mut self, sql: &SqlStr, params: Vec<Param<'_>>) -> sqlx::Result<Fetched> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(connection) => {
                let query = sqlx::query_with(sql.clone(), sqlite_arguments(params)?);
                Ok(Fetched::Sqlite(query.fetch_all(&mut **connection).await?))
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => {
                let query = sqlx::query_with(sql.clone(), postgres_arguments(params)?);
                Ok(Fetched::Postgres(query.fetch_all(&mut **connection).await?))
            }
        }
    }
}

/// A transaction under way; dropping it rolls it back.
pub(super) enum Transaction<'c> {
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::Transaction<'c, Sqlite>),
    #[cfg(feature = "postgres")]
    Postgres(sqlx::Transaction<'c, Postgres>),
}

impl Transaction<'_> {
    /// The connection inside the transaction.
    pub fn session(&mut self) -> Session<'_> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(transaction) => Session::Sqlite(transaction),
            #[cfg(feature = "postgres")]
            Self::Postgres(transaction) => Session::Postgres(transaction),
        }
    }

    /// Makes it durable.
    pub async fn commit(self) -> sqlx::Result<()> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(transaction) => transaction.commit().await,
            #[cfg(feature = "postgres")]
            Self::Postgres(transaction) => transaction.commit().await,
        }
    }

    /// Undoes it.
    pub async fn rollback(self) -> sqlx::Result<()> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(transaction) => transaction.rollback().await,
            #[cfg(feature = "postgres")]
            Self::Postgres(transaction) => transaction.rollback().await,
        }
    }
}

/// The rows that a statement returned.
pub(super) enum Fetched {
    #[cfg(feature = "sqlite")]
    Sqlite(Vec<SqliteRow>),
    #[cfg(feature = "postgres")]
    Postgres(Vec<PgRow>),
}

impl Fetched {
    /// The rows in order.
    pub fn iter(&self) -> Box<dyn Iterator<Item = Row<'_>> + Send + '_> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(rows) => Box::new(rows.iter().map(Row::Sqlite)),
            #[cfg(feature = "postgres")]
            Self::Postgres(rows) => Box::new(rows.iter().map(Row::Postgres)),
        }
    }
}

/// One row; its values are read by their place.
#[derive(Clone, Copy)]
pub(super) enum Row<'r> {
    #[cfg(feature = "sqlite")]
    Sqlite(&'r SqliteRow),
    #[cfg(feature = "postgres")]
    Postgres(&'r PgRow),
}

impl<'r> Row<'r> {
    /// A text, or nothing.
    pub fn text(self, place: usize) -> sqlx::Result<Option<&'r str>> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(row) => row.try_get(place),
            #[cfg(feature = "postgres")]
            Self::Postgres(row) => row.try_get(place),
        }
    }

    /// A number, or nothing.
    pub fn int(self, place: usize) -> sqlx::Result<Option<i64>> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(row) => row.try_get(place),
            #[cfg(feature = "postgres")]
            Self::Postgres(row) => row.try_get(place),
        }
    }

    /// Bytes, or nothing.
    pub fn bytes(self, place: usize) -> sqlx::Result<Option<&'r [u8]>> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(row) => row.try_get(place),
            #[cfg(feature = "postgres")]
            Self::Postgres(row) => row.try_get(place),
        }
    }
}

#[cfg(feature = "sqlite")]
fn sqlite_arguments(params: Vec<Param<'_>>) -> sqlx::Result<SqliteArguments> {
    let mut arguments = SqliteArguments::default();
    for param in params {
        match param {
            Param::Text(text) => arguments.add(text),
            Param::Int(value) => arguments.add(value),
            Param::Bytes(bytes) => arguments.add(bytes),
            Param::Rows(rows) => arguments.add(rows.into_json()),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

#[cfg(feature = "postgres")]
fn postgres_arguments(params: Vec<Param<'_>>) -> sqlx::Result<PgArguments> {
    let mut arguments = PgArguments::default();
    for param in params {
        match param {
            Param::Text(text) => arguments.add(text),
            Param::Int(value) => arguments.add(value),
            Param::Bytes(bytes) => arguments.add(bytes),
            Param::Rows(rows) => rows
                .into_arrays()
                .into_iter()
                .try_for_each(|array| match array {
                    Array::Text(values) => arguments.add(values),
                    Array::Int(values) => arguments.add(values),
                    Array::Bytes(values) => arguments.add(values),
                    Array::Packed(values) => arguments.add(values),
                }),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}
