//! The use cases, one file each, by area. Domain rules meet here and only here.
//!
//! An operation says what it must see and what follows; it combines the rules of the domain modules and adds none of its
//! own. The [`registry`](crate::registry) lists them all.

pub mod aliases;
mod amounts;
mod assets;
pub mod balances;
mod change_builder;
mod counter_lookups;
pub mod coupons;
pub mod deposits;
mod due;
mod extension;
pub mod fx;
mod giving;
mod history;
pub mod members;
mod merged;
pub mod pages;
pub mod payments;
mod presence;
pub mod programs;
pub mod purchases;
pub mod qr;
pub mod redemptions;
mod review;
pub mod rewards;
pub mod risk;
mod seen;
pub mod shared_wallets;
mod standing;
pub mod tiers;
mod together;
pub mod tokens;
pub mod transfers;

use crate::rejection::{Problem, Rejection};

/// Refuses a request that has problems.
fn unless_wrong(problems: Vec<Problem>) -> Result<(), Rejection> {
    match problems.is_empty() {
        true => Ok(()),
        false => Err(Rejection::Invalid(problems)),
    }
}

/// Whether a count is left out of a reply.
pub(crate) fn is_zero(count: &u32) -> bool {
    *count == 0
}
