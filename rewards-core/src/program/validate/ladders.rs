//! Tier ladders.

use std::collections::BTreeSet;

use super::{Checker, GRACE_DAYS_MAX, PARTS_MAX, TIERS_MAX, VALUES_MAX};
use crate::money::{Factor, Rate};
use crate::parse::At;
use crate::program::{Benefits, Ladder, Measure, TierWindow};
use crate::time::Period;

pub(super) fn check(checker: &mut Checker<'_>) {
    let program = checker.program;
    let root = At::Root;
    let list = root.field("ladders");
    for (index, ladder) in program.ladders.iter().take(PARTS_MAX).enumerate() {
        check_ladder(checker, &list.item(index), ladder);
    }
}

fn check_ladder(checker: &mut Checker<'_>, at: &At<'_>, ladder: &Ladder) {
    let scale = check_measure(checker, at, ladder);
    check_window(checker, at, ladder);
    let list = at.field("tiers");
    let ids = ladder.tiers.iter().map(|tier| tier.id.as_str());
    checker.names(&list, TIERS_MAX, ids);
    check_replaced(checker, &list, ladder);
    if ladder.tiers.is_empty() {
        checker.report("tiers_empty", &list, "expected at least one tier");
    }
    let mut below = None;
    for (index, tier) in ladder.tiers.iter().take(TIERS_MAX).enumerate() {
        let item = list.item(index);
        check_benefits(checker, &item.field("benefits"), &tier.benefits);
        let at = item.field("threshold");
        let Some(threshold) = checker.minor(&at, tier.threshold, scale) else {
            continue;
        };
        if index == 0 && threshold != 0 {
            let words = format!(
                "everybody starts at the first tier: expected `0`, got `{}`",
                tier.threshold
            );
            checker.report("threshold_first_not_zero", &at, words);
        } else if below.is_some_and(|below| threshold <= below) {
            let words = format!(
                "expected more than the tier below, got `{}`",
                tier.threshold
            );
            checker.report("thresholds_not_increasing", &at, words);
        }
        below = Some(threshold);
    }
}

/// A tier of an earlier revision has one place in this one.
fn check_replaced(checker: &mut Checker<'_>, list: &At<'_>, ladder: &Ladder) {
    let mut taken: BTreeSet<&str> = ladder.tiers.iter().map(|tier| tier.id.as_str()).collect();
    for (index, tier) in ladder.tiers.iter().take(TIERS_MAX).enumerate() {
        let item = list.item(index);
        let names = item.field("replaces");
        if !checker.is_within(&names, tier.replaces.len(), VALUES_MAX) {
            continue;
        }
        for (number, name) in tier.replaces.iter().enumerate() {
            if !taken.insert(name.as_str()) {
                let words = format!("`{name}` is a tier of this ladder, or is replaced already");
                checker.report("id_duplicate", &names.item(number), words);
            }
        }
    }
}

/// Checks what is measured, and returns how many decimals its thresholds have.
fn check_measure(checker: &mut Checker<'_>, at: &At<'_>, ladder: &Ladder) -> u8 {
    let at = at.field("measure");
    match ladder.measure {
        Measure::Balance(asset) => checker.asset(&at.field("balance"), Some(asset)).scale(),
        Measure::Earned(asset) => checker.asset(&at.field("earned"), Some(asset)).scale(),
        Measure::Spend(_) => checker.program.currency.scale(),
        Measure::Visits => 0,
    }
}

fn check_window(checker: &mut Checker<'_>, at: &At<'_>, ladder: &Ladder) {
    if ladder.grace_days > GRACE_DAYS_MAX {
        let words = format!("at most {GRACE_DAYS_MAX} days, got {}", ladder.grace_days);
        checker.report("too_many", &at.field("grace_days"), words);
    }
    let lifetime = matches!(
        ladder.window,
        TierWindow::Lifetime | TierWindow::Calendar(Period::Lifetime)
    );
    let window = at.field("window");
    if let TierWindow::Calendar(period) = ladder.window {
        checker.period(&window.field("calendar"), period);
    }
    if matches!(ladder.measure, Measure::Balance(_)) && !lifetime {
        let words = "a balance is measured as it is: leave `window` out";
        checker.report("ladder_window", &window, words);
    }
}

fn check_benefits(checker: &mut Checker<'_>, at: &At<'_>, benefits: &Benefits) {
    let Benefits {
        multiplier,
        extra_rate,
        cap_multiplier,
    } = benefits;
    // Every rate is zero or more, so a rate can only add.
    let _: &Option<Rate> = extra_rate;
    for (name, factor) in [
        ("multiplier", multiplier),
        ("cap_multiplier", cap_multiplier),
    ] {
        if let Some(factor) = factor.filter(|factor| *factor < Factor::one()) {
            let words =
                format!("a benefit takes nothing away: expected at least `1`, got `{factor}`");
            checker.report("benefit_below_one", &at.field(name), words);
        }
    }
}
