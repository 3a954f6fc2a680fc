//! What really differs between the two databases, in one place.
//!
//! A [`Template`] is one SQL text for both. Placeholders stand for what they say in different words, and for what is
//! known already:
//!
//! - `{rows}` is a set of rows that travels as parameters, named `r`, with its columns and `n`, the place of each row
//!   from 1. PostgreSQL gets one array a column, SQLite one JSON text.
//! - `{columns}` are the names of those columns, `{values}` the same as columns of `r`.
//! - `{seek T AS t ON …}` looks up rows of a table for each row before it, always by its key and in that order. Left
//!   to itself, a planner that has seen an empty table reads it from end to end, and keeps doing so as it grows.
//! - `{lots index WHERE … ORDER BY …}` are the first lots `t` for each row `r`, `most` of them, as one JSON text: a list of lists of
//!   [`LOT_COLUMNS`]. No more than those are read; on SQLite the most that one of the rows asks for. The index is named for
//!   SQLite, which prefers the key of a table to a shorter index; PostgreSQL knows better. `key` is the key of the table.
//! - `{pages index WHERE … ORDER BY …}` are the first entities `t` for each row `r`, `most` of them, each as a row; on SQLite the
//!   most that one of the rows asks for, and in any order.

use std::fmt::Write as _;

/// The SQL that a database speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// SQLite 3.51 or newer, for `jsonb_each`: it reads the rows without writing each out as text again.
    #[cfg(feature = "sqlite")]
    Sqlite,
    /// PostgreSQL 14 or newer.
    #[cfg(feature = "postgres")]
    Postgres,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Int,
    Bytes,
    /// A document, which is a text until it is stored: see [`packing`](super::packing).
    Packed,
}

/// The columns of a set of rows.
pub(super) type Columns = &'static [(&'static str, Kind)];

/// The columns of a lot in a list of lots. One text for all lots of a member travels much faster than a row for each.
const LOT_COLUMNS: &str = "t.number, t.amount, t.remaining, t.earned_at, t.available_at, t.void_at, t.expires_at, \
                           t.asset, t.source, t.state, t.purchase, t.rule";

/// One SQL text for both databases.
#[derive(Debug, Clone, Copy)]
pub(super) struct Template {
    /// The text, with its placeholders.
    pub text: &'static str,
    /// How many single parameters the text names: `$1` and on. The rows come after them.
    pub scalars: usize,
    /// Columns of the rows that `{rows}` stands for.
    pub rows: Columns,
}

impl Template {
    /// A text without rows.
    pub const fn plain(text: &'static str) -> Self {
        Self {
            text,
            scalars: 0,
            rows: &[],
        }
    }

    /// A text whose only parameters are rows.
    pub const fn over(rows: Columns, text: &'static str) -> Self {
        Self {
            text,
            scalars: 0,
            rows,
        }
    }
}

impl Dialect {
    /// The database's name, as in logs, metrics and health.
    pub fn name(self) -> &'static str {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => "sqlite",
            #[cfg(feature = "postgres")]
            Self::Postgres => "postgres",
        }
    }

    /// Whether writers lock rows. On SQLite a transaction holds the only lock there is.
    pub fn locks_rows(self) -> bool {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => false,
            #[cfg(feature = "postgres")]
            Self::Postgres => true,
        }
    }

    /// How many parameters a set of rows takes.
    pub fn parameters(self, rows: Columns) -> usize {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => usize::from(!rows.is_empty()),
            #[cfg(feature = "postgres")]
            Self::Postgres => rows.len(),
        }
    }

    /// Fills the placeholders of a text whose rows start at parameter `first`.
    pub fn fill(self, text: &str, rows: Columns, first: usize) -> String {
        let mut sql = String::with_capacity(text.len().saturating_mul(2));
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            sql.push_str(before);
            let (placeholder, after) = after.split_once('}').unwrap_or((after, ""));
            match placeholder {
                "columns" => push_names(&mut sql, rows, ""),
                "values" => push_names(&mut sql, rows, "r."),
                "rows" => self.push_rows(&mut sql, rows, first),
                lookup if lookup.starts_with("lots ") => {
                    self.push_lots(&mut sql, lookup.trim_start_matches("lots "), rows, first);
                }
                lookup if lookup.starts_with("pages ") => {
                    self.push_pages(&mut sql, lookup.trim_start_matches("pages "), rows, first);
                }
                _ => self.push_seek(&mut sql, placeholder.trim_start_matches("seek ")),
            }
            rest = after;
        }
        sql.push_str(rest);
        sql
    }

    fn push_rows(self, sql: &mut String, rows: Columns, first: usize) {
        // Writing into a text cannot fail.
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => {
                sql.push_str("(SELECT ");
                for (place, (name, kind)) in rows.iter().enumerate() {
                    let _ = match kind {
                        Kind::Bytes | Kind::Packed => {
                            write!(sql, "unhex(value ->> {place}) AS {name}, ")
                        }
                        Kind::Text | Kind::Int => write!(sql, "value ->> {place} AS {name}, "),
                    };
                }
                let _ = write!(sql, "key + 1 AS n FROM jsonb_each(${first})) AS r");
            }
            // In the list of a SELECT the arrays are taken apart side by side; as functions of a FROM each would be
            // written out in full before the first row is made.
            #[cfg(feature = "postgres")]
            Self::Postgres => {
                sql.push_str("(SELECT ");
                for (place, (name, kind)) in rows.iter().enumerate() {
                    let array = match kind {
                        Kind::Text => "text[]",
                        Kind::Int => "bigint[]",
                        Kind::Bytes | Kind::Packed => "bytea[]",
                    };
                    let number = first.saturating_add(place);
                    let _ = write!(sql, "unnest(${number}::{array}) AS {name}, ");
                }
                let _ = write!(sql, "generate_subscripts(${first}, 1)::bigint AS n) AS r");
            }
        }
    }

    fn push_seek(self, sql: &mut String, lookup: &str) {
        let (table, condition) = lookup.split_once(" ON ").unwrap_or((lookup, "true"));
        let _ = match self {
            // CROSS JOIN fixes the order of a join.
            #[cfg(feature = "sqlite")]
            Self::Sqlite => write!(sql, "CROSS JOIN {table} ON {condition}"),
            // OFFSET 0 keeps the lookup apart, so that it runs once for each row before it.
            #[cfg(feature = "postgres")]
            Self::Postgres => {
                let alias = table.rsplit(' ').next().unwrap_or(table);
                write!(
                    sql,
                    "CROSS JOIN LATERAL (SELECT * FROM {table} WHERE {condition} OFFSET 0) AS {alias}"
                )
            }
        };
    }

    #[cfg_attr(
        not(feature = "sqlite"),
        expect(
            unused_variables,
            reason = "only SQLite has to be told where the rows are"
        )
    )]
    fn push_lots(self, sql: &mut String, lookup: &str, rows: Columns, first: usize) {
        let (index, condition) = lookup.split_once(' ').unwrap_or((lookup, ""));
        let _ = match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => {
                let indexed = match index {
                    "key" => String::new(),
                    index => format!("INDEXED BY {index}"),
                };
                let most = most_of_all(rows, first);
                write!(
                    sql,
                    "(SELECT json_group_array(json_array({LOT_COLUMNS})) FROM
                     (SELECT * FROM lots AS t {indexed} {condition} LIMIT {most}) AS t)"
                )
            }
            #[cfg(feature = "postgres")]
            Self::Postgres => write!(
                sql,
                "(SELECT json_agg(json_build_array({LOT_COLUMNS}))::text FROM
                 (SELECT * FROM lots AS t {condition} LIMIT r.most) AS t)"
            ),
        };
    }

    #[cfg_attr(
        not(feature = "sqlite"),
        expect(
            unused_variables,
            reason = "only SQLite has to be told where the rows are"
        )
    )]
    fn push_pages(self, sql: &mut String, lookup: &str, rows: Columns, first: usize) {
        let (index, condition) = lookup.split_once(' ').unwrap_or((lookup, ""));
        let _ = match self {
            // SQLite knows no LATERAL: what each row asks for is a list of row numbers.
            #[cfg(feature = "sqlite")]
            Self::Sqlite => {
                let most = most_of_all(rows, first);
                write!(
                    sql,
                    "CROSS JOIN entities AS t ON t.rowid IN
                     (SELECT t.rowid FROM entities AS t INDEXED BY {index} {condition} LIMIT {most})"
                )
            }
            #[cfg(feature = "postgres")]
            Self::Postgres => write!(
                sql,
                "CROSS JOIN LATERAL (SELECT * FROM entities AS t {condition} LIMIT r.most) AS t"
            ),
        };
    }

    /// The nothing of a kind; databases want to know of which kind it is.
    pub fn null(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (_, Kind::Text) => "CAST(NULL AS TEXT)",
            (_, Kind::Int) => "CAST(NULL AS BIGINT)",
            #[cfg(feature = "sqlite")]
            (Self::Sqlite, Kind::Bytes | Kind::Packed) => "CAST(NULL AS BLOB)",
            #[cfg(feature = "postgres")]
            (Self::Postgres, Kind::Bytes | Kind::Packed) => "CAST(NULL AS BYTEA)",
        }
    }
}

/// The most that one of the rows asks for: a LIMIT of SQLite must not name a column.
#[cfg(feature = "sqlite")]
fn most_of_all(rows: Columns, first: usize) -> String {
    let most = rows.iter().position(|(name, _)| *name == "most");
    let most = most.unwrap_or_default();
    format!("(SELECT MAX(value ->> {most}) FROM jsonb_each(${first}))")
}

fn push_names(sql: &mut String, columns: Columns, table: &str) {
    for (place, (name, _)) in columns.iter().enumerate() {
        let comma = if place == 0 { "" } else { ", " };
        // Writing into a text cannot fail.
        let _ = write!(sql, "{comma}{table}{name}");
    }
}
