//! Lots: parts of a member's balance with their own availability and expiry.
//!
//! A lot is born pending or available, and ends spent, expired or voided. Its times are half-open: it is available
//! from `available_at` on, and no longer from `expires_at` on. [`settle`] says what is due; [`consume`] says which
//! lots pay for a debit: **soonest expiry first**, lots without expiry last, ties by age.

use serde::{Deserialize, Serialize};

use super::{LedgerError, Purpose, TransferKind, stable_texts};
use crate::ids::{PurchaseId, Slug};
use crate::money::Asset;
use crate::time::Timestamp;

/// Number of a lot in its member's journal: the entry that created it.
pub type LotNumber = u64;

/// Where a lot is in its life. The stable text of a state is its snake-case name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum LotState {
    /// Granted, not yet available.
    Pending,
    /// Available to its member.
    Available,
    /// Used up, or taken back in full.
    Spent,
    /// Past its expiry.
    Expired,
    /// Given up before it became available.
    Voided,
}

stable_texts!(LotState {
    Pending => "pending",
    Available => "available",
    Spent => "spent",
    Expired => "expired",
    Voided => "voided",
});

impl LotState {
    /// Whether anything can still happen to the lot.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Available)
    }
}

/// A part of a member's balance with its own availability and expiry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lot {
    /// Its number in the member's journal.
    pub number: LotNumber,
    /// The asset.
    pub asset: Asset,
    /// The system account that paid it and gets it back.
    pub source: Purpose,
    /// What was granted, in minor units; never changes.
    pub amount: i64,
    /// What is left, in minor units.
    pub remaining: i64,
    /// Where it is in its life.
    pub state: LotState,
    /// When it was earned.
    pub earned_at: Timestamp,
    /// When a pending lot becomes available by itself; `None` when it needs a confirmation.
    pub available_at: Option<Timestamp>,
    /// When a pending lot is voided by itself; `None` when it waits for ever.
    pub void_at: Option<Timestamp>,
    /// When it expires; `None` when it never does.
    pub expires_at: Option<Timestamp>,
    /// The purchase that earned it.
    pub purchase: Option<PurchaseId>,
    /// The rule that granted it.
    pub rule: Option<Slug>,
}

impl Lot {
    /// When something becomes due for this lot, if ever. An index over this makes expiry runs cheap.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        match self.state {
            LotState::Pending => [self.available_at, self.void_at]
                .into_iter()
                .flatten()
                .min(),
            LotState::Available => self.expires_at,
            LotState::Spent | LotState::Expired | LotState::Voided => None,
        }
    }
}

/// One due change of a lot: value moves between two purposes, and the lot takes its next state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LotMove {
    /// The lot after the change.
    pub lot: Lot,
    /// The amount that moves, in minor units, always positive.
    pub amount: i64,
    /// The purpose of the member's account it leaves.
    pub from: Purpose,
    /// The purpose of the account it goes to.
    pub to: Purpose,
    /// Why it moves.
    pub kind: TransferKind,
    /// When it counts: the instant it became due, not the instant of the run.
    pub effective_at: Timestamp,
}

impl LotMove {
    /// Whether the value goes back to the account that paid it.
    #[must_use]
    pub fn is_return(&self) -> bool {
        self.to == self.lot.source
    }
}

/// Everything due at `now` for one lot, in order: maturing or voiding first, then expiry.
///
/// Late runs change nothing: each move carries the instant at which it was due.
#[must_use]
pub fn settle(lot: &Lot, now: Timestamp) -> Vec<LotMove> {
    let mut moves = Vec::new();
    let mut lot = lot.clone();
    while let Some(step) = next_due(&lot, now) {
        lot = step.lot.clone();
        moves.push(step);
    }
    moves
}

/// What is due for a lot whose member owes something of its asset: what matures pays first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The lot as it is then.
    pub lot: Lot,
    /// What moves, in order; what paid is not among them.
    pub moves: Vec<LotMove>,
    /// What the lot paid of what is owed, in minor units.
    pub paid: i64,
}

/// Everything due at `now` for one lot of a member who owes so much of its asset, in minor units.
#[must_use]
pub fn settle_owing(lot: &Lot, now: Timestamp, owed: i64) -> Settled {
    let mut settled = Settled {
        lot: lot.clone(),
        moves: Vec::new(),
        paid: 0,
    };
    while let Some(step) = next_due(&settled.lot, now) {
        settled.lot = step.lot.clone();
        if step.kind == TransferKind::Mature {
            settled.paid = owed.min(step.lot.remaining).max(0);
            settled.lot = settled.lot.paid(settled.paid);
        }
        settled.moves.push(step);
    }
    settled
}

/// The first thing that is due at `now` for one lot, if any is.
#[must_use]
pub fn next_due(lot: &Lot, now: Timestamp) -> Option<LotMove> {
    let due = lot.due_at().filter(|due| *due <= now)?;
    match lot.state {
        // A lot due to mature and to be voided at the same instant matures: the member gains.
        LotState::Pending if lot.available_at == Some(due) => Some(lot.mature(due)),
        LotState::Pending => Some(lot.void(due)),
        _ => Some(lot.expire(due)),
    }
}

impl Lot {
    /// Makes a pending lot available at `at`.
    #[must_use]
    pub fn mature(&self, at: Timestamp) -> LotMove {
        let to = Purpose::available(self.asset);
        self.moved(
            LotState::Available,
            self.remaining,
            Purpose::Pending,
            to,
            TransferKind::Mature,
            at,
        )
    }

    /// Gives a pending lot back to the account that paid it.
    #[must_use]
    pub fn void(&self, at: Timestamp) -> LotMove {
        let to = self.source.clone();
        self.moved(
            LotState::Voided,
            0,
            Purpose::Pending,
            to,
            TransferKind::Void,
            at,
        )
    }

    /// Takes an available lot back to the account that paid it.
    #[must_use]
    pub fn claw_back(&self, at: Timestamp) -> LotMove {
        let from = Purpose::available(self.asset);
        self.moved(
            LotState::Spent,
            0,
            from,
            self.source.clone(),
            TransferKind::Clawback,
            at,
        )
    }

    /// The lot after a part of it paid for something.
    #[must_use]
    pub fn paid(&self, amount: i64) -> Self {
        let remaining = self.remaining.saturating_sub(amount).max(0);
        let state = if remaining == 0 {
            LotState::Spent
        } else {
            self.state
        };
        Self {
            remaining,
            state,
            ..self.clone()
        }
    }

    /// Gives a part of an open lot back to the account that paid it: voids it while it is pending, takes it back when it is
    /// available. `None` when nothing is left of it, or nothing is to be taken.
    #[must_use]
    pub fn take_back(&self, amount: i64, at: Timestamp) -> Option<LotMove> {
        let amount = amount.min(self.remaining);
        if amount <= 0 {
            return None;
        }
        let mut step = match self.state {
            LotState::Pending => self.void(at),
            LotState::Available => self.claw_back(at),
            LotState::Spent | LotState::Expired | LotState::Voided => return None,
        };
        step.amount = amount;
        step.lot.remaining = self.remaining.saturating_sub(amount);
        if step.lot.remaining > 0 {
            step.lot.state = self.state;
        }
        Some(step)
    }

    /// By what lots are ordered when they pay: soonest expiry first, lots without expiry last, ties by age.
    #[must_use]
    pub fn paying_order(&self) -> (bool, Option<Timestamp>, LotNumber) {
        (self.expires_at.is_none(), self.expires_at, self.number)
    }

    fn expire(&self, at: Timestamp) -> LotMove {
        let from = Purpose::available(self.asset);
        self.moved(
            LotState::Expired,
            0,
            from,
            Purpose::Expired,
            TransferKind::Expire,
            at,
        )
    }

    fn moved(
        &self,
        state: LotState,
        remaining: i64,
        from: Purpose,
        to: Purpose,
        kind: TransferKind,
        effective_at: Timestamp,
    ) -> LotMove {
        let lot = Self {
            state,
            remaining,
            ..self.clone()
        };
        LotMove {
            lot,
            amount: self.remaining,
            from,
            to,
            kind,
            // Nothing moves before it was earned, whatever the clocks said then and say now.
            effective_at: effective_at.max(self.earned_at),
        }
    }
}

/// A part of a debit, paid by one lot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumption {
    /// The lot after it paid.
    pub lot: Lot,
    /// What it paid, in minor units, always positive.
    pub amount: i64,
}

/// Which available lots pay `amount` of `asset`: soonest expiry first, lots without expiry last, ties by age.
///
/// # Errors
/// [`LedgerError::Insufficient`] when the available lots hold less, [`LedgerError::NotPositive`] when there is
/// nothing to pay.
pub fn consume<'a>(
    lots: impl IntoIterator<Item = &'a Lot>,
    asset: Asset,
    amount: i64,
) -> Result<Vec<Consumption>, LedgerError> {
    if amount <= 0 {
        return Err(LedgerError::NotPositive { amount });
    }
    let mut open: Vec<&Lot> = lots
        .into_iter()
        .filter(|lot| lot.state == LotState::Available && lot.asset == asset && lot.remaining > 0)
        .collect();
    open.sort_by_key(|lot| lot.paying_order());
    let mut missing = amount;
    let mut paid = Vec::new();
    for lot in open {
        if missing == 0 {
            break;
        }
        let part = lot.remaining.min(missing);
        missing = missing.saturating_sub(part);
        paid.push(Consumption {
            lot: lot.paid(part),
            amount: part,
        });
    }
    if missing > 0 {
        return Err(LedgerError::Insufficient {
            needed: amount,
            available: amount.saturating_sub(missing),
        });
    }
    Ok(paid)
}
