//! What is wrong with the place of a file: SQLite tells little more than that it cannot open it, or that the disk failed.
//!
//! The file itself is never opened to find out: closing it would take the locks of everybody in the process with it.

use std::path::{Path, PathBuf};

use crate::error::StoreError;

/// The path of a file that SQLite keeps beside its own: `-wal`, `-shm`.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(ending);
    beside.into()
}

/// An error while a file was opened, with what is wrong with its place if that is known.
pub(crate) fn at_opening(error: StoreError, path: &Path) -> StoreError {
    let StoreError::Refused { detail } = error else {
        return error;
    };
    let Some(folder) = path.parent() else {
        return StoreError::Refused { detail };
    };
    if !folder.is_dir() {
        let detail = format!("{detail}: there is no folder `{}`", folder.display());
        return StoreError::FolderMissing { detail };
    }
    let takes_writes = |path: &Path| !path.exists() || may_write(path);
    // SQLite writes files beside its own as well.
    let takes_it = takes_writes(folder) && takes_writes(path);
    if !path.is_dir() && !takes_it {
        return StoreError::ReadOnly { detail };
    }
    StoreError::Refused { detail }
}

/// An error of the disk below a file: where there is no room, that is what it comes from.
pub(crate) fn at_work(error: StoreError, path: &Path) -> StoreError {
    match error {
        StoreError::Unavailable { detail } if !has_room(path) => StoreError::DiskFull { detail },
        error => error,
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn may_write(path: &Path) -> bool {
    use nix::unistd::{AccessFlags, access};

    access(path, AccessFlags::W_OK).is_ok()
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn may_write(path: &Path) -> bool {
    let permissions = std::fs::metadata(path).map(|found| found.permissions());
    permissions.is_ok_and(|permissions| !permissions.readonly())
}

/// Whether there is room for what SQLite adds to its files at once.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn has_room(path: &Path) -> bool {
    /// Each part of the memory that all users of a file share, as a file.
    const PART: u64 = 32 * 1_024;

    let room = nix::sys::statvfs::statvfs(path);
    // On some machines these numbers are narrower.
    #[allow(clippy::useless_conversion, reason = "not everywhere")]
    let bytes = |blocks, size| u64::from(blocks).saturating_mul(u64::from(size));
    room.is_ok_and(|room| bytes(room.blocks_available(), room.fragment_size()) >= PART)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn has_room(_: &Path) -> bool {
    true
}
