//! Whether the engine's clock can be right, by what the store has recorded.
//!
//! What a command makes mature, expire or move cannot be undone, and nobody can tell from a clock alone that it is wrong. But
//! time that was recorded has passed. So a command that is decided by the engine's clock is held against it:
//!
//! - *Behind.* The member has been recorded later than the clock and what it may differ by. The command ends as `clock_behind`.
//!   So does a request that would be refused because a time in it seems to come, when the store tells that it has passed.
//! - *Ahead.* The clock is later than everything that is known by more than the host allows. The command ends as `clock_ahead`,
//!   until the host [accepts](super::Engine::accept_time) the time. Queries are answered as of the last time that is known.
//!
//! Nothing is written in both cases, and the same command succeeds once the clock is right. A `now` that the caller gives is the
//! caller's word, unless it says what the clock says.
//!
//! What is known costs no read of its own: it is the latest of the rows that commands see anyway. The newest purchase and the
//! newest member of a tenant are looked up with the first view of the tenant, and before a time is refused as ahead.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use rewards_core::cashback::PurchaseEntity;
use rewards_core::entity::{By, Entity, EntityQuery};
use rewards_core::ids::TenantId;
use rewards_core::rejection::Fault;
use rewards_core::snapshot::{MemberQuery, ReadPlan, Snapshot};
use rewards_core::time::Timestamp;

use super::faults;
use super::storage::Storage;
use crate::error::StoreError;

/// When something is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// The time of the command or the query.
    pub(super) now: Timestamp,
    /// What the engine's clock says, where the time is its word and not the caller's.
    pub(super) clock: Option<Timestamp>,
}

/// What a command is told of its time.
#[derive(Debug, Clone)]
pub(super) enum When {
    /// By the caller, or not at all.
    Given(Option<Timestamp>),
    /// It was found before, for all commands of a sweep.
    Found(Moment),
}

impl When {
    /// The time that was given.
    pub(super) fn given(&self) -> Option<Timestamp> {
        match self {
            Self::Given(now) => *now,
            Self::Found(moment) => Some(moment.now),
        }
    }
}

/// The latest time that anything is known to have been recorded at; rises only.
#[derive(Debug)]
pub(super) struct KnownTime {
    micros: AtomicI64,
    /// Whether the newest rows were looked up, be there any or not.
    is_looked_up: AtomicBool,
}

impl KnownTime {
    /// Nothing is known.
    const UNKNOWN: i64 = i64::MIN;

    /// Takes note of a time.
    pub(super) fn note(&self, at: Timestamp) {
        self.micros.fetch_max(at.micros(), Ordering::Relaxed);
    }

    /// The latest time of which note was taken.
    pub(super) fn latest(&self) -> Option<Timestamp> {
        match self.micros.load(Ordering::Relaxed) {
            Self::UNKNOWN => None,
            micros => Timestamp::from_micros(micros).ok(),
        }
    }
}

impl Default for KnownTime {
    fn default() -> Self {
        Self {
            micros: AtomicI64::new(Self::UNKNOWN),
            is_looked_up: AtomicBool::new(false),
        }
    }
}

/// What the host allows its clock.
#[derive(Debug)]
pub(super) struct ClockLimits {
    /// How far a time may lie ahead of the clock; any, when longer than there is time.
    ahead: Duration,
    /// How far the clock may lie ahead of what is known.
    jump: Duration,
    /// What the host has confirmed.
    accepted: KnownTime,
}

impl ClockLimits {
    pub(super) fn new(ahead: Duration, jump: Duration) -> Self {
        Self {
            ahead,
            jump,
            accepted: KnownTime::default(),
        }
    }

    /// The host says that it is so late.
    pub(super) fn accept(&self, at: Timestamp) {
        self.accepted.note(at);
    }

    /// The moment of a time that the caller gives, or of the clock.
    ///
    /// # Errors
    /// What the clock says, when the given time lies further ahead of it than is allowed.
    pub(super) fn moment(
        &self,
        given: Option<Timestamp>,
        clock: impl FnOnce() -> Timestamp,
    ) -> Result<Moment, Timestamp> {
        let Some(now) = given else {
            let clock = clock();
            return Ok(Moment {
                now: clock,
                clock: Some(clock),
            });
        };
        let Some(ahead) = micros(self.ahead) else {
            // The clock does not matter.
            return Ok(Moment { now, clock: None });
        };
        let clock = clock();
        let distance = now.micros_since(clock);
        if distance > ahead {
            return Err(clock);
        }
        let is_of_clock = distance >= ahead.saturating_neg();
        Ok(Moment {
            now,
            clock: is_of_clock.then_some(clock),
        })
    }

    /// The fault of a given time that lies too far ahead of the clock.
    pub(super) fn now_ahead(
        &self,
        now: Timestamp,
        clock: Timestamp,
        known: Option<Timestamp>,
    ) -> Fault {
        let behind = known.and_then(|known| self.behind(clock, known));
        behind.unwrap_or_else(|| faults::now_ahead(now, clock, self.ahead))
    }

    /// The fault of a clock by which nothing can be decided at a moment: behind what was recorded of whom it is about, or too far
    /// ahead of what is known.
    pub(super) fn mistimed(
        &self,
        moment: Moment,
        recorded: Option<Timestamp>,
        known: Option<Timestamp>,
    ) -> Option<Fault> {
        let clock = moment.clock?;
        let behind = recorded.and_then(|recorded| self.behind(clock, recorded));
        behind.or_else(|| {
            let known = self.overtaken(moment, known)?;
            Some(faults::clock_ahead(moment.now, known, self.jump))
        })
    }

    /// The fault of a clock that is behind what was recorded.
    fn behind(&self, clock: Timestamp, recorded: Timestamp) -> Option<Fault> {
        let allowed = micros(self.ahead)?;
        let is_behind = recorded.micros_since(clock) > allowed;
        is_behind.then(|| faults::clock_behind(clock, recorded))
    }

    /// When a query is decided: where the clock is too far ahead, at the last time that is known.
    pub(super) fn trusted(&self, moment: Moment, known: Option<Timestamp>) -> Timestamp {
        self.overtaken(moment, known).unwrap_or(moment.now)
    }

    /// Whether the newest rows are to be looked up before something is decided at a moment.
    pub(super) fn asks(&self, moment: Moment, known: &KnownTime) -> bool {
        let latest = known.latest();
        if latest.is_none() && !known.is_looked_up.load(Ordering::Relaxed) {
            return moment.clock.is_some() && self.guards();
        }
        // Somebody else may have recorded since.
        self.overtaken(moment, latest).is_some()
    }

    /// What is known, where a moment lies too far ahead of it.
    fn overtaken(&self, moment: Moment, known: Option<Timestamp>) -> Option<Timestamp> {
        moment.clock.filter(|_| self.guards())?;
        let jump = micros(self.jump)?;
        // Where nothing is recorded or accepted, any time may be the first.
        let known = known.max(self.accepted.latest())?;
        (moment.now.micros_since(known) > jump).then_some(known)
    }

    /// An engine to which any time may be told plays the past and the future: its clock is a part of the play.
    fn guards(&self) -> bool {
        micros(self.ahead).is_some()
    }
}

/// Loads a view, and with it the newest rows of tenants whose known time is asked for; takes note of them. A row among them that
/// cannot be read keeps nobody from their own.
pub(super) async fn view(
    storage: &Storage,
    plan: &ReadPlan,
    asked: &[(&TenantId, &KnownTime)],
    note: impl Fn(&TenantId, Timestamp),
) -> Result<Snapshot, StoreError> {
    let snapshot = if asked.is_empty() {
        storage.load(plan).await?
    } else {
        for (_, known) in asked {
            known.is_looked_up.store(true, Ordering::Relaxed);
        }
        match storage.load(&with_newest(plan, asked)).await {
            Err(StoreError::Corrupt { .. }) => storage.load(plan).await?,
            loaded => loaded?,
        }
    };
    for (key, row) in &snapshot.members {
        note(&key.tenant, row.recorded_at);
    }
    for (query, page) in &snapshot.member_pages {
        page.iter()
            .for_each(|(_, row)| note(&query.tenant, row.recorded_at));
    }
    for (query, page) in &snapshot.entity_pages {
        // A purchase is listed by when it was recorded.
        if query.kind == PurchaseEntity::KIND {
            page.iter()
                .for_each(|(_, row)| note(&query.tenant, row.index.at));
        }
    }
    Ok(snapshot)
}

/// A plan that reads the newest purchase and the newest member of some tenants as well.
fn with_newest(plan: &ReadPlan, asked: &[(&TenantId, &KnownTime)]) -> ReadPlan {
    let mut plan = plan.clone();
    for (tenant, _) in asked {
        plan.entity_pages.push(EntityQuery {
            tenant: TenantId::clone(tenant),
            kind: PurchaseEntity::KIND,
            by: By::Newest,
            after: None,
            limit: 1,
        });
        plan.member_pages.push(MemberQuery {
            tenant: TenantId::clone(tenant),
            after: None,
            limit: 1,
        });
    }
    plan.normalise();
    plan
}

/// A duration in microseconds; none for one that is longer than there is time.
fn micros(duration: Duration) -> Option<i64> {
    i64::try_from(duration.as_micros()).ok()
}
