//! Where a member stands when something is decided: tiers brought up to date, and the counters that rules look at.

use std::collections::{BTreeMap, BTreeSet};

use smallvec::SmallVec;

use super::change_builder::ChangeBuilder;
use super::counter_lookups::{CounterLookup, CounterLookups};
use super::due::DueChanges;
use super::history::{HistoryView, Span, plan_pages};
use crate::cashback::{Facts, Purchase, Standing, Values};
use crate::command::Undecided;
use crate::context::{Context, Era, Revisions};
use crate::ids::{MemberId, Slug, TenantId};
use crate::member::MemberRow;
use crate::program::{
    Activity, BasisMask, CapScope, CompiledLadder, CompiledProgram, Measure, TierWindow,
};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::tiers::{
    CaughtUp, MeasureRange, Qualification, TierMove, TierStatus, benefits, tier_at,
};
use crate::time::{Period, Timestamp};

/// The most days of a year.
const YEAR_DAYS: u16 = 366;

/// What ladders measure of one member: by a row of the member, and what was due for lots and is not in it.
#[derive(Debug)]
pub(super) struct MemberView<'a> {
    pub row: &'a MemberRow,
    /// What was due for lots and is not in the row.
    pub due: &'a DueChanges,
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
    /// A member as a snapshot holds it, with a row of the member, and what was due for lots and is not in it.
    pub fn new(
        snapshot: &'a Snapshot,
        row: &'a MemberRow,
        tenant: &'a TenantId,
        member: &'a MemberId,
        due: &'a DueChanges,
    ) -> Self {
        Self {
            row,
            due,
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
            (MeasureRange::Balance { at }, Measure::Balance(asset), _) => {
                self.due.balance(&self.row.balances, *asset, *at)
            }
            (
                MeasureRange::Buckets {
                    period,
                    from,
                    until,
                    at,
                },
                _,
                Some(activity),
            ) => {
                let span = Span::of(program.calendar(), *period, *from, *until);
                let sum = self.history.sum(program, activity, span);
                match activity {
                    Activity::Earned(asset) => {
                        let voided = self.due.unearned(program.id(), asset, span, *at);
                        sum.saturating_sub(voided)
                    }
                    _ => sum,
                }
            }
            (MeasureRange::Balance { .. } | MeasureRange::Buckets { .. }, ..) => 0,
        }
    }

    /// Makes the reviews of a program's ladders that are due by time alone, each by the revision of its own instant, and each
    /// ladder up to an instant of its own; one that has none stays as it is. What becomes due while a ladder is not there is
    /// dropped.
    pub fn catch_up_due(
        &self,
        revisions: &Revisions,
        known: Option<&Ladders>,
        now: Timestamp,
        instant: impl Fn(&CompiledLadder) -> Option<Timestamp>,
    ) -> (Ladders, Moves) {
        let mut ladders = known.cloned().unwrap_or_default();
        let mut moves = Moves::new();
        let current = revisions.at(now).filter(|_| !self.has_left());
        if current.is_none() {
            return (ladders, moves);
        }
        // Nothing was due before this, so revisions that decided earlier have nothing to say, unless one has brought a ladder.
        let is_known = |ladder: &CompiledLadder| {
            ladders.contains_key(ladder.id()) || activity(ladder).is_none()
        };
        let reviews = ladders.values().filter_map(|status| status.review_at);
        let first_due = reviews.chain(self.due.first()).min();
        let is_over = |era: &Era| {
            let skips = era.program.ladders().iter().all(is_known);
            let until = era.until.filter(|_| skips);
            until.is_some_and(|until| first_due.is_none_or(|first| until <= first))
        };
        let over = revisions.eras().iter().take_while(|era| is_over(era));
        let over = over.count();
        for era in revisions.eras().iter().skip(over) {
            let until = era
                .until
                .and_then(|until| until.checked_add_micros(-1).ok());
            let last = until.map_or(now, |until| until.min(now));
            if last < era.from {
                break;
            }
            drop_absent(&mut ladders, &era.program, last);
            for ladder in era.program.ladders() {
                let at = instant(ladder).map(|at| until.map_or(at, |until| until.min(at)));
                if let Some(at) = at.filter(|at| *at >= era.from) {
                    self.catch_up_ladder(era, ladder, at, (&mut ladders, &mut moves));
                }
            }
        }
        (ladders, moves)
    }

    fn catch_up_ladder(
        &self,
        era: &Era,
        ladder: &CompiledLadder,
        at: Timestamp,
        (ladders, moves): (&mut Ladders, &mut Moves),
    ) {
        let program = &era.program;
        let status = ladders.get(ladder.id());
        let begun = match status {
            None => self.begin(era, ladder, at),
            Some(_) => None,
        };
        let status = begun.as_ref().map(|begun| &begun.status).or(status);
        let mut changes = self.due.instants(program.id(), ladder.measure());
        changes.retain(|change| *change >= era.from);
        let sum = |range: &MeasureRange| self.measure(program, ladder, range);
        let qualification = self.qualification(program, ladder);
        let due = qualification.catch_up_due(status, at, &changes, sum);
        let id = ladder.id();
        let made = begun.iter().flat_map(|begun| begun.moves.iter().cloned());
        let made: Vec<_> = made.chain(due.moves).collect();
        moves.extend(made.into_iter().map(|step| (id.clone(), step)));
        ladders.extend(due.status.map(|status| (id.clone(), status)));
    }

    /// The status on a ladder that a revision has brought since the member last bought: what was bought before counts, as of
    /// the instant at which the revision began, whoever asks and whenever. What a balance was then is not known.
    fn begin(
        &self,
        era: &Era,
        ladder: &CompiledLadder,
        at: Timestamp,
    ) -> Option<CaughtUp<TierStatus>> {
        let program = &era.program;
        let is_known = self.row.history.contains_key(program.id()) && activity(ladder).is_some();
        let began = era.from.max(self.row.profile.registered_at);
        let sum = |range: &MeasureRange| self.measure(program, ladder, range);
        (is_known && began <= at).then(|| {
            let qualification = self.qualification(program, ladder);
            qualification.catch_up(None, began, sum)
        })
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
        self.row.profile.status.is_final()
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

/// Drops the reviews that were due up to an instant on ladders which the program did not have then.
fn drop_absent(ladders: &mut Ladders, program: &CompiledProgram, until: Timestamp) {
    for (id, status) in ladders {
        let is_there = program.ladders().iter().any(|ladder| ladder.id() == id);
        if !is_there && status.review_at.is_some_and(|due| due <= until) {
            status.review_at = None;
            status.below_since = None;
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
        offers: SmallVec::new(),
    }
}

/// Where a member stands for a purchase: ranks at its instant, and the values that its rules look at, as they are after what
/// was due.
///
/// # Errors
/// [`Undecided::Needs`] pages of the member's history.
pub(super) fn standing<'a>(
    builder: &'a ChangeBuilder<'_>,
    snapshot: &Snapshot,
    context: &Context,
    program: &CompiledProgram,
    ladders: &Ladders,
    facts: &Facts<'_>,
    lookups: &[CounterLookup],
) -> Result<Standing<'a>, Undecided> {
    let row = &builder.row;
    let history = HistoryView::new(snapshot, row, &context.tenant, builder.member());
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
        offers: SmallVec::new(),
    };
    let counters = CounterLookups::new(&context.tenant, program, facts.purchase);
    for lookup in lookups {
        match lookup {
            CounterLookup::Cap(number, _) => {
                let used = counters
                    .used(*number, snapshot, builder)
                    .unwrap_or_default();
                standing.used.set(*number, used);
            }
            CounterLookup::Activity(number, span) => {
                let place = usize::try_from(*number).ok();
                let asked = place.and_then(|at| program.activity_counters().get(at));
                let sum = asked.map(|asked| history.sum(program, asked.kind, *span));
                standing
                    .activity_counters
                    .set(*number, sum.unwrap_or_default());
            }
            CounterLookup::Carry(number, range) => standing
                .carried
                .set(*number, snapshot.count(range, Some(row))),
            CounterLookup::CarryPart(number, range) => standing
                .carried_parts
                .set(*number, snapshot.count(range, Some(row))),
        }
    }
    history.check_seen()?;
    Ok(standing)
}
