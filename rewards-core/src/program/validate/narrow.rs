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
    left: SmallVec<[(Fact<'c>, Left<'c>); 4]>,
}

/// What is left of a fact. Most facts are tested once, and then nobody asks which values pass.
#[derive(Debug)]
enum Left<'c> {
    /// What passes the one condition that tests it.
    Passing(&'c Condition),
    Values(Values<'c>),
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
        let left = dates.map(|dates| (Fact::Date, Left::Values(Values::dates(dates))));
        Self {
            left: left.into_iter().collect(),
        }
    }

    /// Narrows the fact of a condition; false if nothing is left of it. A fact of which nothing was left before is
    /// not looked at again, nor is a condition that cannot hold on its own.
    pub(super) fn add(&mut self, condition: &'c Condition) -> bool {
        let Some(fact) = tested(condition) else {
            return true;
        };
        match self.left.iter_mut().find(|(known, _)| *known == fact) {
            None => {
                self.left.push((fact, Left::Passing(condition)));
                true
            }
            Some((_, left)) => left.narrow(condition),
        }
    }
}

impl<'c> Left<'c> {
    /// Keeps what also passes another condition on the same fact; false if nothing is left by that.
    fn narrow(&mut self, condition: &'c Condition) -> bool {
        let Some(other) = passing(condition) else {
            return true;
        };
        let mut left = match std::mem::replace(self, Self::Passing(condition)) {
            Self::Values(left) => left,
            Self::Passing(first) => match passing(first) {
                Some(left) => left,
                None => return true,
            },
        };
        let was_empty = left.is_empty();
        left.narrow(other);
        let holds = was_empty || !left.is_empty();
        *self = Self::Values(left);
        holds
    }
}

/// The fact that a condition tests.
fn tested(condition: &Condition) -> Option<Fact<'_>> {
    Some(match condition {
        Condition::Category(_) => Fact::Text("category"),
        Condition::Merchant(_) => Fact::Text("merchant"),
        Condition::Biller(_) => Fact::Text("biller"),
        Condition::BillType(_) => Fact::Text("bill_type"),
        Condition::Channel(_) => Fact::Text("channel"),
        Condition::PaymentMethod(_) => Fact::Text("payment_method"),
        Condition::Store(_) => Fact::Text("store"),
        Condition::Country(_) => Fact::Text("country"),
        Condition::Weekday(_) => Fact::Weekday,
        Condition::Dates(_) => Fact::Date,
        Condition::Tier(test) => Fact::Tier(test.ladder.as_str()),
        Condition::Amount(test) => Fact::Amount(&test.of),
        Condition::WindowSum(test) => Fact::WindowSum(test.window, &test.of),
        Condition::PurchaseNumber(_) => Fact::PurchaseNumber,
        Condition::WindowCount(test) => Fact::WindowCount(test.window),
        _ => return None,
    })
}

/// The values of its fact that pass a condition; `None` if none do, because it cannot hold on its own.
fn passing(condition: &Condition) -> Option<Values<'_>> {
    let values = match condition {
        Condition::Category(list)
        | Condition::Merchant(list)
        | Condition::Biller(list)
        | Condition::BillType(list)
        | Condition::Channel(list)
        | Condition::PaymentMethod(list)
        | Condition::Store(list)
        | Condition::Country(list) => Values::texts(list.iter().map(String::as_str)),
        Condition::Weekday(days) => Values::Weekdays(days.iter().copied().collect()),
        Condition::Dates(dates) => Values::dates(*dates),
        Condition::Tier(test) => Values::texts(test.one_of.iter().map(|tier| tier.as_str())),
        Condition::Amount(test) => Values::amounts(test.at_least, test.below),
        Condition::WindowSum(test) => Values::amounts(test.at_least, test.below),
        Condition::PurchaseNumber(test) => Values::counts(test.at_least, test.at_most),
        Condition::WindowCount(test) => Values::counts(test.at_least, test.at_most),
        _ => return None,
    };
    Some(values).filter(|values| !values.is_empty())
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
