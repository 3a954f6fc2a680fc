//! Assign coupons of a book to a member: so many free ones by a fair draw, or those with given codes. All of them or none.
//!
//! The reply has the codes that were generated, derived again each time, and those that are kept plain; of others nobody has more
//! than a digest.
//!
//! Of a book that is given in [booklets](crate::coupons::BookletTerms) whole ones are assigned, one when no count is said.
//!
//! Refusals, in order: both a count and codes, or more than [`ASSIGNED_MAX`]; a code given twice; unknown member; closed, merged or
//! suspended member; unknown book; codes that are assigned to nobody; closed, paused or expired book; a part of a booklet; more codes than the member may
//! have; a code that is none of the book; one that is not free; fewer free codes than were asked for.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::change_builder::ChangeBuilder;
use super::super::presence::check_active;
use super::booklets::{check_whole, places};
use super::claim::{check_codes, codes_room, of_member};
use super::draw::Draw;
use super::find::{NamedCoupon, check_open, refused};
use super::tell::{sources, tell};
use super::{book_of, step};
use crate::command::{Kind, Members, Operation, Undecided};
use crate::context::{Context, HostKeys};
use crate::coupons::{
    BookCount, CodeKeys, CodeSource, CodeUser, Coupon, CouponBook, CouponRefusal, CouponState,
    Doing,
};
use crate::decision::Decision;
use crate::entity::{EntityKey, Stored};
use crate::event::Event;
use crate::ids::{CouponBookId, CouponId, MemberId, Slug, TenantId};
use crate::rejection::{Problem, Rejection};
use crate::secret::{KeyPurpose, Secret};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// The most coupons that are assigned at once.
pub const ASSIGNED_MAX: u32 = 100;

/// Assigns coupons of a book to a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct AssignCoupons {
    /// The book.
    pub book: CouponBookId,
    /// The member.
    pub member: MemberId,
    /// How many are drawn, up to 100; one, or one booklet, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub count: Option<u32>,
    /// The codes of those that are assigned, when they are not drawn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub codes: Vec<Secret>,
    /// Who does it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub by: Option<Slug>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub reason: Option<Slug>,
}

/// A coupon that was assigned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct AssignedCoupon {
    /// The coupon.
    pub coupon: CouponId,
    /// Its code, where that can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub code: Option<String>,
    /// How the code is derived, where it was generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub source: Option<CodeSource>,
    /// The index in its batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub index: Option<u32>,
}

/// The coupons that were assigned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct AssignedCoupons {
    /// The book.
    pub book: CouponBookId,
    /// The member.
    pub member: MemberId,
    /// The coupons: in the order of the codes that were given, or as they were drawn.
    pub coupons: Vec<AssignedCoupon>,
    /// When they were assigned.
    pub assigned_at: Timestamp,
}

impl AssignCoupons {
    /// How many are asked for, when so many are given together.
    fn asked(&self, together: u32) -> u32 {
        match u32::try_from(self.codes.len()) {
            Ok(0) => self.count.unwrap_or(together),
            given => given.unwrap_or(u32::MAX),
        }
    }

    /// The coupons with the codes that are given.
    fn given(
        &self,
        named: &[NamedCoupon],
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Vec<Stored<Coupon>>, Rejection> {
        let mut seen = BTreeSet::new();
        let found = named.iter().enumerate().map(|(index, named)| {
            let found = named.find(snapshot, &context.tenant)?;
            let found = found.filter(|stored| stored.entity.book == self.book);
            let found = found.ok_or(Rejection::CouponUnknown)?;
            if !seen.insert(found.entity.coupon.clone()) {
                let path = format!("codes[{index}]");
                return Err(Problem::new("code_duplicate", path, "the code is given twice").into());
            }
            Ok(found)
        });
        found.collect()
    }
}

impl AssignedCoupon {
    /// Coupons as a reply tells them; the batches of those that were generated are looked up.
    ///
    /// # Errors
    /// [`Undecided::Needs`] the batches.
    pub(super) fn of(
        coupons: &[Coupon],
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Vec<Self>, Undecided> {
        let sources = sources(coupons, snapshot, context)?;
        let told = coupons.iter().zip(sources).map(|(coupon, source)| Self {
            coupon: coupon.coupon.clone(),
            code: coupon.code.clone(),
            source,
            index: coupon.derived.as_ref().map(|(_, index)| *index),
        });
        Ok(told.collect())
    }

    /// Puts the code into the reply.
    ///
    /// # Errors
    /// As [`tell`].
    pub(super) fn reveal(
        &mut self,
        tenant: &TenantId,
        keys: &dyn CodeKeys,
    ) -> Result<(), Rejection> {
        let source = self.source.as_ref();
        tell(&mut self.code, source, self.index, tenant, keys)
    }
}

impl Operation for AssignCoupons {
    const NAME: &'static str = "assign_coupons";
    const KIND: Kind = Kind::Command;
    type Reply = AssignedCoupons;
    type Prepared = Vec<NamedCoupon>;

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn secrets(&mut self) -> Vec<(KeyPurpose, &mut Secret)> {
        let codes = self.codes.iter_mut();
        codes.map(|code| (KeyPurpose::Coupons, code)).collect()
    }

    fn reveal(
        reply: &mut AssignedCoupons,
        tenant: &TenantId,
        keys: &dyn HostKeys,
    ) -> Result<(), Rejection> {
        let mut coupons = reply.coupons.iter_mut();
        coupons.try_for_each(|coupon| coupon.reveal(tenant, keys))
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, Vec<NamedCoupon>), Rejection> {
        let asked = self.asked(1);
        if (self.count.is_some() && !self.codes.is_empty()) || !(1..=ASSIGNED_MAX).contains(&asked)
        {
            let detail = format!("expected a count of 1 to {ASSIGNED_MAX}, or as many codes");
            return Err(Problem::new("count_invalid", "count", detail).into());
        }
        let tenant = &context.tenant;
        let named = self.codes.iter();
        let named = named.map(|code| NamedCoupon::new(Some(code), None));
        let named: Vec<NamedCoupon> = named.collect::<Result<_, _>>()?;
        let mut entities = vec![EntityKey::of::<CouponBook>(tenant, &self.book)];
        entities.extend(named.iter().flat_map(|named| named.keys(tenant)));
        let plan = ReadPlan {
            members: vec![context.member_key(&self.member)],
            entities,
            counters: vec![
                BookCount::Available.range(tenant, &self.book),
                of_member(context, &self.member, &self.book, "codes"),
            ],
            ..ReadPlan::default()
        };
        Ok((plan, named))
    }

    fn decide(
        &self,
        named: &Vec<NamedCoupon>,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<AssignedCoupons>, Undecided> {
        let ids = context.id_allocator();
        let mut builder = ChangeBuilder::open_as_is(snapshot, context, &ids, &self.member)?;
        check_active(&builder.row.profile, &self.member)?;
        let book = book_of(snapshot, &context.tenant, &self.book)?.entity;
        if book.terms.user() == CodeUser::Anyone {
            return Err(Rejection::CouponNotAssignable(self.book.clone()).into());
        }
        check_open(&book, context.now, false)?;
        if book.is_over(context.now) {
            return Err(Rejection::CouponBookExpired(self.book.clone()).into());
        }
        let asked = self.asked(book.terms.given_together());
        check_whole(&book, asked)?;
        let room = codes_room(&builder.row, snapshot, context, &self.member, &book);
        check_codes(room, asked, &book)?;
        let draw = Draw {
            snapshot,
            context,
            book: &self.book,
        };
        let free = match named.is_empty() {
            true => draw.draw(asked)?,
            false => self.given(named, snapshot, context)?,
        };
        let doing = Doing {
            by: self.by.as_ref(),
            reason: self.reason.as_ref(),
        };
        let (member, at) = (&self.member, builder.recorded_at);
        let mut coupons = Vec::new();
        let places = places(&book, free.iter().map(|stored| &stored.entity.coupon), at);
        for (stored, place) in free.into_iter().zip(places) {
            let (expected, before) = (stored.expected(), stored.entity.counted_as());
            let assigned = stored.entity.assign(member, at, false, &doing);
            let coupon = assigned.map_err(|refusal| match refusal {
                CouponRefusal::State(CouponState::Assigned) | CouponRefusal::Leased { .. } => {
                    Rejection::CouponAssigned
                }
                other => refused(other, context.now),
            })?;
            let coupon = coupon.in_booklet(place);
            step(&mut builder, context, before, expected, &coupon)?;
            builder.emit(Event::CouponAssigned {
                coupon: coupon.coupon.clone(),
                book: self.book.clone(),
                by: self.by.clone(),
                reason: self.reason.clone(),
            });
            coupons.push(coupon);
        }
        let range = of_member(context, member, &self.book, "codes");
        builder.count(range.name.at(0), asked.into(), None);
        Ok(Decision {
            reply: AssignedCoupons {
                book: self.book.clone(),
                member: self.member.clone(),
                coupons: AssignedCoupon::of(&coupons, snapshot, context)?,
                assigned_at: at,
            },
            changes: builder.finish()?,
        })
    }
}
