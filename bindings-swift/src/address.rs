//! Which store an address means, and how it is closed.

use std::sync::Arc;
use std::time::Duration;

use rewards_core::rejection::Fault;
use rewards_storage::memory::MemoryStore;
use rewards_storage::sql::{SqlOptions, SqlStore};
use rewards_storage::store::Backend;

/// Connections that read beside the one that writes: an app shows a few screens at once, not hundreds.
const CONNECTIONS: u32 = 2;
/// KiB of pages that a connection keeps: a device has one member's books, not a bank's.
const PAGE_CACHE_KIB: u32 = 1_024;
/// How long to wait for another process that holds the file, such as a widget or an extension.
const WAIT: Duration = Duration::from_secs(10);

/// A store that this library opened, and closes.
pub(crate) enum Opened {
    Memory(Arc<MemoryStore>),
    File(Arc<SqlStore>),
}

impl Opened {
    /// Opens the store at an address: `memory:` or `sqlite:///path/file.db`.
    pub(crate) async fn open(url: &str) -> Result<Self, Fault> {
        if url == "memory:" {
            return Ok(Self::Memory(Arc::new(MemoryStore::default())));
        }
        let options = SqlOptions {
            connections: CONNECTIONS,
            wait: WAIT,
            page_cache_kib: PAGE_CACHE_KIB,
        };
        Ok(Self::File(Arc::new(SqlStore::open(url, options).await?)))
    }

    pub(crate) fn backend(&self) -> Arc<dyn Backend> {
        match self {
            Self::Memory(store) => Arc::<MemoryStore>::clone(store),
            Self::File(store) => Arc::<SqlStore>::clone(store),
        }
    }

    pub(crate) async fn close(&self) -> Result<(), Fault> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::File(store) => Ok(store.close().await?),
        }
    }
}

/// The address of a file: what means something else in an address is escaped.
pub(crate) fn of_file(path: &str) -> String {
    let mut url = String::from("sqlite://");
    for c in path.chars() {
        match c {
            '%' => url.push_str("%25"),
            '?' => url.push_str("%3F"),
            '#' => url.push_str("%23"),
            _ => url.push(c),
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_escaped_where_an_address_would_read_it_otherwise() {
        for (path, want) in [
            ("/data/rewards.db", "sqlite:///data/rewards.db"),
            (
                "/Application Support/a.db",
                "sqlite:///Application Support/a.db",
            ),
            ("/50%/who?/#1.db", "sqlite:///50%25/who%3F/%231.db"),
        ] {
            assert_eq!(of_file(path), want);
        }
    }
}
