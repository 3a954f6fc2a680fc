//! The engine in ten lines: a program, a member, a purchase, a balance. The README shows this file.

use rewards_core::operations::{
    balances::GetBalance, members::RegisterMember, programs::PublishProgram,
    purchases::RecordPurchase,
};
use rewards_core::{
    cashback::Purchase,
    money::{Asset, Money},
    program::Program,
    rejection::Rejection,
};
use rewards_storage::engine::{Clock, CommandOptions, Engine, SystemClock};
use rewards_storage::sql::{SqlOptions, SqlStore};

const CLUB: &str = r#"
    id = "club"
    currency = "EUR"
    zone = "Europe/Berlin"
    rules = [{ id = "everything", effect = { percent = { rate = "5%" } } }]"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = SqlStore::open("sqlite::memory:", SqlOptions::default()).await?; // or SqlStore::open_file("rewards.db", …), postgresql://…
    let shop = Engine::builder(std::sync::Arc::new(store))
        .open()
        .await?
        .tenant("my-shop".parse()?);
    let program = Program::from_toml(CLUB).map_err(Rejection::Invalid)?;
    shop.execute_with(
        PublishProgram::new(program),
        CommandOptions::keyed("club, first edition".parse()?),
    )
    .await?;
    shop.execute(RegisterMember::new("alice".parse()?)).await?;
    let total = Money::parse("80.00", Asset::parse("EUR")?)?;
    let order = Purchase::new(
        "order-1".parse()?,
        "alice".parse()?,
        "club".parse()?,
        SystemClock.now(),
        total,
    );
    shop.execute(RecordPurchase::new(order)).await?; // durable; sent again it is replayed, never granted twice
    let balance = shop.execute(GetBalance::new("alice".parse()?)).await?;
    println!("{:?}", balance.assets); // 4.00 EUR available
    Ok(())
}
