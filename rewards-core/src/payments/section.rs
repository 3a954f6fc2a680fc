//! The section `payments` of a program document.

use regex_lite::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use crate::fees::{CompiledFees, FeeBand};
use crate::ids::Slug;
use crate::money::{Asset, DecimalText, Money, MoneyError};

/// For how long a payment waits to be held, and then to be submitted, when nothing is said: a day.
pub const HOLD_MINUTES_DEFAULT: u32 = 1_440;
/// For how long it waits at most: thirty days.
pub const HOLD_MINUTES_MAX: u32 = 43_200;
/// How often a payment is tried when nothing is said.
pub const ATTEMPTS_DEFAULT: u32 = 3;
/// How often a payment is tried at most.
pub const ATTEMPTS_MAX: u32 = 20;
/// The most codes of declines that a program names.
pub const DECLINES_MAX: usize = 256;
/// The longest pattern of account numbers, in bytes.
pub const ACCOUNT_PATTERN_BYTES_MAX: usize = 200;
/// The most memory that such a pattern may take, in bytes.
const ACCOUNT_PATTERN_SIZE_MAX: usize = 64 * 1024;
/// The longest account number, in bytes.
pub const ACCOUNT_BYTES_MAX: usize = 64;

/// How members pay others with what they have, in the program's currency. What pays follows the section `redemptions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Payments {
    /// The ways that payments go.
    pub routes: Vec<PaymentRoute>,
    /// Who can be paid by name; anybody else is paid without one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub billers: Vec<Biller>,
    /// For how long a payment waits for its next step, in minutes, 1 to 43,200; 1,440 when absent: once it is created until its value is
    /// held, once that is held until it is submitted. From then on it is held until its outcome is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_minutes: Option<u32>,
    /// How often a payment is tried, 1 to 20; 3 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// Which declines end a payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declines: Option<Declines>,
    /// Whether value is held only for payments that were assessed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub assessed: bool,
    /// Whether a payment that is completed is a purchase, and earns what the rules say.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub earns: bool,
    /// What becomes of the payer's fee when the payment is refunded.
    #[serde(default)]
    pub refunded_fee: RefundedFee,
}

/// A way that payments go: a scheme, a rail or an acquirer, as the host calls it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PaymentRoute {
    /// Its name.
    pub id: Slug,
    /// Whether payments can go it now.
    #[serde(default)]
    pub status: ServiceStatus,
    /// The least that goes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<DecimalText>,
    /// The most that goes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<DecimalText>,
    /// What it costs, by amount, in ascending bands; nothing when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fees: Vec<FeeBand>,
}

/// Somebody who is paid by name, such as a utility.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Biller {
    /// Its name.
    pub id: Slug,
    /// Whether it can be paid now.
    #[serde(default)]
    pub status: ServiceStatus,
    /// What its account numbers look like: a regular expression that matches the whole number; anything when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The kind of bill, as rules see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bill_type: Option<Slug>,
    /// The routes that lead to it; all of them when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Slug>,
}

/// Whether something can be used now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ServiceStatus {
    /// It can.
    #[default]
    Active,
    /// It cannot now: payments that were created before go on.
    Paused,
}

/// Which declines end a payment. After any other it is tried again, as often as the program says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Declines {
    /// Codes that would come again however often it is tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hard: Vec<Slug>,
    /// Codes that may not come again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub soft: Vec<Slug>,
    /// What codes are that neither list names.
    #[serde(default)]
    pub others: DeclineClass,
}

/// Whether it is of use to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum DeclineClass {
    /// It is not: the payment has failed.
    #[default]
    Hard,
    /// It may be.
    Soft,
}

/// What becomes of the payer's fee when a payment is refunded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RefundedFee {
    /// It is kept.
    #[default]
    Kept,
    /// As much of it goes back as of the amount, rounded down in sum, so that the program gains until all has gone back.
    Returned,
}

/// The section of a program, ready to decide.
#[derive(Debug, Clone)]
pub struct CompiledPayments {
    /// For how long a payment waits to be held, and then to be submitted, in minutes.
    pub hold_minutes: u32,
    /// How often a payment is tried.
    pub attempts: u32,
    /// Whether value is held only for payments that were assessed.
    pub assessed: bool,
    /// Whether a payment that is completed is a purchase.
    pub earns: bool,
    /// What becomes of the payer's fee when the payment is refunded.
    pub refunded_fee: RefundedFee,
    currency: Asset,
    routes: Vec<CompiledRoute>,
    billers: Vec<CompiledBiller>,
    declines: Declines,
}

/// A way that payments go, in minor units.
#[derive(Debug, Clone)]
pub struct CompiledRoute {
    /// Its name.
    pub id: Slug,
    /// Whether payments can go it now.
    pub status: ServiceStatus,
    /// What it costs.
    pub fees: CompiledFees,
    minimum: i64,
    maximum: i64,
}

/// Somebody who is paid by name.
#[derive(Debug, Clone)]
pub struct CompiledBiller {
    /// Its name.
    pub id: Slug,
    /// Whether it can be paid now.
    pub status: ServiceStatus,
    /// The kind of bill.
    pub bill_type: Option<Slug>,
    account: Option<Regex>,
    routes: Vec<Slug>,
}

/// A regular expression that matches a whole account number; `None` when the text is none, or one that takes too much memory.
pub(crate) fn account_pattern(text: &str) -> Option<Regex> {
    let compile = |text: &str| {
        let mut built = RegexBuilder::new(text);
        built.size_limit(ACCOUNT_PATTERN_SIZE_MAX).build().ok()
    };
    // What stands alone as well, so that no parenthesis closes the one around it.
    compile(text).and_then(|_| compile(&format!("^(?:{text})$")))
}

impl CompiledPayments {
    /// The section of a program in a currency, which was checked.
    ///
    /// # Errors
    /// [`MoneyError`] when an amount does not fit the currency.
    pub(crate) fn compile(section: &Payments, currency: Asset) -> Result<Self, MoneyError> {
        let scale = currency.scale();
        let minor = |amount: Option<DecimalText>, absent: i64| {
            amount.map_or(Ok(absent), |amount| amount.to_minor(scale))
        };
        let routes = section.routes.iter().map(|route| {
            Ok(CompiledRoute {
                id: route.id.clone(),
                status: route.status,
                fees: CompiledFees::compile(&route.fees, scale)?,
                minimum: minor(route.minimum, 1)?,
                maximum: minor(route.maximum, i64::MAX)?,
            })
        });
        let billers = section.billers.iter().map(|biller| CompiledBiller {
            id: biller.id.clone(),
            status: biller.status,
            bill_type: biller.bill_type.clone(),
            account: biller.account.as_deref().and_then(account_pattern),
            routes: biller.routes.clone(),
        });
        Ok(Self {
            hold_minutes: section.hold_minutes.unwrap_or(HOLD_MINUTES_DEFAULT),
            attempts: section.attempts.unwrap_or(ATTEMPTS_DEFAULT),
            assessed: section.assessed,
            earns: section.earns,
            refunded_fee: section.refunded_fee,
            currency,
            routes: routes.collect::<Result<_, MoneyError>>()?,
            billers: billers.collect(),
            declines: section.declines.clone().unwrap_or_default(),
        })
    }

    /// The ways that payments go, in the order of the document.
    #[must_use]
    pub fn routes(&self) -> &[CompiledRoute] {
        &self.routes
    }

    /// A route by its name.
    #[must_use]
    pub fn route(&self, id: &Slug) -> Option<&CompiledRoute> {
        self.routes.iter().find(|route| route.id == *id)
    }

    /// Somebody who is paid by name.
    #[must_use]
    pub fn biller(&self, id: &Slug) -> Option<&CompiledBiller> {
        self.billers.iter().find(|biller| biller.id == *id)
    }

    /// The currency.
    #[must_use]
    pub fn currency(&self) -> Asset {
        self.currency
    }

    /// Whether it is of use to try again after a decline with this code.
    #[must_use]
    pub fn class(&self, code: &Slug) -> DeclineClass {
        if self.declines.hard.contains(code) {
            DeclineClass::Hard
        } else if self.declines.soft.contains(code) {
            DeclineClass::Soft
        } else {
            self.declines.others
        }
    }
}

impl CompiledRoute {
    /// Whether so much may go it.
    #[must_use]
    pub fn allows(&self, minor: i64) -> bool {
        (self.minimum..=self.maximum).contains(&minor)
    }

    /// How much may go it, in words.
    #[must_use]
    pub fn bounds(&self, currency: Asset) -> String {
        let least = Money::new(self.minimum, currency);
        let most = Money::new(self.maximum, currency);
        match self.maximum {
            i64::MAX => format!("at least {least} {currency}"),
            _ => format!("{least} to {most} {currency}"),
        }
    }
}

impl CompiledBiller {
    /// Whether a route leads to it.
    #[must_use]
    pub fn is_reached_by(&self, route: &Slug) -> bool {
        self.routes.is_empty() || self.routes.contains(route)
    }

    /// Whether it can have an account of this number.
    #[must_use]
    pub fn has_account(&self, number: &str) -> bool {
        let is_short = !number.is_empty() && number.len() <= ACCOUNT_BYTES_MAX;
        is_short && self.account.as_ref().is_none_or(|own| own.is_match(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(text: &str) -> CompiledPayments {
        let section: Payments = toml::from_str(text).unwrap();
        CompiledPayments::compile(&section, "MYR".parse().unwrap()).unwrap()
    }

    #[test]
    fn what_accounts_look_like() {
        for (pattern, number, has) in [
            ("[0-9]{12}", "123456789012", true),
            ("[0-9]{12}", "1234567890123", false),
            ("[0-9]{12}", "12345678901", false),
            ("[0-9]{12}", "12345678901\u{0662}", false),
            ("A|B", "A", true),
            ("A|B", "AB", false),
            ("A|B", "xB", false),
            ("[A-Z]{2}-[0-9]+", "TN-7", true),
            ("[A-Z]{2}-[0-9]+", "TN-", false),
            ("[0-9]+", "7\n", false),
            (".*", "", false),
        ] {
            let payments = compiled(&format!(
                "routes = []\n[[billers]]\nid = 'b'\naccount = '{pattern}'"
            ));
            let biller = payments.biller(&"b".parse().unwrap()).unwrap();
            assert_eq!(biller.has_account(number), has, "{pattern}: {number:?}");
        }
    }

    #[test]
    fn what_is_no_pattern() {
        for text in [
            "(",
            ")",
            "a)(b",
            "[",
            "a{2",
            "(?:x{100}){1000}",
            r"\p{Greek}",
        ] {
            assert!(account_pattern(text).is_none(), "{text}");
        }
    }

    #[test]
    fn which_declines_end_a_payment() {
        use DeclineClass::{Hard, Soft};
        let lists = "routes = []\n[declines]\nhard = ['stolen']\nsoft = ['busy']\n";
        for (others, codes) in [
            ("", [("stolen", Hard), ("busy", Soft), ("else", Hard)]),
            (
                "others = 'soft'",
                [("stolen", Hard), ("busy", Soft), ("else", Soft)],
            ),
        ] {
            let payments = compiled(&format!("{lists}{others}"));
            for (code, class) in codes {
                assert_eq!(payments.class(&code.parse().unwrap()), class, "{code}");
            }
        }
        let silent = compiled("routes = []");
        assert_eq!(silent.class(&"busy".parse().unwrap()), Hard);
    }

    #[test]
    fn how_much_goes_a_route() {
        let payments = compiled(
            "[[routes]]\nid = 'a'\nminimum = '1.00'\nmaximum = '2.00'\n[[routes]]\nid = 'b'",
        );
        let currency = payments.currency();
        for (route, bounds, allowed) in [
            ("a", "1.00 to 2.00 MYR", [false, true, true, false]),
            ("b", "at least 0.01 MYR", [true; 4]),
        ] {
            let route = payments.route(&route.parse().unwrap()).unwrap();
            assert_eq!(route.bounds(currency), bounds);
            assert_eq!(
                [99, 100, 200, 201].map(|minor| route.allows(minor)),
                allowed
            );
        }
    }
}
