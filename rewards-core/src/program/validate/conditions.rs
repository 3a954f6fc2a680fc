//! Conditions: each on its own, and those that must hold together.

use super::narrow::Narrowing;
use super::{CONDITION_DEPTH_MAX, Checker, VALUES_MAX, offers};
use crate::money::DecimalText;
use crate::parse::At;
use crate::program::{
    AmountTest, AttributeTest, Condition, LineTest, NumberTest, TierTest, WindowCount, WindowSum,
};
use crate::time::DateRange;

/// Checks the condition of a rule that is active on these dates.
pub(super) fn check(
    checker: &mut Checker<'_>,
    at: &At<'_>,
    condition: &Condition,
    active: Option<DateRange>,
) {
    let mut narrowing = Narrowing::active_on(active);
    check_node(checker, at, condition, &mut narrowing, 1);
}

/// Checks a condition, and whether it can hold together with those around it.
fn check_node<'c>(
    checker: &mut Checker<'_>,
    at: &At<'_>,
    condition: &'c Condition,
    narrowing: &mut Narrowing<'c>,
    depth: usize,
) {
    if depth > CONDITION_DEPTH_MAX {
        let words = format!("expected conditions nested at most {CONDITION_DEPTH_MAX} deep");
        checker.report("condition_too_deep", at, words);
        return;
    }
    let inner = depth.saturating_add(1);
    match condition {
        Condition::All(list) => {
            let at = at.field("all");
            if check_length(checker, &at, list.len()) {
                for (index, condition) in list.iter().enumerate() {
                    check_node(checker, &at.item(index), condition, narrowing, inner);
                }
            }
        }
        Condition::Any(list) => check_apart(checker, &at.field("any"), list, inner),
        Condition::None(list) => check_apart(checker, &at.field("none"), list, inner),
        leaf => {
            check_leaf(checker, at, leaf);
            if !narrowing.add(leaf) {
                let words = "it cannot hold together with the conditions or dates before it";
                checker.report("condition_contradiction", at, words);
            }
        }
    }
}

/// Conditions that need not hold together.
fn check_apart(checker: &mut Checker<'_>, at: &At<'_>, list: &[Condition], depth: usize) {
    if check_length(checker, at, list.len()) {
        for (index, condition) in list.iter().enumerate() {
            let mut narrowing = Narrowing::default();
            check_node(checker, &at.item(index), condition, &mut narrowing, depth);
        }
    }
}

fn check_leaf(checker: &mut Checker<'_>, at: &At<'_>, leaf: &Condition) {
    match leaf {
        // Their parts are checked one by one.
        Condition::All(_) | Condition::Any(_) | Condition::None(_) => {}
        Condition::Category(list) => check_texts(checker, &at.field("category"), list),
        Condition::Merchant(list) => check_texts(checker, &at.field("merchant"), list),
        Condition::Biller(list) => check_texts(checker, &at.field("biller"), list),
        Condition::BillType(list) => check_texts(checker, &at.field("bill_type"), list),
        Condition::Channel(list) => check_texts(checker, &at.field("channel"), list),
        Condition::PaymentMethod(list) => check_texts(checker, &at.field("payment_method"), list),
        Condition::Store(list) => check_texts(checker, &at.field("store"), list),
        Condition::Country(list) => check_texts(checker, &at.field("country"), list),
        Condition::Tag(list) => check_texts(checker, &at.field("tag"), list),
        Condition::Segment(list) => check_texts(checker, &at.field("segment"), list),
        Condition::Weekday(days) => {
            check_length(checker, &at.field("weekday"), days.len());
        }
        Condition::Amount(test) => check_amount(checker, &at.field("amount"), test),
        Condition::Tier(test) => check_tier(checker, &at.field("tier"), test),
        Condition::Line(test) => check_line(checker, &at.field("line"), test),
        Condition::PurchaseNumber(test) => {
            check_number(checker, &at.field("purchase_number"), test);
        }
        Condition::WindowCount(test) => check_count(checker, &at.field("window_count"), test),
        Condition::WindowSum(test) => check_sum(checker, &at.field("window_sum"), test),
        // A range of times of day is never empty: it wraps midnight.
        Condition::TimeOfDay(_) => {}
        Condition::Dates(range) => {
            let bounds = [range.from().is_some(), range.end().is_some()];
            check_bounds(checker, &at.field("dates"), bounds);
        }
        Condition::Attribute(test) => check_attribute(checker, &at.field("attribute"), test),
        Condition::Offer(names) => offers::check_names(checker, &at.field("offer"), names),
    }
}

/// Whether a list is not too long to be looked into; an empty one is refused.
pub(super) fn check_length(checker: &mut Checker<'_>, at: &At<'_>, length: usize) -> bool {
    if length == 0 {
        let words = "expected at least one item: an empty list matches nothing or everything";
        checker.report("condition_empty", at, words);
    }
    checker.is_within(at, length, VALUES_MAX)
}

fn check_texts(checker: &mut Checker<'_>, at: &At<'_>, list: &[String]) {
    if check_length(checker, at, list.len()) {
        check_values(checker, at, list);
    }
}

/// The values of a list that may be empty, because then it is no test.
fn check_values(checker: &mut Checker<'_>, at: &At<'_>, list: &[String]) {
    if checker.is_within(at, list.len(), VALUES_MAX) {
        for (index, text) in list.iter().enumerate() {
            checker.text(&at.item(index), text);
        }
    }
}

fn check_bounds<const N: usize>(checker: &mut Checker<'_>, at: &At<'_>, given: [bool; N]) {
    if !given.contains(&true) {
        checker.report("condition_empty", at, "expected at least one test or bound");
    }
}

fn check_range<T: Ord>(
    checker: &mut Checker<'_>,
    at: &At<'_>,
    at_least: Option<T>,
    below: Option<T>,
) {
    if let (Some(at_least), Some(below)) = (at_least, below)
        && at_least >= below
    {
        checker.report("condition_contradiction", at, "nothing lies in this range");
    }
}

/// A range of amounts of the program's currency, of which none is below zero.
fn check_amounts(
    checker: &mut Checker<'_>,
    at: &At<'_>,
    at_least: Option<DecimalText>,
    below: Option<DecimalText>,
) {
    let scale = checker.program.currency.scale();
    check_bounds(checker, at, [at_least.is_some(), below.is_some()]);
    if let Some(amount) = at_least {
        checker.unsigned_amount(&at.field("at_least"), amount, scale);
    }
    if let Some(amount) = below {
        checker.positive_amount(&at.field("below"), amount, scale);
    }
    check_range(checker, at, at_least, below);
}

fn check_amount(checker: &mut Checker<'_>, at: &At<'_>, test: &AmountTest) {
    check_amounts(checker, at, test.at_least, test.below);
}

fn check_sum(checker: &mut Checker<'_>, at: &At<'_>, test: &WindowSum) {
    checker.period(&at.field("window"), test.window);
    check_amounts(checker, at, test.at_least, test.below);
}

fn check_count(checker: &mut Checker<'_>, at: &At<'_>, test: &WindowCount) {
    checker.period(&at.field("window"), test.window);
    check_bounds(
        checker,
        at,
        [test.at_least.is_some(), test.at_most.is_some()],
    );
    check_numbers(checker, at, test.at_least, test.at_most);
}

fn check_number(checker: &mut Checker<'_>, at: &At<'_>, test: &NumberTest) {
    let NumberTest {
        at_least,
        at_most,
        every,
    } = *test;
    let given = [at_least.is_some(), at_most.is_some(), every.is_some()];
    check_bounds(checker, at, given);
    checker.positive_number(&at.field("every"), every);
    if !check_numbers(checker, at, at_least, at_most) {
        return;
    }
    let multiple =
        every.and_then(|every| at_least.unwrap_or(1).max(1).checked_next_multiple_of(every));
    if let (Some(multiple), Some(most)) = (multiple, at_most)
        && multiple > most
    {
        let words = format!("the first multiple in this range would be {multiple}");
        checker.report("condition_contradiction", at, words);
    }
}

/// Whether a range of counts holds any; the purchase itself always counts, so the lowest count is 1.
fn check_numbers(
    checker: &mut Checker<'_>,
    at: &At<'_>,
    at_least: Option<u32>,
    at_most: Option<u32>,
) -> bool {
    let is_empty = at_most.is_some_and(|most| at_least.unwrap_or(1).max(1) > most);
    if is_empty {
        checker.report(
            "condition_contradiction",
            at,
            "no count from 1 on lies in this range",
        );
    }
    !is_empty
}

fn check_tier(checker: &mut Checker<'_>, at: &At<'_>, test: &TierTest) {
    if test.at_least.is_some() != test.one_of.is_empty() {
        let words = "expected exactly one of `at_least` and `one_of`";
        checker.report("tier_test_invalid", at, words);
    }
    let list = at.field("one_of");
    if !checker.is_within(&list, test.one_of.len(), VALUES_MAX) {
        return;
    }
    let (program, names) = (checker.program, checker.names);
    let ladder = at.field("ladder");
    let found = checker.refer(&ladder, "ladder", test.ladder.as_str(), &names.ladders);
    let Some(ladder) = found.and_then(|index| program.ladders.get(index)) else {
        return;
    };
    let tiers = (ladder.tiers.iter().enumerate())
        .map(|(index, tier)| (tier.id.as_str(), index))
        .collect();
    if let Some(tier) = &test.at_least {
        checker.refer(&at.field("at_least"), "tier", tier.as_str(), &tiers);
    }
    for (index, tier) in test.one_of.iter().enumerate() {
        checker.refer(&list.item(index), "tier", tier.as_str(), &tiers);
    }
}

pub(super) fn check_line(checker: &mut Checker<'_>, at: &At<'_>, test: &LineTest) {
    if *test == LineTest::default() {
        check_bounds(checker, at, [false]);
    }
    let skus = (&test.sku, &test.except_sku);
    let categories = (&test.category, &test.except_category);
    check_values(checker, &at.field("sku"), &test.sku);
    check_values(checker, &at.field("category"), &test.category);
    check_values(checker, &at.field("except_sku"), &test.except_sku);
    check_values(checker, &at.field("except_category"), &test.except_category);
    for (wanted, except) in [skus, categories] {
        if !wanted.is_empty() && wanted.iter().all(|value| except.contains(value)) {
            let words = "every value that it allows is excepted";
            checker.report("condition_contradiction", at, words);
        }
    }
    if let Some(attribute) = &test.attribute {
        check_attribute(checker, &at.field("attribute"), attribute);
    }
    checker.positive_number(&at.field("quantity_at_least"), test.quantity_at_least);
    if let Some(amount) = test.amount_at_least {
        let scale = checker.program.currency.scale();
        checker.unsigned_amount(&at.field("amount_at_least"), amount, scale);
    }
}

fn check_attribute(checker: &mut Checker<'_>, at: &At<'_>, test: &AttributeTest) {
    checker.text(&at.field("name"), &test.name);
    check_values(checker, &at.field("one_of"), &test.one_of);
    check_range(checker, at, test.at_least, test.below);
}
