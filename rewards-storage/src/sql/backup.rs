//! Copies of a file while it is in use.
//!
//! SQLite itself writes the copy, from one view of everything. It grows under another name and takes its own when it is whole
//! and on the disk, so that what lies there under the name of a backup is one.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use sqlx::{ConnectOptions as _, Connection as _};
use uuid::Uuid;

use super::driver::SqliteDriver;
use super::fault::classify;
use crate::error::StoreError;

/// Writes a copy into a new file.
pub(super) async fn backup(driver: &SqliteDriver, path: &Path) -> Result<(), StoreError> {
    if driver.readers.is_none() {
        return Err(StoreError::BackupUnsupported {
            detail: "it is in memory".to_owned(),
        });
    }
    let path = std::path::absolute(path).map_err(|error| told(&error, path))?;
    if path.exists() {
        return Err(exists(&path));
    }
    let growing = Growing::beside(&path, driver.options.get_filename())?;
    let name = growing.0.to_str().ok_or_else(|| StoreError::Refused {
        detail: "expected the path of a file in utf-8, got other bytes".to_owned(),
    })?;
    // A connection of its own: it takes as long as there is much, and nobody waits for it.
    let options = driver.options.clone().create_if_missing(false);
    let mut connection = options.connect().await.map_err(classify)?;
    let copied = sqlx::query("VACUUM INTO ?1")
        .bind(name)
        .execute(&mut connection)
        .await;
    let closed = connection.close().await;
    copied.and(closed).map_err(classify)?;
    let finished = tokio::task::spawn_blocking(move || growing.finish(&path)).await;
    finished.map_err(|error| StoreError::Refused {
        detail: error.to_string(),
    })?
}

/// A file that is not whole yet, and goes with this value.
struct Growing(PathBuf);

impl Growing {
    /// An empty file for a copy, which as many people may read as may read what is copied.
    fn beside(path: &Path, copied: &Path) -> Result<Self, StoreError> {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}.partial", Uuid::new_v4().simple()));
        let growing = PathBuf::from(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
            let mode = fs::metadata(copied).map(|found| found.permissions().mode());
            options.mode(mode.unwrap_or(0o600) & 0o777);
        }
        #[cfg(not(unix))]
        let _ = copied;
        let made = options.open(&growing);
        made.map_err(|error| told(&error, path))?;
        Ok(Self(growing))
    }

    /// Has it on the disk, and then gives it its name, which no other file has.
    fn finish(self, path: &Path) -> Result<(), StoreError> {
        let named = || {
            File::options().write(true).open(&self.0)?.sync_all()?;
            match fs::hard_link(&self.0, path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
                // Not every file system has more than one name for a file.
                Err(_) if !path.exists() => fs::rename(&self.0, path),
                linked => linked,
            }?;
            #[cfg(unix)]
            if let Some(folder) = path.parent() {
                File::open(folder)?.sync_all()?;
            }
            Ok(())
        };
        named().map_err(|error| told(&error, path))
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        // Where it has its name already, there is nothing to remove or a second name.
        let _ = fs::remove_file(&self.0);
    }
}

fn exists(path: &Path) -> StoreError {
    StoreError::FileExists {
        detail: format!(
            "`{}` is there; give a path where nothing is",
            path.display()
        ),
    }
}

/// What went wrong with the new file.
fn told(error: &io::Error, path: &Path) -> StoreError {
    let detail = format!("`{}`: {error}", path.display());
    match error.kind() {
        io::ErrorKind::AlreadyExists => exists(path),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            StoreError::FolderMissing { detail }
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            StoreError::DiskFull { detail }
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            StoreError::ReadOnly { detail }
        }
        _ => StoreError::Refused { detail },
    }
}
