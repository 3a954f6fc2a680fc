//! Ways to make the native module fail on purpose, and to see how it read a request. Compiled with the feature `test-hooks` only.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;

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

static JSON_READS: AtomicUsize = AtomicUsize::new(0);

/// Counts a request that had to be read from its JSON.
pub fn count_json_read() {
    JSON_READS.fetch_add(1, Ordering::Relaxed);
}

/// How many requests had to be read from their JSON so far.
#[pyfunction]
pub fn json_reads() -> usize {
    JSON_READS.load(Ordering::Relaxed)
}
