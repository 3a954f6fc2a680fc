//! How an engine is put together and opened.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use rewards_core::rejection::Fault;

use super::catalogue::{Catalogue, TENANTS_MAX};
use super::clock::{Clock, RandomSource, SystemClock, SystemRandom};
use super::engine_keys::EngineKeys;
use super::faults::internal;
use super::key_ring::KeyRing;
use super::moment::ClockLimits;
use super::queue::Queue;
use super::storage::{STORE_PATIENCE, Storage};
use super::telemetry::Telemetry;
use super::worker::{Shared, Worker};
use super::{Engine, Inner};
use crate::store::{Backend, Query};

/// How many workers there are: enough to decide one batch while another is being committed.
pub const WORKERS: usize = 2;
/// How many commands one commit takes at most: beyond this a larger batch gains little and waits long.
pub const BATCH_MAX: usize = 256;
/// How many commands wait before callers are held back.
pub const QUEUE_MAX: usize = 4_096;
/// How often one command is decided before it is given up as lost in contention.
pub const ATTEMPTS_MAX: u32 = 16;
/// How far the `now` of a command may lie ahead of the engine's clock: five minutes, for clocks that run ahead.
pub const NOW_AHEAD_MAX: Duration = Duration::from_secs(5 * 60);
/// How far the engine's clock may lie ahead of the last time that is known from the store: ten years. No phone lies so long in a
/// drawer, and a clock that lost its battery, or counts weeks anew, is further off.
pub const CLOCK_JUMP_MAX: Duration = Duration::from_secs(3_653 * 24 * 60 * 60);

/// What becomes of the events of commands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Events {
    /// They wait in the outbox until somebody has delivered them.
    #[default]
    Kept,
    /// They are not written. For a host that delivers none, such as an app on a phone, whose file would grow by them for ever.
    /// They are numbered all the same, so when they are kept again, their streams go on behind a gap.
    Dropped,
}

/// An engine before it is opened. Everything has a default but the backend.
#[derive(Debug)]
#[must_use = "an engine does nothing before it is opened"]
pub struct EngineBuilder {
    backend: Arc<dyn Backend>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn RandomSource>,
    key_ring: KeyRing,
    workers: usize,
    in_place: bool,
    batch_max: usize,
    queue_max: usize,
    attempts_max: u32,
    now_ahead_max: Duration,
    clock_jump_max: Duration,
    tenants_max: usize,
    events: Events,
    patience: Duration,
}

impl EngineBuilder {
    pub(super) fn new(backend: Arc<dyn Backend>) -> Self {
        Self {
            backend,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            key_ring: KeyRing::default(),
            workers: WORKERS,
            in_place: false,
            batch_max: BATCH_MAX,
            queue_max: QUEUE_MAX,
            attempts_max: ATTEMPTS_MAX,
            now_ahead_max: NOW_AHEAD_MAX,
            clock_jump_max: CLOCK_JUMP_MAX,
            tenants_max: TENANTS_MAX,
            events: Events::default(),
            patience: STORE_PATIENCE,
        }
    }

    /// Where the time comes from; the machine's clock by default.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Where random bits come from; the operating system by default.
    pub fn random(mut self, random: Arc<dyn RandomSource>) -> Self {
        self.random = random;
        self
    }

    /// The keys that secrets are sealed with; none by default, and then a request with a secret is refused.
    pub fn key_ring(mut self, key_ring: KeyRing) -> Self {
        self.key_ring = key_ring;
        self
    }

    /// How many workers work side by side; at least one, [`WORKERS`] by default.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers.max(1);
        self
    }

    /// Whether everything is done on the threads of the runtime. What takes long before it is decided, such as the signatures of many
    /// receipts, is otherwise done on a thread of its own; a simulation that is to repeat itself wants none. Not by default.
    pub fn in_place(mut self, in_place: bool) -> Self {
        self.in_place = in_place;
        self
    }

    /// How many commands one commit takes at most; at least one, [`BATCH_MAX`] by default.
    pub fn batch_max(mut self, commands: usize) -> Self {
        self.batch_max = commands.max(1);
        self
    }

    /// How many commands wait before callers are held back; at least one, [`QUEUE_MAX`] by default.
    pub fn queue_max(mut self, commands: usize) -> Self {
        self.queue_max = commands.max(1);
        self
    }

    /// How often one command is decided before it ends as contention; at least once, [`ATTEMPTS_MAX`] by default.
    pub fn attempts_max(mut self, attempts: u32) -> Self {
        self.attempts_max = attempts.max(1);
        self
    }

    /// How far the [`now`](super::CommandOptions::now) that a caller gives may lie ahead of the engine's clock;
    /// [`NOW_AHEAD_MAX`] by default. What lies further ahead is refused as `now_ahead`, because what it makes mature, expire
    /// or move cannot be undone. Tests and backtests that play the future allow it with [`Duration::MAX`].
    ///
    /// So far clocks may differ: one that is further behind what the store has recorded of a member decides nothing for that
    /// member, and the command ends as `clock_behind`. With [`Duration::MAX`] the clock is held against nothing.
    pub fn now_ahead_max(mut self, ahead: Duration) -> Self {
        self.now_ahead_max = ahead;
        self
    }

    /// How far the engine's clock may lie ahead of the last time that is known from the store of a tenant;
    /// [`CLOCK_JUMP_MAX`] by default, none with [`Duration::MAX`]. By a clock that is further ahead nothing matures, expires, is
    /// voided, reviewed or recorded: commands end as `clock_ahead` until the clock is right, or until the host
    /// [accepts the time](Engine::accept_time). Queries are answered as of the last time that is known.
    ///
    /// For a wallet whose users set the clock, choose what the longest honest pause may be, and accept the time that a server
    /// told. A [`now`](super::CommandOptions::now) is the caller's word, unless it is within
    /// [`now_ahead_max`](Self::now_ahead_max) of the clock: then it is taken for the clock's.
    pub fn clock_jump_max(mut self, jump: Duration) -> Self {
        self.clock_jump_max = jump;
        self
    }

    /// Of how many tenants the compiled programs are kept; at least one, [`TENANTS_MAX`] by default. Those of the tenant that was
    /// not used longest make room, and are loaded and compiled again when they are needed.
    pub fn tenants_max(mut self, tenants: usize) -> Self {
        self.tenants_max = tenants.max(1);
        self
    }

    /// What becomes of events; they are kept by default. What waits from before can be removed by
    /// [`TenantEngine::discard_events`](super::TenantEngine::discard_events).
    pub fn events(mut self, events: Events) -> Self {
        self.events = events;
        self
    }

    /// How long to wait for one answer of the store, all tries together; at least a millisecond, [`STORE_PATIENCE`] by
    /// default.
    ///
    /// A command whose answer takes longer ends as `store_unavailable`, and when it was its commit, whether it took effect
    /// is unknown: sent again with the same key, it tells. Give the store
    /// [limits that fit](crate::sql::SqlOptions::for_patience).
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience.max(Duration::from_millis(1));
        self
    }

    /// Asks the store how it is and starts the workers on the current tokio runtime, which needs its timer enabled.
    ///
    /// # Errors
    /// A fault of the store when it cannot be reached or has an unknown schema; `internal` outside a tokio runtime.
    pub async fn open(self) -> Result<Engine, Fault> {
        let runtime = tokio::runtime::Handle::try_current()
            .map_err(|error| internal(format!("an engine runs in a tokio runtime: {error}")))?;
        let telemetry = Arc::new(Telemetry::new());
        let shared = Arc::new(Shared {
            storage: Storage::new(self.backend, Arc::clone(&telemetry), self.patience),
            telemetry,
            attempts_max: self.attempts_max,
            events: self.events,
            limits: ClockLimits::new(self.now_ahead_max, self.clock_jump_max),
        });
        shared.storage.ask(Query::health).await?;
        let queue = Arc::new(Queue::new(self.queue_max, self.batch_max));
        // All of them are there before the first one works, so that it takes no more than its share.
        let workers = (0..self.workers).map(|_| Worker::new(shared.clone(), queue.clone()));
        for worker in workers.collect::<Vec<_>>() {
            runtime.spawn(worker.run());
        }
        let keys = EngineKeys {
            ring: Arc::new(self.key_ring),
            clock: Arc::clone(&self.clock),
        };
        Ok(Engine::from_parts(Inner {
            shared,
            catalogue: Catalogue::new(self.tenants_max),
            clock: self.clock,
            random: self.random,
            keys: Arc::new(keys),
            queue,
            workers: self.workers,
            in_place: self.in_place,
            runs: AtomicU64::new(0),
        }))
    }
}
