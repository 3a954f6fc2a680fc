//! What the test that kills processes and its worker processes agree on.

use std::time::Duration;

use rewards_core::ids::TenantId;
use rewards_core::rejection::Fault;
use rewards_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::workload::{HOUR, Script};
use super::{Failed, Scope};

/// How far the clocks of the processes may differ: each goes as fast as its own clients are answered.
pub const CLOCKS_DIFFER_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// One line that a worker writes: how an order of one of its clients ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The client.
    pub client: u64,
    /// The index of its order.
    pub index: u64,
    /// What it was told.
    pub answer: Answer,
}

/// A certain outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// It happened.
    Acknowledged {
        /// The reply, as text.
        reply: String,
        /// Whether it was said to be the reply of an earlier call.
        replayed: bool,
    },
    /// It did not.
    Refused {
        /// Why.
        fault: Fault,
    },
}

/// The orders that all processes know: few members and one tenant, so that everybody meets everybody. Where the seed is even, every
/// operation is ordered that there is.
///
/// # Errors
/// When an id cannot be made, which is a mistake here.
pub fn process_script(seed: u64, clients: u64) -> Result<Script, Failed> {
    let (scope, members) = match seed % 2 {
        0 => (Scope::Everything, 14),
        _ => (Scope::Recalculated, 8),
    };
    Ok(Script {
        seed,
        tenants: vec![TenantId::new("acme")?],
        members,
        clients,
        start: Timestamp::parse("2026-03-20T09:00:00Z")?,
        step: 2 * HOUR,
        scope,
    })
}
