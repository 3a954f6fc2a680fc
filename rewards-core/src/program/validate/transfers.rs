//! What members may send to each other.

use std::collections::BTreeSet;

use super::{Checker, PARTS_MAX, expiry, fees};
use crate::money::Asset;
use crate::parse::At;
use crate::transfers::{TransferExpiry, TransferPurpose, TransferRule};

pub(super) fn check(checker: &mut Checker<'_>) {
    let program = checker.program;
    let root = At::Root;
    let list = root.field("transfers");
    let ids = program.transfers.iter().map(|rule| rule.id.as_str());
    checker.names(&list, PARTS_MAX, ids);
    let mut assets = BTreeSet::new();
    for (index, rule) in program.transfers.iter().take(PARTS_MAX).enumerate() {
        let at = list.item(index);
        let asset = checker.asset(&at.field("asset"), rule.asset);
        if !assets.insert(asset) {
            let words = format!("transfers of `{asset}` have a rule already");
            checker.report("reference_duplicate", &at.field("asset"), words);
        }
        check_rule(checker, &at, rule, asset);
    }
}

fn check_rule(checker: &mut Checker<'_>, at: &At<'_>, rule: &TransferRule, asset: Asset) {
    let scale = asset.scale();
    check_purpose(checker, at, rule, asset);
    for (field, amount) in [("minimum", rule.minimum), ("maximum", rule.maximum)] {
        if let Some(amount) = amount {
            checker.positive_amount(&at.field(field), amount, scale);
        }
    }
    fees::check_bounds(checker, at, rule.minimum, rule.maximum);
    // Nothing is a limit too: it switches transfers off.
    for (field, amount) in [("per_day", rule.per_day), ("per_month", rule.per_month)] {
        if let Some(amount) = amount {
            checker.unsigned_amount(&at.field(field), amount, scale);
        }
    }
    if let Some(fee) = &rule.fee {
        fees::check(checker, &at.field("fee"), fee, scale);
    }
    if let TransferExpiry::Renew(expiry) = &rule.expiry {
        let renew = at.field("expiry");
        expiry::check_renewed(checker, &renew.field("renew"), expiry);
    }
    if rule.purpose == Some(TransferPurpose::Main) && rule.expiry != TransferExpiry::Keep {
        let words = "money of members' own never expires: leave `expiry` out";
        checker.report("expiry_invalid", &at.field("expiry"), words);
    }
}

fn check_purpose(checker: &mut Checker<'_>, at: &At<'_>, rule: &TransferRule, asset: Asset) {
    let Some(purpose) = rule.purpose else {
        return;
    };
    let is_held = match purpose {
        TransferPurpose::Main | TransferPurpose::Cashback => asset.as_currency().is_some(),
        TransferPurpose::Points => asset.as_currency().is_none(),
    };
    if !is_held {
        let expected = match asset.as_currency() {
            Some(_) => "`main` or `cashback`",
            None => "`points`",
        };
        let words = format!("expected {expected} for `{asset}`");
        checker.report("purpose_invalid", &at.field("purpose"), words);
    }
}

#[cfg(test)]
mod tests {
    use crate::program::Program;
    use crate::program::validate::validate;

    /// The problems of a program with these transfer rules: code and path, in order.
    fn problems(rules: &str) -> Vec<(String, String)> {
        let head = "id = 'p'\ncurrency = 'EUR'\nzone = 'UTC'\nunits = [{ asset = 'points' }]";
        let document = format!("{head}\ntransfers = [{rules}]");
        let problems = validate(&Program::from_toml(&document).unwrap());
        let named = problems.into_iter();
        named
            .map(|problem| (problem.code.into_owned(), problem.path))
            .collect()
    }

    #[test]
    fn valid_rules_have_no_problems() {
        for rules in [
            "",
            "{ id = 'a' }",
            "{ id = 'a' }, { id = 'b', asset = 'points', purpose = 'points' }",
            "{ id = 'a', purpose = 'main', fee = { fixed = '1' } }",
            "{ id = 'a', minimum = '1', maximum = '1', per_day = '0', per_month = '0.01' }",
            "{ id = 'a', expiry = 'never', other_side = 'id' }",
            "{ id = 'a', expiry = { renew = { months = 1, round = 'end_of_month' } } }",
            "{ id = 'a', expiry = { renew = { anniversary = true } } }",
            "{ id = 'a', fee = { percent = '1%', minimum = '0', maximum = '0' } }",
        ] {
            assert_eq!(problems(rules), [], "{rules}");
        }
    }

    #[test]
    fn every_problem_is_told_with_its_path() {
        for (rules, code, path) in [
            (
                "{ id = 'a' }, { id = 'a', asset = 'points' }",
                "id_duplicate",
                "transfers[1].id",
            ),
            (
                "{ id = 'a' }, { id = 'b' }",
                "reference_duplicate",
                "transfers[1].asset",
            ),
            (
                "{ id = 'a', asset = 'stars' }",
                "asset_unknown",
                "transfers[0].asset",
            ),
            (
                "{ id = 'a', purpose = 'points' }",
                "purpose_invalid",
                "transfers[0].purpose",
            ),
            (
                "{ id = 'a', asset = 'points', purpose = 'main' }",
                "purpose_invalid",
                "transfers[0].purpose",
            ),
            (
                "{ id = 'a', minimum = '0' }",
                "amount_not_positive",
                "transfers[0].minimum",
            ),
            (
                "{ id = 'a', maximum = '0' }",
                "amount_not_positive",
                "transfers[0].maximum",
            ),
            (
                "{ id = 'a', maximum = '0.001' }",
                "amount_scale",
                "transfers[0].maximum",
            ),
            (
                "{ id = 'a', minimum = '2', maximum = '1' }",
                "bounds_contradiction",
                "transfers[0].maximum",
            ),
            (
                "{ id = 'a', per_day = '-1' }",
                "amount_negative",
                "transfers[0].per_day",
            ),
            (
                "{ id = 'a', per_month = '-1' }",
                "amount_negative",
                "transfers[0].per_month",
            ),
            ("{ id = 'a', fee = {} }", "fee_empty", "transfers[0].fee"),
            (
                "{ id = 'a', fee = { fixed = '-1' } }",
                "amount_negative",
                "transfers[0].fee.fixed",
            ),
            (
                "{ id = 'a', fee = { percent = '1%', minimum = '2', maximum = '1' } }",
                "bounds_contradiction",
                "transfers[0].fee.maximum",
            ),
            (
                "{ id = 'a', expiry = { renew = {} } }",
                "expiry_invalid",
                "transfers[0].expiry.renew",
            ),
            (
                "{ id = 'a', expiry = { renew = { days = 1, extended_by = ['purchase'] } } }",
                "expiry_invalid",
                "transfers[0].expiry.renew.extended_by",
            ),
            (
                "{ id = 'a', purpose = 'main', expiry = 'never' }",
                "expiry_invalid",
                "transfers[0].expiry",
            ),
        ] {
            assert_eq!(
                problems(rules),
                [(code.to_owned(), path.to_owned())],
                "{rules}"
            );
        }
    }
}
