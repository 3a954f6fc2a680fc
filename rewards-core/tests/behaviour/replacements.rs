//! Orders that are edited: a purchase in the place of another one.

use rewards_core::operations::purchases::{
    GetPurchase, ListRefunds, RecordPurchase, RefundPurchase, RefundedPart, ReplacePurchase,
    ReplacedPurchase,
};
use rewards_core::rejection::{Fault, Rejection};

use crate::words::{grant, money, say_all};
use crate::world::{World, member};

const CAPPED: &str = r#"
    caps = [{ id = "day", per = "member", every = "day", limit = { amount = { amount = "6" } } }]
    budgets = [{ id = "launch", amount = "8" }]
    [[rules]]
    id = "it"
    effect = { percent = { rate = "5%" } }
    caps = ["day"]
    budgets = ["launch"]
"#;

const THIRD: &str = r#"
    [[rules]]
    id = "third"
    when = { purchase_number = { every = 3 } }
    effect = { fixed = { amount = "5" } }
"#;

const OWED: &str = r#"
    [refunds]
    shortfall = "debt"
    [[rules]]
    id = "it"
    effect = { percent = { rate = "5%" } }
"#;

fn replacement(world: &World, replaced: &str, text: &str) -> ReplacePurchase {
    ReplacePurchase {
        coupons: Vec::new(),
        refund: format!("edit-{replaced}").parse().unwrap(),
        replaced: replaced.parse().unwrap(),
        reason: Some("edited".parse().unwrap()),
        purchase: world.purchase(text),
        pinned: None,
    }
}

fn replaced(world: &mut World, old: &str, text: &str) -> ReplacedPurchase {
    let replace = replacement(world, old, text);
    world.run(&replace).unwrap()
}

fn granted(reply: &ReplacedPurchase) -> Vec<String> {
    let grants = reply.recorded.decision.grants.iter();
    grants.map(grant).collect()
}

#[test]
fn what_the_refund_releases_is_free_for_the_new_purchase() {
    let mut world = World::with(CAPPED);
    world.register("bob");
    assert_eq!(world.grants("100 id=p1"), ["it 5.00 EUR"]);
    assert_eq!(
        world.grants("100 id=p2 member=bob"),
        ["it 3.00 EUR of 5.00 by launch"]
    );
    // The day has 1.00 left and the budget nothing, without what comes back.
    let reply = replaced(&mut world, "p1", "140 id=p3");
    assert_eq!(say_all(&reply.refunded.taken_back), "5.00 EUR");
    assert_eq!(granted(&reply), ["it 5.00 EUR of 7.00 by launch"]);
    assert_eq!(world.balance(), "5.00+0.00 EUR");
}

#[test]
fn a_purchase_that_is_replaced_keeps_its_number() {
    let mut world = World::with(THIRD);
    for id in ["p1", "p2"] {
        assert!(world.grants(&format!("10 id={id}")).is_empty());
    }
    let third = replaced(&mut world, "p2", "10 id=p3");
    assert_eq!(granted(&third), ["third 5.00 EUR"]);
    // The third was that one, also when it is replaced itself.
    let fourth = replaced(&mut world, "p3", "10 id=p4");
    assert!(granted(&fourth).is_empty());
    assert_eq!(say_all(&fourth.refunded.taken_back), "5.00 EUR");
}

#[test]
fn new_rewards_pay_what_the_refund_left_owing() {
    let mut world = World::with(OWED);
    world.buy("100 id=p1");
    world.take(money("4.00", "EUR")).unwrap();
    let reply = replaced(&mut world, "p1", "60 id=p2");
    assert_eq!(say_all(&reply.refunded.taken_back), "1.00 EUR");
    assert_eq!(say_all(&reply.refunded.owed), "4.00 EUR");
    // All of 3.00 goes to what is owed at once.
    assert_eq!(granted(&reply), ["it 3.00 EUR"]);
    assert_eq!(world.balance(), "0.00+0.00 EUR");
    let reply = replaced(&mut world, "p2", "100 id=p3");
    assert_eq!(say_all(&reply.refunded.owed), "3.00 EUR");
    assert_eq!(world.balance(), "1.00+0.00 EUR");
}

#[test]
fn the_time_of_the_first_keeps_its_window() {
    for (at, expected) in [
        ("2026-03-02", "it 6.00 EUR of 10.00 by day"),
        ("2026-03-03", "it 1.00 EUR of 10.00 by day"),
    ] {
        let mut world = World::with(CAPPED);
        world.buy("60 id=p1");
        world.at("2026-03-03").buy("100 id=p2");
        let reply = replaced(&mut world, "p1", &format!("200 id=p3 at={at}"));
        let granted = granted(&reply);
        // The budget has no more than 3.00 left in either case.
        let all = expected.replace("6.00 EUR of 10.00 by day", "3.00 EUR of 10.00 by launch");
        assert_eq!(granted, [all], "{at}");
    }
}

#[test]
fn refusals_come_in_the_order_of_both() {
    type Change = fn(&mut ReplacePurchase);
    let table: &[(&str, Change, &str)] = &[
        (
            "a program",
            |it| it.purchase.program = "other".parse().unwrap(),
            "program_unknown",
        ),
        (
            "itself",
            |it| it.purchase.id = it.replaced.clone(),
            "invalid",
        ),
        (
            "a member before a purchase",
            |it| {
                it.purchase.member = member("eve");
                it.replaced = "p9".parse().unwrap();
            },
            "member_unknown",
        ),
        (
            "another member's",
            |it| it.purchase.member = member("bob"),
            "purchase_unknown",
        ),
        (
            "an unknown purchase before a known one",
            |it| {
                it.replaced = "p9".parse().unwrap();
                it.purchase.id = "p2".parse().unwrap();
            },
            "purchase_unknown",
        ),
        (
            "a known refund before a known purchase",
            |it| {
                it.refund = "r1".parse().unwrap();
                it.purchase.id = "p2".parse().unwrap();
            },
            "refund_exists",
        ),
        (
            "a refunded purchase before a known one",
            |it| {
                it.replaced = "p0".parse().unwrap();
                it.purchase.id = "p2".parse().unwrap();
            },
            "purchase_refunded",
        ),
        (
            "a known purchase",
            |it| it.purchase.id = "p2".parse().unwrap(),
            "purchase_exists",
        ),
        (
            "a pin",
            |it| it.pinned = Some("00".to_owned()),
            "quote_changed",
        ),
        ("nothing", |_| {}, ""),
    ];
    for (what, change, code) in table {
        let mut world = World::with(CAPPED);
        world.register("bob");
        for id in ["p0", "p1", "p2"] {
            world.buy(&format!("10 id={id}"));
        }
        let refund = RefundPurchase {
            refund: "r1".parse().unwrap(),
            member: member("ann"),
            purchase: "p0".parse().unwrap(),
            what: RefundedPart::All,
            kind: None,
            reason: None,
        };
        world.run(&refund).unwrap();
        let mut replace = replacement(&world, "p1", "20 id=p3");
        change(&mut replace);
        let before = world.balance();
        match world.run_as("k", &replace) {
            Ok(_) => assert_eq!(*code, "", "{what}"),
            Err(refused) => {
                assert_eq!(refused.code(), *code, "{what}");
                assert_eq!(world.balance(), before, "{what}");
            }
        }
    }
}

#[test]
fn problems_are_told_all_at_once() {
    let mut world = World::with(CAPPED);
    world.buy("10 id=p1");
    let mut replace = replacement(&world, "p1", "-1 id=p1 discounts=-2");
    let problems = |refused| match refused {
        Rejection::Invalid(problems) => problems
            .into_iter()
            .map(|problem| format!("{} {}", problem.path, problem.code))
            .collect::<Vec<_>>(),
        other => panic!("{other}"),
    };
    let found = problems(world.run_as("k", &replace).unwrap_err());
    assert_eq!(
        found,
        [
            "replaced replaces_itself",
            "purchase.total amount_not_positive",
            "purchase.discounts amount_negative",
        ]
    );
    replace.purchase = world.purchase("10 id=p1");
    let found = problems(world.run_as("k", &replace).unwrap_err());
    assert_eq!(found, ["replaced replaces_itself"]);
}

#[test]
fn one_key_has_one_effect() {
    let mut world = World::with(CAPPED);
    world.buy("100 id=p1");
    let replace = replacement(&world, "p1", "40 id=p2");
    let first = world.run(&replace).unwrap();
    assert_eq!(world.run(&replace).unwrap(), first);
    assert_eq!(world.balance(), "2.00+0.00 EUR");
    let mut other = replace.clone();
    other.replaced = "p2".parse().unwrap();
    assert_eq!(world.run(&other).unwrap_err().code(), "key_reused");
    // Who records what has taken the place of another one is told so.
    let record = RecordPurchase::new(replace.purchase.clone());
    let refused = Fault::from(world.run(&record).unwrap_err());
    assert_eq!(refused.code, "key_reused");
    let refused = world.run_as("another", &record).unwrap_err();
    assert_eq!(refused.code(), "purchase_exists");
}

#[test]
fn both_purchases_and_the_refund_are_shown() {
    let mut world = World::with(CAPPED);
    world.buy("100 id=p1");
    let reply = replaced(&mut world, "p1", "40 id=p2");
    replaced(&mut world, "p2", "60 id=p3");
    let ids = ["p1", "p2", "p3"];
    let shown = ids.map(|id| {
        let get = GetPurchase::new(id.parse().unwrap());
        let shown = world.run(&get).unwrap();
        let name = |id: Option<rewards_core::ids::PurchaseId>| {
            id.map_or("-".to_owned(), |id| id.to_string())
        };
        let state = shown.state.text();
        let totals = say_all(&shown.decision.totals);
        let (replaces, by) = (name(shown.replaces), name(shown.replaced_by));
        format!("{id} {state} {totals} {replaces} {by}")
    });
    assert_eq!(
        shown,
        [
            "p1 refunded 5.00 EUR - p2",
            "p2 refunded 2.00 EUR p1 p3",
            "p3 recorded 3.00 EUR p2 -",
        ]
    );
    let list = ListRefunds {
        purchase: Some("p1".parse().unwrap()),
        ..ListRefunds::default()
    };
    let refunds = world.run(&list).unwrap().refunds;
    let [refund] = refunds.as_slice() else {
        panic!("{refunds:?}");
    };
    assert_eq!(refund.refund, reply.refunded.refund);
    assert_eq!(refund.reason.as_ref().unwrap().as_str(), "edited");
    assert_eq!(say_all(&refund.taken_back), "5.00 EUR");
}
