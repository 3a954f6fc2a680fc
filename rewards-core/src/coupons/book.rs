//! A book of coupons, and where it is in its life.
//!
//! | from | paused | active again | closed | time is over | extended |
//! |---|---|---|---|---|---|
//! | scheduled, active | paused | – | closed | expired | – |
//! | paused | paused | as time says | closed | expired | – |
//! | expired | paused, and expired | – | closed | – | as time says |
//! | closed | refused | refused | refused | – | refused |
//!
//! Scheduled, active and expired follow from the window alone. Pausing and closing are said by somebody, and closing is final.

use serde::{Deserialize, Serialize};

use super::{BookTerms, Coupon, CouponLimits, CouponTransfer, LocalWindow, LockRule};
use crate::entity::{Entity, Index};
use crate::ids::CouponBookId;
use crate::rejection::Problem;
use crate::time::Timestamp;

/// Where a book is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum BookState {
    /// Its time has not come. Its codes can be assigned, not redeemed.
    Scheduled,
    /// Its codes can be assigned and redeemed.
    Active,
    /// Nothing can be done with its codes for now.
    Paused,
    /// Its time is over, unless it is extended.
    Expired,
    /// Nothing can be done with it or its codes any more. Final.
    Closed,
}

/// What of a book is to be changed. What is absent stays.
#[derive(Debug, Clone, Default)]
pub struct BookChange<'a> {
    /// What it is called.
    pub name: Option<&'a str>,
    /// Who issues it.
    pub owner: Option<&'a str>,
    /// From when on codes can be redeemed.
    pub active_from: Option<Timestamp>,
    /// When that ends.
    pub active_until: Option<Timestamp>,
    /// When codes can be redeemed on the clock of a program; the two instants follow from it then, and are absent where it is open.
    pub local: Option<&'a LocalWindow>,
    /// How codes are made.
    pub pattern: Option<&'a str>,
    /// Whether codes must be locked.
    pub lock: Option<LockRule>,
    /// How long a lease lasts.
    pub lease_seconds: Option<u32>,
    /// Whether a member may give a code to another one.
    pub transfer: Option<CouponTransfer>,
    /// The limits; those that are absent in it stay.
    pub limits: Option<&'a CouponLimits>,
}

/// Why a book stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BookRefusal {
    /// It is closed.
    Closed,
    /// A limit would be below what may be used already.
    BelowUse {
        /// Which one.
        limit: &'static str,
        /// The least that it may be.
        least: u32,
    },
    /// It would have terms that no book can have.
    Invalid(Vec<Problem>),
}

/// A book of coupons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CouponBook {
    /// Its id.
    pub book: CouponBookId,
    /// What holds for its codes.
    pub terms: BookTerms,
    /// How many codes it has got.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub codes: u32,
    /// When it was created.
    pub created_at: Timestamp,
    /// Whether nothing can be done with its codes for now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    paused: bool,
    /// When it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    closed_at: Option<Timestamp>,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl CouponBook {
    /// A book that is created now.
    #[must_use]
    pub fn new(book: CouponBookId, terms: BookTerms, created_at: Timestamp) -> Self {
        Self {
            book,
            terms,
            codes: 0,
            created_at,
            paused: false,
            closed_at: None,
        }
    }

    /// Where it is in its life at an instant.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> BookState {
        if self.closed_at.is_some() {
            BookState::Closed
        } else if self.is_over(now) {
            BookState::Expired
        } else if self.paused {
            BookState::Paused
        } else if self.terms.active_from.is_some_and(|from| now < from) {
            BookState::Scheduled
        } else {
            BookState::Active
        }
    }

    /// Whether its time is over at an instant.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.terms.active_until.is_some_and(|until| until <= now)
    }

    /// Whether the time of one of its coupons is over at an instant: that of the book, or of the booklet it was given with.
    #[must_use]
    pub fn is_over_for(&self, coupon: &Coupon, now: Timestamp) -> bool {
        self.ends_for(coupon).is_some_and(|until| until <= now)
    }

    /// The first instant at which the time of one of its coupons is over.
    #[must_use]
    pub fn ends_for(&self, coupon: &Coupon) -> Option<Timestamp> {
        let ends = [self.terms.active_until, coupon.booklet_until()];
        ends.into_iter().flatten().min()
    }

    /// When it was closed.
    #[must_use]
    pub fn closed_at(&self) -> Option<Timestamp> {
        self.closed_at
    }

    /// The room for codes that is left.
    #[must_use]
    pub fn room(&self) -> u32 {
        let most = self.terms.limits().codes.unwrap_or(u32::MAX);
        most.saturating_sub(self.codes)
    }

    /// It gets codes.
    #[must_use]
    pub fn with_codes(mut self, count: u32) -> Self {
        self.codes = self.codes.saturating_add(count);
        self
    }

    /// Nothing can be done with its codes until it is resumed.
    ///
    /// # Errors
    /// [`BookRefusal::Closed`].
    pub fn pause(self) -> Result<Self, BookRefusal> {
        self.with_paused(true)
    }

    /// What can be done follows from time alone again.
    ///
    /// # Errors
    /// [`BookRefusal::Closed`].
    pub fn resume(self) -> Result<Self, BookRefusal> {
        self.with_paused(false)
    }

    fn with_paused(mut self, paused: bool) -> Result<Self, BookRefusal> {
        self.check_open()?;
        self.paused = paused;
        Ok(self)
    }

    /// Nothing can be done with it any more.
    ///
    /// # Errors
    /// [`BookRefusal::Closed`].
    pub fn close(mut self, at: Timestamp) -> Result<Self, BookRefusal> {
        self.check_open()?;
        self.closed_at = Some(at);
        Ok(self)
    }

    fn check_open(&self) -> Result<(), BookRefusal> {
        match self.closed_at {
            None => Ok(()),
            Some(_) => Err(BookRefusal::Closed),
        }
    }

    /// Its terms change. Limits of what single codes and members may do can only be raised once there are codes, because nobody
    /// knows the most that any of them has used; the other two never fall below what is used, of which `used` is the count of
    /// redemptions.
    ///
    /// # Errors
    /// [`BookRefusal`].
    pub fn change(mut self, change: &BookChange<'_>, used: u32) -> Result<Self, BookRefusal> {
        self.check_open()?;
        let before = self.terms.clone();
        let terms = &mut self.terms;
        if let Some(name) = change.name {
            terms.name = name.to_owned();
        }
        let owner = change.owner.map(ToOwned::to_owned);
        let pattern = change.pattern.map(ToOwned::to_owned);
        terms.owner = owner.or(terms.owner.take());
        match change.local {
            Some(local) => {
                terms.local = Some(local.clone());
                (terms.active_from, terms.active_until) = (change.active_from, change.active_until);
            }
            None => {
                // What was said on a clock is no longer so.
                if change.active_from.is_some() || change.active_until.is_some() {
                    terms.local = None;
                }
                terms.active_from = change.active_from.or(terms.active_from);
                terms.active_until = change.active_until.or(terms.active_until);
            }
        }
        terms.pattern = pattern.or(terms.pattern.take());
        terms.lock = change.lock.or(terms.lock);
        terms.lease_seconds = change.lease_seconds.or(terms.lease_seconds);
        terms.transfer = change.transfer.or(terms.transfer);
        if let Some(limits) = change.limits {
            let known = before.limits();
            self.terms.limits = Some(CouponLimits {
                uses_per_code: limits.uses_per_code.or(known.uses_per_code),
                uses_per_member: limits.uses_per_member.or(known.uses_per_member),
                codes_per_member: limits.codes_per_member.or(known.codes_per_member),
                codes: limits.codes.or(known.codes),
                uses: limits.uses.or(known.uses),
            });
            self.check_limits(&before, used)?;
        }
        match self.terms.problems() {
            problems if problems.is_empty() => Ok(self),
            problems => Err(BookRefusal::Invalid(problems)),
        }
    }

    fn check_limits(&self, terms: &BookTerms, used: u32) -> Result<(), BookRefusal> {
        let (before, after) = (terms.limits(), self.terms.limits());
        let least = |limit: Option<u32>| match self.codes {
            0 => 0,
            _ => limit.unwrap_or(u32::MAX),
        };
        for (limit, after, least) in [
            (
                "uses_per_code",
                Some(self.terms.uses_of_code()),
                least(Some(terms.uses_of_code())),
            ),
            (
                "uses_per_member",
                after.uses_per_member,
                least(before.uses_per_member),
            ),
            (
                "codes_per_member",
                after.codes_per_member,
                least(before.codes_per_member),
            ),
            ("codes", after.codes, self.codes),
            ("uses", after.uses, used),
        ] {
            if after.is_some_and(|after| after < least) {
                return Err(BookRefusal::BelowUse { limit, least });
            }
        }
        Ok(())
    }
}

impl Entity for CouponBook {
    const KIND: &'static str = "coupon_book";
    const SHAPE: u16 = 1;
    type Id = CouponBookId;

    fn index(&self) -> Index {
        let state = match self.closed_at {
            None => "open",
            Some(_) => "closed",
        };
        Index::new(state, self.created_at)
    }

    fn is_named(&self, id: &str) -> bool {
        self.book.as_str() == id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000).unwrap()
    }

    fn terms() -> BookTerms {
        BookTerms {
            active_from: Some(at(10)),
            active_until: Some(at(20)),
            ..BookTerms::new("Spring")
        }
    }

    fn book() -> CouponBook {
        CouponBook::new("spring".parse().unwrap(), terms(), at(0))
    }

    #[test]
    fn every_transition_is_as_the_table_says() {
        use BookState::{Active, Closed, Expired, Paused, Scheduled};
        let paused = book().pause().unwrap();
        let closed = book().close(at(1)).unwrap();
        let later = |book: CouponBook| {
            let change = BookChange {
                active_until: Some(at(30)),
                ..BookChange::default()
            };
            book.change(&change, 0)
        };
        for (from, states) in [
            (book(), [Scheduled, Active, Expired]),
            (paused.clone(), [Paused, Paused, Expired]),
            (
                paused.clone().resume().unwrap(),
                [Scheduled, Active, Expired],
            ),
            (later(book()).unwrap(), [Scheduled, Active, Active]),
            (later(paused.clone()).unwrap(), [Paused, Paused, Paused]),
            (closed.clone(), [Closed, Closed, Closed]),
            (paused.close(at(1)).unwrap(), [Closed, Closed, Closed]),
        ] {
            assert_eq!([9, 10, 20].map(|now| from.state(at(now))), states);
        }
        let refused = Err(BookRefusal::Closed);
        assert_eq!(closed.clone().pause(), refused);
        assert_eq!(closed.clone().resume(), refused);
        assert_eq!(closed.clone().close(at(2)), refused);
        assert_eq!(later(closed), refused);
    }

    #[test]
    fn limits_never_fall_below_what_may_be_used() {
        let limits = |field: usize, limit: u32| {
            let mut fields = [None; 5];
            fields[field] = Some(limit);
            let [
                uses_per_code,
                uses_per_member,
                codes_per_member,
                codes,
                uses,
            ] = fields;
            CouponLimits {
                uses_per_code,
                uses_per_member,
                codes_per_member,
                codes,
                uses,
            }
        };
        for (field, name, least) in [
            (0, "uses_per_code", 3),
            (1, "uses_per_member", 3),
            (2, "codes_per_member", 3),
            (3, "codes", 7),
            (4, "uses", 5),
        ] {
            let mut with = book();
            with.terms.limits = Some(limits(field, 3));
            let change = |book: &CouponBook, limit| {
                let limits = limits(field, limit);
                let change = BookChange {
                    limits: Some(&limits),
                    ..BookChange::default()
                };
                book.clone()
                    .change(&change, 5)
                    .map(|book| book.terms.limits)
            };
            if field < 3 {
                assert!(change(&with, 1).is_ok(), "{name}: it has no codes");
            }
            let with = with.with_codes(7);
            assert_eq!(
                change(&with, least),
                Ok(Some(limits(field, least))),
                "{name}"
            );
            let refused = BookRefusal::BelowUse { limit: name, least };
            assert_eq!(change(&with, least - 1), Err(refused), "{name}");
        }
    }
}
