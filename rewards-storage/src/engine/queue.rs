//! The one queue of an engine: callers put commands in, free workers take batches out.
//!
//! A batch is what waits when a worker becomes free; there is no timer. A worker takes no more than its share of all open
//! commands, so that none idles while another has a backlog, and batches do not grow apart. [`Lease`] frees what a worker has taken, however the worker ends.

use std::mem;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rewards_core::rejection::Fault;
use rewards_core::snapshot::MemberKey;
use rustc_hash::FxHashSet;
use tokio::sync::{Notify, Semaphore, SemaphorePermit, watch};

use super::answers::Halt;
use super::faults::closed;
use super::pending::Pending;
use super::scheduler::{Place, Scheduled, Scheduler};

/// How many turns a worker leaves to others at most before it takes its next batch.
const TURNS_MAX: u32 = 32;

/// The smallest share that is worth a commit of its own.
const SHARE_MIN: usize = 16;

/// What commands queue for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Line {
    /// The rows of a member.
    Member(MemberKey),
    /// The order of a run.
    Run(u64),
}

impl Scheduled<Line> for Pending {
    fn place(&self) -> &Place<Line> {
        &self.place
    }

    fn place_mut(&mut self) -> &mut Place<Line> {
        &mut self.place
    }
}

/// The queue, shared by callers and workers.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// Places for commands that no worker has taken up yet; callers without one are held back, first come, first served.
    places: Semaphore,
    batch_max: usize,
    /// Tells a worker that there may be something to take.
    work: Notify,
    is_closed: AtomicBool,
    running: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct State {
    scheduler: Scheduler<Line, Pending>,
    /// Nothing new is taken in.
    is_closing: bool,
    /// Workers at work.
    workers: usize,
    /// Commands that they have taken.
    taken: usize,
    /// Leases that no worker holds any more and that have not ended.
    parked: usize,
}

impl State {
    /// How many commands a worker takes at most.
    ///
    /// Without it one worker ends up with nearly everybody, again and again: they are answered together and come back
    /// together, while the others work on the few who are left.
    fn share(&self) -> usize {
        let open = self.scheduler.len().saturating_add(self.taken);
        open.div_ceil(self.workers.max(1)).max(SHARE_MIN)
    }

    /// Whether nothing is left and nothing more will come.
    fn is_drained(&self) -> bool {
        self.is_closing && self.scheduler.is_empty() && self.parked == 0
    }
}

/// A place that is kept for one command.
pub(super) struct Reserved<'q>(SemaphorePermit<'q>);

impl Queue {
    pub(super) fn new(places_max: usize, batch_max: usize) -> Self {
        let places_max = places_max.min(Semaphore::MAX_PERMITS);
        Self {
            state: Mutex::default(),
            places: Semaphore::new(places_max),
            batch_max,
            work: Notify::new(),
            is_closed: AtomicBool::new(false),
            running: watch::Sender::new(0),
        }
    }

    /// Waits for a place.
    pub(super) async fn reserve(&self) -> Result<Reserved<'_>, Fault> {
        let place = self.places.acquire().await.map_err(|_| closed())?;
        Ok(Reserved(place))
    }

    /// Puts a command into a place. It is accepted from then on.
    pub(super) fn push(&self, place: Reserved<'_>, mut command: Pending) -> Result<(), Fault> {
        command.holds_place = true;
        let mut state = self.state();
        if state.is_closing {
            return Err(closed());
        }
        place.0.forget();
        state.scheduler.push(command);
        let wake = state.scheduler.has_ready();
        drop(state);
        if wake {
            self.work.notify_one();
        }
        Ok(())
    }

    /// Waits for the next batch; `None` when there will be no more.
    pub(super) async fn next(self: &Arc<Self>) -> Option<(Lease, Vec<Pending>)> {
        loop {
            let mut woken = pin!(self.work.notified());
            // Whoever is told from here on is told us, so nothing that arrives meanwhile is missed.
            woken.as_mut().enable();
            if let Some(batch) = self.try_next() {
                return Some(batch);
            }
            if self.is_drained() {
                return None;
            }
            woken.await;
            self.listen().await;
        }
    }

    /// Lets those who were just answered, or who come together, speak before the next batch is taken.
    ///
    /// Without this a full house falls apart into a large and a tiny batch in turn, each paying for a whole commit.
    /// There is no waiting in it: it ends as soon as nobody has come since the last turn.
    pub(super) async fn listen(&self) {
        for _ in 0..TURNS_MAX {
            let before = self.waiting();
            tokio::task::yield_now().await;
            if self.waiting() <= before {
                return;
            }
        }
    }

    /// How many commands were accepted and are not taken up yet.
    pub(super) fn waiting(&self) -> usize {
        self.state().scheduler.len()
    }

    /// How many workers run.
    pub(super) fn workers(&self) -> usize {
        self.state().workers
    }

    /// Whether nothing more is taken in.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }

    /// Takes nothing more in. What was accepted is still worked off.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        self.state().is_closing = true;
        self.places.close();
        self.work.notify_waiters();
    }

    /// Waits until the last worker has ended.
    pub(super) async fn ended(&self) {
        let mut running = self.running.subscribe();
        // An error would mean that the queue is gone, and with it the workers.
        let _ = running.wait_for(|workers| *workers == 0).await;
    }

    fn try_next(self: &Arc<Self>) -> Option<(Lease, Vec<Pending>)> {
        let mut state = self.state();
        let max = state.share().min(self.batch_max);
        let taken = state.scheduler.take(max);
        if taken.commands.is_empty() {
            return None;
        }
        let count = taken.commands.len();
        state.taken = state.taken.saturating_add(count);
        let more = state.scheduler.has_ready();
        drop(state);
        if more {
            self.work.notify_one();
        }
        let mut commands = taken.commands;
        let places = commands
            .iter_mut()
            .map(|command| usize::from(mem::take(&mut command.holds_place)));
        self.places.add_permits(places.sum());
        let lease = Lease {
            queue: Some(Arc::clone(self)),
            lines: taken.lines,
            count,
            is_parked: false,
        };
        Some((lease, commands))
    }

    fn is_drained(&self) -> bool {
        self.state().is_drained()
    }

    /// Frees the lines of a batch; returns those whom the halts hold back, with what they are to be told.
    fn release(&self, batch: Released, halts: &[Halt]) -> Vec<(Pending, Fault)> {
        let mut state = self.state();
        state.taken = state.taken.saturating_sub(batch.count);
        state.parked = state.parked.saturating_sub(usize::from(batch.is_parked));
        let scheduler = &mut state.scheduler;
        batch
            .again
            .into_iter()
            .for_each(|command| scheduler.push(command));
        let mut held_back = Vec::new();
        for halt in halts {
            let cut = scheduler.cut_behind(&halt.command.place).into_iter();
            held_back.extend(cut.map(|command| (command, halt.behind.clone())));
        }
        scheduler.release(batch.lines, []);
        let is_drained = state.is_drained();
        let wake = state.scheduler.has_ready();
        drop(state);
        let places = held_back
            .iter_mut()
            .map(|(command, _)| usize::from(mem::take(&mut command.holds_place)));
        self.places.add_permits(places.sum());
        if is_drained {
            self.work.notify_waiters();
        } else if wake {
            self.work.notify_one();
        }
        held_back
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic is done to the state half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What ends with a lease.
struct Released {
    lines: Vec<Line>,
    /// How many commands were taken.
    count: usize,
    is_parked: bool,
    /// Those of them that wait again.
    again: Vec<Pending>,
}

/// What a worker has taken. Dropping it frees the lines, so a worker that dies strands nobody.
#[must_use = "a lease ends when it is dropped"]
pub(super) struct Lease {
    /// Until the lease has ended.
    queue: Option<Arc<Queue>>,
    lines: Vec<Line>,
    /// How many commands were taken.
    count: usize,
    /// Whether it is held by somebody beside the workers, who wait for it before they end.
    is_parked: bool,
}

impl Lease {
    /// Splits off the lines of some of the commands, to be freed on their own by somebody beside the workers.
    pub(super) fn park(&mut self, commands: &[Pending]) -> Self {
        let stand = commands.iter().flat_map(|command| command.place.lines());
        let own: FxHashSet<&Line> = stand.collect();
        let (parked, rest) = mem::take(&mut self.lines)
            .into_iter()
            .partition(|line| own.contains(line));
        self.lines = rest;
        self.count = self.count.saturating_sub(commands.len());
        if let Some(queue) = &self.queue {
            let mut state = queue.state();
            state.parked = state.parked.saturating_add(1);
        }
        Self {
            queue: self.queue.clone(),
            lines: parked,
            count: commands.len(),
            is_parked: true,
        }
    }

    /// Frees the lines and lets commands wait again that come back; returns those whom the halts hold back.
    pub(super) fn release(mut self, again: Vec<Pending>, halts: &[Halt]) -> Vec<(Pending, Fault)> {
        self.end(again, halts)
    }

    fn end(&mut self, again: Vec<Pending>, halts: &[Halt]) -> Vec<(Pending, Fault)> {
        let Some(queue) = self.queue.take() else {
            return Vec::new();
        };
        let batch = Released {
            lines: mem::take(&mut self.lines),
            count: self.count,
            is_parked: self.is_parked,
            again,
        };
        queue.release(batch, halts)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.end(Vec::new(), &[]);
    }
}

/// Counts a worker as running until it is dropped, however it ends. When the last one has ended, nobody is left to work off
/// what waits: it is dropped, which tells its callers.
pub(super) struct Running(Arc<Queue>);

impl Running {
    pub(super) fn new(queue: &Arc<Queue>) -> Self {
        let mut state = queue.state();
        state.workers = state.workers.saturating_add(1);
        drop(state);
        queue
            .running
            .send_modify(|running| *running = running.saturating_add(1));
        Self(Arc::clone(queue))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.workers = state.workers.saturating_sub(1);
        let workers = state.workers;
        let stranded = if workers == 0 {
            state.is_closing = true;
            state.scheduler.drain()
        } else {
            Vec::new()
        };
        drop(state);
        if workers == 0 {
            self.0.close();
        }
        drop(stranded);
        // One less than there were, and not how many this one saw: workers that end together pass each other here, and the last
        // word has to be that nobody is left.
        let running = &self.0.running;
        running.send_modify(|running| *running = running.saturating_sub(1));
    }
}
