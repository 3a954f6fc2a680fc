//! Whether a condition holds, and which part of it does not.

use rust_decimal::Decimal;

use super::{Facts, Line, Standing};
use crate::program::{
    AttributeTest, BasisMask, Check, CompiledProgram, LineCheck, LineTest, weekday_bit,
};

/// Everything a condition can look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub program: &'a CompiledProgram,
    pub facts: &'a Facts<'a>,
    pub standing: &'a Standing<'a>,
    /// The line in query; for the whole basket any line will do.
    pub line: Option<usize>,
}

impl View<'_> {
    /// Whether a compiled condition holds.
    pub fn holds(&self, check: &Check) -> bool {
        match check {
            Check::All(parts) => parts.iter().all(|part| self.holds(part)),
            Check::Any(parts) => parts.iter().any(|part| self.holds(part)),
            Check::None(parts) => !parts.iter().any(|part| self.holds(part)),
            Check::Amount(basis, range) => range.contains(self.facts.amount(*basis)),
            Check::Fact(fact, symbols) => self
                .facts
                .symbols
                .get(*fact as usize)
                .is_some_and(|symbol| *symbol != 0 && symbols.binary_search(symbol).is_ok()),
            Check::Tag(wanted) => wanted
                .iter()
                .any(|tag| self.facts.purchase.tags.contains(tag)),
            Check::Segment(wanted) => wanted
                .iter()
                .any(|segment| self.standing.segments.contains(segment)),
            Check::Tier(ladder, bits) => {
                let rank = self.standing.ranks.get(*ladder).copied().unwrap_or(0);
                u32::try_from(rank).is_ok_and(|rank| bits.checked_shr(rank).unwrap_or(0) & 1 == 1)
            }
            Check::Line(test) => self.some_line(test),
            Check::Activity(test) => test
                .range
                .contains(self.activity_counter(test.activity_counter)),
            Check::EveryNth(test, every) => {
                let number = self.activity_counter(test.activity_counter);
                test.range.contains(number) && number.checked_rem(*every) == Some(0)
            }
            Check::Weekday(bits) => bits & weekday_bit(self.facts.local(self.program).weekday) != 0,
            Check::TimeOfDay(range) => range.contains(self.facts.local(self.program).seconds),
            Check::Dates(range) => range.contains_day(self.facts.local(self.program).day),
            Check::Attribute(test) => self.attribute(test),
            Check::Offer(numbers) => {
                let mut applied = self.standing.offers.iter();
                applied.any(|number| numbers.contains(number))
            }
        }
    }

    /// The path of the first part that does not hold, below the condition's own path.
    pub fn first_failure(&self, check: &Check) -> Option<String> {
        match check {
            Check::All(parts) => parts.iter().enumerate().find_map(|(at, part)| {
                self.first_failure(part)
                    .map(|below| format!(".all[{at}]{below}"))
            }),
            Check::None(parts) => parts
                .iter()
                .position(|part| self.holds(part))
                .map(|at| format!(".none[{at}]")),
            Check::Any(_) => (!self.holds(check)).then(|| ".any".to_owned()),
            _ => (!self.holds(check)).then(String::new),
        }
    }

    /// What a activity_counter counts with this purchase included.
    pub(super) fn activity_counter(&self, number: usize) -> i64 {
        use crate::program::Activity;
        let before = u32::try_from(number)
            .ok()
            .and_then(|n| self.standing.activity_counters.get(n));
        let own = match self
            .program
            .activity_counters()
            .get(number)
            .map(|activity_counter| activity_counter.kind)
        {
            Some(Activity::Number | Activity::Visits) => 1,
            Some(Activity::Spend(basis)) => self.facts.amount(basis),
            Some(Activity::Earned(_)) | None => 0,
        };
        before.unwrap_or(0).saturating_add(own)
    }

    fn some_line(&self, test: &LineCheck) -> bool {
        match self.line {
            Some(line) => self.line_holds(test, line),
            None => (0..self.facts.purchase.lines.len()).any(|line| self.line_holds(test, line)),
        }
    }

    /// Whether a line passes a test.
    pub fn line_holds(&self, check: &LineCheck, at: usize) -> bool {
        let Some(line) = self.facts.purchase.lines.get(at) else {
            return false;
        };
        let test = &check.test;
        is_selected(test, line)
            && test
                .quantity_at_least
                .is_none_or(|least| line.quantity >= least)
            && self.facts.line_amount(at, BasisMask::default()) >= check.amount_at_least
    }

    fn attribute(&self, test: &AttributeTest) -> bool {
        let injected = self.facts.purchase.attributes.get(&test.name);
        injected
            .or_else(|| self.standing.attributes.get(&test.name))
            .is_some_and(|value| passes(test, value))
    }
}

/// Whether a line passes a test but for its pieces and its amount.
pub(super) fn is_selected(test: &LineTest, line: &Line) -> bool {
    let among = |list: &[String], text: Option<&str>| {
        text.is_some_and(|text| list.iter().any(|wanted| wanted == text))
    };
    (test.sku.is_empty() || among(&test.sku, line.sku.as_deref()))
        && (test.category.is_empty() || among(&test.category, line.category.as_deref()))
        && !among(&test.except_sku, line.sku.as_deref())
        && !among(&test.except_category, line.category.as_deref())
        && test.attribute.as_ref().is_none_or(|wanted| {
            line.attributes
                .get(&wanted.name)
                .is_some_and(|value| passes(wanted, value))
        })
}

/// Whether the text of an attribute passes a test. A text that is no number fails every bound.
pub(super) fn passes(test: &AttributeTest, value: &str) -> bool {
    if !test.one_of.is_empty() && !test.one_of.iter().any(|wanted| wanted == value) {
        return false;
    }
    if test.at_least.is_none() && test.below.is_none() {
        return true;
    }
    let Ok(number) = Decimal::from_str_exact(value) else {
        return false;
    };
    test.at_least
        .is_none_or(|least| number >= least.as_decimal())
        && test.below.is_none_or(|bound| number < bound.as_decimal())
}
