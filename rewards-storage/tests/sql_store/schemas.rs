//! Which schema of a server holds the books, and who makes the tables.

use rewards_storage::error::StoreError;
use rewards_storage::sql::{SqlOptions, SqlStore};

use crate::world::{apply, draft, patient};

fn without_migration() -> SqlOptions {
    SqlOptions {
        migrate: false,
        ..patient()
    }
}

fn assert_too_old(opened: Result<SqlStore, StoreError>) {
    let error = opened.unwrap_err();
    let want = matches!(error, StoreError::SchemaTooOld { found: 0, known: 1 });
    assert!(want, "{error:?}");
    assert!(error.to_string().contains("run `migrate`"), "{error}");
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn a_file_is_made_by_who_may_make_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("books.db");
    assert_too_old(SqlStore::open_file(&path, without_migration()).await);
    assert!(!path.exists());
    std::fs::write(&path, "").unwrap();
    assert_too_old(SqlStore::open_file(&path, without_migration()).await);
    let url = format!("sqlite:///{}", path.display());
    SqlStore::migrate(&url, without_migration()).await.unwrap();
    let store = SqlStore::open_file(&path, without_migration()).await;
    apply(&store.unwrap(), draft("1").member("ann", 0)).await;
}

#[cfg(feature = "postgres")]
mod postgres {
    use rewards_storage::store::Query;
    use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

    use super::*;
    use crate::world::tenant;

    async fn members(store: &SqlStore) -> usize {
        store.members(&tenant(), None, 99).await.unwrap().len()
    }

    /// Runs statements, and returns the first value of the last one as text.
    async fn run(url: &str, statements: &[&str]) -> Option<String> {
        let mut connection = PgConnection::connect(url).await.unwrap();
        let mut value = None;
        for sql in statements {
            let sql = AssertSqlSafe((*sql).to_owned());
            let found = sqlx::query_scalar(sql).fetch_optional(&mut connection);
            value = found.await.unwrap();
        }
        connection.close().await.unwrap();
        value
    }

    /// The address of an empty database; nothing where there is no server.
    async fn database(name: &str) -> Option<String> {
        let Ok(server) = std::env::var("DATABASE_URL") else {
            eprintln!("{name}: not run, because DATABASE_URL is not set");
            return None;
        };
        let name = format!("schemas_{name}");
        let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        run(&server, &[&drop, &format!("CREATE DATABASE {name}")]).await;
        let (begin, _) = server.rsplit_once('/').unwrap();
        Some(format!("{begin}/{name}"))
    }

    async fn schemas(url: &str) -> String {
        let sql = "SELECT coalesce(string_agg(schemaname || '.members', ' ' ORDER BY schemaname), '') FROM pg_tables
                   WHERE tablename = 'members'";
        run(url, &[sql]).await.unwrap_or_default()
    }

    #[tokio::test]
    async fn the_books_have_a_schema_of_their_own() {
        let Some(url) = database("own").await else {
            return;
        };
        run(
            &url,
            &[
                "CREATE TABLE members (id int)",
                // The host migrates its own tables in the same way.
                "CREATE TABLE _sqlx_migrations (version bigint, description text, success bool, checksum bytea)",
                "INSERT INTO _sqlx_migrations VALUES (1, 'initial', true, '')",
            ],
        )
        .await;
        for number in 0..2 {
            let store = SqlStore::open(&url, patient()).await.unwrap();
            let id = number.to_string();
            apply(&store, draft(&id).member(&id, 0)).await;
            store.close().await.unwrap();
        }
        for name in ["shop_a", "order"] {
            let named = format!("{url}?schema={name}");
            let store = SqlStore::open(&named, patient()).await.unwrap();
            assert_eq!(members(&store).await, 0);
            apply(&store, draft("1").member("ann", 0)).await;
            let options = SqlOptions {
                schema: Some(name.to_owned()),
                ..patient()
            };
            assert_eq!(
                members(&SqlStore::open(&url, options).await.unwrap()).await,
                1
            );
        }
        assert_eq!(
            schemas(&url).await,
            "order.members public.members rewards.members shop_a.members"
        );
        assert_eq!(
            members(&SqlStore::open(&url, patient()).await.unwrap()).await,
            2
        );
    }

    #[tokio::test]
    async fn the_books_of_an_earlier_version_stay_where_they_are() {
        let Some(url) = database("earlier").await else {
            return;
        };
        // As an earlier version did by itself.
        let earlier = format!("{url}?options=-c%20search_path%3Dpublic");
        let store = SqlStore::open(&earlier, patient()).await.unwrap();
        apply(&store, draft("1").member("ann", 0)).await;
        store.close().await.unwrap();

        let store = SqlStore::open(&url, patient()).await.unwrap();
        assert_eq!(members(&store).await, 1);
        apply(&store, draft("2").member("bob", 0)).await;
        assert_eq!(schemas(&url).await, "public.members");

        let named = format!("{url}?schema=rewards");
        let error = SqlStore::open(&named, patient()).await.unwrap_err();
        assert!(error.to_string().contains("such as `public`"), "{error}");
        let public = SqlStore::open(&format!("{url}?schema=public"), patient()).await;
        assert_eq!(members(&public.unwrap()).await, 2);

        // Somebody has moved them.
        store.close().await.unwrap();
        let tables =
            "SELECT string_agg(format('ALTER TABLE public.%I SET SCHEMA rewards', tablename), ';')
                      FROM pg_tables WHERE schemaname = 'public'";
        let moves = run(&url, &["CREATE SCHEMA rewards", tables]).await.unwrap();
        run(&url, &moves.split(';').collect::<Vec<_>>()).await;
        for url in [&url, &named] {
            let store = SqlStore::open(url, without_migration()).await.unwrap();
            assert_eq!(members(&store).await, 2);
        }
    }

    #[tokio::test]
    async fn new_books_beside_earlier_ones_take_a_word() {
        let Some(url) = database("beside").await else {
            return;
        };
        let earlier = format!("{url}?options=-c%20search_path%3Dpublic");
        SqlStore::migrate(&earlier, patient()).await.unwrap();
        let named = format!("{url}?schema=shop");
        SqlStore::migrate(&named, patient()).await.unwrap();
        let store = SqlStore::open(&named, patient()).await.unwrap();
        apply(&store, draft("1").member("ann", 0)).await;
        assert_eq!(schemas(&url).await, "public.members shop.members");
    }

    #[tokio::test]
    async fn tables_are_made_by_who_may_make_them() {
        let Some(url) = database("made").await else {
            return;
        };
        assert_too_old(SqlStore::open(&url, without_migration()).await);
        assert_eq!(schemas(&url).await, "");
        for _ in 0..2 {
            SqlStore::migrate(&url, without_migration()).await.unwrap();
        }
        run(
            &url,
            &[
                "DROP ROLE IF EXISTS schemas_clerk",
                "CREATE ROLE schemas_clerk LOGIN",
                "REVOKE ALL ON SCHEMA public FROM PUBLIC",
                "GRANT USAGE ON SCHEMA rewards TO schemas_clerk",
                "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA rewards TO schemas_clerk",
            ],
        )
        .await;
        let (_, rest) = url.split_once('@').unwrap();
        let clerk = format!("postgresql://schemas_clerk@{rest}");
        for options in [without_migration(), patient()] {
            let store = SqlStore::open(&clerk, options).await.unwrap();
            let id = members(&store).await.to_string();
            apply(&store, draft(&id).member(&id, 0)).await;
        }
        let other = format!("{clerk}?schema=other");
        assert_too_old(SqlStore::open(&other, without_migration()).await);
        let error = SqlStore::open(&other, patient()).await.unwrap_err();
        assert!(error.to_string().contains("permission denied"), "{error}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_may_make_a_schema_at_once() {
        let Some(url) = database("many").await else {
            return;
        };
        let openers = (0..6).map(|_| {
            let url = url.clone();
            tokio::spawn(async move { SqlStore::open(&url, patient()).await })
        });
        for opener in openers.collect::<Vec<_>>() {
            opener.await.unwrap().unwrap();
        }
        assert_eq!(schemas(&url).await, "rewards.members");
    }

    #[tokio::test]
    async fn a_schema_that_has_no_name_is_refused() {
        let url = "postgresql://127.0.0.1:1/none";
        for (url, schema, words) in [
            ("?schema=Shop", None, "lower-case letters"),
            ("?schema=pg_x", None, "lower-case letters"),
            ("", Some("a;b"), "lower-case letters"),
            ("?schema=a", Some("b"), "one schema"),
        ]
        .map(|(query, schema, words)| (format!("{url}{query}"), schema, words))
        {
            let options = SqlOptions {
                schema: schema.map(str::to_owned),
                ..patient()
            };
            let error = SqlStore::open(&url, options).await.unwrap_err();
            assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
