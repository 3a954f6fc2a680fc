//! All cross-crate tests in one program, which links once, but for `processes`.

mod compatibility;
mod deadlocks;
mod fuzzing;
mod hostile;
mod layering;
mod plans;
mod postgres;
mod simulation;
mod stalls;
mod texts;
mod tidy;
mod tls;
mod vectors;
