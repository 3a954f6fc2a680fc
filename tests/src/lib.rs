//! Shared harness of the cross-crate tests: a private PostgreSQL server, a seeded simulation with an auditor,
//! and Rust source as tokens for the tests that look at the code itself.
#![forbid(unsafe_code)]

pub mod fuzzing;
pub mod postgres;
pub mod proxy;
pub mod simulation;
pub mod source;
pub mod stopwatch;

/// The README, so that its code is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
