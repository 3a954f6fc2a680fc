//! What other sides write, frozen: eleven rows a purchase into tables of their own, with texts of the size that the first
//! engine wrote. The engine beside them writes fewer rows by now, and that has to show as a gain.

pub mod pgbench;
pub mod rows;

use std::path::Path;

use sqlx::{PgPool, SqliteConnection};

/// The texts of one purchase.
#[derive(Debug, Clone)]
pub struct Texts {
    pub reply: String,
    pub member: String,
    pub purchase: String,
    pub event: String,
}

/// Those that the first engine wrote.
pub fn template() -> Texts {
    Texts {
        reply: concat!(
            r#"{"purchase":"purchase-000000000000-0123456789abcdef","decision":{"program":"p0","version":1,"#,
            r#""digest":"f2164f12609fb552073d295eac29d8dbf7569daf53a8187b127e816848eaf710","#,
            r#""grants":[{"rule":"base","desired":{"amount":"1.23","asset":"EUR"},"granted":{"amount":"1.23","#,
            r#""asset":"EUR"},"pending":false,"available_at":"2026-06-15T12:00:00.000001Z"}],"#,
            r#""totals":[{"amount":"1.23","asset":"EUR"}]},"recorded_at":"2026-06-15T12:00:00.000001Z"}"#
        )
        .to_owned(),
        member: concat!(
            r#"{"registered_at":"2026-06-15T12:00:00Z","tiers":{"p0":{"status":{"tier":"member","#,
            r#""since":"2026-06-15T12:00:00Z","history":[]}}}}"#
        )
        .to_owned(),
        purchase: concat!(
            r#"{"state":"recorded","program":"p0","version":1,"total":{"amount":"24.60","asset":"EUR"},"#,
            r#""grants":[1,1],"counted":[{"subject":"m:m0","name":"p0/spend.1/year","bucket":2026,"delta":2460},"#,
            r#"{"subject":"m:m0","name":"p0/cap/monthly","bucket":24317,"delta":123},"#,
            r#"{"subject":"p:p0","name":"budget/total","bucket":0,"delta":123}]}"#
        )
        .to_owned(),
        event: concat!(
            r#"{"purchase_recorded":{"purchase":"purchase-000000000000-0123456789abcdef","program":"p0","#,
            r#""version":1,"granted":[{"amount":"1.23","asset":"EUR"}],"pending":false}}"#
        )
        .to_owned(),
    }
}

/// Makes the tables in an empty database.
pub async fn on_postgres(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(include_str!("postgres.sql"))
        .execute(pool)
        .await
        .map(drop)
}

/// Makes the tables in a new file.
pub async fn on_sqlite(file: &Path) -> Result<SqliteConnection, sqlx::Error> {
    let mut connection = super::sqlite::connect(file).await?;
    sqlx::raw_sql(include_str!("sqlite.sql"))
        .execute(&mut connection)
        .await?;
    Ok(connection)
}
