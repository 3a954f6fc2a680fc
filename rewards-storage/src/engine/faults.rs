//! How trouble below and inside the engine is told to callers.
//!
//! Rejections become faults in the core; here are the faults of infrastructure and of defects. A panic of an operation
//! is caught, told to its own caller and never to its neighbours.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use rewards_core::rejection::{Fault, Problem};
use rewards_core::time::Timestamp;

use crate::error::StoreError;

const MICROS_A_SECOND: i64 = 1_000_000;

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Unavailable { .. } | StoreError::Conflict { .. } => "store_unavailable",
            StoreError::Corrupt { .. } => "store_corrupt",
            StoreError::SchemaTooNew { .. } => "schema_too_new",
            StoreError::SchemaTooOld { .. } => "schema_too_old",
            StoreError::DiskFull { .. } => "disk_full",
            StoreError::ReadOnly { .. } => "store_read_only",
            StoreError::FolderMissing { .. } => "folder_missing",
            StoreError::InUseHere { .. } => "file_in_use_here",
            StoreError::FileGone { .. } => "file_gone",
            StoreError::PathInvalid { detail } => {
                return Problem::new("url_invalid", "path", detail.as_str()).into();
            }
            StoreError::FileExists { .. } => "file_exists",
            StoreError::BackupUnsupported { .. } => "backup_unsupported",
            StoreError::Refused { .. } => "store_refused",
        };
        Self::new(code, error.to_string())
    }
}

/// The engine takes nothing more.
pub(super) fn closed() -> Fault {
    Fault::new("engine_closed", "the engine is closed")
}

/// The engine ended between accepting a command and answering it.
pub(super) fn lost() -> Fault {
    Fault::new(
        "engine_closed",
        "the engine stopped before the outcome was known: send the command again with the same key",
    )
}

/// A command came without a key and implies none.
pub(super) fn key_required() -> Fault {
    let detail = "this command needs an idempotency key: it implies none by itself";
    Problem::new("key_required", "key", detail).into()
}

/// A command or a query is to be decided at a time to come.
pub(super) fn now_ahead(now: Timestamp, clock: Timestamp, ahead: Duration) -> Fault {
    let detail = format!(
        "expected at most {} seconds after the engine's clock, which says {clock}, got {now}: \
         `now_ahead_max` of the engine allows more",
        ahead.as_secs()
    );
    Problem::new("now_ahead", "now", detail).into()
}

/// The engine's clock is behind what the store has recorded.
pub(super) fn clock_behind(clock: Timestamp, recorded: Timestamp) -> Fault {
    let seconds = recorded.micros_since(clock) / MICROS_A_SECOND;
    let detail = format!(
        "the engine's clock says {clock}, which is {seconds} seconds before what was recorded at {recorded}: \
         nothing was done; set the clock right and send the command again"
    );
    of_clock(
        "clock_behind",
        detail,
        [
            ("clock", clock.to_string()),
            ("recorded_at", recorded.to_string()),
            ("seconds", seconds.to_string()),
        ],
    )
}

/// The engine's clock is further ahead of what is known than the host allows.
pub(super) fn clock_ahead(now: Timestamp, known: Timestamp, jump: Duration) -> Fault {
    let seconds = now.micros_since(known) / MICROS_A_SECOND;
    let allowed = jump.as_secs();
    let detail = format!(
        "the engine's clock says {now}, which is {seconds} seconds after the last time that is known, {known}, and \
         `clock_jump_max` allows {allowed}: nothing was done; set the clock right, or have the engine accept the time"
    );
    of_clock(
        "clock_ahead",
        detail,
        [
            ("clock", now.to_string()),
            ("known", known.to_string()),
            ("seconds", seconds.to_string()),
        ],
    )
}

fn of_clock(code: &'static str, detail: String, context: [(&str, String); 3]) -> Fault {
    let mut fault = Fault::new(code, detail);
    let context = context.map(|(name, value)| (name.to_owned(), value));
    fault.context = context.into();
    fault
}

/// Whether something was refused for nothing but a time in it that is still to come, by the time at which it was decided.
pub(super) fn is_of_time_to_come(fault: &Fault) -> bool {
    let mut problems = fault.problems.iter();
    !fault.problems.is_empty() && problems.all(|problem| problem.code == "time_in_future")
}

/// Something that cannot happen has happened.
pub(super) fn internal(detail: impl Into<String>) -> Fault {
    Fault::new("internal", detail)
}

/// Runs the code of an operation; a panic in it is a fault of this command alone.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    // Nothing the closure may have left half done is used afterwards: its command is answered and dropped.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        tracing::error!(panic = panic_text(&*panic), "an operation panicked");
        Err(internal(
            "a defect stopped the command; nothing was written",
        ))
    })
}

/// The message of a panic, if it has one.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use rewards_core::rejection::FaultKind;

    use super::*;

    #[test]
    fn store_errors_have_codes_that_say_what_to_do() {
        let detail = || "x".to_owned();
        for (error, code, kind) in [
            (
                StoreError::Unavailable { detail: detail() },
                "store_unavailable",
                FaultKind::Unavailable,
            ),
            (
                StoreError::Conflict { detail: detail() },
                "store_unavailable",
                FaultKind::Unavailable,
            ),
            (
                StoreError::Corrupt { detail: detail() },
                "store_corrupt",
                FaultKind::Internal,
            ),
            (
                StoreError::Refused { detail: detail() },
                "store_refused",
                FaultKind::Internal,
            ),
            (
                StoreError::ReadOnly { detail: detail() },
                "store_read_only",
                FaultKind::Internal,
            ),
            (
                StoreError::FolderMissing { detail: detail() },
                "folder_missing",
                FaultKind::Internal,
            ),
            (
                StoreError::InUseHere { detail: detail() },
                "file_in_use_here",
                FaultKind::Internal,
            ),
            (
                StoreError::FileGone { detail: detail() },
                "file_gone",
                FaultKind::Internal,
            ),
            (
                StoreError::PathInvalid { detail: detail() },
                "invalid",
                FaultKind::Invalid,
            ),
            (
                StoreError::FileExists { detail: detail() },
                "file_exists",
                FaultKind::Rejected,
            ),
            (
                StoreError::BackupUnsupported { detail: detail() },
                "backup_unsupported",
                FaultKind::Rejected,
            ),
            (
                StoreError::SchemaTooOld { found: 0, known: 1 },
                "schema_too_old",
                FaultKind::Internal,
            ),
            (
                StoreError::SchemaTooNew { found: 2, known: 1 },
                "schema_too_new",
                FaultKind::Internal,
            ),
        ] {
            let transient = error.is_transient();
            let fault = Fault::from(error);
            assert_eq!((fault.code.as_ref(), fault.kind), (code, kind));
            assert_eq!(fault.is_retryable(), transient);
        }
    }

    /// Trying again at once is no use, but later it is.
    #[test]
    fn a_full_disk_is_told_as_one_that_may_have_room_later() {
        let detail = "x".to_owned();
        let error = StoreError::DiskFull { detail };
        assert!(!error.is_transient());
        let fault = Fault::from(error);
        assert_eq!(
            (fault.code.as_ref(), fault.http_status()),
            ("disk_full", 507)
        );
        assert!(fault.is_retryable());
    }

    #[test]
    fn a_panic_becomes_a_fault() {
        let fault = guarded::<()>(|| panic!("boom")).unwrap_err();
        assert_eq!(fault.code, "internal");
        assert_eq!(guarded(|| Ok(1)), Ok(1));
    }
}
