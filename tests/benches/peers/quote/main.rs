//! How fast a purchase is quoted, against a compiled decision table and against what can be written manually.
//!
//! `cargo bench --manifest-path tests/benches/peers/Cargo.toml --bench quote` checks that all engines agree, measures them
//! in interleaved rounds, prints one table and writes `target/bench/quote.json`.
#![allow(
    missing_docs,
    reason = "a program of its own, with the docs a reader of its code needs"
)]

mod floor;
mod measure;
mod workload;
mod zen;

use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use floor::{Floor, Sum};
use measure::{Contestant, Outcome, Series, interleave, resident_kilobytes};
use rewards_core::cashback::{
    Evaluation, Facts, NoTrace, Purchase, Standing, Steps, Values, evaluate,
};
use rewards_core::command::Operation;
use rewards_core::context::{Context, Revisions};
use rewards_core::ids::{IdSeed, MemberId, TenantId};
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::purchases::QuotePurchase;
use rewards_core::program::CompiledProgram;
use rewards_core::snapshot::Snapshot;
use rewards_core::tiers::benefits;
use rewards_core::time::Timestamp;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use workload::{NoFacts, PURCHASES, PlainRule, STANDINGS};
use zen::{Hit, Zen};

const SIZES: [usize; 4] = [10, 100, 1_000, 10_000];
const QUOTES: usize = 10_000_000;

fn main() -> Outcome {
    let mut report = Vec::new();
    println!(
        "{:>6}  {:<34} {:>11} {:>11} {:>11}",
        "rules", "quote a purchase", "median ns", "min", "max"
    );
    let mut medians = Vec::new();
    for size in SIZES {
        let series = quote(size)?;
        print(size, &series);
        medians.push((size, by_name(&series)));
        report.push(json!({ "rules": size, "series": series.iter().map(Series::to_json).collect::<Vec<_>>() }));
    }
    println!("{:>6}  {:<34}", "", "read, check and compile the rules");
    let loading = load(10_000)?;
    print(10_000, &loading);
    let memory = memory(10_000)?;
    println!("{:<60} {:>8} {:>8}", "goal", "ratio", "at most");
    let goals = goals(&medians, &by_name(&loading));
    for goal in &goals {
        println!("{}", goal.line());
    }
    println!(
        "memory over {QUOTES} quotes: {} kB before, {} kB after",
        memory.0, memory.1
    );
    write(&json!({
        "rounds": measure::ROUNDS,
        "quote": report,
        "load": loading.iter().map(Series::to_json).collect::<Vec<_>>(),
        "goals": goals.iter().map(Goal::to_json).collect::<Vec<_>>(),
        "memory": { "quotes": QUOTES, "before_kb": memory.0, "after_kb": memory.1 },
    }))
}

/// Everything one size needs, made outside of what is timed.
struct Stage {
    rules: Vec<PlainRule>,
    program: Arc<CompiledProgram>,
    purchases: Vec<Purchase>,
    facts: NoFacts,
}

impl Stage {
    fn new(size: usize) -> Result<Self, Box<dyn Error>> {
        let rules = workload::plain_rules(size);
        let program = workload::compile(&workload::document(&rules).to_string())?;
        Ok(Self {
            rules,
            program: Arc::new(program),
            purchases: workload::purchases(size)?,
            facts: NoFacts::default(),
        })
    }

    fn standings(&self) -> Vec<Standing<'_>> {
        let standing = |plain: &workload::PlainStanding| {
            let mut used = Values::default();
            used.set(0, plain.used);
            Standing {
                segments: &self.facts.segments,
                attributes: &self.facts.attributes,
                ranks: [plain.rank].into_iter().collect(),
                boost: benefits(
                    self.program
                        .ladders()
                        .iter()
                        .map(|ladder| (ladder, plain.rank)),
                ),
                used,
                activity_counters: Values::default(),
                carried: Values::default(),
                carried_parts: Values::default(),
                offers: Default::default(),
            }
        };
        STANDINGS.iter().map(standing).collect()
    }
}

fn quote(size: usize) -> Result<Vec<Series>, Box<dyn Error>> {
    let stage = Stage::new(size)?;
    let standings = stage.standings();
    let floor = Floor::new(&stage.rules);
    let collect = Zen::load(&zen::document(&stage.rules, Hit::Collect).to_string())?;
    let first = Zen::load(&zen::document(&stage.rules, Hit::First).to_string())?;
    let inputs: Vec<_> = stage.purchases.iter().map(zen::input).collect();
    let runtime = Builder::new_current_thread().build()?;
    check(&stage, &standings, &floor, &collect, &first, &runtime)?;
    let (context, snapshot) = operation_stage(&stage)?;
    let queries: Vec<_> = stage.purchases.iter().map(query).collect();
    let zen = |zen: &Zen| {
        runtime.block_on(async {
            for input in &inputs {
                black_box(zen.evaluate(black_box(input)).await?);
            }
            Ok(())
        })
    };
    let program = &stage.program;
    interleave(
        u32::try_from(PURCHASES)?,
        vec![
            Contestant::new("rewards", || {
                each(&stage, &standings, |purchase, standing| {
                    black_box(ours(program, purchase, standing)?);
                    Ok(())
                })
            }),
            Contestant::new("rewards, with trace", || {
                each(&stage, &standings, |purchase, standing| {
                    let facts = Facts::new(program, purchase);
                    let mut steps = Steps::new();
                    black_box(evaluate(program, &facts, standing, &mut steps)?);
                    black_box(&steps);
                    Ok(())
                })
            }),
            Contestant::new("rewards, whole operation", || {
                for query in &queries {
                    let prepared = query.prepare(&context);
                    let (_, prepared) = prepared.map_err(|rejection| format!("{rejection:?}"))?;
                    let decision = query.decide(&prepared, &snapshot, &context);
                    black_box(decision.map_err(|rejection| format!("{rejection:?}"))?);
                }
                Ok(())
            }),
            Contestant::new("hand-written floor", || {
                for (purchase, plain) in stage.purchases.iter().zip(STANDINGS.iter().cycle()) {
                    black_box(floor.quote(black_box(purchase), plain));
                }
                Ok(())
            }),
            Contestant::new("zen-engine, all rates", || zen(&collect)),
            Contestant::new("zen-engine, best base rate only", || zen(&first)),
        ],
    )
}

fn each(
    stage: &Stage,
    standings: &[Standing<'_>],
    mut quote: impl FnMut(&Purchase, &Standing<'_>) -> Outcome,
) -> Outcome {
    let standings = standings.iter().cycle();
    stage
        .purchases
        .iter()
        .zip(standings)
        .try_for_each(|(purchase, standing)| quote(black_box(purchase), standing))
}

fn ours(
    program: &CompiledProgram,
    purchase: &Purchase,
    standing: &Standing<'_>,
) -> Result<Evaluation, Box<dyn Error>> {
    let facts = Facts::new(program, purchase);
    Ok(evaluate(program, &facts, standing, &mut NoTrace)?)
}

fn total(evaluation: &Evaluation) -> i64 {
    evaluation.grants.iter().map(|grant| grant.granted).sum()
}

/// All engines must agree on every purchase before anything is timed.
fn check(
    stage: &Stage,
    standings: &[Standing<'_>],
    floor: &Floor,
    collect: &Zen,
    first: &Zen,
    runtime: &Runtime,
) -> Outcome {
    let (mut rewarded, mut clipped) = (0, 0);
    let members = STANDINGS.iter().zip(standings).cycle();
    for (purchase, (plain, standing)) in stage.purchases.iter().zip(members) {
        let evaluation = ours(&stage.program, purchase, standing)?;
        let own = total(&evaluation);
        let input = zen::input(purchase);
        let rates = zen::rates(runtime.block_on(collect.evaluate(&input))?);
        let mut sum = Sum::new(purchase.total.minor(), plain);
        rates
            .iter()
            .for_each(|(rate, is_bonus)| sum.add(*rate, *is_bonus));
        let best = rates
            .iter()
            .filter(|(_, is_bonus)| !is_bonus)
            .map(|(rate, _)| *rate)
            .max();
        let only = zen::rates(runtime.block_on(first.evaluate(&input))?);
        let by_hand = floor.quote(purchase, plain);
        if own != by_hand || own != sum.granted() || only.first().map(|(rate, _)| *rate) != best {
            let all = format!("rewards {own}, floor {by_hand}, zen {rates:?} and {only:?}");
            return Err(format!("{} rules, {purchase:?}: {all}", stage.rules.len()).into());
        }
        rewarded += usize::from(evaluation.grants.len() > 1);
        clipped += usize::from(
            evaluation
                .grants
                .iter()
                .any(|grant| grant.clipped_by.is_some()),
        );
    }
    if rewarded < PURCHASES / 5 || clipped < PURCHASES / 50 {
        return Err(format!("a dull stream: {rewarded} with bonus, {clipped} clipped").into());
    }
    Ok(())
}

fn query(purchase: &Purchase) -> QuotePurchase {
    QuotePurchase {
        coupons: Vec::new(),
        purchase: purchase.clone(),
        explain: false,
    }
}

/// A context with the program, and a snapshot with the member.
fn operation_stage(stage: &Stage) -> Result<(Context, Snapshot), Box<dyn Error>> {
    let now = Timestamp::parse("2026-05-02T00:00:00Z")?;
    let revisions = Revisions::new(vec![Arc::clone(&stage.program)]);
    let programs = BTreeMap::from([(stage.program.id().clone(), revisions)]);
    let context = Context {
        tenant: TenantId::new("tenant-1")?,
        now,
        ids: IdSeed::new(now, 1),
        programs: Arc::new(programs),
        keys: None,
    };
    let mut snapshot = Snapshot::default();
    let registered =
        RegisterMember::new(MemberId::new("member-1")?).decide(&(), &snapshot, &context);
    snapshot.apply(
        &registered
            .map_err(|rejection| format!("{rejection:?}"))?
            .changes,
    );
    Ok((context, snapshot))
}

fn load(size: usize) -> Result<Vec<Series>, Box<dyn Error>> {
    let rules = workload::plain_rules(size);
    let own = workload::document(&rules).to_string();
    let peer = zen::document(&rules, Hit::Collect).to_string();
    interleave(
        1,
        vec![
            Contestant::new("rewards", || {
                black_box(workload::compile(&own)?);
                Ok(())
            }),
            Contestant::new("zen-engine", || {
                black_box(Zen::load(&peer)?);
                Ok(())
            }),
        ],
    )
}

/// Quotes ten million times; resident memory before and after, in kilobytes.
fn memory(size: usize) -> Result<(u64, u64), Box<dyn Error>> {
    let stage = Stage::new(size)?;
    let standings = stage.standings();
    let quote = || {
        each(&stage, &standings, |purchase, standing| {
            black_box(ours(&stage.program, purchase, standing)?);
            Ok(())
        })
    };
    quote()?;
    let before = resident_kilobytes().unwrap_or_default();
    for _ in 0..QUOTES / PURCHASES {
        quote()?;
    }
    Ok((before, resident_kilobytes().unwrap_or_default()))
}

fn print(size: usize, series: &[Series]) {
    for one in series {
        println!(
            "{size:>6}  {:<34} {:>11.0} {:>11.0} {:>11.0}",
            one.name,
            one.median(),
            one.least(),
            one.most()
        );
    }
}

type Medians = BTreeMap<&'static str, f64>;

fn by_name(series: &[Series]) -> Medians {
    series.iter().map(|one| (one.name, one.median())).collect()
}

/// A ratio that must not be exceeded, or that is only reported.
struct Goal {
    what: String,
    ratio: f64,
    at_most: Option<f64>,
}

impl Goal {
    fn is_met(&self) -> Option<bool> {
        self.at_most.map(|at_most| self.ratio <= at_most)
    }

    fn line(&self) -> String {
        let at_most = self
            .at_most
            .map_or(String::new(), |most| format!("{most:.2}"));
        let verdict = match self.is_met() {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "reported",
        };
        format!(
            "{:<60} {:>8.3} {at_most:>8}  {verdict}",
            self.what, self.ratio
        )
    }

    fn to_json(&self) -> Value {
        json!({ "what": self.what, "ratio": self.ratio, "at_most": self.at_most, "met": self.is_met() })
    }
}

fn goals(medians: &[(usize, Medians)], loading: &Medians) -> Vec<Goal> {
    let mut goals = Vec::new();
    for (size, median) in medians {
        let own = median["rewards"];
        for (what, peer, at_most) in [
            (
                "rewards / zen, all rates",
                "zen-engine, all rates",
                Some(0.05),
            ),
            // It finds less than a quote needs, so it sets no goal.
            (
                "rewards / zen, best base rate only",
                "zen-engine, best base rate only",
                None,
            ),
            (
                "rewards / hand-written floor",
                "hand-written floor",
                Some(5.0),
            ),
        ] {
            goals.push(Goal {
                what: format!("{size} rules: {what}"),
                ratio: own / median[peer],
                at_most,
            });
        }
        goals.push(Goal {
            what: format!("{size} rules: with trace / without"),
            ratio: median["rewards, with trace"] / own,
            at_most: Some(3.0),
        });
    }
    if let [(_, smallest), .., (_, largest)] = medians {
        goals.push(Goal {
            what: "10,000 rules / 10 rules".to_owned(),
            ratio: largest["rewards"] / smallest["rewards"],
            at_most: Some(4.0),
        });
    }
    goals.push(Goal {
        what: "loading 10,000 rules: rewards / zen".to_owned(),
        ratio: loading["rewards"] / loading["zen-engine"],
        at_most: Some(0.2),
    });
    goals
}

fn write(report: &Value) -> Outcome {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"));
    let folder = target.join("bench");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("quote.json");
    std::fs::write(&path, serde_json::to_string_pretty(report)?)?;
    println!("written to {}", path.display());
    Ok(())
}
