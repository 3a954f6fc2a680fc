//! How many quotes a second in Rust itself, beside those that the Swift and Kotlin checks print.
//!
//! `cargo run --profile mobile -p rewards-mobile --example speed`

use std::error::Error;
use std::future::Future;
use std::time::Instant;

use rewards_core::cashback::Purchase;
use rewards_core::money::{Asset, Money};
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::purchases::QuotePurchase;
use rewards_core::program::Program;
use rewards_core::rejection::Rejection;
use rewards_core::time::Timestamp;
use rewards_mobile::{OfflineProgram, RewardsEngine};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let at = Timestamp::parse("2026-05-01T12:00:00Z")?;
    let document = Program::from_toml(include_str!("../example/wallet.toml"));
    let document = document.map_err(Rejection::Invalid)?;
    let total = Money::parse("80.00", Asset::parse("EUR")?)?;
    let purchase = Purchase::new(
        "order-1".parse()?,
        "alice".parse()?,
        "wallet".parse()?,
        at,
        total,
    );

    let offline = OfflineProgram::new(document.clone(), "default".parse()?, 1)?;
    measure("quote offline", 20_000, || async {
        offline.quote(purchase.clone(), false, Some(at)).map(|_| ())
    })
    .await?;

    let engine = RewardsEngine::open("memory:".into(), "default".parse()?, None, None).await?;
    let publish = PublishProgram::new(document);
    engine
        .publish_program(publish, Some("1".parse()?), Some(at))
        .await?;
    let register = RegisterMember::new("alice".parse()?);
    engine.register_member(register, None, Some(at)).await?;
    measure("quote_purchase", 5_000, || async {
        let request = QuotePurchase {
            purchase: purchase.clone(),
            explain: false,
        };
        engine.quote_purchase(request, Some(at)).await.map(|_| ())
    })
    .await?;
    Ok(())
}

async fn measure<E, F: Future<Output = Result<(), E>>>(
    name: &str,
    calls: u32,
    call: impl Fn() -> F,
) -> Result<(), E> {
    for _ in 0..calls / 4 {
        call().await?;
    }
    let started = Instant::now();
    for _ in 0..calls {
        call().await?;
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("rust {name}: {:.0} calls/s", f64::from(calls) / seconds);
    Ok(())
}
