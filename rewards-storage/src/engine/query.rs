//! Queries: answered from one fresh view, beside the workers and beside each other.

use std::sync::Arc;
use std::time::Instant;

use rewards_core::command::{Operation, ROUNDS_MAX, Undecided, prepare};
use rewards_core::context::Context;
use rewards_core::ids::TenantId;
use rewards_core::rejection::{Fault, Rejection};
use rewards_core::snapshot::{MemberKey, ReadPlan, Snapshot};
use rewards_core::time::Timestamp;

use super::catalogue::{Programs, Tenant};
use super::faults::{guarded, internal, is_of_time_to_come};
use super::moment::{self, Moment};
use super::pending::Reads;
use super::telemetry::outcome;
use super::worker::VIEWS_MAX;
use super::{Receipt, TenantEngine};

/// Answers a query. Nothing is queued and nothing is written.
pub(super) async fn ask<O: Operation>(
    engine: &TenantEngine,
    mut request: O,
    now: Option<Timestamp>,
) -> Result<Receipt<O::Reply>, Fault> {
    engine.inner.check_open()?;
    let accepted = Instant::now();
    let answer = match engine.seal(&mut request, now) {
        Ok(_) => decide(engine, &request, now).await,
        Err(fault) => Err(fault),
    };
    let answer = answer.and_then(|mut reply| {
        O::reveal(&mut reply, engine.tenant(), &*engine.inner.keys)?;
        Ok(reply)
    });
    let telemetry = &engine.inner.shared.telemetry;
    telemetry.answered(O::NAME, outcome(&answer), false, accepted);
    answer.map(|reply| Receipt {
        reply,
        replayed: false,
    })
}

async fn decide<O: Operation>(
    engine: &TenantEngine,
    request: &O,
    now: Option<Timestamp>,
) -> Result<O::Reply, Fault> {
    let members = engine.members(request);
    let mut asking = Asking::begin(engine, now, &members).await?;
    while asking.goes_on() {
        let mut prepared = None;
        let Reads { plan, refused } = Reads::of(&asking.context, |context| {
            let (plan, found) = prepare(request, context)?;
            prepared = Some(found);
            Ok(plan)
        });
        let Some(snapshot) = asking.view(plan).await? else {
            continue;
        };
        let prepared = match (refused, prepared) {
            (Some(fault), _) => return Err(asking.refused(fault, &members).await?),
            (None, Some(prepared)) => prepared,
            (None, None) => return Err(internal("a query was not prepared")),
        };
        let decided = guarded(
            || match request.decide(&prepared, &snapshot, &asking.context) {
                Ok(decision) => Ok(Ok(decision.reply)),
                Err(Undecided::Rejected(rejection)) => Err(rejection.into()),
                Err(Undecided::Needs(more)) => Ok(Err(more)),
            },
        );
        match decided? {
            Ok(reply) => return Ok(reply),
            Err(more) => asking.needs_more(*more),
        }
    }
    Err(asking.given_up())
}

/// A query while it is asked, with its types put away: made once and not for each operation, because a library on a phone has
/// to be small.
struct Asking<'e> {
    engine: &'e TenantEngine,
    tenant: Arc<Tenant>,
    programs: Arc<Programs>,
    context: Context,
    moment: Moment,
    /// What else it turned out to need.
    needs: ReadPlan,
    /// How often programs were published meanwhile, and how often it needed more.
    views: u32,
    rounds: u32,
}

impl<'e> Asking<'e> {
    async fn begin(
        engine: &'e TenantEngine,
        now: Option<Timestamp>,
        members: &[MemberKey],
    ) -> Result<Self, Fault> {
        let moment = engine.moment(now, members).await?;
        let tenant = engine.inner.catalogue.tenant(engine.tenant());
        let programs = tenant.programs(&engine.inner.shared.storage).await?;
        let limits = &engine.inner.shared.limits;
        let now = limits.trusted(moment, tenant.known_time.latest());
        Ok(Self {
            // A query makes no ids, so it draws no random bits.
            context: engine.context(now, &programs, 0),
            moment,
            engine,
            tenant,
            programs,
            needs: ReadPlan::default(),
            views: 0,
            rounds: 0,
        })
    }

    fn goes_on(&self) -> bool {
        self.views < VIEWS_MAX && self.rounds < ROUNDS_MAX
    }

    /// Loads what the query reads; nothing when it must be prepared anew, with programs that were published meanwhile.
    async fn view(&mut self, mut plan: ReadPlan) -> Result<Option<Snapshot>, Fault> {
        let shared = &self.engine.inner.shared;
        plan.merge(self.needs.clone());
        plan.revision_counts.push(self.engine.tenant().clone());
        plan.normalise();
        let known_time = &self.tenant.known_time;
        let asks = shared.limits.asks(self.moment, known_time);
        let asked = asks.then_some((self.engine.tenant(), known_time));
        let note = |_: &TenantId, at| known_time.note(at);
        let snapshot = moment::view(&shared.storage, &plan, asked.as_slice(), note).await?;
        let now = shared.limits.trusted(self.moment, known_time.latest());
        if now != self.context.now {
            // It was prepared for another time.
            self.context.now = now;
            return self.anew();
        }
        if !self.programs.are_behind(self.engine.tenant(), &snapshot) {
            return Ok(Some(snapshot));
        }
        shared.telemetry.retried("programs");
        let reloaded = self.tenant.reload(&shared.storage, Some(&self.programs));
        self.programs = reloaded.await?;
        self.context.programs = self.programs.revisions.clone();
        self.anew()
    }

    /// What else was needed followed from what is no longer so.
    fn anew(&mut self) -> Result<Option<Snapshot>, Fault> {
        self.needs = ReadPlan::default();
        self.rounds = 0;
        self.views = self.views.saturating_add(1);
        Ok(None)
    }

    /// What a refused query is told: where a time in it seems to come, it may be the clock that is wrong.
    async fn refused(&self, fault: Fault, members: &[MemberKey]) -> Result<Fault, Fault> {
        if self.moment.clock.is_none() || !is_of_time_to_come(&fault) {
            return Ok(fault);
        }
        let known = self.engine.known_time(members).await?;
        let limits = &self.engine.inner.shared.limits;
        let mistimed = limits.mistimed(self.moment, known, known);
        Ok(mistimed.unwrap_or(fault))
    }

    fn needs_more(&mut self, more: ReadPlan) {
        self.needs.merge(more);
        self.rounds = self.rounds.saturating_add(1);
    }

    fn given_up(&self) -> Fault {
        match self.rounds {
            ROUNDS_MAX => internal("a query wants more rows again and again"),
            _ => Rejection::Contention {
                attempts: self.views,
            }
            .into(),
        }
    }
}
