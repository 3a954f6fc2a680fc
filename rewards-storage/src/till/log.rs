//! What a till remembers, in a SQLite file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rewards_core::ids::{PaymentReference, TokenId};
use rewards_core::money::{Asset, Money};
use rewards_core::time::Timestamp;
use rewards_core::tokens::{
    AcceptedToken, ShownToken, SpentHere, TillMark, TokenError, TokenLog, TokenMemory,
    WaitingPayment,
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqliteLockingMode, SqliteRow, SqliteSynchronous,
};
use sqlx::{
    ConnectOptions as _, Connection as _, FromRow, Row as _, SqliteConnection, SqliteTransaction,
};

use crate::error::StoreError;
use crate::sql::{classify, place};

/// What the file of a till is told from other files by: `RWTL`.
const APPLICATION: i64 = 0x5257_544c;
/// The form of the tables.
const VERSION: i64 = 1;
/// First part of what payments are hashed with; changed when the form of the rest changes.
const DOMAIN: &[u8] = b"rewards/till/1";
const MICROS_PER_SECOND: i64 = 1_000_000;
/// How long a payment is remembered after its token is over, beside what clocks may be apart: a day.
const KEPT_SECONDS: i64 = 86_400;
/// How long another till that has the file is waited for.
const WAIT: Duration = Duration::from_secs(2);

/// A log of tokens in a SQLite file.
#[derive(Debug)]
pub struct SqliteLog {
    connection: SqliteConnection,
    path: PathBuf,
    /// How far clocks may be apart, in microseconds: a token that is over may still be taken within it.
    tolerance: i64,
}

/// A payment as it is kept, and as it is hashed.
#[derive(Serialize)]
struct Payment {
    number: i64,
    #[serde(skip)]
    hash: String,
    token: String,
    counter: i64,
    digest: String,
    asset: String,
    minor: i64,
    taken_at: i64,
    expires_at: i64,
    proof: Option<String>,
    reference: Option<String>,
}

impl FromRow<'_, SqliteRow> for Payment {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            number: row.try_get("number")?,
            hash: row.try_get("hash")?,
            token: row.try_get("token")?,
            counter: row.try_get("counter")?,
            digest: row.try_get("digest")?,
            asset: row.try_get("asset")?,
            minor: row.try_get("minor")?,
            taken_at: row.try_get("taken_at")?,
            expires_at: row.try_get("expires_at")?,
            proof: row.try_get("proof")?,
            reference: row.try_get("reference")?,
        })
    }
}

impl Payment {
    fn new(number: i64, shown: &ShownToken, taken: &AcceptedToken) -> Self {
        Self {
            number,
            hash: String::new(),
            token: taken.token.to_string(),
            counter: taken.counter.into(),
            digest: taken.digest.clone(),
            asset: taken.amount.asset().to_string(),
            minor: taken.amount.minor(),
            taken_at: taken.taken_at.micros(),
            expires_at: taken.expires_at.micros(),
            proof: shown.proof.clone(),
            reference: shown.reference.as_ref().map(ToString::to_string),
        }
    }

    /// The hash of this payment and of all before it.
    fn hashed(&self, before: &str) -> Result<String, sqlx::Error> {
        let said = serde_json::to_vec(self).map_err(|error| sqlx::Error::Encode(error.into()))?;
        let mut hash = Sha256::new();
        for part in [DOMAIN, before.as_bytes(), &said] {
            hash.update(part);
        }
        Ok(hex::encode(hash.finalize()))
    }

    fn read(self) -> Option<WaitingPayment> {
        Some(WaitingPayment {
            token: self.token.parse().ok()?,
            amount: Money::new(self.minor, Asset::parse(&self.asset).ok()?),
            digest: self.digest,
            taken_at: Timestamp::from_micros(self.taken_at).ok()?,
            proof: self.proof,
            reference: match self.reference {
                Some(text) => Some(text.parse::<PaymentReference>().ok()?),
                None => None,
            },
        })
    }
}

/// The columns of a payment.
macro_rules! columns {
    () => {
        "number, hash, token, counter, digest, asset, minor, taken_at, expires_at, proof, reference"
    };
}

impl SqliteLog {
    /// Opens the file at a path, which is made when it is missing, and looks whether its payments are those that were kept.
    ///
    /// # Errors
    /// As [`Till::open`](super::Till::open).
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            // Another till must not take the same token meanwhile.
            .locking_mode(SqliteLockingMode::Exclusive)
            .journal_mode(SqliteJournalMode::Wal)
            // What was taken survives a loss of power.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(WAIT)
            .disable_statement_logging();
        let at_opening = |error| held(place::at_opening(classify(error), path));
        let connection = options.connect().await.map_err(at_opening)?;
        let mut log = Self {
            connection,
            path: path.to_owned(),
            tolerance: 0,
        };
        log.make().await?;
        log.verify().await?;
        Ok(log)
    }

    /// How far clocks may be apart, in seconds.
    pub fn tolerate(&mut self, seconds: u32) {
        self.tolerance = i64::from(seconds).saturating_mul(MICROS_PER_SECOND);
    }

    /// Makes the tables, if this is a new file, and takes the file for this till alone.
    async fn make(&mut self) -> Result<(), StoreError> {
        let path = self.path.clone();
        let failed = |error| held(place::at_opening(classify(error), &path));
        let mut transaction = self
            .connection
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(failed)?;
        let (application, version, tables): (i64, i64, i64) = sqlx::query_as(
            "SELECT a.application_id, v.user_version, (SELECT count(*) FROM sqlite_schema) \
             FROM pragma_application_id AS a, pragma_user_version AS v",
        )
        .fetch_one(&mut *transaction)
        .await
        .map_err(failed)?;
        match (application, version, tables) {
            (APPLICATION, VERSION, _) => {}
            (APPLICATION, found, _) => {
                let known = VERSION;
                return Err(StoreError::SchemaTooNew { found, known });
            }
            (0, 0, 0) => {
                sqlx::raw_sql(include_str!("tables.sql"))
                    .execute(&mut *transaction)
                    .await
                    .map_err(failed)?;
                let begun = "INSERT INTO till (id, base_number, base_hash) VALUES (1, 0, '')";
                sqlx::query(begun)
                    .execute(&mut *transaction)
                    .await
                    .map_err(failed)?;
                // Both are numbers of this program: nothing of a caller is in the text.
                let stamp = format!(
                    "PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION};"
                );
                sqlx::raw_sql(sqlx::AssertSqlSafe(stamp))
                    .execute(&mut *transaction)
                    .await
                    .map_err(failed)?;
            }
            _ => {
                let detail = "expected the file of a till, got another one".to_owned();
                return Err(StoreError::Refused { detail });
            }
        }
        transaction.commit().await.map_err(failed)
    }

    /// Whether each payment that is kept goes on from the one before it.
    async fn verify(&mut self) -> Result<(), StoreError> {
        let (mut number, mut hash) = self.base().await?;
        let all = concat!("SELECT ", columns!(), " FROM payments ORDER BY number");
        let all = sqlx::query_as(all);
        let rows: Vec<Payment> = all
            .fetch_all(&mut self.connection)
            .await
            .map_err(|error| self.at_work(error))?;
        for row in rows {
            number = number.saturating_add(1);
            hash = row.hashed(&hash).map_err(|error| self.at_work(error))?;
            if row.number != number || row.hash != hash {
                return Err(corrupt("payments of the till were changed or taken out"));
            }
        }
        Ok(())
    }

    /// Whether this is the file that had the mark, or one that has gone on from it.
    ///
    /// A payment that was forgotten since is known by its number alone.
    ///
    /// # Errors
    /// [`TokenError::LogRolledBack`] as [`NotTaken`](rewards_core::tokens::NotTaken) of a till; what reading ends in.
    pub async fn check(&mut self, mark: &TillMark) -> Result<(), super::TillError> {
        let (base_number, base_hash) = self.base().await?;
        let last = self.mark().await?;
        let number = i64::try_from(mark.number).unwrap_or(i64::MAX);
        let hash = if number == base_number {
            Some(base_hash)
        } else {
            let kept = sqlx::query_scalar("SELECT hash FROM payments WHERE number = ?");
            kept.bind(number)
                .fetch_optional(&mut self.connection)
                .await
                .map_err(|error| self.at_work(error))?
        };
        let is_there = hash.is_some_and(|hash| hash == mark.hash);
        if is_there || number < base_number {
            return Ok(());
        }
        let (expected, found) = (mark.number, last.number);
        Err(TokenError::LogRolledBack { expected, found }.into())
    }

    /// How far the till has come.
    ///
    /// # Errors
    /// What reading ends in.
    pub async fn mark(&mut self) -> Result<TillMark, StoreError> {
        let last = last(&mut self.connection).await;
        let (number, hash) = last.map_err(|error| self.at_work(error))?;
        let number = u64::try_from(number).map_err(|_| corrupt("a number below zero"))?;
        Ok(TillMark { number, hash })
    }

    /// Closes the file.
    ///
    /// # Errors
    /// What writing ends in.
    pub async fn close(self) -> Result<(), StoreError> {
        self.connection.close().await.map_err(classify)
    }

    /// The last payment that was forgotten.
    async fn base(&mut self) -> Result<(i64, String), StoreError> {
        sqlx::query_as("SELECT base_number, base_hash FROM till")
            .fetch_one(&mut self.connection)
            .await
            .map_err(|error| self.at_work(error))
    }

    fn at_work(&self, error: sqlx::Error) -> StoreError {
        place::at_work(held(classify(error)), &self.path)
    }

    async fn remembered(&mut self, token: &TokenId) -> Result<TokenMemory, sqlx::Error> {
        let (latest, synced_at): (Option<i64>, Option<i64>) =
            sqlx::query_as("SELECT latest, synced_at FROM till")
                .fetch_one(&mut self.connection)
                .await?;
        let (waiting, since, minor): (u32, Option<i64>, i64) = sqlx::query_as(
            "SELECT count(*), min(taken_at), coalesce(sum(minor), 0) FROM payments WHERE is_told = 0",
        )
        .fetch_one(&mut self.connection)
        .await?;
        // Of the columns beside a maximum, SQLite tells those of the row that has it.
        let spent: (Option<u32>, Option<String>, i64) = sqlx::query_as(
            "SELECT max(counter), digest, coalesce(sum(minor), 0) FROM payments WHERE token = ?",
        )
        .bind(token.as_str())
        .fetch_one(&mut self.connection)
        .await?;
        let at = |micros: i64| Timestamp::from_micros(micros).ok();
        Ok(TokenMemory {
            latest: latest.and_then(at),
            synced_at: synced_at.and_then(at),
            waiting_since: since.and_then(at),
            waiting,
            waiting_minor: minor,
            spent: match spent {
                (Some(counter), Some(digest), minor) => Some(SpentHere {
                    counter,
                    digest,
                    minor,
                }),
                _ => None,
            },
        })
    }

    async fn keep(&mut self, shown: &ShownToken, taken: &AcceptedToken) -> Result<(), sqlx::Error> {
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        let (number, hash) = last(&mut transaction).await?;
        let row = Payment::new(number.saturating_add(1), shown, taken);
        let insert = concat!(
            "INSERT INTO payments (",
            columns!(),
            ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        );
        sqlx::query(insert)
            .bind(row.number)
            .bind(row.hashed(&hash)?)
            .bind(row.token)
            .bind(row.counter)
            .bind(row.digest)
            .bind(row.asset)
            .bind(row.minor)
            .bind(row.taken_at)
            .bind(row.expires_at)
            .bind(row.proof)
            .bind(row.reference)
            .execute(&mut *transaction)
            .await?;
        see(&mut transaction, taken.taken_at).await?;
        transaction.commit().await
    }

    async fn tell(&mut self, told: &str, at: Timestamp) -> Result<(), sqlx::Error> {
        // A clock may go back by the tolerance, and a token is taken so much after its end.
        let margin = self.tolerance.saturating_mul(2);
        let over = at
            .micros()
            .saturating_sub(KEPT_SECONDS.saturating_mul(MICROS_PER_SECOND))
            .saturating_sub(margin);
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        let mark_told = "UPDATE payments SET is_told = 1 \
             WHERE is_told = 0 AND digest IN (SELECT value FROM json_each(?))";
        let synced = "UPDATE till SET synced_at = max(coalesce(synced_at, ?1), ?1)";
        sqlx::query(mark_told)
            .bind(told)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(synced)
            .bind(at.micros())
            .execute(&mut *transaction)
            .await?;
        see(&mut transaction, at).await?;
        forget(&mut transaction, over).await?;
        transaction.commit().await
    }
}

impl TokenLog for SqliteLog {
    type Error = StoreError;

    async fn memory(&mut self, token: &TokenId) -> Result<TokenMemory, StoreError> {
        let memory = self.remembered(token).await;
        memory.map_err(|error| self.at_work(error))
    }

    async fn record(
        &mut self,
        shown: &ShownToken,
        taken: &AcceptedToken,
    ) -> Result<(), StoreError> {
        let kept = self.keep(shown, taken).await;
        kept.map_err(|error| self.at_work(error))
    }

    async fn see(&mut self, now: Timestamp) -> Result<(), StoreError> {
        see(&mut self.connection, now)
            .await
            .map_err(|error| self.at_work(error))
    }

    async fn waiting(&mut self, most: usize) -> Result<Vec<WaitingPayment>, StoreError> {
        let waiting = concat!(
            "SELECT ",
            columns!(),
            " FROM payments WHERE is_told = 0 ORDER BY number LIMIT ?"
        );
        let rows: Vec<Payment> = sqlx::query_as(waiting)
            .bind(i64::try_from(most).unwrap_or(i64::MAX))
            .fetch_all(&mut self.connection)
            .await
            .map_err(|error| self.at_work(error))?;
        let read = rows.into_iter().map(Payment::read).collect::<Option<_>>();
        read.ok_or_else(|| corrupt("a payment of the till is not readable"))
    }

    async fn synced(&mut self, told: &[String], at: Timestamp) -> Result<(), StoreError> {
        let told = serde_json::to_string(told).map_err(|_| corrupt("digests that are no text"))?;
        self.tell(&told, at)
            .await
            .map_err(|error| self.at_work(error))
    }
}

/// The last payment, kept or forgotten, and its hash.
async fn last(connection: &mut SqliteConnection) -> Result<(i64, String), sqlx::Error> {
    let last = "SELECT number, hash FROM payments UNION ALL SELECT base_number, base_hash FROM till \
                ORDER BY number DESC LIMIT 1";
    sqlx::query_as(last).fetch_one(connection).await
}

/// Keeps the latest that the clock has said.
async fn see(connection: &mut SqliteConnection, now: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE till SET latest = ?1 WHERE latest IS NULL OR latest < ?1")
        .bind(now.micros())
        .execute(connection)
        .await
        .map(|_| ())
}

/// Forgets payments from the oldest on that are told and whose tokens were over then; what is kept stays a chain.
async fn forget(transaction: &mut SqliteTransaction<'_>, over: i64) -> Result<(), sqlx::Error> {
    let first_kept = "SELECT coalesce(min(number), 9223372036854775807) FROM payments WHERE is_told = 0 OR expires_at >= ?";
    let first_kept: i64 = sqlx::query_scalar(first_kept)
        .bind(over)
        .fetch_one(&mut **transaction)
        .await?;
    let go_on = "UPDATE till SET (base_number, base_hash) = (SELECT number, hash FROM payments WHERE number < ?1 \
                 ORDER BY number DESC LIMIT 1) WHERE EXISTS (SELECT 1 FROM payments WHERE number < ?1)";
    for statement in [go_on, "DELETE FROM payments WHERE number < ?1"] {
        sqlx::query(statement)
            .bind(first_kept)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

/// A file that another till has is waited for, and then it is to be tried again.
fn held(error: StoreError) -> StoreError {
    match error {
        StoreError::Conflict { .. } => StoreError::Unavailable {
            detail: "another till has the file".to_owned(),
        },
        error => error,
    }
}

fn corrupt(detail: &str) -> StoreError {
    StoreError::Corrupt {
        detail: detail.to_owned(),
    }
}
