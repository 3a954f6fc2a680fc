//! Ways to make the native module fail on purpose, and to measure it. Compiled with the feature `test-hooks` only.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use pyo3::prelude::*;
use rewards_core::operations::purchases::RecordPurchase;
use rewards_core::rejection::Fault;
use rewards_storage::engine::TenantEngine;

use crate::dispatch::read;
use crate::engine::NativeEngine;
use crate::fault::exception;
use crate::host::host;

static PANIC: Mutex<Option<String>> = Mutex::new(None);

/// Has every call of an operation or service panic, until told otherwise with `None`.
#[pyfunction]
#[pyo3(signature = (name, /))]
pub fn set_panic(name: Option<String>) {
    *PANIC.lock().unwrap_or_else(PoisonError::into_inner) = name;
}

/// Panics when told to.
#[expect(clippy::panic, reason = "this is what the hook is for")]
pub fn panic_if_told(name: &str) {
    let told = PANIC.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if told.as_deref() == Some(name) {
        panic!("told to panic");
    }
}

/// How many seconds the engine by itself takes to record purchases in so many tasks: what Python is compared with.
#[pyfunction]
#[pyo3(signature = (engine, purchases, tasks, /))]
pub fn record_all(
    py: Python<'_>,
    engine: &NativeEngine,
    purchases: Vec<String>,
    tasks: usize,
) -> PyResult<f64> {
    let engine = engine.opened().tenant.clone();
    let took = py.detach(|| {
        let purchases = purchases.iter().map(|text| read(text));
        let purchases: Arc<Vec<RecordPurchase>> = Arc::new(purchases.collect::<Result<_, _>>()?);
        let next = Arc::new(AtomicUsize::new(0));
        let started = Instant::now();
        host()?.runtime().block_on(async {
            let work = || record_some(engine.clone(), Arc::clone(&purchases), Arc::clone(&next));
            let tasks: Vec<_> = (0..tasks).map(|_| tokio::spawn(work())).collect();
            for task in tasks {
                task.await
                    .map_err(|error| Fault::new("internal", error.to_string()))??;
            }
            Ok(started.elapsed().as_secs_f64())
        })
    });
    took.map_err(|fault: Fault| exception(&fault))
}

async fn record_some(
    engine: TenantEngine,
    purchases: Arc<Vec<RecordPurchase>>,
    next: Arc<AtomicUsize>,
) -> Result<(), Fault> {
    while let Some(purchase) = purchases.get(next.fetch_add(1, Ordering::Relaxed)) {
        engine.execute(purchase.clone()).await?;
    }
    Ok(())
}
