//! Sweeps over stored rows: a damaged one stops nobody.

use std::sync::Arc;

use rewards_core::money::Money;
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::rewards::GrantReward;
use rewards_core::time::Timestamp;
use rewards_storage::engine::{CommandOptions, Engine, ManualClock, TenantEngine};

use crate::sql_store::surgeon::Surgeon;
use crate::world::{Backend, backends, eur, member, tenant};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// Members whose reward has expired by now, on a store of its own.
async fn expired(backend: &Backend, members: u32) -> TenantEngine {
    let clock = Arc::new(ManualClock::new(at("2026-05-01T10:00:00Z")));
    let store = Arc::new(backend.reopened().await);
    let engine = Engine::builder(store).clock(clock.clone()).open();
    let engine = engine.await.unwrap().tenant(tenant());
    for number in 0..members {
        let name = format!("m{number:03}");
        let joined = RegisterMember::new(member(&name));
        engine.execute(joined).await.unwrap();
        let grant = GrantReward {
            source: None,
            reference: None,
            member: member(&name),
            amount: Money::new(500, eur()),
            reason: String::from("welcome"),
            expires_at: Some(at("2026-05-02T10:00:00Z")),
        };
        let key = CommandOptions::keyed(name.parse().unwrap());
        engine.execute_with(grant, key).await.unwrap();
    }
    clock.set(at("2026-05-03T10:00:00Z"));
    engine
}

#[tokio::test]
async fn damaged_rows_stop_no_sweep() {
    for backend in backends("sweeps_over_damage").await {
        let engine = expired(&backend, 8).await;
        let mut surgeon = Surgeon::at(&backend.url).await;
        for damage in [
            "UPDATE members SET body = «'{'» WHERE member = 'm000'",
            "UPDATE lots SET source = '?' WHERE member = 'm003'",
        ] {
            surgeon.execute(damage).await;
        }
        for (members, settled) in [(8, 6), (2, 0)] {
            let sweep = engine.settle_due().await.unwrap();
            assert_eq!(
                (sweep.members, sweep.settled.len()),
                (members, settled),
                "{}",
                backend.name
            );
            let failed: Vec<_> = sweep
                .failed
                .iter()
                .map(|(m, f)| (m.as_str(), &*f.code))
                .collect();
            assert_eq!(
                failed,
                [("m000", "store_corrupt"), ("m003", "store_corrupt")]
            );
        }
    }
}
