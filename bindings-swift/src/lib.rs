//! The rewards engine for Swift and Kotlin.
//!
//! [`RewardsEngine`] has one asynchronous method for each operation, on a store that is embedded in the app.
//! [`OfflineProgram`] quotes purchases, [`validate_program`] checks documents, [`check_token`] takes offline tokens and
//! [`check_qr`] reads signed codes without any store, and [`Till`] remembers
//! in a file of its own what it takes. Requests, replies and errors are those of `rewards-core`, which says
//! how they cross; there are no rules here.
//!
//! Whatever goes wrong comes back as a [`RewardsError`](rewards_core::ffi::RewardsError), a panic included.
#![forbid(unsafe_code)]

mod amounts;
mod clock;
mod engine;
mod guard;
mod json;
mod key_ring;
mod offline;
mod operations;
mod qr;
mod services;
mod till;
mod tokens;

pub use amounts::{read_local_money, read_money};
pub use clock::{HostClock, HostTime};
pub use engine::RewardsEngine;
pub use json::{canonical_json, error_to_json};
pub use key_ring::RingKey;
pub use offline::{OfflineProgram, validate_program};
pub use operations::*;
pub use qr::check_qr;
pub use services::{BookReport, EngineHealth};
pub use till::Till;
pub use tokens::{check_token, read_token, spend_message, spend_proof};

uniffi::setup_scaffolding!();
