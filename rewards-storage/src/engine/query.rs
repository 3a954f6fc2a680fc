//! Queries: answered from one fresh view, beside the workers and beside each other.

use std::time::Instant;

use rewards_core::command::{Operation, ROUNDS_MAX, Undecided, prepare};
use rewards_core::rejection::{Fault, Rejection};
use rewards_core::snapshot::ReadPlan;
use rewards_core::time::Timestamp;

use super::faults::{guarded, internal};
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
    let now = engine.instant(now)?;
    let shared = &engine.inner.shared;
    let tenant = engine.inner.catalogue.tenant(engine.tenant());
    let mut programs = tenant.programs(&shared.storage).await?;
    // A query makes no ids, so it draws no random bits.
    let mut context = engine.context(now, &programs, 0);
    let mut needs = ReadPlan::default();
    let (mut views, mut rounds) = (0_u32, 0_u32);
    while views < VIEWS_MAX && rounds < ROUNDS_MAX {
        let mut prepared = None;
        let Reads { mut plan, refused } = Reads::of(&context, |context| {
            let (plan, found) = prepare(request, context)?;
            prepared = Some(found);
            Ok(plan)
        });
        plan.merge(needs.clone());
        plan.revision_counts.push(engine.tenant().clone());
        plan.normalise();
        let snapshot = shared.storage.load(&plan).await?;
        if programs.are_behind(engine.tenant(), &snapshot) {
            shared.telemetry.retried("programs");
            let reloaded = tenant.reload(&shared.storage, Some(&programs));
            programs = reloaded.await?;
            context.programs = programs.revisions.clone();
            // What else was needed followed from the programs before.
            needs = ReadPlan::default();
            views = views.saturating_add(1);
            continue;
        }
        let prepared = match (refused, prepared) {
            (Some(fault), _) => return Err(fault),
            (None, Some(prepared)) => prepared,
            (None, None) => return Err(internal("a query was not prepared")),
        };
        let decided = guarded(|| match request.decide(&prepared, &snapshot, &context) {
            Ok(decision) => Ok(Ok(decision.reply)),
            Err(Undecided::Rejected(rejection)) => Err(rejection.into()),
            Err(Undecided::Needs(more)) => Ok(Err(more)),
        });
        match decided? {
            Ok(reply) => return Ok(reply),
            Err(more) => needs.merge(*more),
        }
        rounds = rounds.saturating_add(1);
    }
    Err(match rounds {
        ROUNDS_MAX => internal("a query wants more rows again and again"),
        _ => Rejection::Contention { attempts: views }.into(),
    })
}
