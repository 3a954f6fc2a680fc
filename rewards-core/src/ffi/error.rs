//! The one error of the foreign faces: a [`Fault`] by its kind.

use thiserror::Error;

use super::TextMap;
use crate::rejection::{Fault, FaultKind, Problem, Rejection};

/// Why a call had no effect. What the caller can do depends on the kind alone; programs look at the code.
#[derive(Debug, Clone, PartialEq, Eq, Error, uniffi::Error)]
pub enum RewardsError {
    /// The input is wrong; the same input will always be.
    #[error("{code}: {detail}")]
    Invalid {
        /// Stable code.
        code: String,
        /// What is wrong, in words.
        detail: String,
        /// The values involved, by name.
        context: TextMap,
        /// All problems found.
        problems: Vec<Problem>,
    },
    /// The input is fine, the state forbids it.
    #[error("{code}: {detail}")]
    Rejected {
        /// Stable code.
        code: String,
        /// What is wrong, in words.
        detail: String,
        /// The values involved, by name.
        context: TextMap,
        /// All problems found.
        problems: Vec<Problem>,
    },
    /// The key was used for something else, or others won the race.
    #[error("{code}: {detail}")]
    Conflict {
        /// Stable code.
        code: String,
        /// What is wrong, in words.
        detail: String,
        /// The values involved, by name.
        context: TextMap,
        /// All problems found.
        problems: Vec<Problem>,
    },
    /// The store could not be reached; the same command may be sent again with the same key.
    #[error("{code}: {detail}")]
    Unavailable {
        /// Stable code.
        code: String,
        /// What is wrong, in words.
        detail: String,
        /// The values involved, by name.
        context: TextMap,
        /// All problems found.
        problems: Vec<Problem>,
    },
    /// A defect, or a store that cannot be used as it is.
    #[error("{code}: {detail}")]
    Internal {
        /// Stable code.
        code: String,
        /// What is wrong, in words.
        detail: String,
        /// The values involved, by name.
        context: TextMap,
        /// All problems found.
        problems: Vec<Problem>,
    },
}

impl RewardsError {
    /// An input with these problems.
    #[must_use]
    pub fn invalid(problems: Vec<Problem>) -> Self {
        Fault::from(Rejection::Invalid(problems)).into()
    }
}

/// What an app's own code throws when the library calls it, and it is none of these errors. Whoever called says what it means.
impl From<uniffi::UnexpectedUniFFICallbackError> for RewardsError {
    fn from(thrown: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Fault::new("internal", thrown.reason).into()
    }
}

/// Makes both directions from one list of the kinds, which are the same on both sides.
macro_rules! kinds {
    ($($kind:ident)*) => {
        impl From<Fault> for RewardsError {
            fn from(fault: Fault) -> Self {
                let Fault { kind, code, detail, context, problems } = fault;
                let code = code.into_owned();
                match kind {
                    $(FaultKind::$kind => Self::$kind { code, detail, context, problems },)*
                }
            }
        }

        impl From<RewardsError> for Fault {
            fn from(error: RewardsError) -> Self {
                match error {
                    $(RewardsError::$kind { code, detail, context, problems } => Self {
                        kind: FaultKind::$kind,
                        code: code.into(),
                        detail,
                        context,
                        problems,
                    },)*
                }
            }
        }
    };
}

kinds! { Invalid Rejected Conflict Unavailable Internal }
