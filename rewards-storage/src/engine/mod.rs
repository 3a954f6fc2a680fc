//! The engine: takes requests, fetches what the pure core needs, and makes its decisions durable.
//!
//! ```text
//!  execute ─▶ key, time, ids, reads ─▶ worker ─▶ load ─▶ decide, one after another ─▶ commit ─▶ answers
//!                                       ▲ a race was lost: again, with the same time and ids │
//!                                       └────────────────────────────────────────────────────┘
//! ```
//!
//! What a caller may rely on:
//! - *Once.* A command has an idempotency key, given or implied by the request. The first command with a key takes
//!   effect; every repetition gets the same reply, whatever has happened since. The key is looked up before anything
//!   else can refuse the command. Refused commands leave nothing behind, and their keys stay free.
//! - *Durable.* A command is answered after its commit. A refusal never rests on somebody else's uncommitted decision.
//! - *Together.* Commands that arrive while a commit is in flight share the next one; a lone command waits for nobody.
//!   What goes wrong with one of them is told to its caller alone.
//! - *In order.* Commands of one member take effect in the order in which they were accepted.
//! - *All or nothing.* Dropping the future of a command leaves it entirely done or not accepted at all; asking again
//!   with the same key tells which.
//!
//! The engine contains no rules and no SQL. It runs in the tokio runtime in which it was opened.

mod builder;
mod catalogue;
mod clock;
mod faults;
mod pending;
mod query;
mod round;
mod services;
mod storage;
mod sweep;
mod telemetry;
mod worker;

use std::fmt;
use std::hash::Hasher;
use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt;
use futures::stream;
use rewards_core::command::{Kind, Operation, fingerprint};
use rewards_core::context::Context;
use rewards_core::ids::{IdSeed, IdempotencyKey, MemberId, TenantId};
use rewards_core::rejection::Fault;
use rewards_core::snapshot::ReplyKey;
use rewards_core::time::Timestamp;
use rustc_hash::FxHasher;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::Instrument;
use tracing::field::Empty;

pub use builder::{ATTEMPTS_MAX, BATCH_MAX, EngineBuilder, QUEUE_MAX, WORKERS};
pub use clock::{Clock, ManualClock, RandomSource, SeededRandom, SystemClock, SystemRandom};
pub use services::{BookReport, Health};
pub use storage::STORE_TRIES_MAX;
pub use sweep::Sweep;

use crate::store::Backend;
use catalogue::{Catalogue, Programs, Tenant};
use pending::{Answer, Pending, Typed};
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
    queues: Vec<mpsc::Sender<Pending>>,
    stop: watch::Sender<bool>,
    /// How many workers are still at work.
    running: watch::Receiver<usize>,
}

/// One tenant's access to an engine. Cloning is cheap.
#[derive(Clone)]
pub struct TenantEngine {
    inner: Arc<Inner>,
    tenant: Arc<Tenant>,
}

/// What a caller may say beside the request itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandOptions {
    /// The idempotency key; the key that the request implies when absent. Queries need none.
    pub key: Option<IdempotencyKey>,
    /// When the command is decided; the clock's time when absent.
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
            tenant: self.inner.catalogue.tenant(tenant),
        }
    }

    /// Takes nothing more, answers what was accepted, and returns when the workers have ended.
    ///
    /// May be called more than once and from several tasks; all of them wait.
    pub async fn close(&self) {
        self.inner.stop.send_replace(true);
        let mut running = self.inner.running.clone();
        // An error means that the workers are gone, which is what this waits for.
        let _ = running.wait_for(|workers| *workers == 0).await;
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
        self.tenant.id()
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
    /// `key_reused`; `contention`; `store_unavailable` when the store could not be reached, after which the outcome is
    /// unknown and the command may be sent again with the same key; `engine_closed`; `internal` for a defect.
    pub async fn execute_with<O: Operation>(
        &self,
        request: O,
        options: CommandOptions,
    ) -> Result<Receipt<O::Reply>, Fault> {
        let span = command_span::<O>();
        let work = async {
            match O::KIND {
                Kind::Command => receive(self.submit(request, options).await?).await,
                Kind::Query => query::ask(self, &request, options.now).await,
            }
        };
        observed(work.instrument(span.clone()).await, &span)
    }

    /// Executes many requests, each on its own, and returns the outcomes in their order.
    ///
    /// Commands are accepted in order and share commits; those of one member take effect in order.
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
        for (request, options) in requests {
            submitted.push((command_span::<O>(), self.submit(request, options).await));
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

    /// Fixes everything a command is decided with and hands it to its worker.
    async fn submit<O: Operation>(
        &self,
        request: O,
        options: CommandOptions,
    ) -> Result<AnswerReceiver<O::Reply>, Fault> {
        self.inner.check_open()?;
        let key = options
            .key
            .or_else(|| request.natural_key())
            .ok_or_else(faults::key_required)?;
        let fingerprint = fingerprint(&request)?;
        let programs = self.tenant.programs(&self.inner.shared.storage).await?;
        let place = self.inner.queue(self.tenant(), request.member())?;
        let place = place.reserve().await.map_err(|_| faults::closed())?;
        let context = self.context(options.now, &programs, self.inner.random.next());
        let key = ReplyKey {
            tenant: self.tenant().clone(),
            operation: O::NAME,
            key,
        };
        let (caller, answer) = oneshot::channel();
        place.send(Pending::new(
            Typed::boxed(request, caller),
            key,
            fingerprint,
            Arc::clone(&self.tenant),
            context,
            Instant::now(),
        ));
        Ok(answer)
    }

    /// What a decision is made in, with the random bits that its ids are made of.
    fn context(&self, now: Option<Timestamp>, programs: &Programs, random: u128) -> Context {
        let now = now.unwrap_or_else(|| self.inner.clock.now());
        Context {
            tenant: self.tenant().clone(),
            now,
            ids: IdSeed::new(now, random),
            programs: Arc::clone(&programs.revisions),
        }
    }
}

impl Inner {
    fn check_open(&self) -> Result<(), Fault> {
        if *self.stop.borrow() {
            return Err(faults::closed());
        }
        Ok(())
    }

    /// The queue of a member's worker; commands without a member go to the first.
    fn queue(
        &self,
        tenant: &TenantId,
        member: Option<&MemberId>,
    ) -> Result<&mpsc::Sender<Pending>, Fault> {
        let worker = member.map_or(0, |member| {
            let mut hasher = FxHasher::default();
            hasher.write(tenant.as_str().as_bytes());
            hasher.write(member.as_str().as_bytes());
            let workers = u64::try_from(self.queues.len()).unwrap_or(1).max(1);
            usize::try_from(hasher.finish() % workers).unwrap_or(0)
        });
        self.queues.get(worker).ok_or_else(faults::closed)
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("workers", &self.inner.queues.len())
            .field("closed", &*self.inner.stop.borrow())
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

type AnswerReceiver<R> = oneshot::Receiver<Result<Answer<R>, Fault>>;

async fn receive<R: serde::de::DeserializeOwned>(
    answer: AnswerReceiver<R>,
) -> Result<Receipt<R>, Fault> {
    answer.await.map_err(|_| faults::lost())??.receipt()
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
