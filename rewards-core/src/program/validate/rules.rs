//! Rules: where they belong, what they pay, and what becomes of it.

use std::collections::BTreeMap;

use super::{Checker, RULES_MAX, TAGS_MAX, VALUES_MAX, compares_rewards, conditions, expiry};
use crate::ids::Slug;
use crate::money::{Asset, DecimalText, Factor};
use crate::parse::At;
use crate::program::{
    BandMode, BandReward, Bands, Effect, Lifecycle, Limit, Multiplier, Pending, Rule, Scope,
};

pub(super) fn check(checker: &mut Checker<'_>) {
    let program = checker.program;
    let root = At::Root;
    check_lifecycle(checker, &root.field("lifecycle"), &program.lifecycle);
    let list = root.field("rules");
    let mut stacking_groups = BTreeMap::new();
    for (index, rule) in program.rules.iter().take(RULES_MAX).enumerate() {
        check_rule(checker, &list.item(index), rule, &mut stacking_groups);
    }
}

/// The asset that the first rule of each stacking group pays, by the stacking group's position; `None` once it was reported.
type StackingGroupAssets = BTreeMap<usize, Option<Asset>>;

fn check_rule(
    checker: &mut Checker<'_>,
    at: &At<'_>,
    rule: &Rule,
    stacking_groups: &mut StackingGroupAssets,
) {
    let asset = check_effect(checker, &at.field("effect"), rule);
    if let Some(stacking_group) = find_stacking_group(checker, at, rule) {
        check_stacking_group(checker, at, rule, stacking_group);
        check_stacking_group_asset(checker, stacking_group, asset, stacking_groups);
    }
    if let Some(condition) = &rule.when {
        conditions::check(checker, &at.field("when"), condition, rule.active);
    }
    check_limits(checker, at, rule, asset);
    check_list(checker, &at.field("exclusive"), &rule.exclusive);
    if let Some(lifecycle) = &rule.lifecycle {
        check_lifecycle(checker, &at.field("lifecycle"), lifecycle);
    }
}

/// The position of the rule's stacking group. Without any stacking group there is one that is called `default`.
fn find_stacking_group(checker: &mut Checker<'_>, at: &At<'_>, rule: &Rule) -> Option<usize> {
    let names = checker.names;
    match &rule.stacking_group {
        None => Some(0),
        Some(stacking_group)
            if checker.program.stacking_groups.is_empty()
                && stacking_group.as_str() == "default" =>
        {
            Some(0)
        }
        Some(stacking_group) => checker.refer(
            &at.field("stacking_group"),
            "stacking_group",
            stacking_group.as_str(),
            &names.stacking_groups,
        ),
    }
}

fn check_stacking_group(
    checker: &mut Checker<'_>,
    at: &At<'_>,
    rule: &Rule,
    stacking_group: usize,
) {
    let line_by_line = checker
        .program
        .stacking_groups
        .get(stacking_group)
        .is_some_and(|stacking_group| stacking_group.scope == Scope::Line);
    if line_by_line && rule.scope != Scope::Line {
        let words = "the stacking group chooses line by line: expected the scope `line`";
        checker.report("scope_mixed", &at.field("scope"), words);
    }
    if let Effect::Multiplier(multiplier) = &rule.effect {
        let effect = at.field("effect");
        check_multiplier(
            checker,
            &effect.field("multiplier"),
            multiplier,
            stacking_group,
        );
    }
}

fn check_multiplier(
    checker: &mut Checker<'_>,
    at: &At<'_>,
    multiplier: &Multiplier,
    stacking_group: usize,
) {
    if stacking_group == 0 {
        let words =
            "nothing is granted before the first stacking group: put the rule in a later one";
        checker.report("multiplier_first_stacking_group", at, words);
    }
    if let Some(of) = &multiplier.stacking_group {
        let at = at.field("stacking_group");
        let names = checker.names;
        let found = checker.refer(&at, "stacking_group", of.as_str(), &names.stacking_groups);
        if found.is_some_and(|found| found >= stacking_group) {
            let words = format!("expected a stacking group before the rule's own, got `{of}`");
            checker.report("multiplier_stacking_group_order", &at, words);
        }
    }
}

/// A stacking group that compares what rules pay must compare like with like.
fn check_stacking_group_asset(
    checker: &mut Checker<'_>,
    stacking_group: usize,
    asset: Asset,
    stacking_groups: &mut StackingGroupAssets,
) {
    // What a misspelt asset can be compared with is not known.
    if !checker.is_declared(asset) {
        return;
    }
    let Some(stacking) = checker
        .program
        .stacking_groups
        .get(stacking_group)
        .map(|stacking_group| stacking_group.stacking)
    else {
        return;
    };
    let first = stacking_groups.entry(stacking_group).or_insert(Some(asset));
    if let Some(other) = first.filter(|first| *first != asset && compares_rewards(stacking)) {
        *first = None;
        let words = format!("its rules pay `{other}` and `{asset}`, which cannot be compared");
        let root = At::Root;
        let list = root.field("stacking_groups");
        checker.report(
            "stacking_mixed_assets",
            &list.item(stacking_group).field("stacking"),
            words,
        );
    }
}

/// Checks what a rule grants, and returns the asset that it grants.
fn check_effect(checker: &mut Checker<'_>, at: &At<'_>, rule: &Rule) -> Asset {
    let currency = checker.program.currency;
    match &rule.effect {
        Effect::Percent(_) => Asset::Currency(currency),
        Effect::Fixed(fixed) => {
            let at = at.field("fixed");
            let asset = checker.asset(&at.field("asset"), fixed.asset);
            checker.positive_amount(&at.field("amount"), fixed.amount, asset.scale());
            asset
        }
        Effect::PerUnit(reward) => {
            let at = at.field("per_unit");
            let asset = checker.asset(&at.field("asset"), reward.asset);
            checker.positive_amount(&at.field("amount"), reward.amount, asset.scale());
            checker.positive_amount(&at.field("every"), reward.every, currency.scale());
            asset
        }
        Effect::Bands(bands) => {
            check_bands(checker, &at.field("bands"), bands, currency.scale());
            Asset::Currency(currency)
        }
        Effect::Multiplier(multiplier) => {
            let at = at.field("multiplier");
            if multiplier.factor < Factor::one() {
                let words = format!(
                    "expected a factor of at least `1`, got `{}`",
                    multiplier.factor
                );
                checker.report("multiplier_below_one", &at.field("factor"), words);
            }
            if rule.scope == Scope::Line {
                let words = "a multiplier raises what the whole purchase was granted: expected the scope `basket`";
                checker.report("scope_invalid", &at, words);
            }
            checker.asset(&at.field("asset"), multiplier.asset)
        }
    }
}

fn check_bands(checker: &mut Checker<'_>, at: &At<'_>, bands: &Bands, scale: u8) {
    let list = at.field("bands");
    if bands.bands.is_empty() {
        checker.report("bands_empty", &list, "expected at least one band");
    }
    if !checker.is_within(&list, bands.bands.len(), VALUES_MAX) {
        return;
    }
    let mut below: Option<DecimalText> = None;
    for (index, band) in bands.bands.iter().enumerate() {
        let item = list.item(index);
        let from = item.field("from");
        if checker
            .minor(&from, band.from, scale)
            .is_some_and(|minor| minor < 0)
        {
            let words = format!("expected a band from zero or more on, got `{}`", band.from);
            checker.report("bands_negative", &from, words);
        }
        if below.is_some_and(|below| band.from <= below) {
            let words = format!("expected more than the band before, got `{}`", band.from);
            checker.report("bands_not_increasing", &from, words);
        }
        below = Some(band.from);
        if let BandReward::Fixed(amount) = band.reward {
            let reward = item.field("reward");
            if bands.mode == BandMode::Marginal {
                let words = "a part of an amount earns a share of it: expected a `rate`";
                checker.report("bands_fixed_marginal", &reward, words);
            }
            checker.unsigned_amount(&reward.field("fixed"), amount, scale);
        }
    }
}

fn check_limits(checker: &mut Checker<'_>, at: &At<'_>, rule: &Rule, asset: Asset) {
    let (program, names) = (checker.program, checker.names);
    let currency = Asset::Currency(program.currency);
    let list = at.field("caps");
    if check_list(checker, &list, &rule.caps) {
        for (index, name) in rule.caps.iter().enumerate() {
            let at = list.item(index);
            let found = checker.refer(&at, "cap", name.as_str(), &names.caps);
            let cap = found.and_then(|index| program.caps.get(index));
            if let Some(Limit::Amount { asset: limited, .. }) = cap.map(|cap| &cap.limit) {
                check_limit_asset(checker, &at, limited.unwrap_or(currency), asset);
            }
        }
    }
    let list = at.field("budgets");
    if check_list(checker, &list, &rule.budgets) {
        for (index, name) in rule.budgets.iter().enumerate() {
            let at = list.item(index);
            let found = checker.refer(&at, "budget", name.as_str(), &names.budgets);
            if let Some(budget) = found.and_then(|index| program.budgets.get(index)) {
                check_limit_asset(checker, &at, budget.asset.unwrap_or(currency), asset);
            }
        }
    }
}

fn check_limit_asset(checker: &mut Checker<'_>, at: &At<'_>, limited: Asset, paid: Asset) {
    if limited != paid && checker.is_declared(limited) && checker.is_declared(paid) {
        let words = format!("it limits `{limited}`, but the rule pays `{paid}`");
        checker.report("asset_mismatch", at, words);
    }
}

/// Whether a list of names is short enough to be looked into; names given twice are refused.
pub(super) fn check_list(checker: &mut Checker<'_>, at: &At<'_>, names: &[Slug]) -> bool {
    if !checker.is_within(at, names.len(), TAGS_MAX) {
        return false;
    }
    for (index, name) in names.iter().enumerate() {
        if names.iter().take(index).any(|earlier| earlier == name) {
            let words = format!("`{name}` is in the list already");
            checker.report("reference_duplicate", &at.item(index), words);
        }
    }
    true
}

fn check_lifecycle(checker: &mut Checker<'_>, at: &At<'_>, lifecycle: &Lifecycle) {
    let pending = at.field("pending");
    let mut pending_days = None;
    match &lifecycle.pending {
        Some(Pending::Days(days)) => {
            pending_days = Some(u32::from(*days));
            checker.positive_number(&pending.field("days"), pending_days);
        }
        Some(Pending::Confirmation { void_after_days }) => {
            let at = pending.field("confirmation");
            checker.positive_number(&at.field("void_after_days"), void_after_days.map(u32::from));
        }
        Some(Pending::Until(_)) | None => {}
    }
    if let Some(expiry) = &lifecycle.expires {
        expiry::check(checker, &at.field("expires"), expiry, pending_days);
    }
}
