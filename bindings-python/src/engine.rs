//! The Python class of an open engine.
//!
//! Each call comes in two forms. The blocking one lets other Python threads run while it works, and looks for signals
//! now and then, so that it can be interrupted. The other one returns at once and settles an asyncio future later.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use pyo3::prelude::*;
use rewards_core::rejection::Fault;

use crate::asyncio::{Call, Done, Inbox};
use crate::dispatch::{NativeOperation, Options, work};
use crate::fault::{exception, guarded};
use crate::host::host;
use crate::open::{self, OpenValues, Opened, Place};
use crate::services;
use crate::visits::Visitor;

/// How long a blocking call works on before it looks for signals.
const SIGNALS_EVERY: Duration = Duration::from_millis(100);

/// An open engine.
#[pyclass(frozen, module = "rewards._native")]
#[derive(Debug)]
pub struct NativeEngine {
    opened: Arc<Opened>,
}

impl From<Opened> for NativeEngine {
    fn from(opened: Opened) -> Self {
        Self {
            opened: Arc::new(opened),
        }
    }
}

#[pymethods]
impl NativeEngine {
    /// Opens an engine.
    #[staticmethod]
    #[pyo3(signature = (place, tenant, options, /))]
    fn open(
        py: Python<'_>,
        place: Place,
        tenant: String,
        options: OpenValues,
    ) -> PyResult<Py<PyAny>> {
        wait(py, async move {
            Ok(Done::Opened(
                open::open(&place, &tenant, options.into()).await?,
            ))
        })
    }

    /// Opens an engine; an asyncio future learns the outcome.
    #[staticmethod]
    #[pyo3(signature = (inbox, future, place, tenant, options, /))]
    fn start_open(
        inbox: &Inbox,
        future: Py<PyAny>,
        place: Place,
        tenant: String,
        options: OpenValues,
    ) -> PyResult<Call> {
        start(inbox, future, async move {
            Ok(Done::Opened(
                open::open(&place, &tenant, options.into()).await?,
            ))
        })
    }

    /// Executes an operation: the model of the reply, and whether it is that of an earlier command.
    #[pyo3(signature = (operation, request, key, now, /))]
    fn execute(
        &self,
        py: Python<'_>,
        operation: &NativeOperation,
        request: &Bound<'_, PyAny>,
        key: Option<String>,
        now: Option<String>,
    ) -> PyResult<Py<PyAny>> {
        let work = self.work(operation, request, key.as_deref(), now.as_deref())?;
        wait(py, work)
    }

    /// Executes an operation; an asyncio future learns the outcome.
    #[pyo3(signature = (inbox, future, operation, request, key, now, /))]
    fn start(
        &self,
        inbox: &Inbox,
        future: Py<PyAny>,
        operation: &NativeOperation,
        request: &Bound<'_, PyAny>,
        key: Option<String>,
        now: Option<String>,
    ) -> PyResult<Call> {
        let work = self.work(operation, request, key.as_deref(), now.as_deref())?;
        start(inbox, future, work)
    }

    /// Carries out a service: the reply as JSON.
    #[pyo3(signature = (name, arguments, /))]
    fn serve(&self, py: Python<'_>, name: String, arguments: String) -> PyResult<Py<PyAny>> {
        wait(py, serve(Arc::clone(&self.opened), name, arguments))
    }

    /// Carries out a service; an asyncio future learns the outcome.
    #[pyo3(signature = (inbox, future, name, arguments, /))]
    fn start_serve(
        &self,
        inbox: &Inbox,
        future: Py<PyAny>,
        name: String,
        arguments: String,
    ) -> PyResult<Call> {
        start(
            inbox,
            future,
            serve(Arc::clone(&self.opened), name, arguments),
        )
    }

    /// Answers what was accepted and closes the store; gives up after so many milliseconds. May be called more than once.
    #[pyo3(signature = (milliseconds=None, /))]
    fn close(&self, py: Python<'_>, milliseconds: Option<u64>) -> PyResult<Py<PyAny>> {
        let closing = close(Arc::clone(&self.opened));
        let limit = Duration::from_millis(milliseconds.unwrap_or(u64::MAX));
        wait(py, async move {
            let closed = tokio::time::timeout(limit, closing).await;
            closed.unwrap_or(Ok(Done::Closed))
        })
    }

    /// Answers what was accepted and closes the store; an asyncio future learns when.
    #[pyo3(signature = (inbox, future, /))]
    fn start_close(&self, inbox: &Inbox, future: Py<PyAny>) -> PyResult<Call> {
        start(inbox, future, close(Arc::clone(&self.opened)))
    }
}

impl NativeEngine {
    fn work(
        &self,
        operation: &NativeOperation,
        request: &Bound<'_, PyAny>,
        key: Option<&str>,
        now: Option<&str>,
    ) -> PyResult<impl Future<Output = Result<Done, Fault>> + Send + use<>> {
        let options = Options { key, now };
        let work = work(&operation.name, Arc::clone(&self.opened), request, options)?;
        let shape = operation.reply.clone();
        Ok(async { Ok(Done::Reply(work.await?, shape)) })
    }
}

/// Makes the tables at an address, or brings them up to date.
#[pyfunction]
#[pyo3(signature = (url, schema, milliseconds, /))]
pub fn migrate(
    py: Python<'_>,
    url: String,
    schema: Option<String>,
    milliseconds: Option<u64>,
) -> PyResult<Py<PyAny>> {
    wait(py, async move {
        open::migrate(&url, schema, milliseconds).await?;
        Ok(Done::Closed)
    })
}

async fn serve(opened: Arc<Opened>, name: String, arguments: String) -> Result<Done, Fault> {
    Ok(Done::Text(
        services::serve(&opened, &name, &arguments).await?,
    ))
}

async fn close(opened: Arc<Opened>) -> Result<Done, Fault> {
    opened.close().await?;
    Ok(Done::Closed)
}

/// Works until it is done, without the interpreter.
pub fn wait(
    py: Python<'_>,
    work: impl Future<Output = Result<Done, Fault>> + Send,
) -> PyResult<Py<PyAny>> {
    let host = host().map_err(|fault| exception(&fault))?;
    let runtime = host.runtime();
    let visitor = host.visits().enter();
    let mut work = pin!(guarded(work));
    // What needs nothing from a store but its memory is done at once, without a thread that waits.
    let at_once = away(py, visitor.as_ref(), || {
        let _inside = runtime.enter();
        work.as_mut().now_or_never()
    });
    if let Some(outcome) = at_once {
        return outcome.map_err(|fault| exception(&fault))?.into_python(py);
    }
    loop {
        let step = away(py, visitor.as_ref(), || {
            runtime.block_on(async { tokio::time::timeout(SIGNALS_EVERY, work.as_mut()).await })
        });
        match step {
            Ok(Ok(done)) => return done.into_python(py),
            Ok(Err(fault)) => return Err(exception(&fault)),
            Err(_) => py.check_signals()?,
        }
    }
}

/// Works without the interpreter. At the end of the process it is not left any more: a daemon thread that came back to one
/// that is gone would take the process with it.
fn away<R: Send>(
    py: Python<'_>,
    visitor: Option<&Visitor<'_>>,
    work: impl FnOnce() -> R + Send,
) -> R {
    match visitor {
        Some(_) => py.detach(work),
        None => work(),
    }
}

/// Has the runtime do the work and leave the outcome in the mailbox of the loop.
fn start(
    inbox: &Inbox,
    future: Py<PyAny>,
    work: impl Future<Output = Result<Done, Fault>> + Send + 'static,
) -> PyResult<Call> {
    let host = host().map_err(|fault| exception(&fault))?;
    let mailbox = Arc::clone(&inbox.0);
    let task = host.runtime().spawn(async move {
        let outcome = guarded(work).await;
        mailbox.deliver(host, future, outcome);
    });
    Ok(Call(task.abort_handle()))
}
