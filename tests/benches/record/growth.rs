//! P15: what recording a purchase costs with 10⁴, 10⁵ and 10⁶ members, and how much memory the process takes.
//!
//! Each number of members has a file of its own, and each measurement a process of its own, which opens the file, warms up,
//! and records. So what registering the members leaves behind (memory, pages to write) is not measured, and the sizes
//! take turns on a machine that is not always equally fast.
//!
//! A bare set-based loop does the same on files with as many members. SQLite writes whole pages, and the more members
//! there are, the fewer purchases share one: what the bare loop loses is not the engine's to win back.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::Options;
use super::engine::Host;
use super::report::Report;
use super::rows::Template;
use super::sqlite::{Loop, connect, read_template};

const SIZES: [u32; 3] = [10_000, 100_000, 1_000_000];
const CALLERS: usize = 256;
const SET: u64 = 256;
const WARM_UP_SECONDS: u64 = 1;

/// A file with members, and the bare loop's file with as many.
struct Grown {
    members: u32,
    file: PathBuf,
    bare: Loop,
    next: u64,
}

/// What a process is told to measure.
#[derive(Debug, Serialize, Deserialize)]
struct Task {
    file: PathBuf,
    members: u32,
    next: u64,
}

/// What it found out.
#[derive(Debug, Serialize, Deserialize)]
struct Found {
    per_second: f64,
    p99_ms: f64,
    /// Processor time of the process for each purchase.
    cpu_us: f64,
    /// What the process wrote for each purchase, into the log and into the database.
    written_kb: f64,
    resident_mb: f64,
    next: u64,
}

/// Measures the sizes in turn.
pub async fn run(options: &Options, report: &mut Report) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let mut template = None;
    let mut sizes = Vec::new();
    for members in SIZES {
        eprintln!("growth: {members} members");
        sizes.push(prepare(folder.path(), members, &mut template).await?);
    }
    for round in 0..options.rounds {
        eprintln!("growth round {} of {}", round + 1, options.rounds);
        for grown in &mut sizes {
            grown.measure(options, report).await?;
        }
    }
    goals(report);
    for grown in &sizes {
        Host::open(&url(&grown.file)).await?.check().await?;
    }
    Ok(())
}

fn goals(report: &mut Report) {
    let at = |size: usize, figure: &str| {
        let members = SIZES.get(size).copied().unwrap_or_default();
        report.median(&name(members, figure))
    };
    let engine = at(0, "purchases/s") / at(2, "purchases/s");
    let bare = at(0, "bare loop purchases/s") / at(2, "bare loop purchases/s");
    let cpu = at(2, "CPU µs each") / at(0, "CPU µs each");
    let share = at(2, "purchases/s") / at(2, "bare loop purchases/s");
    let memory = at(2, "resident MB") / at(1, "resident MB");
    report.add("growth, bare loop, cost at 10^6 / at 10^4", bare);
    report.add("growth, engine / bare loop at 10^6 members", share);
    report.goal("P15 cost at 10^6 / at 10^4 members", engine, 1.25, false);
    report.goal("P15 the same, in processor time", cpu, 1.25, false);
    report.goal(
        "P15 cost growth, engine / bare loop",
        engine / bare,
        1.1,
        false,
    );
    report.goal("P15 memory at 10^6 / at 10^5 members", memory, 1.25, false);
}

/// Makes both files of a size and leaves nothing of that to be done later.
async fn prepare(
    folder: &Path,
    members: u32,
    template: &mut Option<Template>,
) -> Result<Grown, Box<dyn Error>> {
    let file = folder.join(format!("engine-{members}.db"));
    let host = Host::open(&url(&file)).await?;
    host.prepare(members, 1).await?;
    let sample = host.sample().await?;
    let next = host.next();
    drop(host);
    checkpoint(&file).await?;
    let template = match template {
        Some(template) => template.clone(),
        None => {
            let read = read_template(&mut connect(&file).await?, &sample).await?;
            template.insert(read).clone()
        }
    };
    let bare_file = folder.join(format!("bare-{members}.db"));
    drop(Host::open(&url(&bare_file)).await?);
    let bare = Loop::prepare(&bare_file, template, members, 1).await?;
    checkpoint(&bare_file).await?;
    Ok(Grown {
        members,
        file,
        bare,
        next,
    })
}

impl Grown {
    async fn measure(
        &mut self,
        options: &Options,
        report: &mut Report,
    ) -> Result<(), Box<dyn Error>> {
        let task = Task {
            file: self.file.clone(),
            members: self.members,
            next: self.next,
        };
        let output = Command::new(std::env::current_exe()?)
            .args(["--grown", &serde_json::to_string(&task)?])
            .args(["--seconds", &options.seconds.to_string()])
            .stderr(std::process::Stdio::inherit())
            .output()?;
        let found: Found = serde_json::from_slice(&output.stdout)?;
        self.next = found.next;
        self.bare.run(SET, WARM_UP_SECONDS).await?;
        let bare = self.bare.run(SET, options.seconds).await?;
        for (figure, value) in [
            ("purchases/s", found.per_second),
            ("p99 ms", found.p99_ms),
            ("CPU µs each", found.cpu_us),
            ("KB written each", found.written_kb),
            ("resident MB", found.resident_mb),
            ("database MB", file_mb(&self.file)?),
            ("bare loop purchases/s", bare),
        ] {
            report.add(&name(self.members, figure), value);
        }
        Ok(())
    }
}

/// Measures one size in this process and prints what it found.
pub async fn measure(task: &str, options: &Options) -> Result<(), Box<dyn Error>> {
    let task: Task = serde_json::from_str(task)?;
    let host = Host::open(&url(&task.file)).await?;
    host.resume(task.members, task.next);
    host.run(CALLERS, 1, WARM_UP_SECONDS).await?;
    let (first, cpu, written) = (host.next(), cpu_us()?, written_kb()?);
    let run = host.run(CALLERS, 1, options.seconds).await?;
    let purchases = (host.next() - first) as f64;
    let found = Found {
        per_second: run.per_second,
        p99_ms: run.p99_ms,
        cpu_us: (cpu_us()? - cpu) / purchases,
        written_kb: (written_kb()? - written) / purchases,
        resident_mb: value("/proc/self/status", "VmRSS:")? / 1_024.0,
        next: host.next(),
    };
    println!("{}", serde_json::to_string(&found)?);
    Ok(())
}

/// Brings everything from the log into the database, down to the disk.
async fn checkpoint(file: &Path) -> Result<(), Box<dyn Error>> {
    let mut connection = connect(file).await?;
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .execute(&mut connection)
        .await?;
    Ok(())
}

fn name(members: u32, figure: &str) -> String {
    format!("growth, {members} members, {figure}")
}

fn url(file: &Path) -> String {
    format!("sqlite:///{}", file.display())
}

fn file_mb(file: &Path) -> Result<f64, Box<dyn Error>> {
    Ok(std::fs::metadata(file)?.len() as f64 / 1_048_576.0)
}

/// Processor time of this process so far, in microseconds; the kernel counts hundredths of a second.
fn cpu_us() -> Result<f64, Box<dyn Error>> {
    let line = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = line.rsplit_once(')').ok_or("no name")?;
    let times = fields.split_whitespace().skip(11).take(2);
    let ticks: Vec<f64> = times.map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() * 10_000.0)
}

fn written_kb() -> Result<f64, Box<dyn Error>> {
    Ok(value("/proc/self/io", "wchar:")? / 1_024.0)
}

/// A number from one of the kernel's files about this process.
fn value(file: &str, name: &str) -> Result<f64, Box<dyn Error>> {
    let content = std::fs::read_to_string(file)?;
    let line = content.lines().find(|line| line.starts_with(name));
    let value = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(value.ok_or("no value")?.parse()?)
}
