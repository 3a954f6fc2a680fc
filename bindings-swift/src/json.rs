//! Requests from JSON, and replies and errors as canonical JSON: sorted names, no blanks.
//!
//! For apps that keep or send requests and replies as text, and for the conformance vectors.

use rewards_core::canonical;
use rewards_core::ffi::RewardsError;
use rewards_core::parse::parse_request;
use rewards_core::rejection::{Fault, Rejection};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::guard::guarded_now;

/// An error as canonical JSON, the same in every language.
#[uniffi::export]
pub fn error_to_json(error: RewardsError) -> Result<String, RewardsError> {
    write(&Fault::from(error))
}

/// Any JSON in its canonical form, for comparisons.
#[uniffi::export]
pub fn canonical_json(json: String) -> Result<String, RewardsError> {
    write(&read::<serde_json::Value>(&json)?)
}

/// Reads a request, or says all that is wrong with its shape.
pub(crate) fn read<T: DeserializeOwned>(json: &str) -> Result<T, RewardsError> {
    guarded_now(|| Ok(parse_request(json).map_err(Rejection::Invalid)?))
}

/// Writes a reply.
pub(crate) fn write<T: Serialize>(value: &T) -> Result<String, RewardsError> {
    guarded_now(|| {
        let value = serde_json::to_value(value);
        let value = value.map_err(|error| Fault::new("internal", error.to_string()))?;
        Ok(canonical::text(&value))
    })
}
