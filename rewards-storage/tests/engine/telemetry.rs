//! What operators see.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};

use crate::support::{Earn, Scripted, Trouble, keyed, member, unavailable};

type Totals = Arc<Mutex<BTreeMap<String, u64>>>;

/// Adds everything up under `name{label=value,…}`.
#[derive(Debug, Default)]
struct Adding(Totals);

struct Cell(Totals, String);

impl Cell {
    fn add(&self, value: u64) {
        *self.0.lock().unwrap().entry(self.1.clone()).or_default() += value;
    }
}

impl CounterFn for Cell {
    fn increment(&self, value: u64) {
        self.add(value);
    }

    fn absolute(&self, _: u64) {}
}

impl HistogramFn for Cell {
    fn record(&self, _: f64) {
        self.add(1);
    }
}

impl Adding {
    fn cell(&self, key: &Key) -> Arc<Cell> {
        let labels: Vec<String> = key
            .labels()
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        let name = format!("{}{{{}}}", key.name(), labels.join(","));
        Arc::new(Cell(self.0.clone(), name))
    }
}

impl Recorder for Adding {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.cell(key))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.cell(key))
    }
}

#[test]
fn commands_replays_retries_and_batches_are_counted() {
    let recorder = Adding::default();
    metrics::with_local_recorder(&recorder, || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let store = Scripted::new();
            let (_engine, tenant) = store.open().await;
            store.next_commits([Trouble::Fails(unavailable)]);
            let earn = Earn::new(member("secret"), 6).within(10);
            for key in ["k", "k", "other"] {
                let _ = tenant.execute_with(earn.clone(), keyed(key)).await;
            }
        });
    });
    let totals = recorder.0.lock().unwrap();
    for (name, want) in [
        ("rewards_commands_total{operation=earn,outcome=ok}", 2),
        (
            "rewards_commands_total{operation=earn,outcome=insufficient_balance}",
            1,
        ),
        ("rewards_command_seconds{operation=earn,outcome=ok}", 2),
        ("rewards_replays_total{}", 1),
        ("rewards_retries_total{reason=store}", 1),
        ("rewards_batch_size{}", 3),
    ] {
        assert_eq!(totals.get(name), Some(&want), "{name}: {totals:?}");
    }
    assert!(totals.keys().all(|name| !name.contains("secret")));
}
