//! The rows of one recorded purchase, as the engine wrote them: what every other side writes, too.

use std::error::Error;

use sqlx::{PgPool, Row};

/// Which member, program and amount a purchase is of: spread evenly, and the same for every side.
///
/// All bits have to be mixed. Multiples of one constant alone leave a third of ten thousand members without a purchase.
pub fn mix(number: u64) -> u64 {
    let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (mixed ^ (mixed >> 31)) >> 20
}

/// Documents as the engine stores them.
#[derive(Debug, Clone)]
pub struct Template {
    pub reply: Vec<u8>,
    pub member: Vec<u8>,
    pub purchase: Vec<u8>,
    pub event: Vec<u8>,
}

impl Template {
    /// Reads the rows of one purchase and checks that they are the rows the other sides write.
    pub async fn read(pool: &PgPool, purchase: &str) -> Result<Self, Box<dyn Error>> {
        let stored = async |sql: &'static str| -> Result<Vec<u8>, sqlx::Error> {
            sqlx::query(sql)
                .bind(purchase)
                .fetch_one(pool)
                .await?
                .try_get(0)
        };
        let rows = sqlx::query(
            "SELECT (SELECT COUNT(*) FROM journal WHERE purchase = $1)
                  + (SELECT COUNT(*) FROM lots WHERE purchase = $1)
                  + (SELECT COUNT(*) FROM entities WHERE id = $1 AND reply IS NOT NULL)",
        );
        let rows: i64 = rows.bind(purchase).fetch_one(pool).await?.try_get(0)?;
        let replies = "SELECT COUNT(*) FROM replies WHERE operation = 'record_purchase'";
        let replies: i64 = sqlx::query(replies).fetch_one(pool).await?.try_get(0)?;
        let counters = "SELECT COUNT(*) FROM counters WHERE tenant = 'engine'";
        let counters: i64 = sqlx::query(counters).fetch_one(pool).await?.try_get(0)?;
        let accounts = "SELECT COUNT(*) FROM control_accounts WHERE tenant = 'engine'";
        let accounts: i64 = sqlx::query(accounts).fetch_one(pool).await?.try_get(0)?;
        if (rows, replies, counters, accounts) != (3, 0, 1, 2) {
            return Err(format!(
                "unexpected rows: {rows}, {replies} replies, {counters} counters, {accounts} control accounts"
            )
            .into());
        }
        Ok(Self {
            reply: stored("SELECT reply FROM entities WHERE id = $1").await?,
            member: stored("SELECT m.body FROM members m JOIN entities p ON m.tenant = p.tenant AND m.member = p.owner WHERE p.id = $1").await?,
            purchase: stored("SELECT body FROM entities WHERE id = $1").await?,
            event: stored("SELECT o.body FROM outbox o JOIN entities p ON o.tenant = p.tenant AND o.stream = 'm:' || p.owner WHERE p.id = $1 ORDER BY o.seq DESC LIMIT 1").await?,
        })
    }
}
