//! The engine's side of the transfers.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use rewards_core::command::Operation;
use rewards_core::ids::{MemberId, TenantId};
use rewards_core::money::{Asset, Money};
use rewards_core::operations::deposits::{ConfirmDeposit, InitiateDeposit};
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::rewards::GrantReward;
use rewards_core::operations::transfers::{TransferBalance, TransferReceiver};
use rewards_core::program::Program;
use rewards_core::secret::KeyPurpose;
use rewards_core::signature::Signature;
use rewards_core::time::Timestamp;
use rewards_storage::engine::{CommandOptions, Engine, KeyRing, RingKey, TenantEngine};
use rewards_storage::sql::{SqlOptions, SqlStore};
use sha2::Sha256;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, PgPool};

use super::{FUNDS, Failure, MEMBERS, Moved, Pairs, expect, measure};

const KEY: &[u8; 32] = b"everybody may know this key, now";

const PROGRAM: &str = r#"
    id = "p"
    currency = "EUR"
    zone = "UTC"
    rules = []
    units = [{ asset = "points" }]
    deposits = { providers = [{ id = "bank", keys = ["bank-1"] }] }
    transfers = [{ id = "money", purpose = "main" }, { id = "gift", asset = "points" }]
"#;

/// What the engine moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    Money,
    Points,
}

impl Value {
    /// What it is called in a table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Money => "money",
            Self::Points => "lots",
        }
    }

    fn asset(self) -> Result<Asset, Failure> {
        let asset = match self {
            Self::Money => "EUR",
            Self::Points => "points",
        };
        Ok(Asset::parse(asset)?)
    }
}

/// The engine's side.
pub struct Ours {
    /// Keeps the workers running.
    _engine: Engine,
    tenant: TenantEngine,
    pub pool: PgPool,
    next: Arc<AtomicU64>,
    money: Moved,
    points: Moved,
}

impl Ours {
    /// An engine with members who have money and points.
    pub async fn prepare(url: &str) -> Result<Self, Box<dyn Error>> {
        let store = SqlStore::open(url, SqlOptions::default()).await?;
        let (key, since) = ("bank-1".parse()?, Timestamp::from_micros(0)?);
        let key = RingKey::new(KeyPurpose::Deposits, key, KEY.to_vec(), since, None)?;
        let engine = Engine::builder(Arc::new(store)).key_ring(KeyRing::new(vec![key])?);
        let engine = engine.open().await?;
        let tenant = engine.tenant(TenantId::new("transfers")?);
        let options: PgConnectOptions = url.parse()?;
        let pool = PgPool::connect_with(options.options([("search_path", "rewards")])).await?;
        let publish = PublishProgram {
            program: toml::from_str::<Program>(PROGRAM)?,
            active_from: None,
        };
        tenant
            .execute_with(publish, CommandOptions::keyed("p".parse()?))
            .await?;
        for_all(&tenant, |number| Ok(RegisterMember::new(member(number)?))).await?;
        for_all(&tenant, deposit).await?;
        for_all(&tenant, paid).await?;
        for_all(&tenant, grant).await?;
        Ok(Self {
            _engine: engine,
            tenant,
            pool,
            next: Arc::default(),
            money: Moved::default(),
            points: Moved::default(),
        })
    }

    /// Transfers per second. Whatever is refused is an error: everybody has enough.
    pub async fn run(
        &mut self,
        value: Value,
        pairs: Pairs,
        seconds: u64,
    ) -> Result<f64, Box<dyn Error>> {
        let tenant = self.tenant.clone();
        let work = move |number| {
            let tenant = tenant.clone();
            async move {
                tenant.execute(transfer(number, value, pairs)?).await?;
                Ok(0)
            }
        };
        let moved = measure(&self.next, seconds, pairs, work).await;
        let moved = moved.map_err(|error| error.to_string())?;
        match value {
            Value::Money => self.money.join(&moved),
            Value::Points => self.points.join(&moved),
        }
        Ok(moved.per_second)
    }

    /// Audits the books, and holds them against what was counted.
    pub async fn check(&self) -> Result<(), Box<dyn Error>> {
        let report = self.tenant.verify().await?;
        if !report.is_valid() {
            return Err(format!("the books are wrong: {:?}", report.problems.first()).into());
        }
        let counted = "SELECT COUNT(*) FROM entities WHERE kind = 'transfer'";
        let counted: i64 = sqlx::query_scalar(counted).fetch_one(&self.pool).await?;
        expect(
            "transfers",
            counted,
            self.money.transfers + self.points.transfers,
        )?;
        for (asset, purpose, moved) in [
            ("EUR", "main", self.money),
            ("points", "points", self.points),
        ] {
            let all = self.balance(asset, purpose, "TRUE").await?;
            expect(asset, all, i64::from(MEMBERS) * FUNDS)?;
            let hot = self.balance(asset, purpose, "member = 'm0'").await?;
            expect("the first member's", hot, FUNDS + moved.hot)?;
        }
        eprintln!("engine: books verified, {counted} transfers, nothing lost");
        Ok(())
    }

    /// What members have by their journals.
    async fn balance(&self, asset: &str, purpose: &str, who: &str) -> Result<i64, sqlx::Error> {
        let sql = format!(
            "SELECT CAST(COALESCE(SUM(amount) FILTER (WHERE to_holder IS NULL AND to_purpose = $2), 0)
                       - COALESCE(SUM(amount) FILTER (WHERE from_holder IS NULL AND from_purpose = $2), 0) AS BIGINT)
             FROM journal WHERE asset = $1 AND {who}"
        );
        let query = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(asset)
            .bind(purpose);
        query.fetch_one(&self.pool).await
    }
}

async fn for_all<O: Operation>(
    tenant: &TenantEngine,
    request: impl Fn(u64) -> Result<O, Failure>,
) -> Result<(), Box<dyn Error>> {
    let mut all = Vec::new();
    for number in 0..u64::from(MEMBERS) {
        let request = request(number).map_err(|error| error.to_string())?;
        let key = Some(format!("first-{number}").parse()?);
        all.push((request, CommandOptions { key, now: None }));
    }
    for reply in tenant.execute_many(all).await {
        reply?;
    }
    Ok(())
}

fn member(number: u64) -> Result<MemberId, Failure> {
    Ok(MemberId::new(&format!("m{number}"))?)
}

fn deposit(number: u64) -> Result<InitiateDeposit, Failure> {
    Ok(InitiateDeposit {
        deposit: format!("d{number}").parse()?,
        program: "p".parse()?,
        member: member(number)?,
        amount: Money::new(FUNDS, Value::Money.asset()?),
        provider: "bank".parse()?,
        provider_reference: None,
    })
}

/// What the bank says of a deposit.
fn paid(number: u64) -> Result<ConfirmDeposit, Failure> {
    let amount = serde_json::to_string(&Money::new(FUNDS, Value::Money.asset()?))?;
    let message = format!(
        r#"{{"deposit":"d{number}","amount":{amount},"outcome":"paid","reference":"r{number}"}}"#
    );
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let timestamp = i64::try_from(since.as_secs())?;
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY)?;
    mac.update(format!("{timestamp}.{message}").as_bytes());
    Ok(ConfirmDeposit {
        deposit: format!("d{number}").parse()?,
        message,
        signature: Signature::Claimed(hex::encode(mac.finalize().into_bytes())),
        timestamp,
        key: None,
    })
}

fn grant(number: u64) -> Result<GrantReward, Failure> {
    Ok(GrantReward {
        member: member(number)?,
        amount: Money::new(FUNDS, Value::Points.asset()?),
        reason: "to begin with".to_owned(),
        expires_at: None,
        source: None,
        reference: None,
    })
}

fn transfer(number: u64, value: Value, pairs: Pairs) -> Result<TransferBalance, Failure> {
    let (from, to, amount) = pairs.of(number);
    Ok(TransferBalance {
        transfer: format!("transfer-{number:012}-0123456789abcdef").parse()?,
        program: "p".parse()?,
        from: member(from)?,
        to: TransferReceiver::Member(member(to)?),
        amount: Money::new(amount, value.asset()?),
        note: None,
    })
}
