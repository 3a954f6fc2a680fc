//! P10, settling: payments with bound tokens of as many members, told by four callers in batches of 500 to an engine on PostgreSQL,
//! beside four connections that verify the same signatures strictly and insert the same rows as sets, in one transaction a batch.
//!
//! The rows are those that the engine has written in the round: they are copied apart, and the bare side inserts the copies into tables
//! of the same form, within the server. Each is written once in a round, whatever it is, so no row is missing there.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use ed25519_dalek::{Signature, VerifyingKey};
use futures::future::try_join_all;
use rewards_core::command::Operation;
use rewards_core::ids::{MemberId, TenantId};
use rewards_core::money::{Asset, Money};
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::rewards::GrantReward;
use rewards_core::operations::tokens::{IssueToken, ReceiptOutcome, SettleReceipts};
use rewards_core::program::Program;
use rewards_core::secret::KeyPurpose;
use rewards_core::time::Timestamp;
use rewards_core::tokens::{TokenSigner, TokenSpend};
use rewards_storage::engine::{
    CommandOptions, Engine, KeyRing, ManualClock, RingKey, TenantEngine,
};
use rewards_storage::sql::{SqlOptions, SqlStore};
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;

use super::Options;
use super::report::Report;

/// Members in one round, each with one token and one payment.
const MEMBERS: u32 = 10_000;
const BATCH: usize = 500;
const CALLERS: usize = 4;
/// What the engine writes rows of when it settles.
const TABLES: [&str; 6] = [
    "entities", "members", "journal", "lots", "outbox", "replies",
];
const START: &str = "2026-06-01T12:00:00Z";

const PROGRAM: &str = r#"
    id = "p"
    currency = "EUR"
    zone = "UTC"
    rules = []
    redemptions = { order = ["cashback"] }
    tokens = { issuer = "bench" }
"#;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;
type Failure = Box<dyn Error + Send + Sync>;

/// A payment, and what is signed in it.
#[derive(Clone)]
struct Signed {
    proof: String,
    message: Vec<u8>,
    signature: Signature,
}

/// Both sides in turn, over the same payments.
pub async fn run(options: &Options, report: &mut Report) -> Outcome {
    let cluster = rewards_tests::postgres::Cluster::start()?;
    let url = cluster.database()?;
    let (engine, tenant) = open(&url).await?;
    let bare: PgConnectOptions = url.parse()?;
    let bare = bare.options([("search_path", "rewards")]);
    let bare = PgPool::connect_with(bare).await?;
    for table in TABLES {
        let sql = format!("CREATE TABLE bare_{table} (LIKE {table} INCLUDING ALL)");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&bare)
            .await?;
    }
    for round in 0..options.rounds {
        eprintln!("receipts round {} of {}", round + 1, options.rounds);
        let signed = sign(&tenant, round).await?;
        let all = f64::from(u32::try_from(signed.len())?);
        let first = sqlx::query_scalar("SELECT pg_current_xact_id()::text::bigint");
        let first: i64 = first.fetch_one(&bare).await?;
        let seconds = settled(&tenant, &signed, round).await?;
        report.add("receipts, engine, receipts/s", all / seconds);
        let inserts = stage(&bare, first).await?;
        let seconds = inserted(&bare, &signed, inserts.into()).await?;
        report.add("receipts, bare, receipts/s", all / seconds);
    }
    if !tenant.verify().await?.is_valid() {
        return Err("the books are not right".into());
    }
    engine.close().await;
    let rate = report.median("receipts, engine, receipts/s");
    let share = rate / report.median("receipts, bare, receipts/s");
    report.goal("P10 settling / verifying and inserting", share, 0.4, true);
    report.goal("P10 settling, receipts/s", rate, 5_000.0, true);
    Ok(())
}

/// Copies the rows apart that were written since a transaction, in as many parts as there are batches. Gives the statements that insert
/// a part.
async fn stage(pool: &PgPool, first: i64) -> Outcome<Vec<String>> {
    let mut inserts = Vec::new();
    for table in TABLES {
        let columns =
            "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
                       WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped";
        let columns: String = sqlx::query_scalar(columns)
            .bind(table)
            .fetch_one(pool)
            .await?;
        let batches = usize::try_from(MEMBERS)? / BATCH;
        let sql = format!(
            "DROP TABLE IF EXISTS staged_{table};
             CREATE TABLE staged_{table} AS SELECT *, ntile({batches}) OVER (ORDER BY ctid)::bigint AS part FROM {table}
             WHERE xmin::text::bigint >= {first};
             CREATE INDEX ON staged_{table} (part);
             ANALYZE staged_{table}"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(pool)
            .await?;
        inserts.push(format!(
            "INSERT INTO bare_{table} SELECT {columns} FROM staged_{table} WHERE part = $1"
        ));
    }
    Ok(inserts)
}

async fn open(url: &str) -> Outcome<(Engine, TenantEngine)> {
    let start = Timestamp::parse(START)?;
    let store = SqlStore::open(url, SqlOptions::default()).await?;
    let key = RingKey::new(
        KeyPurpose::Tokens,
        "k1".parse()?,
        vec![7; 32],
        Timestamp::MIN,
        None,
    )?;
    let engine = Engine::builder(Arc::new(store))
        .clock(Arc::new(ManualClock::new(start)))
        .key_ring(KeyRing::new(vec![key])?)
        .open()
        .await?;
    let tenant = engine.tenant(TenantId::new("receipts")?);
    let publish = PublishProgram {
        program: toml::from_str::<Program>(PROGRAM)?,
        active_from: Some(start),
    };
    let key = CommandOptions::keyed("program".parse()?);
    tenant.execute_with(publish, key).await?;
    Ok((engine, tenant))
}

fn euro(minor: i64) -> Outcome<Money> {
    Ok(Money::new(minor, Asset::parse("EUR")?))
}

/// Executes many commands, each under a key.
async fn all<O: Operation>(
    tenant: &TenantEngine,
    name: &str,
    commands: impl Iterator<Item = Outcome<O>>,
) -> Outcome<Vec<O::Reply>> {
    let keyed = commands.enumerate().map(|(number, command)| -> Outcome<_> {
        let key = format!("{name} {number}").parse()?;
        Ok((command?, CommandOptions::keyed(key)))
    });
    let receipts = tenant.execute_many(keyed.collect::<Outcome<_>>()?).await;
    let replies = receipts.into_iter().map(|told| Ok(told?.reply));
    replies.collect()
}

/// New members with a token each, and the payments that their devices sign.
async fn sign(tenant: &TenantEngine, round: usize) -> Outcome<Vec<Signed>> {
    let phone = TokenSigner::from_seed(&[2; 32]);
    let member = |number| -> Outcome<MemberId> { Ok(format!("m{round}-{number}").parse()?) };
    let register = (0..MEMBERS).map(|number| Ok(RegisterMember::new(member(number)?)));
    all(tenant, &format!("register {round}"), register).await?;
    let gifts = (0..MEMBERS).map(|number| {
        Ok(GrantReward {
            source: None,
            reference: None,
            member: member(number)?,
            amount: euro(1_000)?,
            reason: "a start".to_owned(),
            expires_at: None,
        })
    });
    all(tenant, &format!("gift {round}"), gifts).await?;
    let issue = (0..MEMBERS).map(|number| {
        Ok(IssueToken {
            token: format!("t{round}-{number}").parse()?,
            member: member(number)?,
            program: "p".parse()?,
            amount: euro(1_000)?,
            holder_key: Some(hex::encode(phone.public_key())),
            device: None,
            merchant: None,
            lifetime_minutes: None,
        })
    });
    let tokens = all(tenant, &format!("token {round}"), issue).await?;
    tokens
        .into_iter()
        .map(|token| paid(token.text, &phone))
        .collect()
}

/// A part of a token is spent.
fn paid(token: String, phone: &TokenSigner) -> Outcome<Signed> {
    let spend = TokenSpend {
        token,
        previous: None,
        merchant: "shop".parse()?,
        amount: euro(100)?,
        reference: None,
        now: Timestamp::parse(START)?,
    };
    let message = spend.message()?;
    let signature = phone.sign(&message);
    Ok(Signed {
        proof: spend.proof(&signature)?,
        message,
        signature: Signature::from_bytes(&signature),
    })
}

/// The batches of each caller, with their numbers from 1: it tells them one after the other.
fn parts(signed: &[Signed]) -> Vec<Vec<(i64, Vec<Signed>)>> {
    let mut parts = vec![Vec::new(); CALLERS];
    for ((number, batch), caller) in (1..).zip(signed.chunks(BATCH)).zip((0..CALLERS).cycle()) {
        if let Some(part) = parts.get_mut(caller) {
            part.push((number, batch.to_vec()));
        }
    }
    parts
}

async fn settled(tenant: &TenantEngine, signed: &[Signed], round: usize) -> Outcome<f64> {
    let parts = parts(signed);
    let started = Instant::now();
    let callers = parts.into_iter().map(|batches| {
        let tenant = tenant.clone();
        tokio::spawn(async move {
            for (number, batch) in batches {
                let settle = SettleReceipts {
                    merchant: None,
                    receipts: batch.into_iter().map(|one| one.proof).collect(),
                };
                let key = format!("settle {round} {number}").parse()?;
                let reply = tenant
                    .execute_with(settle, CommandOptions::keyed(key))
                    .await?
                    .reply;
                let is_settled = |outcome| outcome == ReceiptOutcome::Settled;
                if !reply.receipts.iter().all(|one| is_settled(one.outcome)) {
                    return Err("a receipt is not settled".into());
                }
            }
            Ok::<_, Failure>(())
        })
    });
    for caller in try_join_all(callers).await? {
        caller.map_err(|error| error.to_string())?;
    }
    Ok(started.elapsed().as_secs_f64())
}

async fn inserted(pool: &PgPool, signed: &[Signed], inserts: Arc<[String]>) -> Outcome<f64> {
    let phone = TokenSigner::from_seed(&[2; 32]);
    let key = VerifyingKey::from_bytes(&phone.public_key())?;
    let parts = parts(signed);
    let started = Instant::now();
    let callers = parts.into_iter().map(|batches| {
        let (pool, inserts) = (pool.clone(), Arc::clone(&inserts));
        tokio::spawn(async move {
            for (number, batch) in batches {
                for one in batch {
                    key.verify_strict(&one.message, &one.signature)?;
                }
                let mut work = pool.begin().await?;
                for insert in inserts.iter() {
                    let insert = sqlx::query(sqlx::AssertSqlSafe(insert.clone()));
                    insert.bind(number).execute(&mut *work).await?;
                }
                work.commit().await?;
            }
            Ok::<_, Failure>(())
        })
    });
    for caller in try_join_all(callers).await? {
        caller.map_err(|error| error.to_string())?;
    }
    Ok(started.elapsed().as_secs_f64())
}
