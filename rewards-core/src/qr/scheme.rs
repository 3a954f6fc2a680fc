//! What national schemes put into a code, with names in the place of ids. What each of them says is a row of `profile`.

use serde::{Deserialize, Serialize};

use super::document::{QrField, QrObject, QrTemplate, QrValue};
use super::profile::{DUITNOW, PAYNOW, PIX, PROMPTPAY, PROMPTPAY_BILL, Profile, QRIS, SGQR};

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
            /// Who is paid: a tax id of 13 digits, or one with its suffix, 15 digits.
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
            /// The phone, such as `+6591234567`, or the number, up to 21 characters.
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
            /// The national merchant id: `ID` and up to 13 digits.
            merchant: 2,
        }
        maybe {
            /// The merchant's account number: 16 to 19 digits.
            pan: 1,
            /// How large the merchant is, such as `UMI`.
            criteria: 3,
        }
    }
    /// PIX, Brazil: a key, or the place of the charge; neither in a code that only offers a recurrence. The id of the payment is the
    /// `reference_label` of what is told of it: letters and digits, or `***`.
    PixAccount {
        always {}
        maybe {
            /// A key: a phone such as `+5561912345678`, an electronic mail, a tax id or a UUID, up to 77 characters.
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
