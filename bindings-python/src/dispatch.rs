//! From the name of an operation and its request as JSON to the engine, and back.

use pyo3::prelude::*;
use rewards_core::command::{Kind, Operation};
use rewards_core::ids::IdempotencyKey;
use rewards_core::operations::balances::{GetBalance, GetStatement};
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::purchases::{
    CancelPurchase, ConfirmPurchase, QuotePurchase, RecordPurchase,
};
use rewards_core::operations::rewards::{AdjustBalance, GrantReward, SettleMember};
use rewards_core::operations::tiers::GetTiers;
use rewards_core::parse::{NESTING_MAX, parse_request, read_straight};
use rewards_core::registry::OPERATIONS;
use rewards_core::rejection::{Fault, Rejection};
use rewards_core::time::Timestamp;
use rewards_core::with_operations;
use rewards_storage::engine::{CommandOptions, TenantEngine};

use crate::fault::exception;
use crate::open::{Opened, invalid};
use crate::services;

/// One call, before anything of it is looked at.
#[derive(Debug)]
pub struct Job {
    /// The operation or service.
    pub name: String,
    /// Its request as JSON text.
    pub request: String,
    /// The idempotency key.
    pub key: Option<String>,
    /// When it is decided.
    pub now: Option<String>,
}

/// What a call came to.
#[derive(Debug)]
pub struct Outcome {
    /// The reply as JSON text.
    pub reply: Vec<u8>,
    /// Whether it is the reply of an earlier command with the same key.
    pub replayed: bool,
}

/// Carries out a call.
///
/// # Errors
/// `invalid` for an unknown name, an unreadable request, key or time; the faults of the operation or service.
pub async fn run(opened: &Opened, job: Job) -> Result<Outcome, Fault> {
    opened.check_process()?;
    #[cfg(feature = "test-hooks")]
    crate::hooks::panic_if_told(&job.name);
    match OPERATIONS.iter().any(|entry| entry.name == job.name) {
        true => operate(&opened.tenant, job).await,
        false => services::serve(opened, &job).await,
    }
}

macro_rules! by_name {
    ($($operation:ident,)*) => {
        async fn operate(engine: &TenantEngine, job: Job) -> Result<Outcome, Fault> {
            match job.name.as_str() {
                $(<$operation as Operation>::NAME => execute::<$operation>(engine, job).await,)*
                name => Err(unknown(name)),
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

/// No operation and no service has this name.
pub fn unknown(name: &str) -> Fault {
    let detail = format!("no operation has the name `{name}`");
    invalid("operation_unknown", "operation", detail)
}

async fn execute<O: Operation>(engine: &TenantEngine, job: Job) -> Result<Outcome, Fault> {
    let request: O = read(&job.request)?;
    let options = options(job.key.as_deref(), job.now.as_deref())?;
    // On the heap: what an operation needs while it waits would otherwise be part of every call.
    let receipt = Box::pin(engine.execute_with(request, options)).await?;
    Ok(Outcome {
        reply: write(&receipt.reply)?,
        replayed: receipt.replayed,
    })
}

fn options(key: Option<&str>, now: Option<&str>) -> Result<CommandOptions, Fault> {
    let key = key.map(IdempotencyKey::new).transpose();
    let now = now.map(Timestamp::parse).transpose();
    Ok(CommandOptions {
        key: key.map_err(|error| invalid(error.code(), "key", error.to_string()))?,
        now: now.map_err(|error| invalid(error.code(), "now", error.to_string()))?,
    })
}

/// Reads a request, quickly when nothing is wrong with it, and otherwise with care, to find all that is.
pub fn read<T: serde::de::DeserializeOwned>(request: &str) -> Result<T, Fault> {
    if is_shallow(request)
        && let Ok(request) = read_straight(request)
    {
        return Ok(request);
    }
    parse_request(request).map_err(|problems| Rejection::Invalid(problems).into())
}

/// Whether a text is surely not nested too deeply; counts the brackets in words, too.
fn is_shallow(text: &str) -> bool {
    let mut depth = 0_usize;
    text.bytes().all(|byte| {
        match byte {
            b'{' | b'[' => depth = depth.saturating_add(1),
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth < NESTING_MAX
    })
}

/// Writes a reply.
pub fn write<T: serde::Serialize>(reply: &T) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(reply).map_err(|error| Fault::new("internal", error.to_string()))
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
