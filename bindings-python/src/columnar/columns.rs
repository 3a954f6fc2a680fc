//! The columns of a table of purchases, as the program's symbols, minor units and instants.
//!
//! Texts are looked up and measured once for each value of a dictionary; amounts are decimals, whole numbers or decimal texts
//! with no more decimals than the currency has, and never floats; times carry a zone; no column is given twice. What cannot
//! be read names its column and row.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowDictionaryKeyType, ArrowPrimitiveType, Decimal128Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Schema, TimeUnit};
use rewards_core::cashback::FACT_BYTES_MAX;
use rewards_core::money::{Asset, Money};
use rewards_core::operations::purchases::StatelessRows;
use rewards_core::program::{CompiledProgram, Fact};
use rewards_core::rejection::Problem;
use rewards_core::time::Timestamp;

/// Columns of a purchase that say nothing about what it earns.
const IGNORED: [&str; 3] = ["id", "member", "program"];
/// What the names of columns with attributes start with.
const ATTRIBUTE: &str = "attributes.";
/// The parts of the total, in the order of [`Columns::parts`].
const PARTS: [&str; 4] = ["discounts", "fee", "tax", "shipping"];

/// The symbols of every value of the dictionaries of a batch, by column; none for columns that are no dictionaries.
pub(super) struct Dictionaries(Vec<Symbols>);

impl Dictionaries {
    /// Looks up the dictionaries of all columns with facts.
    ///
    /// # Errors
    /// A [`Problem`] that names a column that is given twice, or whose dictionary holds no texts.
    pub fn read(program: &CompiledProgram, batch: &RecordBatch) -> Read<Self> {
        let schema = batch.schema();
        check_names(&schema)?;
        let columns = schema.fields().iter().zip(batch.columns());
        let symbols = columns.map(|(field, column)| match fact_of(field.name()) {
            Some(fact) => dictionary(program, fact, column, field.name()),
            None => Ok(Symbols::default()),
        });
        Ok(Self(symbols.collect::<Read<_>>()?))
    }
}

/// One block of purchases.
pub(super) struct Columns {
    occurred_at: Vec<Timestamp>,
    total: Vec<i64>,
    parts: [Option<Vec<i64>>; 4],
    symbols: Vec<(Fact, Vec<u32>)>,
    /// What is wrong with the facts of rows, by row; nearly always nothing.
    too_long: BTreeMap<usize, Vec<Problem>>,
    tags: Option<ArrayRef>,
    attributes: Vec<(String, ArrayRef)>,
}

type Read<T> = Result<T, Problem>;

impl Columns {
    /// Reads a block whose first row is row `first` of the table.
    ///
    /// # Errors
    /// A [`Problem`] that names the column, and the row where there is one.
    pub fn read(
        program: &CompiledProgram,
        dictionaries: &Dictionaries,
        batch: &RecordBatch,
        first: usize,
    ) -> Read<Self> {
        let currency = program.currency();
        let schema = batch.schema();
        let mut columns = Self {
            occurred_at: instants(required(batch, "occurred_at")?, first)?,
            total: amounts(required(batch, "total")?, "total", currency, first)?,
            parts: Default::default(),
            symbols: Vec::new(),
            too_long: BTreeMap::new(),
            tags: None,
            attributes: Vec::new(),
        };
        let fields = schema.fields().iter().zip(batch.columns());
        let fields = fields.zip(&dictionaries.0);
        for ((field, column), dictionary) in fields {
            let name = field.name().as_str();
            let part = PARTS.iter().position(|part| *part == name);
            let fact = fact_of(name);
            if let Some(slot) = part.and_then(|at| columns.parts.get_mut(at)) {
                *slot = Some(optional_amounts(column, name, currency, first)?);
            } else if let Some(fact) = fact {
                let found = symbols(program, fact, column, dictionary, name)?;
                columns.symbols.push((fact, found.symbols));
                for (at, bytes) in found.too_long {
                    let problems = columns.too_long.entry(at).or_default();
                    problems.push(text_too_long(fact, bytes));
                }
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

    /// Whether rows differ in more than their amounts, times and symbols.
    pub fn has_texts(&self) -> bool {
        self.tags.is_some() || !self.attributes.is_empty() || !self.too_long.is_empty()
    }

    /// The rows, without their texts.
    pub fn rows(&self) -> StatelessRows<'_> {
        let [discounts, fee, tax, shipping] = &self.parts;
        StatelessRows {
            occurred_at: &self.occurred_at,
            total: &self.total,
            parts: [discounts, fee, tax, shipping].map(Option::as_deref),
            symbols: &self.symbols,
        }
    }

    /// The problems of the facts of a row, which its symbols cannot tell of.
    pub fn problems(&self, at: usize) -> &[Problem] {
        self.too_long.get(&at).map_or(&[], Vec::as_slice)
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

/// Refuses a column that is given twice: only one of the two could count, and nobody could tell which.
fn check_names(schema: &Schema) -> Read<()> {
    let mut names = BTreeSet::new();
    for field in schema.fields() {
        let name = field.name().as_str();
        if !names.insert(name) {
            let detail = format!("the column `{name}` is given more than once");
            return Err(Problem::new("field_duplicate", name, detail));
        }
    }
    Ok(())
}

fn fact_of(name: &str) -> Option<Fact> {
    Fact::ALL.into_iter().find(|fact| fact.name() == name)
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
    let exactly = |value: i64| (value % 1_000 == 0).then_some(value / 1_000);
    match unit {
        TimeUnit::Second => {
            let by = |value: i64| value.checked_mul(1_000_000);
            instants_of::<TimestampSecondType>(column, first, by)
        }
        TimeUnit::Millisecond => {
            let by = |value: i64| value.checked_mul(1_000);
            instants_of::<TimestampMillisecondType>(column, first, by)
        }
        TimeUnit::Microsecond => instants_of::<TimestampMicrosecondType>(column, first, Some),
        TimeUnit::Nanosecond => instants_of::<TimestampNanosecondType>(column, first, exactly),
    }
}

/// Instants in one unit, given how a number becomes microseconds.
fn instants_of<T: ArrowPrimitiveType<Native = i64>>(
    column: &ArrayRef,
    first: usize,
    micros: impl Fn(i64) -> Option<i64>,
) -> Read<Vec<Timestamp>> {
    const NAME: &str = "occurred_at";
    if let Some(at) = first_null(column) {
        return Err(missing(NAME, first + at));
    }
    let read = |(at, value): (usize, &i64)| {
        micros(*value)
            .and_then(|micros| Timestamp::from_micros(micros).ok())
            .ok_or_else(|| {
                let detail = "expected an instant in whole microseconds of the supported range";
                Problem::new("out_of_range", at_row(NAME, first + at), detail)
            })
    };
    let values = column.as_primitive::<T>().values().iter();
    collected(column.len(), values.enumerate().map(read))
}

/// Where a column first has no value.
fn first_null(column: &ArrayRef) -> Option<usize> {
    if column.null_count() == 0 {
        return None;
    }
    (0..column.len()).find(|at| column.is_null(*at))
}

/// Collects as many values as are known to come: a list collected from results cannot know, and would grow again and again.
fn collected<T>(len: usize, values: impl Iterator<Item = Read<T>>) -> Read<Vec<T>> {
    let mut all = Vec::with_capacity(len);
    for value in values {
        all.push(value?);
    }
    Ok(all)
}

fn amounts(column: &ArrayRef, name: &str, currency: Asset, first: usize) -> Read<Vec<i64>> {
    if let Some(at) = first_null(column) {
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
    let too_fine = |at: usize| {
        let detail =
            format!("expected at most {decimals} decimals, as {currency} has, and 64 bits");
        problem(at, detail)
    };
    let nulls = column.nulls();
    let reading = |shift: Shift, at: usize, value: i128| {
        if nulls.is_some_and(|nulls| nulls.is_null(at)) {
            return Ok(0);
        }
        shift.minor(value).ok_or_else(|| too_fine(at))
    };
    match column.data_type() {
        DataType::Decimal128(_, scale) => {
            let shift = Shift::new(i32::from(*scale), decimals);
            let values = column.as_primitive::<Decimal128Type>().values();
            let rows = values.iter().enumerate();
            collected(
                column.len(),
                rows.map(|(at, value)| reading(shift, at, *value)),
            )
        }
        DataType::Int64 => {
            let shift = Shift::new(0, decimals);
            let values = column.as_primitive::<Int64Type>().values();
            let rows = values.iter().enumerate();
            let read = |(at, value): (usize, &i64)| reading(shift, at, i128::from(*value));
            collected(column.len(), rows.map(read))
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

/// How numbers with some decimals become numbers with others.
#[derive(Debug, Clone, Copy)]
struct Shift {
    is_up: bool,
    /// What is multiplied by or divided by; none when it is beyond 64 bits.
    factor: Option<i64>,
    /// The same; none when it is beyond 128 bits.
    wide_factor: Option<i128>,
}

impl Shift {
    fn new(from: i32, to: i32) -> Self {
        let digits = to.abs_diff(from);
        Self {
            is_up: to >= from,
            factor: 10_i64.checked_pow(digits),
            wide_factor: 10_i128.checked_pow(digits),
        }
    }

    /// The same amount, unless it is too fine or too large. Nearly all amounts and factors fit 64 bits from the start.
    #[inline]
    fn minor(self, value: i128) -> Option<i64> {
        match (i64::try_from(value), self.factor) {
            (Ok(value), Some(factor)) if self.is_up => value.checked_mul(factor),
            (Ok(value), Some(factor)) => (value % factor == 0).then_some(value / factor),
            _ => self.wide_minor(value),
        }
    }

    /// The same for any amount and factor: quotients may well fit where neither does.
    #[cold]
    fn wide_minor(self, value: i128) -> Option<i64> {
        let minor = match self.wide_factor {
            _ if value == 0 => 0,
            Some(factor) if self.is_up => value.checked_mul(factor)?,
            Some(factor) => (value % factor == 0).then_some(value / factor)?,
            None => return None,
        };
        i64::try_from(minor).ok()
    }
}

/// The symbols of some texts.
#[derive(Default)]
struct Symbols {
    symbols: Vec<u32>,
    /// Which of the texts are longer than those of a purchase may be, by place, and how many bytes they have.
    too_long: BTreeMap<usize, usize>,
}

impl Symbols {
    /// Looks up all texts of a column that was found to hold texts.
    fn of_texts(program: &CompiledProgram, fact: Fact, texts: &ArrayRef) -> Self {
        let mut too_long = BTreeMap::new();
        let symbol = |at| {
            let Some(text) = text(texts, at) else {
                return 0;
            };
            if text.len() > FACT_BYTES_MAX {
                too_long.insert(at, text.len());
            }
            program.symbol(fact, text)
        };
        Self {
            symbols: (0..texts.len()).map(symbol).collect(),
            too_long,
        }
    }

    /// The symbols of a column with codes for these texts.
    fn by_code<K: ArrowDictionaryKeyType>(&self, column: &ArrayRef) -> Self {
        let codes = || column.as_dictionary::<K>().keys_iter();
        let symbol = |code: usize| self.symbols.get(code).copied().unwrap_or(0);
        let mut too_long = BTreeMap::new();
        // Few dictionaries have such texts, and those need not be in use.
        if !self.too_long.is_empty() {
            let bytes = |code: Option<usize>| self.too_long.get(&code?).copied();
            let rows = codes().enumerate();
            too_long.extend(rows.filter_map(|(at, code)| Some((at, bytes(code)?))));
        }
        Self {
            symbols: codes().map(|code| code.map_or(0, symbol)).collect(),
            too_long,
        }
    }
}

/// The symbols of the values of a column that is a dictionary, each looked up once.
fn dictionary(
    program: &CompiledProgram,
    fact: Fact,
    column: &ArrayRef,
    name: &str,
) -> Read<Symbols> {
    let Some(dictionary) = column.as_any_dictionary_opt() else {
        return Ok(Symbols::default());
    };
    let values = dictionary.values();
    if !is_text(values.data_type()) {
        return Err(wrong_type(name, "texts", column.data_type()));
    }
    Ok(Symbols::of_texts(program, fact, values))
}

/// The symbols of a column of texts, given those of its dictionary if it is one.
fn symbols(
    program: &CompiledProgram,
    fact: Fact,
    column: &ArrayRef,
    dictionary: &Symbols,
    name: &str,
) -> Read<Symbols> {
    if let DataType::Dictionary(key, _) = column.data_type() {
        return Ok(match **key {
            DataType::Int8 => dictionary.by_code::<Int8Type>(column),
            DataType::Int16 => dictionary.by_code::<Int16Type>(column),
            DataType::Int32 => dictionary.by_code::<Int32Type>(column),
            DataType::Int64 => dictionary.by_code::<Int64Type>(column),
            DataType::UInt8 => dictionary.by_code::<UInt8Type>(column),
            DataType::UInt16 => dictionary.by_code::<UInt16Type>(column),
            DataType::UInt32 => dictionary.by_code::<UInt32Type>(column),
            _ => dictionary.by_code::<UInt64Type>(column),
        });
    }
    check_text(column, name)?;
    Ok(Symbols::of_texts(program, fact, column))
}

/// The words of a purchase with such a text.
fn text_too_long(fact: Fact, bytes: usize) -> Problem {
    let detail = format!("at most {FACT_BYTES_MAX} bytes, got {bytes}");
    Problem::new("text_too_long", fact.name(), detail)
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
