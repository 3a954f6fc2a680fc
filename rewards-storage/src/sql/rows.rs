//! Sets of rows and single values on their way into a statement.

use std::borrow::Cow;

use rewards_core::time::Timestamp;

use super::dialect::{Columns, Dialect, Kind};
use super::packing;

/// One value of a row. A document goes in as a text; that its column is [packed](Kind::Packed) says how it is stored.
#[derive(Debug)]
pub(super) enum Cell<'a> {
    Text(Cow<'a, str>),
    Int(i64),
    Bytes(&'a [u8]),
    Null,
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Cell<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<i64> for Cell<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

/// Versions and numbers start at 0 and rise by one, so none reaches the end of the range.
impl From<u64> for Cell<'_> {
    fn from(value: u64) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<u32> for Cell<'_> {
    fn from(value: u32) -> Self {
        Self::Int(i64::from(value))
    }
}

impl From<Timestamp> for Cell<'_> {
    fn from(at: Timestamp) -> Self {
        Self::Int(at.micros())
    }
}

impl<'a> From<&'a [u8]> for Cell<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a, T: Into<Cell<'a>>> From<Option<T>> for Cell<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One column of a set of rows, for PostgreSQL.
#[cfg(feature = "postgres")]
#[derive(Debug, Clone)]
pub(super) enum Array<'a> {
    Text(Vec<Option<Cow<'a, str>>>),
    Int(Vec<Option<i64>>),
    Bytes(Vec<Option<&'a [u8]>>),
    Packed(Vec<Option<Vec<u8>>>),
}

#[derive(Debug, Clone)]
enum Data<'a> {
    #[cfg(feature = "sqlite")]
    Json(String, std::marker::PhantomData<&'a ()>),
    #[cfg(feature = "postgres")]
    Arrays(Vec<Array<'a>>),
}

/// A set of rows in the form that the database takes as parameters.
#[derive(Debug, Clone)]
pub(super) struct Rows<'a> {
    columns: Columns,
    len: usize,
    data: Data<'a>,
}

impl<'a> Rows<'a> {
    /// No rows yet.
    pub fn new(dialect: Dialect, columns: Columns) -> Self {
        let data = match dialect {
            #[cfg(feature = "sqlite")]
            Dialect::Sqlite => Data::Json(String::from("["), std::marker::PhantomData),
            #[cfg(feature = "postgres")]
            Dialect::Postgres => Data::Arrays(
                columns
                    .iter()
                    .map(|(_, kind)| match kind {
                        Kind::Text => Array::Text(Vec::new()),
                        Kind::Int => Array::Int(Vec::new()),
                        Kind::Bytes => Array::Bytes(Vec::new()),
                        Kind::Packed => Array::Packed(Vec::new()),
                    })
                    .collect(),
            ),
        };
        Self {
            columns,
            len: 0,
            data,
        }
    }

    /// Adds a row; its values are in the order of the columns.
    pub fn push(&mut self, cells: impl IntoIterator<Item = Cell<'a>>) {
        let cells = cells.into_iter();
        let columns = self.columns.len();
        debug_assert_eq!(
            cells.size_hint(),
            (columns, Some(columns)),
            "one value a column"
        );
        match &mut self.data {
            #[cfg(feature = "sqlite")]
            Data::Json(text, _) => {
                let kinds = self.columns.iter().map(|(_, kind)| *kind);
                json::push_row(text, self.len == 0, kinds.zip(cells));
            }
            #[cfg(feature = "postgres")]
            Data::Arrays(arrays) => {
                for (array, cell) in arrays.iter_mut().zip(cells) {
                    array.push(cell);
                }
            }
        }
        self.len = self.len.saturating_add(1);
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The rows as one JSON text.
    #[cfg(feature = "sqlite")]
    pub fn into_json(self) -> String {
        match self.data {
            Data::Json(mut text, _) => {
                text.push(']');
                text
            }
            #[cfg(feature = "postgres")]
            Data::Arrays(_) => String::from("[]"),
        }
    }

    /// The rows as one array a column.
    #[cfg(feature = "postgres")]
    pub fn into_arrays(self) -> Vec<Array<'a>> {
        match self.data {
            Data::Arrays(arrays) => arrays,
            #[cfg(feature = "sqlite")]
            Data::Json(..) => Vec::new(),
        }
    }
}

#[cfg(feature = "postgres")]
impl<'a> Array<'a> {
    fn push(&mut self, cell: Cell<'a>) {
        match (self, cell) {
            (Self::Text(values), Cell::Text(text)) => values.push(Some(text)),
            (Self::Int(values), Cell::Int(value)) => values.push(Some(value)),
            (Self::Bytes(values), Cell::Bytes(bytes)) => values.push(Some(bytes)),
            (Self::Packed(values), Cell::Text(text)) => values.push(Some(packing::pack(&text))),
            (Self::Text(values), other) => {
                debug_assert!(matches!(other, Cell::Null), "a text column");
                values.push(None);
            }
            (Self::Int(values), other) => {
                debug_assert!(matches!(other, Cell::Null), "a number column");
                values.push(None);
            }
            (Self::Bytes(values), other) => {
                debug_assert!(matches!(other, Cell::Null), "a bytes column");
                values.push(None);
            }
            (Self::Packed(values), other) => {
                debug_assert!(matches!(other, Cell::Null), "a column of documents");
                values.push(None);
            }
        }
    }
}

#[cfg(feature = "sqlite")]
mod json {
    use std::fmt::Write as _;

    use super::{Cell, Kind, packing};

    /// How many bytes are written as digits at once.
    const HEX_AT_ONCE: usize = 256;

    /// Adds `[a,b,…]`. Bytes go in as hex, because JSON has no bytes.
    pub(super) fn push_row<'a>(
        text: &mut String,
        is_first: bool,
        cells: impl Iterator<Item = (Kind, Cell<'a>)>,
    ) {
        text.push_str(if is_first { "[" } else { ",[" });
        for (place, (kind, cell)) in cells.enumerate() {
            if place > 0 {
                text.push(',');
            }
            match cell {
                Cell::Text(value) if kind == Kind::Packed => {
                    push_bytes(text, &packing::pack(&value))
                }
                Cell::Text(value) => push_string(text, &value),
                Cell::Int(value) => push_formatted(text, format_args!("{value}")),
                Cell::Bytes(bytes) => push_bytes(text, bytes),
                Cell::Null => text.push_str("null"),
            }
        }
        text.push(']');
    }

    fn push_formatted(text: &mut String, value: std::fmt::Arguments<'_>) {
        // Writing into a text cannot fail.
        let _ = text.write_fmt(value);
    }

    fn push_bytes(text: &mut String, bytes: &[u8]) {
        // Digit by digit, as a text is made of them otherwise, takes several times as long.
        let mut digits = [0; 2 * HEX_AT_ONCE];
        text.push('"');
        for bytes in bytes.chunks(HEX_AT_ONCE) {
            let digits = digits.split_at_mut(2 * bytes.len()).0;
            // There is room for each of them, and all digits are text.
            if hex::encode_to_slice(bytes, digits).is_ok() {
                text.push_str(str::from_utf8(digits).unwrap_or_default());
            }
        }
        text.push('"');
    }

    fn push_string(text: &mut String, value: &str) {
        text.push('"');
        let mut rest = value;
        while let Some(at) = rest.find(|c: char| c == '"' || c == '\\' || c < ' ') {
            let (clean, special) = rest.split_at(at);
            text.push_str(clean);
            let mut tail = special.chars();
            match tail.next() {
                Some(quoted @ ('"' | '\\')) => {
                    text.push('\\');
                    text.push(quoted);
                }
                Some(control) => {
                    push_formatted(text, format_args!("\\u{:04x}", u32::from(control)))
                }
                None => {}
            }
            rest = tail.as_str();
        }
        text.push_str(rest);
        text.push('"');
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn bytes_are_written_as_their_digits() {
            let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(3 * HEX_AT_ONCE).collect();
            for count in [
                0,
                1,
                HEX_AT_ONCE - 1,
                HEX_AT_ONCE,
                HEX_AT_ONCE + 1,
                bytes.len(),
            ] {
                let bytes = &bytes[..count];
                let mut text = String::from("x");
                push_bytes(&mut text, bytes);
                assert_eq!(text, format!("x\"{}\"", hex::encode(bytes)));
            }
        }
    }
}

/// One parameter of a statement, or as many as a set of rows takes.
#[derive(Debug, Clone)]
pub(super) enum Param<'a> {
    Text(Option<&'a str>),
    Int(Option<i64>),
    Bytes(&'a [u8]),
    Rows(Rows<'a>),
}

impl<'a> From<&'a str> for Param<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(text))
    }
}

impl<'a> From<Option<&'a str>> for Param<'a> {
    fn from(text: Option<&'a str>) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Param<'_> {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<u32> for Param<'_> {
    fn from(value: u32) -> Self {
        Self::Int(Some(i64::from(value)))
    }
}

impl From<u64> for Param<'_> {
    fn from(value: u64) -> Self {
        Self::Int(Some(i64::try_from(value).unwrap_or(i64::MAX)))
    }
}

impl From<Timestamp> for Param<'_> {
    fn from(at: Timestamp) -> Self {
        Self::Int(Some(at.micros()))
    }
}

impl From<Option<Timestamp>> for Param<'_> {
    fn from(at: Option<Timestamp>) -> Self {
        Self::Int(at.map(Timestamp::micros))
    }
}

impl<'a> From<&'a [u8]> for Param<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a> From<Rows<'a>> for Param<'a> {
    fn from(rows: Rows<'a>) -> Self {
        Self::Rows(rows)
    }
}
