//! The host's clock, for apps that do not trust the device's.

use std::fmt;
use std::sync::Arc;

use rewards_core::time::Timestamp;
use rewards_storage::engine::Clock;

/// Tells the time in place of the device's clock, such as one that is synchronised with a server.
///
/// It is asked from any thread and must answer at once.
#[uniffi::export(with_foreign)]
pub trait HostClock: Send + Sync + 'static {
    /// The present instant.
    fn now(&self) -> Timestamp;
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
        self.0.now()
    }
}
