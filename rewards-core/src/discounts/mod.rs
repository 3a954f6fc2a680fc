//! Discounts: what the offers of coupons take off a basket, exactly.
//!
//! 1. A purchase becomes a basket: what its lines and its shipping cost before any offer, with the discounts that the host
//!    told taken off.
//! 2. Every offer of every coupon is looked at once: whether it is active, its condition holds, and it is about any line.
//! 3. Stacking groups are gone through in order. What an offer takes off is a list of shares, one for each line, which sum to it
//!    exactly; a share is never more than what is left of its line.
//! 4. The purchase is told anew with what was taken off in its discounts, less shipping and less tax. Rules, refunds and
//!    everything that is counted look at that purchase and at nothing else.
//!
//! The module reads no clock and no store; everything it looks at is passed in.

mod basket;
mod choose;
mod discount;
mod effect;
mod pieces;
mod reprice;

pub use choose::COMBINATIONS_MAX;
pub use discount::{
    AppliedOffer, BasketDiscount, CouponUse, CouponVerdict, LineAmount, LinePrice,
    OfferExplanation, OfferVerdict, OtherOffer,
};
pub use pieces::BUNDLES_MAX;

pub(crate) use basket::{Basket, Taken};
pub(crate) use choose::{Candidate, Chosen, Reason, choose};
pub(crate) use reprice::{Repriced, reprice};
