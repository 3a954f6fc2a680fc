//! The fit: a logistic regression over the bands, by going through the rules one after the other.
//!
//! The log odds that a payment is bad are an intercept and one weight for the band of each rule. A payment is in one band of a rule, so
//! with all other rules as they are the best step of each band follows from its own payments alone (Newton's method), and a sweep goes
//! through all rules. A small penalty draws weights to zero, so that a band with few payments is not believed too much. Where the
//! weights of a rule are to rise or fall, neighbours that do not are pooled (pool adjacent violators). Sweeps end when nothing moves
//! any more.

#![expect(
    clippy::float_arithmetic,
    reason = "weights of evidence, which are no money; whole points come of them"
)]

use std::collections::BTreeMap;

use super::measures::float;
use super::report::{BandReport, RuleReport, edges_in_words};
use crate::risk::{CompiledRisk, CompiledScorecard, Known, Scorecard};

/// How often all rules are gone through at most.
const SWEEPS_MAX: u32 = 200;
/// A sweep in which no weight moves by more is the last one.
const STILL: f64 = 1e-4;
/// How strongly weights are drawn to zero.
const PENALTY: f64 = 1.0;
/// The longest step of a weight: where a band has hardly a bad payment, Newton's method leaps.
const STEP_MAX: f64 = 1.0;
/// The number of a cell that is worth nothing: what cannot be known.
const UNKNOWN: u16 = u16::MAX;

/// How the points of a rule go from band to band.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// In any way.
    Any,
    /// They never fall.
    Rising,
    /// They never rise.
    Falling,
}

/// Payments in the same bands of all rules.
#[derive(Debug)]
struct Pattern {
    cells: Vec<u16>,
    all: u64,
    bad: u64,
    log_odds: f64,
}

/// The weights of one rule: its bands, and what is worth `none`; of a combination, whether it holds not or holds.
#[derive(Debug)]
struct Weights {
    cells: Vec<f64>,
    /// How many of the cells are bands in their order.
    bands: usize,
    direction: Direction,
}

/// A scorecard that was fitted.
#[derive(Debug)]
pub(super) struct Fitted {
    patterns: Vec<Pattern>,
    rules: Vec<Weights>,
    intercept: f64,
    sweeps: u32,
}

impl Fitted {
    /// Fits the live scorecard to payments with what they turned out to be.
    pub fn to(risk: &CompiledRisk, seen: &[(Vec<Known>, bool)], directions: &[Direction]) -> Self {
        let card = risk.live();
        let mut patterns: BTreeMap<Vec<u16>, (u64, u64)> = BTreeMap::new();
        for (values, is_bad) in seen {
            let (all, bad) = patterns.entry(cells(card, values)).or_default();
            *all = all.saturating_add(1);
            *bad = bad.saturating_add(u64::from(*is_bad));
        }
        let by_rule = card.rules.iter().zip(directions);
        let by_rule = by_rule.map(|(rule, direction)| {
            let bands = rule.edges().len().saturating_add(1);
            Weights {
                cells: vec![0.0; bands.saturating_add(1)],
                bands,
                direction: *direction,
            }
        });
        let together = card.combinations.iter().map(|_| Weights {
            cells: vec![0.0; 2],
            bands: 2,
            direction: Direction::Any,
        });
        let patterns = patterns.into_iter().map(|(cells, (all, bad))| Pattern {
            cells,
            all,
            bad,
            log_odds: 0.0,
        });
        let mut fitted = Self {
            patterns: patterns.collect(),
            rules: by_rule.chain(together).collect(),
            intercept: 0.0,
            sweeps: 0,
        };
        fitted.run();
        fitted
    }

    fn run(&mut self) {
        let all = float(self.patterns.iter().map(|one| one.all).sum());
        let bad = float(self.patterns.iter().map(|one| one.bad).sum());
        self.move_all((bad / (all - bad)).ln());
        while self.sweeps < SWEEPS_MAX {
            self.sweeps = self.sweeps.saturating_add(1);
            let mut moved = self.fit_intercept();
            for rule in 0..self.rules.len() {
                moved = moved.max(self.fit_rule(rule));
            }
            if moved < STILL {
                break;
            }
        }
    }

    fn move_all(&mut self, step: f64) {
        self.intercept += step;
        for pattern in &mut self.patterns {
            pattern.log_odds += step;
        }
    }

    fn fit_intercept(&mut self) -> f64 {
        let (mut slope, mut bend) = (0.0, 0.0);
        for pattern in &self.patterns {
            let (own_slope, own_bend) = pattern.slope();
            slope += own_slope;
            bend += own_bend;
        }
        let step = if bend > 0.0 { slope / bend } else { 0.0 };
        let step = step.clamp(-STEP_MAX, STEP_MAX);
        self.move_all(step);
        step.abs()
    }

    /// Moves the weights of one rule, and tells by how much the one that moved most.
    fn fit_rule(&mut self, number: usize) -> f64 {
        let Some(rule) = self.rules.get_mut(number) else {
            return 0.0;
        };
        let mut sums = vec![(0.0, 0.0); rule.cells.len()];
        for pattern in &self.patterns {
            let cell = pattern.cells.get(number).copied().unwrap_or(UNKNOWN);
            if let Some((slope, bend)) = sums.get_mut(usize::from(cell)) {
                let (own_slope, own_bend) = pattern.slope();
                *slope += own_slope;
                *bend += own_bend;
            }
        }
        let wanted = rule.cells.iter().zip(&sums).map(|(weight, (slope, bend))| {
            let step = (slope - PENALTY * weight) / (bend + PENALTY);
            weight + step.clamp(-STEP_MAX, STEP_MAX)
        });
        let mut wanted: Vec<f64> = wanted.collect();
        let sizes: Vec<f64> = sums.iter().map(|(_, bend)| bend + PENALTY).collect();
        if let (Some(bands), Some(sizes)) = (wanted.get_mut(..rule.bands), sizes.get(..rule.bands))
        {
            match rule.direction {
                Direction::Any => {}
                Direction::Rising => pool(bands, sizes, 1.0),
                Direction::Falling => pool(bands, sizes, -1.0),
            }
        }
        let steps = wanted.iter().zip(&rule.cells);
        let steps: Vec<f64> = steps.map(|(wanted, weight)| wanted - weight).collect();
        rule.cells = wanted;
        let mut unknown = 0_u64;
        for pattern in &mut self.patterns {
            let cell = pattern.cells.get(number).copied().unwrap_or(UNKNOWN);
            match steps.get(usize::from(cell)) {
                Some(step) => pattern.log_odds += step,
                None => unknown = unknown.saturating_add(pattern.all),
            }
        }
        if unknown == 0 {
            self.centre(number, &sizes);
        }
        steps.into_iter().map(f64::abs).fold(0.0, f64::max)
    }

    /// Moves what all weights of a rule have in common to the intercept, which changes no log odds: else both would creep towards each
    /// other, sweep by sweep.
    fn centre(&mut self, number: usize, sizes: &[f64]) {
        let Some(rule) = self.rules.get_mut(number) else {
            return;
        };
        let weighed = rule.cells.iter().zip(sizes);
        let sum: f64 = weighed.map(|(weight, size)| weight * size).sum();
        let mean = sum / sizes.iter().sum::<f64>();
        for weight in &mut rule.cells {
            *weight -= mean;
        }
        self.intercept += mean;
    }

    /// How often all rules were gone through.
    pub fn sweeps(&self) -> u32 {
        self.sweeps
    }

    /// The scorecard with whole points: so many double the odds, and what is worth least in a rule is worth nothing. A band that no
    /// payment was in is worth what its neighbour is, and `none` nothing. So is a combination that no payment, or every one, met.
    pub fn scorecard(&self, card: &Scorecard, points_to_double: u16) -> Scorecard {
        let scale = f64::from(points_to_double) / std::f64::consts::LN_2;
        let mut card = card.clone();
        card.base = 0;
        let mut weights = self.rules.iter().enumerate();
        for (rule, (number, weights)) in card.rules.iter_mut().zip(&mut weights) {
            let counts = self.counts(number, weights.cells.len());
            let told = weights.cells.iter().zip(&counts);
            let mut told: Vec<Option<f64>> = told
                .map(|(weight, (all, _))| (*all > 0).then_some(*weight))
                .collect();
            let none = told.pop().flatten();
            let least = told.iter().chain([&none]).flatten();
            let least = least.copied().fold(f64::INFINITY, f64::min);
            let points = |weight: Option<f64>| weight.map_or(0, |own| whole((own - least) * scale));
            rule.none = points(none);
            let mut before = told.iter().flatten().next().copied();
            for (band, weight) in rule.bands.iter_mut().zip(told) {
                before = weight.or(before);
                band.points = points(before);
            }
        }
        for (rule, (number, weights)) in card.combinations.iter_mut().zip(weights) {
            let counts = self.counts(number, weights.cells.len());
            rule.points = match (weights.cells.as_slice(), counts.as_slice()) {
                ([not, holds], [(1.., _), (1.., _)]) => whole((holds - not) * scale),
                _ => 0,
            };
        }
        card
    }

    /// What was done with each rule.
    pub fn report(&self, before: &Scorecard, after: &Scorecard) -> Vec<RuleReport> {
        let mut reports = Vec::new();
        let rules = before.rules.iter().zip(&after.rules).enumerate();
        for (number, (old, new)) in rules {
            let counts = self.counts(number, old.bands.len().saturating_add(1));
            let names = old.bands.iter().map(edges_in_words);
            let names = names.chain(["none".to_owned()]);
            let points = |rule: &crate::risk::RiskRule| {
                let bands = rule.bands.iter().map(|band| band.points);
                bands.chain([rule.none]).collect::<Vec<i32>>()
            };
            reports.push(RuleReport {
                rule: old.id.clone(),
                bands: banded(names, &counts, &points(old), &points(new)),
            });
        }
        let together = before.combinations.iter().zip(&after.combinations);
        for (number, (old, new)) in (before.rules.len()..).zip(together) {
            let counts = self.counts(number, 2);
            let names = ["does not hold", "holds"].map(str::to_owned).into_iter();
            reports.push(RuleReport {
                rule: old.id.clone(),
                bands: banded(names, &counts, &[0, old.points], &[0, new.points]),
            });
        }
        reports
    }

    /// How many payments are in each cell of a rule, and how many of them are bad.
    fn counts(&self, number: usize, cells: usize) -> Vec<(u64, u64)> {
        let mut counts = vec![(0_u64, 0_u64); cells];
        for pattern in &self.patterns {
            let cell = pattern.cells.get(number).copied().unwrap_or(UNKNOWN);
            if let Some((all, bad)) = counts.get_mut(usize::from(cell)) {
                *all = all.saturating_add(pattern.all);
                *bad = bad.saturating_add(pattern.bad);
            }
        }
        counts
    }
}

impl Pattern {
    /// In which direction its log odds should move, and how fast that changes.
    fn slope(&self) -> (f64, f64) {
        let likely = 1.0 / (1.0 + (-self.log_odds).exp());
        let expected = float(self.all) * likely;
        (float(self.bad) - expected, expected * (1.0 - likely))
    }
}

/// The cells that a payment is in.
fn cells(card: &CompiledScorecard, values: &[Known]) -> Vec<u16> {
    let number = |cell: usize| u16::try_from(cell).unwrap_or(UNKNOWN);
    let by_rule = card
        .rules
        .iter()
        .map(|rule| match values.get(rule.feature) {
            Some(Known::Value(value)) => number(rule.band(*value)),
            Some(Known::Nothing) => number(rule.edges().len().saturating_add(1)),
            Some(Known::Unknown) | None => UNKNOWN,
        });
    let together = card
        .combinations
        .iter()
        .map(|rule| match rule.holds(values) {
            Some(holds) => u16::from(holds),
            None => UNKNOWN,
        });
    by_rule.chain(together).collect()
}

/// Pools neighbours that do not go in a direction, by their sizes, until all do.
fn pool(values: &mut [f64], sizes: &[f64], direction: f64) {
    // Each pool: its mean, its size, and how many values are in it.
    let mut pools: Vec<(f64, f64, usize)> = Vec::new();
    for (value, size) in values.iter().zip(sizes) {
        let mut own = (*value, *size, 1_usize);
        while let Some((mean, size, many)) = pools.pop() {
            if mean * direction <= own.0 * direction {
                pools.push((mean, size, many));
                break;
            }
            let together = size + own.1;
            let mean = (mean * size + own.0 * own.1) / together;
            own = (mean, together, many.saturating_add(own.2));
        }
        pools.push(own);
    }
    let means = pools.into_iter();
    let means = means.flat_map(|(mean, _, many)| std::iter::repeat_n(mean, many));
    for (value, mean) in values.iter_mut().zip(means) {
        *value = mean;
    }
}

/// A weight as whole points.
#[expect(
    clippy::cast_possible_truncation,
    reason = "it is rounded, and clamped to what an integer holds"
)]
fn whole(points: f64) -> i32 {
    points.round().clamp(-1e6, 1e6) as i32
}

fn banded(
    names: impl Iterator<Item = String>,
    counts: &[(u64, u64)],
    before: &[i32],
    after: &[i32],
) -> Vec<BandReport> {
    let points = before.iter().zip(after);
    let bands = names.zip(counts).zip(points);
    bands
        .map(|((band, (all, bad)), (before, after))| BandReport {
            band,
            payments: *all,
            bad: *bad,
            before: *before,
            after: *after,
        })
        .collect()
}
