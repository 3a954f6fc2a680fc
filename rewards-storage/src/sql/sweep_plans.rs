//! What PostgreSQL reads for a page of a sweep, counted row by row on a store where very little is due for very many members,
//! and very much for one.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqlSafeStr as _};

use super::dialect::Dialect;
use super::load::{LOAD, arm};
use super::{SqlOptions, SqlStore};

/// Filling the tables takes long on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);
const MEMBERS: u32 = 3_000;
const LOTS: u32 = 20_000;
/// Rows of a page.
const PAGE: u32 = 10;
/// What a page may read: for each row of it the row, and one look-up by each of two indexes.
const READ_MAX: u64 = 5 * PAGE as u64;

/// Members with a lot that is due much later; a few with one that is due now; and one with very many.
const ROWS: [&str; 3] = [
    "INSERT INTO members (tenant, member, version, journal_seq, journal_hash, event_seq, recorded_at, at, due_at, body)
     SELECT 't', 'm' || n, 1, 1, '', 1, 1, 1, CASE WHEN n % 500 = 0 THEN 4 ELSE 900 END, '' FROM generate_series(1, {members}) AS n",
    "INSERT INTO lots (tenant, member, number, asset, source, amount, remaining, state, earned_at, due_at)
     SELECT 't', 'm' || n, 1, 'EUR', 'expired', 1, 1, 'available', 1, CASE WHEN n % 400 = 0 THEN 5 ELSE 900 END
     FROM generate_series(1, {members}) AS n",
    "INSERT INTO lots (tenant, member, number, asset, source, amount, remaining, state, earned_at, due_at)
     SELECT 't', 'rich', n, 'EUR', 'expired', 1, 1, 'available', 1, 7 FROM generate_series(1, {lots}) AS n",
];

#[tokio::test]
async fn a_sweep_reads_what_is_due_and_no_more() {
    let Ok(server) = std::env::var("DATABASE_URL") else {
        eprintln!("not run, because DATABASE_URL is not set");
        return;
    };
    let schema = "DROP SCHEMA IF EXISTS sweep_plans CASCADE; CREATE SCHEMA sweep_plans";
    let mut connection = PgConnection::connect(&server).await.unwrap();
    connection.execute(schema).await.unwrap();
    let mark = if server.contains('?') { '&' } else { '?' };
    let url = format!("{server}{mark}options=-c%20search_path%3Dsweep_plans");
    // A statement is prepared on one connection, and there it is run.
    let options = SqlOptions {
        connections: 1,
        ..SqlOptions::default().for_patience(PATIENCE)
    };
    let store = SqlStore::open(&url, options).await.unwrap();
    let members = MEMBERS.to_string();
    for sql in ROWS {
        let sql = sql.replace("{members}", &members);
        run(&store, &sql.replace("{lots}", &LOTS.to_string())).await;
    }
    let statements = store.statements();
    let from_the_start = format!("'t', 10, {}, '', {PAGE}", i64::MIN);
    for (sql, values) in [
        (&statements.due_lots, from_the_start.as_str()),
        (&statements.due_lots, "'t', 10, 7, 'a', 10"),
        (&statements.due_reviews, from_the_start.as_str()),
    ] {
        let types = "text, bigint, bigint, text, bigint";
        check(&store, sql.as_str(), types, values, READ_MAX).await;
    }
    // The lots of one member that are due first: no row but those, and each a few times on its way.
    let due = LOAD.assemble(Dialect::Postgres, 1 << arm::LOTS_DUE);
    let types = "text[], text[], bigint[], bigint[]";
    let values = "'{t}', '{rich}', '{10}', '{10}'";
    check(&store, due.as_str(), types, values, READ_MAX).await;
}

/// Runs the plan that a prepared statement has whatever its values, and counts what it reads.
async fn check(store: &SqlStore, sql: &str, types: &str, values: &str, most: u64) {
    run(store, &format!("PREPARE plan ({types}) AS {sql}")).await;
    let explain = "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF)";
    let explain = format!("{explain} EXECUTE plan({values})");
    let mut held = store.driver().writer().await.unwrap();
    let explain = AssertSqlSafe(explain).into_sql_str();
    let plan = held.session().unwrap().fetch(&explain, Vec::new()).await;
    let plan = held.end(plan).unwrap();
    let lines: Vec<&str> = plan
        .iter()
        .map(|row| row.text(0).unwrap().unwrap())
        .collect();
    let read: u64 = lines.iter().map(|line| rows_read(line)).sum();
    assert!(
        (1..=most).contains(&read),
        "{read} rows:\n{}",
        lines.join("\n")
    );
    run(store, "DEALLOCATE plan").await;
}

/// How many rows a step of a plan takes from a table or an index: those that it hands on, and those that it throws away.
fn rows_read(line: &str) -> u64 {
    let number = |text: &str| {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u64>().unwrap_or_else(|_| panic!("{line}"))
    };
    if let Some((_, removed)) = line.split_once("Rows Removed by Filter: ") {
        return number(removed);
    }
    if !line.contains("Scan") {
        return 0;
    }
    let rows = line
        .split_once("actual rows=")
        .map(|(_, rows)| number(rows));
    let loops = line.split_once("loops=").map(|(_, loops)| number(loops));
    rows.unwrap_or_default() * loops.unwrap_or_default()
}

async fn run(store: &SqlStore, sql: &str) {
    let mut held = store.driver().writer().await.unwrap();
    let sql = AssertSqlSafe(sql.to_owned()).into_sql_str();
    let ran = held.session().unwrap().execute(&sql, Vec::new()).await;
    held.end(ran).unwrap();
}
