//! What hosts do beside operations: health, audit, liability, sweeps and the delivery of events, all as JSON.

use rewards_core::audit::{AuditProblem, BookHead};
use rewards_core::event::{EventRecord, Stream};
use rewards_core::ids::MemberId;
use rewards_core::operations::rewards::SettledMember;
use rewards_core::rejection::Fault;
use rewards_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::dispatch::{read, unknown};
use crate::open::Opened;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClaimEvents {
    owner: Uuid,
    lease_seconds: u32,
    limit: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeldEvents {
    owner: Uuid,
    events: Vec<(Stream, u64)>,
}

#[derive(Serialize)]
struct ClaimedEvent {
    event: EventRecord,
    attempts: u32,
}

#[derive(Serialize)]
struct Health {
    backend: &'static str,
    schema_version: i64,
    outbox_waiting: u64,
    outbox_oldest: Option<Timestamp>,
    outbox_lag_seconds: u64,
    queued: usize,
    workers: usize,
    workers_wanted: usize,
    is_open: bool,
}

#[derive(Serialize)]
struct BookReport {
    members: u64,
    entries: u64,
    accounts: u64,
    problems: Vec<String>,
    unlisted: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskLiability {
    at: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BookHeads {
    after: Option<Stream>,
    limit: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptHeads {
    heads: Vec<BookHead>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Backup {
    path: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AcceptTime {
    at: Timestamp,
}

#[derive(Serialize)]
struct Sweep {
    members: u64,
    tier_changes: u64,
    settled: Vec<(MemberId, SettledMember)>,
    failed: Vec<(MemberId, Fault)>,
}

/// Carries out a service; its reply as JSON.
///
/// # Errors
/// `invalid` for an unknown name or unreadable arguments; a fault of the store; `engine_closed`.
pub async fn serve(opened: &Opened, name: &str, arguments: &str) -> Result<Vec<u8>, Fault> {
    opened.check_process()?;
    #[cfg(feature = "test-hooks")]
    crate::hooks::panic_if_told(name);
    match name {
        "health" => write(&health(opened).await?),
        "verify" => write(&verify(opened).await?),
        "liability" => {
            let asked: AskLiability = read(arguments)?;
            write(&opened.tenant.liability(asked.at).await?)
        }
        "book_heads" => {
            let asked: BookHeads = read(arguments)?;
            write(&opened.tenant.book_heads(asked.after, asked.limit).await?)
        }
        "check_heads" => {
            let kept: KeptHeads = read(arguments)?;
            write(&told(&opened.tenant.check_heads(&kept.heads).await?))
        }
        "backup" => {
            let asked: Backup = read(arguments)?;
            write(&opened.engine.backup(asked.path).await?)
        }
        "accept_time" => {
            let told: AcceptTime = read(arguments)?;
            write(&opened.engine.accept_time(told.at)?)
        }
        "settle_due" => write(&settle_due(opened).await?),
        "claim_events" => write(&claim(opened, read(arguments)?).await?),
        "acknowledge_events" => {
            let held: HeldEvents = read(arguments)?;
            let removed = opened.tenant.acknowledge_events(held.owner, &held.events);
            write(&removed.await?)
        }
        "discard_events" => write(&opened.tenant.discard_events().await?),
        "release_events" => {
            let held: HeldEvents = read(arguments)?;
            let released = opened.tenant.release_events(held.owner, &held.events);
            write(&released.await?)
        }
        name => Err(unknown(name)),
    }
}

/// Writes a reply.
fn write(reply: &impl Serialize) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(reply).map_err(|error| Fault::new("internal", error.to_string()))
}

async fn health(opened: &Opened) -> Result<Health, Fault> {
    let health = opened.engine.health().await?;
    Ok(Health {
        backend: health.store.backend,
        schema_version: health.store.schema_version,
        outbox_waiting: health.store.outbox_waiting,
        outbox_oldest: health.store.outbox_oldest,
        outbox_lag_seconds: health.outbox_lag_seconds,
        queued: health.queued,
        workers: health.workers,
        workers_wanted: health.workers_wanted,
        is_open: health.is_open,
    })
}

async fn verify(opened: &Opened) -> Result<BookReport, Fault> {
    let report = opened.tenant.verify().await?;
    Ok(BookReport {
        members: report.members,
        entries: report.entries,
        accounts: report.accounts,
        problems: told(&report.problems),
        unlisted: report.unlisted,
    })
}

/// Problems for people, each after its code: what to do about a broken book is not for a program to decide.
fn told(problems: &[AuditProblem]) -> Vec<String> {
    let said = problems
        .iter()
        .map(|problem| format!("{}: {problem}", problem.code()));
    said.collect()
}

async fn settle_due(opened: &Opened) -> Result<Sweep, Fault> {
    let sweep = opened.tenant.settle_due().await?;
    Ok(Sweep {
        members: sweep.members,
        tier_changes: sweep.tier_changes,
        settled: sweep.settled,
        failed: sweep.failed,
    })
}

async fn claim(opened: &Opened, asked: ClaimEvents) -> Result<Vec<ClaimedEvent>, Fault> {
    let claimed = opened
        .tenant
        .claim_events(asked.owner, asked.lease_seconds, asked.limit)
        .await?;
    let claimed = claimed.into_iter().map(|claimed| ClaimedEvent {
        event: claimed.event,
        attempts: claimed.attempts,
    });
    Ok(claimed.collect())
}
