//! What the engine traces, for Python's `logging`. Off until it is asked for.
//!
//! A thread of the engine that has something to tell leaves it in a bounded queue and goes on; a thread of its own hands
//! it to Python. When the queue is full it is dropped and counted, so that logging never holds up a commit. A span is told
//! when it ends, as one record with all its fields and how long it took.

use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::sync::{OnceLock, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

use crate::visits::Visits;

/// Records that wait for Python at most.
const WAITING_MAX: usize = 8_192;
/// Python's number for a warning.
const WARNING: u8 = 30;
/// A level above all others: nothing is told.
const OFF: u8 = u8::MAX;
/// Only what is traced by these crates is told.
const OURS: &str = "rewards";

/// The least level that is told, as Python counts.
static LEAST: AtomicU8 = AtomicU8::new(OFF);
static DROPPED: AtomicU64 = AtomicU64::new(0);
static SINK: RwLock<Option<Py<PyAny>>> = RwLock::new(None);
static QUEUE: OnceLock<SyncSender<Told>> = OnceLock::new();
static VISITS: OnceLock<Visits> = OnceLock::new();

enum Told {
    Line {
        level: u8,
        target: &'static str,
        text: String,
        fields: Map<String, Value>,
    },
    /// Everything before this has been handed over.
    Flush(SyncSender<()>),
}

/// Hands everything from a level on, as Python numbers levels, to `sink(level, target, text, fields_json)`; `None` ends it.
#[pyfunction]
#[pyo3(signature = (level, sink, /))]
pub fn set_logging(level: u8, sink: Option<Py<PyAny>>) -> PyResult<()> {
    let is_on = sink.is_some();
    let before = std::mem::replace(
        &mut *SINK.write().unwrap_or_else(PoisonError::into_inner),
        sink,
    );
    drop(before);
    if is_on {
        start()?;
    }
    LEAST.store(if is_on { level } else { OFF }, Ordering::Relaxed);
    tracing::callsite::rebuild_interest_cache();
    Ok(())
}

/// Waits until everything told so far has been handed over, at most that many milliseconds; says whether it was.
#[pyfunction]
#[pyo3(signature = (milliseconds, /))]
pub fn flush_logging(py: Python<'_>, milliseconds: u64) -> bool {
    let Some(queue) = QUEUE.get() else {
        return true;
    };
    py.detach(|| {
        let (done, wait) = mpsc::sync_channel(1);
        queue.try_send(Told::Flush(done)).is_ok()
            && wait
                .recv_timeout(Duration::from_millis(milliseconds))
                .is_ok()
    })
}

/// Has nothing handed over any more.
pub fn end_visits(py: Python<'_>) {
    if let Some(visits) = VISITS.get() {
        visits.end(py);
    }
}

fn start() -> PyResult<()> {
    if QUEUE.get().is_some() {
        return Ok(());
    }
    let (sender, queue) = mpsc::sync_channel(WAITING_MAX);
    if QUEUE.set(sender).is_err() {
        return Ok(());
    }
    let refused = |error: String| PyRuntimeError::new_err(format!("no logging: {error}"));
    thread::Builder::new()
        .name("rewards-log".to_owned())
        .spawn(move || tell(&queue))
        .map_err(|error| refused(error.to_string()))?;
    let subscriber = tracing_subscriber::registry().with(Telling);
    tracing::subscriber::set_global_default(subscriber).map_err(|error| refused(error.to_string()))
}

/// Hands over what comes, as much at once as there is.
fn tell(queue: &Receiver<Told>) {
    let visits = VISITS.get_or_init(Visits::new);
    while let Ok(first) = queue.recv() {
        let attached = visits.visit(|py| {
            let sink = current_sink(py);
            let lost = DROPPED.swap(0, Ordering::Relaxed);
            if lost > 0 {
                let fields = Map::from_iter([("dropped".to_owned(), Value::from(lost))]);
                hand_over(
                    py,
                    sink.as_ref(),
                    WARNING,
                    OURS,
                    "log records were dropped",
                    fields,
                );
            }
            for told in std::iter::once(first).chain(queue.try_iter()) {
                match told {
                    Told::Line {
                        level,
                        target,
                        text,
                        fields,
                    } => hand_over(py, sink.as_ref(), level, target, &text, fields),
                    // Whoever asked may have stopped waiting.
                    Told::Flush(done) => drop(done.try_send(())),
                }
            }
        });
        if attached.is_none() {
            return;
        }
    }
}

/// The sink, with the lock let go of: Python may switch threads while it is called.
fn current_sink(py: Python<'_>) -> Option<Py<PyAny>> {
    let sink = SINK.read().unwrap_or_else(PoisonError::into_inner);
    sink.as_ref().map(|sink| sink.clone_ref(py))
}

fn hand_over(
    py: Python<'_>,
    sink: Option<&Py<PyAny>>,
    level: u8,
    target: &str,
    text: &str,
    fields: Map<String, Value>,
) {
    let Some(sink) = sink else { return };
    let fields = Value::Object(fields).to_string();
    if let Err(error) = sink.call1(py, (level, target, text, fields)) {
        error.write_unraisable(py, None);
    }
}

/// Python's number for a level.
fn number(level: Level) -> u8 {
    match level {
        Level::ERROR => 40,
        Level::WARN => WARNING,
        Level::INFO => 20,
        Level::DEBUG => 10,
        Level::TRACE => 5,
    }
}

fn leave(told: Told) {
    let queue = QUEUE.get();
    if queue.is_some_and(|queue| matches!(queue.try_send(told), Err(TrySendError::Full(_)))) {
        DROPPED.fetch_add(1, Ordering::Relaxed);
    }
}

/// Leaves events and ended spans in the queue.
struct Telling;

/// A span that has not ended yet.
struct Running {
    started: Instant,
    fields: Fields,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Telling {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target().starts_with(OURS)
            && number(*metadata.level()) >= LEAST.load(Ordering::Relaxed)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(Running {
            started: Instant::now(),
            fields,
        });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(running) = span.extensions_mut().get_mut::<Running>() {
            values.record(&mut running.fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        leave(Told::Line {
            level: number(*event.metadata().level()),
            target: event.metadata().target(),
            text: fields.text.unwrap_or_default(),
            fields: fields.values,
        });
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else {
            return;
        };
        let Some(Running { started, fields }) = span.extensions_mut().remove::<Running>() else {
            return;
        };
        let mut fields = fields.values;
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        fields.insert("micros".to_owned(), Value::from(micros));
        leave(Told::Line {
            level: number(*span.metadata().level()),
            target: span.metadata().target(),
            text: span.name().to_owned(),
            fields,
        });
    }
}

#[derive(Default)]
struct Fields {
    text: Option<String>,
    values: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        let value = value.into();
        match (field.name(), value) {
            ("message", Value::String(text)) => self.text = Some(text),
            (name, value) => drop(self.values.insert(name.to_owned(), value)),
        }
    }
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}
