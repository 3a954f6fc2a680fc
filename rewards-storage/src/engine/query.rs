//! Queries: answered from one fresh view, beside the workers and beside each other.

use std::time::Instant;

use rewards_core::command::Operation;
use rewards_core::rejection::{Fault, Rejection};
use rewards_core::time::Timestamp;

use super::catalogue::Programs;
use super::faults::guarded;
use super::pending::Reads;
use super::telemetry::outcome;
use super::worker::VIEWS_MAX;
use super::{Receipt, TenantEngine};

/// Answers a query. Nothing is queued and nothing is written.
pub(super) async fn ask<O: Operation>(
    engine: &TenantEngine,
    request: &O,
    now: Option<Timestamp>,
) -> Result<Receipt<O::Reply>, Fault> {
    engine.inner.check_open()?;
    let accepted = Instant::now();
    let answer = decide(engine, request, now).await;
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
    let shared = &engine.inner.shared;
    let mut programs = engine.tenant.programs(&shared.storage).await?;
    // A query makes no ids, so it draws no random bits.
    let mut context = engine.context(now, &programs, 0);
    for _ in 0..VIEWS_MAX {
        let Reads { mut plan, refused } = Reads::of(&context, |context| request.reads(context));
        plan.programs.extend_from_slice(&programs.heads);
        plan.normalise();
        let snapshot = shared.storage.load(&plan).await?;
        let is_behind = |programs: &Programs| {
            let mut heads = snapshot.programs.iter();
            heads.any(|(key, head)| programs.newest(&key.program) < *head)
        };
        if is_behind(&programs) {
            shared.telemetry.retried("programs");
            let reloaded = engine.tenant.reload(&shared.storage, Some(&programs));
            programs = reloaded.await?;
            context.programs = programs.revisions.clone();
            continue;
        }
        return match refused {
            Some(fault) => Err(fault),
            None => guarded(|| Ok(request.decide(&snapshot, &context)?.reply)),
        };
    }
    let attempts = VIEWS_MAX;
    Err(Rejection::Contention { attempts }.into())
}
