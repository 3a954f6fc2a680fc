//! What the runnable programs beside this crate's manifest are made of.
#![forbid(unsafe_code)]

pub mod quickstart;
