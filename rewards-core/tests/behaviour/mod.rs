//! What the core does, in tables worked out manually.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in the functions that tests share as well"
)]

mod adjustments;
mod aliases;
mod assets;
mod audit;
mod booklets;
mod calibration;
mod cashback_conditions;
mod cashback_effects;
mod cashback_limits;
mod cashback_stacking;
mod clocks;
mod coupon_values;
mod coupons;
mod debts;
mod departures;
mod deposits;
mod expiring;
mod explanations;
mod extending;
mod fx;
mod history;
mod ledger;
mod lifecycle;
mod many_rewards;
mod members;
mod merges;
mod missing;
mod offers;
mod payments;
mod purchases;
mod redemption_numbers;
mod redemptions;
mod refunded_lines;
mod replacements;
mod risk;
mod shared_wallets;
mod statements;
mod tiers;
mod tokens;
mod transfers;
