//! Erase a member: everything that was told of the member in words is dropped; ids, amounts, times and hashes stay.
//!
//! The member is closed, if that has not happened before, under the same conditions as in
//! [`UpdateMember`](super::UpdateMember). Segments and attributes, facts of purchases, aliases and the reasons in the journal
//! go; the books stay provable, because nothing of that is hashed. Replies of earlier commands stay too: they hold ids and
//! amounts and nothing else.
//!
//! One call erases at most [`ERASED_ENTITIES_MAX`] purchases, so a member with more takes several: **while the reply has a `next`,
//! send the command again with it as `after`, and with a key of its own**. The profile, the aliases and the reasons go with the first
//! call, and the member is closed from then on, so no purchase comes in between. When calls stop in the middle, beginning again
//! without `after` goes on: what is erased already is passed over.
//!
//! Refusals, in order: unknown member; value reserved; value left; more open lots than one command may touch.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;
use smol_str::SmolStr;

use super::super::change_builder::ChangeBuilder;
use super::super::merged::hand_on_due;
use super::super::pages::Page;
use super::forfeit::{forfeit, see_lots};
use crate::cashback::PurchaseEntity;
use crate::command::{Kind, Members, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::entity::{By, Cursor, Entity, EntityKey, EntityQuery, EntityRemoval, Stored};
use crate::event::Event;
use crate::ids::MemberId;
use crate::member::{ALIASES_MAX, Alias, MemberProfile, MemberStatus};
use crate::money::Money;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// The most purchases that one call erases.
pub const ERASED_ENTITIES_MAX: u32 = 500;

/// Erases a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct EraseMember {
    /// The member.
    pub member: MemberId,
    /// Whether the member loses what is left.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub forfeit: bool,
    /// Continue after the call before: its `next`. From the beginning when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub after: Option<String>,
}

/// What was erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ErasedMember {
    /// The member.
    pub member: MemberId,
    /// When the member was first erased.
    pub erased_at: Timestamp,
    /// How many purchases were erased by this call.
    pub purchases: u32,
    /// What was forfeited, one amount per asset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub forfeited: Vec<Money>,
    /// Where the next call continues: give it as `after`. Absent when everything is erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub next: Option<String>,
}

/// What the call looks at.
#[derive(Debug)]
pub struct PreparedErasure {
    page: Page,
    purchases: EntityQuery,
    aliases: EntityQuery,
}

impl Operation for EraseMember {
    const NAME: &'static str = "erase_member";
    const KIND: Kind = Kind::Command;
    type Reply = ErasedMember;
    type Prepared = PreparedErasure;

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, PreparedErasure), Rejection> {
        let list = format!("erased purchases of {}", self.member);
        let limit = Some(ERASED_ENTITIES_MAX);
        let page = Page::new(context, &list, self.after.as_deref(), limit)?;
        let purchases = EntityQuery {
            tenant: context.tenant.clone(),
            kind: PurchaseEntity::KIND,
            by: By::Owner(self.member.clone()),
            after: page.after.clone(),
            limit: page.rows(),
        };
        let aliases = EntityQuery {
            kind: Alias::KIND,
            after: None,
            limit: ALIASES_MAX,
            ..purchases.clone()
        };
        let plan = ReadPlan {
            members: vec![context.member_key(&self.member)],
            entity_pages: vec![purchases.clone(), aliases.clone()],
            ..ReadPlan::default()
        };
        let prepared = PreparedErasure {
            page,
            purchases,
            aliases,
        };
        Ok((plan, prepared))
    }

    fn decide(
        &self,
        prepared: &PreparedErasure,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<ErasedMember>, Undecided> {
        let ids = context.id_allocator();
        let mut builder = ChangeBuilder::open(snapshot, context, &ids, &self.member)?;
        let handed_on = hand_on_due(&mut builder, snapshot, context)?;
        see_lots(&builder, snapshot, &self.member)?;
        let forfeited = forfeit(&mut builder, snapshot, context, &self.member, self.forfeit)?;
        let (purchases, next) = self.erase_purchases(&mut builder, prepared, snapshot)?;
        let aliases = snapshot.entity_pages.get(&prepared.aliases);
        for (id, row) in aliases.into_iter().flatten() {
            builder.changes.removals.push(EntityRemoval {
                key: EntityKey {
                    tenant: context.tenant.clone(),
                    kind: Alias::KIND,
                    id: id.clone(),
                },
                version: row.version,
            });
        }
        let erased_at = self.erase_profile(&mut builder, context);
        let mut changes = builder.finish()?;
        changes.merge(handed_on);
        Ok(Decision {
            reply: ErasedMember {
                member: self.member.clone(),
                erased_at,
                purchases,
                forfeited,
                next,
            },
            changes,
        })
    }
}

impl EraseMember {
    fn erase_purchases(
        &self,
        builder: &mut ChangeBuilder<'_>,
        prepared: &PreparedErasure,
        snapshot: &Snapshot,
    ) -> Result<(u32, Option<String>), Undecided> {
        let found = snapshot.entity_pages.get(&prepared.purchases);
        let rows = found.into_iter().flatten();
        let stored = rows.map(|(_, row)| row.read::<PurchaseEntity>());
        let stored: Vec<Stored<PurchaseEntity>> = stored.collect::<Result<_, _>>()?;
        let (stored, next) = prepared.page.cut(stored, |stored| Cursor {
            value: stored.entity.recorded_at.micros(),
            id: SmolStr::new(stored.entity.purchase.id.as_str()),
        });
        let mut erased = 0_u32;
        for stored in stored {
            let id = stored.entity.purchase.id.clone();
            // What goes back of it may have changed it just now.
            builder.adopt(stored);
            let purchase = builder.purchase(&id)?;
            let without = purchase.clone().erased();
            if without != *purchase {
                erased = erased.saturating_add(1);
                builder.write_purchase(without)?;
            }
        }
        Ok((erased, next))
    }

    /// Drops what is known of the member. Told once, however many calls it takes.
    fn erase_profile(&self, builder: &mut ChangeBuilder<'_>, context: &Context) -> Timestamp {
        let profile = &mut builder.row.profile;
        if let Some(erased_at) = profile.erased_at {
            return erased_at;
        }
        let erased_at = builder.recorded_at;
        *profile = MemberProfile {
            status: MemberStatus::Closed,
            erased_at: Some(erased_at),
            merged_into: profile.merged_into.take(),
            merged: std::mem::take(&mut profile.merged),
            shared_wallet: profile.shared_wallet.take(),
            ..MemberProfile::new(profile.registered_at)
        };
        let key = context.member_key(&self.member);
        builder.changes.erased_reasons.push(key);
        builder.emit(Event::MemberErased {});
        erased_at
    }
}
