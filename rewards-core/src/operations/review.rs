//! Reviews of a member's tiers by commands that belong to no program: what they must see, and the moves they make.
//!
//! Only programs are reviewed in which the member stands, which a purchase brings about.

use std::sync::Arc;

use super::booking::Booking;
use super::standing::{MemberView, ladder_ranges, measures_balance_of};
use crate::context::Context;
use crate::event::Event;
use crate::ids::{MemberId, ProgramId};
use crate::ledger::Holder;
use crate::money::Asset;
use crate::program::CompiledProgram;
use crate::snapshot::{ReadPlan, Snapshot};

/// Whose ladders are reviewed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reviewed {
    /// All programs'.
    All,
    /// Those of programs with a ladder that is climbed by the balance of this asset.
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

    /// Adds to a plan what [`make`](Self::make) must see.
    pub fn plan(self, context: &Context, member: &MemberId, plan: &mut ReadPlan) {
        let mut programs = self.programs(context).peekable();
        if programs.peek().is_some() {
            let holder = (context.tenant.clone(), Holder::Member(member.clone()));
            plan.balances.push(holder);
        }
        for (_, program) in programs {
            let ranges = ladder_ranges(program, context, member, context.now);
            plan.counters.extend(ranges);
        }
    }

    /// Reviews the ladders with everything counted that is booked so far, tells of the moves, and says how many there
    /// were.
    pub fn make(
        self,
        booking: &mut Booking<'_>,
        snapshot: &Snapshot,
        context: &Context,
        member: &MemberId,
    ) -> u32 {
        let mut made = 0_u32;
        for (id, program) in self.programs(context) {
            if !booking.row.record.tiers.contains_key(id) {
                continue;
            }
            let view = MemberView {
                snapshot,
                changes: &booking.changes,
                tenant: &context.tenant,
                member,
            };
            let (ladders, moves) = view.catch_up(program, &booking.row.record, context.now);
            booking.row.record.tiers.insert(id.clone(), ladders);
            for (ladder, step) in moves {
                made = made.saturating_add(1);
                booking.tell(Event::TierChanged {
                    program: id.clone(),
                    ladder,
                    from: step.from,
                    to: step.to,
                });
            }
        }
        made
    }
}
