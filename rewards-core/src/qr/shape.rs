//! Forms of values: what a specification says of a value beside its characters and its length.

use super::problem::QrProblem;

/// A form that values have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    has: fn(&str) -> bool,
    expected: &'static str,
}

impl Shape {
    const fn new(has: fn(&str) -> bool, expected: &'static str) -> Self {
        Self { has, expected }
    }

    /// Whether a value has it.
    pub(super) fn check(&self, value: &str) -> Result<(), QrProblem> {
        if (self.has)(value) {
            return Ok(());
        }
        let expected = self.expected;
        Err(QrProblem::Value { expected })
    }
}

/// A day.
pub(super) const DATE: Shape = Shape::new(is_date, "a date `YYYYMMDD`");
/// A day, and maybe a time of it.
pub(super) const DATE_OR_TIME: Shape = Shape::new(
    is_date_or_time,
    "a date `YYYYMMDD`, or one with a time `HHMMSS`",
);
/// A choice of two.
pub(super) const FLAG: Shape = Shape::new(|text| matches!(text, "0" | "1"), "`0` or `1`");
/// A phone anywhere, as E.164 writes it.
pub(super) const PHONE: Shape = Shape::new(
    is_phone,
    "a phone: `+`, the country and the number, digits only",
);
/// A phone of Thailand as PromptPay writes it.
pub(super) const THAI_PHONE: Shape =
    Shape::new(|text| text.starts_with("0066"), "`0066` and nine digits");
/// Who is paid by a bill in Thailand.
pub(super) const THAI_BILLER: Shape = Shape::new(
    |text| text.len() != 14,
    "a tax id of 13 digits, or one with its suffix, 15 digits",
);
/// The id of a merchant in Indonesia.
pub(super) const NMID: Shape = Shape::new(is_nmid, "`ID` and digits");
/// A key of PIX.
pub(super) const PIX_KEY: Shape = Shape::new(
    is_pix_key,
    "a phone with `+`, an electronic mail, a CPF, a CNPJ or a UUID",
);
/// The place of what PIX asks for.
pub(super) const PIX_LOCATION: Shape =
    Shape::new(is_location, "a domain and a path, without `https://`");
/// The id of a payment by PIX.
pub(super) const PIX_ID: Shape = Shape::new(is_pix_id, "`***`, or letters and digits only");

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Two digits that are at most so much.
fn is_at_most(text: Option<&str>, most: u8) -> bool {
    let number = text.filter(|text| is_digits(text));
    number
        .and_then(|text| text.parse::<u8>().ok())
        .is_some_and(|number| number <= most)
}

/// A day that a calendar has; the 29th of February in any year, because nothing follows from it here.
fn is_date(text: &str) -> bool {
    let days = match text.get(4..6) {
        Some("01" | "03" | "05" | "07" | "08" | "10" | "12") => 31,
        Some("04" | "06" | "09" | "11") => 30,
        Some("02") => 29,
        _ => return false,
    };
    let day = text.get(6..8);
    text.len() == 8 && is_digits(text) && day != Some("00") && is_at_most(day, days)
}

fn is_date_or_time(text: &str) -> bool {
    let (date, time) = text.split_at_checked(8).unwrap_or((text, ""));
    let is_time = time.len() == 6
        && is_at_most(time.get(..2), 23)
        && is_at_most(time.get(2..4), 59)
        && is_at_most(time.get(4..), 59);
    is_date(date) && (time.is_empty() || is_time)
}

fn is_phone(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        let is_length = (2..=15).contains(&digits.len());
        is_length && is_digits(digits) && !digits.starts_with('0')
    })
}

fn is_nmid(text: &str) -> bool {
    text.strip_prefix("ID").is_some_and(is_digits)
}

fn is_pix_key(text: &str) -> bool {
    let is_cpf = text.len() == 11 && is_digits(text);
    is_cpf || is_cnpj(text) || is_phone(text) || is_uuid(text) || is_mail(text)
}

/// Twelve digits or capital letters, which there are since 2026, and two digits. Whether those two check the others is for whoever
/// keeps the keys to say: manuals print examples where they do not.
fn is_cnpj(text: &str) -> bool {
    text.split_at_checked(12).is_some_and(|(root, check)| {
        let mut root = root.bytes();
        let is_root = root.all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
        is_root && check.len() == 2 && is_digits(check)
    })
}

/// A UUID with its hyphens, of any version: keys in manuals have one that no generator makes.
fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(|part| {
        let is_hex = part.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then_some(part.len())
    });
    lengths.eq([8, 4, 4, 4, 12].map(Some))
}

fn is_mail(text: &str) -> bool {
    text.split_once('@')
        .is_some_and(|(name, domain)| !name.is_empty() && !name.contains(' ') && is_domain(domain))
}

fn is_location(text: &str) -> bool {
    text.split_once('/').is_some_and(|(domain, path)| {
        let is_whole = domain.contains('.') && is_domain(domain);
        is_whole && !path.is_empty() && !path.contains(' ')
    })
}

fn is_domain(text: &str) -> bool {
    text.split('.').all(|label| {
        let is_length = (1..=63).contains(&label.len());
        let is_edge = |edge: Option<u8>| edge.is_some_and(|byte| byte != b'-');
        let mut bytes = label.bytes();
        let is_plain = bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let (first, last) = (label.bytes().next(), label.bytes().next_back());
        is_length && is_plain && is_edge(first) && is_edge(last)
    })
}

fn is_pix_id(text: &str) -> bool {
    text == "***" || text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_all(shape: Shape, good: &[&str], bad: &[&str]) {
        for text in good {
            assert_eq!(shape.check(text), Ok(()), "{text}");
        }
        for text in bad {
            let code = shape.check(text).map_err(|problem| problem.code());
            assert_eq!(code, Err("qr_value_invalid"), "{text}");
        }
    }

    #[test]
    fn days_are_those_of_a_calendar() {
        let good = ["20260228", "20240229", "20261231", "99991231", "00010101"];
        let bad = [
            "",
            "2026022",
            "202602281",
            "20260230",
            "20260431",
            "20261301",
            "20260001",
            "20260100",
            "20260132",
            "2026+101",
            "2026010x",
            "2026-1-1",
            "日本日本",
        ];
        assert_all(DATE, &good, &bad);
        assert_all(DATE_OR_TIME, &good, &bad);
        let good = ["20260228000000", "20260228235959"];
        let bad = [
            "2026022823",
            "20260228240000",
            "20260228006000",
            "20260228000060",
            "20260230000000",
            "20260228+1+1+1",
        ];
        assert_all(DATE_OR_TIME, &good, &bad);
    }

    #[test]
    fn phones_have_a_country() {
        let good = ["+6591234567", "+5561912345678", "+621234567890123"];
        let bad = [
            "",
            "+",
            "6591234567",
            "+0591234567",
            "+65 9123",
            "+6591234567#OCBC",
            "+6",
            "+1234567890123456",
        ];
        assert_all(PHONE, &good, &bad);
        assert_all(
            THAI_PHONE,
            &["0066812223333"],
            &["0812223333", "6681222333344", "0065812223333"],
        );
    }

    #[test]
    fn ids_of_merchants_are_those_of_their_country() {
        assert_all(
            NMID,
            &["ID1026529448957", "ID1"],
            &["", "ID", "id1026", "1026529448957", "IDX1", "ID 1"],
        );
        assert_all(
            THAI_BILLER,
            &["0112233445566", "099999999999990"],
            &["01122334455667"],
        );
        assert_all(FLAG, &["0", "1"], &["", "2", "00", "y"]);
    }

    #[test]
    fn keys_of_pix_are_of_five_kinds() {
        let good = [
            "fulano_da_silva.recebedor@example.com",
            "Fulano+pix@EXAMPLE.com.br",
            "12345678900",
            "00038166000105",
            "12ABC34501DE35",
            "+5561912345678",
            "123e4567-e12b-12d1-a456-426655440000",
            "123E4567-E12B-12D1-A456-426655440000",
        ];
        let bad = [
            "",
            "123.456.789-00",
            "1234567890",
            "123456789012",
            "00.038.166/0001-05",
            "12abc34501de35",
            "12ABC34501DEX5",
            "5561912345678",
            "+55 61 91234-5678",
            "+0561912345678",
            "123e4567e12b12d1a456426655440000",
            "123e4567-e12b-12d1-a456-42665544000g",
            "123e4567-e12b-12d1-a456-426655440000-",
            "@example.com",
            "fulano@",
            "fulano@example..com",
            "fulano@-example.com",
            "ful ano@example.com",
            "fulano@silva@example.com",
            "fulano",
        ];
        assert_all(PIX_KEY, &good, &bad);
    }

    #[test]
    fn a_location_has_a_domain_and_a_path() {
        let good = [
            "pix.example.com/8b3da2f39a4140d1a91abd93113bd441",
            "PIX.EXAMPLE.COM/QR/V2/1",
            "qr-h.pix.example/cobv/1?x=1",
        ];
        let bad = [
            "",
            "pix.example.com",
            "pix.example.com/",
            "/8b3da2f3",
            "https://pix.example.com/1",
            "//pix.example.com/1",
            "localhost/1",
            "pix.example.com:443/1",
            "pix.example.com/1 2",
        ];
        assert_all(PIX_LOCATION, &good, &bad);
    }

    #[test]
    fn the_id_of_a_payment_by_pix_is_plain() {
        let good = ["***", "RP12345678", "abc", "0"];
        let bad = ["**", "****", "A-1", "A 1", "a_1", "ç"];
        assert_all(PIX_ID, &good, &bad);
    }
}
