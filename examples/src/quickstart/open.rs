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

/// The store that the arguments name, and how to call it.
pub(super) async fn backend(args: &Args) -> Result<(Arc<dyn Backend>, String), QuickstartError> {
    if args.memory {
        let place = "memory: nothing is durable".to_owned();
        return Ok((Arc::new(MemoryStore::new()), place));
    }
    let (url, place) = match &args.database {
        // An address may hold a password, so it is not repeated.
        Some(url) => (url.clone(), "the database of `--database`".to_owned()),
        None => {
            let file = args.database_path();
            let place = format!("SQLite file {}, synced at every commit", shown(&file));
            (sqlite_url(&file), place)
        }
    };
    let store = SqlStore::open(&url, SqlOptions::default()).await?;
    Ok((Arc::new(store), place))
}

/// The address of a database file. The two characters that mean something in an address are escaped.
fn sqlite_url(file: &Path) -> String {
    let path = file.display().to_string();
    format!("sqlite://{}", path.replace('%', "%25").replace('?', "%3F"))
}
