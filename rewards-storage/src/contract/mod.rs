//! The conformance suite: one function per law of the [store's contract](crate::store), for every backend.
//!
//! A backend passes when every law passes on an empty tenant. [`contract_tests!`](crate::contract_tests) makes one
//! test of each law from an expression that opens a backend:
//!
//! ```
//! # #[cfg(feature = "memory")]
//! # mod tests {
//! use std::sync::Arc;
//! use rewards_storage::contract::{Subject, fixtures};
//! use rewards_storage::memory::MemoryStore;
//!
//! async fn fresh() -> Subject {
//!     Subject::new(Arc::new(MemoryStore::new()), fixtures::tenant("contract"))
//! }
//!
//! rewards_storage::contract_tests!(memory, fresh());
//! # }
//! ```
//!
//! - Laws touch only their [`Subject`]'s tenant and [its neighbour](Subject::neighbour), so that suites can share a
//!   database when each test brings a tenant of its own.
//! - Laws are deterministic in what they write. Those that race tasks hold under every interleaving.
//! - A transient error of a load, commit or claim is answered by trying again, as the engine does; any other error
//!   fails the law.
//! - A law that fails panics and says which line of the contract is broken. Nothing here returns an error.

#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "a test suite that is compiled into the library: its outcome is a panic"
)]

pub mod atomicity;
pub mod books;
pub mod entities;
pub mod fixtures;
pub mod guards;
pub mod idempotency;
pub mod ledger;
pub mod lots;
pub mod outbox;
pub mod pages;
pub mod receipts;
mod subject;
mod suite;
pub mod sweeps;
pub mod versions;

pub use subject::{Rows, Subject, Visible, plan_of};
