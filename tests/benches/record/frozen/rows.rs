//! Row by row with sqlx: a service that writes a purchase as eleven statements of one row, so many purchases a commit.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};

use super::Texts;
use crate::rows::mix;

const FIRST_MOMENT: i64 = 1_781_524_800_000_000;

/// A loop that writes the rows of purchases one by one.
#[derive(Debug)]
pub struct RowByRow {
    connection: SqliteConnection,
    template: Texts,
    members: u32,
    programs: u32,
    next: u64,
}

impl RowByRow {
    /// Makes the tables and puts members into them.
    pub async fn prepare(file: &Path, members: u32, programs: u32) -> Result<Self, Box<dyn Error>> {
        let template = super::template();
        let mut connection = super::on_sqlite(file).await?;
        sqlx::query(
            "INSERT INTO members (tenant, member, version, journal_seq, journal_hash, event_seq, recorded_at, body)
             WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $1)
             SELECT 'bare', 'm' || i, 1, 0, zeroblob(32), 1, 0, $2 FROM n",
        )
        .bind(i64::from(members))
        .bind(&template.member)
        .execute(&mut connection)
        .await?;
        Ok(Self {
            connection,
            template,
            members,
            programs,
            next: 0,
        })
    }

    /// Purchases per second, so many a commit.
    pub async fn run(&mut self, size: u64, seconds: u64) -> Result<f64, Box<dyn Error>> {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        let started = Instant::now();
        let mut written = 0;
        while Instant::now() < deadline {
            let set: Vec<Value> = (0..size).map(|_| self.make()).collect();
            let mut work = self.connection.begin_with("BEGIN IMMEDIATE").await?;
            for row in set {
                let rows = Value::Array(vec![row]).to_string();
                for sql in STATEMENTS {
                    sqlx::query(sql).bind(&rows).execute(&mut *work).await?;
                }
            }
            work.commit().await?;
            written += size;
        }
        Ok(written as f64 / started.elapsed().as_secs_f64())
    }

    /// `[key, member, program, moment, reply, member body, purchase, event]`.
    fn make(&mut self) -> Value {
        self.next += 1;
        let member = mix(self.next) % u64::from(self.members);
        json!([
            format!("purchase-{:012}-0123456789abcdef", self.next),
            format!("m{member}"),
            (member % u64::from(self.programs)).to_string(),
            FIRST_MOMENT + i64::try_from(self.next).unwrap_or(0),
            self.template.reply,
            self.template.member,
            self.template.purchase,
            self.template.event,
        ])
    }
}

/// One statement a table over one JSON parameter: the columns of a row are `value ->> 0` and so on.
const STATEMENTS: [&str; 8] = [
    "INSERT INTO replies (tenant, operation, key, fingerprint, body, recorded_at)
     SELECT 'bare', 'record_purchase', value ->> 0, zeroblob(32), value ->> 4, value ->> 3 FROM json_each($1) WHERE true
     ON CONFLICT DO NOTHING",
    "INSERT INTO members (tenant, member, version, journal_seq, journal_hash, event_seq, recorded_at, body)
     SELECT 'bare', value ->> 1, 1, 1, zeroblob(32), 1, value ->> 3, value ->> 5 FROM json_each($1) WHERE true
     ON CONFLICT (tenant, member) DO UPDATE SET version = members.version + 1,
         journal_seq = members.journal_seq + 1, journal_hash = excluded.journal_hash,
         event_seq = members.event_seq + 1, recorded_at = excluded.recorded_at, body = excluded.body",
    "INSERT INTO purchases (tenant, purchase, version, member, occurred_at, first_entry, last_entry, body)
     SELECT 'bare', value ->> 0, 1, value ->> 1, value ->> 3, value ->> 3, value ->> 3, value ->> 6 FROM json_each($1)",
    "INSERT INTO journal (tenant, member, seq, id, from_holder, from_purpose, to_holder, to_purpose, asset, amount, kind,
                          effective_at, recorded_at, purchase, program, program_version, rule, hash)
     SELECT 'bare', value ->> 1, value ->> 3, zeroblob(16), '', 'funding:f' || (value ->> 2), value ->> 1, 'cashback',
            'EUR', 123, 'grant', value ->> 3, value ->> 3, value ->> 0, 'p' || (value ->> 2), 1, 'base', zeroblob(32)
     FROM json_each($1)",
    "INSERT INTO lots (tenant, member, number, asset, source, amount, remaining, state, earned_at, available_at, purchase,
                       rule)
     SELECT 'bare', value ->> 1, value ->> 3, 'EUR', 'funding:f' || (value ->> 2), 123, 123, 'available', value ->> 3,
            value ->> 3, value ->> 0, 'base' FROM json_each($1)",
    "INSERT INTO outbox (tenant, recorded_at, stream, seq, id, body, attempts)
     SELECT 'bare', value ->> 3, 'm:' || (value ->> 1), value ->> 3, zeroblob(16), value ->> 7, 0 FROM json_each($1)",
    "INSERT INTO counters (tenant, subject, name, bucket, value)
     SELECT 'bare', 'm:' || (value ->> 1), 'p' || (value ->> 2) || '/cap/monthly', 24317, 123 FROM json_each($1)
     UNION ALL
     SELECT 'bare', 'm:' || (value ->> 1), 'p' || (value ->> 2) || '/spend.1/year', 2026, 2460 FROM json_each($1)
     UNION ALL
     SELECT 'bare', 'p:p' || (value ->> 2), 'budget/total', 0, SUM(123) FROM json_each($1) WHERE true GROUP BY value ->> 2
     ON CONFLICT (tenant, subject, name, bucket) DO UPDATE SET value = counters.value + excluded.value",
    "INSERT INTO balances (tenant, holder, purpose, asset, amount)
     SELECT 'bare', value ->> 1, 'cashback', 'EUR', 123 FROM json_each($1)
     UNION ALL
     SELECT 'bare', '', 'funding:f' || (value ->> 2), 'EUR', -SUM(123) FROM json_each($1) WHERE true GROUP BY value ->> 2
     ON CONFLICT (tenant, holder, purpose, asset) DO UPDATE SET amount = balances.amount + excluded.amount",
];
