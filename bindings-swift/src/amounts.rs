//! Amounts from text: as the engine writes them, and as people write them.
//!
//! An amount is read whole or refused. Number readers of a platform stop at what they do not know, and `80,50` is 80 to them.

use rewards_core::ffi::RewardsError;
use rewards_core::money::{Asset, Money};
use rewards_core::rejection::{Fault, Problem};

use crate::guard::guarded_now;

/// An amount as the engine writes it, such as `12.30`: digits, one point, nothing else.
#[uniffi::export]
pub fn read_money(amount: String, asset: Asset) -> Result<Money, RewardsError> {
    guarded_now(|| parse(&amount, asset))
}

/// An amount as people write it, with the marks of their locale, such as `1.234,50`.
///
/// Groups have three digits, those before the last may have two, as in India; there may be none. Where the mark of groups is
/// a blank, any blank is one. A text in which a mark stands where it cannot is refused: `80.50` is no amount where the point
/// marks groups.
#[uniffi::export]
pub fn read_local_money(
    amount: String,
    asset: Asset,
    decimal_mark: String,
    grouping_mark: String,
) -> Result<Money, RewardsError> {
    guarded_now(|| {
        let plain = plain(amount.trim(), &decimal_mark, &grouping_mark);
        let plain = plain.ok_or_else(|| {
            let detail = format!(
                "expected an amount with `{decimal_mark}` before its decimals, got `{amount}`"
            );
            Problem::new("amount_invalid", "amount", detail)
        })?;
        parse(&plain, asset)
    })
}

fn parse(amount: &str, asset: Asset) -> Result<Money, Fault> {
    let read = Money::parse(amount, asset);
    Ok(read.map_err(|error| Problem::new(error.code(), "amount", error.to_string()))?)
}

/// The same amount without groups and with a point; `None` when a mark stands where it cannot.
fn plain(amount: &str, decimal_mark: &str, grouping_mark: &str) -> Option<String> {
    if decimal_mark.is_empty() || decimal_mark == grouping_mark {
        return None;
    }
    let (sign, amount) = match amount.strip_prefix(['-', '\u{2212}']) {
        Some(rest) => ("-", rest),
        None => ("", amount),
    };
    let (whole, decimals) = match amount.split_once(decimal_mark) {
        Some((whole, decimals)) => (whole, Some(decimals)),
        None => (amount, None),
    };
    let whole = joined(whole, grouping_mark)?;
    match decimals {
        Some(decimals) => is_number(decimals).then(|| format!("{sign}{whole}.{decimals}")),
        None => Some(format!("{sign}{whole}")),
    }
}

fn joined(whole: &str, grouping_mark: &str) -> Option<String> {
    let is_blank = grouping_mark.chars().all(char::is_whitespace) && !grouping_mark.is_empty();
    let groups: Vec<&str> = match grouping_mark {
        "" => vec![whole],
        _ if is_blank => whole.split(char::is_whitespace).collect(),
        mark => whole.split(mark).collect(),
    };
    let last = groups.len().saturating_sub(1);
    let fits = |(at, group): (usize, &&str)| {
        let wanted = match at {
            _ if last == 0 => 1..=usize::MAX,
            0 => 1..=3,
            at if at == last => 3..=3,
            _ => 2..=3,
        };
        is_number(group) && wanted.contains(&group.len())
    };
    groups.iter().enumerate().all(fits).then(|| groups.concat())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(amount: &str, marks: &str) -> Result<String, String> {
        let mut marks = marks.chars().map(String::from);
        let (decimal, grouping) = (marks.next().unwrap(), marks.next().unwrap_or_default());
        let asset = Asset::parse("EUR").unwrap();
        match read_local_money(amount.to_owned(), asset, decimal, grouping) {
            Ok(money) => Ok(money.to_string()),
            Err(RewardsError::Invalid { problems, .. }) => Err(problems[0].code.to_string()),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_amount_is_read_as_its_locale_writes_it() {
        for (amount, marks, wanted) in [
            ("80,50", ",.", "80.50"),
            ("1.234,50", ",.", "1234.50"),
            ("1,234.50", ".,", "1234.50"),
            ("12,34,567.89", ".,", "1234567.89"),
            ("1\u{202f}234,50", ",\u{a0}", "1234.50"),
            ("1’234.50", ".’", "1234.50"),
            (" 1000 ", ",.", "1000.00"),
            ("-0,01", ",.", "-0.01"),
            ("\u{2212}5", ",.", "-5.00"),
            ("7,5", ",", "7.50"),
        ] {
            assert_eq!(read(amount, marks).as_deref(), Ok(wanted), "{amount}");
        }
    }

    #[test]
    fn an_amount_that_is_not_read_whole_is_refused() {
        for (amount, marks) in [
            ("80.50", ",."),
            ("80,50", ".,"),
            ("1.00", ",."),
            ("80,50abc", ",."),
            ("80,", ",."),
            (",50", ",."),
            ("1..234", ",."),
            ("1.2345", ",."),
            ("1234.567,00", ",."),
            ("1,2,3", ",."),
            ("1e3", ",."),
            ("", ",."),
            ("--1", ",."),
            ("١٢", ",."),
            ("1 234", ",."),
            ("1.5", ".."),
        ] {
            let wanted = Err("amount_invalid".to_owned());
            assert_eq!(read(amount, marks), wanted, "{amount}");
        }
        assert_eq!(read("1,234", ",."), Err("amount_scale".to_owned()));
    }

    #[test]
    fn plain_text_is_read_whole_or_refused() {
        let asset = Asset::parse("EUR").unwrap();
        let read = |amount: &str| read_money(amount.to_owned(), asset).ok();
        assert_eq!(read("80.50").map(|money| money.minor()), Some(8_050));
        for amount in [
            "80,50", "1,000.00", "80.50abc", "80.50 ", "1e2", "+1", "", ".5",
        ] {
            assert_eq!(read(amount), None, "{amount}");
        }
    }
}
