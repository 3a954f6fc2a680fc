//! Codes of merchants: published ones are read and built again, and every way of being wrong has its code and its place.

use rewards_core::qr::{
    DuitnowAccount, MerchantQr, PaynowAccount, PixAccount, PromptpayAccount, PromptpayBill,
    QrError, QrInitiation, QrScheme, QrTip, QrisAccount, SgqrAccount, build, crc16, parse,
};
use serde_json::json;

/// Codes that were published, by name.
fn published() -> Vec<(&'static str, &'static str)> {
    let lines = include_str!("data/qr_codes.txt").lines();
    let lines: Vec<_> = lines.filter(|line| !line.starts_with('#')).collect();
    let codes = lines.chunks(2).map(|pair| {
        let (name, _) = pair[0].split_once(' ').unwrap();
        (name, pair[1])
    });
    codes.collect()
}

fn code(name: &str) -> &'static str {
    let codes = published();
    codes.iter().find(|(known, _)| *known == name).unwrap().1
}

/// The objects of a text: every character is ASCII, or counts as one.
fn objects(text: &str) -> Vec<(String, String)> {
    let characters: Vec<char> = text.chars().collect();
    let mut objects = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        let take = |from: usize, to: usize| characters[from..to].iter().collect::<String>();
        let length: usize = take(at + 2, at + 4).parse().unwrap();
        objects.push((take(at, at + 2), take(at + 4, at + 4 + length)));
        at += 4 + length;
    }
    objects
}

/// The text of some objects, with its checksum.
pub fn text_of(objects: &[(&str, &str)]) -> String {
    let objects = objects.iter();
    let mut text: String = objects
        .map(|(id, value)| format!("{id}{:02}{value}", value.chars().count()))
        .collect();
    text.push_str("6304");
    let checksum = crc16(text.as_bytes());
    format!("{text}{checksum:04X}")
}

/// The same objects by their ids, with another checksum.
fn in_order(text: &str) -> String {
    let mut parts = objects(text);
    parts.pop();
    parts.sort();
    let parts: Vec<(&str, &str)> = parts.iter().map(|(id, value)| (&**id, &**value)).collect();
    text_of(&parts)
}

#[test]
fn published_codes_are_read_and_built_again() {
    let codes = published();
    assert_eq!(codes.len(), 25);
    let mut as_they_are = 0;
    for (name, text) in codes {
        let parsed = parse(text).unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
        let built = build(&parsed.qr, &parsed.schemes).unwrap();
        assert_eq!(built, in_order(text), "{name}");
        as_they_are += usize::from(built == text);
        let json = serde_json::to_string(&parsed).unwrap();
        assert_eq!(
            serde_json::from_str::<rewards_core::qr::ParsedQr>(&json).unwrap(),
            parsed
        );
    }
    // The others have the country, the amount or the currency elsewhere.
    assert_eq!(as_they_are, 18);
}

#[test]
fn what_is_read_has_a_type() {
    let parsed = parse(code("emvco")).unwrap();
    let qr = &parsed.qr;
    assert_eq!(qr.initiation, Some(QrInitiation::Dynamic));
    assert_eq!((qr.currency.code(), qr.country.as_str()), ("CNY", "CN"));
    assert_eq!(parsed.amount.unwrap().minor(), 2_372);
    assert_eq!(qr.tip, Some(QrTip::Prompt));
    let additional = qr.additional.as_ref().unwrap();
    assert_eq!(additional.store_label.as_deref(), Some("1234"));
    assert_eq!(additional.customer_label.as_deref(), Some("***"));
    assert_eq!(additional.terminal_label.as_deref(), Some("A6008667"));
    assert_eq!(additional.consumer_data.as_deref(), Some("ME"));
    let language = qr.language.as_ref().unwrap();
    assert_eq!(
        (language.language.as_str(), language.name.as_str()),
        ("ZH", "最佳运输")
    );
    assert_eq!(language.city.as_deref(), Some("北京"));
    assert_eq!(qr.others.len(), 1);
    assert!(parsed.schemes.is_empty());
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn national_schemes_are_recognised() {
    let pix = |key: Option<String>, url: Option<String>| {
        QrScheme::Pix(PixAccount {
            key,
            message: None,
            url,
        })
    };
    let promptpay = |phone: Option<String>, id: Option<String>, e_wallet: Option<String>| {
        QrScheme::Promptpay(PromptpayAccount {
            phone,
            national_id: id,
            e_wallet,
            bank_account: None,
        })
    };
    let qris = |merchant: &str, criteria: &str| {
        QrScheme::Qris(QrisAccount {
            merchant: merchant.to_owned(),
            pan: None,
            criteria: some(criteria),
        })
    };
    let table = [
        (
            "duitnow-shop",
            vec![QrScheme::Duitnow(DuitnowAccount {
                acquirer: "501664".to_owned(),
                merchant: "123456789".to_owned(),
                descriptor: None,
                mobile_number: None,
            })],
        ),
        (
            "promptpay-phone",
            vec![promptpay(some("0066801234567"), None, None)],
        ),
        (
            "promptpay-id",
            vec![promptpay(None, some("1111111111111"), None)],
        ),
        (
            "promptparse-wallet",
            vec![promptpay(None, None, some("140000801111111"))],
        ),
        (
            "promptparse-bill",
            vec![QrScheme::PromptpayBill(PromptpayBill {
                biller: "0112233445566".to_owned(),
                reference: "CUSTOMER001".to_owned(),
                second_reference: some("INV001"),
            })],
        ),
        (
            "sgqr-paynow",
            vec![
                QrScheme::Paynow(PaynowAccount {
                    proxy_type: "2".to_owned(),
                    proxy: "202012345X".to_owned(),
                    is_editable: some("1"),
                    expiry: some("20211231"),
                }),
                QrScheme::Sgqr(SgqrAccount {
                    number: "202012345X123".to_owned(),
                    version: "01.0001".to_owned(),
                    postal_code: "828671".to_owned(),
                    revised: "20191231".to_owned(),
                    level: some("01"),
                    unit: some("123"),
                    place: some("0000"),
                }),
            ],
        ),
        ("qris-static", vec![qris("ID1026529448957", "UMI")]),
        ("qris-dynamic", vec![qris("ID1024322842930", "UME")]),
        (
            "pix-key",
            vec![pix(some("123e4567-e12b-12d1-a456-426655440000"), None)],
        ),
        (
            "pix-url",
            vec![pix(
                None,
                some("pix.example.com/8b3da2f39a4140d1a91abd93113bd441"),
            )],
        ),
        (
            "pix-capitals",
            vec![pix(
                None,
                some("pix.example.com/qr/93598be0-1bd0-4997-8318-81776a1d8a99"),
            )],
        ),
        ("pix-recurrence", vec![pix(None, None)]),
        (
            "pix-key-recurrence",
            vec![pix(some("123e4567-e12b-12d1-a456-426655440000"), None)],
        ),
    ];
    for (name, schemes) in table {
        assert_eq!(parse(code(name)).unwrap().schemes, schemes, "{name}");
    }
}

#[test]
fn codes_are_built_from_what_a_scheme_needs() {
    let document = |json: &str| serde_json::from_str::<MerchantQr>(json).unwrap();
    let scheme = |json: &str| serde_json::from_str::<QrScheme>(json).unwrap();
    let table = [
        (
            r#"{"initiation": "static", "currency": "THB", "country": "TH"}"#,
            r#"{"promptpay": {"phone": "0066812223333"}}"#,
            "promptparse-any-id",
        ),
        (
            r#"{"currency": "BRL", "country": "BR", "category": "0000", "name": "Fulano de Tal", "city": "BRASILIA",
                "additional": {"reference_label": "***"}}"#,
            r#"{"pix": {"key": "123e4567-e12b-12d1-a456-426655440000"}}"#,
            "pix-key",
        ),
        (
            r#"{"format": 2, "initiation": "static", "currency": "MYR", "amount": "10.00", "country": "MY", "category": "9999",
                "name": "QRCSDNBHD", "city": "BANGI"}"#,
            r#"{"duitnow": {"acquirer": "501664", "merchant": "123456789"}}"#,
            "duitnow-shop",
        ),
        (
            r#"{"initiation": "static", "currency": "THB", "country": "TH", "additional": {"terminal_label": "SCB"}}"#,
            r#"{"promptpay_bill": {"biller": "0112233445566", "reference": "CUSTOMER001", "second_reference": "INV001"}}"#,
            "promptparse-bill",
        ),
    ];
    for (qr, with, name) in table {
        assert_eq!(
            build(&document(qr), &[scheme(with)]).unwrap(),
            code(name),
            "{name}"
        );
    }
}

/// A code with some objects in the place of its own, or beside them; an empty value takes one away.
fn changed(changes: &[(&str, &str)]) -> String {
    let whole = [
        ("00", "01"),
        ("26", "0014A0000006150001010650166402041234"),
        ("52", "5812"),
        ("53", "458"),
        ("58", "MY"),
        ("59", "KOPITIAM"),
        ("60", "IPOH"),
    ];
    let mut parts: Vec<(&str, &str)> = Vec::new();
    for part in whole {
        let change = changes.iter().find(|(id, _)| *id == part.0);
        parts.push(*change.unwrap_or(&part));
    }
    parts.extend(
        changes
            .iter()
            .filter(|(id, _)| !whole.iter().any(|part| part.0 == *id)),
    );
    parts.retain(|(_, value)| !value.is_empty());
    text_of(&parts)
}

pub fn told(errors: &[QrError]) -> Vec<String> {
    let errors = errors.iter();
    errors
        .map(|error| format!("{} {}", error.code(), error.path()))
        .collect()
}

/// What is changed, and what is wrong then.
type Case<'t> = (&'t [(&'t str, &'t str)], &'t [&'t str]);

#[test]
fn whatever_is_wrong_has_its_code_and_its_place() {
    assert!(parse(&changed(&[])).is_ok());
    let long = "x".repeat(26);
    let table: &[Case<'_>] = &[
        (&[("00", "03")], &["qr_value_invalid qr.00"]),
        (&[("01", "13")], &["qr_value_invalid qr.01"]),
        (&[("26", "")], &["qr_value_missing qr"]),
        (&[("26", "0104wxyz")], &["qr_value_missing qr.26.00"]),
        (
            &[("26", "0014A000000615000101065016")],
            &["qr_cut qr.26.01"],
        ),
        (
            &[("26", "0014A000000615000101065016640106501664")],
            &["qr_duplicate qr.26.01"],
        ),
        (
            &[("26", "0014A0000006150001010550166")],
            &["qr_value_length qr.26.01", "qr_value_missing qr.26.02"],
        ),
        (&[("26", "0003com0100")], &["qr_length_invalid qr.26.01"]),
        (
            &[(
                "29",
                "0016A0000006770101110113006680123456702131111111111111",
            )],
            &["qr_value_unexpected qr.29.02"],
        ),
        (
            &[("29", "0016A000000677010111")],
            &["qr_value_missing qr.29"],
        ),
        (&[("52", "581")], &["qr_value_length qr.52"]),
        (&[("52", "58a2")], &["qr_characters_invalid qr.52"]),
        (&[("52", "")], &["qr_value_missing qr.52"]),
        (&[("53", "000")], &["currency_unknown qr.53"]),
        (&[("53", "+58")], &["currency_unknown qr.53"]),
        (&[("53", "MYR")], &["currency_unknown qr.53"]),
        (&[("53", "")], &["qr_value_missing qr.53"]),
        (&[("54", "0.00")], &["qr_amount_invalid qr.54"]),
        (&[("54", "1.234")], &["qr_amount_invalid qr.54"]),
        (&[("54", "-1")], &["qr_amount_invalid qr.54"]),
        (&[("54", "1e3")], &["qr_amount_invalid qr.54"]),
        (&[("54", ".5")], &["qr_amount_invalid qr.54"]),
        (&[("54", "1.2.3")], &["qr_amount_invalid qr.54"]),
        (&[("54", "12345678901234")], &["qr_value_length qr.54"]),
        (&[("55", "04")], &["qr_value_invalid qr.55"]),
        (&[("55", "02")], &["qr_value_missing qr.56"]),
        (&[("55", "03")], &["qr_value_missing qr.57"]),
        (&[("56", "1.00")], &["qr_value_unexpected qr.56"]),
        (
            &[("55", "01"), ("57", "1.00")],
            &["qr_value_unexpected qr.57"],
        ),
        (
            &[("55", "02"), ("56", "1.00"), ("57", "1")],
            &["qr_value_unexpected qr.57"],
        ),
        (&[("55", "02"), ("56", "x")], &["qr_amount_invalid qr.56"]),
        (
            &[("55", "03"), ("57", "00.00")],
            &["qr_value_invalid qr.57"],
        ),
        (&[("55", "03"), ("57", "100")], &["qr_value_invalid qr.57"]),
        (&[("58", "my")], &["qr_value_invalid qr.58"]),
        (&[("58", "MYS")], &["qr_value_invalid qr.58"]),
        (&[("59", "")], &["qr_value_missing qr.59"]),
        (&[("59", &long)], &["qr_value_length qr.59"]),
        (&[("59", "Café")], &["qr_characters_invalid qr.59"]),
        (&[("60", "")], &["qr_value_missing qr.60"]),
        (&[("61", "12345678901")], &["qr_value_length qr.61"]),
        (
            &[("62", "0526abcdefghijklmnopqrstuvwxyz")],
            &["qr_value_length qr.62.05"],
        ),
        (&[("62", "0503äöü")], &["qr_characters_invalid qr.62.05"]),
        (&[("62", "05031")], &["qr_cut qr.62.05"]),
        (&[("62", "0902AX")], &["qr_value_invalid qr.62.09"]),
        (&[("62", "110212")], &["qr_value_invalid qr.62.11"]),
        (&[("62", "0002xx")], &["qr_id_invalid qr.62.00"]),
        (&[("64", "0002zh")], &["qr_value_missing qr.64.01"]),
        (&[("64", "0003zho0102ab")], &["qr_value_invalid qr.64.00"]),
        (
            &[("64", "0002zh0101\u{7}")],
            &["qr_characters_invalid qr.64.01"],
        ),
        (&[("80", "x")], &["qr_cut qr.80"]),
        (&[("80", "0102xx")], &["qr_value_missing qr.80.00"]),
        (&[("91", "9x12")], &["qr_id_invalid qr.91"]),
        (
            &[("59", ""), ("60", ""), ("58", "m")],
            &[
                "qr_value_missing qr.59",
                "qr_value_missing qr.60",
                "qr_value_invalid qr.58",
            ],
        ),
    ];
    for (changes, want) in table {
        let errors = parse(&changed(changes)).unwrap_err();
        assert_eq!(told(&errors), *want, "{changes:?}");
    }
}

#[test]
fn what_cannot_be_read_at_all_is_told_first() {
    let whole = changed(&[]);
    let cut = &whole[..whole.len() - 1];
    let other_checksum = format!("{}0000", &whole[..whole.len() - 4]);
    // A checksum that begins with a zero, and a sign in its place, with which it would be the same number.
    let mut named = (0..1_000).map(|number| text_of(&[("00", "01"), ("59", &number.to_string())]));
    let zero = named.find(|text| text[text.len() - 4..].starts_with('0'));
    let zero = zero.unwrap();
    let at = zero.len() - 4;
    let signed = format!("{}+{}", &zero[..at], &zero[at + 1..]);
    let twice = text_of(&[("00", "01"), ("58", "MY"), ("58", "MY")]);
    let late = text_of(&[("58", "MY"), ("00", "01")]);
    let early = format!("{whole}5802MY");
    let table = [
        ("", "qr_value_missing qr.00"),
        ("x", "qr_cut qr"),
        ("hello world", "qr_id_invalid qr"),
        (cut, "qr_cut qr.63"),
        ("000201", "qr_value_missing qr.63"),
        (&other_checksum, "qr_checksum_wrong qr.63"),
        (&signed, "qr_checksum_wrong qr.63"),
        ("00020163036ab", "qr_checksum_wrong qr.63"),
        (&twice, "qr_duplicate qr.58"),
        (&late, "qr_order_invalid qr.00"),
        (&early, "qr_order_invalid qr.63"),
        ("日本語", "qr_id_invalid qr"),
    ];
    for (text, want) in table {
        assert_eq!(told(&parse(text).unwrap_err()), [want], "{text}");
    }
    let huge = "0".repeat(10_000);
    assert_eq!(told(&parse(&huge).unwrap_err()), ["qr_too_long qr"]);
    let lower = whole[..whole.len() - 4].to_owned() + &whole[whole.len() - 4..].to_lowercase();
    assert_eq!(parse(&lower), parse(&whole));
}

#[test]
fn only_a_label_of_many_systems_is_longer_than_emvco_allows() {
    let value = "0003abc0180".to_owned() + &"x".repeat(80);
    let many: Vec<(String, &str)> = (27..33)
        .map(|id| (id.to_string(), value.as_str()))
        .collect();
    let many: Vec<(&str, &str)> = many
        .iter()
        .map(|(id, value)| (id.as_str(), *value))
        .collect();
    let errors = parse(&changed(&many)).unwrap_err();
    assert_eq!(told(&errors), ["qr_too_long qr"]);
    assert!(parse(code("sgqr-long")).is_ok());
}

#[test]
fn a_document_that_is_no_code_is_not_built() {
    let good = serde_json::json!({
        "accounts": [{"id": 26, "value": {"template": {"guid": "com.example", "fields": [{"id": 1, "value": "7"}]}}}],
        "category": "5812", "currency": "MYR", "country": "MY", "name": "KOPITIAM", "city": "IPOH",
    });
    let read =
        |json: &serde_json::Value| serde_json::from_value::<MerchantQr>(json.clone()).unwrap();
    assert!(build(&read(&good), &[]).is_ok());
    let table = [
        (
            "accounts",
            serde_json::json!([]),
            vec!["qr_value_missing qr"],
        ),
        (
            "accounts",
            serde_json::json!([{"id": 1, "value": {"text": "x"}}, {"id": 52, "value": {"text": "x"}}]),
            vec!["qr_id_invalid qr.01", "qr_id_invalid qr.52"],
        ),
        (
            "accounts",
            serde_json::json!([{"id": 26, "value": {"text": "x"}}]),
            vec!["qr_id_invalid qr.26"],
        ),
        (
            "accounts",
            serde_json::json!([{"id": 2, "value": {"text": "x"}}, {"id": 2, "value": {"text": "y"}}]),
            vec!["qr_duplicate qr.02"],
        ),
        (
            "accounts",
            serde_json::json!([{"id": 26, "value": {"template": {"guid": "", "fields": [
                {"id": 0, "value": "x"}, {"id": 100, "value": ""}]}}}]),
            vec![
                "qr_value_length qr.26.00",
                "qr_id_invalid qr.26.00",
                "qr_id_invalid qr.26.100",
                "qr_value_length qr.26.100",
            ],
        ),
        (
            "accounts",
            serde_json::json!([{"id": 26, "value": {"template": {"guid": "x", "fields": [
                {"id": 1, "value": "x".repeat(60)}, {"id": 2, "value": "x".repeat(60)}]}}}]),
            vec!["qr_value_length qr.26"],
        ),
        (
            "format",
            serde_json::json!(2),
            vec!["qr_value_invalid qr.00"],
        ),
        (
            "additional",
            serde_json::json!({}),
            vec!["qr_value_missing qr.62"],
        ),
        (
            "additional",
            serde_json::json!({"others": [{"id": 5, "value": "x"}]}),
            vec!["qr_id_invalid qr.62.05"],
        ),
        (
            "others",
            serde_json::json!([{"id": 64, "value": {"text": "x"}}, {"id": 65, "value": {"text": "x"}},
                {"id": 80, "value": {"text": "x"}}, {"id": 70, "value": {"template": {"guid": "x"}}}]),
            vec![
                "qr_id_invalid qr.64",
                "qr_id_invalid qr.80",
                "qr_id_invalid qr.70",
            ],
        ),
        (
            "tip",
            serde_json::json!({"percent": "5%"}),
            vec!["qr_value_invalid qr.57"],
        ),
        (
            "tip",
            serde_json::json!({"fixed": "0"}),
            vec!["qr_amount_invalid qr.56"],
        ),
    ];
    for (field, value, want) in table {
        let mut json = good.clone();
        json[field] = value;
        assert_eq!(told(&build(&read(&json), &[]).unwrap_err()), want, "{json}");
    }
    // What a scheme says takes a place of its own.
    let paynow = QrScheme::Paynow(PaynowAccount {
        proxy_type: "2".to_owned(),
        proxy: "202012345X".to_owned(),
        is_editable: None,
        expiry: None,
    });
    let errors = build(&read(&good), &[paynow]).unwrap_err();
    assert_eq!(told(&errors), ["qr_duplicate qr.26"]);
}

#[test]
fn a_fee_of_a_code_is_part_of_what_is_paid() {
    for (amount, tip, currency, payable) in [
        (Some("100.00"), json!({"percent": "2.5"}), "MYR", "102.50"),
        (Some("0.99"), json!({"percent": "1"}), "MYR", "0.99"),
        (Some("1000"), json!({"percent": "0.15"}), "JPY", "1001"),
        (Some("10"), json!({"percent": "99.99"}), "MYR", "19.99"),
        (Some("10.00"), json!({"fixed": "1.50"}), "MYR", "11.50"),
        (Some("10.00"), json!("prompt"), "MYR", "10.00"),
        (None, json!({"fixed": "1.50"}), "MYR", "none"),
    ] {
        let document = json!({
            "category": "5812", "currency": currency, "country": "MY", "name": "KOPITIAM", "city": "IPOH",
            "amount": amount, "tip": tip,
        });
        let qr: MerchantQr = serde_json::from_value(document).unwrap();
        let found = qr.payable().unwrap();
        let found = found.map_or("none".to_owned(), |money| money.to_string());
        assert_eq!(found, payable, "{amount:?} {tip}");
    }
}
