//! A year and a half of a real shop's purchases, rewarded as if live.
//!
//! [`run`] publishes a program, registers every customer at the first purchase, records the purchases in the order of
//! their days, carries out what is due at the end of each month, and then reports what a program manager wants to
//! see. Nothing is kept beside the store: the report is made from the books alone, so a second run, which only
//! replays, prints the same figures.

mod args;
mod books;
mod chart;
mod error;
mod explain;
mod import;
mod ladders;
mod open;
mod program;
mod progress;
mod purchases;
mod report;
mod summary;
mod table;

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use rewards_core::ids::TenantId;
use rewards_core::time::{Timestamp, Zone};
use rewards_storage::engine::{BookReport, Clock, Engine, ManualClock};

pub use args::Args;
pub use books::Position;
pub use error::QuickstartError;
pub use import::Imported;
pub use program::{load_program, parse_program};

use books::Books;
use import::Importer;
use ladders::LadderBook;
use report::Report;

/// How many commands one commit takes: an import wants large commits and has nobody waiting for the single answer.
const BATCH: usize = 1_000;

/// What a run did and found.
#[derive(Debug)]
pub struct Outcome {
    /// What the import did.
    pub imported: Imported,
    /// Where each asset stands at the end, in asset order.
    pub positions: Vec<Position>,
    /// What the audit of the books found.
    pub verified: BookReport,
}

/// Runs the whole example and writes what it does and finds to `out`.
///
/// # Errors
/// [`QuickstartError`] with a stable code: the arguments, the files, the program, the store or the engine; and
/// `books_invalid` when the audit finds anything.
pub async fn run(args: &Args, out: &mut dyn Write) -> Result<Outcome, QuickstartError> {
    let program = load_program(&args.program_path())?;
    let purchases = purchases::read(&args.data_path(), &program, args.limit)?;
    let Some(first) = purchases.first() else {
        return Err(QuickstartError::Empty(args.data_path()));
    };
    let start = program.zone.day_start(first.day);
    open::make_folder(&args.output_path())?;
    let opened = open::open(args).await?;
    let backend = Arc::clone(&opened.backend);
    summary::opening(out, args, &program, &purchases, &opened.place)?;

    let clock = Arc::new(ManualClock::new(start));
    let engine = Engine::builder(Arc::clone(&backend))
        .clock(Arc::clone(&clock) as Arc<dyn Clock>)
        .batch_max(BATCH)
        // Purchases of long ago are recorded at their own time, and the clock follows day by day.
        .now_ahead_max(Duration::MAX)
        .open()
        .await?;
    let tenant = engine.tenant(TenantId::new("cd-shop")?);
    program::publish(&tenant, &program, start).await?;
    let importer = Importer {
        tenant: &tenant,
        clock: &clock,
        program: &program,
    };
    let imported = importer.import(&purchases, out).await?;

    let books = Books::read(&*backend, tenant.tenant(), &program).await?;
    let ladders = LadderBook::read_all(&*backend, tenant.tenant(), &program).await?;
    let report = Report {
        program: &program,
        tenant: &tenant,
        books: &books,
        ladders: &ladders,
        imported: &imported,
        today: clock.now(),
    };
    report.figures(out)?;
    report.example(out).await?;
    let picture = args.output_path().join("cashback.svg");
    chart::draw(&picture, &program, &books, &ladders)?;
    let verified = report.verification(out, &engine).await?;
    summary::closing(out, args, &picture)?;
    engine.close().await;
    opened.close().await?;
    if !verified.is_valid() {
        return Err(QuickstartError::Invalid(verified.problems.len()));
    }
    Ok(Outcome {
        imported,
        positions: books.positions(),
        verified,
    })
}

/// The local day that an instant ends or lies in: what happens at the first instant of a day, such as an expiry at the
/// end of a month, belongs to the day that ends there.
fn closing_day(zone: Zone, at: Timestamp) -> i32 {
    let before = at.checked_add_micros(-1).unwrap_or(at);
    zone.local(before).day
}
