//! P15: what recording costs as one member's purchases grow from hundreds to a hundred thousand, in one SQLite file.

use std::error::Error;

use super::Options;
use super::engine::Host;
use super::report::Report;

const CALLERS: usize = 256;
/// Where the rate is looked at: after so many purchases of the member.
const AFTER: [u64; 4] = [100, 1_000, 10_000, 100_000];
const LOOK_SECONDS: u64 = 1;
const ROUNDS_MAX: usize = 3;

/// Lets one member buy, in a new file each round.
pub async fn run(options: &Options, report: &mut Report) -> Result<(), Box<dyn Error>> {
    for round in 0..options.rounds.min(ROUNDS_MAX) {
        eprintln!("one member round {}", round + 1);
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("engine.db");
        let host = Host::open(&format!("sqlite:///{}", file.display())).await?;
        host.prepare(1, 1).await?;
        for after in AFTER {
            while host.next() < after {
                host.run(CALLERS, 1, LOOK_SECONDS).await?;
            }
            let run = host.run(CALLERS, 1, LOOK_SECONDS).await?;
            report.add(&name(after), run.per_second);
        }
        host.check().await?;
    }
    let [first, .., last] = AFTER.map(|after| report.median(&name(after)));
    report.goal(
        "P15 cost at 10^5 / at 10^2 purchases of one member",
        first / last,
        1.25,
        false,
    );
    Ok(())
}

fn name(after: u64) -> String {
    format!("one member, after {after} purchases, purchases/s")
}
