//! How PostgreSQL carries out every statement on tables of a realistic size, as a test.
//!
//! A statement that reads a large table from end to end works in every other test, and fails where it matters. So no plan may
//! hold a scan of a large table, or of an index of it, without a condition on the index.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in what tests share as well"
)]

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _, SqlStr};

use super::dialect::Dialect;
use super::driver::Driver;
use super::load::LOAD;
use super::look::LOOK;
use super::statements::{COMMIT, Statements, chain, step};
use super::{SqlOptions, SqlStore};

/// Tables that stay small: one row a tenant, a purpose or a revision, or a migration.
const SMALL: &[&str] = &["relays", "control_accounts", "programs", "_sqlx_migrations"];

/// Rows as after a good first week of a shop among others: what one member has is a small part of every table.
const FILL: &str = "
    INSERT INTO members
        SELECT 't' || n % 3, 'm' || n, 1, 5, '\\x00', 1, n, n, CASE WHEN n % 10 = 0 THEN n END, '[]'
        FROM generate_series(1, 20000) AS n;
    INSERT INTO entities
        SELECT 't' || n % 3, 'purchase', 'p' || n, 1, 'm' || n % 20000, 'g' || n % 50, 'open', n, n,
               CASE WHEN n % 10 = 0 THEN n END, '{}', NULL, NULL
        FROM generate_series(1, 50000) AS n;
    INSERT INTO replies
        SELECT 't' || n % 3, 'record_purchase', 'given', 'k' || n, '\\x00', '{}' FROM generate_series(1, 50000) AS n;
    INSERT INTO programs
        SELECT 't' || n % 3, 'p' || n, 1, n, n, '{}' FROM generate_series(1, 30) AS n;
    INSERT INTO journal
        SELECT 't' || n % 3, 'm' || n % 20000, n, '\\x00', '', 'funding:x', NULL, 'cashback', 'EUR', 1, 'grant', n, n,
               CASE WHEN n % 2 = 0 THEN 'p' || n END, 'p', 1, 'r', NULL, '\\x00'
        FROM generate_series(1, 100000) AS n;
    INSERT INTO lots
        SELECT 't' || n % 3, 'm' || n % 20000, n, 'EUR', 'funding:x', 1, 1, CASE WHEN n % 3 = 0 THEN 'spent' ELSE 'available' END,
               n, NULL, NULL, n, n, CASE WHEN n % 2 = 0 THEN 'p' || n END, 'r'
        FROM generate_series(1, 60000) AS n;
    INSERT INTO counters
        SELECT 't' || n % 3, 'p:club', 'c' || n % 100, n, 1, NULL FROM generate_series(1, 20000) AS n;
    INSERT INTO control_accounts
        SELECT 't' || n % 3, 'cashback', 'EUR', n % 16, 1 FROM generate_series(1, 48) AS n ON CONFLICT DO NOTHING;
    INSERT INTO outbox
        SELECT 't' || n % 3, n, 'm:m' || n % 20000, n, '\\x00', '{}', CASE WHEN n % 50 = 0 THEN '\\x00'::bytea END, n, 0
        FROM generate_series(1, 50000) AS n;
    ANALYZE";

/// A connection of a store in a schema of its own, into which it was filled; nothing without a server.
async fn connected(schema: &str, fill: &'static str) -> Option<PgConnection> {
    let Ok(server) = std::env::var("DATABASE_URL") else {
        eprintln!("skipped: DATABASE_URL is not set");
        return None;
    };
    let mut admin = PgConnection::connect(&server).await.unwrap();
    let fresh = format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}");
    admin.execute(AssertSqlSafe(fresh)).await.unwrap();
    let mark = if server.contains('?') { '&' } else { '?' };
    let url = format!("{server}{mark}options=-c%20search_path%3D{schema}");
    let store = SqlStore::open(&url, SqlOptions::default()).await.unwrap();
    let mut filler = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(fill).execute(&mut filler).await.unwrap();
    // With the settings with which the store itself asks.
    #[cfg_attr(
        not(feature = "sqlite"),
        expect(irrefutable_let_patterns, reason = "there is one driver")
    )]
    let Driver::Postgres(pool) = store.driver() else {
        panic!("a store on a server")
    };
    Some(pool.acquire().await.unwrap().detach())
}

/// Every statement there is, with its name.
fn statements() -> Vec<(String, SqlStr)> {
    let dialect = Dialect::Postgres;
    let known = Statements::new(dialect);
    let named = [
        ("statement", &known.statement),
        ("balances_at", &known.balances_at),
        ("programs", &known.programs),
        ("due_lots", &known.due_lots),
        ("lots_of_all", &known.lots_of_all),
        ("due_reviews", &known.due_reviews),
        ("members", &known.members),
        ("journal", &known.journal),
        ("control_accounts", &known.control_accounts),
        ("member_page", &known.member_page),
        ("entities", &known.entities),
        ("counters", &known.counters),
        ("schema_version", &known.schema_version),
        ("outbox_state", &known.outbox_state),
        ("waiting", &known.waiting),
        ("take_turn", &known.take_turn),
        ("claim", &known.claim),
        ("acknowledge", &known.acknowledge),
        ("release", &known.release),
    ];
    let mut all: Vec<_> = named
        .map(|(name, sql)| (name.to_owned(), sql.clone()))
        .into();
    for (place, lock) in known.locks.iter().enumerate() {
        all.push((format!("lock {place}"), lock.clone()));
    }
    for place in 0..COMMIT.len() {
        // The step that is not counted never comes alone, and nothing but it would be there to be counted.
        let beside = u32::from(place == step::ERASED_REASONS);
        all.push((format!("step {place}"), chain(dialect, 1 << place | beside)));
    }
    all.push((
        "all steps".to_owned(),
        chain(dialect, (1 << COMMIT.len()) - 1),
    ));
    for place in 0..LOAD.arms.len() {
        all.push((format!("load {place}"), LOAD.assemble(dialect, 1 << place)));
    }
    let every = (1 << LOAD.arms.len()) - 1;
    all.push(("all loads".to_owned(), LOAD.assemble(dialect, every)));
    for place in 0..LOOK.arms.len() {
        all.push((format!("look {place}"), LOOK.assemble(dialect, 1 << place)));
    }
    let every = (1 << LOOK.arms.len()) - 1;
    all.push(("all looks".to_owned(), LOOK.assemble(dialect, every)));
    all
}

/// The types of the parameters of a statement that compares them with nothing before it compares them with a column. The
/// driver says the types of all of them.
fn types(name: &str) -> &'static str {
    match name {
        "statement" => "(TEXT, TEXT, BIGINT, TEXT, TEXT, TEXT, TEXT, BIGINT, BIGINT, BIGINT)",
        _ => "",
    }
}

/// The plan of a statement, whatever its parameters are.
async fn plan(connection: &mut PgConnection, name: &str, sql: &SqlStr) -> Value {
    let (types, sql) = (types(name), sql.as_str());
    let prepare = format!("DEALLOCATE ALL; PREPARE asked {types} AS {sql}");
    let prepare = sqlx::raw_sql(AssertSqlSafe(prepare));
    prepare.execute(&mut *connection).await.unwrap();
    let count = "SELECT COALESCE(array_length(parameter_types, 1), 0) FROM pg_prepared_statements WHERE name = 'asked'";
    let count = sqlx::raw_sql(count).fetch_one(&mut *connection).await;
    let count: i32 = count.unwrap().try_get_unchecked(0).unwrap();
    let nulls = vec!["NULL"; usize::try_from(count).unwrap()].join(", ");
    let nulls = if count == 0 {
        nulls
    } else {
        format!("({nulls})")
    };
    let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE asked{nulls}");
    let explain = sqlx::raw_sql(AssertSqlSafe(explain));
    let row = explain.fetch_one(&mut *connection).await.unwrap();
    let text: String = row.try_get_unchecked(0).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Puts down every scan of a large table that no condition on an index bounds.
fn find_unbounded(node: &Value, is_limited: bool, found: &mut Vec<String>) {
    let text = |key: &str| node.get(key).and_then(Value::as_str).unwrap_or_default();
    let (kind, table) = (text("Node Type"), text("Relation Name"));
    let is_scan = kind.ends_with("Scan") && !table.is_empty() && !SMALL.contains(&table);
    let is_bounded = node.get("Index Cond").is_some();
    // The first rows of a table, whichever they are, are few.
    let is_few = is_limited && node.get("Filter").is_none();
    if is_scan && !is_bounded && !is_few {
        found.push(format!("{kind} on {table} {}", text("Index Name")));
    }
    let children = node.get("Plans").and_then(Value::as_array);
    for child in children.into_iter().flatten() {
        find_unbounded(child, kind == "Limit", found);
    }
}

#[tokio::test]
async fn no_statement_reads_a_large_table_from_end_to_end() {
    let Some(mut connection) = connected("test_plans", FILL).await else {
        return;
    };
    let mut problems = Vec::new();
    for (name, sql) in statements() {
        let plan = plan(&mut connection, &name, &sql).await;
        let mut found = Vec::new();
        let root = plan.pointer("/0/Plan").unwrap();
        find_unbounded(root, false, &mut found);
        problems.extend(found.into_iter().map(|scan| format!("{name}: {scan}")));
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

/// What is looked for is found where it is there.
#[tokio::test]
async fn a_scan_from_end_to_end_is_noticed() {
    let Some(mut connection) = connected("test_scans", "ANALYZE").await else {
        return;
    };
    for (sql, is_noticed) in [
        ("SELECT body FROM members WHERE body = $1", true),
        ("SELECT COUNT(*) FROM outbox", true),
        ("SELECT 1 FROM outbox LIMIT 5", false),
        ("SELECT body FROM members WHERE body = $1 LIMIT 5", true),
        (
            "SELECT body FROM members WHERE tenant = $1 AND member = $2",
            false,
        ),
    ] {
        let plan = plan(&mut connection, "", &SqlStr::from_static(sql)).await;
        let mut found = Vec::new();
        find_unbounded(plan.pointer("/0/Plan").unwrap(), false, &mut found);
        assert_eq!(!found.is_empty(), is_noticed, "{sql}: {plan}");
    }
}
