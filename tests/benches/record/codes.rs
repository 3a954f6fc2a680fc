//! P12: a million codes generated and stored on a SQLite file and on PostgreSQL, beside a bare bulk insert of the same rows in sets of
//! the same size, each in one durable transaction; and what the process holds in memory meanwhile.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use rewards_core::coupons::BookTerms;
use rewards_core::ids::TenantId;
use rewards_core::operations::coupons::{CreateCouponBook, GenerateCoupons, GetCouponBook};
use rewards_core::secret::KeyPurpose;
use rewards_core::time::Timestamp;
use rewards_storage::engine::{Engine, KeyRing, RingKey, TenantEngine};
use rewards_storage::memory::MemoryStore;
use rewards_storage::sql::{SqlOptions, SqlStore};
use rewards_storage::store::Backend;
use sqlx::{Connection, PgPool, Row, SqliteConnection};

use super::report::Report;

const CODES: u32 = 1_000_000;
/// As many as one step of the engine makes.
const SET: i64 = 1_000;
/// The most that the process may grow by, in megabytes.
const MEGABYTES_MAX: f64 = 200.0;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Generates on both stores, and copies what was made.
pub async fn run(report: &mut Report) -> Outcome {
    let folder = tempfile::tempdir()?;
    let (file, copy) = (
        folder.path().join("engine.db"),
        folder.path().join("bare.db"),
    );
    let url = |file: &std::path::Path| format!("sqlite:///{}", file.display());
    generate(&url(&file), "SQLite", report).await?;
    drop(open(&url(&copy)).await?);
    report.add(
        "codes on SQLite, bare, rows/s",
        sqlite_bare(&file, &copy).await?,
    );
    let cluster = rewards_tests::postgres::Cluster::start()?;
    let (made, bare) = (cluster.database()?, cluster.database()?);
    generate(&made, "PostgreSQL", report).await?;
    drop(open(&bare).await?);
    report.add(
        "codes on PostgreSQL, bare, rows/s",
        postgres_bare(&made, &bare).await?,
    );
    for store in ["SQLite", "PostgreSQL"] {
        let share = report.median(&format!("codes on {store}, engine, codes/s"))
            / report.median(&format!("codes on {store}, bare, rows/s"));
        report.goal(
            &format!("P12 codes on {store} / bare insert"),
            share,
            0.6,
            true,
        );
        let grown = report.median(&format!("codes on {store}, memory, MB"));
        let name = format!("P12 memory on {store}, MB");
        report.goal(&name, grown, MEGABYTES_MAX, false);
    }
    Ok(())
}

/// An engine with a key for codes, on a database.
pub async fn open(url: &str) -> Outcome<(Engine, TenantEngine)> {
    open_on(SqlStore::open(url, SqlOptions::default()).await?).await
}

/// The same in memory.
pub async fn open_in_memory() -> Outcome<(Engine, TenantEngine)> {
    open_on(MemoryStore::new()).await
}

async fn open_on(store: impl Backend + 'static) -> Outcome<(Engine, TenantEngine)> {
    let since = Timestamp::from_micros(0)?;
    let key = RingKey::new(
        KeyPurpose::Coupons,
        "codes".parse()?,
        vec![7; 32],
        since,
        None,
    )?;
    let engine = Engine::builder(Arc::new(store)).key_ring(KeyRing::new(vec![key])?);
    let engine = engine.open().await?;
    let tenant = engine.tenant(TenantId::new("codes")?);
    Ok((engine, tenant))
}

/// Terms of a book whose codes have ten random characters.
pub fn terms() -> BookTerms {
    BookTerms {
        pattern: Some("{RANDOM:10}".to_owned()),
        ..BookTerms::new("Bench")
    }
}

/// Generates so many codes of a new book, step by step.
pub async fn fill(tenant: &TenantEngine, codes: u32) -> Outcome {
    let book: rewards_core::ids::CouponBookId = "b".parse()?;
    let create = CreateCouponBook {
        book: book.clone(),
        terms: terms(),
    };
    tenant.execute(create).await?;
    let mut after = None;
    loop {
        let step = GenerateCoupons {
            book: book.clone(),
            batch: "b1".parse()?,
            count: codes,
            after,
            codes: false,
        };
        after = tenant.execute(step).await?.next;
        if after.is_none() {
            break;
        }
    }
    let found = tenant.execute(GetCouponBook { book }).await?.statistics;
    if found.generated != u64::from(codes) {
        return Err(format!("{} codes are there", found.generated).into());
    }
    Ok(())
}

async fn generate(url: &str, store: &str, report: &mut Report) -> Outcome {
    let (engine, tenant) = open(url).await?;
    eprintln!("codes on {store}");
    // The most that was held so far is forgotten.
    std::fs::write("/proc/self/clear_refs", "5")?;
    let before = megabytes("VmRSS:")?;
    let started = Instant::now();
    fill(&tenant, CODES).await?;
    let elapsed = started.elapsed().as_secs_f64();
    report.add(
        &format!("codes on {store}, engine, codes/s"),
        f64::from(CODES) / elapsed,
    );
    let grown = megabytes("VmHWM:")? - before;
    report.add(&format!("codes on {store}, memory, MB"), grown);
    engine.close().await;
    Ok(())
}

fn megabytes(what: &str) -> Outcome<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with(what));
    let kilobytes: f64 = line
        .and_then(|line| line.split_whitespace().nth(1))
        .ok_or("no such line")?
        .parse()?;
    Ok(kilobytes / 1_024.0)
}

/// Rows per second by inserts of one row each in a transaction of a set, which is the fastest way of SQLite.
async fn sqlite_bare(from: &std::path::Path, to: &std::path::Path) -> Outcome<f64> {
    let mut source = super::sqlite::connect(from).await?;
    let mut target = super::sqlite::connect(to).await?;
    let mut last = String::new();
    let (mut rows, mut seconds) = (0_u32, 0.0);
    loop {
        let read = format!("{READ} AND id > $1 ORDER BY id LIMIT {SET}");
        let set = sqlx::query(sqlx::AssertSqlSafe(read));
        let set = set.bind(&last).fetch_all(&mut source).await?;
        let Some(end) = set.last() else { break };
        last = end.try_get("id")?;
        let started = Instant::now();
        let mut work = target.begin_with("BEGIN IMMEDIATE").await?;
        for row in &set {
            insert(row, &mut work).await?;
        }
        work.commit().await?;
        seconds += started.elapsed().as_secs_f64();
        rows += u32::try_from(set.len())?;
    }
    expect(rows)?;
    Ok(f64::from(rows) / seconds)
}

const READ: &str = r#"SELECT id, version, "group", state, rank, at, body FROM entities
    WHERE tenant = 'codes' AND kind = 'coupon'"#;

async fn insert(row: &sqlx::sqlite::SqliteRow, target: &mut SqliteConnection) -> Outcome {
    let sql = r#"INSERT INTO entities (tenant, kind, id, version, "group", state, rank, at, body)
        VALUES ('codes', 'coupon', $1, $2, $3, $4, $5, $6, $7)"#;
    sqlx::query(sql)
        .bind(row.try_get::<&str, _>("id")?)
        .bind(row.try_get::<i64, _>("version")?)
        .bind(row.try_get::<&str, _>("group")?)
        .bind(row.try_get::<&str, _>("state")?)
        .bind(row.try_get::<i64, _>("rank")?)
        .bind(row.try_get::<i64, _>("at")?)
        .bind(row.try_get::<&[u8], _>("body")?)
        .execute(target)
        .await?;
    Ok(())
}

/// Rows per second by one statement for each set, which is the fastest way short of `COPY`.
async fn postgres_bare(from: &str, to: &str) -> Outcome<f64> {
    let path = [("search_path", "rewards")];
    let source: sqlx::postgres::PgConnectOptions = from.parse()?;
    let target: sqlx::postgres::PgConnectOptions = to.parse()?;
    let source = PgPool::connect_with(source.options(path)).await?;
    let target = PgPool::connect_with(target.options(path)).await?;
    let sql = r#"INSERT INTO entities (tenant, kind, id, version, "group", state, rank, at, body)
        SELECT 'codes', 'coupon', * FROM UNNEST($1::text[], $2::int8[], $3::text[], $4::text[], $5::int8[],
            $6::int8[], $7::bytea[])"#;
    let mut last = String::new();
    let (mut rows, mut seconds) = (0_u32, 0.0);
    loop {
        let read = format!("{READ} AND id > $1 ORDER BY id LIMIT {SET}");
        let set = sqlx::query(sqlx::AssertSqlSafe(read));
        let set = set.bind(&last).fetch_all(&source).await?;
        let Some(end) = set.last() else { break };
        last = end.try_get("id")?;
        let columns = Columns::of(&set)?;
        let started = Instant::now();
        sqlx::query(sql)
            .bind(&columns.ids)
            .bind(&columns.versions)
            .bind(&columns.groups)
            .bind(&columns.states)
            .bind(&columns.ranks)
            .bind(&columns.times)
            .bind(&columns.bodies)
            .execute(&target)
            .await?;
        seconds += started.elapsed().as_secs_f64();
        rows += u32::try_from(set.len())?;
    }
    expect(rows)?;
    Ok(f64::from(rows) / seconds)
}

/// A set of rows, column by column.
#[derive(Default)]
struct Columns {
    ids: Vec<String>,
    versions: Vec<i64>,
    groups: Vec<String>,
    states: Vec<String>,
    ranks: Vec<i64>,
    times: Vec<i64>,
    bodies: Vec<Vec<u8>>,
}

impl Columns {
    fn of(set: &[sqlx::postgres::PgRow]) -> Outcome<Self> {
        let mut columns = Self::default();
        for row in set {
            columns.ids.push(row.try_get("id")?);
            columns.versions.push(row.try_get("version")?);
            columns.groups.push(row.try_get("group")?);
            columns.states.push(row.try_get("state")?);
            columns.ranks.push(row.try_get("rank")?);
            columns.times.push(row.try_get("at")?);
            columns.bodies.push(row.try_get("body")?);
        }
        Ok(columns)
    }
}

fn expect(rows: u32) -> Outcome {
    match rows == CODES {
        true => Ok(()),
        false => Err(format!("{rows} rows were copied").into()),
    }
}
