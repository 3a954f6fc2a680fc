//! Which waiting command may be taken next: pure data, without threads, clocks or a runtime.
//!
//! Commands queue in *lines*: one line for each member, one for each ordered run. A command stands in the lines of all its
//! members, and in that of its run, at the place of its ticket. It may be taken when it is the first in all its lines and
//! nobody works on any of them. One batch may take several commands of a line, one after another; until the batch is
//! released nobody else takes from that line. So:
//!
//! - no line is ever worked on twice at the same time,
//! - the commands of a line are taken in the order of their tickets, also those that come back with the ticket they had,
//! - whoever stands first everywhere, with nobody at work there, is taken by the next who asks: the oldest first.
//!
//! A command in two lines holds its place in both while it waits, so it cannot be overtaken for ever. A batch is either of
//! commands that belong to no run or of one run alone: what an ordered run decides then rests on nothing that is still open
//! but the run itself.
//!
//! Everything costs a few look-ups a line: nobody walks through those who wait, and whoever stands in a thousand lines is looked at once
//! when they are free.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::Hash;

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

/// The lines a command stands in; rarely more than one.
pub(super) type Lines<K> = SmallVec<[K; 2]>;

/// Beyond so many lines of a command they are looked up instead of walked through.
const FEW_LINES: usize = 16;

/// The order of acceptance.
pub(super) type Ticket = u64;

/// Of those who stand first in some lines.
type Tickets = SmallVec<[Ticket; 8]>;

/// Where a command stands.
#[derive(Debug, Clone)]
pub(super) struct Place<K> {
    /// When it was accepted, once it was; it keeps that for good.
    ticket: Option<Ticket>,
    /// Its lines, each once. That of its run, if it belongs to one, is the first.
    lines: Lines<K>,
    /// Whether it belongs to an ordered run.
    in_run: bool,
    /// Whether it must be in a batch of its own.
    pub(super) alone: bool,
}

impl<K: Clone + Eq + Hash> Place<K> {
    /// The place of a command of these lines, before it is accepted.
    pub(super) fn new(run: Option<K>, members: impl IntoIterator<Item = K>) -> Self {
        let mut place = Self {
            ticket: None,
            in_run: run.is_some(),
            lines: run.into_iter().collect(),
            alone: false,
        };
        place.join_all(members);
        place
    }

    /// The lines it stands in.
    pub(super) fn lines(&self) -> &[K] {
        &self.lines
    }

    /// Stands in more lines from the next time on that it waits.
    pub(super) fn join_all(&mut self, lines: impl IntoIterator<Item = K>) {
        let mut lines = lines.into_iter();
        while self.lines.len() < FEW_LINES {
            let Some(line) = lines.next() else {
                return;
            };
            if !self.lines.contains(&line) {
                self.lines.push(line);
            }
        }
        let mut known: FxHashSet<K> = self.lines.iter().cloned().collect();
        let new = lines.filter(|line| known.insert(line.clone()));
        self.lines.extend(new);
    }

    /// The line of its run.
    pub(super) fn run(&self) -> Option<&K> {
        self.lines.first().filter(|_| self.in_run)
    }
}

/// Something that waits in lines.
pub(super) trait Scheduled<K> {
    fn place(&self) -> &Place<K>;
    fn place_mut(&mut self) -> &mut Place<K>;
}

/// One line.
#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<Ticket>,
    /// The batch that works on it.
    batch: Option<u64>,
}

/// What was taken, and the lines that nobody else takes from until they are released.
#[derive(Debug)]
pub(super) struct Taken<K, T> {
    pub(super) commands: Vec<T>,
    pub(super) lines: Vec<K>,
}

/// All who wait.
#[derive(Debug)]
pub(super) struct Scheduler<K, T> {
    next_ticket: Ticket,
    next_batch: u64,
    waiting: FxHashMap<Ticket, T>,
    lines: FxHashMap<K, Line>,
    /// Those that could be taken now: of no run, and of runs.
    ready: BTreeSet<Ticket>,
    ready_runs: BTreeSet<Ticket>,
}

impl<K, T> Default for Scheduler<K, T> {
    fn default() -> Self {
        Self {
            next_ticket: 0,
            next_batch: 0,
            waiting: FxHashMap::default(),
            lines: FxHashMap::default(),
            ready: BTreeSet::new(),
            ready_runs: BTreeSet::new(),
        }
    }
}

impl<K: Clone + Eq + Hash, T: Scheduled<K>> Scheduler<K, T> {
    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether somebody could be taken now.
    pub(super) fn has_ready(&self) -> bool {
        !(self.ready.is_empty() && self.ready_runs.is_empty())
    }

    /// Lets a command wait: behind all others when it is new, at its old place when it comes back.
    pub(super) fn push(&mut self, mut command: T) {
        let next = self.next_ticket;
        let ticket = *command.place_mut().ticket.get_or_insert(next);
        self.next_ticket = next.max(ticket.saturating_add(1));
        for line in command.place().lines() {
            let waiting = &mut self.lines.entry(line.clone()).or_default().waiting;
            let at = waiting.partition_point(|other| *other < ticket);
            waiting.insert(at, ticket);
            if at == 0
                && let Some(overtaken) = waiting.get(1)
            {
                self.ready.remove(overtaken);
                self.ready_runs.remove(overtaken);
            }
        }
        self.waiting.insert(ticket, command);
        self.note_if_ready(ticket);
    }

    /// Takes what may be taken, at most so many, in the order of tickets. Nothing when nobody may be taken.
    pub(super) fn take(&mut self, max: usize) -> Taken<K, T> {
        let mut taken = Taken {
            commands: Vec::new(),
            lines: Vec::new(),
        };
        let batch = self.next_batch;
        self.next_batch = batch.wrapping_add(1);
        let run = match (self.ready.first(), self.ready_runs.first()) {
            (first, Some(of_run)) if first.is_none_or(|first| of_run < first) => {
                self.run_of(*of_run)
            }
            _ => None,
        };
        // Those that have become free for this batch alone, because it works on their lines already.
        let mut own: BTreeSet<Ticket> = BTreeSet::new();
        while taken.commands.len() < max
            && let Some(ticket) = self.first(run.as_ref(), &own)
        {
            let alone = self.waiting.get(&ticket).is_some_and(|c| c.place().alone);
            if alone && !taken.commands.is_empty() {
                break;
            }
            own.remove(&ticket);
            self.ready.remove(&ticket);
            self.ready_runs.remove(&ticket);
            let Some(command) = self.waiting.remove(&ticket) else {
                continue;
            };
            for next in self.advance(&command, batch, &mut taken.lines) {
                if self.may_be_taken(next, batch, run.as_ref()) {
                    own.insert(next);
                }
            }
            taken.commands.push(command);
            if alone {
                break;
            }
        }
        taken
    }

    /// Frees the lines of a batch, and lets those of its commands wait again that come back.
    pub(super) fn release(&mut self, lines: Vec<K>, again: impl IntoIterator<Item = T>) {
        again.into_iter().for_each(|command| self.push(command));
        let mut first = Tickets::new();
        for key in lines {
            let Some(line) = self.lines.get_mut(&key) else {
                continue;
            };
            line.batch = None;
            match line.waiting.front() {
                Some(ticket) => first.push(*ticket),
                None => {
                    self.lines.remove(&key);
                }
            }
        }
        each_once(&mut first);
        first
            .into_iter()
            .for_each(|ticket| self.note_if_ready(ticket));
    }

    /// Takes out all who wait behind a place in one of its lines, and all who wait behind those, in the order of tickets.
    pub(super) fn cut_behind(&mut self, place: &Place<K>) -> Vec<T> {
        let mut cut = BTreeMap::new();
        let ticket = place.ticket.unwrap_or(self.next_ticket);
        let mut open = vec![(ticket, place.lines.clone())];
        while let Some((ticket, lines)) = open.pop() {
            for key in lines {
                let Some(line) = self.lines.get(&key) else {
                    continue;
                };
                let first = line.waiting.partition_point(|other| *other <= ticket);
                let behind: Vec<Ticket> = line.waiting.iter().skip(first).copied().collect();
                for ticket in behind {
                    if let Some(command) = self.remove(ticket) {
                        open.push((ticket, command.place().lines.clone()));
                        cut.insert(ticket, command);
                    }
                }
            }
        }
        cut.into_values().collect()
    }

    /// Takes a command out of all its lines, wherever it stands.
    fn remove(&mut self, ticket: Ticket) -> Option<T> {
        let command = self.waiting.remove(&ticket)?;
        self.ready.remove(&ticket);
        self.ready_runs.remove(&ticket);
        for key in command.place().lines() {
            let Some(line) = self.lines.get_mut(key) else {
                continue;
            };
            if let Ok(at) = line.waiting.binary_search(&ticket) {
                line.waiting.remove(at);
            }
            if line.waiting.is_empty() && line.batch.is_none() {
                self.lines.remove(key);
            }
        }
        Some(command)
    }

    /// Everybody who waits, in no order; nobody waits afterwards.
    pub(super) fn drain(&mut self) -> Vec<T> {
        self.ready.clear();
        self.ready_runs.clear();
        for line in self.lines.values_mut() {
            line.waiting.clear();
        }
        self.waiting.drain().map(|(_, command)| command).collect()
    }

    fn run_of(&self, ticket: Ticket) -> Option<K> {
        self.waiting.get(&ticket)?.place().run().cloned()
    }

    /// The oldest that this batch may take.
    fn first(&self, run: Option<&K>, own: &BTreeSet<Ticket>) -> Option<Ticket> {
        let ready = match run {
            None => self.ready.first(),
            // Of a run only its first is ever ready, and it begins the batch.
            Some(_) if own.is_empty() => self
                .ready_runs
                .first()
                .filter(|ticket| self.run_of(**ticket).as_ref() == run),
            Some(_) => None,
        };
        match (ready, own.first()) {
            (Some(ready), Some(own)) => Some(*ready.min(own)),
            (ready, own) => ready.or(own).copied(),
        }
    }

    /// Takes a command out of its lines, which are then the batch's, and names those that stand first there now.
    fn advance(&mut self, command: &T, batch: u64, held: &mut Vec<K>) -> Tickets {
        let mut next = Tickets::new();
        for key in command.place().lines() {
            let Some(line) = self.lines.get_mut(key) else {
                continue;
            };
            line.waiting.pop_front();
            next.extend(line.waiting.front().copied());
            if line.batch.replace(batch).is_none() {
                held.push(key.clone());
            }
        }
        each_once(&mut next);
        next
    }

    fn note_if_ready(&mut self, ticket: Ticket) {
        let Some(command) = self.waiting.get(&ticket) else {
            return;
        };
        if !self.is_first(ticket, command.place(), None) {
            return;
        }
        if command.place().in_run {
            self.ready_runs.insert(ticket);
        } else {
            self.ready.insert(ticket);
        }
    }

    /// Whether a batch of no run, or of this run, may take a command that stands first in a line of the batch.
    fn may_be_taken(&self, ticket: Ticket, batch: u64, run: Option<&K>) -> bool {
        self.waiting.get(&ticket).is_some_and(|command| {
            let place = command.place();
            place.run() == run && self.is_first(ticket, place, Some(batch))
        })
    }

    /// Whether a command stands first in all its lines and nobody else works on one of them.
    fn is_first(&self, ticket: Ticket, place: &Place<K>, batch: Option<u64>) -> bool {
        place.lines().iter().all(|key| {
            self.lines.get(key).is_some_and(|line| {
                line.waiting.front() == Some(&ticket)
                    && (line.batch.is_none() || line.batch == batch)
            })
        })
    }
}

/// Leaves each ticket once, in order: the same command may stand first in many lines.
fn each_once(tickets: &mut Tickets) {
    tickets.sort_unstable();
    tickets.dedup();
}

#[cfg(test)]
mod tests;
