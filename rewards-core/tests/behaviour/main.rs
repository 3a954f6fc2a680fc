//! What the core does, in tables worked out manually.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, in the functions that tests share as well"
)]

#[path = "../support/words.rs"]
mod words;
#[path = "../support/world.rs"]
mod world;

mod cashback_conditions;
mod cashback_effects;
mod cashback_limits;
mod cashback_stacking;
mod ledger;
mod lifecycle;
mod purchases;
mod statements;
mod tiers;
