//! Counters: what is counted, for whom, in which bucket of the calendar.
//!
//! A counter of a member moves only under the member's version. What the member used last is kept in the member's own row
//! ([`MemberCounters`]) and what was used longer ago in a row each: the value of a counter is the **sum of both**, so that
//! nobody has to know which part is where. A counter that members share is a row, and takes bounded deltas that commute.
//!
//! Which kinds of counters there are, and what tells one from another, says [`CounterKind`]. What a member bought and earned
//! is no counter by name but summed day by day, all of it and always: see [`Summed`].

mod kind;
mod summed;

pub use kind::CounterKind;
pub use summed::Summed;

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

use crate::ids::{CouponBookId, MemberId, ProgramId, TenantId};

/// How many values of counters a member's row holds. Beyond them, those that moved longest ago get rows of their own.
pub const MEMBER_COUNTERS_MAX: usize = 64;

/// Whom a counter is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// One member; nobody else moves it.
    Member(MemberId),
    /// A whole program, shared by all members.
    Program(ProgramId),
    /// A book of coupons, shared by all members.
    Book(CouponBookId),
    /// One value of an attribute that the caller chose, such as a device or a household, as `attribute=value`.
    Value(SmolStr),
}

impl Subject {
    /// The stable text, as stored.
    #[must_use]
    pub fn text(&self) -> SmolStr {
        match self {
            Self::Member(member) => format_smolstr!("m:{member}"),
            Self::Program(program) => format_smolstr!("p:{program}"),
            Self::Book(book) => format_smolstr!("b:{book}"),
            Self::Value(value) => format_smolstr!("k:{value}"),
        }
    }

    /// Reads the stable text back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_at_checked(2)? {
            ("m:", member) => MemberId::new(member).ok().map(Self::Member),
            ("p:", program) => ProgramId::new(program).ok().map(Self::Program),
            ("b:", book) => CouponBookId::new(book).ok().map(Self::Book),
            ("k:", value) => Some(Self::Value(SmolStr::new(value))),
            _ => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl Serialize for Subject {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not a subject")))
    }
}

/// A counter without its bucket: what is counted, and for whom.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CounterName {
    /// The tenant.
    pub tenant: TenantId,
    /// For whom.
    pub subject: Subject,
    /// What is counted.
    pub name: SmolStr,
}

impl CounterName {
    /// A counter of one member.
    #[must_use]
    pub fn of_member(tenant: &TenantId, member: &MemberId, name: &str) -> Self {
        Self::new(tenant, Subject::Member(member.clone()), name)
    }

    /// A counter of a whole program.
    #[must_use]
    pub fn of_program(tenant: &TenantId, program: &ProgramId, name: &str) -> Self {
        Self::new(tenant, Subject::Program(program.clone()), name)
    }

    /// A counter of one value of an attribute.
    #[must_use]
    pub fn of_value(tenant: &TenantId, attribute: &str, value: &str, name: &str) -> Self {
        let subject = Subject::Value(format_smolstr!("{attribute}={value}"));
        Self::new(tenant, subject, name)
    }

    fn new(tenant: &TenantId, subject: Subject, name: &str) -> Self {
        Self {
            tenant: tenant.clone(),
            subject,
            name: name.into(),
        }
    }

    /// The counter in one bucket.
    #[must_use]
    pub fn at(&self, bucket: i64) -> CounterKey {
        CounterKey {
            name: self.clone(),
            bucket,
        }
    }
}

/// Key of one counter value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CounterKey {
    /// What is counted, and for whom.
    pub name: CounterName,
    /// The calendar bucket it is counted in; 0 for lifetime counters.
    pub bucket: i64,
}

/// The buckets `from..=until` of one counter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CounterRange {
    /// The counter.
    pub name: CounterName,
    /// First bucket.
    pub from: i64,
    /// Last bucket, inclusive.
    pub until: i64,
}

impl CounterRange {
    /// Whether a counter's bucket is in it.
    #[must_use]
    pub fn contains(&self, key: &CounterKey) -> bool {
        (self.from..=self.until).contains(&key.bucket) && key.name == self.name
    }
}

/// What of a member's counters is kept in the member's row; what moved last is last.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MemberCounters(Vec<(SmolStr, i64, i64)>);

impl MemberCounters {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Name, bucket and value of each.
    pub fn iter(&self) -> impl Iterator<Item = (&SmolStr, i64, i64)> + '_ {
        self.0
            .iter()
            .map(|(name, bucket, value)| (name, *bucket, *value))
    }

    /// The buckets of a counter in a range, in no order.
    pub fn buckets<'a>(&'a self, range: &'a CounterRange) -> impl Iterator<Item = (i64, i64)> + 'a {
        let own = self.0.iter().filter(|(name, bucket, _)| {
            (range.from..=range.until).contains(bucket) && *name == range.name.name
        });
        own.map(|(_, bucket, value)| (*bucket, *value))
    }

    /// Adds to a counter. Sums end at the edges of their range.
    pub fn add(&mut self, name: &SmolStr, bucket: i64, delta: i64) {
        let is_it = |known: &(SmolStr, i64, i64)| known.1 == bucket && known.0 == *name;
        let before = match self.0.iter().position(is_it) {
            Some(at) => self.0.remove(at).2,
            None => 0,
        };
        let after = before.saturating_add(delta);
        if after != 0 {
            self.0.push((name.clone(), bucket, after));
        }
    }

    /// Takes out what moved longest ago and is more than the row holds.
    pub fn take_overflow(&mut self) -> Vec<(SmolStr, i64, i64)> {
        let many = self.0.len().saturating_sub(MEMBER_COUNTERS_MAX);
        self.0.drain(..many).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_read_back() {
        let texts = [
            "m:ann",
            "p:club",
            "b:spring",
            "k:device=a=b",
            "k:=",
            "m:p:x",
        ];
        for text in texts {
            assert_eq!(Subject::parse(text).unwrap().text(), text);
        }
        for text in ["", "m", "m:", "x:ann", "ann"] {
            assert_eq!(Subject::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_moved_longest_ago_leaves_first() {
        let mut counters = MemberCounters::default();
        let many = i64::try_from(MEMBER_COUNTERS_MAX).unwrap();
        for bucket in 0..=many {
            counters.add(&"spend".into(), bucket, bucket + 1);
        }
        counters.add(&"spend".into(), 0, 5);
        assert_eq!(counters.take_overflow(), [("spend".into(), 1, 2)]);
        counters.add(&"spend".into(), 0, -6);
        assert!(counters.iter().all(|(_, bucket, _)| bucket > 1));
    }
}
