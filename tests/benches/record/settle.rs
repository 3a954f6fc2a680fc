//! P17: settling what is due, 100,000 pending lots of 20,000 members, on one SQLite file with full durability, beside a bare
//! set-based loop that writes the same rows; and P15 for it: a lot costs the same, however many are due for one member.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use rewards_core::cashback::Purchase;
use rewards_core::ids::{MemberId, PurchaseId, TenantId};
use rewards_core::money::{Asset, Money};
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::purchases::RecordPurchase;
use rewards_core::program::Program;
use rewards_core::time::Timestamp;
use rewards_storage::engine::{Clock, CommandOptions, Engine, ManualClock};
use rewards_storage::sql::{SqlOptions, SqlStore};
use sqlx::Connection;

use super::Options;
use super::report::Report;

const LOTS: u32 = 100_000;
const HOLDERS: u32 = 20_000;
const SET: u32 = 1_024;
/// How many lots of one member are due: few, and many.
const FEW: u32 = 4_000;
const MANY: u32 = 32_000;
const START: &str = "2026-06-01T12:00:00Z";

const PROGRAM: &str = r#"
    id = "p"
    currency = "EUR"
    zone = "UTC"
    lifecycle = { pending = { days = 14 } }
    rules = [{ id = "it", effect = { percent = { rate = "5%" } } }]
"#;

/// Settles a file and a copy of its rows, in turn.
pub async fn run(options: &Options, report: &mut Report) -> Result<(), Box<dyn Error>> {
    for round in 0..options.rounds.min(3) {
        eprintln!("settle round {}", round + 1);
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("engine.db");
        fill(&file, HOLDERS, LOTS / HOLDERS).await?;
        let copy = folder.path().join("bare.db");
        std::fs::copy(&file, &copy)?;
        report.add(
            "settle, engine, lots/s",
            settle(&file, HOLDERS, LOTS).await?,
        );
        report.add("settle, bare loop, lots/s", bare(&copy).await?);
        for (name, lots) in [
            ("settle, 4,000 lots of one, lots/s", FEW),
            ("settle, 32,000 lots of one, lots/s", MANY),
        ] {
            let file = folder.path().join(format!("{lots}.db"));
            fill(&file, 1, lots).await?;
            report.add(name, settle(&file, 1, lots).await?);
        }
    }
    let share = report.median("settle, 32,000 lots of one, lots/s")
        / report.median("settle, 4,000 lots of one, lots/s");
    report.goal(
        "P15 settle, 32,000 / 4,000 lots of one member",
        share,
        0.7,
        true,
    );
    let share =
        report.median("settle, engine, lots/s") / report.median("settle, bare loop, lots/s");
    report.goal("P17 settle / bare set-based loop", share, 0.6, true);
    Ok(())
}

fn url(file: &Path) -> String {
    format!("sqlite:///{}", file.display())
}

/// Members with so many purchases each, all pending.
async fn fill(file: &Path, holders: u32, purchases: u32) -> Result<(), Box<dyn Error>> {
    let start = Timestamp::parse(START)?;
    let (engine, tenant) = open(file, start).await?;
    let program: Program = toml::from_str(PROGRAM)?;
    let publish = PublishProgram {
        program,
        active_from: Some(start),
    };
    let first = CommandOptions::keyed("p".parse()?);
    tenant.execute_with(publish, first).await?;
    let members: Vec<MemberId> = (0..holders)
        .map(|number| MemberId::new(&format!("m{number}")))
        .collect::<Result<_, _>>()?;
    let registrations = members.iter().cloned().map(RegisterMember::new);
    let registrations = registrations.map(|request| (request, CommandOptions::default()));
    for reply in tenant.execute_many(registrations.collect()).await {
        reply?;
    }
    let all = (0..purchases).flat_map(|part| members.iter().map(move |member| (member, part)));
    let purchases = all.map(|(member, part)| {
        let purchase = Purchase::new(
            PurchaseId::new(&format!("{member}-{part}"))?,
            member.clone(),
            "p".parse()?,
            start,
            Money::new(2_460, Asset::parse("EUR")?),
        );
        Ok((RecordPurchase::new(purchase), CommandOptions::default()))
    });
    let purchases = purchases.collect::<Result<_, Box<dyn Error>>>()?;
    for reply in tenant.execute_many(purchases).await {
        reply?;
    }
    engine.close().await;
    let mut connection = super::sqlite::connect(file).await?;
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .execute(&mut connection)
        .await?;
    Ok(connection.close().await?)
}

async fn open(
    file: &Path,
    now: Timestamp,
) -> Result<(Engine, rewards_storage::engine::TenantEngine), Box<dyn Error>> {
    let store = SqlStore::open(&url(file), SqlOptions::default()).await?;
    let clock = Arc::new(ManualClock::new(now)) as Arc<dyn Clock>;
    let engine = Engine::builder(Arc::new(store)).clock(clock).open().await?;
    let tenant = engine.tenant(TenantId::new("bare")?);
    Ok((engine, tenant))
}

/// Lots per second by the engine, with the audit afterwards.
async fn settle(file: &Path, holders: u32, lots: u32) -> Result<f64, Box<dyn Error>> {
    let later = Timestamp::parse(START)?.checked_add_days(30)?;
    let (engine, tenant) = open(file, later).await?;
    let started = Instant::now();
    let sweep = tenant.settle_due().await?;
    let elapsed = started.elapsed().as_secs_f64();
    if sweep.members != u64::from(holders) || !tenant.verify().await?.is_valid() {
        return Err(format!("{} members were settled", sweep.members).into());
    }
    engine.close().await;
    Ok(f64::from(lots) / elapsed)
}

/// Lots per second by statements over sets of members: reads the lots, then writes entries, lots, events, the members' rows
/// and the control accounts, each set in one durable transaction.
async fn bare(file: &Path) -> Result<f64, Box<dyn Error>> {
    let mut connection = super::sqlite::connect(file).await?;
    let members: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT member FROM lots WHERE tenant = 'bare' ORDER BY member",
    )
    .fetch_all(&mut connection)
    .await?;
    let started = Instant::now();
    for set in members.chunks(usize::try_from(SET)?) {
        let names = serde_json::to_string(set)?;
        let mut work = connection.begin_with("BEGIN IMMEDIATE").await?;
        for sql in STATEMENTS {
            sqlx::query(sql).bind(&names).execute(&mut *work).await?;
        }
        work.commit().await?;
    }
    Ok(f64::from(LOTS) / started.elapsed().as_secs_f64())
}

/// Each over the names of some members.
const STATEMENTS: [&str; 5] = [
    "INSERT INTO journal (tenant, member, seq, id, from_purpose, to_purpose, asset, amount, kind, effective_at, recorded_at,
                          purchase, hash)
     SELECT l.tenant, l.member, 1000 + l.number, zeroblob(16), 'pending', 'cashback', l.asset, l.remaining, 'mature',
            l.available_at, l.available_at, l.purchase, zeroblob(32)
     FROM json_each($1) AS r CROSS JOIN lots AS l ON l.tenant = 'bare' AND l.member = r.value WHERE l.state = 'pending'",
    "UPDATE lots SET state = 'available', due_at = NULL
     WHERE (tenant, member, number) IN (
         SELECT l.tenant, l.member, l.number FROM json_each($1) AS r
         CROSS JOIN lots AS l ON l.tenant = 'bare' AND l.member = r.value WHERE l.state = 'pending')",
    "INSERT INTO outbox (tenant, recorded_at, stream, seq, id, body, attempts)
     SELECT 'bare', 1782907200000000, 'm:' || value, 1000, zeroblob(16),
            CAST('{\"rewards_matured\":{\"amounts\":[{\"amount\":\"6.15\",\"asset\":\"EUR\"}]}}' AS BLOB), 0 FROM json_each($1)",
    "UPDATE members SET version = version + 1, journal_seq = journal_seq + 5, event_seq = event_seq + 1,
         recorded_at = 1782907200000000, body = CAST(body || ' ' AS BLOB)
     WHERE (tenant, member) IN (SELECT 'bare', value FROM json_each($1))",
    "UPDATE control_accounts SET amount = amount + 123 * json_array_length($1)
     WHERE tenant = 'bare' AND purpose IN ('pending', 'cashback')",
];
