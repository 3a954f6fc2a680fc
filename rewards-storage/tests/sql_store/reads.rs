//! What loads and pages return.

use rewards_core::ids::Slug;
use rewards_core::ledger::{Lot, LotState, Purpose, TransferKind};
use rewards_core::snapshot::{
    BalancesAt, CounterRange, LotFilter, LotQuery, ReadPlan, StatementQuery,
};
use rewards_storage::batch::{Commit, Refusal};
use rewards_storage::error::StoreError;
use rewards_storage::sql::SqlStore;
use rewards_storage::store::{Query, Store};

use crate::world::{
    apply, at, backends, budget, cashback, commit, draft, entity_key, eur, funding, lot, member,
    member_key, purchase, tenant,
};

#[tokio::test]
async fn rows_come_back_as_they_were() {
    for backend in backends("rows").await {
        let store = &backend.store;
        let big = draft("1")
            .member_due("Änne \"1\" \\", 0, Some(at(9)))
            .entity("x", "Änne \"1\" \\", 0)
            .counter(&budget(), i64::MIN, i64::MAX, None)
            .counter(&budget(), i64::MAX, i64::MIN, None)
            .counter(
                &budget(),
                9_007_199_254_740_993,
                -9_007_199_254_740_993,
                Some(0),
            )
            .transfer_for("Änne \"1\" \\", 1, i64::MAX, Some("x"), at(5))
            .lot(
                "Änne \"1\" \\",
                Lot {
                    available_at: Some(at(1)),
                    void_at: Some(at(2)),
                    expires_at: Some(at(3)),
                    purchase: Some(purchase("x")),
                    state: LotState::Pending,
                    amount: i64::MAX,
                    ..lot(1)
                },
            )
            .done();
        store.commit(std::slice::from_ref(&big)).await.unwrap();
        let key = member_key("Änne \"1\" \\");
        let query = LotQuery {
            member: key.clone(),
            filter: LotFilter::Due { at: at(1) },
            limit: 5,
        };
        let plan = ReadPlan {
            members: vec![key.clone(), member_key("none")],
            entities: vec![entity_key("x"), entity_key("y")],
            counters: vec![CounterRange {
                name: budget(),
                from: i64::MIN,
                until: i64::MAX,
            }],
            lots: vec![query],
            ..ReadPlan::default()
        };
        let seen = store.load(&plan).await.unwrap();
        let changes = &big.changes;
        assert_eq!(seen.members.get(&key), Some(&changes.members[0].row));
        assert_eq!(seen.members.len(), 1);
        assert_eq!(
            seen.entities.get(&entity_key("x")),
            Some(&changes.entities[0].row)
        );
        for change in &changes.counters {
            assert_eq!(
                seen.counters.get(&change.key),
                Some(&change.delta),
                "{}",
                backend.name
            );
        }
        let paid = store.control_accounts(&tenant()).await.unwrap();
        assert_eq!(
            paid.last().map(|account| account.2),
            Some(-i128::from(i64::MAX))
        );
        assert_eq!(
            seen.lots_of(&key).collect::<Vec<_>>(),
            [&changes.lots[0].lot]
        );
        let journal = store.journal(&tenant(), None, 10).await.unwrap();
        assert_eq!(journal, [changes.journal[0].1.clone()]);
        // Tenants are apart.
        let stranger = rewards_core::ids::TenantId::new("other").unwrap();
        assert!(store.journal(&stranger, None, 10).await.unwrap().is_empty());
        // A sum that leaves the range is refused, never rounded.
        let more = draft("2").counter(&budget(), i64::MIN, 1, None);
        let refusal = Refusal::CounterBound {
            counter: budget().at(i64::MIN),
            bound: i64::MAX,
        };
        assert_eq!(commit(store, [more]).await, [Commit::Refused(refusal)]);
        // What is inserted once is never overwritten.
        let again = draft("3").transfer("Änne \"1\" \\", 1, -1).done();
        let error = store.commit(&[again]).await.unwrap_err();
        assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
    }
}

async fn numbers(store: &SqlStore, filter: LotFilter, limit: u32) -> Vec<u64> {
    let plan = ReadPlan {
        lots: vec![
            LotQuery {
                member: member_key("bob"),
                filter: filter.clone(),
                limit,
            },
            LotQuery {
                member: member_key("ann"),
                filter,
                limit,
            },
        ],
        ..ReadPlan::default()
    };
    let seen = store.load(&plan).await.unwrap();
    assert!(seen.lots_of(&member_key("bob")).all(|lot| lot.number == 1));
    seen.lots_of(&member_key("ann"))
        .map(|lot| lot.number)
        .collect()
}

#[tokio::test]
async fn lots_are_found_by_what_is_asked() {
    for backend in backends("lots").await {
        let store = &backend.store;
        let due = |number, expires: i64| Lot {
            expires_at: Some(at(expires)),
            ..lot(number)
        };
        let of_purchase = |number| Lot {
            purchase: Some(purchase("x")),
            expires_at: Some(at(40)),
            ..lot(number)
        };
        let spent = Lot {
            state: LotState::Spent,
            ..due(5, 1)
        };
        let points = Lot {
            asset: rewards_core::money::Asset::parse("points").unwrap(),
            source: Purpose::Funding(Slug::new("points").unwrap()),
            ..due(6, 5)
        };
        let pending = Lot {
            state: LotState::Pending,
            available_at: Some(at(15)),
            ..lot(7)
        };
        let drafted = [
            due(1, 30),
            due(2, 10),
            due(3, 20),
            lot(4),
            spent,
            points,
            pending,
        ]
        .into_iter()
        .chain([of_purchase(8), of_purchase(9)])
        .fold(draft("1").member("ann", 0), |draft, lot| {
            draft.lot("ann", lot)
        })
        .lot("bob", due(1, 12));
        apply(store, drafted).await;
        let due = |seconds| LotFilter::Due { at: at(seconds) };
        let open = || LotFilter::Open { asset: eur() };
        let of = |id| LotFilter::OfPurchase {
            purchase: purchase(id),
        };
        for (filter, limit, want) in [
            (due(4), 9, vec![]),
            (due(5), 9, vec![6]),
            (due(20), 9, vec![2, 3, 6, 7]),
            (due(20), 2, vec![2, 6]),
            (open(), 99, vec![1, 2, 3, 4, 7, 8, 9]),
            (open(), 2, vec![2, 3]),
            (open(), 6, vec![1, 2, 3, 4, 8, 9]),
            (of("x"), 9, vec![8, 9]),
            (of("x"), 1, vec![8]),
            (of("y"), 9, vec![]),
        ] {
            let found = numbers(store, filter.clone(), limit).await;
            assert_eq!(found, want, "{} {filter:?} {limit}", backend.name);
        }
        // What is spent is due no more.
        let spent = Lot {
            state: LotState::Spent,
            remaining: 0,
            ..lot(2)
        };
        apply(store, draft("2").member("ann", 1).changed_lot("ann", spent)).await;
        assert_eq!(numbers(store, due(20), 9).await, [3, 6, 7]);
    }
}

#[tokio::test]
async fn statements_are_pages_with_filters() {
    for backend in backends("statements").await {
        let store = &backend.store;
        let drafted = draft("1")
            .member("ann", 0)
            .transfer_for("ann", 1, 10, Some("x"), at(10))
            .transfer_for("ann", 2, -3, Some("x"), at(20))
            .transfer_for("ann", 3, 5, None, at(15))
            .transfer_for("ann", 4, 1, Some("y"), at(30))
            .transfer("bob", 1, 7);
        apply(store, drafted).await;
        let all = StatementQuery {
            member: member_key("ann"),
            before: None,
            kind: None,
            purpose: None,
            asset: None,
            purchase: None,
            from: None,
            until: None,
            limit: 9,
        };
        let cases = [
            (all.clone(), vec![4, 3, 2, 1]),
            (
                StatementQuery {
                    limit: 2,
                    ..all.clone()
                },
                vec![4, 3],
            ),
            (
                StatementQuery {
                    before: Some(3),
                    ..all.clone()
                },
                vec![2, 1],
            ),
            (
                StatementQuery {
                    kind: Some(TransferKind::Clawback),
                    ..all.clone()
                },
                vec![2],
            ),
            (
                StatementQuery {
                    purpose: Some(Purpose::Cashback),
                    ..all.clone()
                },
                vec![4, 3, 2, 1],
            ),
            (
                StatementQuery {
                    purpose: Some(Purpose::Points),
                    ..all.clone()
                },
                vec![],
            ),
            (
                StatementQuery {
                    purpose: Some(funding().purpose),
                    ..all.clone()
                },
                vec![],
            ),
            (
                StatementQuery {
                    asset: Some(eur()),
                    ..all.clone()
                },
                vec![4, 3, 2, 1],
            ),
            (
                StatementQuery {
                    purchase: Some(purchase("x")),
                    ..all.clone()
                },
                vec![2, 1],
            ),
            (
                StatementQuery {
                    from: Some(at(15)),
                    until: Some(at(30)),
                    ..all.clone()
                },
                vec![3, 2],
            ),
        ];
        let plan = ReadPlan {
            members: vec![member_key("ann")],
            statements: cases.iter().map(|(query, _)| query.clone()).collect(),
            balances_at: [9, 15, 20]
                .map(|seconds| BalancesAt {
                    member: member_key("ann"),
                    at: at(seconds),
                })
                .to_vec(),
            ..ReadPlan::default()
        };
        let seen = store.load(&plan).await.unwrap();
        assert_eq!(seen.members.len(), 1);
        for (query, want) in &cases {
            let found: Vec<u64> = seen.statements[query]
                .iter()
                .map(|entry| entry.seq)
                .collect();
            assert_eq!(&found, want, "{} {query:?}", backend.name);
        }
        let then = |seconds| {
            let query = BalancesAt {
                member: member_key("ann"),
                at: at(seconds),
            };
            seen.balances_at[&query].clone()
        };
        assert_eq!(then(9), []);
        assert_eq!(then(15), [(cashback("ann"), 15)]);
        assert_eq!(then(20), [(cashback("ann"), 12)]);
    }
}

#[tokio::test]
async fn pages_follow_the_bytes_of_ids() {
    let ids = ["Zoe", "ann", "bob", "ärger", "z"];
    for backend in backends("pages").await {
        let store = &backend.store;
        for (n, id) in ids.iter().enumerate().rev() {
            let due_at = (n % 2 == 0).then(|| at(5));
            let expiring = Lot {
                expires_at: Some(at(6)),
                ..lot(1)
            };
            let drafted = draft(id)
                .member_due(id, 0, due_at)
                .transfer(id, 1, 10)
                .transfer(id, 2, 20)
                .lot(id, expiring);
            apply(store, drafted).await;
        }
        let mut sorted = ids.to_vec();
        sorted.sort_unstable();
        let mut seen = Vec::new();
        while seen.len() < 9 {
            let page = store
                .members(&tenant(), seen.last().cloned(), 2)
                .await
                .unwrap();
            if page.is_empty() {
                break;
            }
            seen.extend(page.into_iter().map(|head| head.member));
        }
        let texts: Vec<&str> = seen.iter().map(|id| id.as_str()).collect();
        assert_eq!(texts, sorted, "{}", backend.name);

        let due = |seconds, after: Option<(i64, &str)>, limit| {
            let after = after.map(|(seconds, id)| (at(seconds), member(id)));
            async move {
                let tenant = tenant();
                let found = store.due_members(&tenant, at(seconds), after, limit);
                let members = found.await.unwrap().members.into_iter();
                members.map(|(_, id)| id.to_string()).collect::<Vec<_>>()
            }
        };
        assert!(due(4, None, 9).await.is_empty());
        assert_eq!(due(5, None, 9).await, ["Zoe", "bob", "z"]);
        assert_eq!(due(6, None, 9).await, ["Zoe", "bob", "z", "ann", "ärger"]);
        assert_eq!(due(6, Some((5, "bob")), 9).await, ["z", "ann", "ärger"]);

        let mut entries = Vec::new();
        let mut after = None;
        loop {
            let page = store.journal(&tenant(), after, 3).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some((last.member.clone(), last.seq));
            entries.extend(
                page.into_iter()
                    .map(|entry| (entry.member.to_string(), entry.seq)),
            );
        }
        let want: Vec<_> = sorted
            .iter()
            .flat_map(|id| [((*id).to_owned(), 1), ((*id).to_owned(), 2)])
            .collect();
        assert_eq!(entries, want);

        let accounts = store.control_accounts(&tenant()).await.unwrap();
        let (cashback, funding) = (cashback("any"), funding());
        let want = [
            (cashback.purpose, cashback.asset, 150),
            (funding.purpose, funding.asset, -150),
        ];
        assert_eq!(accounts, want);
    }
}
