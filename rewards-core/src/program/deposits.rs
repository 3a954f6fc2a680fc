//! How members pay money in: bounds, providers, and how long the provider may take.

use serde::{Deserialize, Serialize};

use super::Program;
use crate::ids::{KeyId, Slug};
use crate::money::{Asset, DecimalText, Money, MoneyError};
use crate::time::{MICROS_PER_SECOND, Timestamp};

/// After how many minutes a deposit expires when nothing is said.
pub const DEPOSIT_MINUTES_DEFAULT: u32 = 60;
/// After how many minutes a deposit expires at the latest: thirty days.
pub const DEPOSIT_MINUTES_MAX: u32 = 43_200;
/// By how many seconds the time of a signature may be off when nothing is said.
pub const TOLERANCE_SECONDS_DEFAULT: u32 = 300;
/// By how many seconds the time of a signature may be off at most: an hour.
pub const TOLERANCE_SECONDS_MAX: u32 = 3_600;

const SECONDS_PER_MINUTE: i64 = 60;

/// How members pay money in, in the program's currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Deposits {
    /// The least of one deposit; any amount above zero when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<DecimalText>,
    /// The most of one deposit; no bound when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<DecimalText>,
    /// How many minutes the money is waited for, 1 to 43,200; 60 when absent. What comes later is taken all the same, and is
    /// said to be late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_after_minutes: Option<u32>,
    /// By how many seconds the time of a provider's signature may differ from now, in both directions, 1 to 3,600; 300 when
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance_seconds: Option<u32>,
    /// The providers that take the money.
    pub providers: Vec<DepositProvider>,
}

/// A payment provider: it takes money from members, and says so in messages that it signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DepositProvider {
    /// The provider's name.
    pub id: Slug,
    /// The ids of the keys that its messages are signed with. The keys themselves are in the host's key ring, for the purpose
    /// `deposits`; no two providers have one in common, or each could speak for the other.
    pub keys: Vec<KeyId>,
}

/// How members pay money in, in minor units.
#[derive(Debug, Clone)]
pub struct CompiledDeposits {
    currency: Asset,
    minimum: i64,
    maximum: i64,
    expires_after: i64,
    tolerance_seconds: u32,
    providers: Vec<DepositProvider>,
}

impl CompiledDeposits {
    /// The section of a document, if it has one.
    pub(super) fn of(program: &Program) -> Result<Option<Self>, MoneyError> {
        let Some(section) = &program.deposits else {
            return Ok(None);
        };
        let scale = program.currency.scale();
        let minor = |amount: Option<DecimalText>| amount.map(|amount| amount.to_minor(scale));
        let minutes = section.expires_after_minutes;
        let minutes = i64::from(minutes.unwrap_or(DEPOSIT_MINUTES_DEFAULT));
        let tolerance = section.tolerance_seconds;
        Ok(Some(Self {
            currency: program.currency.into(),
            minimum: minor(section.minimum).transpose()?.unwrap_or(1),
            maximum: minor(section.maximum).transpose()?.unwrap_or(i64::MAX),
            expires_after: minutes
                .saturating_mul(SECONDS_PER_MINUTE)
                .saturating_mul(MICROS_PER_SECOND),
            tolerance_seconds: tolerance.unwrap_or(TOLERANCE_SECONDS_DEFAULT),
            providers: section.providers.clone(),
        }))
    }

    /// Whether an amount of the program's currency may be paid in at once; the bounds belong to it.
    #[must_use]
    pub fn allows(&self, minor: i64) -> bool {
        (self.minimum..=self.maximum).contains(&minor)
    }

    /// The bounds, in words.
    #[must_use]
    pub fn bounds(&self) -> String {
        let least = Money::new(self.minimum, self.currency);
        let most = Money::new(self.maximum, self.currency);
        match self.maximum {
            i64::MAX => format!("at least {least} {}", self.currency),
            _ => format!("{least} to {most} {}", self.currency),
        }
    }

    /// A provider by its name.
    #[must_use]
    pub fn provider(&self, id: &Slug) -> Option<&DepositProvider> {
        self.providers.iter().find(|provider| provider.id == *id)
    }

    /// When a deposit expires that is initiated at an instant. Times end in 2200, and so does it.
    #[must_use]
    pub fn expires_at(&self, initiated_at: Timestamp) -> Timestamp {
        let expires_at = initiated_at.checked_add_micros(self.expires_after);
        expires_at.unwrap_or(Timestamp::MAX)
    }

    /// By how many seconds the time of a signature may be off.
    #[must_use]
    pub fn tolerance_seconds(&self) -> u32 {
        self.tolerance_seconds
    }

    /// Whether a message that was signed at an instant is fresh at another; a difference of exactly the tolerance is.
    #[must_use]
    pub fn is_fresh(&self, signed_at: Timestamp, now: Timestamp) -> bool {
        let off = signed_at.micros_since(now).saturating_abs();
        off <= i64::from(self.tolerance_seconds).saturating_mul(MICROS_PER_SECOND)
    }
}
