//! Recording purchases: the engine beside `pgbench`, beside a bare set-based loop, and beside row-by-row sqlx.
//!
//! `cargo bench -p rewards-tests --features bench --bench record [-- --rounds N --seconds N --only postgres|sqlite|growth|member|telemetry|processes|settle|motion|transfers|codes|draws|receipts|stages]`
//!
//! Everything runs interleaved (A B C A B C …) on the same machine and database; each figure is a median of the rounds with
//! its spread. The engine and the bare loops write the same rows: the purchase with its reply, a journal entry, a lot, an
//! event, the member's row, and what all share: a counter and two control accounts. `pgbench` and row-by-row sqlx are frozen:
//! eleven rows a purchase, as the first engine wrote them. Prints tables and writes `target/bench/record.json`.

mod bare;
mod codes;
mod draws;
mod engine;
mod frozen;
mod growth;
mod motion;
mod one_member;
mod processes;
mod receipts;
mod report;
mod rows;
mod settle;
mod sqlite;
mod stages;
mod telemetry;
mod transfers;

use std::error::Error;

use report::Report;

/// Members in the database of the throughput runs.
pub const MEMBERS: u32 = 10_000;
/// Programs, each with a funding account and a budget of its own, of the spread runs. A member shops in one of them.
pub const PROGRAMS: u32 = 256;

/// What the command line says.
#[derive(Debug, Clone)]
pub struct Options {
    rounds: usize,
    seconds: u64,
    only: Option<String>,
    grown: Option<String>,
    worker: Option<String>,
    drawer: Option<String>,
}

impl Options {
    fn read() -> Result<Self, Box<dyn Error>> {
        let mut options = Self {
            rounds: 5,
            seconds: 4,
            only: None,
            grown: None,
            worker: None,
            drawer: None,
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--rounds" => options.rounds = words.next().ok_or("--rounds N")?.parse()?,
                "--seconds" => options.seconds = words.next().ok_or("--seconds N")?.parse()?,
                "--only" => options.only = words.next(),
                // What this program tells itself when it measures in a process of its own.
                "--grown" => options.grown = words.next(),
                "--worker" => options.worker = words.next(),
                "--drawer" => options.drawer = words.next(),
                "--bench" => {}
                other => return Err(format!("unknown option `{other}`").into()),
            }
        }
        Ok(options)
    }

    fn wants(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::read()?;
    if let Some(grown) = &options.grown {
        return growth::measure(grown, &options).await;
    }
    if let Some(worker) = &options.worker {
        return processes::work(worker, &options).await;
    }
    if let Some(drawer) = &options.drawer {
        return draws::work(drawer).await;
    }
    let mut report = Report::default();
    if options.wants("postgres") {
        postgres(&options, &mut report).await?;
    }
    if options.wants("sqlite") {
        sqlite::run(&options, &mut report).await?;
    }
    if options.wants("growth") {
        growth::run(&options, &mut report).await?;
    }
    if options.wants("member") {
        one_member::run(&options, &mut report).await?;
    }
    if options.wants("processes") {
        processes::run(&options, &mut report).await?;
    }
    if options.wants("settle") {
        settle::run(&options, &mut report).await?;
    }
    if options.wants("motion") {
        motion::run(&options, &mut report).await?;
    }
    if options.wants("transfers") {
        transfers::run(&options, &mut report).await?;
    }
    if options.wants("codes") {
        codes::run(&mut report).await?;
    }
    if options.wants("draws") {
        draws::run(&options, &mut report).await?;
    }
    if options.wants("receipts") {
        receipts::run(&options, &mut report).await?;
    }
    if options.wants("stages") {
        stages::run(&options, &mut report).await?;
    }
    if options.wants("telemetry") {
        telemetry::run(&options, &mut report).await?;
    }
    report.print();
    report.write("record")?;
    Ok(())
}

/// P2, P3 and P4 on PostgreSQL with its default configuration.
async fn postgres(options: &Options, report: &mut Report) -> Result<(), Box<dyn Error>> {
    let cluster = rewards_tests::postgres::Cluster::start()?;
    let url = cluster.database()?;
    let engine = engine::Host::open(&url).await?;
    engine.prepare(MEMBERS, PROGRAMS).await?;
    let sample = engine.sample().await?;
    // Where the engine's tables are.
    let beside: sqlx::postgres::PgConnectOptions = url.parse()?;
    let pool = sqlx::PgPool::connect_with(beside.options([("search_path", "rewards")])).await?;
    let template = rows::Template::read(&pool, &sample).await?;
    warm_up(&pool).await?;
    let frozen_url = cluster.database()?;
    let frozen = sqlx::PgPool::connect(&frozen_url).await?;
    frozen::on_postgres(&frozen).await?;
    let pgbench =
        frozen::pgbench::Pgbench::prepare(&frozen, &frozen_url, &frozen::template()).await?;
    let mut bare = bare::Bare::prepare(&pool, template).await?;
    for round in 0..options.rounds {
        eprintln!("postgres round {} of {}", round + 1, options.rounds);
        for callers in [64, 256] {
            let run = engine.run(callers, PROGRAMS, options.seconds).await?;
            report.add(
                &format!("engine, {callers} callers, spread"),
                run.per_second,
            );
            report.add(
                &format!("engine, {callers} callers, spread, p50 ms"),
                run.p50_ms,
            );
            report.add(
                &format!("engine, {callers} callers, spread, p99 ms"),
                run.p99_ms,
            );
        }
        for clients in [1, 4, 8, 16] {
            let rate = pgbench.run(clients, PROGRAMS, options.seconds)?;
            report.add(&format!("pgbench, {clients} clients, spread"), rate);
        }
        for connections in [1, 2] {
            let rate = bare
                .run(connections, 256, PROGRAMS, options.seconds)
                .await?;
            report.add(
                &format!("bare set-based loop, {connections} connections, spread"),
                rate,
            );
        }
        for callers in [64, 256] {
            let run = engine.run(callers, 1, options.seconds).await?;
            report.add(&format!("engine, {callers} callers, hot"), run.per_second);
        }
        for clients in [8, 16] {
            let rate = pgbench.run(clients, 1, options.seconds)?;
            report.add(&format!("pgbench, {clients} clients, hot"), rate);
        }
        let lone = engine.run(1, PROGRAMS, options.seconds).await?;
        report.add("engine, 1 caller, median ms", lone.p50_ms);
        report.add(
            "bare load and commit, median ms",
            bare.lone(PROGRAMS, options.seconds).await?,
        );
    }
    let best = |report: &Report, clients: &[u32], kind: &str| {
        clients
            .iter()
            .map(|c| report.median(&format!("pgbench, {c} clients, {kind}")))
            .fold(0.0_f64, f64::max)
    };
    let spread = best(report, &[1, 4, 8, 16], "spread");
    let hot = best(report, &[8, 16], "hot");
    let bare_best = report
        .median("bare set-based loop, 1 connections, spread")
        .max(report.median("bare set-based loop, 2 connections, spread"));
    for (callers, goal, hot_goal) in [(64, 2.5, 5.0), (256, 3.5, 8.0)] {
        let rate = report.median(&format!("engine, {callers} callers, spread"));
        let hot_rate = report.median(&format!("engine, {callers} callers, hot"));
        report.goal(
            &format!("P2 {callers} callers / best pgbench"),
            rate / spread,
            goal,
            true,
        );
        report.goal(
            &format!("P2 {callers} callers / bare loop"),
            rate / bare_best,
            0.6,
            true,
        );
        let p99 = report.median(&format!("engine, {callers} callers, spread, p99 ms"));
        let p50 = report.median(&format!("engine, {callers} callers, spread, p50 ms"));
        report.goal(
            &format!("P2 {callers} callers p99 / p50"),
            p99 / p50,
            2.5,
            false,
        );
        report.goal(
            &format!("P4 {callers} callers hot / spread"),
            hot_rate / rate,
            1.0,
            true,
        );
        report.goal(
            &format!("P4 {callers} callers hot / pgbench hot"),
            hot_rate / hot,
            hot_goal,
            true,
        );
    }
    let lone = report.median("engine, 1 caller, median ms")
        / report.median("bare load and commit, median ms");
    report.goal("P3 one caller / bare load and commit", lone, 1.3, false);
    engine.check().await?;
    Ok(())
}

/// Brings the server into the state of one that has been up for a while: files of its write-ahead log are there to be
/// used again. A fresh one makes each file anew, which holds everybody up for tens of milliseconds.
async fn warm_up(pool: &sqlx::PgPool) -> Result<(), sqlx::Error> {
    for _ in 0..2 {
        sqlx::raw_sql(
            "SELECT pg_logical_emit_message(false, 'warm-up', repeat('x', 1000000)) FROM generate_series(1, 600);
             CHECKPOINT;",
        )
        .execute(pool)
        .await?;
    }
    Ok(())
}
