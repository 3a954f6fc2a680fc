//! Refunds that add up to the whole leave everything as one refund of the whole does, and that is what a cancellation leaves.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rewards_core::counter::CounterKey;
use rewards_core::ids::TenantId;
use rewards_core::ledger::{Account, Lot, Purpose};
use rewards_core::member::{MemberProfile, PurchaseHistory};
use rewards_core::money::Asset;
use rewards_core::snapshot::MemberKey;

use crate::laws::{Basket, Part, Run, Step, basket, document, part, some_rules, steps};

/// Everything that a refund moves.
#[derive(Debug, PartialEq)]
struct Left {
    balances: BTreeMap<(TenantId, Account), i64>,
    controls: BTreeMap<(TenantId, Purpose, Asset), i128>,
    lots: BTreeMap<(MemberKey, u64), Lot>,
    counters: BTreeMap<CounterKey, i64>,
    histories: BTreeMap<MemberKey, Vec<PurchaseHistory>>,
    profiles: BTreeMap<MemberKey, MemberProfile>,
}

impl Left {
    fn of(run: &Run) -> Self {
        let world = &run.world;
        let histories = world.members.iter().map(|(key, row)| {
            let own = row.history.values().cloned();
            (key.clone(), own.collect())
        });
        let profiles = world.members.iter();
        let mut balances = world.balances();
        balances.retain(|_, minor| *minor != 0);
        let mut controls = world.controls.clone();
        controls.retain(|_, minor| *minor != 0);
        let mut counters = world.counted();
        counters.retain(|_, value| *value != 0);
        Self {
            balances,
            controls,
            lots: world.lots.clone(),
            counters,
            histories: histories.collect(),
            profiles: profiles
                .map(|(key, row)| (key.clone(), row.profile.clone()))
                .collect(),
        }
    }
}

fn policy() -> impl Strategy<Value = String> {
    let rewards = proptest::sample::select(&["proportional", "recheck", "keep"][..]);
    let shortfall = proptest::sample::select(&["stop_at_zero", "debt"][..]);
    (rewards, shortfall).prop_map(|(rewards, shortfall)| {
        format!("[refunds]\nrewards = \"{rewards}\"\nshortfall = \"{shortfall}\"\n")
    })
}

/// A run whose last purchase is to be refunded, after some of what it was granted may have been spent.
fn recorded(document: &str, before: &[Step], basket: &Basket, spent: i64) -> Run {
    let mut run = Run::new(document);
    run.steps(before);
    run.buy(basket, None);
    if spent > 0 {
        run.step(&Step::Take(basket.member, spent));
    }
    run
}

fn again(run: &Run) -> Run {
    Run {
        world: run.world.clone(),
        recorded: run.recorded.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn in_parts_or_at_once_is_the_same(
        numbers in some_rules(),
        policy in policy(),
        before in steps(),
        basket in basket(),
        spent in 0..400_i64,
        parts in proptest::collection::vec(part(), 1..6),
    ) {
        let document = format!("{}{policy}", document(&numbers));
        let mut at_once = recorded(&document, &before, &basket, spent);
        let last = at_once.recorded.len() - 1;
        let mut in_parts = again(&at_once);
        prop_assert!(at_once.refund(last, &Part::All));
        for part in &parts {
            in_parts.refund(last, part);
        }
        in_parts.refund(last, &Part::All);
        prop_assert_eq!(Left::of(&in_parts), Left::of(&at_once));
    }

    #[test]
    fn a_cancellation_is_a_whole_refund_that_stops_at_zero(
        numbers in some_rules(),
        before in steps(),
        basket in basket(),
        spent in 0..400_i64,
        parts in proptest::collection::vec(part(), 0..3),
    ) {
        let mut refunded = recorded(&document(&numbers), &before, &basket, spent);
        let last = refunded.recorded.len() - 1;
        for part in parts.iter().filter(|part| !matches!(part, Part::All)) {
            refunded.refund(last, part);
        }
        let mut cancelled = again(&refunded);
        let is_refunded = refunded.refund(last, &Part::All);
        if is_refunded {
            cancelled.cancel(last);
        }
        prop_assert_eq!(Left::of(&cancelled), Left::of(&refunded));
    }

    #[test]
    fn what_is_owed_is_paid_by_what_comes(
        numbers in some_rules(),
        before in steps(),
        basket in basket(),
        spent in 1..400_i64,
        part in part(),
        after in steps(),
    ) {
        let document = format!("{}[refunds]\nshortfall = \"debt\"\n", document(&numbers));
        let mut run = recorded(&document, &before, &basket, spent);
        run.refund(run.recorded.len() - 1, &part);
        run.steps(&after);
        // Nobody owes something and was granted something available afterwards that did not pay for it.
        for row in run.world.members.values() {
            for (purpose, asset, minor) in row.balances.iter() {
                prop_assert!(minor >= 0, "{purpose} {asset}: {minor}");
            }
        }
        let debts = |purpose: &Purpose| -> i128 {
            let own = run.world.controls.iter().filter(|((_, own, _), _)| own == purpose);
            own.map(|(_, minor)| *minor).sum()
        };
        prop_assert_eq!(debts(&Purpose::Debt), -debts(&Purpose::Receivable));
    }
}
