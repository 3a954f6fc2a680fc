//! The engine: takes requests, fetches what the pure core needs, and makes its decisions durable.
//!
//! ```text
//!  execute ─▶ seal, key, time, ids, reads ─▶ queue ─▶ load ─▶ decide, one after another ─▶ commit ─▶ answers
//!                                              ▲ a race was lost: again, with the same time and ids │
//!                                              └────────────────────────────────────────────────────┘
//! ```
//!
//! What a caller may rely on:
//! - *Once.* A command has an idempotency key, given or implied by the request. The first command with a key takes
//!   effect; every repetition gets the same reply, whatever has happened since. The key is looked up before anything
//!   else can refuse the command. Refused commands leave nothing behind, and their keys stay free.
//! - *Durable.* A command is answered after its commit. A refusal never rests on somebody else's uncommitted decision.
//! - *Together.* Commands that arrive while a commit is in flight share the next one; a lone command waits for nobody.
//!   What goes wrong with one of them is told to its caller alone.
//! - *In order.* Commands of one member take effect in the order in which they were accepted; those of an [`OrderedRun`] in the
//!   order in which they were handed in, whomever they are about. When one of them fails because of the store, or is given up
//!   in contention, those of its member that wait behind it are not tried and are to be sent again, too.
//! - *In confidence.* Secrets of a request are replaced by digests under the keys of the host's [`KeyRing`] before anything
//!   else is done with it.
//! - *All or nothing.* Dropping the future of a command leaves it entirely done or not accepted at all; asking again
//!   with the same key tells which.
//!
//! The engine contains no rules and no SQL. It runs in the tokio runtime in which it was opened.

mod answers;
mod books;
mod builder;
mod catalogue;
mod clock;
mod codes;
mod engine_keys;
mod faults;
mod key_data;
mod key_ring;
mod liability;
mod moment;
mod ordered;
mod pending;
mod query;
mod queue;
mod round;
mod scheduler;
mod sealing;
mod services;
mod signatures;
mod storage;
mod submit;
mod sweep;
mod telemetry;
mod tokens;
mod verify;
mod worker;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream;
use rewards_core::command::{Kind, Operation};
use rewards_core::ids::{IdempotencyKey, TenantId};
use rewards_core::rejection::Fault;
use rewards_core::time::Timestamp;
use tracing::Instrument;
use tracing::field::Empty;

pub use builder::{
    ATTEMPTS_MAX, BATCH_MAX, CLOCK_JUMP_MAX, EngineBuilder, Events, NOW_AHEAD_MAX, QUEUE_MAX,
    WORKERS,
};
pub use catalogue::TENANTS_MAX;
pub use clock::{Clock, ManualClock, RandomSource, SeededRandom, SystemClock, SystemRandom};
pub use key_data::KeyData;
pub use key_ring::{
    KEY_SECRET_BYTES_MAX, KEY_SECRET_BYTES_MIN, KEYS_MAX, KeyRing, KeyRingError, RingKey,
};
pub use liability::{AssetLiability, Liability};
pub use ordered::{OrderedReceipt, OrderedRun, RUN_AHEAD_MAX};
pub use services::{CLAIMED_AT_ONCE_MAX, Health};
pub use storage::{STORE_PATIENCE, STORE_TRIES_MAX, read_patience};
pub use sweep::Sweep;
pub use verify::BookReport;

use crate::store::Backend;
use catalogue::Catalogue;
use engine_keys::EngineKeys;
use moment::When;
use queue::Queue;
use submit::{Once, Told, receive};
use worker::Shared;

/// How many queries of one call are asked at the same time.
const QUERIES_AT_ONCE: usize = 16;

/// An open engine. Cloning is cheap; the engine ends when it is closed or its last handle is dropped.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    catalogue: Catalogue,
    clock: Arc<dyn Clock>,
    random: Arc<dyn RandomSource>,
    keys: Arc<EngineKeys>,
    queue: Arc<Queue>,
    /// How many workers there were when it was opened.
    workers: usize,
    /// Whether nothing is done on threads of its own.
    in_place: bool,
    /// How many ordered runs were begun.
    runs: AtomicU64,
}

/// One tenant's access to an engine. Cloning is cheap.
#[derive(Clone)]
pub struct TenantEngine {
    inner: Arc<Inner>,
    tenant: TenantId,
}

/// What a caller may say beside the request itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandOptions {
    /// The idempotency key; the key that the request implies when absent. Queries need none.
    pub key: Option<IdempotencyKey>,
    /// When the command is decided; the clock's time when absent. At most five minutes ahead of it, unless the engine was
    /// [told otherwise](EngineBuilder::now_ahead_max). One that is no further from the clock is taken for the clock's, and
    /// [held against the store](EngineBuilder::clock_jump_max) as that is.
    pub now: Option<Timestamp>,
}

impl CommandOptions {
    /// With this idempotency key, decided at the clock's time.
    #[must_use]
    pub fn keyed(key: IdempotencyKey) -> Self {
        Self {
            key: Some(key),
            now: None,
        }
    }
}

/// A reply, and whether it is the reply of an earlier command with the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt<R> {
    /// What the command replied when it took effect.
    pub reply: R,
    /// Whether that was before this call.
    pub replayed: bool,
}

impl Engine {
    /// Puts an engine on top of a backend.
    pub fn builder(backend: Arc<dyn Backend>) -> EngineBuilder {
        EngineBuilder::new(backend)
    }

    /// The engine as one tenant sees it.
    #[must_use]
    pub fn tenant(&self, tenant: TenantId) -> TenantEngine {
        TenantEngine {
            inner: Arc::clone(&self.inner),
            tenant,
        }
    }

    /// Says that it is so late, by a clock that the host trusts: what a server told, or whoever set the clock has confirmed.
    ///
    /// From here on the engine's clock may lie ahead of that by what [is allowed](EngineBuilder::clock_jump_max), so what ended
    /// as `clock_ahead` can be sent again. It lasts until the engine is closed, and in the store as soon as a command is recorded.
    /// Told to an engine without any record, it is what the first ones are held against. An earlier time than one accepted before
    /// changes nothing.
    ///
    /// # Errors
    /// `engine_closed`.
    pub fn accept_time(&self, at: Timestamp) -> Result<(), Fault> {
        if self.inner.queue.is_closed() {
            return Err(faults::closed());
        }
        self.inner.shared.limits.accept(at);
        Ok(())
    }

    /// Takes nothing more, answers what was accepted, and returns when the workers have ended.
    ///
    /// May be called more than once and from several tasks; all of them wait.
    pub async fn close(&self) {
        self.inner.queue.close();
        self.inner.queue.ended().await;
    }

    fn from_parts(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }
}

impl TenantEngine {
    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Executes a command or answers a query. Same as [`Self::execute_with`] with default options.
    ///
    /// # Errors
    /// See [`Self::execute_with`].
    pub async fn execute<O: Operation>(&self, request: O) -> Result<O::Reply, Fault> {
        let receipt = self.execute_with(request, CommandOptions::default());
        Ok(receipt.await?.reply)
    }

    /// Executes a command, once for ever, or answers a query from a fresh view.
    ///
    /// # Errors
    /// The rejection of the operation; `invalid` with the problem `key_required` for a command without any key;
    /// `key_reused`; `key_ring_missing` for a secret without a key to seal it; `clock_behind` and `clock_ahead` for a clock that
    /// cannot be right; `contention`; `store_unavailable` when the store could not be reached, after which the outcome is unknown
    /// and the command may be sent again with the same key; `engine_closed`; `internal` for a defect.
    pub async fn execute_with<O: Operation>(
        &self,
        request: O,
        options: CommandOptions,
    ) -> Result<Receipt<O::Reply>, Fault> {
        let span = command_span::<O>();
        // Boxed each for itself, so that a library on a phone has for every operation but the one of the two that it needs.
        let work: BoxFuture<'_, Result<Receipt<O::Reply>, Fault>> = match O::KIND {
            Kind::Command => Box::pin(self.command(request, options)),
            Kind::Query => Box::pin(query::ask(self, request, options.now)),
        };
        observed(work.instrument(span.clone()).await, &span)
    }

    async fn command<O: Operation>(
        &self,
        request: O,
        options: CommandOptions,
    ) -> Result<Receipt<O::Reply>, Fault> {
        let answer = self
            .submit(request, options.into(), Once::Key, None)
            .await?;
        receive(answer).await
    }

    /// Executes many requests, each on its own, and returns the outcomes in their order.
    ///
    /// Commands are accepted in order and share commits; those of one member take effect in order. When one cannot be accepted
    /// because the store is away, none of those behind it is tried.
    ///
    /// # Errors
    /// Each request has its own outcome: see [`Self::execute_with`].
    pub async fn execute_many<O: Operation>(
        &self,
        requests: Vec<(O, CommandOptions)>,
    ) -> Vec<Result<Receipt<O::Reply>, Fault>> {
        if O::KIND == Kind::Query {
            let queries = requests
                .into_iter()
                .map(|(request, options)| self.execute_with(request, options));
            return stream::iter(queries)
                .buffered(QUERIES_AT_ONCE)
                .collect()
                .await;
        }
        let mut submitted = Vec::with_capacity(requests.len());
        let mut held_back = None;
        for (request, options) in requests {
            let answer = match &held_back {
                // Whom the one before it is about may be unknown, so nobody may overtake it.
                Some(fault) => Err(Fault::clone(fault)),
                None => self.submit(request, options.into(), Once::Key, None).await,
            };
            if held_back.is_none()
                && let Err(fault) = &answer
            {
                held_back = answers::behind(fault);
            }
            submitted.push((command_span::<O>(), answer));
        }
        let mut outcomes = Vec::with_capacity(submitted.len());
        for (span, answer) in submitted {
            let outcome = match answer {
                Ok(answer) => receive(answer).await,
                Err(fault) => Err(fault),
            };
            outcomes.push(observed(outcome, &span));
        }
        outcomes
    }
}

impl From<CommandOptions> for Told {
    fn from(options: CommandOptions) -> Self {
        Self {
            key: options.key,
            when: When::Given(options.now),
        }
    }
}

impl Inner {
    fn check_open(&self) -> Result<(), Fault> {
        if self.queue.is_closed() {
            return Err(faults::closed());
        }
        Ok(())
    }

    fn next_run(&self) -> u64 {
        self.runs.fetch_add(1, Ordering::Relaxed)
    }
}

impl Drop for Inner {
    /// The last handle is gone: what was accepted is worked off, and the workers end.
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("workers", &self.inner.queue.workers())
            .field("closed", &self.inner.queue.is_closed())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for TenantEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantEngine")
            .field("tenant", self.tenant())
            .finish_non_exhaustive()
    }
}

fn command_span<O: Operation>() -> tracing::Span {
    tracing::debug_span!(
        "rewards.command",
        operation = O::NAME,
        outcome = Empty,
        replayed = Empty
    )
}

fn observed<R>(
    outcome: Result<Receipt<R>, Fault>,
    span: &tracing::Span,
) -> Result<Receipt<R>, Fault> {
    span.record("outcome", telemetry::outcome(&outcome));
    if let Ok(receipt) = &outcome {
        span.record("replayed", receipt.replayed);
    }
    outcome
}
