//! The compiled programs of each tenant, shared by all who decide and swapped as a whole.
//!
//! A tenant's programs are loaded at first use and compiled once per revision: revisions never change, so a reload
//! reads and compiles only what is new. Whoever decides holds an [`Arc`] of one consistent set; a swap disturbs nobody.
//!
//! Several processes may share a store. Every view therefore also reads how many revisions the tenant has published: revisions
//! are never taken back, so a set of as many is all of them. A set that turns out to be behind is reloaded, and what was planned
//! with it is planned again, whatever it asked for: a program that nobody here has heard of is met by the next view.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use rewards_core::context::Revisions;
use rewards_core::decision::ProgramWrite;
use rewards_core::ids::{ProgramId, TenantId};
use rewards_core::program::CompiledProgram;
use rewards_core::rejection::{Fault, Rejection};
use rewards_core::snapshot::Snapshot;
use rustc_hash::FxHashMap;
use tokio::sync::Mutex;

use super::faults::internal;
use super::moment::KnownTime;
use super::storage::Storage;

/// How many tenants an engine keeps the compiled programs of; those of others are loaded again when they are needed.
pub const TENANTS_MAX: usize = 1_024;

/// The tenants that were served last.
#[derive(Debug)]
pub(super) struct Catalogue {
    most: usize,
    turn: AtomicU64,
    known: RwLock<FxHashMap<TenantId, Known>>,
}

#[derive(Debug)]
struct Known {
    tenant: Arc<Tenant>,
    /// The turn in which it was last used.
    last: AtomicU64,
}

impl Catalogue {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most: most.max(1),
            turn: AtomicU64::new(0),
            known: RwLock::default(),
        }
    }

    /// The tenant's place in the catalogue. The one that was not used longest makes room for a new one: its compiled programs
    /// are dropped, whoever holds the tenant.
    pub(super) fn tenant(&self, id: &TenantId) -> Arc<Tenant> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(id) {
            known.last.store(turn, Ordering::Relaxed);
            return Arc::clone(&known.tenant);
        }
        drop(known);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= self.most && !known.contains_key(id) {
            let all = known.iter();
            let oldest = all.min_by_key(|(_, known)| known.last.load(Ordering::Relaxed));
            let oldest = oldest.map(|(id, _)| id.clone());
            if let Some(gone) = oldest.and_then(|id| known.remove(&id)) {
                gone.tenant.forget();
            }
        }
        let known = known.entry(id.clone()).or_insert_with(|| Known {
            tenant: Arc::new(Tenant {
                id: id.clone(),
                current: RwLock::default(),
                loading: Mutex::default(),
                known_time: KnownTime::default(),
            }),
            last: AtomicU64::new(turn),
        });
        Arc::clone(&known.tenant)
    }
}

/// One consistent set of compiled programs.
#[derive(Debug)]
pub(super) struct Programs {
    /// What a [`Context`](rewards_core::context::Context) is given.
    pub(super) revisions: Arc<BTreeMap<ProgramId, Revisions>>,
    /// How many revisions there are, of all programs together.
    count: u64,
}

impl Programs {
    fn new(revisions: BTreeMap<ProgramId, Revisions>) -> Self {
        // Revisions are numbered from 1 without gaps.
        let newest = revisions.values().map(|known| u64::from(known.newest()));
        Self {
            count: newest.fold(0, u64::saturating_add),
            revisions: Arc::new(revisions),
        }
    }

    /// The newest revision of a program in this set; 0 when there is none.
    fn newest(&self, program: &ProgramId) -> u32 {
        self.revisions.get(program).map_or(0, Revisions::newest)
    }

    /// Whether a view of the tenant tells of revisions that are not in this set.
    pub(super) fn are_behind(&self, tenant: &TenantId, view: &Snapshot) -> bool {
        let count = view.revision_counts.get(tenant);
        count.is_some_and(|count| self.count < *count)
    }
}

/// A tenant and its programs.
#[derive(Debug)]
pub(super) struct Tenant {
    id: TenantId,
    current: RwLock<Option<Arc<Programs>>>,
    /// Held while programs are loaded and compiled, so that many who need them do it once.
    loading: Mutex<()>,
    /// The latest time at which anything of the tenant is known to have been recorded.
    pub(super) known_time: KnownTime,
}

impl Tenant {
    /// The tenant's id.
    pub(super) fn id(&self) -> &TenantId {
        &self.id
    }

    /// The tenant's programs, loaded when they are not yet.
    pub(super) async fn programs(&self, storage: &Storage) -> Result<Arc<Programs>, Fault> {
        match self.current() {
            Some(programs) => Ok(programs),
            None => self.reload(storage, None).await,
        }
    }

    /// Loads what is new of the programs, unless someone else has replaced `seen` in the meantime.
    pub(super) async fn reload(
        &self,
        storage: &Storage,
        seen: Option<&Arc<Programs>>,
    ) -> Result<Arc<Programs>, Fault> {
        let _loading = self.loading.lock().await;
        let current = self.current();
        if let Some(programs) = &current
            && !seen.is_some_and(|seen| Arc::ptr_eq(seen, programs))
        {
            return Ok(Arc::clone(programs));
        }
        let known = current.map(|programs| Arc::clone(&programs.revisions));
        let known = known.unwrap_or_default();
        let newest = known.iter();
        let newest = newest.map(|(program, revisions)| (program.clone(), revisions.newest()));
        let newest: Vec<(ProgramId, u32)> = newest.collect();
        let stored = storage.ask(|backend| backend.programs(&self.id, &newest));
        let revisions = compile(known, stored.await?).await?;
        Ok(self.swap(Programs::new(revisions)))
    }

    /// Takes over what was just published here, without asking the store again.
    ///
    /// What cannot be taken over is dropped, and loaded when it is next needed.
    pub(super) async fn absorb(&self, published: &[ProgramWrite]) {
        let _loading = self.loading.lock().await;
        let Some(current) = self.current() else {
            return;
        };
        let follows = published.iter().all(|write| {
            let newest = current.newest(&write.key.program);
            write.revision <= newest.saturating_add(1)
        });
        let compiled = compile(Arc::clone(&current.revisions), published.to_vec()).await;
        match compiled {
            Ok(revisions) if follows => {
                self.swap(Programs::new(revisions));
            }
            _ => self.forget(),
        }
    }

    /// The tenant's programs, if they are loaded.
    pub(super) fn current(&self) -> Option<Arc<Programs>> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn swap(&self, programs: Programs) -> Arc<Programs> {
        let programs = Arc::new(programs);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&programs));
        programs
    }

    fn forget(&self) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// The known revisions and the stored ones, compiling only those that are not known yet.
async fn compile(
    known: Arc<BTreeMap<ProgramId, Revisions>>,
    stored: Vec<ProgramWrite>,
) -> Result<BTreeMap<ProgramId, Revisions>, Fault> {
    let new: Vec<ProgramWrite> = stored
        .into_iter()
        .filter(|write| {
            let revisions = known.get(&write.key.program);
            revisions.is_none_or(|revisions| revisions.numbered(write.revision).is_none())
        })
        .collect();
    if new.is_empty() {
        return Ok(BTreeMap::clone(&known));
    }
    // A large program takes long to compile; meanwhile the runtime has other things to do.
    tokio::task::spawn_blocking(move || extend(&known, new))
        .await
        .map_err(|error| internal(format!("compiling programs failed: {error}")))?
}

fn extend(
    known: &BTreeMap<ProgramId, Revisions>,
    new: Vec<ProgramWrite>,
) -> Result<BTreeMap<ProgramId, Revisions>, Fault> {
    let mut added: BTreeMap<ProgramId, Vec<Arc<CompiledProgram>>> = BTreeMap::new();
    for write in new {
        let ProgramWrite { key, revision, .. } = write;
        let compiled = CompiledProgram::compile(write.document, revision, write.active_from)
            .map_err(|problems| unreadable(&key.program, revision, Rejection::Invalid(problems)))?;
        added
            .entry(key.program)
            .or_default()
            .push(Arc::new(compiled));
    }
    let mut all = known.clone();
    for (program, mut revisions) in added {
        if let Some(known) = known.get(&program) {
            let numbers = 1..=known.newest();
            revisions.extend(numbers.filter_map(|number| known.numbered(number).cloned()));
        }
        all.insert(program, Revisions::new(revisions));
    }
    Ok(all)
}

fn unreadable(program: &ProgramId, revision: u32, problems: Rejection) -> Fault {
    let detail = format!("stored program `{program}` revision {revision}: {problems}");
    let mut fault = Fault::new("store_corrupt", detail);
    if let Rejection::Invalid(problems) = problems {
        fault.problems = problems;
    }
    fault
}
