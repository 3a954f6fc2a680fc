//! Conversions: worked out again from the rates that were told, and held against what moved, what is held and what went back.

use std::collections::{BTreeMap, BTreeSet};

use rewards_core::fx::{Conversion, ConversionTerms, FxLeg, FxPrice, FxQuote};
use rewards_core::ledger::Purpose;
use rewards_core::money::{Asset, Currency, Money};
use rewards_core::operations::fx::{ConvertedBalance, LockedConversion, RateContent};
use rewards_core::time::LocalDate;
use serde_json::Value;

use super::super::fraction::Fraction;
use super::super::story::{Story, text};
use super::super::transfers::cost;
use super::super::{Applied, Check, Findings};
use crate::simulation::Failed;
use crate::simulation::books::Books;
use crate::simulation::workload::Command;

/// Prices by day and pair, as somebody told them.
type Told = BTreeSet<String>;

pub(super) fn check(
    books: &Books,
    applied: &[Applied<'_>],
    story: &Story<'_>,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let told = prices(applied);
    for (id, rate) in &books.rates {
        let place = place((rate.base, rate.quote), rate.day, rate.price);
        if !told.contains(&place) {
            findings.add(Check::Conversion, format!("nobody told rate {id}: {place}"));
        }
    }
    for command in applied {
        match &command.order.command {
            Command::Convert(request) => {
                let reply: ConvertedBalance = command.reply()?;
                let made = books.conversions.get(request.conversion.as_str());
                let kept = made.map(|made| (&made.terms, &made.quote));
                let said = Some((&reply.terms, &reply.quote));
                findings.same(Check::Conversion, &request.conversion, said, kept);
            }
            Command::LockRate(request) => {
                let reply: LockedConversion = command.reply()?;
                let made = books.quotes.get(request.quote.as_str());
                let kept = made.map(|made| (&made.terms, made.expires_at));
                let said = Some((&reply.terms, reply.expires_at));
                findings.same(Check::Conversion, &request.quote, said, kept);
            }
            _ => {}
        }
    }
    for (id, made) in &books.quotes {
        let by = (made.allowed_by.program.as_str(), made.allowed_by.revision);
        let rule = rule_of(story.revision(by.0, by.1)?, made.allowed_by.rule.as_str());
        worked_out(id, (&made.terms, rule), &told, findings)?;
    }
    let mut used = BTreeMap::new();
    for (id, made) in &books.conversions {
        let by = (made.allowed_by.program.as_str(), made.allowed_by.revision);
        let rule = rule_of(story.revision(by.0, by.1)?, made.allowed_by.rule.as_str());
        worked_out(id, (&made.terms, rule), &told, findings)?;
        went_back(made, findings);
        if let Some(quote) = &made.quote {
            if let Some(other) = used.insert(quote.clone(), id) {
                let detail = format!("{quote} was used by {other} and {id}");
                findings.add(Check::Conversion, detail);
            }
            let held = books.quotes.get(quote.as_str());
            by_quote(made, held, findings);
        }
    }
    positions(books, findings);
    Ok(())
}

/// A price of a pair on a day, as text.
fn place((base, quote): (Currency, Currency), day: LocalDate, price: FxPrice) -> String {
    format!("{day} {base}/{quote} {price:?}")
}

/// Every price that an import which happened has told.
fn prices(applied: &[Applied<'_>]) -> Told {
    let mut told = Told::new();
    for command in applied {
        let Command::ImportRates(request) = &command.order.command else {
            continue;
        };
        let RateContent::Rates(lines) = &request.content else {
            continue;
        };
        let places = lines.iter();
        told.extend(places.map(|line| place((line.base, line.quote), line.day, line.price)));
    }
    told
}

fn rule_of<'d>(document: &'d Value, id: &str) -> &'d Value {
    let rules = document.pointer("/fx/rules").and_then(Value::as_array);
    let mut rules = rules.into_iter().flatten();
    let rule = rules.find(|rule| text(rule, "id") == id);
    rule.unwrap_or(&Value::Null)
}

/// How many units of the other currency one unit is, by a step.
fn by_step(leg: &FxLeg) -> Result<Fraction, Failed> {
    let FxPrice::Mid(price) = &leg.price else {
        return Err("a price for each direction".into());
    };
    let price = Fraction::parse(&price.to_string())?;
    Ok(match leg.inverse {
        true => Fraction::ONE.over(price),
        false => price,
    })
}

/// What a member gets is what the rates come to, dearer by the markup and cut off once; the rest is the tenant's.
fn worked_out(
    id: &str,
    (terms, rule): (&ConversionTerms, &Value),
    told: &Told,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let mut rate = Fraction::ONE;
    for leg in &terms.rate.chain {
        rate = rate.times(by_step(leg)?);
        let place = place((leg.base, leg.quote), leg.day, leg.price);
        if !told.contains(&place) {
            findings.add(Check::Conversion, format!("nobody told {id} of {place}"));
        }
    }
    let markup = match rule.get("markup").and_then(Value::as_str) {
        Some(markup) => Fraction::ONE.plus(Fraction::parse(markup)?),
        None => Fraction::ONE,
    };
    let amount = Fraction::whole(i128::from(terms.converted.minor()));
    let worth = amount.times(rate);
    let had = worth.over(markup).down();
    let fee_of = |asset: Asset| match terms.fee {
        Some(fee) if fee.asset() == asset => i128::from(fee.minor()),
        _ => 0,
    };
    let given = i128::from(terms.converted.minor()) + fee_of(terms.given.asset());
    let expected = (
        had - fee_of(terms.arrived.asset()),
        worth.down() - had,
        given,
    );
    let minor = |money: Money| i128::from(money.minor());
    let found = (
        minor(terms.arrived),
        minor(terms.spread),
        minor(terms.given),
    );
    findings.same(
        Check::Conversion,
        format!("{id} of {terms:?}"),
        expected,
        found,
    );
    if terms.arrived.minor() <= 0 {
        findings.add(Check::Conversion, format!("{id} cannot be: {terms:?}"));
    }
    let fee = terms.fee.map_or(0, minor);
    let charge = rule.pointer("/fee/charge").unwrap_or(&Value::Null);
    // A fee in the currency that arrives is one of all that was had.
    let of = match terms.fee {
        Some(fee) if fee.asset() == terms.arrived.asset() => had,
        _ => minor(terms.converted),
    };
    let expected = cost(charge, terms.given.asset(), of)?;
    findings.same(Check::Conversion, format!("fee of {id}"), expected, fee);
    Ok(())
}

/// A conversion by a quote is what the quote said, of whom it was held for, in time.
fn by_quote(made: &Conversion, held: Option<&FxQuote>, findings: &mut Findings) {
    let is_right = held.is_some_and(|held| held.terms == made.terms);
    if !is_right {
        let id = &made.conversion;
        findings.add(Check::Conversion, format!("{id} is not what {held:?} said"));
    }
}

/// Parts that went back are cut off, and all together come to what one refund of all of it would.
fn went_back(made: &Conversion, findings: &mut Findings) {
    let had = i128::from(made.terms.had());
    let share = |whole: Money, so_far: i128| (i128::from(whole.minor()) * so_far).div_euclid(had);
    let (mut returned, mut restored, mut spread) = (0, 0, 0);
    for part in made.refunds() {
        returned += i128::from(part.returned.minor());
        restored += i128::from(part.restored.minor());
        spread += i128::from(part.spread.minor());
        let expected = (
            share(made.terms.converted, returned),
            share(made.terms.spread, returned),
        );
        let what = format!("{} back by {}", made.conversion, part.refund);
        findings.same(Check::Conversion, what, expected, (restored, spread));
    }
    if returned > i128::from(made.terms.arrived.minor()) {
        let id = &made.conversion;
        findings.add(
            Check::Conversion,
            format!("more of {id} went back than arrived"),
        );
    }
}

/// What the position and the spread come to, currency by currency.
fn positions(books: &Books, findings: &mut Findings) {
    let mut expected: BTreeMap<(Purpose, Asset), i128> = BTreeMap::new();
    let mut add = |purpose: Purpose, money: Money, sign: i128| {
        let place = expected.entry((purpose, money.asset())).or_default();
        *place += sign * i128::from(money.minor());
    };
    for made in books.conversions.values() {
        let terms = &made.terms;
        let had = Money::new(terms.had(), terms.arrived.asset());
        add(Purpose::Position, terms.converted, 1);
        add(Purpose::Position, had, -1);
        add(Purpose::Position, terms.spread, -1);
        add(Purpose::Spread, terms.spread, 1);
        for part in made.refunds() {
            add(Purpose::Position, part.returned, 1);
            add(Purpose::Position, part.spread, 1);
            add(Purpose::Position, part.restored, -1);
            add(Purpose::Spread, part.spread, -1);
        }
    }
    let controls = books.controls.iter();
    let own =
        controls.filter(|((purpose, _), _)| matches!(purpose, Purpose::Position | Purpose::Spread));
    let mut found: BTreeMap<(Purpose, Asset), i128> =
        own.map(|(place, minor)| (place.clone(), *minor)).collect();
    expected.retain(|_, minor| *minor != 0);
    found.retain(|_, minor| *minor != 0);
    findings.same_maps(Check::Conversion, "account", &expected, &found);
}
