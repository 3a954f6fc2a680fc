//! Progress: a bar on a terminal, a line for each month elsewhere.

use std::io::{self, IsTerminal, Write};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

use super::table::grouped;

const TEMPLATE: &str =
    "  {msg} [{bar:40}] {human_pos}/{human_len} purchases, {per_sec}, ready in {eta}";

/// How far the import is.
#[derive(Debug)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    started: Instant,
    done: u64,
}

impl Progress {
    pub fn new(total: usize) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(u64::try_from(total).unwrap_or(u64::MAX));
            if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
                bar.set_style(style.progress_chars("=> "));
            }
            bar
        });
        Self {
            bar,
            started: Instant::now(),
            done: 0,
        }
    }

    /// A month begins.
    pub fn month(&self, month: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(month.to_owned());
        }
    }

    /// So many more purchases are done.
    pub fn advance(&mut self, purchases: usize) {
        let purchases = u64::try_from(purchases).unwrap_or_default();
        self.done = self.done.saturating_add(purchases);
        if let Some(bar) = &self.bar {
            bar.inc(purchases);
        }
    }

    /// A month has ended.
    pub fn month_ended(&self, month: &str, out: &mut dyn Write) -> io::Result<()> {
        if self.bar.is_some() {
            return Ok(());
        }
        let done = grouped(&self.done.to_string());
        let rate = per_second(self.done, self.started.elapsed().as_secs_f64());
        writeln!(out, "  {month}  {done:>7} purchases, {rate} per second")
    }

    /// Takes the bar away.
    pub fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A rate as a whole number with separators.
pub(super) fn per_second(count: u64, seconds: f64) -> String {
    let seconds = seconds.max(1e-6);
    // A count below 2^53 is exact.
    let rate = format!("{:.0}", count as f64 / seconds);
    grouped(&rate)
}
