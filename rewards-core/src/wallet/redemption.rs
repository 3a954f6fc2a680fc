//! A redemption as it is kept: what pays an order, from which lots, and what became of it.
//!
//! | from | [`capture`](Redemption::capture) | [`release`](Redemption::release) | time is over | [`cancel`](Redemption::cancel) |
//! |---|---|---|---|---|
//! | authorized | authorized, or captured when nothing is left | released | expired | refused |
//! | captured | refused | refused | – | captured, or cancelled when all is back |
//! | released | refused | refused | – | the same as captured, if anything was captured; else refused |
//! | expired | refused | refused | – | as released |
//! | cancelled | refused | refused | – | refused |
//!
//! An authorization holds its value until it is captured, released or [over](Redemption::seen_at): over it is from its
//! `expires_at` on, whether or not anybody has written that down. A redemption that is made at once is captured from the start.
//!
//! # Which lots
//!
//! The lots of a part are in the order in which they pay: soonest expiry first. What is captured is the start of that list, what
//! is released its end, and what is cancelled comes back from the end of what was captured: the member keeps what lives longest.
//! Of units, a part of the value takes its proportion of the units, rounded up, and gives back its proportion, rounded down: the
//! program gains, and the last part takes or gives exactly what is left.

use serde::{Deserialize, Serialize};

use super::{Bucket, SharedPayment};
use crate::entity::{Entity, Index};
use crate::ids::{MemberId, OrderId, PaymentId, ProgramId, RedemptionId, TokenId};
use crate::ledger::LotNumber;
use crate::money::{Money, MoneyError, Rounding};
use crate::time::Timestamp;

/// The most lots that one redemption takes from.
pub const REDEMPTION_LOTS_MAX: u32 = 1_000;

/// The most captures of one redemption, and the most cancellations: the number of each is kept.
pub const REDEMPTION_STEPS_MAX: u32 = 1_000;

/// Where a redemption is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum RedemptionState {
    /// Value is reserved for the order.
    Authorized,
    /// The order was paid; nothing is reserved.
    Captured,
    /// What had not been captured was released.
    Released,
    /// What had not been captured went back because its time was over.
    Expired,
    /// Everything that was captured has gone back. Final.
    Cancelled,
}

impl RedemptionState {
    /// The stable text, as stored.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Authorized => "authorized",
            Self::Captured => "captured",
            Self::Released => "released",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What one lot pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldLot(
    /// The lot.
    pub LotNumber,
    /// How much, in minor units.
    pub i64,
);

/// What one bucket pays. Amounts are in minor units of what is in the bucket, values in minor units of money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedemptionPart {
    /// The bucket.
    pub bucket: Bucket,
    /// How much was taken of it.
    pub amount: i64,
    /// What that is worth.
    pub value: i64,
    /// From which lots, in paying order; none for the member's own money.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lots: Vec<HeldLot>,
    /// What was captured of the amount.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub captured: i64,
    /// What was captured of the value.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub captured_value: i64,
    /// What has gone back of the captured amount.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub returned: i64,
    /// What has gone back of the captured value.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub returned_value: i64,
}

fn is_zero(minor: &i64) -> bool {
    *minor == 0
}

impl RedemptionPart {
    /// Of the lots, what lies between two places of the amount, in paying order.
    fn lots_between(&self, from: i64, until: i64) -> Vec<HeldLot> {
        let mut start = 0_i64;
        let mut found = Vec::new();
        for HeldLot(number, amount) in &self.lots {
            let end = start.saturating_add(*amount);
            let part = end.min(until).saturating_sub(start.max(from));
            if part > 0 {
                found.push(HeldLot(*number, part));
            }
            start = end;
        }
        found
    }

    fn held(&self) -> i64 {
        self.amount.saturating_sub(self.captured)
    }

    /// A bucket of which nothing pays.
    pub(super) fn none(bucket: Bucket) -> Self {
        Self {
            bucket,
            amount: 0,
            value: 0,
            lots: Vec::new(),
            captured: 0,
            captured_value: 0,
            returned: 0,
            returned_value: 0,
        }
    }

    /// Adds what another one pays of the same bucket, but for the lots.
    pub(super) fn add(&mut self, other: &Self) {
        for (sum, part) in [
            (&mut self.amount, other.amount),
            (&mut self.value, other.value),
            (&mut self.captured, other.captured),
            (&mut self.captured_value, other.captured_value),
            (&mut self.returned, other.returned),
            (&mut self.returned_value, other.returned_value),
        ] {
            *sum = sum.saturating_add(part);
        }
    }

    /// What was captured between this and a later state of it.
    pub(super) fn captures_until(&self, after: &Self) -> Option<Captured> {
        let amount = after.captured.saturating_sub(self.captured);
        let value = after.captured_value.saturating_sub(self.captured_value);
        (amount > 0 || value > 0).then_some(Captured {
            bucket: self.bucket,
            amount,
            value,
        })
    }

    /// What of the captured went back between this and a later state of it.
    pub(super) fn returns_until(&self, after: &Self) -> Option<ReturnedPart> {
        let from = after.captured.saturating_sub(after.returned);
        let until = after.captured.saturating_sub(self.returned);
        (until > from).then(|| ReturnedPart {
            bucket: self.bucket,
            amount: until.saturating_sub(from),
            lots: self.lots_between(from, until),
        })
    }
}

/// What goes back to a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnedPart {
    /// The bucket.
    pub bucket: Bucket,
    /// How much.
    pub amount: i64,
    /// To which lots.
    pub lots: Vec<HeldLot>,
}

/// What a capture takes of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// The bucket.
    pub bucket: Bucket,
    /// How much of it.
    pub amount: i64,
    /// What that is worth.
    pub value: i64,
}

/// A step that a redemption cannot take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WrongStep {
    /// Not from where it is.
    State(RedemptionState),
    /// There is less.
    Above {
        /// What there is, in minor units of money.
        most: i64,
    },
    /// An amount left its range.
    Money(MoneyError),
}

impl From<MoneyError> for WrongStep {
    fn from(error: MoneyError) -> Self {
        Self::Money(error)
    }
}

/// Something that is done to a redemption more than once, each time with another number of the caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberedStep {
    /// Some of what is reserved pays.
    Capture,
    /// Some of what paid goes back.
    Cancellation,
}

impl NumberedStep {
    /// As a caller is told.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Cancellation => "cancellation",
        }
    }
}

/// What a member paid an order with, or has reserved for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redemption {
    state: RedemptionState,
    /// Its id.
    pub id: RedemptionId,
    /// Who pays.
    pub member: MemberId,
    /// The order.
    pub order: OrderId,
    /// What the order costs.
    pub total: Money,
    /// The program that decided.
    pub program: ProgramId,
    /// Its revision.
    pub revision: u32,
    /// When it was made.
    pub made_at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Until when an authorization holds, exclusive; none for what was paid at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// What pays, in paying order.
    pub parts: Vec<RedemptionPart>,
    /// What ties it to those of others, when it is paid from a wallet that members share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<SharedPayment>,
    /// The offline token whose value it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenId>,
    /// The payment whose value it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<PaymentId>,
    /// The numbers of its captures, ascending. What a token or a payment captures has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    captures: Vec<u32>,
    /// The numbers of its cancellations, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    cancellations: Vec<u32>,
}

impl Redemption {
    /// An order that is paid at once, when `expires_at` is none, or value that is reserved for it.
    #[must_use]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is told once, and by name where it is made"
    )]
    pub fn new(
        id: RedemptionId,
        member: MemberId,
        order: OrderId,
        total: Money,
        (program, revision): (ProgramId, u32),
        made_at: Timestamp,
        recorded_at: Timestamp,
        expires_at: Option<Timestamp>,
        parts: Vec<RedemptionPart>,
    ) -> Self {
        let mut made = Self {
            state: RedemptionState::Authorized,
            id,
            member,
            order,
            total,
            program,
            revision,
            made_at,
            recorded_at,
            expires_at,
            parts,
            shared: None,
            token: None,
            payment: None,
            captures: Vec::new(),
            cancellations: Vec::new(),
        };
        if expires_at.is_none() {
            for part in &mut made.parts {
                part.captured = part.amount;
                part.captured_value = part.value;
            }
            made.state = RedemptionState::Captured;
        }
        made
    }

    /// The same, paid from a wallet that members share.
    #[must_use]
    pub fn paid_from(mut self, shared: SharedPayment) -> Self {
        self.shared = Some(shared);
        self
    }

    /// The same, holding the value of an offline token.
    #[must_use]
    pub fn of_token(mut self, token: TokenId) -> Self {
        self.token = Some(token);
        self
    }

    /// The same, holding the value of a payment.
    #[must_use]
    pub fn of_payment(mut self, payment: PaymentId) -> Self {
        self.payment = Some(payment);
        self
    }

    /// The same, with its time over at an instant.
    ///
    /// # Errors
    /// [`WrongStep::State`] unless it is authorized now.
    pub fn end_at(mut self, until: Timestamp, now: Timestamp) -> Result<Self, WrongStep> {
        let state = self.seen_at(now);
        if state != RedemptionState::Authorized {
            return Err(WrongStep::State(state));
        }
        self.expires_at = Some(until);
        Ok(self)
    }

    /// The numbers of what was done to it, ascending.
    #[must_use]
    pub fn numbers(&self, step: NumberedStep) -> &[u32] {
        match step {
            NumberedStep::Capture => &self.captures,
            NumberedStep::Cancellation => &self.cancellations,
        }
    }

    /// The same with the number of a step that it took. The same number again changes nothing.
    #[must_use]
    pub fn numbered(mut self, step: NumberedStep, number: u32) -> Self {
        let numbers = match step {
            NumberedStep::Capture => &mut self.captures,
            NumberedStep::Cancellation => &mut self.cancellations,
        };
        if let Err(place) = numbers.binary_search(&number) {
            numbers.insert(place, number);
        }
        self
    }

    /// What the caller named: itself, unless it is what one of several payers pays.
    #[must_use]
    pub fn named(&self) -> &RedemptionId {
        let shared = self.shared.as_ref();
        shared.map_or(&self.id, |shared| &shared.redemption)
    }

    /// What a bucket pays.
    pub(super) fn part(&self, bucket: Bucket) -> Option<&RedemptionPart> {
        self.parts.iter().find(|part| part.bucket == bucket)
    }

    pub(super) fn part_mut(&mut self, bucket: Bucket) -> Option<&mut RedemptionPart> {
        self.parts.iter_mut().find(|part| part.bucket == bucket)
    }

    /// The same in a state of its own, with other parts.
    pub(super) fn with(&self, state: RedemptionState, parts: Vec<RedemptionPart>) -> Self {
        Self {
            state,
            parts,
            ..self.clone()
        }
    }

    /// The same after a capture of some of it: captured when nothing is held any more.
    pub(super) fn captured_as_far(mut self) -> Self {
        let is_full = |part: &RedemptionPart| part.held() == 0 && part.captured_value == part.value;
        if self.parts.iter().all(is_full) {
            self.state = RedemptionState::Captured;
        }
        self
    }

    /// The same after some of it went back: cancelled when all has.
    pub(super) fn returned_as_far(mut self) -> Self {
        let is_back = |part: &RedemptionPart| {
            part.returned == part.captured && part.returned_value == part.captured_value
        };
        if self.parts.iter().all(is_back) {
            self.state = RedemptionState::Cancelled;
        }
        self
    }

    /// Where it is, as it was last written. [`seen_at`](Self::seen_at) says where it is at an instant.
    #[must_use]
    pub fn state(&self) -> RedemptionState {
        self.state
    }

    /// Where it is at an instant: an authorization whose time is over has expired.
    #[must_use]
    pub fn seen_at(&self, at: Timestamp) -> RedemptionState {
        let is_over = self.expires_at.is_some_and(|expires| expires <= at);
        match self.state {
            RedemptionState::Authorized if is_over => RedemptionState::Expired,
            state => state,
        }
    }

    /// What pays in all, in money.
    #[must_use]
    pub fn value(&self) -> Money {
        self.sum(|part| part.value)
    }

    /// What was captured so far, in money; what has gone back since is part of it.
    #[must_use]
    pub fn captured(&self) -> Money {
        self.sum(|part| part.captured_value)
    }

    /// What of the captured has gone back, in money.
    #[must_use]
    pub fn returned(&self) -> Money {
        self.sum(|part| part.returned_value)
    }

    /// What is reserved at an instant, in money.
    #[must_use]
    pub fn reserved_at(&self, at: Timestamp) -> Money {
        match self.seen_at(at) {
            RedemptionState::Authorized => {
                self.sum(|part| part.value.saturating_sub(part.captured_value))
            }
            _ => self.sum(|_| 0),
        }
    }

    fn sum(&self, of: impl Fn(&RedemptionPart) -> i64) -> Money {
        let parts = self.parts.iter().map(of);
        let minor = parts.fold(0_i64, |sum, part| sum.saturating_add(part));
        Money::new(minor, self.total.asset())
    }

    /// What it holds as it was last written, by bucket, in minor units.
    pub fn held(&self) -> impl Iterator<Item = (Bucket, i64)> + '_ {
        let is_open = self.state == RedemptionState::Authorized;
        let parts = self.parts.iter().filter(move |_| is_open);
        parts.map(|part| (part.bucket, part.held()))
    }

    /// What it has spent, less what has gone back, by bucket, in minor units.
    pub fn spent(&self) -> impl Iterator<Item = (Bucket, i64)> + '_ {
        let parts = self.parts.iter();
        parts.map(|part| (part.bucket, part.captured.saturating_sub(part.returned)))
    }

    /// A part of what is reserved pays, at an instant: so much money, or all that is left.
    ///
    /// # Errors
    /// [`WrongStep::State`] unless it is authorized then; [`WrongStep::Above`].
    pub fn capture(
        mut self,
        value: Option<i64>,
        at: Timestamp,
    ) -> Result<(Self, Vec<Captured>), WrongStep> {
        let state = self.seen_at(at);
        if state != RedemptionState::Authorized {
            return Err(WrongStep::State(state));
        }
        let most = self.reserved_at(at).minor();
        let mut left = value.unwrap_or(most);
        if left > most {
            return Err(WrongStep::Above { most });
        }
        let mut taken = Vec::new();
        for part in &mut self.parts {
            let value = left.min(part.value.saturating_sub(part.captured_value));
            left = left.saturating_sub(value);
            let captured_value = part.captured_value.saturating_add(value);
            let captured = share(Rounding::Up, part.amount, captured_value, part.value)?;
            let amount = captured.saturating_sub(part.captured);
            part.captured_value = captured_value;
            part.captured = captured;
            if value > 0 {
                let bucket = part.bucket;
                taken.push(Captured {
                    bucket,
                    amount,
                    value,
                });
            }
        }
        if self.reserved_at(at).minor() == 0 {
            self.state = RedemptionState::Captured;
        }
        Ok((self, taken))
    }

    /// What is reserved goes back.
    ///
    /// # Errors
    /// [`WrongStep::State`] unless it is authorized at the instant.
    pub fn release(mut self, at: Timestamp) -> Result<(Self, Vec<ReturnedPart>), WrongStep> {
        let state = self.seen_at(at);
        if state != RedemptionState::Authorized {
            return Err(WrongStep::State(state));
        }
        self.state = RedemptionState::Released;
        let held = self.held_parts();
        Ok((self, held))
    }

    /// What is reserved goes back because its time is over at an instant.
    ///
    /// # Errors
    /// [`WrongStep::State`] unless it is an authorization whose time is over and that nobody has ended.
    pub fn expire(mut self, at: Timestamp) -> Result<(Self, Vec<ReturnedPart>), WrongStep> {
        if self.state != RedemptionState::Authorized || self.seen_at(at) != RedemptionState::Expired
        {
            return Err(WrongStep::State(self.state));
        }
        self.state = RedemptionState::Expired;
        let held = self.held_parts();
        Ok((self, held))
    }

    /// What is not captured.
    fn held_parts(&self) -> Vec<ReturnedPart> {
        let parts = self.parts.iter().filter(|part| part.held() > 0);
        let parts = parts.map(|part| ReturnedPart {
            bucket: part.bucket,
            amount: part.held(),
            lots: part.lots_between(part.captured, part.amount),
        });
        parts.collect()
    }

    /// The lots to which something may go back: of what is reserved, or of what was captured.
    #[must_use]
    pub fn lots(&self) -> Vec<LotNumber> {
        let lots = self.parts.iter().flat_map(|part| &part.lots);
        lots.map(|HeldLot(number, _)| *number).collect()
    }

    /// Captured value goes back: so much money, or all that has not yet. The last bucket gives back first.
    ///
    /// # Errors
    /// [`WrongStep::State`] while something is reserved, when nothing was captured, and when all has gone back;
    /// [`WrongStep::Above`].
    pub fn cancel(
        mut self,
        value: Option<i64>,
        at: Timestamp,
    ) -> Result<(Self, Vec<ReturnedPart>), WrongStep> {
        let state = self.seen_at(at);
        let most = self
            .captured()
            .minor()
            .saturating_sub(self.returned().minor());
        let is_refused = matches!(
            state,
            RedemptionState::Authorized | RedemptionState::Cancelled
        );
        if is_refused || most == 0 {
            return Err(WrongStep::State(state));
        }
        let mut left = value.unwrap_or(most);
        if left > most {
            return Err(WrongStep::Above { most });
        }
        let mut back = Vec::new();
        for part in self.parts.iter_mut().rev() {
            let value = left.min(part.captured_value.saturating_sub(part.returned_value));
            left = left.saturating_sub(value);
            let returned_value = part.returned_value.saturating_add(value);
            let returned = share(
                Rounding::Down,
                part.captured,
                returned_value,
                part.captured_value,
            )?;
            let (from, until) = (
                part.captured.saturating_sub(returned),
                part.captured.saturating_sub(part.returned),
            );
            part.returned_value = returned_value;
            part.returned = returned;
            if until > from {
                back.push(ReturnedPart {
                    bucket: part.bucket,
                    amount: until.saturating_sub(from),
                    lots: part.lots_between(from, until),
                });
            }
        }
        if self.captured() == self.returned() {
            self.state = RedemptionState::Cancelled;
        }
        Ok((self, back))
    }
}

/// The proportion of an amount that a part of its value stands for; all of it for all of its value.
fn share(rounding: Rounding, amount: i64, part: i64, value: i64) -> Result<i64, MoneyError> {
    if part == value {
        return Ok(amount);
    }
    // Two 64-bit factors always fit in 128 bits, so nothing saturates.
    let product = i128::from(amount).saturating_mul(i128::from(part));
    Ok(rounding.divide(product, i128::from(value))?.min(amount))
}

impl Entity for Redemption {
    const KIND: &'static str = "redemption";
    const SHAPE: u16 = 1;
    type Id = RedemptionId;

    fn index(&self) -> Index {
        let is_open = self.state == RedemptionState::Authorized;
        Index {
            due_at: self.expires_at.filter(|_| is_open),
            ..Index::new(self.state.text(), self.recorded_at).owned_by(&self.member)
        }
    }

    fn is_named(&self, id: &str) -> bool {
        self.id.as_str() == id
    }
}
