//! Where a member stands when something is decided: tiers brought up to date, and the counters that rules look at.

use std::collections::{BTreeMap, BTreeSet};

use smallvec::SmallVec;

use super::counter_lookups::{CounterLookup, CounterLookups};
use super::history::{HistoryView, Span, plan_pages};
use crate::cashback::{Facts, Purchase, Standing, Values};
use crate::context::Context;
use crate::ids::{MemberId, Slug, TenantId};
use crate::ledger::Purpose;
use crate::member::{MemberProfile, MemberRow};
use crate::money::Asset;
use crate::program::{
    Activity, BasisMask, CapScope, CompiledLadder, CompiledProgram, Measure, TierWindow,
};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::tiers::{MeasureRange, Qualification, TierMove, TierStatus, benefits, tier_at};
use crate::time::{Period, Timestamp};

/// The most days of a year.
const YEAR_DAYS: u16 = 366;

/// The balances, counters and history of one member: as a snapshot holds them, with the member's row as it is at the moment.
#[derive(Debug)]
pub(super) struct MemberView<'a> {
    pub snapshot: &'a Snapshot,
    pub row: &'a MemberRow,
    pub tenant: &'a TenantId,
    pub history: HistoryView<'a>,
}

/// The ladders of one program, brought up to date.
pub(super) type Ladders = BTreeMap<Slug, TierStatus>;

/// A member's moves on ladders.
pub(super) type Moves = Vec<(Slug, TierMove)>;

/// Adds to a plan what the ladders of a program ask for, for a purchase or a review at an instant.
///
/// Which windows a review decides follows from the member's row, which is not known yet: these are the ones around the
/// instant, and what is missing of others is asked for when it turns out so.
pub(super) fn plan_ladders(
    plan: &mut ReadPlan,
    program: &CompiledProgram,
    context: &Context,
    member: &MemberId,
    at: Timestamp,
) {
    let measured = program.ladders().iter();
    for ladder in measured.filter(|ladder| activity(ladder).is_some()) {
        // The year from a member's registration is not known yet, and is no longer than this.
        let period = match ladder.window() {
            TierWindow::Calendar(period) => period,
            TierWindow::Anniversary => Period::Days(YEAR_DAYS),
            TierWindow::Lifetime => Period::Lifetime,
        };
        let span = Span::around(program.calendar(), period, at.max(context.now));
        plan_pages(plan, context, member, program, span);
    }
}

/// Whether a ladder of the program is climbed by the balance of an asset.
pub(super) fn measures_balance_of(program: &CompiledProgram, asset: Asset) -> bool {
    program
        .ladders()
        .iter()
        .any(|ladder| *ladder.measure() == Measure::Balance(asset))
}

/// What a ladder asks of a member's history; `None` when it is climbed by a balance.
fn activity(ladder: &CompiledLadder) -> Option<Activity> {
    match ladder.measure() {
        Measure::Balance(_) => None,
        Measure::Earned(asset) => Some(Activity::Earned(*asset)),
        Measure::Spend(basis) => Some(Activity::Spend(BasisMask::of(basis))),
        Measure::Visits => Some(Activity::Visits),
    }
}

impl<'a> MemberView<'a> {
    /// A member as a snapshot holds it, with the row as it is at the moment.
    pub fn new(
        snapshot: &'a Snapshot,
        row: &'a MemberRow,
        tenant: &'a TenantId,
        member: &'a MemberId,
    ) -> Self {
        Self {
            snapshot,
            row,
            tenant,
            history: HistoryView::new(snapshot, row, tenant, member),
        }
    }

    /// What a member has reached on a ladder.
    pub fn measure(
        &self,
        program: &CompiledProgram,
        ladder: &CompiledLadder,
        range: &MeasureRange,
    ) -> i64 {
        match (range, ladder.measure(), activity(ladder)) {
            (MeasureRange::Balance, Measure::Balance(asset), _) => {
                let purpose = Purpose::available(*asset);
                self.row.balances.get(&purpose, *asset)
            }
            (
                MeasureRange::Buckets {
                    period,
                    from,
                    until,
                },
                _,
                Some(activity),
            ) => {
                let span = Span::of(program.calendar(), *period, *from, *until);
                self.history.sum(program, activity, span)
            }
            (MeasureRange::Balance | MeasureRange::Buckets { .. }, ..) => 0,
        }
    }

    /// Brings the ladders of a program up to date at an instant: every review that is due is made first.
    pub fn catch_up(
        &self,
        program: &CompiledProgram,
        profile: &MemberProfile,
        at: Timestamp,
    ) -> (Ladders, Moves) {
        self.catch_up_each(program, profile, |_| Some(at))
    }

    /// Brings each ladder of a program up to date at an instant of its own; what has none is left out.
    pub fn catch_up_each(
        &self,
        program: &CompiledProgram,
        profile: &MemberProfile,
        instant: impl Fn(&CompiledLadder) -> Option<Timestamp>,
    ) -> (Ladders, Moves) {
        let known = profile.tiers.get(program.id());
        let mut moves = Moves::new();
        let mut ladders = Ladders::new();
        for ladder in program.ladders() {
            let Some(at) = instant(ladder) else {
                continue;
            };
            let status = known.and_then(|ladders| ladders.get(ladder.id()));
            let qualification = qualification(program, ladder, profile.registered_at);
            let sum = |range: &MeasureRange| self.measure(program, ladder, range);
            let caught_up = qualification.catch_up(status, at, sum);
            let id = ladder.id();
            moves.extend(caught_up.moves.into_iter().map(|step| (id.clone(), step)));
            ladders.insert(id.clone(), caught_up.status);
        }
        (ladders, moves)
    }
}

/// A ladder in the calendar of a member.
pub(super) fn qualification<'l>(
    program: &CompiledProgram,
    ladder: &'l CompiledLadder,
    registered_at: Timestamp,
) -> Qualification<'l> {
    Qualification {
        ladder,
        calendar: program.calendar(),
        registered_at,
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
            CounterLookup::Activity(number, span) => {
                let place = usize::try_from(*number).ok();
                let asked = place.and_then(|at| program.activity_counters().get(at));
                let sum = asked.map(|asked| view.history.sum(program, asked.kind, *span));
                standing
                    .activity_counters
                    .set(*number, sum.unwrap_or_default());
            }
            CounterLookup::Carry(number, range) => standing
                .carried
                .set(*number, view.snapshot.count(range, Some(view.row))),
        }
    }
    standing
}
