//! From the name of an operation and its request to the engine, and back.

use std::fmt::{self, Debug, Formatter};
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;

use pyo3::prelude::*;
use rewards_core::command::{Kind, Operation};
use rewards_core::ids::IdempotencyKey;
use rewards_core::parse::parse_request;
use rewards_core::registry::OPERATIONS;
use rewards_core::rejection::{Fault, Rejection};
use rewards_core::time::Timestamp;
use rewards_core::with_operations;
use rewards_storage::engine::CommandOptions;

use crate::fault::exception;
use crate::models::{self, Reply, Shape};
use crate::open::{Opened, invalid};

/// What a call came to.
pub struct Outcome {
    /// The reply.
    pub reply: Box<dyn Reply>,
    /// Whether it is the reply of an earlier command with the same key.
    pub replayed: bool,
}

impl Debug for Outcome {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("Outcome");
        debug
            .field("replayed", &self.replayed)
            .finish_non_exhaustive()
    }
}

/// A call on its way.
pub type Work = Pin<Box<dyn Future<Output = Result<Outcome, Fault>> + Send>>;

/// An operation, and what its reply looks like.
#[pyclass(frozen, module = "rewards._native")]
#[derive(Debug)]
pub struct NativeOperation {
    /// Its name in the registry.
    pub name: String,
    /// What the reply looks like.
    pub reply: Shape,
}

#[pymethods]
impl NativeOperation {
    #[new]
    #[pyo3(signature = (name, reply, /))]
    fn new(name: String, reply: Shape) -> Self {
        Self { name, reply }
    }
}

/// The idempotency key of a command and when it is decided, as texts.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// The idempotency key.
    pub key: Option<&'a str>,
    /// When the command is decided.
    pub now: Option<&'a str>,
}

macro_rules! by_name {
    ($($operation:ty,)*) => {
        /// Everything that is left to do for a call once the interpreter is no longer needed.
        ///
        /// # Errors
        /// Whatever the request says when it cannot be written as JSON.
        pub fn work(
            name: &str,
            opened: Arc<Opened>,
            request: &Bound<'_, PyAny>,
            options: Options<'_>,
        ) -> PyResult<Work> {
            match name {
                $(<$operation as Operation>::NAME => prepare::<$operation>(opened, request, options),)*
                name => Ok(Box::pin(ready(Err(unknown(name))))),
            }
        }

        fn refusal(name: &str, request: &str) -> Option<Fault> {
            match name {
                $(<$operation as Operation>::NAME => read::<$operation>(request).err(),)*
                name => Some(unknown(name)),
            }
        }
    };
}

with_operations!(by_name);

fn prepare<O: Operation>(
    opened: Arc<Opened>,
    request: &Bound<'_, PyAny>,
    given: Options<'_>,
) -> PyResult<Work> {
    let request = models::request::<O>(request)?;
    let options = options(given);
    Ok(Box::pin(async move {
        opened.check_process()?;
        #[cfg(feature = "test-hooks")]
        crate::hooks::panic_if_told(O::NAME);
        let receipt = opened.tenant.execute_with(request?, options?).await?;
        Ok(Outcome {
            reply: Box::new(receipt.reply),
            replayed: receipt.replayed,
        })
    }))
}

fn options(given: Options<'_>) -> Result<CommandOptions, Fault> {
    let key = given.key.map(IdempotencyKey::new).transpose();
    let now = given.now.map(Timestamp::parse).transpose();
    Ok(CommandOptions {
        key: key.map_err(|error| invalid(error.code(), "key", error.to_string()))?,
        now: now.map_err(|error| invalid(error.code(), "now", error.to_string()))?,
    })
}

/// No operation and no service has this name.
pub fn unknown(name: &str) -> Fault {
    let detail = format!("no operation has the name `{name}`");
    invalid("operation_unknown", "operation", detail)
}

/// Reads a request.
pub fn read<T: serde::de::DeserializeOwned>(request: &str) -> Result<T, Fault> {
    parse_request(request).map_err(|problems| Rejection::Invalid(problems).into())
}

/// Refuses a request that the core does not read, with the core's own words; otherwise does nothing.
#[pyfunction]
#[pyo3(signature = (operation, request, /))]
pub fn check(operation: &str, request: &str) -> PyResult<()> {
    match refusal(operation, request) {
        Some(fault) => Err(exception(&fault)),
        None => Ok(()),
    }
}

/// The names of all operations, each with whether it can change anything.
#[pyfunction]
pub fn operations() -> Vec<(&'static str, bool)> {
    let entries = OPERATIONS.iter();
    entries
        .map(|entry| (entry.name, entry.kind == Kind::Command))
        .collect()
}
