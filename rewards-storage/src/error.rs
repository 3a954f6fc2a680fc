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
    /// The tables are of an older version of this library, or there are none, and they were not to be brought up to date.
    #[error(
        "schema version {found} is older than version {known}, which this version of the library needs: run `migrate`"
    )]
    SchemaTooOld {
        /// Version found; 0 where there are no tables.
        found: i64,
        /// Version that is needed.
        known: i64,
    },
    /// There is no room on the disk. Nothing was written; the same store works again when there is.
    #[error("disk full: {detail}")]
    DiskFull {
        /// What happened, for people.
        detail: String,
    },
    /// The store may only be read: its file, its folder or its disk takes no writes, or the server does not.
    #[error("store is read-only: {detail}")]
    ReadOnly {
        /// What happened, for people.
        detail: String,
    },
    /// The folder that a file is to be in is not there.
    #[error("folder missing: {detail}")]
    FolderMissing {
        /// Which one, for people.
        detail: String,
    },
    /// This process has the file of the store open otherwise, and SQLite's locks do not keep the two apart.
    ///
    /// What a call did that ends so is **unknown**. The store does nothing more; opened again, once the file is its own, it tells
    /// whoever sends the same batches.
    #[error("file in use here: {detail}")]
    InUseHere {
        /// What to do, for people.
        detail: String,
    },
    /// The file of the store is not where it was opened: it was removed, moved or replaced.
    ///
    /// What a call did that ends so is in the file that was opened, wherever that is now. The store does nothing more.
    #[error("file gone: {detail}")]
    FileGone {
        /// What to do, for people.
        detail: String,
    },
    /// What was given as the path of a file is none.
    #[error("no path: {detail}")]
    PathInvalid {
        /// What was expected, for people.
        detail: String,
    },
    /// A file is there that was to be made.
    #[error("file exists: {detail}")]
    FileExists {
        /// Which one, for people.
        detail: String,
    },
    /// This kind of store makes no backups of itself.
    #[error("no backup of this store: {detail}")]
    BackupUnsupported {
        /// What to use instead, for people.
        detail: String,
    },
    /// The store refused for a reason that trying again does not change, such as a wrong address.
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
            | Self::DiskFull { detail }
            | Self::ReadOnly { detail }
            | Self::FolderMissing { detail }
            | Self::InUseHere { detail }
            | Self::FileGone { detail }
            | Self::PathInvalid { detail }
            | Self::FileExists { detail }
            | Self::BackupUnsupported { detail }
            | Self::Refused { detail } => Some(detail),
            Self::SchemaTooNew { .. } | Self::SchemaTooOld { .. } => None,
        }
    }
}
