//! Four kinds of expiry, and what its member does to keep a reward longer.

use rewards_core::cashback::{GRANTS_MAX, LINES_MAX, Line};
use rewards_core::event::Event;
use rewards_core::ids::{OrderId, RedemptionId};
use rewards_core::ledger::LotState;
use rewards_core::member::MemberStatus;
use rewards_core::operations::balances::{GetBalance, ListExpiring};
use rewards_core::operations::members::{RegisterMember, UpdateMember};
use rewards_core::operations::purchases::{GetPurchase, QuotePurchase, RecordPurchase};
use rewards_core::operations::redemptions::{
    AuthorizeRedemption, CaptureRedemption, Redeem, ReleaseRedemption,
};
use rewards_core::operations::rewards::GrantReward;
use rewards_core::operations::transfers::{TransferBalance, TransferReceiver};

use super::deposits::{self, paid};
use crate::words::{money, say_all};
use crate::world::{World, at, member};

fn document(expires: &str) -> String {
    format!(
        "lifecycle = {{ expires = {expires} }}\n[[rules]]\nid = \"it\"\neffect = {{ fixed = {{ amount = \"5\" }} }}"
    )
}

/// A program that extends by everything, and lets its members do everything.
const ALL: &str = r#"
    units = [{ asset = "points" }]
    lifecycle = { expires = { days = 30, round = "end_of_day", extended_by = [
        "purchase", "redemption", "transfer_sent", "transfer_received", "deposit",
    ] } }
    redemptions = { order = ["cashback"], expires_after_minutes = 60 }
    transfers = [{ id = "gift", asset = "points" }]
    [deposits]
    providers = [{ id = "card", keys = ["card-1", "card-2"] }]
    [[rules]]
    id = "it"
    effect = { fixed = { amount = "5" } }
    [[rules]]
    id = "shop"
    funded_by = "shop"
    effect = { fixed = { amount = "7", asset = "points" } }
    lifecycle = { expires = { days = 30 } }
"#;

/// The lots of a member that are open, with what is left and the day and time of their expiry.
fn open(world: &World, who: &str) -> Vec<String> {
    let key = world.member_key(who);
    let open = world.lots_of(&key).filter(|lot| lot.state.is_open());
    open.map(|lot| {
        let expires = lot.expires_at.map(|at| at.to_string());
        format!(
            "#{} {} {}",
            lot.number,
            lot.remaining,
            expires.as_deref().unwrap_or("never")
        )
    })
    .collect()
}

fn initiate(world: &mut World, id: &str, amount: &str) {
    let deposit = deposits::initiate(id, money(amount, "EUR"));
    world.run(&deposit).unwrap();
}

/// What was told to be extended, in the order of telling.
fn told(world: &World) -> Vec<String> {
    let streams = world.events.values().flatten();
    let told = streams.filter_map(|record| match &record.event {
        Event::RewardsExtended {
            amounts,
            expires_at,
        } => Some(format!("{} until {expires_at}", say_all(amounts))),
        _ => None,
    });
    told.collect()
}

fn redeem(id: &str, amount: &str) -> Redeem {
    Redeem {
        redemption: RedemptionId::new(id).unwrap(),
        member: member("ann"),
        program: "main".parse().unwrap(),
        order: OrderId::new("order").unwrap(),
        total: money("100.00", "EUR"),
        amount: Some(money(amount, "EUR")),
        tenders: Vec::new(),
        wallet: None,
    }
}

fn authorize(id: &str, amount: &str) -> AuthorizeRedemption {
    let Redeem {
        redemption,
        member,
        program,
        order,
        total,
        amount,
        tenders,
        wallet,
    } = redeem(id, amount);
    AuthorizeRedemption {
        redemption,
        member,
        program,
        order,
        total,
        amount,
        tenders,
        wallet,
    }
}

fn capture(id: &str, number: u32, amount: &str) -> CaptureRedemption {
    CaptureRedemption {
        member: member("ann"),
        redemption: RedemptionId::new(id).unwrap(),
        number,
        amount: Some(money(amount, "EUR")),
    }
}

fn transfer(id: &str, from: &str, to: &str) -> TransferBalance {
    TransferBalance {
        transfer: id.parse().unwrap(),
        program: "main".parse().unwrap(),
        from: member(from),
        to: TransferReceiver::Member(member(to)),
        amount: money("1", "points"),
        note: None,
    }
}

fn joined(document: &str, joined_at: &str) -> World {
    let mut world = World::empty();
    world.publish(document, "2020-01-01T00:00:00Z").unwrap();
    let mut register = RegisterMember::new(member("ann"));
    register.registered_at = Some(at(joined_at));
    world.at("2026-12-31");
    world.run(&register).unwrap();
    world
}

#[test]
fn four_kinds_side_by_side() {
    let berlin = |expires: &str| format!("zone = \"Europe/Berlin\"\n{}", document(expires));
    // The expiry, when the member joined, when the purchase happened, and when its reward expires, in UTC.
    for (expires, joined_at, bought_at, want) in [
        // Rolling.
        (
            "{ months = 12 }",
            "2024-05-10",
            "2025-03-02T09:30:00Z",
            "2026-03-02T09:30:00Z",
        ),
        // The end of a period.
        (
            "{ months = 12, round = \"end_of_year\" }",
            "2024-05-10",
            "2025-03-02",
            "2026-12-31T23:00:00Z",
        ),
        // The anniversary: the next one, or the first one that is so long after.
        (
            "{ anniversary = true }",
            "2024-05-10",
            "2025-03-02",
            "2025-05-09T22:00:00Z",
        ),
        (
            "{ anniversary = true, days = 90 }",
            "2024-05-10",
            "2025-03-02",
            "2026-05-09T22:00:00Z",
        ),
        (
            "{ anniversary = true, months = 2 }",
            "2024-05-10",
            "2025-03-02",
            "2025-05-09T22:00:00Z",
        ),
        (
            "{ anniversary = true, months = 12 }",
            "2024-05-10",
            "2025-05-09",
            "2026-05-09T22:00:00Z",
        ),
        // The day before, on the day, and as it begins.
        (
            "{ anniversary = true }",
            "2024-05-10",
            "2025-05-09T21:59:59.999999Z",
            "2025-05-09T22:00:00Z",
        ),
        (
            "{ anniversary = true }",
            "2024-05-10",
            "2025-05-09T22:00:00Z",
            "2026-05-09T22:00:00Z",
        ),
        (
            "{ anniversary = true }",
            "2024-05-10",
            "2025-05-10T08:00:00Z",
            "2026-05-09T22:00:00Z",
        ),
        // Exactly so long after is enough.
        (
            "{ anniversary = true, months = 12 }",
            "2024-05-10",
            "2025-05-09T22:00:00Z",
            "2026-05-09T22:00:00Z",
        ),
        (
            "{ anniversary = true, months = 12 }",
            "2024-05-10",
            "2025-05-09T22:00:01Z",
            "2027-05-09T22:00:00Z",
        ),
        // The day on which somebody joined is no anniversary, nor is anything before it.
        (
            "{ anniversary = true }",
            "2024-05-10",
            "2024-05-10T13:00:00Z",
            "2025-05-09T22:00:00Z",
        ),
        (
            "{ anniversary = true }",
            "2024-05-10",
            "2024-05-01",
            "2025-05-09T22:00:00Z",
        ),
        // Who joined on 29 February has 28 February in common years.
        (
            "{ anniversary = true }",
            "2024-02-29",
            "2024-12-01",
            "2025-02-27T23:00:00Z",
        ),
        (
            "{ anniversary = true }",
            "2024-02-29",
            "2027-03-01",
            "2028-02-28T23:00:00Z",
        ),
    ] {
        let mut world = joined(&berlin(expires), joined_at);
        world.at(bought_at);
        let quoted = world.quote("100 id=p1").decision.grants;
        let granted = world.buy("100 id=p1").decision.grants;
        assert_eq!(
            granted[0].expires_at.map(|at| at.to_string()).as_deref(),
            Some(want),
            "{expires} {bought_at}"
        );
        assert_eq!(quoted, granted);
        let recorded = world.run(&GetPurchase::new("p1".parse().unwrap())).unwrap();
        assert_eq!(recorded.decision.grants, granted);
    }
}

#[test]
fn somebody_who_joins_with_a_purchase_has_anniversaries_of_that_day() {
    let mut world = World::with(&document("{ anniversary = true, months = 3 }"));
    world.at("2026-03-02");
    let quote = QuotePurchase {
        coupons: Vec::new(),
        purchase: world.purchase("100"),
        explain: false,
    };
    let quoted = quote.quote_new_member(&world.context()).unwrap();
    assert_eq!(
        quoted.decision.grants[0].expires_at,
        Some(at("2027-03-02T00:00:00Z"))
    );
}

#[test]
fn what_is_pending_does_not_expire_before_it_is_available() {
    let text = "lifecycle = { pending = { days = 100 }, expires = { anniversary = true } }\n[[rules]]\nid = \"it\"\neffect = { fixed = { amount = \"5\" } }";
    let mut world = joined(text, "2025-04-01");
    world.at("2026-03-02");
    // The anniversary of 1 April comes while it is pending, until 10 June.
    let granted = world.buy("100").decision.grants;
    assert_eq!(granted[0].expires_at, Some(at("2026-06-11T00:00:00Z")));
}

#[test]
fn a_transfer_that_renews_counts_the_receivers_anniversaries() {
    let text = "units = [{ asset = \"points\" }]\ntransfers = [{ id = \"gift\", asset = \"points\", expiry = { renew = { anniversary = true, months = 1 } } }]";
    let mut world = joined(text, "2025-04-01");
    let mut register = RegisterMember::new(member("bob"));
    register.registered_at = Some(at("2025-04-20"));
    world.run(&register).unwrap();
    world.at("2026-03-10");
    world.give(money("5", "points"), None);
    world.run(&transfer("t1", "ann", "bob")).unwrap();
    assert_eq!(open(&world, "bob"), ["#1 1 2026-04-20T00:00:00Z"]);
}

#[test]
fn a_purchase_extends_what_was_earned_before() {
    let mut world = World::with(ALL);
    world.at("2026-03-02");
    world.buy("100 id=p1");
    assert_eq!(
        open(&world, "ann"),
        ["#1 500 2026-04-02T00:00:00Z", "#2 7 2026-04-01T12:00:00Z"]
    );
    // Once a day: a second purchase of the day has nothing to extend.
    world.at("2026-03-12T08:00:00Z");
    world.buy("100 id=p2");
    let want = [
        "#1 500 2026-04-12T00:00:00Z",
        "#2 7 2026-04-01T12:00:00Z",
        "#3 500 2026-04-12T00:00:00Z",
        "#4 7 2026-04-11T08:00:00Z",
    ];
    assert_eq!(open(&world, "ann"), want);
    world.at("2026-03-12T20:00:00Z");
    world.buy("1 id=p3");
    assert_eq!(open(&world, "ann")[..4], want);
    assert_eq!(told(&world), ["5.00 EUR until 2026-04-12T00:00:00Z"]);
    // The order of telling: what was bought, then what it extends.
    let events = world.events.values().flatten();
    let kinds: Vec<&Event> = events.map(|record| &record.event).collect();
    let place = kinds
        .iter()
        .position(|event| matches!(event, Event::RewardsExtended { .. }));
    assert!(matches!(
        kinds[place.unwrap() - 1],
        Event::PurchaseRecorded { .. }
    ));
    // Balances, lists and the details of the purchase say the same.
    let expiring = world.run(&ListExpiring::of(member("ann"))).unwrap().items;
    let first: Vec<String> = expiring
        .iter()
        .map(|item| format!("#{} {}", item.lot, item.expires_at))
        .collect();
    assert_eq!(
        first[..2],
        ["#2 2026-04-01T12:00:00Z", "#4 2026-04-11T08:00:00Z"]
    );
    let balance = world.run(&GetBalance::new(member("ann"))).unwrap();
    assert_eq!(balance.assets[0].expires_first_at, None);
    world.at("2026-03-14");
    let balance = world.run(&GetBalance::new(member("ann"))).unwrap();
    assert_eq!(
        balance.assets[0].expires_first_at,
        Some(at("2026-04-12T00:00:00Z"))
    );
    let details = world.run(&GetPurchase::new("p1".parse().unwrap())).unwrap();
    assert_eq!(
        details.decision.grants[0].expires_at,
        Some(at("2026-04-02T00:00:00Z"))
    );
    let now: Vec<_> = details
        .allocations
        .iter()
        .map(|grant| grant.expires_at)
        .collect();
    assert_eq!(now, [Some(at("2026-04-12T00:00:00Z")), None]);
}

#[test]
fn an_extension_that_is_missed_is_missed() {
    let mut world = World::with(ALL);
    world.at("2026-03-02");
    world.buy("100 id=p1");
    // The very instant of its expiry is too late, swept or not.
    for swept in [false, true] {
        let mut world = world.clone();
        world.at("2026-04-02T00:00:00Z");
        if swept {
            world.settle();
        }
        world.buy("1 id=p2");
        world.settle();
        let left = open(&world, "ann");
        assert_eq!(left.len(), 2, "only what the purchase itself brought");
        assert!(left[0].ends_with("500 2026-05-03T00:00:00Z"), "{left:?}");
        assert!(told(&world).is_empty());
    }
    world.at("2026-04-01T23:59:59.999999Z");
    world.buy("1 id=p2");
    assert_eq!(told(&world), ["5.00 EUR until 2026-05-02T00:00:00Z"]);
}

#[test]
fn a_purchase_that_is_told_late_counts_from_its_own_time() {
    let mut world = World::with(ALL);
    world.at("2026-03-02");
    world.buy("100 id=p1");
    world.at("2026-03-20");
    world.buy("1 id=p2 at=2026-03-05");
    assert_eq!(told(&world), ["5.00 EUR until 2026-04-05T00:00:00Z"]);
    // One that is older than what was earned changes nothing.
    world.buy("1 id=p3 at=2026-03-01");
    assert_eq!(told(&world).len(), 1);
    // What has expired by now does not come back, however early the purchase was.
    world.at("2026-04-10");
    world.buy("1 id=p4 at=2026-04-04");
    assert_eq!(told(&world).len(), 1);
}

#[test]
fn every_activity_extends() {
    // What happens on 12 March extends the money of 2 March to the end of 11 April.
    type Act = fn(&mut World);
    let acts: [(&str, Act, &str); 5] = [
        (
            "redeem",
            |world| {
                world.run(&redeem("r1", "2.00")).unwrap();
            },
            "3.00 EUR",
        ),
        (
            "capture",
            |world| {
                world.run(&authorize("r1", "2.00")).unwrap();
                assert!(told(world).is_empty(), "reserving is no payment");
                world.run(&capture("r1", 1, "1.00")).unwrap();
            },
            "3.00 EUR",
        ),
        (
            "send",
            |world| {
                world.run(&transfer("t1", "ann", "bob")).unwrap();
            },
            "5.00 EUR",
        ),
        (
            "receive",
            |world| {
                world.run(&transfer("t1", "bob", "ann")).unwrap();
            },
            "5.00 EUR",
        ),
        (
            "deposit",
            |world| {
                initiate(world, "d1", "10.00");
                paid(world, "d1", "10.00").unwrap();
            },
            "5.00 EUR",
        ),
    ];
    for (name, act, amount) in acts {
        let mut world = World::with(ALL);
        world.register("bob");
        world.at("2026-03-02");
        world.buy("100 id=p1");
        world.at("2026-03-12T08:00:00Z");
        world.give(money("9", "points"), None);
        let gift = GrantReward {
            source: None,
            reference: None,
            member: member("bob"),
            amount: money("9", "points"),
            reason: "a gift".to_owned(),
            expires_at: None,
        };
        world.run_as("gift", &gift).unwrap();
        act(&mut world);
        assert_eq!(
            told(&world),
            [format!("{amount} until 2026-04-12T00:00:00Z")],
            "{name}"
        );
    }
}

#[test]
fn only_the_rules_own_rewards_are_extended() {
    let by = |activity: &str| format!("expires = {{ days = 30, extended_by = [\"{activity}\"] }}");
    let text = |life: &str, funded: &str| {
        format!(
            "lifecycle = {{ {life} }}\nredemptions = {{ order = [\"cashback\"] }}\n[[rules]]\nid = \"it\"\nfunded_by = \"{funded}\"\neffect = {{ fixed = {{ amount = \"5\" }} }}"
        )
    };
    let mut world = World::with(&text("expires = { days = 30 }", "bank"));
    world.at("2026-03-02");
    world.give(money("1", "EUR"), Some("2026-03-20"));
    world.buy("100 id=p1");
    // The revision that is active now says what extends: not this activity.
    world
        .publish(&text(&by("redemption"), "bank"), "2026-03-03")
        .unwrap();
    world.at("2026-03-04");
    world.buy("1 id=p2");
    assert!(told(&world).is_empty());
    // Not of an account that pays something else.
    world
        .publish(&text(&by("purchase"), "shop"), "2026-03-05")
        .unwrap();
    world.at("2026-03-06");
    world.buy("1 id=p3");
    assert!(told(&world).is_empty());
    // What earlier revisions granted, once it is the same rule, and nothing that was granted by hand.
    world
        .publish(&text(&by("purchase"), "bank"), "2026-03-07")
        .unwrap();
    world.at("2026-03-08");
    world.buy("1 id=p4");
    assert_eq!(told(&world), ["10.00 EUR until 2026-04-07T12:00:00Z"]);
    assert_eq!(open(&world, "ann")[0], "#1 100 2026-03-20T12:00:00Z");
}

#[test]
fn what_never_expires_goes_on_doing_so() {
    let mut world = World::with("[[rules]]\nid = \"it\"\neffect = { fixed = { amount = \"5\" } }");
    world.at("2026-03-02");
    world.buy("100 id=p1");
    world
        .publish(
            &document("{ days = 30, extended_by = [\"purchase\"] }"),
            "2026-03-03",
        )
        .unwrap();
    world.at("2026-03-04");
    world.buy("1 id=p2");
    assert_eq!(
        open(&world, "ann"),
        ["#1 500 never", "#2 500 2026-04-03T12:00:00Z"]
    );
}

#[test]
fn what_is_pending_is_extended_too() {
    let text = |pending: &str| {
        format!(
            "lifecycle = {{ pending = {pending}, expires = {{ days = 30, extended_by = [\"purchase\"] }} }}\n[[rules]]\nid = \"it\"\neffect = {{ fixed = {{ amount = \"5\" }} }}"
        )
    };
    for pending in ["{ days = 20 }", "{ confirmation = {} }", "{ days = 1 }"] {
        let mut world = World::with(&text(pending));
        world.at("2026-03-02");
        world.buy("100 id=p1");
        world.at("2026-03-12");
        world.buy("1 id=p2");
        assert_eq!(
            open(&world, "ann")[0],
            "#1 500 2026-04-11T12:00:00Z",
            "{pending}"
        );
        assert_eq!(told(&world), ["5.00 EUR until 2026-04-11T12:00:00Z"]);
    }
    // What waits for a confirmation has not expired, however long it waits.
    let mut world = World::with(&text("{ confirmation = {} }"));
    world.at("2026-03-02");
    world.buy("100 id=p1");
    world.at("2026-05-02");
    world.buy("1 id=p2");
    assert_eq!(open(&world, "ann")[0], "#1 500 2026-06-01T12:00:00Z");
    // What was voided is gone.
    let mut world = World::with(&text("{ confirmation = { void_after_days = 5 } }"));
    world.at("2026-03-02");
    world.buy("100 id=p1");
    world.at("2026-03-12");
    world.buy("1 id=p2");
    assert!(told(&world).is_empty());
}

#[test]
fn an_extension_is_not_taken_back() {
    let mut world = World::with(ALL);
    world.at("2026-03-02");
    world.buy("100 id=p1");
    world.at("2026-03-12");
    world.buy("1 id=p2");
    world.cancel("p2").unwrap();
    assert_eq!(
        open(&world, "ann"),
        ["#1 500 2026-04-12T00:00:00Z", "#2 7 2026-04-01T12:00:00Z"]
    );
}

#[test]
fn who_is_suspended_extends_nothing() {
    let mut world = World::with(ALL);
    world.at("2026-03-02");
    world.buy("100 id=p1");
    initiate(&mut world, "d1", "10.00");
    let mut update = UpdateMember::new(member("ann"));
    update.status = Some(MemberStatus::Suspended);
    world.run_as("suspend", &update).unwrap();
    world.at("2026-03-12");
    world.buy("1 id=p2");
    paid(&mut world, "d1", "10.00").unwrap();
    assert!(told(&world).is_empty());
}

#[test]
fn reserved_value_has_the_expiry_of_its_lot_when_it_comes_back() {
    let mut world = World::with(ALL);
    world.at("2026-03-02");
    world.buy("100 id=p1");
    world.at("2026-03-12T08:00:00Z");
    world.run(&authorize("r1", "5.00")).unwrap();
    world.buy("1 id=p2");
    // Nothing of the lot was left to extend.
    let release = ReleaseRedemption {
        member: member("ann"),
        redemption: RedemptionId::new("r1").unwrap(),
    };
    world.run(&release).unwrap();
    assert_eq!(open(&world, "ann")[0], "#1 500 2026-04-02T00:00:00Z");
    let lot = world.lots_of(&world.member_key("ann")).next().unwrap();
    assert_eq!(lot.state, LotState::Available);
    world.at("2026-03-13T08:00:00Z");
    world.buy("1 id=p3");
    assert_eq!(open(&world, "ann")[0], "#1 500 2026-04-13T00:00:00Z");
}

#[test]
fn what_lasts_longer_pays_later() {
    // Two rules: what the first granted is extended past what the second did.
    let text = r#"
        redemptions = { order = ["cashback"] }
        [[rules]]
        id = "kept"
        effect = { fixed = { amount = "1" } }
        when = { tag = ["a"] }
        lifecycle = { expires = { days = 10, extended_by = ["purchase"] } }
        [[rules]]
        id = "plain"
        effect = { fixed = { amount = "2" } }
        when = { tag = ["b"] }
        lifecycle = { expires = { days = 12 } }
    "#;
    let mut world = World::with(text);
    world.at("2026-03-02");
    world.buy("1 id=p1 tag=a");
    world.buy("1 id=p2 tag=b");
    let mut before = world.clone();
    assert_eq!(
        before
            .take(money("1", "EUR"))
            .unwrap()
            .lots
            .into_keys()
            .collect::<Vec<_>>(),
        [1]
    );
    world.at("2026-03-06");
    world.buy("1 id=p3");
    assert_eq!(
        world
            .take(money("1", "EUR"))
            .unwrap()
            .lots
            .into_keys()
            .collect::<Vec<_>>(),
        [2]
    );
}

#[test]
fn more_lots_than_one_step_may_touch_are_extended_in_turn() {
    let most = usize::try_from(GRANTS_MAX).unwrap() / LINES_MAX;
    let rule = |number: usize| {
        format!(
            "[[rules]]\nid = \"r{number}\"\nscope = \"line\"\neffect = {{ fixed = {{ amount = \"0.01\" }} }}\n"
        )
    };
    let rules: String = (0..most).map(rule).collect();
    let life = "lifecycle = { expires = { days = 30, round = \"end_of_day\", extended_by = [\"purchase\"] } }\n";
    let mut world = World::with(&format!("{life}{rules}"));
    let line = Line::new(money("1.00", "EUR"));
    world.at("2026-03-02");
    for (id, lines) in [("p1", LINES_MAX), ("p2", 1)] {
        let mut purchase = world.purchase(&format!("1000 id={id}"));
        purchase.lines = vec![line.clone(); lines];
        world.run(&RecordPurchase::new(purchase)).unwrap();
    }
    // 10,010 lots, of which 10,000 are extended by the first purchase and the others by the next one of the day.
    world.at("2026-03-12");
    for (id, said) in [("p3", "100.00 EUR"), ("p4", "0.10 EUR")] {
        world.buy(&format!("1 id={id}"));
        assert_eq!(
            told(&world).last().unwrap(),
            &format!("{said} until 2026-04-12T00:00:00Z")
        );
    }
    world.buy("1 id=p5");
    assert_eq!(told(&world).len(), 2);
}

#[test]
fn what_is_reserved_no_longer_is_extended_whether_or_not_anybody_settled_it() {
    type Act = fn(&mut World);
    let acts: [(&str, Act); 3] = [
        ("a deposit", |world| {
            paid(world, "d1", "5.00").unwrap();
        }),
        ("a capture", |world| {
            world.run(&capture("live", 1, "1.00")).unwrap();
        }),
        ("a purchase", |world| {
            world.buy("9.00 id=p3");
        }),
    ];
    for (name, act) in acts {
        let ends = [false, true].map(|settled| {
            let mut world = World::with(ALL);
            world.buy("9.00 id=p1");
            world.buy("9.00 id=p2");
            initiate(&mut world, "d1", "5.00");
            world.at("2026-03-12T12:00:00Z");
            world.run(&authorize("over", "5.00")).unwrap();
            world.at("2026-03-12T12:30:00Z");
            world.run(&authorize("live", "2.00")).unwrap();
            // The first is over by now, and the second is not.
            world.at("2026-03-12T13:10:00Z");
            if settled {
                world.settle();
            }
            act(&mut world);
            world.assert_valid();
            open(&world, "ann")
        });
        assert_eq!(ends[0], ends[1], "{name}");
    }
}
