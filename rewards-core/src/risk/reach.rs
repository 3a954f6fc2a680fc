//! Which scores a scorecard can reach: a threshold beyond all of them would never fire.
//!
//! Features that no combination ties together are independent of each other as far as a document says. So the scores are the
//! sums of one score of each group of tied features, and a group has as many cases as its features have different cells: ranges
//! between the edges of all bands and tests that look at one feature, and the case that there is nothing to look at. As long as
//! these are few, every reachable score is known; beyond a bound, the lowest and the highest are, and what lies between
//! counts as reachable.
//!
//! What cannot be known and what is snoozed is worth no points and is left out: a threshold must be within reach of a payment
//! of which everything is known.

use std::collections::BTreeSet;

use super::{CompiledScorecard, FeatureValue, Known};

/// Most cases of tied features, and most different scores, that are looked at one by one.
const CASES_MAX: usize = 65_536;

/// The scores that can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// These and no others.
    Exactly(BTreeSet<i64>),
    /// The lowest and the highest; between them, many.
    Between(i64, i64),
}

impl Reach {
    /// The lowest and the highest score.
    #[must_use]
    pub fn ends(&self) -> (i64, i64) {
        match self {
            Self::Exactly(scores) => {
                let ends = scores.first().zip(scores.last());
                ends.map_or((0, 0), |(least, most)| (*least, *most))
            }
            Self::Between(least, most) => (*least, *most),
        }
    }

    /// Whether some score lies from one on and below another.
    #[must_use]
    pub fn has(&self, from: Option<i64>, until: Option<i64>) -> bool {
        let from = from.unwrap_or(i64::MIN);
        let is_below = |score: i64| until.is_none_or(|until| score < until);
        match self {
            Self::Exactly(scores) => {
                let first = scores.range(from..).next();
                first.is_some_and(|score| is_below(*score))
            }
            Self::Between(least, most) => *most >= from && is_below(from.max(*least)),
        }
    }

    fn and(self, other: &Self) -> Self {
        if let (Self::Exactly(some), Self::Exactly(others)) = (&self, other)
            && some.len().saturating_mul(others.len()) <= CASES_MAX.saturating_mul(16)
        {
            let sums = some.iter().flat_map(|one| {
                let one = *one;
                others.iter().map(move |other| one.saturating_add(*other))
            });
            let sums: BTreeSet<i64> = sums.collect();
            if sums.len() <= CASES_MAX {
                return Self::Exactly(sums);
            }
        }
        let ((least, most), (less, more)) = (self.ends(), other.ends());
        Self::Between(least.saturating_add(less), most.saturating_add(more))
    }
}

impl CompiledScorecard {
    /// The scores that it can reach with these features, in the order of their numbers.
    #[must_use]
    pub fn reach(&self, features: &[FeatureValue]) -> Reach {
        let mut reach = Reach::Exactly(BTreeSet::from([i64::from(self.base)]));
        for tied in self.tied(features.len()) {
            reach = reach.and(&self.reach_of(&tied, features));
        }
        reach
    }

    /// Features by the groups that combinations tie together.
    fn tied(&self, features: usize) -> Vec<Vec<usize>> {
        let mut group_of: Vec<usize> = (0..features).collect();
        for rule in &self.combinations {
            let tests = rule.tests.iter();
            let groups: Vec<usize> = tests
                .filter_map(|(feature, ..)| group_of.get(*feature).copied())
                .collect();
            let Some(least) = groups.iter().min().copied() else {
                continue;
            };
            for group in &mut group_of {
                if groups.contains(group) {
                    *group = least;
                }
            }
        }
        let mut tied: Vec<Vec<usize>> = (0..features).map(|_| Vec::new()).collect();
        for (feature, group) in group_of.into_iter().enumerate() {
            if let Some(members) = tied.get_mut(group) {
                members.push(feature);
            }
        }
        tied.retain(|members| !members.is_empty());
        tied
    }

    fn reach_of(&self, tied: &[usize], features: &[FeatureValue]) -> Reach {
        let cells: Vec<(usize, Vec<Known>)> = tied
            .iter()
            .filter_map(|number| Some((*number, self.cells(*number, features.get(*number)?))))
            .collect();
        let counts = cells.iter().map(|(_, cells)| cells.len());
        let cases = counts.fold(1_usize, usize::saturating_mul);
        if cases > CASES_MAX {
            return self.bounds_of(&cells);
        }
        let mut values = vec![Known::Unknown; features.len()];
        let mut scores = BTreeSet::new();
        for case in 0..cases {
            let mut rest = case;
            for (number, cells) in &cells {
                let cell = rest.checked_rem(cells.len()).and_then(|at| cells.get(at));
                rest = rest.checked_div(cells.len()).unwrap_or_default();
                if let (Some(value), Some(cell)) = (values.get_mut(*number), cell) {
                    *value = *cell;
                }
            }
            // All other features are unknown, and so worth nothing; the base is counted apart.
            let points = self.points(&values);
            scores.insert(points.saturating_sub(i64::from(self.base)));
        }
        Reach::Exactly(scores)
    }

    /// One value of each range of a feature in which all is worth the same.
    fn cells(&self, number: usize, feature: &FeatureValue) -> Vec<Known> {
        let (least, most) = feature.range();
        let own = self.rules.iter().filter(|rule| rule.feature == number);
        let mut starts: BTreeSet<i64> = own.flat_map(|rule| rule.edges()).copied().collect();
        let tests = self.combinations.iter().flat_map(|rule| &rule.tests);
        for (_, from, until) in tests.filter(|(feature, ..)| *feature == number) {
            starts.extend([*from].into_iter().chain(*until));
        }
        starts.insert(least);
        let starts = starts.into_iter();
        let starts = starts.filter(|start| (least..=most).contains(start));
        let nothing = feature.may_be_nothing().then_some(Known::Nothing);
        starts.map(Known::Value).chain(nothing).collect()
    }

    /// The sum of the least and of the most that each rule may add, where there are too many cases to look at.
    fn bounds_of(&self, cells: &[(usize, Vec<Known>)]) -> Reach {
        let (mut least, mut most) = (0_i64, 0_i64);
        for (number, cells) in cells {
            let own = self.rules.iter().filter(|rule| rule.feature == *number);
            let own: Vec<_> = own.collect();
            let sums = cells.iter().map(|cell| {
                let points = own.iter().filter_map(|rule| rule.points(*cell));
                points.map(i64::from).fold(0, i64::saturating_add)
            });
            let sums: BTreeSet<i64> = sums.collect();
            least = least.saturating_add(sums.first().copied().unwrap_or_default());
            most = most.saturating_add(sums.last().copied().unwrap_or_default());
        }
        let numbers: BTreeSet<usize> = cells.iter().map(|(number, _)| *number).collect();
        for rule in &self.combinations {
            let mut tests = rule.tests.iter();
            if tests.any(|(feature, ..)| numbers.contains(feature)) {
                let points = i64::from(rule.points);
                least = least.saturating_add(points.min(0));
                most = most.saturating_add(points.max(0));
            }
        }
        Reach::Between(least, most)
    }
}
