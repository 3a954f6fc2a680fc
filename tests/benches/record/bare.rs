//! A bare loop that writes the same rows set by set: what the database itself can do.

use std::error::Error;
use std::time::{Duration, Instant};

use sqlx::{PgConnection, PgPool};

use super::MEMBERS;
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
    replies: Vec<Vec<u8>>,
    records: Vec<Vec<u8>>,
    purchases: Vec<Vec<u8>>,
    events: Vec<Vec<u8>>,
    /// Which part of the control accounts is moved: each connection has one of its own.
    slot: i64,
}

impl Bare {
    /// Makes its members.
    pub async fn prepare(pool: &PgPool, template: Template) -> Result<Self, Box<dyn Error>> {
        members(pool, &template.member).await?;
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
        let mut set = Self {
            slot: i64::try_from(part).unwrap_or(0),
            ..Self::default()
        };
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

    /// What a decision must see: the receipt, the member, the purchase, the program's newest revision, the budget.
    async fn read(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        sqlx::query(
            "SELECT k, (SELECT reply FROM entities WHERE tenant = $1 AND kind = 'purchase' AND id = k),
                    (SELECT m.body FROM members m WHERE m.tenant = $1 AND m.member = w),
                    (SELECT p.body FROM entities p WHERE p.tenant = $1 AND p.kind = 'purchase' AND p.id = k),
                    (SELECT MAX(revision) FROM programs WHERE tenant = 'engine' AND program = 'p' || g),
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
        sqlx::query("UPDATE members SET version = version + 1, journal_seq = journal_seq + 1, journal_hash = h, event_seq = event_seq + 1, recorded_at = m, body = b FROM unnest($2::text[], $3::bytea[], $4::bigint[], $5::bytea[]) AS r(w, h, m, b) WHERE tenant = $1 AND member = w")
            .bind(TENANT).bind(&self.members).bind(&self.hashes).bind(&self.moments).bind(&self.records)
            .execute(&mut *work).await?;
        sqlx::query("INSERT INTO entities (tenant, kind, id, version, owner, state, at, body, fingerprint, reply) SELECT $1, 'purchase', k, 1, w, 'recorded', m, b, h, y FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bytea[], $6::bytea[], $7::bytea[]) AS r(k, w, m, b, h, y)")
            .bind(TENANT).bind(&self.keys).bind(&self.members).bind(&self.moments).bind(&self.purchases).bind(&self.hashes).bind(&self.replies)
            .execute(&mut *work).await?;
        sqlx::query("INSERT INTO journal (tenant, member, seq, id, from_holder, from_purpose, to_purpose, asset, amount, kind, effective_at, recorded_at, purchase, program, revision, rule, hash) SELECT $1, w, m, i, '', 'funding:f' || g, 'cashback', 'EUR', 123, 'grant', m, m, k, 'p' || g, 1, 'base', h FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bytea[], $6::text[], $7::bytea[]) AS r(k, w, m, h, g, i)")
            .bind(TENANT).bind(&self.keys).bind(&self.members).bind(&self.moments).bind(&self.hashes).bind(&self.programs).bind(&self.ids)
            .execute(&mut *work).await?;
        sqlx::query("INSERT INTO lots (tenant, member, number, asset, source, amount, remaining, state, earned_at, available_at, purchase, rule) SELECT $1, w, m, 'EUR', 'funding:f' || g, 123, 123, 'available', m, m, k, 'base' FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[]) AS r(k, w, m, g)")
            .bind(TENANT).bind(&self.keys).bind(&self.members).bind(&self.moments).bind(&self.programs)
            .execute(&mut *work).await?;
        sqlx::query("INSERT INTO outbox (tenant, recorded_at, stream, seq, id, body, attempts) SELECT $1, m, 'm:' || w, m, i, b, 0 FROM unnest($2::text[], $3::bigint[], $4::bytea[], $5::bytea[]) AS r(w, m, i, b)")
            .bind(TENANT).bind(&self.members).bind(&self.moments).bind(&self.ids).bind(&self.events)
            .execute(&mut *work).await?;
        sqlx::query("INSERT INTO counters (tenant, subject, name, bucket, value) SELECT $1, 'p:p' || g, 'budget/total', 0, COUNT(*) * 123 FROM unnest($2::text[]) AS r(g) GROUP BY g ORDER BY g ON CONFLICT (tenant, subject, name, bucket) DO UPDATE SET value = counters.value + excluded.value WHERE counters.value + excluded.value <= 100000000000")
            .bind(TENANT).bind(&self.programs)
            .execute(&mut *work).await?;
        sqlx::query("INSERT INTO control_accounts (tenant, purpose, asset, slot, amount) SELECT $1, p, 'EUR', $3, SUM(a)::bigint FROM (SELECT 'cashback' AS p, 123 AS a FROM unnest($2::text[]) AS r(g) UNION ALL SELECT 'funding:f' || g, -123 FROM unnest($2::text[]) AS r(g)) AS x GROUP BY p ORDER BY p ON CONFLICT (tenant, purpose, asset, slot) DO UPDATE SET amount = control_accounts.amount + excluded.amount")
            .bind(TENANT).bind(&self.programs).bind(self.slot)
            .execute(&mut *work).await?;
        work.commit().await
    }
}

/// Members of a tenant of its own, so that no side spoils the books of another.
async fn members(pool: &PgPool, body: &[u8]) -> Result<(), Box<dyn Error>> {
    sqlx::query(
        "INSERT INTO members (tenant, member, version, journal_seq, journal_hash, event_seq, recorded_at, at, body)
         SELECT $1, 'm' || n, 1, 0, decode(repeat('00', 32), 'hex'), 1, 1781524800000000, 1781524800000000, $2
         FROM generate_series(0, $3 - 1) AS n",
    )
    .bind(TENANT)
    .bind(body)
    .bind(i64::from(MEMBERS))
    .execute(pool)
    .await?;
    Ok(())
}
