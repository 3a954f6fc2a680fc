//! Interleaved rounds: A B C, A B C …, so that a noisy machine is noisy for everybody.

use std::error::Error;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How many rounds are measured.
pub const ROUNDS: usize = 9;
/// How long a contestant runs in a round, at least.
const ROUND_TIME: Duration = Duration::from_millis(60);

/// What can go wrong in a contestant.
pub type Outcome = Result<(), Box<dyn Error>>;

/// Something that is measured: one run does a fixed number of units of work.
pub struct Contestant<'a> {
    name: &'static str,
    run: Box<dyn FnMut() -> Outcome + 'a>,
}

impl<'a> Contestant<'a> {
    /// A contestant with a name.
    pub fn new(name: &'static str, run: impl FnMut() -> Outcome + 'a) -> Self {
        Self {
            name,
            run: Box::new(run),
        }
    }

    fn time(&mut self, runs: u32) -> Result<Duration, Box<dyn Error>> {
        let start = Instant::now();
        for _ in 0..runs {
            (self.run)()?;
        }
        Ok(start.elapsed())
    }
}

/// The times of one contestant for one unit of work, in nanoseconds.
#[derive(Debug)]
pub struct Series {
    /// The contestant.
    pub name: &'static str,
    sorted: Vec<f64>,
}

impl Series {
    /// The median.
    pub fn median(&self) -> f64 {
        self.sorted
            .get(self.sorted.len() / 2)
            .copied()
            .unwrap_or(f64::NAN)
    }

    /// The fastest round.
    pub fn least(&self) -> f64 {
        self.sorted.first().copied().unwrap_or(f64::NAN)
    }

    /// The slowest round.
    pub fn most(&self) -> f64 {
        self.sorted.last().copied().unwrap_or(f64::NAN)
    }

    /// The series as JSON.
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "median_ns": self.median(),
            "min_ns": self.least(),
            "max_ns": self.most(),
        })
    }
}

/// Measures contestants in turns. Every run of a contestant does `units` units of work.
pub fn interleave(
    units: u32,
    mut contestants: Vec<Contestant<'_>>,
) -> Result<Vec<Series>, Box<dyn Error>> {
    let mut repeats = Vec::new();
    for contestant in &mut contestants {
        contestant.time(1)?;
        let once = contestant.time(1)?.as_secs_f64().max(1e-9);
        let wanted =
            (1_u32..10_000).find(|runs| f64::from(*runs) * once >= ROUND_TIME.as_secs_f64());
        repeats.push(wanted.unwrap_or(10_000));
    }
    let mut times = vec![Vec::new(); contestants.len()];
    for _ in 0..ROUNDS {
        for ((contestant, repeats), times) in contestants.iter_mut().zip(&repeats).zip(&mut times) {
            let took = contestant.time(*repeats)?.as_secs_f64();
            times.push(took * 1e9 / (f64::from(*repeats) * f64::from(units)));
        }
    }
    let series = contestants
        .iter()
        .zip(times)
        .map(|(contestant, mut times)| {
            times.sort_by(f64::total_cmp);
            Series {
                name: contestant.name,
                sorted: times,
            }
        });
    Ok(series.collect())
}

/// The memory that the process holds, in kilobytes, where the system tells.
pub fn resident_kilobytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
