//! How commits end.

use rewards_core::ledger::Account;
use rewards_core::snapshot::ReadPlan;
use rewards_storage::batch::{CommandKey, Commit, Refusal, StaleRow};
use rewards_storage::sql::SqlStore;
use rewards_storage::store::{Query, Store};

use crate::world::{
    Draft, apply, backends, budget, cashback, commit, draft, entity_key, funding, member_key,
    program_key, tenant,
};

fn stale_member(id: &str) -> Commit {
    Commit::Refused(Refusal::Stale(StaleRow::Member(member_key(id))))
}

async fn version(store: &SqlStore, id: &str) -> u64 {
    let plan = ReadPlan {
        members: vec![member_key(id)],
        ..ReadPlan::default()
    };
    let seen = store.load(&plan).await.unwrap();
    seen.members
        .get(&member_key(id))
        .map_or(0, |row| row.version)
}

async fn value(store: &SqlStore) -> i64 {
    let subject = budget().subject;
    let counters = store.counters(&tenant(), &subject).await.unwrap();
    counters.iter().map(|(_, _, value)| value).sum()
}

/// The sum of all accounts with the purpose and asset of this one.
async fn control(store: &SqlStore, account: &Account) -> i128 {
    let accounts = store.control_accounts(&tenant()).await.unwrap();
    let is_it = |(purpose, asset, _): &&(_, _, i128)| {
        *purpose == account.purpose && *asset == account.asset
    };
    accounts.iter().find(is_it).map_or(0, |(_, _, sum)| *sum)
}

async fn balance(store: &SqlStore) -> i128 {
    control(store, &cashback("anybody")).await
}

#[tokio::test]
async fn versions_form_a_chain() {
    for backend in backends("versions").await {
        let store = &backend.store;
        apply(store, draft("1").member("ann", 0)).await;
        apply(store, draft("2").member("ann", 1)).await;
        assert_eq!(version(store, "ann").await, 2);
        for (key, expected) in [("3", 0), ("4", 1), ("5", 3)] {
            let ends = commit(store, [draft(key).member("ann", expected)]).await;
            assert_eq!(ends, [stale_member("ann")], "{} {expected}", backend.name);
        }
        // A row that does not exist has version 0 and no other.
        let ends = commit(store, [draft("6").member("bob", 1)]).await;
        assert_eq!(ends, [stale_member("bob")]);
        apply(store, draft("7").entity("x", "ann", 0)).await;
        let ends = commit(store, [draft("8").entity("x", "ann", 0)]).await;
        assert_eq!(ends, [Commit::Refused(Refusal::Exists(entity_key("x")))]);
        assert_eq!(version(store, "ann").await, 2);
    }
}

#[tokio::test]
async fn a_group_may_build_on_itself() {
    for backend in backends("group").await {
        let store = &backend.store;
        let group = [
            draft("1").member("ann", 0).transfer("ann", 1, 70),
            draft("2").member("bob", 0),
            draft("3").member("ann", 1).transfer("ann", 2, -50),
            draft("4").member("ann", 2).transfer("ann", 3, 5),
        ];
        assert_eq!(commit(store, group).await, vec![Commit::Applied; 4]);
        assert_eq!(version(store, "ann").await, 3);
        assert_eq!(balance(store).await, 25);
        // One that is refused takes those with it that build on it, even where the version fits, and no others.
        let group = [
            draft("5").member("ann", 2),
            draft("6").member("ann", 3).transfer("ann", 4, 1),
            draft("7").member("bob", 2),
            draft("8").member("bob", 3),
            draft("9").member("cid", 0),
        ];
        let ends = commit(store, group).await;
        let want = [
            stale_member("ann"),
            stale_member("ann"),
            stale_member("bob"),
            stale_member("bob"),
            Commit::Applied,
        ];
        assert_eq!(ends, want, "{}", backend.name);
        assert_eq!(balance(store).await, 25);
        assert_eq!(version(store, "cid").await, 1);
    }
}

#[tokio::test]
async fn a_key_has_one_effect_and_one_reply() {
    for backend in backends("replies").await {
        let store = &backend.store;
        let first = draft("1").member("ann", 0).done();
        assert_eq!(
            store.commit(std::slice::from_ref(&first)).await.unwrap(),
            [Commit::Applied]
        );
        let replayed = Commit::Replayed(first.reply.clone());
        // The key is looked at before anything else, and an empty batch has one too.
        let group = [
            draft("1").member("ann", 7),
            draft("1").otherwise().member("ann", 7),
            draft("2"),
            draft("2"),
            draft("2").otherwise(),
        ];
        let ends = commit(store, group).await;
        assert_eq!(ends[0], replayed);
        assert_eq!(ends[1], Commit::Refused(Refusal::KeyReused));
        assert_eq!(ends[2], Commit::Applied);
        assert!(matches!(ends[3], Commit::Replayed(_)));
        assert_eq!(ends[4], Commit::Refused(Refusal::KeyReused));
        let ends = commit(store, [draft("2")]).await;
        assert_eq!(ends, [Commit::Replayed(draft("2").done().reply)]);
        let CommandKey::Reply(key) = &first.key else {
            panic!("{:?}", first.key);
        };
        let plan = ReadPlan {
            replies: vec![key.clone()],
            ..ReadPlan::default()
        };
        let seen = store.load(&plan).await.unwrap();
        assert_eq!(seen.replies.get(key), Some(&first.reply));
        assert!(store.commit(&[]).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn counters_stay_within_their_bounds() {
    let bound = |counter: i64| {
        Commit::Refused(Refusal::CounterBound {
            counter: budget().at(0),
            bound: counter,
        })
    };
    let add = |key: &str, delta, most| draft(key).counter(&budget(), 0, delta, most);
    for backend in backends("counters").await {
        let store = &backend.store;
        assert_eq!(commit(store, [add("1", 11, Some(10))]).await, [bound(10)]);
        assert_eq!(value(store).await, 0);
        apply(store, add("2", 10, Some(10))).await;
        assert_eq!(commit(store, [add("3", 1, Some(10))]).await, [bound(10)]);
        apply(store, add("4", 5, None)).await;
        // A release is never refused, even above its bound.
        apply(store, add("5", -1, Some(10))).await;
        assert_eq!(value(store).await, 14);
        apply(store, add("6", -20, Some(0))).await;
        // Below zero there is more room than the bound itself.
        apply(store, add("7", 15, Some(9))).await;
        assert_eq!(value(store).await, 9);
        // In a group every step is bounded, not only the sum.
        let group = [
            add("8", 3, Some(10)),
            add("9", -9, None),
            add("10", 7, Some(10)),
        ];
        let ends = commit(store, group).await;
        assert_eq!(
            ends,
            [bound(10), Commit::Applied, Commit::Applied],
            "{}",
            backend.name
        );
        assert_eq!(value(store).await, 7);
        let group = [
            add("11", -7, None),
            add("12", 9, Some(9)),
            add("13", -4, None),
            add("14", 5, Some(10)),
        ];
        assert_eq!(commit(store, group).await, vec![Commit::Applied; 4]);
        assert_eq!(value(store).await, 10);
        // A release of something that was never counted makes room as well.
        let other = draft("15").counter(&budget(), 1, -3, None);
        apply(store, other).await;
        apply(store, draft("16").counter(&budget(), 1, 5, Some(2))).await;
        assert_eq!(value(store).await, 12);
    }
}

#[tokio::test]
async fn control_accounts_stay_in_their_range() {
    let out_of_range = || {
        Commit::Refused(Refusal::Range {
            tenant: tenant(),
            purpose: cashback("ann").purpose,
            asset: cashback("ann").asset,
        })
    };
    for backend in backends("ranges").await {
        let store = &backend.store;
        let most = draft("1").member("ann", 0).transfer("ann", 1, i64::MAX);
        apply(store, most).await;
        let ends = commit(store, [draft("2").member("bob", 0).transfer("bob", 1, 1)]).await;
        assert_eq!(ends, [out_of_range()]);
        assert_eq!(version(store, "bob").await, 0);
        // In a group every step stands on its own: a later debit does not make room for an earlier grant.
        let group = [
            draft("3").member("bob", 0).transfer("bob", 1, 11),
            draft("4").member("ann", 1).transfer("ann", 2, -20),
            draft("5").member("bob", 1).transfer("bob", 2, 1),
            draft("6").member("cid", 0).transfer("cid", 1, 5),
        ];
        let ends = commit(store, group).await;
        let want = [
            out_of_range(),
            Commit::Applied,
            stale_member("bob"),
            Commit::Applied,
        ];
        assert_eq!(ends, want, "{}", backend.name);
        let sum = i128::from(i64::MAX) - 15;
        let want = [(cashback("ann"), sum), (funding(), -sum)];
        let want = want.map(|(account, sum)| (account.purpose, account.asset, sum));
        assert_eq!(store.control_accounts(&tenant()).await.unwrap(), want);
    }
}

#[tokio::test]
async fn checks_have_an_order() {
    for backend in backends("precedence").await {
        let store = &backend.store;
        apply(store, draft("0").member("ann", 0)).await;
        let wrong = |key: &str| {
            draft(key)
                .counter(&budget(), 0, 9, Some(1))
                .transfer("ann", 1, -9)
        };
        let ends = |draft: Draft| async move { commit(store, [draft]).await.remove(0) };
        let stale = |row| Commit::Refused(Refusal::Stale(row));
        let all = wrong("1")
            .member("ann", 5)
            .entity("x", "ann", 3)
            .program("p", 2);
        assert_eq!(ends(all).await, stale_member("ann"));
        let all = wrong("2").entity("x", "ann", 3).program("p", 2);
        assert_eq!(ends(all).await, stale(StaleRow::Entity(entity_key("x"))));
        let all = wrong("3").program("p", 2);
        assert_eq!(ends(all).await, stale(StaleRow::Program(program_key("p"))));
        let bound = ends(wrong("4")).await;
        assert!(
            matches!(bound, Commit::Refused(Refusal::CounterBound { .. })),
            "{bound:?}"
        );
        assert!(store.journal(&tenant(), None, 9).await.unwrap().is_empty());
        assert_eq!(value(store).await, 0);
    }
}

#[tokio::test]
async fn revisions_are_numbered_without_gaps() {
    for backend in backends("programs").await {
        let store = &backend.store;
        let group = [draft("1").program("p", 1), draft("2").program("p", 2)];
        assert_eq!(commit(store, group).await, vec![Commit::Applied; 2]);
        let stale = Commit::Refused(Refusal::Stale(StaleRow::Program(program_key("p"))));
        for (key, version) in [("3", 2), ("4", 4), ("5", 1)] {
            let ends = commit(store, [draft(key).program("p", version)]).await;
            assert_eq!(ends, std::slice::from_ref(&stale));
        }
        // Of two who publish the same revision at once, one does.
        let (a, b) = tokio::join!(
            commit(store, [draft("a").program("p", 3)]),
            commit(store, [draft("b").program("p", 3)]),
        );
        let mut ends = [a[0].clone(), b[0].clone()];
        ends.sort_by_key(|end| *end != Commit::Applied);
        assert_eq!(ends, [Commit::Applied, stale], "{}", backend.name);
        let programs = store.programs(&tenant(), &[]).await.unwrap();
        let versions: Vec<u32> = programs.iter().map(|write| write.revision).collect();
        assert_eq!(versions, [1, 2, 3]);
        let plan = ReadPlan {
            programs: vec![program_key("none"), program_key("p")],
            ..ReadPlan::default()
        };
        let seen = store.load(&plan).await.unwrap();
        assert_eq!(
            seen.programs.into_iter().collect::<Vec<_>>(),
            [(program_key("p"), 3)]
        );
    }
}

#[tokio::test]
async fn racers_of_one_key_get_one_reply() {
    for backend in backends("racers").await {
        let other = backend.reopened().await;
        for round in 0..20 {
            let key = format!("k{round}");
            let racers = (0..8).map(|n| {
                let store = if n % 2 == 0 {
                    backend.store.clone()
                } else {
                    other.clone()
                };
                let batch = draft(&key).member(&key, 0).transfer(&key, 1, 5).done();
                tokio::spawn(async move { store.commit(&[batch]).await.unwrap().remove(0) })
            });
            let ends = futures::future::join_all(racers.collect::<Vec<_>>()).await;
            let applied = ends
                .iter()
                .filter(|end| *end.as_ref().unwrap() == Commit::Applied);
            assert_eq!(applied.count(), 1, "{} {ends:?}", backend.name);
            let reply = draft(&key).done().reply;
            let replayed = ends
                .iter()
                .filter(|end| *end.as_ref().unwrap() == Commit::Replayed(reply.clone()));
            assert_eq!(replayed.count(), 7);
        }
    }
}

/// Writers of two engines over the same members, in opposite orders, over one counter and one funding account.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contending_groups_lose_nothing() {
    const ROUNDS: u64 = 15;
    for backend in backends("contention").await {
        let stores = [backend.store.clone(), backend.reopened().await];
        let ids: Vec<String> = (0..8).map(|n| format!("m{n}")).collect();
        let writers = (0..4_usize).map(|writer| {
            let store = stores[writer % 2].clone();
            let mut ids = ids.clone();
            if writer % 2 == 1 {
                ids.reverse();
            }
            tokio::spawn(async move {
                let mut applied = 0;
                for round in 0..ROUNDS {
                    let mut group = Vec::new();
                    for id in &ids {
                        let seen = version(&store, id).await;
                        let key = format!("{writer} {round} {id}");
                        let next = draft(&key)
                            .member(id, seen)
                            .transfer(id, seen + 1, 1)
                            .counter(&budget(), 0, 1, Some(200));
                        group.push(next.done());
                    }
                    // Nothing is tried again: writers wait for each other, and never in a circle.
                    for end in store.commit(&group).await.unwrap() {
                        match end {
                            Commit::Applied => applied += 1,
                            Commit::Refused(Refusal::Stale(_) | Refusal::CounterBound { .. }) => {}
                            other => panic!("{other:?}"),
                        }
                    }
                }
                applied
            })
        });
        let writers: Vec<_> = writers.collect();
        let mut applied = 0;
        for writer in writers {
            applied += writer.await.unwrap();
        }
        assert!(applied > 0);
        assert_eq!(value(&backend.store).await, applied, "{}", backend.name);
        assert!(applied <= 200);
        let store = &backend.store;
        assert_eq!(control(store, &funding()).await, -i128::from(applied));
        assert_eq!(balance(store).await, i128::from(applied));
        let mut versions = 0;
        for id in &ids {
            versions += i64::try_from(version(&backend.store, id).await).unwrap();
        }
        assert_eq!(versions, applied);
    }
}
