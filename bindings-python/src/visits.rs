//! Visits of threads to the interpreter, and the moment after which there are none.
//!
//! Before 3.14 CPython ends a thread that comes back to an interpreter which is going away, and a thread of Rust that is
//! ended so takes the process with it: SIGABRT, after everything was done. To ask before is not enough, because a visitor
//! that calls Python lets go of the interpreter in between and comes back. So whatever runs at exit waits for the visitors
//! and lets no more in.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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
    are_over: AtomicBool,
    inside: AtomicUsize,
}

/// A visitor who is inside, until this is dropped.
#[derive(Debug)]
pub struct Visitor<'a>(&'a AtomicUsize);

impl Drop for Visitor<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Visits {
    /// Those of this process; a forked child has none of its parent's threads.
    pub fn new() -> Self {
        Self {
            process: std::process::id(),
            are_over: AtomicBool::new(false),
            inside: AtomicUsize::new(0),
        }
    }

    /// Comes in, for as long as what is returned is kept; `None` when the interpreter is going away.
    pub fn enter(&self) -> Option<Visitor<'_>> {
        // Counted before it is asked, so that who ends the visits either is heard here or sees this one.
        self.inside.fetch_add(1, Ordering::SeqCst);
        let visitor = Visitor(&self.inside);
        (!self.are_over.load(Ordering::SeqCst)).then_some(visitor)
    }

    /// Does something with the interpreter; `None` when it is going away.
    pub fn visit<R>(&self, work: impl FnOnce(Python<'_>) -> R) -> Option<R> {
        let _inside = self.enter()?;
        Python::try_attach(work)
    }

    /// Lets nobody in any more, and waits until those inside are gone. Who stays too long is not waited for.
    pub fn end(&self, py: Python<'_>) {
        if self.process != std::process::id() {
            return;
        }
        self.are_over.store(true, Ordering::SeqCst);
        let started = Instant::now();
        py.detach(|| {
            while self.inside.load(Ordering::SeqCst) > 0 && started.elapsed() < ENDED_WITHIN {
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
