//! What can be wrong with a code, and where.

use std::fmt;

use thiserror::Error;

use crate::rejection::Problem;

/// What is wrong with one place of a code.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum QrProblem {
    /// The code is longer than it may be.
    #[error("expected at most {most} bytes, got {found}")]
    TooLong {
        /// The most bytes.
        most: usize,
        /// The bytes found.
        found: usize,
    },
    /// The code ends within an object.
    #[error("ends within an object")]
    Cut,
    /// An object has an id that no object has at its place.
    #[error("an object cannot have this id here")]
    Id,
    /// The length of an object is not two digits above zero.
    #[error("expected a length of two digits above zero")]
    Length,
    /// An id occurs twice.
    #[error("an object with this id is there already")]
    Duplicate,
    /// The format is not the first object, or the checksum not the last.
    #[error("expected the format first and the checksum last")]
    Order,
    /// The checksum is another one.
    #[error("the checksum is {computed:04X}, and the code says `{found}`")]
    Checksum {
        /// What the code says.
        found: String,
        /// What it is.
        computed: u16,
    },
    /// Something is missing.
    #[error("expected a value")]
    Missing,
    /// Something is there that does not go with the rest.
    #[error("does not go with the rest of the code")]
    Unexpected,
    /// A value holds a character that it cannot.
    #[error("expected {expected}")]
    Characters {
        /// Which characters it can hold.
        expected: &'static str,
    },
    /// A value is too short or too long.
    #[error("expected {least} to {most} characters, got {found}")]
    ValueLength {
        /// The fewest characters.
        least: usize,
        /// The most characters.
        most: usize,
        /// The characters found.
        found: usize,
    },
    /// A value is not one of those that it can be.
    #[error("expected {expected}")]
    Value {
        /// What it can be.
        expected: &'static str,
    },
    /// An amount is none of the currency.
    #[error(
        "expected an amount above zero, such as `23.72`, with no more decimals than the currency has"
    )]
    Amount,
    /// The currency is unknown.
    #[error("expected the number of an ISO 4217 currency that has minor units")]
    Currency,
}

impl QrProblem {
    /// The stable code of this problem, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "qr_too_long",
            Self::Cut => "qr_cut",
            Self::Id => "qr_id_invalid",
            Self::Length => "qr_length_invalid",
            Self::Duplicate => "qr_duplicate",
            Self::Order => "qr_order_invalid",
            Self::Checksum { .. } => "qr_checksum_wrong",
            Self::Missing => "qr_value_missing",
            Self::Unexpected => "qr_value_unexpected",
            Self::Characters { .. } => "qr_characters_invalid",
            Self::ValueLength { .. } => "qr_value_length",
            Self::Value { .. } => "qr_value_invalid",
            Self::Amount => "qr_amount_invalid",
            Self::Currency => "currency_unknown",
        }
    }
}

/// What is wrong with a code, and where: at an object, or at an object within one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QrError {
    /// What is wrong.
    pub problem: QrProblem,
    /// The ids that lead there, from outside; none for the whole code.
    pub ids: Vec<u8>,
}

impl QrError {
    /// A problem at the end of some ids.
    #[must_use]
    pub fn at(ids: &[u8], problem: QrProblem) -> Self {
        Self {
            problem,
            ids: ids.to_vec(),
        }
    }

    /// The same within an object.
    pub(super) fn within(mut self, id: u8) -> Self {
        self.ids.insert(0, id);
        self
    }

    /// The stable code, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.problem.code()
    }

    /// Where it is, such as `qr.62.05`.
    #[must_use]
    pub fn path(&self) -> String {
        let steps = self.ids.iter().map(|id| format!(".{id:02}"));
        std::iter::once("qr".to_owned()).chain(steps).collect()
    }

    /// The same as faults tell it.
    #[must_use]
    pub fn to_problem(&self) -> Problem {
        Problem::new(self.code(), self.path(), self.problem.to_string())
    }
}

impl fmt::Display for QrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path(), self.problem)
    }
}

impl std::error::Error for QrError {}
