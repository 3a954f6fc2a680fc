//! Reads the reference rates of the European Central Bank as it publishes them: the file of one day and that of the whole history.
//!
//! Both begin with a line of `Date` and currencies; each line after it is a day, as `2026-10-30` or `30 October 2026`, and its rates:
//! so many units of the currency for one euro. `N/A` stands where a currency had none. Lines end in a comma, so that one which
//! was cut is known by its number of cells, and a file that was cut by its last line.
//!
//! Everything that is wrong is told at once, with line and column, both counted from 1, up to a bound. Columns of currencies that
//! no longer exist, such as `CYP`, are passed over, and said to be.

use std::collections::BTreeSet;

use super::{FxPrice, RateProblem};
use crate::money::{Currency, DecimalText};
use crate::time::LocalDate;

/// The most that is told of one file.
const TROUBLES_MAX: usize = 100;

/// Currencies of the history that gave way to the euro, or to a new currency, before ISO's list of today.
const WITHDRAWN: [&str; 9] = [
    "CYP", "EEK", "LTL", "LVL", "MTL", "ROL", "SIT", "SKK", "TRL",
];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// What a file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EcbRates {
    /// How many units of a currency one euro is, in the order of the file.
    pub rates: Vec<(LocalDate, Currency, FxPrice)>,
    /// Columns that were passed over.
    pub skipped: Vec<String>,
}

/// Something that is wrong with a file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EcbTrouble {
    /// The line, counted from 1.
    pub line: usize,
    /// The column, counted from 1.
    pub column: usize,
    /// A stable code.
    pub code: &'static str,
    /// What is wrong, in words.
    pub detail: String,
}

/// Reads a file; a day after `last` cannot be right.
///
/// # Errors
/// Everything that is wrong: [`RateProblem`] and unknown currencies.
pub fn read_ecb(text: &str, last: LocalDate) -> Result<EcbRates, Vec<EcbTrouble>> {
    let mut reader = Reader {
        last,
        days: BTreeSet::new(),
        rates: Vec::new(),
        troubles: Vec::new(),
    };
    let mut lines = (1_usize..).zip(text.lines());
    let header = lines.next().map_or("", |(_, line)| line);
    let columns = reader.header(header);
    for (number, line) in lines {
        if reader.troubles.len() >= TROUBLES_MAX {
            break;
        }
        reader.day(number, line, &columns);
    }
    if !text.is_empty() && !text.ends_with('\n') {
        let last = text.lines().count();
        let found = "the last line does not end";
        reader.note((last, columns.len()), RateProblem::Cut, found);
    }
    if reader.rates.is_empty() && reader.troubles.is_empty() {
        reader.note((1, 1), RateProblem::Empty, "there is none");
    }
    if !reader.troubles.is_empty() {
        reader.troubles.truncate(TROUBLES_MAX);
        return Err(reader.troubles);
    }
    let skipped = columns.iter().filter_map(|column| match column {
        Column::Withdrawn(code) => Some((*code).to_owned()),
        Column::Date | Column::Rate(_) | Column::End | Column::Wrong => None,
    });
    Ok(EcbRates {
        rates: reader.rates,
        skipped: skipped.collect(),
    })
}

/// What is in a column.
enum Column<'a> {
    Date,
    Rate(Currency),
    Withdrawn(&'a str),
    /// Behind the last comma.
    End,
    /// It was told already.
    Wrong,
}

struct Reader {
    last: LocalDate,
    days: BTreeSet<LocalDate>,
    rates: Vec<(LocalDate, Currency, FxPrice)>,
    troubles: Vec<EcbTrouble>,
}

impl Reader {
    fn note(&mut self, at: (usize, usize), problem: RateProblem, found: &str) {
        self.trouble(at, problem.code(), format!("{problem}: {found}"));
    }

    fn trouble(&mut self, (line, column): (usize, usize), code: &'static str, detail: String) {
        self.troubles.push(EcbTrouble {
            line,
            column,
            code,
            detail,
        });
    }

    fn header<'a>(&mut self, line: &'a str) -> Vec<Column<'a>> {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        let mut seen = BTreeSet::new();
        let mut columns = Vec::with_capacity(cells.len());
        for (number, cell) in (1_usize..).zip(&cells) {
            columns.push(match (number, *cell) {
                (1, "Date") => Column::Date,
                (1, _) => {
                    self.note((1, number), RateProblem::Header, &got(cell));
                    Column::Wrong
                }
                (_, "") if number == cells.len() => Column::End,
                (_, code) if WITHDRAWN.contains(&code) => Column::Withdrawn(code),
                (_, code) => match Currency::parse(code) {
                    Ok(currency) if currency.code() == "EUR" || !seen.insert(currency) => {
                        self.note((1, number), RateProblem::CurrencyTwice, &got(code));
                        Column::Wrong
                    }
                    Ok(currency) => Column::Rate(currency),
                    Err(error) => {
                        self.trouble((1, number), error.code(), error.to_string());
                        Column::Wrong
                    }
                },
            });
        }
        columns
    }

    fn day(&mut self, line: usize, text: &str, columns: &[Column<'_>]) {
        let found = text.split(',').count();
        if found != columns.len() {
            let expected = columns.len();
            let cells = format!("expected {expected} cells, got {found}");
            self.note((line, found), RateProblem::Cut, &cells);
            return;
        }
        let mut cells = text.split(',').map(str::trim);
        let Some(day) = self.date(line, cells.next().unwrap_or_default()) else {
            return;
        };
        for (column, (cell, kind)) in (2_usize..).zip(cells.zip(columns.iter().skip(1))) {
            match kind {
                Column::Rate(currency) if cell != "N/A" => {
                    if let Some(price) = self.price(line, column, *currency, cell) {
                        self.rates.push((day, *currency, price));
                    }
                }
                Column::End if !cell.is_empty() => {
                    self.note((line, column), RateProblem::Cut, &got(cell));
                }
                Column::Date
                | Column::Rate(_)
                | Column::Withdrawn(_)
                | Column::End
                | Column::Wrong => {}
            }
        }
    }

    fn date(&mut self, line: usize, cell: &str) -> Option<LocalDate> {
        let Some(day) = LocalDate::parse(cell).ok().or_else(|| long_date(cell)) else {
            self.note((line, 1), RateProblem::Date, &got(cell));
            return None;
        };
        if day > self.last {
            self.note((line, 1), RateProblem::Future, &got(cell));
            return None;
        }
        if !self.days.insert(day) {
            self.note((line, 1), RateProblem::DayTwice, &got(cell));
            return None;
        }
        Some(day)
    }

    fn price(
        &mut self,
        line: usize,
        column: usize,
        currency: Currency,
        cell: &str,
    ) -> Option<FxPrice> {
        let price = match DecimalText::parse(cell) {
            Ok(price) => FxPrice::Mid(price),
            Err(_) => {
                let found = format!("`{currency}`, {}", got(cell));
                self.note((line, column), RateProblem::NoNumber, &found);
                return None;
            }
        };
        if let Err(problem) = price.check() {
            let found = format!("`{currency}`, {}", got(cell));
            self.note((line, column), problem, &found);
            return None;
        }
        Some(price)
    }
}

fn got(cell: &str) -> String {
    let start: String = cell.chars().take(32).collect();
    format!("got `{start}`")
}

/// A date such as `30 October 2026`.
fn long_date(text: &str) -> Option<LocalDate> {
    let mut words = text.split_ascii_whitespace();
    let (day, month, year) = (words.next()?, words.next()?, words.next()?);
    let month = MONTHS.iter().position(|name| *name == month)?;
    let month = u32::try_from(month).ok()?.checked_add(1)?;
    let is_end = words.next().is_none();
    LocalDate::from_ymd(year.parse().ok()?, month, day.parse().ok()?)
        .ok()
        .filter(|_| is_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last() -> LocalDate {
        LocalDate::parse("2026-10-31").unwrap()
    }

    fn troubles(text: &str) -> Vec<(usize, usize, &'static str)> {
        let troubles = read_ecb(text, last()).unwrap_err().into_iter();
        troubles
            .map(|trouble| (trouble.line, trouble.column, trouble.code))
            .collect()
    }

    #[test]
    fn both_files_are_read() {
        let history =
            "Date,USD,CYP,JPY,\n2026-10-30,1.1172,N/A,175.68,\n2026-10-29,1.113,0.58,N/A,\n";
        let daily = "Date, USD, JPY, \n30 October 2026, 1.1172, 175.68, \n";
        let read = read_ecb(history, last()).unwrap();
        assert_eq!(read.skipped, ["CYP"]);
        let told = |rates: EcbRates| -> Vec<String> {
            let rates = rates.rates.iter();
            rates
                .map(|(day, currency, price)| format!("{day} {currency} {price}"))
                .collect()
        };
        let days = told(read);
        assert_eq!(
            days,
            [
                "2026-10-30 USD 1.1172",
                "2026-10-30 JPY 175.68",
                "2026-10-29 USD 1.113"
            ]
        );
        assert_eq!(told(read_ecb(daily, last()).unwrap()), days[..2]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let head = "Date,USD,JPY,\n";
        for (text, expected) in [
            ("", vec![(1, 1, "csv_header_invalid")]),
            ("Day,USD,\n", vec![(1, 1, "csv_header_invalid")]),
            ("Date,USD,\n", vec![(1, 1, "rates_empty")]),
            (
                "Date,USD,XXQ,usd,\n2026-10-30,1,2,3,\n",
                vec![(1, 3, "currency_unknown"), (1, 4, "currency_unknown")],
            ),
            (
                "Date,USD,USD,EUR,\n2026-10-30,1,2,3,\n",
                vec![(1, 3, "currency_duplicate"), (1, 4, "currency_duplicate")],
            ),
            (
                "2026-10-30,1.1,2,\n2026-10-29,1.1\n",
                vec![(3, 2, "csv_cut")],
            ),
            (
                "2026-10-30,1.1,2,\n2026-10-29,1.1,2.\n",
                vec![(3, 3, "csv_cut")],
            ),
            (
                "2026-10-30,1.1,2,\n2026-10-29,1.1,2,",
                vec![(3, 4, "csv_cut")],
            ),
            ("2026-10-30,1.1,2,3\n", vec![(2, 4, "csv_cut")]),
            (
                "2026-10-30,0,-1,\n2026-10-29,1e3,,\n",
                vec![
                    (2, 2, "rate_not_positive"),
                    (2, 3, "rate_not_positive"),
                    (3, 2, "fx_rate_invalid"),
                    (3, 3, "fx_rate_invalid"),
                ],
            ),
            (
                "2026-10-30,1.1234567890123,2,\n",
                vec![(2, 2, "fx_rate_invalid")],
            ),
            ("2026-11-01,1,2,\n", vec![(2, 1, "date_in_future")]),
            ("2026-02-30,1,2,\n", vec![(2, 1, "date_invalid")]),
            ("30 Octobre 2026,1,2,\n", vec![(2, 1, "date_invalid")]),
            (
                "2026-10-30,1,2,\n30 October 2026,1,2,\n",
                vec![(3, 1, "date_duplicate")],
            ),
        ] {
            let is_whole = text.is_empty() || text.starts_with('D');
            let text = if is_whole {
                text.to_owned()
            } else {
                format!("{head}{text}")
            };
            assert_eq!(troubles(&text), expected, "{text:?}");
        }
        let many = format!("{head}{}", "x,1,2,\n".repeat(500));
        assert_eq!(troubles(&many).len(), TROUBLES_MAX);
    }
}
