//! What a member has lasts longer by what the member does, where the program says so.
//!
//! The revision that is active when a command is decided says which activities extend the rewards of which rules. Whatever the
//! member has of such a rule, pending or available, then expires no earlier than if it had been earned with the activity. An
//! expiry never moves back, and what has expired by now stays expired, swept or not.
//!
//! At most [`OPEN_LOTS_MAX`] lots of an asset are looked at, those that expire first; nothing is refused for the others. They
//! come next time, as those before them expire later by then. A program that extends nothing reads nothing for this.

use std::collections::BTreeMap;

use super::change_builder::{ChangeBuilder, Totals};
use super::review::{Reviewed, TierReview};
use super::rewards::{OPEN_LOTS_MAX, open_lots};
use super::seen::{Seen, see_once};
use crate::cashback::Earned;
use crate::command::Undecided;
use crate::context::Context;
use crate::event::Event;
use crate::ids::{MemberId, ProgramId};
use crate::ledger::{Lot, Purpose, settle_owing};
use crate::member::MemberStatus;
use crate::money::Asset;
use crate::program::{CompiledProgram, ExtendingActivity, SlidingRule};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Something that a member does in a program.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extension<'a> {
    /// What the member does.
    pub activity: ExtendingActivity,
    /// In which program.
    pub program: &'a ProgramId,
    /// When.
    pub at: Timestamp,
}

/// What was extended: until when, and how much. It is told with what the member did.
#[derive(Debug, Default)]
pub(super) struct Extended(BTreeMap<Timestamp, Totals>);

impl Extension<'_> {
    /// Adds the lots to a plan that may be extended.
    pub fn plan(&self, context: &Context, member: &MemberId, plan: &mut ReadPlan) {
        let key = context.member_key(member);
        let assets = self.assets(context).into_iter();
        plan.lots.extend(assets.map(|asset| open_lots(&key, asset)));
    }

    /// Extends what the member has, as the command has left it so far. Whoever is suspended does nothing by which it is
    /// extended.
    ///
    /// # Errors
    /// [`Undecided::Needs`] the lots.
    pub fn make(
        &self,
        builder: &mut ChangeBuilder<'_>,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Extended, Undecided> {
        let mut extended = Extended::default();
        let assets = self.assets(context);
        if builder.row.profile.status != MemberStatus::Active || assets.is_empty() {
            return Ok(extended);
        }
        release(builder, snapshot, context)?;
        let lots = builder.first_open_lots(snapshot, assets, OPEN_LOTS_MAX)?;
        for (asset, lots) in lots {
            let mut owed = builder.row.balances.get(&Purpose::Debt, asset);
            for lot in lots {
                // What is due comes first, whether this command writes it down or not.
                let settled = settle_owing(&lot, context.now, owed);
                owed = owed.saturating_sub(settled.paid);
                if !settled.lot.state.is_open() {
                    continue;
                }
                if let Some(later) = self.later(&lot, builder, context) {
                    let totals = extended.0.entry(later).or_default();
                    totals.add(asset, settled.lot.remaining);
                    builder.write_lot(Lot {
                        expires_at: Some(later),
                        ..lot
                    });
                }
            }
        }
        Ok(extended)
    }

    /// When a lot expires that expires later by this.
    fn later(
        &self,
        lot: &Lot,
        builder: &ChangeBuilder<'_>,
        context: &Context,
    ) -> Option<Timestamp> {
        let before = lot.expires_at?;
        let earned = Earned {
            at: self.at,
            registered_at: builder.row.profile.registered_at,
        };
        let own = self.rules(context).find(|(_, rule)| granted(rule, lot));
        let (program, rule) = own?;
        let later = earned.expires_at(&rule.expiry, program.calendar());
        // Times end in 2200, and so does this.
        let later = later.unwrap_or(Timestamp::MAX);
        Some(later).filter(|later| *later > before)
    }

    /// The rules whose rewards it extends.
    fn rules<'c>(
        &self,
        context: &'c Context,
    ) -> impl Iterator<Item = (&'c CompiledProgram, &'c SlidingRule)> {
        let activity = self.activity;
        let revisions = context.revisions(self.program);
        let current = revisions.and_then(|revisions| revisions.at(context.now));
        current.into_iter().flat_map(move |program| {
            let rules = program.sliding_rules().iter();
            let own = rules.filter(move |rule| rule.expiry.extended_by.contains(&activity));
            own.map(|rule| (program.as_ref(), rule))
        })
    }

    /// The assets of these rules, each once.
    fn assets(&self, context: &Context) -> Vec<Asset> {
        let mut assets: Vec<Asset> = self.rules(context).map(|(_, rule)| rule.asset).collect();
        assets.sort_unstable();
        assets.dedup();
        assets
    }
}

/// Gives back what authorizations hold whose time is over, for commands that look at no balance: it is the member's again, and lasts
/// longer with the rest. Ladders that are climbed by a balance are reviewed where something came back.
fn release(
    builder: &mut ChangeBuilder<'_>,
    snapshot: &Snapshot,
    context: &Context,
) -> Result<(), Undecided> {
    let before = builder.released();
    builder.release_overdue(context.now)?;
    if builder.released() == before {
        return Ok(());
    }
    let member = builder.member().clone();
    let mut plan = ReadPlan::default();
    Reviewed::Balances.plan(context, &member, context.now, &mut plan);
    see_once(snapshot, context, &member, Seen::Released, plan)?;
    let review = TierReview::now(Reviewed::Balances, snapshot, context, &member);
    review.make(builder)?;
    builder.move_days(snapshot, context)?;
    Ok(())
}

/// Whether a lot is of a rule: earned with a purchase, by a rule of its name that pays the same from the same account.
fn granted(rule: &SlidingRule, lot: &Lot) -> bool {
    lot.purchase.is_some()
        && lot.rule.as_ref() == Some(&rule.rule)
        && lot.asset == rule.asset
        && matches!(&lot.source, Purpose::Funding(name) if *name == rule.funding)
}

impl Extended {
    /// Tells what was extended, the first to expire first.
    pub fn emit(self, builder: &mut ChangeBuilder<'_>) {
        for (expires_at, totals) in self.0 {
            builder.emit(Event::RewardsExtended {
                amounts: totals.into_amounts(),
                expires_at,
            });
        }
    }
}
