//! What is kept of the payments that have one value of a key: a member's, a device's, a merchant's.
//!
//! Memory is bounded: 120 minutes, 72 hours and 121 local days, each with the number of payments, the sum and the largest of their
//! amounts and how many of them were labelled as bad; the sixteen latest instants; of each other key the 65 values seen last.
//!
//! INVARIANT (order): what is kept follows from which payments were told and not from the order in which they were. Sums and
//! maxima commute, and what is dropped lies so far behind the latest payment that nothing could bring it back.
//!
//! Nothing here looks ahead: whoever assesses a payment that arrives late reads no bucket after the payment's own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use smol_str::SmolStr;

use super::{MEMBER_KEY, RiskWindow, scoped};
use crate::entity::{Entity, EntityId, Index};
use crate::ids::{MemberId, ProgramId, Slug};
use crate::time::{MICROS_PER_HOUR, MICROS_PER_MINUTE, Timestamp, Zone};

/// Most minutes of a window.
pub const MINUTES_MAX: u16 = 120;
/// Most hours of a window.
pub const HOURS_MAX: u16 = 72;
/// Most local days of a window.
pub const DAYS_MAX: u16 = 90;
/// Most days by which labels may be late.
pub const DELAY_DAYS_MAX: u16 = 30;
/// Up to how many different values are counted exactly; more count as one more.
pub const DISTINCT_MAX: u32 = 64;

/// Local days that are kept: the longest window, the longest delay and the day itself.
const DAYS_KEPT: i64 = 121;
/// Values that are kept of another key: one more than are told exactly.
const DISTINCT_KEPT: usize = 65;
/// How much of the digest of a value is kept: enough that no two are the same.
const DIGEST_BYTES: usize = 16;
/// Instants that are kept.
const INSTANTS_KEPT: usize = 16;

/// A sum left the range of 64-bit minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SumOverflow;

/// It is not kept so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forgotten;

/// An instant in the units that payments are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The instant.
    pub at: Timestamp,
    /// The local day.
    pub day: i64,
    /// The hour on the local clock.
    pub hour_of_day: i64,
    /// The local weekday, from 1 for Monday.
    pub weekday: i64,
}

impl Moment {
    /// An instant in a zone.
    #[must_use]
    pub fn new(at: Timestamp, zone: Zone) -> Self {
        let local = zone.local(at);
        let weekday = crate::time::Weekday::ALL
            .iter()
            .zip(1_i64..)
            .find(|(day, _)| **day == local.weekday);
        Self {
            at,
            day: i64::from(local.day),
            hour_of_day: i64::from(local.seconds).div_euclid(3_600),
            weekday: weekday.map_or(0, |(_, number)| number),
        }
    }

    fn minute(&self) -> i64 {
        self.at.micros().div_euclid(MICROS_PER_MINUTE)
    }

    fn hour(&self) -> i64 {
        self.at.micros().div_euclid(MICROS_PER_HOUR)
    }
}

/// What was paid in one minute, hour or day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bucket {
    /// How many payments.
    pub count: u32,
    /// The sum of their amounts.
    pub sum: i64,
    /// The largest of their amounts.
    pub most: i64,
    /// How many of them were labelled as bad.
    pub bad: u32,
}

/// Buckets by their number, those that are empty left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
struct Buckets(Vec<(i64, u32, i64, i64, u32)>);

impl Buckets {
    /// Adds a payment, and drops what is too old beside the newest.
    fn add(&mut self, number: i64, amount: i64, kept: i64) -> Result<(), SumOverflow> {
        let newest = self.0.last().map_or(number, |last| last.0.max(number));
        if number <= newest.saturating_sub(kept) {
            return Ok(());
        }
        match self.place(number) {
            Ok(place) => {
                if let Some((_, count, sum, most, _)) = self.0.get_mut(place) {
                    *count = count.checked_add(1).ok_or(SumOverflow)?;
                    *sum = sum.checked_add(amount).ok_or(SumOverflow)?;
                    *most = amount.max(*most);
                }
            }
            Err(place) => self.0.insert(place, (number, 1, amount, amount, 0)),
        }
        let first = newest.saturating_sub(kept);
        let old = self.0.iter().take_while(|bucket| bucket.0 <= first).count();
        if old > 0 {
            self.0.drain(..old);
        }
        Ok(())
    }

    /// One more or one fewer of the payments of a bucket is bad. What is not kept any more is not looked at any more.
    fn label(&mut self, number: i64, is_bad: bool) {
        let place = self.place(number);
        if let Some((_, _, _, _, bad)) = place.ok().and_then(|place| self.0.get_mut(place)) {
            *bad = match is_bad {
                true => bad.saturating_add(1),
                false => bad.saturating_sub(1),
            };
        }
    }

    /// Where a bucket is, or would be; what is looked for is mostly at the end.
    fn place(&self, number: i64) -> Result<usize, usize> {
        match self.0.last() {
            Some(last) if last.0 < number => Err(self.0.len()),
            Some(last) if last.0 == number => Ok(self.0.len().saturating_sub(1)),
            _ => self.0.binary_search_by_key(&number, |bucket| bucket.0),
        }
    }

    fn within(&self, first: i64, last: i64) -> Result<Bucket, SumOverflow> {
        let mut all = Bucket::default();
        let found = self.0.iter().rev().skip_while(|bucket| bucket.0 > last);
        for (_, count, sum, most, bad) in found.take_while(|bucket| bucket.0 >= first) {
            all.count = all.count.checked_add(*count).ok_or(SumOverflow)?;
            all.sum = all.sum.checked_add(*sum).ok_or(SumOverflow)?;
            all.most = all.most.max(*most);
            all.bad = all.bad.checked_add(*bad).ok_or(SumOverflow)?;
        }
        Ok(all)
    }
}

/// The digests of values of a key, in their order, with the minute and the local day in which each was seen last.
type Values = Vec<(SmolStr, i64, i64)>;

/// What is kept of the payments that have one value of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RiskHistory {
    /// The program in whose currency and zone they are counted.
    pub program: ProgramId,
    /// The key.
    pub key: Slug,
    /// Its value.
    pub value: SmolStr,
    /// When the first payment was assessed, or the first rule snoozed.
    pub since: Timestamp,
    minutes: Buckets,
    hours: Buckets,
    days: Buckets,
    /// The latest instants, from the first to the last.
    instants: Vec<Timestamp>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    values: BTreeMap<Slug, Values>,
    /// Until when rules do not count, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    snoozed: BTreeMap<Slug, Timestamp>,
}

/// What a history is known by: its key, its program and its value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RiskHistoryId(SmolStr);

impl RiskHistoryId {
    /// The id of the history of a value of a key. Names of keys hold no colon, so no two are the same.
    #[must_use]
    pub fn new(program: &ProgramId, key: &Slug, value: &str) -> Self {
        Self(scoped(key.as_str(), program, value))
    }
}

impl EntityId for RiskHistoryId {
    fn text(&self) -> &str {
        &self.0
    }
}

impl RiskHistory {
    /// Of a value that no payment had.
    #[must_use]
    pub fn new(program: &ProgramId, key: &Slug, value: &str, since: Timestamp) -> Self {
        Self {
            program: program.clone(),
            key: key.clone(),
            value: value.into(),
            since,
            minutes: Buckets::default(),
            hours: Buckets::default(),
            days: Buckets::default(),
            instants: Vec::new(),
            values: BTreeMap::new(),
            snoozed: BTreeMap::new(),
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> RiskHistoryId {
        RiskHistoryId::new(&self.program, &self.key, &self.value)
    }

    /// Takes in a payment, with the values of other keys that are told apart.
    ///
    /// # Errors
    /// [`SumOverflow`].
    pub fn add<'a>(
        &mut self,
        moment: &Moment,
        amount: i64,
        others: impl Iterator<Item = (&'a Slug, &'a str)>,
    ) -> Result<(), SumOverflow> {
        self.minutes
            .add(moment.minute(), amount, i64::from(MINUTES_MAX))?;
        self.hours
            .add(moment.hour(), amount, i64::from(HOURS_MAX))?;
        self.days.add(moment.day, amount, DAYS_KEPT)?;
        let place = self.instants.partition_point(|at| *at <= moment.at);
        if place > 0 || self.instants.len() < INSTANTS_KEPT {
            self.instants.insert(place, moment.at);
            if self.instants.len() > INSTANTS_KEPT {
                self.instants.remove(0);
            }
        }
        for (key, value) in others {
            see(self.values.entry(key.clone()).or_default(), value, moment);
        }
        Ok(())
    }

    /// A payment of a local day turned out to be bad, or not to be bad after all.
    pub fn label(&mut self, day: i64, is_bad: bool) {
        self.days.label(day, is_bad);
    }

    /// What was paid within a window that ends with a moment.
    ///
    /// # Errors
    /// [`SumOverflow`].
    pub fn within(&self, window: RiskWindow, moment: &Moment) -> Result<Bucket, SumOverflow> {
        let (buckets, last, length) = match window {
            RiskWindow::Minutes(length) => (&self.minutes, moment.minute(), length),
            RiskWindow::Hours(length) => (&self.hours, moment.hour(), length),
            RiskWindow::Days(length) => (&self.days, moment.day, length),
        };
        buckets.within(first_of(last, length), last)
    }

    /// What was paid on so many days, the last of which lies before the moment by a delay.
    ///
    /// # Errors
    /// [`SumOverflow`].
    pub fn labelled(
        &self,
        days: u16,
        delay_days: u16,
        moment: &Moment,
    ) -> Result<Bucket, SumOverflow> {
        let last = moment.day.saturating_sub(i64::from(delay_days));
        self.days.within(first_of(last, days), last)
    }

    /// How many different values of another key were seen within a window, [`DISTINCT_MAX`] and one more at most. What was seen
    /// again after the moment counts as well.
    #[must_use]
    pub fn distinct(&self, of: &Slug, window: RiskWindow, moment: &Moment) -> u32 {
        let Some(values) = self.values.get(of) else {
            return 0;
        };
        let is_in = |(_, minute, day): &&(SmolStr, i64, i64)| match window {
            RiskWindow::Minutes(length) => *minute >= first_of(moment.minute(), length),
            RiskWindow::Hours(length) => minute.div_euclid(60) >= first_of(moment.hour(), length),
            RiskWindow::Days(length) => *day >= first_of(moment.day, length),
        };
        let seen = values.iter().filter(is_in);
        u32::try_from(seen.count()).unwrap_or(u32::MAX)
    }

    /// When the last payment was, at or before a moment, if there was one.
    ///
    /// # Errors
    /// [`Forgotten`] for a moment before all instants that are kept.
    pub fn last(&self, moment: &Moment) -> Result<Option<Timestamp>, Forgotten> {
        let place = self.instants.partition_point(|at| *at <= moment.at);
        match place.checked_sub(1) {
            Some(place) => Ok(self.instants.get(place).copied()),
            None if self.instants.len() < INSTANTS_KEPT => Ok(None),
            None => Err(Forgotten),
        }
    }

    /// A rule does not count for this value until an instant. What is over is dropped.
    pub fn snooze(&mut self, rule: &Slug, until: Timestamp, now: Timestamp) {
        self.snoozed.retain(|_, until| *until > now);
        self.snoozed.insert(rule.clone(), until);
    }

    /// Whether a rule does not count for this value now.
    #[must_use]
    pub fn is_snoozed(&self, rule: &Slug, now: Timestamp) -> bool {
        self.snoozed.get(rule).is_some_and(|until| *until > now)
    }
}

fn first_of(last: i64, length: u16) -> i64 {
    last.saturating_sub(i64::from(length)).saturating_add(1)
}

/// Notes a value, and keeps those that were seen last: of two seen in one minute, the one with the larger digest.
fn see(values: &mut Values, value: &str, moment: &Moment) {
    let digest = Sha256::digest(value.as_bytes());
    let known: SmolStr = hex::encode(digest.get(..DIGEST_BYTES).unwrap_or_default()).into();
    let minute = moment.minute();
    match values.binary_search_by(|(digest, ..)| digest.cmp(&known)) {
        Ok(place) => {
            if let Some((_, last, day)) = values.get_mut(place) {
                *last = minute.max(*last);
                *day = moment.day.max(*day);
            }
        }
        Err(place) => values.insert(place, (known, minute, moment.day)),
    }
    if values.len() > DISTINCT_KEPT {
        let seen = values.iter().enumerate();
        let oldest = seen.min_by(|(_, one), (_, other)| (one.1, &one.0).cmp(&(other.1, &other.0)));
        if let Some((place, _)) = oldest {
            values.remove(place);
        }
    }
}

impl Entity for RiskHistory {
    const KIND: &'static str = "risk_history";
    const SHAPE: u16 = 1;
    type Id = RiskHistoryId;

    fn index(&self) -> Index {
        let index = Index::new("kept", self.since);
        let is_member = self.key.as_str() == MEMBER_KEY;
        match MemberId::new(&self.value) {
            Ok(member) if is_member => index.owned_by(&member),
            _ => index,
        }
    }

    fn is_named(&self, id: &str) -> bool {
        self.id().text() == id
    }
}
