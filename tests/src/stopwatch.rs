//! A stopwatch for limits that a library promises, whatever else the machine below it has to do.
//!
//! Where a task that only waits for its next tick gets its turn late, so does the library. The stopwatch stands still meanwhile:
//! a test allows for as much as the machine was seen to be late, and for no more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

/// How long the task waits at a time.
const TICK: Duration = Duration::from_millis(10);
/// What every timer is late by, also where nothing is in its way.
const GRAIN: Duration = Duration::from_millis(10);

/// A stopwatch that runs from its making on.
#[derive(Debug)]
pub struct Stopwatch {
    begun: Instant,
    late: Arc<AtomicU64>,
    ticking: JoinHandle<()>,
}

impl Stopwatch {
    /// Begins to measure, on the runtime of the caller.
    #[must_use]
    pub fn begin() -> Self {
        let late = Arc::new(AtomicU64::new(0));
        let ticking = tokio::spawn(tick(Arc::clone(&late)));
        Self {
            begun: Instant::now(),
            late,
            ticking,
        }
    }

    /// How long it has run, without what the machine was late by.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        let late = Duration::from_micros(self.late.load(Ordering::Relaxed));
        self.begun.elapsed().saturating_sub(late)
    }
}

impl Drop for Stopwatch {
    fn drop(&mut self) {
        self.ticking.abort();
    }
}

/// Adds up by how much it gets its turn late, in microseconds.
async fn tick(late: Arc<AtomicU64>) {
    loop {
        let begun = Instant::now();
        tokio::time::sleep(TICK).await;
        let over = begun.elapsed().saturating_sub(TICK);
        if over > GRAIN {
            let over = u64::try_from(over.as_micros()).unwrap_or(u64::MAX);
            late.fetch_add(over, Ordering::Relaxed);
        }
    }
}
