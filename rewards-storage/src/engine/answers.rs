//! What callers are told in one round, and whom it halts.
//!
//! A command that failed and may be sent again has not taken effect, or nobody knows whether it has. When those behind it took
//! effect all the same, it would come after them the next time. So they are not tried: whoever waits behind it for one of its
//! members is told so and sends again, too. Rejections halt nobody: the same command would be rejected again.

use std::sync::{Mutex, PoisonError};

use rewards_core::rejection::Fault;

use super::pending::{Outcome, Pending};
use super::telemetry::Telemetry;

/// A command behind which nobody of its lines may go on. It is not answered yet.
#[derive(Debug)]
pub(super) struct Halt {
    pub(super) command: Pending,
    /// What it is told.
    fault: Fault,
    /// What those behind it are told.
    pub(super) behind: Fault,
}

impl Halt {
    /// Answers the command.
    pub(super) fn answer(self, telemetry: &Telemetry) {
        self.command.answer(Outcome::Failed(self.fault), telemetry);
    }
}

/// Answers callers, and keeps those who halt others.
#[derive(Debug)]
pub(super) struct Answers<'t> {
    telemetry: &'t Telemetry,
    halts: Mutex<Vec<Halt>>,
}

impl<'t> Answers<'t> {
    pub(super) fn new(telemetry: &'t Telemetry) -> Self {
        Self {
            telemetry,
            halts: Mutex::default(),
        }
    }

    /// Answers a command; one that halts others when they are known.
    pub(super) fn give(&self, mut pending: Pending, outcome: Outcome) {
        let behind = match &outcome {
            Outcome::Failed(fault) => behind(fault),
            Outcome::Applied | Outcome::Replayed(_) => None,
        };
        match (outcome, behind) {
            (Outcome::Failed(fault), Some(behind)) => {
                pending.stop_run(&fault);
                self.halts().push(Halt {
                    command: pending,
                    fault,
                    behind,
                });
            }
            (outcome, _) => pending.answer(outcome, self.telemetry),
        }
    }

    /// Who halts others, and how answers are counted.
    pub(super) fn into_halts(self) -> (&'t Telemetry, Vec<Halt>) {
        let halts = self.halts.into_inner();
        let halts = halts.unwrap_or_else(PoisonError::into_inner);
        (self.telemetry, halts)
    }

    fn halts(&self) -> std::sync::MutexGuard<'_, Vec<Halt>> {
        // Nothing that can panic is done to the list half-way.
        self.halts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What those behind a command are told when it failed so; `None` when they may go on.
pub(super) fn behind(fault: &Fault) -> Option<Fault> {
    match fault.code.as_ref() {
        // Nobody overtakes a command that was not tried, also when another engine will have to be asked.
        "engine_closed" => Some(fault.clone()),
        _ if fault.is_retryable() => Some(fault.clone()),
        // It may have to do with this command alone, or with a disk that is full.
        "store_refused" => Some(Fault::new(
            "store_unavailable",
            "not tried, because the store refused a command that stands before it: send it again with the same key",
        )),
        _ => None,
    }
}
