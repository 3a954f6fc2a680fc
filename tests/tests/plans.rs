//! How PostgreSQL finds rows while it knows nothing of a table yet: a database that has just been made has no statistics
//! for a minute or more, and the plans of that minute stay with the connections that made them.

use std::error::Error;
use std::sync::Arc;

use rewards_core::cashback::Purchase;
use rewards_core::ids::{MemberId, ProgramId, PurchaseId, TenantId};
use rewards_core::money::{Asset, Money};
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::purchases::RecordPurchase;
use rewards_core::program::Program;
use rewards_core::time::Timestamp;
use rewards_storage::engine::{CommandOptions, Engine, TenantEngine};
use rewards_storage::sql::{SqlOptions, SqlStore};
use rewards_tests::postgres::shared_cluster;

const MEMBERS: i64 = 50;
const PURCHASES: i64 = 200;

const CLUB: &str = r#"
    id = "club"
    currency = "EUR"
    zone = "UTC"
    rules = [{ id = "all", effect = { percent = { rate = "5%" } }, caps = ["month"], budgets = ["total"] }]
    caps = [{ id = "month", per = "member", every = "month", limit = { amount = { amount = "50.00" } } }]
    budgets = [{ id = "total", amount = "100000.00" }]"#;

/// An index that begins like the key of its table, but goes on with something else, costs a planner without statistics the
/// same as the key. Taken for the key it reads all rows of a tenant to find one.
#[tokio::test]
async fn a_database_without_statistics_finds_rows_by_their_keys() -> Result<(), Box<dyn Error>> {
    let cluster = shared_cluster()?;
    let url = cluster.database()?;
    let store = SqlStore::open(&url, SqlOptions::default()).await?;
    let engine = Engine::builder(Arc::new(store.clone())).open().await?;
    buy(&engine.tenant(TenantId::new("shop")?)).await?;
    engine.close().await;
    // Sessions that end say what they did.
    store.close().await?;

    let database = url
        .rsplit('/')
        .next()
        .ok_or("an address names a database")?;
    let used = cluster.execute(
        database,
        "SELECT indexrelname FROM pg_stat_user_indexes WHERE idx_scan > 0 ORDER BY 1",
    )?;
    let used: Vec<&str> = used.lines().collect();
    assert!(
        used.contains(&"entities_pkey") && used.contains(&"members_pkey"),
        "{used:?}"
    );
    let others = used.iter().filter(|index| !index.ends_with("_pkey"));
    let known = ["lots_", "outbox_streams"];
    let others = others.filter(|index| !known.iter().any(|begin| index.starts_with(begin)));
    let others: Vec<_> = others.collect();
    assert!(others.is_empty(), "looked up by {others:?}");
    Ok(())
}

/// Members join and buy, and everything is sent twice, so that replies and purchases are looked up as well.
async fn buy(shop: &TenantEngine) -> Result<(), Box<dyn Error>> {
    let now = Timestamp::parse("2026-06-15T12:00:00Z")?;
    let options = |key: Option<&str>| -> Result<CommandOptions, Box<dyn Error>> {
        let key = key.map(str::parse).transpose()?;
        Ok(CommandOptions {
            key,
            now: Some(now),
        })
    };
    let program = Program::from_toml(CLUB).map_err(|problems| format!("{problems:?}"))?;
    let mut request = PublishProgram::new(program);
    request.active_from = Some(now);
    shop.execute_with(request, options(Some("club"))?).await?;
    for _ in 0..2 {
        let mut members = Vec::new();
        for number in 0..MEMBERS {
            let member = MemberId::new(&format!("m{number}"))?;
            members.push((RegisterMember::new(member), options(None)?));
        }
        for reply in shop.execute_many(members).await {
            reply?;
        }
        let mut purchases = Vec::new();
        for number in 0..PURCHASES {
            let purchase = Purchase::new(
                PurchaseId::new(&format!("order-{number}"))?,
                MemberId::new(&format!("m{}", number % MEMBERS))?,
                ProgramId::new("club")?,
                now,
                Money::new(1_000 + number, Asset::parse("EUR")?),
            );
            purchases.push((RecordPurchase::new(purchase), options(None)?));
        }
        for reply in shop.execute_many(purchases).await {
            reply?;
        }
    }
    Ok(())
}
