//! Writers of every kind over the same few rows, in every order: none of them waits for another one that waits for it.
//!
//! The server counts deadlocks itself. Trying again would hide them: each holds up everybody who waits behind it for a second.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use rewards_core::entity::{EntityRemoval, Expected};
use rewards_core::ids::TenantId;
use rewards_core::ledger::{Account, Purpose};
use rewards_core::money::Asset;
use rewards_core::snapshot::ReadPlan;
use rewards_storage::batch::{Commit, CommitBatch};
use rewards_storage::contract::fixtures::{
    Draft, at, counter, event, member, member_key, probe_key, slug, tenant, transfer,
};
use rewards_storage::sql::{SqlOptions, SqlStore};
use rewards_storage::store::{Outbox, Store};
use rewards_tests::postgres::shared_cluster;
use rewards_tests::simulation::Random;
use tokio::task::JoinSet;
use uuid::Uuid;

type Failed = Box<dyn Error + Send + Sync>;

/// Stores, each with connections of its own, as in processes of their own.
const STORES: usize = 3;
/// Writers on each store: with those of the others more than a control account has parts.
const WRITERS: usize = 8;
/// Groups of each writer.
const ROUNDS: u64 = 10;
/// Batches of a group.
const GROUP: u64 = 6;
/// Members, probes and counters that all writers share.
const HOT: u64 = 5;
const ASSETS: [&str; 3] = ["EUR", "JPY", "USD"];

/// What a writer does beside what all of them do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Its groups are written at once where nobody else is faster.
    Fast,
    /// Its groups hold a batch that is refused, so that they are judged.
    Judged,
    /// The writes of its groups cannot be made at once, so that its batches are taken one by one.
    OneByOne,
}

const WAYS: [Way; 3] = [Way::Fast, Way::Judged, Way::OneByOne];

/// One writer of the storm.
struct Writer {
    store: SqlStore,
    tenant: TenantId,
    number: u64,
    way: Way,
    random: Random,
}

impl Writer {
    /// Commits groups; returns how many batches were applied, and every error that is no plain refusal.
    async fn run(mut self) -> Result<(u64, Vec<String>), Failed> {
        let (mut applied, mut errors) = (0, Vec::new());
        for round in 0..ROUNDS {
            let group = self.group(round).await?;
            match self.store.commit(&group).await {
                Ok(ends) => {
                    let is_applied = |end: &&Commit| **end == Commit::Applied;
                    applied += u64::try_from(ends.iter().filter(is_applied).count())?;
                }
                Err(error) => errors.push(error.to_string()),
            }
        }
        Ok((applied, errors))
    }

    async fn group(&mut self, round: u64) -> Result<Vec<CommitBatch>, Failed> {
        let mut places: Vec<u64> = (0..GROUP).collect();
        shuffle(&mut places, &mut self.random);
        let mut group = Vec::new();
        for place in places {
            group.push(self.batch(round, place).await?);
        }
        let own = format!("{} {round}", self.number);
        match self.way {
            Way::Fast => {}
            Way::Judged => {
                let stale = Draft::new(&self.tenant, &format!("stale {own}"));
                group.push(stale.member("nobody", 7).build());
            }
            Way::OneByOne => {
                // Together these leave the range of a sum, and one by one they do not.
                let key = counter(&self.tenant, "released").at(i64::try_from(self.number)?);
                for n in 0..3 {
                    let release = Draft::new(&self.tenant, &format!("release {own} {n}"));
                    group.push(release.count(&key, -i64::MAX, None).build());
                }
            }
        }
        Ok(group)
    }

    /// A batch over a few of the shared rows. Its key is that of another writer's batch, too.
    async fn batch(&mut self, round: u64, place: u64) -> Result<CommitBatch, Failed> {
        let key = format!("{round} {place} {}", self.number % 2);
        let mut draft = Draft::new(&self.tenant, &key);
        for _ in 0..2 {
            let name = format!("hot {}", self.random.below(HOT));
            draft = draft.count(&counter(&self.tenant, &name).at(0), 1, Some(1_000_000));
        }
        let fresh = counter(&self.tenant, "fresh").at(i64::try_from(round * GROUP + place)?);
        draft = draft.count(&fresh, 1, None);
        let who = format!("m{}", self.random.below(HOT));
        let probes = [self.random.below(HOT), self.random.below(HOT)];
        let names = probes.map(|probe| format!("p{probe}"));
        let plan = ReadPlan {
            members: vec![member_key(&self.tenant, &who)],
            entities: names
                .iter()
                .map(|name| probe_key(&self.tenant, name))
                .collect(),
            ..ReadPlan::default()
        };
        let seen = self.store.load(&plan).await?;
        let version = seen.members.values().next().map_or(0, |row| row.version);
        let asset = ASSETS.get(usize::try_from(place % 3)?);
        let asset = Asset::parse(asset.ok_or("an asset")?)?;
        let grant = transfer(
            Account::system(Purpose::Funding(slug("rewards")), asset),
            Account::member(&member(&who), Purpose::Cashback, asset),
            1,
        );
        draft = draft
            .member(&who, version)
            .transfer(&who, version + 1, grant);
        draft = draft.event(event(&who, version + 1, 1));
        let version_of = |name: &str| {
            let row = seen.entities.get(&probe_key(&self.tenant, name));
            row.map_or(0, |row| row.version)
        };
        let [first, second] = &names;
        draft = draft.probe(first, &who, version_of(first));
        let mut batch = draft.build();
        let is_removed = first != second && version_of(second) > 0 && self.random.below(2) == 0;
        if is_removed {
            Arc::make_mut(&mut batch.changes)
                .removals
                .push(EntityRemoval {
                    key: probe_key(&self.tenant, second),
                    version: version_of(second),
                });
        }
        debug_assert!(
            batch.changes.entities.iter().all(|write| {
                write.expected == Expected::Absent || write.expected.version() > 0
            })
        );
        Ok(batch)
    }
}

fn shuffle(places: &mut [u64], random: &mut Random) {
    for at in (1..places.len()).rev() {
        let other = random.below(u64::try_from(at + 1).unwrap_or(1));
        places.swap(at, usize::try_from(other).unwrap_or(0));
    }
}

/// Claims events and gives them back or takes them off, in any order, with leases that have run out when they begin.
async fn relay(store: SqlStore, tenant: TenantId, seed: u64) -> Result<Vec<String>, Failed> {
    let mut random = Random::of(&[seed]);
    let owner = Uuid::from_u128(u128::from(seed));
    let mut errors = Vec::new();
    for _ in 0..ROUNDS * 2 {
        let claimed = match store.claim(&tenant, owner, at(9), at(9), 20).await {
            Ok(claimed) => claimed,
            Err(error) => {
                errors.push(error.to_string());
                continue;
            }
        };
        let mut events: Vec<_> = claimed
            .into_iter()
            .map(|claimed| (claimed.event.stream, claimed.event.seq))
            .collect();
        if random.below(2) == 0 {
            events.reverse();
        }
        let settled = match random.below(2) {
            0 => store.acknowledge(&tenant, owner, &events).await,
            _ => store.release(&tenant, owner, &events).await,
        };
        errors.extend(settled.err().map(|error| error.to_string()));
    }
    Ok(errors)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_of_every_kind_do_not_deadlock() -> Result<(), Failed> {
    let cluster = shared_cluster()?;
    let url = cluster.database()?;
    let tenant = tenant("shop");
    let mut stores = Vec::new();
    for _ in 0..STORES {
        let options = SqlOptions {
            connections: 10,
            // However long the others take: this is about those who wait for each other.
            call_limit: Duration::from_secs(120),
            ..SqlOptions::default()
        };
        stores.push(SqlStore::open(&url, options).await?);
    }
    let mut writers = JoinSet::new();
    let mut relays = JoinSet::new();
    for (number, store) in stores.iter().enumerate() {
        for place in 0..WRITERS {
            let number = number * WRITERS + place;
            let writer = Writer {
                store: store.clone(),
                tenant: tenant.clone(),
                number: u64::try_from(number)?,
                way: WAYS[number % WAYS.len()],
                random: Random::of(&[7, u64::try_from(number)?]),
            };
            writers.spawn(writer.run());
        }
        relays.spawn(relay(
            store.clone(),
            tenant.clone(),
            u64::try_from(number + 1)?,
        ));
    }
    let (mut applied, mut errors) = (0, Vec::new());
    while let Some(ended) = writers.join_next().await {
        let (more, failed) = ended??;
        applied += more;
        errors.extend(failed);
    }
    while let Some(ended) = relays.join_next().await {
        errors.extend(ended??);
    }
    for store in &stores {
        store.close().await?;
    }
    // What connections have counted is told when they end.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let database = url.rsplit('/').next().unwrap_or_default();
    let deadlocks = cluster.execute(
        "postgres",
        &format!("select deadlocks from pg_stat_database where datname = '{database}'"),
    )?;
    assert_eq!(deadlocks, "0", "{applied} applied, errors: {errors:#?}");
    assert!(applied > ROUNDS, "{applied} applied, errors: {errors:#?}");
    assert!(errors.is_empty(), "{applied} applied, errors: {errors:#?}");
    println!("{applied} batches applied, no deadlock");
    Ok(())
}
