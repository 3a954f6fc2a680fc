//! What went wrong, in the words of the store.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[cfg(feature = "postgres")]
use super::statements::{REFUSED, step};
use crate::error::StoreError;

/// A failure on its way out: the driver's, or already ours.
#[derive(Debug)]
pub(super) enum Failure {
    Driver(sqlx::Error),
    Store(StoreError),
    /// There was no answer within the limit of the call.
    Late(Duration),
}

impl Failure {
    /// Whether the server gave up a transaction in favour of another one, so that it may succeed when it is run again.
    fn is_conflict(&self) -> bool {
        match self {
            Self::Driver(sqlx::Error::Database(error)) => {
                matches!(error.code().as_deref(), Some("40001" | "40P01"))
            }
            _ => false,
        }
    }

    /// Whether the connection can be used for something else: the server said what is wrong, and is there still.
    pub fn spares_connection(&self) -> bool {
        match self {
            Self::Driver(error) => {
                matches!(error, sqlx::Error::Database(_)) && !is_connection_lost(error)
            }
            Self::Store(_) => true,
            Self::Late(_) => false,
        }
    }
}

/// How often work is run again that the server gave up in favour of other work.
const CONFLICTS_MAX: u32 = 20;
/// The longest pause before that; the first ones are shorter.
const CONFLICT_PAUSE_MAX: Duration = Duration::from_millis(50);

/// Works for no longer than the limit, again and again where the server gives it up in favour of other work: those that
/// isolate transactions strictly do so instead of letting one wait for the other. Work that is not done within the limit is
/// dropped, which leaves all of it or nothing.
pub(super) async fn within<T, W>(limit: Duration, work: impl Fn() -> W) -> Result<T, Failure>
where
    W: Future<Output = Result<T, Failure>>,
{
    let insisted = async {
        for conflicts in 0..CONFLICTS_MAX {
            match work().await {
                Err(failure) if failure.is_conflict() => {
                    metrics::counter!("rewards_store_conflicts_total").increment(1);
                    tokio::time::sleep(pause(conflicts)).await;
                }
                outcome => return outcome,
            }
        }
        work().await
    };
    let outcome = tokio::time::timeout(limit, insisted).await;
    outcome.unwrap_or(Err(Failure::Late(limit)))
}

/// A random part of a pause that doubles with every conflict, so that those who met do not meet again.
fn pause(conflicts: u32) -> Duration {
    let [random, ..] = uuid::Uuid::new_v4().into_bytes();
    let longest = Duration::from_millis(1).saturating_mul(1 << conflicts.min(16));
    longest
        .min(CONFLICT_PAUSE_MAX)
        .mul_f32(f32::from(random) / 255.0)
}

/// The error of a call that got no answer within its limit.
pub(super) fn late(limit: Duration) -> StoreError {
    StoreError::Unavailable {
        detail: format!("no answer within {} ms", limit.as_millis()),
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Driver(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A stored value that this version did not write.
#[derive(Debug)]
pub(super) struct Unreadable(pub String);

impl Unreadable {
    /// Names the row.
    pub fn at(self, table: &str, key: impl fmt::Display) -> StoreError {
        StoreError::Corrupt {
            detail: format!("table `{table}`, row `{key}`: {}", self.0),
        }
    }
}

impl<E: std::error::Error> From<E> for Unreadable {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Names the row of what could not be read.
pub(super) trait At<T> {
    fn at(self, table: &str, key: impl fmt::Display) -> Result<T, StoreError>;
}

impl<T> At<T> for Result<T, Unreadable> {
    fn at(self, table: &str, key: impl fmt::Display) -> Result<T, StoreError> {
        self.map_err(|why| why.at(table, key))
    }
}

/// How writes ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// All of them were made.
    All,
    /// One was not, and none must remain. It is named by its place, when the database names it.
    Not(Option<usize>),
}

/// Whether the database refused a write because of what is stored. Everything else remains an error.
pub(super) fn written(error: sqlx::Error) -> sqlx::Result<Written> {
    let sqlx::Error::Database(refusal) = &error else {
        return Err(error);
    };
    match refusal.code().as_deref() {
        // A chain refused itself.
        #[cfg(feature = "postgres")]
        Some("22P02") => {
            let (_, place) = (refusal.message().split_once(REFUSED)).unwrap_or_default();
            let digits = place.trim_end_matches(|c: char| !c.is_ascii_digit());
            match digits.parse() {
                Ok(place) => Ok(Written::Not(Some(place))),
                Err(_) => Err(error),
            }
        }
        // A row that was to be new is there.
        #[cfg(feature = "postgres")]
        Some("23505") => Ok(Written::Not(refusal.table().and_then(step::of_table))),
        #[cfg(feature = "sqlite")]
        Some("1555" | "2067") => Ok(Written::Not(None)),
        // A sum left the range of its column: PostgreSQL says so, SQLite makes a fraction of it that a strict table
        // does not take.
        Some("22003" | "3091") => Ok(Written::Not(None)),
        _ => Err(error),
    }
}

/// Whether the connection itself may be gone.
pub(super) fn is_connection_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            ["57P", "08", "25P"]
                .iter()
                .any(|kind| code.starts_with(kind))
        }),
        _ => false,
    }
}

/// Whether SQLite could not read or write on the disk.
#[cfg(feature = "sqlite")]
pub(super) fn is_of_disk(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else {
        return false;
    };
    let code = error.code().unwrap_or_default();
    code.len() != 5 && code.parse::<u32>().is_ok_and(|code| code & 0xFF == 10)
}

/// The driver's error in the words of the store.
pub(crate) fn classify(error: sqlx::Error) -> StoreError {
    let detail = error.to_string();
    match error {
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            // Only PostgreSQL has five-character codes; SQLite's are numbers below 10,000.
            if code.len() == 5 {
                from_sqlstate(&code, detail)
            } else {
                from_sqlite(&code, detail)
            }
        }
        sqlx::Error::Io(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => StoreError::Unavailable { detail },
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::RowNotFound => StoreError::Corrupt { detail },
        _ => StoreError::Refused { detail },
    }
}

/// The error of a statement in the words of the store, with what to do about the disk and the locks below it.
pub(super) fn advised(error: sqlx::Error) -> StoreError {
    let advice = match &error {
        sqlx::Error::Database(error) => advice(&error.code().unwrap_or_default()),
        _ => None,
    };
    let mut error = classify(error);
    if let (Some(advice), Some(detail)) = (advice, error.detail_mut()) {
        detail.push_str("; ");
        detail.push_str(advice);
    }
    error
}

fn advice(code: &str) -> Option<&'static str> {
    const ROOM: &str = "make room on the disk, then send the command again with the same key";
    if code.len() == 5 {
        return match code {
            "53100" => Some(ROOM),
            // Read-only transaction: the address is that of a standby, or the server was set so.
            "25006" => Some("use the address of a server that takes writes"),
            _ => None,
        };
    }
    match code.parse::<u32>().map(|code| code & 0xFF) {
        Ok(5 | 6) => Some(
            "another process holds the database: send the command again with the same key when that one is done",
        ),
        Ok(8) => Some("make the file writable and open it again"),
        Ok(10) => Some("check the disk, then send the command again with the same key"),
        Ok(13) => Some(ROOM),
        _ => None,
    }
}

fn from_sqlstate(code: &str, detail: String) -> StoreError {
    match code {
        // Serialisation failure, deadlock.
        "40001" | "40P01" => StoreError::Conflict { detail },
        // Too many connections, out of memory, lock not available, cancelled, shutting down or starting up, idle for too
        // long within a transaction or altogether, a transaction that took too long.
        "53300" | "53200" | "55P03" | "57014" | "57P01" | "57P02" | "57P03" | "57P05" | "25P03"
        | "25P04" | "40003" => StoreError::Unavailable { detail },
        // Damaged data or index.
        "XX001" | "XX002" => StoreError::Corrupt { detail },
        "53100" => StoreError::DiskFull { detail },
        // A standby, or a server or a user that was set so.
        "25006" => StoreError::ReadOnly { detail },
        _ if code.starts_with("08") => StoreError::Unavailable { detail },
        _ => StoreError::Refused { detail },
    }
}

fn from_sqlite(code: &str, detail: String) -> StoreError {
    // The low byte of an extended result code is the primary one.
    match code.parse::<u32>().map(|code| code & 0xFF) {
        // Busy, locked: another process holds the file, and nothing was written.
        Ok(5 | 6) => StoreError::Conflict { detail },
        // Out of memory, interrupted, input or output failed, lock protocol.
        Ok(7 | 9 | 10 | 15) => StoreError::Unavailable { detail },
        // Damaged, not a database, or a value that the column cannot hold.
        Ok(11 | 26) => StoreError::Corrupt { detail },
        Ok(8) => StoreError::ReadOnly { detail },
        Ok(13) => StoreError::DiskFull { detail },
        _ => StoreError::Refused { detail },
    }
}

/// Remembers when a connection was last lost, so that only then idle connections are tried before they are used: a
/// trial costs a round trip.
#[derive(Debug)]
pub(super) struct Suspicion {
    opened: Instant,
    /// Milliseconds after `opened`, plus one; 0 when no connection was ever lost.
    lost_at: AtomicU64,
}

impl Suspicion {
    pub fn new() -> Self {
        Self {
            opened: Instant::now(),
            lost_at: AtomicU64::new(0),
        }
    }

    /// Notes the error when it means a lost connection.
    pub fn note(&self, error: &sqlx::Error) {
        if is_connection_lost(error) {
            self.raise();
        }
    }

    /// Notes that a connection was lost, or gave no answer.
    pub fn raise(&self) {
        let now = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.lost_at.store(now.saturating_add(1), Ordering::Relaxed);
    }

    /// Whether a connection was lost since the suspicion was last lowered.
    #[cfg(feature = "sqlite")]
    pub fn is_raised(&self) -> bool {
        self.lost_at.load(Ordering::Relaxed) != 0
    }

    /// Notes that the connection works.
    #[cfg(feature = "sqlite")]
    pub fn lower(&self) {
        self.lost_at.store(0, Ordering::Relaxed);
    }

    /// Whether a connection that was idle for so long may have been lost with the last one.
    #[cfg(feature = "postgres")]
    pub fn covers(&self, idle_for: Duration) -> bool {
        match self.lost_at.load(Ordering::Relaxed) {
            0 => false,
            lost_at => {
                let lost_at = Duration::from_millis(lost_at);
                // A second of slack for the rounding, and for servers that take a while to go down.
                self.opened.elapsed().saturating_sub(lost_at)
                    < idle_for.saturating_add(Duration::from_secs(1))
            }
        }
    }
}
