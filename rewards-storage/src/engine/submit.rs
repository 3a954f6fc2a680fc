//! From a request to a command in the queue, in the caller's own task: secrets are sealed, everything the command is decided
//! with is fixed, and whom it is about is found out.

use std::sync::Arc;

use rewards_core::command::{NaturalKey, Operation};
use rewards_core::context::{Context, HostKeys};
use rewards_core::ids::{IdSeed, IdempotencyKey, MemberId, TenantId};
use rewards_core::rejection::{Fault, Rejection};
use rewards_core::snapshot::{KeyOrigin, MemberKey, ReadPlan, ReplyKey};
use rewards_core::time::Timestamp;
use smallvec::SmallVec;
use tokio::sync::oneshot;

use super::catalogue::Programs;
use super::engine_keys::EngineKeys;
use super::key_ring::KeyTime;
use super::moment::{self, Moment, When};
use super::ordered::{RunState, RunToken};
use super::pending::{Answer, Concerns, Identity, Pending, Timed, Typed, Work};
use super::sealing::{self, Fingerprints};
use super::{Receipt, TenantEngine, faults};
use crate::batch::CommandKey;

/// Where a caller waits for the answer to one command.
pub(super) struct AnswerReceiver<R> {
    answer: oneshot::Receiver<Result<Answer<R>, Fault>>,
    tenant: TenantId,
    keys: Arc<EngineKeys>,
    /// Puts into the reply what is stored nowhere.
    reveal: fn(&mut R, &TenantId, &dyn HostKeys) -> Result<(), Rejection>,
}

/// What makes a command happen once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Once {
    /// Its key, given or implied. Its reply is kept.
    Key,
    /// The versions of the rows it changes: it may be decided any number of times. Its reply is not kept.
    Versions,
}

/// A command on its way into the queue, with its types put away.
struct Submission {
    work: Box<dyn Work>,
    /// Whether preparing it takes long.
    is_prepared_apart: bool,
    identity: Identity,
    /// The members and entities that it names.
    concerns: Concerns,
    moment: Moment,
}

/// What a command is told beside its request.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) key: Option<IdempotencyKey>,
    pub(super) when: When,
}

/// Waits for the answer to a command, and puts into it what is stored nowhere.
pub(super) async fn receive<R: serde::de::DeserializeOwned>(
    AnswerReceiver {
        answer,
        tenant,
        keys,
        reveal,
    }: AnswerReceiver<R>,
) -> Result<Receipt<R>, Fault> {
    let mut receipt = answer.await.map_err(|_| faults::lost())??.receipt()?;
    reveal(&mut receipt.reply, &tenant, &*keys)?;
    Ok(receipt)
}

impl TenantEngine {
    /// Replaces the secrets of a request by digests, as of its time, and takes its fingerprints. Comes before everything else.
    pub(super) fn seal<O: Operation>(
        &self,
        request: &mut O,
        now: Option<Timestamp>,
    ) -> Result<Fingerprints, Fault> {
        let at = || {
            let clock = self.inner.clock.now();
            KeyTime::new(now.unwrap_or(clock), clock)
        };
        sealing::seal(request, self.tenant(), &self.inner.keys.ring, at)
    }

    /// Fixes everything a command is decided with and puts it into the queue.
    pub(super) async fn submit<O: Operation>(
        &self,
        mut request: O,
        told: Told,
        once: Once,
        run: Option<&Arc<RunState>>,
    ) -> Result<AnswerReceiver<O::Reply>, Fault> {
        self.inner.check_open()?;
        let members = self.members(&request);
        let moment = match told.when {
            When::Given(now) => self.moment(now, &members).await?,
            When::Found(moment) => moment,
        };
        let fingerprints = self.seal(&mut request, Some(moment.now))?;
        let identity = self.identity(&request, told.key, once, fingerprints)?;
        let concerns = Concerns {
            members,
            owned_by: request.owned_by(self.tenant()),
        };
        let (caller, answer) = oneshot::channel();
        let submission = Submission {
            work: Typed::boxed(request, caller),
            is_prepared_apart: O::IS_PREPARED_APART && !self.inner.in_place,
            identity,
            concerns,
            moment,
        };
        self.accept(submission, run).await?;
        Ok(AnswerReceiver {
            answer,
            tenant: self.tenant().clone(),
            keys: Arc::clone(&self.inner.keys),
            reveal: O::reveal,
        })
    }

    /// Waits for what a command needs before it is prepared, and for its place. Made once and not for each operation: a library
    /// on a phone has to be small.
    async fn accept(
        &self,
        submission: Submission,
        run: Option<&Arc<RunState>>,
    ) -> Result<(), Fault> {
        let Submission {
            work,
            is_prepared_apart,
            identity,
            concerns,
            moment,
        } = submission;
        let tenant = self.inner.catalogue.tenant(self.tenant());
        let programs = tenant.programs(&self.inner.shared.storage).await?;
        let concerns = self.with_owners(concerns).await?;
        let place = self.inner.queue.reserve().await?;
        let context = self.context(moment.now, &programs, self.inner.random.next());
        let token = run.map(RunToken::new);
        let timed = Timed { context, moment };
        let prepare = move || Pending::new(work, identity, tenant, timed, concerns, token);
        let pending = if is_prepared_apart {
            let prepared = tokio::task::spawn_blocking(prepare).await;
            prepared.map_err(|error| faults::internal(format!("preparing failed: {error}")))?
        } else {
            prepare()
        };
        self.inner.queue.push(place, pending)
    }

    /// The key that makes a command happen once: the given one, or the one that the request implies.
    fn identity<O: Operation>(
        &self,
        request: &O,
        given: Option<IdempotencyKey>,
        once: Once,
        fingerprints: Fingerprints,
    ) -> Result<Identity, Fault> {
        let natural = request.natural_key(self.tenant());
        let receipt = match &natural {
            Some(NaturalKey::Entity(key)) => Some(key.clone()),
            Some(NaturalKey::Text(_)) | None => None,
        };
        let reply = |origin, key| {
            CommandKey::Reply(ReplyKey {
                tenant: self.tenant().clone(),
                operation: O::NAME,
                origin,
                key,
            })
        };
        let key = match (once, given, natural) {
            (Once::Versions, ..) => CommandKey::None,
            (Once::Key, Some(key), _) => reply(KeyOrigin::Given, key),
            (Once::Key, None, Some(NaturalKey::Text(key))) => reply(KeyOrigin::Natural, key),
            (Once::Key, None, Some(NaturalKey::Entity(key))) => CommandKey::Entity(key),
            (Once::Key, None, None) => return Err(faults::key_required()),
        };
        Ok(Identity {
            key,
            receipt,
            fingerprints,
        })
    }

    /// Whom a command is about: the members it names, and the owners of the entities it names. Owners are looked up here so
    /// that the command can wait for them; the decision sees for itself whether they still are.
    async fn with_owners(&self, mut concerns: Concerns) -> Result<Concerns, Fault> {
        if concerns.owned_by.is_empty() {
            return Ok(concerns);
        }
        let mut plan = ReadPlan {
            entities: concerns.owned_by.clone(),
            ..ReadPlan::default()
        };
        plan.normalise();
        let found = self.inner.shared.storage.load(&plan).await?;
        let owners = found
            .entities
            .values()
            .filter_map(|e| e.index.owner.as_ref());
        concerns
            .members
            .extend(owners.map(|owner| self.member_key(owner)));
        Ok(concerns)
    }

    fn member_key(&self, member: &MemberId) -> MemberKey {
        MemberKey {
            tenant: self.tenant().clone(),
            member: member.clone(),
        }
    }

    /// The members that a request names.
    pub(super) fn members<O: Operation>(&self, request: &O) -> SmallVec<[MemberKey; 2]> {
        let named = request.members().into_iter();
        named.map(|member| self.member_key(member)).collect()
    }

    /// When something about these members is decided: at the given instant, or now.
    ///
    /// # Errors
    /// `now_ahead` for an instant that lies further ahead than the engine allows; `clock_behind` when it is the clock that is
    /// wrong, as the store knows.
    pub(super) async fn moment(
        &self,
        given: Option<Timestamp>,
        members: &[MemberKey],
    ) -> Result<Moment, Fault> {
        let limits = &self.inner.shared.limits;
        match (limits.moment(given, || self.inner.clock.now()), given) {
            (Ok(moment), _) => Ok(moment),
            (Err(clock), given) => {
                let known = self.known_time(members).await?;
                Err(limits.now_ahead(given.unwrap_or(clock), clock, known))
            }
        }
    }

    /// The latest time that the store knows, looked up.
    pub(super) async fn known_time(
        &self,
        members: &[MemberKey],
    ) -> Result<Option<Timestamp>, Fault> {
        let tenant = self.inner.catalogue.tenant(self.tenant());
        let plan = ReadPlan {
            members: members.to_vec(),
            ..ReadPlan::default()
        };
        let note = |_: &TenantId, at| tenant.known_time.note(at);
        let asked = [(self.tenant(), &tenant.known_time)];
        moment::view(&self.inner.shared.storage, &plan, &asked, note).await?;
        Ok(tenant.known_time.latest())
    }

    /// What a decision is made in, with the random bits that its ids are made of.
    pub(super) fn context(&self, now: Timestamp, programs: &Programs, random: u128) -> Context {
        Context {
            tenant: self.tenant().clone(),
            now,
            ids: IdSeed::new(now, random),
            programs: Arc::clone(&programs.revisions),
            keys: Some(Arc::clone(&self.inner.keys) as _),
        }
    }
}
