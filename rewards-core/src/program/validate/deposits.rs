//! Deposits: bounds, times and providers.

use std::collections::BTreeMap;

use super::{Checker, PARTS_MAX, TAGS_MAX};
use crate::parse::At;
use crate::program::{DEPOSIT_MINUTES_MAX, Deposits, TOLERANCE_SECONDS_MAX};

pub(super) fn check(checker: &mut Checker<'_>) {
    let program = checker.program;
    let Some(deposits) = &program.deposits else {
        return;
    };
    let root = At::Root;
    let at = root.field("deposits");
    check_bounds(checker, &at, deposits);
    for (name, number, most) in [
        (
            "expires_after_minutes",
            deposits.expires_after_minutes,
            DEPOSIT_MINUTES_MAX,
        ),
        (
            "tolerance_seconds",
            deposits.tolerance_seconds,
            TOLERANCE_SECONDS_MAX,
        ),
    ] {
        checker.number(&at.field(name), number, 1, most);
    }
    check_providers(checker, &at.field("providers"), deposits);
}

fn check_bounds(checker: &mut Checker<'_>, at: &At<'_>, deposits: &Deposits) {
    let scale = checker.program.currency.scale();
    let bounds = [("minimum", deposits.minimum), ("maximum", deposits.maximum)];
    for (name, amount) in bounds {
        if let Some(amount) = amount {
            checker.positive_amount(&at.field(name), amount, scale);
        }
    }
    if let (Some(minimum), Some(maximum)) = (deposits.minimum, deposits.maximum)
        && let (Ok(least), Ok(most)) = (minimum.to_minor(scale), maximum.to_minor(scale))
        && least > most
        && most > 0
    {
        let words = format!("expected at most the maximum `{maximum}`, got `{minimum}`");
        checker.report("bounds_contradiction", &at.field("minimum"), words);
    }
}

/// Each key speaks for one provider, or one of them could confirm what only the other knows.
fn check_providers(checker: &mut Checker<'_>, at: &At<'_>, deposits: &Deposits) {
    let providers = &deposits.providers;
    if providers.is_empty() {
        checker.report("providers_empty", at, "expected a provider at least");
    }
    if !checker.is_within(at, providers.len(), PARTS_MAX) {
        return;
    }
    let ids = providers.iter().map(|provider| provider.id.as_str());
    checker.names(at, PARTS_MAX, ids);
    let mut owners = BTreeMap::new();
    for (index, provider) in providers.iter().enumerate() {
        let item = at.item(index);
        let list = item.field("keys");
        if provider.keys.is_empty() {
            checker.report("keys_empty", &list, "expected a key at least");
        }
        if !checker.is_within(&list, provider.keys.len(), TAGS_MAX) {
            continue;
        }
        for (place, key) in provider.keys.iter().enumerate() {
            if let Some(owner) = owners.insert(key, &provider.id) {
                let words = format!("`{key}` is a key of provider `{owner}` already");
                checker.report("reference_duplicate", &list.item(place), words);
            }
        }
    }
}
