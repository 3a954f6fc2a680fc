//! What several tests share.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in the functions that tests share as well"
)]

mod audit;
pub mod keys;
pub mod problems;
pub mod programs;
pub mod sections;
pub mod shop;
pub mod words;
pub mod world;
