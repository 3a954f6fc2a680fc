//! Distribute coupons of a book to a pool of members: so many for each, or so many in all, in one step.
//!
//! Codes are drawn fairly and dealt one by one, round by round, in an order of the members that is shuffled anew for each command: nobody
//! gets a second code before everybody has a first one who may have one. [Booklets](crate::coupons::BookletTerms) are dealt whole. All that was asked for is given, or nothing; where the request
//! says `partial`, as much as can be given, and the reply says who got fewer than was asked for, and why.
//!
//! Refusals, in order: no members, or more than [`POOL_MEMBERS_MAX`]; somebody twice; neither a number for each nor one in all, or both;
//! none, or more than [`POOL_COUPONS_MAX`] in all; unknown book; codes that are assigned to nobody; closed, paused or expired book; a
//! part of a booklet; and unless it is partial: a member who is unknown, closed, merged or suspended; more codes than members may have; fewer free codes
//! than were asked for.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::super::presence::check_active;
use super::super::together::open_all_as_is;
use super::super::unless_wrong;
use super::booklets::{check_whole, places, whole};
use super::claim::{codes_room, of_member};
use super::draw::Draw;
use super::find::{check_open, refused};
use super::{AssignedCoupon, book_of, counted, lasting};
use crate::command::{Kind, Members, Operation, Undecided};
use crate::context::{Context, HostKeys};
use crate::coupons::{BookCount, CodeUser, Coupon, CouponBook, Doing};
use crate::decision::{Changes, Decision};
use crate::entity::{EntityKey, Stored};
use crate::event::Event;
use crate::ids::{CouponBookId, MemberId, Slug, TenantId};
use crate::member::MemberStatus;
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// The most members of a pool.
pub const POOL_MEMBERS_MAX: u32 = 1_000;
/// The most coupons that are distributed at once.
pub const POOL_COUPONS_MAX: u32 = 1_000;

/// Distributes coupons of a book to a pool of members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct DistributeCoupons {
    /// The book.
    pub book: CouponBookId,
    /// The members, up to 1,000.
    pub members: Vec<MemberId>,
    /// How many each of them gets; up to 1,000 for all of them together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub each: Option<u32>,
    /// How many all of them get together, up to 1,000, when it is not said how many each gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub total: Option<u32>,
    /// Whether as many as can be are given, when not all can; else none is given then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub partial: bool,
    /// Who does it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub by: Option<Slug>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub reason: Option<Slug>,
}

/// Why a member of a pool got no more coupons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum Shortage {
    /// No code of the book was free any more.
    NoFreeCode,
    /// The member has as many codes of the book as a member may have.
    MemberLimit,
    /// There is no such member.
    MemberUnknown,
    /// The member is suspended.
    MemberSuspended,
    /// The member is closed.
    MemberClosed,
    /// The member was merged into another one.
    MemberMerged,
}

impl Shortage {
    /// Why a member who does not take part gets nothing.
    fn of(status: MemberStatus) -> Self {
        match status {
            MemberStatus::Suspended => Self::MemberSuspended,
            MemberStatus::Merged => Self::MemberMerged,
            MemberStatus::Closed | MemberStatus::Active => Self::MemberClosed,
        }
    }
}

/// What a member of a pool got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CouponShare {
    /// The member.
    pub member: MemberId,
    /// The coupons.
    pub coupons: Vec<AssignedCoupon>,
    /// Why the member got no more, where fewer were given than were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub shortage: Option<Shortage>,
}

/// The coupons that were distributed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct DistributedCoupons {
    /// The book.
    pub book: CouponBookId,
    /// How many were given.
    pub assigned: u32,
    /// How many fewer than were asked for.
    pub short: u32,
    /// What each member got, in the order of the request.
    pub shares: Vec<CouponShare>,
    /// When they were assigned.
    pub assigned_at: Timestamp,
}

/// How many coupons a member may get, or why the member gets none.
type Room = Result<u32, (Shortage, Rejection)>;

/// How many coupons each member may get and gets.
struct Deal {
    /// How many each may get.
    room: Vec<Room>,
    /// How many each gets.
    given: Vec<u32>,
}

impl DistributeCoupons {
    /// How many are asked for.
    fn asked(&self) -> u32 {
        let members = u32::try_from(self.members.len()).unwrap_or(u32::MAX);
        match (self.each, self.total) {
            (Some(each), _) => each.saturating_mul(members),
            (None, total) => total.unwrap_or_default(),
        }
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let found = u32::try_from(self.members.len()).unwrap_or(u32::MAX);
        if !(1..=POOL_MEMBERS_MAX).contains(&found) {
            let detail = format!("expected 1 to {POOL_MEMBERS_MAX} members, got {found}");
            problems.push(Problem::new("count_invalid", "members", detail));
        }
        let mut seen = BTreeSet::new();
        for (index, member) in self.members.iter().enumerate() {
            if !seen.insert(member) {
                let path = format!("members[{index}]");
                problems.push(Problem::new("member_duplicate", path, "named twice"));
            }
        }
        if self.each.is_some() == self.total.is_some() {
            let detail = "expected either `each` or `total`";
            problems.push(Problem::new("count_invalid", "each", detail));
        } else if !(1..=POOL_COUPONS_MAX).contains(&self.asked()) {
            let path = self.each.map_or("total", |_| "each");
            let detail = format!(
                "expected 1 to {POOL_COUPONS_MAX} coupons in all, got {}",
                self.asked()
            );
            problems.push(Problem::new("count_invalid", path, detail));
        }
        problems
    }

    /// How many coupons each member may get.
    fn room(&self, snapshot: &Snapshot, context: &Context, book: &CouponBook) -> Vec<Room> {
        let rooms = self.members.iter().map(|member| {
            let row = snapshot.members.get(&context.member_key(member));
            let unknown = || Rejection::MemberUnknown(member.clone());
            let row = row.ok_or_else(|| (Shortage::MemberUnknown, unknown()))?;
            check_active(&row.profile, member)
                .map_err(|rejection| (Shortage::of(row.profile.status), rejection))?;
            let room = codes_room(row, snapshot, context, member, book);
            Ok(whole(book, room.min(self.each.unwrap_or(u32::MAX))))
        });
        rooms.collect()
    }

    /// Checks that everything can be given that was asked for, but for free codes.
    fn check_room(&self, rooms: &[Room], book: &CouponBook) -> Result<(), Rejection> {
        let mut sum = 0_u32;
        for room in rooms {
            let room = room.as_ref().map_err(|(_, rejection)| rejection.clone())?;
            sum = sum.saturating_add(*room);
        }
        match book.terms.limits().codes_per_member {
            Some(most) if sum < self.asked() => {
                let limit = "codes_per_member";
                Err(Rejection::CouponLimit { limit, most })
            }
            _ => Ok(()),
        }
    }

    /// Draws so many codes; fewer where that is allowed and so many are not free.
    fn draw(
        &self,
        draw: &Draw<'_>,
        book: &CouponBook,
        asked: u32,
    ) -> Result<Vec<Stored<Coupon>>, Undecided> {
        match (asked, draw.draw(asked)) {
            (0, _) => Ok(Vec::new()),
            (_, Err(Undecided::Rejected(Rejection::CouponsShort { free, .. })))
                if self.partial && free < asked =>
            {
                self.draw(draw, book, whole(book, free))
            }
            (_, drawn) => drawn,
        }
    }

    /// Deals so many coupons one by one, or as many as are given together, round by round, in shuffled order.
    fn deal(&self, draw: &Draw<'_>, room: Vec<Room>, mut left: u32, together: u32) -> Deal {
        let order = draw.shuffled(self.members.len());
        let mut given = vec![0_u32; self.members.len()];
        let mut is_open = true;
        while left > 0 && is_open {
            is_open = false;
            for place in &order {
                if let (Some(Ok(room)), Some(given)) = (room.get(*place), given.get_mut(*place))
                    && *given < *room
                    && left > 0
                {
                    *given = given.saturating_add(together);
                    left = left.saturating_sub(together);
                    is_open = true;
                }
            }
        }
        Deal { room, given }
    }

    /// Assigns what was dealt. Gives the coupons in the order of the members, and when that was.
    fn assign(
        &self,
        book: &CouponBook,
        deal: &Deal,
        drawn: Vec<Stored<Coupon>>,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<(Vec<Coupon>, Changes, Timestamp), Undecided> {
        let ids = context.id_allocator();
        let shares = self.members.iter().zip(&deal.given);
        let shares: Vec<_> = shares.filter(|(_, given)| **given > 0).collect();
        let receivers = shares.iter().map(|(member, _)| *member);
        let builders = open_all_as_is(snapshot, context, &ids, receivers)?;
        let at = builders.first().map_or(context.now, |one| one.recorded_at);
        let doing = Doing {
            by: self.by.as_ref(),
            reason: self.reason.as_ref(),
        };
        let (mut changes, mut coupons) = (Changes::default(), Vec::new());
        let places = places(book, drawn.iter().map(|stored| &stored.entity.coupon), at);
        let mut drawn = drawn.into_iter().zip(places);
        for (mut builder, (member, given)) in builders.into_iter().zip(shares) {
            for (stored, place) in drawn
                .by_ref()
                .take(usize::try_from(*given).unwrap_or_default())
            {
                let expected = stored.expected();
                let coupon = stored.entity.assign(member, at, false, &doing);
                let coupon = coupon.map_err(|refusal| refused(refusal, context.now))?;
                let coupon = coupon.in_booklet(place);
                builder.put(&coupon.coupon, expected, &coupon)?;
                builder.emit(Event::CouponAssigned {
                    coupon: coupon.coupon.clone(),
                    book: self.book.clone(),
                    by: self.by.clone(),
                    reason: self.reason.clone(),
                });
                coupons.push(coupon);
            }
            let codes = of_member(context, member, &self.book, "codes");
            builder.count(codes.name.at(0), i64::from(*given), None);
            changes.merge(builder.finish()?);
        }
        let moved = i64::try_from(coupons.len()).map_err(|_| Rejection::Overflow)?;
        if moved > 0 {
            let step = |count, delta| counted(&context.tenant, &self.book, count, delta);
            changes
                .counters
                .push(step(BookCount::Available, moved.saturating_neg()));
            changes.counters.push(step(BookCount::Assigned, moved));
            // All of them are given at the same instant.
            let lasting = coupons.first().and_then(|one| lasting(context, one, moved));
            changes.counters.extend(lasting);
        }
        Ok((coupons, changes, at))
    }

    /// What each member got, and why no more.
    fn shares(&self, deal: Deal, told: Vec<AssignedCoupon>, short: u32) -> Vec<CouponShare> {
        let mut told = told.into_iter();
        let members = self.members.iter().zip(deal.room).zip(deal.given);
        let shares = members.map(|((member, room), given)| {
            let is_short = match self.each {
                Some(each) => given < each,
                None => short > 0,
            };
            let shortage = match room {
                Err((shortage, _)) => Some(shortage),
                Ok(room) if given >= room => Some(Shortage::MemberLimit),
                Ok(_) => Some(Shortage::NoFreeCode),
            };
            let coupons = told
                .by_ref()
                .take(usize::try_from(given).unwrap_or_default());
            CouponShare {
                member: member.clone(),
                coupons: coupons.collect(),
                shortage: shortage.filter(|_| is_short),
            }
        });
        shares.collect()
    }
}

impl Operation for DistributeCoupons {
    const NAME: &'static str = "distribute_coupons";
    const KIND: Kind = Kind::Command;
    type Reply = DistributedCoupons;
    type Prepared = ();

    fn members(&self) -> Members<'_> {
        self.members.iter().collect()
    }

    fn reveal(
        reply: &mut DistributedCoupons,
        tenant: &TenantId,
        keys: &dyn HostKeys,
    ) -> Result<(), Rejection> {
        let shares = reply.shares.iter_mut();
        let mut coupons = shares.flat_map(|share| &mut share.coupons);
        coupons.try_for_each(|coupon| coupon.reveal(tenant, keys))
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let problems = self.problems();
        unless_wrong(problems)?;
        let tenant = &context.tenant;
        let members = self.members.iter();
        let codes = self.members.iter();
        let codes = codes.map(|member| of_member(context, member, &self.book, "codes"));
        let mut counters: Vec<_> = codes.collect();
        counters.push(BookCount::Available.range(tenant, &self.book));
        let plan = ReadPlan {
            members: members.map(|member| context.member_key(member)).collect(),
            entities: vec![EntityKey::of::<CouponBook>(tenant, &self.book)],
            counters,
            ..ReadPlan::default()
        };
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<DistributedCoupons>, Undecided> {
        let book = book_of(snapshot, &context.tenant, &self.book)?.entity;
        if book.terms.user() == CodeUser::Anyone {
            return Err(Rejection::CouponNotAssignable(self.book.clone()).into());
        }
        check_open(&book, context.now, false)?;
        if book.is_over(context.now) {
            return Err(Rejection::CouponBookExpired(self.book.clone()).into());
        }
        check_whole(&book, self.each.unwrap_or_else(|| self.asked()))?;
        let room = self.room(snapshot, context, &book);
        if !self.partial {
            self.check_room(&room, &book)?;
        }
        let wanted = room
            .iter()
            .flatten()
            .fold(0_u32, |sum, room| sum.saturating_add(*room));
        let draw = Draw {
            snapshot,
            context,
            book: &self.book,
        };
        let drawn = self.draw(&draw, &book, wanted.min(self.asked()))?;
        let assigned = u32::try_from(drawn.len()).map_err(|_| Rejection::Overflow)?;
        let deal = self.deal(&draw, room, assigned, book.terms.given_together());
        let (coupons, changes, assigned_at) =
            self.assign(&book, &deal, drawn, snapshot, context)?;
        let told = AssignedCoupon::of(&coupons, snapshot, context)?;
        let short = self.asked().saturating_sub(assigned);
        Ok(Decision {
            reply: DistributedCoupons {
                book: self.book.clone(),
                assigned,
                short,
                shares: self.shares(deal, told, short),
                assigned_at,
            },
            changes,
        })
    }
}
