//! What whoever takes tokens offline remembers: which were spent here, and the latest that the clock has said.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::verifier::AcceptedToken;
use crate::ids::TokenId;
use crate::time::Timestamp;

/// What of a token was spent here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct SpentHere {
    /// The number of the last payment; 0 of one that is good for whoever bears it.
    pub counter: u32,
    /// The digest of the last payment, in hexadecimal digits.
    pub digest: String,
    /// How much in all, in minor units.
    pub minor: i64,
}

/// What is remembered when a token is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct TokenMemory {
    /// The latest that the clock has said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub latest: Option<Timestamp>,
    /// When everything taken had been told to the engine for the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub synced_at: Option<Timestamp>,
    /// How many payments were taken since.
    #[serde(default)]
    #[cfg_attr(feature = "uniffi", uniffi(default = 0))]
    pub waiting: u32,
    /// How much they come to, in minor units.
    #[serde(default)]
    #[cfg_attr(feature = "uniffi", uniffi(default = 0))]
    pub waiting_minor: i64,
    /// What of this token was spent here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub spent: Option<SpentHere>,
}

/// Where whoever takes tokens remembers them. It must outlive a restart: what is forgotten can be spent here again.
pub trait TokenLog {
    /// What goes wrong in keeping it.
    type Error;

    /// What is remembered, for a token.
    ///
    /// # Errors
    /// When it cannot be read.
    fn memory(&self, token: &TokenId) -> Result<TokenMemory, Self::Error>;

    /// Keeps a payment that was taken, before anything is handed over for it.
    ///
    /// # Errors
    /// When it cannot be kept; then nothing was taken.
    fn record(&mut self, taken: &AcceptedToken) -> Result<(), Self::Error>;

    /// Keeps what the clock says, when a token is refused: a clock that is set back afterwards is seen all the same.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn see(&mut self, now: Timestamp) -> Result<(), Self::Error>;

    /// Everything taken by then was told to the engine.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn synced(&mut self, at: Timestamp) -> Result<(), Self::Error>;
}

/// A log in memory, for tests and for whoever stores it as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryLog {
    memory: TokenMemory,
    spent: BTreeMap<TokenId, SpentHere>,
}

impl TokenLog for MemoryLog {
    type Error = std::convert::Infallible;

    fn memory(&self, token: &TokenId) -> Result<TokenMemory, Self::Error> {
        Ok(TokenMemory {
            spent: self.spent.get(token).cloned(),
            ..self.memory.clone()
        })
    }

    fn record(&mut self, taken: &AcceptedToken) -> Result<(), Self::Error> {
        let before = self.memory(&taken.token)?;
        let after = before.after(taken);
        if let Some(spent) = after.spent.clone() {
            self.spent.insert(taken.token.clone(), spent);
        }
        self.memory = TokenMemory {
            spent: None,
            ..after
        };
        Ok(())
    }

    fn see(&mut self, now: Timestamp) -> Result<(), Self::Error> {
        self.memory.latest = self.memory.latest.max(Some(now));
        Ok(())
    }

    fn synced(&mut self, at: Timestamp) -> Result<(), Self::Error> {
        self.see(at)?;
        self.memory.synced_at = self.memory.synced_at.max(Some(at));
        self.memory.waiting = 0;
        self.memory.waiting_minor = 0;
        Ok(())
    }
}

impl TokenMemory {
    /// What is remembered of a token after a payment was taken.
    #[must_use]
    pub fn after(&self, taken: &AcceptedToken) -> Self {
        let minor = taken.amount.minor();
        let before = self.spent.as_ref().map_or(0, |spent| spent.minor);
        Self {
            latest: self.latest.max(Some(taken.taken_at)),
            synced_at: self.synced_at,
            waiting: self.waiting.saturating_add(1),
            waiting_minor: self.waiting_minor.saturating_add(minor),
            spent: Some(SpentHere {
                counter: taken.counter,
                digest: taken.digest.clone(),
                minor: before.saturating_add(minor),
            }),
        }
    }
}
