//! P11: 10,000 free codes, one for each of 10,000 members, drawn by 64 and 256 callers in two processes on one PostgreSQL, beside the usual
//! transaction, which takes a free row with `FOR UPDATE SKIP LOCKED`. No code may go twice, and none be left. And one code that may be used 1,000 times, by
//! 100,000 attempts at once on every store: 1,000 are accepted.

use std::error::Error;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::future::try_join_all;
use rewards_core::coupons::{BookTerms, CodeUser, CouponLimits};
use rewards_core::ids::{CouponBookId, MemberId};
use rewards_core::operations::coupons::{
    AssignCoupons, CreateCouponBook, GenerateCoupons, GetCouponBook, RedeemCoupon,
};
use rewards_core::operations::members::RegisterMember;
use rewards_storage::engine::{CommandOptions, TenantEngine};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use super::Options;
use super::codes::{fill, open, open_in_memory, terms};
use super::report::Report;

const CODES: u32 = 10_000;
const MEMBERS: u32 = 10_000;
/// So many are registered together.
const TOGETHER: u32 = 250;
const PROCESSES: u32 = 2;
/// How often one code may be used, and how often that is tried by how many callers.
const USES: u32 = 1_000;
const ATTEMPTS: u32 = 100_000;
const CALLERS: u32 = 250;
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
    work: Work,
    callers: u32,
    process: u32,
    start_at_ms: u64,
}

impl Task {
    /// The members for whom a caller draws: each is one caller's, of all processes.
    fn claims(&self, caller: u32) -> impl Iterator<Item = u32> + use<> {
        let all = PROCESSES.saturating_mul(self.callers);
        let first = self.process.saturating_mul(self.callers) + caller;
        (first..MEMBERS).step_by(usize::try_from(all).unwrap_or(usize::MAX))
    }
}

/// What its callers do.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum Work {
    /// Draw codes from the engine until none is left.
    Draw,
    /// The same by the usual transaction.
    DrawUsual,
    /// Use this code so often.
    Use { code: String, attempts: u32 },
}

/// What it found out.
#[derive(Debug, Serialize, Deserialize)]
struct Found {
    drawn: u32,
    seconds: f64,
}

/// Measures both sides in turn, and uses one code on every store.
pub async fn run(options: &Options, report: &mut Report) -> Outcome {
    let cluster = rewards_tests::postgres::Cluster::start()?;
    let folder = tempfile::tempdir()?;
    let file = format!("sqlite:///{}", folder.path().join("uses.db").display());
    uses_here("memory", &open_in_memory().await?.1, report).await?;
    uses_here("SQLite", &open(&file).await?.1, report).await?;
    uses_together(&cluster.database()?, report).await?;
    for round in 0..options.rounds {
        eprintln!("draws round {} of {}", round + 1, options.rounds);
        for callers in [64, 256] {
            let url = cluster.database()?;
            let (engine, tenant) = open(&url).await?;
            prepare(&tenant).await?;
            let (drawn, rate) = together(&url, &Work::Draw, callers)?;
            expect("codes drawn", drawn, CODES)?;
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
            let (drawn, rate) = together(&url, &Work::DrawUsual, callers)?;
            expect("codes drawn", drawn, CODES)?;
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
    register(tenant).await?;
    fill(tenant, CODES).await
}

async fn register(tenant: &TenantEngine) -> Outcome {
    for first in (0..MEMBERS).step_by(usize::try_from(TOGETHER)?) {
        let members = (first..first + TOGETHER).map(|number| format!("m{number}").parse());
        let members: Vec<MemberId> = members.collect::<Result<_, _>>()?;
        let registered = members
            .into_iter()
            .map(|member| tenant.execute(RegisterMember::new(member)));
        try_join_all(registered).await?;
    }
    Ok(())
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

/// How much all processes did together, and how much a second.
fn together(url: &str, work: &Work, callers: u32) -> Outcome<(u32, f64)> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let start_at_ms = u64::try_from((since + HEAD_START).as_millis())?;
    let mut children: Vec<Child> = Vec::new();
    for process in 0..PROCESSES {
        let task = Task {
            url: url.to_owned(),
            work: work.clone(),
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
    Ok((drawn, f64::from(drawn) / seconds))
}

fn expect(what: &str, found: u32, expected: u32) -> Outcome {
    match found == expected {
        true => Ok(()),
        false => Err(format!("{what}: {found} instead of {expected}").into()),
    }
}

/// One of the processes: waits for the common start, draws until no code is left, and prints how many it drew.
pub async fn work(task: &str) -> Outcome {
    let task: Task = serde_json::from_str(task)?;
    let process = task.process;
    let found = match &task.work {
        Work::DrawUsual => {
            let options = PgPoolOptions::new().max_connections(CONNECTIONS);
            let pool = options.connect(&task.url).await?;
            all(&task, |caller| {
                draw_all_usual(pool.clone(), task.claims(caller))
            })
            .await
        }
        Work::Draw => {
            let (_engine, tenant) = open(&task.url).await?;
            all(&task, |caller| {
                draw_all(tenant.clone(), task.claims(caller))
            })
            .await
        }
        Work::Use { code, attempts } => {
            let (_engine, tenant) = open(&task.url).await?;
            let each = attempts / task.callers;
            all(&task, |caller| {
                use_often(tenant.clone(), code.clone(), (process, caller), each)
            })
            .await
        }
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

/// Draws a code for each member.
async fn draw_all(tenant: TenantEngine, claims: impl Iterator<Item = u32>) -> Result<u32, Failure> {
    let mut drawn = 0;
    for who in claims {
        let assign = AssignCoupons {
            book: "b".parse()?,
            member: format!("m{who}").parse()?,
            count: Some(1),
            codes: Vec::new(),
            by: None,
            reason: None,
        };
        let key = format!("claim-{who}").parse()?;
        let options = CommandOptions::keyed(key);
        let assigned = tenant.execute_with(assign, options).await;
        assigned.map_err(|fault| fault.to_string())?;
        drawn += 1;
    }
    Ok(drawn)
}

/// The same by the usual transaction.
async fn draw_all_usual(pool: PgPool, claims: impl Iterator<Item = u32>) -> Result<u32, Failure> {
    let mut drawn = 0;
    for who in claims {
        while !draw_usual(&pool, &format!("m{who}")).await? {}
        drawn += 1;
    }
    Ok(drawn)
}

/// A free row, locked; the member's limit looked up; the row and the history written. Says whether a row was free.
async fn draw_usual(pool: &PgPool, who: &str) -> Result<bool, Failure> {
    let mut work = pool.begin().await?;
    let free: Option<i64> = sqlx::query_scalar(
        "SELECT id FROM coupons WHERE book = 'b' AND member IS NULL LIMIT 1 FOR UPDATE SKIP LOCKED",
    )
    .fetch_optional(&mut *work)
    .await?;
    let Some(free) = free else {
        return Ok(false);
    };
    let own = "SELECT COUNT(*) FROM coupons WHERE book = 'b' AND member = $1";
    let _own: i64 = sqlx::query_scalar(own)
        .bind(who)
        .fetch_one(&mut *work)
        .await?;
    sqlx::query("UPDATE coupons SET member = $1, assigned_at = now() WHERE id = $2")
        .bind(who)
        .bind(free)
        .execute(&mut *work)
        .await?;
    sqlx::query("INSERT INTO history (coupon, member, at) VALUES ($1, $2, now())")
        .bind(free)
        .bind(who)
        .execute(&mut *work)
        .await?;
    work.commit().await?;
    Ok(true)
}

/// A code that anyone may use so often.
async fn prepare_code(tenant: &TenantEngine) -> Outcome<String> {
    register(tenant).await?;
    let book: CouponBookId = "b".parse()?;
    let terms = BookTerms {
        redeemed_by: Some(CodeUser::Anyone),
        limits: Some(CouponLimits {
            uses_per_code: Some(USES),
            ..CouponLimits::default()
        }),
        ..terms()
    };
    let create = CreateCouponBook { book, terms };
    let book = create.book.clone();
    tenant.execute(create).await?;
    let generate = GenerateCoupons {
        book,
        batch: "b1".parse()?,
        count: 1,
        after: None,
        codes: true,
    };
    let codes = tenant.execute(generate).await?.codes;
    Ok(codes.into_iter().next().ok_or("a code is made")?)
}

/// Uses one code in this process.
async fn uses_here(store: &str, tenant: &TenantEngine, report: &mut Report) -> Outcome {
    eprintln!("uses on {store}");
    let code = prepare_code(tenant).await?;
    let started = Instant::now();
    let each = ATTEMPTS / CALLERS;
    let callers =
        (0..CALLERS).map(|caller| use_often(tenant.clone(), code.clone(), (0, caller), each));
    let used = try_join_all(callers).await.map_err(|e| e.to_string())?;
    let elapsed = started.elapsed().as_secs_f64();
    expect(&format!("uses on {store}"), used.into_iter().sum(), USES)?;
    let attempts = f64::from(each * CALLERS) / elapsed;
    report.add(
        &format!("uses of one code on {store}, attempts/s"),
        attempts,
    );
    Ok(())
}

/// Uses one code from several processes.
async fn uses_together(url: &str, report: &mut Report) -> Outcome {
    eprintln!("uses on PostgreSQL");
    let (engine, tenant) = open(url).await?;
    let work = Work::Use {
        code: prepare_code(&tenant).await?,
        attempts: ATTEMPTS / PROCESSES,
    };
    let (used, rate) = together(url, &work, CALLERS)?;
    expect("uses on PostgreSQL", used, USES)?;
    let attempts = rate / f64::from(USES) * f64::from(ATTEMPTS);
    report.add("uses of one code on PostgreSQL, attempts/s", attempts);
    engine.close().await;
    Ok(())
}

/// Tries to use a code so often; says how often it was accepted.
async fn use_often(
    tenant: TenantEngine,
    code: String,
    (process, caller): (u32, u32),
    attempts: u32,
) -> Result<u32, Failure> {
    let mut used = 0;
    for attempt in 0..attempts {
        let redeem = RedeemCoupon {
            member: format!("m{}", (caller * 37 + attempt) % MEMBERS).parse()?,
            code: Some(code.as_str().into()),
            coupon: None,
            order: None,
            amount: None,
        };
        let key = format!("{process}-{caller}-{attempt}").parse()?;
        match tenant
            .execute_with(redeem, CommandOptions::keyed(key))
            .await
        {
            Ok(_) => used += 1,
            Err(fault) if fault.code == "coupon_redeemed" => {}
            Err(fault) => return Err(fault.to_string().into()),
        }
    }
    Ok(used)
}
