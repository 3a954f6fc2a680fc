//! A code as a document, written as text.

use super::check::{Allowed, check};
use super::document::{
    MerchantQr, QrAdditional, QrField, QrInitiation, QrLanguage, QrObject, QrTemplate, QrTip,
    QrValue,
};
use super::problem::{QrError, QrProblem};
use super::scheme::QrScheme;
use super::tlv::{crc16, push};

/// Writes a code: the objects by their ids, and the checksum last. What schemes say is added as accounts, unless the code says it
/// already.
///
/// # Errors
/// All that is wrong with it.
pub fn build(qr: &MerchantQr, schemes: &[QrScheme]) -> Result<String, Vec<QrError>> {
    let mut whole = qr.clone();
    for scheme in schemes {
        let is_said = whole.accounts.iter().any(|account| match &account.value {
            QrValue::Template(template) => scheme.is_said_by(template),
            QrValue::Text(_) => false,
        });
        if !is_said {
            whole.accounts.push(scheme.account());
        }
    }
    let errors = check(&whole);
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut text = String::new();
    for (id, value) in objects(&whole) {
        push(&mut text, id, &value);
    }
    text.push_str("6304");
    let checksum = crc16(text.as_bytes());
    text.push_str(&format!("{checksum:04X}"));
    let (found, most) = (text.len(), Allowed::by(&whole.accounts).bytes());
    if found > most {
        let problem = QrProblem::TooLong { most, found };
        return Err(vec![QrError::at(&[], problem)]);
    }
    Ok(text)
}

/// The objects of a code but its checksum, by their ids.
pub(super) fn objects(qr: &MerchantQr) -> Vec<(u8, String)> {
    let mut objects = vec![
        (0, format!("{:02}", qr.format.unwrap_or(1))),
        (53, format!("{:03}", qr.currency.numeric())),
        (58, qr.country.clone()),
    ];
    if let Some(initiation) = qr.initiation {
        let digits = match initiation {
            QrInitiation::Static => "11",
            QrInitiation::Dynamic => "12",
        };
        objects.push((1, digits.to_owned()));
    }
    for (id, value) in [
        (52, &qr.category),
        (54, &qr.amount),
        (59, &qr.name),
        (60, &qr.city),
        (61, &qr.postal_code),
    ] {
        objects.extend(value.clone().map(|value| (id, value)));
    }
    objects.extend(qr.tip.iter().flat_map(tip));
    let additional = qr.additional.as_ref();
    objects.extend(additional.map(|additional| (62, additional.to_text())));
    let language = qr.language.as_ref();
    objects.extend(language.map(|language| (64, language.to_text())));
    objects.extend(qr.accounts.iter().chain(&qr.others).map(QrObject::lowered));
    objects.sort_by_key(|(id, _)| *id);
    objects
}

fn tip(tip: &QrTip) -> Vec<(u8, String)> {
    let kind = |digits: &str| (55, digits.to_owned());
    match tip {
        QrTip::Prompt => vec![kind("01")],
        QrTip::Fixed(fee) => vec![kind("02"), (56, fee.clone())],
        QrTip::Percent(percent) => vec![kind("03"), (57, percent.clone())],
    }
}

impl QrObject {
    fn lowered(&self) -> (u8, String) {
        let value = match &self.value {
            QrValue::Text(text) => text.clone(),
            QrValue::Template(template) => template.to_text(),
        };
        (self.id, value)
    }
}

impl QrTemplate {
    fn to_text(&self) -> String {
        written([(0, Some(self.guid.as_str()))], &self.fields)
    }
}

impl QrLanguage {
    fn to_text(&self) -> String {
        let (language, name) = (self.language.as_str(), self.name.as_str());
        let named = [
            (0, Some(language)),
            (1, Some(name)),
            (2, self.city.as_deref()),
        ];
        written(named, &self.others)
    }
}

impl QrAdditional {
    /// Its values that have names, with their ids.
    pub(super) fn labels(&self) -> [(u8, Option<&str>); 11] {
        [
            (1, self.bill_number.as_deref()),
            (2, self.mobile_number.as_deref()),
            (3, self.store_label.as_deref()),
            (4, self.loyalty_number.as_deref()),
            (5, self.reference_label.as_deref()),
            (6, self.customer_label.as_deref()),
            (7, self.terminal_label.as_deref()),
            (8, self.purpose.as_deref()),
            (9, self.consumer_data.as_deref()),
            (10, self.tax_id.as_deref()),
            (11, self.channel.as_deref()),
        ]
    }

    fn to_text(&self) -> String {
        written(self.labels(), &self.others)
    }
}

/// Values with names and without, by their ids.
fn written<'a>(
    named: impl IntoIterator<Item = (u8, Option<&'a str>)>,
    others: &'a [QrField],
) -> String {
    let named = named
        .into_iter()
        .filter_map(|(id, value)| Some((id, value?)));
    let others = others.iter().map(|field| (field.id, field.value.as_str()));
    let mut fields: Vec<(u8, &str)> = named.chain(others).collect();
    fields.sort_by_key(|(id, _)| *id);
    let mut text = String::new();
    for (id, value) in fields {
        push(&mut text, id, value);
    }
    text
}
