//! Opening, closing, reopening, and futures that are dropped on the way.

use std::time::Duration;

use rewards_core::snapshot::ReadPlan;
use rewards_storage::batch::Commit;
use rewards_storage::error::StoreError;
use rewards_storage::sql::{SqlOptions, SqlStore};
use rewards_storage::store::{Query, Store};

use crate::world::{
    addresses, apply, backends, budget, commit, draft, member_key, patient, reply_key, tenant,
};

#[tokio::test]
async fn what_was_committed_is_there_after_reopening() {
    for backend in backends("reopening").await {
        apply(
            &backend.store,
            draft("1").member("ann", 0).transfer("ann", 1, 5),
        )
        .await;
        backend.store.close().await.unwrap();
        let plan = ReadPlan {
            members: vec![member_key("ann")],
            ..ReadPlan::default()
        };
        let closed = backend.store.load(&plan).await.unwrap_err();
        assert!(matches!(closed, StoreError::Refused { .. }), "{closed}");
        let closed = backend
            .store
            .commit(&[draft("2").done()])
            .await
            .unwrap_err();
        assert!(matches!(closed, StoreError::Refused { .. }), "{closed}");
        let store = backend.reopened().await;
        assert_eq!(store.load(&plan).await.unwrap().members.len(), 1);
        assert_eq!(store.health().await.unwrap().schema_version, 1);
        let again = commit(&store, [draft("1").member("ann", 0)]).await;
        assert_eq!(again, [Commit::Replayed(draft("1").done().reply)]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_may_open_an_empty_database_at_once() {
    for (name, url, _files) in addresses("opening").await {
        let openers = (0..6).map(|_| {
            let url = url.clone();
            tokio::spawn(async move { SqlStore::open(&url, patient()).await })
        });
        for opener in openers.collect::<Vec<_>>() {
            let store = opener
                .await
                .unwrap()
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(store.health().await.unwrap().schema_version, 1);
        }
    }
}

#[tokio::test]
async fn addresses_that_name_no_database_are_refused() {
    for url in ["", "mysql://root:secret@host/db", "/tmp/file.db", "sqlite"] {
        let error = SqlStore::open(url, SqlOptions::default())
            .await
            .unwrap_err();
        assert!(
            matches!(error, StoreError::Refused { .. }),
            "{url} {error:?}"
        );
        assert!(!error.to_string().contains("secret"));
    }
    #[cfg(not(feature = "postgres"))]
    {
        let error = SqlStore::open("postgres://host/db", SqlOptions::default())
            .await
            .unwrap_err();
        assert!(error.to_string().contains("feature `postgres`"), "{error}");
    }
    #[cfg(not(feature = "sqlite"))]
    {
        let error = SqlStore::open("sqlite::memory:", SqlOptions::default())
            .await
            .unwrap_err();
        assert!(error.to_string().contains("feature `sqlite`"), "{error}");
    }
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let options = SqlOptions {
        wait: Duration::from_millis(300),
        ..SqlOptions::default()
    };
    let error = SqlStore::open("postgres://127.0.0.1:9/db", options)
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
}

/// One call may fail when the server goes away; the connections that lay idle are replaced without failing others.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn lost_connections_fail_one_call_at_most() {
    for (name, url, _files) in addresses("losing").await {
        if name != "postgres" {
            continue;
        }
        let url = format!("{url}&application_name=test_losing");
        let store = SqlStore::open(&url, patient()).await.unwrap();
        let warm = (0..4).map(|n| {
            let store = store.clone();
            let drafted = draft(&format!("w{n}")).member(&format!("w{n}"), 0);
            tokio::spawn(async move { apply(&store, drafted).await })
        });
        for warmed in warm.collect::<Vec<_>>() {
            warmed.await.unwrap();
        }
        let server = std::env::var("DATABASE_URL").unwrap();
        let pool = sqlx::PgPool::connect(&server).await.unwrap();
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                   WHERE application_name = 'test_losing'";
        let ended: i64 = sqlx::query_scalar(end).fetch_one(&pool).await.unwrap();
        assert!(ended > 0);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let failed = store.commit(&[draft("1").member("ann", 0).done()]).await;
        assert!(failed.unwrap_err().is_transient());
        for n in 0..4 {
            apply(&store, draft(&format!("x{n}")).member(&format!("x{n}"), 0)).await;
        }
        apply(&store, draft("1").member("ann", 0)).await;
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn a_file_that_is_no_database_is_corrupt() {
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("x.db");
    std::fs::write(
        &path,
        "this is not a database, only a long enough text ".repeat(100),
    )
    .unwrap();
    let url = format!("sqlite:///{}", path.display());
    let error = SqlStore::open(&url, SqlOptions::default())
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    for backend in backends("newer").await {
        let sql =
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                   VALUES (99, 'later', true, $1, 0)";
        backend.store.close().await.unwrap();
        let bytes = vec![0_u8; 48];
        match backend.name {
            #[cfg(feature = "sqlite")]
            "sqlite" => {
                let pool = sqlx::SqlitePool::connect(&backend.url).await.unwrap();
                sqlx::query(sql).bind(bytes).execute(&pool).await.unwrap();
                pool.close().await;
            }
            #[cfg(feature = "postgres")]
            "postgres" => {
                let pool = sqlx::PgPool::connect(&backend.url).await.unwrap();
                sqlx::query(sql).bind(bytes).execute(&pool).await.unwrap();
                pool.close().await;
            }
            other => panic!("{other}"),
        }
        let error = SqlStore::open(&backend.url, SqlOptions::default())
            .await
            .unwrap_err();
        let want = matches!(
            error,
            StoreError::SchemaTooNew {
                found: 99,
                known: 1
            }
        );
        assert!(want, "{} {error:?}", backend.name);
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn memory_is_a_database_too() {
    let store = SqlStore::open("sqlite::memory:", SqlOptions::default())
        .await
        .unwrap();
    apply(
        &store,
        draft("1")
            .member("ann", 0)
            .event("ann", 1, crate::world::at(1)),
    )
    .await;
    let tenant = tenant();
    let (a, b) = tokio::join!(store.members(&tenant, None, 9), store.health());
    assert_eq!(a.unwrap().len(), 1);
    assert_eq!(b.unwrap().outbox_waiting, 1);
    let other = SqlStore::open("sqlite::memory:", SqlOptions::default())
        .await
        .unwrap();
    assert!(other.members(&tenant, None, 9).await.unwrap().is_empty());
}

/// Futures are dropped after every number of steps they may take. Whatever was dropped, all of a batch is there or
/// nothing, and the next commit is not inside an old transaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_commits_leave_all_or_nothing() {
    for backend in backends("dropping").await {
        let store = &backend.store;
        let mut applied = 0;
        for round in 0..150_u64 {
            let id = format!("m{round}");
            // Every third goes the careful way.
            let stale = (round % 3 == 0).then(|| draft(&format!("stale {round}")).member(&id, 9));
            let batches: Vec<_> = stale
                .into_iter()
                .chain([draft(&id).member(&id, 0).transfer(&id, 1, 1).counter(
                    &budget(),
                    0,
                    1,
                    None,
                )])
                .map(|draft| draft.done())
                .collect();
            let wait = Duration::from_micros(round * 40);
            let _ = tokio::time::timeout(wait, store.commit(&batches)).await;
            let whole = draft(&format!("next {round}")).member(&format!("n{round}"), 0);
            apply(store, whole).await;
            let plan = ReadPlan {
                members: vec![member_key(&id)],
                replies: vec![reply_key(&id)],
                ..ReadPlan::default()
            };
            // On a server the statement may still be running; sending it again settles it.
            let ends = store.commit(&batches).await.unwrap();
            let seen = store.load(&plan).await.unwrap();
            assert_eq!(
                (seen.members.len(), seen.replies.len()),
                (1, 1),
                "{}",
                backend.name
            );
            applied += i64::from(matches!(ends.last(), Some(Commit::Replayed(_))));
        }
        let counters = store.counters(&tenant(), &budget().subject).await.unwrap();
        assert_eq!(
            counters,
            [("budget".to_owned(), 0, 150)],
            "{} {applied}",
            backend.name
        );
        let accounts = store.control_accounts(&tenant()).await.unwrap();
        let sums: Vec<i128> = accounts.iter().map(|(_, _, sum)| *sum).collect();
        assert_eq!(sums, [150, -150]);
        // The next to open waits for nobody.
        let other = backend.reopened().await;
        apply(&other, draft("last").member("last", 0)).await;
    }
}
