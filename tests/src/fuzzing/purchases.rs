//! Tables of purchases as they come in through Arrow: columns of any name, type and content, made from bytes.
//!
//! The files that read them belong to the binding for Python and know nothing of Python, so they are compiled here as well.

#[path = "../../../bindings-python/src/columnar/columns.rs"]
mod columns;
#[path = "../../../bindings-python/src/columnar/grants.rs"]
mod grants;
#[path = "../../../bindings-python/src/columnar/table.rs"]
mod table;

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    Array as _, ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray,
    Float64Array, Int64Array, LargeStringArray, NullArray, RecordBatch, StringArray,
    TimestampMicrosecondArray, TimestampSecondArray, UInt8Array, UInt64Array,
    builder::{ListBuilder, StringBuilder},
};
use arrow_schema::{Field, Schema};

use super::TABLE_PROGRAM;

/// Names of columns, right and wrong ones.
const NAMES: &[&str] = &[
    "occurred_at",
    "total",
    "channel",
    "category",
    "merchant",
    "attributes.device",
    "tags",
    "id",
    "discounts",
    "fee",
    "tax",
    "shipping",
    "what",
    "",
];
/// How many columns and rows a table has at most.
const COLUMNS_MAX: u8 = 10;
const ROWS_MAX: u8 = 40;

/// Bytes, one after another; zeros when they are used up.
struct Bytes<'b>(std::slice::Iter<'b, u8>);

impl Bytes<'_> {
    fn next(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(0)
    }

    fn number(&mut self) -> i64 {
        match self.next() {
            0 => i64::MIN,
            1 => i64::MAX,
            small @ 2..100 => i64::from(small) - 50,
            _ => i64::from_le_bytes(std::array::from_fn(|_| self.next())),
        }
    }

    fn is_null(&mut self) -> bool {
        self.next() == 255
    }

    fn text(&mut self) -> String {
        match self.next() % 6 {
            0 => String::new(),
            1 => "12.34".to_owned(),
            2 => "-1e9999".to_owned(),
            3 => "x".repeat(5_000),
            4 => "\u{0}\u{1F600}".to_owned(),
            _ => format!("d{}", self.next() % 4),
        }
    }

    fn many<T>(&mut self, rows: u8, mut each: impl FnMut(&mut Self) -> T) -> Vec<Option<T>> {
        (0..rows)
            .map(|_| {
                let is_null = self.is_null();
                let value = each(self);
                (!is_null).then_some(value)
            })
            .collect()
    }
}

/// A table of purchases, made from bytes. It is evaluated, or refused with typed problems.
///
/// # Panics
/// When it is not.
pub fn purchases(bytes: &[u8]) {
    let Ok(program) = &*TABLE_PROGRAM else {
        return;
    };
    let format = grants::GrantFormat::new(program);
    let Some(batch) = batch(&mut Bytes(bytes.iter())) else {
        return;
    };
    let rows = u64::try_from(batch.num_rows()).unwrap_or(u64::MAX);
    match table::evaluate(program, &format, std::iter::once(batch)) {
        Ok(granted) => {
            for batch in granted {
                assert_eq!(batch.schema(), format.schema());
                let places = batch.column(0).as_any().downcast_ref::<UInt64Array>();
                let is_row = |place: Option<u64>| place.is_some_and(|place| place < rows);
                assert!(places.is_some_and(|places| places.iter().all(is_row)));
            }
        }
        Err(fault) => {
            assert_eq!(fault.code, "invalid", "{fault:?}");
            assert!(!fault.problems.is_empty(), "{fault:?}");
        }
    }
}

fn batch(bytes: &mut Bytes<'_>) -> Option<RecordBatch> {
    let rows = bytes.next() % ROWS_MAX;
    let mut columns: Vec<(&str, ArrayRef)> = Vec::new();
    // Most tables have what a table must have, or nothing else would be looked at.
    if !bytes.next().is_multiple_of(4) {
        let at = bytes.many(rows, |bytes| i64::from(bytes.next()) * 86_400_000_000);
        let at = TimestampMicrosecondArray::from(at).with_timezone("UTC");
        let total = Int64Array::from(bytes.many(rows, |bytes| i64::from(bytes.next())));
        columns.push(("occurred_at", Arc::new(at)));
        columns.push(("total", Arc::new(total)));
    }
    for _ in 0..bytes.next() % COLUMNS_MAX {
        let name = NAMES.get(usize::from(bytes.next()) % NAMES.len())?;
        columns.push((name, array(bytes, rows)?));
    }
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, column)| Field::new(*name, column.data_type().clone(), true))
        .collect();
    let arrays = columns.into_iter().map(|(_, column)| column).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).ok()
}

fn array(bytes: &mut Bytes<'_>, rows: u8) -> Option<ArrayRef> {
    Some(match bytes.next() % 14 {
        0 => Arc::new(Int64Array::from(bytes.many(rows, Bytes::number))),
        1 => {
            let scale = i8::try_from(bytes.next() % 40).ok()? - 4;
            let values = bytes.many(rows, |bytes| i128::from(bytes.number()));
            let array = Decimal128Array::from(values);
            Arc::new(array.with_precision_and_scale(38, scale).ok()?)
        }
        2 => Arc::new(StringArray::from(bytes.many(rows, Bytes::text))),
        3 => {
            let texts = bytes.many(rows, Bytes::text);
            let texts = texts.iter().map(Option::as_deref);
            Arc::new(texts.collect::<DictionaryArray<Int32Type>>())
        }
        4 => {
            let at = TimestampMicrosecondArray::from(bytes.many(rows, Bytes::number));
            Arc::new(at.with_timezone("UTC"))
        }
        5 => Arc::new(TimestampMicrosecondArray::from(
            bytes.many(rows, Bytes::number),
        )),
        6 => Arc::new(Float64Array::from(
            bytes.many(rows, |bytes| f64::from(bytes.next())),
        )),
        7 => Arc::new(BooleanArray::from(
            bytes.many(rows, |bytes| bytes.next() > 127),
        )),
        8 => {
            let mut lists = ListBuilder::new(StringBuilder::new());
            for _ in 0..rows {
                for _ in 0..bytes.next() % 4 {
                    lists.values().append_value(bytes.text());
                }
                let is_there = !bytes.is_null();
                lists.append(is_there);
            }
            Arc::new(lists.finish())
        }
        9 => Arc::new(LargeStringArray::from(bytes.many(rows, Bytes::text))),
        10 => {
            let at = TimestampSecondArray::from(bytes.many(rows, Bytes::number));
            Arc::new(at.with_timezone("+01:00"))
        }
        11 => Arc::new(UInt8Array::from(bytes.many(rows, Bytes::next))),
        12 => Arc::new(NullArray::new(usize::from(rows))),
        _ => Arc::new(Date32Array::from(
            bytes.many(rows, |bytes| i32::from(bytes.next())),
        )),
    })
}
