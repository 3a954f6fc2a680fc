//! Erase a member: everything that was told of the member in words is dropped; ids, amounts, times and hashes stay.
//!
//! The member is closed, if that has not happened before, under the same conditions as in
//! [`UpdateMember`](super::UpdateMember). Segments and attributes, facts of purchases, what codes show, what payments say of merchants and
//! what stages answered of them, aliases and the reasons in the journal go; the books stay provable, because nothing of that is hashed. Replies of earlier commands stay too: they hold ids and
//! amounts, and those of [`CreateQr`](crate::operations::qr::CreateQr) and [`ScanQr`](crate::operations::qr::ScanQr) what a code
//! showed that was not signed.
//!
//! One call erases at most [`ERASED_ENTITIES_MAX`] purchases, as many codes and as many payments, so a member with more takes several:
//! **while the reply has a `next`, send the command again with it as `after`, and with a key of its own**. The profile, the aliases and
//! the reasons go with the first call, and the member is closed from then on, so no purchase comes in between. When calls stop in the middle, beginning again
//! without `after` goes on: what is erased already is passed over.
//!
//! Refusals, in order: unknown member; value reserved; value left; more open lots than one command may touch.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

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
use crate::payments::Payment;
use crate::qr::IssuedQr;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// The most purchases that one call erases, the most codes, and the most payments.
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
    /// How many codes that were given out were erased by this call.
    #[serde(default, skip_serializing_if = "crate::operations::is_zero")]
    #[cfg_attr(feature = "uniffi", uniffi(default = 0))]
    pub codes: u32,
    /// How many payments were erased by this call.
    #[serde(default, skip_serializing_if = "crate::operations::is_zero")]
    #[cfg_attr(feature = "uniffi", uniffi(default = 0))]
    pub payments: u32,
    /// What was forfeited, one amount per asset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub forfeited: Vec<Money>,
    /// Where the next call continues: give it as `after`. Absent when everything is erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub next: Option<String>,
}

/// A page of what is to be erased of a member.
#[derive(Debug)]
struct ErasedPage {
    page: Page,
    query: EntityQuery,
}

impl ErasedPage {
    fn new<E: Entity>(
        context: &Context,
        member: &MemberId,
        after: Option<&str>,
    ) -> Result<Self, Rejection> {
        let list = format!("erased {} of {member}", E::KIND);
        let page = Page::new(context, &list, after, Some(ERASED_ENTITIES_MAX))?;
        let query = EntityQuery {
            tenant: context.tenant.clone(),
            kind: E::KIND,
            by: By::Owner(member.clone()),
            after: page.after.clone(),
            limit: page.rows(),
        };
        Ok(Self { page, query })
    }

    /// What is on the page, and where the next one begins.
    fn read<E: Entity>(
        &self,
        snapshot: &Snapshot,
    ) -> Result<(Vec<Stored<E>>, Option<String>), Rejection> {
        let found = snapshot.entity_pages.get(&self.query);
        let rows = found.into_iter().flatten().collect();
        let (rows, next) = self.page.cut(rows, |(id, row)| Cursor {
            value: row.index.at.micros(),
            id: id.clone(),
        });
        let stored = rows.into_iter().map(|(_, row)| row.read::<E>());
        Ok((stored.collect::<Result<_, _>>()?, next))
    }
}

/// A page of a list, and what is left of where it goes on: nothing, once that was a place in this list.
fn begin<'a, E: Entity>(
    context: &Context,
    member: &MemberId,
    after: Option<&'a str>,
) -> (Option<ErasedPage>, Option<&'a str>) {
    match ErasedPage::new::<E>(context, member, after) {
        Ok(page) => (Some(page), None),
        Err(_) => (None, after),
    }
}

/// What the call looks at.
#[derive(Debug)]
pub struct PreparedErasure {
    /// None once all of them are erased.
    purchases: Option<ErasedPage>,
    /// Codes come after purchases; none once all of them are erased.
    codes: Option<ErasedPage>,
    /// Payments come last.
    payments: ErasedPage,
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
        let (member, after) = (&self.member, self.after.as_deref());
        // Where it goes on is a place in one of the lists; those before it are done, and those behind it begin.
        let (purchases, after) = begin::<PurchaseEntity>(context, member, after);
        let (codes, after) = begin::<IssuedQr>(context, member, after);
        let payments = ErasedPage::new::<Payment>(context, member, after)?;
        let aliases = EntityQuery {
            kind: Alias::KIND,
            after: None,
            limit: ALIASES_MAX,
            ..payments.query.clone()
        };
        let pages = purchases.iter().chain(&codes).chain([&payments]);
        let pages = pages.map(|page| page.query.clone());
        let plan = ReadPlan {
            members: vec![context.member_key(&self.member)],
            entity_pages: pages.chain([aliases.clone()]).collect(),
            ..ReadPlan::default()
        };
        let prepared = PreparedErasure {
            purchases,
            codes,
            payments,
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
        let (purchases, next) = match &prepared.purchases {
            Some(page) => erase_purchases(&mut builder, page, snapshot)?,
            None => (0, None),
        };
        let (codes, next) = match (next, &prepared.codes) {
            (None, Some(page)) => erase(
                &mut builder,
                page,
                snapshot,
                |code: &IssuedQr| &code.qr,
                IssuedQr::erased,
            )?,
            (next, _) => (0, next),
        };
        let (payments, next) = match next {
            None => erase(
                &mut builder,
                &prepared.payments,
                snapshot,
                |one: &Payment| &one.payment,
                Payment::erased,
            )?,
            next => (0, next),
        };
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
                codes,
                payments,
                forfeited,
                next,
            },
            changes,
        })
    }
}

impl EraseMember {
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

/// Gives how many were erased, and where the next call continues.
fn erase_purchases(
    builder: &mut ChangeBuilder<'_>,
    page: &ErasedPage,
    snapshot: &Snapshot,
) -> Result<(u32, Option<String>), Undecided> {
    let (found, next) = page.read::<PurchaseEntity>(snapshot)?;
    let mut erased = 0_u32;
    for stored in found {
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

/// The same of what is not changed by anything else here.
fn erase<E: Entity>(
    builder: &mut ChangeBuilder<'_>,
    page: &ErasedPage,
    snapshot: &Snapshot,
    id: fn(&E) -> &E::Id,
    without: fn(E) -> E,
) -> Result<(u32, Option<String>), Undecided> {
    let (found, next) = page.read::<E>(snapshot)?;
    let mut erased = 0_u32;
    for stored in found {
        let expected = stored.expected();
        let without = without(stored.entity.clone());
        if without != stored.entity {
            erased = erased.saturating_add(1);
            builder.put(id(&without), expected, &without)?;
        }
    }
    Ok((erased, next))
}
