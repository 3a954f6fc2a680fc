//! A seeded simulation of a busy deployment, with an auditor.
//!
//! Several engines share one store that loses acknowledgements, fails, conflicts, tears groups and is late. Hundreds of
//! impatient clients of several tenants send commands, drop them, send them again, reuse keys, and fight for the same
//! budgets; consumers take events and lose their leases; engines are closed in mid-work. At quiet moments, and at the
//! end, the [auditor] holds the books against everything that was acknowledged.
//!
//! Everything follows from the seed. In memory, on one thread and paused time, a seed repeats the very run; on a
//! database the interleaving is the machine's, and the seed repeats the orders and the faults, but for what follows from what was
//! answered: which redemption is captured, released or cancelled, and at which price a purchase is recorded.

pub mod auditor;
pub mod books;
pub mod broken;
mod clients;
pub mod command;
mod evidence;
mod keys;
mod mix;
pub mod model;
mod named;
mod orders;
mod paid;
mod processes;
mod programs;
mod random;
mod redemptions;
mod returned;
mod reviews;
mod runner;
mod tokens;
pub mod workload;

use std::error::Error;
use std::fmt;

use rewards_core::ids::TenantId;
use rewards_core::time::Timestamp;

pub use clients::{Site, World, drain};
pub use evidence::{Evidence, Tally};
pub use keys::key_ring;
pub use mix::Scope;
pub use processes::{Answer, CLOCKS_DIFFER_MAX, Line, process_script};
pub use programs::documents;
pub use random::Random;
pub use runner::{Deployment, PATIENCE, run};

use auditor::Problem;
use workload::{HOUR, Script};

/// Why a simulation could not be carried on, or what it found.
pub type Failed = Box<dyn Error + Send + Sync>;

/// How much happens in a simulation, and how much goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scenario {
    /// Where all draws begin.
    pub seed: u64,
    /// How many tenants there are.
    pub tenants: u64,
    /// How many members each tenant has.
    pub members: u64,
    /// How many clients send orders at the same time.
    pub clients: u64,
    /// How many engines they have to choose from.
    pub engines: u64,
    /// How many times everybody rests and the books are audited.
    pub rounds: u64,
    /// How many orders each client gives in a round.
    pub orders: u64,
    /// Whether the store fails on purpose.
    pub faults: bool,
    /// Whether worse happens, too: calls hang, the store refuses and cannot read rows, clocks go back, and programs are
    /// published and sweeps run in mid-work. Programs compile on a thread of their own, so such a run does not repeat.
    pub mayhem: bool,
    /// How many lots one member of each tenant is given beforehand, one by one.
    pub lots: u64,
    /// How much of what the engine can do is ordered.
    pub scope: Scope,
}

impl Scenario {
    /// Hundreds of clients on four engines over a store that fails all the time.
    #[must_use]
    pub const fn stormy(seed: u64) -> Self {
        Self {
            seed,
            tenants: 2,
            members: 20,
            clients: 200,
            engines: 4,
            rounds: 3,
            orders: 5,
            faults: true,
            mayhem: false,
            lots: 0,
            scope: Scope::Recalculated,
        }
    }

    /// A storm in which anything can happen, and a member with more lots due at once than one command settles.
    #[must_use]
    pub const fn wild(seed: u64) -> Self {
        Self {
            mayhem: true,
            lots: 1_100,
            ..Self::stormy(seed)
        }
    }

    /// The same in small, for stores that take their time.
    #[must_use]
    pub const fn breezy(seed: u64) -> Self {
        Self {
            clients: 48,
            members: 10,
            engines: 3,
            rounds: 2,
            lots: 0,
            ..Self::wild(seed)
        }
    }

    /// A small quiet deployment, for auditors that are to be put to the test themselves.
    #[must_use]
    pub const fn calm(seed: u64) -> Self {
        Self {
            clients: 40,
            members: 8,
            engines: 1,
            rounds: 1,
            orders: 12,
            faults: false,
            ..Self::stormy(seed)
        }
    }

    /// The same world, in which every operation is ordered that there is, of more members, because some of them leave.
    #[must_use]
    pub const fn with_everything(self) -> Self {
        Self {
            members: self.members.saturating_mul(2),
            scope: Scope::Everything,
            ..self
        }
    }

    /// All orders of the simulation.
    ///
    /// # Errors
    /// When an id cannot be made, which is a mistake here.
    pub fn script(&self) -> Result<Script, Failed> {
        let names = ["acme", "bolt", "coil", "dune"].into_iter();
        let tenants = names
            .take(usize::try_from(self.tenants)?)
            .map(TenantId::new)
            .collect::<Result<_, _>>()?;
        Ok(Script {
            seed: self.seed,
            tenants,
            members: self.members,
            clients: self.clients,
            start: Timestamp::parse("2026-03-20T09:00:00Z")?,
            step: 11 * HOUR,
            scope: self.scope,
        })
    }
}

/// What an auditor found, and how to see it again.
#[derive(Debug)]
pub struct Failure {
    /// The simulation.
    pub scenario: Scenario,
    /// When it was found.
    pub moment: String,
    /// What was found.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seed = self.scenario.seed;
        writeln!(
            f,
            "seed {seed}, {}: {} problems",
            self.moment,
            self.problems.len()
        )?;
        writeln!(
            f,
            "reproduce with: REWARDS_SIM_SEED={seed} cargo test -p rewards-tests --test all -- simulation"
        )?;
        for problem in self.problems.iter().take(20) {
            writeln!(f, "  {problem}")?;
        }
        Ok(())
    }
}

impl Error for Failure {}

/// The seeds to run: the one that `REWARDS_SIM_SEED` names, or else as many from 1 on as `REWARDS_SIM_SEEDS` says, or
/// else `count`.
///
/// # Errors
/// When a variable is no number.
pub fn seeds(count: u64) -> Result<Vec<u64>, Failed> {
    if let Ok(seed) = std::env::var("REWARDS_SIM_SEED") {
        return Ok(vec![seed.parse()?]);
    }
    let count = match std::env::var("REWARDS_SIM_SEEDS") {
        Ok(seeds) => seeds.parse()?,
        Err(_) => count,
    };
    Ok((1..=count).collect())
}
