//! The contract suite on SQLite, each test on a file of its own.
#![expect(clippy::unwrap_used, reason = "functions that tests share")]

use std::path::Path;
use std::sync::Arc;

use rewards_storage::contract::Subject;
use rewards_storage::contract::fixtures::{Draft, tenant};
use rewards_storage::sql::{SqlOptions, SqlStore};

async fn open(directory: &Path) -> SqlStore {
    let url = format!("sqlite:///{}/rewards.db", directory.display());
    SqlStore::open(&url, SqlOptions::default()).await.unwrap()
}

async fn on_a_file() -> Subject {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    Subject::new(Arc::new(store), tenant("contract")).keeping(directory)
}

async fn in_memory() -> Subject {
    let store = SqlStore::open("sqlite::memory:", SqlOptions::default());
    Subject::new(Arc::new(store.await.unwrap()), tenant("contract"))
}

rewards_storage::contract_tests!(file, on_a_file());
rewards_storage::contract_tests!(memory, in_memory());

#[tokio::test]
async fn applied_is_there_after_opening_again() {
    let directory = tempfile::tempdir().unwrap();
    let batch = Draft::new(&tenant("t"), "key").one_of_each("ann").build();
    let store = open(directory.path()).await;
    let subject = Subject::new(Arc::new(store.clone()), tenant("t"));
    subject.apply(&batch).await;
    let before = subject.visible(std::slice::from_ref(&batch)).await;
    store.close().await.unwrap();
    let store = open(directory.path()).await;
    let subject = Subject::new(Arc::new(store), tenant("t"));
    assert_eq!(subject.visible(&[batch]).await, before);
}
