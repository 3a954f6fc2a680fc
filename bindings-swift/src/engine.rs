//! The engine on a device: opened by address, closed when the app wants the file back.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rewards_core::command::Operation;
use rewards_core::ffi::RewardsError;
use rewards_core::ids::{IdempotencyKey, TenantId};
use rewards_core::rejection::Fault;
use rewards_core::time::Timestamp;
use rewards_storage::address::{Address, OpenStore};
use rewards_storage::engine::{
    CommandOptions, Engine, Events, Receipt, SeededRandom, TenantEngine, read_patience,
};
use rewards_storage::sql::SqlOptions;

use crate::clock::{Foreign, HostClock};
use crate::guard::{guarded, test_hook};
use crate::key_ring::{RingKey, ring};

/// A device has one member's books, not a bank's, and shows a few screens at once, not hundreds.
const LIMITS: SqlOptions = SqlOptions {
    connections: 2,
    // Another process that holds the file, such as a widget or an extension, is waited for so long when the engine is
    // opened and by each call; by a command, several calls and all, as long as any engine waits: 8 seconds.
    wait: Duration::from_secs(2),
    call_limit: Duration::from_secs(4),
    page_cache_kib: 1_024,
    // A file of thousands of purchases has about that size itself.
    log_kib: 1_024,
    // No server is reached from here.
    schema: None,
    migrate: true,
};

/// An open engine: one tenant's books on one store.
///
/// Its methods may be called from any thread, many at once.
///
/// A call made in a task or coroutine that is cancelled already does nothing, and ends in the language's own error for that:
/// `CancellationError`, `CancellationException`. One that has begun runs to its end in Swift, and tells its outcome. In Kotlin it
/// ends at once; its command is done once or not at all, and sent again with its key it is done or replayed.
#[derive(uniffi::Object)]
pub struct RewardsEngine {
    engine: Engine,
    tenant: TenantEngine,
    store: OpenStore,
}

#[uniffi::export(async_runtime = "tokio")]
impl RewardsEngine {
    /// Opens the engine on the SQLite file at a path, which is created when it is missing. The way to open it on a phone.
    ///
    /// An app that sends no events to anybody should not keep them: they would wait in the file for ever.
    ///
    /// Another process may have the file open, too. When it cannot be opened, the error's code and detail say why and what
    /// to look at: `folder_missing`, `store_read_only`, `disk_full`, `store_refused`, `store_unavailable`, `store_corrupt`,
    /// `file_in_use_here` or `schema_too_new`. The options are those of `open`.
    #[uniffi::constructor(default(
        tenant = "default",
        seed = None,
        clock = None,
        key_ring = None,
        now_ahead_seconds_max = None,
        clock_jump_seconds_max = None,
        keep_events = true,
        timeout_milliseconds = None
    ))]
    #[expect(
        clippy::too_many_arguments,
        reason = "options are arguments with names and defaults in Swift and Kotlin"
    )]
    pub async fn open_file(
        path: String,
        tenant: TenantId,
        seed: Option<u64>,
        clock: Option<Arc<dyn HostClock>>,
        key_ring: Option<Vec<RingKey>>,
        now_ahead_seconds_max: Option<u64>,
        clock_jump_seconds_max: Option<u64>,
        keep_events: bool,
        timeout_milliseconds: Option<u64>,
    ) -> Result<Self, RewardsError> {
        let options = Options {
            tenant,
            seed,
            clock,
            key_ring,
            now_ahead_seconds_max,
            clock_jump_seconds_max,
            keep_events,
            timeout_milliseconds,
        };
        guarded(open(Box::new(move || Address::file(&path)), options)).await
    }

    /// Opens the engine at an address: `sqlite:////path/file.db`, with four slashes before an absolute path, or `memory:` for a
    /// store that is gone with the engine. For a path there is `openFile`.
    ///
    /// A seed makes the engine's ids repeatable, for tests. A clock takes the place of the device's. Names told in confidence
    /// are digested with the keys of the key ring, and refused with `key_ring_missing` where there is none. An address that is
    /// none is refused as `url_invalid`, and bad keys with paths such as `key_ring[0].key`. A call with a `now` more than 5
    /// minutes, or `nowAheadSecondsMax` if given, ahead of the clock is refused as `now_ahead`. Events that are not kept are
    /// not written.
    ///
    /// A clock that is further behind what is recorded of a member decides nothing for that member, and ends commands as
    /// `clock_behind`. One that is ahead of everything recorded by more than ten years, or `clockJumpSecondsMax` if given, matures,
    /// expires and records nothing, and ends commands as `clock_ahead`, until it is right or the app calls `acceptTime`.
    ///
    /// A file that another process holds is waited for 2 seconds when it is opened and 8 by a command, or
    /// `timeoutMilliseconds`, 100 to 3,600,000, if given. A command that got no answer by then ends as `store_unavailable`;
    /// whether it took effect is told by sending it again with its key.
    #[uniffi::constructor(default(
        tenant = "default",
        seed = None,
        clock = None,
        key_ring = None,
        now_ahead_seconds_max = None,
        clock_jump_seconds_max = None,
        keep_events = true,
        timeout_milliseconds = None
    ))]
    #[expect(
        clippy::too_many_arguments,
        reason = "options are arguments with names and defaults in Swift and Kotlin"
    )]
    pub async fn open(
        url: String,
        tenant: TenantId,
        seed: Option<u64>,
        clock: Option<Arc<dyn HostClock>>,
        key_ring: Option<Vec<RingKey>>,
        now_ahead_seconds_max: Option<u64>,
        clock_jump_seconds_max: Option<u64>,
        keep_events: bool,
        timeout_milliseconds: Option<u64>,
    ) -> Result<Self, RewardsError> {
        let address = move || {
            test_hook(&url);
            Address::parse(&url)
        };
        let options = Options {
            tenant,
            seed,
            clock,
            key_ring,
            now_ahead_seconds_max,
            clock_jump_seconds_max,
            keep_events,
            timeout_milliseconds,
        };
        guarded(open(Box::new(address), options)).await
    }

    /// Takes nothing more, answers what was accepted, and closes the store. May be called more than once.
    ///
    /// A cancelled task may call it in Swift, for tidying up; a cancelled coroutine calls it within `NonCancellable`.
    pub async fn shut_down(&self) -> Result<(), RewardsError> {
        guarded(async {
            self.engine.close().await;
            self.store.close().await
        })
        .await
    }
}

impl RewardsEngine {
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn tenant(&self) -> &TenantEngine {
        &self.tenant
    }

    /// Executes one operation.
    pub(crate) async fn run<O: Operation>(
        &self,
        request: O,
        key: Option<IdempotencyKey>,
        now: Option<Timestamp>,
    ) -> Result<Receipt<O::Reply>, RewardsError> {
        guarded(async {
            test_hook(key.as_ref().map_or("", IdempotencyKey::as_str));
            let options = CommandOptions { key, now };
            self.tenant.execute_with(request, options).await
        })
        .await
    }
}

impl fmt::Debug for RewardsEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tenant.fmt(f)
    }
}

/// What an engine is opened with, besides its address.
struct Options {
    tenant: TenantId,
    seed: Option<u64>,
    clock: Option<Arc<dyn HostClock>>,
    key_ring: Option<Vec<RingKey>>,
    now_ahead_seconds_max: Option<u64>,
    clock_jump_seconds_max: Option<u64>,
    keep_events: bool,
    timeout_milliseconds: Option<u64>,
}

/// Reads an address, and is called where a panic is caught. A type of its own would have everything compiled once for each.
type ReadAddress = Box<dyn FnOnce() -> Result<Address, Fault> + Send>;

async fn open(address: ReadAddress, options: Options) -> Result<RewardsEngine, Fault> {
    let key_ring = options.key_ring.map(ring).transpose()?;
    let address = address()?;
    let patience = read_patience("timeout_milliseconds", options.timeout_milliseconds)?;
    let limits = match options.timeout_milliseconds {
        Some(_) => LIMITS.for_patience(patience),
        None => LIMITS,
    };
    let store = address.open(limits).await?;
    // One worker: a device has one member, whose commands follow one another anyway.
    let mut builder = Engine::builder(store.backend())
        .patience(patience)
        .workers(1);
    if let Some(seed) = options.seed {
        builder = builder.random(Arc::new(SeededRandom::new(seed)));
    }
    if let Some(clock) = options.clock {
        builder = builder.clock(Arc::new(Foreign(clock)));
    }
    if let Some(key_ring) = key_ring {
        builder = builder.key_ring(key_ring);
    }
    if let Some(seconds) = options.now_ahead_seconds_max {
        builder = builder.now_ahead_max(Duration::from_secs(seconds));
    }
    if let Some(seconds) = options.clock_jump_seconds_max {
        builder = builder.clock_jump_max(Duration::from_secs(seconds));
    }
    if !options.keep_events {
        builder = builder.events(Events::Dropped);
    }
    let engine = builder.open().await?;
    let tenant = engine.tenant(options.tenant);
    Ok(RewardsEngine {
        engine,
        tenant,
        store,
    })
}
