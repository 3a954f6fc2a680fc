//! What holds for all codes of a book.

use serde::{Deserialize, Serialize};

use super::{BookletTerms, CodePattern, LocalWindow};
use crate::money::Money;
use crate::rejection::Problem;
use crate::time::Timestamp;

/// How long a lease lasts when nothing is said, in seconds.
pub const LEASE_SECONDS_DEFAULT: u32 = 300;
/// The longest lease, in seconds.
pub const LEASE_SECONDS_MAX: u32 = 3_600;
/// The longest name of a book or its owner, in bytes.
pub const NAME_BYTES_MAX: usize = 200;

/// Whether a coupon must be locked before it is redeemed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum LockRule {
    /// Only a locked coupon is redeemed, by whoever holds its lease.
    Required,
    /// A coupon may be locked before.
    #[default]
    Permitted,
    /// Coupons are never locked.
    Forbidden,
}

/// Who may redeem the codes of a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum CodeUser {
    /// Only the member whom a code is assigned to.
    #[default]
    Holder,
    /// Every member who knows a code; codes are assigned to nobody, and never locked.
    Anyone,
}

/// Whether a member may give a coupon to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum CouponTransfer {
    /// Who it is assigned to keeps it.
    #[default]
    Forbidden,
    /// Its holder may give it to another member.
    Permitted,
}

/// Which ways of writing a code count as the same code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum CodeMatching {
    /// Only the very same characters.
    Exact,
    /// Letters in either case.
    #[default]
    AnyCase,
    /// Letters in either case; `O` and `0` are the same, and so are `I`, `L` and `1`, and spaces and dashes do not count.
    LookAlikes,
}

/// How often codes may be used, and how many there may be. What is absent is not limited.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CouponLimits {
    /// How often each code may be redeemed; once when absent, or as often as something is left on one that is worth an amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub uses_per_code: Option<u32>,
    /// How often one member may redeem codes of the book.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub uses_per_member: Option<u32>,
    /// How many codes one member may be assigned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub codes_per_member: Option<u32>,
    /// How many codes the book may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub codes: Option<u32>,
    /// How often codes of the book may be redeemed in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub uses: Option<u32>,
}

impl CouponLimits {
    /// How often codes may be redeemed in all.
    #[must_use]
    pub fn uses_of_book(&self) -> u32 {
        self.uses.unwrap_or(u32::MAX)
    }

    fn named(&self) -> [(&'static str, Option<u32>); 5] {
        [
            ("uses_per_code", self.uses_per_code),
            ("uses_per_member", self.uses_per_member),
            ("codes_per_member", self.codes_per_member),
            ("codes", self.codes),
            ("uses", self.uses),
        ]
    }
}

/// What holds for all codes of a book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct BookTerms {
    /// What the book is called, for people.
    pub name: String,
    /// Who issues it, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub owner: Option<String>,
    /// From when on its codes can be redeemed; at once when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub active_from: Option<Timestamp>,
    /// The first instant at which they cannot any more; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub active_until: Option<Timestamp>,
    /// When its codes can be redeemed, on the clock of a program; the two instants follow from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub local: Option<LocalWindow>,
    /// How codes are made, such as `SPRING-{RANDOM:8}`; none are made when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub pattern: Option<String>,
    /// Which ways of writing a code count as the same; those in either case when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub matching: Option<CodeMatching>,
    /// Who may redeem its codes; only their holders when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub redeemed_by: Option<CodeUser>,
    /// Whether a code must be locked before it is redeemed; it may when absent, unless everybody may redeem it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub lock: Option<LockRule>,
    /// How long a lease lasts, from 1 to 3,600 seconds; 300 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub lease_seconds: Option<u32>,
    /// Whether a member may give a code to another one; nobody may when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub transfer: Option<CouponTransfer>,
    /// How its codes are given together; each by itself when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub booklet: Option<BookletTerms>,
    /// What each code is worth, which is redeemed in parts until nothing is left; a use is all of it when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub value: Option<Money>,
    /// How often codes may be used, and how many there may be; every code once when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub limits: Option<CouponLimits>,
}

impl BookTerms {
    /// Terms that say nothing but a name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            owner: None,
            active_from: None,
            active_until: None,
            local: None,
            pattern: None,
            matching: None,
            redeemed_by: None,
            lock: None,
            lease_seconds: None,
            transfer: None,
            booklet: None,
            value: None,
            limits: None,
        }
    }

    /// How often each code may be redeemed.
    #[must_use]
    pub fn uses_of_code(&self) -> u32 {
        let said = self.limits.as_ref().and_then(|own| own.uses_per_code);
        said.unwrap_or(if self.value.is_some() { u32::MAX } else { 1 })
    }

    /// How many codes a member gets together.
    #[must_use]
    pub fn given_together(&self) -> u32 {
        self.booklet.as_ref().map_or(1, |booklet| booklet.coupons)
    }

    /// Who may redeem codes.
    #[must_use]
    pub fn user(&self) -> CodeUser {
        self.redeemed_by.unwrap_or_default()
    }

    /// Whether codes must be locked.
    #[must_use]
    pub fn lock_rule(&self) -> LockRule {
        match (self.lock, self.user()) {
            (Some(rule), _) => rule,
            (None, CodeUser::Holder) => LockRule::default(),
            (None, CodeUser::Anyone) => LockRule::Forbidden,
        }
    }

    /// Which codes are the same.
    #[must_use]
    pub fn matching(&self) -> CodeMatching {
        self.matching.unwrap_or_default()
    }

    /// How long a lease lasts when a request does not say, in seconds.
    #[must_use]
    pub fn lease(&self) -> u32 {
        self.lease_seconds.unwrap_or(LEASE_SECONDS_DEFAULT)
    }

    /// Whether a member may give a code to another one.
    #[must_use]
    pub fn transfer_rule(&self) -> CouponTransfer {
        self.transfer.unwrap_or_default()
    }

    /// How often codes may be used, and how many there may be.
    #[must_use]
    pub fn limits(&self) -> CouponLimits {
        self.limits.clone().unwrap_or_default()
    }

    /// All that is wrong with them.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        check_name("name", Some(&self.name), &mut problems);
        check_name("owner", self.owner.as_deref(), &mut problems);
        if let (Some(from), Some(until)) = (self.active_from, self.active_until)
            && from >= until
        {
            let detail = format!("expected an instant after {from}, got {until}");
            problems.push(Problem::new("range_empty", "active_until", detail));
        }
        let local = self.local.iter().flat_map(LocalWindow::problems);
        problems.extend(local.map(|problem| problem.below("local")));
        if self.user() == CodeUser::Anyone && self.lock_rule() != LockRule::Forbidden {
            let detail = "codes that anyone may redeem are never locked: expected `forbidden`";
            problems.push(Problem::new("lock_impossible", "lock", detail));
        }
        if self.user() == CodeUser::Anyone && self.transfer_rule() != CouponTransfer::Forbidden {
            let detail = "codes that anyone may redeem are held by nobody: expected `forbidden`";
            problems.push(Problem::new("transfer_impossible", "transfer", detail));
        }
        self.check_booklet_and_value(&mut problems);
        let pattern = self.pattern.as_deref();
        let pattern = pattern.map(|pattern| CodePattern::parse(pattern, self.matching()));
        if let Some(Err(error)) = pattern {
            problems.push(Problem::new(error.code(), "pattern", error.to_string()));
        }
        check_lease("lease_seconds", self.lease_seconds, &mut problems);
        for (name, limit) in self.limits().named() {
            if limit == Some(0) {
                let path = format!("limits.{name}");
                problems.push(Problem::new(
                    "limit_invalid",
                    path,
                    "expected at least 1, got 0",
                ));
            }
        }
        if self.user() == CodeUser::Anyone && self.limits().codes_per_member.is_some() {
            let detail = "codes that anyone may redeem are assigned to nobody";
            problems.push(Problem::new(
                "limit_invalid",
                "limits.codes_per_member",
                detail,
            ));
        }
        problems
    }

    fn check_booklet_and_value(&self, problems: &mut Vec<Problem>) {
        let booklet = self.booklet.iter().flat_map(BookletTerms::problems);
        problems.extend(booklet.map(|problem| problem.below("booklet")));
        if self.user() == CodeUser::Anyone && self.booklet.is_some() {
            let detail = "codes that anyone may redeem are given to nobody";
            problems.push(Problem::new("booklet_impossible", "booklet", detail));
        }
        if self.user() == CodeUser::Anyone && self.value.is_some() {
            let detail = "codes that anyone may redeem have uses alone";
            problems.push(Problem::new("value_impossible", "value", detail));
        }
        if let Some(value) = self.value.filter(|value| !value.is_positive()) {
            let detail = format!("expected a positive amount, got `{value}`");
            problems.push(Problem::new("amount_not_positive", "value", detail));
        }
    }
}

/// Checks the length of a lease.
pub(crate) fn check_lease(path: &str, seconds: Option<u32>, problems: &mut Vec<Problem>) {
    if let Some(seconds) = seconds
        && !(1..=LEASE_SECONDS_MAX).contains(&seconds)
    {
        let detail = format!("expected 1 to {LEASE_SECONDS_MAX} seconds, got {seconds}");
        problems.push(Problem::new("lease_invalid", path, detail));
    }
}

fn check_name(path: &str, name: Option<&str>, problems: &mut Vec<Problem>) {
    let Some(name) = name else { return };
    if name.trim().is_empty() || name.len() > NAME_BYTES_MAX {
        let found = name.len();
        let detail =
            format!("expected 1 to {NAME_BYTES_MAX} bytes, not only spaces, got {found} bytes");
        problems.push(Problem::new("name_invalid", path, detail));
    }
}
