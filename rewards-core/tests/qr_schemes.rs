//! What national schemes say of values, told alike whether a code is read or built.

use rewards_core::money::Currency;
use rewards_core::qr::{MerchantQr, QrScheme, build, parse};
use serde_json::{Value, json};

use crate::qr_codes::{text_of, told};

/// The values of a template, by their ids.
type Values<'t> = &'t [(u8, &'t str)];

/// A code with one account.
#[derive(Clone, Copy)]
struct Code<'t> {
    currency: (&'t str, &'t str),
    account: (u8, &'t str),
    values: Values<'t>,
    /// What is told of the payment, by its ids.
    additional: Values<'t>,
    /// A template of the same scheme beside the accounts.
    beside: Option<Values<'t>>,
}

const fn code<'t>(currency: (&'t str, &'t str), account: (u8, &'t str)) -> Code<'t> {
    Code {
        currency,
        account,
        values: &[],
        additional: &[],
        beside: None,
    }
}

const DUITNOW: Code<'_> = code(("458", "MYR"), (26, "A0000006150001"));
const PROMPTPAY: Code<'_> = code(("764", "THB"), (29, "A000000677010111"));
const BILL: Code<'_> = code(("764", "THB"), (30, "A000000677010112"));
const PAYNOW: Code<'_> = code(("702", "SGD"), (26, "SG.PAYNOW"));
const SGQR: Code<'_> = code(("702", "SGD"), (51, "SG.SGQR"));
const QRIS: Code<'_> = code(("360", "IDR"), (51, "ID.CO.QRIS.WWW"));
const PIX: Code<'_> = Code {
    additional: &[(5, "***")],
    ..code(("986", "BRL"), (26, "br.gov.bcb.pix"))
};

const KEY: (u8, &str) = (1, "123e4567-e12b-12d1-a456-426655440000");
const URL: (u8, &str) = (25, "pix.example.com/8b3da2f39a4140d1a91abd93113bd441");
const REC: (u8, &str) = (25, "pix.example.com/rec/2353c790eefb11eaadc10242ac12");

fn object(id: u8, value: &str) -> String {
    format!("{id:02}{:02}{value}", value.chars().count())
}

fn objects(values: Values<'_>) -> String {
    let values = values.iter();
    values.map(|(id, value)| object(*id, value)).collect()
}

impl Code<'_> {
    fn text(&self) -> String {
        let template = |values| object(0, self.account.1) + &objects(values);
        let (id, account) = (format!("{:02}", self.account.0), template(self.values));
        let mut parts = vec![("00", "01"), (id.as_str(), account.as_str())];
        parts.extend([("52", "0000"), ("53", self.currency.0), ("58", "XX")]);
        parts.extend([("59", "NAME"), ("60", "CITY")]);
        let additional = objects(self.additional);
        if !additional.is_empty() {
            parts.push(("62", &additional));
        }
        let beside = self.beside.map(template);
        parts.extend(beside.iter().map(|beside| ("80", beside.as_str())));
        text_of(&parts)
    }

    fn document(&self) -> MerchantQr {
        let fields = |values: Values<'_>| -> Vec<Value> {
            let values = values.iter();
            values
                .map(|(id, value)| json!({"id": id, "value": value}))
                .collect()
        };
        let template = |id: u8, values| {
            let template = json!({"guid": self.account.1, "fields": fields(values)});
            json!({"id": id, "value": {"template": template}})
        };
        let mut document = json!({
            "currency": self.currency.1, "country": "XX", "category": "0000", "name": "NAME", "city": "CITY",
            "accounts": [template(self.account.0, self.values)],
        });
        for (id, value) in self.additional {
            let name = if *id == 5 {
                "reference_label"
            } else {
                "bill_number"
            };
            document["additional"][name] = json!(value);
        }
        if let Some(beside) = self.beside {
            document["others"] = json!([template(80, beside)]);
        }
        serde_json::from_value(document).unwrap()
    }

    /// What is wrong with it, the same when it is read and when it is built.
    #[track_caller]
    fn check(&self, want: &[&str]) {
        let text = self.text();
        let read = parse(&text).map(|parsed| parsed.qr);
        let built = build(&self.document(), &[]);
        match (&read, &built) {
            (Ok(qr), Ok(built)) => {
                assert_eq!((qr, built), (&self.document(), &text));
                assert!(want.is_empty(), "taken: {:?}", self.values);
            }
            (Err(read), Err(built)) => {
                assert_eq!(read, built, "{text}");
                assert_eq!(told(read), want, "{:?} {:?}", self.values, self.additional);
            }
            _ => panic!("{text}: {read:?}, {built:?}"),
        }
    }
}

/// Values of a scheme, and what is wrong with them.
type Cases<'t> = &'t [(Values<'t>, &'t [&'t str])];

#[track_caller]
fn check_all(code: Code<'_>, cases: Cases<'_>) {
    for &(values, want) in cases {
        Code { values, ..code }.check(want);
    }
}

#[test]
fn promptpay_names_a_phone_of_thailand() {
    check_all(
        PROMPTPAY,
        &[
            (&[(1, "0066812223333")], &[]),
            (&[(1, "0065812223333")], &["qr_value_invalid qr.29.01"]),
            (&[(1, "0812223333000")], &["qr_value_invalid qr.29.01"]),
            (&[(1, "0066 81222333")], &["qr_characters_invalid qr.29.01"]),
            (&[(1, "006681222333")], &["qr_value_length qr.29.01"]),
            (&[(1, "00668122233334")], &["qr_value_length qr.29.01"]),
            (&[(2, "1101700230708")], &[]),
            (&[(2, "110170023070")], &["qr_value_length qr.29.02"]),
            (&[(2, "11017002307O8")], &["qr_characters_invalid qr.29.02"]),
            (&[(3, "004999000000001")], &[]),
            (&[(3, "04999000000001")], &["qr_value_length qr.29.03"]),
            (&[(4, "0041234567890")], &[]),
        ],
    );
    check_all(
        BILL,
        &[
            (&[(1, "0112233445566"), (2, "R1")], &[]),
            (&[(1, "099999999999990"), (2, "R1"), (3, "R2")], &[]),
            (
                &[(1, "01122334455667"), (2, "R1")],
                &["qr_value_invalid qr.30.01"],
            ),
            (
                &[(1, "011223344556"), (2, "R1")],
                &["qr_value_length qr.30.01"],
            ),
            (&[(1, "0112233445566")], &["qr_value_missing qr.30.02"]),
        ],
    );
}

#[test]
fn paynow_says_what_kind_of_proxy_it_names_and_until_when() {
    check_all(
        PAYNOW,
        &[
            (
                &[(1, "0"), (2, "+6591234567"), (3, "0"), (4, "20301231")],
                &[],
            ),
            (
                &[(1, "2"), (2, "202012345X"), (3, "1"), (4, "20301231235959")],
                &[],
            ),
            // The label that SGQR publishes has it.
            (&[(1, "2"), (2, "+621234567890123")], &[]),
            (&[(1, "3"), (2, "+6591234567#OCBC")], &[]),
            (&[(1, "0"), (2, "91234567")], &["qr_value_invalid qr.26.02"]),
            (
                &[(1, "0"), (2, "202012345X")],
                &["qr_value_invalid qr.26.02"],
            ),
            (&[(1, "x"), (2, "1")], &["qr_characters_invalid qr.26.01"]),
            (
                &[(1, "2"), (2, "1"), (3, "2")],
                &["qr_value_invalid qr.26.03"],
            ),
            (
                &[(1, "2"), (2, "1"), (4, "20301331")],
                &["qr_value_invalid qr.26.04"],
            ),
            (
                &[(1, "2"), (2, "1"), (4, "203012312359")],
                &["qr_value_invalid qr.26.04"],
            ),
            (
                &[(1, "2"), (2, "1"), (4, "2030123")],
                &["qr_value_length qr.26.04"],
            ),
        ],
    );
}

#[test]
fn labels_and_merchants_have_the_ids_of_their_scheme() {
    let label = |revised| {
        [
            (1, "180307510317"),
            (2, "01.0001"),
            (3, "081006"),
            (7, revised),
        ]
    };
    for (revised, want) in [
        ("20180204", vec![]),
        ("20180230", vec!["qr_value_invalid qr.51.07"]),
        ("2018-2-4", vec!["qr_characters_invalid qr.51.07"]),
        ("180204", vec!["qr_value_length qr.51.07"]),
    ] {
        let values = &label(revised);
        Code { values, ..SGQR }.check(&want);
    }
    check_all(
        QRIS,
        &[
            (&[(2, "ID1026529448957"), (3, "UMI")], &[]),
            (&[(2, "ID2020")], &[]),
            (&[(2, "102652944895700")], &["qr_value_invalid qr.51.02"]),
            (&[(2, "id1026529448957")], &["qr_value_invalid qr.51.02"]),
            (&[(2, "ID10265294489577")], &["qr_value_length qr.51.02"]),
            (
                &[(1, "93600915")],
                &["qr_value_length qr.51.01", "qr_value_missing qr.51.02"],
            ),
        ],
    );
    check_all(
        DUITNOW,
        &[
            (&[(1, "501664"), (2, "MD001295465204")], &[]),
            (&[(1, "50166"), (2, "1")], &["qr_value_length qr.26.01"]),
            (
                &[(1, "501664"), (2, "é")],
                &["qr_characters_invalid qr.26.02"],
            ),
        ],
    );
}

#[test]
fn pix_has_a_key_or_the_place_of_a_charge() {
    check_all(
        PIX,
        &[
            (&[KEY], &[]),
            (&[(1, "fulano_da_silva.recebedor@example.com")], &[]),
            (&[(1, "12345678900")], &[]),
            (
                &[(1, "00038166000105"), (2, "Obrigado"), (3, "12345678")],
                &[],
            ),
            (&[(1, "12ABC34501DE35")], &[]),
            (&[(1, "+5561912345678")], &[]),
            (&[(1, "61912345678900000")], &["qr_value_invalid qr.26.01"]),
            (
                &[(1, "000.381.660/0001-05")],
                &["qr_value_invalid qr.26.01"],
            ),
            (&[(1, "fulano")], &["qr_value_invalid qr.26.01"]),
            (
                &[(1, "joão@example.com")],
                &["qr_characters_invalid qr.26.01"],
            ),
            (&[KEY, (3, "1234567")], &["qr_value_length qr.26.03"]),
            (&[URL], &[]),
            (
                &[(25, "https://pix.example.com/1")],
                &["qr_value_invalid qr.26.25"],
            ),
            (&[(25, "pix.example.com")], &["qr_value_invalid qr.26.25"]),
            (
                &[KEY, (25, "pix.example.com/1")],
                &["qr_value_unexpected qr.26.25"],
            ),
            (&[], &["qr_value_missing qr.26"]),
            (&[(2, "Obrigado")], &["qr_value_missing qr.26"]),
        ],
    );
}

#[test]
fn key_and_message_of_pix_share_what_two_digits_can_say() {
    // No text can have a longer one, so it is a document that says so.
    let told_of = |values: Values<'_>| {
        let errors = build(&Code { values, ..PIX }.document(), &[]).err();
        told(&errors.unwrap_or_default())
    };
    let message = "m".repeat(38);
    assert_eq!(told_of(&[KEY, (2, &message[1..])]), [] as [&str; 0]);
    assert_eq!(told_of(&[KEY, (2, &message)]), ["qr_value_length qr.26"]);
    let mail = "x".repeat(62) + "@pix.example.com";
    assert_eq!(told_of(&[(1, &mail[1..])]), [] as [&str; 0]);
    let both = ["qr_value_length qr.26.01", "qr_value_length qr.26"];
    assert_eq!(told_of(&[(1, &mail)]), both);
}

#[test]
fn pix_has_an_id_of_the_payment() {
    let pix = Code {
        values: &[KEY],
        ..PIX
    };
    let cases: Cases<'_> = &[
        (&[(5, "***")], &[]),
        (&[(5, "RP12345678")], &[]),
        (&[(5, "abcdefghijklmnopqrstuvwxy")], &[]),
        (&[(5, "RP-1")], &["qr_value_invalid qr.62.05"]),
        (&[(5, "****")], &["qr_value_invalid qr.62.05"]),
        (&[(5, "R 1")], &["qr_value_invalid qr.62.05"]),
        (
            &[(5, "abcdefghijklmnopqrstuvwxyz")],
            &["qr_value_length qr.62.05"],
        ),
        (&[(5, "ação")], &["qr_characters_invalid qr.62.05"]),
        (&[(1, "12")], &["qr_value_missing qr.62.05"]),
        (&[], &["qr_value_missing qr.62.05"]),
    ];
    for &(additional, want) in cases {
        Code { additional, ..pix }.check(want);
    }
    // Whoever pays ignores what is there beside a charge; something is always there.
    let charge = Code {
        values: &[URL],
        ..PIX
    };
    let cases: Cases<'_> = &[
        (&[(5, "***")], &[]),
        (&[(5, "R-1")], &[]),
        (&[], &["qr_value_missing qr.62.05"]),
    ];
    for &(additional, want) in cases {
        Code {
            additional,
            ..charge
        }
        .check(want);
    }
}

#[test]
fn pix_offers_a_recurrence_alone_or_beside_a_payment() {
    let missing: &[&str] = &["qr_value_missing qr.80.25"];
    let cases: &[(Values<'_>, Values<'_>, &[&str])] = &[
        (&[], &[REC], &[]),
        (&[KEY], &[REC], &[]),
        (&[URL], &[REC], &[]),
        (&[(25, "PIX.EXAMPLE.COM/1")], &[REC], &[]),
        (
            &[URL],
            &[(25, "pix.example.org/rec/1")],
            &["qr_value_invalid qr.80.25"],
        ),
        (
            &[KEY],
            &[(25, "https://pix.example.com/1")],
            &["qr_value_invalid qr.80.25"],
        ),
        (&[], &[], missing),
        (&[KEY], &[(1, "x")], missing),
    ];
    for &(values, beside, want) in cases {
        let beside = Some(beside);
        Code {
            values,
            beside,
            ..PIX
        }
        .check(want);
    }
}

#[test]
fn a_code_is_in_the_currency_of_a_scheme_that_it_has() {
    let foreign = ("840", "USD");
    let wrong = ["qr_value_invalid qr.53"];
    let cases: &[(Code<'_>, Values<'_>)] = &[
        (DUITNOW, &[(1, "501664"), (2, "1")]),
        (PROMPTPAY, &[(1, "0066812223333")]),
        (BILL, &[(1, "0112233445566"), (2, "R1")]),
        (PAYNOW, &[(1, "2"), (2, "202012345X")]),
        (SGQR, &[(1, "1"), (2, "1"), (3, "081006"), (7, "20180204")]),
        (QRIS, &[(2, "ID1026529448957")]),
        (PIX, &[KEY]),
    ];
    for &(code, values) in cases {
        let code = Code { values, ..code };
        code.check(&[]);
        let currency = foreign;
        Code { currency, ..code }.check(&wrong);
    }
    // One of several schemes is enough, and another payment system may have any.
    let mut qr = Code {
        values: &[(1, "501664"), (2, "1")],
        ..DUITNOW
    }
    .document();
    let promptpay = json!({"promptpay": {"phone": "0066812223333"}});
    let promptpay: QrScheme = serde_json::from_value(promptpay).unwrap();
    let both = build(&qr, std::slice::from_ref(&promptpay)).unwrap();
    assert_eq!(parse(&both).unwrap().schemes.len(), 2);
    qr.currency = Currency::parse("USD").unwrap();
    assert_eq!(told(&build(&qr, &[promptpay]).unwrap_err()), wrong);
    let visa = json!({"id": 2, "value": {"text": "4761360000000007"}});
    qr.accounts.push(serde_json::from_value(visa).unwrap());
    assert!(build(&qr, &[]).is_ok());
}
