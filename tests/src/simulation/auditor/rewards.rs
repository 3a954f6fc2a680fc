//! What purchases were granted, worked out again from the documents: by hand, in exact fractions, and not by the engine.
//!
//! It knows what the documents of the simulation use, and refuses anything else. Which tier counted for a purchase is taken
//! from what the member was told: some tier that was held up to then has to explain all grants of a purchase. What a limit
//! that members share had left at the moment nobody else knows; so it may explain less than what was wanted, never more.

use std::collections::BTreeMap;

use rewards_core::event::Event;
use rewards_core::ids::{MemberId, PurchaseId, Slug};
use rewards_core::money::Money;
use serde_json::Value;

use super::calendar::Local;
use super::fraction::Fraction;
use super::steps::steps_of;
use super::story::{Bought, Step, Story, items, named, text};
use super::{Check, Findings};
use crate::simulation::Failed;
use crate::simulation::books::Books;

/// What a tier gives.
#[derive(Debug, Clone, Copy)]
struct Benefits {
    rank: usize,
    multiplier: Fraction,
    extra_rate: Fraction,
    cap_multiplier: Fraction,
}

impl Benefits {
    fn of(tier: Option<&Value>, rank: usize) -> Result<Self, Failed> {
        let benefit = |name: &str, otherwise| {
            let found = tier.and_then(|tier| tier.pointer(&format!("/benefits/{name}")));
            let found = found.and_then(Value::as_str).map(Fraction::parse);
            found.unwrap_or(Ok(otherwise))
        };
        Ok(Self {
            rank,
            multiplier: benefit("multiplier", Fraction::ONE)?,
            extra_rate: benefit("extra_rate", Fraction::whole(0))?,
            cap_multiplier: benefit("cap_multiplier", Fraction::ONE)?,
        })
    }
}

/// What of the member's own limits is used: cap and bucket.
type Used = BTreeMap<(String, i64), i128>;

/// One grant as it must be.
#[derive(Debug)]
struct Wanted {
    rule: String,
    desired: i128,
    /// What the limits of the purchase and the member leave of it, at least and at most.
    least: i128,
    most: i128,
    /// Whether it has a limit that members share.
    is_shared: bool,
}

/// What is used of the limits of one member, and by which purchases.
#[derive(Debug, Default)]
struct Counted {
    used: Used,
    /// What each purchase was granted under each cap and did not give back.
    held: BTreeMap<(PurchaseId, String), i128>,
}

/// What is used of the limits of one member: at least, and at most as long as nobody knows which of several rewards went back.
#[derive(Debug, Default)]
struct Limits {
    least: Counted,
    most: Counted,
}

/// Checks all grants of all purchases.
pub(super) fn check(
    books: &Books,
    story: &Story<'_>,
    findings: &mut Findings,
) -> Result<(), Failed> {
    for member in story.members.keys() {
        check_member(books, story, member, findings)?;
    }
    Ok(())
}

fn check_member(
    books: &Books,
    story: &Story<'_>,
    member: &MemberId,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let mut limits = Limits::default();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for step in steps_of(story, books, member)? {
        match step {
            Step::Recorded(bought) => {
                let document = story.document(bought)?;
                // A number stays given, whatever becomes of the purchase.
                let count = counts.entry(text(document, "id")).or_default();
                check_grants(story, bought, &limits, *count, findings)?;
                *count += 1;
                limits.least.use_up(document, bought)?;
                limits.most.use_up(document, bought)?;
            }
            Step::Returned(bought, rules, amount) => {
                let document = story.document(bought)?;
                limits.least.release(document, bought, &rules, amount)?;
                if rules.len() == 1 {
                    limits.most.release(document, bought, &rules, amount)?;
                }
            }
            Step::WillReturn(bought, rules, amount) => {
                let document = story.document(bought)?;
                limits.least.release(document, bought, &rules, amount)?;
            }
            // What is undone releases what goes back, and that is told apart.
            Step::Unearned(..) | Step::Refunded(..) | Step::Cancelled(_) => {}
        }
    }
    Ok(())
}

fn check_grants(
    story: &Story<'_>,
    bought: &Bought<'_>,
    limits: &Limits,
    count: u64,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let document = story.document(bought)?;
    let mut tries = Vec::new();
    for rank in ranks_held(story, bought) {
        let tier = items(document, "ladders")
            .first()
            .and_then(|ladder| items(ladder, "tiers").get(rank));
        let benefits = Benefits::of(tier, rank)?;
        let mut all = wanted(document, bought, &limits.least.used, count, benefits)?;
        let least = wanted(document, bought, &limits.most.used, count, benefits)?;
        for (want, least) in all.iter_mut().zip(least) {
            want.least = least.most.min(want.most);
        }
        tries.push(differences(&all, bought));
    }
    if !tries.iter().any(Vec::is_empty) {
        let nearest = tries.iter().min_by_key(|found| found.len());
        let id = &bought.order.id;
        findings.add(Check::Grant, format!("{id}: {nearest:?}"));
    }
    Ok(())
}

/// The ranks on the first ladder that the member was told of up to a purchase, the lowest included.
fn ranks_held(story: &Story<'_>, bought: &Bought<'_>) -> Vec<usize> {
    let Ok(document) = story.document(bought) else {
        return vec![0];
    };
    let Some(first) = items(document, "ladders").first() else {
        return vec![0];
    };
    let tiers = items(first, "tiers");
    let rank = |id: &str| tiers.iter().position(|tier| text(tier, "id") == id);
    let mut ranks = vec![0];
    let mut is_over = false;
    for record in story
        .members
        .get(&bought.order.member)
        .into_iter()
        .flatten()
    {
        match &record.event {
            Event::PurchaseRecorded { .. } if is_over => break,
            Event::PurchaseRecorded { purchase, .. } => is_over = *purchase == bought.order.id,
            // The moves of a purchase itself are told behind it, and some of them were due before.
            Event::TierChanged { ladder, to, .. } if ladder.as_str() == text(first, "id") => {
                ranks.extend(rank(to.as_str()));
            }
            _ => {}
        }
    }
    ranks.sort_unstable();
    ranks.dedup();
    ranks
}

/// What every rule wants, in the order of stacking groups and rules.
fn wanted(
    document: &Value,
    bought: &Bought<'_>,
    used: &Used,
    count: u64,
    benefits: Benefits,
) -> Result<Vec<Wanted>, Failed> {
    let mut groups: Vec<&str> = items(document, "stacking_groups")
        .iter()
        .map(|group| text(group, "id"))
        .collect();
    if groups.is_empty() {
        groups.push("");
    }
    let mut all = Vec::new();
    // What this purchase uses itself.
    let mut here = Used::new();
    for group in groups {
        let mut offers: Vec<(&Value, i128)> = Vec::new();
        for rule in items(document, "rules") {
            if text(rule, "stacking_group") == group && matches(rule, bought, count, benefits)? {
                let desired = desired(rule, bought.paid(), benefits)?;
                if desired > 0 {
                    offers.push((rule, desired));
                }
            }
        }
        let is_best = named(document, "stacking_groups", group)
            .is_some_and(|found| text(found, "stacking") == "best");
        if is_best {
            let best = offers.iter().map(|(_, desired)| *desired).max();
            let first = offers
                .iter()
                .position(|(_, desired)| Some(*desired) == best);
            offers = first
                .and_then(|at| offers.get(at))
                .copied()
                .into_iter()
                .collect();
        }
        for (rule, desired) in offers {
            let most = left(document, rule, bought, (used, &mut here), desired, benefits)?;
            let has_budget = !items(rule, "budgets").is_empty();
            let caps = items(rule, "caps").iter().filter_map(Value::as_str);
            let mut caps = caps.filter_map(|cap| named(document, "caps", cap));
            all.push(Wanted {
                rule: text(rule, "id").to_owned(),
                desired,
                least: most,
                most,
                is_shared: has_budget || caps.any(|cap| cap.pointer("/per/attribute").is_some()),
            });
        }
    }
    Ok(all)
}

fn matches(
    rule: &Value,
    bought: &Bought<'_>,
    count: u64,
    benefits: Benefits,
) -> Result<bool, Failed> {
    let Some(when) = rule.get("when") else {
        return Ok(true);
    };
    if let Some(channels) = when.get("channel").and_then(Value::as_array) {
        let own = bought.order.channel.as_deref();
        return Ok(channels
            .iter()
            .any(|channel| channel.as_str() == own && own.is_some()));
    }
    if let Some(most) = when
        .pointer("/purchase_number/at_most")
        .and_then(Value::as_u64)
    {
        return Ok(count < most);
    }
    if let Some(least) = when.pointer("/amount/at_least").and_then(Value::as_str) {
        let least = Fraction::parse(least)?.times(Fraction::whole(100));
        return Ok(i128::from(bought.paid()) >= least.up());
    }
    if let Some(offers) = when.get("offer").and_then(Value::as_array) {
        let mut offers = offers.iter().filter_map(Value::as_str);
        return Ok(offers.any(|offer| bought.has_offer(offer)));
    }
    if when.pointer("/tier/at_least") == Some(&Value::from("gold")) {
        return Ok(benefits.rank >= 2);
    }
    Err(format!("a condition that the auditor does not know: {when}").into())
}

/// What a rule wants before any limit.
fn desired(rule: &Value, total: i64, benefits: Benefits) -> Result<i128, Failed> {
    let total = Fraction::whole(i128::from(total));
    let effect = rule.get("effect").ok_or("a rule without an effect")?;
    let amount = |found: &Value, field: &str| -> Result<Fraction, Failed> {
        // Money has two digits behind the point, points have none.
        let scale = if found.get("asset").is_some() && field == "amount" {
            1
        } else {
            100
        };
        Ok(Fraction::parse(text(found, field))?.times(Fraction::whole(scale)))
    };
    if let Some(percent) = effect.get("percent") {
        let rate = Fraction::parse(text(percent, "rate"))?.plus(benefits.extra_rate);
        return Ok(total.times(rate).times(benefits.multiplier).half_even());
    }
    if let Some(fixed) = effect.get("fixed") {
        return Ok(amount(fixed, "amount")?.half_even());
    }
    if let Some(unit) = effect.get("per_unit") {
        let (each, every) = (amount(unit, "amount")?, amount(unit, "every")?);
        let share = each.over(every);
        return Ok(total.times(share).times(benefits.multiplier).half_even());
    }
    Err(format!("an effect that the auditor does not know: {effect}").into())
}

/// Where a cap of a member is counted for a purchase.
fn place(document: &Value, cap: &Value, bought: &Bought<'_>) -> Result<(String, i64), Failed> {
    let calendar = Local::of(document)?;
    let at = bought.order.occurred_at;
    let bucket = match text(cap, "every") {
        "day" => calendar.day(at)?,
        "week" => calendar.week(at)?,
        "month" => calendar.month(at)?,
        _ => 0,
    };
    Ok((
        format!("{}/{}", text(document, "id"), text(cap, "id")),
        bucket,
    ))
}

/// What the caps of the purchase and the member leave of what a rule wants.
fn left(
    document: &Value,
    rule: &Value,
    bought: &Bought<'_>,
    (used, here): (&Used, &mut Used),
    desired: i128,
    benefits: Benefits,
) -> Result<i128, Failed> {
    let mut most = desired;
    let mut own = Vec::new();
    for cap in items(rule, "caps").iter().filter_map(Value::as_str) {
        let cap = named(document, "caps", cap).ok_or("an unknown cap")?;
        let is_of_purchase = text(cap, "per") == "purchase";
        if !is_of_purchase && text(cap, "per") != "member" {
            continue;
        }
        let place = place(document, cap, bought)?;
        let before = used
            .get(&place)
            .copied()
            .filter(|_| !is_of_purchase)
            .unwrap_or(0);
        let now = here.get(&place).copied().unwrap_or(0);
        if let Some(uses) = cap.pointer("/limit/uses").and_then(Value::as_i64) {
            if now == 0 && before >= i128::from(uses) {
                most = 0;
            }
            own.push((place, true));
            continue;
        }
        let limit = cap.pointer("/limit/amount").ok_or("a limit of no kind")?;
        let scale = if limit.get("asset").is_some() { 1 } else { 100 };
        let limit = Fraction::parse(text(limit, "amount"))?.times(Fraction::whole(scale));
        let limit = limit.times(benefits.cap_multiplier).down();
        most = most.min((limit - before - now).max(0));
        own.push((place, false));
    }
    for (place, counts_uses) in own.into_iter().filter(|_| most > 0) {
        let sum = here.entry(place).or_default();
        *sum = if counts_uses { 1 } else { *sum + most };
    }
    Ok(most)
}

impl Counted {
    /// Adds what a purchase really used of the member's own caps.
    fn use_up(&mut self, document: &Value, bought: &Bought<'_>) -> Result<(), Failed> {
        for cap in own_caps(document) {
            let grants = bought.reply.decision.grants.iter();
            let own = grants.filter(|grant| is_under(document, grant.rule.as_str(), cap));
            let granted: i128 = own.map(|grant| i128::from(grant.granted.minor())).sum();
            if granted == 0 {
                continue;
            }
            let counts_uses = cap.pointer("/limit/uses").is_some();
            *self.used.entry(place(document, cap, bought)?).or_default() +=
                if counts_uses { 1 } else { granted };
            let held = (bought.order.id.clone(), text(cap, "id").to_owned());
            self.held.insert(held, granted);
        }
        Ok(())
    }

    /// Releases what went back to the account that had paid it, of one of some rules. A use is released once nothing is left of
    /// what was granted.
    fn release(
        &mut self,
        document: &Value,
        bought: &Bought<'_>,
        rules: &[&Slug],
        amount: Money,
    ) -> Result<(), Failed> {
        let minor = i128::from(amount.minor());
        let is_meant = |cap: &&Value| {
            let mut rules = rules.iter();
            rules.any(|rule| is_under(document, rule.as_str(), cap))
        };
        for cap in own_caps(document).filter(is_meant) {
            let place_held = (bought.order.id.clone(), text(cap, "id").to_owned());
            let held = self.held.entry(place_held).or_default();
            let released = minor.min(*held);
            *held -= released;
            let released = match cap.pointer("/limit/uses") {
                Some(_) => i128::from(*held == 0 && released > 0),
                None => released,
            };
            *self.used.entry(place(document, cap, bought)?).or_default() -= released;
        }
        Ok(())
    }
}

/// What some rules would grant of what is left of a purchase, by asset, whatever was used of limits. Only of documents whose
/// tiers give nothing.
pub(super) fn still_earned<'r>(
    document: &Value,
    rules: impl Iterator<Item = &'r str>,
    left: i64,
) -> Result<BTreeMap<String, i128>, Failed> {
    let mut earned: BTreeMap<String, i128> = BTreeMap::new();
    for rule in rules.filter_map(|rule| named(document, "rules", rule)) {
        let least = rule
            .pointer("/when/amount/at_least")
            .and_then(Value::as_str);
        let least = Fraction::parse(least.unwrap_or("0"))?.times(Fraction::whole(100));
        if i128::from(left) < least.up() {
            continue;
        }
        let effects = rule.get("effect").and_then(Value::as_object);
        let mut assets = effects
            .into_iter()
            .flatten()
            .map(|(_, effect)| text(effect, "asset"));
        let asset = match assets.next().unwrap_or_default() {
            "" => text(document, "currency"),
            asset => asset,
        };
        let desired = desired(rule, left, Benefits::of(None, 0)?)?;
        *earned.entry(asset.to_owned()).or_default() += desired;
    }
    Ok(earned)
}

fn own_caps(document: &Value) -> impl Iterator<Item = &Value> {
    let caps = items(document, "caps").iter();
    caps.filter(|cap| text(cap, "per") == "member")
}

/// Whether a rule has a cap.
fn is_under(document: &Value, rule: &str, cap: &Value) -> bool {
    let rule = named(document, "rules", rule);
    rule.is_some_and(|rule| {
        cap.get("id")
            .is_some_and(|id| items(rule, "caps").contains(id))
    })
}

/// How the grants of a purchase differ from what they must be.
fn differences(wanted: &[Wanted], bought: &Bought<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let mut grants = bought.reply.decision.grants.iter().peekable();
    for want in wanted {
        let grant = grants.next_if(|grant| grant.rule.as_str() == want.rule);
        let granted = grant.map_or(0, |grant| i128::from(grant.granted.minor()));
        let is_right = granted <= want.most && (want.is_shared || granted >= want.least);
        if !is_right {
            found.push(format!("granted {granted}, wanted {want:?}"));
        }
        if let Some(grant) = grant {
            let desired = i128::from(grant.desired.minor());
            if desired != want.desired || grant.clipped_by.is_some() != (granted < desired) {
                found.push(format!("{grant:?}, wanted {want:?}"));
            }
        }
    }
    found.extend(grants.map(|grant| format!("{grant:?} is from nowhere")));
    found
}
