//! What a purchase lacks, in words: the smallest change for each kind of condition, and where none is told.

use std::collections::BTreeSet;

use rewards_core::cashback::{MemberReason, Missing, SmallestChange};
use rewards_core::member::MemberStatus;
use rewards_core::operations::members::UpdateMember;
use rewards_core::operations::purchases::{GetPurchase, QuotePurchase};

use crate::support::shop::Shop;
use crate::words::say;
use crate::world::{World, member};

fn in_words(missing: &[Missing], reason: Option<MemberReason>) -> String {
    let changes = missing.iter().map(|missing| {
        let change = match &missing.change {
            SmallestChange::AddLine { line } => {
                let sku = line.sku.as_deref().or(line.category.as_deref());
                let sku = sku.unwrap_or("any");
                format!("new {sku} x{} {}", line.quantity, line.amount)
            }
            SmallestChange::RaiseLine {
                line,
                pieces,
                amount,
            } => {
                let pieces = pieces.map_or(String::new(), |pieces| format!(" x{pieces}"));
                let amount = amount.map_or(String::new(), |amount| format!(" {amount}"));
                format!("line {line}{pieces}{amount}")
            }
            SmallestChange::RaiseTotal { amount } => say(amount),
            SmallestChange::SpendInWindow { amount } => format!("window {amount}"),
            SmallestChange::MorePurchases { count } => format!("{count} purchases"),
        };
        let path = missing.failed.strip_prefix("rules[0].when").unwrap();
        format!("{path}: {change}")
    });
    let changes = changes.collect::<Vec<_>>().join(", ");
    format!("{changes} ({})", say_reason(reason))
}

fn say_reason(reason: Option<MemberReason>) -> String {
    let reason = serde_json::to_value(reason).unwrap();
    reason.as_str().unwrap_or("none").to_owned()
}

/// What a purchase lacks for a rule with this condition. One of 30.00 was made before.
fn lacks(scope: &str, when: &str, purchase: &str) -> String {
    let mut world = World::with(&format!(
        "[[rules]]\nid = \"r\"\nscope = \"{scope}\"\nwhen = {when}\neffect = {{ fixed = {{ amount = \"1\" }} }}"
    ));
    world.buy("30 category=food");
    let explained = world.quote(purchase).explanation.unwrap().remove(0);
    in_words(&explained.missing, explained.member_reason)
}

#[test]
fn the_smallest_change_of_each_kind() {
    let books = "{ line = { category = [\"books\"], amount_at_least = \"20\" } }";
    let cds = "{ line = { sku = [\"cd\"], quantity_at_least = 3 } }";
    let both = "{ line = { sku = [\"cd\"], quantity_at_least = 3, amount_at_least = \"20\" } }";
    let table = [
        (
            "{ amount = { at_least = \"100\" } }",
            "92.50",
            ": 7.50 EUR (spend_more)",
        ),
        (
            "{ amount = { of = \"net\", at_least = \"100\" } }",
            "92.50 discounts=2.50",
            ": 10.00 EUR (spend_more)",
        ),
        (
            books,
            "9 line:8.00,category=books line:1.00,category=toys",
            ": line 0 12.00 (spend_more)",
        ),
        // The line that takes the least.
        (
            books,
            "30 line:8.00,category=books line:12.50,category=books",
            ": line 1 7.50 (spend_more)",
        ),
        (books, "9", ": new books x1 20.00 (buy_more)"),
        (cds, "9 line:8.00,sku=cd", ": line 0 x2 (buy_more)"),
        (cds, "9 line:8.00,sku=lp", ": new cd x3 0.00 (buy_more)"),
        (both, "9 line:8.00,sku=cd", ": line 0 x2 12.00 (buy_more)"),
        (
            "{ window_sum = { window = \"month\", at_least = \"50\" } }",
            "12",
            ": window 8.00 (spend_more)",
        ),
        (
            "{ window_count = { window = \"month\", at_least = 5 } }",
            "12",
            ": 3 purchases (come_again)",
        ),
        (
            "{ purchase_number = { at_least = 3 } }",
            "12",
            ": 1 purchases (come_again)",
        ),
        (
            "{ purchase_number = { every = 5 } }",
            "12",
            ": 3 purchases (come_again)",
        ),
        (
            "{ purchase_number = { at_least = 6, every = 5 } }",
            "12",
            ": 8 purchases (come_again)",
        ),
    ];
    for (when, purchase, expected) in table {
        assert_eq!(
            lacks("basket", when, purchase),
            expected,
            "{when} {purchase}"
        );
    }
}

#[test]
fn what_one_part_adds_counts_for_the_others() {
    let table = [
        (
            // The books raise the total by 12.00 of the 20.00 that it lacks.
            "{ all = [{ amount = { at_least = \"30\" } }, { line = { category = [\"books\"], amount_at_least = \"20\" } }] }",
            "10 line:8.00,category=books",
            ".all[1]: line 0 12.00, .all[0]: 8.00 EUR (spend_more)",
        ),
        (
            "{ all = [{ amount = { at_least = \"30\" } }, { window_sum = { window = \"month\", at_least = \"50\" } }] }",
            "10",
            ".all[0]: 20.00 EUR (spend_more)",
        ),
        (
            "{ all = [{ purchase_number = { at_least = 4 } }, { amount = { at_least = \"30\" } }] }",
            "10",
            ".all[1]: 20.00 EUR, .all[0]: 2 purchases (spend_more)",
        ),
        // The first alternative that can be met.
        (
            "{ any = [{ category = [\"toys\"] }, { amount = { at_least = \"30\" } }, { amount = { at_least = \"20\" } }] }",
            "10",
            ".any[2]: 10.00 EUR (spend_more)",
        ),
        (
            "{ any = [{ category = [\"toys\"] }, { purchase_number = { at_least = 3 } }, { amount = { at_least = \"20\" } }] }",
            "10",
            ".any[1]: 1 purchases (come_again)",
        ),
        (
            "{ all = [{ amount = { at_least = \"20\", below = \"30\" } }, { category = [\"food\"] }] }",
            "10 category=food",
            ".all[0]: 10.00 EUR (spend_more)",
        ),
    ];
    for (when, purchase, expected) in table {
        assert_eq!(
            lacks("basket", when, purchase),
            expected,
            "{when} {purchase}"
        );
    }
}

#[test]
fn nothing_is_told_that_would_not_be_enough() {
    let amount = "{ amount = { at_least = \"100\" } }";
    let others = [
        "{ category = [\"food\"] }",
        "{ segment = [\"vip\"] }",
        "{ tag = [\"a\"] }",
        "{ weekday = [\"sunday\"] }",
        "{ merchant = [\"m\"] }",
        "{ attribute = { name = \"a\" } }",
        "{ amount = { below = \"5\" } }",
        "{ none = [{ amount = { at_least = \"5\" } }] }",
        "{ purchase_number = { at_most = 1 } }",
        "{ any = [{ category = [\"food\"] }, { segment = [\"vip\"] }] }",
    ];
    for other in others {
        for when in [other.to_owned(), format!("{{ all = [{amount}, {other}] }}")] {
            let Ok(_) = World::empty().publish(
                &format!("[[rules]]\nid = \"r\"\nwhen = {when}\neffect = {{ fixed = {{ amount = \"1\" }} }}"),
                "2020-01-01T00:00:00Z",
            ) else {
                continue;
            };
            assert_eq!(lacks("basket", &when, "10"), " (not_available)", "{when}");
        }
    }
    // What is added for one part may not break another, also not by what added pieces cost.
    let table = [
        "{ all = [{ amount = { below = \"15\" } }, { line = { sku = [\"cd\"], amount_at_least = \"20\" } }] }",
        "{ all = [{ amount = { below = \"15\" } }, { line = { sku = [\"cd\"], quantity_at_least = 3 } }] }",
        "{ all = [{ amount = { below = \"15\" } }, { window_sum = { window = \"month\", at_least = \"60\" } }] }",
        "{ all = [{ window_sum = { window = \"month\", below = \"60\" } }, { purchase_number = { at_least = 9 } }] }",
        "{ all = [{ window_count = { window = \"month\", at_most = 2 } }, { purchase_number = { at_least = 9 } }] }",
    ];
    for when in table {
        assert_eq!(
            lacks("basket", when, "10 line:9.00,sku=cd"),
            " (not_available)",
            "{when}"
        );
    }
}

#[test]
fn a_rule_by_line_lacks_something_of_one_line() {
    let when = "{ all = [{ line = { sku = [\"cd\"], amount_at_least = \"20\" } }, { line = { sku = [\"cd\"], quantity_at_least = 2 } }] }";
    let table = [
        // Each line lacks one of the two; the first takes no money.
        (
            "40 line:20.00,sku=cd line:9.00,sku=cd,quantity=2",
            ".all[1]: line 0 x1 (buy_more)",
        ),
        (
            "40 line:20.00,sku=lp",
            ".all[0]: new cd x1 20.00, .all[1]: line 1 x1 (buy_more)",
        ),
    ];
    for (purchase, expected) in table {
        assert_eq!(lacks("line", when, purchase), expected, "{purchase}");
    }
    assert_eq!(
        lacks("line", "{ amount = { at_least = \"50\" } }", "40"),
        " (not_available)"
    );
    assert_eq!(
        lacks("line", "{ amount = { at_least = \"50\" } }", "40 line:1.00"),
        ": 10.00 EUR (spend_more)"
    );
}

const PROGRAM: &str = r#"
    stacking_groups = [{ id = "main" }, { id = "one", stacking = "best" }]
    caps = [{ id = "cap", per = "member", limit = { amount = { amount = "1" } } }]
    [[rules]]
    id = "big"
    when = { amount = { at_least = "100" } }
    effect = { fixed = { amount = "1" } }
    [[rules]]
    id = "vip"
    when = { all = [{ segment = ["vip"] }, { amount = { at_least = "100" } }] }
    effect = { fixed = { amount = "1" } }
    [[rules]]
    id = "old"
    active = { before = "2026-01-01" }
    effect = { fixed = { amount = "1" } }
    [[rules]]
    id = "less"
    stacking_group = "one"
    effect = { fixed = { amount = "1" } }
    [[rules]]
    id = "more"
    stacking_group = "one"
    effect = { fixed = { amount = "2" } }
    [[rules]]
    id = "capped"
    caps = ["cap"]
    effect = { fixed = { amount = "1" } }
    [[offers.list]]
    id = "ten"
    books = ["b"]
    when = { amount = { at_least = "100" } }
    lines = { sku = ["cd"] }
    effect = { percent = { rate = "10%" } }
"#;

fn reasons(world: &mut World, text: &str) -> Vec<String> {
    let explained = world.quote(text).explanation.unwrap().into_iter();
    let reasons = explained.map(|own| format!("{} {}", own.rule, say_reason(own.member_reason)));
    reasons.collect()
}

/// A member is told what would be enough for this member, and of everything else as little as of anything.
#[test]
fn a_member_is_told_what_gives_nothing_away() {
    let mut world = World::with(PROGRAM);
    let mut expected = [
        "big spend_more",
        "vip not_available",
        "old not_available",
        "less other_applies",
        "more none",
        "capped none",
    ];
    assert_eq!(reasons(&mut world, "90"), expected);
    world.buy("90");
    expected[5] = "capped not_available";
    assert_eq!(reasons(&mut world, "90"), expected);
    let update = |world: &mut World, status, segments: &[&str]| {
        let segments: BTreeSet<String> = segments.iter().map(|own| (*own).to_owned()).collect();
        let mut update = UpdateMember::new(member("ann"));
        update.status = Some(status);
        update.segments = Some(segments);
        let key = format!("update-{}", world.commands);
        world.run_as(&key, &update).unwrap();
    };
    update(&mut world, MemberStatus::Active, &["vip"]);
    expected[1] = "vip spend_more";
    assert_eq!(reasons(&mut world, "90"), expected);
    // For a member who is not active no change is enough.
    update(&mut world, MemberStatus::Suspended, &["vip"]);
    let quoted = world.quote("90").explanation.unwrap();
    assert!(quoted.iter().all(|own| own.missing.is_empty()));
    assert_eq!(quoted[0].member_reason, Some(MemberReason::NotAvailable));
    assert_eq!(quoted[4].member_reason, Some(MemberReason::NotAvailable));
}

/// What coupons take off of a changed purchase is not known: rules tell no change, and offers do. All of it is told to who asks.
#[test]
fn with_coupons_offers_tell_what_they_lack() {
    let mut shop = Shop::with(PROGRAM);
    let coupon = shop.coupon("b");
    let mut quote = QuotePurchase {
        purchase: shop.world.purchase("90 id=x line:30.00,sku=lp"),
        coupons: vec![coupon.clone()],
        explain: true,
    };
    let quoted = shop.world.run(&quote).unwrap();
    let rule = &quoted.explanation.unwrap()[0];
    assert_eq!(
        (rule.missing.len(), rule.member_reason),
        (0, Some(MemberReason::NotAvailable))
    );
    let offer = &quoted.offers[0];
    assert_eq!(offer.coupon, coupon);
    assert_eq!(offer.member_reason, MemberReason::BuyMore);
    let missing = serde_json::to_value(&offer.missing).unwrap();
    let expected = serde_json::json!([
        { "failed": "offers.list[0].lines", "change": { "add_line": { "line": {
            "amount": { "amount": "0.00", "asset": "EUR" }, "sku": "cd", "quantity": 1
        } } } },
        { "failed": "offers.list[0].when", "change": { "raise_total": {
            "amount": { "amount": "10.00", "asset": "EUR" }
        } } },
    ]);
    assert_eq!(missing, expected);
    let decision = quoted.decision;
    quote.explain = false;
    let plain = shop.world.run(&quote).unwrap();
    assert_eq!((plain.decision, plain.offers.len()), (decision, 0));
    shop.buy("90 id=x line:30.00,sku=lp", &[coupon]).unwrap();
    let get = GetPurchase {
        explain: true,
        ..GetPurchase::new("x".parse().unwrap())
    };
    let told = shop.world.run(&get).unwrap().explanation.unwrap();
    assert!(told.iter().all(|own| own.missing.is_empty()));
}

/// What was seen of the member when a purchase was recorded says what it lacked.
#[test]
fn a_recorded_purchase_lacks_what_it_lacked_then() {
    let mut world = World::with(
        "[[rules]]\nid = \"r\"\nwhen = { window_count = { window = \"month\", at_least = 3 } }\neffect = { fixed = { amount = \"1\" } }",
    );
    world.buy("10 id=p");
    world.buy("10 id=q");
    let get = GetPurchase {
        explain: true,
        ..GetPurchase::new("p".parse().unwrap())
    };
    let told = world.run(&get).unwrap().explanation.unwrap().remove(0);
    assert_eq!(
        in_words(&told.missing, told.member_reason),
        ": 2 purchases (come_again)"
    );
}
