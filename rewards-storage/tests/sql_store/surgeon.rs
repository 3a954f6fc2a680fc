//! A connection of its own to the database of a test, by which rows are damaged.

use lz4_flex::block::decompress_size_prepended_with_dict;
use sqlx::{AssertSqlSafe, Connection as _};

/// Changes every stored document of one column, on the connection of whichever database.
macro_rules! unpack {
    ($connection:ident, $select:ident, $update:ident) => {{
        let all = sqlx::query_scalar(AssertSqlSafe($select));
        let all: Vec<Vec<u8>> = all.fetch_all(&mut *$connection).await.unwrap();
        for stored in all {
            let update = sqlx::query(AssertSqlSafe($update.clone())).bind(text(&stored));
            let update = update.bind(&stored).execute(&mut *$connection);
            update.await.unwrap();
        }
    }};
}

/// The tables of a database: what is damaged is put back from copies.
pub const TABLES: &[&str] = &[
    "members",
    "entities",
    "programs",
    "journal",
    "control_accounts",
    "counters",
    "lots",
    "outbox",
    "replies",
    "revision_counts",
];

/// A connection of its own to the database of a test.
pub enum Surgeon {
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::SqliteConnection),
    #[cfg(feature = "postgres")]
    Postgres(sqlx::PgConnection),
}

impl Surgeon {
    pub async fn at(url: &str) -> Self {
        match url {
            #[cfg(feature = "sqlite")]
            url if url.starts_with("sqlite") => {
                Self::Sqlite(sqlx::SqliteConnection::connect(url).await.unwrap())
            }
            #[cfg(feature = "postgres")]
            url => Self::Postgres(sqlx::PgConnection::connect(url).await.unwrap()),
            #[cfg(not(feature = "postgres"))]
            url => panic!("an address of another database: {url}"),
        }
    }

    /// Runs a statement of both databases. In it `plain(body)` is the text of a document that is [unpacked](Self::unpack), and
    /// a text between `«` and `»` becomes a document.
    pub async fn execute(&mut self, sql: impl AsRef<str>) -> u64 {
        let [plain, opened, closed] = match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => ["CAST(body AS TEXT)", "CAST(", " AS BLOB)"],
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => ["convert_from(body, 'UTF8')", "convert_to(", ", 'UTF8')"],
        };
        let sql = sql.as_ref().replace("plain(body)", plain);
        let sql = sql.replace('«', opened).replace('»', closed);
        let query = sqlx::raw_sql(AssertSqlSafe(sql));
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(connection) => query.execute(connection).await.unwrap().rows_affected(),
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => query.execute(connection).await.unwrap().rows_affected(),
        }
    }

    pub async fn keep(&mut self) {
        for table in TABLES {
            let sql = format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}");
            self.execute(sql).await;
        }
    }

    pub async fn restore(&mut self) {
        for table in TABLES {
            self.execute(format!("DELETE FROM {table}")).await;
            let sql = format!("INSERT INTO {table} SELECT * FROM kept_{table}");
            self.execute(sql).await;
        }
    }

    /// Stores all documents as plain texts, which is another form that is read, so that statements can change them.
    pub async fn unpack(&mut self) {
        for (table, column) in PACKED {
            let select =
                format!("SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL");
            let update = format!("UPDATE {table} SET {column} = $1 WHERE {column} = $2");
            match self {
                #[cfg(feature = "sqlite")]
                Self::Sqlite(connection) => unpack!(connection, select, update),
                #[cfg(feature = "postgres")]
                Self::Postgres(connection) => unpack!(connection, select, update),
            }
        }
    }
}

#[cfg(feature = "sqlite")]
impl Surgeon {
    /// Everything that is stored, in whichever table and column, as hexadecimal digits of its bytes; with where it is.
    pub async fn stored(&mut self) -> Vec<(String, String)> {
        let connection = match self {
            Self::Sqlite(connection) => connection,
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => panic!("only of SQLite"),
        };
        let columns = "SELECT t.name, c.name FROM sqlite_master t JOIN pragma_table_info(t.name) c \
                       WHERE t.type = 'table'";
        let columns: Vec<(String, String)> = sqlx::query_as(columns)
            .fetch_all(&mut *connection)
            .await
            .unwrap();
        let mut stored = Vec::new();
        for (table, column) in columns {
            let sql = format!(
                "SELECT hex(CAST(\"{column}\" AS BLOB)) FROM \"{table}\" WHERE \"{column}\" IS NOT NULL"
            );
            let values = sqlx::query_scalar(AssertSqlSafe(sql));
            let values: Vec<String> = values.fetch_all(&mut *connection).await.unwrap();
            let place = format!("{table}.{column}");
            stored.extend(values.into_iter().map(|value| (place.clone(), value)));
        }
        stored
    }
}

/// The columns of documents that are stored packed.
const PACKED: [(&str, &str); 5] = [
    ("members", "body"),
    ("entities", "body"),
    ("entities", "reply"),
    ("outbox", "body"),
    ("replies", "body"),
];

/// The dictionary of packed documents, which nobody changes any more.
const DICTIONARY: &[u8] = include_bytes!("../../src/sql/packing/dictionary_1.txt");

/// The text of a stored document, read by what the format says and not by what wrote it.
fn text(stored: &[u8]) -> Vec<u8> {
    match stored {
        [1, block @ ..] => decompress_size_prepended_with_dict(block, DICTIONARY).unwrap(),
        plain => plain.to_vec(),
    }
}
