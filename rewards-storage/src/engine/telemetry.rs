//! What operators see: counters, histograms and spans. Never the id of a member or a purchase.
//!
//! Handles are registered once per label set, so counting costs one look-up and, without a recorder, nothing else.
//! A recorder must therefore be installed **before** the engine is opened.
//!
//! | metric | labels | meaning |
//! |---|---|---|
//! | `rewards_commands_total` | `operation`, `outcome` | commands and queries answered; the outcome is `ok` or the code of the fault |
//! | `rewards_command_seconds` | `operation`, `outcome` | from acceptance to answer |
//! | `rewards_replays_total` | | commands answered with the reply of an earlier one |
//! | `rewards_retries_total` | `reason` | commands decided again after a lost race (`stale`, `guard`), calls repeated (`store`), views loaded again for newer programs (`programs`) |
//! | `rewards_batch_size` | | commands gathered for one commit |
//! | `rewards_queue_depth` | | commands left waiting when a batch was gathered |

use std::borrow::Cow;
use std::sync::{PoisonError, RwLock};
use std::time::Instant;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use rewards_core::rejection::Fault;
use rustc_hash::FxHashMap;

/// The label of a query that was answered, and of a command that took effect or replayed one that did.
pub(super) const OK: &str = "ok";

/// Operation and outcome.
type Labels = (&'static str, &'static str);

#[derive(Debug, Clone)]
struct Answered {
    total: Counter,
    seconds: Histogram,
}

/// The handles of all metrics of one engine.
#[derive(Debug)]
pub(super) struct Telemetry {
    answered: RwLock<FxHashMap<Labels, Answered>>,
    replays: Counter,
    retries: RwLock<FxHashMap<&'static str, Counter>>,
    batch_size: Histogram,
    queue_depth: Gauge,
}

impl Telemetry {
    /// Registers what has no labels; the rest is registered when it first occurs.
    pub(super) fn new() -> Self {
        Self {
            answered: RwLock::default(),
            replays: counter!("rewards_replays_total"),
            retries: RwLock::default(),
            batch_size: histogram!("rewards_batch_size"),
            queue_depth: gauge!("rewards_queue_depth"),
        }
    }

    /// A command or query was answered.
    pub(super) fn answered(
        &self,
        operation: &'static str,
        outcome: &'static str,
        replayed: bool,
        accepted: Instant,
    ) {
        let handles = cached(&self.answered, (operation, outcome), || Answered {
            total: counter!("rewards_commands_total", "operation" => operation, "outcome" => outcome),
            seconds: histogram!("rewards_command_seconds", "operation" => operation, "outcome" => outcome),
        });
        handles.total.increment(1);
        handles.seconds.record(accepted.elapsed());
        if replayed {
            self.replays.increment(1);
        }
    }

    /// Something had to be done again.
    pub(super) fn retried(&self, reason: &'static str) {
        cached(
            &self.retries,
            reason,
            || counter!("rewards_retries_total", "reason" => reason),
        )
        .increment(1);
    }

    /// A batch was gathered, and so many commands still wait.
    pub(super) fn gathered(&self, size: usize, waiting: usize) {
        self.batch_size
            .record(u32::try_from(size).unwrap_or(u32::MAX));
        self.queue_depth
            .set(u32::try_from(waiting).unwrap_or(u32::MAX));
    }
}

/// The outcome label of a result.
pub(super) fn outcome<T>(result: &Result<T, Fault>) -> &'static str {
    result.as_ref().map_or_else(code, |_| OK)
}

/// The outcome label of a fault.
pub(super) fn code(fault: &Fault) -> &'static str {
    match fault.code {
        Cow::Borrowed(code) => code,
        Cow::Owned(_) => "other",
    }
}

fn cached<K: Copy + Eq + std::hash::Hash, V: Clone>(
    handles: &RwLock<FxHashMap<K, V>>,
    labels: K,
    register: impl FnOnce() -> V,
) -> V {
    // A poisoned map is still a map of handles.
    let known = handles
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .get(&labels)
        .cloned();
    known.unwrap_or_else(|| {
        handles
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(labels)
            .or_insert_with(register)
            .clone()
    })
}
