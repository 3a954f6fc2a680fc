//! What can go wrong below the engine: infrastructure, never rules.

use thiserror::Error;

/// The store could not do its work. Losing a race is not an error: see [`crate::batch::Refusal`].
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store could not be reached or gave up; nothing is known to be written, and trying again may succeed.
    ///
    /// The outcome of a commit that fails this way is **unknown**: it may have been applied. Sending the same batches
    /// again is safe, because their idempotency keys are checked first.
    #[error("store unavailable: {detail}")]
    Unavailable {
        /// What happened, for people.
        detail: String,
    },
    /// The database gave up a transaction that may succeed when run again: a serialisation failure or a deadlock.
    /// Nothing was written.
    #[error("transaction conflict: {detail}")]
    Conflict {
        /// What happened, for people.
        detail: String,
    },
    /// The stored data is not what this version wrote: trying again cannot help.
    #[error("stored data is not readable: {detail}")]
    Corrupt {
        /// What was found where.
        detail: String,
    },
    /// The database was made by a newer version of this library.
    #[error(
        "schema version {found} is newer than the newest known version {known}: update the library"
    )]
    SchemaTooNew {
        /// Version found.
        found: i64,
        /// Newest version this library knows.
        known: i64,
    },
    /// The store refused for a reason that trying again does not change: read-only, disk full, wrong address.
    #[error("store refused: {detail}")]
    Refused {
        /// What happened, for people.
        detail: String,
    },
}

impl StoreError {
    /// Whether the same work may succeed when tried again.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Conflict { .. })
    }

    /// The words, for a store to add to.
    #[cfg(feature = "sql")]
    pub(crate) fn detail_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Unavailable { detail }
            | Self::Conflict { detail }
            | Self::Corrupt { detail }
            | Self::Refused { detail } => Some(detail),
            Self::SchemaTooNew { .. } => None,
        }
    }
}
