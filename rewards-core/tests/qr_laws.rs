//! Laws of codes: what is built is read as it was, what is read is built as it was, and no text at all brings the reader down.

use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use rewards_core::money::Currency;
use rewards_core::qr::{
    EMV_BYTES_MAX, MerchantQr, QrAdditional, QrField, QrInitiation, QrLanguage, QrObject, QrScheme,
    QrTemplate, QrTip, QrValue, build, crc16, parse,
};

const CODES: &str = include_str!("data/qr_codes.txt");

fn fields(ids: std::ops::RangeInclusive<u8>) -> impl Strategy<Value = Vec<QrField>> {
    btree_map(ids, "[ -~äλ日]{1,8}", 0..3).prop_map(|fields| {
        let fields = fields.into_iter();
        fields.map(|(id, value)| QrField { id, value }).collect()
    })
}

fn template() -> impl Strategy<Value = QrValue> {
    ("[A-Za-z0-9.]{1,16}", fields(1..=99))
        .prop_map(|(guid, fields)| QrValue::Template(QrTemplate { guid, fields }))
}

fn objects(
    texts: std::ops::RangeInclusive<u8>,
    templates: std::ops::RangeInclusive<u8>,
    least: usize,
) -> impl Strategy<Value = Vec<QrObject>> {
    let texts = btree_map(
        texts,
        "[ -~]{1,12}".prop_map(QrValue::Text),
        least..=least + 1,
    );
    let templates = btree_map(templates, template(), 0..3);
    (texts, templates).prop_map(|(texts, templates)| {
        let all = texts.into_iter().chain(templates);
        all.map(|(id, value)| QrObject { id, value }).collect()
    })
}

fn additional() -> impl Strategy<Value = QrAdditional> {
    let label = || of("[ -~]{1,10}");
    let labels = (label(), label(), label(), "[ -~]{1,10}");
    (labels, of("A?M?E"), of("[0-9]{3}"), fields(12..=99)).prop_map(
        |((bill_number, store_label, purpose, reference), consumer_data, channel, others)| {
            QrAdditional {
                bill_number,
                store_label,
                purpose,
                reference_label: Some(reference),
                consumer_data,
                channel,
                others: others.into_iter().take(1).collect(),
                ..QrAdditional::default()
            }
        },
    )
}

fn tip() -> impl Strategy<Value = QrTip> {
    prop_oneof![
        Just(QrTip::Prompt),
        "[1-9]{1,4}(\\.[0-9]{2})?".prop_map(QrTip::Fixed),
        "[1-9][0-9]?(\\.[0-9]{0,2})?".prop_map(QrTip::Percent),
    ]
}

fn language() -> impl Strategy<Value = QrLanguage> {
    (
        "[a-zA-Z]{2}",
        "[ -~日本λ]{1,25}",
        of("[ -~日本λ]{1,15}"),
        fields(3..=99),
    )
        .prop_map(|(language, name, city, others)| QrLanguage {
            language,
            name,
            city,
            others: others.into_iter().take(1).collect(),
        })
}

prop_compose! {
    fn document()(
        initiation in of(prop_oneof![Just(QrInitiation::Static), Just(QrInitiation::Dynamic)]),
        accounts in objects(2..=25, 26..=51, 1),
        (category, name, city) in ("[0-9]{4}", "[ -~]{1,25}", "[ -~]{1,15}"),
        currency in prop_oneof!["MYR", "SGD", "BRL", "AUD"].boxed(),
        amount in of("[1-9][0-9]{0,6}(\\.[0-9]{0,2})?"),
        tip in of(tip()),
        country in "[A-Z]{2}",
        postal_code in of("[ -~]{1,10}"),
        additional in of(additional()),
        language in of(language()),
        others in objects(65..=79, 80..=99, 0),
    ) -> MerchantQr {
        MerchantQr {
            format: None,
            initiation,
            accounts,
            category: Some(category),
            currency: Currency::parse(&currency).unwrap(),
            amount,
            tip,
            country,
            name: Some(name),
            city: Some(city),
            postal_code,
            additional,
            language,
            others,
        }
    }
}

/// A code of the published ones with some of its characters changed.
fn damaged(changes: usize, by: &'static str) -> impl Strategy<Value = String> {
    let codes: Vec<&'static str> = CODES
        .lines()
        .filter(|line| line.starts_with("0002"))
        .collect();
    let code = proptest::sample::select(codes);
    (code, vec((any::<prop::sample::Index>(), by), 1..=changes)).prop_map(|(code, changes)| {
        let mut characters: Vec<String> = code.chars().map(String::from).collect();
        for (place, character) in changes {
            let place = place.index(characters.len());
            characters[place] = character;
        }
        characters.concat()
    })
}

/// The same text with the checksum that it would have.
fn sealed(text: &str) -> String {
    let body: String = text
        .chars()
        .take(text.chars().count().saturating_sub(4))
        .collect();
    let checksum = crc16(body.as_bytes());
    format!("{body}{checksum:04X}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_built_is_read_as_it_was(qr in document()) {
        match build(&qr, &[]) {
            Ok(text) => {
                prop_assert!(text.len() <= EMV_BYTES_MAX);
                let parsed = parse(&text).unwrap();
                prop_assert_eq!(&parsed.qr, &qr);
                prop_assert_eq!(parsed.amount.is_some(), qr.amount.is_some());
                prop_assert_eq!(build(&parsed.qr, &parsed.schemes).unwrap(), text);
            }
            // Everything that is generated has the format of its place; only the whole may be too long.
            Err(errors) => for error in errors {
                prop_assert!(["qr_too_long", "qr_value_length"].contains(&error.code()), "{}", error);
            }
        }
    }

    #[test]
    fn a_changed_character_is_noticed(text in damaged(1, "[0-9A-Z]")) {
        let published = CODES.lines().any(|line| line == text);
        prop_assert_eq!(parse(&text).is_ok(), published);
    }

    #[test]
    fn a_change_under_the_right_checksum_is_read_or_has_a_place(text in damaged(3, "[0-9A-Z日]")) {
        let text = sealed(&text);
        match parse(&text) {
            Ok(parsed) => {
                let built = build(&parsed.qr, &parsed.schemes).unwrap();
                prop_assert_eq!(parse(&built).unwrap(), parsed);
            }
            Err(errors) => {
                prop_assert!(!errors.is_empty());
                for error in errors {
                    prop_assert!(error.path().starts_with("qr"));
                    prop_assert!(error.code().contains('_'));
                }
            }
        }
    }

    #[test]
    fn no_text_brings_the_reader_down(text in "\\PC{0,300}", digits in "[0-9]{0,600}") {
        prop_assert!(parse(&text).is_err());
        let _ = parse(&digits);
        let _ = parse(&sealed(&format!("000201{digits}63040000")));
    }

    #[test]
    fn no_document_brings_the_builder_down(
        id in any::<u8>(),
        text in "\\PC{0,120}",
        qr in document(),
    ) {
        let mut qr = qr;
        let field = QrField { id, value: text.clone() };
        qr.accounts.push(QrObject { id, value: QrValue::Text(text.clone()) });
        qr.others.push(QrObject {
            id,
            value: QrValue::Template(QrTemplate { guid: text.clone(), fields: vec![field] }),
        });
        qr.amount = Some(text);
        prop_assert!(build(&qr, &[]).is_err());
    }

    #[test]
    fn a_transfer_by_promptpay_goes_there_and_back(phone in "0066[0-9]{9}", amount in "[1-9][0-9]{0,5}\\.[0-9]{2}") {
        let scheme: QrScheme =
            serde_json::from_value(serde_json::json!({"promptpay": {"phone": phone}})).unwrap();
        let qr: MerchantQr = serde_json::from_value(
            serde_json::json!({"initiation": "dynamic", "currency": "THB", "country": "TH", "amount": amount}),
        ).unwrap();
        let text = build(&qr, std::slice::from_ref(&scheme)).unwrap();
        let parsed = parse(&text).unwrap();
        prop_assert_eq!(&parsed.schemes, &vec![scheme]);
        prop_assert_eq!(parsed.amount.unwrap().to_string(), amount);
    }
}
