//! The counters behind a purchase: which ones it must see, and which ones it moves.

use smallvec::SmallVec;

use crate::cashback::{Evaluation, Facts, Purchase};
use crate::ids::TenantId;
use crate::member::MemberRow;
use crate::program::{Activity, CapScope, Check, CompiledCap, CompiledProgram};
use crate::snapshot::{CounterName, CounterRange, Snapshot};
use crate::time::{Bucket, Period};

/// One value to look up: where it is counted, and for which cap, activity_counter or rule it is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CounterLookup {
    /// The use of a cap or budget, by day for rolling windows.
    Cap(u32, CounterRange),
    /// A activity_counter in the window of a condition.
    ActivityCounter(u32, CounterRange),
    /// The remainder that a rule carries.
    Carry(u32, CounterRange),
    /// The part of a minor unit that a rule carries.
    CarryPart(u32, CounterRange),
}

impl CounterLookup {
    /// Where it is counted.
    pub fn range(&self) -> &CounterRange {
        match self {
            Self::Cap(_, range)
            | Self::ActivityCounter(_, range)
            | Self::Carry(_, range)
            | Self::CarryPart(_, range) => range,
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
            let range = |counter: &String| CounterRange {
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

    /// What is used of a cap or budget in the fullest of the windows that the purchase lies in. `None` for caps per
    /// purchase and for purchases without the key.
    #[must_use]
    pub fn used(&self, number: u32, snapshot: &Snapshot, row: Option<&MemberRow>) -> Option<i64> {
        let Some(CounterLookup::Cap(_, range)) = self.cap(number) else {
            return None;
        };
        Some(match self.program.cap(number)?.window {
            Period::Days(days) => snapshot.peak(&range, self.bucket(Period::Day), days, row),
            _ => snapshot.count(&range, row),
        })
    }

    /// The counter of a cap or budget; `None` for caps per purchase and for purchases without the key.
    #[must_use]
    pub fn cap_counter(&self, cap: &CompiledCap) -> Option<CounterName> {
        let member = &self.purchase.member;
        match &cap.scope {
            CapScope::Purchase => None,
            CapScope::Member => Some(CounterName::of_member(self.tenant, member, &cap.counter)),
            CapScope::Program => Some(CounterName::of_program(
                self.tenant,
                self.program.id(),
                &cap.counter,
            )),
            CapScope::Attribute(attribute) => {
                let value = self.purchase.attributes.get(attribute)?;
                Some(CounterName::of_value(
                    self.tenant,
                    attribute,
                    value,
                    &cap.counter,
                ))
            }
        }
    }

    fn activity_windows(&self, check: &Check, wanted: &mut Vec<CounterLookup>) {
        let mut push = |activity_counter: usize, window: Period| {
            let Some(kept) = self.program.activity_counters().get(activity_counter) else {
                return;
            };
            let name = CounterName::of_member(self.tenant, &self.purchase.member, &kept.counter);
            let (from, until) = self
                .program
                .calendar()
                .buckets(window, self.purchase.occurred_at);
            let number = u32::try_from(activity_counter).unwrap_or(u32::MAX);
            wanted.push(CounterLookup::ActivityCounter(
                number,
                CounterRange { name, from, until },
            ));
        };
        match check {
            Check::All(parts) | Check::Any(parts) | Check::None(parts) => {
                parts
                    .iter()
                    .for_each(|part| self.activity_windows(part, wanted));
            }
            Check::Activity(test) | Check::EveryNth(test, _) => {
                push(test.activity_counter, test.window)
            }
            _ => {}
        }
    }

    /// What the purchase adds to counters: to activity_counters, caps, budgets and carried remainders.
    ///
    /// Each addition names the counter, its bucket, the amount, and the cap that bounds it if one does.
    #[must_use]
    pub fn moved(&self, facts: &Facts<'_>, evaluation: &Evaluation) -> Vec<Addition> {
        let mut moved = Vec::new();
        let member = &self.purchase.member;
        for (at, activity_counter) in self.program.activity_counters().iter().enumerate() {
            let shared = self.program.activity_counters().iter().take(at);
            if shared
                .into_iter()
                .any(|earlier| earlier.counter == activity_counter.counter)
            {
                continue;
            }
            let delta = match activity_counter.kind {
                Activity::Visits => 1,
                Activity::Spend(basis) => facts.amount(basis),
                Activity::Earned(asset) => evaluation
                    .totals(self.program)
                    .iter()
                    .filter(|total| total.asset() == asset)
                    .fold(0_i64, |sum, total| sum.saturating_add(total.minor())),
            };
            let name = CounterName::of_member(self.tenant, member, &activity_counter.counter);
            moved.push(Addition {
                name,
                bucket: self.bucket(activity_counter.period()),
                delta,
                cap: None,
            });
        }
        for (number, delta) in evaluation.used.iter() {
            let Some(cap) = self.program.cap(number) else {
                continue;
            };
            let Some(name) = self.cap_counter(cap) else {
                continue;
            };
            let bucket = self.bucket(cap.window.counter_period());
            moved.push(Addition {
                name,
                bucket,
                delta,
                cap: Some(number),
            });
        }
        let carried = evaluation.carried.iter().map(|(number, delta)| {
            let rule = self.program.rule(number);
            (rule.and_then(|rule| rule.carry.as_ref()), delta)
        });
        let parts = evaluation.carried_parts.iter().map(|(number, delta)| {
            let rule = self.program.rule(number);
            (rule.and_then(|rule| rule.carry_part.as_ref()), delta)
        });
        for (counter, delta) in carried.chain(parts) {
            let Some(counter) = counter else {
                continue;
            };
            let name = CounterName::of_member(self.tenant, member, counter);
            moved.push(Addition {
                name,
                bucket: 0,
                delta,
                cap: None,
            });
        }
        moved.retain(|addition| addition.delta != 0);
        moved
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
    /// The counter.
    pub name: CounterName,
    /// Its bucket.
    pub bucket: i64,
    /// What is added.
    pub delta: i64,
    /// The cap or budget whose use this is.
    pub cap: Option<u32>,
}
