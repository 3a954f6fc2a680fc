//! What members pay with: which buckets pay an order and how much each, and a redemption as it is kept.
//!
//! Discounts come first: they reduce the total of an order. A redemption is a means of payment for what is left, and what it
//! pays changes nothing of what rules grant.

mod bucket;
mod redemption;
mod shared_redemption;
mod shared_wallet;
mod spending;
#[cfg(test)]
mod tests;

pub use bucket::Bucket;
pub use redemption::{
    Captured, HeldLot, NumberedStep, REDEMPTION_LOTS_MAX, REDEMPTION_STEPS_MAX, Redemption,
    RedemptionPart, RedemptionState, ReturnedPart, WrongStep,
};
pub use shared_redemption::{Payer, ShareStep, SharedPayment, SharedRedemption, SharedStep};
pub use shared_wallet::{SHARED_WALLET_MEMBERS_MAX, SharedWallet, SharedWalletState, WalletClosed};
pub use spending::{SpendError, Tender, bucket_value, check_tenders, choose};
