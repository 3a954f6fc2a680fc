//! Ordered runs: commands that are decided in the order in which they are handed in, also over what members share.
//!
//! Alone, commands of different members have no order: who of them gets the last of a shared budget is decided by the order
//! of commits. An import or a backtest needs one order, and the same result each time. The commands of a run share a line
//! of the queue, so one worker at a time works on them; they share no batch with others; and what is decided on an open
//! decision of the run is committed only together with it.
//!
//! - A refusal stops nothing: the commands after it are decided without it.
//! - A command that loses a race holds back all that follow.
//! - When the outcome of a command is unknown, the store refused it, or it was given up in contention, the run stops: what
//!   follows is answered with a fault that tells to try again, untried. Handing in everything from there on again with the same
//!   keys, in a new run, goes on.
//! - A sweep, or a query, waits until all before it is durable and answered.
//! - Commands from elsewhere may come between two batches of a run, never into one.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, OnceLock};

use rewards_core::command::{Kind, Operation};
use rewards_core::rejection::Fault;
use rewards_core::time::Timestamp;
use tokio::sync::watch;
use tracing::Instrument;

use super::answers::behind;
use super::pending::Outcome;
use super::submit::{AnswerReceiver, Once, Told, receive};
use super::{CommandOptions, Receipt, Sweep, TenantEngine, command_span, faults, observed, query};

/// How many commands of one run wait for their answers at most; handing in more waits. Enough for several batches, and
/// little enough to leave room in the queue for others.
pub const RUN_AHEAD_MAX: usize = 1_024;

/// One run.
#[derive(Debug)]
pub(super) struct RunState {
    number: u64,
    /// How many of its commands are not answered yet.
    open: watch::Sender<usize>,
    /// Why it goes on no further.
    stopped: OnceLock<Fault>,
}

impl RunState {
    fn new(number: u64) -> Self {
        Self {
            number,
            open: watch::Sender::new(0),
            stopped: OnceLock::new(),
        }
    }

    fn stop(&self, fault: Fault) {
        // The first reason stays.
        let _ = self.stopped.set(fault);
    }

    async fn wait_until(&self, is_few: impl Fn(usize) -> bool) {
        let mut open = self.open.subscribe();
        // The sender is here, so there is no error.
        let _ = open.wait_for(|open| is_few(*open)).await;
    }
}

/// A command's part in its run, from acceptance to answer.
pub(super) struct RunToken {
    run: Arc<RunState>,
    /// As how many commands it counts.
    weight: usize,
    is_answered: bool,
}

impl RunToken {
    pub(super) fn new(run: &Arc<RunState>) -> Self {
        Self::of_weight(run, 1)
    }

    /// Nothing is handed in while a sweep is under way.
    fn of_sweep(run: &Arc<RunState>) -> Self {
        Self::of_weight(run, RUN_AHEAD_MAX)
    }

    fn of_weight(run: &Arc<RunState>, weight: usize) -> Self {
        run.open
            .send_modify(|open| *open = open.saturating_add(weight));
        Self {
            run: Arc::clone(run),
            weight,
            is_answered: false,
        }
    }

    /// Takes note of how a sweep ended.
    fn swept(&mut self, stopping: Option<Fault>) {
        self.is_answered = true;
        if let Some(fault) = stopping {
            self.run.stop(fault);
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.run.number
    }

    /// Why the run goes on no further.
    pub(super) fn stopped(&self) -> Option<&Fault> {
        self.run.stopped.get()
    }

    /// Takes note of an answer before it is given. What may still succeed, or has perhaps succeeded, stops the run.
    pub(super) fn answered(&mut self, outcome: &Outcome) {
        self.is_answered = true;
        if let Outcome::Failed(fault) = outcome
            && let Some(fault) = behind(fault)
        {
            self.run.stop(fault);
        }
    }
}

impl Drop for RunToken {
    fn drop(&mut self) {
        if !self.is_answered {
            self.run.stop(faults::lost());
        }
        self.run
            .open
            .send_modify(|open| *open = open.saturating_sub(self.weight));
    }
}

/// A run of commands of any kinds that are decided in the order in which they are handed in.
///
/// Made by [`TenantEngine::ordered_run`]. Dropping it ends nothing: what was handed in is worked off.
pub struct OrderedRun {
    engine: TenantEngine,
    run: Arc<RunState>,
}

/// The answer to one command of an ordered run, once it is there.
#[must_use = "the outcome of a command is known to whoever asks for its receipt"]
pub struct OrderedReceipt<R> {
    answer: Handed<R>,
    span: tracing::Span,
}

pub(super) enum Handed<R> {
    Waiting(AnswerReceiver<R>),
    Known(Result<Receipt<R>, Fault>),
}

impl<R: serde::de::DeserializeOwned> OrderedReceipt<R> {
    /// Waits for the receipt of the command.
    ///
    /// # Errors
    /// See [`TenantEngine::execute_with`]; in a run that has stopped, the fault that stopped it.
    pub async fn receipt(self) -> Result<Receipt<R>, Fault> {
        let outcome = match self.answer {
            Handed::Waiting(answer) => receive(answer).await,
            Handed::Known(outcome) => outcome,
        };
        observed(outcome, &self.span)
    }
}

impl OrderedRun {
    pub(super) fn new(engine: TenantEngine, number: u64) -> Self {
        Self {
            engine,
            run: Arc::new(RunState::new(number)),
        }
    }

    /// Hands in the next command, and waits only while [`RUN_AHEAD_MAX`] of the run or the whole queue are waiting. A query
    /// waits for all before it, and is answered at once.
    ///
    /// The receipts can be waited for in any order, or not at all. Whatever is wrong with a command is told by its receipt.
    pub async fn push<O: Operation>(
        &mut self,
        request: O,
        options: CommandOptions,
    ) -> OrderedReceipt<O::Reply> {
        let span = command_span::<O>();
        let answer = self.hand_in(request, options.into(), Once::Key);
        let answer = answer.instrument(span.clone()).await;
        OrderedReceipt { answer, span }
    }

    /// Carries out everything that is due at an instant, or by now, after all commands handed in so far and before all that
    /// follow. See [`TenantEngine::settle_due`].
    ///
    /// # Errors
    /// A fault of the store when nobody can be settled; what was settled before it stays settled. In a run that has stopped,
    /// the fault that stopped it.
    pub async fn settle_due(&mut self, now: Option<Timestamp>) -> Result<Sweep, Fault> {
        self.barrier().await?;
        // Whoever no longer waits for it must not overtake it, so it goes on by itself.
        let mut token = RunToken::of_sweep(&self.run);
        let engine = self.engine.clone();
        let sweep = async move {
            // What is due for one member changes nothing of what is due for another, so there is no order to keep.
            let (sweep, swept) = engine.sweep(now).await;
            let faults = sweep.failed.iter().map(|(_, fault)| fault);
            let stopping = faults.chain(swept.as_ref().err()).find_map(behind);
            token.swept(stopping);
            swept.map(|()| sweep)
        };
        let sweep = tokio::spawn(sweep.in_current_span());
        sweep.await.unwrap_or_else(|_| Err(faults::lost()))
    }

    /// Waits until everything handed in so far is answered.
    ///
    /// # Errors
    /// The fault that stopped the run.
    pub async fn barrier(&mut self) -> Result<(), Fault> {
        self.run.wait_until(|open| open == 0).await;
        self.check()
    }

    /// Hands in a command that happens once by `once`.
    pub(super) async fn hand_in<O: Operation>(
        &mut self,
        request: O,
        told: Told,
        once: Once,
    ) -> Handed<O::Reply> {
        if O::KIND == Kind::Query {
            let answer = match self.barrier().await {
                Ok(()) => query::ask(&self.engine, request, told.when.given()).await,
                Err(fault) => Err(fault),
            };
            return Handed::Known(answer);
        }
        self.run.wait_until(|open| open < RUN_AHEAD_MAX).await;
        if let Err(fault) = self.check() {
            return Handed::Known(Err(fault));
        }
        let run = Some(&self.run);
        match self.engine.submit(request, told, once, run).await {
            Ok(answer) => Handed::Waiting(answer),
            Err(fault) => {
                if let Some(fault) = behind(&fault) {
                    self.run.stop(fault);
                }
                Handed::Known(Err(fault))
            }
        }
    }

    fn check(&self) -> Result<(), Fault> {
        self.run.stopped.get().cloned().map_or(Ok(()), Err)
    }
}

impl TenantEngine {
    /// Begins a run of commands that are decided in the order in which they are handed in.
    #[must_use]
    pub fn ordered_run(&self) -> OrderedRun {
        OrderedRun::new(self.clone(), self.inner.next_run())
    }

    /// Executes many commands of one kind as one ordered run, and returns the outcomes in their order.
    ///
    /// They are handed in as they are answered, so the queue holds [`RUN_AHEAD_MAX`] of them at most, however many there are.
    ///
    /// # Errors
    /// Each command has its own outcome: see [`Self::execute_with`]. A refusal stops nothing. When the outcome of a command
    /// is unknown, what follows has the same fault and was not tried.
    pub async fn execute_ordered<O: Operation>(
        &self,
        requests: impl IntoIterator<Item = (O, CommandOptions), IntoIter: Send>,
    ) -> Vec<Result<Receipt<O::Reply>, Fault>> {
        let mut run = self.ordered_run();
        let mut waiting = VecDeque::new();
        let mut outcomes = Vec::new();
        for (request, options) in requests {
            if waiting.len() >= RUN_AHEAD_MAX
                && let Some(oldest) = waiting.pop_front()
            {
                outcomes.push(OrderedReceipt::receipt(oldest).await);
            }
            waiting.push_back(run.push(request, options).await);
        }
        for receipt in waiting {
            outcomes.push(receipt.receipt().await);
        }
        outcomes
    }
}

impl<R> fmt::Debug for OrderedReceipt<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrderedReceipt").finish_non_exhaustive()
    }
}

impl fmt::Debug for OrderedRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrderedRun")
            .field("tenant", self.engine.tenant())
            .field("open", &*self.run.open.borrow())
            .field("stopped", &self.run.stopped.get().is_some())
            .finish_non_exhaustive()
    }
}
