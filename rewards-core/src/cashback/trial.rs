//! A copy of a purchase on which changes are tried: what meets a condition, and whether less would.

use super::matching::{is_selected, passes};
use super::smallest_change::{More, Part, is_spend, rises};
use super::{Facts, LINES_MAX, Line, Missing, Purchase, SmallestChange, Standing, View};
use crate::money::{Asset, Money};
use crate::program::{
    Activity, AttributeTest, Check, CompiledProgram, FactSymbols, LineCheck, Range, Scope,
};

/// A copy of a purchase and of where its member stands, on which changes are tried.
pub(super) struct Trial<'a> {
    program: &'a CompiledProgram,
    scope: Scope,
    conditions: &'a [Part<'a>],
    symbols: FactSymbols,
    purchase: Purchase,
    standing: Standing<'a>,
}

impl<'a> Trial<'a> {
    /// A copy, and what has to hold for it, or for one of its lines.
    pub fn new(view: &View<'a>, scope: Scope, conditions: &'a [Part<'a>]) -> Self {
        Self {
            program: view.program,
            scope,
            conditions,
            symbols: view.facts.symbols,
            purchase: view.facts.purchase.clone(),
            standing: view.standing.clone(),
        }
    }

    fn look<T>(&self, line: Option<usize>, ask: impl FnOnce(&View<'_>) -> T) -> T {
        ask(&View {
            program: self.program,
            facts: &Facts::with_symbols(&self.purchase, self.symbols),
            standing: &self.standing,
            line,
        })
    }

    /// Whether the conditions hold for the purchase, or for this line of it.
    fn holds(&self, line: Option<usize>) -> bool {
        line.is_none_or(|line| line < self.purchase.lines.len())
            && self.look(line, |view| {
                self.conditions.iter().all(|own| view.holds(own.check))
            })
    }

    /// Whether the conditions hold for the purchase, or for any line of it.
    fn is_matched(&self) -> bool {
        match self.scope {
            Scope::Basket => self.holds(None),
            Scope::Line => {
                let mut lines = (0..self.purchase.lines.len()).map(Some);
                lines.any(|line| self.holds(line))
            }
        }
    }

    /// What meets some parts, if the conditions hold then. The copy is left as it was.
    pub fn meet(&mut self, line: Option<usize>, mut parts: Vec<Part<'_>>) -> Option<Vec<Step>> {
        parts.sort_by_key(|part| self.turn(part.check));
        let mut steps: Vec<Step> = Vec::with_capacity(parts.len());
        let mut is_met = true;
        for part in parts {
            if self.look(line, |view| view.holds(part.check)) {
                continue;
            }
            let added = self.added(line, part.check);
            let Some(added) = added.filter(|added| self.add(added)) else {
                is_met = false;
                break;
            };
            let path = part.path;
            steps.push(Step { path, added });
        }
        let is_met = is_met && !steps.is_empty() && self.holds(line) && self.is_open(&steps);
        self.undo(&steps);
        is_met.then_some(steps)
    }

    /// When a part is met, among others.
    fn turn(&self, check: &Check) -> Turn {
        match check {
            Check::Line(_) => Turn::Lines,
            Check::Activity(test) if is_spend(self.program, test) => Turn::Windows,
            Check::Activity(_) | Check::EveryNth(..) => Turn::Purchases,
            _ => Turn::Total,
        }
    }

    /// The least that is to be added for a part that does not hold.
    fn added(&self, line: Option<usize>, check: &Check) -> Option<Added> {
        match check {
            Check::Amount(basis, range) => {
                let amount = self.look(line, |view| view.facts.amount(*basis));
                short_by(*range, amount).map(Added::ToTotal)
            }
            Check::Line(test) => self.added_line(line, test),
            Check::Activity(test) => {
                let counted = self.look(line, |view| view.activity_counter(test.activity_counter));
                let short_by = short_by(test.range, counted)?;
                if is_spend(self.program, test) {
                    return Some(Added::ToWindow(short_by));
                }
                Some(Added::Purchases(short_by))
            }
            Check::EveryNth(test, every) => {
                let counted = self.look(line, |view| view.activity_counter(test.activity_counter));
                let least = counted.checked_add(1)?.max(test.range.from);
                let rest = least.checked_rem_euclid(*every)?;
                let more = every.checked_sub(rest)?.checked_rem(*every)?;
                let next = least.checked_add(more)?;
                Some(Added::Purchases(next.checked_sub(counted)?))
            }
            _ => None,
        }
    }

    /// The line that takes the least, or a new one.
    fn added_line(&self, target: Option<usize>, check: &LineCheck) -> Option<Added> {
        let lines = self.purchase.lines.iter().enumerate();
        let lines = lines.filter(|(at, _)| target.is_none_or(|target| target == *at));
        let selected = lines.filter(|(_, line)| is_selected(&check.test, line));
        let needs = selected.map(|(at, line)| {
            let least = check.test.quantity_at_least.unwrap_or_default();
            let minor = check.amount_at_least.saturating_sub(line.amount.minor());
            (minor.max(0), least.saturating_sub(line.quantity), at)
        });
        if let Some((minor, pieces, at)) = needs.min() {
            return Some(Added::ToLine(at, pieces, minor));
        }
        let count = self.purchase.lines.len();
        if count >= LINES_MAX || target.is_some_and(|target| target != count) {
            return None;
        }
        let line = new_line(check, self.purchase.total.asset())?;
        Some(Added::Line(count, line))
    }

    /// Adds something. Says whether it can be.
    fn add(&mut self, added: &Added) -> bool {
        match added {
            Added::Line(at, line) => {
                let is_added = self.raise_total(line.amount.minor());
                if is_added {
                    let at = (*at).min(self.purchase.lines.len());
                    self.purchase.lines.insert(at, line.clone());
                }
                is_added
            }
            Added::ToLine(at, pieces, minor) => self.raise_line(*at, i64::from(*pieces), *minor),
            Added::ToTotal(minor) | Added::ToWindow(minor) => self.raise_total(*minor),
            Added::Purchases(count) => {
                self.raise_counts(*count);
                true
            }
        }
    }

    /// Takes away what was added. It was there, so it can be.
    fn take(&mut self, added: &Added) {
        match added {
            Added::Line(at, line) => {
                if *at < self.purchase.lines.len() {
                    self.purchase.lines.remove(*at);
                }
                self.raise_total(line.amount.minor().saturating_neg());
            }
            Added::ToLine(at, pieces, minor) => {
                let pieces = i64::from(*pieces).saturating_neg();
                self.raise_line(*at, pieces, minor.saturating_neg());
            }
            Added::ToTotal(minor) | Added::ToWindow(minor) => {
                self.raise_total(minor.saturating_neg());
            }
            Added::Purchases(count) => self.raise_counts(count.saturating_neg()),
        }
    }

    fn undo(&mut self, steps: &[Step]) {
        steps.iter().rev().for_each(|step| self.take(&step.added));
    }

    /// Counts purchases in all windows, as if they were made just before this one.
    fn raise_counts(&mut self, count: i64) {
        let counters = (0_u32..).zip(self.program.activity_counters());
        for (number, counter) in counters {
            if matches!(counter.kind, Activity::Number | Activity::Visits) {
                self.standing.activity_counters.add(number, count);
            }
        }
    }

    fn raise_total(&mut self, minor: i64) -> bool {
        let total = self.purchase.total;
        let raised = total.minor().checked_add(minor);
        if let Some(raised) = raised {
            self.purchase.total = Money::new(raised, total.asset());
        }
        raised.is_some()
    }

    fn raise_line(&mut self, at: usize, pieces: i64, minor: i64) -> bool {
        let Some(line) = self.purchase.lines.get(at) else {
            return false;
        };
        let quantity = i64::from(line.quantity).checked_add(pieces);
        let quantity = quantity.and_then(|quantity| u32::try_from(quantity).ok());
        let amount = line.amount.minor().checked_add(minor);
        let (Some(quantity), Some(amount)) = (quantity, amount) else {
            return false;
        };
        if !self.raise_total(minor) {
            return false;
        }
        if let Some(line) = self.purchase.lines.get_mut(at) {
            line.quantity = quantity;
            line.amount = Money::new(amount, line.amount.asset());
        }
        true
    }

    /// Whether the conditions no longer hold with a little less of any step. The copy is left as it was.
    pub fn is_smallest(&mut self, steps: &[Step]) -> bool {
        steps.iter().for_each(|step| {
            self.add(&step.added);
        });
        let little = steps.iter().flat_map(|step| little_of(&step.added));
        let little: Vec<Added> = little.collect();
        let is_smallest = little.iter().all(|added| {
            self.take(added);
            let is_matched = self.is_matched();
            self.add(added);
            !is_matched
        });
        self.undo(steps);
        is_smallest
    }

    /// Whether the conditions hold as well when more is spent, or bought, than the steps say.
    fn is_open(&self, steps: &[Step]) -> bool {
        let mut more = steps.iter().filter_map(|step| match &step.added {
            Added::Line(..) => Some(More::Spent),
            Added::ToLine(_, pieces, _) if *pieces > 0 => Some(More::Spent),
            Added::Purchases(_) => Some(More::SpentBefore),
            Added::ToLine(..) | Added::ToTotal(_) | Added::ToWindow(_) => None,
        });
        more.all(|more| {
            let mut conditions = self.conditions.iter();
            conditions.all(|own| rises(self.program, own.check, more, false))
        })
    }
}

/// What is added for one part.
#[derive(Debug, Clone)]
pub(super) struct Step {
    path: String,
    added: Added,
}

#[derive(Debug, Clone)]
enum Added {
    /// A line, at this place.
    Line(usize, Line),
    /// To the line at this place, pieces and minor units.
    ToLine(usize, u32, i64),
    /// Minor units.
    ToTotal(i64),
    /// Minor units, for a window.
    ToWindow(i64),
    /// Purchases.
    Purchases(i64),
}

impl Step {
    /// The same as it is told.
    pub fn told(self, asset: Asset) -> Missing {
        let money = |minor| Money::new(minor, asset);
        let number = |count: i64| u32::try_from(count).unwrap_or(u32::MAX);
        let change = match self.added {
            Added::Line(_, line) => SmallestChange::AddLine { line },
            Added::ToLine(at, pieces, minor) => SmallestChange::RaiseLine {
                line: u32::try_from(at).unwrap_or(u32::MAX),
                pieces: (pieces > 0).then_some(pieces),
                amount: (minor > 0).then(|| money(minor)),
            },
            Added::ToTotal(minor) => SmallestChange::RaiseTotal {
                amount: money(minor),
            },
            Added::ToWindow(minor) => SmallestChange::SpendInWindow {
                amount: money(minor),
            },
            Added::Purchases(count) => SmallestChange::MorePurchases {
                count: number(count),
            },
        };
        Missing {
            failed: self.path,
            change,
        }
    }
}

/// How much a change is: how many purchases, how many minor units, how many pieces.
pub(super) fn size(steps: &[Step]) -> (i64, i64, u64) {
    let mut size = (0_i64, 0_i64, 0_u64);
    for step in steps {
        let (purchases, minor, pieces) = match &step.added {
            Added::Line(_, line) => (0, line.amount.minor(), line.quantity),
            Added::ToLine(_, pieces, minor) => (0, *minor, *pieces),
            Added::ToTotal(minor) | Added::ToWindow(minor) => (0, *minor, 0),
            Added::Purchases(count) => (*count, 0, 0),
        };
        size.0 = size.0.saturating_add(purchases);
        size.1 = size.1.saturating_add(minor);
        size.2 = size.2.saturating_add(u64::from(pieces));
    }
    size
}

/// In which order parts are met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Lines,
    Total,
    Windows,
    Purchases,
}

/// The least that can be taken away of something, in each way that there is.
fn little_of(added: &Added) -> Vec<Added> {
    match added {
        Added::Line(at, line) => {
            let minor = line.amount.is_positive();
            let minor = minor.then_some(Added::ToLine(*at, 0, 1));
            let piece = match line.quantity {
                1 => added.clone(),
                _ => Added::ToLine(*at, 1, 0),
            };
            minor.into_iter().chain([piece]).collect()
        }
        Added::ToLine(at, pieces, minor) => {
            let minor = (*minor > 0).then_some(Added::ToLine(*at, 0, 1));
            let piece = (*pieces > 0).then_some(Added::ToLine(*at, 1, 0));
            minor.into_iter().chain(piece).collect()
        }
        Added::ToTotal(_) => vec![Added::ToTotal(1)],
        Added::ToWindow(_) => vec![Added::ToWindow(1)],
        Added::Purchases(_) => vec![Added::Purchases(1)],
    }
}

/// By how much a number is below a range.
fn short_by(range: Range, number: i64) -> Option<i64> {
    let short_by = range.from.checked_sub(number)?;
    (short_by > 0).then_some(short_by)
}

/// The least line that passes a test.
fn new_line(check: &LineCheck, asset: Asset) -> Option<Line> {
    let test = &check.test;
    let first = |wanted: &[String], except: &[String]| {
        let mut wanted = wanted.iter();
        wanted.find(|own| !except.contains(own)).cloned()
    };
    let mut line = Line {
        sku: first(&test.sku, &test.except_sku),
        category: first(&test.category, &test.except_category),
        quantity: test.quantity_at_least.unwrap_or_default().max(1),
        ..Line::new(Money::new(check.amount_at_least.max(0), asset))
    };
    if let Some(wanted) = &test.attribute {
        let value = passing(wanted)?;
        line.attributes.insert(wanted.name.clone(), value);
    }
    is_selected(test, &line).then_some(line)
}

/// A text that passes a test.
fn passing(test: &AttributeTest) -> Option<String> {
    let bound = test.at_least.map(|least| least.to_string());
    let named = test.one_of.iter().cloned();
    let mut texts = named.chain(bound).chain(["0".to_owned()]);
    texts.find(|text| passes(test, text))
}
