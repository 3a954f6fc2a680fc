//! The rules of tier ladders: moves as tables of what happens and where the member stands then, laws as properties.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in the functions that tests share as well"
)]

mod laws;
mod moves;
mod reading;
mod stage;
