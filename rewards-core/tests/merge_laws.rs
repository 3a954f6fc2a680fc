//! A merger changes nothing of what a person has: what is undone, released and given back after it comes out as for somebody who
//! had one id all along, to the minor unit, and so do the limits that are free afterwards.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in the functions that tests share as well"
)]

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use rewards_core::counter::Subject;
use rewards_core::ledger::Purpose;
use rewards_core::money::{Asset, Money};
use rewards_core::operations::balances::GetBalance;
use rewards_core::operations::members::MergeMembers;
use rewards_core::operations::purchases::{
    CancelPurchase, ConfirmPurchase, RefundPurchase, RefundedPart,
};
use rewards_core::operations::redemptions::{
    AuthorizeRedemption, CancelRedemption, CaptureRedemption, Redeem, ReleaseRedemption,
};
use rewards_core::operations::rewards::{DeductBalance, SettleMember};
use rewards_core::rejection::Rejection;

use crate::words::say_all;
use crate::world::{World, member};

/// Rewards of two purchases never expire at the same instant, so that it is clear which of them pays first, whoever has them. No
/// rule pays by line: what one rule paid for one purchase is one with the other member, whichever line it was for.
const PROGRAM: &str = r#"
    budgets = [{ id = "launch", amount = "20" }]
    [[rules]]
    id = "now"
    effect = { percent = { rate = "10%" } }
    budgets = ["launch"]
    lifecycle = { expires = { days = 60 } }
    [[rules]]
    id = "later"
    effect = { percent = { rate = "7%" } }
    budgets = ["launch"]
    lifecycle = { pending = { days = 14 }, expires = { days = 400 } }
    [[rules]]
    id = "waits"
    effect = { fixed = { amount = "0.77" } }
    lifecycle = { pending = { confirmation = {} }, expires = { days = 900 } }
    [[rules]]
    id = "lapses"
    effect = { percent = { rate = "3%" } }
    budgets = ["launch"]
    lifecycle = { pending = { confirmation = { void_after_days = 20 } }, expires = { days = 700 } }
    [redemptions]
    order = ["cashback"]
    expires_after_minutes = 20000
"#;

#[derive(Debug, Clone)]
enum Step {
    Buy(i64, i64),
    Refund(Index, Option<i64>),
    Cancel(Index),
    Confirm(Index),
    Redeem(i64),
    Authorize(i64),
    Capture(Index, Option<i64>),
    Release(Index),
    Restore(Index, Option<i64>),
    Deduct(i64),
    Settle,
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let part = || prop::option::of(1..900_i64);
    prop_oneof![
        4 => (100..4_000_i64, 100..4_000_i64).prop_map(|(one, other)| Step::Buy(one, other)),
        5 => (any::<Index>(), part()).prop_map(|(index, part)| Step::Refund(index, part)),
        1 => any::<Index>().prop_map(Step::Cancel),
        1 => any::<Index>().prop_map(Step::Confirm),
        2 => (1..900_i64).prop_map(Step::Redeem),
        2 => (1..900_i64).prop_map(Step::Authorize),
        2 => (any::<Index>(), part()).prop_map(|(index, part)| Step::Capture(index, part)),
        2 => any::<Index>().prop_map(Step::Release),
        3 => (any::<Index>(), part()).prop_map(|(index, part)| Step::Restore(index, part)),
        1 => (1..300_i64).prop_map(Step::Deduct),
        1 => Just(Step::Settle),
        4 => select(&[1, 3, 15, 40, 70][..]).prop_map(Step::Wait),
    ]
}

/// A person, under one id or under ids that are merged on the way.
struct Person {
    world: World,
    ids: Vec<&'static str>,
    /// Who made each, and its id: what implies its key is repeated under the same id.
    purchases: Vec<(&'static str, String)>,
    redemptions: Vec<String>,
}

impl Person {
    fn new(shortfall: &str) -> Self {
        let mut world = World::with(&format!(
            "{PROGRAM}[refunds]\nshortfall = \"{shortfall}\"\n"
        ));
        world.register("bob").register("cid");
        Self {
            world,
            ids: vec!["ann"],
            purchases: Vec::new(),
            redemptions: Vec::new(),
        }
    }

    fn id(&self) -> &'static str {
        self.ids.last().unwrap()
    }

    fn merge(&mut self, into: &'static str) {
        let merge = MergeMembers {
            member: member(self.id()),
            into: member(into),
            tiers: None,
        };
        self.world.run(&merge).unwrap();
        self.ids.push(into);
    }

    /// What a step does, in words that name no id of the person.
    fn step(&mut self, step: &Step) -> String {
        let euro = |minor| Money::new(minor, Asset::parse("EUR").unwrap());
        let (count, own) = (self.world.commands, member(self.id()));
        let key = format!("k{count}");
        match step {
            Step::Buy(one, other) => {
                self.world.now = self.world.now.checked_add_days(1).unwrap();
                let [total, one, other] =
                    [one + other, *one, *other].map(|minor| euro(minor).to_string());
                let id = format!("p{}", self.purchases.len());
                let text = format!("{total} line:{one} line:{other} id={id} member={own}");
                self.purchases.push((self.id(), id));
                let bought = self.world.try_buy(&text).unwrap().decision;
                let grants = bought.grants.iter().map(|grant| grant.granted);
                said(Ok(grants.collect::<Vec<_>>()))
            }
            Step::Refund(..) | Step::Cancel(_) | Step::Confirm(_) if self.purchases.is_empty() => {
                String::new()
            }
            Step::Refund(index, part) => {
                let refund = RefundPurchase {
                    refund: format!("r{count}").parse().unwrap(),
                    member: own,
                    purchase: self.purchase(index).1.parse().unwrap(),
                    what: part.map_or(RefundedPart::All, |minor| RefundedPart::Amount(euro(minor))),
                    kind: None,
                    reason: None,
                };
                let back = self.world.run(&refund);
                said(back.map(|back| [back.taken_back, back.shortfall, back.owed].concat()))
            }
            Step::Cancel(index) => {
                let (maker, purchase) = self.purchase(index);
                let (maker, purchase) = (member(maker), purchase.parse().unwrap());
                let back = self.world.run(&CancelPurchase {
                    member: maker,
                    purchase,
                });
                said(back.map(|back| [back.taken_back, back.shortfall].concat()))
            }
            Step::Confirm(index) => {
                let (maker, purchase) = self.purchase(index);
                let (maker, purchase) = (member(maker), purchase.parse().unwrap());
                let confirm = ConfirmPurchase {
                    member: maker,
                    purchase,
                };
                said(self.world.run(&confirm).map(|told| told.released))
            }
            Step::Deduct(minor) => {
                let deduct = DeductBalance {
                    member: own,
                    take: euro(*minor),
                    reason: "taken".to_owned(),
                    source: None,
                    reference: None,
                };
                said(self.world.run_as(&key, &deduct).map(|_| Vec::new()))
            }
            Step::Settle => {
                for id in self.ids.clone() {
                    let settle = SettleMember { member: member(id) };
                    self.world.run_as(&format!("{key}-{id}"), &settle).unwrap();
                }
                String::new()
            }
            Step::Wait(days) => {
                self.world.now = self.world.now.checked_add_days(*days).unwrap();
                String::new()
            }
            _ => self.spend(step),
        }
    }

    fn spend(&mut self, step: &Step) -> String {
        let euro = |minor| Money::new(minor, Asset::parse("EUR").unwrap());
        let own = member(self.id());
        let key = format!("k{}", self.world.commands);
        let (name, order) = (
            format!("x{}", self.redemptions.len()),
            "order".parse().unwrap(),
        );
        let program = "main".parse().unwrap();
        let id = name.parse().unwrap();
        match step {
            Step::Redeem(minor) => {
                let redeem = Redeem {
                    redemption: id,
                    member: own,
                    program,
                    order,
                    total: euro(*minor),
                    amount: None,
                    tenders: Vec::new(),
                    wallet: None,
                };
                let paid = self.world.run(&redeem);
                self.redemptions.extend(paid.is_ok().then_some(name));
                said(paid.map(|paid| vec![paid.paid]))
            }
            Step::Authorize(minor) => {
                let authorize = AuthorizeRedemption {
                    redemption: id,
                    member: own,
                    program,
                    order,
                    total: euro(*minor),
                    amount: None,
                    tenders: Vec::new(),
                    wallet: None,
                };
                let held = self.world.run(&authorize);
                self.redemptions.extend(held.is_ok().then_some(name));
                said(held.map(|_| Vec::new()))
            }
            Step::Capture(index, part) if !self.redemptions.is_empty() => {
                let capture = CaptureRedemption {
                    member: own,
                    redemption: self.redemption(index).parse().unwrap(),
                    number: 1 + u32::try_from(self.world.commands % 3).unwrap(),
                    amount: part.map(euro),
                };
                said(self.world.run_as(&key, &capture).map(|_| Vec::new()))
            }
            Step::Release(index) if !self.redemptions.is_empty() => {
                let redemption = self.redemption(index).parse().unwrap();
                let release = ReleaseRedemption {
                    member: own,
                    redemption,
                };
                said(self.world.run_as(&key, &release).map(|told| told.returned))
            }
            Step::Restore(index, part) if !self.redemptions.is_empty() => {
                let cancel = CancelRedemption {
                    member: own,
                    redemption: self.redemption(index).parse().unwrap(),
                    number: None,
                    amount: part.map(euro),
                };
                said(self.world.run_as(&key, &cancel).map(|told| told.returned))
            }
            _ => String::new(),
        }
    }

    fn purchase(&self, index: &Index) -> &(&'static str, String) {
        &self.purchases[index.index(self.purchases.len())]
    }

    fn redemption(&self, index: &Index) -> &str {
        &self.redemptions[index.index(self.redemptions.len())]
    }

    /// What the person has and owes, over all ids, without a sweep.
    fn has(&mut self) -> BTreeMap<&'static str, i64> {
        let mut sums = BTreeMap::new();
        for id in self.ids.clone() {
            let shown = self.world.run(&GetBalance::new(member(id))).unwrap();
            for own in shown.assets {
                for (what, amount) in [
                    ("available", Some(own.available)),
                    ("pending", Some(own.pending)),
                    ("reserved", own.reserved),
                    ("owed", own.owed),
                ] {
                    *sums.entry(what).or_default() += amount.map_or(0, |amount| amount.minor());
                }
            }
        }
        sums
    }

    /// What is where in the tenant's own accounts, and what is used of limits that members share.
    fn books(&self) -> (BTreeMap<(Purpose, Asset), i128>, BTreeMap<String, i64>) {
        let controls = self.world.controls.iter().filter(|(_, sum)| **sum != 0);
        let controls = controls.map(|((_, purpose, asset), sum)| ((purpose.clone(), *asset), *sum));
        let counted = self.world.counted().into_iter();
        let shared = counted
            .filter(|(key, value)| *value != 0 && !matches!(key.name.subject, Subject::Member(_)));
        let shared =
            shared.map(|(key, value)| (format!("{} {}", key.name.name, key.bucket), value));
        (controls.collect(), shared.collect())
    }
}

fn said(told: Result<Vec<Money>, Rejection>) -> String {
    told.map_or_else(|no| no.code().to_owned(), |amounts| say_all(&amounts))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_merger_makes_no_difference(
        shortfall in select(&["stop_at_zero", "debt"][..]),
        steps in prop::collection::vec(step(), 1..24),
        mergers in (0..24_usize, 0..24_usize),
    ) {
        let (mut one, mut many) = (Person::new(shortfall), Person::new(shortfall));
        for (number, step) in steps.iter().enumerate() {
            for (at, into) in [(mergers.0, "bob"), (mergers.0 + mergers.1, "cid")] {
                let has = many.has();
                // Rewards of a purchase do not pay what is owed of it, as later refunds take them back; what goes on pays all.
                let pays = has.get("owed") > Some(&0) && has.get("available") > Some(&0);
                if number == at && many.id() != into && !pays {
                    many.merge(into);
                }
            }
            prop_assert_eq!(many.step(step), one.step(step), "step {}: {:?}", number, step);
            prop_assert_eq!(many.has(), one.has(), "after step {}: {:?}", number, step);
        }
        for person in [&mut one, &mut many] {
            person.step(&Step::Settle);
        }
        prop_assert_eq!(many.books(), one.books());
    }
    /// Whatever falls due between two steps has happened in the order of time, under one id or several, whether a sweep has carried
    /// it out meanwhile or not.
    #[test]
    fn a_sweep_makes_no_difference_to_what_a_person_has(
        shortfall in select(&["stop_at_zero", "debt"][..]),
        steps in prop::collection::vec((step(), any::<bool>()), 1..24),
        mergers in (0..24_usize, 0..24_usize),
    ) {
        let (mut swept, mut unswept) = (Person::new(shortfall), Person::new(shortfall));
        for (number, (step, sweeps)) in steps.iter().enumerate() {
            for (at, into) in [(mergers.0, "bob"), (mergers.0 + mergers.1, "cid")] {
                if number == at && swept.id() != into {
                    swept.merge(into);
                    unswept.merge(into);
                }
            }
            if *sweeps {
                swept.step(&Step::Settle);
                // Keys and numbers follow from how many commands there were.
                unswept.world.commands = swept.world.commands;
            }
            prop_assert_eq!(swept.step(step), unswept.step(step), "step {}: {:?}", number, step);
            prop_assert_eq!(swept.has(), unswept.has(), "after step {}: {:?}", number, step);
        }
        for person in [&mut swept, &mut unswept] {
            person.step(&Step::Settle);
        }
        prop_assert_eq!(swept.books(), unswept.books());
    }
}
