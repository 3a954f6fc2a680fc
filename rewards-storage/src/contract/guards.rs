//! Bounded deltas: counters, and the ranges of control accounts.

use std::collections::BTreeMap;

use rewards_core::ids::TenantId;
use rewards_core::ledger::{Account, Purpose};
use rewards_core::snapshot::{CounterKey, CounterName, CounterRange, ReadPlan};

use super::Subject;
use super::fixtures::{AWKWARD_IDS, Draft, asset, cashback, counter, funding, member, transfer};
use crate::batch::{Commit, Refusal};

fn over(counter: &CounterKey, bound: i64) -> Refusal {
    Refusal::CounterBound {
        counter: counter.clone(),
        bound,
    }
}

fn out_of_range(tenant: &TenantId, account: Account) -> Refusal {
    Refusal::Range {
        tenant: tenant.clone(),
        purpose: account.purpose,
        asset: account.asset,
    }
}

/// A counter may reach its bound and not exceed it by one; a refused delta changes nothing.
pub async fn counter_bound_is_exact(subject: &Subject) {
    let tenant = subject.tenant();
    let key = counter(tenant, "cap").at(20_260_101);
    let add = |id: &str, delta, bound| {
        Draft::new(tenant, id)
            .count(&key, delta, Some(bound))
            .build()
    };
    subject.refuse(&add("a", 11, 10), over(&key, 10)).await;
    subject.apply(&add("b", 9, 10)).await;
    subject.refuse(&add("c", 2, 10), over(&key, 10)).await;
    subject.apply(&add("d", 1, 10)).await;
    subject.refuse(&add("e", 1, 10), over(&key, 10)).await;
    subject.apply(&add("f", 1, 11)).await;
    subject.refuse(&add("g", 1, -5), over(&key, -5)).await;
    assert_eq!(subject.counted(&key).await, 11);
}

/// A negative delta is never refused, even when the counter stays above its bound; it may go below zero.
pub async fn releases_are_never_refused(subject: &Subject) {
    let tenant = subject.tenant();
    let key = counter(tenant, "cap").at(0);
    let add = |id: &str, delta, bound| Draft::new(tenant, id).count(&key, delta, bound).build();
    subject.apply(&add("a", 100, None)).await;
    subject.apply(&add("b", -1, Some(5))).await;
    assert_eq!(subject.counted(&key).await, 99);
    subject.apply(&add("c", -200, Some(0))).await;
    assert_eq!(subject.counted(&key).await, -101);
    subject.apply(&add("d", 101, Some(0))).await;
    subject.refuse(&add("e", 1, Some(0)), over(&key, 0)).await;
}

/// The deltas of one batch on one counter add up before they are compared.
pub async fn deltas_of_a_batch_add_up(subject: &Subject) {
    let tenant = subject.tenant();
    let key = counter(tenant, "cap").at(0);
    let twice = |id: &str, delta| {
        let draft = Draft::new(tenant, id).count(&key, delta, Some(10));
        draft.count(&key, delta, Some(10)).build()
    };
    subject.refuse(&twice("a", 6), over(&key, 10)).await;
    subject.apply(&twice("b", 5)).await;
    assert_eq!(subject.counted(&key).await, 10);
}

/// The batches of a group see the counters that the batches before them left.
pub async fn counters_follow_within_a_group(subject: &Subject) {
    let tenant = subject.tenant();
    let key = counter(tenant, "cap").at(0);
    let add = |id: &str, delta| Draft::new(tenant, id).count(&key, delta, Some(10)).build();
    let group = [
        add("a", 6),
        add("b", 6),
        add("c", 4),
        add("d", 1),
        add("e", -3),
        add("f", 3),
    ];
    let outcomes = subject.commit_group(&group).await;
    let refused = || Commit::Refused(over(&key, 10));
    let want = [
        Commit::Applied,
        refused(),
        Commit::Applied,
        refused(),
        Commit::Applied,
        Commit::Applied,
    ];
    assert_eq!(outcomes, want);
    assert_eq!(subject.counted(&key).await, 10);
}

/// However many take at once, a counter never exceeds its bound, and nothing below it is refused.
pub async fn concurrent_deltas_keep_the_bound(subject: &Subject) {
    const BOUND: i64 = 20;
    let tenant = subject.tenant();
    let key = counter(tenant, "cap").at(0);
    let add = |index: i64| {
        let draft = Draft::new(tenant, &format!("{index}")).member(&format!("m{index}"), 0);
        draft.count(&key, 1, Some(BOUND)).build()
    };
    let outcomes = subject.race((0..32).map(add).collect()).await;
    let applied = outcomes.iter().filter(|o| **o == Commit::Applied).count();
    assert_eq!(applied, 20, "exactly as many as fit: {outcomes:?}");
    let refused = Commit::Refused(over(&key, BOUND));
    let others = outcomes.iter().filter(|o| **o != Commit::Applied);
    for outcome in others {
        assert_eq!(*outcome, refused);
    }
    assert_eq!(subject.counted(&key).await, BOUND);
    let members = subject.visible(&[]).await.members;
    assert_eq!(members.len(), 20, "members of applied batches only");
}

/// Counters taken in opposite orders by many at once are all taken: no batch waits for another for ever.
pub async fn opposite_orders_do_not_deadlock(subject: &Subject) {
    let tenant = subject.tenant();
    let keys: Vec<_> = ["a", "b", "c"]
        .map(|name| counter(tenant, name).at(0))
        .into();
    let racers = (0..16).map(|index| {
        let draft = Draft::new(tenant, &format!("{index}"));
        let add = |draft: Draft, key| draft.count(key, 1, None);
        if index % 2 == 0 {
            keys.iter().fold(draft, add).build()
        } else {
            keys.iter().rev().fold(draft, add).build()
        }
    });
    let outcomes = subject.race(racers.collect()).await;
    assert_eq!(outcomes, vec![Commit::Applied; 16]);
    for key in &keys {
        assert_eq!(subject.counted(key).await, 16);
    }
}

/// Tenant, subject, name and bucket tell counters apart, byte for byte.
pub async fn counters_are_told_apart(subject: &Subject) {
    let (mine, theirs) = (subject.tenant(), subject.neighbour());
    let mut keys: BTreeMap<CounterKey, i64> = BTreeMap::new();
    for name in AWKWARD_IDS {
        for tenant in [mine, &theirs] {
            let who = member(name);
            for name in [
                CounterName::of_member(tenant, &who, "spend"),
                CounterName::of_value(tenant, "device", name, "spend"),
                CounterName::of_value(tenant, "device", "x", name),
            ] {
                let next = i64::try_from(keys.len()).unwrap_or(i64::MAX);
                keys.insert(name.at(0), next.saturating_add(1));
                keys.insert(name.at(-1), next.saturating_add(2));
            }
        }
    }
    let draft = Draft::new(mine, "key");
    let add = |draft: Draft, (key, value): (&CounterKey, &i64)| draft.count(key, *value, None);
    subject.apply(&keys.iter().fold(draft, add).build()).await;
    let ranges = keys.keys().map(|key| CounterRange {
        name: key.name.clone(),
        from: -1,
        until: 0,
    });
    let plan = ReadPlan {
        counters: ranges.collect(),
        ..ReadPlan::default()
    };
    assert_eq!(subject.load(&plan).await.counters, keys);
}

/// A range of buckets is inclusive at both ends, may be negative or everything, and is empty when reversed.
pub async fn counter_ranges_are_inclusive(subject: &Subject) {
    let tenant = subject.tenant();
    let name = counter(tenant, "cap");
    let buckets = [i64::MIN, -2, 0, 3, 20_260_101, i64::MAX];
    let draft = Draft::new(tenant, "key");
    let add = |draft: Draft, bucket| draft.count(&name.at(bucket), 1, None);
    subject
        .apply(&buckets.into_iter().fold(draft, add).build())
        .await;
    for (from, until, want) in [
        (i64::MIN, i64::MAX, 6),
        (-2, 3, 3),
        (-1, 2, 1),
        (1, 2, 0),
        (3, 3, 1),
        (3, -2, 0),
        (i64::MAX, i64::MIN, 0),
        (i64::MAX, i64::MAX, 1),
        (i64::MIN, i64::MIN, 1),
    ] {
        let range = CounterRange {
            name: name.clone(),
            from,
            until,
        };
        let plan = ReadPlan {
            counters: vec![range.clone()],
            ..ReadPlan::default()
        };
        let view = subject.load(&plan).await;
        assert_eq!(view.count(&range, None), want, "{from}..={until}");
        assert_eq!(view.counters.len(), usize::try_from(want).unwrap_or(0));
    }
}

/// Counters are exact up to the ends of 64 bits and never wrap or turn into floating point.
pub async fn huge_counters_are_exact(subject: &Subject) {
    let tenant = subject.tenant();
    let (high, low) = (counter(tenant, "high").at(0), counter(tenant, "low").at(0));
    let add = |id: &str, key, delta, bound| Draft::new(tenant, id).count(key, delta, bound).build();
    let max = i64::MAX;
    subject.apply(&add("a", &high, max - 5, Some(max))).await;
    assert_eq!(subject.counted(&high).await, max - 5);
    subject
        .refuse(&add("b", &high, 10, Some(max)), over(&high, max))
        .await;
    subject
        .refuse(&add("c", &high, max, None), over(&high, max))
        .await;
    subject
        .refuse(&add("d", &high, 1, Some(7)), over(&high, 7))
        .await;
    subject.apply(&add("e", &high, 5, None)).await;
    assert_eq!(subject.counted(&high).await, max);
    subject.apply(&add("f", &low, i64::MIN, Some(0))).await;
    assert_eq!(subject.counted(&low).await, i64::MIN);
}

/// A control account is the sum of all accounts with its purpose and asset, whoever holds them; what moved and came back is
/// listed at zero.
pub async fn control_accounts_add_up(subject: &Subject) {
    let tenant = subject.tenant();
    let main = |text: &str, code| Account::member(&member(text), Purpose::Main, asset(code));
    let fees = |code| Account::system(Purpose::Fees, asset(code));
    let moves = Draft::new(tenant, "a")
        .transfer("ann", 1, transfer(fees("USD"), main("ann", "USD"), 7))
        .transfer("bob", 1, transfer(fees("EUR"), main("bob", "EUR"), 5))
        .transfer("bob", 2, transfer(main("bob", "EUR"), fees("EUR"), 5));
    let group = [
        moves.build(),
        Draft::new(tenant, "b")
            .transfer("bob", 3, transfer(fees("USD"), main("bob", "USD"), 2))
            .transfer(
                "ann",
                2,
                transfer(main("ann", "USD"), cashback_in("ann", "USD"), 3),
            )
            .build(),
    ];
    let outcomes = subject.commit_group(&group).await;
    assert_eq!(outcomes, [Commit::Applied, Commit::Applied]);
    let accounts = subject.visible(&[]).await.controls;
    let texts: Vec<_> = (accounts.iter())
        .map(|(purpose, asset, sum)| (purpose.text(), asset.to_string(), *sum))
        .collect();
    let want = [
        ("cashback", "USD", 3),
        ("fees", "EUR", 0),
        ("fees", "USD", -9),
        ("main", "EUR", 0),
        ("main", "USD", 6),
    ];
    let want = want.map(|(purpose, code, sum)| (purpose.to_owned(), code.to_owned(), sum));
    assert_eq!(texts, want);
    let other = subject.neighbour();
    let others = subject.backend().control_accounts(&other).await;
    assert_eq!(others.expect("control accounts"), []);
}

fn cashback_in(text: &str, code: &str) -> Account {
    Account::member(&member(text), Purpose::Cashback, asset(code))
}

/// However many move a control account at once, nothing is lost.
pub async fn concurrent_transfers_add_up(subject: &Subject) {
    let tenant = subject.tenant();
    let grant = |index: i64| {
        let name = format!("m{}", index % 4);
        let seq = u64::try_from(index).unwrap_or(0).saturating_add(1);
        let grant = transfer(funding(), cashback(&name), index.saturating_add(1));
        Draft::new(tenant, &format!("{index}"))
            .transfer(&name, seq, grant)
            .build()
    };
    let outcomes = subject.race((0..32).map(grant).collect()).await;
    assert_eq!(outcomes, vec![Commit::Applied; 32]);
    assert_eq!(subject.control(&cashback("m0")).await, 528);
    assert_eq!(subject.control(&funding()).await, -528);
}

/// Control accounts are exact up to the ends of 64 bits; what would leave them is refused, never wrapped or cut off.
pub async fn control_ranges_are_exact(subject: &Subject) {
    let tenant = subject.tenant();
    let grant = |id: &str, seq, minor| {
        let transfer = transfer(funding(), cashback("ann"), minor);
        Draft::new(tenant, id).transfer("ann", seq, transfer)
    };
    let over = || out_of_range(tenant, cashback("ann"));
    let more = transfer(funding(), cashback("ann"), i64::MAX);
    let twice = grant("a", 1, i64::MAX).transfer("ann", 2, more).build();
    subject.refuse(&twice, over()).await;
    subject.apply(&grant("b", 1, i64::MAX).build()).await;
    assert_eq!(
        subject.control(&cashback("ann")).await,
        i128::from(i64::MAX)
    );
    assert_eq!(subject.control(&funding()).await, -i128::from(i64::MAX));
    subject.refuse(&grant("c", 2, 1).build(), over()).await;
    let to_bob = |minor| {
        let main = Account::member(&member("bob"), Purpose::Main, asset("EUR"));
        transfer(funding(), main, minor)
    };
    let two = Draft::new(tenant, "d")
        .transfer("bob", 1, to_bob(2))
        .build();
    subject.refuse(&two, out_of_range(tenant, funding())).await;
    let one = Draft::new(tenant, "e")
        .transfer("bob", 1, to_bob(1))
        .build();
    subject.apply(&one).await;
    assert_eq!(subject.control(&funding()).await, i128::from(i64::MIN));
}

/// The batches of a group see the control accounts that the batches before them left.
pub async fn control_ranges_follow_within_a_group(subject: &Subject) {
    let tenant = subject.tenant();
    let write = |id: &str, seq, minor: i64| {
        let (from, to) = (funding(), cashback("ann"));
        let (from, to) = if minor < 0 { (to, from) } else { (from, to) };
        let transfer = transfer(from, to, minor.saturating_abs());
        Draft::new(tenant, id)
            .transfer("ann", seq, transfer)
            .build()
    };
    let group = [
        write("a", 1, i64::MAX),
        write("b", 2, 1),
        write("c", 2, -1),
        write("d", 3, 1),
        write("e", 4, 1),
    ];
    let outcomes = subject.commit_group(&group).await;
    let refused = || Commit::Refused(out_of_range(tenant, cashback("ann")));
    let want = [
        Commit::Applied,
        refused(),
        Commit::Applied,
        Commit::Applied,
        refused(),
    ];
    assert_eq!(outcomes, want);
    assert_eq!(
        subject.control(&cashback("ann")).await,
        i128::from(i64::MAX)
    );
}
