//! The smallest change to a purchase after which conditions hold that do not hold now.
//!
//! 1. The parts that fail are found. All that can be added to is a lower bound: of an amount, of a line, of what was spent or
//!    how often something was bought. Where another part fails, nothing is found. Of alternatives (`any`) each is looked at, in
//!    document order.
//! 2. The parts are met one after the other on a copy of the purchase: lines first, then the total, then what was spent in
//!    windows, then how often. What one part adds counts for those after it.
//! 3. A change is told only when the conditions hold on the copy, and no longer do with one minor unit, piece or purchase less
//!    of any of it.
//!
//! What an added piece costs, and what is spent by added purchases, is open. Where the conditions bound that from above,
//! nothing is found.

use super::trial::{Trial, size};
use super::{Missing, View};
use crate::program::{Activity, ActivityCheck, Check, CompiledProgram, Range, Scope};

/// How many ways to meet a condition are looked at.
const ALTERNATIVES_MAX: usize = 16;

/// A condition with its path in the program document.
#[derive(Debug, Clone)]
pub(crate) struct Part<'c> {
    pub path: String,
    pub check: &'c Check,
}

/// The smallest change after which all conditions hold: for the purchase, or for one of its lines. Empty when none is known.
/// Of the ways that there are the first one in document order is told; of several lines the one that takes least.
pub(crate) fn smallest_change(
    view: &View<'_>,
    scope: Scope,
    conditions: &[Part<'_>],
) -> Vec<Missing> {
    if !conditions.iter().all(|own| is_known(view, own.check)) {
        return Vec::new();
    }
    let lines = view.facts.purchase.lines.len();
    let targets: Vec<Option<usize>> = match scope {
        Scope::Basket => vec![None],
        Scope::Line => (0..=lines).map(Some).collect(),
    };
    let mut trial = Trial::new(view, scope, conditions);
    let mut found = Vec::new();
    for line in targets {
        let view = View { line, ..*view };
        let ways = together(&view, conditions);
        found.extend(ways.into_iter().filter_map(|way| trial.meet(line, way)));
    }
    if scope == Scope::Line {
        found.sort_by_key(|steps| size(steps));
    }
    let mut found = found.into_iter();
    let smallest = found.find(|steps| trial.is_smallest(steps));
    let asset = view.facts.purchase.total.asset();
    let steps = smallest.into_iter().flatten();
    steps.map(|step| step.told(asset)).collect()
}

/// Whether everything that a condition counts was looked up. It was not for rules that another fact of the purchase rules out.
fn is_known(view: &View<'_>, check: &Check) -> bool {
    match check {
        Check::All(parts) | Check::Any(parts) | Check::None(parts) => {
            parts.iter().all(|part| is_known(view, part))
        }
        Check::Activity(test) | Check::EveryNth(test, _) => {
            let number = u32::try_from(test.activity_counter).ok();
            number.is_some_and(|number| view.standing.activity_counters.get(number).is_some())
        }
        _ => true,
    }
}

/// The ways to meet all of some conditions, each by the parts that have to be met.
fn together<'c>(view: &View<'_>, conditions: &[Part<'c>]) -> Vec<Vec<Part<'c>>> {
    let mut ways = vec![Vec::new()];
    for own in conditions {
        let more = alternatives(view, own);
        let pairs = ways
            .iter()
            .flat_map(|way| more.iter().map(move |own| (way, own)));
        let pairs = pairs.map(|(way, own)| way.iter().chain(own).cloned().collect());
        ways = pairs.take(ALTERNATIVES_MAX).collect();
    }
    ways
}

/// The ways to meet one condition: one without parts when it holds, and none when nothing that is added can meet it.
fn alternatives<'c>(view: &View<'_>, own: &Part<'c>) -> Vec<Vec<Part<'c>>> {
    let check = own.check;
    let below = |name: &str, parts: &'c [Check]| -> Vec<Part<'c>> {
        let parts = parts.iter().enumerate();
        let parts = parts.map(|(at, check)| Part {
            path: format!("{}.{name}[{at}]", own.path),
            check,
        });
        parts.collect()
    };
    match check {
        _ if view.holds(check) => vec![Vec::new()],
        Check::All(parts) => together(view, &below("all", parts)),
        Check::Any(parts) => {
            let parts = below("any", parts);
            let ways = parts.iter().flat_map(|part| alternatives(view, part));
            ways.take(ALTERNATIVES_MAX).collect()
        }
        Check::Amount(..) | Check::Line(_) | Check::Activity(_) | Check::EveryNth(..) => {
            vec![vec![own.clone()]]
        }
        _ => Vec::new(),
    }
}

/// What may be more than a change says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum More {
    /// What is spent by this purchase.
    Spent,
    /// What is spent by purchases before it.
    SpentBefore,
}

/// Whether a condition that holds goes on to hold with more; one that is denied, whether it goes on to fail.
pub(super) fn rises(program: &CompiledProgram, check: &Check, more: More, is_denied: bool) -> bool {
    let is_open = |range: Range| match is_denied {
        true => range.from == i64::MIN,
        false => range.until == i64::MAX,
    };
    match check {
        Check::All(parts) | Check::Any(parts) => parts
            .iter()
            .all(|part| rises(program, part, more, is_denied)),
        Check::None(parts) => parts
            .iter()
            .all(|part| rises(program, part, more, !is_denied)),
        Check::Activity(test) if is_spend(program, test) => is_open(test.range),
        Check::Amount(_, range) if more == More::Spent => is_open(*range),
        Check::Line(check) if more == More::Spent => !is_denied || check.amount_at_least <= 0,
        _ => true,
    }
}

/// Whether a test is one of what was spent.
pub(super) fn is_spend(program: &CompiledProgram, test: &ActivityCheck) -> bool {
    let counter = program.activity_counters().get(test.activity_counter);
    counter.is_some_and(|counter| matches!(counter.kind, Activity::Spend(_)))
}
