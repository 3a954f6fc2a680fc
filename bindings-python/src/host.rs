//! What a process has once: a tokio runtime, and a thread that wakes event loops.
//!
//! Both are made when the first engine is opened and live as long as the process. They hold no Python object while they
//! are idle, and visit the interpreter no more once it is shutting down. After a fork the child has none of the threads,
//! so it gets a host of its own; what the parent's host was doing is the parent's.

use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;

use pyo3::Python;
use rewards_core::rejection::Fault;
use tokio::runtime::{Builder, Runtime};

use crate::asyncio::{Mailbox, wake};
use crate::visits::Visits;

/// Threads of the runtime: one decides while the other talks to the store.
const WORKERS: usize = 2;

/// The runtime and the waker of this process.
#[derive(Debug)]
pub struct Host {
    process: u32,
    runtime: Runtime,
    wakes: Sender<Arc<Mailbox>>,
    visits: Arc<Visits>,
}

static HOST: RwLock<Option<&'static Host>> = RwLock::new(None);

/// The host of this process, made when there is none yet.
///
/// # Errors
/// `internal` when the operating system refuses another thread.
pub fn host() -> Result<&'static Host, Fault> {
    let process = std::process::id();
    let known = *HOST.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(host) = known.filter(|host| host.process == process) {
        return Ok(host);
    }
    let mut place = HOST.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(host) = place.filter(|host| host.process == process) {
        return Ok(host);
    }
    // Left alone for the rest of the process: its end must not wait for threads, nor stop them half-way.
    let host: &'static Host = Box::leak(Box::new(Host::start(process).map_err(refused)?));
    *place = Some(host);
    Ok(host)
}

/// Has nobody wake an event loop any more.
pub fn end_visits(py: Python<'_>) {
    let host = *HOST.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(host) = host {
        host.visits.end(py);
    }
}

fn refused(error: std::io::Error) -> Fault {
    Fault::new("internal", format!("no thread could be started: {error}"))
}

impl Host {
    fn start(process: u32) -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("rewards")
            .enable_all()
            .build()?;
        let (wakes, calls) = mpsc::channel::<Arc<Mailbox>>();
        let visits = Arc::new(Visits::new());
        let own = Arc::clone(&visits);
        thread::Builder::new()
            .name("rewards-wake".to_owned())
            .spawn(move || {
                while let Ok(first) = calls.recv() {
                    let mailboxes = std::iter::once(first).chain(calls.try_iter()).collect();
                    wake(&own, mailboxes);
                }
            })?;
        Ok(Self {
            process,
            runtime,
            wakes,
            visits,
        })
    }

    /// The runtime.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The visits of this process to the interpreter.
    pub fn visits(&self) -> &Visits {
        &self.visits
    }

    /// Has an event loop look into its mailbox soon. Never waits.
    pub fn wake(&self, mailbox: Arc<Mailbox>) {
        // The thread lives as long as the process, so somebody always listens.
        let _ = self.wakes.send(mailbox);
    }
}
