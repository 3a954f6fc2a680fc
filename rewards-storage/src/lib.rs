//! Durable storage for the rewards engine, and the engine itself.
//!
//! The rules are in [`rewards_core`]: pure functions from a request and a view to a decision. This crate fetches the view,
//! makes the decision durable in one step, and runs many of them together.
//!
//! | module | what it is |
//! |---|---|
//! | [`engine`] | takes requests, group-commits decisions, replays repetitions, sweeps, audits |
//! | [`store`] | the narrow waist: three small traits and their contract |
//! | [`memory`], [`sql`] | the backends: memory, SQLite, PostgreSQL |
//! | [`address`] | `memory:`, `sqlite:…`, `postgresql:…`: what they mean, and why one is refused |
//! | [`contract`] | the public test suite of that contract, for your own backend too |
//! | [`faulty`] | a store that fails on purpose, by a seed |
//! | [`forward_store!`] | writes the calls that a store around another one only hands on |
//! | [`stages`] | runs stages of a payment's pipeline for hosts in Rust |
//! | `till` | takes offline tokens without an engine, and remembers them in a SQLite file |
//! | `scenario` | runs files of requests and expected replies: the test format of programs |
//!
//! # Features
//!
//! `memory` and `sqlite` are on by default; `postgres` adds PostgreSQL, `schema` the JSON Schema of requests and replies,
//! `scenario` the runner of scenario files.
//! Each builds and is tested alone.
//!
//! # What this crate does not do
//!
//! It contains no rules, opens no port, and keeps no global state, but for which SQLite files it has open: locks on them belong to the
//! process.
#![forbid(unsafe_code)]

#[cfg(feature = "sql")]
pub mod address;
pub mod batch;
pub mod contract;
pub mod engine;
pub mod error;
pub mod faulty;
#[doc(hidden)]
pub mod forward;
pub mod judge;
#[cfg(feature = "memory")]
pub mod memory;
#[cfg(feature = "scenario")]
pub mod scenario;
#[cfg(feature = "sql")]
pub mod sql;
pub mod stages;
pub mod store;
#[cfg(feature = "sqlite")]
pub mod till;
