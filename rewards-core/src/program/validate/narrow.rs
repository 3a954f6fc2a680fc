//! What is left of each fact when conditions must hold together.
//!
//! Only facts that have one value at a time are followed: a purchase has one category but many tags.

use std::collections::BTreeSet;

use smallvec::SmallVec;

use crate::money::DecimalText;
use crate::program::{Basis, Condition};
use crate::time::{DateRange, Period, Weekday};

/// The values that are left of each fact looked at so far.
#[derive(Debug, Default)]
pub(super) struct Narrowing<'c> {
    left: Vec<(Fact<'c>, Values<'c>)>,
}

/// A fact with one value at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fact<'c> {
    Text(&'static str),
    Tier(&'c str),
    Weekday,
    Date,
    Amount(&'c Basis),
    PurchaseNumber,
    WindowCount(Period),
    WindowSum(Period, &'c Basis),
}

#[derive(Debug, Clone)]
enum Values<'c> {
    /// In order, each once.
    Texts(SmallVec<[&'c str; 2]>),
    Weekdays(BTreeSet<Weekday>),
    Numbers(Range<i64>),
    Amounts(Range<DecimalText>),
}

#[derive(Debug, Clone, Copy)]
struct Range<T> {
    at_least: Option<T>,
    below: Option<T>,
}

impl<'c> Narrowing<'c> {
    /// What is left of the dates of a rule that is active on these dates.
    pub(super) fn active_on(dates: Option<DateRange>) -> Self {
        let left = dates.map(|dates| (Fact::Date, Values::dates(dates)));
        Self {
            left: left.into_iter().collect(),
        }
    }

    /// Narrows the fact of a condition; false if nothing is left of it. A fact of which nothing was left before is
    /// not looked at again, nor is a condition that cannot hold on its own.
    pub(super) fn add(&mut self, condition: &'c Condition) -> bool {
        let Some((fact, values)) = tested(condition) else {
            return true;
        };
        if values.is_empty() {
            return true;
        }
        match self.left.iter_mut().find(|(known, _)| *known == fact) {
            None => {
                self.left.push((fact, values));
                true
            }
            Some((_, left)) if left.is_empty() => true,
            Some((_, left)) => {
                left.narrow(values);
                !left.is_empty()
            }
        }
    }
}

fn texts<'c>(name: &'static str, list: &'c [String]) -> Option<(Fact<'c>, Values<'c>)> {
    let texts = list.iter().map(String::as_str);
    Some((Fact::Text(name), Values::texts(texts)))
}

/// The fact that a condition tests, and the values that pass.
fn tested(condition: &Condition) -> Option<(Fact<'_>, Values<'_>)> {
    match condition {
        Condition::Category(list) => texts("category", list),
        Condition::Merchant(list) => texts("merchant", list),
        Condition::Biller(list) => texts("biller", list),
        Condition::BillType(list) => texts("bill_type", list),
        Condition::Channel(list) => texts("channel", list),
        Condition::PaymentMethod(list) => texts("payment_method", list),
        Condition::Store(list) => texts("store", list),
        Condition::Country(list) => texts("country", list),
        Condition::Weekday(days) => {
            let days = days.iter().copied().collect();
            Some((Fact::Weekday, Values::Weekdays(days)))
        }
        Condition::Dates(dates) => Some((Fact::Date, Values::dates(*dates))),
        Condition::Tier(test) => {
            let tiers = test.one_of.iter().map(|tier| tier.as_str());
            Some((Fact::Tier(test.ladder.as_str()), Values::texts(tiers)))
        }
        Condition::Amount(test) => Some((
            Fact::Amount(&test.of),
            Values::amounts(test.at_least, test.below),
        )),
        Condition::WindowSum(test) => Some((
            Fact::WindowSum(test.window, &test.of),
            Values::amounts(test.at_least, test.below),
        )),
        Condition::PurchaseNumber(test) => Some((
            Fact::PurchaseNumber,
            Values::counts(test.at_least, test.at_most),
        )),
        Condition::WindowCount(test) => Some((
            Fact::WindowCount(test.window),
            Values::counts(test.at_least, test.at_most),
        )),
        _ => None,
    }
}

impl<'c> Values<'c> {
    fn texts(texts: impl Iterator<Item = &'c str>) -> Self {
        let mut texts: SmallVec<[&str; 2]> = texts.collect();
        texts.sort_unstable();
        texts.dedup();
        Self::Texts(texts)
    }

    fn dates(dates: DateRange) -> Self {
        Self::Numbers(Range {
            at_least: dates.from().map(|date| i64::from(date.day())),
            below: dates.end().map(|end| i64::from(end.exclusive_day())),
        })
    }

    fn counts(at_least: Option<u32>, at_most: Option<u32>) -> Self {
        Self::Numbers(Range {
            at_least: at_least.map(i64::from),
            below: at_most.map(|most| i64::from(most).saturating_add(1)),
        })
    }

    fn amounts(at_least: Option<DecimalText>, below: Option<DecimalText>) -> Self {
        Self::Amounts(Range { at_least, below })
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Texts(texts) => texts.is_empty(),
            Self::Weekdays(days) => days.is_empty(),
            Self::Numbers(range) => range.is_empty(),
            Self::Amounts(range) => range.is_empty(),
        }
    }

    /// Keeps what is also in `other`, which is of the same kind because it is of the same fact.
    fn narrow(&mut self, other: Self) {
        match (self, other) {
            (Self::Texts(left), Self::Texts(other)) => {
                left.retain(|text| other.binary_search(text).is_ok());
            }
            (Self::Weekdays(left), Self::Weekdays(other)) => left.retain(|day| other.contains(day)),
            (Self::Numbers(left), Self::Numbers(other)) => left.narrow(other),
            (Self::Amounts(left), Self::Amounts(other)) => left.narrow(other),
            _ => {}
        }
    }
}

impl<T: Ord + Copy> Range<T> {
    fn is_empty(&self) -> bool {
        matches!((self.at_least, self.below), (Some(at_least), Some(below)) if at_least >= below)
    }

    fn narrow(&mut self, other: Self) {
        // Nothing is less than any bound, so the larger of two lower bounds is the one that is given.
        self.at_least = self.at_least.max(other.at_least);
        self.below = match (self.below, other.below) {
            (Some(left), Some(other)) => Some(left.min(other)),
            (left, other) => left.or(other),
        };
    }
}
