//! A file that is not where it was opened: SQLite goes on with it, and what is recorded there nobody finds again.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rewards_storage::error::StoreError;
use rewards_storage::sql::SqlStore;
use rewards_storage::store::{Query, Store};

use crate::world::{apply, draft, patient, tenant};

fn remove(path: &Path) {
    fs::remove_file(path).unwrap();
}

fn rename(path: &Path) {
    fs::rename(path, path.with_extension("old")).unwrap();
}

fn replace(path: &Path) {
    let copy = path.with_extension("copy");
    fs::write(&copy, b"").unwrap();
    fs::rename(&copy, path).unwrap();
}

fn replace_folder(path: &Path) {
    rename_folder(path);
    fs::create_dir(path.parent().unwrap()).unwrap();
    fs::write(path, b"").unwrap();
}

fn remove_log(path: &Path) {
    fs::remove_file(path.with_extension("db-wal")).unwrap();
}

fn rename_folder(path: &Path) {
    let folder = path.parent().unwrap();
    fs::rename(folder, folder.with_extension("old")).unwrap();
}

#[tokio::test]
async fn a_store_whose_file_is_gone_does_nothing_more() {
    for (what, go) in [
        ("removed", remove as fn(&Path)),
        ("renamed", rename),
        ("replaced", replace),
        ("log removed", remove_log),
        ("folder renamed", rename_folder),
        ("folder replaced", replace_folder),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("books").join("books.db");
        fs::create_dir(path.parent().unwrap()).unwrap();
        let store = SqlStore::open_file(&path, patient()).await.unwrap();
        apply(&store, draft("1").member("ann", 0)).await;
        go(&path);
        for number in 2..4 {
            let batch = draft(&number.to_string()).member("bob", 0).done();
            let error = store.commit(&[batch]).await.unwrap_err();
            assert!(
                matches!(error, StoreError::FileGone { .. }),
                "{what}: {error:?}"
            );
            assert!(!error.is_transient(), "{what}");
            assert!(
                error.to_string().contains("put both back"),
                "{what}: {error}"
            );
        }
        store.health().await.unwrap_err();
        store.books(&tenant()).await.unwrap_err();
        store.close().await.unwrap();
    }
}

/// What was acknowledged is in the file that was opened.
#[tokio::test]
async fn a_file_that_is_put_back_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("books.db");
    let away = folder.path().join("away.db");
    let store = SqlStore::open_file(&path, patient()).await.unwrap();
    apply(&store, draft("1").member("ann", 0)).await;
    fs::rename(&path, &away).unwrap();
    let batch = draft("2").member("bob", 0).done();
    store.commit(&[batch]).await.unwrap_err();
    // Who opens it before it is put back must not throw its log away.
    for is_open in [true, false] {
        let error = SqlStore::open_file(&path, patient()).await.unwrap_err();
        assert!(matches!(error, StoreError::FileGone { .. }), "{error:?}");
        if is_open {
            store.close().await.unwrap();
        }
    }
    fs::rename(&away, &path).unwrap();
    let store = SqlStore::open_file(&path, patient()).await.unwrap();
    let members = store.members(&tenant(), None, 9).await.unwrap();
    assert_eq!(members[0].member.as_str(), "ann");
    apply(&store, draft("3").member("eve", 0)).await;
}

/// Other changes are no reason.
#[tokio::test]
async fn a_file_that_is_touched_is_still_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("books.db");
    let store = SqlStore::open_file(&path, patient()).await.unwrap();
    let link = folder.path().join("link.db");
    fs::hard_link(&path, &link).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(&link).unwrap();
    apply(&store, draft("1").member("ann", 0)).await;
}

#[tokio::test]
async fn a_link_that_names_another_file_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let (path, link) = (
        folder.path().join("books.db"),
        folder.path().join("link.db"),
    );
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let store = SqlStore::open_file(&link, patient()).await.unwrap();
    apply(&store, draft("1").member("ann", 0)).await;
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(folder.path().join("other.db"), &link).unwrap();
    let batch = draft("2").member("bob", 0).done();
    let error = store.commit(&[batch]).await.unwrap_err();
    assert!(matches!(error, StoreError::FileGone { .. }), "{error:?}");
}
