//! The columns of a table of purchases, as the program's symbols, minor units and instants.
//!
//! Texts are looked up once for each value of a dictionary; amounts are decimals, whole numbers or decimal texts with no
//! more decimals than the currency has, and never floats; times carry a zone. What cannot be read names its column and
//! row.

use std::collections::BTreeMap;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowDictionaryKeyType, Decimal128Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use rewards_core::money::{Asset, Money};
use rewards_core::operations::purchases::StatelessRow;
use rewards_core::program::{CompiledProgram, Fact, FactSymbols};
use rewards_core::rejection::Problem;
use rewards_core::time::Timestamp;

/// Columns of a purchase that say nothing about what it earns.
const IGNORED: [&str; 3] = ["id", "member", "program"];
/// What the names of columns with attributes start with.
const ATTRIBUTE: &str = "attributes.";
/// The parts of the total, in the order of [`Columns::parts`].
const PARTS: [&str; 4] = ["discounts", "fee", "tax", "shipping"];

/// One batch of purchases.
pub(super) struct Columns {
    occurred_at: Vec<Timestamp>,
    total: Vec<i64>,
    parts: [Option<Vec<i64>>; 4],
    facts: Vec<(usize, Vec<u32>)>,
    tags: Option<ArrayRef>,
    attributes: Vec<(String, ArrayRef)>,
}

type Read<T> = Result<T, Problem>;

impl Columns {
    /// Reads a batch whose first row is row `first` of the table.
    ///
    /// # Errors
    /// A [`Problem`] that names the column, and the row where there is one.
    pub fn read(program: &CompiledProgram, batch: &RecordBatch, first: usize) -> Read<Self> {
        let currency = program.currency();
        let schema = batch.schema();
        let mut columns = Self {
            occurred_at: instants(required(batch, "occurred_at")?, first)?,
            total: amounts(required(batch, "total")?, "total", currency, first)?,
            parts: Default::default(),
            facts: Vec::new(),
            tags: None,
            attributes: Vec::new(),
        };
        for (field, column) in schema.fields().iter().zip(batch.columns()) {
            let name = field.name().as_str();
            let part = PARTS.iter().position(|part| *part == name);
            let fact = Fact::ALL.into_iter().find(|fact| fact.name() == name);
            if let Some(slot) = part.and_then(|at| columns.parts.get_mut(at)) {
                *slot = Some(optional_amounts(column, name, currency, first)?);
            } else if let Some(fact) = fact {
                let symbols = symbols(program, fact, column, name)?;
                columns.facts.push((fact as usize, symbols));
            } else if name == "tags" {
                check_tags(column)?;
                columns.tags = Some(ArrayRef::clone(column));
            } else if let Some(attribute) = name.strip_prefix(ATTRIBUTE) {
                check_text(column, name)?;
                let attribute = (attribute.to_owned(), ArrayRef::clone(column));
                columns.attributes.push(attribute);
            } else if !(IGNORED.contains(&name) || name == "occurred_at" || name == "total") {
                let detail = format!("a table of purchases has no column `{name}`");
                return Err(Problem::new("unknown_field", name, detail));
            }
        }
        Ok(columns)
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.total.len()
    }

    /// Whether rows differ in facts that are not symbols.
    pub fn has_texts(&self) -> bool {
        self.tags.is_some() || !self.attributes.is_empty()
    }

    /// A row, without its texts.
    pub fn row(&self, at: usize) -> Option<StatelessRow> {
        let part = |number: usize| {
            let column = self.parts.get(number)?.as_ref()?;
            column.get(at).copied()
        };
        let mut symbols = FactSymbols::default();
        for (fact, column) in &self.facts {
            if let (Some(slot), Some(symbol)) = (symbols.get_mut(*fact), column.get(at)) {
                *slot = *symbol;
            }
        }
        Some(StatelessRow {
            occurred_at: *self.occurred_at.get(at)?,
            total: *self.total.get(at)?,
            discounts: part(0).unwrap_or(0),
            fee: part(1).unwrap_or(0),
            tax: part(2).unwrap_or(0),
            shipping: part(3).unwrap_or(0),
            symbols,
        })
    }

    /// The tags of a row.
    pub fn tags(&self, at: usize) -> Vec<String> {
        let Some(column) = &self.tags else {
            return Vec::new();
        };
        let list = match column.data_type() {
            DataType::LargeList(_) => column.as_list::<i64>().value(at),
            _ => column.as_list::<i32>().value(at),
        };
        if column.is_null(at) {
            return Vec::new();
        }
        let tags = (0..list.len()).filter_map(|at| text(&list, at));
        tags.map(str::to_owned).collect()
    }

    /// The attributes of a row; those that are null are absent.
    pub fn attributes(&self, at: usize) -> BTreeMap<String, String> {
        let columns = self.attributes.iter();
        columns
            .filter_map(|(name, column)| Some((name.clone(), text(column, at)?.to_owned())))
            .collect()
    }
}

fn required<'b>(batch: &'b RecordBatch, name: &'static str) -> Read<&'b ArrayRef> {
    batch.column_by_name(name).ok_or_else(|| {
        let detail = format!("a table of purchases needs a column `{name}`");
        Problem::new("missing_field", name, detail)
    })
}

fn at_row(name: &str, row: usize) -> String {
    format!("{name}[{row}]")
}

fn missing(name: &str, row: usize) -> Problem {
    Problem::new(
        "missing_field",
        at_row(name, row),
        "expected a value, got null",
    )
}

fn wrong_type(name: &str, expected: &str, found: &DataType) -> Problem {
    let detail = format!("expected {expected}, got {found}");
    Problem::new("wrong_type", name, detail)
}

/// Instants in any unit, with a zone.
fn instants(column: &ArrayRef, first: usize) -> Read<Vec<Timestamp>> {
    const NAME: &str = "occurred_at";
    let DataType::Timestamp(unit, zone) = column.data_type() else {
        return Err(wrong_type(
            NAME,
            "timestamps with a zone",
            column.data_type(),
        ));
    };
    if zone.is_none() {
        return Err(wrong_type(
            NAME,
            "timestamps with a zone",
            column.data_type(),
        ));
    }
    let micros = |at: usize| -> Option<i64> {
        match unit {
            TimeUnit::Second => {
                let value = column.as_primitive::<TimestampSecondType>().value(at);
                value.checked_mul(1_000_000)
            }
            TimeUnit::Millisecond => {
                let value = column.as_primitive::<TimestampMillisecondType>().value(at);
                value.checked_mul(1_000)
            }
            TimeUnit::Microsecond => {
                Some(column.as_primitive::<TimestampMicrosecondType>().value(at))
            }
            TimeUnit::Nanosecond => {
                let value = column.as_primitive::<TimestampNanosecondType>().value(at);
                (value % 1_000 == 0).then_some(value / 1_000)
            }
        }
    };
    let read = |at: usize| {
        let row = first + at;
        if column.is_null(at) {
            return Err(missing(NAME, row));
        }
        micros(at)
            .and_then(|micros| Timestamp::from_micros(micros).ok())
            .ok_or_else(|| {
                let detail = "expected an instant in whole microseconds of the supported range";
                Problem::new("out_of_range", at_row(NAME, row), detail)
            })
    };
    (0..column.len()).map(read).collect()
}

fn amounts(column: &ArrayRef, name: &str, currency: Asset, first: usize) -> Read<Vec<i64>> {
    if let Some(at) = (0..column.len()).find(|at| column.is_null(*at)) {
        return Err(missing(name, first + at));
    }
    optional_amounts(column, name, currency, first)
}

/// Amounts in minor units; null is zero.
fn optional_amounts(
    column: &ArrayRef,
    name: &str,
    currency: Asset,
    first: usize,
) -> Read<Vec<i64>> {
    let decimals = i32::from(currency.scale());
    let problem = |at: usize, detail: String| {
        Problem::new("amount_invalid", at_row(name, first + at), detail)
    };
    let shifted = |value: i128, scale: i32| -> Option<i64> {
        let shift = decimals - scale;
        let factor = 10_i128.checked_pow(shift.unsigned_abs())?;
        let minor = if shift >= 0 {
            value.checked_mul(factor)?
        } else if value % factor == 0 {
            value / factor
        } else {
            return None;
        };
        i64::try_from(minor).ok()
    };
    let reading = |value: i128, scale: i32, at: usize| {
        if column.is_null(at) {
            return Ok(0);
        }
        shifted(value, scale).ok_or_else(|| {
            let detail =
                format!("expected at most {decimals} decimals, as {currency} has, and 64 bits");
            problem(at, detail)
        })
    };
    match column.data_type() {
        DataType::Decimal128(_, scale) => {
            let values = column.as_primitive::<Decimal128Type>().values();
            let rows = values.iter().enumerate();
            rows.map(|(at, value)| reading(*value, i32::from(*scale), at))
                .collect()
        }
        DataType::Int64 => {
            let values = column.as_primitive::<Int64Type>().values();
            let rows = values.iter().enumerate();
            rows.map(|(at, value)| reading(i128::from(*value), 0, at))
                .collect()
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => (0..column.len())
            .map(|at| match text(column, at) {
                None => Ok(0),
                Some(amount) => Money::parse(amount, currency)
                    .map(|amount| amount.minor())
                    .map_err(|error| problem(at, error.to_string())),
            })
            .collect(),
        other => {
            let expected = "decimals, whole numbers or decimal texts; floats are not exact";
            Err(wrong_type(name, expected, other))
        }
    }
}

/// The symbols of a column of texts, each value of a dictionary looked up once.
fn symbols(program: &CompiledProgram, fact: Fact, column: &ArrayRef, name: &str) -> Read<Vec<u32>> {
    if let DataType::Dictionary(key, _) = column.data_type() {
        let found = match **key {
            DataType::Int8 => by_code::<Int8Type>(program, fact, column),
            DataType::Int16 => by_code::<Int16Type>(program, fact, column),
            DataType::Int32 => by_code::<Int32Type>(program, fact, column),
            DataType::Int64 => by_code::<Int64Type>(program, fact, column),
            DataType::UInt8 => by_code::<UInt8Type>(program, fact, column),
            DataType::UInt16 => by_code::<UInt16Type>(program, fact, column),
            DataType::UInt32 => by_code::<UInt32Type>(program, fact, column),
            _ => by_code::<UInt64Type>(program, fact, column),
        };
        return found.ok_or_else(|| wrong_type(name, "texts", column.data_type()));
    }
    check_text(column, name)?;
    let symbol = |at| text(column, at).map_or(0, |text| program.symbol(fact, text));
    Ok((0..column.len()).map(symbol).collect())
}

fn by_code<K: ArrowDictionaryKeyType>(
    program: &CompiledProgram,
    fact: Fact,
    column: &ArrayRef,
) -> Option<Vec<u32>> {
    let dictionary = column.as_dictionary::<K>();
    let values = dictionary.values();
    if !is_text(values.data_type()) {
        return None;
    }
    let symbol = |at| text(values, at).map_or(0, |text| program.symbol(fact, text));
    let symbols: Vec<u32> = (0..values.len()).map(symbol).collect();
    let codes = dictionary.keys_iter();
    Some(
        codes
            .map(|code| {
                code.and_then(|code| symbols.get(code).copied())
                    .unwrap_or(0)
            })
            .collect(),
    )
}

fn is_text(kind: &DataType) -> bool {
    matches!(
        kind,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    )
}

fn check_text(column: &ArrayRef, name: &str) -> Read<()> {
    if is_text(column.data_type()) {
        Ok(())
    } else {
        Err(wrong_type(name, "texts", column.data_type()))
    }
}

fn check_tags(column: &ArrayRef) -> Read<()> {
    match column.data_type() {
        DataType::List(item) | DataType::LargeList(item) if is_text(item.data_type()) => Ok(()),
        other => Err(wrong_type("tags", "lists of texts", other)),
    }
}

/// A text of a column that was found to hold texts.
fn text(column: &ArrayRef, at: usize) -> Option<&str> {
    if column.is_null(at) {
        return None;
    }
    match column.data_type() {
        DataType::Utf8 => Some(column.as_string::<i32>().value(at)),
        DataType::LargeUtf8 => Some(column.as_string::<i64>().value(at)),
        DataType::Utf8View => Some(column.as_string_view().value(at)),
        _ => None,
    }
}
