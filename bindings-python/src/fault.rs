//! Faults as Python exceptions, and panics as faults.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use rewards_core::rejection::Fault;

create_exception!(
    rewards._native,
    NativeFault,
    PyException,
    "A fault as JSON text, with its HTTP status and whether it may pass: `args` has the three."
);

/// The exception of a fault.
pub fn exception(fault: &Fault) -> PyErr {
    let json = serde_json::to_string(fault).unwrap_or_default();
    NativeFault::new_err((json, fault.http_status(), fault.is_retryable()))
}

/// Awaits work; a panic in it is an internal fault of this call alone.
pub async fn guarded<T>(work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    // Nothing that the work may have left half done is used afterwards.
    let outcome = AssertUnwindSafe(work).catch_unwind().await;
    outcome.unwrap_or_else(|_| Err(panicked()))
}

/// Does work of the interpreter's; a panic in it is an internal fault of this call alone.
pub fn caught<T>(work: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    // As above.
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(work));
    outcome.unwrap_or_else(|_| Err(exception(&panicked())))
}

fn panicked() -> Fault {
    tracing::error!("a call panicked");
    let detail =
        "a defect stopped the call; ask again with the same key to learn whether it took effect";
    Fault::new("internal", detail)
}
