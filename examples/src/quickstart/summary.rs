//! What frames the report: what goes in, how the import went, and where to look next.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use rewards_core::program::Program;

use super::Args;
use super::args::shown;
use super::import::Imported;
use super::progress::per_second;
use super::purchases::Row;
use super::report::date;
use super::table::{Table, grouped, heading};

/// What is about to happen.
pub(super) fn opening(
    out: &mut dyn Write,
    args: &Args,
    program: &Program,
    purchases: &[Row],
    place: &str,
) -> io::Result<()> {
    let name = program.name.as_deref().unwrap_or(program.id.as_str());
    let rows = grouped(&purchases.len().to_string());
    let day = |row: Option<&Row>| row.map_or_else(String::new, |row| date(row.day));
    writeln!(
        out,
        "Program    {name}, from {}",
        shown(&args.program_path())
    )?;
    writeln!(
        out,
        "Purchases  {rows} from {} to {}, from {}",
        day(purchases.first()),
        day(purchases.last()),
        shown(&args.data_path())
    )?;
    writeln!(out, "Store      {place}")?;
    heading(out, "Import")
}

/// Where to look next.
pub(super) fn closing(out: &mut dyn Write, args: &Args, picture: &Path) -> io::Result<()> {
    writeln!(out, "\nThe picture of it all: {}", shown(picture))?;
    if args.memory {
        return Ok(());
    }
    writeln!(
        out,
        "Run it again: everything is replayed and nothing happens twice."
    )
}

/// What the import did, and how fast.
pub(super) fn import(out: &mut dyn Write, done: &Imported) -> io::Result<()> {
    let number = |value: u64| grouped(&value.to_string());
    let seconds = |duration: Duration| duration.as_secs_f64();
    let recording = done.elapsed.saturating_sub(done.settling);
    writeln!(
        out,
        "  {} purchases in {:.1} s: {} per second",
        number(done.rows),
        seconds(done.elapsed),
        per_second(done.rows, seconds(done.elapsed)),
    )?;
    writeln!(
        out,
        "  Of that, registering {} members and recording took {:.1} s: {} purchases per second.",
        number(done.members),
        seconds(recording),
        per_second(done.rows, seconds(recording)),
    )?;
    writeln!(
        out,
        "  {} month ends took {:.1} s and found something due for members {} times.",
        done.sweeps,
        seconds(done.settling),
        number(done.settled),
    )?;
    writeln!(out)?;
    let mut table = Table::new(1, ["purchases", "rows"]);
    table.row(["recorded now".to_owned(), number(done.recorded)]);
    table.row([
        "replayed, without a second effect".to_owned(),
        number(done.replayed),
    ]);
    for (code, rows) in &done.refused {
        table.row([format!("refused, {code}"), number(*rows)]);
    }
    table.row(["all".to_owned(), number(done.rows)]);
    table.write(out)?;
    writeln!(
        out,
        "\n  {} new, {} replayed. Members: {} registered now, {} in all.",
        number(done.recorded),
        number(done.replayed),
        number(done.registered),
        number(done.members),
    )
}
