//! Who stood on which tier when: from the moves that member rows remember.

use std::collections::BTreeMap;

use rewards_core::ids::{MemberId, Slug, TenantId};
use rewards_core::member::MemberProfile;
use rewards_core::program::{Ladder, Program};
use rewards_core::snapshot::{MemberKey, ReadPlan};
use rewards_core::tiers::{TierMove, TierStatus};
use rewards_storage::store::Backend;

use super::{QuickstartError, closing_day};

/// Members of one page.
const PAGE: u32 = 1_000;

/// The members of one ladder over time.
#[derive(Debug)]
pub(super) struct LadderBook {
    /// The ladder's name.
    pub id: Slug,
    /// Its tiers with their names for people, from the lowest up.
    pub tiers: Vec<(Slug, String)>,
    /// How each local day changed the number of members on each tier.
    days: BTreeMap<i32, Vec<i64>>,
    /// Every move, by its local day.
    moves: Vec<(i32, Slug, Slug)>,
    /// The tier that each member holds.
    held: BTreeMap<MemberId, Slug>,
}

impl LadderBook {
    /// Reads every member once.
    pub async fn read_all(
        backend: &dyn Backend,
        tenant: &TenantId,
        program: &Program,
    ) -> Result<Vec<Self>, QuickstartError> {
        let mut ladders: Vec<Self> = program.ladders.iter().map(Self::new).collect();
        let mut after = None;
        loop {
            let heads = backend.members(tenant, after, PAGE).await?;
            let Some(last) = heads.last() else {
                return Ok(ladders);
            };
            after = Some(last.member.clone());
            let keys = heads.into_iter().map(|head| MemberKey {
                tenant: tenant.clone(),
                member: head.member,
            });
            let plan = ReadPlan {
                members: keys.collect(),
                ..ReadPlan::default()
            };
            let snapshot = backend.load(&plan).await?;
            for (key, row) in &snapshot.members {
                for ladder in &mut ladders {
                    ladder.take(program, &key.member, &row.profile);
                }
            }
        }
    }

    fn new(ladder: &Ladder) -> Self {
        let tiers = ladder.tiers.iter().map(|tier| {
            let name = tier.name.clone();
            (tier.id.clone(), name.unwrap_or_else(|| tier.id.to_string()))
        });
        Self {
            id: ladder.id.clone(),
            tiers: tiers.collect(),
            days: BTreeMap::new(),
            moves: Vec::new(),
            held: BTreeMap::new(),
        }
    }

    fn take(&mut self, program: &Program, member: &MemberId, profile: &MemberProfile) {
        let joined = closing_day(program.zone, profile.registered_at);
        let ladders = profile.tiers.get(&program.id);
        let status = ladders.and_then(|ladders| ladders.get(&self.id));
        let lowest = self.tiers.first().map(|(id, _)| id.clone());
        let (history, held) = match status {
            Some(TierStatus { history, tier, .. }) => (history.as_slice(), Some(tier.clone())),
            None => (&[][..], lowest),
        };
        // Where the oldest moves are forgotten, the member counts from the first that is remembered.
        let first = history
            .first()
            .map(|step| step.from.clone())
            .or(held.clone());
        if let Some(first) = first {
            self.change(joined, &first, 1);
        }
        for TierMove { at, from, to, .. } in history {
            let day = closing_day(program.zone, *at);
            self.change(day, from, -1);
            self.change(day, to, 1);
            self.moves.push((day, from.clone(), to.clone()));
        }
        if let Some(held) = held {
            self.held.insert(member.clone(), held);
        }
    }

    fn change(&mut self, day: i32, tier: &Slug, by: i64) {
        let Some(rank) = self.rank(tier) else { return };
        let tiers = self.tiers.len();
        let day = self.days.entry(day).or_insert_with(|| vec![0; tiers]);
        if let Some(count) = day.get_mut(rank) {
            *count = count.saturating_add(by);
        }
    }

    fn rank(&self, tier: &Slug) -> Option<usize> {
        self.tiers.iter().position(|(id, _)| id == tier)
    }

    /// How many members stood on each tier at the end of a local day, from the lowest tier up.
    pub fn population(&self, day: i32) -> Vec<i64> {
        let mut population = vec![0_i64; self.tiers.len()];
        for changes in self.days.range(..=day).map(|(_, changes)| changes) {
            for (count, change) in population.iter_mut().zip(changes) {
                *count = count.saturating_add(*change);
            }
        }
        population
    }

    /// How many moves up and how many down there were from one local day to another, both inclusive.
    pub fn up_and_down(&self, from: i32, through: i32) -> (usize, usize) {
        let own = self
            .moves
            .iter()
            .filter(|(day, ..)| (from..=through).contains(day));
        let (up, down): (Vec<_>, Vec<_>) = own.partition(|(_, a, b)| self.rank(a) < self.rank(b));
        (up.len(), down.len())
    }

    /// How often members moved from one tier to another, with the first and last day; up from the lowest first.
    pub fn pairs(&self) -> Vec<Pair> {
        let mut pairs: BTreeMap<(bool, Option<usize>, Option<usize>), Pair> = BTreeMap::new();
        for (day, from, to) in &self.moves {
            let (a, b) = (self.rank(from), self.rank(to));
            let pair = pairs.entry((a > b, a, b)).or_insert_with(|| Pair {
                is_up: a < b,
                from: self.name(from),
                to: self.name(to),
                moves: 0,
                first: *day,
                last: *day,
            });
            pair.moves = pair.moves.saturating_add(1);
            pair.first = pair.first.min(*day);
            pair.last = pair.last.max(*day);
        }
        pairs.into_values().collect()
    }

    /// The name of the tier that a member holds.
    pub fn held(&self, member: &MemberId) -> String {
        self.held
            .get(member)
            .map_or_else(String::new, |tier| self.name(tier))
    }

    fn name(&self, tier: &Slug) -> String {
        let known = self.tiers.iter().find(|(id, _)| id == tier);
        known.map_or_else(|| tier.to_string(), |(_, name)| name.clone())
    }
}

/// All moves from one tier to another.
#[derive(Debug)]
pub(super) struct Pair {
    pub is_up: bool,
    pub from: String,
    pub to: String,
    pub moves: u64,
    pub first: i32,
    pub last: i32,
}
