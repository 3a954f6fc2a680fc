//! Transfer a coupon: its holder gives it to another member, where its book permits that.
//!
//! Of a [booklet](crate::coupons::BookletTerms) all go that are left of it. It goes with the uses that it has left, and counts as one of the codes of the other member from then on. A wrong code is
//! [counted](super::WRONG_CODES_MAX), and the reply says that it is not accepted.
//!
//! Refusals, in order: neither a code nor an id, or both; both are the same member; unknown member; closed, merged or suspended
//! member; too many wrong codes; a book whose coupons are not transferred; closed or paused book; unknown receiver; closed, merged
//! or suspended receiver; expired, used up or voided coupon; one that is locked; more codes than the receiver may have, or no use
//! that the receiver has left.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::change_builder::ChangeBuilder;
use super::super::presence::check_active;
use super::super::seen::see_rows;
use super::booklets::held_with;
use super::claim::{Claimed, CodeOutcome, check_codes, claim, claim_plan, codes_room, of_member};
use super::find::{NamedCoupon, check_open, keys_of, refused, secret_of};
use super::step;
use super::using::check_uses;
use crate::command::{Kind, Members, Operation, Undecided};
use crate::context::Context;
use crate::counter::CounterKey;
use crate::coupons::{Coupon, CouponBook, CouponTransfer};
use crate::decision::{Changes, Decision};
use crate::entity::{EntityKey, Stored};
use crate::event::Event;
use crate::ids::{CouponBookId, CouponId, IdAllocator, MemberId, TenantId};
use crate::rejection::Rejection;
use crate::secret::{KeyPurpose, Secret};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Transfers a coupon to another member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct TransferCoupon {
    /// Who holds it.
    pub member: MemberId,
    /// Who gets it.
    pub to: MemberId,
    /// Its code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub code: Option<Secret>,
    /// Its id, when the code is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub coupon: Option<CouponId>,
}

/// The coupon that was transferred.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct TransferredCoupon {
    /// Whether the code was accepted. When it was not, nothing else is told.
    pub outcome: CodeOutcome,
    /// The coupon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub coupon: Option<CouponId>,
    /// The other coupons of its booklet, which went on with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub with: Vec<CouponId>,
    /// Its book.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub book: Option<CouponBookId>,
    /// Who holds it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub to: Option<MemberId>,
    /// When it was transferred.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub transferred_at: Option<Timestamp>,
}

impl TransferredCoupon {
    fn not_accepted() -> Self {
        Self {
            outcome: CodeOutcome::NotAccepted,
            coupon: None,
            with: Vec::new(),
            book: None,
            to: None,
            transferred_at: None,
        }
    }
}

impl TransferCoupon {
    /// Gives one coupon to the other member, and tells both.
    fn send(
        &self,
        stored: Stored<Coupon>,
        book: &CouponBook,
        context: &Context,
        (giver, receiver): (&mut ChangeBuilder<'_>, &mut ChangeBuilder<'_>),
    ) -> Result<CouponId, Rejection> {
        let now = context.now;
        let (expected, before) = (stored.expected(), stored.entity.counted_as());
        let is_over = book.is_over_for(&stored.entity, now);
        let transferred = stored.entity.transfer(&self.to, now, is_over);
        let coupon = transferred.map_err(|refusal| refused(refusal, now))?;
        step(giver, context, before, expected, &coupon)?;
        giver.emit(Event::CouponSent {
            coupon: coupon.coupon.clone(),
            book: book.book.clone(),
            to: self.to.clone(),
        });
        receiver.emit(Event::CouponReceived {
            coupon: coupon.coupon.clone(),
            book: book.book.clone(),
            from: self.member.clone(),
        });
        Ok(coupon.coupon)
    }

    /// Checks that the book permits so many to this receiver.
    fn check(
        &self,
        receiver: &ChangeBuilder<'_>,
        snapshot: &Snapshot,
        context: &Context,
        book: &CouponBook,
        count: u32,
    ) -> Result<(), Rejection> {
        let room = codes_room(&receiver.row, snapshot, context, &self.to, book);
        check_codes(room, count, book)?;
        let uses = of_member(context, &self.to, &book.book, "uses");
        check_uses(book, snapshot.count(&uses, Some(&receiver.row)))
    }
}

/// Codes that a giver has less: the holder has, when that is somebody who was merged into the giver.
struct GivenUp<'m> {
    member: &'m MemberId,
    holder: MemberId,
    codes: CounterKey,
    count: u32,
}

impl GivenUp<'_> {
    /// Ends the changes of the giver.
    fn finish<'a>(
        self,
        mut giver: ChangeBuilder<'a>,
        snapshot: &'a Snapshot,
        context: &'a Context,
        ids: &'a IdAllocator,
    ) -> Result<Changes, Undecided> {
        let less = i64::from(self.count).saturating_neg();
        if self.holder == *self.member {
            giver.count(self.codes, less, None);
            return Ok(giver.finish()?);
        }
        see_rows(snapshot, context, [&self.holder])?;
        let mut merged = ChangeBuilder::open_as_is(snapshot, context, ids, &self.holder)?;
        merged.count(self.codes, less, None);
        let mut changes = giver.finish()?;
        changes.merge(merged.finish()?);
        Ok(changes)
    }
}

impl Operation for TransferCoupon {
    const NAME: &'static str = "transfer_coupon";
    const KIND: Kind = Kind::Command;
    type Reply = TransferredCoupon;
    type Prepared = NamedCoupon;

    fn members(&self) -> Members<'_> {
        smallvec![&self.member, &self.to]
    }

    fn owned_by(&self, tenant: &TenantId) -> Vec<EntityKey> {
        keys_of(tenant, self.code.as_ref(), self.coupon.as_ref())
    }

    fn secrets(&mut self) -> Vec<(KeyPurpose, &mut Secret)> {
        secret_of(&mut self.code)
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, NamedCoupon), Rejection> {
        let named = NamedCoupon::new(self.code.as_ref(), self.coupon.as_ref())?;
        if self.member == self.to {
            return Err(Rejection::TransferToSelf(self.member.clone()));
        }
        let mut plan = claim_plan(context, &named, &self.member);
        plan.members.push(context.member_key(&self.to));
        Ok((plan, named))
    }

    fn decide(
        &self,
        named: &NamedCoupon,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<TransferredCoupon>, Undecided> {
        let (ids, now) = (context.id_allocator(), context.now);
        let counters = |coupon: &Coupon| {
            let of = |what| of_member(context, &self.to, &coupon.book, what);
            vec![of("codes"), of("uses")]
        };
        let (mut giver, claimed) = claim(named, snapshot, context, &ids, &self.member, counters)?;
        let Some(Claimed { stored, book }) = claimed else {
            return Ok(Decision {
                reply: TransferredCoupon::not_accepted(),
                changes: giver.finish()?,
            });
        };
        if book.terms.transfer_rule() == CouponTransfer::Forbidden {
            return Err(Rejection::CouponTransferForbidden(book.book).into());
        }
        check_open(&book, now, false)?;
        let mut receiver = ChangeBuilder::open_as_is(snapshot, context, &ids, &self.to)?;
        check_active(&receiver.row.profile, &self.to)?;
        // Both sides tell the same time, so that one order holds for both.
        let recorded_at = giver.recorded_at.max(receiver.recorded_at);
        (giver.recorded_at, receiver.recorded_at) = (recorded_at, recorded_at);
        let others = held_with(snapshot, context, &stored.entity)?;
        let (coupon, holder) = (stored.entity.coupon.clone(), stored.entity.holder.clone());
        let mut with = Vec::with_capacity(others.len());
        for (at, stored) in [stored].into_iter().chain(others).enumerate() {
            let sent = self.send(stored, &book, context, (&mut giver, &mut receiver))?;
            with.extend((at > 0).then_some(sent));
        }
        let count = u32::try_from(with.len()).map_err(|_| Rejection::Overflow)?;
        let count = count.saturating_add(1);
        self.check(&receiver, snapshot, context, &book, count)?;
        let codes = |member| of_member(context, member, &book.book, "codes").name.at(0);
        receiver.count(codes(&self.to), count.into(), None);
        let holder = holder.unwrap_or_else(|| self.member.clone());
        let given = GivenUp {
            member: &self.member,
            codes: codes(&holder),
            holder,
            count,
        };
        let mut changes = given.finish(giver, snapshot, context, &ids)?;
        changes.merge(receiver.finish()?);
        Ok(Decision {
            reply: TransferredCoupon {
                outcome: CodeOutcome::Accepted,
                coupon: Some(coupon),
                with,
                book: Some(book.book),
                to: Some(self.to.clone()),
                transferred_at: Some(recorded_at),
            },
            changes,
        })
    }
}
