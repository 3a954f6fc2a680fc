//! What national schemes say of a code: each a row of data, with the values of its template and what it does differently.
//!
//! A rule is here when something public says it: a specification, or codes that were published by whoever runs the scheme. Where a
//! specification and codes that hang in shops do not agree, the codes are read. What could not be confirmed is left open, and the row
//! says so. A digit that checks others is never computed, because published codes have examples where it is wrong.

use super::document::{MerchantQr, QrObject, QrTemplate, QrValue};
use super::format::{Format, LABEL};
use super::problem::{QrError, QrProblem};
use super::shape::{
    DATE, DATE_OR_TIME, FLAG, NMID, PHONE, PIX_ID, PIX_KEY, PIX_LOCATION, THAI_BILLER, THAI_PHONE,
};

/// Whether a value of a scheme has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    /// Always.
    Always,
    /// It may be.
    Maybe,
    /// Exactly one of those of the scheme that say so.
    OneOf,
    /// At most one of those of the scheme that say so.
    AtMostOne,
}

/// What a scheme says of values together: those of its template, which has an id, and those of the whole code. Paths begin at the code.
type Rule = fn(&MerchantQr, u8, &QrTemplate) -> Vec<QrError>;

/// What a scheme says.
#[derive(Debug)]
pub(super) struct Profile {
    /// The id that its template has where nothing else is said.
    pub(super) id: u8,
    /// The name in its template, whatever the case of its letters.
    pub(super) guid: &'static str,
    /// The values of its template.
    fields: &'static [(u8, Presence, Format)],
    /// What it says of values together.
    rule: Option<Rule>,
    /// The only currency that it moves.
    currency: &'static str,
    /// The format of codes that have it.
    pub(super) format: u8,
    /// Objects that such a code need not have: ids.
    pub(super) spares: &'static [u8],
    /// Objects from 80 on that hold a text in such a code and no template: ids.
    pub(super) texts: &'static [u8],
    /// Whether such a code may be as long as a picture can hold.
    pub(super) is_long: bool,
}

const fn always(id: u8, format: Format) -> (u8, Presence, Format) {
    (id, Presence::Always, format)
}

const fn maybe(id: u8, format: Format) -> (u8, Presence, Format) {
    (id, Presence::Maybe, format)
}

const fn one_of(id: u8, format: Format) -> (u8, Presence, Format) {
    (id, Presence::OneOf, format)
}

const fn at_most_one(id: u8, format: Format) -> (u8, Presence, Format) {
    (id, Presence::AtMostOne, format)
}

/// The specification of PayNet asks for format `02` and for the initiation. Both are left open: codes without them are about. So is
/// what the digest is made of, and what a phone looks like.
pub(super) const DUITNOW: Profile = Profile {
    id: 26,
    guid: "A0000006150001",
    fields: &[
        always(1, Format::digits(6, 6)),
        always(2, Format::printable(28)),
        maybe(3, Format::printable(20)),
        maybe(4, Format::printable(15)),
    ],
    rule: None,
    currency: "MYR",
    format: 2,
    spares: &[],
    // A digest of the code.
    texts: &[82],
    is_long: false,
};
/// Which digits a phone begins with after the country is left open, as published codes have any.
pub(super) const PROMPTPAY: Profile = Profile {
    id: 29,
    guid: "A000000677010111",
    fields: &[
        one_of(1, Format::digits(13, 13).shaped(THAI_PHONE)),
        one_of(2, Format::digits(13, 13)),
        one_of(3, Format::digits(15, 15)),
        one_of(4, Format::printable(43)),
    ],
    rule: None,
    currency: "THB",
    format: 1,
    spares: &[52, 59, 60],
    // A message in UTF-16.
    texts: &[81],
    is_long: false,
};
/// A biller has 15 digits by the standard; published codes leave out the suffix of two. Whether references are capital letters and
/// digits only is left open.
pub(super) const PROMPTPAY_BILL: Profile = Profile {
    id: 30,
    guid: "A000000677010112",
    fields: &[
        always(1, Format::digits(13, 15).shaped(THAI_BILLER)),
        always(2, Format::printable(20)),
        maybe(3, Format::printable(20)),
    ],
    ..PROMPTPAY
};
/// The number of a company is left open: the label that SGQR publishes has a phone there. So are kinds of proxies other than `0`.
pub(super) const PAYNOW: Profile = Profile {
    id: 26,
    guid: "SG.PAYNOW",
    fields: &[
        always(1, Format::digits(1, 1)),
        always(2, Format::printable(21)),
        maybe(3, Format::digits(1, 1).shaped(FLAG)),
        maybe(4, Format::digits(8, 14).shaped(DATE_OR_TIME)),
    ],
    rule: Some(paynow),
    currency: "SGD",
    format: 1,
    spares: &[],
    texts: &[],
    is_long: false,
};
/// What numbers, versions, floors and units look like is left open beyond their lengths.
pub(super) const SGQR: Profile = Profile {
    id: 51,
    guid: "SG.SGQR",
    fields: &[
        always(1, Format::printable(13)),
        always(2, Format::printable(7)),
        always(3, Format::digits(6, 6)),
        maybe(4, Format::printable(3)),
        maybe(5, Format::printable(5)),
        maybe(6, Format::printable(10)),
        always(7, Format::digits(8, 8).shaped(DATE)),
    ],
    rule: None,
    // It lists as many payment systems as a label has.
    is_long: true,
    ..PAYNOW
};
/// How long the merchant's id is at least, and which criteria there are, is left open: both grew over time.
pub(super) const QRIS: Profile = Profile {
    id: 51,
    guid: "ID.CO.QRIS.WWW",
    fields: &[
        maybe(1, Format::digits(16, 19)),
        always(2, Format::printable(15).shaped(NMID)),
        maybe(3, Format::printable(3)),
    ],
    rule: None,
    currency: "IDR",
    ..PAYNOW
};
/// As the *Manual de Padrões para Iniciação do Pix* says it, codes with a recurrence included. Beside a charge, the id of the payment
/// can be anything: the manual wants `***` there, and has whoever pays ignore what else there is.
pub(super) const PIX: Profile = Profile {
    id: 26,
    guid: "br.gov.bcb.pix",
    fields: &[
        at_most_one(PIX_KEY_AT, Format::printable(77).shaped(PIX_KEY)),
        maybe(2, Format::printable(72)),
        // Who gives out cash.
        maybe(3, Format::printable(8).at_least(8)),
        at_most_one(PIX_LOCATION_AT, LOCATION),
    ],
    rule: Some(pix),
    currency: "BRL",
    ..PAYNOW
};

/// All schemes.
const PROFILES: [&Profile; 7] = [
    &DUITNOW,
    &PROMPTPAY,
    &PROMPTPAY_BILL,
    &PAYNOW,
    &SGQR,
    &QRIS,
    &PIX,
];

const PIX_KEY_AT: u8 = 1;
const PIX_LOCATION_AT: u8 = 25;
const LOCATION: Format = Format::printable(77).shaped(PIX_LOCATION);

impl Profile {
    /// The scheme of a template.
    pub(super) fn of(template: &QrTemplate) -> Option<&'static Self> {
        let mut profiles = PROFILES.into_iter();
        profiles.find(|profile| profile.names(template))
    }

    fn names(&self, template: &QrTemplate) -> bool {
        self.guid.eq_ignore_ascii_case(&template.guid)
    }

    /// Whether it moves a currency.
    pub(super) fn moves(&self, currency: &str) -> bool {
        self.currency == currency
    }

    /// What is wrong with a template of the scheme, which has an id, in a code.
    pub(super) fn check(&self, qr: &MerchantQr, id: u8, template: &QrTemplate) -> Vec<QrError> {
        let errors = self.check_fields(template).into_iter();
        let mut errors: Vec<QrError> = errors.map(|error| error.within(id)).collect();
        if let Some(rule) = self.rule {
            errors.extend(rule(qr, id, template));
        }
        errors
    }

    /// What is wrong with the values of a template of the scheme; paths begin within it.
    fn check_fields(&self, template: &QrTemplate) -> Vec<QrError> {
        let mut errors = Vec::new();
        let mut chosen = 0_usize;
        for (id, presence, format) in self.fields {
            let is_choice = matches!(presence, Presence::OneOf | Presence::AtMostOne);
            let problem = match (template.field(*id), presence) {
                (Some(_), _) if is_choice && chosen > 0 => Some(QrProblem::Unexpected),
                (Some(value), _) => format.check(value).err(),
                (None, Presence::Always) => Some(QrProblem::Missing),
                (None, _) => None,
            };
            if is_choice && template.field(*id).is_some() {
                chosen = chosen.saturating_add(1);
            }
            errors.extend(problem.map(|problem| QrError::at(&[*id], problem)));
        }
        let is_choice = self
            .fields
            .iter()
            .any(|(_, presence, _)| *presence == Presence::OneOf);
        if is_choice && chosen == 0 {
            errors.push(QrError::at(&[], QrProblem::Missing));
        }
        errors
    }
}

/// A phone is one where the kind of proxy says so.
fn paynow(_: &MerchantQr, id: u8, template: &QrTemplate) -> Vec<QrError> {
    let proxy = template.field(2).filter(|_| template.field(1) == Some("0"));
    let problem = proxy.and_then(|proxy| PHONE.check(proxy).err());
    let error = problem.map(|problem| QrError::at(&[id, 2], problem));
    error.into_iter().collect()
}

/// There is something to pay or to agree to, the payment has an id, and a recurrence is kept where the charge is.
fn pix(qr: &MerchantQr, id: u8, template: &QrTemplate) -> Vec<QrError> {
    let mut errors = Vec::new();
    let charge = template.field(PIX_LOCATION_AT);
    let recurrences = || qr.others.iter().filter_map(pix_recurrence);
    let is_payable = charge.is_some() || template.field(PIX_KEY_AT).is_some();
    if !is_payable && recurrences().next().is_none() {
        errors.push(QrError::at(&[id], QrProblem::Missing));
    }
    let additional = qr.additional.as_ref();
    let label = additional.and_then(|additional| additional.reference_label.as_deref());
    let problem = match label {
        None => Some(QrProblem::Missing),
        // What is wrong with any label is told of any code.
        Some(label) if charge.is_none() && LABEL.check(label).is_ok() => PIX_ID.check(label).err(),
        Some(_) => None,
    };
    errors.extend(problem.map(|problem| QrError::at(&[62, 5], problem)));
    for (id, recurrence) in recurrences() {
        let problem = match recurrence.field(PIX_LOCATION_AT) {
            None => Some(QrProblem::Missing),
            Some(location) => recurrence_problem(location, charge),
        };
        errors.extend(problem.map(|problem| QrError::at(&[id, PIX_LOCATION_AT], problem)));
    }
    errors
}

/// A template of PIX beside the accounts, with its id.
fn pix_recurrence(object: &QrObject) -> Option<(u8, &QrTemplate)> {
    match &object.value {
        QrValue::Template(template) if PIX.names(template) => Some((object.id, template)),
        QrValue::Template(_) | QrValue::Text(_) => None,
    }
}

/// What is wrong with the place of a recurrence, beside the charge if there is one.
fn recurrence_problem(location: &str, charge: Option<&str>) -> Option<QrProblem> {
    let domain = |location: &str| {
        let domain = location.split_once('/').map(|(domain, _)| domain);
        domain.map(str::to_ascii_lowercase)
    };
    let is_elsewhere = charge.is_some_and(|charge| domain(charge) != domain(location));
    let expected = "the domain of the charge";
    let elsewhere = is_elsewhere.then_some(QrProblem::Value { expected });
    LOCATION.check(location).err().or(elsewhere)
}
