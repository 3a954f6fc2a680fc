//! What is owed is paid by what becomes available, in the order of time: whoever looks and when, and under how many ids.

use rewards_core::operations::balances::GetBalance;
use rewards_core::operations::members::MergeMembers;
use rewards_core::operations::purchases::{RefundPurchase, RefundedPart};
use rewards_core::operations::redemptions::{AuthorizeRedemption, Redeem};
use rewards_core::operations::rewards::SettleMember;

use crate::words::{money, say_all};
use crate::world::{World, member};

/// Ten at once, which expire after sixty days, and seven after two weeks, which expire much later.
const PROGRAM: &str = r#"
    refunds = { shortfall = "debt" }
    redemptions = { order = ["cashback"], expires_after_minutes = 20000 }
    [[rules]]
    id = "now"
    effect = { fixed = { amount = "10" } }
    lifecycle = { expires = { days = 60 } }
    [[rules]]
    id = "later"
    effect = { fixed = { amount = "7" } }
    lifecycle = { pending = { days = 14 }, expires = { days = 400 } }
"#;

/// Ann owes the ten of a purchase that came back. The ten of another one are reserved until the fifteenth day, and its seven come
/// on the fourteenth.
fn owing() -> World {
    let mut world = World::with(PROGRAM);
    world.register("bob").register("cid");
    let (program, tenders) = ("main".parse().unwrap(), Vec::new());
    world.buy("100 id=p1");
    let redeem = Redeem {
        redemption: "x1".parse().unwrap(),
        member: member("ann"),
        program,
        order: "o1".parse().unwrap(),
        total: money("10", "EUR"),
        amount: None,
        tenders,
        wallet: None,
    };
    world.run(&redeem).unwrap();
    world.buy("100 id=p2");
    wait(&mut world, 1);
    let Redeem {
        member: ann,
        program,
        total,
        tenders,
        ..
    } = redeem;
    let authorize = AuthorizeRedemption {
        redemption: "x2".parse().unwrap(),
        member: ann,
        program,
        order: "o2".parse().unwrap(),
        total,
        amount: None,
        tenders,
        wallet: None,
    };
    world.run(&authorize).unwrap();
    let refund = RefundPurchase {
        refund: "r1".parse().unwrap(),
        member: member("ann"),
        purchase: "p1".parse().unwrap(),
        what: RefundedPart::All,
        kind: None,
        reason: None,
    };
    let refunded = world.run(&refund).unwrap();
    assert_eq!(say_all(&refunded.owed), "10.00 EUR");
    world
}

fn wait(world: &mut World, days: i64) {
    world.now = world.now.checked_add_days(days).unwrap();
}

fn settle(world: &mut World, who: &str) {
    let settle = SettleMember {
        member: member(who),
    };
    let key = format!("s{}", world.commands);
    world.run_as(&key, &settle).unwrap();
}

fn merge(world: &mut World, who: &str, into: &str) {
    let merge = MergeMembers {
        member: member(who),
        into: member(into),
        tiers: None,
    };
    world.run(&merge).unwrap();
}

/// What somebody has, and owes.
fn has(world: &mut World, who: &str) -> (i64, i64) {
    let shown = world.run(&GetBalance::new(member(who))).unwrap();
    let own = shown.assets.iter();
    own.fold((0, 0), |(has, owes), own| {
        let owed = own.owed.map_or(0, |owed| owed.minor());
        (has + own.available.minor(), owes + owed)
    })
}

/// Into whom ann is merged, and on which day.
type Mergers = &'static [(&'static str, i64)];
/// On which days somebody sweeps.
type Sweeps = &'static [i64];

/// The seven that came first have paid, and three of the ten: the seven that are left expire soon.
#[test]
fn what_comes_first_pays_first() {
    let cases: &[(Mergers, Sweeps)] = &[
        (&[], &[]),
        (&[], &[14]),
        (&[], &[14, 15]),
        (&[("bob", 2)], &[]),
        (&[("bob", 2)], &[14]),
        (&[("bob", 2), ("cid", 3)], &[]),
        (&[("bob", 2), ("cid", 14)], &[]),
        (&[("bob", 2), ("cid", 20)], &[]),
        (&[("bob", 20)], &[]),
        (&[("bob", 20), ("cid", 20)], &[15]),
    ];
    for (merged, swept) in cases {
        let mut world = owing();
        let (mut ids, mut last) = (vec!["ann"], "ann");
        for day in 2..=61 {
            wait(&mut world, 1);
            for (into, _) in merged.iter().filter(|(_, on)| *on == day) {
                merge(&mut world, last, into);
                ids.push(into);
                last = into;
            }
            if swept.contains(&day) {
                ids.iter().for_each(|id| settle(&mut world, id));
            }
            let want = match day {
                ..14 => (0, 1_000),
                14 => (0, 300),
                15..60 => (700, 0),
                60.. => (0, 0),
            };
            assert_eq!(
                has(&mut world, last),
                want,
                "{merged:?} {swept:?} day {day}"
            );
        }
        world.assert_valid();
    }
}
