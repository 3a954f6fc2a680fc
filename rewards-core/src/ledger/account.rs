//! Accounts: who holds what, and what for.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{MemberId, Slug};
use crate::money::Asset;

/// Who an account belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// The tenant itself: funding, expired value, fees.
    System,
    /// One member.
    Member(MemberId),
}

/// What an account is for. An account of a member never goes below zero; system accounts may.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// A member's own money.
    Main,
    /// A member's available cashback, in money.
    Cashback,
    /// A member's available reward units.
    Points,
    /// Granted to a member but not yet available.
    Pending,
    /// Held for something in progress.
    Reserved,
    /// The system account that pays grants; named by the program.
    Funding(Slug),
    /// Where expired value goes.
    Expired,
    /// Where value goes that members paid orders with.
    Spent,
    /// Where fees go.
    Fees,
    /// The other side of grants and corrections made manually.
    Adjustments,
    /// What a member owes: rewards that were to be taken back and had been spent. The more, the more is owed.
    Debt,
    /// The other side of what members owe.
    Receivable,
    /// Where value goes that paid what was owed.
    Recovered,
    /// What payment providers took from members for the tenant: the other side of deposits.
    Deposits,
    /// What is on its way from a member to another one; nothing rests there.
    Transfers,
    /// What the tenant took in and gave out by converting: in one currency the other side of what it holds in another one.
    Position,
    /// What the tenant kept of what it converted.
    Spread,
}

impl Purpose {
    const FUNDING_PREFIX: &'static str = "funding:";

    /// Where available value of an asset rests: money in [`Purpose::Cashback`], units in [`Purpose::Points`].
    #[must_use]
    pub fn available(asset: Asset) -> Self {
        match asset {
            Asset::Currency(_) => Self::Cashback,
            Asset::Unit { .. } => Self::Points,
        }
    }

    /// The stable text of the purpose, as stored.
    #[must_use]
    pub fn text(&self) -> String {
        self.to_string()
    }

    /// Reads the stable text back; `None` when it is not a purpose.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(name) = text.strip_prefix(Self::FUNDING_PREFIX) {
            return Slug::new(name).ok().map(Self::Funding);
        }
        Some(match text {
            "main" => Self::Main,
            "cashback" => Self::Cashback,
            "points" => Self::Points,
            "pending" => Self::Pending,
            "reserved" => Self::Reserved,
            "expired" => Self::Expired,
            "spent" => Self::Spent,
            "fees" => Self::Fees,
            "adjustments" => Self::Adjustments,
            "debt" => Self::Debt,
            "receivable" => Self::Receivable,
            "recovered" => Self::Recovered,
            "deposits" => Self::Deposits,
            "transfers" => Self::Transfers,
            "position" => Self::Position,
            "spread" => Self::Spread,
            _ => return None,
        })
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Main => "main",
            Self::Cashback => "cashback",
            Self::Points => "points",
            Self::Pending => "pending",
            Self::Reserved => "reserved",
            Self::Funding(name) => return write!(f, "{}{name}", Self::FUNDING_PREFIX),
            Self::Expired => "expired",
            Self::Spent => "spent",
            Self::Fees => "fees",
            Self::Adjustments => "adjustments",
            Self::Debt => "debt",
            Self::Receivable => "receivable",
            Self::Recovered => "recovered",
            Self::Deposits => "deposits",
            Self::Transfers => "transfers",
            Self::Position => "position",
            Self::Spread => "spread",
        })
    }
}

impl Serialize for Purpose {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Purpose {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not an account purpose")))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Purpose {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Purpose".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "What an account is for. The accounts that pay grants are named: `funding:rewards`.",
            "type": "string",
            "format": "account-purpose",
            "pattern": "^(main|cashback|points|pending|reserved|expired|spent|fees|adjustments|debt|receivable|recovered|deposits|transfers|position|spread|funding:[a-z0-9][a-z0-9_.-]*)$",
        })
    }
}

/// One account: holder, purpose and the single asset it holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Who it belongs to.
    pub holder: Holder,
    /// What it is for.
    pub purpose: Purpose,
    /// The asset it holds.
    pub asset: Asset,
}

impl Account {
    /// The account of a member.
    #[must_use]
    pub fn member(member: &MemberId, purpose: Purpose, asset: Asset) -> Self {
        Self {
            holder: Holder::Member(member.clone()),
            purpose,
            asset,
        }
    }

    /// An account of the tenant itself.
    #[must_use]
    pub fn system(purpose: Purpose, asset: Asset) -> Self {
        Self {
            holder: Holder::System,
            purpose,
            asset,
        }
    }

    /// The holder as stored: the member's id, or the empty text (which no id can be) for the system.
    #[must_use]
    pub fn holder_text(&self) -> &str {
        match &self.holder {
            Holder::Member(member) => member.as_str(),
            Holder::System => "",
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.holder {
            Holder::Member(member) => write!(f, "{member}/{}/{}", self.purpose, self.asset),
            Holder::System => write!(f, "{}/{}", self.purpose, self.asset),
        }
    }
}
