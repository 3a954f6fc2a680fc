//! Mergers on every store: whatever else happens to both members at once, nothing is lost and nothing rests with who was merged.

use futures::future::join_all;
use rewards_core::cashback::Purchase;
use rewards_core::operations::balances::GetBalance;
use rewards_core::operations::members::{MergeMembers, MergedMembers};
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::purchases::RecordPurchase;
use rewards_core::operations::rewards::SettleMember;
use rewards_core::program::Program;
use rewards_core::rejection::Fault;
use rewards_storage::engine::{CommandOptions, TenantEngine};

use super::engines::{Engines, keyed};
use super::transfers::{clubs, eur, transfer};
use crate::world::{at, member};

fn merge(who: &str, into: &str) -> MergeMembers {
    MergeMembers {
        member: member(who),
        into: member(into),
        tiers: None,
    }
}

/// Merges all at once, in turns through both engines.
async fn merge_all(club: &Engines, all: &[(&str, &str)]) -> Vec<Result<MergedMembers, Fault>> {
    let all = all.iter().map(|(who, into)| merge(who, into));
    club.all_at_once(all).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_members_are_merged_one_way_only() {
    for club in clubs("merges_crossed").await {
        let ended = merge_all(&club, &[("ann", "bob"), ("bob", "ann")]).await;
        let done = ended.iter().filter(|one| one.is_ok()).count();
        assert_eq!(done, 1, "{}", club.name);
        for refused in ended.into_iter().filter_map(Result::err) {
            assert_eq!(refused.code, "member_merged", "{}", club.name);
        }
        let mut both = [club.balance("ann").await, club.balance("bob").await];
        both.sort_unstable();
        assert_eq!(both, [0, 20_000], "{}", club.name);
        club.check(0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_merger_many_times_at_once_is_one() {
    for club in clubs("merges_same").await {
        let ended = merge_all(&club, &[("ann", "bob"); 8]).await;
        let replies: Vec<_> = ended.into_iter().map(Result::unwrap).collect();
        assert!(replies.iter().all(|reply| *reply == replies[0]));
        assert_eq!(replies[0].moved, [eur("100.00")]);
        club.check(0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_while_members_are_merged_is_sent_or_refused() {
    for club in clubs("merges_transfers").await {
        let sent = (0..24).map(|n| {
            let [from, to] = match n % 3 {
                0 => ["ann", "eve"],
                1 => ["eve", "ann"],
                _ => ["bob", "eve"],
            };
            let engine = club.engines[n % 2].clone();
            let transfer = transfer(&format!("t{n}"), from, to, "1.00");
            tokio::spawn(async move { engine.execute(transfer).await })
        });
        let sent: Vec<_> = sent.collect();
        let merged = merge_all(&club, &[("ann", "bob")]).await;
        assert!(merged[0].is_ok(), "{}: {merged:?}", club.name);
        let mut fees = 0;
        for one in join_all(sent).await {
            match one.unwrap() {
                Ok(_) => fees += 10,
                Err(refused) => {
                    let codes = ["member_merged", "receiver_unavailable"];
                    assert!(codes.contains(&&*refused.code), "{refused:?}");
                }
            }
        }
        assert_eq!(club.balance("ann").await, 0, "{}", club.name);
        club.check(fees).await;
    }
}

/// A purchase of ann's that is pending for one more minute.
async fn buy(engine: &TenantEngine) {
    let program: Program = serde_json::from_str(
        r#"{"id": "shop", "currency": "EUR", "zone": "UTC", "rules": [{"id": "it",
            "effect": {"percent": {"rate": "10%"}}, "lifecycle": {"pending": {"days": 1}}}]}"#,
    )
    .unwrap();
    let publish = PublishProgram {
        program,
        active_from: Some(at(-100_000)),
    };
    engine.execute_with(publish, keyed("shop")).await.unwrap();
    let purchase = Purchase::new(
        "p1".parse().unwrap(),
        member("ann"),
        "shop".parse().unwrap(),
        at(60 - 86_400),
        eur("50.00"),
    );
    let record = RecordPurchase::new(purchase);
    engine.execute(record).await.unwrap();
}

/// What has matured with who was merged is the other member's, and comes there once, whoever carries it out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_matures_comes_once() {
    for club in clubs("merges_matured").await {
        let [one, two] = &club.engines;
        buy(one).await;
        let merged = one.execute(merge("ann", "bob")).await.unwrap();
        assert_eq!(merged.left, [eur("5.00")], "{}", club.name);
        let later = |key: &str| CommandOptions {
            now: Some(at(120)),
            ..keyed(key)
        };
        let settled = [(one, "ann"), (two, "ann"), (one, "bob"), (two, "bob")];
        let settled = settled.into_iter().enumerate().map(|(n, (engine, who))| {
            let member = member(who);
            let settle = SettleMember { member };
            engine.execute_with(settle, later(&format!("s{n}")))
        });
        let sent = two.execute_with(transfer("t1", "bob", "eve", "204.00"), later("t1"));
        let shown = one.execute_with(GetBalance::new(member("bob")), later("unused"));
        let (settled, sent, shown) = tokio::join!(join_all(settled), sent, shown);
        for one in settled {
            one.unwrap();
        }
        sent.unwrap();
        let shown = shown.unwrap().reply.assets[0].available;
        let told = [eur("205.00"), eur("1.00")];
        assert!(told.contains(&shown), "{}: {shown:?}", club.name);
        assert_eq!(club.balance("bob").await, 100, "{}", club.name);
        assert_eq!(club.balance("ann").await, 0, "{}", club.name);
        club.assert_valid().await;
    }
}
