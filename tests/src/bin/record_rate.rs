//! Purchases per second of the Rust engine: `record_rate URL CALLERS SECONDS`.
//!
//! The native side of the Python benchmarks. They have published the program of the FastAPI example and registered
//! the members `m0` to `m9999` of the tenant `default` before.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use rewards_core::cashback::Purchase;
use rewards_core::ids::{MemberId, ProgramId, PurchaseId, TenantId};
use rewards_core::money::{Asset, Money};
use rewards_core::operations::purchases::RecordPurchase;
use rewards_core::time::Timestamp;
use rewards_storage::engine::{Engine, TenantEngine};
use rewards_storage::sql::{SqlOptions, SqlStore};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const MEMBERS: u64 = 10_000;

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut words = std::env::args().skip(1);
    let mut word = || words.next().ok_or("record_rate URL CALLERS SECONDS");
    let (url, callers, seconds) = (word()?, word()?.parse::<usize>()?, word()?.parse()?);
    let store = SqlStore::open(&url, SqlOptions::default()).await?;
    let engine = Engine::builder(Arc::new(store)).open().await?;
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let next = Arc::new(AtomicU64::new(u64::try_from(since.as_micros())?));
    let started = Instant::now();
    let deadline = started + Duration::from_secs(seconds);
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let tenant = engine.tenant(TenantId::new("default")?);
            Ok(tokio::spawn(send_until(
                tenant,
                Arc::clone(&next),
                deadline,
            )))
        })
        .collect::<Outcome<_>>()?;
    let mut recorded = 0;
    for task in tasks {
        recorded += task.await??;
    }
    println!(
        "{:.1}",
        f64::from(recorded) / started.elapsed().as_secs_f64()
    );
    engine.close().await;
    Ok(())
}

async fn send_until(tenant: TenantEngine, next: Arc<AtomicU64>, deadline: Instant) -> Outcome<u32> {
    let mut recorded = 0;
    while Instant::now() < deadline {
        let number = next.fetch_add(1, Ordering::Relaxed);
        tenant.execute(request(number)?).await?;
        recorded += 1;
    }
    Ok(recorded)
}

fn request(number: u64) -> Outcome<RecordPurchase> {
    let minor = i64::try_from(number % 9_000)? + 1_000;
    let member = number.wrapping_mul(7_919) % MEMBERS;
    let mut purchase = Purchase::new(
        PurchaseId::new(&format!("rust-{number}"))?,
        MemberId::new(&format!("m{member}"))?,
        ProgramId::new("shop")?,
        Timestamp::parse("2026-06-15T12:00:00Z")?,
        Money::new(minor, Asset::parse("EUR")?),
    );
    purchase.category = Some("music".to_owned());
    purchase.channel = Some("online".to_owned());
    Ok(RecordPurchase::new(purchase))
}
