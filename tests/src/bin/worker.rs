//! An engine process for the tests that kill processes: it works on the orders of its clients until its standard input
//! ends, and writes a line for every answer, flushed, before the client goes on.
//!
//! ```text
//! worker URL SEED CLIENTS FIRST STRIDE FROM
//! ```
//! It serves the clients FIRST, FIRST + STRIDE, … below CLIENTS, each from the index FROM on. A client whose order has no
//! certain outcome sends it again with the same key until it has one.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rewards_storage::engine::{Clock, Engine, ManualClock};
use rewards_storage::error::StoreError;
use rewards_storage::sql::{SqlOptions, SqlStore};
use rewards_tests::simulation::workload::{Order, Script};
use rewards_tests::simulation::{
    Answer, CLOCKS_DIFFER_MAX, Failed, Line, Random, key_ring, process_script,
};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// What all clients of the process share.
struct Worker {
    engine: Engine,
    clock: Arc<ManualClock>,
    script: Script,
    stopped: Arc<AtomicBool>,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, numbers @ ..] = arguments.as_slice() else {
        return Err("expected URL SEED CLIENTS FIRST STRIDE FROM".into());
    };
    let numbers: Vec<u64> = numbers
        .iter()
        .map(|number| number.parse())
        .collect::<Result<_, _>>()?;
    let [seed, clients, first, stride, from] = numbers.as_slice() else {
        return Err("expected SEED CLIENTS FIRST STRIDE FROM as numbers".into());
    };
    let script = process_script(*seed, *clients)?;
    let clock = Arc::new(ManualClock::new(script.instant(*from)?));
    let builder = Engine::builder(Arc::new(open(url).await?));
    let worker = Arc::new(Worker {
        engine: builder
            .clock(Arc::clone(&clock) as Arc<dyn Clock>)
            .now_ahead_max(CLOCKS_DIFFER_MAX)
            .key_ring(key_ring()?)
            .open()
            .await?,
        clock,
        script,
        stopped: Arc::new(AtomicBool::new(false)),
    });
    stop_at_end_of_input(Arc::clone(&worker.stopped));
    let mut running = JoinSet::new();
    for client in (*first..*clients).step_by(usize::try_from(*stride)?) {
        let worker = Arc::clone(&worker);
        let from = *from;
        running.spawn(async move { worker.client(client, from).await });
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    worker.engine.close().await;
    Ok(())
}

/// Opens the store; a server that is just starting again is waited for.
async fn open(url: &str) -> Result<SqlStore, Failed> {
    loop {
        match SqlStore::open(url, SqlOptions::default()).await {
            Err(StoreError::Unavailable { .. }) => sleep(Duration::from_millis(100)).await,
            outcome => return Ok(outcome?),
        }
    }
}

/// The input ends when the test says so, and also when the test itself is gone.
fn stop_at_end_of_input(stopped: Arc<AtomicBool>) {
    std::thread::spawn(move || {
        let mut nothing = Vec::new();
        let _ = std::io::stdin().read_to_end(&mut nothing);
        stopped.store(true, Ordering::SeqCst);
    });
}

impl Worker {
    async fn client(&self, client: u64, from: u64) -> Result<(), Failed> {
        let mut index = from;
        while !self.stopped.load(Ordering::SeqCst) {
            let mut random = Random::of(&[self.script.seed, 8, client, index]);
            sleep(Duration::from_millis(random.below(30))).await;
            let now = self.script.instant(index)?;
            if self.clock.now() < now {
                self.clock.set(now);
            }
            let order = self.script.order(client, index)?;
            let answer = self.pursue(&order).await;
            let line = Line {
                client,
                index,
                answer,
            };
            let mut output = std::io::stdout().lock();
            output.write_all(format!("{}\n", serde_json::to_string(&line)?).as_bytes())?;
            output.flush()?;
            index += 1;
        }
        Ok(())
    }

    async fn pursue(&self, order: &Order) -> Answer {
        loop {
            match order.send(&self.engine, self.clock.now()).await {
                Ok(receipt) => {
                    return Answer::Acknowledged {
                        reply: receipt.reply,
                        replayed: receipt.replayed,
                    };
                }
                Err(fault) if fault.is_retryable() => sleep(Duration::from_millis(20)).await,
                Err(fault) => return Answer::Refused { fault },
            }
        }
    }
}
