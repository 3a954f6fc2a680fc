//! What `tracing` and `metrics` cost while nothing is installed: the calls of one command, beside the command itself.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use metrics::{Counter, Histogram, counter, histogram};

use super::Options;
use super::engine::Host;
use super::report::Report;

const CALLS: u32 = 1_000_000;
const CALLERS: usize = 64;

/// Measures both in turn. The engine works on memory, where a command costs least.
pub async fn run(options: &Options, report: &mut Report) -> Result<(), Box<dyn Error>> {
    let host = Host::in_memory().await?;
    host.prepare(super::MEMBERS, 1).await?;
    for _ in 0..options.rounds {
        let run = host.run(CALLERS, 1, options.seconds.min(2)).await?;
        report.add("command on memory, µs", 1e6 / run.per_second);
        report.add(
            "its spans and metrics, nothing installed, µs",
            calls() / 1_000.0,
        );
    }
    let command = report.median("command on memory, µs");
    let spans = report.median("its spans and metrics, nothing installed, µs");
    report.goal("spans and metrics / command", spans / command, 0.01, false);
    host.check().await
}

/// Nanoseconds of what the engine and a store do for one command: two spans, a counter, two histograms.
fn calls() -> f64 {
    let total: Counter =
        counter!("bench_commands_total", "operation" => "record_purchase", "outcome" => "ok");
    let seconds: Histogram =
        histogram!("bench_command_seconds", "operation" => "record_purchase", "outcome" => "ok");
    let started = Instant::now();
    for call in 0..CALLS {
        let command = tracing::debug_span!("rewards.command", operation = "record_purchase");
        let commit = tracing::debug_span!("rewards.store.commit", batches = call);
        total.increment(1);
        seconds.record(black_box(0.001));
        seconds.record(black_box(f64::from(call)));
        black_box((&command, &commit));
    }
    started.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
}
