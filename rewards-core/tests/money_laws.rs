//! The laws of dividing and splitting money: tables for every rounding mode, properties for all the rest.

use proptest::prelude::*;
use rewards_core::money::{
    Asset, DecimalText, Factor, Money, Rate, Ratio, Rounding, allocate, format_minor, parse_minor,
};

/// Multiplying both sides by this leaves the quotient as it is, but takes them out of 64 bits.
const WIDE: i128 = 1 << 63;

#[test]
fn every_mode_rounds_every_kind_of_rest() {
    // Columns in the order of `Rounding::ALL`: half even, half up, down, up, toward program, toward member.
    let table: &[(i128, i128, [i64; 6])] = &[
        (0, 4, [0, 0, 0, 0, 0, 0]),
        (8, 4, [2, 2, 2, 2, 2, 2]),
        (-8, 4, [-2, -2, -2, -2, -2, -2]),
        (1, 4, [0, 0, 0, 1, 0, 1]),
        (-1, 4, [0, 0, 0, -1, -1, 0]),
        (2, 4, [0, 1, 0, 1, 0, 1]),
        (-2, 4, [0, -1, 0, -1, -1, 0]),
        (3, 4, [1, 1, 0, 1, 0, 1]),
        (-3, 4, [-1, -1, 0, -1, -1, 0]),
        (5, 4, [1, 1, 1, 2, 1, 2]),
        (-5, 4, [-1, -1, -1, -2, -2, -1]),
        (6, 4, [2, 2, 1, 2, 1, 2]),
        (-6, 4, [-2, -2, -1, -2, -2, -1]),
        (7, 4, [2, 2, 1, 2, 1, 2]),
        (-7, 4, [-2, -2, -1, -2, -2, -1]),
        (10, 4, [2, 3, 2, 3, 2, 3]),
        (-10, 4, [-2, -3, -2, -3, -3, -2]),
        (5, 3, [2, 2, 1, 2, 1, 2]),
        (4, 3, [1, 1, 1, 2, 1, 2]),
        (-4, 3, [-1, -1, -1, -2, -2, -1]),
        (i64::MAX as i128, 1, [i64::MAX; 6]),
        (i64::MIN as i128, 1, [i64::MIN; 6]),
        (1, i64::MAX as i128, [0, 0, 0, 1, 0, 1]),
        (i64::MIN as i128, i64::MAX as i128, [-1, -1, -1, -2, -2, -1]),
    ];
    for (num, den, expected) in table {
        let narrow = Rounding::ALL.map(|mode| mode.divide(*num, *den).unwrap());
        assert_eq!(narrow, *expected, "{num}/{den}");
        let wide = Rounding::ALL.map(|mode| mode.divide(num * WIDE, den * WIDE).unwrap());
        assert_eq!(wide, *expected, "{num}/{den} in 128 bits");
    }
}

#[test]
fn divisions_without_an_answer_are_refused() {
    let max = i64::MAX as i128;
    let table: &[(i128, i128, &str)] = &[
        (1, 0, "denominator_invalid"),
        (0, 0, "denominator_invalid"),
        (1, -1, "denominator_invalid"),
        (i64::MIN as i128, -1, "denominator_invalid"),
        (i128::MAX, 0, "denominator_invalid"),
        (i128::MIN, -1, "denominator_invalid"),
        (max + 1, 1, "amount_overflow"),
        (-max - 2, 1, "amount_overflow"),
        (i128::MAX, 1, "amount_overflow"),
        (i128::MIN, 1, "amount_overflow"),
    ];
    for (num, den, code) in table {
        for mode in Rounding::ALL {
            assert_eq!(
                mode.divide(*num, *den).unwrap_err().code(),
                *code,
                "{num}/{den}"
            );
        }
    }
    // Half a unit above the largest amount: only some modes leave 64 bits.
    let fits = Rounding::ALL.map(|mode| mode.divide(2 * max + 1, 2).is_ok());
    assert_eq!(fits, [false, false, true, false, true, false]);
}

#[test]
fn a_rate_and_a_factor_are_rounded_once() {
    let rate = Rate::parse("2.5%").unwrap().ratio();
    let triple = Factor::parse("3").unwrap().ratio();
    // 2.5% of 0.50 is 1.25 cents: rounded in between it would triple to 3, exactly it is 3.75.
    assert_eq!(Rounding::HalfUp.multiply(50, rate), Ok(1));
    assert_eq!(Rounding::HalfUp.multiply2(50, rate, triple), Ok(4));
    assert_eq!(
        Rounding::HalfUp.multiply(i64::MAX, Ratio::ONE),
        Ok(i64::MAX)
    );
    assert_eq!(
        Rounding::HalfUp.multiply(i64::MIN, Ratio::ONE),
        Ok(i64::MIN)
    );
    assert_eq!(Rounding::HalfUp.multiply(i64::MIN, Ratio::ZERO), Ok(0));
    assert_eq!(
        Rounding::Down
            .multiply(i64::MAX, triple)
            .unwrap_err()
            .code(),
        "amount_overflow"
    );
    let thousandfold = Rate::parse("1000%").unwrap().ratio();
    assert_eq!(
        Rounding::Down
            .multiply2(i64::MAX, thousandfold, triple)
            .unwrap_err()
            .code(),
        "amount_overflow"
    );
    let huge = Ratio::new(i64::MAX, 1).unwrap();
    assert_eq!(
        Rounding::Down.multiply2(3, huge, huge).unwrap_err().code(),
        "amount_overflow"
    );
}

/// Numerator and denominator, or `None` for a refusal.
type LowestTerms = Option<(i64, i64)>;

#[test]
fn ratios_are_in_lowest_terms() {
    let table: &[(i64, i64, LowestTerms)] = &[
        (10, 200, Some((1, 20))),
        (-10, 200, Some((-1, 20))),
        (0, 7, Some((0, 1))),
        (7, 7, Some((1, 1))),
        (i64::MIN, 2, Some((i64::MIN / 2, 1))),
        (i64::MIN, i64::MAX, Some((i64::MIN, i64::MAX))),
        (i64::MAX, i64::MAX, Some((1, 1))),
        (1, 0, None),
        (1, -1, None),
        (0, 0, None),
        (1, i64::MIN, None),
    ];
    for (num, den, expected) in table {
        let found = Ratio::new(*num, *den)
            .ok()
            .map(|ratio| (ratio.num(), ratio.den()));
        assert_eq!(found, *expected, "{num}/{den}");
    }
    assert_eq!(Ratio::new(5, 5), Ok(Ratio::ONE));
    assert_eq!(Ratio::new(0, 5), Ok(Ratio::ZERO));
    assert!(Ratio::new(1, 3).unwrap() < Ratio::new(1, 2).unwrap());
    assert!(Ratio::new(-1, 2).unwrap() < Ratio::new(-1, 3).unwrap());
    let fine = DecimalText::parse("0.0000000000000000001").unwrap();
    assert_eq!(
        Ratio::from_decimal(fine.as_decimal()).unwrap_err().code(),
        "amount_overflow"
    );
}

#[test]
fn totals_are_split_by_largest_remainder() {
    let max = u64::MAX;
    let table: &[(i64, &[u64], &[i64])] = &[
        (100, &[1, 1, 1], &[34, 33, 33]),
        (101, &[1, 1, 1], &[34, 34, 33]),
        (-100, &[1, 1, 1], &[-34, -33, -33]),
        (0, &[1, 2], &[0, 0]),
        (5, &[7], &[5]),
        (1, &[0, 1, 1], &[0, 1, 0]),
        (10, &[0, 3, 0, 1], &[0, 8, 0, 2]),
        (10, &[1, 2, 4], &[1, 3, 6]),
        (i64::MAX, &[max, max], &[i64::MAX / 2 + 1, i64::MAX / 2]),
        (i64::MIN, &[max], &[i64::MIN]),
        (i64::MIN, &[1, 1], &[i64::MIN / 2, i64::MIN / 2]),
    ];
    for (total, weights, expected) in table {
        assert_eq!(
            allocate(*total, weights).unwrap(),
            *expected,
            "{total} by {weights:?}"
        );
    }
    for weights in [&[][..], &[0], &[0, 0, 0]] {
        assert_eq!(
            allocate(1, weights).unwrap_err().code(),
            "allocation_weights"
        );
    }
}

fn modes() -> impl Strategy<Value = Rounding> {
    proptest::sample::select(&Rounding::ALL[..])
}

/// Numbers of every size, with the small and the extreme ones often.
fn minors() -> impl Strategy<Value = i64> {
    prop_oneof![
        -1_000_i64..1_000,
        any::<i32>().prop_map(i64::from),
        any::<i64>(),
        Just(i64::MIN),
        Just(i64::MAX),
    ]
}

fn denominators() -> impl Strategy<Value = i64> {
    prop_oneof![1_i64..1_000, 1..=i64::MAX, Just(i64::MAX)]
}

fn ratios() -> impl Strategy<Value = Ratio> {
    (minors(), denominators()).prop_filter_map("a ratio", |(num, den)| Ratio::new(num, den).ok())
}

fn assets() -> impl Strategy<Value = Asset> {
    let named = proptest::sample::select(&["EUR", "JPY", "BHD", "CLF"][..]).prop_map(str::to_owned);
    prop_oneof![named, "[a-z][a-z0-9_-]{0,14}(/[1-6])?"]
        .prop_filter_map("an asset", |text| Asset::parse(&text).ok())
}

proptest! {
    #[test]
    fn the_error_of_rounding_is_bounded(mode in modes(), num in minors(), den in denominators()) {
        let (exact, den) = (i128::from(num), i128::from(den));
        let rounded = i128::from(mode.divide(exact, den).unwrap());
        let error = (rounded * den - exact).abs();
        prop_assert!(error < den);
        if matches!(mode, Rounding::HalfEven | Rounding::HalfUp) {
            prop_assert!(2 * error <= den);
        }
    }

    #[test]
    fn the_beneficiary_never_loses(num in minors(), den in denominators()) {
        let exact = i128::from(num);
        let program = Rounding::TowardProgram.divide(exact, i128::from(den)).unwrap();
        let member = Rounding::TowardMember.divide(exact, i128::from(den)).unwrap();
        prop_assert!(i128::from(program) * i128::from(den) <= exact);
        prop_assert!(exact <= i128::from(member) * i128::from(den));
        for mode in Rounding::ALL {
            let rounded = mode.divide(exact, i128::from(den)).unwrap();
            prop_assert!(program <= rounded && rounded <= member);
        }
    }

    #[test]
    fn narrow_and_wide_division_agree(mode in modes(), num in minors(), den in denominators()) {
        let (num, den) = (i128::from(num), i128::from(den));
        prop_assert_eq!(mode.divide(num, den), mode.divide(num * WIDE, den * WIDE));
    }

    #[test]
    fn division_never_panics(mode in modes(), num in any::<i128>(), den in any::<i128>()) {
        if let Ok(rounded) = mode.divide(num, den) {
            prop_assert!(den > 0);
            prop_assert!(num / den - i128::from(rounded) <= 1);
        }
    }

    #[test]
    fn multiplying_is_dividing_the_product(mode in modes(), minor in minors(), ratio in ratios()) {
        let num = i128::from(minor) * i128::from(ratio.num());
        let expected = mode.divide(num, i128::from(ratio.den()));
        prop_assert_eq!(&mode.multiply(minor, ratio), &expected);
        prop_assert_eq!(mode.multiply2(minor, Ratio::ONE, ratio), expected);
    }

    #[test]
    fn the_order_of_two_ratios_does_not_matter(
        mode in modes(), minor in minors(), a in ratios(), b in ratios(),
    ) {
        prop_assert_eq!(mode.multiply2(minor, a, b).ok(), mode.multiply2(minor, b, a).ok());
    }

    #[test]
    fn a_split_sums_exactly_and_is_fair(
        total in minors(),
        weights in prop::collection::vec(prop_oneof![0_u64..10, any::<u64>()], 1..40),
    ) {
        let sum: u128 = weights.iter().copied().map(u128::from).sum();
        prop_assume!(sum > 0);
        let shares = allocate(total, &weights).unwrap();
        prop_assert_eq!(shares.len(), weights.len());
        prop_assert_eq!(shares.iter().copied().map(i128::from).sum::<i128>(), i128::from(total));
        for (share, weight) in shares.iter().zip(&weights) {
            // Within one unit: the exact share lies between `units` and the next unit below or above it.
            let units = u128::from(share.unsigned_abs());
            let exact = u128::from(total.unsigned_abs()) * u128::from(*weight);
            prop_assert!(units == exact / sum || units == exact.div_ceil(sum));
            prop_assert!(*share == 0 || (*share < 0) == (total < 0));
            prop_assert!(*weight > 0 || *share == 0);
        }
        if let Some(mirror) = total.checked_neg() {
            let mirrored: Vec<i64> = shares.iter().map(|share| -share).collect();
            prop_assert_eq!(allocate(mirror, &weights).unwrap(), mirrored);
        }
    }

    #[test]
    fn writing_and_reading_an_amount_is_identity(minor in minors(), scale in 0_u8..=30) {
        let text = format_minor(minor, scale);
        prop_assert_eq!(parse_minor(&text, scale), Ok(minor));
        prop_assert_eq!(format_minor(parse_minor(&text, scale).unwrap(), scale), text);
    }

    #[test]
    fn parsing_never_panics_and_reads_only_its_grammar(text in "[-+.0-9eE_ ]{0,70}", scale in any::<u8>()) {
        let read = parse_minor(&text, scale);
        if read.is_ok() {
            prop_assert!(DecimalText::parse(&text).is_ok() || scale > 28);
        }
    }

    #[test]
    fn a_decimal_and_an_amount_read_the_same(text in "-?[0-9]{1,12}(\\.[0-9]{1,6})?") {
        prop_assert_eq!(DecimalText::parse(&text).unwrap().to_minor(6), parse_minor(&text, 6));
    }

    #[test]
    fn money_survives_serialization(minor in minors(), asset in assets()) {
        let money = Money::new(minor, asset);
        let json = serde_json::to_string(&money).unwrap();
        prop_assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), money);
        prop_assert_eq!(Money::parse(&money.to_string(), asset), Ok(money));
    }

    #[test]
    fn rates_and_factors_survive_serialization(text in "[0-9]{1,3}(\\.[0-9]{1,8})?") {
        let rate = Rate::parse(&format!("{text}%")).unwrap();
        let json = serde_json::to_string(&rate).unwrap();
        prop_assert_eq!(serde_json::from_str::<Rate>(&json).unwrap(), rate);
        prop_assert_eq!(Rate::from_fraction(rate.as_fraction()), Ok(rate));
        let factor = Factor::parse(&text).unwrap();
        let json = serde_json::to_string(&factor).unwrap();
        prop_assert_eq!(serde_json::from_str::<Factor>(&json).unwrap(), factor);
    }
}
