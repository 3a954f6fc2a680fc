//! From an address to an engine.

use std::sync::Arc;

use rewards_core::ids::TenantId;
use rewards_core::rejection::{Fault, Problem};
use rewards_storage::address::{Address, OpenStore};
use rewards_storage::engine::{Engine, SeededRandom, TenantEngine};
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

/// Opens the engine at an address: `memory:`, `sqlite:…` or `postgresql:…`. A seed makes the ids that it gives repeatable.
///
/// # Errors
/// `invalid` for a tenant or an address that is none; a fault of the store.
pub async fn open(url: &str, tenant: &str, seed: Option<u64>) -> Result<Opened, Fault> {
    let tenant = TenantId::new(tenant)
        .map_err(|error| invalid(error.code(), "tenant", error.to_string()))?;
    let store = Address::parse(url)?.open(SqlOptions::default()).await?;
    let mut builder = Engine::builder(store.backend());
    if let Some(seed) = seed {
        builder = builder.random(Arc::new(SeededRandom::new(seed)));
    }
    let engine = builder.open().await?;
    Ok(Opened {
        tenant: engine.tenant(tenant),
        engine,
        store,
        process: std::process::id(),
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
