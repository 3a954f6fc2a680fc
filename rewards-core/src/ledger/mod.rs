//! The ledger: accounts, balanced transfers, lots that mature and expire, and a hash-chained journal.
//!
//! - An [`Account`] belongs to a member or to the system and holds one asset.
//! - A [`Transfer`] moves a positive amount of one asset **from** an account **to** another. It is one row with
//!   both sides, so every entry is zero-sum per asset by construction.
//! - A [`Lot`] is a part of a member's balance with its own availability and expiry; debits consume lots
//!   soonest-expiry first.
//! - Every transfer is an entry of exactly one member's [journal](JournalEntry), hash-chained per member: the member
//!   row is the lock of everything member-scoped, so the chain costs no further contention, where a chain per
//!   tenant would serialise all members.
//!
//! The ledger knows nothing of rules, programs or tiers and never reads a balance it was not given.

mod account;
mod balances;
mod journal;
mod lot;
mod transfer;

/// Gives an enum the texts by which it is stored and hashed; a variant without one does not compile.
macro_rules! stable_texts {
    ($name:ident { $($variant:ident => $text:literal,)+ }) => {
        impl $name {
            /// The stable text, as stored and hashed.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }

            /// Reads the stable text back.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}
use stable_texts;

pub use account::{Account, Holder, Purpose};
pub use balances::Balances;
pub use journal::{ChainHash, JournalEntry, JournalHead};
pub use lot::{
    Consumption, Lot, LotMove, LotNumber, LotState, Settled, consume, next_due, settle,
    settle_owing,
};
pub use transfer::{Origin, Transfer, TransferKind};

use thiserror::Error;

/// Why a ledger step is impossible.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// A transfer must move a positive amount.
    #[error("a transfer moves a positive amount, got {amount}")]
    NotPositive {
        /// The amount in minor units.
        amount: i64,
    },
    /// Both sides of a transfer must hold the same asset.
    #[error("a transfer moves one asset, got `{from}` and `{to}`")]
    AssetMismatch {
        /// Asset of the paying account.
        from: String,
        /// Asset of the receiving account.
        to: String,
    },
    /// Paying and receiving account are the same.
    #[error("a transfer needs two accounts, got `{account}` twice")]
    SameAccount {
        /// The account.
        account: String,
    },
    /// The available lots do not cover a debit.
    #[error("insufficient balance: {needed} needed, {available} available (minor units)")]
    Insufficient {
        /// What was asked for, in minor units.
        needed: i64,
        /// What the lots hold, in minor units.
        available: i64,
    },
    /// A sum left the range of 64-bit minor units.
    #[error("an amount exceeds the range of the ledger")]
    Overflow,
}
