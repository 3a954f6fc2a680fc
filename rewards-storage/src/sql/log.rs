//! Keeps the write-ahead log of a file small.
//!
//! A commit that finds the log long copies it into the database, and the log starts anew; its file stays as long as it was. So when
//! nobody has written for a moment, it is copied and emptied. Nobody is held up by that: it waits for neither readers nor other
//! processes, and is tried again later where one is in the way. That is also how room is made after a disk was full.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use sqlx::{Connection as _, Row as _, SqliteConnection};
use tokio::sync::Mutex;

use super::driver::Writer;
use super::watch::FileWatch;

/// For how long nobody has written when the log is emptied.
const IDLE: Duration = Duration::from_secs(1);

/// Empties the log of a file when nobody writes.
#[derive(Debug)]
pub(super) struct LogKeeper {
    /// How long SQLite waits otherwise.
    busy_timeout: Duration,
    watched: Arc<Watched>,
}

#[derive(Debug, Default)]
struct Watched {
    /// How often the writer was taken.
    uses: AtomicU64,
    /// Whether somebody waits until nobody writes.
    is_watched: AtomicBool,
}

impl LogKeeper {
    /// For connections that wait so long for others.
    pub(super) fn new(busy_timeout: Duration) -> Self {
        Self {
            busy_timeout,
            watched: Arc::default(),
        }
    }

    /// Somebody has the writer, and will write. Costs an addition, and a task where none waits.
    pub(super) fn used(&self, writer: &Arc<Mutex<Writer>>, watch: Option<&Arc<FileWatch>>) {
        self.watched.uses.fetch_add(1, Ordering::Relaxed);
        if self.watched.is_watched.swap(true, Ordering::Relaxed) {
            return;
        }
        let waiting = Waiting(Arc::clone(&self.watched));
        let (writer, watch) = (Arc::downgrade(writer), watch.map(Arc::downgrade));
        // Without a runtime nothing writes either.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(waiting.empty(writer, watch.unwrap_or_default(), self.busy_timeout));
        }
    }

    /// Copies the log into the database and empties it, unless somebody is in the way.
    pub(super) async fn empty(&self, connection: &mut SqliteConnection) {
        // What is left is copied by whoever opens the file next.
        let _ = emptied(connection, self.busy_timeout).await;
    }
}

/// One who waits until nobody writes. When it ends, however it does, the next one who writes begins another.
struct Waiting(Arc<Watched>);

impl Waiting {
    async fn empty(
        self,
        writer: Weak<Mutex<Writer>>,
        watch: Weak<FileWatch>,
        busy_timeout: Duration,
    ) {
        loop {
            let before = self.0.uses.load(Ordering::Relaxed);
            tokio::time::sleep(IDLE).await;
            if self.0.uses.load(Ordering::Relaxed) != before {
                continue;
            }
            let Some(writer) = writer.upgrade() else {
                return;
            };
            let mut writer = writer.lock().await;
            let Writer::Ready(connection) = &mut *writer else {
                return;
            };
            // The watch ends before the connections do, so it is let go of first.
            let watch = watch.upgrade();
            // A file that is not the store's own any more is left as it is.
            if watch.is_none_or(|watch| watch.look().is_err()) {
                return;
            }
            // Whoever takes the writer next sees to a transaction that was left open.
            let is_free = !connection.is_in_transaction();
            if is_free && emptied(connection, busy_timeout).await.unwrap_or(false) {
                // Before the writer is given back, so that nobody relies on one who has ended.
                drop(self);
                return;
            }
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.is_watched.store(false, Ordering::Relaxed);
    }
}

/// Whether the log could be copied and emptied. Waits for nobody.
async fn emptied(connection: &mut SqliteConnection, busy_timeout: Duration) -> sqlx::Result<bool> {
    set_busy_timeout(connection, Duration::ZERO).await?;
    let outcome = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .persistent(false)
        .fetch_one(&mut *connection)
        .await;
    set_busy_timeout(connection, busy_timeout).await?;
    let is_blocked: i64 = outcome?.try_get(0)?;
    Ok(is_blocked == 0)
}

async fn set_busy_timeout(
    connection: &mut SqliteConnection,
    timeout: Duration,
) -> sqlx::Result<()> {
    let set = format!("PRAGMA busy_timeout = {}", timeout.as_millis());
    // A number is all that is put into it.
    sqlx::raw_sql(sqlx::AssertSqlSafe(set))
        .execute(connection)
        .await
        .map(drop)
}
