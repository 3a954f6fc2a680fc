//! Money in motion, on one SQLite file with full durability: what a partial refund of a purchase of 100 lines costs beside
//! recording it, what spending costs beside recording, and what a transfer between members does.
//!
//! Every kind is handed in as one set, so that all share commits alike; each round takes them in turn on a new file.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use rewards_core::cashback::{Line, Purchase};
use rewards_core::command::Operation;
use rewards_core::ids::{MemberId, OrderId, PurchaseId, RedemptionId, RefundId, TenantId};
use rewards_core::money::{Asset, Money};
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::purchases::{RecordPurchase, RefundPurchase, RefundedPart};
use rewards_core::operations::redemptions::Redeem;
use rewards_core::operations::transfers::{TransferBalance, TransferReceiver};
use rewards_core::program::Program;
use rewards_core::refunds::RefundedPieces;
use rewards_core::time::Timestamp;
use rewards_storage::engine::{Clock, CommandOptions, Engine, ManualClock, TenantEngine};
use rewards_storage::sql::{SqlOptions, SqlStore};

use super::Options;
use super::report::Report;

const MEMBERS: u32 = 2_000;
const LINES: u32 = 100;
const START: &str = "2026-06-01T12:00:00Z";

const PROGRAM: &str = r#"
    id = "p"
    currency = "EUR"
    zone = "UTC"
    rules = [{ id = "it", effect = { percent = { rate = "5%" } } }]
    redemptions = { order = ["cashback"] }
    transfers = [{ id = "gift", purpose = "cashback" }]
"#;

/// Records, refunds, spends and sends, in turn.
pub async fn run(options: &Options, report: &mut Report) -> Result<(), Box<dyn Error>> {
    for round in 0..options.rounds {
        eprintln!("motion round {} of {}", round + 1, options.rounds);
        let folder = tempfile::tempdir()?;
        let url = format!("sqlite:///{}", folder.path().join("engine.db").display());
        let (engine, tenant) = open(&url).await?;
        let plain = timed(&tenant, |n| purchase(n, "plain", 0)).await?;
        let large = timed(&tenant, |n| purchase(n, "large", LINES)).await?;
        let refund = timed(&tenant, refund).await?;
        let redeem = timed(&tenant, redeem).await?;
        let transfer = timed(&tenant, transfer).await?;
        for (name, each) in [
            ("motion, record, µs", plain),
            ("motion, record 100 lines, µs", large),
            ("motion, refund a line of 100, µs", refund),
            ("motion, redeem, µs", redeem),
            ("motion, transfer, µs", transfer),
        ] {
            report.add(name, each);
        }
        if !tenant.verify().await?.is_valid() {
            return Err("the books are not right".into());
        }
        engine.close().await;
    }
    let share = report.median("motion, refund a line of 100, µs")
        / report.median("motion, record 100 lines, µs");
    report.goal("partial refund / recording 100 lines", share, 3.0, false);
    let share = report.median("motion, redeem, µs") / report.median("motion, record, µs");
    report.goal("spending / recording", share, 1.5, false);
    Ok(())
}

async fn open(url: &str) -> Result<(Engine, TenantEngine), Box<dyn Error>> {
    let start = Timestamp::parse(START)?;
    let store = SqlStore::open(url, SqlOptions::default()).await?;
    let clock = Arc::new(ManualClock::new(start)) as Arc<dyn Clock>;
    let engine = Engine::builder(Arc::new(store)).clock(clock).open().await?;
    let tenant = engine.tenant(TenantId::new("motion")?);
    let publish = PublishProgram {
        program: toml::from_str::<Program>(PROGRAM)?,
        active_from: Some(start),
    };
    let first = CommandOptions::keyed("p".parse()?);
    tenant.execute_with(publish, first).await?;
    timed(&tenant, |n| Ok(RegisterMember::new(member(n)?))).await?;
    Ok((engine, tenant))
}

fn member(number: u32) -> Result<MemberId, Box<dyn Error>> {
    Ok(MemberId::new(&format!("m{number}"))?)
}

fn euro(minor: i64) -> Result<Money, Box<dyn Error>> {
    Ok(Money::new(minor, Asset::parse("EUR")?))
}

/// Microseconds a command, of one for each member handed in together.
async fn timed<O: Operation>(
    tenant: &TenantEngine,
    command: impl Fn(u32) -> Result<O, Box<dyn Error>>,
) -> Result<f64, Box<dyn Error>> {
    let all = (0..MEMBERS).map(|number| Ok((command(number)?, CommandOptions::default())));
    let all = all.collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    let started = Instant::now();
    for reply in tenant.execute_many(all).await {
        reply?;
    }
    Ok(started.elapsed().as_secs_f64() * 1e6 / f64::from(MEMBERS))
}

fn purchase(number: u32, kind: &str, lines: u32) -> Result<RecordPurchase, Box<dyn Error>> {
    let mut purchase = Purchase::new(
        PurchaseId::new(&format!("{kind}-{number}"))?,
        member(number)?,
        "p".parse()?,
        Timestamp::parse(START)?,
        euro(24_600)?,
    );
    for line in 0..lines {
        purchase.lines.push(Line {
            sku: Some(format!("sku-{line}")),
            quantity: 2,
            ..Line::new(euro(246)?)
        });
    }
    Ok(RecordPurchase::new(purchase))
}

fn refund(number: u32) -> Result<RefundPurchase, Box<dyn Error>> {
    let pieces = RefundedPieces { line: 7, pieces: 1 };
    Ok(RefundPurchase {
        refund: RefundId::new(&format!("r-{number}"))?,
        member: member(number)?,
        purchase: PurchaseId::new(&format!("large-{number}"))?,
        what: RefundedPart::Lines(vec![pieces]),
        kind: None,
        reason: None,
    })
}

fn redeem(number: u32) -> Result<Redeem, Box<dyn Error>> {
    Ok(Redeem {
        redemption: RedemptionId::new(&format!("x-{number}"))?,
        member: member(number)?,
        program: "p".parse()?,
        order: OrderId::new(&format!("o-{number}"))?,
        total: euro(500)?,
        amount: None,
        tenders: Vec::new(),
        wallet: None,
    })
}

/// Everybody sends something to the next one.
fn transfer(number: u32) -> Result<TransferBalance, Box<dyn Error>> {
    let next = (number + 1) % MEMBERS;
    Ok(TransferBalance {
        transfer: format!("t-{number}").parse()?,
        program: "p".parse()?,
        from: member(number)?,
        to: TransferReceiver::Member(member(next)?),
        amount: euro(100)?,
        note: None,
    })
}
