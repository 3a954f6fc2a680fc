//! A code as a document.
//!
//! Values are texts as the code has them, so that what is read is written again as it was; what they mean is checked.

use serde::{Deserialize, Serialize};

use super::problem::QrProblem;
use crate::money::{Asset, Currency, Money, Rate, Rounding};

/// Whether a code is for one payment or for many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum QrInitiation {
    /// The same code for many payments: 11.
    Static,
    /// A code for one payment: 12.
    Dynamic,
}

/// What is paid on top of the amount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum QrTip {
    /// Whoever pays is asked for a tip.
    Prompt,
    /// A fee of a fixed amount, such as `1.50`.
    Fixed(String),
    /// A fee of a percentage, 0.01 to 99.99, such as `2.5`.
    Percent(String),
}

/// One value with its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct QrField {
    /// Its id, 0 to 99.
    pub id: u8,
    /// The value.
    pub value: String,
}

/// Values of one payment system, told apart by a name that is unique.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct QrTemplate {
    /// The name that is unique: an application id, a UUID or a reversed domain, up to 32 characters.
    pub guid: String,
    /// The values, with ids from 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub fields: Vec<QrField>,
}

impl QrTemplate {
    /// The value of an id.
    #[must_use]
    pub fn field(&self, id: u8) -> Option<&str> {
        let field = self.fields.iter().find(|field| field.id == id);
        field.map(|field| field.value.as_str())
    }
}

/// What an object holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum QrValue {
    /// A text.
    Text(String),
    /// Values of a payment system.
    Template(QrTemplate),
}

/// An object that has no field of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct QrObject {
    /// Its id.
    pub id: u8,
    /// What it holds.
    pub value: QrValue,
}

/// What is told of a payment beside its amount; `***` asks whoever pays for it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct QrAdditional {
    /// The number of the bill, up to 25 characters, as all of these are unless they say otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub bill_number: Option<String>,
    /// The number of a mobile phone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub mobile_number: Option<String>,
    /// The store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub store_label: Option<String>,
    /// The number of a loyalty card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub loyalty_number: Option<String>,
    /// What the merchant calls the payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub reference_label: Option<String>,
    /// Who pays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub customer_label: Option<String>,
    /// The till.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub terminal_label: Option<String>,
    /// What is paid for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub purpose: Option<String>,
    /// What whoever pays is to tell: some of `A` for the address, `M` for the mobile phone and `E` for the electronic mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub consumer_data: Option<String>,
    /// The merchant's tax id, up to 20 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub tax_id: Option<String>,
    /// How the code is shown, where, and to whom: three characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub channel: Option<String>,
    /// What else there is, with ids from 12.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub others: Vec<QrField>,
}

/// The merchant in another language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct QrLanguage {
    /// The language: two letters of ISO 639.
    pub language: String,
    /// The name, up to 25 characters of any script.
    pub name: String,
    /// The city, up to 15 characters of any script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub city: Option<String>,
    /// What else there is, with ids from 3.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub others: Vec<QrField>,
}

/// A code that a merchant shows to be paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct MerchantQr {
    /// The format: 1 when absent. DuitNow has 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub format: Option<u8>,
    /// Whether it is for one payment or for many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub initiation: Option<QrInitiation>,
    /// Who is paid, by payment system: texts with the ids 2 to 25, templates with the ids 26 to 51; one at least.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub accounts: Vec<QrObject>,
    /// The category of the merchant: four digits of ISO 18245.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub category: Option<String>,
    /// The currency.
    pub currency: Currency,
    /// How much, such as `23.72`, up to 13 characters; whoever pays is asked when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub amount: Option<String>,
    /// What is paid on top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub tip: Option<QrTip>,
    /// The country: two letters of ISO 3166.
    pub country: String,
    /// The name of the merchant, up to 25 characters of ASCII.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub name: Option<String>,
    /// The city of the merchant, up to 15 characters of ASCII.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub city: Option<String>,
    /// The postal code, up to 10 characters of ASCII.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub postal_code: Option<String>,
    /// What is told of the payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub additional: Option<QrAdditional>,
    /// The merchant in another language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub language: Option<QrLanguage>,
    /// What else there is: texts with the ids 65 to 79, which are reserved, and templates with the ids 80 to 99.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub others: Vec<QrObject>,
}

impl MerchantQr {
    /// How much, exactly; `None` when whoever pays is asked.
    ///
    /// # Errors
    /// [`QrProblem::Amount`] when it is no amount of the currency.
    pub fn money(&self) -> Result<Option<Money>, QrProblem> {
        let amount = self.amount.as_deref();
        amount
            .map(|text| amount_of(text, self.currency))
            .transpose()
    }

    /// How much is to be paid in all: the amount with a fee that is fixed or a percentage of it. `None` when whoever pays is asked for
    /// the amount. A fraction of a minor unit of a percentage is dropped, for whoever pays.
    ///
    /// # Errors
    /// [`QrProblem::Amount`] when something is no amount of the currency, or too large.
    pub fn payable(&self) -> Result<Option<Money>, QrProblem> {
        let Some(amount) = self.money()? else {
            return Ok(None);
        };
        let fee = match &self.tip {
            Some(QrTip::Fixed(fee)) => amount_of(fee, self.currency)?.minor(),
            Some(QrTip::Percent(percent)) => percent_of(amount.minor(), percent)?,
            Some(QrTip::Prompt) | None => 0,
        };
        let sum = amount.minor().checked_add(fee);
        let sum = sum.ok_or(QrProblem::Amount)?;
        Ok(Some(Money::new(sum, amount.asset())))
    }

    /// Whether whoever pays may add something.
    #[must_use]
    pub fn asks_for_tip(&self) -> bool {
        self.tip == Some(QrTip::Prompt)
    }
}

/// A percentage of minor units, rounded down for whoever pays.
fn percent_of(minor: i64, percent: &str) -> Result<i64, QrProblem> {
    let rate = Rate::parse(&format!("{}%", plain(percent)));
    let fee = rate.and_then(|rate| Rounding::Down.multiply(minor, rate.ratio()));
    fee.map_err(|_| QrProblem::Amount)
}

/// A number without a point that nothing follows: `98.` is 98.
fn plain(number: &str) -> &str {
    match number.split_once('.') {
        Some((whole, "")) => whole,
        _ => number,
    }
}

/// Reads an amount: digits, at most one point, and no more decimals than the currency has. `98.` is 98.
pub(super) fn amount_of(text: &str, currency: Currency) -> Result<Money, QrProblem> {
    let plain = plain(text);
    let is_plain = plain.starts_with(|c: char| c.is_ascii_digit());
    let money = Money::parse(plain, Asset::from(currency));
    let money = money.ok().filter(|money| is_plain && money.is_positive());
    money.ok_or(QrProblem::Amount)
}
