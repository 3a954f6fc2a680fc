//! Granted and taken manually under one id by several callers at once, on every store: it happens once.

use futures::future::join_all;
use rewards_core::money::{Asset, Money};
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::rewards::{GrantReward, ListAdjustments, ManualGrant};
use rewards_core::program::Program;
use rewards_core::rejection::Fault;
use rewards_storage::engine::CommandOptions;

use super::engines::{Engines, PATIENCE, keyed, of_every_store};
use crate::world::{at, member};

/// Every store, with a program and two members.
async fn stores(test: &str) -> Vec<Engines> {
    let stores = of_every_store(test).await;
    for store in &stores {
        let program = r#"{"id": "club", "currency": "EUR", "zone": "UTC"}"#;
        let program: Program = serde_json::from_str(program).unwrap();
        let active_from = Some(at(-60));
        let publish = PublishProgram {
            program,
            active_from,
        };
        let [one, _] = &store.engines;
        one.execute_with(publish, keyed("club")).await.unwrap();
        for who in ["ann", "bob"] {
            let register = RegisterMember::new(member(who));
            one.execute(register).await.unwrap();
        }
    }
    stores
}

fn grant(reference: &str, who: &str, minor: i64) -> GrantReward {
    GrantReward {
        member: member(who),
        amount: Money::new(minor, Asset::parse("EUR").unwrap()),
        reason: "a broken cup".to_owned(),
        expires_at: None,
        source: Some("service_recovery".parse().unwrap()),
        reference: Some(reference.parse().unwrap()),
    }
}

impl Engines {
    /// Sends everything at once, by turns through both engines, each under a key of its own or under none.
    async fn grant_all(
        &self,
        grants: &[GrantReward],
        round: usize,
    ) -> Vec<Result<ManualGrant, Fault>> {
        let sent = grants.iter().enumerate().map(|(number, grant)| {
            let engine = &self.engines[number % 2];
            let options = match number % 3 {
                0 => CommandOptions::default(),
                _ => keyed(&format!("key-{round}-{number}")),
            };
            engine.execute_with(grant.clone(), options)
        });
        let answers = tokio::time::timeout(PATIENCE, join_all(sent))
            .await
            .unwrap();
        answers
            .into_iter()
            .map(|answer| answer.map(|receipt| receipt.reply))
            .collect()
    }

    async fn adjustments(&self) -> usize {
        let [one, _] = &self.engines;
        let all = one.execute(ListAdjustments::default()).await.unwrap();
        all.adjustments.len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_id_at_once_has_one_effect_and_one_reply() {
    for store in stores("adjustments_same").await {
        for round in 0..8_usize {
            let same = vec![grant(&format!("a{round}"), "ann", 500); 9];
            let answers = store.grant_all(&same, round).await;
            let first = answers[0].clone().unwrap();
            for answer in answers {
                assert_eq!(answer.unwrap(), first, "{}", store.name);
            }
            let sum = 500 * i64::try_from(round + 1).unwrap();
            assert_eq!(store.balance("ann").await, sum, "{}", store.name);
            assert_eq!(store.adjustments().await, round + 1, "{}", store.name);
        }
        store.assert_valid().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_contents_of_one_id_at_once_are_one_of_them() {
    for store in stores("adjustments_other").await {
        let mut sum = 0;
        for round in 0..8_usize {
            let id = format!("a{round}");
            let two = [grant(&id, "ann", 500), grant(&id, "bob", 700)];
            let both: Vec<GrantReward> = two.iter().cycle().take(8).cloned().collect();
            let answers = store.grant_all(&both, round).await;
            let mut done = [false; 2];
            for (number, answer) in answers.iter().enumerate() {
                match answer {
                    Ok(_) => done[number % 2] = true,
                    Err(fault) => assert_eq!(fault.code, "key_reused", "{}", store.name),
                }
            }
            assert_ne!(done[0], done[1], "{}: {answers:?}", store.name);
            sum += if done[0] { 500 } else { 700 };
            let has = store.balance("ann").await + store.balance("bob").await;
            assert_eq!(has, sum, "{}", store.name);
            assert_eq!(store.adjustments().await, round + 1, "{}", store.name);
        }
        store.assert_valid().await;
    }
}
