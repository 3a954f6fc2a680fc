//! The pure rules of the rewards engine: cashback, points, tiers and the ledger behind them.
//!
//! The crate answers one query, exactly and fast: *what follows from this command, for this program, now?* It does no
//! I/O, looks at no clock, draws no random number and reads no environment; all of that is passed in. So the same command
//! gives the same bytes in a service, on a phone, in an audit and in a backtest.
//!
//! # The shape
//!
//! ```text
//!  request ─ reads ─▶ ReadPlan ─▶ (a store) ─▶ Snapshot ─ decide ─▶ Decision { reply, changes } ─▶ (a store)
//! ```
//!
//! - An [operation](operations) is one use case: a request that names the rows it must [see](snapshot::ReadPlan) and says
//!   what [follows](decision::Decision).
//! - A decision is a value. Nothing has happened until a store has made its [changes](decision::Changes) durable, all or
//!   nothing; `rewards-storage` has three such stores and the engine that drives them.
//!
//! # Where things are
//!
//! | module | what it owns |
//! |---|---|
//! | [`money`] | amounts in minor units, assets, rates, rounding, splitting |
//! | [`time`] | instants, zones, calendar windows, the rule for clock changes |
//! | [`ledger`] | accounts, balanced transfers, lots, the hash-chained journal |
//! | [`program`] | the program document, its checks, its compiled index |
//! | [`cashback`] | match, stack, cap: what a purchase earns, and why |
//! | [`payments`] | money that comes in: deposits and what their providers say of them |
//! | [`fees`] | what a movement of value costs, and who pays it |
//! | [`transfers`] | value that members send to each other |
//! | [`fx`] | rates between currencies, and what an amount becomes by them |
//! | [`pipeline`] | stages of the host's around the steps of a payment |
//! | [`qr`] | codes that merchants show to be paid, built and read |
//! | [`tokens`] | value that is spent where there is no network |
//! | [`tiers`] | ladders, reviews, progress, benefits |
//! | [`operations`] | the use cases, where the rules meet |
//! | [`registry`] | the list of operations |
//! | [`audit`] | everything that is stored held against everything else |
//!
//! # What this crate does not do
//!
//! It stores nothing, sends nothing and formats nothing for people. It keeps no personal data: ids are the host's opaque
//! text.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::arithmetic_side_effects, clippy::float_arithmetic)
)]

pub mod adjustments;
pub mod audit;
pub mod canonical;
pub mod cashback;
mod coded;
pub mod command;
pub mod context;
pub mod counter;
pub mod coupons;
pub mod decision;
pub mod discounts;
pub mod entity;
pub mod event;
pub mod fees;
#[cfg(feature = "uniffi")]
pub mod ffi;
pub mod fingerprint;
pub mod fx;
pub mod ids;
pub mod ledger;
pub mod member;
pub mod money;
pub mod operations;
pub mod parse;
pub mod payments;
pub mod pipeline;
pub mod program;
pub mod qr;
pub mod refunds;
pub mod registry;
pub mod rejection;
pub mod risk;
pub mod secret;
pub mod signature;
pub mod snapshot;
pub mod texts;
pub mod tiers;
pub mod time;
pub mod tokens;
pub mod transfers;
pub mod wallet;

#[cfg(feature = "uniffi")]
uniffi::setup_scaffolding!();
