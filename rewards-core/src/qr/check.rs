//! What is wrong with a code as a document: the same whether it was read or is to be written.

use std::collections::BTreeSet;

use super::document::{
    MerchantQr, QrAdditional, QrField, QrLanguage, QrObject, QrTemplate, QrTip, QrValue, amount_of,
};
use super::format::{Format, LABEL};
use super::lower::objects;
use super::problem::{QrError, QrProblem};
use super::profile::Profile;
use super::tlv::VALUE_CHARACTERS_MAX;

/// The longest code in bytes, as far as EMVCo goes.
pub const EMV_BYTES_MAX: usize = 512;
/// The longest code in bytes that one picture holds: version 40 at its lowest level of correction.
pub const QR_BYTES_MAX: usize = 2_953;

const GUID: Format = Format::printable(32);
const AMOUNT: Format = Format::printable(13);

/// What the schemes of a code allow.
#[derive(Debug)]
pub(super) struct Allowed {
    schemes: Vec<&'static Profile>,
    /// Whether there are no accounts but those of schemes.
    is_known: bool,
}

impl Allowed {
    pub(super) fn by(accounts: &[QrObject]) -> Self {
        let templates = accounts.iter().filter_map(template_of);
        let schemes: Vec<_> = templates.filter_map(Profile::of).collect();
        let is_known = schemes.len() == accounts.len();
        Self { schemes, is_known }
    }

    /// Whether one of the payment systems moves a currency. Another one than the schemes may move any.
    fn currency(&self, currency: &str) -> bool {
        let mut schemes = self.schemes.iter();
        let is_moved = schemes.any(|scheme| scheme.moves(currency));
        is_moved || !self.is_known || self.schemes.is_empty()
    }

    fn format(&self, format: u8) -> bool {
        format == 1 || self.schemes.iter().any(|scheme| scheme.format == format)
    }

    fn spares(&self, id: u8) -> bool {
        let mut schemes = self.schemes.iter();
        schemes.any(|scheme| scheme.spares.contains(&id))
    }

    /// Whether an object holds a text, and no template.
    pub(super) fn text(&self, id: u8) -> bool {
        let mut schemes = self.schemes.iter();
        id < 80 || schemes.any(|scheme| scheme.texts.contains(&id))
    }

    pub(super) fn bytes(&self) -> usize {
        let is_long = self.schemes.iter().any(|scheme| scheme.is_long);
        if is_long { QR_BYTES_MAX } else { EMV_BYTES_MAX }
    }
}

fn template_of(object: &QrObject) -> Option<&QrTemplate> {
    match &object.value {
        QrValue::Template(template) => Some(template),
        QrValue::Text(_) => None,
    }
}

/// All that is wrong with a code.
pub(super) fn check(qr: &MerchantQr) -> Vec<QrError> {
    let mut found = Found::default();
    let allowed = Allowed::by(&qr.accounts);
    if !allowed.format(qr.format.unwrap_or(1)) {
        let expected = "the format of the payment systems: `01`, and `02` for DuitNow";
        found.add(&[0], QrProblem::Value { expected });
    }
    if !allowed.currency(qr.currency.code()) {
        let expected = "the currency of a payment system of the code";
        found.add(&[53], QrProblem::Value { expected });
    }
    found.accounts(qr);
    found.merchant(qr, &allowed);
    found.payment(qr);
    if let Some(additional) = &qr.additional {
        found.additional(additional);
    }
    if let Some(language) = &qr.language {
        found.language(language);
    }
    found.others(&qr.others, &allowed);
    found.lengths(qr);
    found.errors
}

/// What was found to be wrong so far.
#[derive(Debug, Default)]
struct Found {
    errors: Vec<QrError>,
}

impl Found {
    fn add(&mut self, ids: &[u8], problem: QrProblem) {
        self.errors.push(QrError::at(ids, problem));
    }

    fn format(&mut self, ids: &[u8], value: &str, format: Format) {
        if let Err(problem) = format.check(value) {
            self.add(ids, problem);
        }
    }

    /// A value that is there unless a scheme spares it.
    fn expected(&mut self, id: u8, value: Option<&str>, format: Format, is_spared: bool) {
        match value {
            Some(value) => self.format(&[id], value, format),
            None if is_spared => {}
            None => self.add(&[id], QrProblem::Missing),
        }
    }

    fn accounts(&mut self, qr: &MerchantQr) {
        let accounts = &qr.accounts;
        if accounts.is_empty() {
            self.add(&[], QrProblem::Missing);
        }
        self.unique(&[], accounts.iter().map(|account| account.id));
        for account in accounts {
            let id = account.id;
            match (&account.value, id) {
                (QrValue::Text(text), 2..=25) => self.format(&[id], text, Format::printable(99)),
                (QrValue::Template(template), 26..=51) => {
                    self.template(id, template);
                    let profile = Profile::of(template);
                    let errors = profile.map(|profile| profile.check(qr, id, template));
                    // Two accounts of a scheme tell the same of the rest of the code.
                    let mut errors = errors.unwrap_or_default();
                    errors.retain(|error| !self.errors.contains(error));
                    self.errors.extend(errors);
                }
                _ => self.add(&[id], QrProblem::Id),
            }
        }
    }

    fn merchant(&mut self, qr: &MerchantQr, allowed: &Allowed) {
        for (id, value, format) in [
            (52, &qr.category, Format::digits(4, 4)),
            (59, &qr.name, LABEL),
            (60, &qr.city, Format::printable(15)),
        ] {
            self.expected(id, value.as_deref(), format, allowed.spares(id));
        }
        self.expected(61, qr.postal_code.as_deref(), Format::printable(10), true);
        let is_country = qr.country.bytes().all(|byte| byte.is_ascii_uppercase());
        if !is_country || qr.country.len() != 2 {
            let expected = "two capital letters of ISO 3166";
            self.add(&[58], QrProblem::Value { expected });
        }
    }

    fn payment(&mut self, qr: &MerchantQr) {
        if let Some(amount) = &qr.amount {
            self.amount(54, amount, qr);
        }
        match &qr.tip {
            None | Some(QrTip::Prompt) => {}
            Some(QrTip::Fixed(fee)) => self.amount(56, fee, qr),
            Some(QrTip::Percent(percent)) => {
                self.format(&[57], percent, Format::printable(5));
                if !is_percentage(percent) {
                    let expected = "a percentage from 0.01 to 99.99, such as `2.5`";
                    self.add(&[57], QrProblem::Value { expected });
                }
            }
        }
    }

    fn amount(&mut self, id: u8, amount: &str, qr: &MerchantQr) {
        self.format(&[id], amount, AMOUNT);
        if let Err(problem) = amount_of(amount, qr.currency) {
            self.add(&[id], problem);
        }
    }

    fn additional(&mut self, additional: &QrAdditional) {
        let labels = additional.labels();
        for (id, label) in labels {
            let format = match id {
                9 => Format::printable(3),
                10 => Format::printable(20),
                11 => Format::printable(3),
                _ => LABEL,
            };
            if let Some(label) = label {
                self.format(&[62, id], label, format);
            }
        }
        let wanted = additional.consumer_data.as_deref().unwrap_or_default();
        if !wanted.chars().all(|c| matches!(c, 'A' | 'M' | 'E')) {
            let expected = "some of `A`, `M` and `E`";
            self.add(&[62, 9], QrProblem::Value { expected });
        }
        if additional
            .channel
            .as_ref()
            .is_some_and(|channel| channel.len() != 3)
        {
            let expected = "three characters";
            self.add(&[62, 11], QrProblem::Value { expected });
        }
        self.fields(62, 12, &additional.others);
        if objects_of(additional) == 0 {
            self.add(&[62], QrProblem::Missing);
        }
    }

    fn language(&mut self, language: &QrLanguage) {
        let letters = &language.language;
        if letters.len() != 2 || !letters.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            let expected = "two letters of ISO 639";
            self.add(&[64, 0], QrProblem::Value { expected });
        }
        self.format(&[64, 1], &language.name, Format::any(25));
        if let Some(city) = &language.city {
            self.format(&[64, 2], city, Format::any(15));
        }
        self.fields(64, 3, &language.others);
    }

    fn others(&mut self, others: &[QrObject], allowed: &Allowed) {
        self.unique(&[], others.iter().map(|other| other.id));
        for other in others {
            let id = other.id;
            match (&other.value, id) {
                (QrValue::Text(text), 65..=99) if allowed.text(id) => {
                    self.format(&[id], text, Format::any(99));
                }
                (QrValue::Template(template), 80..=99) if !allowed.text(id) => {
                    self.template(id, template);
                }
                _ => self.add(&[id], QrProblem::Id),
            }
        }
    }

    fn template(&mut self, id: u8, template: &QrTemplate) {
        self.format(&[id, 0], &template.guid, GUID);
        self.fields(id, 1, &template.fields);
    }

    /// Values within an object, with ids from one on.
    fn fields(&mut self, id: u8, first: u8, fields: &[QrField]) {
        self.unique(&[id], fields.iter().map(|field| field.id));
        for field in fields {
            if !(first..=99).contains(&field.id) {
                self.add(&[id, field.id], QrProblem::Id);
            }
            self.format(&[id, field.id], &field.value, Format::any(99));
        }
    }

    fn unique(&mut self, within: &[u8], ids: impl Iterator<Item = u8>) {
        let mut seen = BTreeSet::new();
        for id in ids {
            if !seen.insert(id) {
                let place: Vec<u8> = within.iter().copied().chain([id]).collect();
                self.add(&place, QrProblem::Duplicate);
            }
        }
    }

    /// That no object is longer than two digits can say. What is too long by itself was found before.
    fn lengths(&mut self, qr: &MerchantQr) {
        for (id, value) in objects(qr) {
            let is_found = self.errors.iter().any(|error| error.ids == [id]);
            let found = value.chars().count();
            if found > VALUE_CHARACTERS_MAX && !is_found {
                let (least, most) = (1, VALUE_CHARACTERS_MAX);
                self.add(&[id], QrProblem::ValueLength { least, most, found });
            }
        }
    }
}

fn objects_of(additional: &QrAdditional) -> usize {
    let labels = additional.labels();
    let given = labels.iter().filter(|(_, label)| label.is_some()).count();
    given.saturating_add(additional.others.len())
}

/// Digits, at most two and two more after a point, above zero.
fn is_percentage(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |digits: &str| digits.len() <= 2 && digits.bytes().all(|b| b.is_ascii_digit());
    let is_above_zero = text.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    !whole.is_empty() && is_number(whole) && is_number(fraction) && is_above_zero
}
