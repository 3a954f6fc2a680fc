//! P15: what recording a purchase costs with 10⁴, 10⁵ and 10⁶ members, and how much memory the process takes.

use std::error::Error;

use super::Options;
use super::engine::Host;
use super::report::Report;

const SIZES: [u32; 3] = [10_000, 100_000, 1_000_000];
const CALLERS: usize = 256;

/// Measures at growing numbers of members, on one SQLite file.
pub async fn run(options: &Options, report: &mut Report) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite://{}", folder.path().join("growth.db").display());
    let host = Host::open(&url).await?;
    host.prepare(SIZES[0], 1).await?;
    for size in SIZES {
        eprintln!("growth: {size} members");
        host.register(size).await?;
        for _ in 0..options.rounds {
            let run = host.run(CALLERS, 1, options.seconds).await?;
            report.add(
                &format!("growth, {size} members, purchases/s"),
                run.per_second,
            );
            report.add(
                &format!("growth, {size} members, resident MB"),
                resident_mb()?,
            );
        }
    }
    let rate = |size: u32| report.median(&format!("growth, {size} members, purchases/s"));
    let cost = rate(SIZES[0]) / rate(SIZES[2]);
    let memory = |size: u32| report.median(&format!("growth, {size} members, resident MB"));
    let grown = memory(SIZES[2]) / memory(SIZES[1]);
    report.goal("P15 cost at 10^6 / cost at 10^4 members", cost, 1.25, false);
    report.goal("P15 memory at 10^6 / at 10^5 members", grown, 1.25, false);
    host.check().await
}

/// Resident memory of this process in megabytes.
pub fn resident_mb() -> Result<f64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .ok_or("no VmRSS")?;
    let kilobytes: f64 = line.split_whitespace().nth(1).ok_or("no value")?.parse()?;
    Ok(kilobytes / 1_024.0)
}
