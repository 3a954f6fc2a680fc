//! Foreign exchange: rates that hosts import, what an amount becomes by them, and conversions of what members have.
//!
//! - An [`FxRate`] is of a source, for a pair of currencies and a day: one price, or a bid and an ask. The rate of a day is the
//!   latest on it or before, as far as the program's limit of age allows, so that a weekend has the rates of its Friday.
//! - An [`FxChain`] leads from one currency to another: directly, the other way round, or over a pivot. It is one
//!   [exact ratio](ExactRatio), and its steps are told with every amount that was converted by it.
//! - The section [`fx`](FxSection) of a program names sources, pivots, pairs, markups and fees.
//! - A [`FxQuote`] holds for one member until its time is over, and is used once. A [`Conversion`] is kept with the terms it was
//!   made by, and is refunded by these.
//!
//! Whoever converts there and back never has more than before, whatever the pair, the amount, the markup and the chain: what a
//! member gets is cut off, once, both directions use the same rates, and no step gives a member the better side of a price.
//!
//! Rates of central banks are published for information and not for settlement; whether to deal at them is the host's decision.
//!
//! What is not here: rates themselves, which the host brings, and any opinion on which are right.

mod chain;
mod conversion;
mod ecb;
mod error;
mod exact;
mod price;
mod problem;
mod quote;
mod rate;
mod section;
mod terms;

pub use chain::{FxChain, FxLeg, FxLookup};
pub use conversion::{
    CONVERSION_REFUNDS_MAX, Conversion, ConversionRefund, ConversionState, RefundError, Refunding,
};
pub use ecb::{EcbRates, EcbTrouble, read_ecb};
pub use error::FxError;
pub use exact::ExactRatio;
pub use price::{FxPrice, FxRateKind, RATE_DECIMALS_MAX, RATE_DIGITS_MAX};
pub use problem::RateProblem;
pub use quote::{AllowedBy, FxQuote, FxQuoteState};
pub use rate::{CORRECTIONS_MAX, CorrectedTooOften, FxCorrection, FxPair, FxRate, FxRateId};
pub use section::{
    FX_AGE_DAYS_DEFAULT, FX_AGE_DAYS_MAX, FX_PIVOTS_MAX, FX_QUOTE_SECONDS_DEFAULT,
    FX_QUOTE_SECONDS_MAX, FX_SOURCES_MAX, FxExpiry, FxFee, FxPurpose, FxRule, FxSection,
};
pub use terms::{CompiledFx, CompiledFxRule, ConversionTerms, Converted, FxRateUsed, FxRatios};
