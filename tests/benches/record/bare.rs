//! A bare loop that writes the same rows set by set: what the database itself can do.

use std::error::Error;
use std::time::{Duration, Instant};

use sqlx::{PgConnection, PgPool};

use super::MEMBERS;
use super::pgbench::members;
use super::rows::Template;

const TENANT: &str = "bare";

/// A prepared loop.
#[derive(Debug)]
pub struct Bare {
    pool: PgPool,
    template: Template,
    next: u64,
}

/// One set of purchases, as columns.
#[derive(Debug, Default)]
struct Set {
    keys: Vec<String>,
    members: Vec<String>,
    programs: Vec<String>,
    moments: Vec<i64>,
    hashes: Vec<Vec<u8>>,
    ids: Vec<Vec<u8>>,
    replies: Vec<String>,
    records: Vec<String>,
    purchases: Vec<String>,
    events: Vec<String>,
}

impl Bare {
    /// Makes its members.
    pub async fn prepare(pool: &PgPool, template: Template) -> Result<Self, Box<dyn Error>> {
        members(pool, TENANT, &template.member).await?;
        Ok(Self {
            pool: pool.clone(),
            template,
            next: 0,
        })
    }

    /// Purchases per second over so many connections, each with its own part of the members.
    pub async fn run(
        &mut self,
        connections: u64,
        size: u64,
        programs: u32,
        seconds: u64,
    ) -> Result<f64, Box<dyn Error>> {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        let started = Instant::now();
        let mut tasks = Vec::new();
        for part in 0..connections {
            let mut connection = self.pool.acquire().await?.detach();
            let template = self.template.clone();
            let mut number = self.next + part * 100_000_000;
            tasks.push(tokio::spawn(async move {
                let mut written = 0;
                while Instant::now() < deadline {
                    let set =
                        Set::make(&template, &mut number, size, programs, (part, connections));
                    set.write(&mut connection).await?;
                    written += size;
                }
                Ok::<u64, sqlx::Error>(written)
            }));
        }
        let mut written = 0;
        for task in tasks {
            written += task.await??;
        }
        self.next += 1_000_000_000;
        Ok(written as f64 / started.elapsed().as_secs_f64())
    }

    /// Median milliseconds of one purchase at a time: one statement that reads what a decision needs, then the writes.
    pub async fn lone(&mut self, programs: u32, seconds: u64) -> Result<f64, Box<dyn Error>> {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        let mut connection = self.pool.acquire().await?;
        let mut times = hdrhistogram::Histogram::<u64>::new(3)?;
        while Instant::now() < deadline {
            let set = Set::make(&self.template, &mut self.next, 1, programs, (0, 1));
            let asked = Instant::now();
            set.read(&mut connection).await?;
            set.write(&mut connection).await?;
            times.record(u64::try_from(asked.elapsed().as_micros())?)?;
        }
        Ok(times.value_at_quantile(0.5) as f64 / 1_000.0)
    }
}

impl Set {
    fn make(
        template: &Template,
        number: &mut u64,
        size: u64,
        programs: u32,
        (part, parts): (u64, u64),
    ) -> Self {
        let mut set = Self::default();
        let mut taken = std::collections::HashSet::new();
        while set.keys.len() < usize::try_from(size).unwrap_or(0) {
            *number += 1;
            let mixed = super::rows::mix(*number);
            let member = (mixed % (u64::from(MEMBERS) / parts)) * parts + part;
            if !taken.insert(member) {
                continue;
            }
            set.keys
                .push(format!("purchase-{number:012}-0123456789abcdef"));
            set.members.push(format!("m{member}"));
            set.programs
                .push((member % u64::from(programs)).to_string());
            set.moments
                .push(1_781_524_800_000_000 + i64::try_from(*number).unwrap_or(0));
            let mut id = number.to_be_bytes().to_vec();
            id.resize(16, 7);
            set.hashes.push(id.repeat(2));
            set.ids.push(id);
            set.replies.push(template.reply.clone());
            set.records.push(template.member.clone());
            set.purchases.push(template.purchase.clone());
            set.events.push(template.event.clone());
        }
        set
    }

    /// What a decision must see: the reply, the member, the purchase, the program's newest revision, three counters.
    async fn read(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        sqlx::query(
            "SELECT k, (SELECT body FROM replies WHERE tenant = $1 AND operation = 'record_purchase' AND key = k),
                    (SELECT m.body FROM members m WHERE m.tenant = $1 AND m.member = w),
                    (SELECT p.body FROM purchases p WHERE p.tenant = $1 AND p.purchase = k),
                    (SELECT MAX(version) FROM programs WHERE tenant = 'engine' AND program = 'p' || g),
                    (SELECT value FROM counters WHERE tenant = $1 AND subject = 'm:' || w AND name = 'p' || g || '/cap/monthly' AND bucket = 24317),
                    (SELECT value FROM counters WHERE tenant = $1 AND subject = 'm:' || w AND name = 'p' || g || '/spend.1/year' AND bucket = 2026),
                    (SELECT value FROM counters WHERE tenant = $1 AND subject = 'p:p' || g AND name = 'budget/total' AND bucket = 0)
             FROM unnest($2::text[], $3::text[], $4::text[]) AS r(k, w, g)",
        )
        .bind(TENANT)
        .bind(&self.keys)
        .bind(&self.members)
        .bind(&self.programs)
        .fetch_all(connection)
        .await
        .map(drop)
    }

    async fn write(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        use sqlx::Connection;
        let mut work = connection.begin().await?;
        sqlx::query("INSERT INTO replies (tenant, operation, key, fingerprint, body, recorded_at) SELECT $1, 'record_purchase', k, h, b, m FROM unnest($2::text[], $3::bytea[], $4::text[], $5::bigint[]) AS r(k, h, b, m) ON CONFLICT DO NOTHING")
            .bind(TENANT).bind(&self.keys).bind(&self.hashes).bind(&self.replies).bind(&self.moments)
            .execute(&mut *work).await?;
        sqlx::query("UPDATE members SET version = version + 1, journal_seq = journal_seq + 1, journal_hash = h, event_seq = event_seq + 1, recorded_at = m, body = b FROM unnest($2::text[], $3::bytea[], $4::bigint[], $5::text[]) AS r(w, h, m, b) WHERE tenant = $1 AND member = w")
            .bind(TENANT).bind(&self.members).bind(&self.hashes).bind(&self.moments).bind(&self.records)
            .execute(&mut *work).await?;
        sqlx::query("INSERT INTO purchases (tenant, purchase, version, member, occurred_at, first_entry, last_entry, body) SELECT $1, k, 1, w, m, m, m, b FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[]) AS r(k, w, m, b)")
            .bind(TENANT).bind(&self.keys).bind(&self.members).bind(&self.moments).bind(&self.purchases)
            .execute(&mut *work).await?;
        sqlx::query("INSERT INTO journal (tenant, member, seq, id, from_holder, from_purpose, to_holder, to_purpose, asset, amount, kind, effective_at, recorded_at, purchase, program, program_version, rule, hash) SELECT $1, w, m, i, '', 'funding:f' || g, w, 'cashback', 'EUR', 123, 'grant', m, m, k, 'p' || g, 1, 'base', h FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bytea[], $6::text[], $7::bytea[]) AS r(k, w, m, h, g, i)")
            .bind(TENANT).bind(&self.keys).bind(&self.members).bind(&self.moments).bind(&self.hashes).bind(&self.programs).bind(&self.ids)
            .execute(&mut *work).await?;
        sqlx::query("INSERT INTO lots (tenant, member, number, asset, source, amount, remaining, state, earned_at, available_at, purchase, rule) SELECT $1, w, m, 'EUR', 'funding:f' || g, 123, 123, 'available', m, m, k, 'base' FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[]) AS r(k, w, m, g)")
            .bind(TENANT).bind(&self.keys).bind(&self.members).bind(&self.moments).bind(&self.programs)
            .execute(&mut *work).await?;
        sqlx::query("INSERT INTO outbox (tenant, recorded_at, stream, seq, id, body, attempts) SELECT $1, m, 'm:' || w, m, i, b, 0 FROM unnest($2::text[], $3::bigint[], $4::bytea[], $5::text[]) AS r(w, m, i, b)")
            .bind(TENANT).bind(&self.members).bind(&self.moments).bind(&self.ids).bind(&self.events)
            .execute(&mut *work).await?;
        sqlx::query("INSERT INTO counters (tenant, subject, name, bucket, value) SELECT $1, s, n, b, SUM(v)::bigint FROM (SELECT 'm:' || w AS s, 'p' || g || '/cap/monthly' AS n, 24317 AS b, 123 AS v FROM unnest($2::text[], $3::text[]) AS r(w, g) UNION ALL SELECT 'm:' || w, 'p' || g || '/spend.1/year', 2026, 2460 FROM unnest($2::text[], $3::text[]) AS r(w, g) UNION ALL SELECT 'p:p' || g, 'budget/total', 0, 123 FROM unnest($2::text[], $3::text[]) AS r(w, g)) AS x GROUP BY s, n, b ORDER BY s, n, b ON CONFLICT (tenant, subject, name, bucket) DO UPDATE SET value = counters.value + excluded.value WHERE counters.value + excluded.value <= 100000000000")
            .bind(TENANT).bind(&self.members).bind(&self.programs)
            .execute(&mut *work).await?;
        sqlx::query("INSERT INTO balances (tenant, holder, purpose, asset, amount) SELECT $1, h, p, 'EUR', SUM(a)::bigint FROM (SELECT w AS h, 'cashback' AS p, 123 AS a FROM unnest($2::text[], $3::text[]) AS r(w, g) UNION ALL SELECT '', 'funding:f' || g, -123 FROM unnest($2::text[], $3::text[]) AS r(w, g)) AS x GROUP BY h, p ORDER BY h DESC, p ON CONFLICT (tenant, holder, purpose, asset) DO UPDATE SET amount = balances.amount + excluded.amount")
            .bind(TENANT).bind(&self.members).bind(&self.programs)
            .execute(&mut *work).await?;
        work.commit().await
    }
}
