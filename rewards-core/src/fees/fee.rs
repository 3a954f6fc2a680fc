//! A fee as a program manager writes it.

use serde::{Deserialize, Serialize};

use crate::money::{DecimalText, Rate, Rounding};

/// What a movement of value costs: the fixed amount and the percentage together, at least the minimum, at most the maximum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Fee {
    /// A fixed amount, in the asset that is moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<DecimalText>,
    /// A percentage of the amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<Rate>,
    /// The least that is charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<DecimalText>,
    /// The most that is charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<DecimalText>,
    /// How the percentage is rounded to the minor unit. The member pays, so `toward_member` rounds the fee down and
    /// `toward_program` rounds it up.
    #[serde(default)]
    pub rounding: Rounding,
    /// Who pays it.
    #[serde(default)]
    pub paid_by: FeePayer,
}

/// Who pays a fee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum FeePayer {
    /// The sender, on top of the amount.
    #[default]
    Sender,
    /// The receiver: it is taken out of what arrives.
    Receiver,
}
