//! All tests of the storage from outside, in one program: it links once for every feature that is tested alone.

#[cfg(feature = "memory")]
mod contract_memory;
#[cfg(feature = "postgres")]
mod contract_postgres;
#[cfg(feature = "sqlite")]
mod contract_sqlite;
// What the tests of the engine share counts as test code for the lints.
#[cfg(test)]
#[cfg(all(feature = "memory", any(feature = "sqlite", feature = "postgres")))]
mod deposits;
#[cfg(test)]
#[cfg(feature = "memory")]
mod engine;
#[cfg(test)]
#[cfg(all(feature = "memory", any(feature = "sqlite", feature = "postgres")))]
mod every_store;
#[cfg(feature = "memory")]
mod faulty;
#[cfg(test)]
#[cfg(all(feature = "memory", any(feature = "sqlite", feature = "postgres")))]
mod fx;
#[cfg(test)]
#[cfg(all(feature = "memory", any(feature = "sqlite", feature = "postgres")))]
mod payments;
#[cfg(test)]
#[cfg(all(feature = "memory", any(feature = "sqlite", feature = "postgres")))]
mod qr;
#[cfg(feature = "scenario")]
mod scenario;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod sql_store;
#[cfg(test)]
#[cfg(all(feature = "memory", feature = "sqlite"))]
mod till;
#[cfg(test)]
#[cfg(all(feature = "memory", any(feature = "sqlite", feature = "postgres")))]
mod tokens;

// By these names the tests of the engine and of the SQL store know what they share.
#[cfg(feature = "memory")]
use engine::{operations, support};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use sql_store::world;
