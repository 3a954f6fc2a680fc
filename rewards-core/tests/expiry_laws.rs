//! Laws of expiry: what extends a reward never shortens it, and whoever does something often enough loses nothing.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use rewards_core::ids::{OrderId, RedemptionId};
use rewards_core::ledger::{LotNumber, LotState};
use rewards_core::operations::balances::{GetBalance, ListExpiring};
use rewards_core::operations::redemptions::Redeem;
use rewards_core::operations::transfers::{TransferBalance, TransferReceiver};
use rewards_core::time::Timestamp;

use crate::words::money;
use crate::world::{World, member};

const HOUR: i64 = 3_600_000_000;

/// What the member may do, with whether it is among what extends.
#[derive(Debug, Clone, Copy)]
enum Step {
    Buy,
    BuyLate(i64),
    Redeem,
    Send,
    Receive,
    Take(i64),
    Cancel,
    Confirm,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Buy),
        1 => (1..200_i64).prop_map(Step::BuyLate),
        1 => Just(Step::Redeem),
        1 => Just(Step::Send),
        1 => Just(Step::Receive),
        1 => (1..900_i64).prop_map(Step::Take),
        1 => Just(Step::Cancel),
        1 => Just(Step::Confirm),
    ]
}

/// A program by which everything that can happen extends, or nothing.
fn document(length: &str, pending: &str, slides: bool) -> String {
    let by = match slides {
        true => {
            r#", extended_by = ["purchase", "redemption", "transfer_sent", "transfer_received"]"#
        }
        false => "",
    };
    format!(
        r#"
        zone = "Europe/Berlin"
        units = [{{ asset = "points" }}]
        lifecycle = {{ {pending} expires = {{ {length}{by} }} }}
        redemptions = {{ order = ["cashback"] }}
        transfers = [{{ id = "gift", asset = "points" }}]
        [[rules]]
        id = "it"
        effect = {{ fixed = {{ amount = "5" }} }}
        [[rules]]
        id = "other"
        effect = {{ fixed = {{ amount = "2" }} }}
        "#
    )
}

fn lengths() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "days = 5",
        "days = 5, round = \"end_of_day\"",
        "days = 9, round = \"end_of_month\"",
        "months = 1",
        "anniversary = true, days = 20",
    ])
}

fn world(document: &str) -> World {
    let mut world = World::with(document);
    world.register("bob");
    // Enough to send for ever.
    world.give(money("100000", "points"), None);
    let all = transfer("first", "ann", "bob", "50000");
    world.run(&all).unwrap();
    world
}

fn transfer(id: &str, from: &str, to: &str, amount: &str) -> TransferBalance {
    TransferBalance {
        transfer: id.parse().unwrap(),
        program: "main".parse().unwrap(),
        from: member(from),
        to: TransferReceiver::Member(member(to)),
        amount: money(amount, "points"),
        note: None,
    }
}

fn later(world: &World, hours: i64) -> Timestamp {
    world.now.checked_add_micros(hours * HOUR).unwrap()
}

/// Takes a step that may be refused; says whether it was taken.
fn take(world: &mut World, number: usize, step: Step) -> bool {
    let purchase = |back: usize| format!("p{}", number.saturating_sub(back));
    match step {
        Step::Buy => world.try_buy(&format!("100 id=p{number}")).is_ok(),
        Step::BuyLate(hours) => {
            let at = later(world, -hours);
            world.try_buy(&format!("100 id=p{number} at={at}")).is_ok()
        }
        Step::Redeem => {
            let redeem = Redeem {
                redemption: RedemptionId::new(&format!("r{number}")).unwrap(),
                member: member("ann"),
                program: "main".parse().unwrap(),
                order: OrderId::new("order").unwrap(),
                total: money("10.00", "EUR"),
                amount: Some(money("0.50", "EUR")),
                tenders: Vec::new(),
                wallet: None,
            };
            world.run(&redeem).is_ok()
        }
        Step::Send => world
            .run(&transfer(&format!("t{number}"), "ann", "bob", "1"))
            .is_ok(),
        Step::Receive => world
            .run(&transfer(&format!("t{number}"), "bob", "ann", "1"))
            .is_ok(),
        Step::Take(cents) => {
            let amount = format!("{}.{:02}", cents / 100, cents % 100);
            world.take(money(&amount, "EUR")).is_ok()
        }
        Step::Cancel => world.cancel(&purchase(1)).is_ok(),
        Step::Confirm => world.confirm(&purchase(1)).is_ok(),
    }
}

fn expiries(world: &World) -> BTreeMap<LotNumber, Option<Timestamp>> {
    let lots = world.lots_of(&world.member_key("ann"));
    lots.map(|lot| (lot.number, lot.expires_at)).collect()
}

/// What is shown of what the member has, by numbers that sweeps do not move.
fn shown(world: &mut World) -> String {
    let balance = world.run(&GetBalance::new(member("ann"))).unwrap();
    let listed = world.run(&ListExpiring::of(member("ann"))).unwrap().items;
    let listed: Vec<_> = listed
        .iter()
        .map(|item| (item.amount, item.expires_at))
        .collect();
    format!("{balance:?} {listed:?}")
}

fn agree(one: &mut World, other: &mut World) -> Result<(), TestCaseError> {
    prop_assert_eq!(shown(one), shown(other));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever is done, nothing expires earlier than before, and what is gone stays gone.
    #[test]
    fn nothing_is_shortened(
        length in lengths(),
        pending in prop::sample::select(vec!["", "pending = { days = 2 },", "pending = { confirmation = { void_after_days = 4 } },"]),
        steps in prop::collection::vec((step(), 0..120_i64), 1..25),
    ) {
        let mut world = world(&document(length, pending, true));
        for (number, (step, hours)) in steps.into_iter().enumerate() {
            world.now = later(&world, hours);
            let before = expiries(&world);
            let mut swept = world.clone();
            swept.settle();
            let gone: Vec<LotNumber> = swept.lots_of(&swept.member_key("ann"))
                .filter(|lot| !lot.state.is_open()).map(|lot| lot.number).collect();
            take(&mut world, number, step);
            for (lot, expires) in expiries(&world) {
                let Some(earlier) = before.get(&lot) else { continue };
                prop_assert!(expires.is_none() || expires >= *earlier, "{step:?} #{lot}");
                prop_assert!(!gone.contains(&lot) || expires == *earlier, "{step:?} #{lot} is gone");
            }
        }
    }

    /// Who does something more often than the period is long loses nothing, ever.
    #[test]
    fn nothing_expires_of_somebody_who_keeps_doing_something(
        length in lengths(),
        steps in prop::collection::vec((prop_oneof![Just(Step::Buy), Just(Step::Redeem), Just(Step::Send), Just(Step::Receive)], 1..120_i64), 1..40),
    ) {
        let mut world = world(&document(length, "", true));
        take(&mut world, 1_000, Step::Buy);
        for (number, (step, hours)) in steps.into_iter().enumerate() {
            // Less than the shortest period, also when a day of it has 23 hours.
            world.now = later(&world, hours.min(118));
            prop_assert!(take(&mut world, number, step), "{step:?}");
        }
        world.settle();
        let expired = world.lots_of(&world.member_key("ann")).filter(|lot| lot.state == LotState::Expired);
        prop_assert_eq!(expired.count(), 0);
    }

    /// Where nothing extends, sliding is what it was without.
    #[test]
    fn without_activity_sliding_is_rolling(
        length in lengths(),
        pending in prop::sample::select(vec!["", "pending = { days = 2 },"]),
        hours in prop::collection::vec(0..400_i64, 1..8),
    ) {
        let (mut one, mut other) = (world(&document(length, pending, true)), world(&document(length, pending, false)));
        take(&mut one, 0, Step::Buy);
        take(&mut other, 0, Step::Buy);
        for hours in hours {
            (one.now, other.now) = (later(&one, hours), later(&other, hours));
            agree(&mut one, &mut other)?;
        }
        one.settle();
        other.settle();
        prop_assert_eq!(&one.lots, &other.lots);
    }

    /// A sweep makes no difference, whenever it comes.
    #[test]
    fn sweeps_make_no_difference(
        length in lengths(),
        pending in prop::sample::select(vec!["", "pending = { days = 2 },", "pending = { confirmation = { void_after_days = 4 } },"]),
        steps in prop::collection::vec((step(), 0..120_i64, any::<bool>(), any::<bool>()), 1..25),
    ) {
        let document = document(length, pending, true);
        let (mut swept, mut unswept) = (world(&document), world(&document));
        for (number, (step, hours, before, after)) in steps.into_iter().enumerate() {
            (swept.now, unswept.now) = (later(&swept, hours), later(&unswept, hours));
            if before {
                swept.settle();
            }
            prop_assert_eq!(take(&mut swept, number, step), take(&mut unswept, number, step));
            if after {
                swept.settle();
            }
            agree(&mut swept, &mut unswept)?;
        }
        swept.settle();
        unswept.settle();
        agree(&mut swept, &mut unswept)?;
    }
}
