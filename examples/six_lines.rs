//! A purchase in six lines, the same in every language. The README shows it.

use std::error::Error;
use std::sync::Arc;

use rewards_core::cashback::Purchase;
use rewards_core::money::{Asset, Money};
use rewards_core::operations::balances::GetBalance;
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::purchases::RecordPurchase;
use rewards_core::program::Program;
use rewards_core::rejection::Rejection;
use rewards_core::time::Timestamp;
use rewards_storage::engine::{CommandOptions, Engine};
use rewards_storage::sql::{SqlOptions, SqlStore};

const WALLET: &str = include_str!("../bindings-swift/example/wallet.toml");

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = Arc::new(SqlStore::open("sqlite::memory:", SqlOptions::default()).await?);
    // Run twice, they count once.
    for _ in 0..2 {
        six_lines(Arc::clone(&store)).await?;
    }
    Ok(())
}

async fn six_lines(store: Arc<SqlStore>) -> Result<(), Box<dyn Error>> {
    let program = Program::from_toml(WALLET).map_err(Rejection::Invalid)?;
    let first = CommandOptions::keyed("first edition".parse()?);
    let total = Money::parse("80.00", Asset::parse("EUR")?)?;
    let opened_at = Timestamp::parse("2026-01-01T00:00:00Z")?;
    let paid_at = Timestamp::parse("2026-03-01T12:00:00Z")?;
    // README
    let engine = Engine::builder(store).open().await?.tenant("shop".parse()?);
    engine
        .execute_with(
            PublishProgram {
                program,
                active_from: Some(opened_at),
            },
            first,
        )
        .await?;
    engine
        .execute(RegisterMember::new("alice".parse()?))
        .await?;
    let order = Purchase::new(
        "order-1".parse()?,
        "alice".parse()?,
        "wallet".parse()?,
        paid_at,
        total,
    );
    engine.execute(RecordPurchase::new(order)).await?;
    println!(
        "{:?}",
        engine
            .execute(GetBalance::new("alice".parse()?))
            .await?
            .assets
    );
    // README
    Ok(())
}
