//! Where a member stands when something is decided: tiers brought up to date, and the counters that rules look at.

use std::collections::{BTreeMap, BTreeSet};

use smallvec::SmallVec;

use super::counter_lookups::{CounterLookup, CounterLookups};
use super::due::DueChanges;
use crate::cashback::{Facts, Purchase, Standing, Values};
use crate::context::Context;
use crate::ids::{MemberId, Slug, TenantId};
use crate::member::{MemberRow, MemberStatus};
use crate::program::{
    Activity, BasisMask, CapScope, CompiledLadder, CompiledProgram, Measure, TierWindow,
};
use crate::snapshot::{CounterName, CounterRange, Snapshot};
use crate::tiers::{MeasureRange, Qualification, TierMove, TierStatus, benefits, tier_at};
use crate::time::{Period, Timestamp};

/// How far back a ladder's counters are read, to catch up with reviews that were missed: three years of days.
const LOOK_BACK_DAYS: i64 = 3 * 366;

/// The counters and balances of one member: as a snapshot holds them, with the member's row as it is at the moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct MemberView<'a> {
    pub snapshot: &'a Snapshot,
    pub row: &'a MemberRow,
    pub tenant: &'a TenantId,
    pub member: &'a MemberId,
    /// What is due for lots and not in the row yet.
    pub due: &'a DueChanges,
}

/// The ladders of one program, brought up to date.
pub(super) type Ladders = BTreeMap<Slug, TierStatus>;

/// A member's moves on ladders.
pub(super) type Moves = Vec<(Slug, TierMove)>;

/// The ranges of the counters that the ladders of a program may ask for, for a purchase or a review at an instant.
///
/// The member's row is not known yet, so this reads as far back as reviews are ever caught up.
pub(super) fn ladder_ranges(
    program: &CompiledProgram,
    context: &Context,
    member: &MemberId,
    at: Timestamp,
) -> Vec<CounterRange> {
    let ranges = program.ladders().iter().filter_map(|ladder| {
        let counter = ladder_counter(program, ladder)?;
        let name = CounterName::of_member(&context.tenant, member, counter);
        let period = ladder_period(ladder);
        let earliest = at
            .checked_add_days(LOOK_BACK_DAYS.saturating_neg())
            .unwrap_or(Timestamp::MIN);
        let (from, _) = program.calendar().buckets(period, earliest);
        let (_, until) = program.calendar().buckets(period, at.max(context.now));
        Some(CounterRange { name, from, until })
    });
    ranges.collect()
}

/// Whether a ladder of the program is climbed by a balance.
pub(super) fn measures_balance(program: &CompiledProgram) -> bool {
    let mut ladders = program.ladders().iter();
    ladders.any(|ladder| matches!(ladder.measure(), Measure::Balance(_)))
}

fn ladder_period(ladder: &CompiledLadder) -> Period {
    match ladder.window() {
        TierWindow::Calendar(period) => period,
        TierWindow::Anniversary => Period::Day,
        TierWindow::Lifetime => Period::Lifetime,
    }
}

fn ladder_counter<'p>(program: &'p CompiledProgram, ladder: &CompiledLadder) -> Option<&'p str> {
    let kind = match ladder.measure() {
        Measure::Balance(_) => return None,
        Measure::Earned(asset) => Activity::Earned(*asset),
        Measure::Spend(basis) => Activity::Spend(BasisMask::of(basis)),
        Measure::Visits => Activity::Visits,
    };
    let period = ladder_period(ladder).counter_period();
    let activity_counter = program
        .activity_counters()
        .iter()
        .find(|t| t.kind == kind && t.period() == period);
    activity_counter.map(|activity_counter| activity_counter.counter.as_str())
}

impl MemberView<'_> {
    /// What a member has reached on a ladder.
    pub fn measure(
        &self,
        program: &CompiledProgram,
        ladder: &CompiledLadder,
        range: &MeasureRange,
    ) -> i64 {
        match (range, ladder.measure()) {
            (MeasureRange::Balance { at }, Measure::Balance(asset)) => {
                self.due.balance(&self.row.balances, *asset, *at)
            }
            (MeasureRange::Buckets { from, until, .. }, _) => {
                let Some(counter) = ladder_counter(program, ladder) else {
                    return 0;
                };
                let name = CounterName::of_member(self.tenant, self.member, counter);
                let range = CounterRange {
                    name,
                    from: *from,
                    until: *until,
                };
                self.snapshot.count(&range, Some(self.row))
            }
            (MeasureRange::Balance { .. }, _) => 0,
        }
    }

    /// Makes the reviews of a program's ladders that are due by time alone, each ladder up to an instant of its own; what has
    /// none is left out, and so is what has no status yet.
    pub fn catch_up_due(
        &self,
        program: &CompiledProgram,
        known: Option<&Ladders>,
        instant: impl Fn(&CompiledLadder) -> Option<Timestamp>,
    ) -> (Ladders, Moves) {
        let mut moves = Moves::new();
        let mut ladders = Ladders::new();
        for ladder in program.ladders() {
            let Some(at) = instant(ladder) else {
                continue;
            };
            let status = known.and_then(|ladders| ladders.get(ladder.id()));
            if self.has_left() {
                ladders.extend(status.map(|status| (ladder.id().clone(), status.clone())));
                continue;
            }
            let qualification = self.qualification(program, ladder);
            let changes = match ladder.measure() {
                Measure::Balance(asset) => self.due.instants(*asset),
                Measure::Earned(_) | Measure::Spend(_) | Measure::Visits => Vec::new(),
            };
            let sum = |range: &MeasureRange| self.measure(program, ladder, range);
            let due = qualification.catch_up_due(status, at, &changes, sum);
            let id = ladder.id();
            moves.extend(due.moves.into_iter().map(|step| (id.clone(), step)));
            ladders.extend(due.status.map(|status| (id.clone(), status)));
        }
        (ladders, moves)
    }

    /// Reviews a program's ladders because of what was counted, each at an instant of its own; what has none is left out.
    pub fn review(
        &self,
        program: &CompiledProgram,
        known: Option<&Ladders>,
        instant: impl Fn(&CompiledLadder) -> Option<Timestamp>,
    ) -> (Ladders, Moves) {
        let mut moves = Moves::new();
        let mut ladders = Ladders::new();
        for ladder in program.ladders() {
            let Some(at) = instant(ladder).filter(|_| !self.has_left()) else {
                continue;
            };
            let status = known.and_then(|ladders| ladders.get(ladder.id()));
            let sum = |range: &MeasureRange| self.measure(program, ladder, range);
            let caught_up = self
                .qualification(program, ladder)
                .catch_up(status, at, sum);
            let id = ladder.id();
            moves.extend(caught_up.moves.into_iter().map(|step| (id.clone(), step)));
            ladders.insert(id.clone(), caught_up.status);
        }
        (ladders, moves)
    }

    /// Whether the member has left: the tiers then stay as they were.
    fn has_left(&self) -> bool {
        self.row.profile.status == MemberStatus::Closed
    }

    /// A ladder in the calendar of the member.
    pub fn qualification<'l>(
        &self,
        program: &CompiledProgram,
        ladder: &'l CompiledLadder,
    ) -> Qualification<'l> {
        Qualification {
            ladder,
            calendar: program.calendar(),
            registered_at: self.row.profile.registered_at,
        }
    }
}

/// Where somebody stands who joins with a purchase: the lowest tiers, no segment, no attribute, and nothing used up. A cap
/// by an attribute that the purchase does not have cannot be counted.
pub(super) fn new_member(program: &CompiledProgram, purchase: &Purchase) -> Standing<'static> {
    static NO_SEGMENTS: BTreeSet<String> = BTreeSet::new();
    static NO_ATTRIBUTES: BTreeMap<String, String> = BTreeMap::new();
    let mut used = Values::default();
    for (number, cap) in (0_u32..).zip(program.caps()) {
        let is_counted = match &cap.scope {
            CapScope::Purchase => false,
            CapScope::Member | CapScope::Program => true,
            CapScope::Attribute(name) => purchase.attributes.contains_key(name),
        };
        if is_counted {
            used.set(number, 0);
        }
    }
    Standing {
        segments: &NO_SEGMENTS,
        attributes: &NO_ATTRIBUTES,
        ranks: program.ladders().iter().map(|_| 0).collect(),
        boost: benefits(program.ladders().iter().map(|ladder| (ladder, 0))),
        used,
        activity_counters: Values::default(),
        carried: Values::default(),
        carried_parts: Values::default(),
    }
}

/// Where a member stands for a purchase: ranks at its instant, and the values that its rules look at.
pub(super) fn standing<'a>(
    view: &MemberView<'_>,
    program: &CompiledProgram,
    row: &'a MemberRow,
    ladders: &Ladders,
    facts: &Facts<'_>,
    lookups: &[CounterLookup],
) -> Standing<'a> {
    let at = facts.purchase.occurred_at;
    let ranks: SmallVec<[usize; 2]> = program
        .ladders()
        .iter()
        .map(|ladder| tier_at(ladder, ladders.get(ladder.id()), at))
        .collect();
    let boost = benefits(program.ladders().iter().zip(ranks.iter().copied()));
    let mut standing = Standing {
        segments: &row.profile.segments,
        attributes: &row.profile.attributes,
        ranks,
        boost,
        used: Values::default(),
        activity_counters: Values::default(),
        carried: Values::default(),
        carried_parts: Values::default(),
    };
    let counters = CounterLookups::new(view.tenant, program, facts.purchase);
    for lookup in lookups {
        match lookup {
            CounterLookup::Cap(number, _) => {
                let used = counters
                    .used(*number, view.snapshot, Some(view.row))
                    .unwrap_or_default();
                standing.used.set(*number, used);
            }
            CounterLookup::ActivityCounter(number, range) => standing
                .activity_counters
                .set(*number, view.snapshot.count(range, Some(view.row))),
            CounterLookup::Carry(number, range) => standing
                .carried
                .set(*number, view.snapshot.count(range, Some(view.row))),
            CounterLookup::CarryPart(number, range) => standing
                .carried_parts
                .set(*number, view.snapshot.count(range, Some(view.row))),
        }
    }
    standing
}
