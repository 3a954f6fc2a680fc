//! Why a command has no effect: one [`Rejection`] with a stable code, and the [`Fault`] every host sees.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::ids::{MemberId, ProgramId, PurchaseId, Slug};
use crate::ledger::LedgerError;
use crate::time::Timestamp;

/// One thing that is wrong with an input, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// Stable code of the problem.
    pub code: Cow<'static, str>,
    /// Where it is: a path such as `rules[3].effect.percent.rate`; empty for the whole input.
    pub path: String,
    /// What is wrong, in words.
    pub detail: String,
}

impl Problem {
    /// A problem at a path.
    #[must_use]
    pub fn new(code: &'static str, path: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            code: Cow::Borrowed(code),
            path: path.into(),
            detail: detail.into(),
        }
    }

    /// The same problem with its path below a field: that of the request which holds the input.
    #[must_use]
    pub fn below(mut self, field: &str) -> Self {
        self.path = match self.path.as_str() {
            "" => field.to_owned(),
            path if path.starts_with('[') => format!("{field}{path}"),
            path => format!("{field}.{path}"),
        };
        self
    }
}

/// Why a command has no effect. Nothing is written when a command is rejected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The input itself is wrong; all problems found.
    #[error("{}", describe(.0))]
    Invalid(Vec<Problem>),
    /// No program has this id.
    #[error("unknown program `{0}`")]
    ProgramUnknown(ProgramId),
    /// The program has no revision that is active at the instant.
    #[error("program `{program}` has no revision active at {at}")]
    ProgramNotActive {
        /// The program.
        program: ProgramId,
        /// The instant.
        at: Timestamp,
    },
    /// No member has this id.
    #[error("unknown member `{0}`")]
    MemberUnknown(MemberId),
    /// The member is registered already.
    #[error("member `{0}` is registered already")]
    MemberExists(MemberId),
    /// No purchase of the member has this id.
    #[error("unknown purchase `{0}`")]
    PurchaseUnknown(PurchaseId),
    /// A purchase with this id is recorded already.
    #[error("purchase `{0}` is recorded already")]
    PurchaseExists(PurchaseId),
    /// The purchase was cancelled.
    #[error("purchase `{0}` is cancelled")]
    PurchaseCancelled(PurchaseId),
    /// The purchase was confirmed before.
    #[error("purchase `{0}` is confirmed already")]
    PurchaseConfirmed(PurchaseId),
    /// The decision would differ from the quote that the purchase pins.
    #[error("the quote no longer holds: expected digest `{expected}`, got `{found}`")]
    QuoteChanged {
        /// The digest the caller pinned.
        expected: String,
        /// The digest of the decision now.
        found: String,
    },
    /// The available balance does not cover a debit.
    #[error("insufficient balance: {needed} needed, {available} available")]
    Insufficient {
        /// What was asked for, as amount and asset.
        needed: String,
        /// What is available, as amount and asset.
        available: String,
    },
    /// More rows are involved than one command may touch.
    #[error("more than {limit} {what} are involved")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: u32,
    },
    /// A ladder with this name is not part of the program.
    #[error("unknown ladder `{0}`")]
    LadderUnknown(String),
    /// An amount or a count left its range.
    #[error("an amount exceeds the range of 64-bit minor units")]
    Overflow,
    /// The life of a reward would go on beyond the supported years.
    #[error("rule `{rule}` sets a time outside of 1970-01-01 to 2200-01-01 UTC")]
    TimeOutOfRange {
        /// The rule whose lifecycle sets the time.
        rule: Slug,
    },
    /// The idempotency key was used before, for another request.
    #[error("idempotency key `{key}` was used for another request")]
    KeyReused {
        /// The key.
        key: String,
    },
    /// A shared limit was used up by others while this was decided, too often to try again.
    #[error("too much contention: gave up after {attempts} attempts")]
    Contention {
        /// How often it was tried.
        attempts: u32,
    },
}

fn describe(problems: &[Problem]) -> String {
    match problems.split_first() {
        None => "invalid input".to_owned(),
        Some((first, [])) => format!("{}: {}", first.path, first.detail),
        Some((first, rest)) => {
            format!(
                "{}: {} (and {} more problems)",
                first.path,
                first.detail,
                rest.len()
            )
        }
    }
}

impl From<LedgerError> for Rejection {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Insufficient { needed, available } => Self::Insufficient {
                needed: needed.to_string(),
                available: available.to_string(),
            },
            _ => Self::Overflow,
        }
    }
}

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
    /// The store could not be reached; the same command may be sent again with the same key.
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

/// Every code of a [`Rejection`] but the codes of single problems, with its kind and HTTP status.
pub const CODES: &[(&str, FaultKind, u16)] = &[
    ("invalid", FaultKind::Invalid, 422),
    ("program_unknown", FaultKind::Rejected, 404),
    ("program_not_active", FaultKind::Rejected, 422),
    ("member_unknown", FaultKind::Rejected, 404),
    ("member_exists", FaultKind::Rejected, 409),
    ("purchase_unknown", FaultKind::Rejected, 404),
    ("purchase_exists", FaultKind::Rejected, 409),
    ("purchase_cancelled", FaultKind::Rejected, 409),
    ("purchase_confirmed", FaultKind::Rejected, 409),
    ("quote_changed", FaultKind::Conflict, 409),
    ("insufficient_balance", FaultKind::Rejected, 402),
    ("too_many", FaultKind::Rejected, 422),
    ("ladder_unknown", FaultKind::Rejected, 404),
    ("overflow", FaultKind::Rejected, 422),
    ("time_out_of_range", FaultKind::Rejected, 422),
    ("key_reused", FaultKind::Conflict, 409),
    ("contention", FaultKind::Conflict, 503),
    ("store_unavailable", FaultKind::Unavailable, 503),
    ("store_corrupt", FaultKind::Internal, 500),
    ("store_refused", FaultKind::Internal, 500),
    ("schema_too_new", FaultKind::Internal, 500),
    ("engine_closed", FaultKind::Unavailable, 503),
    ("internal", FaultKind::Internal, 500),
];

impl Rejection {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid",
            Self::ProgramUnknown(_) => "program_unknown",
            Self::ProgramNotActive { .. } => "program_not_active",
            Self::MemberUnknown(_) => "member_unknown",
            Self::MemberExists(_) => "member_exists",
            Self::PurchaseUnknown(_) => "purchase_unknown",
            Self::PurchaseExists(_) => "purchase_exists",
            Self::PurchaseCancelled(_) => "purchase_cancelled",
            Self::PurchaseConfirmed(_) => "purchase_confirmed",
            Self::QuoteChanged { .. } => "quote_changed",
            Self::Insufficient { .. } => "insufficient_balance",
            Self::TooMany { .. } => "too_many",
            Self::LadderUnknown(_) => "ladder_unknown",
            Self::Overflow => "overflow",
            Self::TimeOutOfRange { .. } => "time_out_of_range",
            Self::KeyReused { .. } => "key_reused",
            Self::Contention { .. } => "contention",
        }
    }

    fn context(&self) -> BTreeMap<String, String> {
        let pairs: Vec<(&str, String)> = match self {
            Self::ProgramUnknown(program) => vec![("program", program.to_string())],
            Self::ProgramNotActive { program, at } => {
                vec![("program", program.to_string()), ("at", at.to_string())]
            }
            Self::MemberUnknown(member) | Self::MemberExists(member) => {
                vec![("member", member.to_string())]
            }
            Self::PurchaseUnknown(purchase)
            | Self::PurchaseExists(purchase)
            | Self::PurchaseCancelled(purchase)
            | Self::PurchaseConfirmed(purchase) => vec![("purchase", purchase.to_string())],
            Self::QuoteChanged { expected, found } => {
                vec![("expected", expected.clone()), ("found", found.clone())]
            }
            Self::Insufficient { needed, available } => {
                vec![("needed", needed.clone()), ("available", available.clone())]
            }
            Self::TooMany { what, limit } => {
                vec![("what", (*what).to_owned()), ("limit", limit.to_string())]
            }
            Self::LadderUnknown(ladder) => vec![("ladder", ladder.clone())],
            Self::TimeOutOfRange { rule } => vec![("rule", rule.to_string())],
            Self::KeyReused { key } => vec![("key", key.clone())],
            Self::Contention { attempts } => vec![("attempts", attempts.to_string())],
            Self::Invalid(_) | Self::Overflow => vec![],
        };
        pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}

/// Input with one problem.
impl From<Problem> for Rejection {
    fn from(problem: Problem) -> Self {
        Self::Invalid(vec![problem])
    }
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

impl Fault {
    /// A fault with one of the known [`CODES`]; an unknown code is an internal fault.
    #[must_use]
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        let kind = CODES
            .iter()
            .find(|(known, ..)| *known == code)
            .map_or(FaultKind::Internal, |(_, kind, _)| *kind);
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
        CODES
            .iter()
            .find(|(code, ..)| *code == self.code)
            .map_or(500, |(_, _, status)| *status)
    }

    /// Whether the same command with the same key may succeed later, unchanged.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.kind == FaultKind::Unavailable || self.code == "contention"
    }
}
