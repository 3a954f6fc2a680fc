//! What national schemes put into a code: each a row of data, and a record with names in the place of ids.

use serde::{Deserialize, Serialize};

use super::document::{QrField, QrObject, QrTemplate, QrValue};
use super::format::Format;
use super::problem::{QrError, QrProblem};

/// Whether a value of a scheme has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    /// Always.
    Always,
    /// It may be.
    Maybe,
    /// Exactly one of those of the scheme that say so.
    OneOf,
}

/// What a scheme says.
#[derive(Debug)]
pub(super) struct Profile {
    /// The id that its template has where nothing else is said.
    id: u8,
    /// The name in its template, whatever the case of its letters.
    guid: &'static str,
    /// The values of its template.
    fields: &'static [(u8, Presence, Format)],
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

const DUITNOW: Profile = Profile {
    id: 26,
    guid: "A0000006150001",
    fields: &[
        always(1, Format::digits(6, 6)),
        always(2, Format::printable(28)),
        maybe(3, Format::printable(20)),
        maybe(4, Format::printable(15)),
    ],
    format: 2,
    spares: &[],
    // A digest of the code.
    texts: &[82],
    is_long: false,
};
const PROMPTPAY: Profile = Profile {
    id: 29,
    guid: "A000000677010111",
    fields: &[
        one_of(1, Format::digits(13, 13)),
        one_of(2, Format::digits(13, 13)),
        one_of(3, Format::digits(15, 15)),
        one_of(4, Format::printable(43)),
    ],
    format: 1,
    spares: &[52, 59, 60],
    // A message in UTF-16.
    texts: &[81],
    is_long: false,
};
const PROMPTPAY_BILL: Profile = Profile {
    id: 30,
    guid: "A000000677010112",
    fields: &[
        always(1, Format::digits(13, 15)),
        always(2, Format::printable(20)),
        maybe(3, Format::printable(20)),
    ],
    ..PROMPTPAY
};
const PAYNOW: Profile = Profile {
    id: 26,
    guid: "SG.PAYNOW",
    fields: &[
        always(1, Format::digits(1, 1)),
        always(2, Format::printable(21)),
        maybe(3, Format::digits(1, 1)),
        maybe(4, Format::digits(8, 14)),
    ],
    format: 1,
    spares: &[],
    texts: &[],
    is_long: false,
};
const SGQR: Profile = Profile {
    id: 51,
    guid: "SG.SGQR",
    fields: &[
        always(1, Format::printable(13)),
        always(2, Format::printable(7)),
        always(3, Format::digits(6, 6)),
        maybe(4, Format::printable(3)),
        maybe(5, Format::printable(5)),
        maybe(6, Format::printable(10)),
        always(7, Format::digits(8, 8)),
    ],
    // It lists as many payment systems as a label has.
    is_long: true,
    ..PAYNOW
};
const QRIS: Profile = Profile {
    id: 51,
    guid: "ID.CO.QRIS.WWW",
    fields: &[
        maybe(1, Format::digits(16, 19)),
        always(2, Format::printable(15)),
        maybe(3, Format::printable(3)),
    ],
    ..PAYNOW
};
const PIX: Profile = Profile {
    id: 26,
    guid: "br.gov.bcb.pix",
    fields: &[
        one_of(1, Format::printable(77)),
        maybe(2, Format::printable(72)),
        one_of(25, Format::printable(77)),
    ],
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

impl Profile {
    /// The scheme of a template.
    pub(super) fn of(template: &QrTemplate) -> Option<&'static Self> {
        let mut profiles = PROFILES.into_iter();
        profiles.find(|profile| profile.guid.eq_ignore_ascii_case(&template.guid))
    }

    /// What is wrong with the values of a template of the scheme; paths begin within it.
    pub(super) fn check(&self, template: &QrTemplate) -> Vec<QrError> {
        let mut errors = Vec::new();
        let mut chosen = 0_usize;
        for (id, presence, format) in self.fields {
            let problem = match (template.field(*id), presence) {
                (Some(_), Presence::OneOf) if chosen > 0 => Some(QrProblem::Unexpected),
                (Some(value), _) => format.check(value).err(),
                (None, Presence::Always) => Some(QrProblem::Missing),
                (None, _) => None,
            };
            if *presence == Presence::OneOf && template.field(*id).is_some() {
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

/// A record whose fields are values of a template.
macro_rules! accounts {
    ($($(#[doc = $doc:literal])* $name:ident {
        always { $($(#[doc = $always_doc:literal])* $always:ident: $always_id:literal,)* }
        maybe { $($(#[doc = $maybe_doc:literal])* $maybe:ident: $maybe_id:literal,)* }
    })*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $(
                $(#[doc = $always_doc])*
                pub $always: String,
            )*
            $(
                $(#[doc = $maybe_doc])*
                #[serde(default, skip_serializing_if = "Option::is_none")]
                #[cfg_attr(feature = "uniffi", uniffi(default))]
                pub $maybe: Option<String>,
            )*
        }

        impl $name {
            fn read(template: &QrTemplate) -> Self {
                let field = |id: u8| template.field(id).map(str::to_owned);
                Self {
                    $($always: field($always_id).unwrap_or_default(),)*
                    $($maybe: field($maybe_id),)*
                }
            }

            fn fields(&self) -> Vec<QrField> {
                let always = [$(($always_id, Some(&self.$always)),)*];
                let maybe = [$(($maybe_id, self.$maybe.as_ref()),)*];
                let given = always.into_iter().chain(maybe);
                let given = given.filter_map(|(id, value)| Some((id, value?.clone())));
                let mut fields: Vec<_> = given.map(|(id, value)| QrField { id, value }).collect();
                fields.sort_by_key(|field| field.id);
                fields
            }
        }
    )*};
}

accounts! {
    /// DuitNow, Malaysia.
    DuitnowAccount {
        always {
            /// The acquirer: six digits.
            acquirer: 1,
            /// The merchant or the code at the acquirer, up to 28 characters.
            merchant: 2,
        }
        maybe {
            /// What the acquirer says of the merchant, up to 20 characters.
            descriptor: 3,
            /// The number of a mobile phone, up to 15 characters.
            mobile_number: 4,
        }
    }
    /// A transfer by PromptPay, Thailand: exactly one of these names who is paid.
    PromptpayAccount {
        always {}
        maybe {
            /// A mobile phone: `0066` and nine digits.
            phone: 1,
            /// A person or a company by the national or the tax id: 13 digits.
            national_id: 2,
            /// A wallet: 15 digits.
            e_wallet: 3,
            /// A bank and an account, up to 43 characters.
            bank_account: 4,
        }
    }
    /// A bill that is paid by PromptPay, Thailand.
    PromptpayBill {
        always {
            /// Who is paid: 13 to 15 digits.
            biller: 1,
            /// The first reference, up to 20 characters.
            reference: 2,
        }
        maybe {
            /// The second reference, up to 20 characters.
            second_reference: 3,
        }
    }
    /// PayNow, Singapore.
    PaynowAccount {
        always {
            /// What names who is paid: `0` a mobile phone, `2` the number of a company.
            proxy_type: 1,
            /// The phone or the number, up to 21 characters.
            proxy: 2,
        }
        maybe {
            /// Whether whoever pays may change the amount: `1` or `0`.
            is_editable: 3,
            /// Until when it can be paid: `YYYYMMDD`, and the time in six digits more.
            expiry: 4,
        }
    }
    /// The label of SGQR, Singapore, which lists what can be paid by.
    SgqrAccount {
        always {
            /// The number of the label, up to 13 characters.
            number: 1,
            /// Its version, such as `01.0001`.
            version: 2,
            /// The postal code of where it hangs: six digits.
            postal_code: 3,
            /// When it was last changed: `YYYYMMDD`.
            revised: 7,
        }
        maybe {
            /// The floor, up to 3 characters.
            level: 4,
            /// The unit, up to 5 characters.
            unit: 5,
            /// What else tells labels apart, up to 10 characters.
            place: 6,
        }
    }
    /// QRIS, Indonesia.
    QrisAccount {
        always {
            /// The national merchant id, up to 15 characters.
            merchant: 2,
        }
        maybe {
            /// The merchant's account number: 16 to 19 digits.
            pan: 1,
            /// How large the merchant is, such as `UMI`.
            criteria: 3,
        }
    }
    /// PIX, Brazil: a key, or the place of the charge. The id of the payment is the `reference_label` of what is told of it.
    PixAccount {
        always {}
        maybe {
            /// A key: a phone, an electronic mail, a tax id or a UUID, up to 77 characters.
            key: 1,
            /// What whoever pays is told, up to 72 characters.
            message: 2,
            /// Where the charge is, without `https://`, up to 77 characters.
            url: 25,
        }
    }
}

/// What a national scheme put into a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum QrScheme {
    /// DuitNow, Malaysia.
    Duitnow(DuitnowAccount),
    /// A transfer by PromptPay, Thailand.
    Promptpay(PromptpayAccount),
    /// A bill that is paid by PromptPay, Thailand.
    PromptpayBill(PromptpayBill),
    /// PayNow, Singapore.
    Paynow(PaynowAccount),
    /// SGQR, Singapore.
    Sgqr(SgqrAccount),
    /// QRIS, Indonesia.
    Qris(QrisAccount),
    /// PIX, Brazil.
    Pix(PixAccount),
}

impl QrScheme {
    /// What a template says, when it is of one of the schemes.
    #[must_use]
    pub fn of(template: &QrTemplate) -> Option<Self> {
        Some(match Profile::of(template)?.guid {
            guid if guid == DUITNOW.guid => Self::Duitnow(DuitnowAccount::read(template)),
            guid if guid == PROMPTPAY.guid => Self::Promptpay(PromptpayAccount::read(template)),
            guid if guid == PROMPTPAY_BILL.guid => {
                Self::PromptpayBill(PromptpayBill::read(template))
            }
            guid if guid == PAYNOW.guid => Self::Paynow(PaynowAccount::read(template)),
            guid if guid == SGQR.guid => Self::Sgqr(SgqrAccount::read(template)),
            guid if guid == QRIS.guid => Self::Qris(QrisAccount::read(template)),
            _ => Self::Pix(PixAccount::read(template)),
        })
    }

    /// The object that says this in a code.
    #[must_use]
    pub fn account(&self) -> QrObject {
        let (profile, fields) = match self {
            Self::Duitnow(account) => (&DUITNOW, account.fields()),
            Self::Promptpay(account) => (&PROMPTPAY, account.fields()),
            Self::PromptpayBill(bill) => (&PROMPTPAY_BILL, bill.fields()),
            Self::Paynow(account) => (&PAYNOW, account.fields()),
            Self::Sgqr(account) => (&SGQR, account.fields()),
            Self::Qris(account) => (&QRIS, account.fields()),
            Self::Pix(account) => (&PIX, account.fields()),
        };
        let guid = profile.guid.to_owned();
        QrObject {
            id: profile.id,
            value: QrValue::Template(QrTemplate { guid, fields }),
        }
    }

    /// Whether a template says this already, and maybe more.
    pub(super) fn is_said_by(&self, template: &QrTemplate) -> bool {
        Self::of(template).as_ref() == Some(self)
    }
}
