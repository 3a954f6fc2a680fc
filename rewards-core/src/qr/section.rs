//! The section `qr` of a program document.

use serde::{Deserialize, Serialize};

use crate::fees::Fee;
use crate::ids::Slug;

/// For how many seconds a code can be scanned when nothing is said: a quarter of an hour.
pub const QR_SECONDS_DEFAULT: u32 = 900;
/// For how many seconds a code can be scanned at most, unless it never expires: 366 days.
pub const QR_SECONDS_MAX: u32 = 31_622_400;
/// The most wallets of a route.
pub const QR_WALLETS_MAX: usize = 64;

/// How codes are given out, and through which wallets they are paid.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct QrSection {
    /// For how long a code can be scanned when nothing is said; 900 seconds when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry: Option<QrExpiry>,
    /// Who gives out the codes that are signed; none are when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<Slug>,
    /// Which codes which wallets can pay, and what that costs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<QrRoute>,
}

/// For how long a code can be scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum QrExpiry {
    /// For so many seconds, 1 to 31,622,400.
    Seconds(u32),
    /// For ever.
    Never,
}

impl QrExpiry {
    /// Whether it is a number of seconds that is too small or too large.
    #[must_use]
    pub fn is_out_of_range(self) -> bool {
        match self {
            Self::Seconds(seconds) => !(1..=QR_SECONDS_MAX).contains(&seconds),
            Self::Never => false,
        }
    }
}

/// Lets wallets pay codes of a kind. What no route names cannot be paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct QrRoute {
    /// The route's name.
    pub id: Slug,
    /// The kind of codes.
    pub code: Slug,
    /// The wallets, one to 64. Each pays a kind of codes by one route at most.
    pub wallets: Vec<Slug>,
    /// What it costs, in the program's currency: the sender is whoever pays, the receiver whoever is paid. Nothing when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee: Option<Fee>,
}
