use super::*;

/// A document with one of everything that others refer to.
const HEAD: &str = "
id = 'p'
currency = 'EUR'
zone = 'UTC'
units = [{ asset = 'points' }, { asset = 'stars/2' }]
stacking_groups = [{ id = 'base' }, { id = 'bonus' }, { id = 'lines', scope = 'line' }, { id = 'pick', stacking = 'best' }]
caps = [
    { id = 'daily', per = 'member', every = 'day', limit.amount.amount = '10.00' },
    { id = 'pts', per = 'purchase', limit.amount = { amount = '500', asset = 'points' } },
    { id = 'once', per = 'member', limit.uses = 1 },
]
budgets = [{ id = 'year', amount = '1000', every = 'year' }, { id = 'pts', amount = '5', asset = 'points' }]
";
const LADDER: &str = "
[[ladders]]
id = 'status'
measure.earned = 'points'
window.calendar = 'year'
downgrade = 'one_step'
tiers = [{ id = 'basic', threshold = '0' }, { id = 'gold', threshold = '100', benefits.multiplier = '1.5' }]
";
const FIXED: &str = "effect.fixed.amount = '1'";

#[track_caller]
fn problems(document: &str) -> Vec<Problem> {
    let program =
        Program::from_toml(document).unwrap_or_else(|shape| panic!("{document}\n{shape:#?}"));
    validate(&program)
}

#[track_caller]
fn check(document: &str, want: &[(&str, &str)]) {
    let problems = problems(document);
    let found: Vec<_> = problems.iter().map(|p| (&*p.code, &*p.path)).collect();
    assert_eq!(found, want, "{document}\n{problems:#?}");
}

/// A document with one rule of these lines.
fn rule(lines: &str) -> String {
    format!("{HEAD}{LADDER}[[rules]]\nid = 'r'\n{lines}")
}

fn when(condition: &str) -> String {
    rule(&format!("{FIXED}\nwhen = {{ {condition} }}"))
}

/// A document without lists, with these lines.
fn bare(lines: &str) -> String {
    format!("id = 'p'\ncurrency = 'EUR'\nzone = 'UTC'\n{lines}")
}

fn ladder(lines: &str) -> String {
    bare(&format!("[[ladders]]\nid = 'l'\n{lines}"))
}

#[test]
fn valid_documents_have_no_problems() {
    for document in [
        bare(""),
        bare("rules = [{ id = 'r', stacking_group = 'default', effect.fixed.amount = '1' }]"),
        rule(FIXED),
        rule(
            "effect.fixed = { amount = '3', asset = 'points' }\ncaps = ['pts', 'once']\nbudgets = ['pts']",
        ),
        rule(
            "effect.percent.rate = '5%'\ncaps = ['daily', 'once']\nbudgets = ['year']\nexclusive = ['a', 'b']",
        ),
        rule(
            "stacking_group = 'bonus'\neffect.multiplier = { factor = '2', stacking_group = 'base', asset = 'stars/2' }",
        ),
        rule(
            "stacking_group = 'lines'\nscope = 'line'\neffect.per_unit = { amount = '1', every = '2.50' }",
        ),
        rule(
            "effect.bands = { mode = 'slab', bands = [{ from = '0', reward.fixed = '0' }, { from = '5.5', reward.rate = '1%' }] }",
        ),
        rule(&format!(
            "{FIXED}\nlifecycle = {{ pending.days = 30, expires.days = 31 }}"
        )),
        rule(&format!(
            "{FIXED}\nlifecycle = {{ pending.days = 30, expires.months = 1 }}"
        )),
        when("tier = { ladder = 'status', one_of = ['basic', 'gold'] }"),
        when("all = [{ tag = ['a'] }, { tag = ['b'] }, { segment = ['a'] }, { segment = ['b'] }]"),
        when("any = [{ category = ['a'] }, { category = ['b'] }]"),
        when("all = [{ category = ['a'] }, { none = [{ category = ['b'] }] }]"),
        when("all = [{ amount.at_least = '5' }, { amount = { below = '5', of = 'gross' } }]"),
        when("purchase_number = { every = 10, at_least = 3, at_most = 10 }"),
        when("attribute.name = 'device'"),
        ladder(
            "measure = 'visits'\ntiers = [{ id = 'a', threshold = '0' }, { id = 'b', threshold = '3' }]",
        ),
        ladder(
            "measure.balance = 'EUR'\nwindow.calendar = 'lifetime'\ndowngrade = 'to_eligible'\ntiers = [{ id = 'a', threshold = '0' }]",
        ),
        ladder(
            "measure.spend = 'goods'\nwindow = 'anniversary'\ntiers = [{ id = 'a', threshold = '0' }, { id = 'b', threshold = '0.01' }]",
        ),
    ] {
        check(&document, &[]);
    }
}

#[test]
fn parts_are_named_once_and_referred_to_by_name() {
    check(
        &bare(
            "units = [{ asset = 'points' }, { asset = 'points/2' }, { asset = 'USD' }]
            stacking_groups = [{ id = 'a' }, { id = 'a' }]
            caps = [{ id = 'a', per = 'member', limit.uses = 1 }, { id = 'a', per = 'member', limit.uses = 1 }]
            budgets = [{ id = 'a', amount = '1' }, { id = 'b', amount = '1' }, { id = 'b', amount = '1' }]
            rules = [{ id = 'a', effect.fixed.amount = '1' }, { id = 'a', effect.fixed.amount = '1' }]
            [[ladders]]
            id = 'a'
            measure = 'visits'
            tiers = [{ id = 'a', threshold = '0' }, { id = 'a', threshold = '1' }]
            [[ladders]]
            id = 'a'
            measure = 'visits'
            tiers = [{ id = 'a', threshold = '0' }]",
        ),
        &[
            ("id_duplicate", "rules[1].id"),
            ("id_duplicate", "stacking_groups[1].id"),
            ("id_duplicate", "caps[1].id"),
            ("id_duplicate", "budgets[2].id"),
            ("id_duplicate", "ladders[1].id"),
            ("id_duplicate", "units[1].asset"),
            ("unit_invalid", "units[2].asset"),
            ("id_duplicate", "ladders[0].tiers[1].id"),
        ],
    );
    check(
        &rule(&format!(
            "{FIXED}\nstacking_group = 'bse'\ncaps = ['dialy', 'daily', 'daily']\nbudgets = ['yeer']"
        )),
        &[
            ("reference_unknown", "rules[0].stacking_group"),
            ("reference_duplicate", "rules[0].caps[2]"),
            ("reference_unknown", "rules[0].caps[0]"),
            ("reference_unknown", "rules[0].budgets[0]"),
        ],
    );
    check(
        &when("tier = { ladder = 'stats', at_least = 'gold' }"),
        &[("reference_unknown", "rules[0].when.tier.ladder")],
    );
    check(
        &when("tier = { ladder = 'status', at_least = 'glod' }"),
        &[("reference_unknown", "rules[0].when.tier.at_least")],
    );
    check(
        &when("tier = { ladder = 'status', one_of = ['gold', 'golden'] }"),
        &[("reference_unknown", "rules[0].when.tier.one_of[1]")],
    );
    for (document, meant) in [
        (
            rule(&format!("{FIXED}\nstacking_group = 'bse'")),
            "did you mean `base`",
        ),
        (
            rule(&format!("{FIXED}\ncaps = ['dialy']")),
            "did you mean `daily`",
        ),
        (
            rule("effect.fixed = { amount = '1', asset = 'point' }"),
            "did you mean `points`",
        ),
        (
            rule("effect.fixed = { amount = '1', asset = 'stars' }"),
            "did you mean `stars/2`",
        ),
    ] {
        let problems = problems(&document);
        assert!(problems[0].detail.contains(meant), "{}", problems[0].detail);
    }
}

#[test]
fn amounts_fit_their_assets() {
    let effect = "rules[0].effect";
    for (line, code, path) in [
        (
            "fixed = { amount = '1', asset = 'miles' }",
            "asset_unknown",
            "fixed.asset",
        ),
        (
            "fixed = { amount = '1', asset = 'USD' }",
            "asset_unknown",
            "fixed.asset",
        ),
        ("fixed.amount = '1.001'", "amount_scale", "fixed.amount"),
        (
            "fixed = { amount = '1.5', asset = 'points' }",
            "amount_scale",
            "fixed.amount",
        ),
        (
            "fixed.amount = '99999999999999999999'",
            "amount_overflow",
            "fixed.amount",
        ),
        ("fixed.amount = '0'", "amount_not_positive", "fixed.amount"),
        ("fixed.amount = '-1'", "amount_not_positive", "fixed.amount"),
        (
            "per_unit = { amount = '0', every = '1' }",
            "amount_not_positive",
            "per_unit.amount",
        ),
        (
            "per_unit = { amount = '1', every = '0' }",
            "amount_not_positive",
            "per_unit.every",
        ),
        (
            "per_unit = { amount = '1', every = '0.001' }",
            "amount_scale",
            "per_unit.every",
        ),
        (
            "per_unit = { amount = '0.5', every = '1', asset = 'points' }",
            "amount_scale",
            "per_unit.amount",
        ),
        (
            "bands = { mode = 'slab', bands = [] }",
            "bands_empty",
            "bands.bands",
        ),
        (
            "bands = { mode = 'slab', bands = [{ from = '-1', reward.rate = '1%' }] }",
            "bands_negative",
            "bands.bands[0].from",
        ),
        (
            "bands = { mode = 'slab', bands = [{ from = '0.001', reward.rate = '1%' }] }",
            "amount_scale",
            "bands.bands[0].from",
        ),
        (
            "bands = { mode = 'slab', bands = [{ from = '5', reward.rate = '1%' }, { from = '5.0', reward.rate = '1%' }] }",
            "bands_not_increasing",
            "bands.bands[1].from",
        ),
        (
            "bands = { mode = 'marginal', bands = [{ from = '0', reward.fixed = '1' }] }",
            "bands_fixed_marginal",
            "bands.bands[0].reward",
        ),
        (
            "bands = { mode = 'slab', bands = [{ from = '0', reward.fixed = '-1' }] }",
            "amount_negative",
            "bands.bands[0].reward.fixed",
        ),
    ] {
        check(
            &rule(&format!("effect.{line}")),
            &[(code, &format!("{effect}.{path}"))],
        );
    }
}

#[test]
fn caps_and_budgets_count_what_their_rules_pay() {
    for (limits, code, path) in [
        (
            "caps = [{ id = 'a', per = 'member', limit.amount.amount = '-1' }]",
            "limit_negative",
            "caps[0].limit.amount.amount",
        ),
        (
            "budgets = [{ id = 'a', amount = '-0.01' }]",
            "limit_negative",
            "budgets[0].amount",
        ),
        (
            "caps = [{ id = 'a', per = 'member', limit.amount.amount = '1.001' }]",
            "amount_scale",
            "caps[0].limit.amount.amount",
        ),
        (
            "caps = [{ id = 'a', per = 'member', limit.amount = { amount = '1', asset = 'miles' } }]",
            "asset_unknown",
            "caps[0].limit.amount.asset",
        ),
        (
            "budgets = [{ id = 'a', amount = '1', asset = 'miles' }]",
            "asset_unknown",
            "budgets[0].asset",
        ),
        (
            "caps = [{ id = 'a', per = 'member', limit.uses = 0 }]",
            "number_not_positive",
            "caps[0].limit.uses",
        ),
        (
            "caps = [{ id = 'a', per = 'purchase', every = 'day', limit.uses = 1 }]",
            "cap_window",
            "caps[0].every",
        ),
        (
            "caps = [{ id = 'a', per.attribute = 'device', every.days = 7, limit.uses = 1 }]",
            "cap_window",
            "caps[0].every",
        ),
        (
            "budgets = [{ id = 'a', amount = '1', every.days = 7 }]",
            "cap_window",
            "budgets[0].every",
        ),
        (
            "caps = [{ id = 'a', per.attribute = '', limit.uses = 1 }]",
            "text_invalid",
            "caps[0].per.attribute",
        ),
    ] {
        check(&bare(limits), &[(code, path)]);
    }
    check(&bare("budgets = [{ id = 'a', amount = '0' }]"), &[]);
    check(
        &rule(
            "effect.fixed = { amount = '1', asset = 'points' }\ncaps = ['daily', 'pts', 'once']\nbudgets = ['year', 'pts']",
        ),
        &[
            ("asset_mismatch", "rules[0].caps[0]"),
            ("asset_mismatch", "rules[0].budgets[0]"),
        ],
    );
}

#[test]
fn stacking_groups_compare_like_with_like() {
    let multiplier = "effect.multiplier.factor = '2'";
    for (lines, want) in [
        (
            multiplier.to_owned(),
            &[(
                "multiplier_first_stacking_group",
                "rules[0].effect.multiplier",
            )][..],
        ),
        (
            format!(
                "stacking_group = 'bonus'\n{multiplier}\neffect.multiplier.stacking_group = 'bonus'"
            ),
            &[(
                "multiplier_stacking_group_order",
                "rules[0].effect.multiplier.stacking_group",
            )],
        ),
        (
            format!(
                "stacking_group = 'bonus'\n{multiplier}\neffect.multiplier.stacking_group = 'pick'"
            ),
            &[(
                "multiplier_stacking_group_order",
                "rules[0].effect.multiplier.stacking_group",
            )],
        ),
        (
            format!(
                "stacking_group = 'bonus'\n{multiplier}\neffect.multiplier.stacking_group = 'bas'"
            ),
            &[(
                "reference_unknown",
                "rules[0].effect.multiplier.stacking_group",
            )],
        ),
        (
            "stacking_group = 'bonus'\neffect.multiplier.factor = '0.99'".to_owned(),
            &[("multiplier_below_one", "rules[0].effect.multiplier.factor")],
        ),
        (
            format!("stacking_group = 'bonus'\nscope = 'line'\n{multiplier}"),
            &[("scope_invalid", "rules[0].effect.multiplier")],
        ),
        (
            format!("stacking_group = 'lines'\n{FIXED}"),
            &[("scope_mixed", "rules[0].scope")],
        ),
    ] {
        check(&rule(&lines), want);
    }
    let points = "effect.fixed = { amount = '1', asset = 'points' }";
    for (stacking_group, want) in [
        (
            "pick",
            &[("stacking_mixed_assets", "stacking_groups[3].stacking")][..],
        ),
        ("bonus", &[]),
    ] {
        let document = format!(
            "{HEAD}[[rules]]\nid = 'a'\nstacking_group = '{stacking_group}'\n{FIXED}\n[[rules]]\nid = 'b'\nstacking_group = '{stacking_group}'\n{points}
            [[rules]]\nid = 'c'\nstacking_group = '{stacking_group}'\n{points}"
        );
        check(&document, want);
    }
}

#[test]
fn conditions_say_something() {
    let long = format!("category = ['{}']", "x".repeat(TEXT_BYTES_MAX + 1));
    for (condition, code, path) in [
        ("all = []", "condition_empty", "all"),
        ("any = [{ none = [] }]", "condition_empty", "any[0].none"),
        ("category = []", "condition_empty", "category"),
        ("weekday = []", "condition_empty", "weekday"),
        ("amount = {}", "condition_empty", "amount"),
        ("amount.of = 'gross'", "condition_empty", "amount"),
        ("purchase_number = {}", "condition_empty", "purchase_number"),
        (
            "window_count.window = 'day'",
            "condition_empty",
            "window_count",
        ),
        ("window_sum.window = 'day'", "condition_empty", "window_sum"),
        ("dates = {}", "condition_empty", "dates"),
        ("line = {}", "condition_empty", "line"),
        ("merchant = ['a', '']", "text_invalid", "merchant[1]"),
        (&long, "text_invalid", "category[0]"),
        (
            "line.except_sku = ['']",
            "text_invalid",
            "line.except_sku[0]",
        ),
        ("attribute.name = ''", "text_invalid", "attribute.name"),
        (
            "line.attribute = { name = 'x', one_of = [''] }",
            "text_invalid",
            "line.attribute.one_of[0]",
        ),
        (
            "amount.at_least = '0.001'",
            "amount_scale",
            "amount.at_least",
        ),
        (
            "amount.at_least = '-1'",
            "amount_negative",
            "amount.at_least",
        ),
        ("amount.below = '0'", "amount_not_positive", "amount.below"),
        (
            "window_sum = { window = 'day', at_least = '0.001' }",
            "amount_scale",
            "window_sum.at_least",
        ),
        (
            "line.amount_at_least = '-1'",
            "amount_negative",
            "line.amount_at_least",
        ),
        (
            "line.quantity_at_least = 0",
            "number_not_positive",
            "line.quantity_at_least",
        ),
        (
            "purchase_number.every = 0",
            "number_not_positive",
            "purchase_number.every",
        ),
        ("tier.ladder = 'status'", "tier_test_invalid", "tier"),
        (
            "tier = { ladder = 'status', at_least = 'gold', one_of = ['gold'] }",
            "tier_test_invalid",
            "tier",
        ),
    ] {
        check(
            &when(condition),
            &[(code, &format!("rules[0].when.{path}"))],
        );
    }
}

#[test]
fn conditions_can_hold() {
    for (condition, path) in [
        ("amount = { at_least = '5', below = '5.00' }", ".amount"),
        (
            "window_sum = { window = 'day', at_least = '6', below = '5' }",
            ".window_sum",
        ),
        (
            "attribute = { name = 'a', at_least = '1', below = '1' }",
            ".attribute",
        ),
        (
            "purchase_number = { at_least = 3, at_most = 2 }",
            ".purchase_number",
        ),
        ("purchase_number.at_most = 0", ".purchase_number"),
        (
            "purchase_number = { every = 10, at_least = 11, at_most = 19 }",
            ".purchase_number",
        ),
        (
            "window_count = { window = 'day', at_most = 0 }",
            ".window_count",
        ),
        ("line = { sku = ['a'], except_sku = ['b', 'a'] }", ".line"),
        (
            "all = [{ category = ['a', 'b'] }, { all = [{ category = ['b', 'c'] }, { category = ['a'] }] }]",
            ".all[1].all[1]",
        ),
        (
            "all = [{ country = ['DE'] }, { country = ['FR'] }, { country = ['IT'] }]",
            ".all[1]",
        ),
        (
            "any = [{ all = [{ weekday = ['monday'] }, { weekday = ['friday'] }] }]",
            ".any[0].all[1]",
        ),
        (
            "all = [{ amount.at_least = '5' }, { tag = ['a'] }, { amount.below = '5' }]",
            ".all[2]",
        ),
        (
            "all = [{ purchase_number.at_least = 5 }, { purchase_number.at_most = 4 }]",
            ".all[1]",
        ),
        (
            "all = [{ window_count = { window = 'day', at_least = 5 } }, { window_count = { window = 'day', at_most = 4 } }]",
            ".all[1]",
        ),
        (
            "all = [{ window_sum = { window.days = 3, at_least = '5' } }, { window_sum = { window.days = 3, below = '5' } }]",
            ".all[1]",
        ),
        (
            "all = [{ dates.before = 2026-01-01 }, { dates.from = 2026-01-01 }]",
            ".all[1]",
        ),
        (
            "all = [{ tier = { ladder = 'status', one_of = ['gold'] } }, { tier = { ladder = 'status', one_of = ['basic'] } }]",
            ".all[1]",
        ),
    ] {
        check(
            &when(condition),
            &[("condition_contradiction", &format!("rules[0].when{path}"))],
        );
    }
    check(
        &rule(&format!(
            "{FIXED}\nactive.from = 2026-02-01\nwhen.dates.through = 2026-01-31"
        )),
        &[("condition_contradiction", "rules[0].when")],
    );
    check(
        &when(
            "all = [{ window_count = { window = 'day', at_least = 5 } }, { window_count = { window = 'week', at_most = 9 } }]",
        ),
        &[],
    );
}

#[test]
fn rewards_live_before_they_expire() {
    for (lifecycle, code, path) in [
        ("pending.days = 0", "number_not_positive", "pending.days"),
        (
            "pending.confirmation.void_after_days = 0",
            "number_not_positive",
            "pending.confirmation.void_after_days",
        ),
        ("expires = {}", "expiry_invalid", "expires"),
        (
            "expires = { days = 1, months = 1 }",
            "expiry_invalid",
            "expires",
        ),
        ("expires.days = 0", "number_not_positive", "expires.days"),
        (
            "expires.months = 0",
            "number_not_positive",
            "expires.months",
        ),
        (
            "pending.days = 10, expires.days = 10",
            "lifecycle_contradiction",
            "expires",
        ),
        (
            "pending.days = 62, expires.months = 2",
            "lifecycle_contradiction",
            "expires",
        ),
    ] {
        let document = rule(&format!("{FIXED}\nlifecycle = {{ {lifecycle} }}"));
        check(&document, &[(code, &format!("rules[0].lifecycle.{path}"))]);
        check(
            &bare(&format!("lifecycle = {{ {lifecycle} }}")),
            &[(code, &format!("lifecycle.{path}"))],
        );
    }
}

#[test]
fn ladders_can_be_climbed_and_fallen_from() {
    let base = "{ id = 'a', threshold = '0' }";
    for (lines, code, path) in [
        ("measure = 'visits'\ntiers = []".to_owned(), "tiers_empty", "tiers"),
        ("measure = 'visits'\ntiers = [{ id = 'a', threshold = '1' }]".to_owned(), "threshold_first_not_zero", "tiers[0].threshold"),
        (format!("measure = 'visits'\ntiers = [{base}, {{ id = 'b', threshold = '0' }}]"), "thresholds_not_increasing", "tiers[1].threshold"),
        (format!("measure = 'visits'\ntiers = [{base}, {{ id = 'b', threshold = '1.5' }}]"), "amount_scale", "tiers[1].threshold"),
        (format!("measure.spend = 'net'\ntiers = [{base}, {{ id = 'b', threshold = '1.005' }}]"), "amount_scale", "tiers[1].threshold"),
        (format!("measure.earned = 'miles'\ntiers = [{base}]"), "asset_unknown", "measure.earned"),
        (format!("measure.balance = 'miles'\ntiers = [{base}]"), "asset_unknown", "measure.balance"),
        (format!("measure.balance = 'EUR'\nwindow = 'anniversary'\ntiers = [{base}]"), "ladder_window", "window"),
        (
            "measure = 'visits'\ntiers = [{ id = 'a', threshold = '0', benefits.multiplier = '0.5' }]".to_owned(),
            "benefit_below_one",
            "tiers[0].benefits.multiplier",
        ),
        (
            "measure = 'visits'\ntiers = [{ id = 'a', threshold = '0', benefits.cap_multiplier = '0' }]".to_owned(),
            "benefit_below_one",
            "tiers[0].benefits.cap_multiplier",
        ),
    ] {
        check(&ladder(&lines), &[(code, &format!("ladders[0].{path}"))]);
    }
}

#[test]
fn lists_and_nesting_are_bounded() {
    let list = |item: &str, count: usize| vec![item; count].join(", ");
    for (document, path) in [
        (
            when(&format!("category = [{}]", list("'a'", VALUES_MAX + 1))),
            "rules[0].when.category",
        ),
        (
            when(&format!("line.sku = [{}]", list("'a'", VALUES_MAX + 1))),
            "rules[0].when.line.sku",
        ),
        (
            when(&format!(
                "any = [{}]",
                list("{ tag = ['a'] }", VALUES_MAX + 1)
            )),
            "rules[0].when.any",
        ),
        (
            rule(&format!(
                "{FIXED}\nexclusive = [{}]",
                list("'a'", TAGS_MAX + 1)
            )),
            "rules[0].exclusive",
        ),
        (
            rule(&format!("{FIXED}\ncaps = [{}]", list("'a'", TAGS_MAX + 1))),
            "rules[0].caps",
        ),
        (
            bare(&format!(
                "stacking_groups = [{}]",
                list("{ id = 'a' }", PARTS_MAX + 1)
            )),
            "stacking_groups",
        ),
        (
            bare(&format!(
                "units = [{}]",
                list("{ asset = 'a' }", PARTS_MAX + 1)
            )),
            "units",
        ),
        (
            bare(&format!(
                "budgets = [{}]",
                list("{ id = 'a', amount = '1' }", CAPS_MAX + 1)
            )),
            "budgets",
        ),
        (
            bare(&format!(
                "rules = [{}]",
                list("{ id = 'a', effect.fixed.amount = '1' }", RULES_MAX + 1)
            )),
            "rules",
        ),
    ] {
        check(&document, &[("too_many", path)]);
    }
    let nested = |depth: usize| {
        format!(
            "{}tag = ['a']{}",
            "any = [{ ".repeat(depth),
            " }]".repeat(depth)
        )
    };
    check(&when(&nested(CONDITION_DEPTH_MAX - 1)), &[]);
    let path = format!("rules[0].when{}", ".any[0]".repeat(CONDITION_DEPTH_MAX));
    check(
        &when(&nested(CONDITION_DEPTH_MAX)),
        &[("condition_too_deep", &path)],
    );
}

/// A program can also be made without reading a document.
#[test]
fn programs_made_by_hand_keep_the_bounds_of_documents() {
    let mut program = Program::from_toml(&rule(FIXED)).unwrap();
    program.caps[0].every = Some(Period::Days(0));
    let problems = validate(&program);
    assert_eq!(
        (&*problems[0].code, &*problems[0].path),
        ("period_invalid", "caps[0].every.days")
    );
}

#[test]
fn all_problems_are_reported_at_once() {
    check(
        &format!(
            "{HEAD}
            [[rules]]
            id = 'a'
            stacking_group = 'stacking_groups'
            effect.fixed.amount = '0'
            when.all = [{{ category = [] }}, {{ amount = {{}} }}, {{ any = [{{ weekday = [] }}] }}]
            [[rules]]
            id = 'a'
            effect.multiplier = {{ factor = '0.5', asset = 'miles' }}
            budgets = ['yr', 'pts']"
        ),
        &[
            ("id_duplicate", "rules[1].id"),
            ("amount_not_positive", "rules[0].effect.fixed.amount"),
            ("reference_unknown", "rules[0].stacking_group"),
            ("condition_empty", "rules[0].when.all[0].category"),
            ("condition_empty", "rules[0].when.all[1].amount"),
            ("condition_empty", "rules[0].when.all[2].any[0].weekday"),
            ("multiplier_below_one", "rules[1].effect.multiplier.factor"),
            ("asset_unknown", "rules[1].effect.multiplier.asset"),
            (
                "multiplier_first_stacking_group",
                "rules[1].effect.multiplier",
            ),
            ("reference_unknown", "rules[1].budgets[0]"),
        ],
    );
}
