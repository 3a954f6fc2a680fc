//! Redemptions: what pays, what is reserved and goes back, to which lots, and what is refused.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rewards_core::ids::{OrderId, RedemptionId};
use rewards_core::ledger::{Lot, LotState, Purpose};
use rewards_core::member::MemberStatus;
use rewards_core::money::{Asset, Money};
use rewards_core::operations::aliases::LinkAlias;
use rewards_core::operations::balances::{GetBalance, ListExpiring};
use rewards_core::operations::members::UpdateMember;
use rewards_core::operations::redemptions::{
    AuthorizeRedemption, CancelRedemption, CaptureRedemption, ChosenTender, GetRedemption,
    ListRedemptions, QuoteRedemption, Redeem, ReleaseRedemption,
};
use rewards_core::operations::rewards::{GrantReward, SettleMember};
use rewards_core::rejection::Rejection;
use rewards_core::secret::Secret;
use rewards_core::wallet::{Bucket, RedemptionState};

use crate::world::{World, at, member};

const SHOP: &str = r#"
units = [{ asset = "points" }]
redemptions = { order = [{ unit = { asset = "points", value = { units = "3", money = "0.01" } } }, "cashback"], expires_after_minutes = 60 }
"#;

fn money(text: &str) -> Money {
    let (amount, asset) = text.split_once(' ').unwrap();
    Money::parse(amount, Asset::parse(asset).unwrap()).unwrap()
}

fn grant(world: &mut World, what: &str, expires: Option<&str>) {
    let grant = GrantReward {
        source: None,
        reference: None,
        member: member("ann"),
        amount: money(what),
        reason: "a gift".to_owned(),
        expires_at: expires.map(at),
    };
    let key = format!("grant-{}", world.commands);
    world.run_as(&key, &grant).unwrap();
}

fn id(text: &str) -> RedemptionId {
    RedemptionId::new(text).unwrap()
}

fn redeem(name: &str, total: &str) -> Redeem {
    Redeem {
        redemption: id(name),
        member: member("ann"),
        program: "main".parse().unwrap(),
        order: OrderId::new("order").unwrap(),
        total: money(total),
        amount: None,
        tenders: Vec::new(),
        wallet: None,
    }
}

fn authorize(name: &str, total: &str) -> AuthorizeRedemption {
    AuthorizeRedemption {
        redemption: id(name),
        member: member("ann"),
        program: "main".parse().unwrap(),
        order: OrderId::new("order").unwrap(),
        total: money(total),
        amount: None,
        tenders: Vec::new(),
        wallet: None,
    }
}

fn capture(name: &str, number: u32, amount: Option<&str>) -> CaptureRedemption {
    CaptureRedemption {
        member: member("ann"),
        redemption: id(name),
        number,
        amount: amount.map(money),
    }
}

fn release(name: &str) -> ReleaseRedemption {
    ReleaseRedemption {
        member: member("ann"),
        redemption: id(name),
    }
}

fn cancel(name: &str, number: u32, amount: Option<&str>) -> CancelRedemption {
    CancelRedemption {
        member: member("ann"),
        redemption: id(name),
        number: Some(number),
        amount: amount.map(money),
    }
}

fn texts(amounts: &[Money]) -> Vec<String> {
    let amounts = amounts.iter();
    amounts
        .map(|amount| format!("{amount} {}", amount.asset()))
        .collect()
}

/// What is available and reserved, by asset.
fn balance(world: &mut World) -> String {
    let balance = world.run(&GetBalance::new(member("ann"))).unwrap();
    let assets = balance.assets.iter().map(|own| {
        let reserved = own.reserved.map(|reserved| format!("+{reserved}"));
        let reserved = reserved.unwrap_or_default();
        format!("{}{reserved} {}", own.available, own.available.asset())
    });
    assets.collect::<Vec<_>>().join(", ")
}

fn lots(world: &World) -> Vec<Lot> {
    let key = world.member_key("ann");
    world.lots_of(&key).cloned().collect()
}

fn check(world: &World) {
    assert_eq!(world.audit(&world.tenant), []);
}

fn code<T: std::fmt::Debug>(result: Result<T, Rejection>) -> &'static str {
    result.unwrap_err().code()
}

#[test]
fn buckets_pay_in_the_order_of_the_program_and_lots_by_expiry() {
    let mut world = World::with(SHOP);
    grant(&mut world, "5.00 EUR", None);
    grant(&mut world, "2.00 EUR", Some("2026-04-01"));
    grant(&mut world, "100 points", None);
    let quote = QuoteRedemption {
        member: member("ann"),
        program: "main".parse().unwrap(),
        total: money("3.00 EUR"),
        amount: None,
        tenders: Vec::new(),
        wallet: None,
    };
    let quoted = world.run(&quote).unwrap();
    let paid = world.run(&redeem("r1", "3.00 EUR")).unwrap();
    assert_eq!((quoted.paid, &quoted.parts), (paid.paid, &paid.parts));
    // 100 points are worth 33 cents, for which 99 are enough.
    let parts: Vec<(String, String)> = paid
        .parts
        .iter()
        .map(|part| (part.amount.to_string(), part.value.to_string()))
        .collect();
    let expected = [("99", "0.33"), ("2.67", "2.67")];
    assert_eq!(parts, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    let left: Vec<i64> = lots(&world).iter().map(|lot| lot.remaining).collect();
    assert_eq!(left, [433, 0, 1]);
    assert_eq!(balance(&mut world), "4.33 EUR, 1 points");
    check(&world);
    // The same again replays, another content is another use of the id.
    assert_eq!(world.run(&redeem("r1", "3.00 EUR")).unwrap(), paid);
    assert_eq!(code(world.run(&redeem("r1", "4.00 EUR"))), "key_reused");
    assert_eq!(
        code(world.run_as("other", &redeem("r1", "3.00 EUR"))),
        "redemption_exists"
    );
    let back = world.run(&cancel("r1", 1, None)).unwrap();
    assert_eq!(texts(&back.returned), ["2.67 EUR", "99 points"]);
    let left: Vec<i64> = lots(&world).iter().map(|lot| lot.remaining).collect();
    assert_eq!(left, [500, 200, 100]);
    check(&world);
}

#[test]
fn what_is_chosen_is_held_against_its_terms() {
    let mut world = World::with(
        r#"
        units = [{ asset = "points" }, { asset = "stars" }]
        [redemptions]
        max_share = "50%"
        order = [
            { unit = { asset = "points", value = { units = "100", money = "1.00" }, floor = "200", step = "50", ceiling = { units = "500" } } },
            { unit = { asset = "stars", value = { units = "1", money = "0.10" }, ceiling = { share = "10%" } } },
            "cashback",
        ]
        "#,
    );
    grant(&mut world, "50.00 EUR", None);
    grant(&mut world, "10000 points", None);
    grant(&mut world, "100 stars", None);
    let unit = |text: &str| Bucket::Unit(Asset::parse(text).unwrap());
    let chosen = |bucket, amount: &str| ChosenTender {
        bucket,
        amount: money(amount),
    };
    for (tenders, amount, total, expected) in [
        (
            vec![chosen(unit("points"), "150 points")],
            None,
            "20.00 EUR",
            "units_below_floor",
        ),
        (
            vec![chosen(unit("points"), "220 points")],
            None,
            "20.00 EUR",
            "units_not_of_step",
        ),
        (
            vec![chosen(unit("points"), "550 points")],
            None,
            "20.00 EUR",
            "units_above_ceiling",
        ),
        (
            vec![chosen(unit("stars"), "21 stars")],
            None,
            "20.00 EUR",
            "units_above_ceiling",
        ),
        (
            vec![chosen(unit("points"), "500 points")],
            None,
            "9.99 EUR",
            "redemption_above_order",
        ),
        (
            vec![chosen(Bucket::Cashback, "50.01 EUR")],
            None,
            "200.00 EUR",
            "insufficient_balance",
        ),
        (
            vec![chosen(Bucket::Main, "1.00 EUR")],
            None,
            "20.00 EUR",
            "invalid",
        ),
        (
            vec![chosen(Bucket::Cashback, "1 points")],
            None,
            "20.00 EUR",
            "invalid",
        ),
        (
            vec![],
            Some("10.01 EUR"),
            "20.00 EUR",
            "redemption_above_order",
        ),
        (
            vec![],
            Some("100.00 EUR"),
            "200.00 EUR",
            "insufficient_balance",
        ),
        (vec![], Some("1 points"), "20.00 EUR", "invalid"),
        (vec![], None, "0.00 EUR", "invalid"),
        (vec![], None, "20.00 USD", "invalid"),
        (vec![], None, "0.01 EUR", "redemption_empty"),
    ] {
        let request = Redeem {
            tenders,
            wallet: None,
            amount: amount.map(money),
            ..redeem("r", total)
        };
        let found = world.run(&request).map(|paid| paid.parts);
        assert_eq!(code(found), expected, "{request:?}");
    }
    let paid = world.run(&redeem("r", "20.00 EUR")).unwrap();
    let parts: Vec<String> = paid
        .parts
        .iter()
        .map(|part| part.amount.to_string())
        .collect();
    assert_eq!(parts, ["500", "20", "3.00"]);
    check(&world);
}

#[test]
fn an_authorization_is_captured_in_parts_and_the_rest_released() {
    let mut world = World::with(SHOP);
    grant(&mut world, "100 points", Some("2026-03-20"));
    grant(&mut world, "200 points", None);
    grant(&mut world, "5.00 EUR", None);
    let reserved = world.run(&authorize("a", "2.00 EUR")).unwrap();
    assert_eq!(reserved.reserved, money("2.00 EUR"));
    assert_eq!(balance(&mut world), "4.00+1.00 EUR, 0+300 points");
    check(&world);
    let first = world.run(&capture("a", 1, Some("0.50 EUR"))).unwrap();
    assert_eq!(first.parts[0].amount, money("150 points"));
    assert_eq!(
        world.run(&capture("a", 1, Some("0.50 EUR"))).unwrap(),
        first
    );
    assert_eq!(
        code(world.run(&capture("a", 2, Some("1.51 EUR")))),
        "capture_above_reserved"
    );
    assert_eq!(
        code(world.run(&cancel("a", 1, None))),
        "redemption_authorized"
    );
    let second = world.run(&capture("a", 2, Some("0.75 EUR"))).unwrap();
    assert_eq!(second.parts[0].amount, money("150 points"));
    assert_eq!(second.parts[1].amount, money("0.25 EUR"));
    check(&world);
    let released = world.run(&release("a")).unwrap();
    assert_eq!(texts(&released.returned), ["0.75 EUR"]);
    assert_eq!(
        code(world.run_as("k", &release("a"))),
        "redemption_released"
    );
    assert_eq!(
        code(world.run(&capture("a", 3, None))),
        "redemption_released"
    );
    assert_eq!(balance(&mut world), "4.75 EUR, 0 points");
    // What was captured can go back, the last bucket first, and units rounded down until the last of them.
    let back = world.run(&cancel("a", 1, Some("0.26 EUR"))).unwrap();
    assert_eq!(texts(&back.returned), ["0.25 EUR", "3 points"]);
    let back = world.run(&cancel("a", 2, None)).unwrap();
    assert_eq!(texts(&back.returned), ["297 points"]);
    assert_eq!(
        code(world.run(&cancel("a", 3, None))),
        "redemption_cancelled"
    );
    let left: Vec<i64> = lots(&world).iter().map(|lot| lot.remaining).collect();
    assert_eq!(left, [100, 200, 500]);
    check(&world);
}

#[test]
fn the_time_of_an_authorization_is_over_without_a_sweep() {
    for is_swept in [false, true] {
        let mut world = World::with(SHOP);
        grant(&mut world, "5.00 EUR", None);
        world.run(&authorize("a", "3.00 EUR")).unwrap();
        world.run(&capture("a", 1, Some("1.00 EUR"))).unwrap();
        let due = world.members[&world.member_key("ann")].due_at;
        assert_eq!(due, Some(at("2026-03-02T13:00:00Z")));
        world.at("2026-03-02T13:00:00Z");
        if is_swept {
            let settle = SettleMember {
                member: member("ann"),
            };
            let settled = world.run_as("sweep", &settle).unwrap();
            assert_eq!(texts(&settled.released), ["2.00 EUR"]);
            assert_eq!(world.members[&world.member_key("ann")].due_at, None);
        }
        let get = GetRedemption {
            redemption: id("a"),
        };
        let found = world.run(&get).unwrap();
        assert_eq!(found.state, RedemptionState::Expired);
        assert_eq!(found.reserved, money("0.00 EUR"));
        let listed = world.run(&ListRedemptions::default()).unwrap();
        assert_eq!(listed.redemptions[0].state, RedemptionState::Expired);
        assert_eq!(balance(&mut world), "4.00 EUR");
        assert_eq!(
            code(world.run(&capture("a", 2, None))),
            "redemption_expired"
        );
        assert_eq!(code(world.run(&release("a"))), "redemption_expired");
        // Commands that look at no balance leave it as it is.
        let link = LinkAlias {
            member: member("ann"),
            kind: "phone".parse().unwrap(),
            name: Secret::Clear("1".to_owned()),
            plain: true,
        };
        world.run_as("link", &link).unwrap();
        let paid = world.run(&redeem("r", "4.00 EUR")).unwrap();
        assert_eq!(paid.paid, money("4.00 EUR"));
        check(&world);
        let back = world.run(&cancel("a", 1, None)).unwrap();
        assert_eq!(texts(&back.returned), ["1.00 EUR"]);
        check(&world);
    }
}

#[test]
fn what_is_held_does_not_expire_and_what_comes_late_follows_the_program() {
    for (late, expected, left) in [
        ("\"expire\"", "0.00 EUR", None),
        (
            "{ grace_days = 2 }",
            "1.00 EUR",
            Some("2026-03-07T12:00:00Z"),
        ),
    ] {
        for is_released in [true, false] {
            let mut world = World::with(&format!(
                "redemptions = {{ order = [\"cashback\"], returned_late = {late}, expires_after_minutes = 10000 }}"
            ));
            grant(&mut world, "3.00 EUR", Some("2026-03-04"));
            if is_released {
                world.run(&authorize("a", "1.00 EUR")).unwrap();
            } else {
                world.run(&redeem("a", "1.00 EUR")).unwrap();
            }
            world.at("2026-03-05");
            let held = if is_released {
                "0.00+1.00 EUR"
            } else {
                "0.00 EUR"
            };
            assert_eq!(balance(&mut world), held);
            if is_released {
                world.run(&release("a")).unwrap();
            } else {
                world.run(&cancel("a", 1, None)).unwrap();
            }
            assert_eq!(balance(&mut world), expected);
            let lot = lots(&world).remove(0);
            let expires = left.map(at);
            assert_eq!(
                lot.expires_at.filter(|_| lot.state == LotState::Available),
                expires
            );
            check(&world);
            world.at("2026-03-08");
            assert_eq!(balance(&mut world), "0.00 EUR");
            let settle = SettleMember {
                member: member("ann"),
            };
            world.run_as("sweep", &settle).unwrap();
            check(&world);
        }
    }
}

#[test]
fn who_is_suspended_or_has_left_does_not_spend() {
    let mut world = World::with(SHOP);
    grant(&mut world, "5.00 EUR", None);
    world.run(&authorize("a", "1.00 EUR")).unwrap();
    world.run(&redeem("r", "1.00 EUR")).unwrap();
    let status = |status, forfeit| UpdateMember {
        status: Some(status),
        forfeit,
        ..UpdateMember::new(member("ann"))
    };
    world
        .run_as("s", &status(MemberStatus::Suspended, false))
        .unwrap();
    assert_eq!(
        code(world.run(&redeem("r2", "1.00 EUR"))),
        "member_suspended"
    );
    assert_eq!(
        code(world.run(&authorize("a2", "1.00 EUR"))),
        "member_suspended"
    );
    world.run(&capture("a", 1, Some("0.50 EUR"))).unwrap();
    let close = status(MemberStatus::Closed, true);
    assert_eq!(code(world.run_as("c", &close)), "reserved_left");
    world.at("2026-03-03");
    let closed = world.run_as("c", &close).unwrap();
    assert_eq!(texts(&closed.forfeited), ["3.50 EUR"]);
    assert_eq!(code(world.run(&cancel("r", 1, None))), "member_closed");
    assert_eq!(code(world.run(&redeem("r3", "1.00 EUR"))), "member_closed");
    assert_eq!(code(world.run(&release("a"))), "redemption_expired");
    check(&world);
}

/// A purchase that brings the member onto a ladder by the balance, and pays what holds it there.
const LADDER: &str = r#"
    units = [{ asset = "points" }]
    redemptions = { order = [{ unit = { asset = "points", value = { units = "1", money = "1.00" } } }], expires_after_minutes = 60 }
    [[rules]]
    id = "it"
    effect = { per_unit = { amount = "1", asset = "points", every = "1" } }
    [[ladders]]
    id = "status"
    measure = { balance = "points" }
    downgrade = "to_eligible"
    tiers = [{ id = "low", threshold = "0" }, { id = "high", threshold = "100" }]
"#;

#[test]
fn a_ladder_by_balance_falls_with_what_is_reserved_and_rises_when_it_is_back() {
    for is_swept in [false, true] {
        let mut world = World::with(LADDER);
        world.buy("120");
        assert_eq!(world.tiers(), "high");
        world.run(&authorize("a", "50.00 EUR")).unwrap();
        assert_eq!(world.tiers(), "low");
        world.run(&release("a")).unwrap();
        assert_eq!(world.tiers(), "high");
        world.run(&authorize("b", "50.00 EUR")).unwrap();
        world.at("2026-03-02T12:59:59Z");
        assert_eq!(world.tiers(), "low");
        world.at("2026-03-04");
        if is_swept {
            let settle = SettleMember {
                member: member("ann"),
            };
            let settled = world.run_as("sweep", &settle).unwrap();
            assert_eq!(settled.tier_changes, 1);
        }
        // It rose when the time was over, not when somebody looked.
        assert_eq!(world.tiers(), "high");
        world.run(&redeem("r", "21.00 EUR")).unwrap();
        assert_eq!(world.tiers(), "low");
        world.run(&cancel("r", 1, None)).unwrap();
        assert_eq!(world.tiers(), "high");
        check(&world);
    }
}

#[test]
fn what_a_cancelled_purchase_earned_goes_on_to_who_paid_it() {
    for is_reserved in [true, false] {
        let mut world = World::with(LADDER);
        world.buy("120 id=p1");
        grant(&mut world, "10 points", None);
        if is_reserved {
            world.run(&authorize("a", "125.00 EUR")).unwrap();
        } else {
            world.run(&redeem("a", "125.00 EUR")).unwrap();
        }
        world.cancel("p1").unwrap();
        check(&world);
        let taken = if is_reserved {
            world
                .run(&release("a"))
                .map(|back| (back.returned, back.taken_back))
        } else {
            let back = world.run(&cancel("a", 1, None));
            back.map(|back| (back.returned, back.taken_back))
        };
        let (returned, taken) = taken.unwrap();
        assert_eq!(texts(&returned), ["5 points"]);
        assert_eq!(texts(&taken), ["120 points"]);
        assert_eq!(balance(&mut world), "10 points");
        check(&world);
    }
}

#[test]
fn own_money_pays_comes_back_and_is_left_behind() {
    let mut world = World::with(r#"redemptions = { order = ["cashback", "main"] }"#);
    grant(&mut world, "1.00 EUR", None);
    world.give_main("ann", 500);
    assert_eq!(balance(&mut world), "6.00 EUR");
    let paid = world.run(&redeem("r", "4.00 EUR")).unwrap();
    let parts = paid
        .parts
        .iter()
        .map(|part| (part.bucket, part.amount.minor()));
    let parts: Vec<_> = parts.collect();
    assert_eq!(parts, [(Bucket::Cashback, 100), (Bucket::Main, 300)]);
    world.run(&authorize("a", "1.50 EUR")).unwrap();
    assert_eq!(balance(&mut world), "0.50+1.50 EUR");
    world.run(&cancel("r", 1, Some("3.50 EUR"))).unwrap();
    assert_eq!(balance(&mut world), "4.00+1.50 EUR");
    world.run(&release("a")).unwrap();
    let mut close = UpdateMember::new(member("ann"));
    close.status = Some(MemberStatus::Closed);
    assert_eq!(code(world.run_as("c", &close)), "balance_left");
    close.forfeit = true;
    let closed = world.run_as("c2", &close).unwrap();
    assert_eq!(texts(&closed.forfeited), ["5.50 EUR"]);
    check(&world);
}

#[derive(Debug, Clone)]
enum Step {
    Grant(i64, bool, Option<i64>),
    Redeem(i64),
    Authorize(i64),
    Capture(usize, Option<i64>),
    Release(usize),
    Cancel(usize, Option<i64>),
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let amount = 1_i64..400;
    prop_oneof![
        (1_i64..500, any::<bool>(), proptest::option::of(1_i64..5))
            .prop_map(|(minor, points, days)| Step::Grant(minor, points, days)),
        amount.clone().prop_map(Step::Redeem),
        amount.clone().prop_map(Step::Authorize),
        (0_usize..8, proptest::option::of(amount.clone()))
            .prop_map(|(at, part)| Step::Capture(at, part)),
        (0_usize..8).prop_map(Step::Release),
        (0_usize..8, proptest::option::of(amount)).prop_map(|(at, part)| Step::Cancel(at, part)),
        (1_i64..2_000).prop_map(Step::Wait),
    ]
}

/// What a member owns, wherever it is, by asset; and what has expired of it.
fn conserved(world: &World) -> BTreeMap<Asset, i128> {
    let mut sums = BTreeMap::new();
    for ((_, purpose, asset), sum) in &world.controls {
        if *purpose != Purpose::Adjustments {
            *sums.entry(*asset).or_default() += sum;
        }
    }
    sums
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is done in whatever order, value goes from place to place and nowhere else, the books are right after every
    /// step, and what is undone before anything expires is as it was.
    #[test]
    fn value_is_conserved(steps in proptest::collection::vec(step(), 1..40)) {
        let mut world = World::with(SHOP);
        let mut names = Vec::new();
        let euro = Asset::parse("EUR").unwrap();
        for step in steps {
            let granted = conserved(&world);
            let count = world.commands;
            let number = u32::try_from(count).unwrap() + 1;
            let name = |at: usize| names.get(at).cloned().unwrap_or_else(|| format!("none-{at}"));
            let part = |minor: i64| Money::new(minor, euro);
            let mut may_grow = false;
            match step {
                Step::Grant(minor, is_points, days) => {
                    may_grow = true;
                    let asset = if is_points { Asset::parse("points").unwrap() } else { euro };
                    let expires = days.map(|days| world.now.checked_add_days(days).unwrap());
                    let grant = GrantReward { source: None, reference: None, member: member("ann"), amount: Money::new(minor, asset), reason: "g".to_owned(), expires_at: expires };
                    world.run_as(&format!("g{count}"), &grant).unwrap();
                }
                Step::Redeem(minor) => {
                    let name = format!("r{count}");
                    let request = Redeem { total: part(minor), ..redeem(&name, "1.00 EUR") };
                    if let Ok(paid) = world.run(&request) {
                        prop_assert!(paid.paid.minor() <= minor && paid.paid.minor() > 0);
                        names.push(name);
                    }
                }
                Step::Authorize(minor) => {
                    let name = format!("a{count}");
                    let request = AuthorizeRedemption { total: part(minor), ..authorize(&name, "1.00 EUR") };
                    if world.run(&request).is_ok() {
                        names.push(name);
                    }
                }
                Step::Capture(at, amount) => {
                    let request = CaptureRedemption { amount: amount.map(part), ..capture(&name(at), number, None) };
                    let _ = world.run_as(&format!("c{count}"), &request);
                }
                Step::Release(at) => {
                    let _ = world.run_as(&format!("l{count}"), &release(&name(at)));
                }
                Step::Cancel(at, amount) => {
                    let request = CancelRedemption { amount: amount.map(part), ..cancel(&name(at), number, None) };
                    let _ = world.run_as(&format!("x{count}"), &request);
                }
                Step::Wait(minutes) => {
                    world.now = world.now.checked_add_micros(minutes * 60_000_000).unwrap();
                }
            }
            if !may_grow {
                prop_assert_eq!(&granted, &conserved(&world));
            }
            prop_assert_eq!(world.audit(&world.tenant), vec![]);
            for ((_, account), minor) in world.balances() {
                prop_assert!(minor >= 0, "{account}: {minor}");
            }
        }
    }

    /// A redemption that is undone leaves every lot as it was, whatever was captured of it and in which parts it came back.
    #[test]
    fn lots_are_as_they_were(grants in proptest::collection::vec((1_i64..300, any::<bool>(), proptest::option::of(2_i64..9)), 1..6), total in 1_i64..500, parts in proptest::collection::vec((1_i64..200, any::<bool>()), 0..6)) {
        let mut world = World::with(SHOP);
        let euro = Asset::parse("EUR").unwrap();
        for (number, (minor, is_points, days)) in grants.into_iter().enumerate() {
            let asset = if is_points { Asset::parse("points").unwrap() } else { euro };
            let expires = days.map(|days| world.now.checked_add_days(days).unwrap());
            let grant = GrantReward { source: None, reference: None, member: member("ann"), amount: Money::new(minor, asset), reason: "g".to_owned(), expires_at: expires };
            world.run_as(&format!("g{number}"), &grant).unwrap();
        }
        let before = lots(&world);
        let request = AuthorizeRedemption { total: Money::new(total, euro), ..authorize("a", "1.00 EUR") };
        if world.run(&request).is_err() {
            return Ok(());
        }
        for (number, (minor, _)) in (1..).zip(&parts) {
            let request = CaptureRedemption { amount: Some(Money::new(*minor, euro)), ..capture("a", number, None) };
            let _ = world.run(&request);
        }
        let _ = world.run(&release("a"));
        for (number, (minor, is_whole)) in (1..).zip(&parts) {
            let request = CancelRedemption { amount: (!is_whole).then(|| Money::new(*minor, euro)), ..cancel("a", number, None) };
            let _ = world.run(&request);
        }
        let _ = world.run(&cancel("a", 99, None));
        prop_assert_eq!(before, lots(&world));
        prop_assert_eq!(world.audit(&world.tenant), vec![]);
    }
}

#[test]
fn what_is_reserved_no_longer_is_listed_before_anybody_settles_it() {
    let mut world = World::with(SHOP);
    grant(&mut world, "10.00 EUR", Some("2026-03-20"));
    world.run(&authorize("x1", "7.99 EUR")).unwrap();
    let mut listed = |now: &str| {
        world.at(now);
        let list = world.run(&ListExpiring::of(member("ann"))).unwrap();
        let amounts = list.items.iter().map(|item| item.amount.to_string());
        amounts.collect::<Vec<_>>()
    };
    assert_eq!(listed("2026-03-02T12:59:59Z"), ["2.01"]);
    assert_eq!(listed("2026-03-02T13:00:00Z"), ["10.00"]);
}
