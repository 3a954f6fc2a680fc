//! What Rust itself needs for what the Swift and Kotlin programs are measured with; `bench` runs them in turn.
//!
//! `speed` prints how many quotes a second. `start fresh|offline|again FOLDER TIMES` prints how many milliseconds an app
//! waits for its first quote: the first time in this process, and the median of all other times. `fresh` makes a file,
//! publishes the program, registers the member and quotes with the engine; `offline` makes a file and quotes with the
//! program alone; `again` opens the files that `fresh` left, quotes with the engine, and removes the folder.

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

type Failure = Box<dyn Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["speed"] => speed(&Wallet::new()?).await,
        ["start", what, folder, times] => start(what, folder, times.parse()?).await,
        _ => Err("expected `speed` or `start fresh|offline|again FOLDER TIMES`".into()),
    }
}

/// What is quoted, and when.
struct Wallet {
    text: &'static str,
    order: Purchase,
    at: Timestamp,
}

impl Wallet {
    fn new() -> Result<Self, Failure> {
        let at = Timestamp::parse("2026-05-01T12:00:00Z")?;
        let total = Money::parse("80.00", Asset::parse("EUR")?)?;
        let (id, member, program) = ("order-1".parse()?, "alice".parse()?, "wallet".parse()?);
        let order = Purchase::new(id, member, program, at, total);
        let text = include_str!("../example/wallet.toml");
        Ok(Self { text, order, at })
    }

    /// The document is read anew for each use, as it is in the other languages.
    fn document(&self) -> Result<Program, Failure> {
        Ok(Program::from_toml(self.text).map_err(Rejection::Invalid)?)
    }

    fn offline(&self) -> Result<OfflineProgram, Failure> {
        Ok(OfflineProgram::new(
            self.document()?,
            "default".parse()?,
            1,
        )?)
    }

    async fn prepare(&self, engine: &RewardsEngine) -> Result<(), Failure> {
        let (publish, now) = (PublishProgram::new(self.document()?), Some(self.at));
        engine
            .publish_program(publish, Some("1".parse()?), now)
            .await?;
        let register = RegisterMember::new("alice".parse()?);
        engine.register_member(register, None, now).await?;
        Ok(())
    }

    async fn quote(&self, engine: &RewardsEngine) -> Result<(), Failure> {
        let (purchase, explain) = (self.order.clone(), false);
        let request = QuotePurchase {
            purchase,
            coupons: Vec::new(),
            explain,
        };
        engine.quote_purchase(request, Some(self.at)).await?;
        Ok(())
    }
}

async fn speed(wallet: &Wallet) -> Result<(), Failure> {
    let offline = wallet.offline()?;
    measure("quote offline", 20_000, || async {
        offline.quote(wallet.order.clone(), false, Some(wallet.at))?;
        Ok(())
    })
    .await?;
    let engine = RewardsEngine::open(
        "memory:".into(),
        "default".parse()?,
        None,
        None,
        None,
        None,
        None,
        true,
        None,
    )
    .await?;
    wallet.prepare(&engine).await?;
    measure("quote_purchase", 5_000, || wallet.quote(&engine)).await
}

async fn measure<F: Future<Output = Result<(), Failure>>>(
    name: &str,
    calls: u32,
    call: impl Fn() -> F,
) -> Result<(), Failure> {
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

async fn start(what: &str, folder: &str, times: u32) -> Result<(), Failure> {
    std::fs::create_dir_all(folder)?;
    let wallet = Wallet::new()?;
    let name = if what == "offline" {
        "offline"
    } else {
        "books"
    };
    let mut took = Vec::new();
    for round in 0..times {
        let file = format!("{folder}/{name}-{round}.db");
        let started = Instant::now();
        let engine = RewardsEngine::open_file(
            file,
            "default".parse()?,
            None,
            None,
            None,
            None,
            None,
            true,
            None,
        )
        .await?;
        match what {
            "fresh" => {
                wallet.prepare(&engine).await?;
                wallet.quote(&engine).await?;
            }
            "offline" => {
                wallet
                    .offline()?
                    .quote(wallet.order.clone(), false, Some(wallet.at))?;
            }
            "again" => wallet.quote(&engine).await?,
            _ => return Err("expected `fresh`, `offline` or `again`".into()),
        }
        took.push(started.elapsed().as_secs_f64() * 1_000.0);
        engine.shut_down().await?;
    }
    if what == "again" {
        std::fs::remove_dir_all(folder)?;
    }
    let first = took.remove(0);
    took.sort_by(f64::total_cmp);
    let median = took.get(took.len() / 2).ok_or("expected two times")?;
    println!("rust start {what}: first {first:.1} ms, then {median:.1} ms");
    Ok(())
}
