//! Labelled payments as CSV: a line of names, then a line for each payment.
//!
//! `occurred_at`, `amount` and `bad` (1 or 0) are required, and so is a column for each key by which features look at payments: without
//! it they would be fitted to nothing. Every other column is another key of the program, and an empty cell is a key that the payment
//! does not have. Cells are not quoted: no value holds a comma.

use std::collections::BTreeSet;

use super::LabelledPayment;
use crate::ids::Slug;
use crate::money::{Asset, Money};
use crate::rejection::Problem;
use crate::risk::{FeatureValue, Risk, all_keys};
use crate::time::Timestamp;

/// How many problems of a file are told.
const PROBLEMS_MAX: usize = 100;

/// A column of a file.
enum Column {
    OccurredAt,
    Amount,
    Bad,
    Key(Slug),
}

impl Column {
    fn name(&self) -> &str {
        match self {
            Self::OccurredAt => "occurred_at",
            Self::Amount => "amount",
            Self::Bad => "bad",
            Self::Key(key) => key.as_str(),
        }
    }
}

/// Reads labelled payments of a program.
///
/// # Errors
/// All problems up to a limit, each with its line, counted from 1, as its path.
pub fn read_payments(
    text: &str,
    risk: &Risk,
    currency: Asset,
) -> Result<Vec<LabelledPayment>, Vec<Problem>> {
    let mut lines = text.lines().zip(1_u64..);
    let header = lines.next().map_or("", |(line, _)| line);
    let columns = columns(header, risk)?;
    let mut payments = Vec::new();
    let mut problems = Vec::new();
    for (line, number) in lines.filter(|(line, _)| !line.trim().is_empty()) {
        match payment(line, &columns, currency) {
            Ok(payment) => payments.push(payment),
            Err((code, words)) if problems.len() < PROBLEMS_MAX => {
                problems.push(Problem::new(code, format!("[{number}]"), words));
            }
            Err(_) => {}
        }
    }
    match problems.is_empty() {
        true => Ok(payments),
        false => Err(problems),
    }
}

fn columns(header: &str, risk: &Risk) -> Result<Vec<Column>, Vec<Problem>> {
    let keys = all_keys(risk);
    let mut problems = Vec::new();
    let mut columns = Vec::new();
    for name in header.split(',').map(str::trim) {
        columns.push(match name {
            "occurred_at" => Column::OccurredAt,
            "amount" => Column::Amount,
            "bad" => Column::Bad,
            name => match keys.iter().find(|key| key.as_str() == name) {
                Some(key) => Column::Key(key.clone()),
                None => {
                    let words = format!("the program has no key `{name}`");
                    problems.push(Problem::new("reference_unknown", "[1]", words));
                    continue;
                }
            },
        });
    }
    let found: BTreeSet<&str> = columns.iter().map(Column::name).collect();
    let values = risk.features.iter().map(|feature| &feature.value);
    let looked_at: BTreeSet<&str> = values
        .flat_map(FeatureValue::keys)
        .map(Slug::as_str)
        .collect();
    for name in ["occurred_at", "amount", "bad"]
        .into_iter()
        .chain(looked_at)
    {
        if !found.contains(name) {
            let words = format!("expected a column `{name}`");
            problems.push(Problem::new("column_missing", "[1]", words));
        }
    }
    match problems.is_empty() {
        true => Ok(columns),
        false => Err(problems),
    }
}

fn payment(
    line: &str,
    columns: &[Column],
    currency: Asset,
) -> Result<LabelledPayment, (&'static str, String)> {
    let cells: Vec<&str> = line.split(',').map(str::trim).collect();
    if cells.len() != columns.len() {
        let (expected, found) = (columns.len(), cells.len());
        return Err((
            "cells_mismatch",
            format!("expected {expected} cells, got {found}"),
        ));
    }
    let mut payment = LabelledPayment::new(Timestamp::MIN, 0, &[], false);
    for (cell, column) in cells.into_iter().zip(columns) {
        match column {
            Column::OccurredAt => {
                let at = Timestamp::parse(cell);
                payment.occurred_at = at.map_err(|error| (error.code(), error.to_string()))?;
            }
            Column::Amount => {
                let amount = Money::parse(cell, currency);
                let amount = amount.map_err(|error| (error.code(), error.to_string()))?;
                if amount.is_negative() {
                    let words = format!("expected an amount of zero or more, got `{amount}`");
                    return Err(("amount_negative", words));
                }
                payment.amount = amount.minor();
            }
            Column::Bad => {
                payment.is_bad = match cell {
                    "1" => true,
                    "0" => false,
                    _ => return Err(("label_invalid", format!("expected 1 or 0, got `{cell}`"))),
                }
            }
            Column::Key(key) if !cell.is_empty() => {
                payment.keys.insert(key.clone(), cell.to_owned());
            }
            Column::Key(_) => {}
        }
    }
    Ok(payment)
}
