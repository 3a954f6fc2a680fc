//! All cross-crate tests in one program, which links once, but for `processes`.

mod compatibility;
mod fuzzing;
mod layering;
mod postgres;
mod simulation;
mod tidy;
mod vectors;
