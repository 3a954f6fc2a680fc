//! Payments: routes with their fees, billers with their accounts, declines.

use std::collections::BTreeSet;

use super::{Checker, Names, PARTS_MAX, VALUES_MAX, fees};
use crate::fees::{FEE_BANDS_MAX, FeeBand};
use crate::ids::Slug;
use crate::parse::At;
use crate::payments::{
    ACCOUNT_PATTERN_BYTES_MAX, ATTEMPTS_MAX, Biller, DECLINES_MAX, Declines, HOLD_MINUTES_MAX,
    PaymentRoute, Payments, account_pattern,
};

pub(super) fn check(checker: &mut Checker<'_>) {
    let program = checker.program;
    let Some(section) = &program.payments else {
        return;
    };
    let root = At::Root;
    let at = root.field("payments");
    if program.redemptions.is_none() {
        let words = "payments are paid as `redemptions` says: add that section";
        checker.report("section_missing", &at, words);
    }
    if section.assessed && program.risk.is_none() {
        let words = "payments are assessed as `risk` says: add that section";
        checker.report("section_missing", &at.field("assessed"), words);
    }
    check_numbers(checker, &at, section);
    let routes = at.field("routes");
    let ids = section.routes.iter().map(|route| route.id.as_str());
    let names = checker.names(&routes, PARTS_MAX, ids);
    if section.routes.is_empty() {
        checker.report("routes_empty", &routes, "expected a route at least");
    }
    for (index, route) in section.routes.iter().take(PARTS_MAX).enumerate() {
        check_route(checker, &routes.item(index), route);
    }
    let billers = at.field("billers");
    let ids = section.billers.iter().map(|biller| biller.id.as_str());
    checker.names(&billers, VALUES_MAX, ids);
    for (index, biller) in section.billers.iter().take(VALUES_MAX).enumerate() {
        check_biller(checker, &billers.item(index), biller, &names);
    }
    if let Some(declines) = &section.declines {
        check_declines(checker, &at.field("declines"), declines);
    }
}

fn check_numbers(checker: &mut Checker<'_>, at: &At<'_>, section: &Payments) {
    for (field, number, most) in [
        ("hold_minutes", section.hold_minutes, HOLD_MINUTES_MAX),
        ("attempts", section.attempts, ATTEMPTS_MAX),
    ] {
        checker.number(&at.field(field), number, 1, most);
    }
}

fn check_route(checker: &mut Checker<'_>, at: &At<'_>, route: &PaymentRoute) {
    let scale = checker.program.currency.scale();
    for (field, amount) in [("minimum", route.minimum), ("maximum", route.maximum)] {
        if let Some(amount) = amount {
            checker.positive_amount(&at.field(field), amount, scale);
        }
    }
    fees::check_bounds(checker, at, route.minimum, route.maximum);
    check_bands(checker, &at.field("fees"), &route.fees);
}

/// Bands begin where others end, so that each amount is in one.
fn check_bands(checker: &mut Checker<'_>, at: &At<'_>, bands: &[FeeBand]) {
    if !checker.is_within(at, bands.len(), FEE_BANDS_MAX) {
        return;
    }
    let scale = checker.program.currency.scale();
    let mut before = None;
    for (index, band) in bands.iter().enumerate() {
        let item = at.item(index);
        fees::check(checker, &item.field("fee"), &band.fee, scale);
        if let Some(from) = band.from {
            checker.unsigned_amount(&item.field("from"), from, scale);
        }
        let from = band.from.map_or(Ok(0), |from| from.to_minor(scale));
        let Ok(from) = from else { continue };
        if before.is_some_and(|before| before >= from) {
            let words = "expected bands in ascending order, each from another amount on";
            checker.report("bands_out_of_order", &item.field("from"), words);
        }
        before = Some(from);
    }
}

fn check_biller(checker: &mut Checker<'_>, at: &At<'_>, biller: &Biller, routes: &Names<'_>) {
    if let Some(pattern) = &biller.account {
        let account = at.field("account");
        if pattern.len() > ACCOUNT_PATTERN_BYTES_MAX {
            let found = pattern.len();
            let words = format!("expected at most {ACCOUNT_PATTERN_BYTES_MAX} bytes, got {found}");
            checker.report("text_too_long", &account, words);
        } else if account_pattern(pattern).is_none() {
            let words = "expected a regular expression of moderate size";
            checker.report("pattern_invalid", &account, words);
        }
    }
    let list = at.field("routes");
    if !checker.is_within(&list, biller.routes.len(), PARTS_MAX) {
        return;
    }
    let mut seen = BTreeSet::new();
    for (index, route) in biller.routes.iter().enumerate() {
        let item = list.item(index);
        checker.refer(&item, "route", route.as_str(), routes);
        if !seen.insert(route) {
            let words = format!("`{route}` is named already");
            checker.report("reference_duplicate", &item, words);
        }
    }
}

/// No code is of both classes.
fn check_declines(checker: &mut Checker<'_>, at: &At<'_>, declines: &Declines) {
    let mut seen: BTreeSet<&Slug> = BTreeSet::new();
    for (field, codes) in [("hard", &declines.hard), ("soft", &declines.soft)] {
        let list = at.field(field);
        if !checker.is_within(&list, codes.len(), DECLINES_MAX) {
            continue;
        }
        for (index, code) in codes.iter().enumerate() {
            if !seen.insert(code) {
                let words = format!("`{code}` is named already");
                checker.report("reference_duplicate", &list.item(index), words);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::program::Program;
    use crate::program::validate::validate;

    const ROUTE: &str = "[[payments.routes]]\nid = 'a'\n";

    /// The problems of a program with these parts: code and path, in order.
    fn problems(parts: &str) -> Vec<(String, String)> {
        let head = "id = 'club'\ncurrency = 'MYR'\nzone = 'UTC'\n[redemptions]\norder = ['main']\n";
        let program = Program::from_toml(&format!("{head}{parts}")).unwrap();
        let problems = validate(&program).into_iter();
        problems
            .map(|problem| (problem.code.into_owned(), problem.path))
            .collect()
    }

    #[test]
    fn what_is_wrong_with_payments() {
        let biller = |fields: &str| format!("{ROUTE}[[payments.billers]]\nid = 'b'\n{fields}");
        let section = |fields: &str| format!("[payments]\n{fields}\n{ROUTE}");
        let route = |fields: &str| format!("{ROUTE}{fields}");
        for (parts, code, path) in [
            (
                "[payments]\nroutes = []".to_owned(),
                "routes_empty",
                "payments.routes",
            ),
            (
                section("assessed = true"),
                "section_missing",
                "payments.assessed",
            ),
            (
                section("attempts = 0"),
                "number_out_of_range",
                "payments.attempts",
            ),
            (
                section("attempts = 21"),
                "number_out_of_range",
                "payments.attempts",
            ),
            (
                section("hold_minutes = 43201"),
                "number_out_of_range",
                "payments.hold_minutes",
            ),
            (
                format!("{ROUTE}{ROUTE}"),
                "id_duplicate",
                "payments.routes[1].id",
            ),
            (
                route("minimum = '0'"),
                "amount_not_positive",
                "payments.routes[0].minimum",
            ),
            (
                route("minimum = '2'\nmaximum = '1'"),
                "bounds_contradiction",
                "payments.routes[0].maximum",
            ),
            (
                route("fees = [{ from = '1', fee.fixed = '1' }, { from = '1', fee.fixed = '2' }]"),
                "bands_out_of_order",
                "payments.routes[0].fees[1].from",
            ),
            (
                route("fees = [{ fee.fixed = '1' }, { fee.fixed = '2' }]"),
                "bands_out_of_order",
                "payments.routes[0].fees[1].from",
            ),
            (
                route("fees = [{ fee = {} }]"),
                "fee_empty",
                "payments.routes[0].fees[0].fee",
            ),
            (
                route("fees = [{ from = '-1', fee.fixed = '1' }]"),
                "amount_negative",
                "payments.routes[0].fees[0].from",
            ),
            (
                biller("account = '('"),
                "pattern_invalid",
                "payments.billers[0].account",
            ),
            (
                biller(&format!("account = '{}'", "x".repeat(201))),
                "text_too_long",
                "payments.billers[0].account",
            ),
            (
                biller("routes = ['c']"),
                "reference_unknown",
                "payments.billers[0].routes[0]",
            ),
            (
                biller("routes = ['a', 'a']"),
                "reference_duplicate",
                "payments.billers[0].routes[1]",
            ),
            (
                format!("{ROUTE}[payments.declines]\nhard = ['x']\nsoft = ['y', 'x']"),
                "reference_duplicate",
                "payments.declines.soft[1]",
            ),
        ] {
            let expected = vec![(code.to_owned(), path.to_owned())];
            assert_eq!(problems(&parts), expected, "{parts}");
        }
        let right = biller("account = '[0-9]{12}'\nroutes = ['a']\nstatus = 'paused'");
        assert_eq!(problems(&right), []);
    }

    #[test]
    fn payments_need_redemptions() {
        let text = format!("id = 'club'\ncurrency = 'MYR'\nzone = 'UTC'\n{ROUTE}");
        let problems = validate(&Program::from_toml(&text).unwrap());
        assert_eq!(
            (&*problems[0].code, &*problems[0].path),
            ("section_missing", "payments")
        );
    }
}
