//! Reviews of a member's tiers by commands, but for the program of a purchase that is recorded: what they must see, and the
//! moves they make.
//!
//! Only programs are reviewed in which the member stands, which a purchase brings about. Value that is given or taken by
//! hand, confirmed, or granted by another program moves balances, so only ladders by a balance are reviewed; the others of
//! the same program keep their review for when it is due, as nothing that they measure has changed. A cancellation also
//! takes back what was counted, so all are reviewed.
//!
//! A review has two parts. First what is due by time alone, each as of its own instant, by what the member had before the
//! command: it comes out the same whenever it is made. Then one for the command itself, with what it has changed. A sweep
//! makes the first part alone, so that nothing depends on when it runs.

use std::sync::Arc;

use super::change_builder::ChangeBuilder;
use super::due::{DueChanges, due_lots, due_query};
use super::standing::{Ladders, MemberView, Moves, measures_balance, plan_ladders};
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
use crate::time::Timestamp;

/// Whose ladders are reviewed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reviewed<'a> {
    /// All.
    All,
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
        current.filter(move |(id, program)| {
            match self {
                // A program that has no ladder any more is looked at, too: what was due on them is dropped.
                Self::All => true,
                Self::Elsewhere(own) if own == *id => false,
                Self::Balances | Self::ByBalance(_) | Self::Elsewhere(_) => {
                    let mut ladders = program.ladders().iter();
                    ladders.any(|ladder| self.includes(ladder))
                }
            }
        })
    }

    fn includes(self, ladder: &CompiledLadder) -> bool {
        match (self, ladder.measure()) {
            (Self::All, _) | (Self::Balances | Self::Elsewhere(_), Measure::Balance(_)) => true,
            (Self::ByBalance(asset), Measure::Balance(measured)) => asset == *measured,
            (Self::Balances | Self::Elsewhere(_) | Self::ByBalance(_), _) => false,
        }
    }

    /// Whether a ladder by a balance is reviewed, so that what is due for lots makes a difference.
    pub fn measures_balance(self, context: &Context) -> bool {
        self.programs(context)
            .any(|(_, program)| measures_balance(program))
    }

    /// Adds to a plan what the review must see of a command at an instant.
    pub fn plan(self, context: &Context, member: &MemberId, at: Timestamp, plan: &mut ReadPlan) {
        if self.measures_balance(context) {
            plan.lots.push(due_query(&context.member_key(member), at));
        }
        if matches!(self, Self::All) {
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

    /// The lots for which something is due that makes a difference to the review.
    ///
    /// # Errors
    /// [`Rejection::TooMany`] when more are due than one command may touch.
    pub fn due<'s>(
        self,
        snapshot: &'s Snapshot,
        context: &Context,
        member: &MemberId,
        at: Timestamp,
    ) -> Result<Vec<&'s Lot>, Rejection> {
        // By the same condition as in the plan: rows that other commands asked for must not make a difference.
        if !self.measures_balance(context) {
            return Ok(Vec::new());
        }
        let mut due = due_lots(snapshot, &context.member_key(member), at)?;
        if let Self::ByBalance(asset) = self {
            due.retain(|lot| lot.asset == asset);
        }
        Ok(due)
    }
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

impl TierReview<'_> {
    /// Makes what is due and then one review for the command, tells of the moves, and says how many there were.
    ///
    /// # Errors
    /// [`Undecided::Needs`] pages of the member's history.
    pub fn make(
        &self,
        builder: &mut ChangeBuilder<'_>,
        due: &DueChanges,
    ) -> Result<u32, Undecided> {
        let made = self.make_due(builder, due, self.context.now)?;
        Ok(made.saturating_add(self.look(builder)?))
    }

    /// Makes one review for the command, tells of the moves, and says how many there were.
    ///
    /// # Errors
    /// [`Undecided::Needs`] pages of the member's history.
    pub fn look(&self, builder: &mut ChangeBuilder<'_>) -> Result<u32, Undecided> {
        let none = DueChanges::default();
        self.each(builder, |program, builder| {
            let view = self.view(&builder.row, &none);
            let instant = |ladder: &CompiledLadder| self.instant(ladder, self.at);
            let known = builder.row.profile.tiers.get(program.id());
            let reviewed = view.review(program, known, instant);
            view.history.check_seen()?;
            Ok(reviewed)
        })
    }

    /// Makes what is due by time alone, for ladders by a balance up to an instant of their own.
    ///
    /// # Errors
    /// [`Undecided::Needs`] pages of the member's history.
    pub fn make_due(
        &self,
        builder: &mut ChangeBuilder<'_>,
        due: &DueChanges,
        balances_until: Timestamp,
    ) -> Result<u32, Undecided> {
        let key = self.context.member_key(self.member);
        let Some(before) = self.snapshot.members.get(&key) else {
            return Ok(0);
        };
        self.each(builder, |program, builder| {
            let view = self.view(before, due);
            let instant = |ladder: &CompiledLadder| self.instant(ladder, balances_until);
            let known = builder.row.profile.tiers.get(program.id());
            let caught_up = view.catch_up_due(program, known, instant);
            view.history.check_seen()?;
            Ok(caught_up)
        })
    }

    fn view<'v>(&'v self, row: &'v MemberRow, due: &'v DueChanges) -> MemberView<'v> {
        MemberView::new(self.snapshot, row, &self.context.tenant, self.member, due)
    }

    fn instant(&self, ladder: &CompiledLadder, balances_at: Timestamp) -> Option<Timestamp> {
        let by_balance = matches!(ladder.measure(), Measure::Balance(_));
        let at = if by_balance { balances_at } else { self.at };
        self.reviewed.includes(ladder).then_some(at)
    }

    /// Reviews every program in which the member stands, and says how many moves there were.
    fn each(
        &self,
        builder: &mut ChangeBuilder<'_>,
        review: impl Fn(&CompiledProgram, &ChangeBuilder<'_>) -> Result<(Ladders, Moves), Undecided>,
    ) -> Result<u32, Undecided> {
        let mut made = 0_u32;
        for (id, program) in self.reviewed.programs(self.context) {
            if !builder.row.profile.tiers.contains_key(id) {
                continue;
            }
            let (ladders, moves) = review(program, builder)?;
            let stored = builder.row.profile.tiers.entry(id.clone()).or_default();
            if matches!(self.reviewed, Reviewed::All) {
                stored.retain(|id, _| program.ladders().iter().any(|ladder| ladder.id() == id));
            }
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
