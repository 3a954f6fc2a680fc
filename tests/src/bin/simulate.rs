//! Long runs of the simulation: one seed after another, until time is up or a book is wrong.
//!
//! ```text
//! simulate [--seed N] [--seconds N] [--store memory|sqlite|postgres] [--clients N] [--members N] [--rounds N] [--orders N] [--lots N] [--calm]
//!          [--everything]
//! ```
//! Each run has a store of its own and prints what happened: commands, refusals, the faults that struck, and every violation
//! with the seed that brings it about again. It ends with status 1 when there was one. With `--everything` every operation is ordered
//! that there is; without it those are whose outcome is worked out again to the minor unit. At the end it prints how often each
//! operation was ordered, carried out and refused.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rewards_storage::memory::MemoryStore;
use rewards_storage::sql::{SqlOptions, SqlStore};
use rewards_storage::store::Backend;
use rewards_tests::postgres::shared_cluster;
use rewards_tests::simulation::{
    Deployment, Evidence, Failed, Failure, PATIENCE, Scenario, Tally, run,
};

const USAGE: &str = "simulate [--seed N] [--seconds N] [--store memory|sqlite|postgres] [--clients N] [--members N] [--rounds N] \
                     [--orders N] [--lots N] [--calm] [--everything]";

/// Where the books are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Memory,
    Sqlite,
    Postgres,
}

/// What was asked for.
#[derive(Debug)]
struct Arguments {
    scenario: Scenario,
    time: Duration,
    place: Place,
}

impl Arguments {
    fn read(words: impl IntoIterator<Item = String>) -> Result<Self, Failed> {
        let mut arguments = Self {
            scenario: Scenario::wild(1),
            time: Duration::ZERO,
            place: Place::Memory,
        };
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            if word == "--calm" {
                arguments.scenario.faults = false;
                arguments.scenario.mayhem = false;
                continue;
            }
            if word == "--everything" {
                arguments.scenario = arguments.scenario.with_everything();
                continue;
            }
            let value = words.next().ok_or_else(|| format!("usage: {USAGE}"))?;
            let number = || {
                let number = value.parse::<u64>();
                number.map_err(|_| format!("expected a number after `{word}`, got `{value}`"))
            };
            let scenario = &mut arguments.scenario;
            match word.as_str() {
                "--seed" => scenario.seed = number()?,
                "--seconds" => arguments.time = Duration::from_secs(number()?),
                "--clients" => scenario.clients = number()?,
                "--members" => scenario.members = number()?,
                "--rounds" => scenario.rounds = number()?,
                "--orders" => scenario.orders = number()?,
                "--lots" => scenario.lots = number()?,
                "--store" => {
                    arguments.place = match value.as_str() {
                        "memory" => Place::Memory,
                        "sqlite" => Place::Sqlite,
                        "postgres" => Place::Postgres,
                        _ => return Err(format!("usage: {USAGE}").into()),
                    };
                }
                _ => return Err(format!("usage: {USAGE}").into()),
            }
        }
        Ok(arguments)
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<ExitCode, Failed> {
    let arguments = Arguments::read(std::env::args().skip(1))?;
    let started = Instant::now();
    let mut scenario = arguments.scenario;
    let (mut runs, mut commands, mut violations) = (0_u64, 0_usize, 0_usize);
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    loop {
        let began = Instant::now();
        match simulate(scenario, arguments.place).await {
            Ok(evidence) => {
                commands += evidence.applied();
                tell(scenario, began.elapsed(), &evidence);
                for (operation, more) in evidence.tallies() {
                    let tally = tallies.entry(operation).or_default();
                    tally.ordered += more.ordered;
                    tally.accepted += more.accepted;
                    tally.refused += more.refused;
                }
            }
            Err(error) => {
                let failure = error.downcast::<Failure>()?;
                violations += failure.problems.len();
                println!("VIOLATION {failure}");
            }
        }
        runs += 1;
        scenario.seed = scenario.seed.wrapping_add(1);
        if started.elapsed() >= arguments.time {
            break;
        }
    }
    for (operation, tally) in tallies {
        let Tally {
            ordered,
            accepted,
            refused,
        } = tally;
        println!(
            "{operation:<24} {ordered:>8} ordered, {accepted:>8} carried out, {refused:>8} refused"
        );
    }
    println!("{runs} runs, {commands} commands, {violations} violations");
    Ok(ExitCode::from(u8::from(violations > 0)))
}

/// One run on a new store.
async fn simulate(scenario: Scenario, place: Place) -> Result<Evidence, Failed> {
    match place {
        Place::Memory => {
            let truth: Arc<dyn Backend> = Arc::new(MemoryStore::new());
            let front = Arc::clone(&truth);
            run(scenario, Deployment { truth, front }).await
        }
        Place::Sqlite => {
            let folder = tempfile::tempdir()?;
            let file = folder.path().join("rewards.db");
            on_database(scenario, &format!("sqlite:///{}", file.display())).await
        }
        Place::Postgres => on_database(scenario, &shared_cluster()?.database()?).await,
    }
}

/// The engines share connections; the auditor has its own.
async fn on_database(scenario: Scenario, url: &str) -> Result<Evidence, Failed> {
    let patient = SqlOptions {
        wait: PATIENCE,
        call_limit: PATIENCE,
        ..SqlOptions::default()
    };
    let truth = SqlStore::open(url, patient).await?;
    let front = SqlStore::open(url, SqlOptions::default()).await?;
    let deployment = Deployment {
        truth: Arc::new(truth.clone()),
        front: Arc::new(front.clone()),
    };
    let outcome = run(scenario, deployment).await;
    front.close().await?;
    truth.close().await?;
    outcome
}

fn tell(scenario: Scenario, time: Duration, evidence: &Evidence) {
    println!(
        "seed {}: {} commands, {} sweeps beside them, refused {:?}, {:?}, {:.1} s",
        scenario.seed,
        evidence.applied(),
        evidence.history.3,
        evidence.refusals(),
        evidence.faults,
        time.as_secs_f64(),
    );
}
