//! P5: recording purchases into one SQLite file with full durability, beside a bare set-based loop and row-by-row sqlx.

use std::error::Error;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection, Row, SqliteConnection};

use super::engine::Host;
use super::report::Report;
use super::rows::Template;
use super::{MEMBERS, Options, PROGRAMS};

const CALLERS: usize = 256;
const SET: u64 = 256;
const FIRST_MOMENT: i64 = 1_781_524_800_000_000;

/// Runs the three sides in turn, each in a file of its own.
pub async fn run(options: &Options, report: &mut Report) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let file = |name: &str| folder.path().join(name);
    let url = |name: &str| format!("sqlite://{}", file(name).display());
    let host = Host::open(&url("engine.db")).await?;
    host.prepare(MEMBERS, PROGRAMS).await?;
    let sample = host.sample().await?;
    let template = read_template(&mut connect(&file("engine.db")).await?, &sample).await?;
    drop(Host::open(&url("bare.db")).await?);
    let mut bare = Loop::prepare(&file("bare.db"), template.clone(), MEMBERS, PROGRAMS).await?;
    drop(Host::open(&url("rows.db")).await?);
    let mut rows = Loop::prepare(&file("rows.db"), template, MEMBERS, PROGRAMS).await?;
    for round in 0..options.rounds {
        eprintln!("sqlite round {} of {}", round + 1, options.rounds);
        let run = host.run(CALLERS, PROGRAMS, options.seconds).await?;
        report.add("sqlite engine, 256 callers", run.per_second);
        report.add("sqlite engine, 256 callers, p50 ms", run.p50_ms);
        report.add("sqlite engine, 256 callers, p99 ms", run.p99_ms);
        report.add(
            "sqlite bare set-based loop",
            bare.run(SET, true, options.seconds).await?,
        );
        report.add(
            "sqlite row by row, 1 a commit",
            rows.run(1, false, options.seconds).await?,
        );
        report.add(
            "sqlite row by row, 100 a commit",
            rows.run(100, false, options.seconds).await?,
        );
        let lone = host.run(1, PROGRAMS, options.seconds).await?;
        report.add("sqlite engine, 1 caller, median ms", lone.p50_ms);
    }
    let rate = report.median("sqlite engine, 256 callers");
    let bare = report.median("sqlite bare set-based loop");
    let one = report.median("sqlite row by row, 1 a commit");
    let hundred = report.median("sqlite row by row, 100 a commit");
    report.goal("P5 engine / bare set-based loop", rate / bare, 0.8, true);
    report.goal("P5 engine / row by row, 1 a commit", rate / one, 4.0, true);
    report.goal(
        "P5 engine / row by row, 100 a commit",
        rate / hundred,
        4.0,
        true,
    );
    host.check().await
}

/// A connection tuned like the engine's own.
pub async fn connect(file: &std::path::Path) -> Result<SqliteConnection, sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("cache_size", "-16384")
        .pragma("temp_store", "memory")
        .pragma("wal_autocheckpoint", "8000");
    SqliteConnection::connect_with(&options).await
}

/// The texts of one purchase, as the engine wrote them.
pub async fn read_template(
    connection: &mut SqliteConnection,
    purchase: &str,
) -> Result<Template, Box<dyn Error>> {
    let mut texts = Vec::new();
    for sql in [
        "SELECT body FROM replies WHERE key = $1",
        "SELECT m.body FROM members m JOIN purchases p ON m.tenant = p.tenant AND m.member = p.member WHERE p.purchase = $1",
        "SELECT body FROM purchases WHERE purchase = $1",
        "SELECT body FROM outbox WHERE body LIKE '%' || $1 || '%'",
    ] {
        let row = sqlx::query(sql)
            .bind(purchase)
            .fetch_one(&mut *connection)
            .await?;
        texts.push(row.try_get::<String, _>(0)?);
    }
    let mut texts = texts.into_iter();
    let mut next = || texts.next().unwrap_or_default();
    Ok(Template {
        reply: next(),
        member: next(),
        purchase: next(),
        event: next(),
    })
}

/// A loop that writes the rows of purchases, set by set or row by row.
#[derive(Debug)]
pub struct Loop {
    connection: SqliteConnection,
    template: Template,
    members: u32,
    programs: u32,
    next: u64,
}

impl Loop {
    /// Connects to a file with the engine's tables and puts members into it.
    pub async fn prepare(
        file: &std::path::Path,
        template: Template,
        members: u32,
        programs: u32,
    ) -> Result<Self, Box<dyn Error>> {
        let mut connection = connect(file).await?;
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
    pub async fn run(
        &mut self,
        size: u64,
        in_sets: bool,
        seconds: u64,
    ) -> Result<f64, Box<dyn Error>> {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        let started = Instant::now();
        let mut written = 0;
        while Instant::now() < deadline {
            let set = self.make(size);
            let mut work = self.connection.begin_with("BEGIN IMMEDIATE").await?;
            if in_sets {
                let rows = Value::Array(set).to_string();
                for sql in STATEMENTS {
                    sqlx::query(sql).bind(&rows).execute(&mut *work).await?;
                }
            } else {
                for row in set {
                    let rows = Value::Array(vec![row]).to_string();
                    for sql in STATEMENTS {
                        sqlx::query(sql).bind(&rows).execute(&mut *work).await?;
                    }
                }
            }
            work.commit().await?;
            written += size;
        }
        Ok(written as f64 / started.elapsed().as_secs_f64())
    }

    /// `[key, member, program, moment, reply, member body, purchase, event]`, each member once a set.
    fn make(&mut self, size: u64) -> Vec<Value> {
        let mut rows = Vec::new();
        let mut taken = std::collections::HashSet::new();
        while u64::try_from(rows.len()).is_ok_and(|made| made < size) {
            self.next += 1;
            let mixed = super::rows::mix(self.next);
            let member = mixed % u64::from(self.members);
            if !taken.insert(member) {
                continue;
            }
            rows.push(json!([
                format!("purchase-{:012}-0123456789abcdef", self.next),
                format!("m{member}"),
                (member % u64::from(self.programs)).to_string(),
                FIRST_MOMENT + i64::try_from(self.next).unwrap_or(0),
                self.template.reply,
                self.template.member,
                self.template.purchase,
                self.template.event,
            ]));
        }
        rows
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
