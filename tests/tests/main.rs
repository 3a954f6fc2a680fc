//! All cross-crate tests in one program, which links once, but for `processes`.

mod compatibility;
mod deadlocks;
mod hostile;
mod layering;
mod postgres;
mod simulation;
mod stalls;
mod tidy;
mod tls;
mod vectors;
