//! Aligned tables and readable numbers.

use std::io::{self, Write};

use rewards_core::money::Money;

/// A table: the first columns to the left, numbers to the right.
#[derive(Debug)]
pub(super) struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    /// How many columns stand on the left.
    left: usize,
}

impl Table {
    /// A table with its heading, of which the first `left` columns hold words.
    pub fn new<const N: usize>(left: usize, header: [&str; N]) -> Self {
        Self::with_header(left, header.map(str::to_owned).to_vec())
    }

    /// The same with a heading of any length.
    pub fn with_header(left: usize, header: Vec<String>) -> Self {
        Self {
            header,
            rows: Vec::new(),
            left,
        }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let all = || std::iter::once(&self.header).chain(&self.rows);
        let widths: Vec<usize> = (0..self.header.len())
            .map(|at| {
                all()
                    .filter_map(|row| row.get(at))
                    .map(|cell| cell.chars().count())
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        for (number, row) in all().enumerate() {
            let mut line = String::new();
            for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let pad = " ".repeat(width.saturating_sub(cell.chars().count()));
                line.push_str("  ");
                if at < self.left {
                    line.push_str(cell);
                    line.push_str(&pad);
                } else {
                    line.push_str(&pad);
                    line.push_str(cell);
                }
            }
            writeln!(out, "{}", line.trim_end())?;
            if number == 0 {
                let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
                writeln!(out, "  {}", rules.join("  "))?;
            }
        }
        Ok(())
    }
}

/// A heading of the report.
pub(super) fn heading(out: &mut dyn Write, text: &str) -> io::Result<()> {
    writeln!(out, "\n{text}\n{}", "=".repeat(text.chars().count()))
}

/// An amount with separators between thousands, without its asset.
pub(super) fn amount(money: Money) -> String {
    grouped(&money.to_string())
}

/// A decimal text with separators between thousands.
pub(super) fn grouped(text: &str) -> String {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let (whole, decimals) = match rest.split_once('.') {
        Some((whole, decimals)) => (whole, Some(decimals)),
        None => (rest, None),
    };
    let mut digits = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len().saturating_sub(at)).is_multiple_of(3) {
            digits.push(',');
        }
        digits.push(digit);
    }
    match decimals {
        Some(decimals) => format!("{sign}{digits}.{decimals}"),
        None => format!("{sign}{digits}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        for (text, shown) in [
            ("0.00", "0.00"),
            ("999.5", "999.5"),
            ("-1000", "-1,000"),
            ("1234567.89", "1,234,567.89"),
            ("100000", "100,000"),
        ] {
            assert_eq!(grouped(text), shown);
        }
    }

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(1, ["name", "n"]);
        table.row(["é".to_owned(), "10".to_owned()]);
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "  name   n\n  ----  --\n  é     10\n");
    }
}
