//! Databases of earlier versions: each is opened as it was written, its books are valid, and every command it holds is
//! replayed with the reply it got then.
//!
//! `tests/fixtures/vN` holds what version N of the schema wrote. `REWARDS_WRITE_FIXTURES=1` writes the newest again,
//! which is right only before a version is released.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rewards_core::cashback::Purchase;
use rewards_core::command::Operation;
use rewards_core::money::{Asset, Money};
use rewards_core::operations::balances::{Balance, GetBalance};
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::purchases::{CancelPurchase, ConfirmPurchase, RecordPurchase};
use rewards_core::operations::rewards::{DeductBalance, GrantReward};
use rewards_core::program::Program;
use rewards_core::time::Timestamp;
use rewards_storage::engine::{CommandOptions, Engine, ManualClock, SeededRandom, TenantEngine};
use rewards_storage::sql::{SqlOptions, SqlStore};
use rewards_tests::postgres::shared_cluster;
use serde_json::{Value, json};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const PROGRAM: &str = r#"
    id = "club"
    currency = "EUR"
    zone = "Europe/Berlin"
    units = [{ asset = "points" }]
    stacking_groups = [{ id = "base", stacking = "best" }, { id = "points" }]
    caps = [{ id = "month", per = "member", every = "month", limit = { amount = { amount = "20.00" } } }]
    budgets = [{ id = "total", amount = "1000.00" }]
    lifecycle = { pending = { confirmation = { void_after_days = 30 } }, expires = { months = 12, round = "end_of_month" } }

    [[rules]]
    id = "everything"
    effect = { percent = { rate = "5%" } }
    caps = ["month"]
    budgets = ["total"]

    [[rules]]
    id = "points"
    stacking_group = "points"
    effect = { per_unit = { amount = "1", asset = "points", every = "1.00", remainder = "carry" } }
    lifecycle = {}

    [[ladders]]
    id = "status"
    measure = { spend = "net" }
    window = { calendar = "year" }
    tiers = [{ id = "member", threshold = "0" }, { id = "gold", threshold = "100.00", benefits = { multiplier = "2" } }]
"#;

#[tokio::test]
async fn sqlite_v1_opens_and_replays() -> Outcome {
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join("books.sqlite");
    if writes_fixtures() {
        let made = folder.path().join("new.sqlite");
        let tenant = open(&format!("sqlite:///{}", made.display())).await?;
        let replies = json!(tell(&tenant.0).await?);
        tenant.1.close().await?;
        std::fs::copy(&made, fixture("books.sqlite"))?;
        std::fs::write(
            fixture("replies.json"),
            serde_json::to_string_pretty(&replies)? + "\n",
        )?;
    }
    std::fs::copy(fixture("books.sqlite"), &copy)?;
    check(&format!("sqlite:///{}", copy.display())).await
}

#[tokio::test]
async fn postgres_v1_opens_and_replays() -> Outcome {
    let cluster = shared_cluster()?;
    if writes_fixtures() {
        let url = cluster.database()?;
        let (tenant, store) = open(&url).await?;
        tell(&tenant).await?;
        store.close().await?;
        let dump = std::process::Command::new("pg_dump")
            .args(["--inserts", "--no-owner", "--no-privileges", &url])
            .output()?;
        // Meta commands are for interactive use only.
        let text = String::from_utf8(dump.stdout)?;
        let sql: Vec<&str> = text
            .lines()
            .filter(|line| !line.starts_with('\\'))
            .collect();
        std::fs::write(fixture("books.sql"), sql.join("\n") + "\n")?;
    }
    let url = cluster.database()?;
    let loaded = std::process::Command::new("psql")
        .args(["--quiet", "-v", "ON_ERROR_STOP=1", "-f"])
        .arg(fixture("books.sql"))
        .arg(&url)
        .output()?;
    assert!(
        loaded.status.success(),
        "{}",
        String::from_utf8_lossy(&loaded.stderr)
    );
    check(&url).await
}

fn writes_fixtures() -> bool {
    std::env::var_os("REWARDS_WRITE_FIXTURES").is_some()
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/v1")
        .join(name)
}

async fn open(url: &str) -> Outcome<(TenantEngine, SqlStore)> {
    let store = SqlStore::open(url, SqlOptions::default()).await?;
    let engine = Engine::builder(Arc::new(store.clone()))
        .clock(Arc::new(ManualClock::new(at(12))))
        .random(Arc::new(SeededRandom::new(1)))
        .open()
        .await?;
    Ok((engine.tenant("fixture".parse()?), store))
}

/// A database of version 1 has valid books, replays its commands byte for byte, and takes new ones.
async fn check(url: &str) -> Outcome {
    let (tenant, _store) = open(url).await?;
    let report = tenant.verify().await?;
    assert!(report.is_valid(), "{:?}", report.problems);
    let expected: Value = serde_json::from_str(&std::fs::read_to_string(fixture("replies.json"))?)?;
    let before = balance(&tenant).await?;
    assert_eq!(json!(tell(&tenant).await?), expected);
    assert_eq!(
        balance(&tenant).await?,
        before,
        "a replay has no second effect"
    );
    record(&tenant, "new", "ann", 9, "10.00").await?;
    assert_ne!(balance(&tenant).await?, before);
    assert!(tenant.verify().await?.is_valid());
    Ok(())
}

async fn balance(tenant: &TenantEngine) -> Outcome<Balance> {
    Ok(tenant.execute(GetBalance::new("ann".parse()?)).await?)
}

/// The commands of the fixture; returns their replies.
async fn tell(tenant: &TenantEngine) -> Outcome<Vec<Value>> {
    let program = Program::from_toml(PROGRAM).map_err(|problems| format!("{problems:?}"))?;
    let active_from = Some(at(1));
    let mut replies = vec![
        send(
            tenant,
            PublishProgram {
                program,
                active_from,
            },
            "edition 1",
        )
        .await?,
    ];
    for member in ["ann", "bob", "änne \"3\""] {
        let request = RegisterMember {
            registered_at: Some(at(1)),
            ..RegisterMember::new(member.parse()?)
        };
        replies.push(send(tenant, request, member).await?);
    }
    for (id, member, day, total) in [
        ("p1", "ann", 2, "80.00"),
        ("p2", "ann", 3, "40.50"),
        ("p3", "bob", 3, "19.99"),
        ("p4", "änne \"3\"", 4, "0.29"),
        ("p5", "ann", 5, "500.00"),
    ] {
        replies.push(record(tenant, id, member, day, total).await?);
    }
    let confirm = |id: &str| -> Outcome<_> {
        Ok(ConfirmPurchase {
            member: "ann".parse()?,
            purchase: id.parse()?,
        })
    };
    replies.push(send(tenant, confirm("p1")?, "p1").await?);
    replies.push(send(tenant, confirm("p2")?, "p2").await?);
    let cancel = CancelPurchase {
        member: "ann".parse()?,
        purchase: "p2".parse()?,
    };
    replies.push(send(tenant, cancel, "p2").await?);
    let amount = Money::parse("3.00", Asset::parse("EUR")?)?;
    let (member, reason) = ("ann".parse()?, "goodwill".to_owned());
    let grant = GrantReward {
        member,
        amount,
        reason,
        expires_at: None,
    };
    replies.push(send(tenant, grant, "manually 1").await?);
    let take = Money::parse("1.25", Asset::parse("EUR")?)?;
    let deduct = DeductBalance {
        member: "ann".parse()?,
        take,
        reason: "typing error".to_owned(),
    };
    replies.push(send(tenant, deduct, "manually 2").await?);
    Ok(replies)
}

async fn record(
    tenant: &TenantEngine,
    id: &str,
    member: &str,
    day: u32,
    total: &str,
) -> Outcome<Value> {
    let total = Money::parse(total, Asset::parse("EUR")?)?;
    let purchase = Purchase::new(
        id.parse()?,
        member.parse()?,
        "club".parse()?,
        at(day),
        total,
    );
    send(tenant, RecordPurchase::new(purchase), id).await
}

async fn send<O: Operation>(tenant: &TenantEngine, request: O, key: &str) -> Outcome<Value> {
    let options = CommandOptions::keyed(key.parse()?);
    Ok(serde_json::to_value(
        tenant.execute_with(request, options).await?.reply,
    )?)
}

fn at(day: u32) -> Timestamp {
    Timestamp::parse(&format!("2026-03-{day:02}T12:00:00Z")).unwrap_or(Timestamp::MIN)
}
