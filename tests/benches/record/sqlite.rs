//! P5: recording purchases into one SQLite file with full durability, beside a bare set-based loop and row-by-row sqlx.

use std::error::Error;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection, Row, SqliteConnection};

use super::engine::Host;
use super::frozen::rows::RowByRow;
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
    let url = |name: &str| format!("sqlite:///{}", file(name).display());
    let host = Host::open(&url("engine.db")).await?;
    host.prepare(MEMBERS, PROGRAMS).await?;
    let sample = host.sample().await?;
    let template = read_template(&mut connect(&file("engine.db")).await?, &sample).await?;
    drop(Host::open(&url("bare.db")).await?);
    let mut bare = Loop::prepare(&file("bare.db"), template, MEMBERS, PROGRAMS).await?;
    let mut rows = RowByRow::prepare(&file("rows.db"), MEMBERS, PROGRAMS).await?;
    for round in 0..options.rounds {
        eprintln!("sqlite round {} of {}", round + 1, options.rounds);
        let run = host.run(CALLERS, PROGRAMS, options.seconds).await?;
        report.add("sqlite engine, 256 callers", run.per_second);
        report.add("sqlite engine, 256 callers, p50 ms", run.p50_ms);
        report.add("sqlite engine, 256 callers, p99 ms", run.p99_ms);
        report.add(
            "sqlite bare set-based loop",
            bare.run(SET, options.seconds).await?,
        );
        report.add(
            "sqlite row by row, 1 a commit",
            rows.run(1, options.seconds).await?,
        );
        report.add(
            "sqlite row by row, 100 a commit",
            rows.run(100, options.seconds).await?,
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
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("cache_size", "-16384")
        .pragma("temp_store", "memory")
        .pragma("wal_autocheckpoint", "8000");
    SqliteConnection::connect_with(&options).await
}

/// The documents of one purchase, as the engine stored them.
pub async fn read_template(
    connection: &mut SqliteConnection,
    purchase: &str,
) -> Result<Template, Box<dyn Error>> {
    let mut documents = Vec::new();
    for sql in [
        "SELECT reply FROM entities WHERE id = $1",
        "SELECT m.body FROM members m JOIN entities p ON m.tenant = p.tenant AND m.member = p.owner WHERE p.id = $1",
        "SELECT body FROM entities WHERE id = $1",
        "SELECT o.body FROM outbox o JOIN entities p ON o.tenant = p.tenant AND o.stream = 'm:' || p.owner WHERE p.id = $1 ORDER BY o.seq DESC LIMIT 1",
    ] {
        let row = sqlx::query(sql)
            .bind(purchase)
            .fetch_one(&mut *connection)
            .await?;
        documents.push(row.try_get::<Vec<u8>, _>(0)?);
    }
    let mut documents = documents.into_iter();
    let mut next = || documents.next().unwrap_or_default();
    Ok(Template {
        reply: next(),
        member: next(),
        purchase: next(),
        event: next(),
    })
}

/// A loop that writes the engine's own rows of purchases, set by set.
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
            "INSERT INTO members (tenant, member, version, journal_seq, journal_hash, event_seq, recorded_at, at, body)
             WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $1)
             SELECT 'bare', 'm' || i, 1, 0, zeroblob(32), 1, 0, 0, $2 FROM n",
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
            let rows = Value::Array(self.make(size)).to_string();
            let mut work = self.connection.begin_with("BEGIN IMMEDIATE").await?;
            for sql in STATEMENTS {
                sqlx::query(sql).bind(&rows).execute(&mut *work).await?;
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
                hex::encode(&self.template.reply),
                hex::encode(&self.template.member),
                hex::encode(&self.template.purchase),
                hex::encode(&self.template.event),
            ]));
        }
        rows
    }
}

/// One statement a table over one JSON parameter: the columns of a row are `value ->> 0` and so on. The tenant of a member
/// depends on the row, or SQLite would go through all members of the tenant instead of finding each by its key.
const STATEMENTS: [&str; 7] = [
    "UPDATE members AS t SET version = t.version + 1, journal_seq = t.journal_seq + 1, event_seq = t.event_seq + 1,
         recorded_at = r.value ->> 3, body = unhex(r.value ->> 5)
     FROM json_each($1) AS r
     WHERE t.tenant = CASE WHEN r.key IS NOT NULL THEN 'bare' END AND t.member = r.value ->> 1",
    "INSERT INTO entities (tenant, kind, id, version, owner, state, at, body, fingerprint, reply)
     SELECT 'bare', 'purchase', value ->> 0, 1, value ->> 1, 'recorded', value ->> 3, unhex(value ->> 6), zeroblob(32),
            unhex(value ->> 4)
     FROM json_each($1)",
    "INSERT INTO journal (tenant, member, seq, id, from_holder, from_purpose, to_purpose, asset, amount, kind,
                          effective_at, recorded_at, purchase, program, revision, rule, hash)
     SELECT 'bare', value ->> 1, value ->> 3, zeroblob(16), '', 'funding:f' || (value ->> 2), 'cashback',
            'EUR', 123, 'grant', value ->> 3, value ->> 3, value ->> 0, 'p' || (value ->> 2), 1, 'base', zeroblob(32)
     FROM json_each($1)",
    "INSERT INTO lots (tenant, member, number, asset, source, amount, remaining, state, earned_at, available_at, purchase,
                       rule)
     SELECT 'bare', value ->> 1, value ->> 3, 'EUR', 'funding:f' || (value ->> 2), 123, 123, 'available', value ->> 3,
            value ->> 3, value ->> 0, 'base' FROM json_each($1)",
    "INSERT INTO outbox (tenant, recorded_at, stream, seq, id, body, attempts)
     SELECT 'bare', value ->> 3, 'm:' || (value ->> 1), value ->> 3, zeroblob(16), unhex(value ->> 7), 0 FROM json_each($1)",
    "INSERT INTO counters (tenant, subject, name, bucket, value)
     SELECT 'bare', 'p:p' || (value ->> 2), 'budget/total', 0, SUM(123) FROM json_each($1) WHERE true GROUP BY value ->> 2
     ON CONFLICT (tenant, subject, name, bucket) DO UPDATE SET value = counters.value + excluded.value",
    "INSERT INTO control_accounts (tenant, purpose, asset, slot, amount)
     SELECT 'bare', 'cashback', 'EUR', 0, SUM(123) FROM json_each($1)
     UNION ALL
     SELECT 'bare', 'funding:f' || (value ->> 2), 'EUR', 0, -SUM(123) FROM json_each($1) WHERE true GROUP BY value ->> 2
     ON CONFLICT (tenant, purpose, asset, slot) DO UPDATE SET amount = control_accounts.amount + excluded.amount",
];
