//! Reviews of a member's tiers by commands that belong to no program: what they must see, and the moves they make.
//!
//! Only programs are reviewed in which the member stands, which a purchase brings about. Value that is given or taken by
//! hand moves one balance, so only the ladders by that balance are reviewed, on lots that are settled; the others of the
//! same program keep their review for when it is due, as nothing that they measure has changed.
//!
//! A ladder by a balance is reviewed at the instant at which the command is recorded, so no move is older than the entries
//! that brought it about. One by counters is reviewed at the command's own instant, up to which its counters were read.

use std::sync::Arc;

use super::change_builder::ChangeBuilder;
use super::standing::{MemberView, measures_balance_of, plan_ladders};
use crate::command::Undecided;
use crate::context::Context;
use crate::event::Event;
use crate::ids::{MemberId, ProgramId};
use crate::money::Asset;
use crate::program::{CompiledLadder, CompiledProgram, Measure};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Whose ladders are reviewed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reviewed {
    /// All.
    All,
    /// Those that are climbed by the balance of this asset.
    ByBalance(Asset),
}

impl Reviewed {
    fn programs(
        self,
        context: &Context,
    ) -> impl Iterator<Item = (&ProgramId, &Arc<CompiledProgram>)> {
        let current = context.programs.iter();
        let current = current.filter_map(|(id, revisions)| Some((id, revisions.at(context.now)?)));
        current.filter(move |(_, program)| match self {
            Self::All => true,
            Self::ByBalance(asset) => measures_balance_of(program, asset),
        })
    }

    /// Whether a current program has a ladder to review.
    pub fn is_any(self, context: &Context) -> bool {
        self.programs(context).next().is_some()
    }

    /// The instant at which a ladder is reviewed by a command of an instant; `None` when it is not.
    fn instant(
        self,
        ladder: &CompiledLadder,
        now: Timestamp,
        recorded_at: Timestamp,
    ) -> Option<Timestamp> {
        match (self, ladder.measure()) {
            (Self::All, Measure::Balance(_)) => Some(recorded_at),
            (Self::ByBalance(asset), Measure::Balance(other)) if asset == *other => {
                Some(recorded_at)
            }
            (Self::All, _) => Some(now),
            (Self::ByBalance(_), _) => None,
        }
    }

    /// Adds to a plan what [`make`](Self::make) must see.
    pub fn plan(self, context: &Context, member: &MemberId, plan: &mut ReadPlan) {
        // A balance has no counters.
        if matches!(self, Self::ByBalance(_)) {
            return;
        }
        for (_, program) in self.programs(context) {
            plan_ladders(plan, program, context, member, context.now);
        }
    }

    /// Reviews the ladders with everything counted that is booked so far, tells of the moves, and says how many there
    /// were.
    ///
    /// # Errors
    /// [`Undecided::Needs`] pages of the member's history.
    pub fn make(
        self,
        builder: &mut ChangeBuilder<'_>,
        snapshot: &Snapshot,
        context: &Context,
        member: &MemberId,
    ) -> Result<u32, Undecided> {
        let mut made = 0_u32;
        for (id, program) in self.programs(context) {
            if !builder.row.profile.tiers.contains_key(id) {
                continue;
            }
            let view = MemberView::new(snapshot, &builder.row, &context.tenant, member);
            let instant =
                |ladder: &CompiledLadder| self.instant(ladder, context.now, builder.recorded_at);
            let (ladders, moves) = view.catch_up_each(program, &builder.row.profile, instant);
            view.history.check_seen()?;
            match self {
                Self::All => {
                    builder.row.profile.tiers.insert(id.clone(), ladders);
                }
                Self::ByBalance(_) => {
                    let stored = builder.row.profile.tiers.entry(id.clone()).or_default();
                    stored.extend(ladders);
                }
            }
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
