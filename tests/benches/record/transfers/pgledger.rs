//! `pgledger`: a ledger in functions of PostgreSQL, as its clone has it. One call, and one transaction, a transfer.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool};

use super::{FUNDS, MEMBERS, Moved, Pairs, expect, measure};

/// What has to be run, in this order, as its README says.
const FILES: [&str; 3] = [
    "vendor/scoville-pgsql-ulid/ulid-to-uuid.sql",
    "vendor/scoville-pgsql-ulid/uuid-to-ulid.sql",
    "pgledger.sql",
];
/// Somebody else was faster, or two waited for each other: sent again.
const RETRYABLE: [&str; 2] = ["40001", "40P01"];

/// A ledger with an account for every member.
#[derive(Debug)]
pub struct Pgledger {
    url: String,
    /// By how many connections they have.
    pools: BTreeMap<u32, PgPool>,
    accounts: Arc<Vec<String>>,
    next: Arc<AtomicU64>,
    moved: Moved,
}

impl Pgledger {
    /// Makes the accounts and funds them. As with the engine, nobody may have less than nothing.
    pub async fn prepare(url: &str, folder: &Path) -> Result<Self, Box<dyn Error>> {
        let pool = PgPool::connect(url).await?;
        for file in FILES {
            let path = folder.join(file);
            let sql = std::fs::read_to_string(&path);
            let sql =
                sql.map_err(|error| format!("REWARDS_PGLEDGER: {}: {error}", path.display()))?;
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&pool).await?;
        }
        let bank = "SELECT id FROM pgledger_create_account('bank', 'EUR')";
        let bank: String = sqlx::query_scalar(bank).fetch_one(&pool).await?;
        let accounts: Vec<String> = sqlx::query_scalar(
            "SELECT a.id FROM generate_series(0, $1 - 1) AS n
             CROSS JOIN LATERAL pgledger_create_account('m' || n, 'EUR', allow_negative_balance => FALSE) AS a ORDER BY n",
        )
        .bind(i64::from(MEMBERS))
        .fetch_all(&pool)
        .await?;
        let fund = "SELECT id FROM pgledger_create_transfers(
                        ARRAY(SELECT ($1, a, $2::BIGINT)::TRANSFER_REQUEST FROM unnest($3::TEXT[]) AS a), NULL, NULL)";
        for some in accounts.chunks(500) {
            sqlx::query(fund)
                .bind(&bank)
                .bind(FUNDS)
                .bind(some)
                .execute(&pool)
                .await?;
        }
        // Its plans would otherwise be those for empty tables; the engine's statements do without.
        sqlx::raw_sql("VACUUM ANALYZE").execute(&pool).await?;
        pool.close().await;
        Ok(Self {
            url: url.to_owned(),
            pools: BTreeMap::new(),
            accounts: Arc::new(accounts),
            next: Arc::default(),
            moved: Moved::default(),
        })
    }

    /// Callers who share so many connections.
    pub async fn run(
        &mut self,
        connections: u32,
        pairs: Pairs,
        seconds: u64,
    ) -> Result<Moved, Box<dyn Error>> {
        let (pool, accounts) = (self.pool(connections).await?, Arc::clone(&self.accounts));
        let work = move |number| {
            let (pool, accounts) = (pool.clone(), Arc::clone(&accounts));
            async move {
                let (from, to, amount) = pairs.of(number);
                let account = |number| accounts.get(usize::try_from(number).unwrap_or(0));
                let (from, to) = (account(from), account(to));
                let mut again = 0;
                loop {
                    let call = "SELECT id FROM pgledger_create_transfer($1, $2, $3::BIGINT)";
                    let call = sqlx::query(call).bind(from).bind(to).bind(amount);
                    match call.fetch_one(&pool).await {
                        Ok(_) => return Ok(again),
                        Err(error) if is_retryable(&error) => again += 1,
                        Err(error) => return Err(error.into()),
                    }
                }
            }
        };
        let moved = measure(&self.next, seconds, pairs, work).await;
        let moved = moved.map_err(|error| error.to_string())?;
        self.moved.join(&moved);
        Ok(moved)
    }

    /// A pool that asks a connection nothing before it is used, and keeps all that it has made.
    async fn pool(&mut self, connections: u32) -> Result<PgPool, sqlx::Error> {
        if let Some(pool) = self.pools.get(&connections) {
            return Ok(pool.clone());
        }
        let options = PgPoolOptions::new().max_connections(connections);
        let options = options
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None);
        let pool = options.connect(&self.url).await?;
        let mut made = Vec::new();
        for _ in 0..connections {
            made.push(pool.acquire().await?);
        }
        self.pools.insert(connections, pool.clone());
        Ok(pool)
    }

    /// Holds the books against what was counted.
    pub async fn check(&self) -> Result<(), Box<dyn Error>> {
        let pool = PgPool::connect(&self.url).await?;
        let sum = async |sql: &'static str| -> Result<i64, sqlx::Error> {
            sqlx::query_scalar(sql).fetch_one(&pool).await
        };
        let made = sum("SELECT COUNT(*) FROM pgledger_transfers").await?;
        expect(
            "pgledger's transfers",
            made - i64::from(MEMBERS),
            self.moved.transfers,
        )?;
        let entries = "SELECT CAST(SUM(amount) AS BIGINT) FROM pgledger_entries";
        expect("pgledger's entries", sum(entries).await?, 0)?;
        let wrong = "SELECT COUNT(*) FROM pgledger_accounts AS a
                     WHERE balance <> (SELECT SUM(e.amount) FROM pgledger_entries AS e WHERE e.account_id = a.id)";
        expect("pgledger's wrong balances", sum(wrong).await?, 0)?;
        let members =
            "SELECT CAST(SUM(balance) AS BIGINT) FROM pgledger_accounts WHERE name <> 'bank'";
        expect(
            "pgledger's balances",
            sum(members).await?,
            i64::from(MEMBERS) * FUNDS,
        )?;
        let hot = "SELECT CAST(balance AS BIGINT) FROM pgledger_accounts WHERE name = 'm0'";
        expect(
            "pgledger's first member's",
            sum(hot).await?,
            FUNDS + self.moved.hot,
        )?;
        eprintln!(
            "pgledger: books right, {} transfers, nothing lost",
            self.moved.transfers
        );
        Ok(())
    }
}

fn is_retryable(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| RETRYABLE.contains(&&*code))
}
