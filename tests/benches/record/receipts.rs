//! P10, settling: payments with bound tokens, told by four callers in batches of 500 to an engine on PostgreSQL, beside four connections that verify
//! the same signatures strictly and insert each payment once, 500 a statement.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use ed25519_dalek::{Signature, VerifyingKey};
use futures::future::try_join_all;
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

use super::Options;
use super::report::Report;

const MEMBERS: u32 = 500;
/// Tokens of a member, and payments of a token, in one round.
const TOKENS: u32 = 4;
const PAYMENTS: u32 = 5;
const BATCH: usize = 500;
const CALLERS: usize = 4;
const START: &str = "2026-06-01T12:00:00Z";

const PROGRAM: &str = r#"
    id = "p"
    currency = "EUR"
    zone = "UTC"
    rules = []
    redemptions = { order = ["cashback"] }
    tokens = { issuer = "bench", active = 1000, spends = 8 }
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
    let (engine, tenant) = open(&cluster.database()?).await?;
    let bare = PgPool::connect(&cluster.database()?).await?;
    let table = "CREATE TABLE receipts (digest bytea PRIMARY KEY, proof text NOT NULL)";
    sqlx::raw_sql(table).execute(&bare).await?;
    for round in 0..options.rounds {
        eprintln!("receipts round {} of {}", round + 1, options.rounds);
        let signed = sign(&tenant, round).await?;
        let all = f64::from(u32::try_from(signed.len())?);
        let seconds = settled(&tenant, &signed, round).await?;
        report.add("receipts, engine, receipts/s", all / seconds);
        let seconds = inserted(&bare, &signed).await?;
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
    for number in 0..MEMBERS {
        let member = member(number)?;
        tenant.execute(RegisterMember::new(member.clone())).await?;
        let gift = GrantReward {
            source: None,
            reference: None,
            member,
            amount: euro(100_000_000)?,
            reason: "a start".to_owned(),
            expires_at: None,
        };
        let key = CommandOptions::keyed(format!("gift {number}").parse()?);
        tenant.execute_with(gift, key).await?;
    }
    Ok((engine, tenant))
}

fn member(number: u32) -> Outcome<MemberId> {
    Ok(MemberId::new(&format!("m{number}"))?)
}

fn euro(minor: i64) -> Outcome<Money> {
    Ok(Money::new(minor, Asset::parse("EUR")?))
}

/// New tokens, and the payments that their devices sign: the first of each token, then the second of each, as tills tell them.
async fn sign(tenant: &TenantEngine, round: usize) -> Outcome<Vec<Signed>> {
    let phone = TokenSigner::from_seed(&[2; 32]);
    let mut chains: Vec<(String, Option<String>)> = Vec::new();
    for number in 0..MEMBERS {
        let issue = (0..TOKENS).map(|token| -> Outcome<IssueToken> {
            Ok(IssueToken {
                token: format!("t{round}-{number}-{token}").parse()?,
                member: member(number)?,
                program: "p".parse()?,
                amount: euro(1_000)?,
                holder_key: Some(hex::encode(phone.public_key())),
                device: None,
                merchant: None,
                lifetime_minutes: None,
            })
        });
        for issue in issue.collect::<Outcome<Vec<_>>>()? {
            chains.push((tenant.execute(issue).await?.text, None));
        }
    }
    let mut signed = Vec::new();
    for _ in 0..PAYMENTS {
        for (token, previous) in &mut chains {
            let spend = TokenSpend {
                token: token.clone(),
                previous: previous.clone(),
                merchant: "shop".parse()?,
                amount: euro(100)?,
                reference: None,
                now: Timestamp::parse(START)?,
            };
            let message = spend.message()?;
            let signature = phone.sign(&message);
            let proof = spend.proof(&signature)?;
            *previous = Some(proof.clone());
            signed.push(Signed {
                proof,
                message,
                signature: Signature::from_bytes(&signature),
            });
        }
    }
    Ok(signed)
}

/// The parts of the callers: each tells its batches one after the other.
fn parts(signed: &[Signed]) -> Vec<Vec<Vec<Signed>>> {
    let mut parts = vec![Vec::new(); CALLERS];
    for (number, batch) in signed.chunks(BATCH).enumerate() {
        if let Some(part) = parts.get_mut(number % CALLERS) {
            part.push(batch.to_vec());
        }
    }
    parts
}

async fn settled(tenant: &TenantEngine, signed: &[Signed], round: usize) -> Outcome<f64> {
    let parts = parts(signed);
    let started = Instant::now();
    let callers = parts.into_iter().enumerate().map(|(caller, batches)| {
        let tenant = tenant.clone();
        tokio::spawn(async move {
            for (number, batch) in batches.into_iter().enumerate() {
                let settle = SettleReceipts {
                    merchant: None,
                    receipts: batch.into_iter().map(|one| one.proof).collect(),
                };
                let key = format!("settle {round} {caller} {number}").parse()?;
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

async fn inserted(pool: &PgPool, signed: &[Signed]) -> Outcome<f64> {
    let phone = TokenSigner::from_seed(&[2; 32]);
    let key = VerifyingKey::from_bytes(&phone.public_key())?;
    let parts = parts(signed);
    let started = Instant::now();
    let callers = parts.into_iter().map(|batches| {
        let pool = pool.clone();
        tokio::spawn(async move {
            for batch in batches {
                let (mut digests, mut proofs) = (Vec::new(), Vec::new());
                for one in batch {
                    key.verify_strict(&one.message, &one.signature)?;
                    digests.push(one.signature.to_bytes().to_vec());
                    proofs.push(one.proof);
                }
                let insert = "INSERT INTO receipts SELECT * FROM unnest($1::bytea[], $2::text[])";
                sqlx::query(insert)
                    .bind(digests)
                    .bind(proofs)
                    .execute(&pool)
                    .await?;
            }
            Ok::<_, Failure>(())
        })
    });
    for caller in try_join_all(callers).await? {
        caller.map_err(|error| error.to_string())?;
    }
    Ok(started.elapsed().as_secs_f64())
}
