//! What caps and budgets leave of what rules want.

use super::{Standing, Values};
use crate::money::{Ratio, Rounding};
use crate::program::{CapScope, CompiledCap, CompiledProgram, CompiledRule};

/// What the caps of a rule leave of what it wants, and the tightest of them if one clipped it.
///
/// `used` is what the purchase has used so far.
#[inline]
pub(super) fn clip(
    program: &CompiledProgram,
    standing: &Standing<'_>,
    used: &Values,
    rule: &CompiledRule,
    wanted: i64,
) -> (i64, Option<u32>) {
    let mut granted = wanted;
    let mut clipped_by = None;
    for number in &rule.caps {
        let left = left(program, standing, used, *number).unwrap_or(0);
        if left < granted {
            granted = left;
            clipped_by = Some(*number);
        }
    }
    (granted, clipped_by)
}

/// What a cap has left for this purchase; `None` when there is no key to count it by.
#[inline]
fn left(
    program: &CompiledProgram,
    standing: &Standing<'_>,
    used: &Values,
    number: u32,
) -> Option<i64> {
    let cap = program.cap(number)?;
    let here = used.get(number).unwrap_or(0);
    let before = match cap.scope {
        CapScope::Purchase => 0,
        _ => standing.used.get(number)?,
    };
    if cap.counts_uses {
        let open = here > 0 || before < cap.limit;
        return Some(if open { i64::MAX } else { 0 });
    }
    let limit = cap_limit(cap, standing.boost.cap_multiplier);
    Some(limit.saturating_sub(before).saturating_sub(here).max(0))
}

/// Counts a grant against the caps of its rule.
pub(super) fn use_up(
    program: &CompiledProgram,
    used: &mut Values,
    rule: &CompiledRule,
    granted: i64,
) {
    for number in &rule.caps {
        let counts_uses = program.cap(*number).is_some_and(|cap| cap.counts_uses);
        if !counts_uses {
            used.add(*number, granted);
        } else if used.get(*number).is_none() {
            used.set(*number, 1);
        }
    }
}

/// The limit of a cap for a member whose tiers raise caps by a factor. Tiers raise caps per purchase and per member; a
/// part of a minor unit is dropped, which the program gains.
#[must_use]
#[inline]
pub fn cap_limit(cap: &CompiledCap, cap_multiplier: Ratio) -> i64 {
    match cap.scope {
        CapScope::Purchase | CapScope::Member
            if !cap.counts_uses && cap_multiplier != Ratio::ONE =>
        {
            Rounding::Down
                .multiply(cap.limit, cap_multiplier)
                .unwrap_or(cap.limit)
        }
        _ => cap.limit,
    }
}
