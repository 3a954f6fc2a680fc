//! Money as text and as data: what is read, what is refused and with which code.

use rewards_core::money::{
    Asset, Currency, DecimalText, Factor, Money, MoneyError, Rate, Rounding, UnitCode,
    format_minor, parse_minor,
};
use serde::de::DeserializeOwned;

/// The value of a success or the stable code of a refusal.
fn outcome<T: ToString>(result: Result<T, MoneyError>) -> Result<String, &'static str> {
    result
        .map(|value| value.to_string())
        .map_err(|error| error.code())
}

#[test]
fn amounts_are_read_exactly_or_refused() {
    let too_long = "1".repeat(65);
    let zeros = format!("{}7", "0".repeat(63));
    let table: &[(&str, u8, Result<i64, &str>)] = &[
        ("19.99", 2, Ok(1999)),
        ("0.29", 2, Ok(29)),
        ("1.1", 2, Ok(110)),
        ("12", 2, Ok(1200)),
        ("12", 0, Ok(12)),
        ("0", 2, Ok(0)),
        ("-0", 2, Ok(0)),
        ("-0.01", 2, Ok(-1)),
        ("007.50", 2, Ok(750)),
        (&zeros, 0, Ok(7)),
        ("0.1234", 4, Ok(1234)),
        ("9223372036854775807", 0, Ok(i64::MAX)),
        ("-9223372036854775808", 0, Ok(i64::MIN)),
        ("92233720368547758.07", 2, Ok(i64::MAX)),
        ("-92233720368547758.08", 2, Ok(i64::MIN)),
        ("0", 255, Ok(0)),
        ("9223372036854775808", 0, Err("amount_overflow")),
        ("-9223372036854775809", 0, Err("amount_overflow")),
        ("92233720368547758.08", 2, Err("amount_overflow")),
        ("92233720368547759", 2, Err("amount_overflow")),
        ("1", 19, Err("amount_overflow")),
        ("1", 255, Err("amount_overflow")),
        (
            "99999999999999999999999999999999999999999",
            2,
            Err("amount_overflow"),
        ),
        ("1.234", 2, Err("amount_scale")),
        ("1.230", 2, Err("amount_scale")),
        ("1.0", 0, Err("amount_scale")),
        ("0.000", 2, Err("amount_scale")),
        ("", 2, Err("amount_invalid")),
        ("-", 2, Err("amount_invalid")),
        ("--1", 2, Err("amount_invalid")),
        ("+1", 2, Err("amount_invalid")),
        (".", 2, Err("amount_invalid")),
        (".5", 2, Err("amount_invalid")),
        ("-.5", 2, Err("amount_invalid")),
        ("5.", 2, Err("amount_invalid")),
        ("1.2.3", 2, Err("amount_invalid")),
        ("1.-2", 2, Err("amount_invalid")),
        ("1e999", 2, Err("amount_invalid")),
        ("1E2", 2, Err("amount_invalid")),
        ("NaN", 2, Err("amount_invalid")),
        ("nan", 2, Err("amount_invalid")),
        ("inf", 2, Err("amount_invalid")),
        ("-Infinity", 2, Err("amount_invalid")),
        (" 1", 2, Err("amount_invalid")),
        ("1 ", 2, Err("amount_invalid")),
        ("1\n", 2, Err("amount_invalid")),
        ("1\0", 2, Err("amount_invalid")),
        ("1,00", 2, Err("amount_invalid")),
        ("1_000", 2, Err("amount_invalid")),
        ("1'000", 2, Err("amount_invalid")),
        ("0x10", 2, Err("amount_invalid")),
        ("€5", 2, Err("amount_invalid")),
        ("٣", 2, Err("amount_invalid")),
        ("５", 2, Err("amount_invalid")),
        ("−5", 2, Err("amount_invalid")),
        (&too_long, 2, Err("amount_invalid")),
    ];
    for (text, scale, expected) in table {
        let found = parse_minor(text, *scale).map_err(|error| error.code());
        assert_eq!(found, *expected, "`{text}` with {scale} decimals");
    }
}

#[test]
fn amounts_are_written_with_every_decimal() {
    let table: &[(i64, u8, &str)] = &[
        (0, 0, "0"),
        (0, 2, "0.00"),
        (1230, 2, "12.30"),
        (-5, 2, "-0.05"),
        (-1230, 0, "-1230"),
        (1, 4, "0.0001"),
        (i64::MAX, 2, "92233720368547758.07"),
        (i64::MIN, 2, "-92233720368547758.08"),
        (i64::MIN, 19, "-0.9223372036854775808"),
        (i64::MIN, 20, "-0.09223372036854775808"),
        (7, 21, "0.000000000000000000007"),
    ];
    for (minor, scale, expected) in table {
        assert_eq!(format_minor(*minor, *scale), *expected);
        assert_eq!(parse_minor(expected, *scale), Ok(*minor), "`{expected}`");
    }
}

#[test]
fn refused_input_is_shortened_in_the_error() {
    let hostile = "é".repeat(1_000_000);
    for error in [
        parse_minor(&hostile, 2).unwrap_err(),
        Asset::parse(&hostile).unwrap_err(),
        Currency::parse(&hostile).unwrap_err(),
        Rate::parse(&hostile).unwrap_err(),
        Factor::parse(&hostile).unwrap_err(),
        DecimalText::parse(&hostile).unwrap_err(),
    ] {
        assert!(error.to_string().len() < 400, "{}", error.code());
    }
}

#[test]
fn currencies_have_the_decimals_of_the_standard() {
    let table: &[(&str, Result<u8, &str>)] = &[
        ("JPY", Ok(0)),
        ("KRW", Ok(0)),
        ("EUR", Ok(2)),
        ("USD", Ok(2)),
        ("MYR", Ok(2)),
        ("XAF", Ok(0)),
        ("BHD", Ok(3)),
        ("KWD", Ok(3)),
        ("CLF", Ok(4)),
        ("UYW", Ok(4)),
        ("XXX", Err("currency_unknown")),
        ("XTS", Err("currency_unknown")),
        ("XAU", Err("currency_unknown")),
        ("XDR", Err("currency_unknown")),
        ("ZZZ", Err("currency_unknown")),
        ("eur", Err("currency_unknown")),
        ("Eur", Err("currency_unknown")),
        ("EU", Err("currency_unknown")),
        ("EURO", Err("currency_unknown")),
        (" EUR", Err("currency_unknown")),
        ("978", Err("currency_unknown")),
        ("", Err("currency_unknown")),
    ];
    for (text, expected) in table {
        let found = Currency::parse(text)
            .map(Currency::scale)
            .map_err(|error| error.code());
        assert_eq!(found, *expected, "`{text}`");
    }
}

#[test]
fn every_accepted_currency_round_trips_and_is_ordered_by_code() {
    let letters = || (b'A'..=b'Z').map(char::from);
    let codes = letters().flat_map(move |a| {
        letters().flat_map(move |b| letters().map(move |c| format!("{a}{b}{c}")))
    });
    let currencies: Vec<Currency> = codes
        .filter_map(|code| Currency::parse(&code).ok())
        .collect();
    assert!(currencies.len() > 160, "{}", currencies.len());
    assert!(currencies.is_sorted_by(|left, right| left < right));
    for currency in currencies {
        assert_eq!(Currency::parse(currency.code()), Ok(currency));
        assert_eq!(currency.to_string(), currency.code());
    }
}

/// The code and decimals of an asset, or the code of a refusal.
type CodeAndScale = Result<(&'static str, u8), &'static str>;

#[test]
fn assets_have_exactly_one_text() {
    let table: &[(&str, CodeAndScale)] = &[
        ("EUR", Ok(("EUR", 2))),
        ("JPY", Ok(("JPY", 0))),
        ("points", Ok(("points", 0))),
        ("stars/2", Ok(("stars", 2))),
        ("air-miles_2/6", Ok(("air-miles_2", 6))),
        ("eur", Ok(("eur", 0))),
        ("a", Ok(("a", 0))),
        ("abcdefghijklmno/1", Ok(("abcdefghijklmno", 1))),
        ("abcdefghijklmnop", Err("asset_invalid")),
        ("points/0", Err("asset_invalid")),
        ("points/7", Err("asset_invalid")),
        ("points/02", Err("asset_invalid")),
        ("points/", Err("asset_invalid")),
        ("points/2/2", Err("asset_invalid")),
        ("points/-1", Err("asset_invalid")),
        ("/2", Err("asset_invalid")),
        ("", Err("asset_invalid")),
        ("2points", Err("asset_invalid")),
        ("-points", Err("asset_invalid")),
        ("poInts", Err("asset_invalid")),
        ("po ints", Err("asset_invalid")),
        ("pünkte", Err("asset_invalid")),
        (" EUR", Err("asset_invalid")),
        ("EUR/2", Err("currency_unknown")),
        ("XAU", Err("currency_unknown")),
        ("Points", Err("currency_unknown")),
    ];
    for (text, expected) in table {
        let asset = Asset::parse(text);
        let found = asset.as_ref().map(|asset| (asset.code(), asset.scale()));
        assert_eq!(found.map_err(MoneyError::code), *expected, "`{text}`");
        if let Ok(asset) = asset {
            assert_eq!(asset.to_string(), *text);
            assert_eq!(
                asset.as_currency().is_some(),
                text.starts_with(char::is_uppercase)
            );
            assert_eq!(read::<Asset>(&format!("{text:?}")).unwrap(), asset);
        }
    }
    let points = UnitCode::parse("points").unwrap();
    assert_eq!(outcome(Asset::unit(points, 6)), Ok("points/6".to_owned()));
    assert_eq!(outcome(Asset::unit(points, 7)), Err("asset_invalid"));
    assert!(UnitCode::parse("point").unwrap() < points);
    assert!(points < UnitCode::parse("points2").unwrap());
}

#[test]
fn money_never_mixes_assets_and_never_wraps() {
    let [euro, points] = ["EUR", "points"].map(|text| Asset::parse(text).unwrap());
    let max = Money::new(i64::MAX, euro);
    let min = Money::new(i64::MIN, euro);
    let one = Money::new(1, euro);
    let point = Money::new(1, points);
    assert_eq!(
        one.checked_add(point),
        Err(MoneyError::AssetMismatch {
            left: euro,
            right: points
        })
    );
    assert_eq!(outcome(point.checked_sub(one)), Err("asset_mismatch"));
    assert_eq!(
        outcome(Money::checked_sum([one, point], euro)),
        Err("asset_mismatch")
    );
    assert_eq!(
        outcome(Money::checked_sum([point], euro)),
        Err("asset_mismatch")
    );
    assert_eq!(outcome(max.checked_add(one)), Err("amount_overflow"));
    assert_eq!(outcome(min.checked_sub(one)), Err("amount_overflow"));
    assert_eq!(outcome(min.checked_neg()), Err("amount_overflow"));
    assert_eq!(
        outcome(Money::checked_sum([max, one], euro)),
        Err("amount_overflow")
    );
    assert_eq!(
        Money::checked_sum([one, one, one], euro),
        Ok(Money::new(3, euro))
    );
    assert_eq!(Money::checked_sum([], points), Ok(Money::zero(points)));
    assert_eq!(max.checked_neg(), Ok(Money::new(-i64::MAX, euro)));
    let signs =
        [one, Money::zero(euro), min].map(|m| (m.is_positive(), m.is_zero(), m.is_negative()));
    assert_eq!(
        signs,
        [
            (true, false, false),
            (false, true, false),
            (false, false, true)
        ]
    );
}

#[test]
fn decimals_wait_for_their_asset() {
    let table: &[(&str, &str, u8, Result<i64, &str>)] = &[
        ("12.30", "12.3", 2, Ok(1230)),
        ("10.000", "10", 0, Ok(10)),
        ("-0.00", "0", 255, Ok(0)),
        ("0", "0", 0, Ok(0)),
        ("-0.5", "-0.5", 1, Ok(-5)),
        ("000100", "100", 2, Ok(10_000)),
        ("0.1234", "0.1234", 3, Err("amount_scale")),
        (
            "9223372036854775807",
            "9223372036854775807",
            0,
            Ok(i64::MAX),
        ),
        (
            "9223372036854775808",
            "9223372036854775808",
            0,
            Err("amount_overflow"),
        ),
        ("1", "1", 255, Err("amount_overflow")),
        (
            "0.0000000000000000000000000001",
            "0.0000000000000000000000000001",
            28,
            Ok(1),
        ),
        (
            "1.00000000000000000000000000000000000000000000000",
            "1",
            0,
            Ok(1),
        ),
    ];
    for (text, shown, scale, expected) in table {
        let value = DecimalText::parse(text).unwrap();
        assert_eq!(value.to_string(), *shown, "`{text}`");
        let minor = value.to_minor(*scale).map_err(|error| error.code());
        assert_eq!(minor, *expected, "`{text}` with {scale} decimals");
    }
    let too_large = "9".repeat(30);
    let too_fine = format!("0.{}1", "0".repeat(28));
    for text in [
        &*too_large,
        &*too_fine,
        "",
        "1e5",
        "NaN",
        "+1",
        ".5",
        "5.",
        "1_0",
        "5%",
    ] {
        assert_eq!(
            outcome(DecimalText::parse(text)),
            Err("amount_invalid"),
            "`{text}`"
        );
    }
}

#[test]
fn a_percentage_needs_its_sign() {
    let table: &[(&str, Result<&str, &str>)] = &[
        ("5%", Ok("5%")),
        ("2.50%", Ok("2.5%")),
        ("0%", Ok("0%")),
        ("0.00000001%", Ok("0.00000001%")),
        ("1000%", Ok("1000%")),
        ("100.000000000%", Ok("100%")),
        ("1000.00000001%", Err("rate_invalid")),
        ("0.000000001%", Err("rate_invalid")),
        ("-1%", Err("rate_invalid")),
        ("-0%", Err("rate_invalid")),
        ("-", Err("rate_invalid")),
        ("%", Err("rate_invalid")),
        ("", Err("rate_invalid")),
        ("5", Err("rate_invalid")),
        ("0.05", Err("rate_invalid")),
        ("5 %", Err("rate_invalid")),
        ("5%%", Err("rate_invalid")),
        ("%5", Err("rate_invalid")),
        ("+5%", Err("rate_invalid")),
        ("1e1%", Err("rate_invalid")),
        ("NaN%", Err("rate_invalid")),
    ];
    for (text, expected) in table {
        let found = outcome(Rate::parse(text));
        assert_eq!(found.as_deref(), expected.as_deref(), "`{text}`");
    }
    for bare in ["5", "0.05"] {
        let message = Rate::parse(bare).unwrap_err().to_string();
        assert!(message.contains("its sign, such as `5%`"), "{message}");
    }
}

#[test]
fn a_rate_is_the_same_from_percent_fraction_and_text() {
    let rate = Rate::parse("2.5%").unwrap();
    let decimal = |text: &str| DecimalText::parse(text).unwrap().as_decimal();
    assert_eq!(Rate::from_percent(decimal("2.5")), Ok(rate));
    assert_eq!(Rate::from_fraction(decimal("0.025")), Ok(rate));
    assert_eq!(rate.as_fraction(), decimal("0.025"));
    assert_eq!(rate.as_percent(), decimal("2.5"));
    assert_eq!((rate.ratio().num(), rate.ratio().den()), (1, 40));
    assert_eq!(
        outcome(Rate::from_fraction(decimal("10.1"))),
        Err("rate_invalid")
    );
    assert_eq!(
        outcome(Rate::from_percent(decimal("-1"))),
        Err("rate_invalid")
    );
    assert_eq!(
        outcome(Rate::from_fraction(rust_decimal::Decimal::MAX)),
        Err("rate_invalid")
    );
    assert!(Rate::parse("0%").unwrap().is_zero());
}

#[test]
fn a_factor_is_a_plain_number() {
    let table: &[(&str, Result<&str, &str>)] = &[
        ("1.5", Ok("1.5")),
        ("2.0", Ok("2")),
        ("0", Ok("0")),
        ("1000", Ok("1000")),
        ("0.00000001", Ok("0.00000001")),
        ("1000.1", Err("factor_invalid")),
        ("0.000000001", Err("factor_invalid")),
        ("-1", Err("factor_invalid")),
        ("-0", Err("factor_invalid")),
        ("150%", Err("factor_invalid")),
        ("x2", Err("factor_invalid")),
        ("1e1", Err("factor_invalid")),
        ("", Err("factor_invalid")),
    ];
    for (text, expected) in table {
        let found = outcome(Factor::parse(text));
        assert_eq!(found.as_deref(), expected.as_deref(), "`{text}`");
    }
    assert_eq!(Factor::parse("1"), Ok(Factor::one()));
    assert_eq!(
        Factor::from_decimal(Factor::one().as_decimal()),
        Ok(Factor::one())
    );
}

fn read<T: DeserializeOwned>(json: &str) -> Result<T, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

#[test]
fn data_is_text_or_an_integer_and_floats_are_refused() {
    let money = Money::parse("12.30", Asset::parse("EUR").unwrap()).unwrap();
    let json = r#"{"amount":"12.30","asset":"EUR"}"#;
    assert_eq!(serde_json::to_string(&money).unwrap(), json);
    assert_eq!(read::<Money>(json), Ok(money));
    assert_eq!(
        read::<Money>(r#"{"asset":"EUR","amount":"12.3"}"#),
        Ok(money)
    );
    assert_eq!(
        toml::from_str::<Money>("amount = '12.30'\nasset = 'EUR'").unwrap(),
        money
    );

    let whole = |text| Money::parse(text, Asset::parse("EUR").unwrap());
    for (json, text) in [
        (r#"{"amount":12,"asset":"EUR"}"#, "12.00"),
        (r#"{"asset":"EUR","amount":-12}"#, "-12.00"),
        (
            r#"{"amount":92233720368547758,"asset":"EUR"}"#,
            "92233720368547758.00",
        ),
    ] {
        assert_eq!(read::<Money>(json), Ok(whole(text).unwrap()), "{json}");
    }
    assert_eq!(
        toml::from_str::<Money>("amount = 12\nasset = 'EUR'").unwrap(),
        whole("12").unwrap()
    );
    assert_eq!(
        read::<DecimalText>("18446744073709551615")
            .unwrap()
            .to_string(),
        u64::MAX.to_string()
    );
    assert_eq!(read::<Factor>("2"), Ok(Factor::parse("2").unwrap()));

    let refused: &[(&str, &str)] = &[
        (
            r#"{"amount":92233720368547759,"asset":"EUR"}"#,
            "does not fit in 64-bit minor units",
        ),
        (
            r#"{"amount":1e2,"asset":"EUR"}"#,
            "expected an amount as decimal text, such as \"12.30\", or an integer",
        ),
        (
            r#"{"amount":12.30,"asset":"EUR"}"#,
            "expected an amount as decimal text, such as \"12.30\"",
        ),
        (
            r#"{"amount":true,"asset":"EUR"}"#,
            "expected an amount as decimal text",
        ),
        (
            r#"{"amount":null,"asset":"EUR"}"#,
            "expected an amount as decimal text",
        ),
        (
            r#"{"amount":"1e999","asset":"EUR"}"#,
            "invalid amount `1e999`",
        ),
        (r#"{"amount":"1.234","asset":"EUR"}"#, "expected at most 2"),
        (r#"{"amount":"1.5","asset":"points"}"#, "expected at most 0"),
        (r#"{"amount":"1","asset":"XAU"}"#, "unknown currency `XAU`"),
        (r#"{"amount":"1","asset":978}"#, "expected an asset such as"),
        (r#"{"amount":"1"}"#, "missing field `asset`"),
        (
            r#"{"amount":"1","asset":"EUR","scale":2}"#,
            "unknown field `scale`",
        ),
        (
            r#"{"amount":"1","amount":"2","asset":"EUR"}"#,
            "duplicate field `amount`",
        ),
        (r#""12.30 EUR""#, "expected struct"),
    ];
    for (json, reason) in refused {
        let message = read::<Money>(json).unwrap_err();
        assert!(message.contains(reason), "{json}: {message}");
    }
    assert!(toml::from_str::<Money>("amount = 12.30\nasset = 'EUR'").is_err());

    for (message, reason) in [
        (
            read::<Rate>("5").unwrap_err(),
            "a percentage as text with its sign, such as \"5%\"",
        ),
        (
            read::<Rate>("0.05").unwrap_err(),
            "a percentage as text with its sign",
        ),
        (read::<Rate>("\"5\"").unwrap_err(), "such as `5%`"),
        (
            read::<Factor>("1.5").unwrap_err(),
            "a multiplier as text, such as \"1.5\"",
        ),
        (
            read::<DecimalText>("1.5").unwrap_err(),
            "a decimal number as text",
        ),
        (read::<Rounding>("\"nearest\"").unwrap_err(), "`half_even`"),
    ] {
        assert!(message.contains(reason), "{message}");
    }
}

#[test]
fn rounding_modes_are_named_in_data() {
    let names = "half_even half_up down up toward_program toward_member".split(' ');
    for (mode, name) in Rounding::ALL.into_iter().zip(names) {
        let json = format!("{name:?}");
        assert_eq!(serde_json::to_string(&mode).unwrap(), json);
        assert_eq!(read::<Rounding>(&json), Ok(mode));
    }
    assert_eq!(Rounding::default(), Rounding::HalfEven);
}

#[cfg(feature = "schema")]
#[test]
fn schemas_are_strings_with_a_format_and_a_pattern() {
    use schemars::{JsonSchema, schema_for};

    let text = serde_json::json!("string");
    let number = serde_json::json!(["string", "integer"]);
    fn check<T: JsonSchema>(kind: &serde_json::Value, format: &str) {
        let schema = serde_json::to_value(schema_for!(T)).unwrap();
        assert_eq!(schema["type"], *kind, "{schema}");
        assert_eq!(schema["format"], format, "{schema}");
        assert!(schema["pattern"].is_string(), "{schema}");
    }
    check::<Currency>(&text, "currency");
    check::<UnitCode>(&text, "unit");
    check::<Asset>(&text, "asset");
    check::<DecimalText>(&number, "decimal");
    check::<Rate>(&text, "percent");
    check::<Factor>(&number, "decimal");

    let money = serde_json::to_value(schema_for!(Money)).unwrap();
    assert_eq!(money["title"], "Money", "{money}");
    assert_eq!(money["properties"]["amount"]["type"], number, "{money}");
    assert_eq!(
        money["properties"]["amount"]["format"], "decimal",
        "{money}"
    );
    assert_eq!(
        money["properties"]["asset"]["$ref"], "#/$defs/Asset",
        "{money}"
    );
    assert_eq!(money["required"], serde_json::json!(["amount", "asset"]));
    assert_eq!(money["additionalProperties"], false, "{money}");
}
