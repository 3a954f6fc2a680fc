//! From an address to an engine.

use std::sync::Arc;
use std::time::Duration;

use rewards_core::ids::TenantId;
use rewards_core::rejection::{Fault, Problem, Rejection};
use rewards_core::secret::KeyPurpose;
use rewards_core::time::Timestamp;
use rewards_storage::address::{Address, OpenStore};
use rewards_storage::engine::{
    Engine, Events, KeyData, KeyRing, SeededRandom, TenantEngine, read_patience,
};
use rewards_storage::sql::SqlOptions;

/// An open engine, the tenant it is used for, and what must be closed with it.
#[derive(Debug)]
pub struct Opened {
    /// The engine itself.
    pub engine: Engine,
    /// The engine as its tenant sees it.
    pub tenant: TenantEngine,
    store: OpenStore,
    process: u32,
}

/// A key of a ring as Python gives it: purpose, id, bytes, and from when until when.
pub type KeyValues = (String, String, Vec<u8>, String, Option<String>);

/// A duration as Python gives it: seconds and microseconds.
pub type DurationValues = (u64, u32);

/// What an engine may be opened with.
#[derive(Debug)]
pub struct OpenOptions {
    /// Makes the ids that it gives repeatable.
    pub seed: Option<u64>,
    /// The keys of its ring.
    pub key_ring: Option<Vec<KeyValues>>,
    /// How far a `now` may lie ahead of its clock.
    pub now_ahead_max: Option<DurationValues>,
    /// How far its clock may lie ahead of the last time that is known.
    pub clock_jump_max: Option<DurationValues>,
    /// Whether events wait to be delivered; otherwise they are not written.
    pub keep_events: bool,
    /// How many milliseconds a call waits for the answer of the store; as long as any engine does when absent.
    pub timeout_ms: Option<u64>,
    /// The schema on a server.
    pub schema: Option<String>,
    /// Whether the tables are made and brought up to date.
    pub migrate: bool,
}

/// The options as Python gives them, in the order of [`OpenOptions`].
pub type OpenValues = (
    Option<u64>,
    Option<Vec<KeyValues>>,
    (Option<DurationValues>, Option<DurationValues>),
    bool,
    Option<u64>,
    (Option<String>, bool),
);

impl From<OpenValues> for OpenOptions {
    fn from(values: OpenValues) -> Self {
        let (seed, key_ring, clocks, keep_events, timeout_ms, (schema, migrate)) = values;
        let (now_ahead_max, clock_jump_max) = clocks;
        Self {
            seed,
            key_ring,
            now_ahead_max,
            clock_jump_max,
            keep_events,
            timeout_ms,
            schema,
            migrate,
        }
    }
}

/// An address, or the path of a file, as Python gives it; and which of them it is.
pub type Place = (String, bool);

/// Opens the engine at an address, `memory:`, `sqlite:…` or `postgresql:…`, or on the file at a path.
///
/// # Errors
/// `invalid` for a tenant, an address, a key ring or a patience that is none; a fault of the store.
pub async fn open(place: &Place, tenant: &str, options: OpenOptions) -> Result<Opened, Fault> {
    let key_ring = options.key_ring.map(ring).transpose()?;
    let tenant = TenantId::new(tenant)
        .map_err(|error| invalid(error.code(), "tenant", error.to_string()))?;
    let patience = read_patience("timeout", options.timeout_ms)?;
    let limits = SqlOptions {
        schema: options.schema,
        migrate: options.migrate,
        ..SqlOptions::default().for_patience(patience)
    };
    let address = match place {
        (path, true) => Address::file(path)?,
        (url, false) => Address::parse(url)?,
    };
    let store = address.open(limits).await?;
    let mut builder = Engine::builder(store.backend()).patience(patience);
    if let Some(seed) = options.seed {
        builder = builder.random(Arc::new(SeededRandom::new(seed)));
    }
    if let Some(key_ring) = key_ring {
        builder = builder.key_ring(key_ring);
    }
    if let Some(ahead) = options.now_ahead_max {
        builder = builder.now_ahead_max(duration(ahead));
    }
    if let Some(jump) = options.clock_jump_max {
        builder = builder.clock_jump_max(duration(jump));
    }
    if !options.keep_events {
        builder = builder.events(Events::Dropped);
    }
    let engine = builder.open().await?;
    Ok(Opened {
        tenant: engine.tenant(tenant),
        engine,
        store,
        process: std::process::id(),
    })
}

/// Makes the tables at an address, or brings them up to date.
///
/// # Errors
/// `invalid` for an address, a schema or a patience that is none; a fault of the store.
pub async fn migrate(
    url: &str,
    schema: Option<String>,
    timeout_ms: Option<u64>,
) -> Result<(), Fault> {
    let patience = read_patience("timeout", timeout_ms)?;
    let options = SqlOptions {
        schema,
        ..SqlOptions::default().for_patience(patience)
    };
    Address::parse(url)?.migrate(options).await
}

fn duration((seconds, micros): DurationValues) -> Duration {
    Duration::from_secs(seconds).saturating_add(Duration::from_micros(micros.into()))
}

fn ring(keys: Vec<KeyValues>) -> Result<KeyRing, Fault> {
    let mut problems = Vec::new();
    let mut read = Vec::with_capacity(keys.len());
    for (number, values) in keys.into_iter().enumerate() {
        match key(values) {
            Ok(key) => read.push(key),
            Err(problem) => problems.push(problem.below(&format!("key_ring[{number}]"))),
        }
    }
    if problems.is_empty() {
        KeyRing::from_data(read).map_err(|problems| Rejection::Invalid(problems).into())
    } else {
        Err(Rejection::Invalid(problems).into())
    }
}

fn key((purpose, id, key, from, until): KeyValues) -> Result<KeyData, Problem> {
    let key = key.into();
    let known = KeyPurpose::parse(&purpose);
    let time = |field, text: &str| {
        Timestamp::parse(text).map_err(|error| Problem::new(error.code(), field, error.to_string()))
    };
    Ok(KeyData {
        purpose: known.ok_or_else(|| {
            let detail = format!("unknown purpose `{purpose}`");
            Problem::new("variant_unknown", "purpose", detail)
        })?,
        id,
        key,
        valid_from: time("valid_from", &from)?,
        valid_until: until.map(|until| time("valid_until", &until)).transpose()?,
    })
}

/// A fault about one argument of a call.
pub fn invalid(code: &'static str, path: &str, detail: impl Into<String>) -> Fault {
    Problem::new(code, path, detail).into()
}

impl Opened {
    /// Answers what was accepted, then lets go of the store.
    ///
    /// # Errors
    /// A fault of the store when a connection cannot be closed in order; nothing that was committed is lost.
    pub async fn close(&self) -> Result<(), Fault> {
        self.check_process()?;
        self.engine.close().await;
        self.store.close().await
    }

    /// Refuses to work in a child process: the threads and connections are the parent's.
    ///
    /// # Errors
    /// `engine_closed` after a fork.
    pub fn check_process(&self) -> Result<(), Fault> {
        if self.process == std::process::id() {
            return Ok(());
        }
        Err(Fault::new(
            "engine_closed",
            "the engine was opened before this process was forked: open one in each process",
        ))
    }
}
