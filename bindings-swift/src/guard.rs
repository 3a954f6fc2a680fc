//! What becomes of a panic: an internal error of the call it happened in, never the end of the app.
//!
//! A host's clock that fails ends its call in the same way, with the fault itself in place of a panic's words.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::FutureExt;
use rewards_core::ffi::RewardsError;
use rewards_core::rejection::Fault;

/// Runs asynchronous work. Nothing that a panic leaves behind is looked at again but by the engine, which is made for it.
pub(crate) async fn guarded<T>(
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, RewardsError> {
    let outcome = AssertUnwindSafe(work).catch_unwind().await;
    outcome
        .unwrap_or_else(|panic| Err(fault(panic)))
        .map_err(RewardsError::from)
}

/// Runs a pure function.
pub(crate) fn guarded_now<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, RewardsError> {
    let outcome = catch_unwind(AssertUnwindSafe(work));
    outcome
        .unwrap_or_else(|panic| Err(fault(panic)))
        .map_err(RewardsError::from)
}

fn fault(panic: Box<dyn Any + Send>) -> Fault {
    let panic = match panic.downcast::<Fault>() {
        Ok(fault) => return *fault,
        Err(panic) => panic,
    };
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("no words");
    Fault::new(
        "internal",
        format!("a defect of the library, please report it: {text}"),
    )
}

/// Panics when it is given the text of the test hook; only in builds for tests.
#[cfg(feature = "test-hooks")]
#[expect(clippy::panic, reason = "a panic is what this hook is for")]
pub(crate) fn test_hook(text: &str) {
    if text == "test-hook:panic" {
        panic!("asked for by the test hook");
    }
}

#[cfg(not(feature = "test-hooks"))]
pub(crate) fn test_hook(_: &str) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_an_internal_error_with_its_words() {
        let cases: [fn(); 2] = [|| panic!("plain"), || panic!("{}", "made")];
        for case in cases {
            let now = guarded_now::<()>(|| {
                case();
                Ok(())
            });
            let later = guarded::<()>(async {
                case();
                Ok(())
            });
            for outcome in [now, later.await] {
                let error = outcome.unwrap_err();
                assert!(matches!(error, RewardsError::Internal { .. }), "{error}");
                assert!(error.to_string().starts_with("internal: a defect"));
            }
        }
    }
}
