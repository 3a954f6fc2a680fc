//! The index over rules: which rules can match a purchase at all.
//!
//! A rule that demands values of up to three facts (category, merchant, channel …) is found by one hash look-up of
//! those values together; a rule that selects lines by SKU or category is found by each line's SKU or category; the
//! rest is always looked at. Lists of candidates are in rule order, so that merging them keeps it.

use rustc_hash::FxHashMap;
use smallvec::{SmallVec, smallvec};

use super::check::{Check, FACTS, Fact, LineCheck};

/// How many facts one look-up combines: three symbols of 21 bits fit a 64-bit key exactly.
const FACTS_COMBINED_MAX: usize = 3;
const SYMBOL_BITS: u32 = 21;
/// How many keys one rule may occupy before it is looked up by fewer facts.
const KEYS_PER_RULE_MAX: usize = 64;

/// Candidate rules, usually few.
pub type Candidates = SmallVec<[u32; 24]>;

/// The symbols of a purchase's facts; 0 where no rule names the value.
pub type FactSymbols = [u32; FACTS];

/// The parts of a conjunction.
type Parts<'a> = SmallVec<[&'a Check; 8]>;

/// The rules under one key, in rule order. Four fit where a list would keep its pointer.
type Found = SmallVec<[u32; 4]>;

#[derive(Debug, Clone)]
struct Group {
    facts: SmallVec<[Fact; FACTS_COMBINED_MAX]>,
    rules: FxHashMap<u64, Found>,
}

impl Group {
    #[inline]
    fn key(&self, symbols: &FactSymbols) -> Option<u64> {
        let mut key = 0_u64;
        for fact in &self.facts {
            let symbol = symbols
                .get(*fact as usize)
                .copied()
                .filter(|symbol| *symbol != 0)?;
            key = key << SYMBOL_BITS | u64::from(symbol);
        }
        Some(key)
    }
}

/// The index over the rules of one program revision.
#[derive(Debug, Clone, Default)]
pub struct RuleIndex {
    always: Vec<u32>,
    groups: Vec<Group>,
    skus: FxHashMap<Box<str>, Vec<u32>>,
    categories: FxHashMap<Box<str>, Vec<u32>>,
}

/// What is left to check of a rule once the index has found it, usually nothing or one amount.
pub type Residual = SmallVec<[Check; 1]>;

impl RuleIndex {
    /// Adds a rule, in rule order, and returns what the index does not answer for it.
    pub fn add(&mut self, rule: u32, condition: Option<&Check>, by_line: bool) -> Residual {
        let parts: Parts<'_> = match condition {
            None => Parts::new(),
            Some(Check::All(parts)) => parts.iter().collect(),
            Some(single) => smallvec![single],
        };
        let anchors = anchors(&parts);
        if !anchors.is_empty() {
            self.add_facts(rule, &parts, &anchors);
            let kept = parts
                .iter()
                .enumerate()
                .filter(|(at, _)| !anchors.contains(at));
            return kept.map(|(_, part)| (*part).clone()).collect();
        }
        let residual = parts.iter().map(|part| (*part).clone()).collect();
        let line = parts.iter().find_map(|part| match part {
            Check::Line(line) if by_line => Some(line),
            _ => None,
        });
        if !line.is_some_and(|line| self.add_line(rule, line)) {
            self.always.push(rule);
        }
        residual
    }

    fn add_facts(&mut self, rule: u32, parts: &[&Check], anchors: &[usize]) {
        let mut facts = SmallVec::new();
        let mut keys: SmallVec<[u64; 4]> = smallvec![0];
        for at in anchors {
            let Some(Check::Fact(fact, symbols)) = parts.get(*at) else {
                continue;
            };
            facts.push(*fact);
            keys = keys
                .iter()
                .flat_map(|key| {
                    symbols
                        .iter()
                        .map(move |s| key << SYMBOL_BITS | u64::from(*s))
                })
                .collect();
        }
        let found = self.groups.iter().position(|group| group.facts == facts);
        let at = found.unwrap_or_else(|| {
            self.groups.push(Group {
                facts,
                rules: FxHashMap::default(),
            });
            self.groups.len().saturating_sub(1)
        });
        let Some(group) = self.groups.get_mut(at) else {
            return;
        };
        for key in keys {
            group.rules.entry(key).or_default().push(rule);
        }
    }

    fn add_line(&mut self, rule: u32, line: &LineCheck) -> bool {
        let (table, values) = if !line.test.sku.is_empty() {
            (&mut self.skus, &line.test.sku)
        } else if !line.test.category.is_empty() {
            (&mut self.categories, &line.test.category)
        } else {
            return false;
        };
        for value in values {
            let rules = table.entry(value.as_str().into()).or_default();
            if rules.last() != Some(&rule) {
                rules.push(rule);
            }
        }
        true
    }

    /// Whether any rule is found by its lines.
    #[must_use]
    #[inline]
    pub fn looks_at_lines(&self) -> bool {
        !self.skus.is_empty() || !self.categories.is_empty()
    }

    /// The rules that can match a purchase with these facts, in rule order.
    #[inline]
    pub fn by_facts(&self, symbols: &FactSymbols, found: &mut Candidates) {
        found.extend_from_slice(&self.always);
        for group in &self.groups {
            let rules = group.key(symbols).and_then(|key| group.rules.get(&key));
            // One by one: for a handful of numbers that is faster than copying a block.
            for rule in rules.into_iter().flatten() {
                found.push(*rule);
            }
        }
    }

    /// Adds the rules that can match a line.
    pub fn by_line(&self, sku: Option<&str>, category: Option<&str>, found: &mut Candidates) {
        for (table, value) in [(&self.skus, sku), (&self.categories, category)] {
            if let Some(rules) = value.and_then(|value| table.get(value)) {
                found.extend_from_slice(rules);
            }
        }
    }
}

/// Which parts of a conjunction the index answers: the facts with the fewest values first, as many as fit a key.
fn anchors(parts: &[&Check]) -> SmallVec<[usize; FACTS_COMBINED_MAX]> {
    let mut facts: SmallVec<[(usize, Fact, usize); FACTS]> = parts
        .iter()
        .enumerate()
        .filter_map(|(at, part)| match part {
            Check::Fact(fact, symbols) if !symbols.is_empty() => Some((symbols.len(), *fact, at)),
            _ => None,
        })
        .filter(|(_, _, at)| match parts.get(*at) {
            Some(Check::Fact(_, symbols)) => symbols.iter().all(|s| s >> SYMBOL_BITS == 0),
            _ => false,
        })
        .collect();
    facts.sort_unstable_by_key(|(values, fact, _)| (*values, *fact));
    let mut chosen: SmallVec<[(Fact, usize); FACTS_COMBINED_MAX]> = SmallVec::new();
    let mut keys = 1_usize;
    for (values, fact, at) in facts {
        let product = keys.saturating_mul(values);
        let first = chosen.is_empty();
        let repeated = chosen.iter().any(|(known, _)| *known == fact);
        if repeated || chosen.len() == FACTS_COMBINED_MAX || (!first && product > KEYS_PER_RULE_MAX)
        {
            continue;
        }
        keys = product;
        chosen.push((fact, at));
    }
    chosen.sort_unstable();
    chosen.into_iter().map(|(_, at)| at).collect()
}
