//! The SQL store, on SQLite always and on PostgreSQL where `DATABASE_URL` names a server.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod adjustments;
mod batches;
mod booklets;
mod clocks;
mod commits;
mod coupon_codes;
mod coupon_transfers;
mod coupons;
mod damage;
mod engines;
mod events;
#[cfg(all(feature = "sqlite", target_os = "linux"))]
mod gone_file;
mod lifecycle;
#[cfg(feature = "sqlite")]
mod log;
mod merges;
mod offers;
#[cfg(feature = "sqlite")]
mod own_file;
mod programs;
mod reads;
mod redemptions;
mod refunds;
mod risk;
mod schemas;
mod shared_wallets;
mod surgeon;
mod sweeps;
mod transfers;
pub mod world;
