//! P6: transfers on PostgreSQL by 256 callers, between random pairs of ten thousand members and to one receiver, beside
//! `pgledger`, which is not part of this repository: the folder of its clone is what `REWARDS_PGLEDGER` says, and without it
//! the engine is measured alone.
//!
//! Both sides have a database of their own on one server that makes every commit durable, the same pairs and amounts, and a
//! second before the first round that does not count. The engine moves money of members' own, which rests in no lots, as
//! accounts of a ledger do; units that rest in lots are measured beside it. In the end both books must say that nothing was
//! lost and that as many transfers were made as were counted.

mod engine;
mod pgledger;

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sqlx::PgPool;

use self::engine::{Ours, Value};
use self::pgledger::Pgledger;
use super::report::Report;
use super::{MEMBERS, Options};

/// How many callers there are, each with one transfer at a time.
pub const CALLERS: usize = 256;
/// What every member has before, in minor units.
pub const FUNDS: i64 = 10_000_000;
/// How many connections the callers of the peer share; the best of them counts. The engine has what it has by default, which is
/// 8 at most, and uses as many as it has workers.
const CONNECTIONS: [u32; 3] = [8, 16, 64];

/// Why a caller stopped.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Who sends to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairs {
    /// Any member to any other one, but for the first.
    Random,
    /// Any member to the first one.
    Hot,
}

impl Pairs {
    /// In which order they are measured, and what each has to reach beside the peer.
    const ALL: [(Self, f64); 2] = [(Self::Random, 7.0), (Self::Hot, 15.0)];

    fn name(self) -> &'static str {
        match self {
            Self::Random => "random pairs",
            Self::Hot => "one hot receiver",
        }
    }

    /// The numbers of the sender and the receiver of a transfer, and how much it is.
    pub fn of(self, number: u64) -> (u64, u64, i64) {
        let others = u64::from(MEMBERS) - 1;
        let (one, other) = (
            super::rows::mix(2 * number),
            super::rows::mix(2 * number + 1),
        );
        let from = one % others;
        let to = (from + 1 + other % (others - 1)) % others;
        let amount = 1 + i64::try_from(other % 100).unwrap_or(0);
        match self {
            Self::Random => (1 + from, 1 + to, amount),
            Self::Hot => (1 + from, 0, amount),
        }
    }
}

/// What was moved, by which the books are checked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Moved {
    /// How many transfers.
    pub transfers: i64,
    /// How much the first member got.
    pub hot: i64,
    /// How many transfers were refused and sent again.
    pub again: i64,
    /// How many transfers there were in a second.
    pub per_second: f64,
}

impl Moved {
    /// Takes a transfer down.
    pub fn add(&mut self, pairs: Pairs, amount: i64) {
        self.transfers += 1;
        self.hot += if pairs == Pairs::Hot { amount } else { 0 };
    }

    /// Both together.
    pub fn join(&mut self, other: &Self) {
        self.transfers += other.transfers;
        self.hot += other.hot;
        self.again += other.again;
    }
}

/// Measures both sides in turn.
pub async fn run(options: &Options, report: &mut Report) -> Result<(), Box<dyn Error>> {
    let cluster = rewards_tests::postgres::Cluster::start()?;
    let mut ours = Ours::prepare(&cluster.database()?).await?;
    durable(&ours.pool).await?;
    super::warm_up(&ours.pool).await?;
    let mut peer = match std::env::var_os("REWARDS_PGLEDGER") {
        Some(folder) => Some(Pgledger::prepare(&cluster.database()?, folder.as_ref()).await?),
        None => {
            println!("transfers: not beside pgledger, because REWARDS_PGLEDGER names no folder");
            None
        }
    };
    // The first second of each counts for nothing: statements are prepared and connections made.
    round(&mut ours, &mut peer, 1, &mut Report::default()).await?;
    for number in 0..options.rounds {
        eprintln!("transfers round {} of {}", number + 1, options.rounds);
        round(&mut ours, &mut peer, options.seconds, report).await?;
    }
    ours.check().await?;
    if let Some(peer) = &peer {
        peer.check().await?;
        compare(report);
    }
    Ok(())
}

async fn round(
    ours: &mut Ours,
    peer: &mut Option<Pgledger>,
    seconds: u64,
    report: &mut Report,
) -> Result<(), Box<dyn Error>> {
    for (pairs, _) in Pairs::ALL {
        for value in [Value::Money, Value::Points] {
            let rate = ours.run(value, pairs, seconds).await?;
            report.add(&engine_figure(value, pairs), rate);
        }
        let Some(peer) = peer else { continue };
        for connections in CONNECTIONS {
            let moved = peer.run(connections, pairs, seconds).await?;
            report.add(&peer_figure(connections, pairs), moved.per_second);
            if moved.again > 0 {
                eprintln!(
                    "pgledger refused {} transfers, which were sent again",
                    moved.again
                );
            }
        }
    }
    Ok(())
}

fn compare(report: &mut Report) {
    for (pairs, wanted) in Pairs::ALL {
        let rates = CONNECTIONS.map(|connections| report.median(&peer_figure(connections, pairs)));
        let best = rates.into_iter().fold(0.0_f64, f64::max);
        for value in [Value::Money, Value::Points] {
            let ratio = report.median(&engine_figure(value, pairs)) / best;
            let name = format!("P6 {}, {} / pgledger", value.name(), pairs.name());
            report.goal(&name, ratio, wanted, true);
        }
    }
}

fn engine_figure(value: Value, pairs: Pairs) -> String {
    format!("engine, {}, {}, transfers/s", value.name(), pairs.name())
}

fn peer_figure(connections: u32, pairs: Pairs) -> String {
    format!(
        "pgledger, {connections} connections, {}, transfers/s",
        pairs.name()
    )
}

/// What neither side may do without.
async fn durable(pool: &PgPool) -> Result<(), Box<dyn Error>> {
    let sql = "SELECT current_setting('fsync'), current_setting('synchronous_commit'), current_setting('full_page_writes')";
    let (fsync, commit, pages): (String, String, String) =
        sqlx::query_as(sql).fetch_one(pool).await?;
    println!("transfers: fsync {fsync}, synchronous_commit {commit}, full_page_writes {pages}");
    if [fsync, commit, pages].iter().any(|setting| setting != "on") {
        return Err("the server does not make commits durable".into());
    }
    Ok(())
}

/// Lets callers work for some seconds, each on one transfer after another, and adds up what they have done.
pub async fn measure<F, W>(
    next: &Arc<AtomicU64>,
    seconds: u64,
    pairs: Pairs,
    work: F,
) -> Result<Moved, Failure>
where
    F: Fn(u64) -> W + Clone + Send + 'static,
    W: Future<Output = Result<i64, Failure>> + Send,
{
    let started = Instant::now();
    let deadline = started + Duration::from_secs(seconds);
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (work, next) = (work.clone(), Arc::clone(next));
            tokio::spawn(async move {
                let mut moved = Moved::default();
                while Instant::now() < deadline {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    moved.again += work(number).await?;
                    moved.add(pairs, pairs.of(number).2);
                }
                Ok::<Moved, Failure>(moved)
            })
        })
        .collect();
    let mut moved = Moved::default();
    for caller in callers {
        moved.join(&caller.await??);
    }
    moved.per_second = moved.transfers as f64 / started.elapsed().as_secs_f64();
    Ok(moved)
}

/// Says what differs from what was counted.
pub fn expect(what: &str, found: i64, wanted: i64) -> Result<(), Box<dyn Error>> {
    match found == wanted {
        true => Ok(()),
        false => Err(format!("{what}: expected {wanted}, found {found}").into()),
    }
}
