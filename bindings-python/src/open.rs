//! From an address to an engine.

use std::sync::Arc;

use rewards_core::ids::TenantId;
use rewards_core::rejection::{Fault, Problem, Rejection};
use rewards_storage::engine::{Engine, SeededRandom, TenantEngine};
use rewards_storage::error::StoreError;
use rewards_storage::memory::MemoryStore;
use rewards_storage::sql::{SqlOptions, SqlStore};
use rewards_storage::store::Backend;

/// An open engine, the tenant it is used for, and what must be closed with it.
#[derive(Debug)]
pub struct Opened {
    /// The engine itself.
    pub engine: Engine,
    /// The engine as its tenant sees it.
    pub tenant: TenantEngine,
    store: Option<SqlStore>,
    process: u32,
}

/// Opens the engine at an address: `memory:`, `sqlite:…` or `postgresql:…`. A seed makes the ids that it gives repeatable.
///
/// # Errors
/// `invalid` for a tenant or an address that is none; a fault of the store.
pub async fn open(url: &str, tenant: &str, seed: Option<u64>) -> Result<Opened, Fault> {
    let tenant = TenantId::new(tenant)
        .map_err(|error| invalid(error.code(), "tenant", error.to_string()))?;
    let (backend, store) = backend(url).await?;
    let mut builder = Engine::builder(backend);
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

async fn backend(url: &str) -> Result<(Arc<dyn Backend>, Option<SqlStore>), Fault> {
    let (scheme, rest) = url.split_once(':').unwrap_or_default();
    match scheme {
        "memory" if rest.is_empty() => Ok((Arc::new(MemoryStore::new()), None)),
        "sqlite" | "postgres" | "postgresql" => {
            let store = SqlStore::open(url, SqlOptions::default())
                .await
                .map_err(advised)?;
            Ok((Arc::new(store.clone()), Some(store)))
        }
        // An address can hold a password, so only its scheme is repeated.
        _ => Err(invalid(
            "url_invalid",
            "url",
            format!(
                "expected `memory:`, `sqlite:///path/to/file.db` or `postgresql://user@host/database`, got scheme `{scheme}`"
            ),
        )),
    }
}

/// The fault of a store that cannot be opened, with what to look at.
fn advised(error: StoreError) -> Fault {
    let advice = match &error {
        StoreError::Unavailable { .. } => {
            "check that the database runs and that its address is right"
        }
        StoreError::Refused { .. } => {
            "check the address, that the folder is there, and that this process may write to it"
        }
        _ => return error.into(),
    };
    let mut fault = Fault::from(error);
    fault.detail = format!("{}; {advice}", fault.detail);
    fault
}

/// A fault about one argument of a call.
pub fn invalid(code: &'static str, path: &str, detail: impl Into<String>) -> Fault {
    Rejection::Invalid(vec![Problem::new(code, path, detail)]).into()
}

impl Opened {
    /// Answers what was accepted, then lets go of the store.
    ///
    /// # Errors
    /// A fault of the store when a connection cannot be closed in order; nothing that was committed is lost.
    pub async fn close(&self) -> Result<(), Fault> {
        self.check_process()?;
        self.engine.close().await;
        if let Some(store) = &self.store {
            store.close().await?;
        }
        Ok(())
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
