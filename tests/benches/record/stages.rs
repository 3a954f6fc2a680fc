//! What a stage of a payment's pipeline costs beside recording a purchase, on one SQLite file with full durability: the stage itself,
//! run by a `StageRunner`, and what its answer adds to the command that it is handed over with. Each is taken as one caller takes it,
//! one after the other, in turn with recording.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use rewards_core::cashback::Purchase;
use rewards_core::command::Operation;
use rewards_core::ids::{MemberId, PurchaseId, TenantId};
use rewards_core::money::{Asset, Money};
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::payments::{CreatePayment, HoldPayment};
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::purchases::RecordPurchase;
use rewards_core::operations::rewards::GrantReward;
use rewards_core::pipeline::{CompiledPipeline, StagePoint};
use rewards_core::program::{CompiledProgram, Program};
use rewards_core::time::Timestamp;
use rewards_storage::engine::{CommandOptions, Engine, ManualClock, TenantEngine};
use rewards_storage::sql::{SqlOptions, SqlStore};
use rewards_storage::stages::{PaymentStage, StageAnswer, StageFacts, StageFailed, StageRunner};

use super::Options;
use super::report::Report;

/// Of each kind in one round.
const TIMES: u32 = 400;
/// Payments of each kind that one member makes: as long as they are held they are looked at together, so it is not many.
const PAYMENTS: u32 = 10;
const START: &str = "2026-06-01T12:00:00Z";
/// The most that a stage may cost of recording a purchase.
const GOAL: f64 = 0.03;

const PROGRAMS: [&str; 2] = [
    r#"
    id = "plain"
    currency = "EUR"
    zone = "UTC"
    rules = [{ id = "it", effect = { percent = { rate = "5%" } } }]
    redemptions = { order = ["cashback"] }
    payments = { routes = [{ id = "rail" }] }
"#,
    r#"
    id = "staged"
    currency = "EUR"
    zone = "UTC"
    rules = []
    redemptions = { order = ["cashback"] }
    payments = { routes = [{ id = "rail" }] }
    pipeline = { stages = [{ id = "check", at = "hold", critical = true }] }
"#,
];

type Failure = Box<dyn Error + Send + Sync>;

/// Answers one field, as a stage does that has looked something up.
struct Check;

#[async_trait]
impl PaymentStage for Check {
    fn version(&self) -> String {
        "1".to_owned()
    }

    async fn run(&self, facts: &StageFacts) -> Result<StageAnswer, StageFailed> {
        let known = facts.len().to_string();
        Ok(StageAnswer::Answered([("known".to_owned(), known)].into()))
    }
}

/// Records purchases, holds payments with and without a stage, and runs stages alone, in turn.
pub async fn run(options: &Options, report: &mut Report) -> Result<(), Box<dyn Error>> {
    let measured = measure(options, report).await;
    Ok(measured.map_err(|failure| failure.to_string())?)
}

async fn measure(options: &Options, report: &mut Report) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite:///{}", folder.path().join("engine.db").display());
    let (engine, tenant) = open(&url).await?;
    for round in 0..options.rounds {
        eprintln!("stages round {} of {}", round + 1, options.rounds);
        let first = u32::try_from(round)? * TIMES;
        for number in first..first + TIMES {
            if number % PAYMENTS == 0 {
                join(&tenant, number).await?;
            }
            for program in ["plain", "staged"] {
                tenant.execute(payment(number, program)?).await?;
            }
        }
        // In a task of the runtime, as a handler of a service is.
        let told = tokio::spawn(turns(tenant.clone(), first));
        for (name, times) in told.await?? {
            report.add(name, median(times));
        }
    }
    let record = report.median("stages, record a purchase, µs");
    let alone = report.median("stages, run a stage, µs");
    report.goal(
        "a stage / recording a purchase",
        alone / record,
        GOAL,
        false,
    );
    let handed = report.median("stages, hold a payment with a stage, µs")
        - report.median("stages, hold a payment, µs");
    let whole = (alone + handed.max(0.0)) / record;
    report.goal("a stage, handed over / recording", whole, GOAL, false);
    engine.close().await;
    Ok(())
}

/// Some of each kind, one after the other: what they took.
async fn turns(tenant: TenantEngine, first: u32) -> Result<[(&'static str, Vec<f64>); 4], Failure> {
    let [_, staged] = PROGRAMS;
    let program = Program::from_toml(staged).map_err(|problems| format!("{problems:?}"))?;
    let program = CompiledProgram::compile(program, 1, Timestamp::parse(START)?);
    let program = program.map_err(|problems| format!("{problems:?}"))?;
    let runner = StageRunner::new().with("check".parse()?, Check);
    let mut record = Vec::new();
    let mut plain = Vec::new();
    let mut staged = Vec::new();
    let mut alone = Vec::new();
    for number in first..first + TIMES {
        record.push(timed(&tenant, purchase(number)?, CommandOptions::default()).await?);
        let key = CommandOptions::keyed(format!("plain {number}").parse()?);
        plain.push(timed(&tenant, hold(number, "plain")?, key).await?);
        let started = Instant::now();
        let stages = run_stages(&runner, program.pipeline()).await;
        alone.push(started.elapsed().as_secs_f64() * 1e6);
        let with_stage = HoldPayment {
            stages,
            ..hold(number, "staged")?
        };
        let key = CommandOptions::keyed(format!("staged {number}").parse()?);
        staged.push(timed(&tenant, with_stage, key).await?);
    }
    Ok([
        ("stages, record a purchase, µs", record),
        ("stages, hold a payment, µs", plain),
        ("stages, hold a payment with a stage, µs", staged),
        ("stages, run a stage, µs", alone),
    ])
}

async fn run_stages(
    runner: &StageRunner,
    pipeline: &CompiledPipeline,
) -> Vec<rewards_core::pipeline::StageRun> {
    let mut facts = StageFacts::from([("account".to_owned(), "12345".to_owned())]);
    runner.run(pipeline, StagePoint::Hold, &mut facts).await
}

async fn open(url: &str) -> Result<(Engine, TenantEngine), Failure> {
    let start = Timestamp::parse(START)?;
    let store = SqlStore::open(url, SqlOptions::default()).await?;
    let clock = Arc::new(ManualClock::new(start));
    let engine = Engine::builder(Arc::new(store)).clock(clock).open().await?;
    let tenant = engine.tenant(TenantId::new("stages")?);
    for text in PROGRAMS {
        let publish = PublishProgram {
            program: toml::from_str::<Program>(text)?,
            active_from: Some(start),
        };
        let key = CommandOptions::keyed(publish.program.id.as_str().parse()?);
        tenant.execute_with(publish, key).await?;
    }
    Ok((engine, tenant))
}

/// The member of the payment of this number joins, with something to pay with.
async fn join(tenant: &TenantEngine, number: u32) -> Result<(), Failure> {
    let member = member(number)?;
    tenant.execute(RegisterMember::new(member.clone())).await?;
    let gift = GrantReward {
        source: None,
        reference: None,
        member,
        amount: euro(1_000_000)?,
        reason: "a start".to_owned(),
        expires_at: None,
    };
    let key = CommandOptions::keyed(format!("gift {number}").parse()?);
    tenant.execute_with(gift, key).await?;
    Ok(())
}

fn member(number: u32) -> Result<MemberId, Failure> {
    Ok(MemberId::new(&format!("m{}", number / PAYMENTS))?)
}

fn euro(minor: i64) -> Result<Money, Failure> {
    Ok(Money::new(minor, Asset::parse("EUR")?))
}

fn purchase(number: u32) -> Result<RecordPurchase, Failure> {
    let purchase = Purchase::new(
        PurchaseId::new(&format!("purchase-{number}"))?,
        member(number)?,
        "plain".parse()?,
        Timestamp::parse(START)?,
        euro(1_000)?,
    );
    Ok(RecordPurchase::new(purchase))
}

fn payment(number: u32, program: &str) -> Result<CreatePayment, Failure> {
    Ok(CreatePayment {
        payment: format!("{program}-{number}").parse()?,
        program: program.parse()?,
        member: member(number)?,
        amount: euro(100)?,
        route: "rail".parse()?,
        biller: None,
        merchant: None,
        category: None,
        channel: None,
    })
}

fn hold(number: u32, program: &str) -> Result<HoldPayment, Failure> {
    Ok(HoldPayment {
        payment: format!("{program}-{number}").parse()?,
        tenders: Vec::new(),
        stages: Vec::new(),
    })
}

/// Microseconds of one command.
async fn timed<O: Operation>(
    tenant: &TenantEngine,
    command: O,
    options: CommandOptions,
) -> Result<f64, Failure> {
    let started = Instant::now();
    tenant.execute_with(command, options).await?;
    Ok(started.elapsed().as_secs_f64() * 1e6)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}
