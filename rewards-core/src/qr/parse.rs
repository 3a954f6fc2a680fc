//! A code as text, read as a document.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::check::{Allowed, QR_BYTES_MAX, check};
use super::document::{
    MerchantQr, QrAdditional, QrField, QrInitiation, QrLanguage, QrObject, QrTemplate, QrTip,
    QrValue,
};
use super::problem::{QrError, QrProblem};
use super::scheme::QrScheme;
use super::tlv::{crc16, objects};
use crate::money::{Currency, Money};

/// A code that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ParsedQr {
    /// What it says.
    pub qr: MerchantQr,
    /// What of it is a national scheme's, in the order of the accounts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub schemes: Vec<QrScheme>,
    /// How much is to be paid; absent when whoever pays is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub amount: Option<Money>,
}

/// Reads a code.
///
/// # Errors
/// The first thing that keeps it from being read (its length, its objects, its checksum), or all that is wrong with what it says.
pub fn parse(text: &str) -> Result<ParsedQr, Vec<QrError>> {
    let qr = read(text).map_err(|error| vec![error])?;
    let mut errors = check(&qr);
    let (found, most) = (text.len(), Allowed::by(&qr.accounts).bytes());
    if found > most {
        errors.insert(0, QrError::at(&[], QrProblem::TooLong { most, found }));
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let schemes = qr
        .accounts
        .iter()
        .filter_map(|account| match &account.value {
            QrValue::Template(template) => QrScheme::of(template),
            QrValue::Text(_) => None,
        });
    let schemes = schemes.collect();
    let amount = qr.money();
    let amount = amount.map_err(|problem| vec![QrError::at(&[54], problem)])?;
    Ok(ParsedQr {
        qr,
        schemes,
        amount,
    })
}

/// Objects by their ids; what is taken is not there any more.
#[derive(Debug)]
struct Objects<'a>(BTreeMap<u8, &'a str>);

impl<'a> Objects<'a> {
    fn read(text: &'a str) -> Result<Self, QrError> {
        Self::of(objects(text)?)
    }

    fn of(objects: Vec<(u8, &'a str)>) -> Result<Self, QrError> {
        let mut by_id = BTreeMap::new();
        for (id, value) in objects {
            if by_id.insert(id, value).is_some() {
                return Err(QrError::at(&[id], QrProblem::Duplicate));
            }
        }
        Ok(Self(by_id))
    }

    fn text(&mut self, id: u8) -> Option<String> {
        self.0.remove(&id).map(str::to_owned)
    }

    /// A value that is always there.
    fn needed(&mut self, id: u8) -> Result<String, QrError> {
        let missing = || QrError::at(&[id], QrProblem::Missing);
        self.text(id).ok_or_else(missing)
    }

    fn fields(self) -> Vec<QrField> {
        let fields = self.0.into_iter();
        let fields = fields.map(|(id, value)| QrField {
            id,
            value: value.to_owned(),
        });
        fields.collect()
    }
}

fn read(text: &str) -> Result<MerchantQr, QrError> {
    let (found, most) = (text.len(), QR_BYTES_MAX);
    if found > most {
        return Err(QrError::at(&[], QrProblem::TooLong { most, found }));
    }
    let mut objects = Objects::of(checked(text)?)?;
    let format = objects.needed(0)?;
    let format = match format.as_str() {
        "01" => None,
        "02" => Some(2),
        _ => {
            let expected = "`01` or `02`";
            return Err(QrError::at(&[0], QrProblem::Value { expected }));
        }
    };
    let initiation = initiation(objects.text(1))?;
    let accounts = accounts(&mut objects)?;
    let allowed = Allowed::by(&accounts);
    let currency = currency(&objects.needed(53)?)?;
    let tip = tip(&mut objects)?;
    let additional = objects.0.remove(&62).map(additional).transpose()?;
    let language = objects.0.remove(&64).map(language).transpose()?;
    Ok(MerchantQr {
        format,
        initiation,
        accounts,
        category: objects.text(52),
        currency,
        amount: objects.text(54),
        tip,
        country: objects.needed(58)?,
        name: objects.text(59),
        city: objects.text(60),
        postal_code: objects.text(61),
        additional,
        language,
        others: others(objects, &allowed)?,
    })
}

/// The objects of a text but its checksum, which is right.
fn checked(text: &str) -> Result<Vec<(u8, &str)>, QrError> {
    let mut objects = objects(text)?;
    let out_of_order = |id: u8| QrError::at(&[id], QrProblem::Order);
    match objects.iter().position(|(id, _)| *id == 0) {
        Some(0) => {}
        Some(_) => return Err(out_of_order(0)),
        None => return Err(QrError::at(&[0], QrProblem::Missing)),
    }
    let Some((63, found)) = objects.pop() else {
        let is_there = objects.iter().any(|(id, _)| *id == 63);
        let missing = QrError::at(&[63], QrProblem::Missing);
        return Err(if is_there { out_of_order(63) } else { missing });
    };
    let covered = text.strip_suffix(found).unwrap_or(text);
    let computed = crc16(covered.as_bytes());
    // A sign is no digit, though it may stand before digits elsewhere.
    let is_plain = found.len() == 4 && found.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_right = is_plain && u16::from_str_radix(found, 16) == Ok(computed);
    if !is_right {
        let found = found.to_owned();
        return Err(QrError::at(&[63], QrProblem::Checksum { found, computed }));
    }
    Ok(objects)
}

fn initiation(digits: Option<String>) -> Result<Option<QrInitiation>, QrError> {
    match digits.as_deref() {
        None => Ok(None),
        Some("11") => Ok(Some(QrInitiation::Static)),
        Some("12") => Ok(Some(QrInitiation::Dynamic)),
        Some(_) => {
            let expected = "`11` for many payments or `12` for one";
            Err(QrError::at(&[1], QrProblem::Value { expected }))
        }
    }
}

fn currency(digits: &str) -> Result<Currency, QrError> {
    let is_number = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse().ok().filter(|_| is_number);
    let currency = number.and_then(|number| Currency::from_numeric(number).ok());
    currency.ok_or_else(|| QrError::at(&[53], QrProblem::Currency))
}

fn tip(objects: &mut Objects) -> Result<Option<QrTip>, QrError> {
    let (kind, fixed, percent) = (objects.text(55), objects.text(56), objects.text(57));
    let (has_fixed, has_percent) = match kind.as_deref() {
        None | Some("01") => (false, false),
        Some("02") => (true, false),
        Some("03") => (false, true),
        Some(_) => {
            let expected = "`01` for a tip, `02` for a fixed fee or `03` for a percentage";
            return Err(QrError::at(&[55], QrProblem::Value { expected }));
        }
    };
    for (id, value, is_expected) in [(56, &fixed, has_fixed), (57, &percent, has_percent)] {
        let problem = match (value, is_expected) {
            (Some(_), false) => QrProblem::Unexpected,
            (None, true) => QrProblem::Missing,
            _ => continue,
        };
        return Err(QrError::at(&[id], problem));
    }
    let fee = fixed.map(QrTip::Fixed).or(percent.map(QrTip::Percent));
    Ok(fee.or(kind.map(|_| QrTip::Prompt)))
}

fn accounts(objects: &mut Objects) -> Result<Vec<QrObject>, QrError> {
    let mut accounts = Vec::new();
    for id in 2..=51 {
        if let Some(value) = objects.0.remove(&id) {
            let value = match id {
                26.. => QrValue::Template(template(id, value)?),
                _ => QrValue::Text(value.to_owned()),
            };
            accounts.push(QrObject { id, value });
        }
    }
    Ok(accounts)
}

fn template(id: u8, text: &str) -> Result<QrTemplate, QrError> {
    let read = |text| {
        let mut objects = Objects::read(text)?;
        Ok(QrTemplate {
            guid: objects.needed(0)?,
            fields: objects.fields(),
        })
    };
    read(text).map_err(|error: QrError| error.within(id))
}

fn additional(text: &str) -> Result<QrAdditional, QrError> {
    let mut objects = Objects::read(text).map_err(|error| error.within(62))?;
    Ok(QrAdditional {
        bill_number: objects.text(1),
        mobile_number: objects.text(2),
        store_label: objects.text(3),
        loyalty_number: objects.text(4),
        reference_label: objects.text(5),
        customer_label: objects.text(6),
        terminal_label: objects.text(7),
        purpose: objects.text(8),
        consumer_data: objects.text(9),
        tax_id: objects.text(10),
        channel: objects.text(11),
        others: objects.fields(),
    })
}

fn language(text: &str) -> Result<QrLanguage, QrError> {
    let read = |text| {
        let mut objects = Objects::read(text)?;
        Ok(QrLanguage {
            language: objects.needed(0)?,
            name: objects.needed(1)?,
            city: objects.text(2),
            others: objects.fields(),
        })
    };
    read(text).map_err(|error: QrError| error.within(64))
}

/// What is left: texts and templates from 65 on. Anything below has a field of its own, or is no object of a code.
fn others(objects: Objects, allowed: &Allowed) -> Result<Vec<QrObject>, QrError> {
    let left = objects.0.into_iter().map(|(id, value)| {
        let value = match allowed.text(id) {
            true => QrValue::Text(value.to_owned()),
            false => QrValue::Template(template(id, value)?),
        };
        Ok(QrObject { id, value })
    });
    left.collect()
}
