//! What is left to do for purchases that share their facts, worked out once and kept.
//!
//! Rows of a table come in few combinations of category, merchant, channel and so on. For each combination the rules that
//! can match are looked up once, and what a purchase at hand can no longer change is settled: which of them compete, and
//! which are a plain share of an amount. Purchases have no lines here, and all of them meet the same [`Standing`].
//!
//! A plan says the same as [`evaluate`](super::evaluate()), grant by grant. It does not try to where a rule looks at what
//! others have granted — multipliers, running bases, exclusive tags: such purchases stay [`Plan::Open`].

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::evaluate::leads;
use super::limits::{clip, use_up};
use super::matching::View;
use super::reward::{Desired, Earlier, desired, percent_rate};
use super::{Amounts, Facts, Grant, Standing, Values};
use crate::money::{MoneyError, Ratio, Rounding};
use crate::program::{
    BasisMask, CompiledEffect, CompiledProgram, CompiledRule, Fact, FactSymbols, RunningBase,
    Scope, Stacking,
};
use crate::time::Window;

/// Up to how many combinations a program has they get a table of their own, of 2 MB at most; more are hashed.
const TABLE_LEN_MAX: usize = 1 << 18;
/// How many combinations are hashed before further ones are left open.
const HASHED_MAX: usize = 1 << 18;
/// How many rules of plans are kept, 32 MB, before further combinations are left open.
const PLANNED_MAX: usize = 1 << 20;

/// What is left to do for a purchase.
#[derive(Debug, Clone, Copy)]
pub enum Plan<'p> {
    /// Every rule that can match does, takes a share of an amount, and knows nothing of the others.
    Plain(&'p [PlannedRule]),
    /// Conditions, caps or a choice are left.
    Mixed(&'p [PlannedRule]),
    /// Everything.
    Open,
}

/// One rule of a plan; plans are in rule order.
#[derive(Debug, Clone, Copy)]
pub struct PlannedRule {
    /// The share of a plain rule.
    share: Ratio,
    rule: u32,
    of: BasisMask,
    rounding: Rounding,
    /// Whether there is nothing to check or to cap, and the grant is a share of an amount.
    is_plain: bool,
    /// How it competes with the other rules of its stacking group, if it does.
    contest: Option<Stacking>,
    ends_contest: bool,
}

/// Where the plan of a combination is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Found {
    first: u32,
    len: u16,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Unknown,
    Plain,
    Mixed,
    Open,
}

/// The plans of a program for one standing. A combination that was not met before is planned when it is.
#[derive(Debug)]
pub struct Plans {
    /// For each fact that rules name: how many symbols it has, 0 included, and how far apart they are in the table.
    strides: SmallVec<[(Fact, usize, usize); 4]>,
    /// Empty when there are too many combinations for a table.
    table: Vec<Found>,
    hashed: FxHashMap<FactSymbols, Found>,
    rules: Vec<PlannedRule>,
    /// Places in the table of the purchases at hand.
    places: Vec<usize>,
}

impl Plans {
    /// No plan yet.
    #[must_use]
    pub fn new(program: &CompiledProgram) -> Self {
        let mut len = 1_usize;
        let mut strides = SmallVec::new();
        for (fact, count) in program.symbol_counts() {
            let symbols = count.saturating_add(1);
            strides.push((fact, symbols, len));
            len = len.saturating_mul(symbols);
        }
        let len = if len <= TABLE_LEN_MAX { len } else { 0 };
        Self {
            strides,
            table: vec![Found::default(); len],
            hashed: FxHashMap::default(),
            rules: Vec::new(),
            places: Vec::new(),
        }
    }

    /// The plan for purchases with these facts; always with the same program and standing.
    #[inline]
    pub fn find(
        &mut self,
        program: &CompiledProgram,
        standing: &Standing<'_>,
        symbols: &FactSymbols,
    ) -> Found {
        let place = self.place(symbols);
        let known = match self.table.get(place) {
            Some(found) => *found,
            None => self.hashed.get(symbols).copied().unwrap_or_default(),
        };
        if known.kind == Kind::Unknown {
            self.keep(program, standing, symbols, place)
        } else {
            known
        }
    }

    /// The plans for many purchases, given the symbols of their facts by column: what [`find`](Self::find) finds for each.
    /// Of a fact with several columns the last counts, as it has to in `symbols_of`.
    pub fn find_all(
        &mut self,
        program: &CompiledProgram,
        standing: &Standing<'_>,
        columns: &[(Fact, Vec<u32>)],
        symbols_of: impl Fn(usize) -> FactSymbols,
        found: &mut [Found],
    ) {
        let mut places = std::mem::take(&mut self.places);
        places.clear();
        places.resize(found.len(), 0);
        for (fact, count, stride) in &self.strides {
            // One column a fact, or strides would add up to the place of another combination.
            let Some((_, column)) = columns.iter().rfind(|(own, _)| own == fact) else {
                continue;
            };
            for (place, symbol) in places.iter_mut().zip(column) {
                let symbol = usize::try_from(*symbol).unwrap_or(usize::MAX);
                let offset = symbol.saturating_mul(*stride);
                *place = if symbol < *count {
                    place.saturating_add(offset)
                } else {
                    usize::MAX
                };
            }
        }
        for (at, (place, found)) in places.iter().zip(found).enumerate() {
            *found = match self.table.get(*place) {
                Some(known) if known.kind != Kind::Unknown => *known,
                _ => self.find(program, standing, &symbols_of(at)),
            };
        }
        self.places = places;
    }

    /// What a plan says that was found here.
    #[inline]
    pub fn plan(&self, found: Found) -> Plan<'_> {
        let first = usize::try_from(found.first).unwrap_or(usize::MAX);
        let end = first.saturating_add(usize::from(found.len));
        let rules = self.rules.get(first..end).unwrap_or_default();
        match found.kind {
            Kind::Plain => Plan::Plain(rules),
            Kind::Mixed => Plan::Mixed(rules),
            Kind::Open | Kind::Unknown => Plan::Open,
        }
    }

    /// The place of a combination in the table; beyond its end when the program has no such symbols.
    #[inline]
    fn place(&self, symbols: &FactSymbols) -> usize {
        let strides = self.strides.iter();
        strides.fold(0_usize, |place, (fact, count, stride)| {
            let symbol = symbols.get(*fact as usize).copied().unwrap_or(0);
            match usize::try_from(symbol) {
                Ok(symbol) if symbol < *count => {
                    place.saturating_add(symbol.saturating_mul(*stride))
                }
                _ => usize::MAX,
            }
        })
    }

    #[cold]
    fn keep(
        &mut self,
        program: &CompiledProgram,
        standing: &Standing<'_>,
        symbols: &FactSymbols,
        place: usize,
    ) -> Found {
        let is_hashed = place >= self.table.len();
        if is_hashed && self.hashed.len() >= HASHED_MAX {
            return Found::default();
        }
        let found = self.make(program, standing, symbols);
        match self.table.get_mut(place) {
            Some(slot) => *slot = found,
            None => {
                self.hashed.insert(*symbols, found);
            }
        }
        found
    }

    /// Plans a combination.
    fn make(
        &mut self,
        program: &CompiledProgram,
        standing: &Standing<'_>,
        symbols: &FactSymbols,
    ) -> Found {
        let open = Found {
            kind: Kind::Open,
            ..Found::default()
        };
        let candidates = program.candidates(symbols, std::iter::empty());
        let rules = candidates
            .iter()
            .filter_map(|number| Some((*number, program.rule(*number)?)));
        // A rule that pays by line pays nothing where there are none.
        let rules: SmallVec<[_; 24]> = rules.filter(|(_, r)| r.scope == Scope::Basket).collect();
        let first = self.rules.len();
        let total = first.saturating_add(rules.len());
        let (Ok(from), Ok(len)) = (u32::try_from(first), u16::try_from(rules.len())) else {
            return open;
        };
        if total > PLANNED_MAX || !are_independent(program, &rules) {
            return open;
        }
        for (at, (number, rule)) in rules.iter().enumerate() {
            let is_of_stacking_group = |at: usize| {
                rules
                    .get(at)
                    .is_some_and(|(_, r)| r.stacking_group == rule.stacking_group)
            };
            let follows = at.checked_sub(1).is_some_and(is_of_stacking_group);
            let goes_on = is_of_stacking_group(at.saturating_add(1));
            let stacking = program
                .stacking_groups()
                .get(rule.stacking_group)
                .map(|stacking_group| stacking_group.stacking);
            let competes = (follows || goes_on) && stacking != Some(Stacking::All);
            self.rules.push(PlannedRule {
                contest: stacking.filter(|_| competes),
                ends_contest: competes && !goes_on,
                ..planned(*number, rule, standing)
            });
        }
        let planned = self.rules.get(first..).unwrap_or_default();
        let is_plain = |planned: &PlannedRule| planned.is_plain && planned.contest.is_none();
        let kind = if planned.iter().all(is_plain) {
            Kind::Plain
        } else {
            Kind::Mixed
        };
        Found {
            first: from,
            len,
            kind,
        }
    }
}

/// Whether no rule looks at what another one was granted, but for the limits they share.
fn are_independent(program: &CompiledProgram, rules: &[(u32, &CompiledRule)]) -> bool {
    let mut tags: SmallVec<[u32; 8]> = SmallVec::new();
    let mut has_granted_money = false;
    for (_, rule) in rules {
        let stacking_group = program.stacking_groups().get(rule.stacking_group);
        let runs = stacking_group
            .is_some_and(|stacking_group| stacking_group.base == RunningBase::Running);
        if matches!(rule.effect, CompiledEffect::Multiplier { .. })
            || runs && has_granted_money
            || rule.exclusive.iter().any(|tag| tags.contains(tag))
        {
            return false;
        }
        tags.extend_from_slice(&rule.exclusive);
        has_granted_money |= rule.asset == program.currency();
    }
    true
}

/// A rule as a step that does not compete.
fn planned(number: u32, rule: &CompiledRule, standing: &Standing<'_>) -> PlannedRule {
    let share = match &rule.effect {
        CompiledEffect::Percent { rate, of } => percent_rate(rule, *rate, standing)
            .ok()
            .map(|rate| (rate, *of)),
        _ => None,
    };
    let is_plain = share.is_some()
        && rule.active == Window::LIFETIME
        && rule.residual.is_empty()
        && rule.caps.is_empty()
        && (!rule.tier_benefits || standing.boost.multiplier == Ratio::ONE);
    let (share, of) = share.unwrap_or((Ratio::ZERO, BasisMask::default()));
    PlannedRule {
        share,
        rule: number,
        of,
        rounding: rule.rounding,
        is_plain,
        contest: None,
        ends_contest: false,
    }
}

impl PlannedRule {
    #[inline]
    fn share(&self, amounts: &Amounts) -> Result<i64, MoneyError> {
        let amount = amounts.of(self.of).max(0);
        Ok(self.rounding.multiply(amount, self.share)?.max(0))
    }

    /// What the rule wants for a purchase that may not match it.
    fn wanted(
        &self,
        program: &CompiledProgram,
        standing: &Standing<'_>,
        facts: &Facts<'_>,
    ) -> Result<Desired, MoneyError> {
        if self.is_plain {
            let amount = self.share(&facts.amounts)?;
            return Ok(Desired::plain(amount));
        }
        let view = View {
            program,
            facts,
            standing,
            line: None,
        };
        match program.rule(self.rule) {
            Some(rule)
                if rule.active.contains(facts.purchase.occurred_at)
                    && rule.residual.iter().all(|check| view.holds(check)) =>
            {
                desired(rule, facts, standing, None, Earlier::default())
            }
            _ => Ok(Desired::default()),
        }
    }
}

/// Carries out a plain plan, for a purchase that happened before the end of time.
///
/// # Errors
/// [`MoneyError::Overflow`] when an amount leaves the range of 64-bit minor units.
#[inline]
pub fn follow_plain(
    rules: &[PlannedRule],
    amounts: &Amounts,
    mut take: impl FnMut(&Grant),
) -> Result<(), MoneyError> {
    for planned in rules {
        let amount = planned.share(amounts)?;
        if amount > 0 {
            take(&Grant {
                rule: planned.rule,
                line: None,
                desired: amount,
                granted: amount,
                clipped_by: None,
            });
        }
    }
    Ok(())
}

/// Carries out a mixed plan.
///
/// # Errors
/// [`MoneyError::Overflow`] when an amount leaves the range of 64-bit minor units.
pub fn follow_mixed(
    rules: &[PlannedRule],
    program: &CompiledProgram,
    standing: &Standing<'_>,
    facts: &Facts<'_>,
    grants: &mut Vec<Grant>,
) -> Result<(), MoneyError> {
    let mut used = Values::default();
    let mut leader: Option<(u32, i64)> = None;
    for planned in rules {
        let desired = planned.wanted(program, standing, facts)?;
        let wanted = desired.amount;
        match planned.contest {
            _ if desired == Desired::default() => {}
            None => grant(program, standing, &mut used, (planned.rule, wanted), grants),
            Some(stacking) => {
                if leader.is_none_or(|(_, best)| leads(stacking, wanted, best)) {
                    leader = Some((planned.rule, wanted));
                }
            }
        }
        if planned.ends_contest
            && let Some(winner) = leader.take()
        {
            grant(program, standing, &mut used, winner, grants);
        }
    }
    Ok(())
}

/// Grants what the caps of a rule leave of what it wants.
fn grant(
    program: &CompiledProgram,
    standing: &Standing<'_>,
    used: &mut Values,
    (number, wanted): (u32, i64),
    grants: &mut Vec<Grant>,
) {
    let Some(rule) = program.rule(number) else {
        return;
    };
    let (granted, clipped_by) = clip(program, standing, used, rule, wanted);
    if granted > 0 {
        use_up(program, used, rule, granted);
        grants.push(Grant {
            rule: number,
            line: None,
            desired: wanted,
            granted,
            clipped_by,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::program::{Boost, Program};
    use crate::time::Timestamp;

    /// How purchases of food are planned under some rules.
    fn kind_of(rules: &str) -> Kind {
        let document = format!(
            r#"
            id = "main"
            currency = "EUR"
            zone = "UTC"
            stacking_groups = [{{ id = "base" }}, {{ id = "best", stacking = "best" }}, {{ id = "late", base = "running" }}]
            caps = [{{ id = "tx", per = "purchase", limit = {{ amount = {{ amount = "3" }} }} }}]
            rules = [{rules}]
            "#
        );
        let program = Program::from_toml(&document).unwrap();
        let program = CompiledProgram::compile(program, 1, Timestamp::MIN).unwrap();
        let standing = Standing {
            segments: &BTreeSet::new(),
            attributes: &BTreeMap::new(),
            ranks: SmallVec::new(),
            boost: Boost::NONE,
            used: Values::default(),
            activity_counters: Values::default(),
            carried: Values::default(),
            carried_parts: Values::default(),
            offers: SmallVec::new(),
        };
        let symbols = program.fact_symbols(|fact| (fact == Fact::Category).then_some("food"));
        let mut plans = Plans::new(&program);
        let found = plans.find(&program, &standing, &symbols);
        let again = plans.find(&program, &standing, &symbols);
        assert_eq!((found.first, found.kind), (again.first, again.kind));
        found.kind
    }

    #[test]
    fn what_is_left_to_do_depends_on_the_rules_that_can_match() {
        let percent = |more: &str| {
            format!(
                r#"{{ id = "r{}", effect = {{ percent = {{ rate = "1%" }} }}{more} }}"#,
                more.len()
            )
        };
        let plain = percent("");
        for (rules, expected) in [
            (String::new(), Kind::Plain),
            (plain.clone(), Kind::Plain),
            (percent(r#", when = { category = ["food"] }"#), Kind::Plain),
            (percent(r#", stacking_group = "best""#), Kind::Plain),
            (percent(r#", stacking_group = "late""#), Kind::Plain),
            (percent(r#", exclusive = ["a"]"#), Kind::Plain),
            (
                percent(r#", when = { amount = { at_least = "5" } }"#),
                Kind::Mixed,
            ),
            (percent(r#", caps = ["tx"]"#), Kind::Mixed),
            (
                percent(r#", active = { from = "2026-01-01" }"#),
                Kind::Mixed,
            ),
            (
                r#"{ id = "f", effect = { fixed = { amount = "1" } } }"#.to_owned(),
                Kind::Mixed,
            ),
            (
                percent(r#", stacking_group = "best""#)
                    + ","
                    + &percent(r#", stacking_group = "best", priority = 1"#),
                Kind::Mixed,
            ),
            // Of another category, so that nothing is left of it.
            (
                percent(r#", when = { category = ["toys"] }, caps = ["tx"]"#),
                Kind::Plain,
            ),
            (
                plain.clone() + "," + &percent(r#", stacking_group = "late""#),
                Kind::Open,
            ),
            (
                plain
                    + r#", { id = "m", stacking_group = "late", effect = { multiplier = { factor = "2" } } }"#,
                Kind::Open,
            ),
            (
                percent(r#", exclusive = ["a"]"#) + "," + &percent(r#", exclusive = ["a", "b"]"#),
                Kind::Open,
            ),
        ] {
            assert_eq!(kind_of(&rules), expected, "{rules}");
        }
    }
}
