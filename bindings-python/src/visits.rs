//! Visits of threads to the interpreter, and the moment after which there are none.
//!
//! Before 3.14 CPython ends a thread that comes back to an interpreter which is going away, and a thread of Rust that is
//! ended so takes the process with it: SIGABRT, after everything was done. To ask before is not enough, because a visitor
//! that calls Python lets go of the interpreter in between and comes back. So whatever runs at exit waits for the visitors
//! and lets no more in.

use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::thread;
use std::time::{Duration, Instant};

use pyo3::prelude::*;

/// How long the end of a process waits for visitors.
const ENDED_WITHIN: Duration = Duration::from_secs(5);
/// How often it looks whether they are gone.
const ASKED_EVERY: Duration = Duration::from_millis(1);

/// Where threads of this process go in.
#[derive(Debug)]
pub struct Visits {
    process: u32,
    are_over: RwLock<bool>,
}

impl Visits {
    /// Those of this process; a forked child has none of its parent's threads.
    pub fn new() -> Self {
        Self {
            process: std::process::id(),
            are_over: RwLock::new(false),
        }
    }

    /// Comes in, for as long as what is returned is kept; `None` when the interpreter is going away.
    pub fn enter(&self) -> Option<RwLockReadGuard<'_, bool>> {
        let are_over = self.are_over.read();
        let are_over = are_over.unwrap_or_else(PoisonError::into_inner);
        (!*are_over).then_some(are_over)
    }

    /// Does something with the interpreter; `None` when it is going away.
    pub fn visit<R>(&self, work: impl FnOnce(Python<'_>) -> R) -> Option<R> {
        let _inside = self.enter()?;
        Python::try_attach(work)
    }

    /// Waits until nobody visits, and lets nobody in any more. Who stays too long is not waited for.
    pub fn end(&self, py: Python<'_>) {
        if self.process != std::process::id() {
            return;
        }
        let started = Instant::now();
        // Asking again and again: whoever waits for the lock would hold up those who come in with the interpreter.
        py.detach(|| {
            while started.elapsed() < ENDED_WITHIN {
                if let Ok(mut are_over) = self.are_over.try_write() {
                    *are_over = true;
                    return;
                }
                thread::sleep(ASKED_EVERY);
            }
        });
    }
}

/// Ends all visits of this process. For what runs at exit, as the last thing it does.
#[pyfunction]
pub fn end_visits(py: Python<'_>) {
    crate::host::end_visits(py);
    crate::logging::end_visits(py);
}
