//! The hand-written floor: a hash look-up by (category, merchant, channel) with wildcards, and 128-bit arithmetic.
//!
//! It does this one program and nothing else: no dates, tags, segments, lines, budgets, exclusions or explanations.

use rewards_core::cashback::Purchase;
use rustc_hash::FxHashMap;

use super::workload::{MONTH_CAP, PURCHASE_CAP, PlainRule, PlainStanding};

#[derive(Debug, Clone, Copy)]
struct Entry {
    at_least: i64,
    basis_points: u32,
    is_bonus: bool,
}

/// The rules by their key. The number 0 stands for "any".
#[derive(Debug, Default)]
pub struct Floor {
    categories: FxHashMap<String, u64>,
    merchants: FxHashMap<String, u64>,
    channels: FxHashMap<String, u64>,
    rules: FxHashMap<u64, Vec<Entry>>,
}

impl Floor {
    /// Numbers the texts and files every rule under its key.
    pub fn new(rules: &[PlainRule]) -> Self {
        let mut floor = Self::default();
        for rule in rules {
            let category = number(&mut floor.categories, rule.category.as_deref());
            let merchant = number(&mut floor.merchants, rule.merchant.as_deref());
            let channel = number(&mut floor.channels, rule.channel);
            let entries = floor.rules.entry(key(category, merchant, channel));
            entries.or_default().push(Entry {
                at_least: rule.at_least,
                basis_points: rule.basis_points,
                is_bonus: rule.is_bonus,
            });
        }
        floor
    }

    /// What a purchase is granted, in cents.
    pub fn quote(&self, purchase: &Purchase, standing: &PlainStanding) -> i64 {
        let found = |table: &FxHashMap<String, u64>, text: &Option<String>| {
            let text = text.as_deref()?;
            table.get(text).copied()
        };
        let category = found(&self.categories, &purchase.category);
        let merchant = found(&self.merchants, &purchase.merchant);
        let channel = found(&self.channels, &purchase.channel);
        let mut sum = Sum::new(purchase.total.minor(), standing);
        self.look_up(0, &mut sum);
        if let Some(category) = category {
            self.look_up(key(category, 0, 0), &mut sum);
            if let Some(channel) = channel {
                self.look_up(key(category, 0, channel), &mut sum);
            }
            if let Some(merchant) = merchant {
                self.look_up(key(category, merchant, 0), &mut sum);
                if let Some(channel) = channel {
                    self.look_up(key(category, merchant, channel), &mut sum);
                }
            }
        }
        sum.granted()
    }

    fn look_up(&self, key: u64, sum: &mut Sum) {
        for entry in self.rules.get(&key).into_iter().flatten() {
            if sum.total >= entry.at_least {
                sum.add(entry.basis_points, entry.is_bonus);
            }
        }
    }
}

fn number(table: &mut FxHashMap<String, u64>, text: Option<&str>) -> u64 {
    let Some(text) = text else { return 0 };
    let next = u64::try_from(table.len()).unwrap_or(u64::MAX) + 1;
    *table.entry(text.to_owned()).or_insert(next)
}

fn key(category: u64, merchant: u64, channel: u64) -> u64 {
    category << 40 | merchant << 8 | channel
}

/// The best base rate and all bonus rates of one purchase, added up in cents and capped.
#[derive(Debug)]
pub struct Sum {
    total: i64,
    multiplier_percent: u32,
    left: i64,
    best: u32,
    bonus: i64,
}

impl Sum {
    /// Nothing yet.
    pub fn new(total: i64, standing: &PlainStanding) -> Self {
        Self {
            total,
            multiplier_percent: standing.multiplier_percent,
            left: (MONTH_CAP - standing.used).min(PURCHASE_CAP),
            best: 0,
            bonus: 0,
        }
    }

    /// Takes a matching rule.
    pub fn add(&mut self, basis_points: u32, is_bonus: bool) {
        if is_bonus {
            self.bonus += self.share(basis_points);
        } else {
            self.best = self.best.max(basis_points);
        }
    }

    /// What the caps leave.
    pub fn granted(&self) -> i64 {
        (self.share(self.best) + self.bonus).min(self.left)
    }

    fn share(&self, basis_points: u32) -> i64 {
        let exact =
            i128::from(self.total) * i128::from(basis_points) * i128::from(self.multiplier_percent);
        half_even(exact, 10_000 * 100)
    }
}

fn half_even(numerator: i128, denominator: i128) -> i64 {
    let (quotient, rest) = (numerator / denominator, numerator % denominator);
    let is_up = rest * 2 > denominator || (rest * 2 == denominator && quotient % 2 == 1);
    i64::try_from(quotient + i128::from(is_up)).unwrap_or(i64::MAX)
}
