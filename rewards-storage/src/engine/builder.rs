//! How an engine is put together and opened.

use std::sync::Arc;

use rewards_core::rejection::Fault;
use tokio::sync::{mpsc, watch};

use super::catalogue::Catalogue;
use super::clock::{Clock, RandomSource, SystemClock, SystemRandom};
use super::faults::internal;
use super::storage::Storage;
use super::telemetry::Telemetry;
use super::worker::{Running, Shared, Worker};
use super::{Engine, Inner};
use crate::store::{Backend, Query};

/// How many workers there are: enough to decide one batch while another is being committed.
pub const WORKERS: usize = 2;
/// How many commands one commit takes at most: beyond this a larger batch gains little and waits long.
pub const BATCH_MAX: usize = 256;
/// How many commands wait in one worker before callers are held back.
pub const QUEUE_MAX: usize = 4_096;
/// how often one command is decided before it is given up as lost in contention.
pub const ATTEMPTS_MAX: u32 = 16;

/// An engine before it is opened. Everything has a default but the backend.
#[derive(Debug)]
#[must_use = "an engine does nothing before it is opened"]
pub struct EngineBuilder {
    backend: Arc<dyn Backend>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn RandomSource>,
    workers: usize,
    batch_max: usize,
    queue_max: usize,
    attempts_max: u32,
}

impl EngineBuilder {
    pub(super) fn new(backend: Arc<dyn Backend>) -> Self {
        Self {
            backend,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            workers: WORKERS,
            batch_max: BATCH_MAX,
            queue_max: QUEUE_MAX,
            attempts_max: ATTEMPTS_MAX,
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

    /// How many workers work side by side; at least one, [`WORKERS`] by default.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers.max(1);
        self
    }

    /// How many commands one commit takes at most; at least one, [`BATCH_MAX`] by default.
    pub fn batch_max(mut self, commands: usize) -> Self {
        self.batch_max = commands.max(1);
        self
    }

    /// How many commands wait in one worker before callers are held back; at least one, [`QUEUE_MAX`] by default.
    pub fn queue_max(mut self, commands: usize) -> Self {
        self.queue_max = commands.max(1);
        self
    }

    /// How often one command is decided before it ends as contention; at least once, [`ATTEMPTS_MAX`] by default.
    pub fn attempts_max(mut self, attempts: u32) -> Self {
        self.attempts_max = attempts.max(1);
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
            storage: Storage::new(self.backend, Arc::clone(&telemetry)),
            telemetry,
            batch_max: self.batch_max,
            attempts_max: self.attempts_max,
        });
        shared.storage.ask(Query::health).await?;
        let (stop, stopped) = watch::channel(false);
        let (workers, running) = watch::channel(0);
        let queues = (0..self.workers)
            .map(|_| {
                let (sender, queue) = mpsc::channel(self.queue_max);
                let running = Running::new(workers.clone());
                let worker = Worker::new(Arc::clone(&shared), queue, stopped.clone(), running);
                runtime.spawn(worker.run());
                sender
            })
            .collect();
        Ok(Engine::from_parts(Inner {
            shared,
            catalogue: Catalogue::default(),
            clock: self.clock,
            random: self.random,
            queues,
            stop,
            running,
        }))
    }
}
