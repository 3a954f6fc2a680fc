//! Durable storage and the engine around the pure core.
#![forbid(unsafe_code)]
