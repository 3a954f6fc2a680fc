//! P11: 10,000 free codes, drawn one by one by 64 and 256 callers in two processes on one PostgreSQL, beside the usual transaction, which
//! takes a free row with `FOR UPDATE SKIP LOCKED`. No code may go twice, and none be left.

use std::error::Error;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::future::try_join_all;
use rewards_core::operations::coupons::{AssignCoupons, GetCouponBook};
use rewards_core::operations::members::RegisterMember;
use rewards_storage::engine::{CommandOptions, TenantEngine};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use super::Options;
use super::codes::{fill, open};
use super::report::Report;

const CODES: u32 = 10_000;
const MEMBERS: u32 = 1_000;
const PROCESSES: u32 = 2;
/// Connections of one process: both together stay below what PostgreSQL allows.
const CONNECTIONS: u32 = 40;
/// How long the processes have until they start together.
const HEAD_START: Duration = Duration::from_secs(3);

type Outcome<T = ()> = Result<T, Box<dyn Error>>;
type Failure = Box<dyn Error + Send + Sync>;

/// What a process is told to do.
#[derive(Debug, Serialize, Deserialize)]
struct Task {
    url: String,
    is_usual: bool,
    callers: u32,
    process: u32,
    start_at_ms: u64,
}

/// What it found out.
#[derive(Debug, Serialize, Deserialize)]
struct Found {
    drawn: u32,
    seconds: f64,
}

/// Measures both sides in turn.
pub async fn run(options: &Options, report: &mut Report) -> Outcome {
    let cluster = rewards_tests::postgres::Cluster::start()?;
    for round in 0..options.rounds {
        eprintln!("draws round {} of {}", round + 1, options.rounds);
        for callers in [64, 256] {
            let url = cluster.database()?;
            let (engine, tenant) = open(&url).await?;
            prepare(&tenant).await?;
            let rate = together(&url, false, callers)?;
            report.add(&format!("draws, engine, {callers} callers, codes/s"), rate);
            let get = GetCouponBook { book: "b".parse()? };
            let found = tenant.execute(get).await?.statistics;
            if (found.free, found.assigned) != (0, u64::from(CODES)) {
                return Err(format!("not every code was drawn: {found:?}").into());
            }
            engine.close().await;
            let url = cluster.database()?;
            let pool = PgPool::connect(&url).await?;
            prepare_usual(&pool).await?;
            let rate = together(&url, true, callers)?;
            report.add(&format!("draws, usual, {callers} callers, codes/s"), rate);
            let twice = "SELECT COUNT(*) FROM history";
            let twice: i64 = sqlx::query_scalar(twice).fetch_one(&pool).await?;
            if twice != i64::from(CODES) {
                return Err(format!("{twice} codes were drawn").into());
            }
        }
    }
    for callers in [64, 256] {
        let share = report.median(&format!("draws, engine, {callers} callers, codes/s"))
            / report.median(&format!("draws, usual, {callers} callers, codes/s"));
        let name = format!("P11 draws / SKIP LOCKED, {callers} callers");
        report.goal(&name, share, 3.0, true);
    }
    Ok(())
}

async fn prepare(tenant: &TenantEngine) -> Outcome {
    for number in 0..MEMBERS {
        let member = format!("m{number}").parse()?;
        tenant.execute(RegisterMember::new(member)).await?;
    }
    fill(tenant, CODES).await
}

/// The tables that such systems have: codes, and who got them.
async fn prepare_usual(pool: &PgPool) -> Outcome {
    for sql in [
        "CREATE TABLE coupons (id BIGSERIAL PRIMARY KEY, book TEXT NOT NULL, code TEXT NOT NULL UNIQUE, member TEXT,
            assigned_at TIMESTAMPTZ)",
        "CREATE INDEX coupons_free ON coupons (book) WHERE member IS NULL",
        "CREATE INDEX coupons_of ON coupons (book, member)",
        "CREATE TABLE history (id BIGSERIAL PRIMARY KEY, coupon BIGINT NOT NULL UNIQUE, member TEXT NOT NULL, at TIMESTAMPTZ NOT NULL)",
    ] {
        sqlx::query(sql).execute(pool).await?;
    }
    sqlx::query("INSERT INTO coupons (book, code) SELECT 'b', md5(n::text) FROM generate_series(1, $1) AS n")
        .bind(i64::from(CODES))
        .execute(pool)
        .await?;
    Ok(())
}

/// Codes a second of all processes together.
fn together(url: &str, is_usual: bool, callers: u32) -> Outcome<f64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let start_at_ms = u64::try_from((since + HEAD_START).as_millis())?;
    let mut children: Vec<Child> = Vec::new();
    for process in 0..PROCESSES {
        let task = Task {
            url: url.to_owned(),
            is_usual,
            callers: callers / PROCESSES,
            process,
            start_at_ms,
        };
        let child = Command::new(std::env::current_exe()?)
            .args(["--drawer", &serde_json::to_string(&task)?])
            .stdout(Stdio::piped())
            .spawn()?;
        children.push(child);
    }
    let (mut drawn, mut seconds) = (0, 0.0_f64);
    for child in children {
        let output = child.wait_with_output()?;
        let found: Found = serde_json::from_slice(&output.stdout)?;
        drawn += found.drawn;
        seconds = seconds.max(found.seconds);
    }
    if drawn != CODES {
        return Err(format!("{drawn} codes were drawn").into());
    }
    Ok(f64::from(drawn) / seconds)
}

/// One of the processes: waits for the common start, draws until no code is left, and prints how many it drew.
pub async fn work(task: &str) -> Outcome {
    let task: Task = serde_json::from_str(task)?;
    let found = if task.is_usual {
        let options = PgPoolOptions::new().max_connections(CONNECTIONS);
        let pool = options.connect(&task.url).await?;
        let draw = |caller| draw_all_usual(pool.clone(), caller);
        all(&task, draw).await
    } else {
        let (_engine, tenant) = open(&task.url).await?;
        let process = task.process;
        let draw = |caller| draw_all(tenant.clone(), process, caller);
        all(&task, draw).await
    };
    println!(
        "{}",
        serde_json::to_string(&found.map_err(|e| e.to_string())?)?
    );
    Ok(())
}

async fn all<F>(task: &Task, draw: impl Fn(u32) -> F) -> Result<Found, Failure>
where
    F: Future<Output = Result<u32, Failure>>,
{
    let start = UNIX_EPOCH + Duration::from_millis(task.start_at_ms);
    let left = start.duration_since(SystemTime::now()).unwrap_or_default();
    tokio::time::sleep(left).await;
    let started = Instant::now();
    let drawn = try_join_all((0..task.callers).map(draw)).await?;
    Ok(Found {
        drawn: drawn.into_iter().sum(),
        seconds: started.elapsed().as_secs_f64(),
    })
}

/// Draws until none is left.
async fn draw_all(tenant: TenantEngine, process: u32, caller: u32) -> Result<u32, Failure> {
    let mut drawn = 0;
    loop {
        let who = (caller * 37 + drawn) % MEMBERS;
        let assign = AssignCoupons {
            book: "b".parse()?,
            member: format!("m{who}").parse()?,
            count: Some(1),
            codes: Vec::new(),
            by: None,
            reason: None,
        };
        let key = format!("{process}-{caller}-{drawn}").parse()?;
        match tenant
            .execute_with(assign, CommandOptions::keyed(key))
            .await
        {
            Ok(_) => drawn += 1,
            Err(fault) if fault.code == "coupons_short" => return Ok(drawn),
            Err(fault) => return Err(fault.to_string().into()),
        }
    }
}

/// The same by the usual transaction: a free row, locked; the member's limit looked up; the row and the history written.
async fn draw_all_usual(pool: PgPool, caller: u32) -> Result<u32, Failure> {
    let mut drawn = 0;
    loop {
        let who = format!("m{}", (caller * 37 + drawn) % MEMBERS);
        let mut work = pool.begin().await?;
        let free: Option<i64> = sqlx::query_scalar(
            "SELECT id FROM coupons WHERE book = 'b' AND member IS NULL LIMIT 1 FOR UPDATE SKIP LOCKED",
        )
        .fetch_optional(&mut *work)
        .await?;
        let Some(free) = free else {
            let left = "SELECT COUNT(*) FROM coupons WHERE book = 'b' AND member IS NULL";
            let left: i64 = sqlx::query_scalar(left).fetch_one(&mut *work).await?;
            if left == 0 {
                return Ok(drawn);
            }
            continue;
        };
        let own = "SELECT COUNT(*) FROM coupons WHERE book = 'b' AND member = $1";
        let _own: i64 = sqlx::query_scalar(own)
            .bind(&who)
            .fetch_one(&mut *work)
            .await?;
        sqlx::query("UPDATE coupons SET member = $1, assigned_at = now() WHERE id = $2")
            .bind(&who)
            .bind(free)
            .execute(&mut *work)
            .await?;
        sqlx::query("INSERT INTO history (coupon, member, at) VALUES ($1, $2, now())")
            .bind(free)
            .bind(&who)
            .execute(&mut *work)
            .await?;
        work.commit().await?;
        drawn += 1;
    }
}
