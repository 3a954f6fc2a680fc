//! The program document: what a program manager writes, checked as a whole and compiled to an index.
//!
//! A [`Program`] is plain data, the same in TOML and JSON. Unknown fields are refused by name;
//! [`CompiledProgram::compile`] checks the rest and reports **all** problems at once, each with its path. A compiled
//! program is immutable: it is one numbered revision, and evaluating a purchase touches only rules that can match.
//!
//! Nothing here evaluates a purchase; that is the cashback module.

mod activity;
mod boost;
mod check;
mod compiled;
mod compiled_effect;
mod compiled_ladder;
mod compiled_offer;
mod compiled_redemption;
mod condition;
mod deposits;
mod document;
mod effect;
mod expiry;
mod index;
mod ladder;
mod limit;
mod member_facts;
mod offer;
mod parse;
mod redemption;
mod refunds;
mod succession;
mod validate;

pub use activity::{Activity, ActivityCounter};
pub use boost::Boost;
pub use check::{
    ActivityCheck, BasisMask, Check, FACTS, Fact, LineCheck, OfferNumbers, Range, SymbolSet,
    weekday_bit,
};
pub use compiled::{CapScope, CompiledCap, CompiledProgram, CompiledRule, CompiledStackingGroup};
pub use compiled_effect::{CompiledBand, CompiledBandReward, CompiledEffect};
pub use compiled_ladder::{CompiledLadder, CompiledTier, LadderError};
pub use compiled_offer::{
    CompiledBuyGet, CompiledOffer, CompiledOfferEffect, CompiledOffers, CompiledPercent,
    CompiledPieces, OfferGroup,
};
pub use compiled_redemption::{CompiledBucket, CompiledCeiling, CompiledRedemptions, CompiledUnit};
pub use condition::{
    AmountTest, AttributeTest, Condition, LineTest, NumberTest, TierTest, WindowCount, WindowSum,
};
pub use deposits::{
    CompiledDeposits, DEPOSIT_MINUTES_DEFAULT, DEPOSIT_MINUTES_MAX, DepositProvider, Deposits,
    TOLERANCE_SECONDS_DEFAULT, TOLERANCE_SECONDS_MAX,
};
pub use document::{
    Basis, Lifecycle, Part, Pending, Program, Rule, RunningBase, Scope, Stacking, StackingGroup,
    UnitDefinition,
};
pub use effect::{
    Band, BandMode, BandReward, Bands, Effect, FixedReward, Multiplier, PerUnitReward,
    PercentReward, Remainder,
};
pub use expiry::{Expiry, ExtendingActivity, SlidingRule};
pub use index::{Candidates, FactSymbols, Residual};
pub use ladder::{Benefits, Downgrade, Ladder, Measure, Tier, TierWindow};
pub use limit::{Budget, Cap, CapPer, Limit};
pub use member_facts::MemberFacts;
pub use offer::{
    Bundle, BuyGet, Combination, CouponValue, Each, Earn, FixedOff, FixedPrice, Minimum, Offer,
    OfferEffect, Offers, PercentOff, PieceGroup, PiecesOff, Prices, ReturnedBy, Which,
    WithoutEffect,
};
pub use redemption::{
    Ceiling, EXPIRES_AFTER_MINUTES_DEFAULT, EXPIRES_AFTER_MINUTES_MAX, RETURNED_GRACE_DAYS_MAX,
    Redemptions, ReturnedLate, SpendBucket, UnitTerms, UnitValue,
};
pub use refunds::{RefundPolicy, RefundedRewards, Refunds, Shortfall};
pub use succession::{Predecessor, Since, succession};
pub use validate::{
    CAPS_MAX, CONDITION_DEPTH_MAX, GRACE_DAYS_MAX, PARTS_MAX, PROGRAM_OFFERS_MAX, RULES_MAX,
    TAGS_MAX, TEXT_BYTES_MAX, TIERS_MAX, VALUES_MAX,
};
