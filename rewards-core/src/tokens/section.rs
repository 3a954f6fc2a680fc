//! The section `tokens` of a program document.

use serde::{Deserialize, Serialize};

use super::TOKEN_SPENDS_MAX;
use crate::ids::Slug;
use crate::money::{Asset, DecimalText, Money, MoneyError};

/// What a token is worth at least and at most when nothing is said, in whole units of its currency.
pub const TOKEN_AMOUNTS_DEFAULT: (i64, i64) = (5, 1_000);
/// How long a token is good when nothing is said: a day.
pub const TOKEN_MINUTES_DEFAULT: u32 = 1_440;
/// How long a token is good at most: thirty days.
pub const TOKEN_MINUTES_MAX: u32 = 43_200;
/// For how long payments with a token are taken in after it has ended, when nothing is said: a week.
pub const SETTLE_MINUTES_DEFAULT: u32 = 10_080;
/// For how long payments with a token are taken in after it has ended at most: ninety days.
pub const SETTLE_MINUTES_MAX: u32 = 129_600;
/// How long merchants may take to hear that a token was revoked when nothing is said: a day.
pub const REVOCATION_MINUTES_DEFAULT: u32 = 1_440;
/// How many tokens a member has at once when nothing is said.
pub const ACTIVE_TOKENS_DEFAULT: u32 = 5;
/// How many tokens a member has at once at most.
pub const ACTIVE_TOKENS_MAX: u32 = 50;
/// How many payments a token is split into when nothing is said.
pub const TOKEN_SPENDS_DEFAULT: u32 = 10;

/// Offline tokens: value that is reserved, and spent where there is no network. They are in the program's currency and are paid
/// as its section `redemptions` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    /// Who issues them, as tokens say.
    pub issuer: Slug,
    /// Which kinds of tokens there are; both when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modes: Vec<TokenMode>,
    /// The least that a token is worth; 5 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<DecimalText>,
    /// The most that a token is worth; 1,000 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<DecimalText>,
    /// How long a token is good, in minutes, 1 to 43,200; 1,440 when absent. A request may ask for less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime_minutes: Option<u32>,
    /// For how long payments with a token are taken in after it has ended, in minutes, 1 to 129,600; 10,080 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settle_minutes: Option<u32>,
    /// How long merchants may take to hear that a token was revoked, in minutes, 1 to 129,600; 1,440 when absent. Until then what
    /// it has reserved pays them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation_minutes: Option<u32>,
    /// How many tokens a member has at once, 1 to 50; 5 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<u32>,
    /// What the tokens that a member has at once are worth together at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_amount: Option<DecimalText>,
    /// How many of them are for one device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_per_device: Option<u32>,
    /// The most that is spent at once of a token that is bound to a device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spend_maximum: Option<DecimalText>,
    /// How many payments it is split into, 1 to 32; 10 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spends: Option<u32>,
    /// The only kinds of merchants that take tokens; all of them when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<Slug>,
    /// Kinds of merchants that do not take tokens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused_categories: Vec<Slug>,
    /// What happens when a device has spent the same twice.
    #[serde(default)]
    pub double_spends: OnDoubleSpend,
}

/// Who can spend a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TokenMode {
    /// Whoever shows it first: it is redeemed by its id, as a whole, where there is a network.
    Bearer,
    /// Whoever has the key of its device, by proofs, in parts, anywhere.
    Bound,
}

impl TokenMode {
    /// That of a token with the key of a device, or without one.
    #[must_use]
    pub fn of(holder_key: Option<&str>) -> Self {
        match holder_key {
            Some(_) => Self::Bound,
            None => Self::Bearer,
        }
    }

    /// The stable text.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::Bound => "bound",
        }
    }
}

/// What happens when a device has spent the same twice. Both proofs are kept either way, and what is still reserved pays them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnDoubleSpend {
    /// Nothing else.
    Record,
    /// All tokens of the member are frozen.
    #[default]
    Freeze,
}

/// The terms of tokens in minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledTokens {
    /// Who issues them.
    pub issuer: Slug,
    /// The least that one is worth.
    pub minimum: i64,
    /// The most that one is worth.
    pub maximum: i64,
    /// How long one is good, in minutes.
    pub lifetime_minutes: u32,
    /// For how long payments are taken in after that.
    pub settle_minutes: u32,
    /// How long merchants may take to hear of a revocation.
    pub revocation_minutes: u32,
    /// How many a member has at once.
    pub active: u32,
    /// What these are worth together.
    pub active_amount: i64,
    /// How many of these are for one device.
    pub active_per_device: u32,
    /// The most that is spent at once.
    pub spend_max: Option<Money>,
    /// How many payments one is split into.
    pub spends: u32,
    /// The only kinds of merchants, sorted.
    pub categories: Vec<Slug>,
    /// Other kinds of merchants, sorted.
    pub refused_categories: Vec<Slug>,
    /// What happens when the same is spent twice.
    pub double_spends: OnDoubleSpend,
    modes: Vec<TokenMode>,
}

impl CompiledTokens {
    /// The terms of a section that was checked.
    ///
    /// # Errors
    /// [`MoneyError`] when an amount does not fit the currency.
    pub(crate) fn compile(section: &Tokens, currency: Asset) -> Result<Self, MoneyError> {
        let scale = currency.scale();
        let minor = |amount: Option<DecimalText>, absent: i64| {
            amount.map_or(Ok(absent), |amount| amount.to_minor(scale))
        };
        let (least, most) = TOKEN_AMOUNTS_DEFAULT;
        let spend_max = section.spend_maximum.map(|most| most.to_minor(scale));
        let sorted = |names: &[Slug]| {
            let mut names = names.to_vec();
            names.sort();
            names
        };
        Ok(Self {
            issuer: section.issuer.clone(),
            minimum: minor(section.minimum, whole(least, scale))?,
            maximum: minor(section.maximum, whole(most, scale))?,
            lifetime_minutes: section.lifetime_minutes.unwrap_or(TOKEN_MINUTES_DEFAULT),
            settle_minutes: section.settle_minutes.unwrap_or(SETTLE_MINUTES_DEFAULT),
            revocation_minutes: section
                .revocation_minutes
                .unwrap_or(REVOCATION_MINUTES_DEFAULT),
            active: section.active.unwrap_or(ACTIVE_TOKENS_DEFAULT),
            active_amount: minor(section.active_amount, i64::MAX)?,
            active_per_device: section.active_per_device.unwrap_or(u32::MAX),
            spend_max: spend_max
                .transpose()?
                .map(|most| Money::new(most, currency)),
            spends: section.spends.unwrap_or(TOKEN_SPENDS_DEFAULT),
            categories: sorted(&section.categories),
            refused_categories: sorted(&section.refused_categories),
            double_spends: section.double_spends,
            modes: section.modes.clone(),
        })
    }

    /// Whether there are tokens of a kind.
    #[must_use]
    pub fn offers(&self, mode: TokenMode) -> bool {
        self.modes.is_empty() || self.modes.contains(&mode)
    }

    /// Whether a token may be worth so much.
    #[must_use]
    pub fn has_amount(&self, minor: i64) -> bool {
        (self.minimum..=self.maximum).contains(&minor)
    }
}

/// An amount of whole units in minor units.
pub(crate) fn whole(units: i64, scale: u8) -> i64 {
    let factor = 10_i64.saturating_pow(u32::from(scale));
    units.saturating_mul(factor)
}

const _: () = assert!(TOKEN_SPENDS_DEFAULT <= TOKEN_SPENDS_MAX, "in its range");
