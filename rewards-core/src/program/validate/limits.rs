//! Units, caps and budgets.

use std::collections::BTreeSet;

use super::{CAPS_MAX, Checker, PARTS_MAX};
use crate::money::{Asset, DecimalText};
use crate::parse::At;
use crate::program::{Budget, Cap, CapPer, Limit};
use crate::time::Period;

pub(super) fn check(checker: &mut Checker<'_>) {
    let program = checker.program;
    let root = At::Root;
    check_units(checker, &root.field("units"));
    let caps = root.field("caps");
    for (index, cap) in program.caps.iter().take(CAPS_MAX).enumerate() {
        check_cap(checker, &caps.item(index), cap);
    }
    let budgets = root.field("budgets");
    for (index, budget) in program.budgets.iter().take(CAPS_MAX).enumerate() {
        check_budget(checker, &budgets.item(index), budget);
    }
}

fn check_units(checker: &mut Checker<'_>, list: &At<'_>) {
    let units = &checker.program.units;
    if !checker.is_within(list, units.len(), PARTS_MAX) {
        return;
    }
    let mut codes = BTreeSet::new();
    for (index, unit) in units.iter().enumerate() {
        let item = list.item(index);
        let at = item.field("asset");
        if unit.asset.as_currency().is_some() {
            let words = format!(
                "`{}` is a currency: expected a unit such as `points`",
                unit.asset
            );
            checker.report("unit_invalid", &at, words);
        } else if !codes.insert(unit.asset.code()) {
            let words = format!("a unit `{}` is declared already", unit.asset.code());
            checker.report("id_duplicate", &at, words);
        }
    }
}

fn check_cap(checker: &mut Checker<'_>, at: &At<'_>, cap: &Cap) {
    match &cap.per {
        CapPer::Purchase => {
            if cap.every.is_some() {
                let words = "a cap per purchase has no window: leave `every` out";
                checker.report("cap_window", &at.field("every"), words);
            }
        }
        CapPer::Member => {}
        CapPer::Attribute(name) => {
            checker.text(&at.field("per").field("attribute"), name);
            check_shared_window(checker, at, cap.every);
        }
    }
    if let Some(period) = cap.every {
        checker.period(&at.field("every"), period);
    }
    let limit = at.field("limit");
    match cap.limit {
        Limit::Amount { amount, asset } => {
            check_amount(checker, &limit.field("amount"), amount, asset);
        }
        Limit::Uses(uses) => checker.positive_number(&limit.field("uses"), Some(uses)),
    }
}

fn check_budget(checker: &mut Checker<'_>, at: &At<'_>, budget: &Budget) {
    check_shared_window(checker, at, budget.every);
    if let Some(period) = budget.every {
        checker.period(&at.field("every"), period);
    }
    check_amount(checker, at, budget.amount, budget.asset);
}

/// A limit that members share is guarded by one counter in the commit; a rolling window has one for each day.
fn check_shared_window(checker: &mut Checker<'_>, at: &At<'_>, every: Option<Period>) {
    if let Some(Period::Days(_)) = every {
        let words = "a limit that members share counts in calendar periods or for ever, not in rolling days";
        checker.report("cap_window", &at.field("every"), words);
    }
}

/// Nothing is a limit too: it switches rules off.
fn check_amount(checker: &mut Checker<'_>, at: &At<'_>, amount: DecimalText, asset: Option<Asset>) {
    let asset = checker.asset(&at.field("asset"), asset);
    let at = at.field("amount");
    if checker
        .minor(&at, amount, asset.scale())
        .is_some_and(|minor| minor < 0)
    {
        let words = format!("expected a limit of zero or more, got `{amount}`");
        checker.report("limit_negative", &at, words);
    }
}
