//! How outcomes come back to an event loop: through one mailbox per loop, many with one wake-up.
//!
//! The runtime's threads put outcomes into the mailbox and never touch the interpreter. The first outcome in an empty
//! mailbox has the host's own thread call `call_soon_threadsafe`; the loop then takes out everything that has come by
//! then. Cancelling a call drops its work: the engine leaves it entirely done or not accepted at all.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyWeakrefMethods, PyWeakrefReference};
use rewards_core::rejection::Fault;
use rewards_storage::till::Till;
use tokio::task::AbortHandle;

use crate::dispatch::Outcome;
use crate::engine::NativeEngine;
use crate::fault::exception;
use crate::host::Host;
use crate::models::Shape;
use crate::open::Opened;
use crate::till::NativeTill;
use crate::visits::Visits;

/// What a call of an event loop ends with.
#[derive(Debug)]
pub enum Done {
    /// A reply, and what it looks like.
    Reply(Outcome, Shape),
    /// A reply of a service, as JSON.
    Text(Vec<u8>),
    /// An engine.
    Opened(Opened),
    /// A till.
    Till(Arc<Till>),
    /// Nothing, in good order.
    Closed,
}

impl Done {
    /// The Python value of the outcome.
    pub fn into_python(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self {
            Self::Reply(outcome, shape) => {
                let reply = outcome.reply.to_python(py, &shape)?;
                let pair = (reply, outcome.replayed).into_pyobject(py)?;
                Ok(pair.into_any().unbind())
            }
            Self::Text(reply) => Ok(PyBytes::new(py, &reply).into_any().unbind()),
            Self::Opened(opened) => Ok(Py::new(py, NativeEngine::from(opened))?.into_any()),
            Self::Till(till) => Ok(Py::new(py, NativeTill::from(till))?.into_any()),
            Self::Closed => Ok(py.None()),
        }
    }
}

#[derive(Debug, Default)]
struct Post {
    outcomes: Vec<(Py<PyAny>, Result<Done, Fault>)>,
    /// Whether the loop has been asked to look.
    called: bool,
}

/// Outcomes that wait for their event loop.
#[derive(Debug)]
pub struct Mailbox {
    /// Weak: whoever waits for an outcome keeps the loop alive, outcomes do not.
    event_loop: Py<PyWeakrefReference>,
    post: Mutex<Post>,
}

impl Mailbox {
    /// Leaves an outcome for an asyncio future of the loop. Never waits for the interpreter.
    pub fn deliver(self: &Arc<Self>, host: &Host, future: Py<PyAny>, outcome: Result<Done, Fault>) {
        let mut post = self.lock();
        post.outcomes.push((future, outcome));
        let must_call = !std::mem::replace(&mut post.called, true);
        drop(post);
        if must_call {
            host.wake(Arc::clone(self));
        }
    }

    fn take(&self) -> Vec<(Py<PyAny>, Result<Done, Fault>)> {
        let mut post = self.lock();
        post.called = false;
        std::mem::take(&mut post.outcomes)
    }

    fn lock(&self) -> MutexGuard<'_, Post> {
        // A poisoned mailbox still holds outcomes.
        self.post.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has each loop empty its mailbox. What belongs to a loop that is gone or closed is dropped: nobody waits for it.
pub fn wake(visits: &Visits, mailboxes: Vec<Arc<Mailbox>>) {
    // Nothing is woken any more once the interpreter is shutting down.
    let _ = visits.visit(|py| {
        for mailbox in mailboxes {
            if call_soon(py, &mailbox).is_err() {
                drop(mailbox.take());
            }
        }
    });
}

fn call_soon(py: Python<'_>, mailbox: &Arc<Mailbox>) -> PyResult<()> {
    let Some(event_loop) = mailbox.event_loop.bind(py).upgrade() else {
        drop(mailbox.take());
        return Ok(());
    };
    let empty = Emptying(Arc::clone(mailbox));
    event_loop.call_method1(intern!(py, "call_soon_threadsafe"), (empty,))?;
    Ok(())
}

/// What a loop calls to empty its mailbox.
#[pyclass(frozen)]
#[derive(Debug)]
struct Emptying(Arc<Mailbox>);

#[pymethods]
impl Emptying {
    /// Settles all futures, even if one of them fails: that is told at the end.
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let mut failure = Ok(());
        for (future, outcome) in self.0.take() {
            failure = failure.and(settle(future.bind(py), outcome));
        }
        failure
    }
}

fn settle(future: &Bound<'_, PyAny>, outcome: Result<Done, Fault>) -> PyResult<()> {
    let py = future.py();
    let settled = match outcome {
        Ok(done) => done.into_python(py),
        Err(fault) => Err(exception(&fault)),
    };
    // Cancelled in the meantime, so nobody waits for the outcome. Asked last: making a value may run Python code.
    if future.call_method0(intern!(py, "done"))?.is_truthy()? {
        return Ok(());
    }
    match settled {
        Ok(value) => future.call_method1(intern!(py, "set_result"), (value,))?,
        Err(error) => future.call_method1(intern!(py, "set_exception"), (error,))?,
    };
    Ok(())
}

/// The mailbox of one event loop, as Python holds it.
#[pyclass(frozen, module = "rewards._native")]
#[derive(Debug)]
pub struct Inbox(pub Arc<Mailbox>);

#[pymethods]
impl Inbox {
    #[new]
    fn new(event_loop: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self(Arc::new(Mailbox {
            event_loop: PyWeakrefReference::new(event_loop)?.unbind(),
            post: Mutex::default(),
        })))
    }
}

/// A call that an event loop waits for.
#[pyclass(frozen, module = "rewards._native")]
#[derive(Debug)]
pub struct Call(pub AbortHandle);

#[pymethods]
impl Call {
    /// Gives the call up. It is then entirely done or not accepted at all.
    fn cancel(&self) {
        self.0.abort();
    }
}
