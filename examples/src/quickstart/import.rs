//! The import: purchases in the order of their days, each decided as of its own instant.
//!
//! It is one ordered run: who of several members gets the last of the welcome budget follows from the data alone, so every
//! machine grants the same cent to the same member.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::time::{Duration, Instant};

use rewards_core::ids::MemberId;
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::purchases::{RecordPurchase, RecordedPurchase};
use rewards_core::program::Program;
use rewards_core::rejection::{Fault, FaultKind};
use rewards_core::time::{LocalDate, Timestamp};
use rewards_storage::engine::{CommandOptions, ManualClock, OrderedRun, Receipt, TenantEngine};

use super::QuickstartError;
use super::progress::Progress;
use super::purchases::Row;

/// After how many purchases the progress is shown.
const PROGRESS_ROWS: usize = 4_000;

/// What the import did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// Rows read.
    pub rows: u64,
    /// Purchases that were recorded now.
    pub recorded: u64,
    /// Purchases that had been recorded before.
    pub replayed: u64,
    /// Purchases that were refused, by code.
    pub refused: BTreeMap<String, u64>,
    /// Members that were registered now.
    pub registered: u64,
    /// Members in all.
    pub members: u64,
    /// Month ends at which what was due was carried out.
    pub sweeps: u64,
    /// Members for whom something was due, over all month ends.
    pub settled: u64,
    /// How long all of it took.
    pub elapsed: Duration,
    /// How long the month ends took of that.
    pub settling: Duration,
}

/// Hands purchases to the engine.
#[derive(Debug)]
pub(super) struct Importer<'a> {
    pub tenant: &'a TenantEngine,
    pub clock: &'a ManualClock,
    pub program: &'a Program,
}

impl Importer<'_> {
    /// Records all purchases, month by month, and carries out what is due at the end of each month.
    pub async fn import(
        &self,
        rows: &[Row],
        out: &mut dyn Write,
    ) -> Result<Imported, QuickstartError> {
        let started = Instant::now();
        let mut progress = Progress::new(rows.len());
        let mut imported = Imported::default();
        let mut known = BTreeSet::new();
        let mut run = self.tenant.ordered_run();
        for month in rows.chunk_by(|a, b| month_of(a.day) == month_of(b.day)) {
            let Some(last) = month.last() else { continue };
            let name = month_name(last.day);
            progress.month(&name);
            for part in month.chunks(PROGRESS_ROWS) {
                hand_in(&mut run, part, &mut known, &mut imported).await?;
                progress.advance(part.len());
            }
            let end = self.month_end(last.day)?;
            self.clock.set(end);
            let settling = Instant::now();
            let sweep = run.settle_due(Some(end)).await?;
            if let Some((_, fault)) = sweep.failed.into_iter().next() {
                return Err(fault.into());
            }
            imported.settling = imported.settling.saturating_add(settling.elapsed());
            imported.sweeps = imported.sweeps.saturating_add(1);
            imported.settled = imported.settled.saturating_add(sweep.members);
            progress.month_ended(&name, out)?;
        }
        progress.finish();
        imported.members = count(known.len());
        imported.elapsed = started.elapsed();
        Ok(imported)
    }

    /// The first instant after the month of a day.
    fn month_end(&self, day: i32) -> Result<Timestamp, QuickstartError> {
        let (year, month, _) = LocalDate::from_day(day)?.ymd();
        let (year, month) = match month {
            12 => (year.saturating_add(1), 1),
            _ => (year, month.saturating_add(1)),
        };
        let next = LocalDate::from_ymd(year, month, 1)?;
        Ok(self.program.zone.day_start(next.day()))
    }
}

/// Registers members before their first purchases and records all purchases, in the order of the rows.
async fn hand_in(
    run: &mut OrderedRun,
    rows: &[Row],
    known: &mut BTreeSet<MemberId>,
    imported: &mut Imported,
) -> Result<(), QuickstartError> {
    let (mut registrations, mut purchases) = (Vec::new(), Vec::with_capacity(rows.len()));
    for row in rows {
        let at = row.purchase.occurred_at;
        if known.insert(row.purchase.member.clone()) {
            let request = RegisterMember {
                registered_at: Some(at),
                ..RegisterMember::new(row.purchase.member.clone())
            };
            registrations.push(run.push(request, as_of(at)).await);
        }
        let request = RecordPurchase::new(row.purchase.clone());
        purchases.push(run.push(request, as_of(at)).await);
    }
    for receipt in registrations {
        if !receipt.receipt().await?.replayed {
            imported.registered = imported.registered.saturating_add(1);
        }
    }
    for receipt in purchases {
        imported.take(receipt.receipt().await)?;
    }
    Ok(())
}

impl Imported {
    /// Counts a purchase. One that is refused stops nothing; it is counted by its code.
    fn take(
        &mut self,
        outcome: Result<Receipt<RecordedPurchase>, Fault>,
    ) -> Result<(), QuickstartError> {
        self.rows = self.rows.saturating_add(1);
        let counter = match outcome {
            Ok(Receipt { replayed: true, .. }) => &mut self.replayed,
            Ok(_) => &mut self.recorded,
            Err(fault) => self.refused.entry(refusal(fault)?).or_default(),
        };
        *counter = counter.saturating_add(1);
        Ok(())
    }
}

/// The code under which a refused purchase is counted; a fault of the store or the engine ends the import.
fn refusal(fault: Fault) -> Result<String, Fault> {
    match fault.kind {
        FaultKind::Unavailable | FaultKind::Internal => Err(fault),
        FaultKind::Invalid => {
            let codes: Vec<&str> = fault.problems.iter().map(|p| p.code.as_ref()).collect();
            Ok(format!("{}: {}", fault.code, codes.join(", ")))
        }
        FaultKind::Rejected | FaultKind::Conflict => Ok(fault.code.into_owned()),
    }
}

fn as_of(at: Timestamp) -> CommandOptions {
    CommandOptions {
        key: None,
        now: Some(at),
    }
}

/// Year and month of a local day.
pub(super) fn month_of(day: i32) -> Option<(i32, u32)> {
    let (year, month, _) = LocalDate::from_day(day).ok()?.ymd();
    Some((year, month))
}

/// A month as text, such as `1997-03`.
pub(super) fn month_name(day: i32) -> String {
    month_of(day).map_or_else(String::new, |(year, month)| format!("{year}-{month:02}"))
}

pub(super) fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
