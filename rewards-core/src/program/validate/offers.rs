//! Offers: what they are given by, what they are about, and which go together.

use super::{Checker, PARTS_MAX, PROGRAM_OFFERS_MAX, TAGS_MAX, conditions, rules::check_list};
use crate::ids::Slug;
use crate::money::Rate;
use crate::parse::At;
use crate::program::{
    Bundle, BuyGet, Condition, Offer, OfferEffect, Offers, PercentOff, PieceGroup, Scope,
};

pub(super) fn check(checker: &mut Checker<'_>) {
    let program = checker.program;
    let Some(section) = &program.offers else {
        return;
    };
    let root = At::Root;
    let at = root.field("offers");
    checker.positive_number(&at.field("at_most"), section.at_most);
    let list = at.field("list");
    if section.list.is_empty() {
        checker.report("offers_empty", &list, "expected an offer at least");
    }
    for (index, offer) in section.list.iter().take(PROGRAM_OFFERS_MAX).enumerate() {
        check_offer(checker, &list.item(index), section, offer);
    }
}

fn check_offer(checker: &mut Checker<'_>, at: &At<'_>, section: &Offers, offer: &Offer) {
    check_books(checker, &at.field("books"), offer);
    check_group(checker, &at.field("stacking_group"), section, offer);
    if let Some(when) = &offer.when {
        let at = at.field("when");
        conditions::check(checker, &at, when, offer.active);
        check_own(checker, &at, when);
    }
    if let Some(lines) = &offer.lines {
        conditions::check_line(checker, &at.field("lines"), lines);
    }
    if let Some(minimum) = &offer.minimum {
        let scale = checker.program.currency.scale();
        let at = at.field("minimum");
        checker.positive_amount(&at.field("amount"), minimum.amount, scale);
    }
    check_effect(checker, &at.field("effect"), &offer.effect);
    let names = checker.names;
    for (field, list) in [
        ("always_with", &offer.always_with),
        ("never_with", &offer.never_with),
    ] {
        let at = at.field(field);
        if check_list(checker, &at, list) {
            for (index, name) in list.iter().enumerate() {
                checker.refer(&at.item(index), "offer", name.as_str(), &names.offers);
            }
        }
    }
    let both = offer
        .always_with
        .iter()
        .find(|name| offer.never_with.contains(name));
    if let Some(name) = both {
        let words = format!("`{name}` is in `always_with` and in `never_with`");
        checker.report("stacking_contradiction", &at.field("never_with"), words);
    }
}

fn check_books(checker: &mut Checker<'_>, at: &At<'_>, offer: &Offer) {
    if offer.books.is_empty() {
        let words = "expected a book at least: an offer is given by coupons";
        checker.report("books_empty", at, words);
    }
    if checker.is_within(at, offer.books.len(), TAGS_MAX) {
        for (index, book) in offer.books.iter().enumerate() {
            if offer
                .books
                .iter()
                .take(index)
                .any(|earlier| earlier == book)
            {
                let words = format!("`{book}` is in the list already");
                checker.report("reference_duplicate", &at.item(index), words);
            }
        }
    }
}

/// The stacking group of an offer. A choice line by line needs something that is taken off lines.
fn check_group(checker: &mut Checker<'_>, at: &At<'_>, section: &Offers, offer: &Offer) {
    let names = checker.names;
    let group = match &offer.stacking_group {
        None => Some(0),
        Some(id) if section.stacking_groups.is_empty() && id.as_str() == "default" => Some(0),
        Some(id) => checker.refer(at, "stacking_group", id.as_str(), &names.offer_groups),
    };
    let group = group.and_then(|index| section.stacking_groups.get(index));
    let by_line = group.is_some_and(|group| group.scope == Scope::Line);
    if by_line
        && matches!(
            offer.effect,
            OfferEffect::Shipping(_) | OfferEffect::Earn(_)
        )
    {
        let words = "the stacking group chooses line by line: expected something taken off lines";
        checker.report("scope_mixed", at, words);
    }
}

/// An offer that asks for offers would ask for what is not settled yet.
fn check_own(checker: &mut Checker<'_>, at: &At<'_>, condition: &Condition) {
    match condition {
        Condition::All(parts) => check_parts(checker, &at.field("all"), parts),
        Condition::Any(parts) => check_parts(checker, &at.field("any"), parts),
        Condition::None(parts) => check_parts(checker, &at.field("none"), parts),
        Condition::Offer(_) => {
            let words = "offers are settled before conditions can ask for them: name others in \
                         `always_with` and `never_with`";
            checker.report("offer_circular", &at.field("offer"), words);
        }
        _ => {}
    }
}

fn check_parts(checker: &mut Checker<'_>, at: &At<'_>, parts: &[Condition]) {
    for (index, part) in parts.iter().enumerate() {
        check_own(checker, &at.item(index), part);
    }
}

fn check_effect(checker: &mut Checker<'_>, at: &At<'_>, effect: &OfferEffect) {
    let scale = checker.program.currency.scale();
    match effect {
        OfferEffect::Percent(percent) => check_percent(checker, &at.field("percent"), percent),
        OfferEffect::Fixed(fixed) => {
            let at = at.field("fixed");
            checker.positive_amount(&at.field("amount"), fixed.amount, scale);
        }
        OfferEffect::FixedPrice(fixed) => {
            let at = at.field("fixed_price");
            checker.unsigned_amount(&at.field("price"), fixed.price, scale);
        }
        OfferEffect::Pieces(off) => {
            let at = at.field("pieces");
            checker.positive_number(&at.field("pieces"), Some(off.pieces));
            check_rate(checker, &at.field("rate"), off.rate);
        }
        OfferEffect::BuyGet(buy_get) => check_buy_get(checker, &at.field("buy_get"), buy_get),
        OfferEffect::Bundle(bundle) => check_bundle(checker, &at.field("bundle"), bundle),
        OfferEffect::Shipping(percent) => check_percent(checker, &at.field("shipping"), percent),
        OfferEffect::Value(_) | OfferEffect::Earn(_) => {}
    }
}

fn check_percent(checker: &mut Checker<'_>, at: &At<'_>, percent: &PercentOff) {
    check_rate(checker, &at.field("rate"), percent.rate);
    if let Some(at_most) = percent.at_most {
        let scale = checker.program.currency.scale();
        checker.positive_amount(&at.field("at_most"), at_most, scale);
    }
}

fn check_rate(checker: &mut Checker<'_>, at: &At<'_>, rate: Rate) {
    if rate.is_zero() || rate > Rate::HUNDRED_PERCENT {
        let words = format!("expected above `0%` and up to `100%`, got `{rate}`");
        checker.report("rate_invalid", at, words);
    }
}

fn check_buy_get(checker: &mut Checker<'_>, at: &At<'_>, buy_get: &BuyGet) {
    check_pieces(checker, &at.field("buy"), &buy_get.buy);
    check_pieces(checker, &at.field("get"), &buy_get.get);
    check_rate(checker, &at.field("rate"), buy_get.rate);
    checker.positive_number(&at.field("times"), buy_get.times);
}

fn check_bundle(checker: &mut Checker<'_>, at: &At<'_>, bundle: &Bundle) {
    let parts = at.field("parts");
    if bundle.parts.is_empty() {
        checker.report("parts_empty", &parts, "expected a part at least");
    }
    if checker.is_within(&parts, bundle.parts.len(), PARTS_MAX) {
        for (index, part) in bundle.parts.iter().enumerate() {
            check_pieces(checker, &parts.item(index), part);
        }
    }
    let scale = checker.program.currency.scale();
    checker.unsigned_amount(&at.field("price"), bundle.price, scale);
    checker.positive_number(&at.field("times"), bundle.times);
}

fn check_pieces(checker: &mut Checker<'_>, at: &At<'_>, group: &PieceGroup) {
    checker.positive_number(&at.field("pieces"), Some(group.pieces));
    if let Some(lines) = &group.lines {
        conditions::check_line(checker, &at.field("lines"), lines);
    }
}

/// Checks the offers that the condition of a rule names.
pub(super) fn check_names(checker: &mut Checker<'_>, at: &At<'_>, offers: &[Slug]) {
    if !conditions::check_length(checker, at, offers.len()) {
        return;
    }
    let names = checker.names;
    for (index, name) in offers.iter().enumerate() {
        checker.refer(&at.item(index), "offer", name.as_str(), &names.offers);
    }
}
