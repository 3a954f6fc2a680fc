//! `pgbench`, calling one function that writes the rows of one purchase.

use std::error::Error;
use std::path::PathBuf;
use std::process::Command;

use sqlx::{AssertSqlSafe, PgPool};

use super::Texts;
use crate::MEMBERS;

/// A prepared `pgbench`.
#[derive(Debug)]
pub struct Pgbench {
    url: String,
    folder: tempfile::TempDir,
    program: PathBuf,
}

impl Pgbench {
    /// Makes the function and its members.
    pub async fn prepare(
        pool: &PgPool,
        url: &str,
        template: &Texts,
    ) -> Result<Self, Box<dyn Error>> {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
        let function = FUNCTION
            .replace("{reply}", &quoted(&template.reply))
            .replace("{member}", &quoted(&template.member))
            .replace("{purchase}", &quoted(&template.purchase))
            .replace("{event}", &quoted(&template.event));
        sqlx::raw_sql(AssertSqlSafe(function)).execute(pool).await?;
        members(pool, "pgbench", &template.member).await?;
        let program = binary()?;
        Ok(Self {
            url: url.to_owned(),
            folder: tempfile::tempdir()?,
            program,
        })
    }

    /// Transactions per second with so many clients.
    pub fn run(&self, clients: u32, programs: u32, seconds: u64) -> Result<f64, Box<dyn Error>> {
        let script = self.folder.path().join("record.sql");
        let text = format!(
            "\\set m random(0, {})\n\\set p :m % {programs}\nSELECT bench_record(:m, :p);\n",
            MEMBERS - 1
        );
        std::fs::write(&script, text)?;
        let output = Command::new(&self.program)
            .args([
                "-n",
                "-M",
                "prepared",
                "-j",
                "2",
                "-c",
                &clients.to_string(),
            ])
            .args(["-T", &seconds.to_string(), "-f"])
            .arg(&script)
            .arg(&self.url)
            .output()?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = printed.lines().find(|line| line.starts_with("tps = "));
        let rate = line.and_then(|line| line.split_whitespace().nth(2));
        let failed = || {
            format!(
                "pgbench: {printed}{}",
                String::from_utf8_lossy(&output.stderr)
            )
        };
        Ok(rate.ok_or_else(failed)?.parse()?)
    }
}

fn binary() -> Result<PathBuf, Box<dyn Error>> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let found = versions
        .map(|entry| entry.path().join("bin/pgbench"))
        .find(|path| path.exists());
    Ok(found.unwrap_or_else(|| PathBuf::from("pgbench")))
}

/// Members of a tenant of its own, so that no side spoils the books of another.
pub async fn members(pool: &PgPool, tenant: &str, body: &str) -> Result<(), Box<dyn Error>> {
    sqlx::query(
        "INSERT INTO members (tenant, member, version, journal_seq, journal_hash, event_seq, recorded_at, body)
         SELECT $1, 'm' || n, 1, 0, decode(repeat('00', 32), 'hex'), 1, 1781524800000000, $2
         FROM generate_series(0, $3 - 1) AS n",
    )
    .bind(tenant)
    .bind(body)
    .bind(i64::from(MEMBERS))
    .execute(pool)
    .await?;
    Ok(())
}

const FUNCTION: &str = r"
CREATE FUNCTION bench_record(m int, p int) RETURNS void LANGUAGE plpgsql AS $body$
DECLARE
    k text := 'purchase-' || gen_random_uuid();
    who text := 'm' || m;
    moment bigint := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
    entry bigint;
    happened bigint;
BEGIN
    INSERT INTO replies (tenant, operation, key, fingerprint, body, recorded_at)
    VALUES ('pgbench', 'record_purchase', k, sha256(k::bytea), {reply}, moment)
    ON CONFLICT (tenant, operation, key) DO NOTHING;
    IF NOT FOUND THEN RETURN; END IF;
    UPDATE members SET version = version + 1, journal_seq = journal_seq + 1,
        journal_hash = sha256(journal_hash), event_seq = event_seq + 1, recorded_at = moment, body = {member}
    WHERE tenant = 'pgbench' AND member = who
    RETURNING journal_seq, event_seq INTO entry, happened;
    INSERT INTO purchases (tenant, purchase, version, member, occurred_at, first_entry, last_entry, body)
    VALUES ('pgbench', k, 1, who, moment, entry, entry, {purchase});
    INSERT INTO journal (tenant, member, seq, id, from_holder, from_purpose, to_holder, to_purpose, asset, amount, kind,
                         effective_at, recorded_at, purchase, program, program_version, rule, hash)
    VALUES ('pgbench', who, entry, uuid_send(gen_random_uuid()), '', 'funding:f' || p, who, 'cashback', 'EUR', 123,
            'grant', moment, moment, k, 'p' || p, 1, 'base', sha256(k::bytea));
    INSERT INTO lots (tenant, member, number, asset, source, amount, remaining, state, earned_at, available_at, purchase,
                      rule)
    VALUES ('pgbench', who, entry, 'EUR', 'funding:f' || p, 123, 123, 'available', moment, moment, k, 'base');
    INSERT INTO outbox (tenant, recorded_at, stream, seq, id, body, attempts)
    VALUES ('pgbench', moment, 'm:' || who, happened, uuid_send(gen_random_uuid()), {event}, 0);
    INSERT INTO counters (tenant, subject, name, bucket, value)
    VALUES ('pgbench', 'm:' || who, 'p' || p || '/cap/monthly', 24317, 123)
    ON CONFLICT (tenant, subject, name, bucket) DO UPDATE SET value = counters.value + excluded.value;
    INSERT INTO counters (tenant, subject, name, bucket, value)
    VALUES ('pgbench', 'm:' || who, 'p' || p || '/spend.1/year', 2026, 2460)
    ON CONFLICT (tenant, subject, name, bucket) DO UPDATE SET value = counters.value + excluded.value;
    INSERT INTO balances (tenant, holder, purpose, asset, amount) VALUES ('pgbench', who, 'cashback', 'EUR', 123)
    ON CONFLICT (tenant, holder, purpose, asset) DO UPDATE SET amount = balances.amount + excluded.amount;
    INSERT INTO counters (tenant, subject, name, bucket, value, guard)
    VALUES ('pgbench', 'p:p' || p, 'budget/total', 0, 123, 100000000000)
    ON CONFLICT (tenant, subject, name, bucket) DO UPDATE SET value = counters.value + excluded.value
    WHERE counters.value + excluded.value <= excluded.guard;
    INSERT INTO balances (tenant, holder, purpose, asset, amount) VALUES ('pgbench', '', 'funding:f' || p, 'EUR', -123)
    ON CONFLICT (tenant, holder, purpose, asset) DO UPDATE SET amount = balances.amount + excluded.amount;
END $body$;
";
