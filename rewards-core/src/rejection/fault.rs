//! What every host sees when a command has no effect.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Problem, REJECTIONS, Rejection};
use crate::tokens::TokenError;

/// The five kinds of fault; what a caller can do depends on the kind alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The input is wrong; the same input will always be.
    Invalid,
    /// The input is fine, the state forbids it.
    Rejected,
    /// The key was used for something else, or others won the race.
    Conflict,
    /// The store could not be reached or takes no writes now, or the clock cannot be right; the same command may be sent again
    /// with the same key.
    Unavailable,
    /// A defect of the engine or broken data.
    Internal,
}

/// What every host sees when a command has no effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Error)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[error("{code}: {detail}")]
pub struct Fault {
    /// What the caller can do about it.
    pub kind: FaultKind,
    /// Stable code.
    pub code: Cow<'static, str>,
    /// What is wrong, in words. For people; programs look at the code.
    pub detail: String,
    /// The values involved, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub context: BTreeMap<String, String>,
    /// For invalid input: all problems found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
}

/// Codes of faults that are no rejection: they come from the engine and its store.
const OTHERS: &[(&str, FaultKind, u16)] = &[
    ("store_unavailable", FaultKind::Unavailable, 503),
    ("store_refused", FaultKind::Internal, 500),
    // It takes no writes now, and will when there is room.
    ("disk_full", FaultKind::Unavailable, 507),
    ("store_read_only", FaultKind::Internal, 500),
    ("folder_missing", FaultKind::Internal, 500),
    ("file_in_use_here", FaultKind::Internal, 500),
    ("file_gone", FaultKind::Internal, 500),
    ("file_exists", FaultKind::Rejected, 409),
    ("backup_unsupported", FaultKind::Rejected, 501),
    ("schema_too_new", FaultKind::Internal, 500),
    ("schema_too_old", FaultKind::Internal, 500),
    // The same command succeeds when the clock is right.
    ("clock_behind", FaultKind::Unavailable, 503),
    ("clock_ahead", FaultKind::Unavailable, 503),
    ("engine_closed", FaultKind::Unavailable, 503),
    ("program_closed", FaultKind::Unavailable, 503),
    // The host's clock, where it gave the engine one.
    ("clock_failed", FaultKind::Unavailable, 503),
];

/// Codes of why a token is not taken, here or where there is no network.
const TOKENS: &[(&str, FaultKind, u16)] = &[
    ("token_malformed", FaultKind::Rejected, 422),
    ("token_algorithm_wrong", FaultKind::Rejected, 422),
    ("token_header_critical", FaultKind::Rejected, 422),
    ("token_key_unknown", FaultKind::Rejected, 422),
    ("token_key_not_valid", FaultKind::Rejected, 422),
    ("token_signature_wrong", FaultKind::Rejected, 422),
    ("token_proof_wrong", FaultKind::Rejected, 422),
    ("token_proof_missing", FaultKind::Rejected, 422),
    ("token_proof_mismatch", FaultKind::Rejected, 422),
    ("token_issuer_wrong", FaultKind::Rejected, 422),
    ("token_not_yet_valid", FaultKind::Rejected, 409),
    ("token_expired", FaultKind::Rejected, 410),
    ("token_audience_wrong", FaultKind::Rejected, 422),
    ("token_category_refused", FaultKind::Rejected, 422),
    ("token_device_wrong", FaultKind::Rejected, 422),
    ("token_over_limit", FaultKind::Rejected, 409),
    ("token_seen", FaultKind::Rejected, 409),
    ("token_revoked", FaultKind::Rejected, 410),
    ("clock_rolled_back", FaultKind::Rejected, 409),
    ("token_log_rolled_back", FaultKind::Rejected, 409),
    ("token_sync_overdue", FaultKind::Rejected, 409),
];

/// Every code of a fault but the codes of single problems, with its kind and HTTP status.
pub fn codes() -> impl Iterator<Item = (&'static str, FaultKind, u16)> {
    REJECTIONS.iter().chain(OTHERS).chain(TOKENS).copied()
}

/// Input with one problem.
impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Rejection::from(problem).into()
    }
}

impl From<Rejection> for Fault {
    fn from(rejection: Rejection) -> Self {
        let mut fault = Self::new(rejection.code(), rejection.to_string());
        fault.context = rejection.context();
        if let Rejection::Invalid(problems) = rejection {
            fault.problems = problems;
        }
        fault
    }
}

impl From<TokenError> for Fault {
    fn from(error: TokenError) -> Self {
        Rejection::from(error).into()
    }
}

impl Fault {
    /// A fault with one of the known [`codes`]; an unknown code is an internal fault.
    #[must_use]
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        let kind = codes()
            .find(|(known, ..)| *known == code)
            .map_or(FaultKind::Internal, |(_, kind, _)| kind);
        Self {
            kind,
            code: Cow::Borrowed(code),
            detail: detail.into(),
            context: BTreeMap::new(),
            problems: Vec::new(),
        }
    }

    /// The HTTP status a host should answer with.
    #[must_use]
    pub fn http_status(&self) -> u16 {
        codes()
            .find(|(code, ..)| *code == self.code)
            .map_or(500, |(_, _, status)| status)
    }

    /// Whether the same command with the same key may succeed later, unchanged, when the same engine is asked again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match &*self.code {
            "contention" => true,
            // It stays closed, however often it is asked.
            "engine_closed" | "program_closed" => false,
            _ => self.kind == FaultKind::Unavailable,
        }
    }
}
