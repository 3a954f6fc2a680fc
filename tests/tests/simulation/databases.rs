//! The same simulation on databases, with threads and real time: the seed repeats the orders, not the interleaving.

use std::sync::Arc;

use rewards_storage::sql::{SqlOptions, SqlStore};
use rewards_storage::store::Backend;
use rewards_tests::postgres::shared_cluster;
use rewards_tests::simulation::{Deployment, Failed, PATIENCE, Scenario, run, seeds};

use super::{Outcome, told};

/// Seeds of the simulation on each database.
const SEEDS: u64 = 3;

/// Every other time everything is ordered.
fn scenario(seed: u64) -> Scenario {
    match seed % 2 {
        0 => Scenario::breezy(seed).with_everything(),
        _ => Scenario::breezy(seed),
    }
}

/// The engines share connections; the auditor has its own.
async fn deployment(url: &str) -> Result<Deployment, Failed> {
    Ok(Deployment {
        // Whoever audits waits as long as it takes.
        truth: open(
            url,
            SqlOptions {
                wait: PATIENCE,
                call_limit: PATIENCE,
                ..SqlOptions::default()
            },
        )
        .await?,
        front: open(url, SqlOptions::default()).await?,
    })
}

async fn open(url: &str, options: SqlOptions) -> Result<Arc<dyn Backend>, Failed> {
    Ok(Arc::new(SqlStore::open(url, options).await?))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_books_are_right_after_a_storm_on_sqlite() -> Outcome {
    for seed in seeds(SEEDS)? {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("rewards.db");
        let url = format!("sqlite:///{}", file.display());
        let evidence = run(scenario(seed), deployment(&url).await?).await?;
        told("sqlite", seed, &evidence);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_books_are_right_after_a_storm_on_postgres() -> Outcome {
    for seed in seeds(SEEDS)? {
        let url = shared_cluster()?.database()?;
        let evidence = run(scenario(seed), deployment(&url).await?).await?;
        told("postgres", seed, &evidence);
    }
    Ok(())
}
