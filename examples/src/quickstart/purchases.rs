//! Reading the purchases of the data file.
//!
//! The file has no purchase ids and one day may hold several equal rows, so a row's line number is its identity.

use std::path::Path;

use rewards_core::cashback::{Line, Purchase};
use rewards_core::ids::{MemberId, PurchaseId};
use rewards_core::money::{Asset, Money};
use rewards_core::program::Program;
use rewards_core::time::LocalDate;

use super::QuickstartError;

/// The data has days only: every purchase happens at noon of the shop.
const NOON: u32 = 12 * 60 * 60;

/// A purchase of the file, with its local day.
#[derive(Debug)]
pub(super) struct Row {
    /// The local day, counted from 1970-01-01.
    pub day: i32,
    /// The purchase as the engine takes it.
    pub purchase: Purchase,
}

/// The purchases in the order in which they happened; those of one day in the order of the file.
pub(super) fn read(
    path: &Path,
    program: &Program,
    limit: Option<usize>,
) -> Result<Vec<Row>, QuickstartError> {
    let text = std::fs::read_to_string(path).map_err(|source| QuickstartError::File {
        path: path.to_owned(),
        source,
    })?;
    let lines = text.lines().enumerate().skip(1);
    let lines = lines.filter(|(_, line)| !line.trim().is_empty());
    let mut rows = Vec::new();
    for (at, line) in lines.take(limit.unwrap_or(usize::MAX)) {
        let number = at.saturating_add(1);
        let row = parse(line, number, program).map_err(|detail| QuickstartError::Data {
            path: path.to_owned(),
            line: number,
            detail,
        })?;
        rows.push(row);
    }
    // A stable sort: rows of one day stay in the order of the file.
    rows.sort_by_key(|row| row.day);
    Ok(rows)
}

fn parse(line: &str, number: usize, program: &Program) -> Result<Row, String> {
    let columns: Vec<&str> = line.split_whitespace().collect();
    let [customer, date, pieces, value] = columns.as_slice() else {
        return Err(format!("expected 4 columns, got {}", columns.len()));
    };
    let day = local_date(date).ok_or_else(|| format!("`{date}` is not a date"))?;
    let quantity = pieces
        .parse()
        .map_err(|_| format!("`{pieces}` is not a number of pieces"))?;
    let asset = Asset::from(program.currency);
    let total = Money::parse(value, asset).map_err(|error| error.to_string())?;
    let id = PurchaseId::new(&format!("line-{number:05}")).map_err(|error| error.to_string())?;
    let member = MemberId::new(customer).map_err(|error| error.to_string())?;
    let occurred_at = program.zone.instant(day.day(), NOON);
    let mut purchase = Purchase::new(id, member, program.id.clone(), occurred_at, total);
    purchase.channel = Some("online".to_owned());
    purchase.lines = vec![Line {
        category: Some("cd".to_owned()),
        quantity,
        ..Line::new(total)
    }];
    Ok(Row {
        day: day.day(),
        purchase,
    })
}

/// A date written as `yyyymmdd`.
fn local_date(text: &str) -> Option<LocalDate> {
    let (year, rest) = text.split_at_checked(4)?;
    let (month, day) = rest.split_at_checked(2)?;
    LocalDate::from_ymd(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}
