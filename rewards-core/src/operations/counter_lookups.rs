//! The counters behind a purchase: which ones it must see, and which ones it moves.

use smallvec::SmallVec;
use smol_str::SmolStr;

use super::change_builder::ChangeBuilder;
use super::history::Span;
use crate::cashback::{Evaluation, Facts, Purchase};
use crate::counter::Summed;
use crate::ids::TenantId;
use crate::program::{CapScope, Check, CompiledCap, CompiledProgram};
use crate::snapshot::{CounterKey, CounterName, CounterRange, Snapshot};
use crate::time::{Bucket, Period};

/// One value to look up: where it is counted, and for which cap, activity counter or rule it is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CounterLookup {
    /// The use of a cap or budget, by day for rolling windows.
    Cap(u32, CounterRange),
    /// What a condition asks of the member's history.
    Activity(u32, Span),
    /// The remainder that a rule carries.
    Carry(u32, CounterRange),
    /// The part of a minor unit that a rule carries.
    CarryPart(u32, CounterRange),
}

impl CounterLookup {
    /// The counter, if it is one.
    pub fn range(&self) -> Option<&CounterRange> {
        match self {
            Self::Cap(_, range) | Self::Carry(_, range) | Self::CarryPart(_, range) => Some(range),
            Self::Activity(..) => None,
        }
    }

    /// The days of the member's history, if it is that.
    pub fn span(&self) -> Option<Span> {
        match self {
            Self::Activity(_, span) => Some(*span),
            Self::Cap(..) | Self::Carry(..) | Self::CarryPart(..) => None,
        }
    }
}

/// The lookups of one purchase under one program.
#[derive(Debug)]
pub(super) struct CounterLookups<'a> {
    tenant: &'a TenantId,
    program: &'a CompiledProgram,
    purchase: &'a Purchase,
}

impl<'a> CounterLookups<'a> {
    /// The lookups of a purchase.
    #[must_use]
    pub fn new(tenant: &'a TenantId, program: &'a CompiledProgram, purchase: &'a Purchase) -> Self {
        Self {
            tenant,
            program,
            purchase,
        }
    }

    /// The values that rules which can match want to see, each once.
    #[must_use]
    pub fn wanted(&self, facts: &Facts<'_>) -> Vec<CounterLookup> {
        let lines = self.purchase.lines.iter();
        let lines = lines.map(|line| (line.sku.as_deref(), line.category.as_deref()));
        let mut caps: SmallVec<[u32; 8]> = SmallVec::new();
        let mut wanted = Vec::new();
        for number in self.program.candidates(&facts.symbols, lines) {
            let Some(rule) = self.program.rule(number) else {
                continue;
            };
            caps.extend(rule.caps.iter().copied());
            if !rule.activity_counters.is_empty() {
                rule.condition
                    .iter()
                    .for_each(|check| self.activity_windows(check, &mut wanted));
            }
            let range = |counter: &SmolStr| CounterRange {
                name: CounterName::of_member(self.tenant, &self.purchase.member, counter),
                from: 0,
                until: 0,
            };
            let carry = rule.carry.as_ref().map(range);
            wanted.extend(carry.map(|range| CounterLookup::Carry(number, range)));
            let part = rule.carry_part.as_ref().map(range);
            wanted.extend(part.map(|range| CounterLookup::CarryPart(number, range)));
        }
        caps.sort_unstable();
        caps.dedup();
        wanted.extend(caps.into_iter().filter_map(|number| self.cap(number)));
        wanted
    }

    /// Adds what the conditions of offers ask of the member's history.
    pub fn add_offers(&self, wanted: &mut Vec<CounterLookup>) {
        let offers = self.program.offers().into_iter();
        let offers = offers.flat_map(|offers| offers.list());
        let mut asked = Vec::new();
        for check in offers.filter_map(|offer| offer.when.as_ref()) {
            self.activity_windows(check, &mut asked);
        }
        for lookup in asked {
            if !wanted.contains(&lookup) {
                wanted.push(lookup);
            }
        }
    }

    fn cap(&self, number: u32) -> Option<CounterLookup> {
        let cap = self.program.cap(number)?;
        let name = self.cap_counter(cap)?;
        let (from, bucket) = self
            .program
            .calendar()
            .buckets(cap.window, self.purchase.occurred_at);
        // A rolling window may end on a later day than the purchase, when others were told of before it.
        let until = bucket.saturating_add(bucket.saturating_sub(from));
        Some(CounterLookup::Cap(
            number,
            CounterRange { name, from, until },
        ))
    }

    /// What is used of a cap or budget in the fullest of the windows that the purchase lies in, with what the command has
    /// released so far. `None` for caps per purchase and for purchases without the key.
    #[must_use]
    pub fn used(
        &self,
        number: u32,
        snapshot: &Snapshot,
        builder: &ChangeBuilder<'_>,
    ) -> Option<i64> {
        let Some(CounterLookup::Cap(_, range)) = self.cap(number) else {
            return None;
        };
        let row = Some(&builder.row);
        Some(match self.program.cap(number)?.window {
            // Rolling limits are a member's own, so their counters are in the row.
            Period::Days(days) => snapshot.peak(&range, self.bucket(Period::Day), days, row),
            _ => snapshot
                .count(&range, row)
                .saturating_add(builder.added(&range)),
        })
    }

    /// The counter of a cap or budget; `None` for caps per purchase and for purchases without the key.
    #[must_use]
    pub fn cap_counter(&self, cap: &CompiledCap) -> Option<CounterName> {
        let value = match &cap.scope {
            CapScope::Attribute(name) => self.purchase.attributes.get(name),
            _ => None,
        };
        let value = value.map(String::as_str);
        cap.counter_of(self.tenant, &self.purchase.member, self.program.id(), value)
    }

    fn activity_windows(&self, check: &Check, wanted: &mut Vec<CounterLookup>) {
        match check {
            Check::All(parts) | Check::Any(parts) | Check::None(parts) => {
                parts
                    .iter()
                    .for_each(|part| self.activity_windows(part, wanted));
            }
            Check::Activity(test) | Check::EveryNth(test, _) => {
                let number = u32::try_from(test.activity_counter).unwrap_or(u32::MAX);
                let calendar = self.program.calendar();
                let span = Span::around(calendar, test.window, self.purchase.occurred_at);
                wanted.push(CounterLookup::Activity(number, span));
            }
            _ => {}
        }
    }

    /// What the purchase adds to the sums of its member's history.
    pub fn summed(&self, evaluation: &Evaluation) -> impl Iterator<Item = (Summed, i64)> {
        let earned = evaluation.totals(self.program).into_iter();
        let earned = earned.map(|total| (Summed::Earned(total.asset()), total.minor()));
        self.purchase.sums().into_iter().chain(earned)
    }

    /// The local day on which it counts.
    #[must_use]
    pub fn day(&self) -> i64 {
        self.bucket(Period::Day)
    }

    /// What the purchase adds to counters: to caps and budgets, and to carried remainders.
    #[must_use]
    pub fn moved(&self, evaluation: &Evaluation) -> Vec<Addition> {
        let limits = self.limits(evaluation);
        let kept = self.remainders(evaluation).chain(self.parts(evaluation));
        limits.chain(kept).collect()
    }

    fn limits(&self, evaluation: &Evaluation) -> impl Iterator<Item = Addition> {
        evaluation.used.iter().filter_map(move |(number, delta)| {
            let cap = self.program.cap(number)?;
            let name = self.cap_counter(cap)?;
            let bucket = self.bucket(cap.window.counter_period());
            (delta != 0).then(|| Addition {
                key: name.at(bucket),
                delta,
                to: AddedTo::Limit(number),
            })
        })
    }

    fn remainders(&self, evaluation: &Evaluation) -> impl Iterator<Item = Addition> {
        evaluation.carried.iter().filter_map(move |(rule, delta)| {
            let counter = self.program.rule(rule)?.carry.as_ref()?;
            let used = evaluation.carried_used.get(rule).unwrap_or_default();
            let to = AddedTo::Remainder { rule, used };
            (delta != 0 || used != 0).then(|| self.kept(counter, delta, to))
        })
    }

    fn parts(&self, evaluation: &Evaluation) -> impl Iterator<Item = Addition> {
        let parts = evaluation.carried_parts.iter();
        parts.filter_map(move |(rule, delta)| {
            let counter = self.program.rule(rule)?.carry_part.as_ref()?;
            (delta != 0).then(|| self.kept(counter, delta, AddedTo::Part { rule }))
        })
    }

    fn kept(&self, counter: &str, delta: i64, to: AddedTo) -> Addition {
        let name = CounterName::of_member(self.tenant, &self.purchase.member, counter);
        Addition {
            key: name.at(0),
            delta,
            to,
        }
    }

    fn bucket(&self, period: Period) -> i64 {
        let Bucket(bucket) = self
            .program
            .calendar()
            .bucket(period, self.purchase.occurred_at);
        bucket
    }
}

/// One addition to a counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Addition {
    /// The counter and its bucket.
    pub key: CounterKey,
    /// What is added.
    pub delta: i64,
    /// What it is part of.
    pub to: AddedTo,
}

/// What an addition to a counter is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AddedTo {
    /// The use of a cap or budget.
    Limit(u32),
    /// The remainder that a rule carries.
    Remainder {
        /// The rule.
        rule: u32,
        /// What of it is turned into units.
        used: i64,
    },
    /// The part of a minor unit that a rule carries.
    Part {
        /// The rule.
        rule: u32,
    },
}
