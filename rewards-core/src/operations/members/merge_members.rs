//! Merge a member into another one: the same person was registered twice, or somebody goes on under another id.
//!
//! What is available goes on to the other member, each lot with its expiry and the account that paid it, and the member's own
//! money and debts with it. Aliases go on too. Of every ladder the other member takes over the higher tier, or keeps its own, as
//! the caller says; what the one bought is not measured again for the other. Segments, attributes, limits and histories stay
//! with the id that they belong to.
//!
//! The member who was merged stays readable under the old id: statement, purchases, redemptions, deposits. What was begun there
//! is finished there, under either id: purchases are confirmed, refunded and cancelled, redemptions captured, released and
//! cancelled. What is pending matures there. **Whatever becomes available there goes on to the other member in the same
//! step**, and so does what is owed. The place in a shared wallet is the other member's. Nothing new begins: such a command is refused, and the refusal names the other member.
//!
//! Refusals, in order: a member is merged into itself; unknown member; unknown other member; closed, merged before (each of
//! both); suspended other member; the two share different wallets; more members or aliases than one may have; more due or open lots than one command may touch.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::change_builder::{ChangeBuilder, Totals};
use super::super::due::{due_lots, due_query};
use super::super::merged::Passage;
use super::super::presence::{check_active, check_present};
use super::super::review::{Reviewed, TierReview};
use super::super::shared_wallets;
use crate::command::{Kind, Members, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::entity::{By, Entity, EntityQuery};
use crate::event::Event;
use crate::ids::{IdempotencyKey, MemberId, TenantId};
use crate::ledger::Purpose;
use crate::member::{ALIASES_MAX, Alias, AliasId, MERGED_MAX, MemberStatus};
use crate::money::Money;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::tiers::TierStatus;
use crate::time::Timestamp;
use crate::wallet::{SharedWallet, WalletClosed};

/// Merges a member into another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct MergeMembers {
    /// Who is merged and begins nothing new from then on.
    pub member: MemberId,
    /// Who goes on.
    pub into: MemberId,
    /// Which tiers the other member has afterwards; the higher ones when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub tiers: Option<MergedTiers>,
}

/// Which tiers a member has after somebody was merged into the member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum MergedTiers {
    /// Of each ladder the higher tier of both, for as long as whoever had it would have kept it.
    #[default]
    Higher,
    /// The member's own.
    Own,
}

/// Two members who are one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct MergedMembers {
    /// Who was merged.
    pub member: MemberId,
    /// Who goes on.
    pub into: MemberId,
    /// What went on to the other member, one amount per asset: what was available, and own money.
    pub moved: Vec<Money>,
    /// What is pending or reserved and stays under the old id until then, one amount per asset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub left: Vec<Money>,
    /// What was owed and is the other member's debt now or was paid by what the other member had, one amount per asset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub owed: Vec<Money>,
    /// How many aliases are the other member's now.
    #[serde(default, skip_serializing_if = "crate::operations::is_zero")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub aliases: u32,
    /// How many moves on tier ladders the other member made.
    #[serde(default, skip_serializing_if = "crate::operations::is_zero")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub tier_changes: u32,
    /// When they were merged.
    pub merged_at: Timestamp,
}

/// The aliases of both members.
#[derive(Debug)]
pub struct PreparedMerger {
    aliases: EntityQuery,
    others: EntityQuery,
}

impl Operation for MergeMembers {
    const NAME: &'static str = "merge_members";
    const KIND: Kind = Kind::Command;
    type Reply = MergedMembers;
    type Prepared = PreparedMerger;

    fn natural_key(&self, _: &TenantId) -> Option<NaturalKey> {
        let key = IdempotencyKey::new(self.member.as_str()).ok()?;
        Some(NaturalKey::Text(key))
    }

    fn members(&self) -> Members<'_> {
        smallvec![&self.member, &self.into]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, PreparedMerger), Rejection> {
        if self.member == self.into {
            return Err(Rejection::MergeToSelf(self.member.clone()));
        }
        let aliases_of = |member: &MemberId| EntityQuery {
            tenant: context.tenant.clone(),
            kind: Alias::KIND,
            by: By::Owner(member.clone()),
            after: None,
            limit: ALIASES_MAX,
        };
        let prepared = PreparedMerger {
            aliases: aliases_of(&self.member),
            others: aliases_of(&self.into),
        };
        let mut plan = ReadPlan {
            entity_pages: vec![prepared.aliases.clone(), prepared.others.clone()],
            ..ReadPlan::default()
        };
        for member in [&self.member, &self.into] {
            let key = context.member_key(member);
            plan.lots.push(due_query(&key, context.now));
            plan.members.push(key);
            Reviewed::All.plan(context, member, context.now, &mut plan);
        }
        Ok((plan, prepared))
    }

    fn decide(
        &self,
        prepared: &PreparedMerger,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<MergedMembers>, Undecided> {
        let ids = context.id_allocator();
        // What becomes available to whoever was merged into the member goes to the other one from now on.
        let mut builder = ChangeBuilder::open_alone(snapshot, context, &ids, &self.member)?;
        let mut other = ChangeBuilder::open(snapshot, context, &ids, &self.into)?;
        check_present(&builder.row.profile, &self.member)?;
        check_active(&other.row.profile, &self.into)?;
        let merged_at = builder.recorded_at.max(other.recorded_at);
        (builder.recorded_at, other.recorded_at) = (merged_at, merged_at);
        self.check_wallets(&builder, &other)?;
        self.check_counts(&builder, &other, prepared, snapshot)?;
        self.move_place(&mut builder, &mut other, snapshot, context)?;
        catch_up(&mut builder, snapshot, context)?;
        catch_up(&mut other, snapshot, context)?;
        let aliases = self.move_aliases(&mut builder, prepared, snapshot)?;
        self.name_each_other(&mut builder, &mut other);
        let owed = builder.debts().into_amounts();
        let passage = Passage {
            snapshot,
            at: context.now,
        };
        let moved = passage.go(&mut builder, &mut other)?;
        let tier_changes = self.review_tiers(&builder, &mut other, snapshot, context)?;
        let reply = MergedMembers {
            member: self.member.clone(),
            into: self.into.clone(),
            moved,
            left: left(&builder),
            owed,
            aliases,
            tier_changes,
            merged_at,
        };
        for member in &builder.row.profile.merged.clone() {
            self.name_new(builder.open_merged(member)?);
        }
        let mut changes = builder.finish()?;
        changes.merge(other.finish()?);
        Ok(Decision { reply, changes })
    }
}

impl MergeMembers {
    /// Whether the other member can take in so many members and aliases.
    fn check_counts(
        &self,
        builder: &ChangeBuilder<'_>,
        other: &ChangeBuilder<'_>,
        prepared: &PreparedMerger,
        snapshot: &Snapshot,
    ) -> Result<(), Rejection> {
        let (own, others) = (&builder.row.profile.merged, &other.row.profile.merged);
        let members = own.len().saturating_add(others.len()).saturating_add(1);
        let pages = [&prepared.aliases, &prepared.others];
        let aliases = pages.map(|query| snapshot.entity_pages.get(query).map_or(0, Vec::len));
        let aliases = aliases.iter().sum();
        for (what, count, limit) in [
            ("merged members", members, MERGED_MAX),
            ("aliases", aliases, ALIASES_MAX),
        ] {
            if !u32::try_from(count).is_ok_and(|count| count <= limit) {
                return Err(Rejection::TooMany { what, limit });
            }
        }
        Ok(())
    }

    /// Nobody shares two wallets.
    fn check_wallets(
        &self,
        builder: &ChangeBuilder<'_>,
        other: &ChangeBuilder<'_>,
    ) -> Result<(), Rejection> {
        let [own, others] = [builder, other].map(|one| &one.row.profile.shared_wallet);
        match (own, others) {
            (Some(own), Some(wallet)) if own != wallet => Err(Rejection::MemberInWallet {
                member: self.into.clone(),
                wallet: wallet.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Makes the place in a shared wallet the other member's.
    fn move_place(
        &self,
        builder: &mut ChangeBuilder<'_>,
        other: &mut ChangeBuilder<'_>,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<(), Undecided> {
        let Some(wallet) = builder.row.profile.shared_wallet.clone() else {
            return Ok(());
        };
        let stored = shared_wallets::see_wallet(snapshot, context, &wallet)?;
        let replaced = stored.entity.clone().replace(&self.member, &self.into);
        let replaced = replaced.map_err(|WalletClosed| Rejection::Corrupt {
            what: SharedWallet::KIND,
        })?;
        other.put(&wallet, stored.expected(), &replaced)?;
        shared_wallets::leave(builder);
        if other.row.profile.shared_wallet.is_none() {
            shared_wallets::join(other, &wallet)?;
        }
        Ok(())
    }

    /// Makes the aliases the other member's.
    fn move_aliases(
        &self,
        builder: &mut ChangeBuilder<'_>,
        prepared: &PreparedMerger,
        snapshot: &Snapshot,
    ) -> Result<u32, Rejection> {
        let mut moved = 0_u32;
        let own = snapshot.entity_pages.get(&prepared.aliases);
        for (id, row) in own.into_iter().flatten() {
            let stored = row.read::<Alias>()?;
            let alias = Alias {
                member: self.into.clone(),
                ..stored.entity.clone()
            };
            builder.put(&AliasId::kept(id.clone()), stored.expected(), &alias)?;
            moved = moved.saturating_add(1);
        }
        Ok(moved)
    }

    fn name_each_other(&self, builder: &mut ChangeBuilder<'_>, other: &mut ChangeBuilder<'_>) {
        let profile = &mut builder.row.profile;
        profile.status = MemberStatus::Merged;
        profile.merged_into = Some(self.into.clone());
        let merged = &mut other.row.profile.merged;
        merged.extend(profile.merged.iter().cloned());
        merged.insert(self.member.clone());
        let event = Event::MemberMerged {
            member: self.member.clone(),
            into: self.into.clone(),
        };
        builder.emit(event.clone());
        other.emit(event);
    }

    /// Somebody who was merged into the member before is merged into the other one now, so that what becomes available there
    /// takes one step.
    fn name_new(&self, earlier: &mut ChangeBuilder<'_>) {
        earlier.row.profile.merged_into = Some(self.into.clone());
        let member = earlier.member().clone();
        earlier.emit(Event::MemberMerged {
            member,
            into: self.into.clone(),
        });
    }

    /// Takes over the tiers that are higher, if that is wanted, and reviews what value has moved.
    fn review_tiers(
        &self,
        builder: &ChangeBuilder<'_>,
        other: &mut ChangeBuilder<'_>,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<u32, Undecided> {
        let review = TierReview::now(Reviewed::Balances, snapshot, context, &self.into);
        let reviewed = review.make(other)?;
        other.move_days(snapshot, context)?;
        let taken_over = match self.tiers.unwrap_or_default() {
            MergedTiers::Higher => take_over(builder, other, context),
            MergedTiers::Own => 0,
        };
        Ok(reviewed.saturating_add(taken_over))
    }
}

/// Carries out what is due: what has matured by now was still the member's own, and tiers that stay as they are from now on are
/// those of now.
fn catch_up(
    builder: &mut ChangeBuilder<'_>,
    snapshot: &Snapshot,
    context: &Context,
) -> Result<(), Undecided> {
    let member = builder.member().clone();
    let due = due_lots(snapshot, &context.member_key(&member), context.now)?;
    builder.settle_all(due.into_iter(), context.now)?;
    builder.emit_due();
    let review = TierReview::now(Reviewed::All, snapshot, context, &member);
    review.make_due(builder, context.now)?;
    Ok(())
}

/// What stays under the old id until it becomes available.
fn left(builder: &ChangeBuilder<'_>) -> Vec<Money> {
    let mut left = Totals::default();
    for (purpose, asset, minor) in builder.row.balances.iter() {
        if matches!(purpose, Purpose::Pending | Purpose::Reserved) {
            left.add(asset, minor);
        }
    }
    left.into_amounts()
}

/// Takes over the higher tiers, and says how many moves that were.
fn take_over(builder: &ChangeBuilder<'_>, other: &mut ChangeBuilder<'_>, context: &Context) -> u32 {
    let mut made = 0_u32;
    for (program, ladders) in &builder.row.profile.tiers {
        let revisions = context.revisions(program);
        let Some(current) = revisions.and_then(|revisions| revisions.at(context.now)) else {
            continue;
        };
        for ladder in current.ladders() {
            let Some(status) = ladders.get(ladder.id()) else {
                continue;
            };
            let own = other.row.profile.tiers.get(program);
            let own = own.and_then(|own| own.get(ladder.id()));
            let higher = TierStatus::taken_over(own, status, ladder, context.now);
            let Some((status, step)) = higher else {
                continue;
            };
            let tiers = &mut other.row.profile.tiers;
            let own = tiers.entry(program.clone()).or_default();
            own.insert(ladder.id().clone(), status);
            made = made.saturating_add(1);
            other.emit(Event::TierChanged {
                program: program.clone(),
                ladder: ladder.id().clone(),
                from: step.from,
                to: step.to,
            });
        }
    }
    made
}
