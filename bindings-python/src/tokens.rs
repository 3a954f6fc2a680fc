//! Offline tokens without an engine: what a till and a wallet do where there is no network. Values cross as JSON.

use pyo3::prelude::*;
use rewards_core::tokens::{ShownToken, SignedToken, TokenMemory, TokenSpend, TokenVerifier};

use crate::json::{read, told, written};

/// Whether a token that is shown pays here: what was accepted.
#[pyfunction]
#[pyo3(signature = (verifier, shown, memory, /))]
pub fn check_token(verifier: &str, shown: &str, memory: &str) -> PyResult<String> {
    told(|| {
        let verifier: TokenVerifier = read(verifier)?;
        let (shown, memory): (ShownToken, TokenMemory) = (read(shown)?, read(memory)?);
        written(&verifier.check(&shown, &memory)?)
    })
}

/// What a token says, without a look at its signature.
#[pyfunction]
#[pyo3(signature = (text, /))]
pub fn read_token(text: &str) -> PyResult<String> {
    told(|| written(&SignedToken::parse(text)?.claims))
}

/// What the key of a device signs to spend a token.
#[pyfunction]
#[pyo3(signature = (spend, /))]
pub fn spend_message(spend: &str) -> PyResult<Vec<u8>> {
    told(|| Ok(read::<TokenSpend>(spend)?.message()?))
}

/// The proof of a payment with its signature.
#[pyfunction]
#[pyo3(signature = (spend, signature, /))]
pub fn spend_proof(spend: &str, signature: &[u8]) -> PyResult<String> {
    told(|| Ok(read::<TokenSpend>(spend)?.proof(signature)?))
}
