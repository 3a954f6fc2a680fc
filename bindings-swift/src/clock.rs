//! The host's clock, for apps that do not trust the device's.

use std::fmt;
use std::panic::resume_unwind;
use std::sync::Arc;

use rewards_core::ffi::RewardsError;
use rewards_core::rejection::{Fault, Problem};
use rewards_core::time::Timestamp;
use rewards_storage::engine::Clock;

/// Longest text of a host's own error that is passed on, in characters.
const WORDS_MAX: usize = 200;

/// An instant as a host's clock tells it: any number of microseconds since 1970. Unlike a [`Timestamp`] it is not refused on its
/// way in, where nobody could say whose it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostTime(i64);

uniffi::custom_newtype!(HostTime, i64);

/// Tells the time in place of the device's clock, such as one that is synchronised with a server.
///
/// It is asked from any thread and must answer at once. When it throws, the call ends as `Unavailable` with `clock_failed`, and
/// nothing was done; the call may be made again. A time before 1970 or after 2199 is `Invalid`: `time_out_of_range`, at `clock`.
#[uniffi::export(with_foreign)]
pub trait HostClock: Send + Sync + 'static {
    /// The present instant.
    fn now(&self) -> Result<HostTime, RewardsError>;
}

/// A host's clock as the engine asks it.
pub(crate) struct Foreign(pub(crate) Arc<dyn HostClock>);

impl fmt::Debug for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostClock")
    }
}

impl Clock for Foreign {
    fn now(&self) -> Timestamp {
        match told(&*self.0) {
            Ok(now) => now,
            // The engine's clocks cannot fail, and it asks them only on behalf of a call, before anything is done. So the
            // fault goes straight to the guard around that call. No hook is run, and nothing is printed.
            Err(fault) => resume_unwind(Box::new(fault)),
        }
    }
}

/// What a clock tells, or why that is no time.
fn told(clock: &dyn HostClock) -> Result<Timestamp, Fault> {
    let HostTime(micros) = clock.now().map_err(|error| failed(&Fault::from(error)))?;
    let time = Timestamp::from_micros(micros);
    Ok(time.map_err(|error| Problem::new(error.code(), "clock", error.to_string()))?)
}

fn failed(thrown: &Fault) -> Fault {
    let words: String = thrown.detail.chars().take(WORDS_MAX).collect();
    Fault::new("clock_failed", format!("the app's clock failed: {words}"))
}

#[cfg(test)]
mod tests {
    use rewards_core::rejection::FaultKind;

    use super::*;
    use crate::guard::guarded_now;

    struct Told(Result<i64, &'static str>);

    impl HostClock for Told {
        fn now(&self) -> Result<HostTime, RewardsError> {
            let thrown = |words| Fault::new("internal", words).into();
            self.0.map(HostTime).map_err(thrown)
        }
    }

    fn asked(clock: Told) -> Result<i64, Fault> {
        let clock = Foreign(Arc::new(clock));
        let now = guarded_now(|| Ok(clock.now().micros()));
        now.map_err(Fault::from)
    }

    #[test]
    fn what_a_clock_fails_with_is_the_fault_of_the_call() {
        assert_eq!(asked(Told(Ok(1))), Ok(1));
        for micros in [-1, i64::MIN, i64::MAX] {
            let fault = asked(Told(Ok(micros))).unwrap_err();
            let problem = &fault.problems[0];
            let found = (fault.kind, &*problem.code, &*problem.path);
            assert_eq!(found, (FaultKind::Invalid, "time_out_of_range", "clock"));
        }
        let long: &'static str = "ä".repeat(WORDS_MAX + 1).leak();
        for words in ["no time", long] {
            let fault = asked(Told(Err(words))).unwrap_err();
            assert_eq!(
                (fault.kind, &*fault.code),
                (FaultKind::Unavailable, "clock_failed")
            );
            let shown: String = words.chars().take(WORDS_MAX).collect();
            assert!(fault.detail.ends_with(&shown), "{}", fault.detail);
            assert!(fault.is_retryable());
        }
    }
}
