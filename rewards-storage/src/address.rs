//! Where a store is: addresses as text, and opening what they name.
//!
//! Every program that lets its user say which store to use reads the address here, so that the same text means the same,
//! and is refused with the same words, in every language. An address that names nothing this build could open is refused
//! before anything is opened, with the code `url_invalid`; only a scheme and the names of known parameters are ever repeated,
//! because an address can hold a password. What goes wrong while opening is told with the code of the store and with what to
//! look at.

use std::fmt;
use std::path::Path;
#[cfg(feature = "sqlite")]
use std::path::PathBuf;
use std::sync::Arc;

use rewards_core::rejection::{Fault, Problem};

use crate::error::StoreError;
#[cfg(feature = "memory")]
use crate::memory::MemoryStore;
use crate::sql::{Scheme, SqlOptions, SqlStore};
use crate::store::Backend;

/// The addresses that this build can open.
const KNOWN: &[&str] = &[
    #[cfg(feature = "memory")]
    "`memory:`",
    #[cfg(feature = "sqlite")]
    "`sqlite:///file.db` (an absolute path after four slashes)",
    #[cfg(feature = "postgres")]
    "`postgresql://user@host/database`",
];

/// An address that this build can open.
///
/// - `memory:` is a store that is gone when it is closed;
/// - **a path begins behind the third slash, as in SQLAlchemy**: `sqlite:///file.db` is a file in the working directory,
///   `sqlite:////path/to/file.db` one at an absolute path. It is made when it is missing, but by `?mode=ro` or `?mode=rw`;
/// - `sqlite::memory:` and `sqlite://` are SQLite in memory;
/// - `postgresql://user:password@host:port/database`, also with `postgres:`, is a database on a server; connections to
///   another machine are encrypted; the books are in the schema `rewards`, or in that of `?schema=`. `?sslmode=verify-full&sslrootcert=/path/to/ca.pem` finds out who answers;
/// - the name of a driver of Python is read over: `sqlite+aiosqlite:`, `postgresql+asyncpg:`.
#[derive(Clone)]
pub struct Address {
    place: Place,
}

#[derive(Clone)]
enum Place {
    #[cfg(feature = "memory")]
    Memory,
    #[cfg(feature = "sqlite")]
    File(PathBuf),
    Database(String),
}

/// Shows which kind of store it names, and not where: an address can hold a password.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match &self.place {
            #[cfg(feature = "memory")]
            Place::Memory => "memory",
            #[cfg(feature = "sqlite")]
            Place::File(_) => "sqlite",
            Place::Database(url) => url.split(':').next().unwrap_or_default(),
        };
        f.debug_tuple("Address").field(&scheme).finish()
    }
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// `invalid` with the problem `url_invalid` at `url`, for text that names no store this build could open.
    pub fn parse(url: &str) -> Result<Self, Fault> {
        Self::read(url).map_err(|detail| invalid("url", detail))
    }

    /// The SQLite file at a path, whatever characters are in it. A relative path is relative to the working directory at the
    /// moment in which it is opened.
    ///
    /// # Errors
    /// `invalid` with the problem `url_invalid` at `path`, for a path that is empty, holds a NUL or is not UTF-8, and in a build
    /// without SQLite.
    pub fn file(path: impl AsRef<Path>) -> Result<Self, Fault> {
        #[cfg(feature = "sqlite")]
        {
            let path = path.as_ref();
            SqlStore::check_file(path).map_err(|detail| invalid("path", detail))?;
            let place = Place::File(path.to_owned());
            Ok(Self { place })
        }
        #[cfg(not(feature = "sqlite"))]
        {
            let _ = path;
            Err(invalid("path", "this build was made without SQLite"))
        }
    }

    /// Opens the store, which is made or brought up to date where that is needed.
    ///
    /// # Errors
    /// `store_refused` when it may not be opened or made; `store_unavailable` when it cannot be reached or another process
    /// holds it; `store_corrupt` when it is none of ours; `schema_too_new` when a newer version of this library made it;
    /// `schema_too_old` when an older one did and [`SqlOptions::migrate`] says that it stays so; `folder_missing`,
    /// `store_read_only`, `disk_full` and `file_in_use_here` about a file.
    pub async fn open(&self, options: SqlOptions) -> Result<OpenStore, Fault> {
        match &self.place {
            #[cfg(feature = "memory")]
            Place::Memory => Ok(OpenStore::Memory(Arc::new(MemoryStore::new()))),
            #[cfg(feature = "sqlite")]
            Place::File(path) => {
                let store = SqlStore::open_file(path, options).await;
                Ok(OpenStore::Sql(store.map_err(|error| advised(error, true))?))
            }
            Place::Database(url) => {
                check_schema(&options)?;
                #[cfg(feature = "sqlite")]
                SqlStore::check_place(url).map_err(|detail| invalid("url", detail))?;
                let store = SqlStore::open(url, options).await;
                let store = store.map_err(|error| advised(error, url.starts_with("sqlite")))?;
                Ok(OpenStore::Sql(store))
            }
        }
    }

    /// Makes the tables, or brings them up to date, and opens nothing. In memory there is nothing to do.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn migrate(&self, options: SqlOptions) -> Result<(), Fault> {
        match &self.place {
            #[cfg(feature = "postgres")]
            Place::Database(url) if !url.starts_with("sqlite") => {
                check_schema(&options)?;
                let migrated = SqlStore::migrate(url, options).await;
                migrated.map_err(|error| advised(error, false))
            }
            _ => {
                let options = SqlOptions {
                    migrate: true,
                    ..options
                };
                self.open(options).await?.close().await
            }
        }
    }

    /// The address, or what is wrong with it.
    fn read(url: &str) -> Result<Self, String> {
        let scheme = url.split(':').next().filter(|scheme| is_scheme(scheme));
        let Some(scheme) = scheme.filter(|scheme| scheme.len() < url.len()) else {
            return Err(expected("text without a scheme"));
        };
        let place = match (scheme, Scheme::of(url)) {
            #[cfg(feature = "memory")]
            ("memory", _) if url == "memory:" => Place::Memory,
            #[cfg(feature = "memory")]
            ("memory", _) => return Err(expected("more after `memory:`")),
            #[cfg(feature = "sqlite")]
            (_, Some((Scheme::Sqlite, _))) => database(url)?,
            #[cfg(feature = "postgres")]
            (_, Some((Scheme::Postgres, rest))) if rest.starts_with("//") => database(url)?,
            #[cfg(feature = "postgres")]
            (_, Some((Scheme::Postgres, _))) => {
                return Err(expected(&format!("`{scheme}:` without `//`")));
            }
            #[cfg(not(feature = "memory"))]
            ("memory", _) => return Err(left_out(scheme)),
            #[cfg(not(feature = "sqlite"))]
            (_, Some((Scheme::Sqlite, _))) => return Err(left_out(scheme)),
            #[cfg(not(feature = "postgres"))]
            (_, Some((Scheme::Postgres, _))) => return Err(left_out(scheme)),
            (_, None) => return Err(expected(&format!("scheme `{scheme}`"))),
        };
        Ok(Self { place })
    }
}

/// A store that was opened by its address. Cloning is cheap: all clones are the same store.
#[derive(Debug, Clone)]
pub enum OpenStore {
    /// In memory.
    #[cfg(feature = "memory")]
    Memory(Arc<MemoryStore>),
    /// In a SQLite file or on a PostgreSQL server.
    Sql(SqlStore),
}

impl OpenStore {
    /// The store as an engine takes it.
    #[must_use]
    pub fn backend(&self) -> Arc<dyn Backend> {
        match self {
            #[cfg(feature = "memory")]
            Self::Memory(store) => Arc::<MemoryStore>::clone(store),
            Self::Sql(store) => Arc::new(store.clone()),
        }
    }

    /// Lets go of the store, once the engine that uses it is closed.
    ///
    /// # Errors
    /// A fault of the store when a connection cannot be closed in order; nothing that was committed is lost.
    pub async fn close(&self) -> Result<(), Fault> {
        match self {
            #[cfg(feature = "memory")]
            Self::Memory(_) => Ok(()),
            Self::Sql(store) => Ok(store.close().await?),
        }
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
fn database(url: &str) -> Result<Place, String> {
    SqlStore::check_address(url)?;
    Ok(Place::Database(url.to_owned()))
}

fn expected(got: &str) -> String {
    format!("expected {}, got {got}", KNOWN.join(" or "))
}

#[cfg(not(all(feature = "memory", feature = "sqlite", feature = "postgres")))]
fn left_out(scheme: &str) -> String {
    expected(&format!(
        "scheme `{scheme}`, which this build was made without"
    ))
}

/// Whether text can be repeated as the scheme of an address: no part of a password or a path can.
fn is_scheme(text: &str) -> bool {
    text.len() <= 32 && text.starts_with(|c: char| c.is_ascii_alphabetic()) && {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "+-._".contains(c);
        text.chars().all(is_allowed)
    }
}

/// Refuses what is no name of a schema.
fn check_schema(options: &SqlOptions) -> Result<(), Fault> {
    let checked = options.check_schema();
    checked.map_err(|detail| Problem::new("value_invalid", "schema", detail).into())
}

fn invalid(path: &str, detail: impl Into<String>) -> Fault {
    Problem::new("url_invalid", path, detail).into()
}

/// The fault of a store that cannot be opened, with what to look at.
fn advised(error: StoreError, is_file: bool) -> Fault {
    let advice = match &error {
        StoreError::Unavailable { .. } => {
            "check that the database runs and that its address is right"
        }
        StoreError::Conflict { .. } => {
            "another process holds the database: open it again when that one is done"
        }
        StoreError::Corrupt { .. } => {
            "check that the address is that of a store of this library, or restore a copy of it"
        }
        StoreError::Refused { .. } if is_file => {
            "check the address, that the folder is there and has room, and that this process may write to it"
        }
        StoreError::Refused { .. } => {
            "check the address, that its user may use the schema, and that the tables are there or may be made"
        }
        StoreError::FolderMissing { .. } => {
            "make it; a relative path begins at the working directory, an absolute one in an address has four slashes"
        }
        StoreError::ReadOnly { .. } if is_file => {
            "see that this process may write to the file and to its folder"
        }
        StoreError::ReadOnly { .. } => "use the address of a server that takes writes",
        StoreError::DiskFull { .. } => "make room on the disk and open it again",
        // They say by themselves what to do, or are not about opening.
        StoreError::SchemaTooNew { .. }
        | StoreError::SchemaTooOld { .. }
        | StoreError::InUseHere { .. }
        | StoreError::FileGone { .. }
        | StoreError::PathInvalid { .. }
        | StoreError::FileExists { .. }
        | StoreError::BackupUnsupported { .. } => return error.into(),
    };
    let mut fault = Fault::from(error);
    fault.detail = format!("{}; {advice}", fault.detail);
    fault
}

#[cfg(test)]
mod tests;
