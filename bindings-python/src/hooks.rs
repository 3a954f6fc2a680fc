//! Ways to make the native module fail on purpose. Compiled with the feature `test-hooks` only.

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
