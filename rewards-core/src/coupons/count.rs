//! What is counted of a book, and the statistics that follow.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::counter::{CounterKey, CounterName, CounterRange, Subject};
use crate::ids::{CouponBookId, TenantId};
use crate::time::Timestamp;

/// Where it is counted how often a code was used that is nobody's: before the id of its coupon.
pub const CODE_USES: &str = "coupons/code/";
/// Where it is counted how many coupons members hold of booklets that end by themselves: one bucket for each instant, in
/// microseconds.
const LASTING: &str = "coupons/lasting";

/// Something that is counted of a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BookCount {
    /// Codes that are assigned to nobody.
    Available,
    /// Codes that a member holds, without those that are locked.
    Assigned,
    /// Codes with a lease, whether or not its time is over.
    Locked,
    /// Codes that are used up.
    Redeemed,
    /// Codes that were voided.
    Voided,
    /// Redemptions less the most that there may be. It is never above zero, so that lowering the limit moves it as redemptions
    /// do, and neither can overtake the other.
    UsesAbove,
}

impl BookCount {
    /// The counts of codes by state: together, they are all codes.
    pub const STATES: [Self; 5] = [
        Self::Available,
        Self::Assigned,
        Self::Locked,
        Self::Redeemed,
        Self::Voided,
    ];

    /// Whether a member holds coupons that are counted so.
    #[must_use]
    pub fn is_held(self) -> bool {
        matches!(self, Self::Assigned | Self::Locked)
    }

    /// The state of coupons that are counted so, as they are indexed.
    #[must_use]
    pub fn state(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Assigned => "assigned",
            Self::Locked => "locked",
            Self::Redeemed => "redeemed",
            Self::Voided => "voided",
            Self::UsesAbove => "used",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Available => "coupons/available",
            Self::Assigned => "coupons/assigned",
            Self::Locked => "coupons/locked",
            Self::Redeemed => "coupons/redeemed",
            Self::Voided => "coupons/voided",
            Self::UsesAbove => "coupons/uses_above",
        }
    }

    /// The counter of a book.
    #[must_use]
    pub fn key(self, tenant: &TenantId, book: &CouponBookId) -> CounterKey {
        let name = CounterName {
            tenant: tenant.clone(),
            subject: Subject::Book(book.clone()),
            name: SmolStr::new_static(self.name()),
        };
        name.at(0)
    }

    /// The same, to be looked up.
    #[must_use]
    pub fn range(self, tenant: &TenantId, book: &CouponBookId) -> CounterRange {
        CounterRange {
            name: self.key(tenant, book).name,
            from: 0,
            until: 0,
        }
    }
}

/// How many coupons of a book members hold in booklets that end at an instant.
#[must_use]
pub fn lasting_until(tenant: &TenantId, book: &CouponBookId, until: Timestamp) -> CounterKey {
    lasting(tenant, book).at(until.micros())
}

/// The same of all that have ended by an instant, to be looked up.
#[must_use]
pub fn ended_by(tenant: &TenantId, book: &CouponBookId, now: Timestamp) -> CounterRange {
    CounterRange {
        name: lasting(tenant, book),
        from: i64::MIN,
        until: now.micros(),
    }
}

fn lasting(tenant: &TenantId, book: &CouponBookId) -> CounterName {
    CounterName {
        tenant: tenant.clone(),
        subject: Subject::Book(book.clone()),
        name: SmolStr::new_static(LASTING),
    }
}

/// How many codes of a book are where in their life, and how often they were redeemed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CouponStatistics {
    /// All codes: the sum of the others, but for `uses`.
    pub generated: u64,
    /// Assigned to nobody.
    pub free: u64,
    /// Held by a member.
    pub assigned: u64,
    /// Held by a member, with a lease that lasts.
    pub locked: u64,
    /// Used up.
    pub redeemed: u64,
    /// Not used up when the time of the book, or of a booklet, was over.
    pub expired: u64,
    /// Voided.
    pub voided: u64,
    /// How often codes were redeemed.
    pub uses: u64,
}

impl CouponStatistics {
    /// What follows from the counts, for a book that may be redeemed so often and whose time is over or not. Of the codes with a lease,
    /// so many have one that is over; of those that members hold, so many are of a booklet that is over.
    #[must_use]
    pub fn of(
        count: impl Fn(BookCount) -> i64,
        most: u32,
        (overdue, ended): (u64, u64),
        is_over: bool,
    ) -> Self {
        let uses = count(BookCount::UsesAbove).saturating_add(i64::from(most));
        let count = |of| u64::try_from(count(of)).unwrap_or_default();
        let open = Self {
            free: count(BookCount::Available),
            assigned: count(BookCount::Assigned),
            locked: count(BookCount::Locked),
            redeemed: count(BookCount::Redeemed),
            voided: count(BookCount::Voided),
            uses: u64::try_from(uses).unwrap_or_default(),
            ..Self::default()
        };
        let overdue = overdue.min(open.locked);
        let open = Self {
            assigned: open.assigned.saturating_add(overdue),
            locked: open.locked.saturating_sub(overdue),
            ..open
        };
        let ended = ended.min(open.assigned);
        let unused = open.free.saturating_add(open.assigned);
        let unused = unused.saturating_add(open.locked);
        let generated = unused
            .saturating_add(open.redeemed)
            .saturating_add(open.voided);
        match is_over {
            false => Self {
                generated,
                assigned: open.assigned.saturating_sub(ended),
                expired: ended,
                ..open
            },
            true => Self {
                generated,
                expired: unused,
                free: 0,
                assigned: 0,
                locked: 0,
                ..open
            },
        }
    }
}
