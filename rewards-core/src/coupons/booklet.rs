//! Booklets: coupons of one book that a member gets together, and that belong together from then on.
//!
//! | | |
//! |---|---|
//! | given | all of them at once, or none; several booklets are several times as many |
//! | order | any, or in sequence: one is unlocked when those before it are used up or voided |
//! | expiry | shared: so many days after the booklet was given, and never after its book |
//! | transfer | those that are left go on together |
//! | replaced | the new code has the place of the lost one |
//! | unassigned | none alone |

use serde::{Deserialize, Serialize};

use crate::ids::CouponId;
use crate::rejection::Problem;
use crate::time::{MICROS_PER_HOUR, Timestamp};

/// The most coupons of one booklet.
pub const BOOKLET_COUPONS_MAX: u32 = 50;
/// For how many days a booklet lasts at most: ten years.
pub const BOOKLET_DAYS_MAX: u32 = 3_660;

const DAY_HOURS: i64 = 24;

/// In which order the coupons of a booklet can be redeemed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum BookletOrder {
    /// In any.
    #[default]
    Any,
    /// One after the other, each when those before it are used up. One that was voided is passed over.
    InSequence,
}

/// How coupons of a book are given together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct BookletTerms {
    /// How many coupons one booklet has, from 2 to 50.
    pub coupons: u32,
    /// In which order they can be redeemed; in any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub order: Option<BookletOrder>,
    /// For how many days they can be redeemed after they were given, from 1 to 3,660: until the end of the hour, so that the member
    /// gains. As long as the book lasts when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub lasts_days: Option<u32>,
}

impl BookletTerms {
    /// In which order its coupons can be redeemed.
    #[must_use]
    pub fn order(&self) -> BookletOrder {
        self.order.unwrap_or_default()
    }

    /// All that is wrong with them.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if !(2..=BOOKLET_COUPONS_MAX).contains(&self.coupons) {
            let detail = format!(
                "expected 2 to {BOOKLET_COUPONS_MAX} coupons, got {}",
                self.coupons
            );
            problems.push(Problem::new("count_invalid", "coupons", detail));
        }
        if let Some(days) = self.lasts_days
            && !(1..=BOOKLET_DAYS_MAX).contains(&days)
        {
            let detail = format!("expected 1 to {BOOKLET_DAYS_MAX} days, got {days}");
            problems.push(Problem::new("period_invalid", "lasts_days", detail));
        }
        problems
    }

    /// The first instant at which a booklet that is given at an instant cannot be redeemed any more: after so many days of 24 hours,
    /// at the next full hour, in favour of the member.
    #[must_use]
    pub fn until(&self, given_at: Timestamp) -> Option<Timestamp> {
        let hours = i64::from(self.lasts_days?).saturating_mul(DAY_HOURS);
        let end = given_at
            .micros()
            .saturating_add(hours.saturating_mul(MICROS_PER_HOUR));
        let full = end.saturating_add(MICROS_PER_HOUR.saturating_sub(1));
        let full = full
            .div_euclid(MICROS_PER_HOUR)
            .saturating_mul(MICROS_PER_HOUR);
        Some(Timestamp::from_micros(full).unwrap_or(Timestamp::MAX))
    }
}

/// The place of a coupon in a booklet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct BookletPlace {
    /// The coupons that were given together, this one included, in their order.
    pub coupons: Vec<CouponId>,
    /// Which of them this one is, or has replaced, counted from 0.
    pub place: u32,
    /// The first instant at which none of them can be redeemed any more; as their book says when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub until: Option<Timestamp>,
}

impl BookletPlace {
    /// The coupons before this one, the last one first.
    pub fn before(&self) -> impl Iterator<Item = &CouponId> {
        let place = usize::try_from(self.place).unwrap_or(usize::MAX);
        let skipped = self.coupons.len().saturating_sub(place);
        self.coupons.iter().rev().skip(skipped)
    }

    /// The other coupons, in their order.
    pub fn others(&self) -> impl Iterator<Item = &CouponId> {
        let own = usize::try_from(self.place).unwrap_or(usize::MAX);
        let all = self.coupons.iter().enumerate();
        all.filter(move |(place, _)| *place != own)
            .map(|(_, coupon)| coupon)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_booklet_ends_at_a_full_hour_never_too_early() {
        for (given, days, until) in [
            ("2026-03-01T10:00:00Z", 1, "2026-03-02T10:00:00Z"),
            ("2026-03-01T10:00:00.000001Z", 1, "2026-03-02T11:00:00Z"),
            ("2026-03-01T10:59:59.999999Z", 30, "2026-03-31T11:00:00Z"),
            ("2026-12-31T23:30:00Z", 1, "2027-01-02T00:00:00Z"),
        ] {
            let terms = BookletTerms {
                coupons: 2,
                order: None,
                lasts_days: Some(days),
            };
            let given = Timestamp::parse(given).unwrap();
            assert_eq!(terms.until(given), Timestamp::parse(until).ok());
        }
    }

    #[test]
    fn a_place_knows_those_before_it_and_the_others() {
        let ids = ["a", "b", "c"].map(|name| CouponId::kept(format!("c0f:{name}").into()));
        let place = |place| BookletPlace {
            coupons: ids.to_vec(),
            place,
            until: None,
        };
        let names = |found: Vec<&CouponId>| -> Vec<String> {
            found
                .iter()
                .map(|id| id.as_str().replace("c0f:", ""))
                .collect()
        };
        for (at, before, others) in [
            (0, vec![], vec!["b", "c"]),
            (1, vec!["a"], vec!["a", "c"]),
            (2, vec!["b", "a"], vec!["a", "b"]),
        ] {
            let place = place(at);
            assert_eq!(names(place.before().collect()), before);
            assert_eq!(names(place.others().collect()), others);
        }
    }
}
