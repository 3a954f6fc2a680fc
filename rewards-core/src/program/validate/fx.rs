//! Conversions: sources, pivots, pairs and fees.

use std::collections::BTreeSet;

use super::{Checker, PARTS_MAX, VALUES_MAX, fees};
use crate::fees::FeePayer;
use crate::fx::{
    FX_AGE_DAYS_MAX, FX_PIVOTS_MAX, FX_QUOTE_SECONDS_MAX, FX_SOURCES_MAX, FxExpiry, FxFee,
    FxPurpose, FxRule, FxSection,
};
use crate::money::Currency;
use crate::parse::At;

pub(super) fn check(checker: &mut Checker<'_>) {
    let Some(section) = &checker.program.fx else {
        return;
    };
    let root = At::Root;
    let at = root.field("fx");
    check_lists(checker, &at, section);
    for (field, number, least, most) in [
        ("age_days", section.age_days, 0, FX_AGE_DAYS_MAX),
        (
            "quote_seconds",
            section.quote_seconds,
            1,
            FX_QUOTE_SECONDS_MAX,
        ),
    ] {
        checker.number(&at.field(field), number, least, most);
    }
    let list = at.field("rules");
    if section.rules.is_empty() {
        checker.report("rules_empty", &list, "expected a rule at least");
    }
    let ids = section.rules.iter().map(|rule| rule.id.as_str());
    checker.names(&list, PARTS_MAX, ids);
    for (index, rule) in section.rules.iter().take(PARTS_MAX).enumerate() {
        let at = list.item(index);
        check_rule(checker, &at, rule);
        let before = section.rules.iter().take(index);
        if let Some(other) = before.into_iter().find(|other| share_a_pair(other, rule)) {
            let words = format!("rule `{}` has one of the pairs already", other.id);
            checker.report("reference_duplicate", &at, words);
        }
    }
}

fn check_lists(checker: &mut Checker<'_>, at: &At<'_>, section: &FxSection) {
    let list = at.field("sources");
    if section.sources.is_empty() {
        let words = "expected a source of rates at least";
        checker.report("sources_empty", &list, words);
    }
    check_distinct(checker, &list, &section.sources, FX_SOURCES_MAX);
    check_distinct(checker, &at.field("pivots"), &section.pivots, FX_PIVOTS_MAX);
}

fn check_distinct<T: Ord + std::fmt::Display>(
    checker: &mut Checker<'_>,
    at: &At<'_>,
    list: &[T],
    most: usize,
) {
    if !checker.is_within(at, list.len(), most) {
        return;
    }
    let mut seen = BTreeSet::new();
    for (index, item) in list.iter().enumerate() {
        if !seen.insert(item) {
            let words = format!("`{item}` is in the list already");
            checker.report("reference_duplicate", &at.item(index), words);
        }
    }
}

fn check_rule(checker: &mut Checker<'_>, at: &At<'_>, rule: &FxRule) {
    check_distinct(checker, &at.field("from"), &rule.from, VALUES_MAX);
    check_distinct(checker, &at.field("to"), &rule.to, VALUES_MAX);
    if let (Some(from), Some(to)) = (only(&rule.from), only(&rule.to))
        && from == to
    {
        let words = format!("`{from}` is not converted into itself");
        checker.report("pair_empty", &at.field("to"), words);
    }
    if let Some(fee) = &rule.fee {
        check_fee(checker, &at.field("fee"), rule, fee);
    }
    if rule.purpose == FxPurpose::Main && rule.expiry != FxExpiry::Keep {
        let words = "money of members' own never expires: leave `expiry` out";
        checker.report("expiry_invalid", &at.field("expiry"), words);
    }
}

/// A fee is charged in one of the two currencies, so each pair must have it, and what arrives pays for itself.
fn check_fee(checker: &mut Checker<'_>, at: &At<'_>, rule: &FxRule, fee: &FxFee) {
    let charge = at.field("charge");
    fees::check(checker, &charge, &fee.charge, fee.currency.scale());
    let is_given = only(&rule.from) == Some(fee.currency);
    let arrives = only(&rule.to) == Some(fee.currency);
    if !is_given && !arrives {
        let words = format!(
            "expected the only currency in `from`, or the only one in `to`, got `{}`",
            fee.currency
        );
        checker.report("fee_currency", &at.field("currency"), words);
    }
    if arrives && !is_given && fee.charge.paid_by != FeePayer::Receiver {
        let words = "a fee in the currency that arrives is paid out of that: say `receiver`";
        checker.report("fee_payer", &charge.field("paid_by"), words);
    }
}

fn only(list: &[Currency]) -> Option<Currency> {
    match list {
        [currency] => Some(*currency),
        _ => None,
    }
}

fn share_a_pair(one: &FxRule, other: &FxRule) -> bool {
    match (shared(&one.from, &other.from), shared(&one.to, &other.to)) {
        (None, None) => true,
        (None, Some(list)) | (Some(list), None) => !list.is_empty(),
        // Nothing is converted into itself.
        (Some(from), Some(to)) => from.iter().any(|from| to.iter().any(|to| from != to)),
    }
}

/// Which currencies two lists have in common; any when absent.
fn shared(one: &[Currency], other: &[Currency]) -> Option<Vec<Currency>> {
    match (one, other) {
        ([], []) => None,
        ([], list) | (list, []) => Some(list.to_vec()),
        (one, other) => {
            let both = one.iter().filter(|currency| other.contains(currency));
            Some(both.copied().collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::program::Program;
    use crate::program::validate::validate;

    /// The problems of a program with this section: code and path, in order.
    fn problems(section: &str) -> Vec<(String, String)> {
        let head = "id = 'club'\ncurrency = 'EUR'\nzone = 'UTC'";
        let program: Program = toml::from_str(&format!("{head}\n[fx]\n{section}")).unwrap();
        let problems = validate(&program).into_iter();
        problems
            .map(|problem| (problem.code.into_owned(), problem.path))
            .collect()
    }

    #[test]
    fn what_is_wrong_with_conversions() {
        let sources = "sources = ['ecb']\n";
        for (section, code, path) in [
            (
                "sources = []\nrules = [{ id = 'a' }]",
                "sources_empty",
                "fx.sources",
            ),
            (
                "sources = ['a', 'a']\nrules = [{ id = 'a' }]",
                "reference_duplicate",
                "fx.sources[1]",
            ),
            (
                "sources = ['a', 'b', 'c', 'd', 'e']\nrules = [{ id = 'a' }]",
                "too_many",
                "fx.sources",
            ),
            (
                "pivots = ['EUR', 'EUR']\nrules = [{ id = 'a' }]",
                "reference_duplicate",
                "fx.pivots[1]",
            ),
            (
                "age_days = 367\nrules = [{ id = 'a' }]",
                "number_out_of_range",
                "fx.age_days",
            ),
            (
                "quote_seconds = 0\nrules = [{ id = 'a' }]",
                "number_out_of_range",
                "fx.quote_seconds",
            ),
            ("rules = []", "rules_empty", "fx.rules"),
            (
                "rules = [{ id = 'a', from = ['EUR'] }, { id = 'a', from = ['USD'] }]",
                "id_duplicate",
                "fx.rules[1].id",
            ),
            (
                "rules = [{ id = 'a', from = ['EUR', 'USD'] }, { id = 'b', to = ['EUR'] }]",
                "reference_duplicate",
                "fx.rules[1]",
            ),
            (
                "rules = [{ id = 'a', from = ['EUR'], to = ['EUR'] }]",
                "pair_empty",
                "fx.rules[0].to",
            ),
            (
                "rules = [{ id = 'a', purpose = 'main', expiry = 'never' }]",
                "expiry_invalid",
                "fx.rules[0].expiry",
            ),
            (
                "rules = [{ id = 'a', fee = { currency = 'EUR', charge = { fixed = '1' } } }]",
                "fee_currency",
                "fx.rules[0].fee.currency",
            ),
            (
                "rules = [{ id = 'a', to = ['EUR'], fee = { currency = 'EUR', charge = { fixed = '1' } } }]",
                "fee_payer",
                "fx.rules[0].fee.charge.paid_by",
            ),
            (
                "rules = [{ id = 'a', from = ['JPY'], fee = { currency = 'JPY', charge = { fixed = '0.5' } } }]",
                "amount_scale",
                "fx.rules[0].fee.charge.fixed",
            ),
        ] {
            let has_sources = section.contains("sources");
            let text = if has_sources {
                section.to_owned()
            } else {
                format!("{sources}{section}")
            };
            assert_eq!(
                problems(&text),
                [(code.to_owned(), path.to_owned())],
                "{text}"
            );
        }
        // No two of these have a pair in common: nothing is converted into itself.
        let apart = "rules = [{ id = 'a', from = ['EUR'], to = ['USD'] }, { id = 'b', from = ['USD'] }, \
            { id = 'c', from = ['EUR', 'GBP'], to = ['EUR'] }, { id = 'd', from = ['EUR'], to = ['JPY', 'EUR'] }]";
        assert_eq!(problems(&format!("{sources}{apart}")), []);
    }
}
