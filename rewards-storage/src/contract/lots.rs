//! Lots: the three selections, and that every field comes back.

use std::collections::BTreeMap;

use rewards_core::ledger::{Lot, LotState, Purpose};
use rewards_core::snapshot::{DueLotsQuery, LotFilter, LotQuery, ReadPlan};
use rewards_core::time::Timestamp;

use super::Subject;
use super::fixtures::{Draft, asset, at, lot, lots, member, member_key, purchase, slug};
use crate::batch::Commit;

fn varied_lots() -> Vec<Lot> {
    let base = |number, state| Lot {
        state,
        ..lot(number)
    };
    let (pending, available) = (LotState::Pending, LotState::Available);
    vec![
        Lot {
            expires_at: Some(at(50)),
            ..base(1, available)
        },
        Lot {
            purchase: Some(purchase("p")),
            ..base(2, available)
        },
        Lot {
            available_at: Some(at(40)),
            expires_at: Some(at(10)),
            ..base(3, pending)
        },
        Lot {
            available_at: Some(at(60)),
            void_at: Some(at(30)),
            ..base(4, pending)
        },
        Lot {
            expires_at: Some(at(50)),
            purchase: Some(purchase("p")),
            ..base(5, available)
        },
        Lot {
            asset: asset("points"),
            expires_at: Some(at(30)),
            ..base(6, available)
        },
        Lot {
            expires_at: Some(at(1)),
            remaining: 0,
            ..base(7, LotState::Spent)
        },
        Lot {
            expires_at: Some(at(1)),
            purchase: Some(purchase("p")),
            ..base(8, LotState::Expired)
        },
        Lot {
            void_at: Some(at(1)),
            available_at: Some(at(1)),
            ..base(9, LotState::Voided)
        },
        Lot {
            purchase: Some(purchase("P")),
            rule: Some(slug("r")),
            ..base(10, pending)
        },
        base(11, available),
    ]
}

/// The four selections of lots, each with its order under every limit.
pub async fn lots_are_selected(subject: &Subject) {
    let tenant = subject.tenant();
    let seed = Draft::new(tenant, "key").new_lot("bob", varied_lots().remove(0));
    let add = |draft: Draft, lot| draft.new_lot("ann", lot);
    let batch = varied_lots().into_iter().fold(seed, add).build();
    subject.apply(&batch).await;
    let due = |seconds| LotFilter::Due { at: at(seconds) };
    let open = |code| LotFilter::Open { asset: asset(code) };
    let bought = |text| LotFilter::OfPurchase {
        purchase: purchase(text),
    };
    let numbered = |number| LotFilter::Numbered { number };
    let cases: Vec<(&str, LotFilter, &[u64])> = vec![
        ("nothing due", due(29), &[]),
        ("due at the instant", due(30), &[4, 6]),
        ("due, pending by its availability", due(40), &[4, 6, 3]),
        ("due, ties by number", due(1_000_000), &[4, 6, 3, 1, 5]),
        (
            "open, soonest expiry first, none last",
            open("EUR"),
            &[3, 1, 5, 2, 4, 10, 11],
        ),
        ("open of another asset", open("points"), &[6]),
        ("open of no asset", open("USD"), &[]),
        ("of a purchase, closed ones too", bought("p"), &[2, 5, 8]),
        ("of a purchase in capitals", bought("P"), &[10]),
        ("of a number", numbered(3), &[3]),
        ("of a number, closed", numbered(8), &[8]),
        ("of no number", numbered(99), &[]),
    ];
    for (name, filter, want) in &cases {
        for limit in 0..=want.len().saturating_add(1) {
            let query = LotQuery {
                limit: u32::try_from(limit).unwrap_or(u32::MAX),
                ..lots(tenant, "ann", filter.clone())
            };
            let mut want: Vec<_> = want.iter().copied().take(limit).collect();
            want.sort_unstable();
            assert_eq!(
                selected(subject, &query).await,
                want,
                "{name}, {limit} at most"
            );
        }
    }
}

/// The open lots of all members in a state, by when something is due for them, then by member and number; from any place on, and
/// none of another tenant.
pub async fn lots_of_all_are_paged(subject: &Subject) {
    let tenant = subject.tenant();
    let seed = Draft::new(tenant, "key").new_lot("Bob", varied_lots().remove(0));
    let add = |draft: Draft, lot| draft.new_lot("ann", lot);
    let batch = varied_lots().into_iter().fold(seed, add).build();
    subject.apply(&batch).await;
    let other = Draft::new(&subject.neighbour(), "key").new_lot("ann", varied_lots().remove(0));
    subject.apply(&other.build()).await;
    let all = DueLotsQuery {
        tenant: tenant.clone(),
        state: LotState::Available,
        from: Timestamp::MIN,
        until: Timestamp::MAX,
        after: None,
        limit: 9,
    };
    let between = |from, until| DueLotsQuery {
        from: at(from),
        until: at(until),
        ..all.clone()
    };
    let after = |seconds, who: &str, number| DueLotsQuery {
        after: Some((at(seconds), member(who), number)),
        ..between(30, 50)
    };
    let pending = |query: DueLotsQuery| DueLotsQuery {
        state: LotState::Pending,
        ..query
    };
    let cases: Vec<(DueLotsQuery, &[(&str, u64)])> = vec![
        (
            all.clone(),
            &[("ann", 6), ("Bob", 1), ("ann", 1), ("ann", 5)],
        ),
        (between(30, 49), &[("ann", 6)]),
        (between(31, 50), &[("Bob", 1), ("ann", 1), ("ann", 5)]),
        (between(51, 99), &[]),
        (between(50, 30), &[]),
        (after(30, "ann", 6), &[("Bob", 1), ("ann", 1), ("ann", 5)]),
        (after(50, "Bob", 1), &[("ann", 1), ("ann", 5)]),
        (after(50, "ann", 1), &[("ann", 5)]),
        (after(50, "ann", 5), &[]),
        (
            after(1, "zoe", 9),
            &[("ann", 6), ("Bob", 1), ("ann", 1), ("ann", 5)],
        ),
        (pending(all.clone()), &[("ann", 4), ("ann", 3)]),
        (pending(between(31, 40)), &[("ann", 3)]),
    ];
    for (query, want) in &cases {
        for limit in 0..=want.len().saturating_add(1) {
            let query = DueLotsQuery {
                limit: u32::try_from(limit).unwrap_or(u32::MAX),
                ..query.clone()
            };
            let plan = ReadPlan {
                due_lots: vec![query.clone()],
                ..ReadPlan::default()
            };
            let mut view = subject.load(&plan).await;
            let found = view.due_lots.remove(&query).unwrap_or_default();
            let found = found.iter().map(|(who, lot)| (who.as_str(), lot.number));
            let want = want.iter().copied().take(limit);
            assert!(found.eq(want), "{query:?}");
        }
    }
}

/// Every field of a lot comes back as it was, and a later write replaces all of them.
pub async fn lots_come_back_whole(subject: &Subject) {
    let tenant = subject.tenant();
    let key = |number| (member_key(tenant, "ann"), number);
    let full = Lot {
        amount: i64::MAX,
        remaining: i64::MAX,
        state: LotState::Pending,
        earned_at: Timestamp::MIN,
        available_at: Some(at(1)),
        void_at: Some(at(2)),
        expires_at: Some(Timestamp::MAX),
        purchase: Some(purchase("p 'ä' 😀")),
        rule: Some(slug("rule")),
        source: Purpose::Funding(slug("a.b")),
        ..lot(1)
    };
    let draft = Draft::new(tenant, "a").new_lot("ann", full.clone());
    let batch = draft.new_lot("ann", lot(2)).build();
    subject.apply(&batch).await;
    let rows = subject.rows(std::slice::from_ref(&batch)).await;
    let want = BTreeMap::from([(key(1), full.clone()), (key(2), lot(2))]);
    assert_eq!(rows.lots, want);
    let spent = Lot {
        remaining: 1,
        state: LotState::Available,
        available_at: None,
        void_at: None,
        expires_at: Some(at(3)),
        ..full
    };
    let moved = Draft::new(tenant, "b").moved_lot("ann", spent.clone());
    subject.apply(&moved.build()).await;
    let rows = subject.rows(std::slice::from_ref(&batch)).await;
    assert_eq!(rows.lots.get(&key(1)), Some(&spent));
    let query = lots(tenant, "ann", LotFilter::Due { at: at(3) });
    assert_eq!(
        selected(subject, &query).await,
        [1],
        "its due instant moved"
    );
}

/// A lot that an earlier batch of the group inserted may be moved by a later one.
pub async fn lots_move_within_a_group(subject: &Subject) {
    let tenant = subject.tenant();
    let spent = Lot {
        remaining: 0,
        state: LotState::Spent,
        ..lot(1)
    };
    let group = [
        Draft::new(tenant, "a")
            .member("ann", 0)
            .new_lot("ann", lot(1)),
        Draft::new(tenant, "b")
            .member("ann", 1)
            .moved_lot("ann", spent),
        Draft::new(tenant, "c")
            .member("ann", 2)
            .new_lot("ann", lot(2)),
    ]
    .map(|draft| draft.build());
    let outcomes = subject.commit_group(&group).await;
    assert_eq!(outcomes, vec![Commit::Applied; 3]);
    let open = LotFilter::Open {
        asset: asset("EUR"),
    };
    assert_eq!(selected(subject, &lots(tenant, "ann", open)).await, [2]);
}

/// The numbers of the selected lots in ascending order, as a view holds them.
async fn selected(subject: &Subject, query: &LotQuery) -> Vec<u64> {
    let plan = ReadPlan {
        lots: vec![query.clone()],
        ..ReadPlan::default()
    };
    let view = subject.load(&plan).await;
    view.lots_of(&query.member).map(|lot| lot.number).collect()
}
