//! Reviews of a member's tiers by commands, but for the program of a purchase that is recorded: what they must see, and the
//! moves they make.
//!
//! Only programs are reviewed in which the member stands, which a purchase brings about. A ladder that a revision leaves out is
//! not reviewed, and stays as it was in case another one brings it back. A review has two parts.
//!
//! First what is due by time alone, each as of its own instant and by the revision of that instant, by what the member had
//! before the command and by what was due for lots: it comes out the same whenever it is made. Whoever carries out what is due
//! makes it, for every ladder. A sweep makes this part alone, so that nothing depends on when it runs.
//!
//! Then one for the command itself, with what it has changed. Value that is given or taken by hand, confirmed, or granted by
//! another program moves balances, so only ladders by a balance are reviewed; the others of the same program keep their
//! review for when it is due, as nothing that they measure has changed. A cancellation also takes back what was counted, so
//! all are reviewed.

use std::cmp::Ordering;
use std::sync::Arc;

use super::change_builder::ChangeBuilder;
use super::due::{DueChanges, any_ladder_by_lots, due_lots, due_query, follows_lots};
use super::standing::{Ladders, MemberView, Moves, plan_ladders};
use crate::command::Undecided;
use crate::context::Context;
use crate::event::Event;
use crate::ids::{MemberId, ProgramId};
use crate::ledger::Lot;
use crate::member::MemberRow;
use crate::money::Asset;
use crate::program::{CompiledLadder, CompiledProgram, Measure};
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::tiers::TierStatus;
use crate::time::Timestamp;

/// Whose ladders are reviewed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reviewed<'a> {
    /// All.
    All,
    /// All, because something was undone. Nobody climbs by that, and no grace ends: whoever stands too low, or has enough
    /// again, by what was told late is seen by the next review, or a purchase that comes back in parts would leave more
    /// than one that comes back at once.
    Undone,
    /// Those that are climbed by a balance.
    Balances,
    /// Those that are climbed by the balance of this asset.
    ByBalance(Asset),
    /// Those that are climbed by a balance, of every program but this one.
    Elsewhere(&'a ProgramId),
}

impl Reviewed<'_> {
    fn programs(
        self,
        context: &Context,
    ) -> impl Iterator<Item = (&ProgramId, &Arc<CompiledProgram>)> {
        let current = context.programs.iter();
        let current = current.filter_map(|(id, revisions)| Some((id, revisions.at(context.now)?)));
        current.filter(move |(id, _)| !matches!(self, Self::Elsewhere(own) if own == *id))
    }

    fn includes(self, ladder: &CompiledLadder) -> bool {
        match (self, ladder.measure()) {
            (Self::All | Self::Undone, _)
            | (Self::Balances | Self::Elsewhere(_), Measure::Balance(_)) => true,
            (Self::ByBalance(asset), Measure::Balance(measured)) => asset == *measured,
            (Self::Balances | Self::Elsewhere(_) | Self::ByBalance(_), _) => false,
        }
    }

    /// Leaves out the ladders on which a member would do better than before, where nobody may.
    fn admit(
        self,
        program: &CompiledProgram,
        known: Option<&Ladders>,
        (mut ladders, mut moves): (Ladders, Moves),
    ) -> (Ladders, Moves) {
        if !matches!(self, Self::Undone) {
            return (ladders, moves);
        }
        ladders.retain(|id, status| {
            let before = known.and_then(|ladders| ladders.get(id));
            let ladder = program.ladders().iter().find(|ladder| ladder.id() == id);
            !ladder.is_some_and(|ladder| improves(ladder, before, status))
        });
        moves.retain(|(id, _)| ladders.contains_key(id));
        (ladders, moves)
    }

    /// Adds to a plan what the review must see of a command at an instant.
    pub fn plan(self, context: &Context, member: &MemberId, at: Timestamp, plan: &mut ReadPlan) {
        if any_ladder_by_lots(context) {
            plan.lots.push(due_query(&context.member_key(member), at));
        }
        if matches!(self, Self::All | Self::Undone) {
            self.plan_counters(context, member, at, plan);
        }
    }

    /// Adds the counters of all ladders to a plan.
    pub fn plan_counters(
        self,
        context: &Context,
        member: &MemberId,
        at: Timestamp,
        plan: &mut ReadPlan,
    ) {
        for (_, program) in self.programs(context) {
            plan_ladders(plan, program, context, member, at);
        }
    }
}

/// Whether somebody stands higher than before, or as high and no longer in danger of moving down.
fn improves(ladder: &CompiledLadder, before: Option<&TierStatus>, after: &TierStatus) -> bool {
    let rank = |status: &TierStatus| ladder.rank_of(&status.tier).unwrap_or_default();
    let was = before.map(rank).unwrap_or_default();
    let recovered = before.is_some_and(|before| before.below_since.is_some());
    match rank(after).cmp(&was) {
        Ordering::Greater => true,
        Ordering::Equal => recovered && after.below_since.is_none(),
        Ordering::Less => false,
    }
}

/// The lots of a member for which something is due that makes a difference to a review.
///
/// # Errors
/// [`Rejection::TooMany`] when more are due than one command may touch.
pub(super) fn due_for_review<'s>(
    snapshot: &'s Snapshot,
    context: &Context,
    member: &MemberId,
    at: Timestamp,
) -> Result<Vec<&'s Lot>, Rejection> {
    // By the same condition as in the plan: rows that other commands asked for must not make a difference.
    if !any_ladder_by_lots(context) {
        return Ok(Vec::new());
    }
    due_lots(snapshot, &context.member_key(member), at)
}

/// A review by one command.
#[derive(Debug, Clone, Copy)]
pub(super) struct TierReview<'a> {
    /// Whose ladders.
    pub reviewed: Reviewed<'a>,
    /// What was seen, before the command.
    pub snapshot: &'a Snapshot,
    pub context: &'a Context,
    pub member: &'a MemberId,
    /// The instant of the command.
    pub at: Timestamp,
}

impl<'a> TierReview<'a> {
    /// A review at the command's own time.
    pub fn now(
        reviewed: Reviewed<'a>,
        snapshot: &'a Snapshot,
        context: &'a Context,
        member: &'a MemberId,
    ) -> Self {
        Self {
            reviewed,
            snapshot,
            context,
            member,
            at: context.now,
        }
    }

    /// Makes what is due and then one review for the command, tells of the moves, and says how many there were.
    ///
    /// # Errors
    /// [`Undecided::Needs`] pages of the member's history.
    pub fn make(&self, builder: &mut ChangeBuilder<'_>) -> Result<u32, Undecided> {
        let made = self.make_due(builder, self.context.now)?;
        Ok(made.saturating_add(self.look(builder)?))
    }

    fn look(&self, builder: &mut ChangeBuilder<'_>) -> Result<u32, Undecided> {
        let none = DueChanges::default();
        self.each(builder, |program, builder| {
            let view = self.view(&builder.row, &none);
            let is_own = |ladder: &CompiledLadder| self.reviewed.includes(ladder);
            let instant = |ladder: &CompiledLadder| is_own(ladder).then_some(self.at);
            let known = builder.row.profile.tiers.get(program.id());
            let reviewed = view.review(program, known, instant);
            view.history.check_seen()?;
            Ok(self.reviewed.admit(program, known, reviewed))
        })
    }

    /// Makes what is due by time alone, for ladders that lots move up to an instant of their own.
    ///
    /// # Errors
    /// [`Undecided::Needs`] pages of the member's history.
    pub fn make_due(
        &self,
        builder: &mut ChangeBuilder<'_>,
        lots_until: Timestamp,
    ) -> Result<u32, Undecided> {
        let key = self.context.member_key(self.member);
        let Some(before) = self.snapshot.members.get(&key) else {
            return Ok(0);
        };
        self.each(builder, |program, builder| {
            let view = self.view(before, builder.due_changes());
            let Some(revisions) = self.context.revisions(program.id()) else {
                return Ok((Ladders::new(), Moves::new()));
            };
            let instant = |ladder: &CompiledLadder| {
                let follows_lots = follows_lots(ladder, self.context);
                Some(if follows_lots {
                    lots_until
                } else {
                    self.context.now
                })
            };
            let known = builder.row.profile.tiers.get(program.id());
            let caught_up = view.catch_up_due(revisions, known, self.context.now, instant);
            view.history.check_seen()?;
            Ok(caught_up)
        })
    }

    fn view<'v>(&'v self, row: &'v MemberRow, due: &'v DueChanges) -> MemberView<'v> {
        MemberView::new(self.snapshot, row, &self.context.tenant, self.member, due)
    }

    /// Reviews every program in which the member stands, and says how many moves there were.
    fn each(
        &self,
        builder: &mut ChangeBuilder<'_>,
        review: impl Fn(&CompiledProgram, &ChangeBuilder<'_>) -> Result<(Ladders, Moves), Undecided>,
    ) -> Result<u32, Undecided> {
        let mut made = 0_u32;
        for (id, program) in self.reviewed.programs(self.context) {
            let row = &builder.row;
            // Whoever bought stands on every ladder, also on one that a revision has brought since.
            if !row.profile.tiers.contains_key(id) && !row.history.contains_key(id) {
                continue;
            }
            let (ladders, moves) = review(program, builder)?;
            if ladders.is_empty() {
                continue;
            }
            let stored = builder.row.profile.tiers.entry(id.clone()).or_default();
            stored.extend(ladders);
            for (ladder, step) in moves {
                made = made.saturating_add(1);
                builder.emit(Event::TierChanged {
                    program: id.clone(),
                    ladder,
                    from: step.from,
                    to: step.to,
                });
            }
        }
        Ok(made)
    }
}
