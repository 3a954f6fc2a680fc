//! What a member bought and earned in a program, in sums: counted from the first purchase on, whatever the rules of the day
//! look at.
//!
//! The member's row holds the numbers given, the sums of all time, and the sums of the latest days. Days that are too many
//! for the row move into [pages](HistoryPage), many at a time, so that a purchase hardly ever writes more than the row. What
//! is undone is subtracted on the day on which it was counted: in the row, also where that day has moved out. A sum is
//! therefore that of **both parts**, and nobody has to know which day is where.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;
use smol_str::{SmolStr, format_smolstr};

use crate::counter::Summed;
use crate::entity::{Entity, EntityId, Index};
use crate::ids::{MemberId, ProgramId};
use crate::time::{MICROS_PER_DAY, Timestamp};

/// How many days of a program a member's row holds; with one more, the oldest move out.
pub const DAYS_IN_ROW_MAX: usize = 32;
/// How many days stay in the row when some move out.
pub const DAYS_IN_ROW_KEPT: usize = 16;
/// How many days one page covers, whether something happened on them or not.
pub const PAGE_DAYS: i64 = 256;

/// Sums side by side, nearly always these few: a member's row is read and copied with every command.
type Sums = SmallVec<[i64; 4]>;

/// Sums by local day, in the order of days. Days on which all sums are zero are left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DaySums {
    /// What is summed, in the order in which it came up.
    columns: Vec<Summed>,
    /// Each day with its sums; those at the end that are missing are zero.
    days: Vec<(i64, Sums)>,
}

impl DaySums {
    /// How many days there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.days.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.days.is_empty()
    }

    /// Adds to a sum of a day. Sums end at the edges of their range.
    pub fn add(&mut self, day: i64, summed: Summed, delta: i64) {
        let column = self.column(summed);
        let at = self.days.partition_point(|(known, _)| *known < day);
        if self.days.get(at).is_none_or(|(known, _)| *known != day) {
            self.days.insert(at, (day, Sums::new()));
        }
        let Some((_, sums)) = self.days.get_mut(at) else {
            return;
        };
        add(sums, column, delta);
        if sums.is_empty() {
            self.days.remove(at);
        }
    }

    /// The sum over the days `from..=until`.
    #[must_use]
    pub fn sum(&self, summed: Summed, from: i64, until: i64) -> i64 {
        let Some(column) = self.columns.iter().position(|known| *known == summed) else {
            return 0;
        };
        let days = self.days.iter();
        let days = days.filter(|(day, _)| (from..=until).contains(day));
        let sums = days.filter_map(|(_, sums)| sums.get(column));
        sums.fold(0_i64, |all, sum| all.saturating_add(*sum))
    }

    /// Every sum that is not zero: the day, what is summed, and the sum.
    pub fn iter(&self) -> impl Iterator<Item = (i64, Summed, i64)> + '_ {
        self.days.iter().flat_map(move |(day, sums)| {
            let sums = self.columns.iter().zip(sums);
            let sums = sums.filter(|(_, sum)| **sum != 0);
            sums.map(move |(summed, sum)| (*day, *summed, *sum))
        })
    }

    fn column(&mut self, summed: Summed) -> usize {
        let known = self.columns.iter().position(|known| *known == summed);
        known.unwrap_or_else(|| {
            self.columns.push(summed);
            self.columns.len().saturating_sub(1)
        })
    }
}

/// Adds to one of several sums. Zeros at the end are left out.
fn add(sums: &mut Sums, at: usize, delta: i64) {
    if sums.len() <= at {
        sums.resize(at.saturating_add(1), 0);
    }
    if let Some(sum) = sums.get_mut(at) {
        *sum = sum.saturating_add(delta);
    }
    while sums.last() == Some(&0) {
        sums.pop();
    }
}

/// A list of what is summed, and one of the days, each a list of its number and its sums.
impl Serialize for DaySums {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.columns, Rows(&self.days)).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for DaySums {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (columns, rows) = <(Vec<Summed>, Vec<ReadRow>)>::deserialize(deserializer)?;
        let days = rows.into_iter().map(|ReadRow(day, sums)| (day, sums));
        Ok(Self {
            columns,
            days: days.collect(),
        })
    }
}

struct Rows<'a>(&'a [(i64, Sums)]);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(day, sums)| Row(*day, sums)))
    }
}

struct Row<'a>(i64, &'a [i64]);

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(std::iter::once(&self.0).chain(self.1))
    }
}

struct ReadRow(i64, Sums);

impl<'de> Deserialize<'de> for ReadRow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RowVisitor;

        impl<'de> Visitor<'de> for RowVisitor {
            type Value = ReadRow;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of a day and its sums")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut row: A) -> Result<ReadRow, A::Error> {
                let day = row.next_element()?;
                let day = day.ok_or_else(|| A::Error::custom("a day without its number"))?;
                let mut sums = Sums::new();
                while let Some(sum) = row.next_element()? {
                    sums.push(sum);
                }
                Ok(ReadRow(day, sums))
            }
        }

        deserializer.deserialize_seq(RowVisitor)
    }
}

/// What a member bought and earned in a program, as far as the member's row holds it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PurchaseHistory {
    /// The number of the latest purchase, from 1. It never falls.
    number: i64,
    /// The sums of all time, in the order of the columns of `recent`.
    ever: Sums,
    /// The sums of the latest days, and what was undone on earlier ones.
    recent: DaySums,
    /// The pages there are, in order.
    pages: Vec<i64>,
}

impl PurchaseHistory {
    /// How many purchases were recorded, those that were cancelled since included.
    #[must_use]
    pub fn number(&self) -> i64 {
        self.number
    }

    /// Gives the next purchase its number.
    pub fn count(&mut self) {
        self.number = self.number.saturating_add(1);
    }

    /// Adds to the sums of a day and of all time; what is undone is negative.
    pub fn add(&mut self, day: i64, summed: Summed, delta: i64) {
        if delta != 0 {
            self.recent.add(day, summed, delta);
            let column = self.recent.column(summed);
            add(&mut self.ever, column, delta);
        }
    }

    /// The sum of all time.
    #[must_use]
    pub fn ever(&self, summed: Summed) -> i64 {
        let column = self
            .recent
            .columns
            .iter()
            .position(|known| *known == summed);
        let sum = column.and_then(|at| self.ever.get(at));
        sum.copied().unwrap_or_default()
    }

    /// Every sum of all time that is not zero.
    pub fn all_time(&self) -> impl Iterator<Item = (Summed, i64)> + '_ {
        let sums = self.recent.columns.iter().zip(&self.ever);
        let sums = sums.filter(|(_, sum)| **sum != 0);
        sums.map(|(summed, sum)| (*summed, *sum))
    }

    /// The days that are in the row.
    #[must_use]
    pub fn recent(&self) -> &DaySums {
        &self.recent
    }

    /// The pages with days between `from` and `until`.
    pub fn pages(&self, from: i64, until: i64) -> impl Iterator<Item = i64> + '_ {
        let pages = page_of(from)..=page_of(until);
        self.pages
            .iter()
            .copied()
            .filter(move |page| pages.contains(page))
    }

    /// Whether there is a page.
    #[must_use]
    pub fn names(&self, page: i64) -> bool {
        self.pages.binary_search(&page).is_ok()
    }

    /// The pages into which the oldest days must move now, and whether each is there already; none while all days fit.
    #[must_use]
    pub fn overflow(&self) -> BTreeMap<i64, bool> {
        let days = self.oldest().iter();
        let pages = days.map(|(day, _)| page_of(*day));
        pages
            .map(|page| (page, self.pages.contains(&page)))
            .collect()
    }

    /// Moves the oldest days out of the row when they are too many, by page.
    pub fn take_overflow(&mut self) -> BTreeMap<i64, DaySums> {
        let mut moved: BTreeMap<i64, DaySums> = BTreeMap::new();
        let many = self.oldest().len();
        for (day, sums) in self.recent.days.drain(..many) {
            let page = moved.entry(page_of(day)).or_default();
            for (summed, sum) in self.recent.columns.iter().zip(sums) {
                page.add(day, *summed, sum);
            }
        }
        self.pages.extend(moved.keys());
        self.pages.sort_unstable();
        self.pages.dedup();
        moved
    }

    fn oldest(&self) -> &[(i64, Sums)] {
        let days = &self.recent.days;
        if days.len() <= DAYS_IN_ROW_MAX {
            return &[];
        }
        let many = days.len().saturating_sub(DAYS_IN_ROW_KEPT);
        days.get(..many).unwrap_or_default()
    }
}

/// Its number, the sums of all time, the recent days, the pages.
impl Serialize for PurchaseHistory {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.number, &*self.ever, &self.recent, &self.pages).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PurchaseHistory {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (number, ever, recent, pages): (i64, Vec<i64>, DaySums, Vec<i64>) =
            Deserialize::deserialize(deserializer)?;
        Ok(Self {
            number,
            ever: ever.into(),
            recent,
            pages,
        })
    }
}

fn page_of(day: i64) -> i64 {
    day.div_euclid(PAGE_DAYS)
}

/// Days of a member's history in a program that are no longer in the member's row.
///
/// It changes only together with the row. Nothing on it is ever overwritten: sums are added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryPage {
    /// Whose history it is.
    pub member: MemberId,
    /// In which program.
    pub program: ProgramId,
    /// Which days: those from this number times [`PAGE_DAYS`] on.
    pub page: i64,
    /// The sums.
    pub sums: DaySums,
}

/// Names a page of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPageId(SmolStr);

impl HistoryPageId {
    /// The page of a member and program with a number.
    #[must_use]
    pub fn new(member: &MemberId, program: &ProgramId, page: i64) -> Self {
        // With its length in front, a member's id ends where it ends.
        let length = member.as_str().len();
        Self(format_smolstr!("{page}/{length}/{member}/{program}"))
    }
}

impl EntityId for HistoryPageId {
    fn text(&self) -> &str {
        &self.0
    }
}

impl HistoryPage {
    /// A page without days.
    #[must_use]
    pub fn new(member: &MemberId, program: &ProgramId, page: i64) -> Self {
        Self {
            member: member.clone(),
            program: program.clone(),
            page,
            sums: DaySums::default(),
        }
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> HistoryPageId {
        HistoryPageId::new(&self.member, &self.program, self.page)
    }

    /// Whether a day belongs on it.
    #[must_use]
    pub fn holds(&self, day: i64) -> bool {
        page_of(day) == self.page
    }

    /// The names of all pages that can hold days between `from` and `until`, both inclusive.
    pub fn ids(
        member: &MemberId,
        program: &ProgramId,
        from: i64,
        until: i64,
    ) -> impl Iterator<Item = HistoryPageId> {
        (page_of(from)..=page_of(until)).map(move |page| HistoryPageId::new(member, program, page))
    }

    /// Takes in days that move out of the row.
    pub fn take(&mut self, sums: &DaySums) {
        for (day, summed, sum) in sums.iter() {
            self.sums.add(day, summed, sum);
        }
    }
}

impl Entity for HistoryPage {
    const KIND: &'static str = "history_page";
    const SHAPE: u16 = 1;
    type Id = HistoryPageId;

    fn index(&self) -> Index {
        let micros = self
            .page
            .saturating_mul(PAGE_DAYS)
            .saturating_mul(MICROS_PER_DAY);
        let first = Timestamp::from_micros(micros).unwrap_or(Timestamp::MIN);
        Index::new("kept", first).owned_by(&self.member)
    }

    fn is_named(&self, id: &str) -> bool {
        self.id().text() == id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Asset;

    fn gross() -> Summed {
        Summed::Gross(Asset::parse("EUR").unwrap())
    }

    /// The sum of both parts.
    fn sum(
        history: &PurchaseHistory,
        pages: &BTreeMap<i64, HistoryPage>,
        from: i64,
        until: i64,
    ) -> i64 {
        let own = history.recent().sum(gross(), from, until);
        let paged = history.pages(from, until);
        paged.fold(own, |all, page| {
            all + pages[&page].sums.sum(gross(), from, until)
        })
    }

    #[test]
    fn a_sum_is_the_same_wherever_its_days_are() {
        let (member, program) = ("ann".parse().unwrap(), "club".parse().unwrap());
        let mut history = PurchaseHistory::default();
        let mut pages: BTreeMap<i64, HistoryPage> = BTreeMap::new();
        let mut model: BTreeMap<i64, i64> = BTreeMap::new();
        // Forwards, with what is undone or told of late far back.
        for step in 0..400_i64 {
            let day = if step % 7 == 3 {
                step * 5 - 60
            } else {
                step * 5
            };
            let delta = if step % 11 == 5 { -3 } else { step + 1 };
            history.count();
            history.add(day, Summed::Visits, 1);
            history.add(day, gross(), delta);
            *model.entry(day).or_default() += delta;
            let expected: Vec<(i64, bool)> = history.overflow().into_iter().collect();
            let moved = history.take_overflow();
            assert!(moved.keys().eq(expected.iter().map(|(page, _)| page)));
            for ((page, sums), (_, is_known)) in moved.iter().zip(expected) {
                assert_eq!(is_known, pages.contains_key(page));
                let new = HistoryPage::new(&member, &program, *page);
                pages.entry(*page).or_insert(new).take(sums);
            }
            assert!(history.recent().len() <= DAYS_IN_ROW_MAX);
            for (from, until) in [(0, day), (day - 364, day), (day, day), (-100, 3_000)] {
                let inside = model.iter().filter(|(day, _)| (from..=until).contains(day));
                let expected: i64 = inside.map(|(_, sum)| sum).sum();
                assert_eq!(
                    sum(&history, &pages, from, until),
                    expected,
                    "{from} to {until}"
                );
            }
        }
        assert_eq!(history.ever(gross()), model.values().sum::<i64>());
        assert_eq!((history.number(), history.ever(Summed::Visits)), (400, 400));
        let text = serde_json::to_string(&history).unwrap();
        assert_eq!(
            serde_json::from_str::<PurchaseHistory>(&text).unwrap(),
            history
        );
        for page in pages.values() {
            let text = serde_json::to_string(page).unwrap();
            assert_eq!(&serde_json::from_str::<HistoryPage>(&text).unwrap(), page);
        }
    }

    #[test]
    fn what_is_undone_leaves_nothing_behind_but_the_number() {
        let mut history = PurchaseHistory::default();
        history.count();
        for delta in [5, -5] {
            history.add(10_227, Summed::Visits, delta);
            history.add(10_227, gross(), delta);
        }
        let text = serde_json::to_string(&history).unwrap();
        assert_eq!(text, r#"[1,[],[["visits","gross.EUR"],[]],[]]"#);
    }

    #[test]
    fn names_of_pages_are_told_apart() {
        let id = |member: &str, program: &str, page| {
            HistoryPageId::new(&member.parse().unwrap(), &program.parse().unwrap(), page).0
        };
        assert_eq!(id("ann", "club", 79), "79/3/ann/club");
        assert_ne!(id("a/b", "c", 1), id("a", "b/c", 1));
    }
}
