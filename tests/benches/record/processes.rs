//! P19: the same 256 callers in one, two and four processes on one PostgreSQL, ten thousand members, one budget for all.
//!
//! Each process is this program again; they start together and stop together. What is compared is what all of them record
//! in a second, in the same run, in turn.

use std::error::Error;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::engine::Host;
use super::report::Report;
use super::{MEMBERS, Options};

const CALLERS: usize = 256;
const PROCESSES: [usize; 3] = [1, 2, 4];
/// Numbers of purchases that one process may use, so that no two record the same.
const NUMBERS: u64 = 1_000_000_000;
/// How long the processes have until they start together.
const HEAD_START: Duration = Duration::from_secs(2);

/// What a process is told to do.
#[derive(Debug, Serialize, Deserialize)]
struct Task {
    url: String,
    callers: usize,
    next: u64,
    start_at_ms: u64,
}

/// What it found out.
#[derive(Debug, Serialize, Deserialize)]
struct Found {
    per_second: f64,
    p99_ms: f64,
}

/// Measures the numbers of processes in turn.
pub async fn run(options: &Options, report: &mut Report) -> Result<(), Box<dyn Error>> {
    let cluster = rewards_tests::postgres::Cluster::start()?;
    let url = cluster.database()?;
    let host = Host::open(&url).await?;
    host.prepare(MEMBERS, 1).await?;
    super::warm_up(&sqlx::PgPool::connect(&url).await?).await?;
    let mut next = NUMBERS;
    for round in 0..options.rounds {
        eprintln!("processes round {} of {}", round + 1, options.rounds);
        for count in PROCESSES {
            let found = together(&url, count, &mut next, options)?;
            let rate = found.iter().map(|found| found.per_second).sum();
            let p99 = found.iter().map(|found| found.p99_ms).fold(0.0, f64::max);
            report.add(&format!("processes, {count}, purchases/s together"), rate);
            report.add(&format!("processes, {count}, p99 ms"), p99);
        }
    }
    let rate = |count: usize| format!("processes, {count}, purchases/s together");
    let one = report.median(&rate(1));
    for (count, goal) in [(2, 0.9), (4, 0.8)] {
        let share = report.median(&rate(count)) / one;
        report.goal(&format!("P19 {count} processes / one"), share, goal, true);
    }
    host.check().await
}

fn together(
    url: &str,
    count: usize,
    next: &mut u64,
    options: &Options,
) -> Result<Vec<Found>, Box<dyn Error>> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let start_at_ms = u64::try_from((since + HEAD_START).as_millis())?;
    let mut children: Vec<Child> = Vec::new();
    for _ in 0..count {
        let task = Task {
            url: url.to_owned(),
            callers: CALLERS / count,
            next: *next,
            start_at_ms,
        };
        *next += NUMBERS;
        let child = Command::new(std::env::current_exe()?)
            .args(["--worker", &serde_json::to_string(&task)?])
            .args(["--seconds", &options.seconds.to_string()])
            .stdout(Stdio::piped())
            .spawn()?;
        children.push(child);
    }
    let mut found = Vec::new();
    for child in children {
        let output = child.wait_with_output()?;
        found.push(serde_json::from_slice(&output.stdout)?);
    }
    Ok(found)
}

/// One of the processes: waits for the common start, records, and prints what it reached.
pub async fn work(task: &str, options: &Options) -> Result<(), Box<dyn Error>> {
    let task: Task = serde_json::from_str(task)?;
    let host = Host::open(&task.url).await?;
    host.resume(MEMBERS, task.next);
    let start = UNIX_EPOCH + Duration::from_millis(task.start_at_ms);
    let left = start.duration_since(SystemTime::now()).unwrap_or_default();
    tokio::time::sleep(left).await;
    let run = host.run(task.callers, 1, options.seconds).await?;
    let found = Found {
        per_second: run.per_second,
        p99_ms: run.p99_ms,
    };
    println!("{}", serde_json::to_string(&found)?);
    Ok(())
}
