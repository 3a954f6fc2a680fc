//! Risk: keys, features, bands, and whether every threshold can fire.

use std::collections::BTreeSet;

use super::{Checker, Names, PARTS_MAX, TAGS_MAX, VALUES_MAX};
use crate::ids::Slug;
use crate::parse::At;
use crate::risk::{
    CompiledScorecard, DELAY_DAYS_MAX, FeatureTest, FeatureValue, MEMBER_KEY, REVIEW_MINUTES_MAX,
    Reach, Risk, RiskBand, RiskRule, RiskWindow, Scorecard, all_keys,
};

/// Most features of a section, and most rules or combinations of a scorecard.
const FEATURES_MAX: usize = 256;

pub(super) fn check(checker: &mut Checker<'_>) {
    let program = checker.program;
    let Some(risk) = &program.risk else {
        return;
    };
    let root = At::Root;
    let at = root.field("risk");
    if let Some(minutes) = risk.reviews.expires_after_minutes {
        let at = at.field("reviews");
        let at = at.field("expires_after_minutes");
        checker.number(&at, minutes, 1, REVIEW_MINUTES_MAX);
    }
    check_keys(checker, &at.field("keys"), risk);
    let keys = all_keys(risk);
    let keys: Names<'_> = keys.iter().map(Slug::as_str).zip(0..).collect();
    let before = checker.problems.len();
    let ids = risk.features.iter().map(|feature| feature.id.as_str());
    let features = checker.names(&at.field("features"), FEATURES_MAX, ids);
    if risk.features.len() > FEATURES_MAX {
        return;
    }
    for (index, feature) in risk.features.iter().enumerate() {
        let list = at.field("features");
        let item = list.item(index);
        check_feature(checker, &item.field("value"), &feature.value, &keys);
    }
    check_lists(checker, &at.field("lists"), risk, &keys);
    let cards = [
        ("scorecard", Some(&risk.scorecard)),
        ("shadow", risk.shadow.as_ref()),
    ];
    for (name, card) in cards {
        if let Some(card) = card {
            check_card(checker, &at.field(name), card, &features);
        }
    }
    // What a scorecard can reach says something only when it is one.
    if checker.problems.len() == before {
        for (name, card) in cards {
            if let Some(card) = card {
                check_reach(checker, &at.field(name), card, risk);
            }
        }
    }
}

fn check_keys(checker: &mut Checker<'_>, at: &At<'_>, risk: &Risk) {
    if !checker.is_within(at, risk.keys.len(), PARTS_MAX) {
        return;
    }
    let mut known = BTreeSet::new();
    for (index, key) in risk.keys.iter().enumerate() {
        if key.as_str() == MEMBER_KEY {
            let words = format!("`{MEMBER_KEY}` is a key of every program");
            checker.report("key_reserved", &at.item(index), words);
        } else if !known.insert(key) {
            let words = format!("`{key}` is named already");
            checker.report("reference_duplicate", &at.item(index), words);
        }
    }
}

fn check_feature(checker: &mut Checker<'_>, at: &At<'_>, value: &FeatureValue, keys: &Names<'_>) {
    let (name, window) = match value {
        FeatureValue::Amount {}
        | FeatureValue::LocalHour {}
        | FeatureValue::Weekday {}
        | FeatureValue::MemberAge {} => return,
        FeatureValue::Count(told) => ("count", Some(told.within)),
        FeatureValue::Sum(told) => ("sum", Some(told.within)),
        FeatureValue::Mean(told) => ("mean", Some(told.within)),
        FeatureValue::Maximum(told) => ("maximum", Some(told.within)),
        FeatureValue::AmountToMean(told) => ("amount_to_mean", Some(told.within)),
        FeatureValue::Distinct(told) => ("distinct", Some(told.within)),
        FeatureValue::SinceLast(_) => ("since_last", None),
        FeatureValue::Bad(_) => ("bad", None),
        FeatureValue::BadShare(_) => ("bad_share", None),
    };
    let at = at.field(name);
    if let Some(by) = value.by() {
        checker.refer(&at.field("by"), "key", by.as_str(), keys);
    }
    if let Some(window) = window {
        let (length, most) = window.length();
        let unit = match window {
            RiskWindow::Minutes(_) => "minutes",
            RiskWindow::Hours(_) => "hours",
            RiskWindow::Days(_) => "days",
        };
        let within = at.field("within");
        checker.number(&within.field(unit), u32::from(length), 1, most.into());
    }
    match value {
        FeatureValue::Distinct(told) => {
            checker.refer(&at.field("of"), "key", told.of.as_str(), keys);
            if told.of == told.by {
                let words = format!("payments with one `{}` have one `{}`", told.by, told.of);
                checker.report("distinct_contradiction", &at.field("of"), words);
            }
        }
        FeatureValue::Bad(told) | FeatureValue::BadShare(told) => {
            let (_, most) = RiskWindow::Days(told.days).length();
            let (days, delay) = (u32::from(told.days), u32::from(told.delay_days));
            checker.number(&at.field("days"), days, 1, most.into());
            checker.number(&at.field("delay_days"), delay, 0, DELAY_DAYS_MAX.into());
        }
        _ => {}
    }
}

fn check_lists(checker: &mut Checker<'_>, at: &At<'_>, risk: &Risk, keys: &Names<'_>) {
    let ids = risk.lists.iter().map(|list| list.id.as_str());
    checker.names(at, PARTS_MAX, ids);
    if risk.lists.len() > PARTS_MAX {
        return;
    }
    for (index, list) in risk.lists.iter().enumerate() {
        let by = at.item(index);
        checker.refer(&by.field("by"), "key", list.by.as_str(), keys);
    }
}

fn check_card(checker: &mut Checker<'_>, at: &At<'_>, card: &Scorecard, features: &Names<'_>) {
    let rules = card.rules.iter().map(|rule| rule.id.as_str());
    let together = card.combinations.iter().map(|rule| rule.id.as_str());
    let known = checker.names(&at.field("rules"), FEATURES_MAX, rules);
    checker.names(&at.field("combinations"), FEATURES_MAX, together);
    if card.rules.is_empty() && card.combinations.is_empty() {
        let words = "expected a rule or a combination at least";
        checker.report("rules_empty", &at.field("rules"), words);
    }
    if card.rules.len() > FEATURES_MAX || card.combinations.len() > FEATURES_MAX {
        return;
    }
    for (index, rule) in card.rules.iter().enumerate() {
        let list = at.field("rules");
        let item = list.item(index);
        checker.refer(
            &item.field("feature"),
            "feature",
            rule.feature.as_str(),
            features,
        );
        check_bands(checker, &item.field("bands"), rule);
    }
    for (index, rule) in card.combinations.iter().enumerate() {
        let list = at.field("combinations");
        let item = list.item(index);
        if let Some(first) = known.get(rule.id.as_str()) {
            let words = format!("`{}` is the name of rule {first} already", rule.id);
            checker.report("id_duplicate", &item.field("id"), words);
        }
        check_tests(checker, &item.field("all"), &rule.all, features);
    }
}

fn check_tests(
    checker: &mut Checker<'_>,
    at: &At<'_>,
    tests: &[FeatureTest],
    features: &Names<'_>,
) {
    if tests.is_empty() {
        checker.report("condition_empty", at, "expected a test at least");
    }
    if !checker.is_within(at, tests.len(), TAGS_MAX) {
        return;
    }
    for (index, test) in tests.iter().enumerate() {
        let item = at.item(index);
        checker.refer(
            &item.field("feature"),
            "feature",
            test.feature.as_str(),
            features,
        );
        if let (Some(from), Some(until)) = (test.from, test.until)
            && from >= until
        {
            let words = format!("nothing is at least {from} and below {until}");
            checker.report("condition_contradiction", &item.field("until"), words);
        }
    }
}

/// Each value of the feature is in one band: the first begins with the lowest, the last ends with the highest, and each other one
/// begins where the one before it ends.
fn check_bands(checker: &mut Checker<'_>, at: &At<'_>, rule: &RiskRule) {
    let bands = &rule.bands;
    if bands.is_empty() {
        checker.report("bands_empty", at, "expected a band at least");
    }
    if !checker.is_within(at, bands.len(), VALUES_MAX) {
        return;
    }
    let last = bands.len().saturating_sub(1);
    let mut before: Option<&RiskBand> = None;
    for (index, band) in bands.iter().enumerate() {
        let item = at.item(index);
        if let (Some(from), Some(until)) = (band.from, band.until)
            && from >= until
        {
            let words = format!("expected more than `{from}`, got `{until}`");
            checker.report("bands_not_increasing", &item.field("until"), words);
        }
        let from = item.field("from");
        match (before.map(|band| band.until), band.from) {
            (None, None) => {}
            (None, Some(found)) => {
                let words = format!("no band holds what is below `{found}`: leave `from` out");
                checker.report("bands_gap", &from, words);
            }
            (Some(Some(end)), Some(found)) if found > end => {
                let words = format!("no band holds what is from `{end}` on and below `{found}`");
                checker.report("bands_gap", &from, words);
            }
            (Some(Some(end)), Some(found)) if found == end => {}
            (Some(_), _) => {
                let words = "the band before holds some of the same values";
                checker.report("bands_overlap", &from, words);
            }
        }
        if let Some(end) = band.until.filter(|_| index == last) {
            let words = format!("no band holds what is from `{end}` on: leave `until` out");
            checker.report("bands_gap", &item.field("until"), words);
        }
        before = Some(band);
    }
}

/// What the scorecard can reach holds its thresholds, and is a score.
fn check_reach(checker: &mut Checker<'_>, at: &At<'_>, card: &Scorecard, risk: &Risk) {
    let values: Vec<FeatureValue> = risk.features.iter().map(|one| one.value.clone()).collect();
    for (index, rule) in card.rules.iter().enumerate() {
        let feature = risk.features.iter().find(|one| one.id == rule.feature);
        let (least, most) = feature.map_or((i64::MIN, i64::MAX), |one| one.value.range());
        for (place, band) in rule.bands.iter().enumerate() {
            let is_above = band.from.is_some_and(|from| from > most);
            if is_above || band.until.is_some_and(|until| until <= least) {
                let words = format!("`{}` is never in this band", rule.feature);
                let list = at.field("rules");
                let item = list.item(index);
                checker.report("band_unreachable", &item.field("bands").item(place), words);
            }
        }
    }
    let reach = CompiledScorecard::of(card, risk).reach(&values);
    let (least, most) = reach.ends();
    if i32::try_from(least).is_err() || i32::try_from(most).is_err() {
        let words = format!("scores would reach {least} to {most}, beyond 32 bits");
        checker.report("score_overflow", &at.field("rules"), words);
        return;
    }
    check_thresholds(checker, at, card, &reach);
}

fn check_thresholds(checker: &mut Checker<'_>, at: &At<'_>, card: &Scorecard, reach: &Reach) {
    let (review, block) = (card.review_at.map(i64::from), card.block_at.map(i64::from));
    let first = match (review, block) {
        (Some(review), Some(block)) => Some(review.min(block)),
        (review, block) => review.or(block),
    };
    let name = |is_review: bool| if is_review { "review_at" } else { "block_at" };
    let (least, most) = reach.ends();
    let mut unreachable = |name: &str, what: &str| {
        let words = format!("no payment is ever {what}: scores reach {least} to {most}");
        checker.report("threshold_unreachable", &at.field(name), words);
    };
    if let Some(block) = block.filter(|block| !reach.has(Some(*block), None)) {
        unreachable("block_at", &format!("blocked at {block}"));
    }
    if let Some(review) = review.filter(|review| !reach.has(Some(*review), block)) {
        let below = block.map(|block| format!(" and below {block}"));
        let what = format!("reviewed at {review}{}", below.unwrap_or_default());
        unreachable("review_at", &what);
    }
    if first.is_some() && !reach.has(None, first) {
        unreachable(name(first == review), "approved");
    }
}
