//! A coupon: one code of a book, and where it is in its life.
//!
//! | from | [assign](Coupon::assign) | [unassign](Coupon::unassign) | [lock](Coupon::lock) | [unlock](Coupon::unlock) | [redeem](Coupon::redeem) | [give back](Coupon::give_back) | [transfer](Coupon::transfer) | [replace](Coupon::replace) | [void](Coupon::void) |
//! |---|---|---|---|---|---|---|---|---|---|
//! | available | assigned | refused | refused | refused | refused, unless anyone may: available, or redeemed by the last use | available | refused | voided | voided |
//! | assigned | refused | available, when it was never used | locked | refused | assigned, or redeemed by the last use; refused where a lock is required | assigned | assigned | voided | voided |
//! | locked | refused | refused | the same lease for its owner; else refused | assigned, for the owner of the lease | as assigned, for the owner of the lease | locked | refused | voided | voided |
//! | redeemed | refused | refused | refused | refused | refused | assigned; anyone's: available | refused | refused | refused |
//! | expired | refused | refused | refused | refused | refused | expired | refused | refused | voided |
//! | voided | refused | refused | refused | refused | refused | voided, and nothing is given back | refused | refused | refused |
//!
//! What replaces a coupon is where that was, but for a lease, and has the uses, the value and the place in a booklet that it has left. A
//! coupon that is worth an amount is redeemed by a use that [spends](Coupon::spend) the last of it, and a use that is given back gives
//! back what it has spent. One of a booklet is not unassigned.
//!
//! A lease ends by time alone, and the coupon is assigned again for whoever reads it from then on. So does the time of its book,
//! which makes every coupon expired that is not redeemed or voided; a book that is extended makes it what it was. Only the holder
//! locks and redeems, and only the owner of a lease unlocks, or redeems while it lasts.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{
    BookCount, BookletPlace, CouponAction, CouponState, CouponStep, Doing, HISTORY_MAX, LockRule,
};
use crate::entity::{Entity, EntityId, Index};
use crate::ids::{CouponBatchId, CouponBookId, CouponId, MemberId, OrderId};
use crate::money::Money;
use crate::time::Timestamp;

/// The right of an order to redeem a coupon, until a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    /// Whose it is.
    pub order: OrderId,
    /// The first instant at which it is over.
    pub until: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    Available,
    Assigned,
    Redeemed,
    Voided,
}

/// Why a coupon stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CouponRefusal {
    /// It is somewhere else in its life.
    State(CouponState),
    /// Another order has a lease on it.
    Leased {
        /// Until when.
        until: Timestamp,
    },
    /// It must be locked first.
    LockRequired,
    /// It is never locked.
    LockForbidden,
    /// It was used, so that it cannot go back.
    Used,
    /// It belongs to a booklet, which it does not leave alone.
    InBooklet,
    /// Less of its value is left.
    ValueExceeded {
        /// How much.
        left: Money,
    },
}

/// One code of a book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coupon {
    /// Its id: the digest of its code.
    pub coupon: CouponId,
    /// Its book.
    pub book: CouponBookId,
    /// The batch it was derived in, and its index there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub derived: Option<(CouponBatchId, u32)>,
    /// The code itself, where its book keeps it plain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// When it came into its book.
    pub added_at: Timestamp,
    /// Who holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<MemberId>,
    /// How often it was redeemed by its holders.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub uses: u32,
    /// How much of its value was spent, in minor units.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub spent: i64,
    /// Its place in the booklet that it was given with.
    // Boxed, because few coupons have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booklet: Option<Box<BookletPlace>>,
    /// How many of these uses were of the coupon that it replaces.
    #[serde(default, skip_serializing_if = "is_zero")]
    carried: u32,
    /// The coupon that it replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replaces: Option<CouponId>,
    /// The coupon by which it is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replaced_by: Option<CouponId>,
    state: Kept,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lease: Option<Lease>,
    /// Its last steps, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    history: Vec<CouponStep>,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

fn is_nothing(minor: &i64) -> bool {
    *minor == 0
}

impl EntityId for CouponId {
    fn text(&self) -> &str {
        self.as_str()
    }
}

impl Coupon {
    /// A code that comes into its book.
    #[must_use]
    pub fn new(coupon: CouponId, book: CouponBookId, added_at: Timestamp) -> Self {
        Self {
            coupon,
            book,
            derived: None,
            code: None,
            added_at,
            holder: None,
            uses: 0,
            spent: 0,
            booklet: None,
            carried: 0,
            replaces: None,
            replaced_by: None,
            state: Kept::Available,
            lease: None,
            history: Vec::new(),
        }
    }

    /// Where it is in its life at an instant, when the time of its book is over or not.
    #[must_use]
    pub fn state(&self, now: Timestamp, is_over: bool) -> CouponState {
        match self.state {
            Kept::Redeemed => CouponState::Redeemed,
            Kept::Voided => CouponState::Voided,
            Kept::Available | Kept::Assigned if is_over => CouponState::Expired,
            Kept::Available => CouponState::Available,
            Kept::Assigned => match self.lease(now) {
                Some(_) => CouponState::Locked,
                None => CouponState::Assigned,
            },
        }
    }

    /// The lease that lasts at an instant.
    #[must_use]
    pub fn lease(&self, now: Timestamp) -> Option<&Lease> {
        self.lease.as_ref().filter(|lease| now < lease.until)
    }

    /// Its last steps, oldest first.
    #[must_use]
    pub fn history(&self) -> &[CouponStep] {
        &self.history
    }

    /// How often it was redeemed itself, without what the coupon that it replaces was.
    #[must_use]
    pub fn own_uses(&self) -> u32 {
        self.uses.saturating_sub(self.carried)
    }

    /// The first instant at which the booklet that it was given with is over, if it ends by itself.
    #[must_use]
    pub fn booklet_until(&self) -> Option<Timestamp> {
        self.booklet.as_ref()?.until
    }

    /// It is given with others.
    #[must_use]
    pub fn in_booklet(mut self, place: Option<BookletPlace>) -> Self {
        self.booklet = place.map(Box::new);
        self
    }

    /// How much of what it is worth is left, in minor units.
    #[must_use]
    pub fn value_left(&self, worth: i64) -> i64 {
        worth.saturating_sub(self.spent).max(0)
    }

    /// The coupon that it replaces.
    #[must_use]
    pub fn replaces(&self) -> Option<&CouponId> {
        self.replaces.as_ref()
    }

    /// The coupon by which it is replaced.
    #[must_use]
    pub fn replaced_by(&self) -> Option<&CouponId> {
        self.replaced_by.as_ref()
    }

    /// As what its book counts it.
    #[must_use]
    pub fn counted_as(&self) -> BookCount {
        match self.state {
            Kept::Available => BookCount::Available,
            Kept::Assigned if self.lease.is_some() => BookCount::Locked,
            Kept::Assigned => BookCount::Assigned,
            Kept::Redeemed => BookCount::Redeemed,
            Kept::Voided => BookCount::Voided,
        }
    }

    fn check(
        &self,
        wanted: CouponState,
        now: Timestamp,
        is_over: bool,
    ) -> Result<(), CouponRefusal> {
        match self.state(now, is_over) {
            found if found == wanted => Ok(()),
            CouponState::Locked => Err(self.leased(now)),
            found => Err(CouponRefusal::State(found)),
        }
    }

    fn leased(&self, now: Timestamp) -> CouponRefusal {
        match self.lease(now) {
            Some(lease) => CouponRefusal::Leased { until: lease.until },
            None => CouponRefusal::State(CouponState::Locked),
        }
    }

    fn note(
        &mut self,
        action: CouponAction,
        at: Timestamp,
        order: Option<&OrderId>,
        doing: &Doing<'_>,
    ) {
        if self.history.len() >= HISTORY_MAX {
            self.history.remove(0);
        }
        self.history.push(CouponStep {
            action,
            at,
            member: self.holder.clone(),
            order: order.cloned(),
            amount: None,
            by: doing.by.cloned(),
            reason: doing.reason.cloned(),
        });
    }

    /// A member gets it.
    ///
    /// # Errors
    /// [`CouponRefusal::State`] unless it is available.
    pub fn assign(
        mut self,
        to: &MemberId,
        now: Timestamp,
        is_over: bool,
        doing: &Doing<'_>,
    ) -> Result<Self, CouponRefusal> {
        self.check(CouponState::Available, now, is_over)?;
        self.state = Kept::Assigned;
        self.holder = Some(to.clone());
        self.note(CouponAction::Assigned, now, None, doing);
        Ok(self)
    }

    /// It goes back to its book.
    ///
    /// # Errors
    /// [`CouponRefusal`] unless it is assigned, was never used and is of no booklet.
    pub fn unassign(
        mut self,
        now: Timestamp,
        is_over: bool,
        doing: &Doing<'_>,
    ) -> Result<Self, CouponRefusal> {
        self.check(CouponState::Assigned, now, is_over)?;
        if self.uses > 0 {
            return Err(CouponRefusal::Used);
        }
        if self.booklet.is_some() {
            return Err(CouponRefusal::InBooklet);
        }
        self.note(CouponAction::Unassigned, now, None, doing);
        self.state = Kept::Available;
        self.lease = None;
        self.holder = None;
        Ok(self)
    }

    /// An order gets a lease, or has it already.
    ///
    /// # Errors
    /// [`CouponRefusal`] unless it is assigned, or locked by the same order.
    pub fn lock(
        mut self,
        lease: Lease,
        rule: LockRule,
        now: Timestamp,
        is_over: bool,
    ) -> Result<Self, CouponRefusal> {
        if rule == LockRule::Forbidden {
            return Err(CouponRefusal::LockForbidden);
        }
        let own = self
            .lease(now)
            .is_some_and(|known| known.order == lease.order);
        if own && !is_over {
            return Ok(self);
        }
        self.check(CouponState::Assigned, now, is_over)?;
        self.note(
            CouponAction::Locked,
            now,
            Some(&lease.order),
            &Doing::default(),
        );
        self.lease = Some(lease);
        Ok(self)
    }

    /// The lease of an order ends.
    ///
    /// # Errors
    /// [`CouponRefusal`] unless the order has a lease.
    pub fn unlock(
        mut self,
        order: &OrderId,
        now: Timestamp,
        is_over: bool,
    ) -> Result<Self, CouponRefusal> {
        self.check_lease_of(Some(order), now, is_over)?;
        self.note(CouponAction::Unlocked, now, Some(order), &Doing::default());
        self.lease = None;
        Ok(self)
    }

    /// Checks that it is locked by an order.
    fn check_lease_of(
        &self,
        order: Option<&OrderId>,
        now: Timestamp,
        is_over: bool,
    ) -> Result<(), CouponRefusal> {
        match self.state(now, is_over) {
            CouponState::Locked => match self.lease(now) {
                Some(lease) if Some(&lease.order) == order => Ok(()),
                _ => Err(self.leased(now)),
            },
            found => Err(CouponRefusal::State(found)),
        }
    }

    /// Its holder redeems it once, of at most so many times.
    ///
    /// # Errors
    /// [`CouponRefusal`] unless it is assigned and needs no lock, or is locked by the order.
    pub fn redeem(
        mut self,
        order: Option<&OrderId>,
        rule: LockRule,
        most: u32,
        now: Timestamp,
        is_over: bool,
    ) -> Result<Self, CouponRefusal> {
        match self.state(now, is_over) {
            CouponState::Assigned if rule == LockRule::Required => {
                return Err(CouponRefusal::LockRequired);
            }
            CouponState::Assigned => {}
            _ => self.check_lease_of(order, now, is_over)?,
        }
        self.uses = self.uses.saturating_add(1);
        self.lease = None;
        if self.uses >= most {
            self.state = Kept::Redeemed;
        }
        self.note(CouponAction::Redeemed, now, order, &Doing::default());
        Ok(self)
    }

    /// A use takes some of what it is worth. The last of it uses it up.
    ///
    /// # Errors
    /// [`CouponRefusal::ValueExceeded`].
    pub fn spend(mut self, amount: Money, worth: i64) -> Result<Self, CouponRefusal> {
        let left = self.value_left(worth);
        if amount.minor() > left {
            let left = Money::new(left, amount.asset());
            return Err(CouponRefusal::ValueExceeded { left });
        }
        self.spent = self.spent.saturating_add(amount.minor());
        if self.value_left(worth) == 0 {
            self.state = Kept::Redeemed;
        }
        self.note_amount(amount);
        Ok(self)
    }

    fn note_amount(&mut self, amount: Money) {
        if let Some(last) = self.history.last_mut() {
            last.amount = Some(amount);
        }
    }

    /// The last use of a code that anyone may redeem.
    ///
    /// # Errors
    /// [`CouponRefusal::State`] unless it is available.
    pub fn use_up(
        mut self,
        order: Option<&OrderId>,
        now: Timestamp,
        is_over: bool,
    ) -> Result<Self, CouponRefusal> {
        self.check_usable(now, is_over)?;
        self.state = Kept::Redeemed;
        self.note(CouponAction::Redeemed, now, order, &Doing::default());
        Ok(self)
    }

    /// Checks that anyone may redeem it.
    ///
    /// # Errors
    /// [`CouponRefusal::State`] unless it is available.
    pub fn check_usable(&self, now: Timestamp, is_over: bool) -> Result<(), CouponRefusal> {
        self.check(CouponState::Available, now, is_over)
    }

    /// A use of it is given back, with what it has spent, and whoever held it holds it again; `None` when it was voided since.
    #[must_use]
    pub fn give_back(
        mut self,
        order: Option<&OrderId>,
        spent: Option<Money>,
        now: Timestamp,
    ) -> Option<Self> {
        match (self.state, &self.holder) {
            (Kept::Voided, _) => return None,
            (Kept::Redeemed, Some(_)) => self.state = Kept::Assigned,
            (Kept::Redeemed, None) => self.state = Kept::Available,
            (Kept::Available | Kept::Assigned, _) => {}
        }
        self.uses = self.uses.saturating_sub(1);
        self.note(CouponAction::Returned, now, order, &Doing::default());
        if let Some(amount) = spent {
            self.spent = self.spent.saturating_sub(amount.minor()).max(0);
            self.note_amount(amount);
        }
        Some(self)
    }

    /// Some of its value comes back; the use that spent it stays made. It can be used again where that was the last of its value and
    /// not the last of its uses. `None` when it was voided since.
    #[must_use]
    pub fn return_value(
        mut self,
        order: Option<&OrderId>,
        amount: Money,
        most: u32,
        now: Timestamp,
    ) -> Option<Self> {
        if self.state == Kept::Voided {
            return None;
        }
        self.spent = self.spent.saturating_sub(amount.minor()).max(0);
        if self.state == Kept::Redeemed && self.uses < most && self.holder.is_some() {
            self.state = Kept::Assigned;
        }
        self.note(CouponAction::ValueReturned, now, order, &Doing::default());
        self.note_amount(amount);
        Some(self)
    }

    /// Its holder gives it to another member.
    ///
    /// # Errors
    /// [`CouponRefusal`] unless it is assigned.
    pub fn transfer(
        mut self,
        to: &MemberId,
        now: Timestamp,
        is_over: bool,
    ) -> Result<Self, CouponRefusal> {
        self.check(CouponState::Assigned, now, is_over)?;
        self.lease = None;
        self.holder = Some(to.clone());
        self.note(CouponAction::Transferred, now, None, &Doing::default());
        Ok(self)
    }

    /// Another code of its book takes its place, and it is voided. Gives it, and what replaces it: with the same holder, if it has
    /// one, and the uses that it has left.
    ///
    /// # Errors
    /// [`CouponRefusal::State`] when it is redeemed, expired or voided.
    pub fn replace(
        self,
        by: Self,
        now: Timestamp,
        is_over: bool,
        doing: &Doing<'_>,
    ) -> Result<(Self, Self), CouponRefusal> {
        match self.state(now, is_over) {
            CouponState::Available | CouponState::Assigned | CouponState::Locked => {}
            found => return Err(CouponRefusal::State(found)),
        }
        let mut other = Self {
            holder: self.holder.clone(),
            uses: self.uses,
            spent: self.spent,
            booklet: self.booklet.clone(),
            carried: self.uses,
            replaces: Some(self.coupon.clone()),
            state: self.state,
            ..by
        };
        other.note(CouponAction::Replaced, now, None, doing);
        let mut voided = self.void(now, doing)?;
        voided.replaced_by = Some(other.coupon.clone());
        Ok((voided, other))
    }

    /// It is good for nothing any more.
    ///
    /// # Errors
    /// [`CouponRefusal::State`] when it is redeemed or voided.
    pub fn void(mut self, now: Timestamp, doing: &Doing<'_>) -> Result<Self, CouponRefusal> {
        match self.state {
            Kept::Available | Kept::Assigned => {}
            Kept::Redeemed | Kept::Voided => {
                return Err(CouponRefusal::State(self.state(now, false)));
            }
        }
        self.note(CouponAction::Voided, now, None, doing);
        self.state = Kept::Voided;
        self.lease = None;
        Ok(self)
    }
}

impl Entity for Coupon {
    const KIND: &'static str = "coupon";
    const SHAPE: u16 = 1;
    type Id = CouponId;

    fn index(&self) -> Index {
        let counted = self.counted_as();
        let lease = self.lease.as_ref().filter(|_| counted == BookCount::Locked);
        Index {
            owner: self.holder.clone(),
            group: Some(SmolStr::new(self.book.as_str())),
            rank: Some(self.coupon.rank()),
            due_at: lease.map(|lease| lease.until),
            ..Index::new(counted.state(), self.added_at)
        }
    }

    fn is_named(&self, id: &str) -> bool {
        self.coupon.as_str() == id
    }
}

#[cfg(test)]
mod tests;
