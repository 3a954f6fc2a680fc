//! Real engine processes on one PostgreSQL: one of them is killed in mid-commit again and again, the server is restarted
//! underneath, and in the end nothing is lost and nothing has happened twice.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command as Process, Stdio};
use std::sync::{Arc, Mutex, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rewards_core::ids::IdempotencyKey;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::program::Program;
use rewards_core::time::Timestamp;
use rewards_storage::engine::{Clock, Engine, ManualClock};
use rewards_storage::sql::{SqlOptions, SqlStore};
use rewards_storage::store::Backend;
use rewards_tests::postgres::{Cluster, Shutdown};
use rewards_tests::simulation::auditor::audit;
use rewards_tests::simulation::books::Books;
use rewards_tests::simulation::workload::{Command, HOUR, Order};
use rewards_tests::simulation::{
    Answer, CLOCKS_DIFFER_MAX, Failed, Line, Random, Site, World, documents, drain, key_ring,
    process_script, seeds,
};
use tokio::sync::watch;

/// How often the first process is killed.
const KILLS: u64 = 24;
/// Processes, the one that is killed included.
const PROCESSES: u64 = 3;
/// Clients of all processes together.
const CLIENTS: u64 = 36;
/// Before which kills the server goes down, and how.
const RESTARTS: &[(u64, Shutdown)] = &[
    (5, Shutdown::Immediate),
    (10, Shutdown::Fast),
    (15, Shutdown::Immediate),
    (20, Shutdown::Fast),
];
/// How long anything may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// The lines of one process, over all its lives.
type Lines = Arc<Mutex<Vec<Line>>>;

/// A process in one of its lives.
struct Worker {
    child: Child,
    input: Option<ChildStdin>,
    reader: JoinHandle<()>,
}

impl Worker {
    fn start(url: &str, seed: u64, process: u64, lines: &Lines) -> Result<Self, Failed> {
        let from = first_missing(process, &lines.lock().unwrap());
        let numbers = [seed, CLIENTS, process, PROCESSES, from].map(|n| n.to_string());
        let mut child = Process::new(env!("CARGO_BIN_EXE_worker"))
            .arg(url)
            .args(numbers)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or("a worker has an output")?;
        let lines = Arc::clone(lines);
        let reader = std::thread::spawn(move || {
            let mut output = BufReader::new(output);
            let mut text = String::new();
            // A line that a kill has cut off is no answer.
            while output.read_line(&mut text).is_ok_and(|read| read > 0) && text.ends_with('\n') {
                lines
                    .lock()
                    .unwrap()
                    .push(serde_json::from_str(&text).unwrap());
                text.clear();
            }
        });
        Ok(Self {
            child,
            input,
            reader,
        })
    }

    /// Ends the process with SIGKILL.
    fn kill(mut self) -> Result<(), Failed> {
        self.child.kill()?;
        self.child.wait()?;
        self.reader.join().map_err(|_| "a line cannot be read")?;
        Ok(())
    }

    /// Lets the process answer what it has begun, and end by itself.
    fn finish(mut self) -> Result<(), Failed> {
        drop(self.input.take());
        let begun = Instant::now();
        let status = loop {
            match self.child.try_wait()? {
                Some(status) => break status,
                None if begun.elapsed() > PATIENCE => {
                    self.child.kill()?;
                    return Err("a worker does not end".into());
                }
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        self.reader.join().map_err(|_| "a line cannot be read")?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("a worker ended with {status}").into())
        }
    }
}

/// The clients of a process with the index of the last order that was answered.
fn answered(process: u64, lines: &[Line]) -> BTreeMap<u64, Option<u64>> {
    let own = (process..CLIENTS).step_by(usize::try_from(PROCESSES).unwrap());
    let mut last: BTreeMap<u64, Option<u64>> = own.map(|client| (client, None)).collect();
    for line in lines {
        let known = last.entry(line.client).or_default();
        *known = (*known).max(Some(line.index));
    }
    last
}

/// Where a process begins its next life: no client has an order without an answer before it.
fn first_missing(process: u64, lines: &[Line]) -> u64 {
    let last = answered(process, lines);
    let next = last.values().map(|last| last.map_or(0, |last| last + 1));
    next.min().unwrap_or(0)
}

/// Waits until a process has given so many answers more.
async fn more_answers(lines: &Lines, more: usize) -> Result<(), Failed> {
    let wanted = lines.lock().unwrap().len() + more;
    let begun = Instant::now();
    while lines.lock().unwrap().len() < wanted {
        if begun.elapsed() > PATIENCE {
            return Err("a worker gives no answers".into());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

async fn open(url: &str, now: Timestamp) -> Result<(Arc<dyn Backend>, Site), Failed> {
    let backend: Arc<dyn Backend> = Arc::new(SqlStore::open(url, SqlOptions::default()).await?);
    let clock = Arc::new(ManualClock::new(now));
    let builder = Engine::builder(Arc::clone(&backend));
    let builder = builder.clock(Arc::clone(&clock) as Arc<dyn Clock>);
    let builder = builder.now_ahead_max(CLOCKS_DIFFER_MAX);
    let builder = builder.key_ring(key_ring()?);
    let engine = builder.open().await?;
    let site = Site {
        engine,
        clock,
        skew: 0,
    };
    Ok((backend, site))
}

async fn publish(
    world: &World,
    engine: &Engine,
    programs: Vec<Program>,
    from: Timestamp,
) -> Result<(), Failed> {
    for (program, tenant) in programs
        .into_iter()
        .zip(world.script.tenants.iter().cycle())
    {
        let key = IdempotencyKey::new(&format!("{} from {from}", program.id))?;
        let active_from = Some(from);
        let command = Command::Publish(PublishProgram {
            program,
            active_from,
        });
        let order = Order::new(tenant, key, command);
        let receipt = loop {
            match order.send(engine, world.script.start).await {
                Err(fault) if fault.is_retryable() => {}
                outcome => break outcome?,
            }
        };
        let mut history = world.history();
        history.acknowledged(&order, receipt.reply, receipt.replayed);
    }
    Ok(())
}

/// Kills the first process again and again, restarts the server under all of them, and publishes a revision that all of
/// them have to take over at once.
async fn rage(
    cluster: &Cluster,
    url: &str,
    world: &World,
    engine: &Engine,
    all: &[Lines],
) -> Result<(), Failed> {
    let seed = world.script.seed;
    let mut random = Random::of(&[seed, 9]);
    let (victim, others) = all.split_first().ok_or("no processes")?;
    let mut survivors = Vec::new();
    for (lines, process) in others.iter().zip(1..) {
        survivors.push(Worker::start(url, seed, process, lines)?);
    }
    for kill in 0..KILLS {
        let worker = Worker::start(url, seed, 0, victim)?;
        more_answers(victim, usize::try_from(random.below(20))? + 1).await?;
        if let Some((_, shutdown)) = RESTARTS.iter().find(|(at, _)| *at == kill) {
            cluster.restart(*shutdown)?;
            more_answers(victim, 5).await?;
        }
        if kill == KILLS / 2 {
            publish(world, engine, vec![documents()?.1], world.script.start).await?;
        }
        // At any moment: most of the time a commit is in flight.
        tokio::time::sleep(Duration::from_micros(random.below(9_000))).await;
        worker.kill()?;
        let minutes = i64::try_from(kill)? + 1;
        world.advance(world.script.start.checked_add_micros(minutes * HOUR / 60)?)?;
    }
    for lines in others {
        more_answers(lines, 5).await?;
    }
    let last = Worker::start(url, seed, 0, victim)?;
    more_answers(victim, 5).await?;
    survivors.push(last);
    survivors.into_iter().try_for_each(Worker::finish)
}

/// Puts down what the processes wrote, and finds out about what they did not live to write.
async fn recollect(world: &World, site: &Site, all: &[Lines]) -> Result<(), Failed> {
    for (lines, process) in all.iter().zip(0..) {
        let lines = lines.lock().unwrap().clone();
        for line in &lines {
            let order = world.script.order(line.client, line.index)?;
            let mut history = world.history();
            match &line.answer {
                Answer::Acknowledged { reply, replayed } => {
                    history.acknowledged(&order, reply.clone(), *replayed);
                }
                Answer::Refused { fault } => history.refused(&order, fault, None),
            }
        }
        for (client, last) in answered(process, &lines) {
            let next = last.map_or(0, |last| last + 1);
            let order = world.script.order(client, next)?;
            match order.send(&site.engine, site.clock.now()).await {
                Ok(receipt) => {
                    world
                        .history()
                        .acknowledged(&order, receipt.reply, receipt.replayed);
                }
                Err(fault) => world.history().refused(&order, &fault, None),
            }
        }
    }
    Ok(())
}

/// How many orders were committed by a process that did not live to write down the answer: its next life found them.
fn survived_their_process(victim: &Lines) -> usize {
    let mut seen = BTreeSet::new();
    let lines = victim.lock().unwrap().clone();
    let first = lines
        .iter()
        .filter(|line| seen.insert((line.client, line.index)));
    let found = |line: &&Line| matches!(line.answer, Answer::Acknowledged { replayed: true, .. });
    first.filter(found).count()
}

/// Every reply that anybody was given is found again, byte for byte.
async fn replay(world: &World, engine: &Engine) -> Result<usize, Failed> {
    let told: Vec<_> = world.history().0.values().cloned().collect();
    let mut found = 0;
    for ack in told.iter().flat_map(|told| &told.acks) {
        let receipt = ack.order.send(engine, world.script.start).await?;
        assert!(receipt.replayed, "{:?} happened only now", ack.order);
        assert_eq!(receipt.reply, ack.reply, "{:?}", ack.order);
        found += 1;
    }
    Ok(found)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_processes_lose_nothing_and_do_nothing_twice()
-> Result<(), Box<dyn Error + Send + Sync>> {
    // Of the one what was decided is worked out again, of the other everything is ordered.
    for seed in seeds(2)? {
        let cluster = Cluster::start_private()?;
        let url = cluster.database()?;
        let script = process_script(seed, CLIENTS)?;
        let (start, tenant) = (script.start, script.tenants[0].clone());
        let (_, site) = open(&url, start).await?;
        let engine = site.engine.clone();
        let world = Arc::new(World {
            script,
            sites: RwLock::new(vec![site]),
            mayhem: false,
            history: Mutex::default(),
            deliveries: Mutex::default(),
        });
        let long_ago = start.checked_add_micros(-60 * 24 * HOUR)?;
        publish(&world, &engine, documents()?.0, long_ago).await?;

        let (stop, stopped) = watch::channel(false);
        let consumer = tokio::spawn({
            let (world, tenant) = (Arc::clone(&world), tenant.clone());
            async move { world.consumer(tenant, 1, stopped).await }
        });
        let all: Vec<Lines> = (0..PROCESSES).map(|_| Lines::default()).collect();
        rage(&cluster, &url, &world, &engine, &all).await?;
        stop.send_replace(true);
        consumer.await??;
        engine.close().await;

        let (backend, site) = open(&url, start.checked_add_days(1_000)?).await?;
        recollect(&world, &site, &all).await?;
        let found = replay(&world, &site.engine).await?;
        drain(&site.engine, &tenant, &world).await?;
        let history = world.history().clone();
        let books = Books::read(&*backend, &site.engine, &tenant, &history).await?;
        let problems = audit(&books, &history, &world.deliveries())?;
        let texts: Vec<String> = problems.iter().take(20).map(ToString::to_string).collect();
        assert!(
            problems.is_empty(),
            "REWARDS_SIM_SEED={seed}: {} problems\n{}",
            problems.len(),
            texts.join("\n")
        );
        let unsaid = survived_their_process(&all[0]);
        assert!(unsaid > 0, "no kill struck in mid-commit");
        println!(
            "seed {seed}: {KILLS} kills, {} restarts, {} commands happened, {found} replies found again, \
             {unsaid} committed by a process that was killed before it could say so",
            RESTARTS.len(),
            books.replies.len(),
        );
    }
    Ok(())
}
