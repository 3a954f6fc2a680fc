//! What members may pay with.

use std::collections::BTreeSet;

use super::{Checker, PARTS_MAX};
use crate::money::{Asset, DecimalText, Rate, Ratio};
use crate::parse::At;
use crate::program::redemption::{EXPIRES_AFTER_MINUTES_MAX, RETURNED_GRACE_DAYS_MAX};
use crate::program::{Ceiling, Redemptions, ReturnedLate, SpendBucket, UnitTerms};

pub(super) fn check(checker: &mut Checker<'_>) {
    let program = checker.program;
    let Some(section) = &program.redemptions else {
        return;
    };
    let root = At::Root;
    let at = root.field("redemptions");
    check_order(checker, &at.field("order"), section);
    if let Some(share) = section.max_share {
        check_share(checker, &at.field("max_share"), share);
        let is_part = share.ratio() < Ratio::ONE;
        if is_part && (program.payments.is_some() || program.tokens.is_some()) {
            let words = "payments and tokens are paid as a whole: expected `100%` beside `payments` and `tokens`";
            checker.report("share_invalid", &at.field("max_share"), words);
        }
    }
    let minutes = section.expires_after_minutes;
    if !(1..=EXPIRES_AFTER_MINUTES_MAX).contains(&minutes) {
        let words = format!("expected 1 to {EXPIRES_AFTER_MINUTES_MAX} minutes, got {minutes}");
        checker.report("minutes_invalid", &at.field("expires_after_minutes"), words);
    }
    if let ReturnedLate::GraceDays(days) = section.returned_late
        && !(1..=RETURNED_GRACE_DAYS_MAX).contains(&days)
    {
        let words = format!("expected 1 to {RETURNED_GRACE_DAYS_MAX} days, got {days}");
        let at = at.field("returned_late");
        checker.report("grace_invalid", &at.field("grace_days"), words);
    }
}

fn check_order(checker: &mut Checker<'_>, list: &At<'_>, section: &Redemptions) {
    if section.order.is_empty() {
        let words = "expected at least one bucket: `main`, `cashback` or a unit";
        checker.report("buckets_empty", list, words);
    }
    if !checker.is_within(list, section.order.len(), PARTS_MAX) {
        return;
    }
    let mut known = BTreeSet::new();
    for (index, bucket) in section.order.iter().enumerate() {
        let at = list.item(index);
        let name = match bucket {
            SpendBucket::Main => "main".to_owned(),
            SpendBucket::Cashback => "cashback".to_owned(),
            SpendBucket::Unit(terms) => {
                let unit = at.field("unit");
                check_unit(checker, &unit, terms);
                format!("unit {}", terms.asset)
            }
        };
        if known.contains(&name) {
            let words = format!("`{name}` is in the list already");
            checker.report("reference_duplicate", &at, words);
        }
        known.insert(name);
    }
}

fn check_unit(checker: &mut Checker<'_>, at: &At<'_>, terms: &UnitTerms) {
    let asset = checker.asset(&at.field("asset"), Some(terms.asset));
    if asset.as_currency().is_some() {
        let words = format!("`{asset}` is a currency: expected a unit such as `points`");
        checker.report("unit_invalid", &at.field("asset"), words);
        return;
    }
    let scale = asset.scale();
    let value = at.field("value");
    let money = Asset::from(checker.program.currency).scale();
    checker.positive_amount(&value.field("units"), terms.value.units, scale);
    checker.positive_amount(&value.field("money"), terms.value.money, money);
    let floor = amount(checker, &at.field("floor"), terms.floor, scale);
    let step = amount(checker, &at.field("step"), terms.step, scale);
    let ceiling = match &terms.ceiling {
        None => None,
        Some(Ceiling::Units(units)) => {
            let at = at.field("ceiling");
            amount(checker, &at.field("units"), Some(*units), scale)
        }
        Some(Ceiling::Share(share)) => {
            let at = at.field("ceiling");
            check_share(checker, &at.field("share"), *share);
            None
        }
    };
    // The largest multiple of the step up to the ceiling has to be no less than the floor.
    if let Some(ceiling) = ceiling {
        let step = step.unwrap_or(1);
        let largest = ceiling.saturating_sub(ceiling.checked_rem(step).unwrap_or_default());
        if largest < floor.unwrap_or(1) {
            let words =
                "no number of units is between `floor` and `ceiling` and a multiple of `step`";
            checker.report("bucket_contradiction", at, words);
        }
    }
}

fn amount(
    checker: &mut Checker<'_>,
    at: &At<'_>,
    amount: Option<DecimalText>,
    scale: u8,
) -> Option<i64> {
    let amount = amount?;
    checker.positive_amount(at, amount, scale);
    amount.to_minor(scale).ok().filter(|minor| *minor > 0)
}

fn check_share(checker: &mut Checker<'_>, at: &At<'_>, share: Rate) {
    if share.is_zero() || share.ratio() > Ratio::ONE {
        let words = format!("expected a share above `0%` and up to `100%`, got `{share}`");
        checker.report("share_invalid", at, words);
    }
}

#[cfg(test)]
mod tests {
    use super::super::validate;
    use crate::program::Program;

    const HEAD: &str = "
id = 'p'
currency = 'EUR'
zone = 'UTC'
units = [{ asset = 'points' }, { asset = 'stars/2' }]
";
    const POINTS: &str = "asset = 'points', value = { units = '100', money = '1.00' }";

    #[track_caller]
    fn check(section: &str, want: &[(&str, &str)]) {
        let document = format!("{HEAD}[redemptions]\n{section}");
        let program =
            Program::from_toml(&document).unwrap_or_else(|shape| panic!("{document}\n{shape:#?}"));
        let problems = validate(&program);
        let found: Vec<_> = problems.iter().map(|p| (&*p.code, &*p.path)).collect();
        assert_eq!(found, want, "{document}\n{problems:#?}");
    }

    #[test]
    fn what_can_pay_is_accepted() {
        for section in [
            "order = ['main']".to_owned(),
            format!("order = [{{ unit = {{ {POINTS} }} }}, 'cashback', 'main']"),
            format!(
                "order = [{{ unit = {{ {POINTS}, floor = '100', step = '50', ceiling.units = '500' }} }}]
                 max_share = '50%'\nexpires_after_minutes = 527040\nreturned_late.grace_days = 3660"
            ),
            "order = [{ unit = { asset = 'stars/2', value = { units = '0.01', money = '3' }, ceiling.share = '100%' } }]
             max_share = '100%'\nexpires_after_minutes = 1\nreturned_late = 'expire'"
                .to_owned(),
        ] {
            check(&section, &[]);
        }
    }

    #[test]
    fn what_cannot_pay_is_refused() {
        let unit = |rest: &str| format!("order = [{{ unit = {{ {rest} }} }}]");
        let at = "redemptions.order[0].unit";
        let path = |rest: &str| format!("{at}.{rest}");
        for (section, code, path) in [
            (
                "order = []".to_owned(),
                "buckets_empty",
                "redemptions.order".to_owned(),
            ),
            (
                "order = ['main', 'cashback', 'main']".to_owned(),
                "reference_duplicate",
                "redemptions.order[2]".to_owned(),
            ),
            (
                unit("asset = 'miles', value = { units = '1', money = '1' }"),
                "asset_unknown",
                path("asset"),
            ),
            (
                unit("asset = 'EUR', value = { units = '1', money = '1' }"),
                "unit_invalid",
                path("asset"),
            ),
            (
                unit("asset = 'points', value = { units = '0', money = '1' }"),
                "amount_not_positive",
                path("value.units"),
            ),
            (
                unit("asset = 'points', value = { units = '1.5', money = '1' }"),
                "amount_scale",
                path("value.units"),
            ),
            (
                unit("asset = 'points', value = { units = '1', money = '-1' }"),
                "amount_not_positive",
                path("value.money"),
            ),
            (
                unit(&format!("{POINTS}, floor = '0'")),
                "amount_not_positive",
                path("floor"),
            ),
            (
                unit(&format!("{POINTS}, step = '0'")),
                "amount_not_positive",
                path("step"),
            ),
            (
                unit(&format!("{POINTS}, ceiling.units = '0'")),
                "amount_not_positive",
                path("ceiling.units"),
            ),
            (
                unit(&format!("{POINTS}, ceiling.share = '0%'")),
                "share_invalid",
                path("ceiling.share"),
            ),
            (
                unit(&format!("{POINTS}, floor = '101', ceiling.units = '100'")),
                "bucket_contradiction",
                at.to_owned(),
            ),
            (
                unit(&format!(
                    "{POINTS}, floor = '10', step = '7', ceiling.units = '13'"
                )),
                "bucket_contradiction",
                at.to_owned(),
            ),
            (
                "order = ['main']\nmax_share = '100.1%'".to_owned(),
                "share_invalid",
                "redemptions.max_share".to_owned(),
            ),
            (
                "order = ['main']\nexpires_after_minutes = 0".to_owned(),
                "minutes_invalid",
                "redemptions.expires_after_minutes".to_owned(),
            ),
            (
                "order = ['main']\nexpires_after_minutes = 527041".to_owned(),
                "minutes_invalid",
                "redemptions.expires_after_minutes".to_owned(),
            ),
            (
                "order = ['main']\nreturned_late.grace_days = 0".to_owned(),
                "grace_invalid",
                "redemptions.returned_late.grace_days".to_owned(),
            ),
            (
                "order = ['main']\nmax_share = '99.9%'\n[payments]\nroutes = [{ id = 'r' }]"
                    .to_owned(),
                "share_invalid",
                "redemptions.max_share".to_owned(),
            ),
            (
                "order = ['main']\nmax_share = '50%'\n[tokens]\nissuer = 'i'".to_owned(),
                "share_invalid",
                "redemptions.max_share".to_owned(),
            ),
        ] {
            check(&section, &[(code, &path)]);
        }
    }
}
