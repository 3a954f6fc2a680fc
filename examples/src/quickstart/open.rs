//! Opening the store.

use std::path::Path;
use std::sync::Arc;

use rewards_storage::memory::MemoryStore;
use rewards_storage::sql::{SqlOptions, SqlStore};
use rewards_storage::store::Backend;

use super::args::shown;
use super::{Args, QuickstartError};

/// Makes a folder unless it is there.
pub(super) fn make_folder(path: &Path) -> Result<(), QuickstartError> {
    std::fs::create_dir_all(path).map_err(|source| QuickstartError::File {
        path: path.to_owned(),
        source,
    })
}

/// The store that the arguments name.
pub(super) struct Opened {
    pub backend: Arc<dyn Backend>,
    /// How it is called.
    pub place: String,
    /// The same store, when it has connections to close.
    sql: Option<SqlStore>,
}

impl Opened {
    /// Closes the connections. The last one takes the write-ahead log of a file with it, so that one file is left.
    pub async fn close(self) -> Result<(), QuickstartError> {
        match self.sql {
            Some(store) => Ok(store.close().await?),
            None => Ok(()),
        }
    }
}

/// Opens the store that the arguments name.
pub(super) async fn open(args: &Args) -> Result<Opened, QuickstartError> {
    if args.memory {
        return Ok(Opened {
            backend: Arc::new(MemoryStore::new()),
            place: "memory: nothing is durable".to_owned(),
            sql: None,
        });
    }
    let options = SqlOptions::default();
    let (store, place) = match &args.database {
        // An address may hold a password, so it is not repeated.
        Some(url) => (
            SqlStore::open(url, options).await?,
            "the database of `--database`".to_owned(),
        ),
        None => {
            let file = args.database_path();
            let place = format!("SQLite file {}, synced at every commit", shown(&file));
            (SqlStore::open_file(&file, options).await?, place)
        }
    };
    Ok(Opened {
        backend: Arc::new(store.clone()),
        place,
        sql: Some(store),
    })
}
