//! Offline tokens: amounts, times, numbers and kinds of merchants.

use std::collections::BTreeSet;

use super::Checker;
use crate::ids::Slug;
use crate::parse::At;
use crate::tokens::{
    ACTIVE_TOKENS_MAX, SETTLE_MINUTES_MAX, TOKEN_AMOUNTS_DEFAULT, TOKEN_CATEGORIES_MAX,
    TOKEN_MINUTES_MAX, TOKEN_SPENDS_MAX, Tokens, whole_units,
};

pub(super) fn check(checker: &mut Checker<'_>) {
    let Some(section) = &checker.program.tokens else {
        return;
    };
    let root = At::Root;
    let at = root.field("tokens");
    if checker.program.redemptions.is_none() {
        let words = "tokens are paid as `redemptions` says: add that section";
        checker.report("section_missing", &at, words);
    }
    check_amounts(checker, &at, section);
    check_numbers(checker, &at, section);
    check_categories(checker, &at, section);
}

fn check_amounts(checker: &mut Checker<'_>, at: &At<'_>, section: &Tokens) {
    let scale = checker.program.currency.scale();
    for (field, amount) in [
        ("minimum", section.minimum),
        ("maximum", section.maximum),
        ("active_amount", section.active_amount),
        ("spend_maximum", section.spend_maximum),
    ] {
        if let Some(amount) = amount {
            checker.positive_amount(&at.field(field), amount, scale);
        }
    }
    let (least, most) = TOKEN_AMOUNTS_DEFAULT;
    let minor = |amount: Option<crate::money::DecimalText>, absent: i64| match amount {
        Some(amount) => amount.to_minor(scale).ok().filter(|minor| *minor > 0),
        None => Some(whole_units(absent, scale)),
    };
    if let (Some(minimum), Some(maximum)) =
        (minor(section.minimum, least), minor(section.maximum, most))
        && minimum > maximum
    {
        let field = if section.minimum.is_some() {
            "minimum"
        } else {
            "maximum"
        };
        let words = "the least that a token is worth is above the most";
        checker.report("bounds_contradiction", &at.field(field), words);
    }
}

fn check_numbers(checker: &mut Checker<'_>, at: &At<'_>, section: &Tokens) {
    for (field, number, most) in [
        (
            "lifetime_minutes",
            section.lifetime_minutes,
            TOKEN_MINUTES_MAX,
        ),
        ("settle_minutes", section.settle_minutes, SETTLE_MINUTES_MAX),
        (
            "revocation_minutes",
            section.revocation_minutes,
            SETTLE_MINUTES_MAX,
        ),
        ("active", section.active, ACTIVE_TOKENS_MAX),
        (
            "active_per_device",
            section.active_per_device,
            ACTIVE_TOKENS_MAX,
        ),
        ("spends", section.spends, TOKEN_SPENDS_MAX),
    ] {
        checker.number(&at.field(field), number, 1, most);
    }
    let (first, rest) = (section.modes.first(), section.modes.get(1..));
    if rest.is_some_and(|rest| rest.iter().any(|mode| Some(mode) == first) || rest.len() > 1) {
        let words = "each kind of token is named once";
        checker.report("reference_duplicate", &at.field("modes"), words);
    }
}

fn check_categories(checker: &mut Checker<'_>, at: &At<'_>, section: &Tokens) {
    let lists = [
        ("categories", &section.categories),
        ("refused_categories", &section.refused_categories),
    ];
    let mut seen: BTreeSet<&Slug> = BTreeSet::new();
    for (field, names) in lists {
        let list = at.field(field);
        if !checker.is_within(&list, names.len(), TOKEN_CATEGORIES_MAX) {
            continue;
        }
        for (index, name) in names.iter().enumerate() {
            if !seen.insert(name) {
                let words = format!("`{name}` is named already");
                checker.report("reference_duplicate", &list.item(index), words);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::program::Program;
    use crate::program::validate::validate;

    /// The problems of a program with this section: code and path, in order.
    fn problems(section: &str) -> Vec<(String, String)> {
        let head = "id = 'club'\ncurrency = 'MYR'\nzone = 'UTC'";
        let redemptions = "[redemptions]\norder = ['main']";
        let text = format!("{head}\n{redemptions}\n[tokens]\nissuer = 'club'\n{section}");
        let problems = validate(&Program::from_toml(&text).unwrap()).into_iter();
        problems
            .map(|problem| (problem.code.into_owned(), problem.path))
            .collect()
    }

    #[test]
    fn what_is_wrong_with_tokens() {
        for (section, code, path) in [
            ("minimum = '0'", "amount_not_positive", "tokens.minimum"),
            ("maximum = '4.99'", "bounds_contradiction", "tokens.maximum"),
            (
                "minimum = '1000.01'",
                "bounds_contradiction",
                "tokens.minimum",
            ),
            (
                "spend_maximum = '0.001'",
                "amount_scale",
                "tokens.spend_maximum",
            ),
            (
                "active_amount = '-1'",
                "amount_not_positive",
                "tokens.active_amount",
            ),
            (
                "lifetime_minutes = 0",
                "number_out_of_range",
                "tokens.lifetime_minutes",
            ),
            (
                "lifetime_minutes = 43201",
                "number_out_of_range",
                "tokens.lifetime_minutes",
            ),
            (
                "settle_minutes = 0",
                "number_out_of_range",
                "tokens.settle_minutes",
            ),
            (
                "revocation_minutes = 0",
                "number_out_of_range",
                "tokens.revocation_minutes",
            ),
            ("active = 51", "number_out_of_range", "tokens.active"),
            (
                "active_per_device = 0",
                "number_out_of_range",
                "tokens.active_per_device",
            ),
            ("spends = 33", "number_out_of_range", "tokens.spends"),
            (
                "modes = ['bound', 'bound']",
                "reference_duplicate",
                "tokens.modes",
            ),
            (
                "categories = ['a', 'a']",
                "reference_duplicate",
                "tokens.categories[1]",
            ),
            (
                "categories = ['a']\nrefused_categories = ['b', 'a']",
                "reference_duplicate",
                "tokens.refused_categories[1]",
            ),
            (
                "categories = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']",
                "too_many",
                "tokens.categories",
            ),
        ] {
            let expected = vec![(code.to_owned(), path.to_owned())];
            assert_eq!(problems(section), expected, "{section}");
        }
        for section in [
            "",
            "modes = ['bearer', 'bound']",
            "minimum = '0.01'\nmaximum = '0.01'",
            "double_spends = 'record'\nspends = 32",
        ] {
            assert_eq!(problems(section), [], "{section}");
        }
    }

    #[test]
    fn tokens_need_redemptions() {
        let text = "id = 'club'\ncurrency = 'MYR'\nzone = 'UTC'\n[tokens]\nissuer = 'club'";
        let problems = validate(&Program::from_toml(text).unwrap());
        assert_eq!(problems[0].code, "section_missing");
        assert_eq!(problems[0].path, "tokens");
    }
}
