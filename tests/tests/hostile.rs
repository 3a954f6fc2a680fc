//! PostgreSQL as careful administrators and other makers of databases give it: the contract suite and a short storm hold there.
//!
//! - *Plain*: a user who is nothing but the owner of one schema.
//! - *Granted*: a user who owns nothing; somebody else has made the tables.
//! - *Serialisable*: a database that isolates every transaction strictly, whatever it is asked for, and gives up one of two that
//!   get in each other's way. PostgreSQL does what it is asked for, so what the client asks for is rewritten on the way.
//!
//! Nobody may use advisory locks anywhere here.

use std::error::Error;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rewards_storage::contract::Subject;
use rewards_storage::contract::fixtures::tenant;
use rewards_storage::error::StoreError;
use rewards_storage::sql::{SqlOptions, SqlStore};
use rewards_storage::store::Backend;
use rewards_tests::postgres::{Cluster, PostgresError};
use rewards_tests::proxy::Proxy;
use rewards_tests::simulation::{Deployment, Scenario, run, seeds};
use uuid::Uuid;

type Failed = Box<dyn Error + Send + Sync>;

/// Connections of each store: tests run side by side. The limits are those that a busy machine keeps, too.
const OPTIONS: SqlOptions = SqlOptions {
    connections: 4,
    wait: Duration::from_secs(60),
    call_limit: Duration::from_secs(60),
    page_cache_kib: 1,
    log_kib: 1,
    schema: None,
    migrate: true,
};

/// What the client asks for, and what it gets: as long, so that messages keep their length.
const REWRITES: [(&[u8], &[u8]); 3] = [
    (b"READ COMMITTED", b"SERIALIZABLE  "),
    (b"REPEATABLE READ", b"SERIALIZABLE   "),
    (b"read\\ committed", b"serializable   "),
];

/// Nobody but the administrator may lock by numbers, make objects outside a schema of their own, or run more than commands.
const ADMINISTRATION: &str = "
    DO $$ DECLARE lock regprocedure; BEGIN
        FOR lock IN SELECT oid::regprocedure FROM pg_proc WHERE proname LIKE '%advisory%' LOOP
            EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', lock);
        END LOOP;
    END $$;
    REVOKE ALL ON SCHEMA public FROM PUBLIC;
    REVOKE ALL ON DATABASE \"{database}\" FROM PUBLIC;
    CREATE ROLE {database}_owner LOGIN;
    CREATE ROLE {database}_user LOGIN;
    GRANT CONNECT ON DATABASE \"{database}\" TO {database}_owner, {database}_user;
    CREATE SCHEMA books AUTHORIZATION {database}_owner;
    ALTER ROLE {database}_owner SET search_path = books;
    ALTER ROLE {database}_user SET search_path = books;
    ALTER ROLE {database}_owner SET default_transaction_isolation = serializable;
    ALTER ROLE {database}_user SET default_transaction_isolation = serializable";

/// What a user needs of tables that somebody else has made.
const GRANTS: &str = "
    GRANT USAGE ON SCHEMA books TO granted_user;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA books TO granted_user;
    REVOKE ALL ON books._sqlx_migrations FROM granted_user;
    GRANT SELECT ON books._sqlx_migrations TO granted_user";

static CLUSTER: LazyLock<Result<Cluster, PostgresError>> = LazyLock::new(|| {
    let cluster = Cluster::start_private()?;
    for database in ["plain", "granted", "serialisable"] {
        cluster.create_database(database)?;
        cluster.execute(database, &ADMINISTRATION.replace("{database}", database))?;
    }
    Ok(cluster)
});

fn cluster() -> Result<&'static Cluster, Failed> {
    Ok(CLUSTER.as_ref()?)
}

/// The URL of a database for one of its users.
fn url(database: &str, user: &str) -> Result<String, Failed> {
    let url = format!("{}?schema=books", cluster()?.url(database));
    Ok(url.replacen("postgres@", &format!("{database}_{user}@"), 1))
}

async fn plain() -> Result<SqlStore, Failed> {
    Ok(SqlStore::open(&url("plain", "owner")?, OPTIONS).await?)
}

/// Whoever may make the tables has made them, and the user was let in.
async fn granted() -> Result<SqlStore, Failed> {
    static MADE: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
    let make = || async {
        let owner = SqlStore::open(&url("granted", "owner")?, OPTIONS).await?;
        owner.close().await?;
        cluster()?.execute("granted", GRANTS)?;
        Ok::<_, Failed>(())
    };
    MADE.get_or_try_init(make).await?;
    Ok(SqlStore::open(&url("granted", "user")?, OPTIONS).await?)
}

async fn serialisable() -> Result<(SqlStore, Proxy), Failed> {
    let url = url("serialisable", "owner")?;
    let proxy = Proxy::start(&url).await?;
    for (what, instead) in REWRITES {
        proxy.rewrite(what, instead);
    }
    let store = SqlStore::open(&proxy.url(&url), OPTIONS).await?;
    if proxy.rewritten() == 0 {
        return Err("the store asks for no isolation".into());
    }
    Ok((store, proxy))
}

#[allow(clippy::panic, reason = "a test fails by panicking")]
mod contract {
    use super::*;

    fn subject(store: SqlStore) -> Subject {
        let tenant = tenant(&format!("contract-{}", Uuid::now_v7()));
        Subject::new(Arc::new(store), tenant)
    }

    async fn on_plain() -> Subject {
        subject(plain().await.unwrap_or_else(|error| panic!("{error}")))
    }

    async fn on_granted() -> Subject {
        subject(granted().await.unwrap_or_else(|error| panic!("{error}")))
    }

    async fn on_serialisable() -> Subject {
        let opened = serialisable().await;
        let (store, proxy) = opened.unwrap_or_else(|error| panic!("{error}"));
        subject(store).keeping(proxy)
    }

    rewards_storage::contract_tests!(plain, on_plain());
    rewards_storage::contract_tests!(granted, on_granted());
    rewards_storage::contract_tests!(serialisable, on_serialisable());
}

async fn storm(truth: SqlStore, front: SqlStore, name: &str) -> Result<(), Failed> {
    for seed in seeds(1)? {
        let deployment = Deployment {
            truth: Arc::new(truth.clone()) as Arc<dyn Backend>,
            front: Arc::new(front.clone()),
        };
        let scenario = Scenario {
            rounds: 1,
            clients: 24,
            ..Scenario::breezy(seed)
        };
        let evidence = run(scenario, deployment).await?;
        println!(
            "{name} seed {seed}: {} commands happened",
            evidence.applied()
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_on_a_schema_of_its_own() -> Result<(), Failed> {
    storm(plain().await?, plain().await?, "plain").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_on_tables_of_somebody_else() -> Result<(), Failed> {
    storm(granted().await?, granted().await?, "granted").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_on_serialisable_transactions() -> Result<(), Failed> {
    let (truth, _first) = serialisable().await?;
    let (front, _second) = serialisable().await?;
    storm(truth, front, "serialisable").await
}

/// What must be forbidden here is, or the other tests prove nothing.
#[tokio::test]
async fn what_is_forbidden_cannot_be_done() -> Result<(), Failed> {
    granted().await?.close().await?;
    for (user, sql) in [
        ("owner", "SELECT pg_advisory_lock(1)"),
        ("owner", "SELECT pg_try_advisory_xact_lock(1, 2)"),
        ("owner", "CREATE TABLE public.x (n INT)"),
        ("owner", "CREATE TEMPORARY TABLE x (n INT)"),
        ("owner", "CREATE SCHEMA x"),
        ("user", "SELECT pg_advisory_lock(1)"),
        ("user", "CREATE TABLE books.x (n INT)"),
        ("user", "CREATE TEMPORARY TABLE x (n INT)"),
        ("user", "DELETE FROM books._sqlx_migrations"),
        ("user", "TRUNCATE books.journal"),
    ] {
        let sql = format!("SET ROLE granted_{user}; {sql}");
        match cluster()?.execute("granted", &sql) {
            Err(PostgresError::Failed { output, .. }) => {
                assert!(output.contains("permission denied"), "{sql}: {output}");
            }
            other => return Err(format!("{sql}: {other:?}").into()),
        }
    }
    Ok(())
}

/// Who may not make the tables learns so, before anything is half made.
#[tokio::test]
async fn missing_tables_are_told() -> Result<(), Failed> {
    let url = url("plain", "user")?;
    let error = SqlStore::open(&url, OPTIONS).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
    Ok(())
}
