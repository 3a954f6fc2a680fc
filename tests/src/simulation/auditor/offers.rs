//! Offers: what coupons take off purchases, worked out again from the documents, and when the uses of coupons come back.
//!
//! What applies is taken from what was told; what each offer takes off is not: by hand, line by line, in exact fractions. Of single
//! pieces only the bounds are known here.

use std::collections::{BTreeMap, BTreeSet};

use rewards_core::cashback::{Purchase, SpentValue};
use rewards_core::discounts::{AppliedOffer, BasketDiscount, CouponVerdict};
use rewards_core::event::{Event, Stream};
use rewards_core::ids::{CouponId, MemberId, PurchaseId};
use rewards_core::money::Money;
use rewards_core::operations::purchases::{PurchaseDecision, RefundedPurchase};
use rewards_core::refunds::RefundKind;
use serde_json::Value;

use super::everything::Told;
use super::fraction::Fraction;
use super::story::{Bought, Story, items, named, text};
use super::{Applied, Check, Findings};
use crate::simulation::Failed;
use crate::simulation::books::Books;
use crate::simulation::model::{History, Quoted};
use crate::simulation::workload::Command;

/// A purchase with its coupons and what was said of them.
#[derive(Debug, Clone, Copy)]
struct Priced<'a> {
    purchase: &'a Purchase,
    coupons: &'a [CouponId],
    decision: &'a PurchaseDecision,
    document: &'a Value,
}

pub(super) fn check(
    books: &Books,
    (history, applied): (&History, &[Applied<'_>]),
    story: &Story<'_>,
    told: &Told<'_>,
    findings: &mut Findings,
) -> Result<(), Failed> {
    for bought in story.purchases.values() {
        let priced = Priced {
            purchase: bought.order,
            coupons: bought.coupons,
            decision: &bought.reply.decision,
            document: story.document(bought)?,
        };
        discount(books, priced, findings)?;
        kept(books, bought, findings);
    }
    let quoted = history.4.iter();
    for Quoted {
        quote, decision, ..
    } in quoted.filter(|quoted| quoted.tenant == books.tenant)
    {
        let priced = Priced {
            purchase: &quote.purchase,
            coupons: &quote.coupons,
            decision,
            document: story.revision(decision.program.as_str(), decision.revision)?,
        };
        discount(books, priced, findings)?;
    }
    returned(books, applied, story, told, findings)
}

/// What a basket costs, in minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Basket {
    /// What each line costs, and how many pieces it has. A purchase without lines is one line.
    lines: Vec<(i64, i64)>,
    shipping: i64,
}

fn minor(part: Option<Money>) -> i64 {
    part.map_or(0, Money::minor)
}

impl Basket {
    /// Before any offer, with the discounts taken off that the host told.
    fn of(purchase: &Purchase, is_net: bool) -> Result<Self, Failed> {
        let (shipping, discounts) = (minor(purchase.shipping), minor(purchase.discounts));
        if purchase.lines.is_empty() {
            let tax = if is_net { minor(purchase.tax) } else { 0 };
            let whole = purchase.total.minor() - discounts - minor(purchase.fee) - shipping - tax;
            let lines = vec![(whole.max(0), 1)];
            return Ok(Self { lines, shipping });
        }
        let amounts: Vec<i64> = purchase.lines.iter().map(|l| l.amount.minor()).collect();
        let shares = split(discounts, &amounts)?;
        let lines = purchase.lines.iter().zip(shares);
        let lines = lines.map(|(line, share)| {
            let left = line.amount.minor() - share;
            (left.max(0), i64::from(line.quantity.max(1)))
        });
        Ok(Self {
            lines: lines.collect(),
            shipping,
        })
    }

    fn sum(&self) -> i64 {
        self.lines.iter().map(|(left, _)| left).sum()
    }
}

/// A part for each by its weight, largest remainder first, the first of equal ones first. None when nothing weighs anything.
fn split(total: i64, weights: &[i64]) -> Result<Vec<i64>, Failed> {
    let all: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
    if all == 0 {
        return Ok(vec![0; weights.len()]);
    }
    let mut parts = Vec::new();
    for (at, weight) in weights.iter().enumerate() {
        let product = i128::from(total) * i128::from(*weight);
        let (part, rest) = (product.div_euclid(all), product.rem_euclid(all));
        parts.push((at, i64::try_from(part)?, rest));
    }
    let mut left = total - parts.iter().map(|(_, part, _)| part).sum::<i64>();
    parts.sort_by_key(|(at, _, rest)| (-rest, *at));
    for (_, part, _) in &mut parts {
        if left > 0 {
            (*part, left) = (*part + 1, left - 1);
        }
    }
    parts.sort_by_key(|(at, _, _)| *at);
    Ok(parts.into_iter().map(|(_, part, _)| part).collect())
}

/// What coupons take off one purchase.
fn discount(books: &Books, priced: Priced<'_>, findings: &mut Findings) -> Result<(), Failed> {
    let id = &priced.purchase.id;
    let told = match &priced.decision.discount {
        Some(told) => told,
        None if priced.coupons.is_empty() => return Ok(()),
        None => {
            findings.add(Check::Discount, format!("{id} has coupons and no discount"));
            return Ok(());
        }
    };
    verdicts(books, priced, told, findings);
    let section = priced.document.get("offers").unwrap_or(&Value::Null);
    let is_net = text(section, "prices") == "without_tax";
    let before = Basket::of(priced.purchase, is_net)?;
    let mut left = before.clone();
    for applied in &told.applied {
        let Some(offer) = named(section, "list", applied.offer.as_str()) else {
            findings.add(Check::Discount, format!("{id}: no such offer: {applied:?}"));
            continue;
        };
        given_by(books, offer, applied, findings);
        takes_off(section, offer, applied, (&before, &mut left), findings)?;
        granted_for(priced, offer, findings);
    }
    together(section, told, id, findings);
    sums(priced, told, is_net, (&before, &left), findings);
    Ok(())
}

/// Each coupon comes to something, in the order in which they were given: it is used when an offer of it applies, or where all are.
/// A coupon that is worth an amount is kept when it spends nothing.
fn verdicts(books: &Books, priced: Priced<'_>, told: &BasketDiscount, findings: &mut Findings) {
    let id = &priced.purchase.id;
    let uses = told.coupons.iter().map(|own| &own.coupon);
    findings.same(
        Check::Discount,
        format!("coupons of {id}"),
        priced.coupons.iter().collect::<Vec<_>>(),
        uses.collect(),
    );
    let policy = priced.document.pointer("/offers/without_effect");
    let uses_all = policy.is_some_and(|policy| policy == "use");
    for own in &told.coupons {
        let uses_all = uses_all && !is_valued(books, &own.coupon);
        let mut applied = told.applied.iter();
        let applies = applied.any(|applied| applied.coupon == own.coupon);
        let is_right = match &own.outcome {
            CouponVerdict::Used => applies || uses_all,
            CouponVerdict::Kept => !applies && !uses_all,
            CouponVerdict::Refused { .. } => !applies,
        };
        if !is_right {
            findings.add(Check::Discount, format!("{id}: {own:?} of {told:?}"));
        }
    }
}

/// The coupon is of a book that gives the offer.
fn given_by(books: &Books, offer: &Value, applied: &AppliedOffer, findings: &mut Findings) {
    let coupon = books.coupons.get(applied.coupon.as_str());
    let is_given = coupon.is_some_and(|coupon| {
        items(offer, "books").contains(&Value::from(coupon.book.to_string()))
    });
    if !is_given {
        let detail = format!("{applied:?} is given by {coupon:?}");
        findings.add(Check::Discount, detail);
    }
}

/// What one offer takes off of what those before it left.
fn takes_off(
    section: &Value,
    offer: &Value,
    applied: &AppliedOffer,
    (before, left): (&Basket, &mut Basket),
    findings: &mut Findings,
) -> Result<(), Failed> {
    let group = match text(offer, "stacking_group") {
        "" => items(section, "stacking_groups").first(),
        group => named(section, "stacking_groups", group),
    };
    let is_running = group.is_some_and(|group| text(group, "base") == "running");
    let base = if is_running { &*left } else { before };
    let mut told = vec![0; left.lines.len()];
    for share in &applied.lines {
        if let Some(own) = told.get_mut(usize::try_from(share.line)?) {
            *own += share.amount.minor();
        }
    }
    let whole = applied.taken_off.minor();
    // What a purchase has no line for is not told by line.
    if applied.lines.is_empty() && told.len() == 1 && offer.pointer("/effect/shipping").is_none() {
        told = vec![whole];
    }
    let of_shipping = whole - told.iter().sum::<i64>();
    let found = (told, of_shipping);
    let expected = expected(offer, base, left)?;
    if expected.as_ref().is_some_and(|expected| *expected != found) {
        let detail = format!("{applied:?} takes {expected:?} off {left:?}, found {found:?}");
        findings.add(Check::Discount, detail);
    }
    for ((cost, _), off) in left.lines.iter_mut().zip(&found.0) {
        *cost -= off;
        if *off < 0 || *cost < 0 {
            let detail = format!("{applied:?} takes {off} and leaves {cost}");
            findings.add(Check::Discount, detail);
        }
    }
    left.shipping -= of_shipping;
    let is_earn = offer.pointer("/effect/earn").is_some();
    if left.shipping < 0 || of_shipping < 0 || (whole == 0) != is_earn {
        let detail = format!("{applied:?} leaves {left:?}");
        findings.add(Check::Discount, detail);
    }
    Ok(())
}

/// What an offer is to take off each line, and off the shipping; nothing of those that look at single pieces.
fn expected(
    offer: &Value,
    base: &Basket,
    left: &Basket,
) -> Result<Option<(Vec<i64>, i64)>, Failed> {
    let effect = offer.get("effect").ok_or("an offer without an effect")?;
    let cents = |of: &Value, field: &str| -> Result<i64, Failed> {
        match text(of, field) {
            "" => Ok(i64::MAX),
            amount => {
                let cents = Fraction::parse(amount)?.times(Fraction::whole(100));
                Ok(i64::try_from(cents.down())?)
            }
        }
    };
    let share = |whole: i64, of: &Value| -> Result<i64, Failed> {
        let rate = Fraction::parse(text(of, "rate"))?;
        let part = Fraction::whole(i128::from(whole)).times(rate).half_even();
        Ok(i64::try_from(part)?.min(cents(of, "at_most")?))
    };
    let over_lines = |wanted: i64, costs: &Basket| -> Result<Vec<i64>, Failed> {
        let weights: Vec<i64> = costs.lines.iter().map(|(cost, _)| *cost).collect();
        let shares = split(wanted.min(costs.sum()), &weights)?.into_iter();
        let shares = shares.zip(&left.lines);
        Ok(shares.map(|(share, (left, _))| share.min(*left)).collect())
    };
    let nothing = || vec![0; left.lines.len()];
    Ok(if let Some(percent) = effect.get("percent") {
        Some((over_lines(share(base.sum(), percent)?, base)?, 0))
    } else if let Some(fixed) = effect.get("fixed") {
        let amount = cents(fixed, "amount")?;
        let by_piece = left.lines.iter();
        let by_piece = by_piece.map(|(left, pieces)| (amount * pieces).min(*left));
        match text(fixed, "each") {
            "piece" => Some((by_piece.collect(), 0)),
            _ => Some((over_lines(amount, left)?, 0)),
        }
    } else if let Some(shipping) = effect.get("shipping") {
        let off = share(base.shipping, shipping)?.min(left.shipping);
        Some((nothing(), off))
    } else if effect.get("earn").is_some() {
        Some((nothing(), 0))
    } else {
        None
    })
}

/// An offer that takes nothing off is one for which some rule granted something.
fn granted_for(priced: Priced<'_>, offer: &Value, findings: &mut Findings) {
    if offer.pointer("/effect/earn").is_none() {
        return;
    }
    let id = Value::from(text(offer, "id"));
    let asks = |rule: &Value| {
        let when = rule.pointer("/when/offer").and_then(Value::as_array);
        when.is_some_and(|offers| offers.contains(&id))
    };
    let rules = items(priced.document, "rules").iter();
    let rules: BTreeSet<&str> = rules
        .filter(|rule| asks(rule))
        .map(|rule| text(rule, "id"))
        .collect();
    let mut grants = priced.decision.grants.iter();
    // Whoever is suspended is granted nothing.
    let is_withheld = priced.decision.withheld.is_some();
    if !is_withheld && !grants.any(|grant| rules.contains(grant.rule.as_str())) {
        let id = &priced.purchase.id;
        findings.add(
            Check::Discount,
            format!("{id}: nothing is granted for {offer}"),
        );
    }
}

/// No more offers apply than may, and none with one that it never goes with.
fn together(section: &Value, told: &BasketDiscount, id: &PurchaseId, findings: &mut Findings) {
    let most = section.get("at_most").and_then(Value::as_u64);
    let count = u64::try_from(told.applied.len()).unwrap_or(u64::MAX);
    if most.is_some_and(|most| count > most) {
        findings.add(
            Check::Discount,
            format!("{id} has {count} of {most:?} offers"),
        );
    }
    for one in &told.applied {
        let Some(offer) = named(section, "list", one.offer.as_str()) else {
            continue;
        };
        let never = items(offer, "never_with");
        let mut others = told.applied.iter().filter(|other| other.offer != one.offer);
        if others.any(|other| never.contains(&Value::from(other.offer.as_str()))) {
            findings.add(Check::Discount, format!("{id}: {one:?} goes with no other"));
        }
    }
}

/// What is left of each line and of the whole is what offers took off it.
fn sums(
    priced: Priced<'_>,
    told: &BasketDiscount,
    is_net: bool,
    (before, left): (&Basket, &Basket),
    findings: &mut Findings,
) {
    let (purchase, id) = (priced.purchase, &priced.purchase.id);
    if !purchase.lines.is_empty() {
        let prices = before.lines.iter().zip(&left.lines);
        let expected: Vec<_> = prices
            .map(|((one, _), (other, _))| (*one, *other))
            .collect();
        let found = told.lines.iter();
        let found: Vec<_> = found
            .map(|line| (line.before.minor(), line.after.minor()))
            .collect();
        findings.same(Check::Discount, format!("lines of {id}"), expected, found);
    }
    let (off_lines, off_shipping) = (before.sum() - left.sum(), before.shipping - left.shipping);
    let off_tax = told.tax_off.minor();
    let off = off_lines + off_shipping + if is_net { off_tax } else { 0 };
    findings.same(
        Check::Discount,
        format!("off lines, off shipping and to pay for {id}"),
        (
            off_lines,
            off_shipping,
            purchase.total.minor() - minor(purchase.discounts) - off,
        ),
        (
            told.taken_off.minor(),
            told.shipping_off.minor(),
            told.to_pay.minor(),
        ),
    );
    let is_less = off_lines + off_shipping > 0;
    if !(0..=minor(purchase.tax)).contains(&off_tax)
        || off_tax > 0 && !is_less
        || told.to_pay.is_negative()
    {
        findings.add(Check::Discount, format!("{id} cannot cost that: {told:?}"));
    }
}

/// The purchase is kept as it was paid, with the coupons that were used.
fn kept(books: &Books, bought: &Bought<'_>, findings: &mut Findings) {
    let id = &bought.order.id;
    let Some(stored) = books.purchases.get(id) else {
        return;
    };
    let purchase = &stored.entity.purchase;
    findings.same(
        Check::Discount,
        format!("kept price of {id}"),
        bought.paid(),
        purchase.total.minor() - minor(purchase.discounts),
    );
    let used: Vec<&CouponId> = used_with(bought).collect();
    let found = stored.entity.coupons.iter().collect();
    findings.same(
        Check::Discount,
        format!("kept coupons of {id}"),
        used,
        found,
    );
    values(books, bought, &stored.entity.coupon_values, findings);
    let discount = bought.reply.decision.discount.iter();
    let told = discount.flat_map(|discount| &discount.lines);
    for (line, told) in purchase.lines.iter().zip(told) {
        findings.same(
            Check::Discount,
            format!("kept line {} of {id}", told.line),
            told.after.minor(),
            line.amount.minor() - minor(line.discounts),
        );
    }
}

/// Whether a coupon is worth an amount.
fn is_valued(books: &Books, coupon: &CouponId) -> bool {
    let coupon = books.coupons.get(coupon.as_str());
    let book = coupon.and_then(|own| books.coupon_books.get(own.book.as_str()));
    book.is_some_and(|book| book.terms.value.is_some())
}

/// What coupons that are worth an amount have spent is what their offers took off.
fn values(books: &Books, bought: &Bought<'_>, kept: &[SpentValue], findings: &mut Findings) {
    let mut spent: BTreeMap<&CouponId, i64> = BTreeMap::new();
    for coupon in used_with(bought).filter(|coupon| is_valued(books, coupon)) {
        spent.entry(coupon).or_default();
    }
    let discount = bought.reply.decision.discount.iter();
    for applied in discount.flat_map(|discount| &discount.applied) {
        if let Some(spent) = spent.get_mut(&applied.coupon) {
            *spent += applied.taken_off.minor();
        }
    }
    let found = kept.iter().map(|spent| (&spent.0, spent.1));
    let name = format!("values spent with {}", bought.order.id);
    findings.same(Check::Discount, name, spent, found.collect());
}

/// The coupons that were used with a purchase.
pub(super) fn used_with<'b>(bought: &'b Bought<'_>) -> impl Iterator<Item = &'b CouponId> {
    let discount = bought.reply.decision.discount.iter();
    let coupons = discount.flat_map(|discount| &discount.coupons);
    let used = coupons.filter(|own| own.outcome == CouponVerdict::Used);
    used.map(|own| &own.coupon)
}

/// The purchases that give the uses of their coupons back: cancelled ones, and those whose last part a refund gave back, as the
/// document that decided says.
pub(super) fn giving_back<'s, 'a>(
    applied: &[Applied<'_>],
    story: &'s Story<'a>,
) -> Result<Vec<&'s Bought<'a>>, Failed> {
    let mut giving = Vec::new();
    for command in applied {
        let (id, is_cancelled) = match &command.order.command {
            Command::Cancel(request) => (&request.purchase, true),
            Command::Refund(request) => {
                let reply: RefundedPurchase = command.reply()?;
                let is_whole = reply.state == rewards_core::cashback::PurchaseState::Refunded;
                if !is_whole || request.kind == Some(RefundKind::Chargeback) {
                    continue;
                }
                (&request.purchase, false)
            }
            _ => continue,
        };
        let Some(bought) = story.purchases.get(id) else {
            continue;
        };
        if gives_back(story.document(bought)?, is_cancelled) {
            giving.push(bought);
        }
    }
    Ok(giving)
}

/// Whether a document gives uses of coupons back when a purchase is cancelled, or else refunded.
pub(super) fn gives_back(document: &Value, is_cancelled: bool) -> bool {
    let offers = document.get("offers");
    match offers.map(|found| text(found, "returned_by")) {
        Some("never") => false,
        Some("cancellation") => is_cancelled,
        _ => true,
    }
}

/// The use of a coupon comes back once with its purchase, and is told to whoever bought; nothing comes back of a coupon that was
/// voided.
fn returned(
    books: &Books,
    applied: &[Applied<'_>],
    story: &Story<'_>,
    told: &Told<'_>,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let mut expected: BTreeMap<(MemberId, String, String), i64> = BTreeMap::new();
    for bought in giving_back(applied, story)? {
        for coupon in used_with(bought) {
            let order = &bought.order;
            let place = (
                order.member.clone(),
                coupon.to_string(),
                order.id.to_string(),
            );
            *expected.entry(place).or_default() += 1;
        }
    }
    let mut found: BTreeMap<(MemberId, String, String), i64> = BTreeMap::new();
    let mut voided = BTreeSet::new();
    for (stream, events) in told {
        let Stream::Member(member) = stream else {
            continue;
        };
        for event in events {
            match event {
                Event::CouponReturned { coupon, order, .. } => {
                    let place = (member.clone(), coupon.to_string(), order.to_string());
                    *found.entry(place).or_default() += 1;
                }
                Event::CouponVoided { coupon, .. } | Event::CouponReplaced { coupon, .. } => {
                    voided.insert(coupon.to_string());
                }
                _ => {}
            }
        }
    }
    // A coupon that nobody held is voided without a word.
    for (id, coupon) in &books.coupons {
        if coupon.counted_as() == rewards_core::coupons::BookCount::Voided {
            voided.insert(id.clone());
        }
    }
    expected.retain(|place, _| found.contains_key(place) || !voided.contains(&place.1));
    findings.same_maps(Check::Discount, "came back", &expected, &found);
    Ok(())
}
