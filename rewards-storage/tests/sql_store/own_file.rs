//! The file of a store is its own within the process, and where it may be.

use std::fs::{self, File};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rewards_storage::engine::Engine;
use rewards_storage::error::StoreError;
use rewards_storage::sql::{SqlOptions, SqlStore};
use rewards_storage::store::{Query, Store};

use crate::world::{apply, draft, patient, tenant};

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_that_the_process_has_open_otherwise_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("books.db");
    let store = SqlStore::open_file(&path, patient()).await.unwrap();
    store.close().await.unwrap();
    let left = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 1, "a store that is closed leaves one file");
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let other = File::open(&path).unwrap();
    for path in [&path, &link] {
        let begun = Instant::now();
        let error = SqlStore::open_file(path, patient()).await.unwrap_err();
        assert!(matches!(error, StoreError::InUseHere { .. }), "{error:?}");
        assert!(error.to_string().contains("a file of its own"), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(1), "told at once");
    }
    drop(other);
    let store = SqlStore::open_file(&link, patient()).await.unwrap();
    apply(&store, draft("1").member("ann", 0)).await;
}

/// Closing the file takes the locks of the whole process, and other processes no longer wait for them.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_store_whose_file_was_opened_otherwise_does_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("books.db");
    let store = SqlStore::open_file(&path, patient()).await.unwrap();
    apply(&store, draft("1").member("ann", 0)).await;
    fs::read(&path).unwrap();
    for number in 2..4 {
        let batch = draft(&number.to_string()).member("bob", 0).done();
        let error = store.commit(&[batch]).await.unwrap_err();
        assert!(matches!(error, StoreError::InUseHere { .. }), "{error:?}");
        assert!(!error.is_transient());
    }
    let error = store.health().await.unwrap_err();
    assert!(
        error.to_string().contains("open the engine again"),
        "{error}"
    );
    store.close().await.unwrap();
    let store = SqlStore::open_file(&path, patient()).await.unwrap();
    let members = store.members(&tenant(), None, 9).await.unwrap();
    assert_eq!(members[0].member.as_str(), "ann");
    apply(&store, draft("9").member("eve", 0)).await;
}

/// They share one SQLite, which knows what its own connections hold.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_stores_and_connections_of_the_same_library_are_no_trouble() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("books.db");
    let store = SqlStore::open_file(&path, patient()).await.unwrap();
    for number in 0..20 {
        let other = SqlStore::open_file(&path, patient()).await.unwrap();
        let key = number.to_string();
        apply(
            &other,
            draft(&format!("o{key}")).member(&format!("o{key}"), 0),
        )
        .await;
        apply(&store, draft(&key).member(&key, 0)).await;
        if number % 2 == 0 {
            other.close().await.unwrap();
        }
        drop(other);
        let url = format!("sqlite:///{}", path.display());
        let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
        let counted = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM members");
        assert!(counted.fetch_one(&pool).await.unwrap() > number);
        pool.close().await;
    }
    // Dropped without being closed: its connections go a moment later, and are waited for.
    drop(store);
    let store = SqlStore::open_file(&path, patient()).await.unwrap();
    assert_eq!(store.members(&tenant(), None, 99).await.unwrap().len(), 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_whole_while_others_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("books.db");
    let store = SqlStore::open_file(&path, patient()).await.unwrap();
    let writes = tokio::spawn({
        let store = store.clone();
        async move {
            for number in 0..300 {
                let id = format!("m{number:03}");
                apply(&store, draft(&id).member(&id, 0).transfer(&id, 1, 1)).await;
            }
        }
    });
    let mut seen = 0;
    for number in 0..6 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let before = store.members(&tenant(), None, 999).await.unwrap().len();
        let copy = folder.path().join(format!("copy{number}.db"));
        store.backup(&copy).await.unwrap();
        let opened = SqlStore::open_file(&copy, patient()).await.unwrap();
        let members = opened.members(&tenant(), None, 999).await.unwrap().len();
        let entries = opened.journal(&tenant(), None, 999).await.unwrap().len();
        assert!(members >= before, "what was answered is there");
        assert_eq!(members, entries);
        seen = seen.max(members);
        opened.close().await.unwrap();
    }
    writes.await.unwrap();
    assert!(seen > 0);
    assert_eq!(
        store.members(&tenant(), None, 999).await.unwrap().len(),
        300
    );
    let left = fs::read_dir(folder.path()).unwrap();
    let names = left.map(|file| file.unwrap().file_name().into_string().unwrap());
    let partial: Vec<_> = names.filter(|name| name.contains("partial")).collect();
    assert_eq!(partial, [""; 0]);
}

/// SQLite closes a file a little after it could not be opened. Whoever tries again is told what is wrong with the file.
#[tokio::test]
async fn a_file_that_cannot_be_opened_is_not_taken_for_one_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("books.db");
    fs::write(&file, "x".repeat(5_000)).unwrap();
    for _ in 0..30 {
        let error = SqlStore::open_file(&file, patient()).await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    }
    fs::remove_file(&file).unwrap();
    SqlStore::open_file(&file, patient()).await.unwrap();
}

#[tokio::test]
async fn a_path_that_is_none_is_no_place_for_a_backup() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqlStore::open_file(folder.path().join("books.db"), patient());
    let engine = Engine::builder(Arc::new(store.await.unwrap())).open().await;
    let engine = engine.unwrap();
    for path in ["", "a\0b.db"] {
        let fault = engine.backup(path).await.unwrap_err();
        let problem = &fault.problems[0];
        assert_eq!((&*problem.code, &*problem.path), ("url_invalid", "path"));
    }
}

#[tokio::test]
async fn a_backup_takes_the_place_of_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let store = SqlStore::open_file(at("books.db"), patient())
        .await
        .unwrap();
    apply(&store, draft("1").member("ann", 0)).await;
    fs::write(at("taken.db"), "").unwrap();
    for name in ["taken.db", "books.db"] {
        let error = store.backup(&at(name)).await.unwrap_err();
        assert!(matches!(error, StoreError::FileExists { .. }), "{error:?}");
    }
    for name in ["none/copy.db", "taken.db/copy.db"] {
        let error = store.backup(&at(name)).await.unwrap_err();
        assert!(
            matches!(error, StoreError::FolderMissing { .. }),
            "{error:?}"
        );
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |name: &str| fs::metadata(at(name)).unwrap().permissions().mode() & 0o777;
        fs::set_permissions(at("books.db"), fs::Permissions::from_mode(0o600)).unwrap();
        store.backup(&at("copy.db")).await.unwrap();
        assert_eq!(mode("copy.db"), 0o600, "nobody else may read the copy");
    }
    let memory = SqlStore::open("sqlite::memory:", SqlOptions::default()).await;
    let error = memory.unwrap().backup(&at("new.db")).await.unwrap_err();
    assert!(
        matches!(error, StoreError::BackupUnsupported { .. }),
        "{error:?}"
    );
    assert!(!at("new.db").exists());
    apply(&store, draft("2").member("bob", 0)).await;
}

#[tokio::test]
async fn what_is_wrong_with_the_place_of_a_file_has_a_code_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("file"), "no folder").unwrap();
    for path in [at("none/books.db"), at("file/books.db")] {
        let error = SqlStore::open_file(&path, patient()).await.unwrap_err();
        assert!(
            matches!(error, StoreError::FolderMissing { .. }),
            "{error:?}"
        );
    }
    fs::create_dir(at("folder.db")).unwrap();
    let error = SqlStore::open_file(at("folder.db"), patient())
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::PathInvalid { .. }), "{error:?}");

    let store = SqlStore::open_file(at("books.db"), patient())
        .await
        .unwrap();
    apply(&store, draft("1").member("ann", 0)).await;
    let url = format!("sqlite:///{}?mode=ro", at("books.db").display());
    let reading = SqlStore::open(&url, patient()).await.unwrap();
    assert_eq!(reading.members(&tenant(), None, 9).await.unwrap().len(), 1);
    let batch = draft("2").member("bob", 0).done();
    let error = reading.commit(&[batch]).await.unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error:?}");
}
